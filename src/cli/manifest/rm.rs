//! `manifest rm`: a list less.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, report};
use crate::engine::{manifests, rmi};

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Remove manifest lists from local storage";
    const USAGE: &'static str = "MANIFEST_LIST [MANIFEST_LIST...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[("One", "coracle manifest rm app:1")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let removed = report::each(&operands, &session.path, |list| {
            let name = manifests::rm(&engine, list)?;
            out::line(&format!("Untagged: {}", name.familiar()))
        });
        rmi::collect(&engine)?;
        removed
    }
}
