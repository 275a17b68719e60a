//! Tries whether the kernel's overlay works on a filesystem, by doing there what containers do.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, Mode, OFlags};

use super::mounts::overlay;
use crate::sys::namespace;

/// Mounts layers and removes and replaces what is in them. `directory` is empty; the caller is root of a user
/// namespace. Leaves this process in a mount namespace of its own, with `directory` as its working directory.
pub fn overlay_works(directory: &Path) -> Result<()> {
    namespace::separate_mounts().context("make a mount namespace")?;
    rustix::process::chdir(directory).with_context(|| format!("enter {}", directory.display()))?;
    let make = |name: &str| rustix::fs::mkdir(name, Mode::RWXU).with_context(|| format!("create {name}"));
    ["lower", "upper", "work", "lower/directory", "lower/directory/below"].into_iter().try_for_each(make)?;
    let root = overlay(&["lower".to_owned()], Some(("upper", "work"))).context("mount the layers")?;
    // An opaque directory in place of one below, and a whiteout.
    let remove = |name: &str| rustix::fs::unlinkat(&root, name, AtFlags::REMOVEDIR);
    let replaced = remove("directory/below")
        .and_then(|()| remove("directory"))
        .and_then(|()| rustix::fs::mkdirat(&root, "directory", Mode::RWXU));
    replaced.map_err(io::Error::from).context("replace a directory of a layer")?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let made = rustix::fs::openat(&root, "directory", flags, Mode::empty())
        .map_err(io::Error::from)
        .context("open a directory over the layers")?;
    let is_empty = super::copyup::is_empty(made.as_fd()).context("list a directory over the layers")?;
    anyhow::ensure!(is_empty, "a directory shows what it replaces");
    Ok(())
}
