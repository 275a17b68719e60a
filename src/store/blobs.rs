//! Content by digest: `images/blobs/sha256/<hex>`.
//!
//! A blob appears under its digest only after every byte has been hashed and is on the disk, so a name that exists
//! is content that was right. Unfinished blobs are in `tmp/`, those that a later process can go on with in
//! `cache/partial/` ([`partial`]), locked by their writer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::layout::Layout;
use super::partial::{self, Partial};
use crate::base::digest::Digest;
use crate::base::hint::{self, HintExt};
use crate::base::id;
use crate::base::verify::VerifyError;
use crate::config::paths::private_directory;

/// What most manifests and configurations have room in.
const DOCUMENT: usize = 8 << 10;

/// The blobs of one store.
#[derive(Clone, Copy)]
pub struct Blobs<'a> {
    layout: &'a Layout,
}

impl<'a> Blobs<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// Whether this content is here, whole.
    pub fn has(&self, digest: &Digest) -> bool {
        self.layout.blob(digest).is_file()
    }

    /// Opens a blob for reading. A missing one is an error that `io::ErrorKind::NotFound` is the cause of.
    pub fn open(&self, digest: &Digest) -> Result<File> {
        // Nobody waits for the writer of a pipe that has got into its place.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(self.layout.blob(digest));
        opened.with_context(|| format!("open blob {digest}"))
    }

    /// Reads a blob of at most `limit` bytes and checks it against its digest.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        // Most documents are read at once.
        let mut content = Vec::with_capacity(DOCUMENT);
        let read = self.open(digest)?.take(limit + 1).read_to_end(&mut content);
        read.with_context(|| format!("read blob {digest}"))?;
        if content.len() as u64 > limit {
            bail!("read blob {digest}: larger than {limit} bytes");
        }
        let size = content.len() as u64;
        check(digest, size, &Digest::of(&content), size)
            .with_context(|| format!("read blob {digest}"))
            .hint(|| hint::CHECK)?;
        Ok(content)
    }

    /// Stores a document held in memory, which must have this digest. One that is there already is kept.
    pub fn put(&self, digest: &Digest, content: &[u8]) -> Result<()> {
        if self.has(digest) {
            let size = content.len() as u64;
            return check(digest, size, &Digest::of(content), size)
                .with_context(|| format!("store blob {digest}"));
        }
        let mut writer = self.writer()?;
        writer.write_all(content).with_context(|| format!("write blob {digest}"))?;
        writer.commit(digest, content.len() as u64)
    }

    /// Starts a blob whose content is still to come.
    pub fn writer(&self) -> Result<BlobWriter> {
        loop {
            let path = self.layout.tmp().join(format!("blob-{}", id::random_hex(16)));
            let open = || {
                private_directory(&self.layout.tmp())?;
                let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                file.lock()?;
                anyhow::Ok(file)
            };
            let file = open().with_context(|| format!("create {}", path.display()))?;
            // Before it was locked it may have been swept away as a dead process's.
            if path.exists() {
                return Ok(self.write_to(Partial { file, path, length: 0 }, false));
            }
        }
    }

    /// Goes on with a blob of `size` bytes that an earlier process has left, or starts it. Where another process
    /// is writing it, this is a blob beside that one.
    pub fn resume(&self, digest: &Digest, size: u64) -> Result<BlobWriter> {
        match partial::open(self.layout, digest, size)? {
            Some(partial) => Ok(self.write_to(partial, true)),
            None => self.writer(),
        }
    }

    fn write_to(&self, partial: Partial, can_be_resumed: bool) -> BlobWriter {
        let Partial { file, path, length } = partial;
        let blobs = self.layout.images().join("blobs/sha256");
        BlobWriter {
            file,
            path,
            blobs,
            present: length,
            hasher: Sha256::new(),
            size: 0,
            can_be_resumed,
            stays: false,
        }
    }

    /// Forgets a blob. One that is already gone is no error.
    pub fn remove(&self, digest: &Digest) -> Result<()> {
        match fs::remove_file(self.layout.blob(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove blob {digest}"))
            }
            _ => Ok(()),
        }
    }
}

/// A blob in the making: hashes what is written to it. Dropped without [`BlobWriter::commit`] or
/// [`BlobWriter::leave`], it leaves nothing.
#[must_use]
pub struct BlobWriter {
    file: File,
    path: PathBuf,
    /// The directory it is renamed into.
    blobs: PathBuf,
    /// How many bytes were there in the beginning. They are written again to be hashed.
    present: u64,
    hasher: Sha256,
    size: u64,
    can_be_resumed: bool,
    stays: bool,
}

impl BlobWriter {
    /// Checks size and digest of what was written, syncs it and gives it its name.
    pub fn commit(self, digest: &Digest, size: u64) -> Result<()> {
        self.verify(digest, size)?.publish(Sync::Here)
    }

