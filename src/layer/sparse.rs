//! Files with holes: GNU's own entries (type `S`) and its three pax forms (0.0, 0.1, 1.0).
//!
//! Source: GNU tar manual, appendix "Sparse Formats". All of them come down to the same map.

use anyhow::{Context, Result, bail, ensure};
use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::pax::parse_decimal;

/// A map beyond this is not a file's: 2^20 holes.
const SEGMENT_LIMIT: usize = 1 << 20;

/// Bytes that are there, at their place in the file; the rest is holes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    pub offset: u64,
    pub length: u64,
}

/// The map of a file, and its size with the holes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SparseMap {
    pub segments: Vec<Segment>,
    pub size: u64,
}

impl SparseMap {
    /// Checks that the segments are in order, within the file, and as long together as the data in the archive.
    pub fn new(segments: Vec<Segment>, size: u64, stored: u64) -> Result<Self> {
        let (mut end, mut sum) = (0u64, 0u64);
        for segment in &segments {
            ensure!(segment.offset >= end, "sparse file: segments overlap or are out of order");
            end = segment.offset.checked_add(segment.length).context("sparse file: a segment is too long")?;
            sum = sum.saturating_add(segment.length);
        }
        ensure!(end <= size, "sparse file: a segment ends after the file");
        ensure!(sum == stored, "sparse file: segments have {sum} bytes, the archive {stored}");
        Ok(Self { segments, size })
    }
}

/// Reads the map of an `S` entry: four segments in its header, more in blocks after it that `next_block` reads.
pub fn gnu_map(
    header: &Header,
    stored: u64,
    mut next_block: impl FnMut(&mut [u8; 512]) -> Result<()>,
) -> Result<SparseMap> {
    let gnu = header.as_gnu().context("sparse file: not a GNU header")?;
    let mut segments = Vec::new();
    push_segments(&mut segments, &gnu.sparse)?;
    let mut more = gnu.is_extended();
    while more {
        let mut block = GnuExtSparseHeader::new();
        next_block(block.as_mut_bytes())?;
        push_segments(&mut segments, &block.sparse)?;
        more = block.is_extended();
    }
    SparseMap::new(segments, gnu.real_size()?, stored)
}

fn push_segments(segments: &mut Vec<Segment>, headers: &[GnuSparseHeader]) -> Result<()> {
    for header in headers.iter().filter(|header| !header.is_empty()) {
        push(segments, header.offset()?, header.length()?)?;
    }
    Ok(())
}

fn push(segments: &mut Vec<Segment>, offset: u64, length: u64) -> Result<()> {
    ensure!(segments.len() < SEGMENT_LIMIT, "sparse file: more than {SEGMENT_LIMIT} segments");
    segments.push(Segment { offset, length });
    Ok(())
}

/// The `GNU.sparse.*` records of an extended header.
#[derive(Default)]
pub struct PaxSparse {
    major: u64,
    minor: u64,
    /// The file's name: the entry's own is a stand-in.
    pub name: Option<Vec<u8>>,
    size: Option<u64>,
    segments: Vec<Segment>,
    /// The offset of a 0.0 pair whose length is still to come.
    offset: Option<u64>,
}

