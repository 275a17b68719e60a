//! The command that asks for a start, as the supervisor that it has forked sees it.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::attach::Streams;
use crate::runtime::protocol::{Event, Taking};
use crate::sys::socket;

/// What a start is to come to.
pub enum Goal {
    /// The program runs; with streams the caller is attached to it.
    Run(Option<Streams>),
    /// Everything but the program is there.
    Ready,
}

/// Open files of the caller's for the program, under the same numbers.
#[derive(Debug, Default)]
pub struct Preserved {
    pub fds: Vec<OwnedFd>,
    /// Of these so many are sockets that systemd has made, with their names: sd_listen_fds(3).
    pub activation: Option<Activation>,
}

/// What systemd says of the sockets it has made: `LISTEN_FDS` and `LISTEN_FDNAMES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    pub count: i32,
    pub names: Option<String>,
}

impl Preserved {
    /// The variables by which the program knows its sockets, if it has any. It is the first process of the container,
    /// or the child of a small init.
    pub fn variables(&self, has_init: bool) -> Vec<String> {
        let Some(activation) = &self.activation else { return Vec::new() };
        let pid = if has_init { 2 } else { 1 };
        let mut all = vec![format!("LISTEN_PID={pid}"), format!("LISTEN_FDS={}", activation.count)];
        all.extend(activation.names.iter().map(|names| format!("LISTEN_FDNAMES={names}")));
        all
    }
}

/// Who asked for a start and hears how it went.
pub struct Caller {
    pub socket: OwnedFd,
    /// The streams taken part in; `None`: not attached.
    pub taking: Option<Taking>,
    /// Descriptors for the program; they are closed here once it has them.
    pub preserved: Preserved,
    /// Only wants the container made ready, and goes then.
    pub leaves_when_ready: bool,
}

impl Caller {
    pub fn new(socket: OwnedFd, goal: &Goal, preserved: Preserved) -> Self {
        let taking = match goal {
            Goal::Run(streams) => streams.as_ref().map(Streams::taking),
            Goal::Ready => None,
        };
        Self { socket, taking, preserved, leaves_when_ready: matches!(goal, Goal::Ready) }
    }

    pub fn tell(&self, event: &Event<'_>) {
        // Who is gone need not hear it.
        let _ = socket::send(self.socket.as_fd(), &[IoSlice::new(&event.encode())]);
    }

    /// One that died before the start was complete will never hear of it: the start is taken back.
    pub fn check(&self) -> Result<()> {
        let mut fds = [PollFd::new(&self.socket, PollFlags::empty())];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
            bail!("the command that started the container is gone");
        }
        Ok(())
    }
}
