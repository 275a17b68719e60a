//! `commit`: an image of what a container has become.
//!
//! The layer is what the container has changed, packed, compressed and stored while it is read. The image has its
//! name only once all of it is on the disk; whatever ends the command before leaves no image, and waste that the
//! next collection takes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::changes::{self, Layers};
use super::{Engine, events, namespace, rmi, vfs};
use crate::base::digest::Digest;
use crate::base::file::Durability;
use crate::build::dockerfile;
use crate::image::compose;
use crate::image::ingest::{Batch, IngestOptions, LayerWanted};
use crate::image::progress::Silent;
use crate::layer::compress;
use crate::layer::pack::{self, Form};
use crate::oci::image::{ContainerConfig, History, ImageConfig};
use crate::oci::media::Family;
use crate::oci::reference::Reference;
use crate::runtime::userns::UserNamespace;
use crate::store::blobs::Blobs;
use crate::store::containers::{Record, Source};
use crate::store::options::{ContainerOptions, MountKind};
use crate::store::{gc, space};

/// What `commit` was asked.
#[derive(Clone, Debug)]
pub struct Wishes {
    pub author: String,
    pub message: String,
    /// Instructions of a Dockerfile, in order.
    pub changes: Vec<String>,
    /// Whether what was mounted as a volume is one of the image too.
    pub include_volumes: bool,
    /// Whether the image has a single layer, of all that there is.
    pub squash: bool,
    /// Which documents it has.
    pub family: Family,
}

/// Makes an image of a container, with a name or without one; returns its id.
pub fn commit(engine: &Engine, container: &str, name: Option<&Reference>, wishes: &Wishes) -> Result<Digest> {
    engine.containers().with(container, |id| commit_changes(engine, (container, id), name, wishes))
}

fn commit_changes(
    engine: &Engine,
    (container, id): (&str, &str),
    name: Option<&Reference>,
    wishes: &Wishes,
) -> Result<Digest> {
    let record = engine.containers().load(id)?;
    let Source::Image { id, manifest, .. } = &record.source else {
        bail!("commit {container}: its root filesystem is a directory of the host");
    };
    let (_, base) = engine.images().config(id).context("read the container's image")?;
    let (_, base_manifest) = engine.images().manifest(manifest).context("read the container's image")?;
    let mut config = config_of(&record, &base);
    if wishes.include_volumes {
        let volumes =
            record.options.mounts.iter().filter(|mount| matches!(mount.kind, MountKind::Volume { .. }));
        config.volumes.extend(volumes.map(|mount| (mount.target.clone(), json!({}))));
    }
    dockerfile::apply_changes(&wishes.changes, &mut config)?;
    let opening = namespace::open(engine)?;
    let fold_ids = opening.maps.is_single();
    let opened = opening.finish()?;
    // The changes are stored once more as files, and compressed.
    space::require(engine.layout(), changes::size(engine, &record)?)
        .with_context(|| format!("commit {container}"))?;
    let hold = gc::hold(engine.layout())?;
    let committed = || -> Result<String> {
        let pack_changes = |out: &mut dyn Write| {
            Layers::open(engine, &record)?.pack(out, record.maps.as_ref()).context("pack the layer").map(drop)
        };
        let mut layer = namespace::run_inside(&opened, || store_layer(engine, fold_ids, &pack_changes))?;
        let (mut base, mut layers) = (base, base_manifest.layers().clone());
        if wishes.squash {
            layer = squash(engine, &opened, &base, &layer, fold_ids)?;
            (base.rootfs.diff_ids, base.history) = (Vec::new(), Vec::new());
            layers.clear();
        }
        layers.push(compose::describe_layer(compress::GZIP_LAYER, &layer)?);
        let image = document(&record, &base, config, &layer.diff_id, wishes);
        let store = || {
            let (layout, family) = (engine.layout(), wishes.family);
            let stored =
                compose::store_annotated(layout, &layers, &image, family, &BTreeMap::new(), &[name])?;
            Ok(stored.0.to_string())
        };
        namespace::run_inside(&opened, store)
    };
    let id = committed();
    rmi::release(engine, hold);
    if id.is_err() {
        // The layer may be there without its image. What was wrong says more than what is left.
        let _ = namespace::run_inside(&opened, || gc::collect(engine.layout()).map(drop));
    }
    let id: Digest = id?.parse()?;
    events::container(
        engine,
        &record,
        "commit",
        &[("comment", &wishes.message), ("imageID", &id.to_string())],
    );
    Ok(id)
}

