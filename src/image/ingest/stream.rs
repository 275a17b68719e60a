//! The decoded bytes of a layer on their way from the thread that decodes to the one that unpacks.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender};

use sha2::{Digest as _, Sha256};

use super::meter::Meter;
use crate::base::digest::Digest;

/// One buffer of the decoded stream, and how many there are. Large, so that most files are one `write`.
pub const BUFFER: usize = 256 << 10;
pub const BUFFERS: usize = 8;

/// What goes from one thread to the other.
pub enum Piece {
    /// What follows are the blob's own bytes, which are hashed already.
    Plain,
    Data(Buffer),
    /// Everything before it is true.
    End,
}

/// Bytes that go there and back again.
pub struct Buffer {
    bytes: Box<[u8]>,
    pub filled: usize,
    /// How many compressed bytes had been read when it was filled.
    pub consumed: u64,
}

impl Buffer {
    pub fn new() -> Self {
        Self { bytes: vec![0; BUFFER].into_boxed_slice(), filled: 0, consumed: 0 }
    }

    /// Reads until it is full or the source at its end.
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<()> {
        self.filled = 0;
        while self.filled < self.bytes.len() {
            match source.read(&mut self.bytes[self.filled..]) {
                Ok(0) => break,
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The decoded bytes as they arrive in the unpacking thread: hashed and bounded.
pub struct Stream<'a> {
    pieces: Receiver<Piece>,
    emptied: Sender<Buffer>,
    current: Option<Buffer>,
    /// What of `current` has been taken.
    taken: usize,
    ended: bool,
    /// Unless the digest is the blob's.
    hasher: Option<Sha256>,
    total: u64,
    limit: u64,
    meter: &'a Meter<'a>,
}

impl<'a> Stream<'a> {
    /// At most `limit` bytes may come.
    pub fn new(pieces: Receiver<Piece>, emptied: Sender<Buffer>, limit: u64, meter: &'a Meter<'a>) -> Self {
        Self {
            pieces,
            emptied,
            current: None,
            taken: 0,
            ended: false,
            hasher: Some(Sha256::new()),
            total: 0,
            limit,
            meter,
        }
    }

    /// Takes the rest and returns the digest of everything; `None` where that is the blob's.
    pub fn finish(mut self) -> io::Result<Option<Digest>> {
        loop {
            let n = self.fill_buf()?.len();
            if n == 0 {
                return Ok(self.hasher.map(Digest::from_hasher));
            }
            self.consume(n);
        }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        if let Some(buffer) = self.current.take() {
            // The feeder may be done already.
            let _ = self.emptied.send(buffer);
        }
        match self.pieces.recv() {
            Ok(Piece::Data(buffer)) => {
                let bytes = &buffer.bytes[..buffer.filled];
                self.total += bytes.len() as u64;
                if self.total > self.limit {
                    return Err(io::Error::other(format!(
                        "more than {} bytes when decompressed",
                        self.limit
                    )));
                }
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(bytes);
                }
                self.meter.unpacked(buffer.consumed);
                (self.current, self.taken) = (Some(buffer), 0);
            }
            Ok(Piece::Plain) => self.hasher = None,
            Ok(Piece::End) => self.ended = true,
            Err(_) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream broke off")),
        }
        Ok(())
    }
}

impl BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while !self.ended && self.current.as_ref().is_none_or(|buffer| self.taken == buffer.filled) {
            self.next_piece()?;
        }
        Ok(self.current.as_ref().map_or(&[], |buffer| &buffer.bytes[self.taken..buffer.filled]))
    }

    fn consume(&mut self, n: usize) {
        self.taken += n;
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}
