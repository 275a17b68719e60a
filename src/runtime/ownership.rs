//! A tree given to another user: the `U` of a mount.
//!
//! The tree is a stranger's: it is walked by descriptor, no link in it is followed, and what is mounted in it is
//! left alone.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, anyhow};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::base::hint::HintExt;

/// Deeper trees than this are refused; the stack of the walk is bounded by it.
const DEPTH_LIMIT: usize = 256;

/// What stat(2) says of an owner that the user namespace has no id for.
const UNMAPPED: u32 = 65534;

/// Makes a user of this namespace the owner of what is mounted and of everything beneath. What is theirs already
/// is not touched.
pub fn give(mount: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()> {
    let owner = (uid, gid);
    let stat = rustix::fs::statat(mount, c"", AtFlags::EMPTY_PATH).context("inspect it")?;
    give_one(mount, c"", &stat, owner)?;
    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(mount, c".", flags, Mode::empty()).context("open it")?;
    give_entries(directory.as_fd(), stat.st_dev, owner, 0)
}

fn give_entries(directory: BorrowedFd<'_>, device: u64, owner: (u32, u32), depth: usize) -> Result<()> {
    if depth > DEPTH_LIMIT {
        return Err(anyhow!("the directories are too deep"));
    }
    for entry in rustix::fs::Dir::read_from(directory).context("list it")? {
        let entry = entry.context("list it")?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // Somebody else works there.
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error).with_context(|| format!("inspect {name:?}")),
        };
        if stat.st_dev != device {
            continue;
        }
        give_one(directory, name, &stat, owner)?;
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(directory, name, flags, Mode::empty()) {
                Ok(child) => give_entries(child.as_fd(), device, owner, depth + 1)?,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(error).with_context(|| format!("open {name:?}")),
            }
        }
    }
    Ok(())
}

fn give_one(directory: BorrowedFd<'_>, name: &CStr, stat: &Stat, (uid, gid): (u32, u32)) -> Result<()> {
    if (stat.st_uid, stat.st_gid) == (uid, gid) {
        return Ok(());
    }
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    match rustix::fs::chownat(directory, name, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => {
            let error = io::Error::from(error);
            let shown = if name.is_empty() { "it".to_owned() } else { name.to_string_lossy().into_owned() };
            let what = match stat.st_uid == UNMAPPED || stat.st_gid == UNMAPPED {
                true => {
                    format!("{shown} belongs to a user or group of the host that has no id in the container")
                }
                false => format!("change the owner of {shown}"),
            };
            Err(error).context(what).hint(|| {
                "only files of your own user and of your subordinate ids can be given away: as root of the host, \
                 chown the files to your user first"
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn what_is_theirs_already_is_not_touched() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("deep")).unwrap();
        fs::write(scratch.path().join("deep/file"), "").unwrap();
        symlink("/etc/passwd", scratch.path().join("link")).unwrap();
        let before = fs::metadata(scratch.path().join("deep/file")).unwrap();
        let directory = fs::File::open(scratch.path()).unwrap();
        give(directory.as_fd(), before.uid(), before.gid()).unwrap();
        let after = fs::metadata(scratch.path().join("deep/file")).unwrap();
        assert_eq!((before.ctime(), before.ctime_nsec()), (after.ctime(), after.ctime_nsec()));
    }
}
