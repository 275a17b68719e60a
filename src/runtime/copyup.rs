//! What an image has where a volume is mounted, copied into a volume that is still empty: docker's rule.
//!
//! Runs in the container's mount namespace before the volume is attached. Both trees are a stranger's: they
//! are walked by descriptor, and no link in them is followed.
//!
//! ```text
//! volumes/<name>/            locked meanwhile: who starts at the same moment waits, and finds it whole
//!   _data/                   the volume
//!   _fill.new/               a copy in the making; left by who died, it is begun again
//!   _fill/                   a whole copy on its way to _data; left by who died, the rest is moved
//!   filled                   it has been done, and what is emptied later stays empty
//! ```

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, Stat, Timestamps, Uid};
use rustix::io::Errno;

use crate::sys::path::Dir;

/// Deeper trees than this are no image's; the stack of the walk is bounded by it.
const DEPTH_LIMIT: usize = 256;

/// The capabilities of a program file: the one extended attribute that changes what a copy may do.
const CAPABILITY: &str = "security.capability";

/// Opens the directory that a volume's data are in, for [`fill`].
pub fn open(data: &Path) -> Result<Dir> {
    let volume = data.parent().context("find the volume's directory")?;
    Dir::open(volume).with_context(|| format!("open {}", volume.display()))
}

/// Fills a volume with what is at `target` beneath the container's root, if the volume has nothing yet and that is a
/// directory. Owner, mode and times come along, those of the directory itself too. `synced`: the copy must survive a
/// power cut.
pub fn fill(root: &Dir, target: &str, volume: &Dir, synced: bool) -> Result<()> {
    rustix::fs::flock(volume, FlockOperation::LockExclusive).context("lock the volume")?;
    let attempt = || -> io::Result<()> {
        if exists(volume, FILLING)? {
            return finish(volume);
        }
        volume.remove_all(OsStr::new(COPYING))?;
        let to = volume.open_dir(DATA)?;
        if exists(volume, FILLED)? || !is_empty(to.as_fd())? {
            return Ok(());
        }
        let Ok(from) = root.open_dir(target.trim_start_matches('/')) else { return Ok(()) };
        rustix::fs::mkdirat(volume, COPYING, Mode::RWXU)?;
        let copy = volume.open_dir(COPYING)?;
        copy_entries(from.as_fd(), copy.as_fd(), 0)?;
        take_after(copy.as_fd(), &rustix::fs::fstat(from.as_fd())?)?;
        if synced {
            rustix::fs::syncfs(&copy)?;
        }
        rustix::fs::renameat(volume, COPYING, volume, FILLING)?;
        finish(volume)
    };
    attempt().with_context(|| format!("copy {target} of the image into the volume"))
}

/// Copies what is at `target` beneath the container's root, if that is a directory, into a filesystem that was
/// just made.
pub fn copy(root: &Dir, target: &str, made: BorrowedFd<'_>) -> Result<()> {
    let Ok(from) = root.open_dir(target.trim_start_matches('/')) else { return Ok(()) };
    copy_entries(from.as_fd(), made, 0).with_context(|| format!("copy {target} of the image"))
}

const DATA: &str = "_data";
const COPYING: &str = "_fill.new";
const FILLING: &str = "_fill";
const FILLED: &str = "filled";

/// Moves a whole copy into the volume. What a container has put there meanwhile stays.
fn finish(volume: &Dir) -> io::Result<()> {
    let (from, to) = (volume.open_dir(FILLING)?, volume.open_dir(DATA)?);
    for entry in rustix::fs::Dir::read_from(&from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_dot(name) {
            match rustix::fs::renameat_with(&from, name, &to, name, RenameFlags::NOREPLACE) {
                Ok(()) | Err(Errno::EXIST | Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    take_after(to.as_fd(), &rustix::fs::fstat(&from)?)?;
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    volume.open_file(FILLED, flags, Mode::RUSR | Mode::WUSR)?;
    volume.remove_all(OsStr::new(FILLING))
}

fn exists(directory: &Dir, name: &str) -> io::Result<bool> {
    match directory.stat(OsStr::new(name)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a directory has no entries.
pub fn is_empty(directory: BorrowedFd<'_>) -> io::Result<bool> {
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
pub fn take_after(made: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// An image with `/seed` and a volume beside it.
    fn scratch() -> (tempfile::TempDir, Dir) {
        let scratch = tempfile::tempdir().unwrap();
        let seed = scratch.path().join("root/seed");
        fs::create_dir_all(seed.join("deep")).unwrap();
        fs::write(seed.join("deep/file"), "x").unwrap();
        fs::write(seed.join("top"), "y").unwrap();
        std::os::unix::fs::symlink("/etc", seed.join("link")).unwrap();
        fs::set_permissions(&seed, fs::Permissions::from_mode(0o750)).unwrap();
        fs::create_dir_all(scratch.path().join("volume/_data")).unwrap();
        let root = Dir::open(&scratch.path().join("root")).unwrap();
        (scratch, root)
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_empty_volume_is_filled_once() {
        let (scratch, root) = scratch();
        let data = scratch.path().join("volume/_data");
        fill(&root, "/seed", &open(&data).unwrap(), true).unwrap();
        assert_eq!(names(&data), ["deep", "link", "top"]);
        assert_eq!(fs::read_link(data.join("link")).unwrap(), Path::new("/etc"));
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(names(&scratch.path().join("volume")), ["_data", "filled"]);
        fs::remove_dir_all(data.join("deep")).unwrap();
        fs::remove_file(data.join("top")).unwrap();
        fs::remove_file(data.join("link")).unwrap();
        fill(&root, "/seed", &open(&data).unwrap(), false).unwrap();
        assert_eq!(names(&data).len(), 0);
    }

    #[test]
    fn what_is_there_stays() {
        let (scratch, root) = scratch();
        let data = scratch.path().join("volume/_data");
        fs::write(data.join("own"), "").unwrap();
        fill(&root, "/seed", &open(&data).unwrap(), false).unwrap();
        fill(&root, "/nothing", &open(&data).unwrap(), false).unwrap();
        assert_eq!(names(&data), ["own"]);
    }

    #[test]
    fn who_dies_halfway_is_followed_up() {
        let (scratch, root) = scratch();
        let (volume, data) = (scratch.path().join("volume"), scratch.path().join("volume/_data"));
        // In the middle of the copy: nothing of it counts.
        fs::create_dir_all(volume.join("_fill.new")).unwrap();
        fs::write(volume.join("_fill.new/half"), "").unwrap();
        fill(&root, "/seed", &open(&data).unwrap(), false).unwrap();
        assert_eq!(names(&data), ["deep", "link", "top"]);
        // In the middle of the move: the rest follows.
        fs::remove_file(volume.join("filled")).unwrap();
        fs::create_dir_all(volume.join("_fill")).unwrap();
        fs::write(volume.join("_fill/late"), "").unwrap();
        fs::write(volume.join("_fill/top"), "not the newer one").unwrap();
        fill(&root, "/seed", &open(&data).unwrap(), false).unwrap();
        assert_eq!(names(&data), ["deep", "late", "link", "top"]);
        assert_eq!(fs::read(data.join("top")).unwrap(), b"y");
        assert_eq!(names(&volume), ["_data", "filled"]);
    }
}
