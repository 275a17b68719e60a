//! `network reload`: sets the networks of containers up anew.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::choice::{Choice, LatestFlag};
use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, report};
use crate::engine::choose::Scope;
use crate::engine::connect;
use crate::store::options::NetworkMode;

#[derive(clap::Args)]
pub struct Args {
    /// Take every container that runs on a network
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Set up the networks of containers that run anew";
    const USAGE: &'static str = "[OPTIONS] [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("A container that has lost its address", "coracle network reload web")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let choice = Choice::of(self.all.then_some(Scope::Up), self.latest.is_set());
        let mut names = choice.names(&engine, operands)?;
        if self.all {
            // Others have nothing to set up.
            let is_on_bridge = |name: &String| {
                let record = engine.containers().load(name);
                record.is_ok_and(|record| matches!(record.options.network, NetworkMode::Bridge { .. }))
            };
            names.retain(is_on_bridge);
        }
        report::each(&names, &session.path, |name| out::line(&connect::reload(&engine, name)?))
    }
}
