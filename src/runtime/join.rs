//! A second process in a container that runs: `exec`.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::cgroup::entrance::Entrance;
use super::child::{self, Stdio};
use super::identity::{self, Equipment};
use super::launch::{self, Starting};
use super::plan::ProcessPlan;
use super::seccomp::Filter;
use super::{console, guest, protocol};
use crate::sys::clone::{self, Forked, Namespaces, SingleThreaded};
use crate::sys::path::Dir;
use crate::sys::{exec, namespace, socket};

/// How long a container may take from being on record to its program.
const PATIENCE: Duration = Duration::from_millis(500);

/// What joining needs.
pub struct Join<'a> {
    /// The container's first process.
    pub pidfd: BorrowedFd<'a>,
    /// The namespaces it has of its own, the user namespace among them.
    pub namespaces: Namespaces,
    pub process: &'a ProcessPlan,
    pub filter: Option<&'a Filter>,
    pub stdin_open: bool,
    pub can_set_groups: bool,
    /// Descriptors of the caller's that the program has under the same numbers.
    pub preserved: Vec<OwnedFd>,
    /// How it gets into the container's control group.
    pub entrance: Entrance,
    /// The caller is not root of the container's user namespace, but can become so.
    pub becomes_root: bool,
}

impl Join<'_> {
    /// Clones a process into the container, which waits to be let go.
    ///
    /// The calling process has joined the container's namespaces afterwards: it must not look up a path any
    /// more, because names mean what the container wants them to.
    pub fn start(&mut self) -> Result<Starting> {
        let starter = guest::program().context("keep the starter in memory")?;
        let (parent, channel) = socket::pair().context("make a socket pair")?;
        let (ours, theirs) = launch::streams(self.process.terminal, self.stdin_open)?;
        identity::set_oom_score(self.process)?;
        identity::hide_from_the_container()?;
        let single_threaded = SingleThreaded::check().context("fork")?;
        // From within the container's cgroup namespace nobody may move in from outside.
        let namespaces = match self.entrance {
            Entrance::Nowhere => self.namespaces,
            _ => self.namespaces.without(Namespaces::CGROUP),
        };
        self.enter(namespaces).context("join the container's namespaces")?;
        let group = self.entrance.group();
        match clone::clone_into(Namespaces::default(), group, &single_threaded).context("fork")? {
            Forked::Parent(child) => {
                self.entrance.admit(child.pid())?;
                let program = self.process.args[0].clone();
                Ok(Starting { child, channel: parent, pipes: ours, stragglers: None, program })
            }
            Forked::Child => {
                drop((parent, ours));
                let equipment = Equipment {
                    starter: starter.as_fd(),
                    report: channel.as_fd(),
                    filter: self.filter,
                    can_set_groups: self.can_set_groups,
                    preserved: &self.preserved,
                    dies_with_parent: false,
                };
                self.run(theirs.as_ref(), &equipment)
            }
        }
    }

    /// Joins namespaces of the container. Its first process hides from everybody until it is the program.
    fn enter(&self, namespaces: Namespaces) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            match namespace::join_process(self.pidfd, namespaces) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied && Instant::now() < until => {
                    thread::sleep(Duration::from_millis(5));
                }
                joined => return joined,
            }
        }
    }

    fn run(&self, stdio: Option<&Stdio>, equipment: &Equipment<'_>) -> ! {
        let late = match self.entrance {
            Entrance::Nowhere => Namespaces::default(),
            _ => self.namespaces.only(Namespaces::CGROUP),
        };
        let error = match prepare(self, late, stdio, equipment.report) {
            Ok(()) => identity::become_program(self.process, equipment),
            Err(error) => error,
        };
        child::fail(equipment.report, &error)
    }
}

fn prepare(join: &Join<'_>, late: Namespaces, stdio: Option<&Stdio>, parent: BorrowedFd<'_>) -> Result<()> {
    rustix::process::setsid().context("start a session")?;
    if late != Namespaces::default() {
        namespace::join_process(join.pidfd, late).context("join the container's cgroup namespace")?;
    }
    if join.becomes_root {
        child::open_to_all(stdio)?;
        identity::become_root()?;
        identity::hide_from_the_container()?;
    }
    match stdio {
        Some(stdio) => {
            exec::set_stdio(stdio.stdin.as_fd(), stdio.stdout.as_fd(), stdio.stderr.as_fd())
                .context("set the standard streams")?;
        }
        None => {
            let (master, terminal) = open_terminal(join.process.console_size)?;
            protocol::send_terminal(parent, master.as_fd()).context("hand over the terminal")?;
            console::control(terminal.as_fd())?;
        }
    }
    child::wait_for_go(parent)
}

/// The container may have mounted or linked anything on `/dev/pts`: what is opened must be a devpts.
fn open_terminal(size: Option<(u16, u16)>) -> Result<(OwnedFd, OwnedFd)> {
    /// `DEVPTS_SUPER_MAGIC` of linux/magic.h.
    const DEVPTS: i64 = 0x1cd1;
    let root = Dir::open(Path::new("/")).context("open the root directory")?;
    let terminals = root.open_dir("dev/pts").context("open /dev/pts of the container")?;
    let filesystem = rustix::fs::fstatfs(terminals.as_fd()).context("inspect /dev/pts of the container")?;
    anyhow::ensure!(
        filesystem.f_type as i64 == DEVPTS,
        "open a terminal: /dev/pts of the container is no devpts"
    );
    console::open(terminals.as_fd(), size)
}
