//! `tag`: gives an image one more name.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::verb::{Action, Operands, Session};
use crate::engine::rmi;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE";
    const USAGE: &'static str = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("A name of one's own", "coracle tag alpine:3.22 base:stable")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let [source, target] = &operands[..] else { bail!("requires 2 arguments") };
        rmi::tag(&session.engine()?, source, target)?;
        Ok(ExitCode::SUCCESS)
    }
}
