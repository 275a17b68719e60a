//! Pipes for splice(2), which a connection has only while there is something in one.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// Bytes: more than the 16 pages of a new pipe let the two sides run longer.
const SIZE: usize = 256 << 10;

/// So many are kept for the next.
const KEPT: usize = 8;

/// Empty pipes. A user may have 16384 pages in pipes (`pipe-user-pages-soft` of pipe(7)), so that thousands of
/// connections cannot have one each.
#[derive(Default)]
pub struct Pipes {
    empty: Mutex<Vec<Pipe>>,
}

/// A pipe.
pub struct Pipe {
    pub reader: OwnedFd,
    pub writer: OwnedFd,
}

impl Pipes {
    /// An empty pipe.
    pub fn take(&self) -> io::Result<Pipe> {
        if let Some(pipe) = self.empty.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(pipe);
        }
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Who has many pipes already gets small ones, which will do.
        let _ = fcntl_setpipe_size(&writer, SIZE);
        Ok(Pipe { reader, writer })
    }

    /// Takes a pipe back, which must be empty.
    pub fn put(&self, pipe: Pipe) {
        let mut empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        if empty.len() < KEPT {
            empty.push(pipe);
        }
    }
}
