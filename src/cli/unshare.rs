//! `unshare`: a program where the files of containers have their owners.

use std::process::ExitCode;

use anyhow::Result;

use super::verb::{Action, Operands, Session};
use crate::engine::unshare;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Run a command in a modified user namespace";
    const USAGE: &'static str = "[COMMAND [ARG...]]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const FLAGS_FIRST: bool = true;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A shell that is root over the files of containers", "coracle unshare"),
        ("Remove what a container has left in a directory", "coracle unshare rm -r data"),
        ("Look at a container's files", "coracle unshare sh -c 'ls -l $(coracle mount web)'"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        match unshare::unshare(&session.engine()?, &operands)? {}
    }
}
