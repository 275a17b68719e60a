//! What builds have made: `cache/build/<key>.json`, by the key of the step that made it.
//!
//! The layer of an entry is among the layers like any other, and an entry keeps it from being collected. An entry is
//! written once its layer is there, so whatever dies leaves at most a layer that nobody names. When it was last used
//! is the time of the file.
//!
//! Beside them, `cache/mounts/<id>/` are the directories of `RUN --mount=type=cache`.

use std::fs::{self, File, FileTimes};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::gc::names_in;
use super::layers::Layers;
use super::layout::Layout;
use crate::base::digest::Digest;
use crate::base::file::{self, Durability};
use crate::config::paths::private_directory;
use crate::sys::lock;

/// An entry is small; one beyond this is not ours.
const LIMIT: u64 = 64 << 10;

/// What a step has made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// What steps upon this one depend on; for files that were copied from another stage this tells of the files alone.
    pub key: Digest,
    /// None: it has changed nothing.
    pub layer: Option<Layer>,
    pub created: Timestamp,
    /// The instruction.
    pub description: String,
}

/// A layer as images name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    pub diff_id: Digest,
    /// Bytes of its archive, which is as large as the blob that holds it uncompressed.
    pub archive: u64,
    /// Bytes in its files.
    pub size: u64,
}

/// An entry as it is listed.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Digest,
    pub made: Made,
    pub used: SystemTime,
}

/// The build cache of one store.
#[derive(Clone, Copy)]
pub struct BuildCache<'a> {
    layout: &'a Layout,
}

/// Others who want to make what has this key wait until this is dropped.
#[must_use]
pub struct KeyLock {
    _file: File,
}

impl<'a> BuildCache<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// What the step with this key has made, if its layer is still there. One that cannot be read is as none.
    pub fn find(&self, key: &Digest) -> Option<Made> {
        let path = self.path(key);
        let made: Made = serde_json::from_slice(&file::read_bounded(&path, LIMIT).ok()?).ok()?;
        if made.layer.as_ref().is_some_and(|layer| !Layers::new(self.layout).has(&layer.diff_id)) {
            return None;
        }
        // Only the order of disposal depends on it.
        let _ = File::open(&path)
            .and_then(|file| file.set_times(FileTimes::new().set_modified(SystemTime::now())));
        Some(made)
    }

    /// Remembers what a step has made. Its layer is on the disk.
    pub fn put(&self, key: &Digest, made: &Made) -> Result<()> {
        private_directory(&self.layout.build_cache())?;
        let content = serde_json::to_vec(made).context("encode an entry of the build cache")?;
        file::write_atomic(&self.path(key), &content, Durability::Fast)
    }

    /// Waits until nobody else makes what has this key.
    pub fn lock(&self, key: &Digest) -> Result<KeyLock> {
        let path = self.layout.locks().join("build");
        let attempt = || format!("lock {}", path.display());
        let open = File::options().create(true).truncate(false).write(true).read(true).open(&path);
        let file = open.with_context(attempt)?;
        // A byte of its own for each key, so that no files gather.
        let digits = key.hex().get(..15).and_then(|digits| i64::from_str_radix(digits, 16).ok());
        lock::byte(&file, digits.unwrap_or_default()).with_context(attempt)?;
        Ok(KeyLock { _file: file })
    }

    /// Every entry that can be read, those last that were used last.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let directory = self.layout.build_cache();
        let files = match fs::read_dir(&directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.with_context(|| format!("list {}", directory.display()))?,
        };
        let mut entries = Vec::new();
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let key = name.strip_suffix(".json").and_then(|hex| format!("sha256:{hex}").parse().ok());
            let Some(key) = key else { continue };
            let content = file::read_bounded(&file.path(), LIMIT).ok();
            let made = content.and_then(|content| serde_json::from_slice(&content).ok());
            let used = file.metadata().and_then(|metadata| metadata.modified());
            if let (Some(made), Ok(used)) = (made, used) {
                entries.push(Entry { key, made, used });
            }
        }
        entries.sort_by_key(|entry| entry.used);
        Ok(entries)
    }

    /// Forgets an entry; its layer goes with the next collection.
    pub fn remove(&self, key: &Digest) -> Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Takes away what writers that were killed have left; while nobody holds.
    pub fn sweep(&self) -> Result<()> {
        let directory = self.layout.build_cache();
        for name in names_in(&directory)?.iter().filter(|name| name.starts_with('.')) {
            let path = directory.join(name);
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
        Ok(())
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.layout.build_cache().join(format!("{}.json", key.hex()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::layers::LayerInfo;
    use crate::store::tests::Scratch;

    #[test]
    fn an_entry_is_as_good_as_its_layer() {
        let scratch = Scratch::new();
        scratch.layout.create().unwrap();
        let cache = BuildCache::new(&scratch.layout);
        let (key, diff_id) = (Digest::of(b"key"), Digest::of(b"layer"));
        let made = Made {
            key: key.clone(),
            layer: Some(Layer { diff_id: diff_id.clone(), archive: 1024, size: 7 }),
            created: Timestamp::UNIX_EPOCH,
            description: "RUN true".into(),
        };
        assert_eq!(cache.find(&key), None);
        cache.put(&key, &made).unwrap();
        assert_eq!(cache.find(&key), None, "there is no layer");
        let layers = Layers::new(&scratch.layout);
        layers.stage().unwrap().commit(&diff_id, LayerInfo { size: 7, entries: 1 }).unwrap();
        assert_eq!(cache.find(&key), Some(made.clone()));
        assert_eq!(cache.list().unwrap()[0].made, made);
        let _first = cache.lock(&key).unwrap();
        let _other = cache.lock(&Digest::of(b"other")).unwrap();
        cache.remove(&key).unwrap();
        cache.remove(&key).unwrap();
        assert!(cache.list().unwrap().is_empty());
    }
}
