//! `image scp`: images from one machine to another.

use std::process::ExitCode;

use anyhow::Result;

use super::progress::LoadDisplay;
use super::verb::{Action, Operands, Session};
use crate::engine::scp;

#[derive(clap::Args)]
pub struct Args {
    /// Show no bars
    #[arg(long, short)]
    quiet: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Copy an image to or from another machine over ssh";
    const USAGE: &'static str = "[OPTIONS] [HOST::]IMAGE [HOST::]";
    const OPERANDS: Operands = Operands::Between(1, 2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("To another machine", "coracle image scp alpine user@host::"),
        ("From one that listens at another port", "coracle image scp user@host:2222::alpine"),
        ("From one to the other", "coracle image scp one::alpine other::"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let mut operands = operands.iter().map(String::as_str);
        let from = operands.next().unwrap_or_default();
        let display = LoadDisplay::new(self.quiet)?;
        scp::scp(&session.engine()?, from, operands.next(), || display)?;
        Ok(ExitCode::SUCCESS)
    }
}
