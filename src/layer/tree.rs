//! The directories of a layer being unpacked, by handle.
//!
//! A path is resolved beneath the root once per directory and not once per file: archives list the files of a
//! directory together. A handle stays good for as long as nothing is removed, and is inside the root whatever
//! happens, since it was resolved there.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{name, whiteout};
use crate::sys::path::Dir;

/// Handles kept at once.
const HANDLES: usize = 64;
/// The mode of a directory that an archive needs and does not have.
pub const IMPLIED_MODE: Mode = Mode::from_raw_mode(0o755);

/// A layer's root and the handles beneath it.
pub struct Tree<'a> {
    root: &'a Dir,
    handles: HashMap<Vec<u8>, Rc<Dir>>,
}

/// What was in the way of an entry and is gone now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removed {
    Whiteout,
    Directory,
    Other,
}

impl<'a> Tree<'a> {
    pub fn new(root: &'a Dir) -> Self {
        Self { root, handles: HashMap::new() }
    }

    pub fn root(&self) -> &'a Dir {
        self.root
    }

    /// The directory of this path, in-root; the empty path is the root.
    pub fn existing(&mut self, path: &[u8]) -> io::Result<Rc<Dir>> {
        if let Some(handle) = self.handles.get(path) {
            return Ok(Rc::clone(handle));
        }
        let handle = self.root.locate_dir(OsStr::from_bytes(path))?;
        Ok(self.keep(path, handle))
    }

    /// The same, made with all above it where it is missing. A whiteout on the way becomes a directory that
    /// hides what the layers below have there.
    pub fn made(&mut self, path: &[u8]) -> Result<Rc<Dir>> {
        match self.existing(path) {
            Ok(handle) => return Ok(handle),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => self.replace_whiteouts(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("open its directory"),
        }
        self.make(path).context("create its directory")
    }

    /// Makes a directory beneath the nearest one that is there. Where a name is taken, by a link that points nowhere
    /// perhaps, every part is looked at.
    fn make(&mut self, path: &[u8]) -> io::Result<Rc<Dir>> {
        let mut missing = vec![path];
        let mut handle = loop {
            let (parent, _) = name::split(missing[missing.len() - 1]);
            match self.existing(parent) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !parent.is_empty() => {
                    missing.push(parent);
                }
                result => break result?,
            }
        };
        while let Some(next) = missing.pop() {
            let (_, last) = name::split(next);
            match rustix::fs::mkdirat(&*handle, last, IMPLIED_MODE) {
                Err(Errno::EXIST) => {
                    let made = self.root.create_dir_all(OsStr::from_bytes(path), IMPLIED_MODE)?;
                    return Ok(self.keep(path, made));
                }
                result => result?,
            }
            let made = open_child(&handle, last)?;
            handle = self.keep(next, made);
        }
        Ok(handle)
    }

    /// Removes what is in the way, with everything beneath it.
    pub fn clear(&mut self, parent: &Dir, name: &[u8]) -> Result<Removed> {
        let name = OsStr::from_bytes(name);
        let stat = parent.stat(name).context("inspect what it replaces")?;
        let removed = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Removed::Directory,
            _ if whiteout::is_whiteout(&stat) => Removed::Whiteout,
            _ => Removed::Other,
        };
        if removed != Removed::Whiteout {
            // A handle may be of what goes, or have been found through it.
            self.handles.clear();
        }
        parent.remove_all(name).context("remove what it replaces")?;
        Ok(removed)
    }

    fn keep(&mut self, path: &[u8], handle: Dir) -> Rc<Dir> {
        if self.handles.len() == HANDLES {
            self.handles.clear();
        }
        let handle = Rc::new(handle);
        self.handles.insert(path.to_vec(), Rc::clone(&handle));
        handle
    }

    /// Turns each whiteout among the parts of a path into an opaque directory.
    fn replace_whiteouts(&mut self, path: &[u8]) -> Result<()> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let Ok((parent, name)) = self.root.parent_of(OsStr::from_bytes(&path[..end])) else { break };
            if parent.stat(&name).is_ok_and(|stat| whiteout::is_whiteout(&stat)) {
                rustix::fs::unlinkat(&parent, &name, AtFlags::empty()).context("remove a whiteout")?;
                make_opaque_directory(&parent, name.as_bytes(), IMPLIED_MODE)?;
            }
        }
        Ok(())
    }
}

/// Makes a directory in place of a whiteout: it hides what the layers below have, as the whiteout did.
pub fn make_opaque_directory(parent: &Dir, name: &[u8], mode: Mode) -> Result<()> {
    rustix::fs::mkdirat(parent, name, mode).context("create its directory")?;
    whiteout::make_opaque(open_child(parent, name).context("open its directory")?)
}

/// Opens a directory of exactly this name for reading: a link is `ENOTDIR` or `ELOOP`.
pub fn open_child(parent: &Dir, name: &[u8]) -> Result<Dir, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty()).map(Dir::from_fd)
}

/// Whether two names are of one file.
pub fn is_same_file(a: &Stat, b: &Stat) -> bool {
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
}
