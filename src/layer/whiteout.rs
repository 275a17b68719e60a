//! What hides files of the layers below, in the form that the kernel's overlay reads.
//!
//! A whiteout is a character device 0:0, which needs no privilege (Linux 5.8). An opaque directory has
//! `user.overlay.opaque`, since an overlay in a user namespace is mounted with `userxattr` (Linux 5.11).

use std::os::fd::AsFd;

use anyhow::{Context, Result};
use rustix::fs::{FileType, Mode, Stat, XattrFlags};
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

/// Whether a directory, opened for reading, hides what the layers below have in it.
pub fn is_opaque(directory: impl AsFd) -> Result<bool> {
    let mut value = [0u8; 4];
    match rustix::fs::fgetxattr(directory, "user.overlay.opaque", &mut value) {
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

/// Makes a directory, opened for reading, hide what the layers below have in it.
pub fn make_opaque(directory: impl AsFd) -> Result<()> {
    match rustix::fs::fsetxattr(directory, "user.overlay.opaque", b"y", XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP) => Err(Errno::OPNOTSUPP)
            .context("mark the directory as opaque")
            .hint(|| "the filesystem has no user extended attributes: choose another directory with --root"),
        result => result.context("mark the directory as opaque"),
    }
}
