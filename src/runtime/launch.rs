//! The parent's half of a start: clone the container's first process, let it go, learn how that went.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::PipeFlags;

use super::child::{self, Stdio};
use super::fuse::Device;
use super::identity::{self, Equipment};
use super::plan::Plan;
use super::protocol::FromChild;
use super::seccomp::Filter;
use super::secrets::Secrets;
use super::stragglers::Stragglers;
use super::{guest, userns};
use crate::base::exit::ExitWith;
use crate::base::hint::HintExt;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::{namespace, socket};

/// What a start needs beside the plan.
pub struct Launch<'a> {
    pub plan: &'a Plan,
    pub secrets: &'a Secrets,
    pub filter: Option<&'a Filter>,
    /// `-i`: standard input is a pipe that is kept, not `/dev/null`.
    pub stdin_open: bool,
    /// Namespaces to join instead of new ones.
    pub joined: &'a Joined,
    /// Whether the user namespace allows setgroups(2).
    pub can_set_groups: bool,
    /// Streams that the container takes over instead of having some of its own.
    pub passed: Option<&'a Stdio>,
    /// The control group that it begins in.
    pub group: Option<BorrowedFd<'a>>,
    /// Descriptors of the caller's that the program has under the same numbers.
    pub preserved: &'a [OwnedFd],
}

/// Namespaces of another container, by descriptors of `/proc/<pid>/ns/*`.
#[derive(Debug, Default)]
pub struct Joined {
    pub network: Option<OwnedFd>,
    pub pid: Option<OwnedFd>,
    pub ipc: Option<OwnedFd>,
    pub uts: Option<OwnedFd>,
    /// The mount namespace whose `/dev/shm` is shared.
    pub memory: Option<OwnedFd>,
}

/// The parent's ends of the container's streams.
#[derive(Debug)]
pub enum Streams {
    Terminal(OwnedFd),
    Pipes {
        stdin: Option<OwnedFd>,
        stdout: OwnedFd,
        stderr: OwnedFd,
    },
    /// Somebody else's, which the container has taken over.
    Passed,
}

/// A container's first process that is being set up and waits to be let go. Dropped, it is killed.
#[must_use]
pub struct Starting {
    pub(super) child: Child,
    pub(super) channel: OwnedFd,
    pub(super) pipes: Option<Streams>,
    pub(super) stragglers: Option<Stragglers>,
    /// What it is to execute, for messages.
    pub(super) program: String,
}

/// A container that runs.
pub struct Started {
    pub child: Child,
    pub streams: Streams,
    /// What may be left when the first process has ended, where the kernel does not end it.
    pub stragglers: Option<Stragglers>,
}

impl Launch<'_> {
    /// Clones the first process. The caller is in the container's user namespace, as its root, and has no
    /// threads. `device` is of the program that serves the root, and is closed here.
    pub fn start(&self, device: Option<Device>) -> Result<Starting> {
        let starter = guest::program()
            .context("keep the starter in memory")
            .hint(|| "executable memory files are forbidden: sudo sysctl -w vm.memfd_noexec=0")?;
        let (parent, channel) = socket::pair().context("make a socket pair")?;
        let (ours, made) = match self.passed {
            Some(_) => (Some(Streams::Passed), None),
            None => streams(self.plan.process.terminal, self.stdin_open)?,
        };
        let namespaces = self.namespaces_at_first();
        let cloned = match &self.joined.pid {
            Some(pids) => clone::clone_among(namespaces, pids.as_fd(), self.group),
            None => clone::clone_in_group(namespaces, self.group),
        };
        match cloned.context("create the container's namespaces").hint(userns::refusal_hint)? {
            Forked::Parent(child) => {
                drop(channel);
                if self.plan.becomes_root {
                    await_visible(parent.as_fd())?;
                }
                let shares_processes = !self.plan.namespaces.contains(Namespaces::PID);
                let borrowed = self.joined.memory.as_ref().map(OwnedFd::as_fd);
                let stragglers = shares_processes.then(|| Stragglers::of(child.pid(), borrowed)).transpose();
                let stragglers = stragglers.context("find the container's mount namespace")?;
                let program = self.plan.process.args[0].clone();
                Ok(Starting { child, channel: parent, pipes: ours, stragglers, program })
            }
            Forked::Child => {
                drop((parent, ours));
                if namespaces != self.plan.namespaces
                    && let Err(error) = namespace::separate_groups()
                {
                    let error = anyhow::Error::from(error).context("create the cgroup namespace");
                    child::fail(channel.as_fd(), &error);
                }
                let equipment = Equipment {
                    starter: starter.as_fd(),
                    report: channel.as_fd(),
                    filter: self.filter,
                    can_set_groups: self.can_set_groups,
                    preserved: self.preserved,
                    dies_with_parent: true,
                };
                let stdio = self.passed.or(made.as_ref());
                child::run(self.plan, self.secrets, stdio, self.joined, device, &equipment)
            }
        }
    }

    /// A cgroup namespace shows the group that its maker was in, and that of a clone's maker is another: the child
    /// makes its own once it is where it belongs.
    fn namespaces_at_first(&self) -> Namespaces {
        match self.group {
            Some(_) => self.plan.namespaces.without(Namespaces::CGROUP),
            None => self.plan.namespaces,
        }
    }
}

