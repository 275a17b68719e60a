//! Compares an unpacked layer with what its archive unpacks to: whether a disk, or a hand, has changed it.
//!
//! Nothing is followed. Times of directories are left out: one that the archive does not list has the time at which it
//! was unpacked.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

use super::whiteout;
use crate::base::walk::{Entry, Step, Walk};
use crate::base::xattr;
use crate::sys::path::Dir;

/// Read of each file at a time.
const BUFFER: usize = 128 << 10;

/// The first place where a directory is not as it should be: `etc/passwd: its content`. Must run as root of the user
/// namespace that owns both.
pub fn difference(here: &Dir, wanted: &Dir) -> Result<Option<String>> {
    let open = |dir: &Dir| dir.open_dir("").map(OwnedFd::from).context("open the layer");
    let (mut here, mut wanted) = (Walk::new(open(here)?)?, Walk::new(open(wanted)?)?);
    loop {
        match (here.next()?, wanted.next()?) {
            (None, None) => return Ok(None),
            (Some(Step::Left), Some(Step::Left)) => {}
            (Some(Step::Entry(own)), Some(Step::Entry(entry))) if own.name == entry.name => {
                let path = wanted.path_of(&entry.name);
                let different = compare(&mut here, &mut wanted, &entry);
                if let Some(what) = different.with_context(|| format!("compare {}", path.display()))? {
                    return Ok(Some(format!("{}: {what}", path.display())));
                }
            }
            (own, entry) => return Ok(Some(odd(&here, own, &wanted, entry))),
        }
    }
}

/// What is missing or too much where two directories have not the same names.
fn odd(here: &Walk, own: Option<Step>, wanted: &Walk, entry: Option<Step>) -> String {
    match (own, entry) {
        (Some(Step::Entry(own)), Some(Step::Entry(entry))) if own.name < entry.name => {
            format!("{}: not in its archive", here.path_of(&own.name).display())
        }
        (_, Some(Step::Entry(entry))) => format!("{}: missing", wanted.path_of(&entry.name).display()),
        (Some(Step::Entry(own)), _) => format!("{}: not in its archive", here.path_of(&own.name).display()),
        _ => "other directories".to_owned(),
    }
}

/// Compares one name of two directories; both walks go into a directory.
fn compare(here: &mut Walk, wanted: &mut Walk, entry: &Entry) -> Result<Option<&'static str>> {
    let name = &entry.name;
    let stat = |walk: &Walk| rustix::fs::statat(walk.here(), name, AtFlags::SYMLINK_NOFOLLOW);
    let (own, want) = (stat(here)?, stat(wanted)?);
    let kind = FileType::from_raw_mode(want.st_mode);
    // No archive says when something was hidden, or by whom, and the kernel lets whiteouts share an inode.
    if whiteout::is_whiteout(&own) && whiteout::is_whiteout(&want) {
        return Ok(None);
    }
    if let Some(what) = different_numbers(&own, &want, kind) {
        return Ok(Some(what));
    }
    match kind {
        FileType::Directory => {
            here.enter(name)?;
            wanted.enter(name)?;
            Ok(different_attributes(here.here(), wanted.here()).then_some("its attributes"))
        }
        FileType::RegularFile => {
            let (own, want) = (open(here.here(), name)?, open(wanted.here(), name)?);
            if different_attributes(own.as_fd(), want.as_fd()) {
                return Ok(Some("its attributes"));
            }
            Ok(different_content(own, want)?.then_some("its content"))
        }
        FileType::Symlink => {
            let target = |walk: &Walk| rustix::fs::readlinkat(walk.here(), name, Vec::new());
            Ok((target(here)? != target(wanted)?).then_some("its target"))
        }
        _ => Ok(None),
    }
}

fn different_numbers(own: &Stat, want: &Stat, kind: FileType) -> Option<&'static str> {
    let time = |stat: &Stat| (stat.st_mtime, stat.st_mtime_nsec);
    let is_directory = kind == FileType::Directory;
    [
        (FileType::from_raw_mode(own.st_mode) != kind, "its type"),
        (own.st_mode != want.st_mode, "its mode"),
        ((own.st_uid, own.st_gid) != (want.st_uid, want.st_gid), "its owner"),
        (own.st_rdev != want.st_rdev, "its device"),
        (!is_directory && own.st_size != want.st_size, "its size"),
        (!is_directory && own.st_nlink != want.st_nlink, "its hard links"),
        (!is_directory && time(own) != time(want), "its time"),
    ]
    .into_iter()
    .find_map(|(differs, what)| differs.then_some(what))
}

