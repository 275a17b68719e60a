//! What a container has changed whose files are all its own, by comparison with the layers that they were copied of.
//!
//! By docker's rules (moby `pkg/archive/changes_unix.go`): a file is another if its kind, mode, owner, size or time
//! is, and a directory counts as changed where anything in it is. Beyond them, a file whose size and time were set
//! back is found by the time at which the kernel saw its last change, which nobody can set, and is then compared
//! byte by byte.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Kind, Layers, is_directory};
use crate::base::idmap::{IdMap, IdMaps};
use crate::base::walk::{self, Step, Walk};
use crate::engine::{Engine, vfs};
use crate::layer::pack;
use crate::layer::stack::Stack;
use crate::store::containers::{Record, Source};
use crate::store::layers;

/// What a container's files are compared with.
pub struct Whole {
    layers: Stack,
    /// From the owners in the layers to the container's.
    maps: Option<IdMaps>,
    /// Seconds and nanoseconds: what was last changed before is as it was copied.
    since: (i64, i64),
}

/// What was found, by path beneath the root.
pub type Changes = BTreeMap<PathBuf, Kind>;

impl Whole {
    /// Opens the layers. Must run in the user namespace.
    pub fn of(engine: &Engine, record: &Record) -> Result<Self> {
        let Source::Image { layers, .. } = &record.source else { return Err(no_layers(record)) };
        vfs::open_many_files();
        let store = layers::Layers::new(engine.layout());
        let layers = layers.iter().rev().map(|layer| store.open(layer)).collect::<Result<Vec<_>>>()?;
        // Written once, after the copy was made.
        let path = engine.layout().container(&record.id).join("config.json");
        let written = std::fs::metadata(&path).with_context(|| format!("inspect {}", path.display()))?;
        let since = (written.mtime(), written.mtime_nsec());
        Ok(Self { layers: Stack::new(layers), maps: record.maps.clone(), since })
    }

    /// What a copy is compared with that was made before `since`, with its owners.
    pub fn since(layers: Stack, since: (i64, i64)) -> Self {
        Self { layers, maps: None, since }
    }

    /// Compares everything.
    pub fn compare(&self, container: &Layers) -> Result<Changes> {
        let mut walk = Walk::new(container.upper()?).context("list the container's files")?;
        let mut below = vec![self.layers.clone()];
        let mut changes = Changes::new();
        add_deleted(&mut changes, Path::new(""), walk.here(), &self.layers)?;
        while let Some(step) = walk.next().with_context(|| format!("read {}", walk.path().display()))? {
            let Step::Entry(entry) = step else {
                below.pop();
                continue;
            };
            let path = walk.path_of(&entry.name);
            if container.is_made_for_a_mount(&path) {
                continue;
            }
            let layers = below.last().context("read a directory: it has none above it")?;
            if let Some(inner) = self
                .entry(&mut walk, &entry.name, &path, layers, &mut changes)
                .with_context(|| format!("read {}", path.display()))?
            {
                below.push(inner);
            }
        }
        Ok(changes)
    }

