//! How much room directories take, as docker counts: file data, each file once.

use std::collections::HashSet;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Engine, namespace};
use crate::base::walk::{FileId, Step, Walk};
use crate::sys::path::Dir;

/// The bytes in each of some directories; none in one that is not there. One user namespace is made for all that the
/// user may not read.
pub fn directories(engine: &Engine, paths: &[PathBuf]) -> Result<Vec<u64>> {
    with_rights(engine, || paths.iter().map(|path| directory(path)).collect())
}

/// Measures, and does it once more in the user's namespace where the user may not read something.
pub fn with_rights<T>(engine: &Engine, measure: impl Fn() -> Result<T>) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    match measure() {
        Err(error) if is_denied(&error) => {
            let opened = namespace::open(engine)?.finish()?;
            namespace::run_inside(&opened, measure)
        }
        measured => measured,
    }
}

/// The bytes in one directory: of a container or a volume that has just been removed there are none.
pub fn directory(path: &Path) -> Result<u64> {
    match Dir::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        top => tree(top.with_context(|| format!("open {}", path.display()))?),
    }
}

/// The bytes beneath a directory. What goes while it is read is not counted.
pub fn tree(top: Dir) -> Result<u64> {
    let mut walk = Walk::new(top.into())?;
    let mut counted = Counted::default();
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else { continue };
        let stat = match rustix::fs::statat(walk.here(), &entry.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            stat => stat.map_err(Error::from)?,
        };
        counted.add(&stat);
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            match walk.enter(&entry.name) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                entered => entered?,
            }
        }
    }
    Ok(counted.bytes)
}

/// File data, each file once.
#[derive(Default)]
pub struct Counted {
    pub bytes: u64,
    seen: HashSet<FileId>,
}

impl Counted {
    pub fn add(&mut self, stat: &Stat) {
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if is_file && (stat.st_nlink == 1 || self.seen.insert((stat.st_dev, stat.st_ino))) {
            self.bytes += stat.st_size.unsigned_abs();
        }
    }
}

fn is_denied(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Error>().is_some_and(|cause| cause.kind() == ErrorKind::PermissionDenied)
        || error.downcast_ref::<Errno>() == Some(&Errno::ACCESS)
}