fn open(directory: BorrowedFd<'_>, name: &CStr) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?.into())
}

fn different_attributes(own: BorrowedFd<'_>, want: BorrowedFd<'_>) -> bool {
    xattr::read(own, |_| true) != xattr::read(want, |_| true)
}

fn different_content(mut own: File, mut want: File) -> Result<bool> {
    let (mut first, mut second) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        let (n, m) = (fill(&mut own, &mut first)?, fill(&mut want, &mut second)?);
        if first[..n] != second[..m] {
            return Ok(true);
        }
        if n == 0 {
            return Ok(false);
        }
    }
}

/// Reads until the buffer is full or the file at its end.
fn fill(file: &mut File, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::*;

    /// A small tree; times are equal, since they are set.
    fn tree() -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("a/b")).unwrap();
        fs::write(top.path().join("a/file"), "content").unwrap();
        fs::hard_link(top.path().join("a/file"), top.path().join("a/link")).unwrap();
        symlink("file", top.path().join("a/b/soft")).unwrap();
        settle(top.path());
        top
    }

    fn settle(top: &Path) {
        use rustix::fs::{CWD, Timespec, Timestamps, utimensat};
        let time = Timespec { tv_sec: 1000, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        for path in ["a/file", "a/b/soft", "extra"] {
            let _ = utimensat(CWD, top.join(path), &times, AtFlags::SYMLINK_NOFOLLOW);
        }
    }

    #[test]
    fn every_difference_is_seen() {
        type Change = fn(&Path);
        let changes: [(Change, &str); 10] = [
            (|top| fs::write(top.join("a/file"), "cOntent").unwrap(), "a/file: its content"),
            (|top| fs::write(top.join("a/file"), "conten").unwrap(), "a/file: its size"),
            (|top| fs::remove_file(top.join("a/link")).unwrap(), "a/file: its hard links"),
            (|top| fs::remove_file(top.join("a/b/soft")).unwrap(), "a/b/soft: missing"),
            (|top| fs::write(top.join("extra"), "").unwrap(), "extra: not in its archive"),
            (|top| fs::create_dir(top.join("a/b/c")).unwrap(), "a/b/c: not in its archive"),
            (|top| fs::remove_dir_all(top.join("a")).unwrap(), "a: missing"),
            (
                |top| fs::set_permissions(top.join("a/file"), fs::Permissions::from_mode(0o600)).unwrap(),
                "a/file: its mode",
            ),
            (
                |top| {
                    fs::remove_file(top.join("a/b/soft")).unwrap();
                    symlink("elif", top.join("a/b/soft")).unwrap();
                },
                "a/b/soft: its target",
            ),
            (
                |top| {
                    fs::remove_file(top.join("a/b/soft")).unwrap();
                    fs::write(top.join("a/b/soft"), "file").unwrap();
                },
                "a/b/soft: its type",
            ),
        ];
        let wanted = tree();
        let open = |top: &tempfile::TempDir| Dir::open(top.path()).unwrap();
        assert_eq!(difference(&open(&tree()), &open(&wanted)).unwrap(), None);
        for (change, want) in changes {
            let own = tree();
            change(own.path());
            settle(own.path());
            assert_eq!(difference(&open(&own), &open(&wanted)).unwrap().as_deref(), Some(want));
        }
        fs::write(wanted.path().join("a/file"), "later").unwrap();
        let own = tree();
        fs::write(own.path().join("a/file"), "later").unwrap();
        settle(own.path());
        assert_eq!(difference(&open(&own), &open(&wanted)).unwrap().as_deref(), Some("a/file: its time"));
    }

    #[test]
    fn whiteouts_have_no_time() {
        let trees = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [own, wanted] = trees.each_ref().map(|tree| Dir::open(tree.path()).unwrap());
        for dir in [&own, &wanted] {
            if whiteout::create(dir, b"gone").is_err() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        rustix::fs::linkat(&own, "gone", &own, "also", AtFlags::empty()).unwrap();
        whiteout::create(&wanted, b"also").unwrap();
        assert_eq!(difference(&own, &wanted).unwrap(), None);
    }
}
