//! Brings together what a `COPY` or `ADD` names, wherever it comes from.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};

use super::context::{self, GitAddress, fetch};
use super::ignore::Patterns;
use super::select::{self, Item, Manner, Origin, Selection};
use super::step::{Copy, Source};
use crate::sys::path::Dir;

/// Finds the sources of a step in `origin`. What has to be made or fetched for it is put into `scratch`, a directory
/// that goes with the build.
pub fn gather(copy: &Copy, origin: &Origin, scratch: &Dir) -> Result<Selection> {
    let exclude = match &copy.exclude[..] {
        [] => None,
        patterns => Some(Arc::new(Patterns::new(patterns)?)),
    };
    let unpack = copy.unpack.unwrap_or(copy.is_add);
    let manner = Manner { parents: copy.parents, exclude, unpack };
    let mut items = Vec::new();
    for source in &copy.sources {
        match source {
            Source::Path(path) => items.extend(select::select(origin, path, &manner)?),
            Source::File { name, content } => items.extend(document(name, content, scratch)?),
            Source::Url(url) => items.extend(download(url, copy, scratch)?),
            Source::Git(address) => items.extend(repository(address, copy, &manner, scratch)?),
        }
    }
    Ok(Selection { items })
}

/// A file from the web. It is unpacked only where that is said.
fn download(url: &str, copy: &Copy, scratch: &Dir) -> Result<Vec<Item>> {
    let (root, name) = fetch::file(url, copy.checksum.as_deref(), scratch)?;
    let mut items = select::select_exact(&origin(root), &name)?;
    for item in &mut items {
        item.unpack = copy.unpack == Some(true);
    }
    Ok(items)
}

/// A repository's tree.
fn repository(text: &str, copy: &Copy, manner: &Manner, scratch: &Dir) -> Result<Vec<Item>> {
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
    let root = fetch::git(&address, &fetch::Wishes::of_step(copy.keep_git_dir), scratch)?;
    select::select(&origin(root), "/", &Manner { parents: false, ..manner.clone() })
}

fn origin(root: Dir) -> Origin {
    Origin { root: Arc::new(root), ignore: None, keeps_owners: false }
}

/// A here-document as the file that it becomes.
fn document(name: &str, content: &str, scratch: &Dir) -> Result<Vec<Item>> {
    let told = || format!("write the here-document {name}");
    let origin = origin(context::empty(scratch)?);
    let name = Path::new(name).file_name().and_then(|name| name.to_str()).with_context(told)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let file = origin.root.open_file(name, flags, Mode::from_raw_mode(0o644)).with_context(told)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644)).with_context(told)?;
    File::from(file).write_all(content.as_bytes()).with_context(told)?;
    select::select_exact(&origin, name)
}
