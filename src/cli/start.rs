//! `start`: starts containers that were created or have ended.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::choice::{Choice, LatestFlag};
use super::flags::parse_filter;
use super::report::{self, Reported};
use super::run::{check_terminal, exit_code};
use super::verb::{Action, Operands, Session};
use super::{detach, out};
use crate::engine::attach::Streams;
use crate::engine::choose::Scope;
use crate::engine::{Engine, start};

#[derive(clap::Args)]
pub struct Args {
    /// Start every container, whatever its state
    #[arg(long)]
    all: bool,
    /// Attach to standard output and error, and pass signals on
    #[arg(long, short)]
    attach: bool,
    /// The keys that detach from the container's terminal
    #[arg(long, value_name = "keys")]
    detach_keys: Option<String>,
    /// Start the containers that meet a condition, as of ps: name=web, label=a=b
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Attach to standard input too
    #[arg(long, short)]
    interactive: bool,
    #[command(flatten)]
    latest: LatestFlag,
    /// Attached, pass signals on to the program (default true)
    #[arg(long, default_value_t = true, action = clap::ArgAction::SetTrue)]
    sig_proxy: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Start one or more stopped containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "filter", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("In the background", "coracle start web db"),
        ("Back to a shell that was left", "coracle start -ai box"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let all = self.all.then_some(Scope::All);
        let choice = Choice::of(all, self.latest.is_set()).that_meet(&self.filter);
        let operands = choice.names(&engine, operands)?;
        if !self.attach && !self.interactive {
            return start_all(&engine, &operands, &session.path);
        }
        let [name] = &operands[..] else {
            bail!("you cannot start and attach multiple containers at once");
        };
        let id = engine.containers().resolve(name)?;
        let options = engine.containers().load(&id)?.options;
        let keys = self.detach_keys.or(options.detach_keys);
        let streams = Streams {
            stdin: self.interactive && options.stdin_open,
            stdout: true,
            stderr: true,
            tty: options.tty,
            detach_keys: detach::chosen(keys.as_deref())?,
            sig_proxy: self.sig_proxy,
            hangs_up: options.auto_remove,
        };
        check_terminal(&streams)?;
        Ok(exit_code(start::start(&engine, &id, Some(streams))?))
    }
}

/// Starts each; of several, docker names those that failed once more at the end.
fn start_all(engine: &Engine, operands: &[String], path: &str) -> Result<ExitCode> {
    let mut failed = Vec::new();
    for name in operands {
        match start::start(engine, name, None) {
            Ok(_) => out::line(name)?,
            Err(error) => {
                report::print(&error, path);
                failed.push(name.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if operands.len() > 1 {
        out::error_line(&format!("Error: failed to start containers: {}", failed.join(", ")));
    }
    Err(Reported.into())
}
