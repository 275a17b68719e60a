//! `system restart-all`: starts the containers that come back after a reboot.

use std::process::ExitCode;

use anyhow::{Context, Result};

use super::out;
use super::report::{self, Reported};
use super::verb::{Action, Operands, Session};
use crate::engine::restart;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Start the containers that come back after a reboot";
    const USAGE: &'static str = "";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "At every start of the system, by systemd",
        "systemctl --user enable coracle-restart; loginctl enable-linger",
    )];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let mut failed = false;
        for (name, started) in restart::restart_all(&session.engine()?)? {
            match started.with_context(|| format!("start container {name}")) {
                Ok(()) => out::line(&name)?,
                Err(error) => {
                    report::print(&error, &session.path);
                    failed = true;
                }
            }
        }
        if failed { Err(Reported.into()) } else { Ok(ExitCode::SUCCESS) }
    }
}