    /// Checks size and digest of what was written. Nothing is visible before [`VerifiedBlob::publish`].
    pub fn verify(mut self, digest: &Digest, size: u64) -> Result<VerifiedBlob, VerifyError> {
        let actual = Digest::from_hasher(std::mem::take(&mut self.hasher));
        check(digest, size, &actual, self.size)?;
        Ok(VerifiedBlob { writer: self, digest: digest.clone() })
    }

    /// How many bytes an earlier process has left: the blob goes on behind them.
    pub fn present(&self) -> u64 {
        self.present
    }

    /// Reads what an earlier process has left, which has to be written again: only so is it hashed.
    pub fn earlier(&self) -> io::Result<impl Read + use<>> {
        partial::read(&self.path, self.present)
    }

    /// Leaves what has been written to whoever goes on with it.
    pub fn leave(mut self) {
        self.stays = self.can_be_resumed && self.present.max(self.size) > 0;
    }

    /// Stores what was written, whatever it is; returns its digest and size.
    pub fn keep(mut self) -> Result<(Digest, u64)> {
        let (digest, size) = (Digest::from_hasher(std::mem::take(&mut self.hasher)), self.size);
        VerifiedBlob { writer: self, digest: digest.clone() }.publish(Sync::Here)?;
        Ok((digest, size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = match self.present.saturating_sub(self.size) {
            0 => self.file.write(buffer)?,
            // In range: at most the length of the buffer.
            left => left.min(buffer.len() as u64) as usize,
        };
        self.hasher.update(&buffer[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if !self.stays {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Who has made, or makes, the content durable before it gets its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sync {
    /// This call, by syncing the file.
    Here,
    /// The caller has synced the whole filesystem.
    Done,
}

/// A blob that is what it claims to be and waits for its name.
#[must_use]
pub struct VerifiedBlob {
    writer: BlobWriter,
    digest: Digest,
}

impl VerifiedBlob {
    /// Gives the blob its name. Another process may have done so before: the content is the same.
    pub fn publish(mut self, sync: Sync) -> Result<()> {
        let target = self.writer.blobs.join(self.digest.hex());
        let attempt = || -> Result<()> {
            if sync == Sync::Here {
                self.writer.file.sync_data()?;
            }
            rename_into(&self.writer.path, &target)
        };
        attempt().with_context(|| format!("store blob {}", self.digest))?;
        self.writer.stays = true;
        Ok(())
    }
}

/// Renames into the blob directory, which the first blob of a store makes.
fn rename_into(path: &Path, target: &Path) -> Result<()> {
    match fs::rename(path, target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            private_directory(target.parent().unwrap_or(Path::new(".")))?;
            Ok(fs::rename(path, target)?)
        }
        result => Ok(result?),
    }
}

/// Compares what content claims to be with what it is.
pub fn check(digest: &Digest, size: u64, actual: &Digest, actual_size: u64) -> Result<(), VerifyError> {
    if actual_size != size {
        return Err(VerifyError::Size { expected: size, actual: actual_size });
    }
    if actual != digest {
        return Err(VerifyError::Digest { expected: digest.clone(), actual: actual.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn keeps_what_is_true() {
        let scratch = Scratch::new();
        let blobs = Blobs::new(&scratch.layout);
        let digest = Digest::of(b"hello");
        assert!(!blobs.has(&digest));
        blobs.put(&digest, b"hello").unwrap();
        blobs.put(&digest, b"hello").unwrap();
        assert_eq!(blobs.read(&digest, 5).unwrap(), b"hello");
        assert!(blobs.read(&digest, 4).is_err());
        blobs.remove(&digest).unwrap();
        blobs.remove(&digest).unwrap();
        assert!(!blobs.has(&digest));
    }

    #[test]
    fn leaves_nothing_of_what_is_false() {
        let scratch = Scratch::new();
        let blobs = Blobs::new(&scratch.layout);
        let digest = Digest::of(b"hello");
        for (content, size, error) in [
            (&b"hello"[..], 6, "size is 5, expected 6"),
            (b"hullo", 5, "expected sha256:2cf24dba5fb0"),
            (b"hell", 5, "size is 4, expected 5"),
        ] {
            let mut writer = blobs.writer().unwrap();
            writer.write_all(content).unwrap();
            let text = format!("{:#}", writer.commit(&digest, size).unwrap_err());
            assert!(text.contains(error), "{text}");
        }
        assert!(blobs.put(&digest, b"hullo").is_err());
        drop(blobs.writer().unwrap());
        assert!(!blobs.has(&digest));
        assert_eq!(fs::read_dir(scratch.layout.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn notices_rot() {
        let scratch = Scratch::new();
        let blobs = Blobs::new(&scratch.layout);
        let digest = Digest::of(b"hello");
        blobs.put(&digest, b"hello").unwrap();
        fs::write(scratch.layout.blob(&digest), "hullo").unwrap();
        let error = blobs.read(&digest, 100).unwrap_err();
        assert!(format!("{error:#}").contains("digest is"), "{error:#}");
    }
}
