//! `manifest remove`: one image less in a list.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::out;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::manifests;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Remove an image from a manifest list";
    const USAGE: &'static str = "MANIFEST_LIST DIGEST|IMAGE";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("By its digest", "coracle manifest remove app:1 sha256:5b0bcabd1ed2…")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        if let [list, member] = &operands[..] {
            let digest = manifests::remove(&session.engine()?, list, member)?;
            out::line(&digest.to_string())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
