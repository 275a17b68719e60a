//! What hides files of the layers below, in the form that the kernel's overlay reads.
//!
//! A whiteout is a character device 0:0, which needs no privilege (Linux 5.8). An opaque directory has
//! `user.overlay.opaque`, since an overlay in a user namespace is mounted with `userxattr` (Linux 5.11).

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Mode, Stat, XattrFlags};
use rustix::io::Errno;

use crate::base::hint::HintExt;

/// Makes a whiteout.
pub fn create(parent: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    rustix::fs::mknodat(parent, name, FileType::CharacterDevice, Mode::empty(), 0)
}

/// Whether this is a whiteout. No device of an archive can be mistaken for one: those are not unpacked.
pub fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Whether a directory of a layer, opened for reading, hides what the layers below have in it.
pub fn is_opaque(directory: impl AsFd) -> Result<bool> {
    is_marked(directory.as_fd(), MARKS[0])
}

/// Whether one among a container's changes does so: fuse-overlayfs(1), which reads the kernel's mark, has others that it
/// writes.
pub fn is_opaque_change(directory: impl AsFd) -> Result<bool> {
    for mark in MARKS {
        if is_marked(directory.as_fd(), mark)? {
            return Ok(true);
        }
    }
    match rustix::fs::statat(directory, OPAQUE_NAME, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error).context("look whether the directory is opaque"),
    }
}

/// Whether an entry among a container's changes is a mark of fuse-overlayfs(1), which says nothing by itself; no layer
/// can have a file of this name.
pub fn is_reserved(name: &CStr) -> bool {
    name.to_bytes().starts_with(b".wh..wh.") || name == c".wh..opq"
}

/// The extended attributes of an opaque directory: the kernel's first.
const MARKS: [&str; 2] = ["user.overlay.opaque", "user.fuseoverlayfs.opaque"];
const OPAQUE_NAME: &str = ".wh..wh..opq";

fn is_marked(directory: BorrowedFd<'_>, mark: &str) -> Result<bool> {
    let mut value = [0u8; 4];
    match rustix::fs::fgetxattr(directory, mark, &mut value) {
        Ok(length) => Ok(&value[..length] == b"y"),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
        // Any other value is longer, and no order.
        Err(Errno::RANGE) => Ok(false),
        Err(error) => Err(error).context("look whether the directory is opaque"),
    }
}

/// Whether an extended attribute is such a mark.
pub fn is_mark(name: &[u8]) -> bool {
    name.starts_with(b"user.overlay.")
}

/// Whether it is the one of an opaque directory.
pub fn is_opaque_mark(name: &[u8]) -> bool {
    name == MARKS[0].as_bytes()
}

/// Makes a directory, opened for reading, hide what the layers below have in it.
pub fn make_opaque(directory: impl AsFd) -> Result<()> {
    match rustix::fs::fsetxattr(directory, MARKS[0], b"y", XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP) => Err(Errno::OPNOTSUPP)
            .context("mark the directory as opaque")
            .hint(|| "the filesystem has no user extended attributes: choose another directory with --root"),
        result => result.context("mark the directory as opaque"),
    }
}
