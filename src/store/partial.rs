//! Blobs of which only a part has come: `cache/partial/<hex>`.
//!
//! Whoever writes one has it locked. A pull that is killed, or loses its registry, leaves it behind, and the next one
//! goes on behind its last byte. Nothing in it is believed before the whole has been hashed; one that turns out
//! wrong is removed. What nobody has gone on with for a week is collected.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::layout::Layout;
use crate::base::digest::Digest;
use crate::config::paths::private_directory;

/// How long a part is kept for a pull that goes on with it.
pub const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The part of a blob, locked, its file at the end.
pub struct Partial {
    pub file: File,
    pub path: PathBuf,
    /// How many bytes are there.
    pub length: u64,
}

/// Opens the part of a blob of `size` bytes, an empty one where there is none; `None` where another process writes it.
pub fn open(layout: &Layout, digest: &Digest, size: u64) -> Result<Option<Partial>> {
    let path = layout.partial(digest);
    let open = || -> Result<Option<Partial>> {
        private_directory(&layout.partials())?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true).mode(0o600);
        loop {
            let mut file = options.open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            if !is_named(&file, &path)? {
                continue;
            }
            if file.metadata()?.len() > size {
                file.set_len(0)?;
            }
            let length = file.seek(SeekFrom::End(0))?;
            return Ok(Some(Partial { file, path: path.clone(), length }));
        }
    };
    open().with_context(|| format!("open {}", path.display()))
}

/// Whether the file still has this name: whoever held it before may have made a blob of it, or removed it.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The first `length` bytes of the file with this name, through a descriptor with a position of its own.
pub fn read(path: &Path, length: u64) -> io::Result<impl Read + use<>> {
    Ok(File::open(path)?.take(length))
}

/// Removes the part of a blob, unless somebody writes it.
pub fn remove(layout: &Layout, digest: &Digest) -> Result<()> {
    remove_if(&layout.partial(digest), |_| true).map(drop)
}

/// Removes the parts that nobody has written to for so long; returns how many bytes they had.
pub fn sweep(layout: &Layout, patience: Duration) -> Result<u64> {
    let directory = layout.partials();
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("list {}", directory.display())),
    };
    let is_old = |written: &fs::Metadata| {
        written.modified().is_ok_and(|then| then.elapsed().is_ok_and(|age| age >= patience))
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry.with_context(|| format!("list {}", directory.display()))?;
        bytes += remove_if(&entry.path(), is_old)?;
    }
    Ok(bytes)
}

/// Returns how many bytes were removed.
fn remove_if(path: &Path, is_due: impl Fn(&fs::Metadata) -> bool) -> Result<u64> {
    let attempt = || -> io::Result<u64> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !is_due(&metadata) || file.try_lock().is_err() || !is_named(&file, path)? {
            return Ok(0);
        }
        fs::remove_file(path).map(|()| metadata.len())
    };
    match attempt() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        result => result.with_context(|| format!("remove {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blobs::Blobs;
    use crate::store::tests::Scratch;
    use std::io::Write;

    const CONTENT: &[u8] = b"hello, world";

    /// Writes the first bytes of [`CONTENT`] as a process does that is killed then.
    fn begin(scratch: &Scratch, bytes: &[u8]) -> Digest {
        let digest = Digest::of(CONTENT);
        let mut writer = Blobs::new(&scratch.layout).resume(&digest, CONTENT.len() as u64).unwrap();
        writer.write_all(bytes).unwrap();
        writer.leave();
        digest
    }

    #[test]
    fn goes_on_behind_the_last_byte() {
        let scratch = Scratch::new();
        let blobs = Blobs::new(&scratch.layout);
        let digest = begin(&scratch, &CONTENT[..5]);
        let mut writer = blobs.resume(&digest, CONTENT.len() as u64).unwrap();
        assert_eq!(writer.present(), 5);
        let mut earlier = Vec::new();
        writer.earlier().unwrap().read_to_end(&mut earlier).unwrap();
        assert_eq!(earlier, &CONTENT[..5]);
        // What is there is taken again in whatever pieces.
        writer.write_all(&CONTENT[..3]).unwrap();
        writer.write_all(&CONTENT[3..]).unwrap();
        writer.commit(&digest, CONTENT.len() as u64).unwrap();
        assert_eq!(blobs.read(&digest, 100).unwrap(), CONTENT);
        assert!(!scratch.layout.partial(&digest).exists());
    }

    #[test]
    fn a_second_writer_makes_its_own() {
        let scratch = Scratch::new();
        let blobs = Blobs::new(&scratch.layout);
        let digest = begin(&scratch, &CONTENT[..5]);
        let size = CONTENT.len() as u64;
        let first = blobs.resume(&digest, size).unwrap();
        let mut second = blobs.resume(&digest, size).unwrap();
        assert_eq!((first.present(), second.present()), (5, 0));
        assert_eq!(sweep(&scratch.layout, Duration::ZERO).unwrap(), 0, "it is in use");
        second.write_all(CONTENT).unwrap();
        second.commit(&digest, size).unwrap();
        first.leave();
        assert_eq!(sweep(&scratch.layout, Duration::ZERO).unwrap(), 5);
        assert!(blobs.has(&digest));
    }

    #[test]
    fn what_is_wrong_does_not_stay() {
        let scratch = Scratch::new();
        let blobs = Blobs::new(&scratch.layout);
        let digest = begin(&scratch, b"hullo");
        let partial = scratch.layout.partial(&digest);
        let size = CONTENT.len() as u64;
        let mut writer = blobs.resume(&digest, size).unwrap();
        writer.write_all(b"hullo").unwrap();
        writer.write_all(&CONTENT[5..]).unwrap();
        assert!(writer.commit(&digest, size).is_err());
        assert!(!partial.exists());
        begin(&scratch, b"");
        assert!(!partial.exists(), "nothing is no part");
        begin(&scratch, b"hello");
        assert_eq!(blobs.resume(&digest, 4).unwrap().present(), 0, "longer than the whole");
    }

    #[test]
    fn only_the_old_are_swept() {
        let scratch = Scratch::new();
        let digest = begin(&scratch, &CONTENT[..5]);
        assert_eq!(sweep(&scratch.layout, PATIENCE).unwrap(), 0);
        let file = File::options().write(true).open(scratch.layout.partial(&digest)).unwrap();
        file.set_modified(std::time::SystemTime::now() - PATIENCE - Duration::from_secs(1)).unwrap();
        drop(file);
        assert_eq!(sweep(&scratch.layout, PATIENCE).unwrap(), 5);
        assert_eq!(sweep(&scratch.layout, PATIENCE).unwrap(), 0);
        remove(&scratch.layout, &digest).unwrap();
    }
}
