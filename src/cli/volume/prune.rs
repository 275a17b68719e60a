//! `volume prune`: removes the volumes that no container uses.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{condition, switch};
use crate::cli::flags::parse_filter;
use crate::cli::out;
use crate::cli::prompt::ForceFlag;
use crate::cli::prune::{listed, total};
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::volumes;

#[derive(clap::Args)]
pub struct Args {
    /// Remove volumes with a name too
    #[arg(long, short)]
    all: bool,
    /// Remove only volumes that meet a condition: label=a=b, label!=a
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    force: ForceFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove unused local volumes";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Volumes that containers left behind", "coracle volume prune -f"),
        ("All unused ones of a project", "coracle volume prune -a --filter label=project=boats"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let mut all = self.all;
        let mut conditions = Vec::new();
        for (key, value) in &self.filter {
            match condition(key, value)? {
                Some(condition) => conditions.push(condition),
                None if key == "all" && self.all => {
                    bail!("conflicting options: cannot specify both --all and --filter all=1");
                }
                None if key == "all" => all = switch(key, value)?,
                None => bail!("invalid filter '{key}'"),
            }
        }
        let which = if all { "all" } else { "anonymous" };
        let warning =
            format!("WARNING! This will remove {which} local volumes not used by at least one container.");
        if !self.force.or_confirm(&warning)? {
            return Ok(ExitCode::SUCCESS);
        }
        let pruned = volumes::prune(&session.engine()?, &conditions, all)?;
        out::text(&(listed("Deleted Volumes", &pruned.names) + &total(pruned.bytes)))?;
        Ok(ExitCode::SUCCESS)
    }
}
