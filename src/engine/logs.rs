//! `logs`: what a container has said, and with `follow` what it goes on to say.

mod files;
mod journal;
mod printer;
mod watch;

use std::os::fd::BorrowedFd;

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::{Engine, logging};
use crate::runtime::log::Format;
use crate::store::options::LogDriver;
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
