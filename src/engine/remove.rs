//! `rm`: a container's directory, name and sockets, gone or still whole.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::volumes::InUse;
use super::{Engine, events, mounting, namespace, stop};
use crate::base::file::FileLock;
use crate::runtime::cgroup::place;
use crate::store::containers::{Containers, LookupError, Record};
use crate::store::offstage::{self, Withdrawn};
use crate::store::userns::UsernsMode;
use crate::store::volumes::NoSuchVolume;
use crate::store::{gc, ranges};
use crate::sys::path::Dir;

/// How often to look whether a container that is being started runs.
const RETRY: Duration = Duration::from_millis(5);

/// Removes a container; one that runs only with `force`, which kills it, and one that is being started, or that has
/// just ended, without it only when that is done. `volumes` takes its anonymous volumes along.
pub fn remove(engine: &Engine, id: &str, force: bool, volumes: bool) -> Result<()> {
    let id = engine.containers().resolve(id)?;
    let mut record = match engine.containers().load(&id) {
        Ok(record) => record,
        Err(error) if error.is::<LookupError>() => return Err(error),
        // A damaged record names nothing that could still be stopped.
        Err(_) if force => return discard(engine, &id, volumes),
        Err(error) => return Err(error),
    };
    loop {
        if record.state.is_up() {
            // Nothing of its program is lost.
            if !force && !record.state.is_initialized() {
                bail!(
                    "cannot remove container \"/{}\": container is {}: stop the container before removing or force \
                     remove",
                    record.name,
                    record.state.status.as_str()
                );
            }
            stop::kill_and_wait(engine, &record)?;
        }
        let held = match engine.containers().hold(&id) {
            // It has gone with its end.
            Err(error) if error.is::<LookupError>() => return Ok(()),
            Ok((_, now)) if now.state.is_up() => {
                record = now;
                continue;
            }
            held => held?,
        };
        if !force && has_supervisor(engine, &id)? {
            drop(held);
            thread::sleep(RETRY);
            continue;
        }
        // Who is about to start it puts that on record first, which comes too late after this.
        let remains = take_off_record(engine, &id, volumes || record.options.auto_remove)?;
        drop(held);
        return remains.map_or(Ok(()), Remains::erase);
    }
}

/// Whether a supervisor is about to start the container, or has it still.
pub fn has_supervisor(engine: &Engine, id: &str) -> Result<bool> {
    Ok(FileLock::try_directory(&engine.layout().container(id))?.is_none())
}

/// Takes a container away, with the volumes that are its own if wanted.
pub fn discard(engine: &Engine, id: &str, volumes: bool) -> Result<()> {
    take_off_record(engine, id, volumes)?.map_or(Ok(()), Remains::erase)
}

/// What is left of a container that is off record: directories that nobody sees.
#[must_use]
pub struct Remains<'a> {
    engine: &'a Engine,
    places: Vec<OsString>,
    /// Keeps others from erasing them too.
    _withdrawn: Withdrawn,
}

impl Remains<'_> {
    pub fn erase(self) -> Result<()> {
        erase_as_owner(self.engine, &self.places)
    }
}

/// Takes a container off record, and its name and run directory away: for everybody else it is gone.
pub fn take_off_record<'a>(engine: &'a Engine, id: &str, volumes: bool) -> Result<Option<Remains<'a>>> {
    mounting::forget(engine, id)?;
    let Some(withdrawn) = offstage::withdraw(engine.layout(), id, volumes)? else { return Ok(None) };
    let (record, places) = release(engine, &withdrawn.entry)?;
    if let Some(record) = record {
        // Left by a supervisor that was killed.
        record.state.cgroup.as_deref().into_iter().for_each(place::clear);
        events::container(engine, &record, "destroy", &[]);
    }
    Ok(Some(Remains { engine, places, _withdrawn: withdrawn }))
}

