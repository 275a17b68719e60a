//! Network namespaces for the programs of `RUN`: each has one to itself while it runs, and the next takes it over, so
//! that a build waits for a user-mode stack once and not at each step.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::PipeFlags;

use crate::base::failure::Failure;
use crate::config::paths::private_directory;
use crate::engine::namespace as entered;
use crate::network::slirp::{self, SlirpOptions, SlirpStack};
use crate::runtime::userns::UserNamespace;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::{namespace, net, socket};

/// A network namespace with a way out.
pub struct Net {
    namespace: OwnedFd,
    /// Has the stack, and ends with this.
    _keeper: Child,
}

impl AsFd for Net {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

/// Those that no step uses.
pub struct Nets {
    idle: Vec<Net>,
    made: usize,
    /// Where the stacks have their sockets; it goes with the build.
    directory: PathBuf,
}

impl Nets {
    pub fn new(directory: PathBuf) -> Self {
        Self { idle: Vec::new(), made: 0, directory }
    }

    /// Takes one, or makes one in the user's namespace.
    pub fn take(&mut self, user: &UserNamespace) -> Result<Net> {
        if let Some(net) = self.idle.pop() {
            return Ok(net);
        }
        let directory = self.directory.join(format!("net-{}", self.made));
        private_directory(&directory)?;
        self.made += 1;
        make(user, &directory)
    }

    pub fn give_back(&mut self, net: Net) {
        self.idle.push(net);
    }
}

/// Only a member of the user namespace may give the network namespace a stack: a child, which keeps it.
fn make(user: &UserNamespace, directory: &Path) -> Result<Net> {
    let (ours, theirs) = socket::pair().context("make a socket pair")?;
    match clone::clone(Namespaces::default()).context("fork")? {
        Forked::Parent(keeper) => {
            drop(theirs);
            let mut buffer = vec![0; 16 << 10];
            match socket::receive_with_fd(ours.as_fd(), &mut buffer).context("hear from the network")? {
                (_, Some(namespace)) => Ok(Net { namespace, _keeper: keeper }),
                (0, None) => bail!("make a network: the process that was to keep it died"),
                (n, None) => Err(Failure::decode(&buffer[..n]).into_error()),
            }
        }
        Forked::Child => {
            drop(ours);
            let kept = entered::enter(user).and_then(|()| {
                let namespace = make_namespace().context("make a network namespace")?;
                let target = slirp::Target::Namespace(namespace.as_fd());
                let stack = slirp::start(target, &SlirpOptions::default(), &[], directory)?;
                Ok((namespace, stack))
            });
            clone::exit_now(keep(theirs.as_fd(), kept))
        }
    }
}

/// Hands the namespace over and keeps its stack until it is killed.
fn keep(channel: BorrowedFd<'_>, made: Result<(OwnedFd, SlirpStack)>) -> i32 {
    let sent = match &made {
        Ok((namespace, _)) => socket::send_with_fd(channel, &[IoSlice::new(b"N")], Some(namespace.as_fd())),
        Err(error) => {
            let _ = socket::send(channel, &[IoSlice::new(&Failure::of(error).encode())]);
            return 1;
        }
    };
    while sent.is_ok() {
        std::thread::park();
    }
    0
}

/// A child makes it, and it lives on by the descriptor.
fn make_namespace() -> Result<OwnedFd> {
    let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC).context("make a pipe");
    let ((ready, tell), (leash, hold)) = (pipe()?, pipe()?);
    match clone::clone(Namespaces::default()).context("fork")? {
        Forked::Parent(child) => {
            drop((tell, leash));
            if rustix::io::read(&ready, &mut [0u8; 1]).context("hear from the child")? == 0 {
                bail!("the kernel refuses");
            }
            let path = format!("/proc/{}/ns/net", child.pid());
            let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            drop(hold);
            opened.context("open it")
        }
        Forked::Child => {
            drop((ready, hold));
            let made = namespace::separate_network().and_then(|()| net::loopback_up());
            if made.is_ok() && rustix::io::write(&tell, b"r").is_ok() {
                let _ = rustix::io::read(&leash, &mut [0u8; 1]);
            }
            clone::exit_now(i32::from(made.is_err()))
        }
    }
}
