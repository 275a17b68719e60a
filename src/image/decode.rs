//! Decompresses streams of strangers whose length nobody knows beforehand.

use std::cell::Cell;
use std::io::{self, Read};

use anyhow::{Context, Result, ensure};

use super::ingest::default_limit;
use crate::layer::compress;

const BUFFER: usize = 256 << 10;

/// Hands everything that `source` decodes to on, in pieces. What may come of it is bounded by how much of it was read.
pub fn decode(source: impl Read, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let count = Cell::new(0);
    let mut decoder = compress::decoder(Counted { source, count: &count })?;
    let mut total = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = decoder.read(&mut buffer).context("decompress")?;
        if n == 0 {
            return Ok(());
        }
        total += n as u64;
        let limit = default_limit(count.get());
        ensure!(total <= limit, "more than {limit} bytes when decompressed");
        each(&buffer[..n])?;
    }
}

struct Counted<'a, R> {
    source: R,
    count: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.count.set(self.count.get() + n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_on_what_a_stream_decodes_to() {
        let content = vec![7; 3 * BUFFER + 1];
        for stream in [content.clone(), zstd::stream::encode_all(&content[..], 1).unwrap()] {
            let mut decoded = Vec::new();
            let keep = |piece: &[u8]| {
                decoded.extend_from_slice(piece);
                Ok(())
            };
            decode(&stream[..], keep).unwrap();
            assert_eq!(decoded, content);
            let cut = &stream[..stream.len() / 2];
            let (mut seen, is_plain) = (0, stream.len() == content.len());
            let done = decode(cut, |piece| {
                seen += piece.len();
                Ok(())
            });
            assert_eq!((done.is_ok(), seen < content.len()), (is_plain, true));
        }
        assert!(decode(&content[..], |_| anyhow::bail!("the disk is full")).is_err());
    }
}
