//! `stop`: asks containers to end, and after a while makes them.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::{Choice, CidfileFlag, LatestFlag, ignoring};
use super::flags::{parse_filter, parse_integer};
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::choose::Scope;
use crate::engine::stop;

#[derive(clap::Args)]
pub struct Args {
    /// Stop every container that runs
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    cidfile: CidfileFlag,
    /// Stop the containers that meet a condition, as of ps: name=web, label=a=b
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// A container that is not there is no failure
    #[arg(long, short)]
    ignore: bool,
    #[command(flatten)]
    latest: LatestFlag,
    #[command(flatten)]
    manner: MannerFlags,
}

/// How a container is asked to end: flags of `stop` and `restart`.
#[derive(clap::Args)]
pub struct MannerFlags {
    /// The signal to ask with
    #[arg(long, short, value_name = "signal")]
    pub signal: Option<String>,
    /// Seconds to wait before the container is killed; -1 waits for ever
    #[arg(long, short, alias = "time", value_name = "seconds", value_parser = parse_integer)]
    pub timeout: Option<i64>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Stop one or more running containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "cidfile", "filter", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Within three seconds", "coracle stop -t 3 web"),
        ("Those of one project", "coracle stop --filter label=project=boats"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let choice = Choice::of(self.all.then_some(Scope::Up), self.latest.is_set())
            .in_files(&self.cidfile)
            .that_meet(&self.filter)
            .ignoring(self.ignore);
        let names = choice.names(&engine, operands)?;
        let MannerFlags { signal, timeout } = self.manner;
        report::each(&names, &session.path, |name| {
            let stopped = stop::stop(&engine, name, signal.as_deref(), timeout);
            if ignoring(self.ignore, stopped)? { out::line(name) } else { Ok(()) }
        })
    }
}
