//! The driver vfs: a container's root filesystem is a copy of all files of its image.
//!
//! The copy is made in `tmp/`, by a child in the user's namespace with threads, and moved into the container's
//! directory while nobody sees that yet: `vfs/rootfs`, of which the user owns `vfs` and the container the rest. A user
//! cannot move a directory of somebody else's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Engine, namespace, shift};
use crate::base::digest::Digest;
use crate::base::file::Durability;
use crate::base::idmap::IdMaps;
use crate::layer::shift::{self as copier, Form, Job};
use crate::layer::stack::Stack;
use crate::store::flush::Flusher;
use crate::store::gc;
use crate::store::layers::{Layers, Staging};

/// The name of the root directory.
pub const ROOT: &str = "rootfs";

/// Copies what layers show together, lowest first, into a directory that goes with the returned value unless it is
/// moved. `maps` are the container's ids, where those are not the user's own.
pub fn copy(
    engine: &Engine,
    layers: &[Digest],
    maps: Option<&IdMaps>,
    durability: Durability,
) -> Result<Staging> {
    let store = Layers::new(engine.layout());
    let (staging, links) = (store.stage()?, store.stage()?);
    let total = layers.iter().map(|layer| store.info(layer).map_or(0, |info| info.entries)).sum();
    let work = || -> Result<()> {
        // Copies that were made for containers that never came to be: only root of the namespace can remove them.
        gc::sweep_temporary(engine.layout())?;
        // Of a directory that all layers have, each is open at once.
        open_many_files();
        let from = layers.iter().rev().map(|layer| store.open(layer)).collect::<Result<Vec<_>>>()?;
        rustix::fs::mkdirat(staging.dir(), ROOT, Mode::RWXU).context("create the root directory")?;
        let (to, links) = (staging.dir().open_dir(ROOT)?, links.dir().try_clone()?);
        let jobs = vec![Job { from: Stack::new(from), form: Form::Files, to, links }];
        let flusher =
            (durability == Durability::Synced).then(|| Flusher::start(engine.layout())).transpose()?;
        shift::watched(engine, total, |done| copier::shift(jobs, shift::wanted(maps), done))?;
        flusher.map_or(Ok(()), Flusher::finish)
    };
    let namespace = namespace::open(engine)?.finish()?;
    namespace::run_inside(&namespace, work).context("copy the image")?;
    Ok(staging)
}

/// Where a container's files are, in its directory.
pub fn tree(container: &Path) -> PathBuf {
    directory(container).join(ROOT)
}

/// Where what [`copy`] has made belongs.
pub fn directory(container: &Path) -> PathBuf {
    container.join("vfs")
}

/// Raises the number of files that may be open to what the system allows.
pub fn open_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
