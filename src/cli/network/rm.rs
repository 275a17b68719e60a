//! `network rm`: removes networks.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, report};
use crate::engine::networks;
use crate::store::networks::NoSuchNetwork;

#[derive(clap::Args)]
pub struct Args {
    /// One that is not there is no failure
    #[arg(long, short)]
    force: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more networks";
    const USAGE: &'static str = "NETWORK [NETWORK...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("One network", "coracle network rm backend")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        report::each(&operands, &session.path, |name| match networks::remove(&engine, name) {
            Err(error) if self.force && error.is::<NoSuchNetwork>() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => out::line(name),
        })
    }
}
