//! `network prune`: removes the networks that no container uses.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::flags::parse_filter;
use crate::cli::out;
use crate::cli::prompt::ForceFlag;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::networks::{self, Condition};

#[derive(clap::Args)]
pub struct Args {
    /// Remove only networks that meet a condition: label=a=b, label!=a, until=24h
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    force: ForceFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove all unused networks";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Networks that no container uses", "coracle network prune -f"),
        ("Those of a project", "coracle network prune --filter label=project=boats"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let mut conditions = Vec::new();
        for filter in &self.filter {
            match Condition::parse(filter)? {
                condition @ (Condition::Label(_) | Condition::NotLabel(_) | Condition::Until(_)) => {
                    conditions.push(condition);
                }
                _ => bail!("invalid filter '{}'", filter.0),
            }
        }
        let warning = "WARNING! This will remove all custom networks not used by at least one container.";
        if !self.force.or_confirm(warning)? {
            return Ok(ExitCode::SUCCESS);
        }
        let removed = networks::prune(&session.engine()?, &conditions)?;
        if !removed.is_empty() {
            out::text(&format!("Deleted Networks:\n{}\n\n", removed.join("\n")))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
