//! `container prune`: removes all containers that do not run.

use std::process::ExitCode;

use anyhow::Result;

use super::flags::parse_filter;
use super::out;
use super::prompt::ForceFlag;
use super::prune::{conditions, listed, total};
use super::verb::{Action, Operands, Session};
use crate::engine::prune;

#[derive(clap::Args)]
pub struct Args {
    /// Remove only containers that meet a condition: until=24h, label=a=b, label!=a
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    force: ForceFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove all stopped containers";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Those of yesterday and before", "coracle container prune -f --filter until=24h")];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let conditions = conditions(&self.filter)?;
        if !self.force.or_confirm("WARNING! This will remove all stopped containers.")? {
            return Ok(ExitCode::SUCCESS);
        }
        let pruned = prune::containers(&session.engine()?, &conditions)?;
        out::text(&(listed("Deleted Containers", &pruned.ids) + &total(pruned.bytes)))?;
        Ok(ExitCode::SUCCESS)
    }
}
