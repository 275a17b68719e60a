//! Clients of a run that is over, between two runs of a container or after the last.

use std::os::fd::OwnedFd;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::client::Client;
use crate::sys::signal::Signals;

/// Clients of a container that has ended, until they have taken all that was for them.
pub struct Farewell {
    pub(super) clients: Vec<Client>,
    pub(super) listener: Option<OwnedFd>,
}

/// What ended a [`Farewell::rest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The time is over.
    Rested,
    /// Somebody asks to look again at what is wanted of the container.
    Asked,
    /// The supervisor was told to end.
    ToldToEnd,
}

impl Farewell {
    /// Lets nobody come any more, and waits until everybody has all that was for them.
    pub fn wait(mut self) {
        drop(self.listener.take());
        while !self.clients.is_empty() {
            let mut fds = self.poll_set();
            if !matches!(poll(&mut fds, None), Ok(_) | Err(Errno::INTR)) {
                return;
            }
            drop(fds);
            self.flush();
        }
    }

    /// Rests until a moment or a signal. Who connects meanwhile waits for the next run.
    pub fn rest(&mut self, signals: &Signals, until: Instant) -> Result<Woken> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Woken::Rested);
            }
            let left = Timespec::try_from(left).context("count the time to rest")?;
            let mut fds = self.poll_set();
            fds.push(PollFd::new(signals, PollFlags::IN));
            match poll(&mut fds, Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("wait to start the container again"),
            }
            drop(fds);
            self.flush();
            match signals.next().context("read signals")? {
                None => {}
                Some(libc::SIGTERM) => return Ok(Woken::ToldToEnd),
                Some(_) => return Ok(Woken::Asked),
            }
        }
    }

    fn poll_set(&self) -> Vec<PollFd<'_>> {
        self.clients.iter().map(|client| PollFd::new(&client.socket, PollFlags::OUT)).collect()
    }

    fn flush(&mut self) {
        self.clients.iter_mut().for_each(Client::flush);
        self.clients.retain(|client| !client.has_all());
    }
}
