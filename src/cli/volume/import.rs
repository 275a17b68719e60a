//! `volume import`: unpacks a tar archive into a volume.

use std::fs::File;
use std::io::stdin;
use std::os::fd::AsFd;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cli::verb::{Action, Operands, Session};
use crate::engine::volume_archive;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Import a tar archive into a volume that exists";
    const USAGE: &'static str = "VOLUME [FILE|-]";
    const OPERANDS: Operands = Operands::Between(1, 2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A backup", "coracle volume import pgdata pgdata.tar"),
        ("From standard input", "gunzip -c pgdata.tar.gz | coracle volume import pgdata -"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let mut operands = operands.iter().map(String::as_str);
        let name = operands.next().unwrap_or_default();
        match operands.next() {
            None | Some("-") => volume_archive::import(&engine, name, stdin().as_fd())?,
            Some(path) => {
                let file = File::open(path).with_context(|| format!("open {path}"))?;
                volume_archive::import(&engine, name, file.as_fd())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
