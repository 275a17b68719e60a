//! A container's files, whether it runs or not.
//!
//! Of one that runs, through its first process: its root with all that is mounted there, opened once as a
//! descriptor. Of one that does not, through an overlay and the mounts of its specification, made in a mount
//! namespace that ends with the process. Two overlays must not share an upper directory (overlayfs.rst, "Sharing
//! and copying layers"), so whoever mounts one locks it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};

use super::start::{read_spec, rootfs};
use super::{Engine, namespace};
use crate::base::file::FileLock;
use crate::base::walk::file_id;
use crate::runtime::fuse::{self, Device, Server};
use crate::runtime::plan::{Plan, Rootfs};
use crate::runtime::rootfs::{assemble_files, assemble_root};
use crate::runtime::userns::{self, Holder, UserNamespace};
use crate::store::containers::{Record, Source};
use crate::sys::path::Dir;
use crate::sys::{mount, namespace as own, process};

/// How often to look whether a container that was being started runs.
const RETRY: Duration = Duration::from_millis(5);

/// A container's files, found and kept from changing hands; to be opened in its user namespace.
pub enum Filesystem {
    /// The root of its first process, and the user namespace it is in.
    Running { root: Dir, namespace: UserNamespace, mounts: OwnedFd, becomes_root: bool },
    /// What is to be mounted.
    Stopped { record: Box<Record>, plan: Box<Plan>, _lock: Option<FileLock> },
}

/// Keeps everybody else from mounting the container's overlay.
pub fn lock(engine: &Engine, record: &Record) -> Result<Option<FileLock>> {
    match rootfs(engine, record) {
        Rootfs::Directory { .. } => Ok(None),
        _ => FileLock::directory(&upper(engine, record)).map(Some),
    }
}

/// Where the changes of a container go that are laid over its layers.
fn upper(engine: &Engine, record: &Record) -> PathBuf {
    engine.layout().container(&record.id).join("upper")
}

/// Who serves the files ends after the process that has them mounted.
fn finish(mounted: Result<Dir>, server: Option<Server>) -> Result<Dir> {
    match (mounted, server) {
        (mounted, None) => mounted,
        (Err(error), Some(mut server)) => Err(server.explain(error)),
        (Ok(root), Some(server)) => {
            server.release();
            Ok(root)
        }
    }
}

/// Starts who serves the files, if somebody must, and gives this process a mount namespace of its own: in that order,
/// since a server that lived in it would keep mounted what it ends with.
fn serve_and_separate(plan: &Plan) -> Result<(Option<Server>, Option<Device>)> {
    let served = fuse::start(&plan.rootfs)?;
    own::separate_mounts().context("make a mount namespace")?;
    Ok(served.unzip())
}

/// Waits until the container's first process has its own root, which it has a moment after it is on record. Who
/// joined it before would be on the host.
pub fn await_root(engine: &Engine, record: &Record) -> Result<()> {
    while engine.containers().load(&record.id)?.state.is_running() {
        if has_root(record) {
            return Ok(());
        }
        std::thread::sleep(RETRY);
    }
    bail!("container {} is not running", record.id)
}

/// Whether the container's first process has its own root already.
pub fn has_root(record: &Record) -> bool {
    let directory = process::open(record.state.pid, record.state.pid_start);
    directory.is_ok_and(|directory| own_root(record, directory.as_fd()).is_some())
}

/// The root of a container's first process, by its directory in `/proc`; `None` while that is still the host's.
fn own_root(record: &Record, process: BorrowedFd<'_>) -> Option<Dir> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(process, "root", flags, Mode::empty()).ok()?;
    let host = file_id(Dir::open(Path::new("/")).ok()?.as_fd()).ok()?;
    // What a program serves is denied to who is in another user namespace, and is not the host's.
    let is_host = file_id(root.as_fd()).is_ok_and(|id| id == host);
    let wants_host = matches!(&record.source, Source::Rootfs { path } if path == Path::new("/"));
    (wants_host || !is_host).then(|| Dir::from_fd(root))
}

