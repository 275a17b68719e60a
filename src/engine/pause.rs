//! `pause` and `unpause`: every process of a container stops, by the freezer of its control group, and goes on.
//!
//! Whether a container is paused is what its group says: nothing else is written down, so nothing can disagree.

use std::os::fd::AsFd;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use super::{Engine, events, limits};
use crate::runtime::cgroup::group::Group;
use crate::store::containers::Record;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::exec;

/// Stops every process of a container.
pub fn pause(engine: &Engine, id: &str) -> Result<()> {
    let (record, group) = running(engine, id, "pause")?;
    if group.is_frozen() {
        bail!("Container {} is already paused", record.id);
    }
    group.freeze(true).with_context(|| format!("Cannot pause container {}", record.id))?;
    events::container(engine, &record, "pause", &[]);
    Ok(())
}

/// Lets them go on.
pub fn unpause(engine: &Engine, id: &str) -> Result<()> {
    let (record, group) = running(engine, id, "unpause")?;
    if !group.is_frozen() {
        bail!("Container {} is not paused", record.id);
    }
    group.freeze(false).with_context(|| format!("Cannot unpause container {}", record.id))?;
    events::container(engine, &record, "unpause", &[]);
    Ok(())
}

fn running(engine: &Engine, id: &str, what: &str) -> Result<(Record, Group)> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if record.state.is_restarting() {
        bail!("Container {} is restarting, wait until the container is running", record.id);
    }
    if !record.state.is_running() || record.state.is_initialized() {
        bail!("container {} is not running", record.id);
    }
    let group = limits::group(&record, what)?;
    Ok((record, group))
}

/// Whether a container that runs is paused.
pub fn is_paused(record: &Record) -> bool {
    record.state.is_running() && limits::is_paused(record.state.cgroup.as_deref())
}

/// Lets a container go on that has been sent a signal, which it could not take else.
pub fn release(record: &Record) {
    if let Some(group) = record.state.cgroup.as_deref().and_then(|path| Group::open(path).ok())
        && group.is_frozen()
    {
        let _ = group.freeze(false);
    }
}

/// A container that is paused until this is dropped; nothing where it does not run or was paused already.
pub struct Paused(Option<(Group, Guard)>);

/// Pauses a container that runs, for as long as its files are read. To be called before there are threads.
pub fn while_read(engine: &Engine, id: &str) -> Result<Paused> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if !record.state.is_running() || record.state.is_initialized() || is_paused(&record) {
        return Ok(Paused(None));
    }
    let group = limits::group(&record, "pause")?;
    let guard = Guard::begin(&group)?;
    group.freeze(true).with_context(|| format!("Cannot pause container {}", record.id))?;
    Ok(Paused(Some((group, guard))))
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some((group, _)) = &self.0 {
            // The guard goes after that, and finds nothing to do.
            let _ = group.freeze(false);
        }
    }
}

/// A process that lets a container go on whose pause nobody ends: the command that began it may be killed.
struct Guard {
    _child: Child,
}

impl Guard {
    fn begin(group: &Group) -> Result<Self> {
        let command =
            pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).context("watch the command")?;
        match clone::clone(Namespaces::default()).context("fork the guard of a pause")? {
            Forked::Parent(child) => Ok(Self { _child: child }),
            Forked::Child => {
                exec::close_all_but([group.as_fd(), command.as_fd()]);
                // What ends the command from its terminal is not meant for who comes after.
                let _ = rustix::process::setsid();
                let _ = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&command, PollFlags::IN)], None));
                let thawed = group.freeze(false);
                clone::exit_now(i32::from(thawed.is_err()))
            }
        }
    }
}
