//! The build cache as its owner sees it: how much there is, and how it is taken away.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::time::SystemTime;

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::base::digest::Digest;
use crate::base::id;
use crate::engine::{Engine, measure, prune, remove};
use crate::store::build_cache::{BuildCache, Entry};

/// What a collection spares.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// What an image is made of goes too.
    pub all: bool,
    /// What was used since.
    pub until: Option<Timestamp>,
    /// Bytes of what was used last.
    pub keep: Option<u64>,
}

/// One thing that is kept between builds.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: String,
    pub description: String,
    pub kind: &'static str,
    /// Bytes.
    pub size: u64,
    pub created: Timestamp,
    pub used: Timestamp,
    /// No image is made of it.
    pub reclaimable: bool,
    place: Place,
}

impl Kept {
    /// Whether its room is that of a layer, which a collection frees and tells of.
    pub fn is_layer(&self) -> bool {
        matches!(self.place, Place::Entry(_))
    }
}

#[derive(Clone, Debug)]
enum Place {
    Entry(Digest),
    Mount(OsString),
}

/// All that is kept, those last that were used last.
pub fn list(engine: &Engine) -> Result<Vec<Kept>> {
    let used: HashSet<Digest> = {
        let (images, _) = engine.images().list()?;
        images.into_iter().flat_map(|image| image.config.rootfs.diff_ids).collect()
    };
    let mut counted = HashSet::new();
    let entry = |entry: Entry| {
        let layer = entry.made.layer.as_ref();
        // Of entries with the same layer one takes the room.
        let size =
            layer.map_or(0, |layer| if counted.insert(layer.diff_id.clone()) { layer.size } else { 0 });
        Kept {
            id: entry.key.hex()[..25].to_owned(),
            description: entry.made.description,
            kind: "regular",
            size,
            created: entry.made.created,
            used: moment(entry.used),
            reclaimable: layer.is_none_or(|layer| !used.contains(&layer.diff_id)),
            place: Place::Entry(entry.key),
        }
    };
    let mut kept: Vec<Kept> = BuildCache::new(engine.layout()).list()?.into_iter().map(entry).collect();
    kept.extend(mounts(engine)?);
    kept.sort_by_key(|kept| kept.used);
    Ok(kept)
}

/// The directories that steps share.
fn mounts(engine: &Engine) -> Result<Vec<Kept>> {
    let directory = engine.layout().cache_mounts();
    let found = match fs::read_dir(&directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.with_context(|| format!("list {}", directory.display()))?,
    };
    let names: Vec<OsString> = found.flatten().map(|entry| entry.file_name()).collect();
    let sizes: Vec<u64> = measure::with_rights(engine, || {
        names.iter().map(|name| measure::directory(&directory.join(name))).collect()
    })?;
    let kept = names.into_iter().zip(sizes).map(|(name, size)| {
        let used = fs::metadata(directory.join(&name)).and_then(|metadata| metadata.modified());
        let used = moment(used.unwrap_or(SystemTime::UNIX_EPOCH));
        Kept {
            id: name.to_string_lossy().chars().take(25).collect(),
            description: "cache mount".to_owned(),
            kind: "exec.cachemount",
            size,
            created: used,
            used,
            reclaimable: true,
            place: Place::Mount(name),
        }
    });
    Ok(kept.collect())
}

/// Takes away what nobody asked to keep; returns what went.
pub fn prune(engine: &Engine, conditions: &Conditions) -> Result<Vec<Kept>> {
    let gone = forget(engine, conditions)?;
    prune::collect(engine)?;
    Ok(gone)
}

/// The same, whose layers take their room until they are collected.
pub fn forget(engine: &Engine, conditions: &Conditions) -> Result<Vec<Kept>> {
    let mut room = conditions.keep.unwrap_or(0);
    let mut gone = Vec::new();
    // What was used last is kept first.
    for kept in list(engine)?.into_iter().rev() {
        if conditions.keep.is_some() && kept.size <= room {
            room -= kept.size;
            continue;
        }
        let is_spared = !conditions.all && !kept.reclaimable;
        if !is_spared && conditions.until.is_none_or(|until| kept.used < until) {
            gone.push(kept);
        }
    }
    gone.reverse();
    for kept in &gone {
        match &kept.place {
            Place::Entry(key) => BuildCache::new(engine.layout()).remove(key)?,
            Place::Mount(name) => remove_mount(engine, name)?,
        }
    }
    Ok(gone)
}

/// Moved out of the way first, so that a step that begins now has a new one.
fn remove_mount(engine: &Engine, name: &OsString) -> Result<()> {
    let (from, place) =
        (engine.layout().cache_mounts().join(name), format!("removed-{}", id::random_hex(16)));
    let to = engine.layout().tmp().join(&place);
    let moved = fs::rename(&from, &to);
    let moved = match moved {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        // It is another's now: only root of the namespace may move it.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            remove::as_owner(engine, || Ok(fs::rename(&from, &to)?))
        }
        moved => moved.map_err(anyhow::Error::from),
    };
    moved.with_context(|| format!("remove {}", from.display()))?;
    remove::erase_as_owner(engine, &[place.into()])
}

fn moment(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}
