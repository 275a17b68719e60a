//! `load`: images out of an archive.

use std::io::{IsTerminal, stdin};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::progress::LoadDisplay;
use super::verb::{Action, Operands, Session};
use crate::engine::load::{self, Input};
use crate::oci::platform::Platform;

#[derive(clap::Args)]
pub struct Args {
    /// Read from a file or a directory instead of standard input
    #[arg(long, short, value_name = "file")]
    input: Option<PathBuf>,
    /// Of images for several platforms the one for this: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
    /// Show no bars
    #[arg(long, short)]
    quiet: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Load images from a tar archive or from standard input";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("What docker, podman or coracle has saved, compressed or not", "coracle load -i images.tar.gz"),
        ("From another machine", "ssh other docker save alpine | coracle load"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let platform = Platform::asked(self.platform.as_deref())?;
        let stdin = stdin();
        let input = match &self.input {
            Some(path) => Input::Path(path),
            None if stdin.is_terminal() => bail!("requested load from stdin, but stdin is empty"),
            None => Input::Open(stdin.as_fd()),
        };
        let display = LoadDisplay::new(self.quiet)?;
        load::load(&session.engine()?, input, platform, || display)?;
        Ok(ExitCode::SUCCESS)
    }
}
