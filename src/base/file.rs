//! Files that are either as before or as after, never in between.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Whether a write must survive a power cut once it has returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Synced before it gets its name: what would be lost cannot be made again.
    Synced,
    /// Atomic for every reader and after a killed process, not after a power cut.
    Fast,
}

/// Replaces `path` by a file with `content`, mode 0600: readers see the old file or the new one.
pub fn write_atomic(path: &Path, content: &[u8], durability: Durability) -> Result<()> {
    let temporary = temporary_sibling(path);
    let attempt = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        if durability == Durability::Synced {
            file.sync_data()?;
        }
        fs::rename(&temporary, path)?;
        if durability == Durability::Synced {
            sync_directory(parent(path))?;
        }
        Ok(())
    };
    attempt()
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
        .with_context(|| format!("write {}", path.display()))
}

/// Removes what writers of `path` that were killed have left beside it. Nobody else may write it meanwhile.
pub fn sweep_siblings(path: &Path) -> io::Result<()> {
    let prefix = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
    for entry in fs::read_dir(parent(path))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file into a directory that nobody looks at yet, mode 0600.
pub fn write_new(path: &Path, content: &[u8], durability: Durability) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        if durability == Durability::Synced {
            file.sync_data()?;
        }
        Ok(())
    };
    write().with_context(|| format!("write {}", path.display()))
}

/// Makes the names in a directory durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Reads a whole file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    bounded(File::open(path), path, limit)
}

/// The same; `None` where there is no such file. That is no error on the way there, since making one costs more than
/// looking.
pub fn read_bounded_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    match File::open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        opened => bounded(opened, path, limit).map(Some),
    }
}

fn bounded(opened: io::Result<File>, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = opened.with_context(|| format!("open {}", path.display()))?;
    let expected = file.metadata().map_or(0, |metadata| metadata.len().min(limit));
    let mut content = Vec::with_capacity(expected as usize + 1);
    file.take(limit + 1).read_to_end(&mut content).with_context(|| format!("read {}", path.display()))?;
    if content.len() as u64 > limit {
        bail!("read {}: larger than {limit} bytes", path.display());
    }
    Ok(content)
}

/// Holds a `flock(2)` on `path` until it is dropped.
#[must_use]
pub struct FileLock {
    file: File,
}

impl FileLock {
    /// Waits for the lock, making its file where there is none. The file is never removed: a lock on
    /// an unlinked file excludes nobody.
    pub fn acquire(path: &Path) -> Result<Self> {
        let file = Self::open(path)?;
        file.lock().with_context(|| format!("lock {}", path.display()))?;
        Ok(Self { file })
    }

    /// Waits until nobody has the lock exclusively, and keeps it from them; others may do so at the same time.
    pub fn acquire_shared(path: &Path) -> Result<Self> {
        let file = Self::open(path)?;
        file.lock_shared().with_context(|| format!("lock {}", path.display()))?;
        Ok(Self { file })
    }

    /// Takes the lock, if nobody has it.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>> {
        Self::try_lock(Self::open(path)?, path)
    }

    /// Waits for the lock of a directory itself.
    pub fn directory(path: &Path) -> Result<Self> {
        let file = Self::open_directory(path)?;
        file.lock().with_context(|| format!("lock {}", path.display()))?;
        Ok(Self { file })
    }

    /// Takes the lock of a directory itself, if nobody has it.
    pub fn try_directory(path: &Path) -> Result<Option<Self>> {
        Self::try_lock(Self::open_directory(path)?, path)
    }

    fn try_lock(file: File, path: &Path) -> Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
        }
    }

    /// Waits for the lock of a file that its holder may replace with [`write_atomic`], and reads what it holds, at
    /// most `limit` bytes.
    pub fn acquire_replaced(path: &Path, limit: u64) -> Result<(Self, Vec<u8>)> {
        loop {
            let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
            file.lock().with_context(|| format!("lock {}", path.display()))?;
            // Who held it before has left this lock on a file that has no name any more.
            let (ours, named) = (file.metadata()?, fs::metadata(path));
            if named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
                let content = read_bounded(path, limit)?;
                return Ok((Self { file }, content));
            }
        }
    }

    /// Whether what is locked still has a name: one removed before it was locked excludes nobody.
    pub fn is_linked(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
    }

    /// Whatever else may lie there is not waited for.
    fn open_directory(path: &Path) -> Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
        options.open(path).with_context(|| format!("open {}", path.display()))
    }

    fn open(path: &Path) -> Result<File> {
        let open = || OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
        open().with_context(|| format!("open lock {}", path.display()))
    }
}

/// A name beside `path` that no other process uses: in the same directory, so a rename stays atomic.
fn temporary_sibling(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    parent(path).join(format!(".{name}.{}", super::id::random_hex(8)))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