impl Filesystem {
    /// Finds the files of a container. Waits while it is being started, or while another command has its files
    /// mounted.
    pub fn of(engine: &Engine, id: &str) -> Result<Self> {
        loop {
            let record = engine.containers().load(id)?;
            if record.state.is_running() {
                match Self::running(&record) {
                    Some(found) => return Ok(found),
                    // It has ended meanwhile, or has not changed its root yet.
                    None => std::thread::sleep(RETRY),
                }
                continue;
            }
            let lock = match rootfs(engine, &record) {
                Rootfs::Directory { .. } => None,
                _ => match FileLock::try_directory(&upper(engine, &record))? {
                    Some(lock) => Some(lock),
                    None => {
                        std::thread::sleep(RETRY);
                        continue;
                    }
                },
            };
            let spec = read_spec(engine, id)?;
            let plan = Plan::new(&spec, rootfs(engine, &record))?;
            let plan = Plan { becomes_root: namespace::becomes_root(&record), ..plan };
            return Ok(Self::Stopped { record: Box::new(record), plan: Box::new(plan), _lock: lock });
        }
    }

    fn running(record: &Record) -> Option<Self> {
        let directory = process::open(record.state.pid, record.state.pid_start).ok()?;
        let root = own_root(record, directory.as_fd())?;
        let namespace = UserNamespace::beneath(&directory).ok()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let mounts = rustix::fs::openat(&directory, "ns/mnt", flags, Mode::empty()).ok()?;
        Some(Self::Running { root, namespace, mounts, becomes_root: namespace::becomes_root(record) })
    }

    /// Whether it is of a container that runs.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// The user namespace to open it in.
    pub fn namespace(&self, engine: &Engine) -> Result<UserNamespace> {
        match self {
            Self::Running { namespace, .. } => namespace.try_clone().context("duplicate a descriptor"),
            Self::Stopped { record, .. } => namespace::open_for(engine, record),
        }
    }

    /// The root directory. Mounts what is not mounted, for this process alone, which becomes root of the container's
    /// namespace: the user need not exist there, and who does not exist makes no files.
    pub fn open(&self) -> Result<Dir> {
        match self {
            Self::Running { root, becomes_root, .. } => {
                if *becomes_root {
                    namespace::become_user((0, 0))?;
                }
                root.open_dir("").context("open the root directory")
            }
            Self::Stopped { plan, .. } => {
                let (server, device) = serve_and_separate(plan)?;
                let root = finish(assemble_files(plan, device), server)?;
                namespace::follow_command()?;
                Ok(root)
            }
        }
    }

    /// The root directory for who does not work in the container's user namespace; the holder keeps mounted what is in
    /// it.
    pub fn open_from_outside(&self, engine: &Engine) -> Result<(Dir, Option<Holder>)> {
        if let Self::Running { root, .. } = self {
            return Ok((root.try_clone().context("duplicate a descriptor")?, None));
        }
        let namespace = self.namespace(engine)?;
        let (root, holder) = userns::fetch(|| {
            namespace.enter()?;
            Ok(self.open()?.into())
        })?;
        Ok((Dir::from_fd(root), Some(holder)))
    }

    /// The root directory as it is beneath everything that is mounted in it. Leaves this process in the container's
    /// mount namespace if it runs: no path may be looked up any more.
    pub fn open_alone(&self) -> Result<Dir> {
        match self {
            Self::Running { mounts, .. } => {
                own::join(mounts.as_fd()).context("join the container's mounts")?;
                let copy = mount::copy_path(Path::new("/"), false).context("open the container's root")?;
                Ok(Dir::from_fd(copy).open_dir("")?)
            }
            Self::Stopped { plan, .. } => {
                let (server, device) = serve_and_separate(plan)?;
                let root = finish(assemble_root(plan, device), server)?.open_dir("")?;
                namespace::follow_command()?;
                Ok(root)
            }
        }
    }
}
