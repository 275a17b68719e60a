//! One client of a supervisor: its socket, what it takes part in, and what waits for it.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::PollFlags;

use super::queue::{Place, Queue};
use super::{Event, Taking, Ties};
use crate::sys::socket;

/// A connected client.
pub struct Client {
    pub socket: OwnedFd,
    pub taking: Taking,
    pub ties: Ties,
    /// It came later: it is given up rather than waited for when there is no place for what it does not take.
    pub is_guest: bool,
    pub gone: bool,
    /// The run that it followed has ended: what is queued is all that it gets.
    pub leaving: bool,
    /// It asked for a check of the container's health, and waits for what comes of it.
    pub awaits_check: bool,
    queue: Queue,
    /// Since when it has taken nothing of what is queued.
    waits_since: Instant,
}

impl Client {
    pub fn new(socket: OwnedFd, taking: Taking, ties: Ties, place: Place) -> Self {
        Self {
            socket,
            taking,
            ties,
            is_guest: false,
            gone: false,
            leaving: false,
            awaits_check: false,
            queue: Queue::new(place),
            waits_since: Instant::now(),
        }
    }

    /// Sends a message, or queues it behind those that wait.
    pub fn tell(&mut self, message: Vec<u8>) {
        if self.leaving {
            return;
        }
        if self.queue.is_empty() && self.try_send(&message) {
            return;
        }
        if self.queue.is_empty() {
            self.waits_since = Instant::now();
        }
        self.queue.push(message);
        self.gone |= self.is_guest && self.queue.is_stuck();
    }

    /// Sends what waits, as far as there is room.
    pub fn flush(&mut self) {
        while let Some(message) = self.queue.front() {
            if !Self::send(&self.socket, &mut self.gone, message) {
                return;
            }
            self.gone |= self.queue.pop().is_err();
            self.waits_since = Instant::now();
        }
    }

    /// Says how the run ended, as the last thing.
    pub fn leave(&mut self, code: i32) {
        self.tell(Event::Exited(code).encode());
        (self.taking, self.ties) = (Taking::default(), Ties::default());
        self.leaving = true;
    }

    /// Whether nothing is left to be sent, ever.
    pub fn has_all(&self) -> bool {
        self.gone || (self.leaving && self.queue.is_empty())
    }

    /// Since when it has taken nothing of what waits for it.
    pub fn waits_since(&self) -> Instant {
        self.waits_since
    }

    /// Whether the container must not say more: there is no place left for it.
    pub fn is_stuck(&self) -> bool {
        !self.gone && !self.leaving && self.queue.is_stuck()
    }

    /// What to wait for on its socket.
    pub fn interest(&self, takes_input: bool) -> PollFlags {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, !self.leaving && (takes_input || !self.taking.stdin));
        events.set(PollFlags::OUT, !self.queue.is_empty());
        events
    }

    fn try_send(&mut self, message: &[u8]) -> bool {
        Self::send(&self.socket, &mut self.gone, message)
    }

    /// Sends a message; false if there is no room for it now. A peer that has gone takes everything.
    fn send(socket: &OwnedFd, gone: &mut bool, message: &[u8]) -> bool {
        match socket::send(socket.as_fd(), &[IoSlice::new(message)]) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => *gone = true,
        }
        true
    }
}
