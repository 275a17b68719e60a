//! The user namespace that a container, a pull or a removal works in.
//!
//! A small child is cloned into a new user namespace and only waits, while `newuidmap` and `newgidmap`,
//! side by side, write its maps. What needs the namespace then joins it by descriptor, and the child is
//! let go. So the two helpers, which cost more than all the rest of a start, run beside the work that
//! comes before the first file owned by a subordinate id.

mod ids;
mod refusal;

pub use ids::{Offered, UserMaps, Writer, subid_hint};
pub use refusal::{confinement, hint as refusal_hint};

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{Mode, OFlags};

use super::protocol::{self, FromChild};
use crate::base::hint::HintExt;
use crate::base::idmap::{IdMap, IdMaps};
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::{exec, namespace, socket};
use ids::read_own_map;

/// What statfs(2) calls the filesystem of namespaces: `NSFS_MAGIC` of linux/magic.h.
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// A user namespace, held open; it ends with its last process and its last descriptor.
#[derive(Debug)]
pub struct UserNamespace {
    fd: OwnedFd,
    /// The child that it was made with, which is let go with this; waiting for it sooner would cost a start
    /// more than it costs to keep.
    _holder: Option<Holder>,
}

/// A child that only keeps what it has made, and a descriptor that it waits at: it ends when this is dropped, and also
/// when this process is killed.
#[derive(Debug)]
pub struct Holder {
    _child: Child,
    _leash: OwnedFd,
}

impl UserNamespace {
    /// Takes the user namespace of a running process.
    pub fn of_process(pid: i32) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(format!("/proc/{pid}/ns/user"), flags, Mode::empty())?;
        Ok(Self { fd, _holder: None })
    }

    /// Takes the user namespace of a process by its directory in `/proc`.
    pub fn beneath(process: impl AsFd) -> io::Result<Self> {
        let fd = rustix::fs::openat(process, "ns/user", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd, _holder: None })
    }

    /// Takes a user namespace by the path of a file, such as `/proc/123/ns/user`.
    pub fn at(path: &Path) -> Result<Self> {
        let fd =
            open_namespace(path).with_context(|| format!("open the user namespace {}", path.display()))?;
        Ok(Self { fd, _holder: None })
    }

    /// Takes a network namespace by the path of a file, such as `/proc/123/ns/net`, and the user namespace that owns it.
    ///
    /// # Errors
    /// What is no network namespace, or belongs to no user namespace within the caller's own: a container, which is in
    /// one, cannot enter it.
    pub fn of_network(path: &Path) -> Result<(Self, OwnedFd)> {
        let open = || -> Result<(Self, OwnedFd)> {
            let network = open_namespace(path)?;
            if !namespace::is_network(network.as_fd()) {
                bail!("it is no network namespace");
            }
            let owner = namespace::owner(network.as_fd())?.map(Self::from);
            match owner {
                Some(owner) if !owner.is_own()? => Ok((owner, network)),
                _ => bail!("it belongs to no user namespace of yours, and containers are in one"),
            }
        };
        open().with_context(|| format!("join network namespace {}", path.display()))
    }

    /// Its maps as they are seen from here: the kernel tells them only of a process in it.
    pub fn maps(&self) -> Result<IdMaps> {
        let (read, write) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).context("make a pipe")?;
        let (inside, ready) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).context("make a pipe")?;
        match clone::clone(Namespaces::default()).context("fork")? {
            Forked::Parent(child) => {
                drop((read, ready));
                if rustix::io::read(&inside, &mut [0u8; 1]).context("hear from the child")? == 0 {
                    bail!("enter the user namespace: it is not yours");
                }
                let map = |name| IdMap(read_own_map(&format!("/proc/{}/{name}", child.pid())));
                let maps = IdMaps { uids: map("uid_map"), gids: map("gid_map") };
                drop(write);
                Ok(maps)
            }
            Forked::Child => {
                drop((write, inside));
                if namespace::join(self.fd.as_fd()).is_ok() && rustix::io::write(&ready, b"i").is_ok() {
                    let _ = rustix::io::read(&read, &mut [0u8; 1]);
                }
                clone::exit_now(0)
            }
        }
    }

    /// The namespace that this one was made in. `None` if that is beyond what this process may see.
    pub fn parent(&self) -> io::Result<Option<Self>> {
        Ok(namespace::parent(self.fd.as_fd())?.map(Self::from))
    }

    /// Whether this process is in it.
    pub fn is_own(&self) -> io::Result<bool> {
        let (own, this) = (rustix::fs::stat("/proc/self/ns/user")?, rustix::fs::fstat(&self.fd)?);
        Ok((own.st_dev, own.st_ino) == (this.st_dev, this.st_ino))
    }

    /// A second handle of the same namespace, which does not keep the child that it was made with.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, _holder: None })
    }

    /// Moves this process in, for good, with all capabilities there. It keeps its user, who is not root in each; there
    /// the programs that it executes, such as the network helper, get the capabilities passed on, which only root's do by
    /// themselves.
    pub fn enter(&self) -> Result<()> {
        namespace::join(self.fd.as_fd()).context("enter the user namespace")?;
        if !rustix::process::geteuid().is_root() {
            exec::pass_capabilities_on().context("keep the capabilities")?;
        }
        Ok(())
    }
}

/// Opens the file of a namespace.
fn open_namespace(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    if rustix::fs::fstatfs(&fd)?.f_type as i64 != NSFS_MAGIC {
        bail!("it is no namespace");
    }
    Ok(fd)
}

impl From<OwnedFd> for UserNamespace {
    fn from(fd: OwnedFd) -> Self {
        Self { fd, _holder: None }
    }
}

