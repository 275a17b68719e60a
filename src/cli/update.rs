//! `update`: changes containers that there are.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::options::limits::LimitFlags;
use super::options::restart::policy;
use super::verb::{Action, Operands, Session};
use super::{out, report, run};
use crate::engine::limits;
use crate::store::options::RestartPolicy;

#[derive(clap::Args)]
pub struct Args {
    /// What follows when the container ends: no, on-failure[:retries], always or unless-stopped
    #[arg(long, value_name = "policy")]
    restart: Option<String>,
    #[command(flatten)]
    limits: LimitFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Update configuration of one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Let it come back from now on", "coracle update --restart unless-stopped web"),
        ("Give it more memory while it runs", "coracle update -m 512m web"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let policy = self.restart.filter(|text| !text.is_empty()).map(|text| policy(&text)).transpose()?;
        if policy.is_none() && self.limits.is_empty() {
            bail!("you must provide one or more flags when using this command");
        }
        let engine = session.engine()?;
        let code = report::each(&operands, &session.path, |name| {
            limits::update(&engine, name, policy, |resources| match self.limits.is_empty() {
                true => Ok(()),
                false => self.limits.clone().apply(resources),
            })?;
            out::line(name)
        })?;
        if policy.is_some_and(|policy| policy != RestartPolicy::No) {
            run::hint_at_linger();
        }
        Ok(code)
    }
}
