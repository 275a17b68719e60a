//! `manifest exists`: says by the exit code whether there is a list, as podman's does.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::verb::{Action, Operands, Session};
use crate::engine::manifests;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Say by the exit code whether a manifest list exists: 0 or 1";
    const USAGE: &'static str = "MANIFEST_LIST";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Make what is missing", "coracle manifest exists app:1 || coracle manifest create app:1")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let exists = manifests::exists(&session.engine()?, operands.first().map_or("", String::as_str))?;
        Ok(if exists { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
