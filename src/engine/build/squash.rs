//! `--squash`: one layer of all that the build has made.
//!
//! What the layers show together is compared with what is below them, file by file: what one layer has made and the next
//! has taken away is in neither.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::tree::{self, Tree};
use super::{Surroundings, seal, settle};
use crate::base::digest::Digest;
use crate::engine::changes::Layers;
use crate::engine::vfs::open_many_files;
use crate::layer::stack::Stack;
use crate::store::build_cache::Layer;
use crate::store::layers;
use crate::sys::path::clear_umask;

/// Makes one layer of those above the first `kept`; lowest first. Runs as root of the user's namespace.
pub fn squash(around: &Surroundings<'_>, diff_ids: &[Digest], kept: usize, place: &Path) -> Result<Layer> {
    open_many_files();
    clear_umask().context("clear the file mode mask")?;
    tree::prepare()?;
    let layout = around.engine.layout();
    let tree = |diff_ids: &[Digest]| Tree {
        layers: diff_ids.iter().map(|id| layout.layer(id).to_string_lossy().into_owned()).collect(),
        is_copied: around.is_copied,
    };
    let (all, below) = (tree(diff_ids), tree(&diff_ids[..kept]));
    let lower = || anyhow::Ok(below.open_layers()?.into_iter().rev().collect::<Vec<_>>());
    // Files that look the same are read: nobody knows when they were written.
    let since = (i64::MIN, 0);
    let root = all.open(place)?;
    let changes = Layers::compared(root, lower()?, Stack::new(lower()?), HashSet::new(), since);
    let staging = layers::Layers::new(layout).stage()?;
    tree::store_changes(&changes, staging.dir(), around.fold_ids)?;
    settle::settle(staging.dir(), around.wishes.epoch, |_| true)?;
    let (layer, placed) = seal::seal(layout, &staging, true)?;
    if placed {
        staging.placed();
    }
    Ok(layer)
}
