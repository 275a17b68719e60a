//! `secret exists`: says by its exit code whether there is a secret.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::verb::{Action, Operands, Session};
use crate::engine::secrets;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Check whether a secret exists";
    const USAGE: &'static str = "SECRET";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Make one that is not there", "coracle secret exists db || coracle secret create db ./password")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let name = operands.first().map_or("", String::as_str);
        Ok(if secrets::exists(&engine, name)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