    /// Compares one name. A directory is gone into, and what the layers have there returned.
    fn entry(
        &self,
        walk: &mut Walk,
        name: &CStr,
        path: &Path,
        layers: &Stack,
        changes: &mut Changes,
    ) -> Result<Option<Stack>> {
        let stat = match rustix::fs::statat(walk.here(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        let before = layers.find(name)?;
        match &before {
            None => add(changes, path, Kind::Added),
            Some((index, old)) => {
                let is_other = differs(old, &stat, self.maps.as_ref())
                    || self.may_differ(&stat)
                        && !is_same_content((layers.layer(*index).as_fd(), walk.here()), name, &stat)?;
                if is_other {
                    add(changes, path, Kind::Changed);
                }
            }
        }
        if !is_directory(&stat) {
            return Ok(None);
        }
        let inner = match before {
            Some((index, old)) if is_directory(&old) => layers.below(index).enter(name)?,
            _ => Stack::default(),
        };
        walk.enter(name)?;
        add_deleted(changes, path, walk.here(), &inner)?;
        Ok(Some(inner))
    }

    fn may_differ(&self, new: &Stat) -> bool {
        (new.st_ctime, i64::try_from(new.st_ctime_nsec).unwrap_or_default()) >= self.since
    }
}

/// Whether something is another thing than before, by its numbers alone; `maps` lead from the owners before to those now.
fn differs(old: &Stat, new: &Stat, maps: Option<&IdMaps>) -> bool {
    let owner = |map: fn(&IdMaps) -> &IdMap, id: u32| match maps {
        // One that the map does not have was kept.
        Some(maps) => map(maps).outside(id).unwrap_or(id),
        None => id,
    };
    let other_data = !is_directory(new)
        && (old.st_size, old.st_mtime, old.st_mtime_nsec) != (new.st_size, new.st_mtime, new.st_mtime_nsec);
    old.st_mode != new.st_mode
        || owner(|maps| &maps.uids, old.st_uid) != new.st_uid
        || owner(|maps| &maps.gids, old.st_gid) != new.st_gid
        || other_data
}

/// Compares what two stacks of layers show, by numbers alone: `new` with the `old` one.
pub fn between(old: &Stack, new: &Stack, path: &Path, changes: &mut Changes) -> Result<()> {
    let in_path = |name: &CStr| path.join(OsStr::from_bytes(name.to_bytes()));
    let mut shown = HashSet::new();
    for (name, _) in new.names()? {
        let Some((index, stat)) = new.find(&name)? else { continue };
        let here = in_path(&name);
        let before = old.find(&name)?;
        match &before {
            None => add(changes, &here, Kind::Added),
            Some((_, before)) if differs(before, &stat, None) => add(changes, &here, Kind::Changed),
            Some(_) => {}
        }
        if is_directory(&stat) {
            let inner = match before {
                Some((index, before)) if is_directory(&before) => old.below(index).enter(&name)?,
                _ => Stack::default(),
            };
            between(&inner, &new.below(index).enter(&name)?, &here, changes)
                .with_context(|| format!("read {}", here.display()))?;
        }
        shown.insert(name);
    }
    for (name, _) in old.names()? {
        if !shown.contains(&name) && old.find(&name)?.is_some() {
            add(changes, &in_path(&name), Kind::Deleted);
        }
    }
    Ok(())
}

fn no_layers(record: &Record) -> anyhow::Error {
    anyhow::anyhow!("container {} has no layers: its root filesystem is a directory of the host", record.name)
}

/// Notes a change, and with it all directories above.
fn add(changes: &mut Changes, path: &Path, kind: Kind) {
    changes.insert(path.to_owned(), kind);
    let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    for above in above {
        if changes.contains_key(above) {
            break;
        }
        changes.insert(above.to_owned(), Kind::Changed);
    }
}

/// Notes what the layers show in a directory and the container does not have there.
fn add_deleted(changes: &mut Changes, path: &Path, here: BorrowedFd<'_>, layers: &Stack) -> Result<()> {
    let own: HashSet<CString> = walk::list(here)?.into_iter().map(|entry| entry.name).collect();
    for (name, _) in layers.names()? {
        if !own.contains(&name) && layers.find(&name)?.is_some() {
            add(changes, &path.join(OsStr::from_bytes(name.to_bytes())), Kind::Deleted);
        }
    }
    Ok(())
}

/// Whether what has the same name, kind and size in two directories is the same in all that goes into a layer.
fn is_same_content((a, b): (BorrowedFd<'_>, BorrowedFd<'_>), name: &CStr, stat: &Stat) -> Result<bool> {
    let open = |parent: BorrowedFd<'_>| -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?.into())
    };
    let kind = FileType::from_raw_mode(stat.st_mode);
    match kind {
        FileType::Symlink => {
            let read = |parent| rustix::fs::readlinkat(parent, name, Vec::new());
            Ok(read(a)? == read(b)?)
        }
        FileType::RegularFile | FileType::Directory => {
            let (a, b) = (open(a)?, open(b)?);
            if pack::packed_xattrs(a.as_fd()) != pack::packed_xattrs(b.as_fd()) {
                return Ok(false);
            }
            Ok(kind == FileType::Directory || is_same_data(a, b)?)
        }
        _ => Ok(true),
    }
}

fn is_same_data(a: File, b: File) -> io::Result<bool> {
    let (mut a, mut b) = (BufReader::with_capacity(1 << 16, a), BufReader::with_capacity(1 << 16, b));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] || (length == 0 && left.len() != right.len()) {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
        a.consume(length);
        b.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_a_change_is_one() {
        let mut changes = Changes::new();
        add(&mut changes, Path::new("new"), Kind::Added);
        add(&mut changes, Path::new("new/file"), Kind::Added);
        add(&mut changes, Path::new("old/inner/gone"), Kind::Deleted);
        let shown: Vec<_> =
            changes.iter().map(|(path, kind)| format!("{} {}", kind.letter(), path.display())).collect();
        assert_eq!(shown, ["A new", "A new/file", "C old", "C old/inner", "D old/inner/gone"]);
    }
}
