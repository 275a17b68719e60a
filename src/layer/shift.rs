//! Copies layers: one with other owners, for containers whose ids are not the user's own, or all of an image laid
//! over each other, as the root filesystem of one container.
//!
//! Everything but the owners is kept: hard links, holes, extended attributes, times; of a layer that stays one also
//! whiteouts and opaque directories. Content is shared with the plain layer where the filesystem can (`FICLONE`). Runs as root of the
//! user's namespace, which owns the files of both, and works with several threads: directories are handed out one
//! by one, so that a layer with one large tree is not slower than many small ones.

use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, UTIME_OMIT, Uid,
};
use rustix::io::Errno;

use super::stack::Stack;
use super::{acl, tree, whiteout};
use crate::base::hint::HintExt;
use crate::base::idmap::{IdMap, IdMaps, NOBODY};
use crate::sys::path::{Dir, clear_umask, create_as, keep_capabilities};

/// More threads than this only wait for each other in the filesystem.
const MAX_THREADS: usize = 8;
/// A file up to this size is copied by one read and one write.
const BUFFER: usize = 128 << 10;
const SPECIAL: u32 = 0o6000;

/// What a copy is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A layer like the one that is copied, with its orders to those below.
    Layer,
    /// The files that an overlay of all the layers shows.
    Files,
}

/// Layers to be copied.
pub struct Job {
    pub from: Stack,
    pub form: Form,
    /// An empty directory.
    pub to: Dir,
    /// An empty directory on the same filesystem: files with several names are made here first.
    pub links: Dir,
}

/// Makes the copies, with the owners that `maps` give them or the same; `done` counts entries.
pub fn shift(jobs: Vec<Job>, maps: Option<&IdMaps>, done: &AtomicU64) -> Result<()> {
    let pool = Pool::default();
    for job in jobs {
        let top = job.from.top().context("copy the layers: there are none")?;
        let stat = rustix::fs::fstat(top).context("inspect the layer")?;
        let tree = Arc::new(Tree { job, linked: Mutex::default(), cannot_clone: AtomicBool::new(false) });
        pool.push(Directory { tree, parents: None, name: CString::default(), stat });
    }
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| Worker { pool: &pool, maps, done, buffer: vec![0; BUFFER], owner: None }.work());
        }
    });
    match lock(&pool.state).failure.take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// One job, shared by its directories.
struct Tree {
    job: Job,
    /// Inodes with several names that are in `links` already.
    linked: Mutex<HashSet<u64>>,
    /// Set once the filesystem has refused to share content.
    cannot_clone: AtomicBool,
}

/// A directory that waits to be copied; it exists already, empty and open to its maker.
struct Directory {
    tree: Arc<Tree>,
    /// Where it is: in the layers that may have it, highest first, and in the copy. `None` is the root.
    parents: Option<(Stack, Arc<Dir>)>,
    name: CString,
    stat: Stat,
}

/// The directories that wait, newest first: so few handles are open at a time.
#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Directory>,
    /// Threads that may still add more.
    working: usize,
    failure: Option<anyhow::Error>,
}

/// A thread that died has left nothing half-written in what it guards.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn push(&self, directory: Directory) {
        lock(&self.state).waiting.push(directory);
        self.changed.notify_one();
    }

    /// The next directory, once there is one; `None` when all is done or something failed.
    fn next(&self) -> Option<Directory> {
        let mut state = lock(&self.state);
        loop {
            if state.failure.is_some() {
                return None;
            }
            if let Some(directory) = state.waiting.pop() {
                state.working += 1;
                return Some(directory);
            }
            if state.working == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, result: Result<()>) {
        let mut state = lock(&self.state);
        state.working -= 1;
        if let Err(error) = result {
            state.failure.get_or_insert(error);
        }
        drop(state);
        self.changed.notify_all();
    }
}

struct Worker<'a> {
    pool: &'a Pool,
    maps: Option<&'a IdMaps>,
    done: &'a AtomicU64,
    buffer: Vec<u8>,
    /// Who owns what this thread creates, once that is said.
    owner: Option<(u32, u32)>,
}

