//! Unpacked layers: `layers/<diff-id>/`, each independent of its parents, and `layers/<diff-id>.json` beside it.
//!
//! A layer is unpacked in `tmp/` and renamed into place once its diff-id has proved right and its files are on the
//! disk, so a name that exists is a layer that is whole. It is moved to `tmp/` before it is removed.
//!
//! `layers/<diff-id>.<map>/` is the same layer with the owners that containers of one map of ids need, made from the
//! plain one when such a container is first started. It goes with the plain layer.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::hash::Hash;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{CWD, FlockOperation, IFlags, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::base::digest::Digest;
use crate::base::file::{self, Durability};
use crate::base::hint::{self, HintExt};
use crate::base::{id, walk};
use crate::config::paths::private_directory;
use crate::sys::path::Dir;

/// What was counted while a layer was unpacked: `layers/<diff-id>.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// Bytes in its files, as docker counts an image's size.
    pub size: u64,
    /// Files, directories, links and whiteouts.
    pub entries: u64,
}

/// A `LayerInfo` is tiny; a file beyond this is not one.
const INFO_LIMIT: u64 = 4096;

/// The unpacked layers of one store.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    layout: &'a Layout,
}

impl<'a> Layers<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// Whether the layer is here, whole.
    pub fn has(&self, diff_id: &Digest) -> bool {
        self.path(diff_id).is_dir()
    }

    /// The directory of the layer, to be an overlay's `lowerdir`.
    pub fn path(&self, diff_id: &Digest) -> PathBuf {
        self.layout.layer(diff_id)
    }

    /// The name, in the directory of layers, of the layer under a map; see [`IdMaps::fingerprint`].
    ///
    /// [`IdMaps::fingerprint`]: crate::base::idmap::IdMaps::fingerprint
    pub fn shifted_name(diff_id: &Digest, map: &str) -> String {
        format!("{}.{map}", diff_id.hex())
    }

    /// Whether the layer is here under a map, whole.
    pub fn has_shifted(&self, diff_id: &Digest, map: &str) -> bool {
        self.layout.layers().join(Self::shifted_name(diff_id, map)).is_dir()
    }

    /// Opens the layer.
    pub fn open(&self, diff_id: &Digest) -> Result<Dir> {
        Dir::open(&self.path(diff_id)).with_context(|| format!("open layer {diff_id}")).hint(|| hint::CHECK)
    }

    /// What was counted when the layer was unpacked.
    pub fn info(&self, diff_id: &Digest) -> Result<LayerInfo> {
        let content = file::read_bounded(&self.info_path(diff_id), INFO_LIMIT)?;
        serde_json::from_slice(&content).with_context(|| format!("read the size of layer {diff_id}"))
    }

    /// Makes an empty directory in `tmp/` to unpack a layer into.
    pub fn stage(&self) -> Result<Staging> {
        let tmp = self.layout.tmp();
        loop {
            let name = format!("layer-{}", id::random_hex(16));
            let path = tmp.join(&name);
            let open = || {
                private_directory(&tmp)?;
                let parent = Dir::open(&tmp)?;
                spread(&parent);
                fs::DirBuilder::new().mode(0o755).create(&path)?;
                Ok((parent, open_locked(&path)?))
            };
            let attempt: Result<_> = open();
            if let (parent, Some(dir)) = attempt.with_context(|| format!("create {}", path.display()))? {
                let layers = self.layout.layers();
                return Ok(Staging { parent, name, dir, tmp, layers, committed: false });
            }
        }
    }

    /// Removes a directory of layers by its name: at once for everybody else, and never half of it under that.
    pub fn remove_directory(&self, name: &str) -> Result<()> {
        let attempt = || -> Result<()> {
            let tmp = Dir::open(&self.layout.tmp())?;
            let place = format!("removed-{}", id::random_hex(16));
            match rustix::fs::renameat(CWD, self.layout.layers().join(name), &tmp, &place) {
                Ok(()) => Ok(tmp.remove_all(OsStr::new(&place))?),
                Err(Errno::NOENT) => Ok(()),
                Err(error) => Err(error.into()),
            }
        };
        attempt().with_context(|| format!("remove layer {name}"))
    }

    /// Removes a layer, but not what it is under other maps.
    pub fn remove(&self, diff_id: &Digest) -> Result<()> {
        self.remove_directory(&diff_id.hex())?;
        let attempt = || -> Result<()> {
            match fs::remove_file(self.info_path(diff_id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            }
        };
        attempt().with_context(|| format!("remove layer {diff_id}"))
    }

    /// Removes what a layer is under other maps.
    pub fn remove_shifted(&self, diff_id: &Digest) -> Result<()> {
        let prefix = format!("{}.", diff_id.hex());
        let path = self.layout.layers();
        let entries = fs::read_dir(&path).with_context(|| format!("list {}", path.display()))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut shifted = names.filter(|name| name.starts_with(&prefix) && !name.ends_with(".json"));
        shifted.try_for_each(|name| self.remove_directory(&name))
    }

    pub fn info_path(&self, diff_id: &Digest) -> PathBuf {
        info_path(&self.layout.layers(), diff_id)
    }
}

