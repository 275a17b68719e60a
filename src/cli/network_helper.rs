//! `network-helper`, hidden: becomes the process that keeps the networks.

use std::process::ExitCode;

use anyhow::Result;

use super::verb::{Action, Operands, Session};
use crate::engine::helper;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Keep the networks of containers";
    const USAGE: &'static str = "";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        helper::serve(&session.engine()?)?;
        Ok(ExitCode::SUCCESS)
    }
}
