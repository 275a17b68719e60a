//! `update`: changes containers that there are.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::options::restart::policy;
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::restart;

#[derive(clap::Args)]
pub struct Args {
    /// What follows when the container ends: no, on-failure[:retries], always or unless-stopped
    #[arg(long, value_name = "policy")]
    restart: Option<String>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Update configuration of one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Let it come back from now on", "coracle update --restart unless-stopped web")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let Some(text) = self.restart.filter(|text| !text.is_empty()) else {
            bail!("you must provide one or more flags when using this command");
        };
        let policy = policy(&text)?;
        let engine = session.engine()?;
        report::each(&operands, &session.path, |name| {
            restart::update_policy(&engine, name, policy)?;
            out::line(name)
        })
    }
}