/// Has ext4 put each directory that is made in this one into a part of the disk of its own, as it does at the top of a
/// filesystem (chattr(1), `T`). Beside each other, layers unpacked at the same time wait for the same inode tables,
/// and one that follows others which were removed in the last minutes passes over each of their inodes for every file
/// it makes, which doubles the time of a pull. Other filesystems have their own ways.
fn spread(directory: &Dir) {
    if let Ok(flags) = rustix::fs::ioctl_getflags(directory)
        && !flags.contains(IFlags::TOPDIR)
    {
        let _ = rustix::fs::ioctl_setflags(directory, flags | IFlags::TOPDIR);
    }
}

/// Opens a temporary directory that was just made, and locks it; `None` if it was swept away as a dead process's before.
fn open_locked(path: &Path) -> Result<Option<Dir>> {
    let dir = match Dir::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        dir => dir?,
    };
    rustix::fs::flock(&dir, FlockOperation::LockExclusive)?;
    Ok(path.exists().then_some(dir))
}

/// Layers, lowest first, each where it is highest: what it has there hides all that it had further down, and an overlay
/// refuses to be made of the same directory twice (`ELOOP`).
pub fn shown_once<T: Eq + Hash>(layers: &[T]) -> Vec<&T> {
    let mut seen = HashSet::new();
    let mut shown: Vec<&T> = layers.iter().rev().filter(|layer| seen.insert(*layer)).collect();
    shown.reverse();
    shown
}

fn info_path(layers: &Path, diff_id: &Digest) -> PathBuf {
    layers.join(format!("{}.json", diff_id.hex()))
}

/// A layer in the making. Dropped without [`Staging::commit`], it leaves nothing.
#[must_use]
pub struct Staging {
    parent: Dir,
    name: String,
    dir: Dir,
    tmp: PathBuf,
    layers: PathBuf,
    committed: bool,
}

impl Staging {
    /// The directory to unpack into.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Where it is meanwhile.
    pub fn path(&self) -> PathBuf {
        self.tmp.join(&self.name)
    }

    /// Gives the directory a place outside of the layers: what is in it is no layer.
    pub fn move_to(mut self, place: &Path) -> Result<()> {
        rustix::fs::renameat_with(&self.parent, &self.name, CWD, place, RenameFlags::NOREPLACE)
            .with_context(|| format!("create {}", place.display()))?;
        self.committed = true;
        Ok(())
    }

    /// Renames the layer into place; its files must be on the disk. Where another process was faster, that
    /// one's stays and this one goes.
    pub fn commit(mut self, diff_id: &Digest, info: LayerInfo) -> Result<()> {
        self.committed = self.place(diff_id, info)?;
        Ok(())
    }

    /// Like [`Staging::commit`], for a directory that another process keeps and that is in use: where another was
    /// faster, which is false, it stays where it is.
    pub fn place(&self, diff_id: &Digest, info: LayerInfo) -> Result<bool> {
        self.rename(diff_id, info).with_context(|| format!("store layer {diff_id}"))
    }

    /// Lets go of a directory that [`Staging::place`] has given its name.
    pub fn placed(mut self) {
        self.committed = true;
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(walk::list(self.dir.open_dir("")?.as_fd())?.is_empty())
    }

    /// Its name in `tmp/`.
    pub fn name(&self) -> &OsStr {
        OsStr::new(&self.name)
    }

