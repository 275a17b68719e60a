//! `exec`: runs a program in a container that runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::choice::{CidfileFlag, LatestFlag};
use super::detach;
use super::options::variables;
use super::preserve::PreserveFlags;
use super::run::{check_terminal, exit_code};
use super::verb::{Action, Operands, Session};
use crate::config::env;
use crate::engine::attach::{Outcome, Streams};
use crate::engine::exec::{self, ExecOptions};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    cidfile: CidfileFlag,
    /// Run in the background
    #[arg(long, short)]
    detach: bool,
    /// The keys that detach from the program's terminal
    #[arg(long, value_name = "keys")]
    detach_keys: Option<String>,
    /// Set a variable; without a value, pass ours on
    #[arg(long, short, value_name = "name=value", value_parser = variables::variable)]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "file")]
    env_file: Vec<PathBuf>,
    /// Keep standard input open
    #[arg(long, short)]
    interactive: bool,
    #[command(flatten)]
    latest: LatestFlag,
    #[command(flatten)]
    preserve: PreserveFlags,
    /// Give the program every privilege that the user has
    #[arg(long)]
    privileged: bool,
    /// Give the program a terminal
    #[arg(long, short)]
    tty: bool,
    /// The user, and the group: name|uid[:group|gid]
    #[arg(long, short, value_name = "user")]
    user: Option<String>,
    /// The directory that the program starts in
    #[arg(long, short, value_name = "directory")]
    workdir: Option<String>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Execute a command in a running container";
    const USAGE: &'static str = "[OPTIONS] CONTAINER COMMAND [ARG...]";
    const OPERANDS: Operands = Operands::AtLeast(2);
    const FLAGS_FIRST: bool = true;
    const CHOOSERS: &'static [&'static str] = &["cidfile", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A shell in a container", "coracle exec -it web sh"),
        ("A program of another user", "coracle exec -u postgres db psql -c 'select 1'"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let operands = self.cidfile.before(self.latest.before(engine.containers(), operands)?)?;
        let mut operands = operands.into_iter();
        let name = operands.next().unwrap_or_default();
        let streams = self.streams()?;
        let preserved = self.preserve.take()?;
        let options = ExecOptions {
            command: operands.collect(),
            env: variables::environment(&[], &self.env_file, &self.env, env::passed_on)?,
            user: self.user.filter(|user| !user.is_empty()),
            workdir: self.workdir.filter(|path| !path.is_empty()),
            tty: self.tty,
            stdin_open: self.interactive,
            privileged: self.privileged,
        };
        left_is_failed(exec::exec(&engine, &name, &options, streams, preserved)?)
    }
}

impl Args {
    fn streams(&self) -> Result<Option<Streams>> {
        if self.detach {
            // Nobody will type them, but a mistake is one.
            self.detach_keys.as_deref().map(|keys| detach::chosen(Some(keys))).transpose()?;
            return Ok(None);
        }
        let streams = Streams {
            stdin: self.interactive,
            stdout: true,
            stderr: true,
            tty: self.tty,
            detach_keys: detach::chosen(self.detach_keys.as_deref())?,
            sig_proxy: false,
            hangs_up: true,
        };
        check_terminal(&streams)?;
        Ok(Some(streams))
    }
}

/// Docker calls it an error to leave `attach` and `exec` by the detach keys.
pub fn left_is_failed(outcome: Outcome) -> Result<ExitCode> {
    match outcome {
        Outcome::Detached => bail!("read escape sequence"),
        outcome => Ok(exit_code(outcome)),
    }
}
