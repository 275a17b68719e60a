//! `import`: an image of one layer out of an archive of files.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Engine, events, images};
use crate::base::digest::Digest;
use crate::base::hint::{self, HintExt};
use crate::build::dockerfile;
use crate::image::decode::decode;
use crate::image::ingest::{Batch, IngestOptions, LayerWanted};
use crate::image::progress::Silent;
use crate::image::{admission, archive, compose};
use crate::layer::compress;
use crate::oci::image::{ContainerConfig, History, ImageConfig};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::registry::{self, Options};
use crate::store::blobs::{BlobWriter, Blobs};
use crate::store::gc;
use crate::store::layout::Layout;

/// Where the archive is.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    Path(PathBuf),
    Url(String),
    /// Standard input.
    Open(BorrowedFd<'a>),
}

/// What `import` was asked.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub message: String,
    /// Instructions of a Dockerfile, in order.
    pub changes: Vec<String>,
    pub platform: Option<Platform>,
}

impl Source<'_> {
    /// As the history tells of it.
    fn shown(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Url(url) => url.clone(),
            Self::Open(_) => "-".to_owned(),
        }
    }

    fn open(&self, layout: &Layout) -> Result<File> {
        match self {
            Self::Path(path) => File::open(path).context("open it"),
            Self::Open(fd) => Ok(File::from(fd.try_clone_to_owned().context("duplicate a descriptor")?)),
            Self::Url(url) => {
                let mut file = archive::unnamed_file(layout)?;
                registry::download(url, Options::new(true), &mut file)?;
                file.rewind()?;
                Ok(file)
            }
        }
    }
}

/// Makes an image of an archive, compressed or not, with a name or without one; returns its id.
pub fn import(
    engine: &Engine,
    source: &Source<'_>,
    name: Option<&Reference>,
    wishes: &Wishes,
) -> Result<Digest> {
    let mut config = ContainerConfig::default();
    dockerfile::apply_changes(&wishes.changes, &mut config)?;
    if let Source::Path(path) = source {
        // Before a namespace is made for nothing.
        std::fs::metadata(path).with_context(|| format!("open {}", path.display()))?;
    }
    // What the tools of containers call the files of a root filesystem.
    admission::admit_file("tarball", Path::new(&source.shown()))
        .with_context(|| format!("import {}", source.shown()))?;
    let id: String = images::storing(engine, |fold_ids| {
        let layout = engine.layout();
        let hold = gc::hold(layout)?;
        let stored = store(layout, source, fold_ids).and_then(|(layer, media_type)| {
            let image = document(&layer.diff_id, config, source, wishes);
            let layer = compose::describe_layer(media_type, &layer)?;
            compose::store(layout, &[layer], &image, name)
        });
        gc::release(layout, hold)?;
        if stored.is_err() {
            // The archive is kept before it is unpacked. What was wrong says more than what is left.
            let _ = gc::collect(layout);
        }
        Ok(stored.with_context(|| format!("import {}", source.shown()))?.to_string())
    })?;
    if let Ok(image) = engine.images().lookup(&id) {
        events::image(engine, &image, name, "import");
    }
    Ok(id.parse()?)
}

/// Keeps the archive as it is, as a blob, and unpacks that into a layer; also says what type the blob has. What no
/// registry takes is kept decompressed.
fn store(layout: &Layout, source: &Source<'_>, fold_ids: bool) -> Result<(LayerWanted, &'static str)> {
    let file = source.open(layout)?;
    let mut start = Vec::new();
    (&file).take(compress::MAGIC as u64).read_to_end(&mut start).context("read it")?;
    let source = (&start[..]).chain(file);
    let media_type = compress::codec(&start).media_type();
    let layer = match media_type {
        Some(_) => keep(layout, source)?,
        None => keep_decoded(layout, source)?,
    };
    let batch = Batch::new(layout, IngestOptions::new(fold_ids), &Silent)?;
    // What is in the store is what came: what is wrong with it is the archive's fault, and no damage of the store.
    match batch.unpack_stored(&layer) {
        Err(error) if !hint::is_about_room(&error) => {
            Err(error).hint(|| "look what is in it: tar -tf ARCHIVE")
        }
        unpacked => unpacked,
    }?;
    batch.store()?;
    Ok((layer, media_type.unwrap_or(compress::PLAIN_LAYER)))
}

fn keep(layout: &Layout, source: impl Read) -> Result<LayerWanted> {
    let mut tee = Tee { source, blob: Blobs::new(layout).writer()? };
    let mut hasher = Sha256::new();
    decode(&mut tee, |piece| {
        hasher.update(piece);
        Ok(())
    })?;
    // What is behind the end of the compressed stream.
    io::copy(&mut tee, &mut io::sink())?;
    let (digest, size) = tee.blob.keep()?;
    Ok(LayerWanted { digest, size, diff_id: Digest::from_hasher(hasher) })
}

fn keep_decoded(layout: &Layout, source: impl Read) -> Result<LayerWanted> {
    let mut blob = Blobs::new(layout).writer()?;
    decode(source, |piece| blob.write_all(piece).context("write to the store"))?;
    let (digest, size) = blob.keep()?;
    Ok(LayerWanted { diff_id: digest.clone(), digest, size })
}

/// Keeps what it passes on.
struct Tee<R> {
    source: R,
    blob: BlobWriter,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.blob.write_all(&buffer[..n])?;
        Ok(n)
    }
}

fn document(diff_id: &Digest, config: ContainerConfig, source: &Source<'_>, wishes: &Wishes) -> ImageConfig {
    let platform = wishes.platform.clone().unwrap_or_else(Platform::host);
    let created = Some(Timestamp::now().to_string());
    // Docker's words where nothing was said.
    let comment = match wishes.message.is_empty() {
        true => format!("Imported from {}", source.shown()),
        false => wishes.message.clone(),
    };
    let mut image = ImageConfig {
        created: created.clone(),
        os: platform.os,
        architecture: platform.architecture,
        variant: platform.variant,
        config,
        history: vec![History { created, comment, ..History::default() }],
        ..ImageConfig::default()
    };
    image.rootfs.kind = "layers".to_owned();
    image.rootfs.diff_ids = vec![diff_id.clone()];
    image
}

/// What `import` was given to read: `-`, an address, or a path.
pub fn source<'a>(text: &str, stdin: BorrowedFd<'a>) -> Source<'a> {
    match text {
        "-" => Source::Open(stdin),
        url if url.starts_with("http://") || url.starts_with("https://") => Source::Url(url.to_owned()),
        path => Source::Path(Path::new(path).to_owned()),
    }
}
