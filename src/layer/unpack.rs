//! Unpacks a tar stream into a directory, in the form that an overlay reads.
//!
//! Everything is made relative to the handle of its directory and nothing is followed in the last place, so no
//! entry reaches out of the root: not by its name, not through a link that another entry made, not by a hard link
//! (CVE-2018-15664, CVE-2021-32760, CVE-2025-47290). Device nodes and sockets are skipped, as in every rootless
//! engine; a device 0:0 of an archive would otherwise be a whiteout.
//!
//! A file costs four system calls: open, write, set its time, close. Its owner is set where it is not 0:0, and its
//! mode after that where it has setuid or setgid, which writing and `chown` take away. Directories get owner, mode
//! and time when all is in them: until then they do not pass on a group, and their time does not move.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::entries::{Entries, Entry, Kind, Source};
use super::name::{Meaning, Name};
use super::tree::{self, Removed, Tree};
use super::whiteout;
use crate::base::owner::Owner;
use crate::base::xattr;
use crate::sys::path::Dir;

/// What may be unpacked, and how.
#[derive(Clone, Copy, Debug)]
pub struct UnpackOptions {
    /// The user namespace has a single id: owners and capabilities that cannot be set are left out.
    pub fold_ids: bool,
    /// Bytes of file data.
    pub max_bytes: u64,
    pub max_entries: u64,
    pub form: Form,
}

/// What the archive is, and where it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A layer, with whiteouts, into an empty directory of ours.
    #[default]
    Layer,
    /// Files, into a directory that may have some: they are replaced, and directories are merged.
    Files {
        owners: Owners,
        /// Replace a directory by what is none, and the other way round.
        overwrite: bool,
        /// Give the directory itself the owner, mode and time that the archive has for its root.
        root: bool,
    },
}

/// Whose files become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// This process'.
    Process,
    /// Whose the archive says they are.
    Archive,
    /// A user's and a group's.
    All(u32, u32),
}

/// What was unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    pub entries: u64,
    /// Bytes of file data, without holes.
    pub bytes: u64,
    /// Entries that cannot be made without privilege: devices and sockets.
    pub skipped: u64,
    /// Whether an owner or an attribute was left out.
    pub folded: bool,
}

/// Directories wait for their owner, mode and time in memory: no more of them than this, in bytes.
const PENDING_LIMIT: usize = 256 << 20;

const SPECIAL: u32 = 0o6000;

/// Unpacks all entries into `root`, an empty directory of ours, and reads no further than the end of the archive.
/// The calling thread's file mode creation mask must be clear; see [`crate::sys::path::clear_umask`].
pub fn unpack(mut tar: impl BufRead, root: &Dir, options: &UnpackOptions) -> Result<Unpacked> {
    if options.form == Form::Layer {
        prepare_root(root).context("prepare the layer's directory")?;
    }
    let mut unpacker = Unpacker {
        tree: Tree::new(root),
        options,
        directories: BTreeMap::new(),
        pending: 0,
        done: Unpacked::default(),
    };
    let mut entries = Entries::new(&mut tar);
    while let Some(entry) = entries.next()? {
        let shown = || format!("unpack {:?}", String::from_utf8_lossy(&entry.path));
        unpacker.admit(&entry).with_context(shown)?;
        unpacker.entry(&entry, &mut entries).with_context(shown)?;
    }
    unpacker.finish()?;
    Ok(unpacker.done)
}

/// Frees the root from what its surroundings pass on: a group (setgid) and access lists would reach every file.
fn prepare_root(root: &Dir) -> Result<(), Errno> {
    match rustix::fs::fremovexattr(root, "system.posix_acl_default") {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error),
    }
    rustix::fs::fchmod(root, tree::IMPLIED_MODE)
}

/// What a directory gets at the end.
struct Directory {
    owner: Owner,
    mode: u32,
    mtime: Timespec,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

struct Unpacker<'a> {
    tree: Tree<'a>,
    options: &'a UnpackOptions,
    /// By path as written, so that one listed twice ends as the last says.
    directories: BTreeMap<Vec<u8>, Directory>,
    /// Bytes held by `directories`, about.
    pending: usize,
    done: Unpacked,
}

