//! `restart`: stops containers and starts them again.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::{Choice, CidfileFlag, LatestFlag};
use super::flags::parse_filter;
use super::stop::MannerFlags;
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::choose::Scope;
use crate::engine::restart;

#[derive(clap::Args)]
pub struct Args {
    /// Restart every container, whatever its state
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    cidfile: CidfileFlag,
    /// Restart the containers that meet a condition, as of ps: name=web, label=a=b
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    latest: LatestFlag,
    /// Restart every container that runs
    #[arg(long)]
    running: bool,
    #[command(flatten)]
    manner: MannerFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Restart one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "cidfile", "filter", "latest", "running"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("With three seconds to finish", "coracle restart -t 3 web"),
        ("Everything that runs", "coracle restart --running"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let all = if self.running { Some(Scope::Up) } else { self.all.then_some(Scope::All) };
        let choice = Choice::of(all, self.latest.is_set()).in_files(&self.cidfile).that_meet(&self.filter);
        let names = choice.names(&engine, operands)?;
        let MannerFlags { signal, timeout } = self.manner;
        report::each(&names, &session.path, |name| {
            restart::restart(&engine, name, signal.as_deref(), timeout)?;
            out::line(name)
        })
    }
}
