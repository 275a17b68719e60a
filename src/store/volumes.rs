//! Volumes: directories that outlive containers.
//!
//! ```text
//! volumes/<name>/volume.json   the record; one that is missing or damaged takes nothing from the data
//! volumes/<name>/_data         what a container sees
//! ```
//!
//! A volume is made in `tmp/` and renamed, so of many that make one at once one does, and none sees half of it.
//! Who puts a volume into a container's record keeps a [`Held`] until that record is written; a removal looks
//! for users and takes the name away while nobody holds. It waits for the lock of that one volume alone.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::base::file::{self, Durability};
use crate::base::id;
use crate::sys::path::Dir;

/// The one driver there is.
pub const LOCAL: &str = "local";

/// The version of `volume.json` that is written.
const VERSION: u32 = 1;

/// A record is small; a file beyond this is not one of ours.
const RECORD_LIMIT: u64 = 1 << 20;

/// Attempts at what a removal or a collection may take away in between.
const RACE_LIMIT: usize = 100;

/// A volume on record: `volume.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    pub version: u32,
    pub name: String,
    pub created: Timestamp,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Options of the local driver, as given: `type`, `device`, `o`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// Docker's label of a volume that was made without a name, for one container.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

impl Volume {
    /// Whether it was made without a name.
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS)
    }
}

/// A volume that is to be there, and what it gets if it has to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    pub name: String,
    pub anonymous: bool,
    pub labels: BTreeMap<String, String>,
    pub options: BTreeMap<String, String>,
}

/// A volume that is not there.
#[derive(Debug, thiserror::Error)]
#[error("get {0}: no such volume")]
pub struct NoSuchVolume(pub String);

/// Keeps a volume from being removed until it is dropped.
#[must_use]
pub struct Held {
    _directory: File,
}

/// The volumes of one store.
#[derive(Clone, Copy)]
pub struct Volumes<'a> {
    layout: &'a Layout,
}

