//! `volume rm`: removes volumes.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, report};
use crate::engine::volumes;
use crate::store::volumes::NoSuchVolume;

#[derive(clap::Args)]
pub struct Args {
    /// One that is not there is no failure
    #[arg(long, short)]
    force: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more volumes";
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("One volume", "coracle volume rm pgdata"),
        ("All that no container uses", "coracle volume rm $(coracle volume ls -q --filter dangling=true)"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        report::each(&operands, &session.path, |name| match volumes::remove(&engine, name) {
            Err(error) if self.force && error.is::<NoSuchVolume>() => out::line(name),
            Err(error) => Err(error),
            Ok(()) => out::line(name),
        })
    }
}
