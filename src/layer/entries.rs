//! The entries of a tar stream: ustar, GNU and pax, with every extension header folded into the entry it is for.
//!
//! Single headers are the `tar` crate's; the framing around them is ours, since the crate's iterator reads
//! extension headers of any size into memory and cuts binary attributes at a newline (see `pax`).
//!
//! What is taken follows Go's `archive/tar`, which docker and podman read layers with: links, devices and
//! directories have no data whatever their size field says; global headers are passed over.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use anyhow::{Context, Result, ensure};
use rustix::fs::Timespec;
use tar::Header;

use super::pax::Extended;
use super::sparse::{self, SparseMap};

/// What archives consist of, in bytes.
pub const BLOCK: usize = 512;
/// Extension headers beyond this are refused: Go's limit, and far above 64 kB of attributes.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// One file, directory, link or node.
pub struct Entry {
    /// As written, not checked.
    pub path: Vec<u8>,
    /// Target of a symbolic or hard link, as written.
    pub link: Vec<u8>,
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub mtime: Timespec,
    /// Bytes of data in the archive.
    pub stored: u64,
    /// Where the data goes in a file with holes.
    pub sparse: Option<SparseMap>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
    /// A type that is nothing to unpack, such as a volume label.
    Other(u8),
}

/// What an archive is read from.
pub trait Source: BufRead {
    /// Passes over bytes, without reading them where that is possible. One that seeks may pass over the end: what
    /// lies there is then missing when it is read.
    fn pass(&mut self, length: u64) -> io::Result<()>;
}

impl<R: BufRead> Source for &mut R {
    fn pass(&mut self, mut length: u64) -> io::Result<()> {
        while length > 0 {
            let available = self.fill_buf()?.len();
            if available == 0 {
                return Err(cut_off());
            }
            let n = available.min(usize::try_from(length).unwrap_or(usize::MAX));
            self.consume(n);
            length -= n as u64;
        }
        Ok(())
    }
}

impl Source for BufReader<&File> {
    fn pass(&mut self, length: u64) -> io::Result<()> {
        let length = i64::try_from(length).map_err(|_| cut_off())?;
        self.seek_relative(length)
    }
}

/// Reads entry after entry; the data of each must be taken by [`Entries::copy`] before the next, or is skipped.
pub struct Entries<R> {
    source: R,
    /// Bytes of the current entry that nobody has taken.
    data: u64,
    /// Zeros after them, up to a whole block.
    padding: u64,
    finished: bool,
}

impl<R: Source> Entries<R> {
    pub fn new(source: R) -> Self {
        Self { source, data: 0, padding: 0, finished: false }
    }

