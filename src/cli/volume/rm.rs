//! `volume rm`: removes volumes.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, report};
use crate::engine::volumes;
use crate::store::volumes::NoSuchVolume;

#[derive(clap::Args)]
pub struct Args {
    /// Remove every volume
    #[arg(long, short)]
    all: bool,
    /// One that is not there is no failure
    #[arg(long, short)]
    force: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more volumes";
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("One volume", "coracle volume rm pgdata"),
        ("All that no container uses", "coracle volume rm $(coracle volume ls -q --filter dangling=true)"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let operands = match (self.all, operands.is_empty()) {
            (true, false) => bail!("cannot use --all with named volumes"),
            (true, true) => {
                volumes::list(engine.layout(), &[])?.into_iter().map(|volume| volume.name).collect()
            }
            _ => operands,
        };
        report::each(&operands, &session.path, |name| match volumes::remove(&engine, name) {
            Err(error) if self.force && error.is::<NoSuchVolume>() => out::line(name),
            Err(error) => Err(error),
            Ok(()) => out::line(name),
        })
    }
}