impl PaxSparse {
    /// Takes one record; `key` is without `GNU.sparse.`.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let number = || parse_decimal(value).context("not a number");
        match key {
            b"major" => self.major = number()?,
            b"minor" => self.minor = number()?,
            b"name" => self.name = Some(value.to_vec()),
            b"size" | b"realsize" => self.size = Some(number()?),
            b"offset" => self.offset = Some(number()?),
            b"numbytes" => {
                let offset = self.offset.take().context("a length without an offset")?;
                push(&mut self.segments, offset, number()?)?;
            }
            b"map" => self.segments = parse_list(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Makes the map of a file with `stored` bytes in the archive; `None` where the file is not sparse. The map of
    /// form 1.0 is in front of the data: `next_block` reads it from there, and its bytes do not count as data.
    pub fn map(
        self,
        stored: u64,
        next_block: impl FnMut(&mut [u8; 512]) -> Result<()>,
    ) -> Result<Option<SparseMap>> {
        let Some(size) = self.size else { return Ok(None) };
        match (self.major, self.minor) {
            (0, 0 | 1) => SparseMap::new(self.segments, size, stored).map(Some),
            (1, 0) => {
                let (segments, read) = read_map(next_block)?;
                let stored =
                    stored.checked_sub(read).context("sparse file: its map is longer than its data")?;
                SparseMap::new(segments, size, stored).map(Some)
            }
            (major, minor) => bail!("sparse file: unknown format {major}.{minor}"),
        }
    }
}

/// Reads form 0.1: `offset,length,offset,length`.
fn parse_list(text: &[u8]) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut numbers = text.split(|byte| *byte == b',').map(parse_decimal);
    while let Some(offset) = numbers.next() {
        let pair = offset.zip(numbers.next().flatten()).context("not a list of pairs")?;
        push(&mut segments, pair.0, pair.1)?;
    }
    Ok(segments)
}

/// Reads form 1.0: the number of segments, then their offsets and lengths, a line each, in whole blocks. Returns
/// how many bytes that took.
fn read_map(mut next_block: impl FnMut(&mut [u8; 512]) -> Result<()>) -> Result<(Vec<Segment>, u64)> {
    let (mut block, mut at, mut read) = ([0u8; 512], 512, 0u64);
    let mut next_number = || -> Result<u64> {
        let mut digits = Vec::new();
        loop {
            if at == block.len() {
                next_block(&mut block)?;
                (at, read) = (0, read + 512);
            }
            let byte = block[at];
            at += 1;
            match byte {
                b'\n' => return parse_decimal(&digits).context("sparse file: its map is malformed"),
                _ if digits.len() < 20 => digits.push(byte),
                _ => bail!("sparse file: its map is malformed"),
            }
        }
    };
    let mut segments = Vec::new();
    for _ in 0..next_number()? {
        let offset = next_number()?;
        push(&mut segments, offset, next_number()?)?;
    }
    Ok((segments, read))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(pairs: &[(u64, u64)]) -> Vec<Segment> {
        pairs.iter().map(|&(offset, length)| Segment { offset, length }).collect()
    }

    #[test]
    fn maps_are_checked() {
        for (pairs, size, stored, good) in [
            (&[(0, 5), (10, 5)][..], 20, 10, true),
            (&[(0, 5), (5, 0), (20, 0)], 20, 5, true),
            (&[], 1 << 40, 0, true),
            (&[(10, 5), (0, 5)], 20, 10, false),
            (&[(0, 5), (4, 5)], 20, 10, false),
            (&[(0, 5)], 4, 5, false),
            (&[(0, 5)], 20, 6, false),
            (&[(1, u64::MAX)], u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(SparseMap::new(segments(pairs), size, stored).is_ok(), good, "{pairs:?}");
        }
    }

    #[test]
    fn pax_forms() {
        let none = |_: &mut [u8; 512]| bail!("no block");
        let sparse = |records: &[(&str, &str)]| {
            let mut sparse = PaxSparse::default();
            records.iter().try_for_each(|(key, value)| sparse.set(key.as_bytes(), value.as_bytes()))?;
            anyhow::Ok(sparse)
        };
        let wanted = SparseMap { segments: segments(&[(3, 2), (9, 1)]), size: 12 };
        let old = [("size", "12"), ("numblocks", "2"), ("offset", "3"), ("numbytes", "2"), ("offset", "9")];
        let old = sparse(&[&old[..], &[("numbytes", "1")]].concat()).unwrap();
        assert_eq!(old.map(3, none).unwrap(), Some(wanted.clone()));
        let list = sparse(&[("size", "12"), ("map", "3,2,9,1")]).unwrap();
        assert_eq!(list.map(3, none).unwrap(), Some(wanted.clone()));
        let new = sparse(&[("major", "1"), ("minor", "0"), ("realsize", "12")]).unwrap();
        let map = new.map(515, |block| {
            block[..10].copy_from_slice(b"2\n3\n2\n9\n1\n");
            Ok(())
        });
        assert_eq!(map.unwrap(), Some(wanted));
        assert_eq!(PaxSparse::default().map(3, none).unwrap(), None);
        assert!(sparse(&[("map", "3,2,9")]).is_err());
        assert!(sparse(&[("numbytes", "2")]).is_err());
        assert!(sparse(&[("major", "2"), ("size", "1")]).unwrap().map(0, none).is_err());
    }

    #[test]
    fn an_endless_map_is_refused() {
        let sparse = PaxSparse { major: 1, size: Some(1), ..PaxSparse::default() };
        let mut first = true;
        let map = sparse.map(u64::MAX, |block| {
            block.fill(b'1');
            block.iter_mut().skip(1).step_by(2).for_each(|byte| *byte = b'\n');
            if std::mem::take(&mut first) {
                block[..20].copy_from_slice(b"9999999999999999999\n");
            }
            Ok(())
        });
        assert!(map.unwrap_err().to_string().contains("more than"));
    }
}