    /// The source, where the data of the current entry begins unless some was taken.
    pub fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// Moves on to the next entry; `None` at the end, which is two blocks of zeros or the end of the stream.
    pub fn next(&mut self) -> Result<Option<Entry>> {
        if self.finished {
            return Ok(None);
        }
        self.skip(self.data)?;
        self.skip_padding()?;
        (self.data, self.padding) = (0, 0);
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                self.finished = true;
                ensure!(extensions.are_none(), "the archive ends after an extended header");
                return Ok(None);
            };
            let kind = header.entry_type().as_byte();
            match kind {
                b'x' | b'X' => {
                    let content = self.extension(&header)?;
                    ensure!(extensions.pax.is_none(), "two extended headers for one entry");
                    extensions.pax = Some(Extended::parse(&content)?);
                }
                b'L' => extensions.path = Some(until_nul(self.extension(&header)?)),
                b'K' => extensions.link = Some(until_nul(self.extension(&header)?)),
                b'g' => {
                    let size = number(&header.as_old().size).context("invalid tar header")?;
                    self.skip(size)?;
                    self.skip(padding(size))?;
                }
                _ => return self.entry(&header, extensions).map(Some),
            }
        }
    }

    /// Hands the next `length` bytes of the current entry's data to `sink`, piece by piece, without a copy.
    pub fn copy(&mut self, length: u64, mut sink: impl FnMut(&[u8]) -> io::Result<()>) -> Result<()> {
        ensure!(length <= self.data, "the entry has less data than it needs");
        let mut left = length;
        while left > 0 {
            let piece = self.source.fill_buf()?;
            if piece.is_empty() {
                return Err(truncated());
            }
            let n = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            sink(&piece[..n])?;
            self.source.consume(n);
            left -= n as u64;
        }
        self.data -= length;
        Ok(())
    }

    /// Reads one header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>> {
        let mut header = Header::new_old();
        if !self.block(header.as_mut_bytes())? {
            return Ok(None);
        }
        if is_zero(header.as_bytes()) {
            let mut second = [0; BLOCK];
            ensure!(
                !self.block(&mut second)? || is_zero(&second),
                "invalid tar header after the archive's end"
            );
            return Ok(None);
        }
        let stated = header.cksum().context("not a tar archive: invalid header")?;
        ensure!(stated == checksum(header.as_bytes()), "not a tar archive: wrong header checksum");
        Ok(Some(header))
    }

    /// Reads a whole block; false where the stream ended before it.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            let piece = self.source.fill_buf()?;
            if piece.is_empty() {
                if filled == 0 {
                    return Ok(false);
                }
                return Err(truncated());
            }
            let n = piece.len().min(BLOCK - filled);
            block[filled..filled + n].copy_from_slice(&piece[..n]);
            self.source.consume(n);
            filled += n;
        }
        Ok(true)
    }

    fn skip(&mut self, length: u64) -> Result<()> {
        Ok(self.source.pass(length)?)
    }

    /// Some writers leave out what follows the last entry, its padding too: nothing is missing then.
    fn skip_padding(&mut self) -> Result<()> {
        while self.padding > 0 {
            let here = self.source.fill_buf()?.len();
            if here == 0 {
                return Ok(());
            }
            let n = (here as u64).min(self.padding);
            // In range: at most the length of the buffer.
            self.source.consume(n as usize);
            self.padding -= n;
        }
        Ok(())
    }

    /// Reads the content of an extension header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let size = number(&header.as_old().size).context("invalid tar header")?;
        ensure!(size <= EXTENSION_LIMIT, "an extended header of {size} bytes: more than {EXTENSION_LIMIT}");
        self.data = size;
        let mut content = Vec::new();
        self.copy(size, |piece| {
            content.extend_from_slice(piece);
            Ok(())
        })?;
        self.skip(padding(size))?;
        Ok(content)
    }

    /// Makes an entry of its header and the extensions before it.
    fn entry(&mut self, header: &Header, extensions: Extensions) -> Result<Entry> {
        let Extensions { path: long_path, link: long_link, pax } = extensions;
        let pax = pax.unwrap_or_default();
        let own_path = pax.sparse.name.clone().or(pax.path).or(long_path);
        let path = own_path.unwrap_or_else(|| header.path_bytes().into_owned());
        let shown = String::from_utf8_lossy(&path).into_owned();
        let invalid = || format!("invalid tar header of {shown:?}");
        let kind = kind_of(header, &path);
        let has_data = matches!(kind, Kind::File | Kind::Other(_));
        let fields = header.as_old();
        let size = pax.size.map_or_else(|| number(&fields.size), Ok).with_context(invalid)?;
        let size = if has_data { size } else { 0 };
        (self.data, self.padding) = (size, padding(size));
        ensure!(size.checked_add(self.padding).is_some(), "{}: its size is {size}", invalid());
        let sparse = match kind {
            Kind::File => self.sparse_map(header, pax.sparse).with_context(invalid)?,
            _ => None,
        };
        let link = pax.link.or(long_link);
        Ok(Entry {
            link: link.or_else(|| header.link_name_bytes().map(Into::into)).unwrap_or_default(),
            kind,
            mode: (number(&fields.mode).with_context(invalid)? & 0o7777) as u32,
            uid: pax.uid.map_or_else(|| number(&fields.uid), Ok).with_context(invalid)?,
            gid: pax.gid.map_or_else(|| number(&fields.gid), Ok).with_context(invalid)?,
            mtime: match pax.mtime {
                Some(time) => time,
                None => Timespec { tv_sec: signed(&fields.mtime).with_context(invalid)?, tv_nsec: 0 },
            },
            stored: self.data,
            sparse,
            xattrs: pax.xattrs,
            path,
        })
    }

    /// Reads the map of a file with holes: for GNU's entries from blocks that are not counted as data, for pax
    /// 1.0 from the data.
    fn sparse_map(&mut self, header: &Header, pax: sparse::PaxSparse) -> Result<Option<SparseMap>> {
        let stored = self.data;
        if header.entry_type().as_byte() == b'S' {
            return sparse::gnu_map(header, stored, |block| self.whole_block(block)).map(Some);
        }
        pax.map(stored, |block| {
            self.data = self.data.checked_sub(BLOCK as u64).context("the sparse map is cut off")?;
            self.whole_block(block)
        })
    }

    fn whole_block(&mut self, block: &mut [u8; BLOCK]) -> Result<()> {
        if self.block(block)? { Ok(()) } else { Err(truncated()) }
    }
}

