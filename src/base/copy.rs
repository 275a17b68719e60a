//! Copies trees by descriptor: nothing is followed, nothing blocks, and no depth is too deep.
//!
//! Either side may be a container's, whose processes change it meanwhile: a name that was looked at is opened by
//! the same rules again and judged by its descriptor. Files are cloned where the filesystem can, else copied in
//! the kernel, and holes stay holes. Devices and sockets are no content: they are left out and counted.

mod content;

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use content::Content;

use super::mode::ModeChange;
use super::owner::Owner;
use super::tour::{Choose, Directory, Everything, Met, Tour};
use super::walk::{self, Descent, FileId};
use super::xattr;
use crate::sys::path::Dir;

/// How to copy.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// The user and the group that own what is copied.
    pub owner: (u32, u32),
    /// Give everything the owner that it had.
    pub keep_owner: bool,
    /// Leave an owner out that this user namespace does not have; else it is an error.
    pub fold_ids: bool,
    /// Keep setuid and setgid of files. Without their owner they would lend out somebody else's rights.
    pub keep_special: bool,
    /// What becomes of modes. One that is changed keeps setuid and setgid if it says so.
    pub mode: Option<ModeChange>,
    /// Keep extended attributes, capabilities among them, with whatever owner. Without it capabilities are kept with
    /// their owner, and nothing else is.
    pub attributes: bool,
    /// What to do with a directory in the place of what is none, and the other way round.
    pub clash: Clash,
    /// How messages call the place that is copied to.
    pub shown: PathBuf,
}

/// What to do where a directory and something else meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clash {
    /// What was there goes.
    Overwrite,
    /// It is refused in the words of docker's `cp`.
    RefuseAsCp,
    /// It is refused in the words of docker's `build`.
    RefuseAsBuild,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// As a tar archive of it counts: a block for each name, and the data in whole blocks.
    pub bytes: u64,
    /// Devices and sockets.
    pub skipped: u64,
}

/// Copies into directories, and remembers files with several names.
pub struct Copier {
    options: CopyOptions,
    copied: Copied,
    /// Copies by what they were copied from, to be linked to.
    links: HashMap<FileId, Link>,
    content: Content,
}

/// A copy that was made, beneath the top of the destination.
struct Link {
    path: PathBuf,
    id: FileId,
}

const BLOCK: u64 = 512;
/// How often a name is cleared that somebody keeps making again.
const ATTEMPTS: u32 = 100;
/// Multiply linked files that are remembered; more are copied once for each name.
const LINK_LIMIT: usize = 1 << 20;
/// The capabilities of a program file: the one extended attribute that changes what a copy may do.
const CAPABILITY: &str = "security.capability";

impl Copier {
    pub fn new(options: CopyOptions) -> Self {
        Self { options, copied: Copied::default(), links: HashMap::new(), content: Content::default() }
    }

    pub fn finish(self) -> Copied {
        self.copied
    }

    /// Copies what is in `from` into `to`; the directory `to` itself stays as it is.
    pub fn contents(&mut self, from: OwnedFd, to: OwnedFd) -> Result<()> {
        self.chosen(from, to, Everything)
    }

    /// Copies what is wanted of that.
    pub fn chosen(&mut self, from: OwnedFd, to: OwnedFd, choose: impl Choose) -> Result<()> {
        let forbidden = walk::file_id(to.as_fd()).context("inspect the destination")?;
        let top = Dir::from_fd(to.try_clone().context("duplicate a descriptor")?);
        let mut tour = Tour::new(from, choose, self.options.attributes).context("list the source")?;
        let mut to = Descent::new(to);
        while let Some(met) = tour.next().with_context(|| format!("copy {}", tour.path().display()))? {
            match met {
                Met::Leave(directory) => {
                    self.finish_directory(to.here(), &directory).context("finish a directory")?;
                    to.leave().context("return to the directory above")?;
                }
                Met::Leaf(name) => {
                    let path = tour.path_of(&name);
                    self.leaf(tour.here(), &name, to.here(), &name, Some((&top, &path)))
                        .with_context(|| format!("copy {}", path.display()))?;
                }
                Met::Enter(Directory { name, path, stat, .. }) => {
                    let told = || format!("copy {}", path.display());
                    if (stat.st_dev, stat.st_ino) == forbidden {
                        bail!("cannot copy a directory into itself: {}", path.display());
                    }
                    self.make_directory(to.here(), &name, &path).with_context(told)?;
                    to.enter(&name).with_context(told)?;
                    self.copied.bytes += BLOCK;
                }
            }
        }
        Ok(())
    }

