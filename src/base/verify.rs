//! A reader that believes nothing: it counts, bounds and hashes what passes through it.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::digest::Digest;

/// What was wrong with content that claimed a size and a digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VerifyError {
    /// More or fewer bytes than declared.
    #[error("size is {actual}, expected {expected}")]
    Size { expected: u64, actual: u64 },
    /// The bytes hash to something else.
    #[error("digest is {actual}, expected {expected}")]
    Digest { expected: Digest, actual: Digest },
}

/// Passes bytes on while hashing them, and refuses to read past `limit`.
///
/// `finish` must be called once the source is at its end: only then is the content worth believing.
#[must_use]
pub struct HashingReader<R> {
    source: R,
    hasher: Sha256,
    count: u64,
    limit: u64,
}

impl<R: Read> HashingReader<R> {
    /// Hashes everything read from `source`; more than `limit` bytes is an error.
    pub fn new(source: R, limit: u64) -> Self {
        Self { source, hasher: Sha256::new(), count: 0, limit }
    }

    /// Reads the source to its end, so that trailing bytes are hashed too, and returns digest and size.
    pub fn finish(mut self) -> io::Result<(Digest, u64)> {
        io::copy(&mut self, &mut io::sink())?;
        Ok((Digest::from_hasher(self.hasher), self.count))
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.count += n as u64;
        if self.count > self.limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("more than the allowed {} bytes", self.limit),
            ));
        }
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_what_is_left_unread() {
        let mut reader = HashingReader::new(&b"hello world"[..], 11);
        reader.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(reader.finish().unwrap(), (Digest::of(b"hello world"), 11));
    }

    #[test]
    fn stops_at_its_limit() {
        let error = HashingReader::new(io::repeat(0), 1 << 20).finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
