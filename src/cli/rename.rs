//! `rename`: another name for a container.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::verb::{Action, Operands, Session};
use crate::engine::rename;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Rename a container";
    const USAGE: &'static str = "CONTAINER NEW_NAME";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Keep the old one aside", "coracle rename web web-old")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let [container, name] = &operands[..] else { bail!("requires 2 arguments") };
        rename::rename(&session.engine()?, container, name)?;
        Ok(ExitCode::SUCCESS)
    }
}
