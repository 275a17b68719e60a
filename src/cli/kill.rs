//! `kill`: sends a signal to containers.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::{Choice, CidfileFlag, LatestFlag};
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::choose::Scope;
use crate::engine::stop;

#[derive(clap::Args)]
pub struct Args {
    /// Signal every container that runs
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    cidfile: CidfileFlag,
    #[command(flatten)]
    latest: LatestFlag,
    /// The signal, by name or number
    #[arg(long, short, value_name = "signal", default_value = "KILL")]
    signal: String,
}

impl Action for Args {
    const SUMMARY: &'static str = "Kill one or more running containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "cidfile", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Make a server read its configuration again", "coracle kill -s HUP web")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let choice = Choice::of(self.all.then_some(Scope::Up), self.latest.is_set()).in_files(&self.cidfile);
        let names = choice.names(&engine, operands)?;
        report::each(&names, &session.path, |name| {
            stop::kill(&engine, name, &self.signal)?;
            out::line(name)
        })
    }
}