/// Clears away a container that is out of sight. Whoever dies over it leaves it to be done again.
pub fn clear(engine: &Engine, entry: &str) -> Result<()> {
    let (_, places) = release(engine, entry)?;
    erase_as_owner(engine, &places)
}

/// Takes away what a container that is out of sight has elsewhere: its own volumes, its name, its run directory.
/// Returns the record, if there was one, and what of `tmp/` is to be erased, last the directory that says all this.
fn release(engine: &Engine, entry: &str) -> Result<(Option<Record>, Vec<OsString>)> {
    let layout = engine.layout();
    let (id, volumes) = offstage::parse(entry).context("clear away what is no container")?;
    let record = engine.containers().read(&layout.tmp().join(entry)).ok();
    let mut places = Vec::new();
    for volume in record.iter().filter(|_| volumes).flat_map(|record| record.options.anonymous_volumes()) {
        // One that another container shares is kept for that one.
        match super::volumes::detach(engine, &volume) {
            Ok(place) => places.push(place.into()),
            Err(error) if error.is::<NoSuchVolume>() || error.is::<InUse>() => {}
            Err(error) => return Err(error),
        }
    }
    match &record {
        Some(record) if !Containers::is_renaming(&layout.tmp().join(entry)) => {
            engine.containers().release_name(&record.name, id);
        }
        _ => engine.containers().release_names_of(id)?,
    }
    if record.as_ref().is_some_and(|record| matches!(record.options.userns.mode, UsernsMode::Auto { .. })) {
        ranges::give_back(layout, id)?;
    }
    remove_run_directory(engine, id)?;
    places.push(entry.into());
    Ok((record, places))
}

/// Clears away what processes that were killed have left: containers half made or half removed, those that were to
/// go with their end, what only a running one has, and temporary files. The living are not touched.
pub fn collect(engine: &Engine) -> Result<()> {
    for (entry, _lock) in offstage::leftovers(engine.layout())? {
        clear(engine, &entry)?;
    }
    for id in engine.layout().ids_with_run_directory()? {
        collect_unsupervised(engine, &id)?;
    }
    as_owner(engine, || gc::sweep_if_idle(engine.layout()))
}

/// A supervisor has its container locked from before there is a run directory until after that is gone.
fn collect_unsupervised(engine: &Engine, id: &str) -> Result<()> {
    let Ok(lock) = FileLock::try_directory(&engine.layout().container(id)) else {
        // Never published, or gone. One in the making may just have made its run directory, and makes it again.
        return remove_run_directory(engine, id);
    };
    let Some(_lock) = lock else { return Ok(()) };
    match engine.containers().load(id) {
        Ok(record) if record.options.auto_remove => discard(engine, id, true),
        _ => remove_run_directory(engine, id),
    }
}

fn remove_run_directory(engine: &Engine, id: &str) -> Result<()> {
    let path = engine.layout().container_run(id);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes what was moved out of sight, as root of the user namespace where this user may not.
pub fn erase_as_owner(engine: &Engine, places: &[OsString]) -> Result<()> {
    as_owner(engine, || erase(engine, places))
}

/// What a container's users have written may belong to subordinate ids: what is denied to this user, root of the user
/// namespace does once more.
pub fn as_owner(engine: &Engine, work: impl Fn() -> Result<()>) -> Result<()> {
    match work() {
        Err(error) if is_denied(&error) => {
            let opened = namespace::open(engine)?.finish()?;
            namespace::run_inside(&opened, work)
        }
        result => result,
    }
}

fn erase(engine: &Engine, places: &[OsString]) -> Result<()> {
    let tmp = engine.layout().tmp();
    for place in places {
        Dir::open(&tmp)
            .and_then(|dir| dir.remove_all(place))
            .with_context(|| format!("remove {}", tmp.join(place).display()))?;
    }
    Ok(())
}

fn is_denied(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == ErrorKind::PermissionDenied)
}
