//! `system check`: finds what is damaged in the store, and mends it or takes it away.
//!
//! ```text
//! find    in the user namespace, with threads: nothing is changed
//! mend    what can be made again is: from the blobs that are right, from the registry that an image came from
//!         what cannot is taken away, unless something of the user's goes with it
//! find    what is left is still damaged
//! ```
//!
//! Volumes and secrets are the user's own: they are looked at and never changed. A container goes only when that was
//! asked for, since its changes go with it. What a process that was killed has left in `tmp/` is no damage: whoever
//! writes next collects it.

mod containers;
mod files;
mod images;
mod mend;

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Engine, namespace, remove, rmi};
use crate::base::digest::Digest;
use crate::image::ingest::{IngestOptions, LayerWanted};
use crate::store::gc;

pub use containers::loss;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What is there, and its size.
    Quick,
    /// Every byte: blobs against their digests, layers against their archives.
    Whole,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Damage {
    /// `image busybox:latest`, `container 0123456789ab`.
    pub object: String,
    pub what: String,
    remedy: Remedy,
}

/// What would mend it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Remedy {
    /// A directory of the store is missing.
    Make(PathBuf, u32),
    Mode(PathBuf, u32),
    /// Nobody needs it.
    Remove(PathBuf),
    LayoutFile,
    Index,
    /// A blob of an image is not what it should be, or is missing.
    Blob {
        image: Digest,
        blob: Digest,
    },
    /// The blob is right, and the files are not.
    Layer(Archive),
    Name {
        name: String,
        id: String,
    },
    /// Nothing but to remove the container.
    Container(String),
    Ranges,
    Events,
    /// It is the user's own; the command that takes it away.
    ByHand(String),
}

/// A layer's blob and what it unpacks to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Archive {
    blob: Digest,
    size: u64,
    diff_id: Digest,
}

impl Archive {
    fn wanted(&self) -> LayerWanted {
        LayerWanted { digest: self.blob.clone(), size: self.size, diff_id: self.diff_id.clone() }
    }
}

impl Damage {
    fn new(object: impl Into<String>, what: impl Into<String>, remedy: Remedy) -> Self {
        Self { object: object.into(), what: what.into(), remedy }
    }
}

/// What was done about a damage.
#[derive(Debug)]
pub struct Mended {
    pub damage: Damage,
    /// What was done, or why nothing was.
    pub outcome: Result<String>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub images: usize,
    pub blobs: usize,
    pub layers: usize,
    pub containers: usize,
}

/// Looks for damage, and changes nothing.
pub fn find(engine: &Engine, depth: Depth) -> Result<(Vec<Damage>, Seen)> {
    let opening = namespace::open(engine)?;
    let options = IngestOptions::new(opening.maps.is_single());
    let opened = opening.finish()?;
    namespace::run_inside(&opened, || {
        // What is looked at is not collected meanwhile. A store that cannot be locked has damage that says why.
        let _hold = gc::hold(engine.layout()).ok();
        let mut seen = Seen::default();
        let mut found = files::find(engine.layout());
        found.extend(images::find(engine.layout(), depth, options, &mut seen));
        found.extend(containers::find(engine, &mut seen));
        Ok((found, seen))
    })
}

/// Times that what was mended shows what else is damaged: a list of images that was made again has images.
const ROUNDS: usize = 4;

/// Mends what [`find`] has found, and what that shows; `tell` hears of each. Returns what is damaged still.
pub fn mend(
    engine: &Engine,
    mut found: Vec<Damage>,
    depth: Depth,
    force: bool,
    mut tell: impl FnMut(&Mended) -> Result<()>,
) -> Result<Vec<Damage>> {
    let mut failed: Vec<Damage> = Vec::new();
    for _ in 0..ROUNDS {
        found.retain(|damage| !failed.contains(damage));
        if found.is_empty() {
            break;
        }
        // The rest of the images was not seen without their list.
        let depth =
            if found.iter().any(|damage| damage.remedy == Remedy::Index) { depth } else { Depth::Quick };
        for mended in mend::all(engine, found, force) {
            tell(&mended)?;
            if mended.outcome.is_err() {
                failed.push(mended.damage);
            }
        }
        found = find(engine, depth)?.0;
    }
    remove::collect(engine)?;
    if found.is_empty() && failed.is_empty() {
        rmi::collect(engine)?;
    }
    // What could not be mended and went with something else is gone as well.
    let left = found.into_iter().chain(failed);
    let mut all: Vec<Damage> = Vec::new();
    for damage in left {
        if !all.contains(&damage) {
            all.push(damage);
        }
    }
    Ok(all)
}
