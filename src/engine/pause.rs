//! `pause` and `unpause`: every process of a container stops, by the freezer of its control group, and goes on.
//!
//! Whether a container is paused is what its group says: nothing else is written down, so nothing can disagree.

use anyhow::{Context, Result, bail};

use super::{Engine, events, limits};
use crate::runtime::cgroup::group::Group;
use crate::store::containers::Record;

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
pub struct Paused(Option<Group>);

/// Pauses a container that runs, for as long as its files are read.
pub fn while_read(engine: &Engine, id: &str) -> Result<Paused> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if !record.state.is_running() || record.state.is_initialized() || is_paused(&record) {
        return Ok(Paused(None));
    }
    let group = limits::group(&record, "pause")?;
    group.freeze(true).with_context(|| format!("Cannot pause container {}", record.id))?;
    Ok(Paused(Some(group)))
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(group) = &self.0 {
            let _ = group.freeze(false);
        }
    }
}
