//! The layers of a container whose ids are not the user's own: copied once for a map of ids, then shared by all
//! containers that have it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Engine, namespace, rmi};
use crate::base::digest::Digest;
use crate::base::file::FileLock;
use crate::base::idmap::IdMaps;
use crate::config::paths::private_directory;
use crate::layer::shift::{self, Form, Job};
use crate::layer::stack::Stack;
use crate::store::containers::{Record, Source};
use crate::store::driver::Driver;
use crate::store::flush::Flusher;
use crate::store::gc;
use crate::store::layers::{Layers, Staging, shown_once};
use crate::store::mounts::{MountKind, MountOption};

/// How often it is told how far the copying has come.
const INTERVAL: Duration = Duration::from_millis(100);

/// The directories of a container's layers, lowest first, as they are called in the directory of layers.
pub fn layer_names(record: &Record) -> Vec<String> {
    let Source::Image { layers, .. } = &record.source else { return Vec::new() };
    names(layers, record.maps.as_ref())
}

/// The directories of an image's layers under these maps.
pub fn names(layers: &[Digest], maps: Option<&IdMaps>) -> Vec<String> {
    let layers = shown_once(layers);
    match map_of(maps) {
        Some(map) => layers.iter().map(|layer| Layers::shifted_name(layer, &map)).collect(),
        None => layers.iter().map(|layer| layer.hex()).collect(),
    }
}

/// What the layers for these maps are called, if they are others than the plain ones. Who has no other ids owns all files
/// of the plain ones.
fn map_of(maps: Option<&IdMaps>) -> Option<String> {
    wanted(maps).map(IdMaps::fingerprint)
}

/// The ids that files of images have to be copied for.
pub fn wanted(maps: Option<&IdMaps>) -> Option<&IdMaps> {
    maps.filter(|maps| !maps.is_identity() && !maps.is_the_user_alone())
}

/// Makes what a container that is on record needs of this. One with files of its own needs none.
pub fn ensure_for(engine: &Engine, record: &Record) -> Result<()> {
    let source = match record.driver {
        Driver::Overlay | Driver::FuseOverlayfs => Some(&record.source),
        Driver::Vfs => None,
    };
    ensure(engine, source, &record.options.mounts, record.maps.as_ref())
}

/// Makes the layers of a container, and of the images that it mounts, that are not there yet under its map.
pub fn ensure(
    engine: &Engine,
    source: Option<&Source>,
    mounts: &[MountOption],
    maps: Option<&IdMaps>,
) -> Result<()> {
    let Some(maps) = wanted(maps) else { return Ok(()) };
    if let Some(Source::Image { name, layers, .. }) = source {
        ensure_layers(engine, name, layers, maps)?;
    }
    for mount in mounts {
        if let MountKind::Image { image, layers, .. } = &mount.kind {
            ensure_layers(engine, image, layers, maps)?;
        }
    }
    Ok(())
}

fn ensure_layers(engine: &Engine, name: &str, layers: &[Digest], maps: &IdMaps) -> Result<()> {
    let map = maps.fingerprint();
    let missing = missing(engine, layers, &map);
    if missing.is_empty() {
        return Ok(());
    }
    let plural = if missing.len() == 1 { "layer" } else { "layers" };
    engine.status(&format!("Preparing {} {plural} of {name} for these user ids, once", missing.len()), None);
    let hold = gc::hold(engine.layout())?;
    let namespace = namespace::open(engine)?.finish()?;
    let made = namespace::run_inside(&namespace, || make(engine, &missing, maps, &map))
        .with_context(|| format!("prepare {name} for the container's user ids"));
    rmi::release(engine, hold);
    made
}

/// The layers that are not there yet under a map, each once.
fn missing(engine: &Engine, layers: &[Digest], map: &str) -> Vec<Digest> {
    let store = Layers::new(engine.layout());
    let mut missing: Vec<Digest> =
        layers.iter().filter(|layer| !store.has_shifted(layer, map)).cloned().collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Copies, in the user's namespace. Others that want the same layers wait for these.
fn make(engine: &Engine, layers: &[Digest], maps: &IdMaps, map: &str) -> Result<()> {
    let layout = engine.layout();
    private_directory(&layout.locks())?;
    let _lock = FileLock::acquire(&layout.locks().join(format!("map-{map}")))?;
    let layers = missing(engine, layers, map);
    if layers.is_empty() {
        return Ok(());
    }
    let store = Layers::new(layout);
    let total = layers.iter().map(|layer| store.info(layer).map_or(0, |info| info.entries)).sum();
    let mut jobs = Vec::new();
    let mut stagings: Vec<(Digest, Staging, Staging)> = Vec::new();
    for layer in layers {
        let (staging, links) = (store.stage()?, store.stage()?);
        let from = store.open(&layer)?;
        let (to, links_to) = (staging.dir().try_clone()?, links.dir().try_clone()?);
        jobs.push(Job { from: Stack::new(vec![from]), form: Form::Layer, to, links: links_to });
        stagings.push((layer, staging, links));
    }
    let flusher = Flusher::start(layout)?;
    watched(engine, total, |done| shift::shift(jobs, Some(maps), done))?;
    flusher.finish()?;
    for (layer, staging, _links) in stagings {
        staging.commit_shifted(&layer, map)?;
    }
    Ok(())
}

/// Does the work while another thread tells how far it has come.
pub fn watched(engine: &Engine, total: u64, work: impl FnOnce(&AtomicU64) -> Result<()>) -> Result<()> {
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                std::thread::park_timeout(INTERVAL);
                engine.status("", Some((done.load(Ordering::Relaxed).min(total), total)));
            }
        });
        let result = work(&done);
        over.store(true, Ordering::Release);
        watcher.thread().unpark();
        result
    })
}
