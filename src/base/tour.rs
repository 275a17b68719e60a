//! A walk that meets only what is wanted of a tree, and the directories on the way to it.

use std::collections::VecDeque;
use std::ffi::CString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Stat};

use super::walk::{Entry, Step, Walk};
use super::xattr;

/// What is wanted of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// It, whatever it is.
    Take,
    /// It is a directory: only where something in it is taken.
    Reach,
    /// Neither it nor anything in it.
    Pass,
}

/// Says what is wanted.
pub trait Choose {
    /// Decides about a name; the path is beneath the top.
    fn choose(&mut self, path: &Path, is_directory: bool) -> Choice;

    /// All in the directory that was taken or reached last is done.
    fn left(&mut self) {}
}

/// Wants all.
pub struct Everything;

impl Choose for Everything {
    fn choose(&mut self, _path: &Path, _is_directory: bool) -> Choice {
        Choice::Take
    }
}

/// What is met.
pub enum Met {
    /// A directory, before what is in it.
    Enter(Directory),
    /// Anything else, in the directory that [`Tour::here`] is.
    Leaf(CString),
    /// The directory that was entered last is done.
    Leave(Directory),
}

/// A directory as it was when the walk came to it.
#[derive(Clone)]
pub struct Directory {
    pub name: CString,
    /// Beneath the top.
    pub path: PathBuf,
    pub stat: Stat,
    /// Those that are kept; see [`xattr::is_kept`].
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

pub struct Tour<C> {
    walk: Walk,
    choose: C,
    /// The directories that the walk is in, and which of them were met.
    above: Vec<(Directory, bool)>,
    waiting: VecDeque<Met>,
    attributes: bool,
    /// The directory that could not be entered.
    closed: Option<PathBuf>,
}

impl<C: Choose> Tour<C> {
    /// Begins with the names in `top`. Attributes of directories are read where they are wanted.
    pub fn new(top: OwnedFd, choose: C, attributes: bool) -> io::Result<Self> {
        let (above, waiting) = (Vec::new(), VecDeque::new());
        Ok(Self { walk: Walk::new(top)?, choose, above, waiting, attributes, closed: None })
    }

    /// The directory of the leaf that was met.
    pub fn here(&self) -> BorrowedFd<'_> {
        self.walk.here()
    }

    /// The path of the leaf that was met, beneath the top.
    pub fn path_of(&self, name: &std::ffi::CStr) -> PathBuf {
        self.walk.path_of(name)
    }

    /// Where the walk is, or the directory that it could not enter, for messages.
    pub fn path(&self) -> &Path {
        self.closed.as_deref().unwrap_or(self.walk.path())
    }

    /// Moves on; `None` when all was met.
    pub fn next(&mut self) -> io::Result<Option<Met>> {
        loop {
            if let Some(met) = self.waiting.pop_front() {
                return Ok(Some(met));
            }
            match self.walk.next()? {
                None => return Ok(None),
                Some(Step::Left) => {
                    self.choose.left();
                    let (directory, was_met) = self.above.pop().expect("what is left was entered");
                    if was_met {
                        return Ok(Some(Met::Leave(directory)));
                    }
                }
                Some(Step::Entry(entry)) => self.entry(entry)?,
            }
        }
    }

    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        let is_directory = match entry.kind {
            FileType::Unknown => {
                let stat = rustix::fs::statat(self.walk.here(), &entry.name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode) == FileType::Directory
            }
            kind => kind == FileType::Directory,
        };
        let path = self.walk.path_of(&entry.name);
        match (self.choose.choose(&path, is_directory), is_directory) {
            (Choice::Pass, _) | (Choice::Reach, false) => return Ok(()),
            (Choice::Take, false) => {
                self.meet_all();
                self.waiting.push_back(Met::Leaf(entry.name));
            }
            (choice, true) => {
                if let Err(error) = self.walk.enter(&entry.name) {
                    self.closed = Some(path);
                    return Err(error);
                }
                let here = self.walk.here();
                let attributes = if self.attributes { xattr::read(here, xattr::is_kept) } else { Vec::new() };
                let stat = rustix::fs::fstat(here)?;
                self.above.push((Directory { name: entry.name, path, stat, attributes }, false));
                if choice == Choice::Take {
                    self.meet_all();
                }
            }
        }
        Ok(())
    }

    /// Lets the directories above be met that were only reached so far.
    fn meet_all(&mut self) {
        for (directory, was_met) in &mut self.above {
            if !std::mem::replace(was_met, true) {
                self.waiting.push_back(Met::Enter(directory.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::path::Dir;
    use std::fs;

    /// Takes what is named, and reaches for it everywhere.
    struct Named(&'static str, usize);

    impl Choose for Named {
        fn choose(&mut self, path: &Path, is_directory: bool) -> Choice {
            match (path.file_name().is_some_and(|name| name == self.0), is_directory) {
                (true, _) => Choice::Take,
                (false, true) => Choice::Reach,
                (false, false) => Choice::Pass,
            }
        }

        fn left(&mut self) {
            self.1 += 1;
        }
    }

    #[test]
    fn directories_are_met_with_what_is_wanted_of_them() {
        let scratch = tempfile::tempdir().unwrap();
        for path in ["a/b/c", "a/none", "d/x"] {
            fs::create_dir_all(scratch.path().join(path)).unwrap();
        }
        for path in ["a/b/c/x", "a/b/y", "d/x/z"] {
            fs::write(scratch.path().join(path), "").unwrap();
        }
        let top = Dir::open(scratch.path()).unwrap();
        let mut tour = Tour::new(top.into(), Named("x", 0), false).unwrap();
        let mut met = Vec::new();
        while let Some(step) = tour.next().unwrap() {
            met.push(match step {
                Met::Enter(directory) => format!("+{}", directory.path.display()),
                Met::Leave(directory) => format!("-{}", directory.path.display()),
                Met::Leaf(name) => tour.path_of(&name).display().to_string(),
            });
        }
        assert_eq!(
            met,
            ["+a", "+a/b", "+a/b/c", "a/b/c/x", "-a/b/c", "-a/b", "-a", "+d", "+d/x", "-d/x", "-d"]
        );
        assert_eq!(tour.choose.1, 6);
    }
}