impl<'a> Volumes<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// What a container sees of a volume.
    pub fn data(&self, name: &str) -> PathBuf {
        self.layout.volumes().join(name).join("_data")
    }

    /// Whether there is a volume of this name.
    pub fn exists(&self, name: &str) -> bool {
        id::is_valid_name(name) && self.data(name).is_dir()
    }

    /// Reads a record. A volume without a readable one is there all the same.
    pub fn load(&self, name: &str) -> Result<Volume> {
        let data = if id::is_valid_name(name) { fs::metadata(self.data(name)).ok() } else { None };
        let data = data.ok_or_else(|| NoSuchVolume(name.to_owned()))?;
        let read =
            || serde_json::from_slice(&file::read_bounded(&self.record(name), RECORD_LIMIT).ok()?).ok();
        Ok(read().unwrap_or_else(|| Volume {
            version: VERSION,
            name: name.to_owned(),
            created: Timestamp::from_second(data.ctime()).unwrap_or_default(),
            labels: anonymous_label(name.len() == 64 && id::is_id_prefix(name)),
            options: BTreeMap::new(),
        }))
    }

    /// Whether the record of a volume can be read, where it has one.
    pub fn check(&self, name: &str) -> Result<()> {
        let path = self.record(name);
        let Some(content) = file::read_bounded_if_there(&path, RECORD_LIMIT)? else { return Ok(()) };
        let read = serde_json::from_slice::<Volume>(&content);
        read.map(drop).with_context(|| format!("read {}", path.display()))
    }

    /// Every volume, by name.
    pub fn list(&self) -> Result<Vec<Volume>> {
        let path = self.layout.volumes();
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("list {}", path.display())),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut volumes: Vec<_> = names.filter_map(|name| self.load(&name).ok()).collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    /// Makes a volume where there is none of its name; says whether it did. One that is there stays as it is.
    pub fn create(&self, wanted: &Wanted) -> Result<bool> {
        check_name(&wanted.name)?;
        if self.data(&wanted.name).is_dir() {
            return Ok(false);
        }
        self.layout.create()?;
        for _ in 0..RACE_LIMIT {
            match self.stage(wanted) {
                // A collection took the directory before it was locked.
                Err(error) if is_not_found(&error) => {}
                staged => return staged.with_context(|| format!("create volume {}", wanted.name)),
            }
        }
        bail!("create volume {}: its directory is taken away again and again", wanted.name)
    }

    /// Makes the volume in `tmp/`, then gives it its name; false where that was taken meanwhile.
    fn stage(&self, wanted: &Wanted) -> Result<bool> {
        let staging = self.layout.tmp().join(format!("volume-{}", id::random_hex(16)));
        DirBuilder::new().mode(0o700).create(&staging)?;
        // A collection leaves what is locked alone.
        let lock = File::open(&staging)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        let renamed = self.fill_staging(&staging, wanted);
        if !matches!(renamed, Ok(true)) {
            let _ = fs::remove_dir_all(&staging);
        }
        renamed
    }

    fn fill_staging(&self, staging: &Path, wanted: &Wanted) -> Result<bool> {
        let durability = if wanted.anonymous { Durability::Fast } else { Durability::Synced };
        DirBuilder::new().mode(0o755).create(staging.join("_data"))?;
        let record = Volume {
            version: VERSION,
            name: wanted.name.clone(),
            created: Timestamp::now(),
            labels: wanted.labels.clone().into_iter().chain(anonymous_label(wanted.anonymous)).collect(),
            options: wanted.options.clone(),
        };
        let content = serde_json::to_vec(&record).context("encode the record")?;
        file::write_atomic(&staging.join("volume.json"), &content, durability)?;
        let volumes = self.layout.volumes();
        match rustix::fs::renameat_with(CWD, staging, CWD, volumes.join(&wanted.name), RenameFlags::NOREPLACE)
        {
            Ok(()) if durability == Durability::Synced => {
                file::sync_directory(&volumes)?;
                Ok(true)
            }
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Makes a volume where there is none, and keeps it; says whether it was made.
    pub fn hold(&self, wanted: &Wanted) -> Result<(Held, bool)> {
        let mut made = false;
        for _ in 0..RACE_LIMIT {
            made |= self.create(wanted)?;
            if let Some(directory) = self.lock(&wanted.name, FlockOperation::LockShared)? {
                return Ok((Held { _directory: directory }, made));
            }
        }
        bail!("use volume {}: it is removed again and again", wanted.name)
    }

    /// Keeps a volume that is there.
    pub fn hold_existing(&self, name: &str) -> Result<Held> {
        if self.exists(name)
            && let Some(directory) = self.lock(name, FlockOperation::LockShared)?
        {
            return Ok(Held { _directory: directory });
        }
        Err(NoSuchVolume(name.to_owned()).into())
    }

    /// Takes a volume's name away, if `check` has nothing against it once nobody holds the volume. Returns the
    /// name of what is left in `tmp/`, for the caller to remove.
    pub fn detach(&self, name: &str, check: impl FnOnce() -> Result<()>) -> Result<String> {
        let gone = || NoSuchVolume(name.to_owned());
        if !self.exists(name) {
            return Err(gone().into());
        }
        let Some(_lock) = self.lock(name, FlockOperation::LockExclusive)? else { return Err(gone().into()) };
        check()?;
        let place = format!("rm-{}", id::random_hex(16));
        fs::rename(self.layout.volumes().join(name), self.layout.tmp().join(&place))
            .with_context(|| format!("remove volume {name}"))?;
        Ok(place)
    }

    /// Removes what [`Volumes::detach`] has left. Must run as the owner of its files: in the user namespace,
    /// unless they are all the user's own.
    pub fn erase(&self, place: &str) -> io::Result<()> {
        Dir::open(&self.layout.tmp())?.remove_all(OsStr::new(place))
    }

    /// Waits for the lock of a volume's directory; none if that has gone, or is another by now.
    fn lock(&self, name: &str, operation: FlockOperation) -> Result<Option<File>> {
        let path = self.layout.volumes().join(name);
        let directory = match File::open(&path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
        };
        rustix::fs::flock(&directory, operation).with_context(|| format!("lock {}", path.display()))?;
        let locked = directory.metadata().with_context(|| format!("inspect {}", path.display()))?;
        let is_same = |named: fs::Metadata| (named.dev(), named.ino()) == (locked.dev(), locked.ino());
        Ok(fs::metadata(&path).is_ok_and(is_same).then_some(directory))
    }

    fn record(&self, name: &str) -> PathBuf {
        self.layout.volumes().join(name).join("volume.json")
    }
}

/// Refuses what docker refuses for a name, with its words.
pub fn check_name(name: &str) -> Result<()> {
    if name.len() == 1 {
        bail!(
            "create {name}: volume name is too short, names should be at least two alphanumeric characters"
        );
    }
    if !id::is_valid_name(name) {
        bail!(
            "create {name}: \"{name}\" includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        );
    }
    Ok(())
}

fn anonymous_label(anonymous: bool) -> BTreeMap<String, String> {
    anonymous.then(|| (ANONYMOUS.to_owned(), String::new())).into_iter().collect()
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn wanted(name: &str) -> Wanted {
        Wanted { name: name.to_owned(), ..Wanted::default() }
    }

    #[test]
    fn one_of_many_makes_it() {
        let scratch = Scratch::new();
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let (held, new) = Volumes::new(&scratch.layout).hold(&wanted("data")).unwrap();
                    made.fetch_add(usize::from(new), Ordering::Relaxed);
                    drop(held);
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
        assert_eq!(fs::read_dir(scratch.layout.tmp()).unwrap().count(), 0);
        let volumes = Volumes::new(&scratch.layout).list().unwrap();
        assert_eq!((volumes.len(), volumes[0].name.as_str()), (1, "data"));
    }

    #[test]
    fn a_removal_waits_for_who_holds() {
        let scratch = Scratch::new();
        let volumes = Volumes::new(&scratch.layout);
        let (held, _) = volumes.hold(&wanted("data")).unwrap();
        let recorded = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let removal = scope.spawn(|| {
                volumes.detach("data", || match recorded.load(Ordering::SeqCst) {
                    0 => Ok(()),
                    _ => bail!("in use"),
                })
            });
            std::thread::sleep(std::time::Duration::from_millis(50));
            recorded.store(1, Ordering::SeqCst);
            drop(held);
            assert_eq!(removal.join().unwrap().unwrap_err().to_string(), "in use");
        });
        let place = volumes.detach("data", || Ok(())).unwrap();
        assert!(!volumes.exists("data"));
        volumes.erase(&place).unwrap();
        assert!(volumes.detach("data", || Ok(())).unwrap_err().is::<NoSuchVolume>());
    }

    #[test]
    fn a_volume_is_there_without_its_record() {
        let scratch = Scratch::new();
        let volumes = Volumes::new(&scratch.layout);
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let first = Wanted { labels: labels.clone(), ..wanted("data") };
        assert!(volumes.create(&first).unwrap());
        assert!(!volumes.create(&wanted("data")).unwrap());
        assert_eq!(volumes.load("data").unwrap().labels, labels);
        fs::write(volumes.record("data"), "").unwrap();
        assert_eq!(volumes.load("data").unwrap().labels, BTreeMap::new());
        assert_eq!(volumes.list().unwrap().len(), 1);
    }

    #[test]
    fn names() {
        for (name, want) in [
            ("x", "create x: volume name is too short, names should be at least two alphanumeric characters"),
            ("../x", "create ../x: \"../x\" includes invalid characters for a local volume name"),
            (".hidden", "create .hidden: \".hidden\" includes"),
        ] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.starts_with(want), "{error}");
        }
        check_name("my_data.v2-x").unwrap();
        let scratch = Scratch::new();
        assert!(Volumes::new(&scratch.layout).load("../names").unwrap_err().is::<NoSuchVolume>());
    }
}
