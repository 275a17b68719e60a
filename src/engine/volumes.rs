//! `volume`: make, list, remove and prune volumes.
//!
//! A volume is in use while a container on record mounts it, whether or not that runs.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use rustix::fs::{Gid, Uid};

use super::{Engine, events, measure, namespace, remove};
use crate::base::file::read_bounded;
use crate::base::id;
use crate::base::pattern::Regex;
use crate::store::backing::Backing;
use crate::store::containers::Containers;
use crate::store::layout::Layout;
use crate::store::options::{ContainerOptions, MountKind};
use crate::store::volumes::{Held, LOCAL, NoSuchVolume, Volume, Volumes, Wanted};
use crate::sys::path::Dir;

/// A container's record is small; a file beyond this is not one of ours.
const RECORD_LIMIT: u64 = 16 << 20;

/// A volume that containers mount; their ids.
#[derive(Debug, thiserror::Error)]
#[error("remove {name}: volume is in use - [{}]", users.join(", "))]
pub struct InUse {
    name: String,
    users: Vec<String>,
}

/// Makes a volume, or finds the one that has this name already; returns the name. No driver but the local one
/// is there.
pub fn create(engine: &Engine, driver: &str, mut wanted: Wanted) -> Result<String> {
    if wanted.name.is_empty() {
        wanted.name = id::random_hex(64);
        wanted.anonymous = true;
    }
    check_driver(driver, &wanted.name)?;
    drop(hold(engine, &wanted)?);
    Ok(wanted.name)
}

/// Makes a volume where there is none, and keeps it from being removed until what it is for is on record.
pub fn hold(engine: &Engine, wanted: &Wanted) -> Result<Held> {
    let backing = Backing::parse(&wanted.options).with_context(|| format!("create {}", wanted.name))?;
    let (held, made) = engine.volumes().hold(wanted)?;
    if made {
        events::object(engine, "volume", &wanted.name, "create", &[("driver", LOCAL)]);
    }
    if let (true, Backing::Directory { owner: Some((uid, gid)) }) = (made, backing) {
        let opened = namespace::open(engine)?.finish()?;
        let data = engine.volumes().data(&wanted.name);
        namespace::run_inside(&opened, || {
            let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            rustix::fs::chown(&data, owner.0, owner.1)
                .with_context(|| format!("give volume {} to {uid}:{gid}", wanted.name))
        })?;
    }
    Ok(held)
}

/// Refuses a driver that is not there, with docker's words.
pub fn check_driver(driver: &str, name: &str) -> Result<()> {
    match driver {
        "" | LOCAL => Ok(()),
        _ => bail!("create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found"),
    }
}

/// The names of the volumes that a container's mounts need.
pub fn names(options: &ContainerOptions) -> impl Iterator<Item = &str> {
    options.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Volume { name, .. } => Some(name.as_str()),
        _ => None,
    })
}

/// Takes a volume's name away, unless a container uses it; what is left in `tmp/` is to be erased.
pub fn detach(engine: &Engine, name: &str) -> Result<String> {
    let place = engine.volumes().detach(name, || match users(engine, name)? {
        users if users.is_empty() => Ok(()),
        users => Err(InUse { name: name.to_owned(), users }.into()),
    })?;
    events::object(engine, "volume", name, "destroy", &[("driver", LOCAL)]);
    Ok(place)
}

/// Removes a volume that no container uses, whoever its files belong to.
pub fn remove(engine: &Engine, name: &str) -> Result<()> {
    let place = detach(engine, name)?;
    remove::erase_as_owner(engine, &[place.into()])
}

/// The containers whose records name a volume. One whose record cannot be read counts if the name is in it.
fn users(engine: &Engine, name: &str) -> Result<Vec<String>> {
    let containers = engine.containers();
    let mut users = Vec::new();
    for id in containers.ids()? {
        let path = engine.layout().container(&id).join("container.json");
        // Removed meanwhile, or not on record yet.
        let Ok(content) = read_bounded(&path, RECORD_LIMIT) else { continue };
        // The name of most volumes is in most records not at all: that is seen faster than read.
        let quoted = format!("\"{name}\"");
        if !content.windows(quoted.len()).any(|window| window == quoted.as_bytes()) {
            continue;
        }
        match containers.load(&id) {
            Ok(record) if !names(&record.options).any(|used| used == name) => {}
            _ => users.push(id),
        }
    }
    users.sort();
    Ok(users)
}

/// The names of all volumes that containers use.
pub fn used(layout: &Layout) -> Result<HashSet<String>> {
    let (records, broken) = Containers::new(layout).list()?;
    if let Some(id) = broken.first() {
        bail!(
            "read the record of container {}: it is damaged, so the volumes in use are not known",
            &id[..12]
        );
    }
    Ok(records.iter().flat_map(|record| names(&record.options)).map(str::to_owned).collect())
}

/// One `--filter` of `volume ls` and `volume prune`.
#[derive(Debug)]
pub enum Condition {
    /// Used by no container.
    Dangling(bool),
    Driver(String),
    /// `key` or `key=value`; every one must hold.
    Label(String),
    NotLabel(String),
    Name(Regex),
    /// Made before.
    Until(Timestamp),
}

