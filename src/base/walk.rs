//! Walks through a directory tree by descriptor, following nothing, however deep it is.
//!
//! The tree may belong to a stranger who changes it meanwhile. Few directories are held open at once: one that
//! was let go is found again as the parent of the one below it, and must then be the same.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::vec;

use rustix::fs::{FileType, Mode, OFlags};

/// Directories held open at once, the deepest ones and the top.
const HELD: usize = 32;

/// A place in a tree, and the way back to its top.
pub struct Descent {
    levels: Vec<Level>,
}

struct Level {
    /// `None`: let go, and known by its numbers.
    handle: Option<OwnedFd>,
    id: FileId,
}

/// Device and inode.
pub type FileId = (u64, u64);

impl Descent {
    /// Begins at the top.
    pub fn new(top: OwnedFd) -> Self {
        Self { levels: vec![Level { handle: Some(top), id: (0, 0) }] }
    }

    /// The directory that this is in.
    pub fn here(&self) -> BorrowedFd<'_> {
        let level = self.levels.last().and_then(|level| level.handle.as_ref());
        level.expect("the deepest directory is held").as_fd()
    }

    /// Goes down into a directory of exactly this name; a link is `ENOTDIR`.
    pub fn enter(&mut self, name: &CStr) -> io::Result<()> {
        let handle = open_directory(self.here(), name)?;
        let length = self.levels.len();
        if length > HELD {
            let level = &mut self.levels[length - HELD];
            if let Some(handle) = &level.handle {
                level.id = file_id(handle.as_fd())?;
                level.handle = None;
            }
        }
        self.levels.push(Level { handle: Some(handle), id: (0, 0) });
        Ok(())
    }

    /// Goes back up. A directory that was moved meanwhile has no way back.
    pub fn leave(&mut self) -> io::Result<()> {
        let left = self.levels.pop().and_then(|level| level.handle).expect("the deepest directory is held");
        let level = self.levels.last_mut().expect("the top is not left");
        if level.handle.is_none() {
            let handle = open_directory(left.as_fd(), c"..")?;
            if file_id(handle.as_fd())? != level.id {
                return Err(io::Error::other("the directory was moved while it was read"));
            }
            level.handle = Some(handle);
        }
        Ok(())
    }
}

/// Opens a directory of exactly this name, to list it and to change it.
pub fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

pub fn file_id(file: BorrowedFd<'_>) -> io::Result<FileId> {
    let stat = rustix::fs::fstat(file)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// A name in a directory, and what the directory says it is; `Unknown` where it does not say.
pub struct Entry {
    pub name: CString,
    pub kind: FileType,
}

/// What a walk meets.
pub enum Step {
    /// A name in the directory that the walk is in; a directory is gone into with [`Walk::enter`].
    Entry(Entry),
    /// A directory is done; the walk is in the one above it again.
    Left,
}

/// Meets every name of a tree, each directory's in the order of their bytes.
pub struct Walk {
    descent: Descent,
    waiting: Vec<vec::IntoIter<Entry>>,
    /// Of the current directory, beneath the top.
    path: PathBuf,
}

impl Walk {
    /// Begins with the names in `top`.
    pub fn new(top: OwnedFd) -> io::Result<Self> {
        let names = list(top.as_fd())?;
        Ok(Self { descent: Descent::new(top), waiting: vec![names.into_iter()], path: PathBuf::new() })
    }

    /// The directory of the names met.
    pub fn here(&self) -> BorrowedFd<'_> {
        self.descent.here()
    }

    /// The path of a name in the current directory, beneath the top.
    pub fn path_of(&self, name: &CStr) -> PathBuf {
        self.path.join(OsStr::from_bytes(name.to_bytes()))
    }

    /// The path of the current directory, beneath the top.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves on; `None` when the whole tree was met.
    pub fn next(&mut self) -> io::Result<Option<Step>> {
        let Some(names) = self.waiting.last_mut() else { return Ok(None) };
        if let Some(entry) = names.next() {
            return Ok(Some(Step::Entry(entry)));
        }
        self.waiting.pop();
        if self.waiting.is_empty() {
            return Ok(None);
        }
        self.descent.leave()?;
        self.path.pop();
        Ok(Some(Step::Left))
    }

    /// Goes into a directory that was met: its names come next, then [`Step::Left`].
    pub fn enter(&mut self, name: &CStr) -> io::Result<()> {
        self.descent.enter(name)?;
        match list(self.descent.here()) {
            Ok(names) => self.waiting.push(names.into_iter()),
            Err(error) => {
                self.descent.leave()?;
                return Err(error);
            }
        }
        self.path.push(OsStr::from_bytes(name.to_bytes()));
        Ok(())
    }
}

/// The names in a directory, in the order of their bytes.
pub fn list(directory: BorrowedFd<'_>) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            entries.push(Entry { name: entry.file_name().to_owned(), kind: entry.file_type() });
        }
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::path::Dir;
    use std::fs;

    fn walk(path: &Path) -> Walk {
        Walk::new(Dir::open(path).unwrap().into()).unwrap()
    }

    #[test]
    fn meets_every_name_in_order() {
        let scratch = tempfile::tempdir().unwrap();
        for path in ["b/d", "b/c", "a"] {
            fs::create_dir_all(scratch.path().join(path)).unwrap();
        }
        fs::write(scratch.path().join("b/c/file"), "").unwrap();
        std::os::unix::fs::symlink("b", scratch.path().join("link")).unwrap();
        let mut walk = walk(scratch.path());
        let mut met = Vec::new();
        while let Some(step) = walk.next().unwrap() {
            let Step::Entry(entry) = step else { continue };
            met.push(walk.path_of(&entry.name).display().to_string());
            if entry.kind == FileType::Directory {
                walk.enter(&entry.name).unwrap();
            }
        }
        assert_eq!(met, ["a", "b", "b/c", "b/c/file", "b/d", "link"]);
        assert!(walk.enter(c"link").is_err());
    }

    #[test]
    fn comes_back_from_any_depth() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        let mut at = dir.try_clone().unwrap();
        for _ in 0..5000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = at.open_dir("d").unwrap();
        }
        let mut walk = walk(scratch.path());
        let (mut down, mut up) = (0, 0);
        while let Some(step) = walk.next().unwrap() {
            match step {
                Step::Entry(entry) => {
                    down += 1;
                    walk.enter(&entry.name).unwrap();
                }
                Step::Left => up += 1,
            }
        }
        assert_eq!((down, up), (5000, 5000));
        dir.remove_all(OsStr::new("d")).unwrap();
    }

    #[test]
    fn does_not_come_back_to_another_place() {
        let scratch = tempfile::tempdir().unwrap();
        let mut path = scratch.path().join("tree");
        fs::create_dir(&path).unwrap();
        fs::create_dir(scratch.path().join("other")).unwrap();
        let mut descent = Descent::new(Dir::open(&path).unwrap().into());
        for depth in 0..HELD + 8 {
            path.push("d");
            fs::create_dir(&path).unwrap();
            descent.enter(c"d").unwrap();
            if depth == 3 {
                fs::create_dir(scratch.path().join("other/d")).unwrap();
            }
        }
        // What is above this place was let go.
        fs::rename(scratch.path().join("tree/d/d/d/d"), scratch.path().join("other/moved")).unwrap();
        let result = (0..HELD + 7).try_for_each(|_| descent.leave());
        assert!(result.unwrap_err().to_string().contains("moved"));
    }
}
