//! What an image has where a volume is mounted, copied into a volume that is still empty: docker's rule.
//!
//! Runs in the container's mount namespace before the volume is attached. Both trees are a stranger's: they
//! are walked by descriptor, and no link in them is followed.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timestamps, Uid};

use crate::sys::path::Dir;

/// Deeper trees than this are no image's; the stack of the walk is bounded by it.
const DEPTH_LIMIT: usize = 256;

/// The capabilities of a program file: the one extended attribute that changes what a copy may do.
const CAPABILITY: &str = "security.capability";

/// Fills `volume` with what is at `target` beneath the container's root, if the volume has nothing yet and
/// that is a directory. Owner, mode and times come along, those of the directory itself too.
pub fn fill(root: &Dir, target: &str, volume: BorrowedFd<'_>) -> Result<()> {
    let Ok(from) = root.open_dir(target.trim_start_matches('/')) else { return Ok(()) };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let to = rustix::fs::openat(volume, ".", flags, Mode::empty()).context("open the volume")?;
    if !is_empty(to.as_fd()).context("list the volume")? {
        return Ok(());
    }
    let stat = rustix::fs::fstat(from.as_fd()).context("inspect the image's directory")?;
    copy_entries(from.as_fd(), to.as_fd(), 0)
        .and_then(|()| take_after(to.as_fd(), &stat))
        .with_context(|| format!("copy {target} of the image into the volume"))
}

fn is_empty(directory: BorrowedFd<'_>) -> io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(directory)? {
        if !is_dot(entry?.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_dot(name: &CStr) -> bool {
    name == c"." || name == c".."
}

fn copy_entries(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: usize) -> io::Result<()> {
    if depth > DEPTH_LIMIT {
        return Err(io::Error::other("the directories are too deep"));
    }
    for entry in rustix::fs::Dir::read_from(from)? {
        let entry = entry?;
        if !is_dot(entry.file_name()) {
            copy_entry(from, to, entry.file_name(), depth)?;
        }
    }
    Ok(())
}

/// Copies one entry. Devices, pipes and sockets are left out, as they are not content.
fn copy_entry(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, depth: usize) -> io::Result<()> {
    let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            rustix::fs::mkdirat(to, name, Mode::RWXU)?;
            let (source, made) = (open_directory(from, name)?, open_directory(to, name)?);
            copy_entries(source.as_fd(), made.as_fd(), depth + 1)?;
            take_after(made.as_fd(), &stat)
        }
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let source = rustix::fs::openat(from, name, flags, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let made = rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR)?;
            let (mut source, mut made) = (File::from(source), File::from(made));
            io::copy(&mut source, &mut made)?;
            take_after(made.as_fd(), &stat)?;
            copy_capability(source.as_fd(), made.as_fd())
        }
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(from, name, Vec::new())?;
            rustix::fs::symlinkat(&target, to, name)?;
            let (uid, gid) = owner(&stat);
            Ok(rustix::fs::chownat(to, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?)
        }
        _ => Ok(()),
    }
}

fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

fn owner(stat: &Stat) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))
}

/// Gives owner, then mode, which a change of owner may cut, then times.
fn take_after(made: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    let (uid, gid) = owner(stat);
    rustix::fs::fchown(made, uid, gid)?;
    rustix::fs::fchmod(made, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    let time = |tv_sec, tv_nsec| rustix::fs::Timespec { tv_sec, tv_nsec };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec as _),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec as _),
    };
    Ok(rustix::fs::futimens(made, &times)?)
}

fn copy_capability(source: BorrowedFd<'_>, made: BorrowedFd<'_>) -> io::Result<()> {
    let mut value = [0u8; 64];
    match rustix::fs::fgetxattr(source, CAPABILITY, &mut value) {
        Ok(n) => Ok(rustix::fs::fsetxattr(made, CAPABILITY, &value[..n], rustix::fs::XattrFlags::empty())?),
        Err(_) => Ok(()),
    }
}
