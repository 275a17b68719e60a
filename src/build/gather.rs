//! Brings together what a `COPY` or `ADD` names, wherever it comes from.
//!
//! What lies elsewhere is fetched first and apart, by the user's own process: only that has the user's keys and agents.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::context::{self, GitAddress, fetch};
use super::ignore::Patterns;
use super::select::{self, Item, Manner, Origin, Selection};
use super::step::{Copy, Source};
use crate::sys::path::{Dir, path_of};

/// What was fetched for one source: the directory that it is in, and of a download its name there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fetched {
    root: PathBuf,
    name: Option<String>,
}

/// Fetches into `scratch`, a directory that goes with the build, what a step names elsewhere; in the order of the
/// sources.
pub fn fetch(copy: &Copy, scratch: &Dir) -> Result<Vec<Fetched>> {
    let one = |source: &Source| -> Result<Option<Fetched>> {
        let (root, name) = match source {
            Source::Path(_) | Source::File { .. } => return Ok(None),
            Source::Url(url) => {
                let (root, name) = fetch::file(url, copy.checksum.as_deref(), scratch)?;
                (root, Some(name))
            }
            Source::Git(address) => (repository(address, copy, scratch)?, None),
        };
        Ok(Some(Fetched { root: path_of(root.as_fd())?, name }))
    };
    copy.sources.iter().filter_map(|source| one(source).transpose()).collect()
}

/// Finds the sources of a step: in `origin`, or where they were `fetched` to. Here-documents are written to `scratch`.
pub fn gather(copy: &Copy, origin: &Origin, fetched: &[Fetched], scratch: &Dir) -> Result<Selection> {
    let exclude = match &copy.exclude[..] {
        [] => None,
        patterns => Some(Arc::new(Patterns::new(patterns)?)),
    };
    let unpack = copy.unpack.unwrap_or(copy.is_add);
    let manner = Manner { parents: copy.parents, exclude, unpack };
    let mut items = Vec::new();
    let mut fetched = fetched.iter();
    for source in &copy.sources {
        match source {
            Source::Path(path) => items.extend(select::select(origin, path, &manner)?),
            Source::File { name, content } => items.extend(document(name, content, scratch)?),
            Source::Url(_) | Source::Git(_) => {
                let fetched = fetched.next().context("a source was not fetched")?;
                items.extend(found(fetched, copy, &manner)?);
            }
        }
    }
    Ok(Selection { items })
}

/// What was fetched, as a source.
fn found(fetched: &Fetched, copy: &Copy, manner: &Manner) -> Result<Vec<Item>> {
    let root = Dir::open(&fetched.root).with_context(|| format!("open {}", fetched.root.display()))?;
    let Some(name) = &fetched.name else {
        return select::select(&origin_of(root), "/", &Manner { parents: false, ..manner.clone() });
    };
    let mut items = select::select_exact(&origin_of(root), name)?;
    for item in &mut items {
        // A file from the web is unpacked only where that is said.
        item.unpack = copy.unpack == Some(true);
    }
    Ok(items)
}

/// Fetches a repository's tree.
fn repository(text: &str, copy: &Copy, scratch: &Dir) -> Result<Dir> {
    let mut address = GitAddress::parse(text)?.with_context(|| format!("invalid git address {text:?}"))?;
    if let Some(checksum) = &copy.checksum {
        match address.commit.replace(checksum.clone()) {
            Some(other) if other != *checksum => bail!("checksum mismatch {checksum:?} != {other:?}"),
            _ => {}
        }
    }
    if address.keep_git_dir == Some(false) && copy.keep_git_dir {
        bail!("inconsistent keep-git-dir configuration");
    }
    fetch::git(&address, &fetch::Wishes::of_step(copy.keep_git_dir), scratch)
}

fn origin_of(root: Dir) -> Origin {
    Origin { root: Arc::new(root), ignore: None, keeps_owners: false }
}

/// A here-document as the file that it becomes.
fn document(name: &str, content: &str, scratch: &Dir) -> Result<Vec<Item>> {
    let told = || format!("write the here-document {name}");
    let origin = origin_of(context::empty(scratch)?);
    let name = Path::new(name).file_name().and_then(|name| name.to_str()).with_context(told)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let file = origin.root.open_file(name, flags, Mode::from_raw_mode(0o644)).with_context(told)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644)).with_context(told)?;
    File::from(file).write_all(content.as_bytes()).with_context(told)?;
    select::select_exact(&origin, name)
}
