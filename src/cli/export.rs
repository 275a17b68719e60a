//! `export`: a container's filesystem as a tar archive.

use std::io::{IsTerminal, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::verb::{Action, Operands, Session};
use crate::base::{hint, whole};
use crate::engine::export;

#[derive(clap::Args)]
pub struct Args {
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "file")]
    output: Option<PathBuf>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Export a container's filesystem as a tar archive";
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Into a file", "coracle export -o web.tar web"), ("Look inside", "coracle export web | tar -t")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let name = operands.first().map(String::as_str).unwrap_or_default();
        write_archive(self.output.as_deref(), |out| export::export(&engine, name, out))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes an archive to a file, or to standard output if that is no terminal.
pub fn write_archive(path: Option<&Path>, write: impl FnOnce(BorrowedFd<'_>) -> Result<()>) -> Result<()> {
    hint::of_output(match path {
        None if stdout().is_terminal() => {
            bail!("cowardly refusing to save to a terminal. Use the -o flag or redirect");
        }
        None => write(stdout().as_fd()),
        Some(path) => whole::file(path, |file| write(file.as_fd())),
    })
}
