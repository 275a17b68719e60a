//! Tries what lays layers over each other on a filesystem, by doing there what containers do.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::fs::{AtFlags, Mode, OFlags};

use super::mounts::{self, overlay};
use super::{copyup, fuse};
use crate::sys::clone::{self, Forked, Namespaces};
use crate::sys::namespace;

/// The layer and where changes go, in the directory that is tried.
const LOWER: &str = "lower";
const WRITABLE: (&str, &str) = ("upper", "work");

/// Tries the kernel's overlay. `directory` is empty; the caller is root of a user namespace, and is left in a mount
/// namespace of its own with `directory` as its working directory.
pub fn overlay_works(directory: &Path) -> Result<()> {
    prepare(directory)?;
    let root = overlay(&[LOWER.to_owned()], Some(WRITABLE)).context("mount the layers")?;
    try_changes(root)
}

/// Tries fuse-overlayfs(1), in the same way.
pub fn fuse_works(directory: &Path) -> Result<()> {
    prepare(directory)?;
    let (mut server, device) = fuse::serve(directory, &[LOWER.to_owned()], Some(WRITABLE))?;
    let root = device.mount().context("mount the layers");
    let tried = root.and_then(try_changes).map_err(|error| server.explain(error));
    server.end();
    tried
}

/// Tries a `/proc` for a pid namespace. The kernel refuses it where something covers a part of the caller's own, as
/// containers have it. The caller is root of a user namespace, and is left in a mount namespace of its own.
pub fn proc_works() -> Result<()> {
    namespace::separate_mounts().context("make a mount namespace")?;
    match clone::clone(Namespaces::PID).context("make a pid namespace")? {
        Forked::Parent(child) => match child.wait().context("wait for the child")? {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(code)).context("mount /proc"),
        },
        Forked::Child => {
            let mounted = mounts::new_filesystem("proc", &[], 0);
            let cause = mounted.err().map(|error| error.downcast::<io::Error>());
            clone::exit_now(match cause {
                None => 0,
                // An error with the kernel's own words has no number.
                Some(Ok(error)) if error.kind() == io::ErrorKind::PermissionDenied => libc::EPERM,
                Some(Ok(error)) => error.raw_os_error().unwrap_or(libc::EIO),
                Some(Err(_)) => libc::EIO,
            })
        }
    }
}

/// Tries handlers of the user namespace's own for programs of other machines. The caller is root of a user namespace, and
/// is left in a mount namespace of its own.
pub fn handlers_work() -> Result<()> {
    namespace::separate_mounts().context("make a mount namespace")?;
    mounts::new_filesystem("binfmt_misc", &[], 0).map(drop)
}

fn prepare(directory: &Path) -> Result<()> {
    namespace::separate_mounts().context("make a mount namespace")?;
    rustix::process::chdir(directory).with_context(|| format!("enter {}", directory.display()))?;
    let make = |name: &str| rustix::fs::mkdir(name, Mode::RWXU).with_context(|| format!("create {name}"));
    [LOWER, WRITABLE.0, WRITABLE.1, "lower/directory", "lower/directory/below"].into_iter().try_for_each(make)
}

/// Makes what becomes a whiteout, and a directory that hides the one below.
fn try_changes(root: OwnedFd) -> Result<()> {
    let remove = |name: &str| rustix::fs::unlinkat(&root, name, AtFlags::REMOVEDIR);
    let replaced = remove("directory/below")
        .and_then(|()| remove("directory"))
        .and_then(|()| rustix::fs::mkdirat(&root, "directory", Mode::RWXU));
    replaced.map_err(io::Error::from).context("replace a directory of a layer")?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let made = rustix::fs::openat(&root, "directory", flags, Mode::empty())
        .map_err(io::Error::from)
        .context("open a directory over the layers")?;
    let is_empty = copyup::is_empty(made.as_fd()).context("list a directory over the layers")?;
    ensure!(is_empty, "a directory shows what it replaces");
    Ok(())
}
