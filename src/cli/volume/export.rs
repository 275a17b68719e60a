//! `volume export`: what is in a volume, as a tar archive.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::cli::export::write_archive;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::volume_archive;

#[derive(clap::Args)]
pub struct Args {
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "file")]
    output: Option<PathBuf>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Export the contents of a volume as a tar archive";
    const USAGE: &'static str = "[OPTIONS] VOLUME";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A backup", "coracle volume export -o pgdata.tar pgdata"),
        ("To another machine", "coracle volume export pgdata | ssh other coracle volume import pgdata -"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let name = operands.first().map(String::as_str).unwrap_or_default();
        write_archive(self.output.as_deref(), |out| volume_archive::export(&engine, name, out))?;
        Ok(ExitCode::SUCCESS)
    }
}
