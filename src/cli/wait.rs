//! `wait`: waits until containers have ended and prints their exit codes.

use std::process::ExitCode;

use anyhow::Result;

use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::stop;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Block until one or more containers stop, then print their exit codes";
    const USAGE: &'static str = "CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[("One container", "coracle wait job")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        report::each(&operands, &session.path, |name| out::line(&stop::wait(&engine, name)?.to_string()))
    }
}