impl Unpacker<'_> {
    /// Counts an entry against the bounds.
    fn admit(&mut self, entry: &Entry) -> Result<()> {
        let Self { done, options, .. } = self;
        done.entries += 1;
        ensure!(done.entries <= options.max_entries, "more than {} entries", options.max_entries);
        done.bytes = done.bytes.saturating_add(entry.stored);
        ensure!(done.bytes <= options.max_bytes, "more than {} bytes when unpacked", options.max_bytes);
        Ok(())
    }

    fn entry<R: Source>(&mut self, entry: &Entry, data: &mut Entries<R>) -> Result<()> {
        let name = Name::parse(&entry.path)?;
        let meaning = match self.options.form {
            Form::Layer => name.meaning()?,
            Form::Files { root: false, .. } if name.is_root() => Meaning::Nothing,
            Form::Files { .. } => Meaning::Entry,
        };
        match meaning {
            Meaning::Nothing => return Ok(()),
            Meaning::Whiteout(hidden) => return self.whiteout(&hidden),
            Meaning::Opaque(directory) => return self.opaque(&directory),
            Meaning::Entry => {}
        }
        if name.is_root() && entry.kind != Kind::Directory {
            bail!("the layer's root is not a directory");
        }
        match entry.kind {
            Kind::Directory => self.directory(&name, entry),
            Kind::File => self.file(&name, entry, data),
            Kind::HardLink => self.hard_link(&name, entry),
            Kind::Symlink => self.symlink(&name, entry),
            Kind::Fifo => self.fifo(&name, entry),
            Kind::CharDevice | Kind::BlockDevice => {
                self.done.skipped += 1;
                Ok(())
            }
            // A volume label of GNU tar.
            Kind::Other(b'V') => Ok(()),
            Kind::Other(kind) => bail!("unsupported entry type {:?}", char::from(kind)),
        }
    }

    /// Makes a node by `make`, and again after what is in its way is gone.
    fn place<T>(&mut self, name: &Name, make: impl Fn(&Dir, &[u8]) -> Result<T, Errno>) -> Result<T> {
        let (parent, last) = name.split();
        let parent = self.tree.made(parent)?;
        match make(&parent, last) {
            Err(Errno::EXIST) => {}
            result => return result.context("create"),
        }
        self.refuse_clash(&parent, name, false)?;
        self.clear(&parent, name)?;
        make(&parent, last).context("create")
    }

    /// Refuses to replace a directory by what is none, or the other way round, where that was not asked for.
    fn refuse_clash(&self, parent: &Dir, name: &Name, directory: bool) -> Result<()> {
        if !matches!(self.options.form, Form::Files { overwrite: false, .. }) {
            return Ok(());
        }
        let there = parent.stat(OsStr::from_bytes(name.split().1)).context("inspect what is there")?;
        match (directory, FileType::from_raw_mode(there.st_mode) == FileType::Directory) {
            (false, true) => bail!("cannot overwrite a directory with a non-directory"),
            (true, false) => bail!("cannot overwrite a non-directory with a directory"),
            _ => Ok(()),
        }
    }

    /// The owner that an entry gets.
    fn owner(&self, entry: &Entry) -> Result<Owner> {
        match self.options.form {
            Form::Files { owners: Owners::Process, .. } => Ok(Owner::ROOT),
            Form::Files { owners: Owners::All(uid, gid), .. } => Owner::new(uid.into(), gid.into()),
            _ => Owner::new(entry.uid, entry.gid),
        }
    }

    /// Removes what an entry replaces. Directories that go with it get nothing at the end.
    fn clear(&mut self, parent: &Dir, name: &Name) -> Result<Removed> {
        let removed = self.tree.clear(parent, name.split().1)?;
        if removed == Removed::Directory {
            let path = name.as_bytes();
            self.directories.remove(path);
            // Between "path/" and "path0" is all that starts with "path/".
            let (first, end) = ([path, b"/"].concat(), [path, b"0"].concat());
            let beneath: Vec<_> = self.directories.range(first..end).map(|(path, _)| path.clone()).collect();
            for path in beneath {
                self.directories.remove(&path);
            }
        }
        Ok(removed)
    }

    fn file<R: Source>(&mut self, name: &Name, entry: &Entry, data: &mut Entries<R>) -> Result<()> {
        let owner = self.owner(entry)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(entry.mode & !SPECIAL);
        let mut file: File =
            self.place(name, |parent, last| rustix::fs::openat(parent, last, flags, mode))?.into();
        match &entry.sparse {
            None => data.copy(entry.stored, |piece| file.write_all(piece)).context("write")?,
            Some(map) => {
                for segment in &map.segments {
                    let mut at = segment.offset;
                    let put = |piece: &[u8]| {
                        file.write_all_at(piece, at)?;
                        at += piece.len() as u64;
                        Ok(())
                    };
                    data.copy(segment.length, put).context("write")?;
                }
                file.set_len(map.size).context("set its size")?;
            }
        }
        self.own(owner, |uid, gid| rustix::fs::fchown(&file, uid, gid))?;
        if entry.mode & SPECIAL != 0 {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(entry.mode)).context("set its mode")?;
        }
        self.attributes(&file, &entry.xattrs)?;
        rustix::fs::futimens(&file, &times(entry.mtime)).context("set its time")
    }

    fn directory(&mut self, name: &Name, entry: &Entry) -> Result<()> {
        let owner = self.owner(entry)?;
        if !name.is_root() {
            self.make_directory(name, Mode::from_raw_mode(entry.mode & 0o777))?;
        }
        let xattrs: Vec<_> = entry.xattrs.iter().filter(|(key, _)| xattr::is_kept(key)).cloned().collect();
        let held = xattrs.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        self.pending += size_of::<Directory>() + name.as_bytes().len() + held;
        ensure!(
            self.pending <= PENDING_LIMIT,
            "the directories of the layer need more than {PENDING_LIMIT} bytes"
        );
        let directory = Directory { owner, mode: entry.mode, mtime: entry.mtime, xattrs };
        self.directories.insert(name.as_bytes().to_vec(), directory);
        Ok(())
    }

    /// Makes a directory, or keeps one that is there with what is in it.
    fn make_directory(&mut self, name: &Name, mode: Mode) -> Result<()> {
        let (parent, last) = name.split();
        let parent = self.tree.made(parent)?;
        match rustix::fs::mkdirat(&*parent, last, mode) {
            Err(Errno::EXIST) => {}
            result => return result.context("create"),
        }
        let there = parent.stat(OsStr::from_bytes(last)).context("inspect what is there")?;
        if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
            return Ok(());
        }
        self.refuse_clash(&parent, name, true)?;
        match self.clear(&parent, name)? {
            Removed::Whiteout => tree::make_opaque_directory(&parent, last, mode),
            Removed::Directory | Removed::Other => {
                rustix::fs::mkdirat(&*parent, last, mode).context("create")
            }
        }
    }

    fn symlink(&mut self, name: &Name, entry: &Entry) -> Result<()> {
        let owner = self.owner(entry)?;
        ensure!(!entry.link.is_empty() && !entry.link.contains(&0), "the link has no valid target");
        self.place(name, |parent, last| rustix::fs::symlinkat(entry.link.as_slice(), parent, last))?;
        self.finish_by_name(name, owner, entry.mtime)
    }

    fn fifo(&mut self, name: &Name, entry: &Entry) -> Result<()> {
        let owner = self.owner(entry)?;
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        self.place(name, |parent, last| rustix::fs::mknodat(parent, last, FileType::Fifo, mode, 0))?;
        self.finish_by_name(name, owner, entry.mtime)
    }

    /// Links to a file of this layer. The link has its file's owner, mode and time already.
    fn hard_link(&mut self, name: &Name, entry: &Entry) -> Result<()> {
        let shown = || format!("link to {:?}", String::from_utf8_lossy(&entry.link));
        let target = Name::parse(&entry.link).with_context(shown)?;
        let (directory, target_last) = target.split();
        let directory = self.tree.existing(directory).with_context(shown)?;
        let file = directory.stat(OsStr::from_bytes(target_last)).with_context(shown)?;
        if FileType::from_raw_mode(file.st_mode) == FileType::Directory || whiteout::is_whiteout(&file) {
            return Err(anyhow::anyhow!("it is no file of this layer")).with_context(shown);
        }
        let (parent, last) = name.split();
        let parent = self.tree.made(parent)?;
        let link = || {
            rustix::fs::linkat(&*directory, target_last, &*parent, last, AtFlags::empty()).with_context(shown)
        };
        match parent.stat(OsStr::from_bytes(last)) {
            Err(_) => return link(),
            // Onto itself: removing what is in the way would remove the file.
            Ok(there) if tree::is_same_file(&there, &file) => return Ok(()),
            Ok(_) => self.refuse_clash(&parent, name, false)?,
        }
        self.clear(&parent, name)?;
        link()
    }

    /// Hides a name of the layers below. One that this layer has too is seen, and hides them itself; a directory
    /// needs to be told.
    fn whiteout(&mut self, hidden: &Name) -> Result<()> {
        let (parent, last) = hidden.split();
        let parent = self.tree.made(parent)?;
        match whiteout::create(&*parent, last) {
            Err(Errno::EXIST) => match tree::open_child(&parent, last) {
                Ok(directory) => whiteout::make_opaque(directory),
                Err(Errno::NOTDIR | Errno::LOOP) => Ok(()),
                Err(error) => Err(error).context("open its directory"),
            },
            result => result.context("create a whiteout"),
        }
    }

    fn opaque(&mut self, directory: &Name) -> Result<()> {
        self.tree.made(directory.as_bytes())?;
        let path = OsStr::from_bytes(directory.as_bytes());
        whiteout::make_opaque(self.tree.root().open_dir(path).context("open its directory")?)
    }

    /// Gives owner and time to what has no descriptor of its own.
    fn finish_by_name(&mut self, name: &Name, owner: Owner, mtime: Timespec) -> Result<()> {
        let (parent, last) = name.split();
        let parent = self.tree.existing(parent).context("open its directory")?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        self.own(owner, |uid, gid| rustix::fs::chownat(&*parent, last, uid, gid, flags))?;
        rustix::fs::utimensat(&*parent, last, &times(mtime), flags).context("set its time")
    }

    /// Gives every directory its owner, mode, attributes and time; the deepest first, since a mode may close it.
    fn finish(&mut self) -> Result<()> {
        while let Some((path, directory)) = self.directories.pop_last() {
            self.finish_directory(&path, &directory)
                .with_context(|| format!("finish directory {:?}", String::from_utf8_lossy(&path)))?;
        }
        Ok(())
    }

    fn finish_directory(&mut self, path: &[u8], directory: &Directory) -> Result<()> {
        let handle = if path.is_empty() {
            self.tree.root().try_clone()?
        } else {
            let name = Name::parse(path)?;
            let (parent, last) = name.split();
            // What it was may have been replaced through another name of its parent.
            let Ok(parent) = self.tree.existing(parent) else { return Ok(()) };
            match tree::open_child(&parent, last) {
                Ok(handle) => handle,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
                Err(error) => return Err(error).context("open"),
            }
        };
        self.own(directory.owner, |uid, gid| rustix::fs::fchown(&handle, uid, gid))?;
        rustix::fs::fchmod(&handle, Mode::from_raw_mode(directory.mode)).context("set its mode")?;
        self.attributes(&handle, &directory.xattrs)?;
        rustix::fs::futimens(&handle, &times(directory.mtime)).context("set its time")
    }

    /// Sets an owner other than that of everything made here; what was there before may have any.
    fn own(
        &mut self,
        owner: Owner,
        chown: impl FnOnce(Option<rustix::fs::Uid>, Option<rustix::fs::Gid>) -> Result<(), Errno>,
    ) -> Result<()> {
        let is_given =
            !matches!(self.options.form, Form::Layer | Form::Files { owners: Owners::Process, .. });
        if owner != Owner::ROOT || is_given {
            self.done.folded |= !owner.set(self.options.fold_ids, chown)?;
        }
        Ok(())
    }

    fn attributes(&mut self, file: impl std::os::fd::AsFd, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
        for (name, value) in xattrs.iter().filter(|(name, _)| xattr::is_kept(name)) {
            self.done.folded |= !xattr::set(file.as_fd(), name, value, self.options.fold_ids)?;
        }
        Ok(())
    }
}

/// The time of the last change. That of the last access stays: reading the file would only move it.
fn times(mtime: Timespec) -> Timestamps {
    Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: mtime }
}