    /// Puts the layer in the place of whatever has its name, which goes; its files must be on the disk.
    pub fn replace(self, diff_id: &Digest, info: LayerInfo) -> Result<()> {
        let place = self.layers.join(diff_id.hex());
        let replace = || -> Result<bool> {
            self.write_info(diff_id, info)?;
            match rustix::fs::renameat_with(&self.parent, &self.name, CWD, &place, RenameFlags::EXCHANGE) {
                Ok(()) => Ok(true),
                Err(Errno::NOENT) => Ok(false),
                Err(error) => Err(error.into()),
            }
        };
        match replace().with_context(|| format!("replace layer {diff_id}"))? {
            // What was there is dropped as a layer that was not committed is.
            true => Ok(()),
            false => self.commit(diff_id, info),
        }
    }

    /// Renames a layer that was made for a map into place, as [`Staging::commit`] does.
    pub fn commit_shifted(mut self, diff_id: &Digest, map: &str) -> Result<()> {
        self.committed = self
            .give_name(&Layers::shifted_name(diff_id, map))
            .with_context(|| format!("store layer {diff_id}"))?;
        Ok(())
    }

    /// Writes the count, then gives the directory its name; false where that is taken.
    fn rename(&self, diff_id: &Digest, info: LayerInfo) -> Result<bool> {
        self.write_info(diff_id, info)?;
        self.give_name(&diff_id.hex())
    }

    fn write_info(&self, diff_id: &Digest, info: LayerInfo) -> Result<()> {
        private_directory(&self.layers)?;
        let content = serde_json::to_vec(&info).context("encode the layer's size")?;
        file::write_atomic(&info_path(&self.layers, diff_id), &content, Durability::Synced)
    }

    fn give_name(&self, name: &str) -> Result<bool> {
        let target = self.layers.join(name);
        // By paths: the caller may have got a mount namespace of its own since the directory was made.
        match rustix::fs::renameat_with(CWD, self.path(), CWD, &target, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.committed {
            let _ = self.parent.remove_all(OsStr::new(&self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn the_first_of_two_stays() {
        let scratch = Scratch::new();
        let layers = Layers::new(&scratch.layout);
        let diff_id = Digest::of(b"");
        let info = LayerInfo { size: 7, entries: 2 };
        for content in ["first", "second"] {
            let staging = layers.stage().unwrap();
            fs::write(scratch.layout.tmp().join(&staging.name).join("file"), content).unwrap();
            staging.commit(&diff_id, info).unwrap();
        }
        assert_eq!(fs::read(layers.path(&diff_id).join("file")).unwrap(), b"first");
        assert_eq!(layers.info(&diff_id).unwrap(), info);
        for content in ["third", "fourth"] {
            let staging = layers.stage().unwrap();
            fs::write(scratch.layout.tmp().join(&staging.name).join("file"), content).unwrap();
            staging.replace(&diff_id, LayerInfo { size: 8, entries: 2 }).unwrap();
            assert_eq!(fs::read(layers.path(&diff_id).join("file")).unwrap(), content.as_bytes());
            assert_eq!(layers.info(&diff_id).unwrap().size, 8);
            fs::remove_dir_all(layers.path(&diff_id)).unwrap();
        }
        layers.stage().unwrap().commit(&diff_id, info).unwrap();
        drop(layers.stage().unwrap());
        assert_eq!(fs::read_dir(scratch.layout.tmp()).unwrap().count(), 0);
        layers.remove(&diff_id).unwrap();
        layers.remove(&diff_id).unwrap();
        assert!(!layers.has(&diff_id));
        assert_eq!(fs::read_dir(scratch.layout.layers()).unwrap().count(), 0);
    }
    #[test]
    fn layers_are_spread_where_the_filesystem_can() {
        const EXT4: i64 = 0xef53;
        let scratch = Scratch::new();
        let _staging = Layers::new(&scratch.layout).stage().unwrap();
        let tmp = Dir::open(&scratch.layout.tmp()).unwrap();
        if rustix::fs::fstatfs(&tmp).unwrap().f_type as i64 == EXT4 {
            assert!(rustix::fs::ioctl_getflags(&tmp).unwrap().contains(IFlags::TOPDIR));
        } else {
            println!("skipped: this is not ext4");
        }
    }
}
