//! The files of an archive or a directory that images are read from.

use std::fs::File;
use std::io::{self, Read, Write};

use anyhow::{Context, Result, ensure};
use rustix::fs::{Mode, OFlags};

use super::{ArchiveSource, Format};
use crate::base::digest::Digest;
use crate::base::id;
use crate::image::decode::decode;
use crate::layer::compress;
use crate::layer::members::Members;
use crate::store::blobs;
use crate::store::layout::Layout;
use crate::sys::path::Dir;

/// The files of a source.
pub(super) enum Content {
    Directory(Dir),
    /// A `dir:`: one image, each of its files named by the digits of the digest.
    Flat(Dir),
    Archive(Members),
}

impl Content {
    pub(super) fn open(layout: &Layout, source: &ArchiveSource) -> Result<Self> {
        if source.format == Format::OciDirectory || source.format == Format::Any && source.path.is_dir() {
            let directory = Dir::open(&source.path)?;
            let is_flat = source.format == Format::Any && source.path.join("version").is_file();
            return Ok(if is_flat { Self::Flat(directory) } else { Self::Directory(directory) });
        }
        let file = File::open(&source.path)?;
        ensure!(!file.metadata()?.is_dir(), "it is a directory");
        Ok(Self::Archive(Members::open(plain_file(layout, file)?)?))
    }

    /// Opens one file; its size comes beside.
    pub(super) fn file(&self, name: &str) -> Result<(Box<dyn Read + '_>, u64)> {
        match self {
            Self::Archive(members) => {
                let (section, size) = members.get(name).with_context(|| format!("{name:?} is not in it"))?;
                Ok((Box::new(section), size))
            }
            Self::Directory(directory) | Self::Flat(directory) => {
                // Without waiting: it could be a pipe.
                let flags = OFlags::RDONLY | OFlags::NONBLOCK;
                let file = directory.open_file(name, flags, Mode::empty());
                let file = File::from(file.with_context(|| format!("open {name}"))?);
                let meta = file.metadata()?;
                ensure!(meta.is_file(), "{name} is not a file");
                Ok((Box::new(file), meta.len()))
            }
        }
    }

    pub(super) fn blob_name(&self, digest: &Digest) -> String {
        if matches!(self, Self::Flat(_)) { digest.hex() } else { blob_name(digest) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.file(name).is_ok()
    }

    /// Reads one document.
    pub(super) fn document(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let (file, size) = self.file(name)?;
        ensure!(size <= limit, "{name} is larger than {limit} bytes");
        let mut content = Vec::new();
        file.take(limit).read_to_end(&mut content).with_context(|| format!("read {name}"))?;
        Ok(content)
    }

    /// Reads one document by its digest, and checks it.
    pub(super) fn blob(&self, digest: &Digest, size: u64, limit: u64) -> Result<Vec<u8>> {
        let content = self.document(&self.blob_name(digest), limit)?;
        blobs::check(digest, size, &Digest::of(&content), content.len() as u64)
            .with_context(|| format!("blob {}", digest.short()))?;
        Ok(content)
    }
}

/// Where an OCI layout has a blob.
pub fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The digest that a name in an OCI layout claims.
pub(super) fn blob_digest(name: &str) -> Option<Digest> {
    format!("sha256:{}", name.strip_prefix("blobs/sha256/")?).parse().ok()
}

/// Makes sure that an archive can be read at any place and is not compressed as a whole.
pub(super) fn plain_file(layout: &Layout, file: File) -> Result<File> {
    if file.metadata()?.is_file() {
        let mut start = [0; compress::MAGIC];
        let n = std::os::unix::fs::FileExt::read_at(&file, &mut start, 0)?;
        if !compress::is_compressed(&start[..n]) {
            return Ok(file);
        }
    }
    let mut plain = unnamed_file(layout)?;
    decode(file, |piece| plain.write_all(piece).context("write to the store"))?;
    Ok(plain)
}

/// A file that is gone when it is closed.
pub fn unnamed_file(layout: &Layout) -> Result<File> {
    let path = layout.tmp().join(format!("archive-{}", id::random_hex(16)));
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.with_context(|| format!("create {}", path.display()))?;
    match std::fs::remove_file(&path) {
        // Who sweeps what dead processes have left may have been faster.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(file),
    }
}
