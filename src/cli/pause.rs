//! `pause` and `unpause`: stop every process of containers, and let them go on.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::{Choice, CidfileFlag, LatestFlag};
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::choose::Scope;
use crate::engine::pause;

#[derive(clap::Args)]
pub struct Args {
    /// Pause every container that runs
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    cidfile: CidfileFlag,
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Pause all processes within one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "cidfile", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "Stop a container where it is, and let it go on",
        "coracle run -d --cgroups=enabled --name job batch; coracle pause job; coracle unpause job",
    )];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let flags = (self.all, self.cidfile, self.latest);
        each(flags, operands, session, true)
    }
}

#[derive(clap::Args)]
pub struct UnpauseArgs {
    /// Let every container go on that is paused
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    cidfile: CidfileFlag,
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for UnpauseArgs {
    const SUMMARY: &'static str = "Unpause all processes within one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "cidfile", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[("Let it go on", "coracle unpause job")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let flags = (self.all, self.cidfile, self.latest);
        each(flags, operands, session, false)
    }
}

fn each(
    (all, cidfile, latest): (bool, CidfileFlag, LatestFlag),
    operands: Vec<String>,
    session: &Session,
    pauses: bool,
) -> Result<ExitCode> {
    let engine = session.engine()?;
    let choice = Choice::of(all.then_some(Scope::Up), latest.is_set()).in_files(&cidfile);
    let mut names = choice.names(&engine, operands)?;
    if all {
        // Those that are as wanted already, or cannot be, are not meant.
        let wanted = |name: &String| {
            let record = engine.containers().load(name);
            record.is_ok_and(|record| record.state.cgroup.is_some() && pause::is_paused(&record) != pauses)
        };
        names.retain(wanted);
    }
    report::each(&names, &session.path, |name| {
        if pauses {
            pause::pause(&engine, name)?
        } else {
            pause::unpause(&engine, name)?
        }
        out::line(name)
    })
}
