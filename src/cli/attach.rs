//! `attach`: joins the streams of a container that runs.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::LatestFlag;
use super::detach;
use super::exec::left_is_failed;
use super::run::check_terminal;
use super::verb::{Action, Operands, Session};
use crate::engine::attach::{self, Streams};

#[derive(clap::Args)]
pub struct Args {
    /// The keys that detach from the container's terminal
    #[arg(long, value_name = "keys")]
    detach_keys: Option<String>,
    #[command(flatten)]
    latest: LatestFlag,
    /// Do not attach to standard input
    #[arg(long)]
    no_stdin: bool,
    /// Pass signals on to the program (default true)
    #[arg(long, default_value_t = true, action = clap::ArgAction::SetTrue)]
    sig_proxy: bool,
}

impl Action for Args {
    const SUMMARY: &'static str =
        "Attach local standard input, output, and error streams to a running container";
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Join a shell", "coracle attach box"),
        ("Watch without typing", "coracle attach --no-stdin --sig-proxy=false web"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let operands = self.latest.before(engine.containers(), operands)?;
        let id = engine.containers().resolve(operands.first().map_or("", String::as_str))?;
        let options = engine.containers().load(&id)?.options;
        let keys = self.detach_keys.or(options.detach_keys);
        let streams = Streams {
            stdin: !self.no_stdin && options.stdin_open,
            stdout: true,
            stderr: true,
            tty: options.tty,
            detach_keys: detach::chosen(keys.as_deref())?,
            sig_proxy: self.sig_proxy,
            hangs_up: false,
        };
        check_terminal(&streams)?;
        left_is_failed(attach::attach(&engine, &id, streams)?)
    }
}