impl Worker<'_> {
    fn work(mut self) {
        let ready = clear_umask().context("clear the umask");
        let ready = ready.and_then(|()| keep_capabilities().context("keep the capabilities"));
        if let Err(error) = ready {
            lock(&self.pool.state).failure.get_or_insert(error);
        }
        while let Some(directory) = self.pool.next() {
            let result = self.directory(&directory);
            self.pool.finish(result);
        }
    }

    fn directory(&mut self, directory: &Directory) -> Result<()> {
        let (from, to) = match &directory.parents {
            None => (directory.tree.job.from.clone(), directory.tree.job.to.try_clone()?),
            Some((from, to)) => {
                let name = directory.name.as_c_str();
                let open = || anyhow::Ok((from.enter(name)?, tree::open_child(to, name.to_bytes())?));
                open().with_context(|| shown(name.to_bytes()))?
            }
        };
        if directory.parents.is_none() {
            let (uid, gid) = self.owner(&directory.stat)?;
            rustix::fs::fchown(&to, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .context("set the owner")?;
        }
        let to = Arc::new(to);
        for (name, index) in from.names().context("list a directory")? {
            self.entry(directory, &from, index, &to, &name).with_context(|| shown(name.to_bytes()))?;
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        let top = from.top().context("open a directory: no layer has it")?;
        self.finish(&directory.tree, top.as_fd(), (*to).as_fd(), &directory.stat)
    }

    /// Copies one name as the layer of this index has it; a directory goes on in those below.
    fn entry(
        &mut self,
        directory: &Directory,
        layers: &Stack,
        index: usize,
        to: &Arc<Dir>,
        name: &CStr,
    ) -> Result<()> {
        let from = layers.layer(index);
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW).context("inspect")?;
        let tree = &directory.tree;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                self.create_as(&stat)?;
                rustix::fs::mkdirat(&**to, name, Mode::RWXU).context("create")?;
                let parents = Some((layers.below(index), Arc::clone(to)));
                let (tree, name) = (Arc::clone(tree), name.to_owned());
                self.pool.push(Directory { tree, parents, name, stat });
                Ok(())
            }
            _ if whiteout::is_whiteout(&stat) => match tree.job.form {
                Form::Layer => whiteout::create(&**to, name.to_bytes()).context("create a whiteout"),
                Form::Files => Ok(()),
            },
            kind if stat.st_nlink > 1 => self.linked(tree, kind, from, to, name, &stat),
            kind => self.node(tree, kind, from, to, (name, name), &stat),
        }
    }

    /// A file with several names is made once, in the directory for links, and gets its names from there.
    fn linked(
        &mut self,
        tree: &Tree,
        kind: FileType,
        from: &Dir,
        to: &Dir,
        name: &CStr,
        stat: &Stat,
    ) -> Result<()> {
        let place = CString::new(stat.st_ino.to_string())?;
        let mut linked = lock(&tree.linked);
        if !linked.contains(&stat.st_ino) {
            self.node(tree, kind, from, &tree.job.links, (name, &place), stat)?;
            linked.insert(stat.st_ino);
        }
        drop(linked);
        rustix::fs::linkat(&tree.job.links, &*place, to, name, AtFlags::empty()).context("link")
    }

    /// Copies what is no directory, from the first of two names to the second.
    fn node(
        &mut self,
        tree: &Tree,
        kind: FileType,
        from: &Dir,
        to: &Dir,
        (name, made): (&CStr, &CStr),
        stat: &Stat,
    ) -> Result<()> {
        self.create_as(stat)?;
        match kind {
            FileType::RegularFile => return self.file(tree, from, to, (name, made), stat),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new()).context("read the link")?;
                rustix::fs::symlinkat(&target, to, made).context("create")?;
            }
            FileType::Fifo => {
                let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
                rustix::fs::mknodat(to, made, FileType::Fifo, mode, 0).context("create")?;
            }
            // No layer has others: see the unpacking.
            _ => return Ok(()),
        }
        rustix::fs::utimensat(to, made, &times(stat), AtFlags::SYMLINK_NOFOLLOW).context("set the time")
    }

    fn file(
        &mut self,
        tree: &Tree,
        from: &Dir,
        to: &Dir,
        (name, made): (&CStr, &CStr),
        stat: &Stat,
    ) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source: File = rustix::fs::openat(from, name, flags, Mode::empty()).context("open")?.into();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
        let file: File = rustix::fs::openat(to, made, flags, mode).context("create")?.into();
        if stat.st_size > 0 && !clone_content(tree, &source, &file)? {
            self.copy_content(&source, &file, stat).context("copy")?;
        }
        self.finish(tree, source.as_fd(), file.as_fd(), stat)
    }

    fn copy_content(&mut self, source: &File, file: &File, stat: &Stat) -> io::Result<()> {
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        if u64::try_from(stat.st_blocks).unwrap_or_default() * 512 >= size {
            return self.copy_range(source, file, 0, size);
        }
        let mut at = 0;
        while at < size {
            let start = match rustix::fs::seek(source, SeekFrom::Data(at)) {
                Ok(start) => start,
                Err(Errno::NXIO) => break,
                Err(error) => return Err(error.into()),
            };
            let end = rustix::fs::seek(source, SeekFrom::Hole(start))?.min(size);
            self.copy_range(source, file, start, end)?;
            at = end;
        }
        file.set_len(size)
    }

    fn copy_range(&mut self, source: &File, mut file: &File, mut at: u64, end: u64) -> io::Result<()> {
        if at > 0 {
            rustix::fs::seek(file, SeekFrom::Start(at))?;
        }
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(BUFFER).min(BUFFER);
            let read = source.read_at(&mut self.buffer[..wanted], at)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.write_all(&self.buffer[..read])?;
            at += read as u64;
        }
        Ok(())
    }

    /// Gives mode, attributes and time, in this order, to what has its owner and its content: both take setuid and
    /// capabilities away.
    fn finish(&self, tree: &Tree, from: BorrowedFd<'_>, to: BorrowedFd<'_>, stat: &Stat) -> Result<()> {
        let is_directory = FileType::from_raw_mode(stat.st_mode).is_dir();
        if is_directory || stat.st_mode & SPECIAL != 0 {
            rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777)).context("set the mode")?;
        }
        copy_attributes(from, to, tree.job.form, self.maps).context("copy the extended attributes")?;
        rustix::fs::futimens(to, &times(stat)).context("set the time")
    }

    /// What is created next belongs to whom this belongs to.
    fn create_as(&mut self, stat: &Stat) -> Result<()> {
        let (uid, gid) = self.owner(stat)?;
        if self.owner != Some((uid, gid)) {
            create_as(uid, gid).context("set the owner")?;
            self.owner = Some((uid, gid));
        }
        Ok(())
    }

    fn owner(&self, stat: &Stat) -> Result<(u32, u32)> {
        match self.maps {
            Some(maps) => Ok((
                mapped(&maps.uids, stat.st_uid, "user", "--uidmap")?,
                mapped(&maps.gids, stat.st_gid, "group", "--gidmap")?,
            )),
            None => Ok((stat.st_uid, stat.st_gid)),
        }
    }
}

