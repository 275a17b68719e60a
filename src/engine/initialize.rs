//! `init`: a container with everything there that its program needs, and its program not started yet.
//!
//! Its supervisor has its first process stop right before the program, as every start does for a moment, and waits on a
//! socket of its own for a `start`, which becomes the first client. Who attaches before that waits at the other socket
//! until the program runs, and misses nothing.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::attach::Streams;
use super::bring_up::Supervisor;
use super::caller::{Caller, Goal, Preserved};
use super::start::{self, Begun, Work};
use super::stay::{Network, Stay};
use super::{Engine, events, filesystem};
use crate::base::file::Durability;
use crate::runtime::launch::Starting;
use crate::runtime::protocol::{Event, Request, Taking};
use crate::store::containers::{Record, Status};
use crate::sys::socket;

/// The socket of a container that waits for its start, in its run directory.
const SOCKET: &str = "start.sock";

/// How often to look whether the first process has its root.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: Duration::from_millis(5).as_nanos() as i64 };

/// A container that has been made ready already, or runs: podman's words.
#[derive(Debug, thiserror::Error)]
#[error("container {0} has already been created in runtime: container state improper")]
pub struct AlreadyReady(String);

/// The first process ended before anybody wanted its program.
#[derive(Debug, thiserror::Error)]
#[error("the container was stopped before it was started")]
pub struct NeverStarted;

/// Makes everything of a container ready and leaves its program to `start`.
pub fn initialize(engine: &Engine, id: &str) -> Result<()> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if record.state.is_up() {
        return Err(AlreadyReady(record.id).into());
    }
    start::launch(engine, Work::Existing(record.clone()), Goal::Ready, Preserved::default())?;
    events::container(engine, &record, "init", &[]);
    Ok(())
}

/// Starts the program of a container that waits for it, for a caller that takes part in these streams.
pub fn release(engine: &Engine, record: &Record, streams: Option<&Streams>) -> Result<Begun> {
    let supervisor = socket::connect(&engine.layout().container_run(&record.id), SOCKET)
        .with_context(|| format!("reach the supervisor of container {}", &record.id[..12]))?;
    Request::Start(streams.map(Streams::taking)).send(supervisor.as_fd()).context("ask for the start")?;
    Begun::hear(supervisor)
}

impl Supervisor<'_> {
    /// Keeps the container as it is right before its program, until a command wants that and takes the place of the
    /// caller.
    pub fn hold(
        &mut self,
        record: Record,
        starting: Starting,
        stay: Option<Stay>,
        caller: &mut Caller,
    ) -> Result<(Starting, Option<Network>)> {
        // Before anybody can see that it is wanted.
        let gate = Gate::open(&self.engine.layout().container_run(&record.id))?;
        let network = self.record_up(record, Status::Initialized, &starting, stay)?;
        caller.check()?;
        let record = self.record.as_ref().context("find the record")?;
        if !gate.await_root(record, starting.pidfd())? {
            // It has said why, or was killed.
            let failure = starting.go().err();
            return Err(
                failure.unwrap_or_else(|| anyhow!("make the container ready: its first process died"))
            );
        }
        caller.tell(&Event::Started);
        let (socket, taking) = gate.wait(starting.pidfd())?;
        *caller = Caller { socket, taking, preserved: Preserved::default(), leaves_when_ready: false };
        self.record = Some(self.engine.containers().change(&record.id, |record| {
            (record.state.status, record.state.exit_code) = (Status::Running, 0);
            record.state.error.clear();
            record.state.started_at = Some(Timestamp::now());
            Durability::Fast
        })?);
        Ok((starting, network))
    }
}

/// Where a supervisor hears that the program is wanted. Gone with this value.
struct Gate {
    listener: OwnedFd,
}

impl Gate {
    /// Makes the socket in the container's run directory.
    fn open(directory: &Path) -> Result<Self> {
        let _ = fs::remove_file(directory.join(SOCKET));
        let listener = socket::listen(directory, SOCKET).context("listen for the start")?;
        Ok(Self { listener })
    }

    /// Waits until the first process is in its own root, which is the last it does; false if it has ended before.
    fn await_root(&self, record: &Record, process: BorrowedFd<'_>) -> Result<bool> {
        while !filesystem::has_root(record) {
            let mut fds = [PollFd::from_borrowed_fd(process, PollFlags::IN)];
            match poll(&mut fds, Some(&LOOK)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(false),
                Err(error) => return Err(error).context("wait for the container"),
            }
        }
        Ok(true)
    }

    /// Waits for who wants the program: their socket, and what they take of its streams. An error if the first process
    /// ends before.
    fn wait(&self, process: BorrowedFd<'_>) -> Result<(OwnedFd, Option<Taking>)> {
        let mut client: Option<OwnedFd> = None;
        loop {
            let next = client.as_ref().unwrap_or(&self.listener);
            let mut fds =
                [PollFd::from_borrowed_fd(process, PollFlags::IN), PollFd::new(next, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("wait for the start"),
            }
            let [ended, asked] = fds.map(|fd| !fd.revents().is_empty());
            if ended {
                bail!(NeverStarted);
            }
            if !asked {
                continue;
            }
            match client.take() {
                None => client = socket::accept(self.listener.as_fd(), rustix::process::getuid().as_raw())?,
                Some(socket) => {
                    if let Some(taking) = wish(socket.as_fd()) {
                        return Ok((socket, taking));
                    }
                }
            }
        }
    }
}

/// What a client asks for; `None` if it is gone, or says nothing that is understood here.
fn wish(client: BorrowedFd<'_>) -> Option<Option<Taking>> {
    let mut buffer = [0; 16];
    let n = socket::receive(client, &mut buffer).ok()?;
    match Request::decode(&buffer[..n])? {
        Request::Start(taking) => Some(taking),
        _ => None,
    }
}
