//! Makes an overlay's upper directory a layer like those that are unpacked: times in whole seconds, since archives
//! have no finer ones, and no marks of the kernel's but those that hide something.
//!
//! `SOURCE_DATE_EPOCH` counts here too: no file is newer than that
//! (<https://reproducible-builds.org/specs/source-date-epoch/>).

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Stat, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use crate::base::walk::{Step, Walk};
use crate::layer::whiteout;
use crate::sys::path::Dir;

/// The names of all extended attributes of a file (Linux' `XATTR_LIST_MAX`).
const NAMES: usize = 64 << 10;

/// Settles all that is in `upper`. `hides` says whether there is anything at a path below that a mark could hide.
pub fn settle(upper: &Dir, epoch: Option<i64>, hides: impl Fn(&Path) -> bool) -> Result<()> {
    let top: OwnedFd = upper.open_dir("").context("open the layer")?.into();
    let mut walk = Walk::new(top).context("list the layer")?;
    let mut names = vec![0u8; NAMES];
    while let Some(step) = walk.next().context("list the layer")? {
        let Step::Entry(entry) = step else { continue };
        let path = walk.path_of(&entry.name);
        let mut one = || -> Result<()> {
            let stat = rustix::fs::statat(walk.here(), &entry.name, AtFlags::SYMLINK_NOFOLLOW)?;
            remove_marks(walk.here(), &entry.name, &mut names, || hides(&path))?;
            set_time(walk.here(), &entry.name, &stat, epoch)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                walk.enter(&entry.name)?;
            }
            Ok(())
        };
        one().with_context(|| format!("settle {} in the layer", path.display()))?;
    }
    Ok(())
}

fn remove_marks(
    parent: BorrowedFd<'_>,
    name: &CStr,
    names: &mut [u8],
    hides: impl FnOnce() -> bool,
) -> Result<()> {
    let mut path = PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd()));
    path.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let length = match rustix::fs::llistxattr(&path, &mut *names) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(error).context("list its attributes"),
    };
    let marks = names[..length].split(|&byte| byte == 0).filter(|name| whiteout::is_mark(name));
    let marks: Vec<&[u8]> = marks.collect();
    if marks.is_empty() {
        return Ok(());
    }
    let hides = hides();
    for mark in marks {
        if !(hides && whiteout::is_opaque_mark(mark)) {
            rustix::fs::lremovexattr(&path, mark).context("remove a mark of the overlay")?;
        }
    }
    Ok(())
}

fn set_time(parent: BorrowedFd<'_>, name: &CStr, stat: &Stat, epoch: Option<i64>) -> Result<()> {
    let wanted = epoch.map_or(stat.st_mtime, |epoch| stat.st_mtime.min(epoch));
    if (wanted, 0) == (stat.st_mtime, stat.st_mtime_nsec) {
        return Ok(());
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: wanted, tv_nsec: 0 },
    };
    rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).context("set its time")
}