    fn finish_directory(&self, made: BorrowedFd<'_>, directory: &Directory) -> Result<()> {
        self.take_after(made, &directory.stat)?;
        self.set_attributes(made, &directory.attributes)
    }

    /// Copies a directory, with all in it, to the name `name` in `parent`.
    pub fn directory(&mut self, from: OwnedFd, parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        let name = c_name(name)?;
        let stat = rustix::fs::fstat(&from).context("inspect the source")?;
        self.make_directory(parent, &name, Path::new(""))?;
        self.copied.bytes += BLOCK;
        let made = walk::open_directory(parent, &name).context("open the new directory")?;
        let to = made.try_clone().context("duplicate a descriptor")?;
        self.contents(from, to)?;
        self.take_after(made.as_fd(), &stat).context("finish the directory")
    }

    /// Copies anything but a directory to the name `to_name` in `to`.
    pub fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        name: &OsStr,
        to: BorrowedFd<'_>,
        to_name: &OsStr,
    ) -> Result<()> {
        self.leaf(from, &c_name(name)?, to, &c_name(to_name)?, None)
    }

    /// Copies an open file to the name `name` in `to`.
    pub fn file(&mut self, from: OwnedFd, to: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        let stat = rustix::fs::fstat(&from).context("inspect the source")?;
        self.data(&File::from(from), &stat, to, &c_name(name)?, false).map(drop)
    }

    /// `place` is the destination's top and the path beneath it, where files with several names may meet again.
    fn leaf(
        &mut self,
        from: BorrowedFd<'_>,
        name: &CStr,
        to: BorrowedFd<'_>,
        to_name: &CStr,
        place: Option<(&Dir, &Path)>,
    ) -> Result<()> {
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW).context("inspect")?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.regular(from, name, &stat, to, to_name, place),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new()).context("read the link")?;
                self.place(to, to_name, || rustix::fs::symlinkat(&target, to, to_name))?;
                self.copied.bytes += BLOCK;
                self.take_after_by_name(to, to_name, &stat)
            }
            FileType::Fifo => {
                let mode = Mode::from_raw_mode(self.mode(&stat) & 0o777);
                self.place(to, to_name, || rustix::fs::mknodat(to, to_name, FileType::Fifo, mode, 0))?;
                self.copied.bytes += BLOCK;
                self.take_after_by_name(to, to_name, &stat)
            }
            FileType::Directory => bail!("it became a directory while it was read"),
            _ => {
                self.copied.skipped += 1;
                Ok(())
            }
        }
    }

    fn regular(
        &mut self,
        from: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
        to: BorrowedFd<'_>,
        to_name: &CStr,
        place: Option<(&Dir, &Path)>,
    ) -> Result<()> {
        let id = (stat.st_dev, stat.st_ino);
        let place = place.filter(|_| stat.st_nlink > 1);
        if let Some((top, _)) = place
            && self.link(top, id, to, to_name)?
        {
            return Ok(());
        }
        let source = open_to_read(from, name)?;
        // What the name is now is what counts.
        let stat = rustix::fs::fstat(&source).context("inspect")?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            bail!("it was replaced while it was read");
        }
        let made = self.data(&source, &stat, to, to_name, place.is_some())?;
        if let (Some((_, path)), Some(id)) = (place, made)
            && self.links.len() < LINK_LIMIT
        {
            self.links.insert((stat.st_dev, stat.st_ino), Link { path: path.to_owned(), id });
        }
        Ok(())
    }

    /// Links to an earlier copy of the same file, if it is still where it was made.
    fn link(&mut self, top: &Dir, id: FileId, to: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
        let Some(link) = self.links.get(&id) else { return Ok(false) };
        let Ok((parent, last)) = top.parent_of(&link.path) else { return Ok(false) };
        let is_same = parent.stat(&last).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == link.id);
        if !is_same {
            return Ok(false);
        }
        let make = || rustix::fs::linkat(&parent, last.as_os_str(), to, name, AtFlags::empty());
        self.place(to, name, make)?;
        self.copied.bytes += BLOCK;
        Ok(true)
    }

    /// Copies data and all that belongs to a file; returns which file was made of one that has several names.
    fn data(
        &mut self,
        from: &File,
        stat: &Stat,
        to: BorrowedFd<'_>,
        name: &CStr,
        has_several_names: bool,
    ) -> Result<Option<FileId>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR);
        let made = match self.place(to, name, make) {
            // Something is mounted on it: it cannot be replaced, but filled.
            Err(error) if error.downcast_ref() == Some(&Errno::BUSY) => open_to_fill(to, name)?,
            made => made?,
        };
        let made = File::from(made);
        let size = stat.st_size.unsigned_abs();
        let copied = self.content.copy(from, &made, size, stat.st_blocks.unsigned_abs() * BLOCK < size)?;
        self.copied.bytes += BLOCK + copied.next_multiple_of(BLOCK);
        self.take_after(made.as_fd(), stat)?;
        match (self.options.attributes, self.options.keep_owner) {
            (true, _) => self.set_attributes(made.as_fd(), &xattr::read(from.as_fd(), xattr::is_kept))?,
            (false, true) => copy_capability(from.as_fd(), made.as_fd())?,
            (false, false) => {}
        }
        if has_several_names { Ok(Some(walk::file_id(made.as_fd())?)) } else { Ok(None) }
    }

    /// Makes a node by `make`, and again after what is in its way is gone.
    fn place<T>(
        &self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        make: impl Fn() -> Result<T, Errno>,
    ) -> Result<T> {
        let attempt = |verb: &str| format!("{verb} {}", name.to_string_lossy());
        for _ in 0..ATTEMPTS {
            match make() {
                Err(Errno::EXIST) => {}
                result => return result.with_context(|| attempt("create")),
            }
            match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::ISDIR) => match self.options.clash {
                    Clash::Overwrite => remove_all(parent, name)?,
                    Clash::RefuseAsCp => bail!(
                        "cannot overwrite directory {:?} with non-directory {:?}",
                        self.options.shown.join(OsStr::from_bytes(name.to_bytes())),
                        self.options.shown
                    ),
                    Clash::RefuseAsBuild => bail!(
                        "cannot replace to directory {} with file",
                        self.options.shown.join(OsStr::from_bytes(name.to_bytes())).display()
                    ),
                },
                Err(error) => return Err(error).with_context(|| attempt("replace")),
            }
        }
        bail!("{}: the name is taken again and again", attempt("create"))
    }

    /// Makes a directory, or keeps the one that is there.
    fn make_directory(&self, parent: BorrowedFd<'_>, name: &CStr, path: &Path) -> Result<()> {
        for _ in 0..ATTEMPTS {
            match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("create {}", name.to_string_lossy()));
                }
            }
            let there = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(there) => there,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error).context("inspect what is there"),
            };
            if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
                return Ok(());
            }
            let whole = || match path.as_os_str().is_empty() {
                true => self.options.shown.join(OsStr::from_bytes(name.to_bytes())),
                false => self.options.shown.join(path),
            };
            match self.options.clash {
                Clash::Overwrite => remove_all(parent, name)?,
                Clash::RefuseAsCp => {
                    let shown = &self.options.shown;
                    bail!("cannot overwrite non-directory {:?} with directory {shown:?}", whole());
                }
                Clash::RefuseAsBuild => bail!("cannot copy to non-directory: {}", whole().display()),
            }
        }
        bail!("create the directory: the name is taken again and again")
    }

    /// Gives owner, then mode, which a change of owner may cut, then times.
    fn take_after(&self, made: BorrowedFd<'_>, stat: &Stat) -> Result<()> {
        self.own(stat, |uid, gid| rustix::fs::fchown(made, uid, gid))?;
        rustix::fs::fchmod(made, Mode::from_raw_mode(self.mode(stat))).context("set its mode")?;
        rustix::fs::futimens(made, &times(stat)).context("set its time")
    }

    /// The mode of the copy of what has this one.
    fn mode(&self, stat: &Stat) -> u32 {
        let mut mode = stat.st_mode & 0o7777;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !self.options.keep_special && kind == FileType::RegularFile {
            mode &= !0o6000;
        }
        match &self.options.mode {
            Some(change) => change.apply(mode, kind == FileType::Directory),
            None => mode,
        }
    }

    fn set_attributes(&self, made: BorrowedFd<'_>, attributes: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
        for (name, value) in attributes {
            // What this namespace or filesystem cannot have is left out.
            xattr::set(made, name, value, true)?;
        }
        Ok(())
    }

    fn take_after_by_name(&self, parent: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        self.own(stat, |uid, gid| rustix::fs::chownat(parent, name, uid, gid, flags))?;
        rustix::fs::utimensat(parent, name, &times(stat), flags).context("set its time")
    }

    /// Sets the owner. What was there before may have another, so it is set where it is root's too.
    fn own(&self, stat: &Stat, chown: impl Fn(Option<Uid>, Option<Gid>) -> Result<(), Errno>) -> Result<()> {
        let (uid, gid) = match self.options.keep_owner {
            true => (stat.st_uid, stat.st_gid),
            false => self.options.owner,
        };
        // The kernel shows what the namespace does not have as the overflow id (user_namespaces(7)), which a
        // namespace may have after all.
        let chown = |uid, gid| {
            chown(uid, gid).map_err(|error| match error {
                Errno::OVERFLOW => Errno::INVAL,
                error => error,
            })
        };
        Owner::new(uid.into(), gid.into())?.set(self.options.fold_ids, chown).map(drop)
    }
}

