//! `COPY` and `ADD`, and what the files of a context add up to: where sources, destination and scratch of a step are.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Surroundings;
use super::graph::{Node, Root};
use crate::base::copy::{Clash, Copier, CopyOptions};
use crate::base::digest::Digest;
use crate::build::checksum::checksum;
use crate::build::copy::{self, Placing};
use crate::build::gather::{self, Fetched};
use crate::build::select::{self, Manner, Origin as Files, Selection};
use crate::build::step::{Action, Copy, Origin, RunMountKind};
use crate::sys::path::Dir;

/// What is known of the files of contexts and addresses that a step takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Survey {
    /// What they add up to.
    pub digest: Digest,
    /// Where those are now that lay elsewhere.
    pub fetched: Vec<Fetched>,
}

/// Adds up the files of contexts and addresses that a step takes. Runs in a worker of the user's own.
pub fn survey_context(around: &Surroundings<'_>, node: &Node) -> Result<Survey> {
    let fetched = match &node.step.action {
        Action::Copy(copy) => gather::fetch(copy, &scratch(around)?)?,
        _ => Vec::new(),
    };
    Ok(Survey { digest: added_up(around, node, &fetched)?, fetched })
}

fn added_up(around: &Surroundings<'_>, node: &Node, fetched: &[Fetched]) -> Result<Digest> {
    match &node.step.action {
        Action::Copy(copy) => {
            let mut none = |origin: &Origin| anyhow::bail!("{origin:?} is no context");
            add_up(around, &selected(around, node, copy, fetched, &scratch(around)?, &mut none)?)
        }
        Action::Run(run) => {
            let mut hasher = Sha256::new();
            for mount in &run.mounts {
                let (RunMountKind::Bind { from, source, .. }
                | RunMountKind::Cache { from: Some(from), source, .. }) = &mount.kind
                else {
                    continue;
                };
                if let Some(Root::Context(name)) = root(node, from) {
                    let files = around.files(name.as_deref())?;
                    let items = select::select(&files, source, &Manner::default())?;
                    hasher.update(add_up(around, &Selection { items })?.to_string());
                }
            }
            Ok(Digest::from_hasher(hasher))
        }
        Action::Configure | Action::Workdir(_) => Ok(Digest::of(b"")),
    }
}

fn scratch(around: &Surroundings<'_>) -> Result<Dir> {
    Dir::open(&around.scratch).context("open the build's directory")
}

/// Finds what a step copies, wherever it comes from. Files of layers are opened with `open`.
pub fn selected(
    around: &Surroundings<'_>,
    node: &Node,
    copy: &Copy,
    fetched: &[Fetched],
    scratch: &Dir,
    open: &mut dyn FnMut(&Origin) -> Result<Dir>,
) -> Result<Selection> {
    let files = match root(node, &copy.from) {
        Some(Root::Context(name)) => around.files(name.as_deref())?,
        Some(Root::Layers(_)) => {
            Files { root: Arc::new(open(&copy.from)?), ignore: None, keeps_owners: true }
        }
        // Nothing is taken from it: all sources are addresses or here-documents.
        None => around.files(None)?,
    };
    gather::gather(copy, &files, fetched, scratch)
}

/// Adds up the files that were found. Where layers are copied, a child is forked after this, so there are no threads:
/// one that has ended may still be seen for a moment.
pub fn add_up(around: &Surroundings<'_>, selection: &Selection) -> Result<Digest> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    checksum(selection, if around.is_copied { 0 } else { processors })
}

/// Copies into the files that the steps before have made, in which owners are looked up, or with `--link` into
/// nothing.
pub fn place(around: &Surroundings<'_>, copy: &Copy, selection: &Selection, root: &Dir) -> Result<()> {
    let placing = Placing::new(copy, root, around.fold_ids)?;
    copy::copy(selection, root, &placing)?;
    Ok(())
}

/// Copies a whole directory, owners and all.
pub fn copy_all(from: &Dir, to: &OwnedFd) -> Result<()> {
    let options = CopyOptions {
        owner: (0, 0),
        keep_owner: true,
        fold_ids: true,
        keep_special: true,
        mode: None,
        attributes: true,
        clash: Clash::Overwrite,
        shown: "/".into(),
    };
    let to = to.as_fd().try_clone_to_owned().context("duplicate a descriptor")?;
    Copier::new(options).contents(from.open_dir("")?.into(), to)
}

fn root<'a>(node: &'a Node, origin: &Origin) -> Option<&'a Root> {
    node.roots.iter().find(|(known, _)| known == origin).map(|(_, root)| root)
}
