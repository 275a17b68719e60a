//! Brings together what a `COPY` or `ADD` names, wherever it comes from.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};

use super::ignore::Patterns;
use super::select::{self, Item, Manner, Origin, Selection};
use super::step::{Copy, Source};
use crate::base::id;
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
            Source::Url(_) | Source::Git(_) => bail!("ADD of an address is not supported yet"),
        }
    }
    Ok(Selection { items })
}

/// A here-document as the file that it becomes.
fn document(name: &str, content: &str, scratch: &Dir) -> Result<Vec<Item>> {
    let told = || format!("write the here-document {name}");
    let origin = fresh(scratch).with_context(told)?;
    let name = Path::new(name).file_name().and_then(|name| name.to_str()).with_context(told)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let file = origin.root.open_file(name, flags, Mode::from_raw_mode(0o644)).with_context(told)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644)).with_context(told)?;
    File::from(file).write_all(content.as_bytes()).with_context(told)?;
    select::select_exact(&origin, name)
}

/// A new directory to take files from.
fn fresh(scratch: &Dir) -> std::io::Result<Origin> {
    let name = format!("source-{}", id::random_hex(8));
    rustix::fs::mkdirat(scratch, &name, Mode::RWXU)?;
    Ok(Origin { root: Arc::new(scratch.open_dir(&name)?), ignore: None, keeps_owners: false })
}
