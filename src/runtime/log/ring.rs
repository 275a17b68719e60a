//! Docker's `mode=non-blocking`: a log that takes nothing costs the container lines, never time.
//!
//! A process of its own writes the entries. They come to it through a socket; what that does not take waits in memory,
//! within a limit, and a piece for which there is no room is dropped, as docker drops the newest.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Piece, Sink, pieces};
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::exec;
use crate::sys::signal::Signals;

/// What waits where nothing else is said; docker's.
pub const DEFAULT_LIMIT: usize = 1_000_000;

/// How long a log is waited for once its container has ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that the writer reads at once.
const BLOCK: usize = 64 << 10;

/// The way to the process that writes.
pub struct Ring {
    writer: Child,
    socket: UnixStream,
    waiting: VecDeque<u8>,
    limit: usize,
}

impl Ring {
    /// Starts a process that writes to `sink`.
    pub fn start(sink: Sink, limit: usize) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        match clone::clone(Namespaces::default())? {
            Forked::Parent(writer) => {
                ours.set_nonblocking(true)?;
                Ok(Self { writer, socket: ours, waiting: VecDeque::new(), limit })
            }
            Forked::Child => {
                // It ends when all is written, not when the container's unit is told to.
                let signals = Signals::catch(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
                exec::close_all_but([theirs.as_fd(), sink.fd().unwrap_or(theirs.as_fd())]);
                let written = signals.and_then(|_signals| write_all(theirs, sink));
                clone::exit_now(i32::from(written.is_err()))
            }
        }
    }

    /// Takes a piece, or drops it. One that finds nothing before it is always taken.
    pub fn send(&mut self, piece: &Piece<'_>) {
        if !self.has_room(piece) {
            let _ = self.flush();
        }
        if self.has_room(piece) {
            pieces::encode(piece, &mut self.waiting);
        }
    }

    fn has_room(&self, piece: &Piece<'_>) -> bool {
        self.waiting.is_empty() || self.waiting.len() + piece.text.len() <= self.limit
    }

    /// Hands over what the writer takes now.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match self.socket.write(self.waiting.as_slices().0) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.waiting.clear();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// What to wait for while there is something to hand over.
    pub fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        (!self.waiting.is_empty()).then(|| (self.socket.as_fd(), PollFlags::OUT))
    }

    /// Waits until all is written, within patience: what then is not, is lost.
    pub fn finish(mut self) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        while let Some((socket, events)) = self.interest() {
            if !is_ready(socket, events, until)? {
                return Ok(());
            }
            self.flush()?;
        }
        self.socket.shutdown(std::net::Shutdown::Write)?;
        if is_ready(self.writer.pidfd(), PollFlags::IN, until)? {
            self.writer.wait()?;
        }
        Ok(())
    }
}

/// Waits for a descriptor until a moment at the latest.
pub fn is_ready(fd: BorrowedFd<'_>, events: PollFlags, until: Instant) -> io::Result<bool> {
    let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    loop {
        match poll(&mut fds, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// Writes what comes until the other side is gone. What cannot be written is lost.
fn write_all(mut socket: UnixStream, mut sink: Sink) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut pending = Vec::new();
    loop {
        if let Some((fd, events)) = sink.interest() {
            let mut fds = vec![PollFd::from_borrowed_fd(fd, events)];
            if !sink.is_stuck() {
                fds.push(PollFd::new(&socket, PollFlags::IN));
            }
            let _ = poll(&mut fds, None);
            if !fds[0].revents().is_empty() {
                sink.work();
                continue;
            }
        }
        let count = match socket.read(&mut block) {
            Ok(0) => return sink.finish(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        pending.extend_from_slice(&block[..count]);
        let mut rest = &pending[..];
        while let Some((piece, after)) = pieces::decode(rest) {
            let _ = sink.write(&piece);
            rest = after;
        }
        let _ = sink.flush();
        let used = pending.len() - rest.len();
        pending.drain(..used);
    }
}