fn c_name(name: &OsStr) -> Result<CString> {
    CString::new(name.as_bytes()).context("the name has a null byte")
}

/// Opens what should be a file: a pipe does not block, a terminal does not become ours, a link is refused.
fn open_to_read(parent: BorrowedFd<'_>, name: &CStr) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty()).context("open")?.into())
}

/// Opens a file that is there, to be filled anew.
fn open_to_fill(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(parent, name, flags, Mode::empty()).context("open")?;
    let stat = rustix::fs::fstat(&file).context("inspect")?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        bail!("replace: something is mounted on it");
    }
    rustix::fs::ftruncate(&file, 0).context("empty")?;
    Ok(file)
}

fn remove_all(parent: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let parent = Dir::from_fd(parent.try_clone_to_owned().context("duplicate a descriptor")?);
    parent.remove_all(OsStr::from_bytes(name.to_bytes())).context("remove what is there")
}

fn copy_capability(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let mut value = [0u8; 64];
    let Ok(n) = rustix::fs::fgetxattr(from, CAPABILITY, &mut value) else { return Ok(()) };
    match rustix::fs::fsetxattr(to, CAPABILITY, &value[..n], rustix::fs::XattrFlags::empty()) {
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        result => result.context("set its capabilities"),
    }
}

fn times(stat: &Stat) -> Timestamps {
    let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec as _),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec as _),
    }
}