/// Makes one layer of those of an image and another one; the files are what they show together.
fn squash(
    engine: &Engine,
    user: &UserNamespace,
    base: &ImageConfig,
    top: &LayerWanted,
    fold_ids: bool,
) -> Result<LayerWanted> {
    let all: Vec<Digest> = base.rootfs.diff_ids.iter().chain([&top.diff_id]).cloned().collect();
    let files = vfs::copy(engine, &all, None, Durability::Fast)?;
    let pack_files = |out: &mut dyn Write| {
        let root = files.dir().open_dir(vfs::ROOT).context("open the files")?;
        pack::pack(root.into(), Path::new(""), Form::Files, out, |_| false, None)
            .context("pack the files")
            .map(drop)
    };
    namespace::run_inside(user, || store_layer(engine, fold_ids, &pack_files))
}

/// Packs files into a blob, and unpacks that into a layer.
fn store_layer(
    engine: &Engine,
    fold_ids: bool,
    pack: &(dyn Fn(&mut dyn Write) -> Result<()> + Sync),
) -> Result<LayerWanted> {
    let mut blob = Blobs::new(engine.layout()).writer()?;
    let (compressor, packed) = std::io::pipe().context("make a pipe")?;
    let hasher = std::thread::scope(|scope| {
        let packer = std::thread::Builder::new().name("pack".to_owned());
        let packer = packer.spawn_scoped(scope, || hashed(packed, pack)).context("start a thread")?;
        let compressed = compress::gzip(compressor, &mut blob).context("compress the layer");
        // Why the stream has ended early says more than that it has.
        let hasher = packer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        compressed.and(hasher)
    })?;
    let (digest, size) = blob.keep()?;
    let layer = LayerWanted { digest, size, diff_id: Digest::from_hasher(hasher) };
    let options = IngestOptions { max_bytes: Some(u64::MAX), ..IngestOptions::new(fold_ids) };
    let batch = Batch::new(engine.layout(), options, &Silent)?;
    batch.unpack_stored(&layer)?;
    batch.store()?;
    Ok(layer)
}

/// Packs files, and hashes the archive: the layer's diff-id.
fn hashed(out: impl Write, pack: impl Fn(&mut dyn Write) -> Result<()>) -> Result<Sha256> {
    let mut tee = Tee { hasher: Sha256::new(), out };
    pack(&mut tee)?;
    Ok(tee.hasher)
}

/// Hashes what it passes on.
struct Tee<W> {
    hasher: Sha256,
    out: W,
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The configuration with the new layer and what made it.
fn document(
    record: &Record,
    base: &ImageConfig,
    config: ContainerConfig,
    diff_id: &Digest,
    wishes: &Wishes,
) -> ImageConfig {
    let now = Timestamp::now().to_string();
    let mut image = base.clone();
    image.created = Some(now.clone());
    image.author = Some(wishes.author.clone()).filter(|author| !author.is_empty());
    image.comment = None;
    image.docker_version = None;
    image.config = config;
    image.rootfs.kind = "layers".to_owned();
    // Each layer has its step: where the image tells of fewer, the rest has nothing to tell.
    let told = image.history.iter().filter(|step| !step.empty_layer).count();
    image
        .history
        .resize(image.history.len() + image.rootfs.diff_ids.len().saturating_sub(told), History::default());
    image.rootfs.diff_ids.push(diff_id.clone());
    image.history.push(History {
        created: Some(now),
        created_by: record.command.join(" "),
        author: wishes.author.clone(),
        comment: wishes.message.clone(),
        empty_layer: false,
    });
    image
}

/// What a container of the new image runs by default: what the container was told over what its image says.
fn config_of(record: &Record, base: &ImageConfig) -> ContainerConfig {
    let options: &ContainerOptions = &record.options;
    let mut config = base.config.clone();
    if let Some(entrypoint) = &options.entrypoint {
        config.entrypoint.clone_from(entrypoint);
        // Docker: an entry point of one's own takes the image's command away.
        config.cmd.clear();
    }
    if !options.command.is_empty() {
        config.cmd.clone_from(&options.command);
    }
    for variable in &options.env {
        dockerfile::set_variable(&mut config.env, variable);
    }
    for port in &options.expose {
        config.exposed_ports.insert(port.clone(), json!({}));
    }
    config.labels.extend(options.labels.clone());
    let set = |field: &mut String, value: &Option<String>| {
        if let Some(value) = value {
            field.clone_from(value);
        }
    };
    set(&mut config.user, &options.user);
    set(&mut config.working_dir, &options.workdir);
    set(&mut config.stop_signal, &options.stop_signal);
    config
}
