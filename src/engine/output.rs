//! What is shown of a container: whoever reads it may be slow, or gone.

use std::io;
use std::os::fd::BorrowedFd;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::base::exit::ReaderGone;

/// A pipe that takes anything takes so much: `PIPE_BUF` of pipe(7).
const PIECE: usize = 4096;

/// A piece of output that is being shown.
pub struct Unshown {
    stream: BorrowedFd<'static>,
    bytes: Vec<u8>,
    done: usize,
}

impl Unshown {
    /// All of `bytes`, for this stream.
    pub fn new(stream: BorrowedFd<'static>, bytes: &[u8]) -> Self {
        Self { stream, bytes: bytes.to_vec(), done: 0 }
    }

    /// Where it is shown.
    pub fn stream(&self) -> BorrowedFd<'static> {
        self.stream
    }

    /// Writes what does not have to wait for a reader; whether that was all.
    pub fn show(&mut self) -> Result<bool> {
        while self.done < self.bytes.len() {
            let mut fds = [PollFd::from_borrowed_fd(self.stream, PollFlags::OUT)];
            if poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap_or(0) == 0 {
                return Ok(false);
            }
            let end = self.bytes.len().min(self.done + PIECE);
            show(self.stream, &self.bytes[self.done..end])?;
            self.done = end;
        }
        Ok(true)
    }
}

/// Passes output on; whoever read it may have gone.
pub fn show(stream: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
    match write_all(stream, bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => written.context("write the output"),
    }
}

/// Writes everything, also to a descriptor that somebody has set not to block.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