impl AsFd for UserNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A user namespace whose maps are being written.
#[must_use]
pub struct Pending {
    holder: Child,
    /// The holder ends when this closes.
    leash: OwnedFd,
    helpers: Vec<(&'static str, Process)>,
}

/// Starts to make a user namespace.
pub fn create(user: &UserMaps, offered: &Offered) -> Result<Pending> {
    let (holder, leash) = clone_holder().context("create a user namespace").hint(refusal_hint)?;
    let pid = holder.pid();
    let mut helpers = Vec::new();
    match user.writer {
        Writer::Helpers => {
            let tools = (offered.newuidmap.as_deref(), offered.newgidmap.as_deref());
            let (Some(newuidmap), Some(newgidmap)) = tools else {
                bail!("map subordinate ids: newuidmap or newgidmap is missing");
            };
            helpers.push(("newuidmap", spawn_helper(newuidmap, pid, &user.maps.uids)?));
            helpers.push(("newgidmap", spawn_helper(newgidmap, pid, &user.maps.gids)?));
        }
        Writer::Root | Writer::Single => {
            if user.writer == Writer::Single {
                write_proc(pid, "setgroups", "deny")?;
            }
            write_maps(pid, &user.maps)?;
        }
    }
    Ok(Pending { holder, leash, helpers })
}

impl Pending {
    /// Waits for the maps.
    pub fn finish(self) -> Result<UserNamespace> {
        for (name, helper) in self.helpers {
            let output = helper.wait_with_output().with_context(|| format!("wait for {name}"))?;
            if !output.status.success() {
                let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                if let Some(signal) = output.status.signal() {
                    bail!("map subordinate ids: {name} was killed (signal {signal})");
                }
                return Err(anyhow!("map subordinate ids: {message}"))
                    .hint(|| refusal::helper_hint(name, &message));
            }
        }
        let made = UserNamespace::of_process(self.holder.pid()).context("open the new user namespace")?;
        let holder = Holder { _child: self.holder, _leash: self.leash };
        Ok(UserNamespace { _holder: Some(holder), ..made })
    }
}

/// Makes a user namespace within `outer`, whose ids are those outside in `maps`. `prepare` is done first, as
/// root of `outer`, which owns the files of both.
pub fn nest(
    outer: &UserNamespace,
    maps: &IdMaps,
    prepare: impl FnOnce() -> Result<()>,
) -> Result<UserNamespace> {
    let make = || {
        outer.enter()?;
        prepare()?;
        Ok(write_nested(maps)?.fd)
    };
    let (fd, _holder) = fetch(make).context("make the container's user namespace")?;
    Ok(UserNamespace { fd, _holder: None })
}

/// Takes the descriptor that `work` opens in a child, whatever namespaces it enters there. What the child has mounted
/// is there until the holder is dropped.
pub fn fetch(work: impl FnOnce() -> Result<OwnedFd>) -> Result<(OwnedFd, Holder)> {
    let (ours, theirs) = socket::pair().context("make a socket pair")?;
    match clone::clone(Namespaces::default()).context("fork")? {
        Forked::Parent(child) => {
            drop(theirs);
            let mut buffer = vec![0; 16 << 10];
            match socket::receive_with_fd(ours.as_fd(), &mut buffer).context("hear from the child")? {
                (_, Some(fd)) => Ok((fd, Holder { _child: child, _leash: ours })),
                (size, None) => match FromChild::decode(&buffer[..size]) {
                    FromChild::Failed(failure) => Err(failure.into_error()),
                    _ => bail!("the child died"),
                },
            }
        }
        Forked::Child => {
            drop(ours);
            let sent = match work() {
                Ok(fd) => socket::send_with_fd(theirs.as_fd(), &[io::IoSlice::new(b"N")], Some(fd.as_fd())),
                Err(error) => protocol::send_failure(theirs.as_fd(), &error),
            };
            let _ = socket::receive(theirs.as_fd(), &mut [0]);
            clone::exit_now(i32::from(sent.is_err()))
        }
    }
}

/// A new user namespace within the one this process is root of.
fn write_nested(maps: &IdMaps) -> Result<UserNamespace> {
    let (holder, _leash) = clone_holder().context("create a user namespace").hint(refusal_hint)?;
    let within = |map: &IdMap, own: &str| map.within(&IdMap(read_own_map(own)));
    let maps = IdMaps {
        uids: within(&maps.uids, "/proc/self/uid_map"),
        gids: within(&maps.gids, "/proc/self/gid_map"),
    };
    write_maps(holder.pid(), &maps).context("map the container's ids")?;
    UserNamespace::of_process(holder.pid()).context("open the new user namespace")
}

/// A child in a new user namespace that waits until the returned descriptor is closed.
fn clone_holder() -> io::Result<(Child, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match clone::clone(Namespaces::USER)? {
        Forked::Parent(child) => Ok((child, write)),
        Forked::Child => {
            drop(write);
            let _ = rustix::io::read(&read, &mut [0u8; 1]);
            clone::exit_now(0)
        }
    }
}

fn spawn_helper(program: &Path, pid: i32, map: &IdMap) -> Result<Process> {
    let mut command = Command::new(program);
    command.arg(pid.to_string());
    for range in &map.0 {
        command.args([range.inside, range.outside, range.count].map(|number| number.to_string()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().with_context(|| format!("run {}", program.display()))
}

fn write_maps(pid: i32, maps: &IdMaps) -> Result<()> {
    write_proc(pid, "uid_map", &maps.uids.text())?;
    write_proc(pid, "gid_map", &maps.gids.text())
}

fn write_proc(pid: i32, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    fs::write(&path, text).with_context(|| format!("write {path}")).hint(refusal_hint)
}
