//! `rm`: a container's directory, name and sockets, gone or still whole.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::volumes::InUse;
use super::{Engine, events, namespace, stop};
use crate::base::id::random_hex;
use crate::store::containers::{LookupError, Record};
use crate::store::volumes::NoSuchVolume;
use crate::sys::path::Dir;

/// Removes a container; one that runs only with `force`, which kills it. `volumes` takes its anonymous volumes
/// along.
pub fn remove(engine: &Engine, id: &str, force: bool, volumes: bool) -> Result<()> {
    let id = engine.containers().resolve(id)?;
    let record = match engine.containers().load(&id) {
        Ok(record) => record,
        Err(error) if error.is::<LookupError>() => return Err(error),
        // A damaged record names nothing that could still be stopped.
        Err(_) if force => return discard_id(engine, &id, None, &[]),
        Err(error) => return Err(error),
    };
    if record.state.is_up() {
        if !force {
            bail!(
                "cannot remove container \"/{}\": container is {}: stop the container before removing or force \
                 remove",
                record.name,
                record.state.status.as_str()
            );
        }
        stop::kill_and_wait(engine, &record)?;
    }
    discard(engine, &record, volumes || record.options.auto_remove)
}

/// Takes a container away, with the volumes that are its own if wanted. What its users have written may belong
/// to subordinate ids: where this user may not remove it, root of the user namespace does.
pub fn discard(engine: &Engine, record: &Record, volumes: bool) -> Result<()> {
    let volumes = if volumes { record.options.anonymous_volumes() } else { Vec::new() };
    discard_id(engine, &record.id, Some(&record.name), &volumes)?;
    tell(engine, record, &volumes);
    Ok(())
}

fn discard_id(engine: &Engine, id: &str, name: Option<&str>, volumes: &[String]) -> Result<()> {
    let places = detach(engine, id, name, volumes)?;
    erase_as_owner(engine, &places)
}

/// Takes a container and its own volumes away from within its user namespace.
pub fn discard_inside(engine: &Engine, record: &Record) -> Result<()> {
    let volumes = record.options.anonymous_volumes();
    let places = detach(engine, &record.id, Some(&record.name), &volumes)?;
    erase(engine, &places)?;
    tell(engine, record, &volumes);
    Ok(())
}

/// Writes the end of a container and of its volumes down.
fn tell(engine: &Engine, record: &Record, volumes: &[String]) {
    events::container(engine, record, "destroy", &[]);
    for volume in volumes {
        events::object(engine, "volume", volume, "destroy", &[("driver", "local")]);
    }
}

/// Moves the directories out of sight, each in one step, and frees the name. What was gone already is not
/// among the places returned.
fn detach(engine: &Engine, id: &str, name: Option<&str>, volumes: &[String]) -> Result<Vec<OsString>> {
    let layout = engine.layout();
    let mut places = Vec::new();
    let mut hide = |path: PathBuf| -> Result<()> {
        let place = OsString::from(format!("rm-{}", random_hex(16)));
        match fs::rename(&path, layout.tmp().join(&place)) {
            Ok(()) => places.push(place),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("remove {}", path.display())),
        }
        Ok(())
    };
    hide(layout.container(id))?;
    for volume in volumes {
        // One that another container shares is kept for that one.
        match super::volumes::detach(engine, volume) {
            Ok(place) => places.push(place.into()),
            Err(error) if error.is::<NoSuchVolume>() || error.is::<InUse>() => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(name) = name {
        engine.containers().release_name(name, id);
    }
    let _ = fs::remove_dir_all(layout.container_run(id));
    Ok(places)
}

/// Removes what was moved out of sight, as root of the user namespace where this user may not.
pub fn erase_as_owner(engine: &Engine, places: &[OsString]) -> Result<()> {
    match erase(engine, places) {
        Err(error) if is_denied(&error) => {
            let opened = namespace::open(engine)?.finish()?;
            namespace::run_inside(&opened, || erase(engine, places))
        }
        result => result,
    }
}

fn erase(engine: &Engine, places: &[OsString]) -> Result<()> {
    let tmp = engine.layout().tmp();
    for place in places {
        // The kernel makes this directory without any permission; its owner may give itself some.
        let work = tmp.join(place).join("work/work");
        let _ = rustix::fs::chmod(&work, rustix::fs::Mode::RWXU);
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
