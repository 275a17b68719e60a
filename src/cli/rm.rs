//! `rm`: removes containers.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::choice::{Choice, CidfileFlag, ignoring};
use super::flags::{parse_filter, parse_integer};
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::choose::Scope;
use crate::engine::{Engine, remove, requires, stop};
use crate::store::containers::LookupError;

#[derive(clap::Args)]
pub struct Args {
    /// Remove every container
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    cidfile: CidfileFlag,
    /// Remove the containers too that share its namespaces or require it
    #[arg(long)]
    depend: bool,
    /// Remove the containers that meet a condition, as of ps: name=web, status=exited
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Kill it first if it runs; one that is not there is no failure
    #[arg(long, short)]
    force: bool,
    /// One that is not there is no failure, and is not told
    #[arg(long, short)]
    ignore: bool,
    /// Take the container that was created last
    #[arg(long)]
    latest: bool,
    /// With --force, seconds to wait after the stop signal before it is killed; -1 waits for ever
    #[arg(long, short, value_name = "seconds", value_parser = parse_integer)]
    time: Option<i64>,
    /// Remove its anonymous volumes too
    #[arg(long, short)]
    volumes: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "cidfile", "filter", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A container that has ended", "coracle rm job"),
        ("Everything", "coracle rm -f $(coracle ps -aq)"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        if self.time.is_some() && !self.force {
            bail!("--force option must be specified to use the --time option");
        }
        let engine = session.engine()?;
        let choice = Choice::of(self.all.then_some(Scope::All), self.latest)
            .in_files(&self.cidfile)
            .that_meet(&self.filter)
            .ignoring(self.ignore);
        let names = choice.names(&engine, operands)?;
        let removed = report::each(&names, &session.path, |name| match self.remove(&engine, name) {
            Err(error) if self.force && !self.ignore && error.is::<LookupError>() => {
                report::print(&error, &session.path);
                Ok(())
            }
            done => {
                if ignoring(self.ignore, done)? {
                    out::line(name)
                } else {
                    Ok(())
                }
            }
        });
        remove::collect(&engine)?;
        removed
    }
}

impl Args {
    /// Removes one container, what depends on it before it.
    fn remove(&self, engine: &Engine, name: &str) -> Result<()> {
        let id = engine.containers().resolve(name)?;
        let dependents = if self.depend { requires::dependents(engine, &id)? } else { Vec::new() };
        for id in dependents.iter().chain([&id]) {
            if let Some(seconds) = self.time {
                stop::stop(engine, id, None, Some(seconds))?;
            }
            match remove::remove(engine, id, self.force, self.volumes) {
                // One that was made with --rm has gone with its end.
                Err(error) if self.time.is_some() && error.is::<LookupError>() => {}
                removed => removed?,
            }
            if dependents.contains(id) {
                out::line(id)?;
            }
        }
        Ok(())
    }
}