impl Starting {
    pub fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Readable once the process has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd()
    }

    /// Why it has failed, if it has: whoever works on it meanwhile sees only that it is gone.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let says = || {
            poll(&mut [PollFd::new(&self.channel, PollFlags::IN)], Some(&now)).is_ok_and(|count| count > 0)
        };
        while says() {
            match receive(self.channel.as_fd()) {
                Ok((FromChild::Failed(failure), _)) => return failure.into_error(),
                Ok((FromChild::Terminal | FromChild::Visible, _)) => {}
                _ => break,
            }
        }
        error
    }

    /// Lets the process execute its program, and returns once it does.
    pub fn go(self) -> Result<Started> {
        let Self { child, channel, pipes, stragglers, program } = self;
        // One that has failed already has closed its end; its message says why.
        match socket::send(channel.as_fd(), &[IoSlice::new(b"G")]) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(error).context("let the container go");
            }
            _ => {}
        }
        let mut terminal = None;
        loop {
            match receive(channel.as_fd())? {
                (FromChild::Terminal, Some(master)) => terminal = Some(Streams::Terminal(master)),
                (FromChild::Visible, _) => {}
                (FromChild::Terminal, None) => return Err(anyhow!("the container sent no terminal")),
                (FromChild::Failed(failure), _) => return Err(failure.into_error()),
                (FromChild::NotExecuted(errno), _) => return Err(not_executed(&program, errno)),
                (FromChild::Closed, _) => break,
            }
        }
        let streams = terminal.or(pipes).context("start the container: its first process died")?;
        Ok(Started { child, streams, stragglers })
    }
}

/// Waits until the first process has become root. While it does the kernel shows nobody its namespaces, which its
/// network is made in.
fn await_visible(channel: BorrowedFd<'_>) -> Result<()> {
    match receive(channel)?.0 {
        FromChild::Visible => Ok(()),
        FromChild::Failed(failure) => Err(failure.into_error()),
        _ => Err(anyhow!("start the container: its first process died")),
    }
}

/// Receives what the first process says, with a descriptor that may come along.
pub fn receive(channel: BorrowedFd<'_>) -> Result<(FromChild, Option<OwnedFd>)> {
    let mut buffer = vec![0; 16 << 10];
    match socket::receive_with_fd(channel, &mut buffer) {
        Ok((n, fd)) => Ok((FromChild::decode(&buffer[..n]), fd)),
        Err(error) => Err(error).context("hear from the container"),
    }
}

/// The exit codes of a shell: 127 for what is not there, 126 for what cannot be invoked.
fn not_executed(program: &str, errno: i32) -> anyhow::Error {
    let error = io::Error::from_raw_os_error(errno);
    let code = if errno == libc::ENOENT { 127 } else { 126 };
    ExitWith::new(code, anyhow!("exec: {program:?}: {}", identity::describe(&error))).into()
}

/// The parent's and the container's ends of the streams; a terminal is made later, in the container.
pub fn streams(terminal: bool, stdin_open: bool) -> Result<(Option<Streams>, Option<Stdio>)> {
    if terminal {
        return Ok((None, None));
    }
    let (ours, theirs) = pipes(stdin_open).context("make the standard streams")?;
    Ok((Some(ours), Some(theirs)))
}

/// The parent's and the container's ends of three pipes; without `stdin_open` its standard input is empty.
fn pipes(stdin_open: bool) -> io::Result<(Streams, Stdio)> {
    let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC);
    let (stdin_read, stdin_write) = if stdin_open {
        let (read, write) = pipe()?;
        (read, Some(write))
    } else {
        (identity::null_device()?, None)
    };
    let ((stdout_read, stdout_write), (stderr_read, stderr_write)) = (pipe()?, pipe()?);
    Ok((
        Streams::Pipes { stdin: stdin_write, stdout: stdout_read, stderr: stderr_read },
        Stdio { stdin: stdin_read, stdout: stdout_write, stderr: stderr_write },
    ))
}
