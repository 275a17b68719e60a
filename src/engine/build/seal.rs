//! A directory becomes a layer: packed, hashed, on the disk, and named after what it holds.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::base::digest::Digest;
use crate::layer::pack::{self, Form};
use crate::store::blobs::Blobs;
use crate::store::build_cache::Layer;
use crate::store::layers::{LayerInfo, Staging};
use crate::store::layout::Layout;

/// Stores a layer, and its archive as a blob where an image is made of it. False: another has its name already, and the
/// directory stays.
pub fn seal(layout: &Layout, staging: &Staging, keeps_blob: bool) -> Result<(Layer, bool)> {
    let top: OwnedFd = staging.dir().open_dir("").context("open the layer")?.into();
    let pack = |out: &mut dyn Write| {
        pack::pack(top, Path::new(""), Form::Upper, out, |_| false, None).context("pack the layer")
    };
    let (packed, diff_id, archive) = if keeps_blob {
        let mut blob = Blobs::new(layout).writer()?;
        let packed = pack(&mut blob)?;
        let (digest, size) = blob.keep()?;
        (packed, digest, size)
    } else {
        let mut hashed = Hashed { hasher: Sha256::new(), size: 0 };
        let packed = pack(&mut hashed)?;
        (packed, Digest::from_hasher(hashed.hasher), hashed.size)
    };
    rustix::fs::syncfs(staging.dir().as_fd()).context("sync the store")?;
    let placed = staging.place(&diff_id, LayerInfo { size: packed.bytes, entries: packed.entries })?;
    Ok((Layer { diff_id, archive, size: packed.bytes }, placed))
}

/// Hashes and counts what is written.
struct Hashed {
    hasher: Sha256,
    size: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
