//! The content of files: cloned where the filesystem can, else copied in the kernel, else by hand.

use std::fs::File;
use std::io::{self, Read, Write};

use anyhow::{Context, Result};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// What is read from a file that says it is empty: those of procfs do.
const SIZELESS_LIMIT: u64 = 64 << 20;
const BUFFER: usize = 256 << 10;

/// The best way to copy data that has not been refused yet.
#[derive(Clone, Copy, Default, PartialEq, PartialOrd)]
enum Method {
    #[default]
    Clone,
    Range,
    Plain,
}

/// Copies what is in files, and remembers what has been refused.
#[derive(Default)]
pub struct Content {
    method: Method,
}

impl Content {
    /// Copies at most `size` bytes, as many as there are; holes of a file that has some stay holes.
    pub fn copy(&mut self, from: &File, to: &File, size: u64, has_holes: bool) -> Result<u64> {
        if size == 0 {
            return io::copy(&mut from.take(SIZELESS_LIMIT), &mut &*to).context("copy");
        }
        if self.method == Method::Clone {
            match rustix::fs::ioctl_ficlone(to, from) {
                Ok(()) => return Ok(size),
                Err(_) => self.method = Method::Range,
            }
        }
        if !has_holes {
            return self.range(from, to, size).context("copy");
        }
        let mut at = 0;
        while at < size {
            let start = match rustix::fs::seek(from, SeekFrom::Data(at)) {
                Ok(start) if start < size => start,
                // Nothing but a hole is left.
                Ok(_) | Err(Errno::NXIO) => break,
                Err(error) => return Err(error).context("find the data"),
            };
            let end = rustix::fs::seek(from, SeekFrom::Hole(start)).context("find the holes")?.min(size);
            rustix::fs::seek(from, SeekFrom::Start(start)).context("seek")?;
            rustix::fs::seek(to, SeekFrom::Start(start)).context("seek")?;
            if end <= start || self.range(from, to, end - start).context("copy")? == 0 {
                break;
            }
            at = end;
        }
        to.set_len(size).context("set its size")?;
        Ok(size)
    }

    /// Copies `length` bytes from where both files stand; fewer where the source ends.
    fn range(&mut self, mut from: &File, mut to: &File, length: u64) -> io::Result<u64> {
        let mut done = 0;
        while self.method < Method::Plain && done < length {
            let wanted = usize::try_from(length - done).unwrap_or(usize::MAX).min(1 << 30);
            match rustix::fs::copy_file_range(from, None, to, None, wanted) {
                Ok(0) => return Ok(done),
                Ok(n) => done += n as u64,
                Err(Errno::INTR) => {}
                // Two filesystems, or one that cannot.
                Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {
                    self.method = Method::Plain;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut buffer = vec![0; usize::try_from(length - done).unwrap_or(BUFFER).min(BUFFER)];
        while done < length {
            let wanted = usize::try_from(length - done).unwrap_or(BUFFER).min(BUFFER);
            match from.read(&mut buffer[..wanted])? {
                0 => break,
                n => {
                    to.write_all(&buffer[..n])?;
                    done += n as u64;
                }
            }
        }
        Ok(done)
    }
}
