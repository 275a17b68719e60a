//! `diff`: what a container has changed in its filesystem.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::LatestFlag;
use super::escape::printable;
use super::out;
use super::verb::{Action, Operands, Session};
use crate::engine::changes;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Inspect changes to files or directories on a container's filesystem";
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("A for added, C for changed, D for deleted", "coracle diff web")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let operands = self.latest.before(engine.containers(), operands)?;
        let name = operands.first().map(String::as_str).unwrap_or_default();
        let mut text = String::new();
        for change in changes::diff(&engine, name)? {
            text.push_str(&format!("{} {}\n", change.kind.letter(), printable(&change.path)));
        }
        out::text(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