impl Condition {
    fn holds(&self, volume: &Volume, used: &HashSet<String>) -> bool {
        match self {
            Self::Dangling(dangling) => used.contains(&volume.name) != *dangling,
            Self::Driver(driver) => driver == LOCAL,
            Self::Label(label) => has_label(&volume.labels, label),
            Self::NotLabel(label) => !has_label(&volume.labels, label),
            Self::Name(name) => name.is_match(&volume.name),
            Self::Until(time) => volume.created < *time,
        }
    }
}

fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|own| own == value),
        None => labels.contains_key(wanted),
    }
}

/// Whether a volume meets the conditions: all labels, and of every other kind one.
fn meets(volume: &Volume, conditions: &[Condition], used: &HashSet<String>) -> bool {
    conditions.iter().all(|condition| match condition {
        Condition::Label(_) | Condition::NotLabel(_) => condition.holds(volume, used),
        _ => {
            let kind = std::mem::discriminant(condition);
            let same = |other: &&Condition| std::mem::discriminant(*other) == kind;
            conditions.iter().filter(same).any(|other| other.holds(volume, used))
        }
    })
}

/// The volumes that meet the conditions, by name.
pub fn list(layout: &Layout, conditions: &[Condition]) -> Result<Vec<Volume>> {
    let asks_for_use = conditions.iter().any(|condition| matches!(condition, Condition::Dangling(_)));
    let used = if asks_for_use { used(layout)? } else { HashSet::new() };
    let mut volumes = Volumes::new(layout).list()?;
    volumes.retain(|volume| meets(volume, conditions, &used));
    Ok(volumes)
}

/// What a prune has taken away.
#[derive(Debug, Default)]
pub struct Pruned {
    pub names: Vec<String>,
    /// Bytes in their files.
    pub bytes: u64,
}

/// Removes the volumes that no container uses and that meet the conditions; only those without a name, unless
/// `all`.
pub fn prune(engine: &Engine, conditions: &[Condition], all: bool) -> Result<Pruned> {
    let used = used(engine.layout())?;
    let mut volumes = list(engine.layout(), conditions)?;
    volumes.retain(|volume| !used.contains(&volume.name) && (all || volume.is_anonymous()));
    let mut pruned = Pruned::default();
    let mut places = Vec::new();
    for volume in volumes {
        match detach(engine, &volume.name) {
            Ok(place) => {
                places.push(place);
                pruned.names.push(volume.name);
            }
            // Somebody was faster, to use it or to remove it.
            Err(error) if error.is::<InUse>() || error.is::<NoSuchVolume>() => {}
            Err(error) => return Err(error),
        }
    }
    if !places.is_empty() {
        let opened = namespace::open(engine)?.finish()?;
        pruned.bytes = namespace::run_inside(&opened, || {
            let tmp = Dir::open(&engine.layout().tmp())?;
            let mut bytes = 0;
            for place in &places {
                bytes += size(&tmp, OsStr::new(place)).unwrap_or(0);
                engine.volumes().erase(place).map_err(|error| anyhow!("remove {place}: {error}"))?;
            }
            Ok(bytes)
        })?;
    }
    events::object(engine, "volume", "", "prune", &[("reclaimed", &pruned.bytes.to_string())]);
    Ok(pruned)
}

/// Bytes in the files of `name` beneath `parent`, the record of the volume left out.
fn size(parent: &Dir, name: &OsStr) -> Result<u64> {
    measure::tree(parent.open_dir(name)?.open_dir("_data")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, labels: &[(&str, &str)]) -> Volume {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let created = Timestamp::from_second(1000).unwrap();
        Volume { version: 1, name: name.to_owned(), created, labels, options: BTreeMap::new() }
    }

    #[test]
    fn conditions() {
        let used = HashSet::from(["data".to_owned()]);
        let data = volume("data", &[("a", "1"), ("b", "2")]);
        let label = |text: &str| Condition::Label(text.to_owned());
        let name = |text: &str| Condition::Name(Regex::new(text).unwrap());
        let until = |second| Condition::Until(Timestamp::from_second(second).unwrap());
        for (conditions, want) in [
            (vec![], true),
            (vec![label("a"), label("b=2")], true),
            (vec![label("a"), label("b=3")], false),
            (vec![Condition::NotLabel("a=1".to_owned())], false),
            (vec![Condition::NotLabel("c".to_owned())], true),
            (vec![name("dat"), name("zzz")], true),
            (vec![name("^at")], false),
            (vec![Condition::Dangling(true)], false),
            (vec![Condition::Dangling(false)], true),
            (vec![Condition::Driver("local".to_owned())], true),
            (vec![Condition::Driver("nfs".to_owned())], false),
            (vec![until(1001)], true),
            (vec![until(1000)], false),
        ] {
            assert_eq!(meets(&data, &conditions, &used), want, "{conditions:?}");
        }
    }

    #[test]
    fn in_use_as_docker_says_it() {
        let error = InUse { name: "v".to_owned(), users: vec!["aa".to_owned(), "bb".to_owned()] };
        assert_eq!(error.to_string(), "remove v: volume is in use - [aa, bb]");
    }
}