/// What the headers before an entry say about it.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Option<Extended>,
}

impl Extensions {
    fn are_none(&self) -> bool {
        self.path.is_none() && self.link.is_none() && self.pax.is_none()
    }
}

fn kind_of(header: &Header, path: &[u8]) -> Kind {
    match header.entry_type().as_byte() {
        // Before ustar a directory was a file whose name ends in a slash.
        0 if path.ends_with(b"/") => Kind::Directory,
        0 | b'0' | b'7' | b'S' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        other => Kind::Other(other),
    }
}

/// Reads a numeric field that cannot be negative.
fn number(field: &[u8]) -> Result<u64> {
    signed(field)?.try_into().context("a negative number")
}

/// Reads a numeric field: octal digits between spaces and zeros, where none is 0 as in Go; or, with the first bit
/// set, GNU's binary number in two's complement, most significant byte first.
fn signed(field: &[u8]) -> Result<i64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        return binary(field).context("a number is too large");
    }
    let is_filler = |byte: &u8| matches!(byte, b' ' | 0);
    let digits = field.iter().skip_while(|byte| is_filler(byte));
    let mut digits = digits.take_while(|byte| !is_filler(byte));
    digits.try_fold(0, |sum: i64, digit| {
        ensure!(matches!(digit, b'0'..=b'7'), "not an octal number: {:?}", String::from_utf8_lossy(field));
        sum.checked_mul(8).map(|sum| sum | i64::from(digit - b'0')).context("a number is too large")
    })
}

fn binary(field: &[u8]) -> Option<i64> {
    let is_negative = field[0] & 0x40 != 0;
    let first = if is_negative { i128::from(field[0] as i8) } else { i128::from(field[0] & 0x7f) };
    let sum = field[1..].iter().try_fold(first, |sum, byte| {
        let sum = sum * 256 + i128::from(*byte);
        i64::try_from(sum).ok().map(i128::from)
    })?;
    i64::try_from(sum).ok()
}

fn truncated() -> anyhow::Error {
    cut_off().into()
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off")
}

/// Zeros from the end of `size` bytes to the end of their block.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn is_zero(block: &[u8; BLOCK]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// Whether a stream that starts so is an archive with something in it.
pub fn begins_archive(start: &[u8]) -> bool {
    let Some(block) = start.first_chunk::<BLOCK>() else { return false };
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    !is_zero(block) && header.cksum().is_ok_and(|stated| stated == checksum(block))
}

/// The sum of a header's bytes, with spaces where it is written.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..])
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(nul) = text.iter().position(|byte| *byte == 0) {
        text.truncate(nul);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (field, value) in [
            (&b"0000644\0"[..], 0o644),
            (b"    644 ", 0o644),
            (b"644", 0o644),
            (b"\0\0\0\0", 0),
            (b"        ", 0),
            (b"77777777777\0", 0o77777777777),
            (b"\x80\0\0\0\0\0\x01\0", 256),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", i64::MAX),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", -1),
            (b"\xff\xff\xff\xff\xff\xff\xff\x00", -256),
        ] {
            assert_eq!(signed(field).unwrap(), value, "{field:?}");
        }
        let too_large = b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
        for field in [&b"12x"[..], b"8", b"-1", too_large, b"777777777777777777777777"] {
            assert!(signed(field).is_err(), "{field:?}");
        }
        assert!(number(b"\xff\xff\xff\xff").is_err());
    }
}
