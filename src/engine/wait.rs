//! `wait --condition`: waits until a container is as somebody wants it.

use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

use super::{Engine, stop};
use crate::store::containers::{LookupError, Record, Status};
use crate::store::health::{self, HealthStatus};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Docker's default.
    NotRunning,
    /// The end of this run, or of the next one.
    NextExit,
    Removed,
    /// Podman's: a state, whether or not it means that something has ended.
    Status(Status),
    Health(HealthStatus),
}

/// Podman's answer where nothing has ended.
const NO_EXIT: i32 = -1;

/// Waits for a condition; returns the exit code, of the last run known if the container is gone.
pub fn wait(engine: &Engine, id: &str, condition: Condition) -> Result<i32> {
    let mut record = engine.containers().load(&engine.containers().resolve(id)?)?;
    let is_up = record.state.is_up();
    if condition == Condition::NotRunning || (condition == Condition::NextExit && is_up) {
        return stop::wait(engine, &record.id);
    }
    let watch = match watch(engine, &record.id) {
        // It goes just now.
        Err(_) if !engine.layout().container(&record.id).exists() => return Ok(record.state.exit_code),
        watch => watch?,
    };
    loop {
        record.state = record.state.settled();
        if let Some(code) = met(engine, condition, &record) {
            return Ok(code);
        }
        let last = record.state.exit_code;
        if condition == Condition::NextExit && record.state.is_up() {
            return stop::wait(engine, &record.id);
        }
        // The end of a run that is about to be removed is only told, never written down.
        let heard = if record.state.is_up() && condition == Condition::Removed {
            stop::hear_exit(engine, &record.id)
        } else {
            next_change(&watch)?;
            None
        };
        record = match engine.containers().load(&record.id) {
            Ok(record) => record,
            Err(error) if error.is::<LookupError>() => return Ok(heard.unwrap_or(last)),
            Err(error) => return Err(error),
        };
    }
}

fn met(engine: &Engine, condition: Condition, record: &Record) -> Option<i32> {
    match condition {
        Condition::Status(status) if record.state.status == status => {
            Some(if status == Status::Exited { record.state.exit_code } else { NO_EXIT })
        }
        Condition::Health(status) => {
            let health = health::load(engine.layout(), &record.id)?;
            (record.state.is_up() && health.status == status).then_some(NO_EXIT)
        }
        _ => None,
    }
}

/// Watches the directory of a container: every document in it is replaced by a rename, and so is it in the end.
fn watch(engine: &Engine, id: &str) -> Result<OwnedFd> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .context("watch the container")?;
    let flags =
        inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::MOVE_SELF | inotify::WatchFlags::DELETE_SELF;
    inotify::add_watch(&watch, engine.layout().container(id), flags).context("watch the container")?;
    Ok(watch)
}

fn next_change(watch: &OwnedFd) -> Result<()> {
    match poll(&mut [PollFd::new(watch, PollFlags::IN)], None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error).context("wait for the container"),
    }
    let mut buffer = [0u8; 4096];
    while let Ok(1..) = rustix::io::read(watch, &mut buffer) {}
    Ok(())
}
