//! Container directories that nobody sees, in `tmp/`: those in the making and those being removed.
//!
//! A container comes into being, and goes, by one rename, so its record is there whole or not at all. What else
//! there is of it (its name, its run directory, its own volumes) is made after the directory in `tmp/` and cleared
//! away before it: whatever process dies, that directory says what is left, and clearing it away can be done again by
//! anybody. Whoever works on one has it locked; one that is not locked was left by a dead process.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use crate::base::file::{self, Durability, FileLock};
use crate::base::id;

const PREFIX: &str = "container-";

/// Marks a directory whose anonymous volumes go with it.
const WITH_VOLUMES: &str = ".v";

/// The directory of a container in the making, locked.
#[must_use]
pub struct Draft<'a> {
    layout: &'a Layout,
    entry: String,
    lock: FileLock,
}

impl<'a> Draft<'a> {
    /// Makes an empty directory, locked.
    pub fn make(layout: &'a Layout, id: &str) -> Result<Self> {
        let path = layout.tmp().join(entry(id, true));
        for _ in 0..100 {
            let made = fs::DirBuilder::new().mode(0o700).create(&path);
            made.with_context(|| format!("create {}", path.display()))?;
            // Until it is locked it is nobody's, and whoever collects may have taken it.
            match FileLock::directory(&path) {
                Ok(lock) if lock.is_linked() => {
                    return Ok(Self { layout, entry: entry(id, true), lock });
                }
                Err(error) if !is_missing(&error) => return Err(error),
                _ => {}
            }
        }
        bail!("create {}: it is taken away again and again", path.display())
    }

    /// Where everything is put until [`Draft::publish`].
    pub fn path(&self) -> PathBuf {
        self.layout.tmp().join(&self.entry)
    }

    /// Its name in `tmp/`.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// Gives the directory its place.
    pub fn publish(&self, durability: Durability) -> Result<()> {
        let (id, _) = parse(&self.entry).expect("named so when it was made");
        let place = self.layout.container(id);
        let publish = || {
            if durability == Durability::Synced {
                file::sync_directory(&self.path())?;
            }
            fs::rename(self.path(), &place)?;
            if durability == Durability::Synced {
                file::sync_directory(&self.layout.containers())?;
            }
            std::io::Result::Ok(())
        };
        publish().with_context(|| format!("create {}", place.display()))
    }

    /// The lock, which goes wherever the directory goes.
    pub fn into_lock(self) -> FileLock {
        self.lock
    }
}

/// A container that was on record and is to be cleared away.
#[must_use]
pub struct Withdrawn {
    /// Its name in `tmp/`.
    pub entry: String,
    /// Nobody else clears it away meanwhile. A supervisor that has not ended yet may hold it instead.
    _lock: Option<FileLock>,
}

/// Takes a container off record, in one step; `None` if it is not there.
pub fn withdraw(layout: &Layout, id: &str, volumes: bool) -> Result<Option<Withdrawn>> {
    let place = layout.container(id);
    let entry = entry(id, volumes);
    let lock = match FileLock::try_directory(&place) {
        Err(error) if is_missing(&error) => return Ok(None),
        lock => lock?,
    };
    match fs::rename(&place, layout.tmp().join(&entry)) {
        Ok(()) => Ok(Some(Withdrawn { entry, _lock: lock })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("remove {}", place.display())),
    }
}

/// Whether a process that lives is making this container.
pub fn is_being_made(layout: &Layout, id: &str) -> bool {
    matches!(FileLock::try_directory(&layout.tmp().join(entry(id, true))), Ok(None))
}

/// The directories that dead processes have left, locked.
pub fn leftovers(layout: &Layout) -> Result<Vec<(String, FileLock)>> {
    let tmp = layout.tmp();
    let entries = match fs::read_dir(&tmp) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("list {}", tmp.display())),
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let dead = |name: String| Some((FileLock::try_directory(&tmp.join(&name)).ok()??, name));
    Ok(names.filter(|name| parse(name).is_some()).filter_map(dead).map(|(lock, name)| (name, lock)).collect())
}

fn entry(id: &str, volumes: bool) -> String {
    format!("{PREFIX}{id}{}", if volumes { WITH_VOLUMES } else { "" })
}

/// The id of a container from the name of its entry in `tmp/`, and whether its anonymous volumes go with it; none for
/// other entries.
pub fn parse(entry: &str) -> Option<(&str, bool)> {
    let rest = entry.strip_prefix(PREFIX)?;
    let (id, volumes) = rest.strip_suffix(WITH_VOLUMES).map_or((rest, false), |id| (id, true));
    (id.len() == 64 && id::is_id_prefix(id)).then_some((id, volumes))
}

fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn a_draft_is_seen_when_it_is_published() {
        let scratch = Scratch::new();
        let id = "ab".repeat(32);
        let draft = Draft::make(&scratch.layout, &id).unwrap();
        fs::write(draft.path().join("file"), "").unwrap();
        assert!(is_being_made(&scratch.layout, &id) && leftovers(&scratch.layout).unwrap().is_empty());
        draft.publish(Durability::Synced).unwrap();
        assert!(scratch.layout.container(&id).join("file").exists());
        assert!(FileLock::try_directory(&scratch.layout.container(&id)).unwrap().is_none(), "still locked");
        drop(draft.into_lock());
        assert!(!is_being_made(&scratch.layout, &id));
        let gone = withdraw(&scratch.layout, &id, false).unwrap().unwrap();
        assert_eq!(parse(&gone.entry), Some((id.as_str(), false)));
        assert!(withdraw(&scratch.layout, &id, false).unwrap().is_none());
        assert!(leftovers(&scratch.layout).unwrap().is_empty(), "somebody works on it");
        drop(gone);
        assert_eq!(leftovers(&scratch.layout).unwrap().len(), 1);
    }

    #[test]
    fn what_a_dead_process_left_is_found() {
        let scratch = Scratch::new();
        let id = "cd".repeat(32);
        fs::create_dir(scratch.layout.tmp().join(format!("container-{id}.v"))).unwrap();
        for other in ["container-strange", "container-cdcd.v", "blob-1"] {
            fs::create_dir(scratch.layout.tmp().join(other)).unwrap();
        }
        let left = leftovers(&scratch.layout).unwrap();
        assert!(matches!(&left[..], [(name, _)] if parse(name) == Some((id.as_str(), true))));
    }
}
