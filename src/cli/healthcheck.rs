//! `healthcheck run`: checks the health of a container now; podman's.

use std::process::ExitCode;

use anyhow::Result;

use super::out;
use super::report::{self, UsageError};
use super::verb::{Action, Operands, Session};
use crate::engine::check;

/// Podman's exit code for a container that cannot be checked; 1 is for one that is not healthy.
const NOT_CHECKED: u8 = 125;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Check the health of a container now";
    const USAGE: &'static str = "CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("In a script", "coracle healthcheck run web && echo ready")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let name = operands.first().map_or("", String::as_str);
        match check::check(&session.engine()?, name) {
            Ok((true, _)) => Ok(ExitCode::SUCCESS),
            Ok((false, status)) => {
                out::line(status.as_str())?;
                Ok(ExitCode::FAILURE)
            }
            Err(error) => {
                let text = report::lines(&error, &session.path).join("\n");
                Err(UsageError { text, code: NOT_CHECKED }.into())
            }
        }
    }
}