/// The owner under a map. `nobody` without a place in it stays as it is, which is shown as `nobody` inside.
fn mapped(map: &IdMap, id: u32, kind: &str, flag: &str) -> Result<u32> {
    match map.outside(id) {
        Some(outside) => Ok(outside),
        None if id == NOBODY => Ok(id),
        None => Err(anyhow!("it belongs to the {kind} {id}, and the container has only {}", map.shown()))
            .hint(|| {
                format!("give the container more ids: --userns=…:size={}, or {flag}", id.saturating_add(1))
            }),
    }
}

/// Shares the content; false where the filesystem cannot.
fn clone_content(tree: &Tree, source: &File, file: &File) -> Result<bool> {
    if tree.cannot_clone.load(Ordering::Relaxed) {
        return Ok(false);
    }
    match rustix::fs::ioctl_ficlone(file, source) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
            tree.cannot_clone.store(true, Ordering::Relaxed);
            Ok(false)
        }
        Err(error) => Err(error).context("share the content"),
    }
}

/// All of them: they are those that the unpacking has let in, and the marks of overlays, which it has set itself and
/// which say nothing of files.
fn copy_attributes(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    form: Form,
    maps: Option<&IdMaps>,
) -> Result<(), Errno> {
    let mut names = [0u8; 1024];
    let names = match rustix::fs::flistxattr(from, &mut names) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(()),
        Ok(length) => names[..length].to_vec(),
        Err(Errno::RANGE) => {
            let mut names = vec![0; 64 << 10];
            let length = rustix::fs::flistxattr(from, &mut names[..])?;
            names.truncate(length);
            names
        }
        Err(error) => return Err(error),
    };
    let mut value = vec![0; 64 << 10];
    let is_copied = |name: &&[u8]| form == Form::Layer || !whiteout::is_mark(name);
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()).filter(is_copied) {
        let length = rustix::fs::fgetxattr(from, name, &mut value[..])?;
        let value = &mut value[..length];
        if let Some(maps) = maps
            && name.starts_with(b"system.posix_acl_")
        {
            acl::shift(value, maps);
        }
        match rustix::fs::fsetxattr(to, name, value, rustix::fs::XattrFlags::empty()) {
            // The kernel's own labels are nobody's to copy.
            Err(Errno::PERM | Errno::OPNOTSUPP)
                if name.starts_with(b"security.") && name != b"security.capability" => {}
            result => result?,
        }
    }
    Ok(())
}

fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ },
    }
}

fn shown(name: &[u8]) -> String {
    format!("copy {:?}", OsStr::from_bytes(name))
}
