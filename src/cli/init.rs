//! `init`: makes containers ready, and leaves their programs to `start`.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::{Choice, LatestFlag};
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::choose::Scope;
use crate::engine::initialize::{self, AlreadyReady};

#[derive(clap::Args)]
pub struct Args {
    /// Initialize every container that is not, and does not run
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Initialize one or more containers: all but the start of their programs";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "Put a file where a program finds it in its mounts and volumes, then start it",
        "coracle init web; coracle cp site.conf web:/etc/nginx/conf.d; coracle start web",
    )];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let choice = Choice::of(self.all.then_some(Scope::All), self.latest.is_set());
        let names = choice.names(&engine, operands)?;
        report::each(&names, &session.path, |name| match initialize::initialize(&engine, name) {
            Err(error) if self.all && error.is::<AlreadyReady>() => Ok(()),
            done => done.and_then(|()| out::line(name)),
        })
    }
}
