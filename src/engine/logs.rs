//! `logs`: what a container has said, and with `follow` what it goes on to say.

mod files;
mod journal;
mod printer;
mod watch;

use std::fs;
use std::os::fd::BorrowedFd;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::{Engine, logging, namespace};
use crate::runtime::log::Format;
use crate::store::options::LogDriver;
use crate::sys::clone::{self, Forked, Namespaces};
use printer::Printer;
use watch::Watch;

/// What `logs` was asked.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    pub follow: bool,
    /// Only so many entries from the end.
    pub tail: Option<u64>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub timestamps: bool,
    /// Show the labels and variables that entries carry.
    pub details: bool,
    /// What comes before every line, and a space.
    pub prefix: Option<String>,
    /// Which of the colors the lines of the first container have; the next has the next.
    pub color: Option<usize>,
}

/// What the lines of several containers begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Id,
    Name,
}

/// Writes the logs of several containers, one after the other, or with `follow` side by side: each line is marked with
/// its container. Goes on where one cannot be read, and returns whether that was never so.
pub fn logs_of_all(
    engine: &Engine,
    ids: &[String],
    options: &LogOptions,
    mark: Mark,
    complain: &dyn Fn(&anyhow::Error),
) -> Result<bool> {
    let mut all_well = true;
    let mut followers = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let show = || -> Result<()> {
            let record = engine.containers().load(&engine.containers().resolve(id)?)?;
            let prefix = match mark {
                Mark::Id => record.id[..12].to_owned(),
                Mark::Name => record.name,
            };
            let color = options.color.map(|first| first + index);
            let options = LogOptions { prefix: Some(prefix), color, ..options.clone() };
            logs(engine, &record.id, &options, rustix::stdio::stdout(), rustix::stdio::stderr())
        };
        let tell = |result: Result<()>| {
            let failure = result.err();
            failure.iter().for_each(complain);
            failure.is_none()
        };
        if !options.follow {
            all_well &= tell(show());
            continue;
        }
        match clone::clone(Namespaces::default()).context("fork")? {
            Forked::Parent(child) => followers.push(child),
            Forked::Child => {
                let shown = namespace::follow_command().and_then(|()| show());
                clone::exit_now(i32::from(!tell(shown)))
            }
        }
    }
    for follower in followers {
        all_well &= follower.wait().context("wait for a child")? == 0;
    }
    Ok(all_well)
}

/// Writes a container's log, its standard output to `out` and its standard error to `err`.
pub fn logs(
    engine: &Engine,
    id: &str,
    options: &LogOptions,
    out: BorrowedFd<'_>,
    err: BorrowedFd<'_>,
) -> Result<()> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    let mut printer = Printer::new(options, out, err);
    let driver = record.options.log.driver;
    match (driver, logging::path(engine.layout(), &record)) {
        (LogDriver::None, _) => bail!("configured logging driver does not support reading"),
        (LogDriver::Passthrough, _) => {
            bail!("this container is using the 'passthrough' log driver, cannot read logs")
        }
        (_, Some(path)) if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) => {
            bail!("read {}: it is no file", path.display())
        }
        (driver, Some(path)) => {
            let format = if driver == LogDriver::K8sFile { Format::K8s } else { Format::Json };
            let watch = options.follow.then(|| Watch::start(engine, &record, path.parent()));
            files::show(&path, format, options, watch, &mut printer)
        }
        (_, None) => {
            let watch = options.follow.then(|| Watch::start(engine, &record, None));
            journal::show(&record.id, options, watch, &mut printer)
        }
    }
}
