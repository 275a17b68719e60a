//! Podman's `k8s-file`, which is the format of the Kubernetes container runtime interface.
//!
//! ```text
//! 2026-01-02T03:04:05.678901234+00:00 stdout F hello
//! ```
//!
//! `F` stands before the end of a line, `P` before a piece of one. The bytes are the container's.

use std::io::{self, Write};

use jiff::Timestamp;

use super::{Piece, Stream};

/// Appends one line of the file. Podman reads nine digits and a numeric offset.
pub fn encode(piece: &Piece<'_>, to: &mut Vec<u8>) -> io::Result<()> {
    let tag = if piece.whole { 'F' } else { 'P' };
    write!(to, "{} {} {tag} ", piece.time.strftime("%Y-%m-%dT%H:%M:%S.%9f+00:00"), piece.stream.as_str())?;
    to.extend_from_slice(piece.text);
    to.push(b'\n');
    Ok(())
}

/// One line of the file.
#[derive(Debug)]
pub struct Entry<'a> {
    pub stream: Stream,
    time: &'a [u8],
    /// With the newline of the container, if it is the end of its line.
    pub text: &'a [u8],
}

/// Takes a line of the file apart; none if it is not of this format.
pub fn decode(line: &[u8]) -> Option<Entry<'_>> {
    let space = memchr::memchr(b' ', line)?;
    let (time, rest) = (&line[..space], &line[space + 1..]);
    let (stream, rest) = match rest.strip_prefix(b"stdout ") {
        Some(rest) => (Stream::Stdout, rest),
        None => (Stream::Stderr, rest.strip_prefix(b"stderr ")?),
    };
    let text = match rest {
        [b'F', b' ', text @ ..] => text,
        [b'P', b' ', text @ .., b'\n'] => text,
        _ => return None,
    };
    Some(Entry { stream, time, text })
}

impl Entry<'_> {
    /// When it was written; none if that is not to be read.
    pub fn time(&self) -> Option<Timestamp> {
        std::str::from_utf8(self.time).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_pieces() {
        for (text, whole, want) in [
            (&b"hello"[..], true, &b"2026-01-02T03:04:05.600000000+00:00 stdout F hello\n"[..]),
            (b"\xff F ", false, b"2026-01-02T03:04:05.600000000+00:00 stdout P \xff F \n"),
            (b"", true, b"2026-01-02T03:04:05.600000000+00:00 stdout F \n"),
        ] {
            let time: Timestamp = "2026-01-02T03:04:05.6Z".parse().unwrap();
            let mut line = Vec::new();
            encode(&Piece { stream: Stream::Stdout, time, text, whole }, &mut line).unwrap();
            assert_eq!(line, want);
            let entry = decode(&line).unwrap();
            assert_eq!((entry.stream, entry.time()), (Stream::Stdout, Some(time)));
            assert_eq!(entry.text, [text, if whole { b"\n" } else { b"" }].concat());
        }
        // Written by podman: local time.
        let entry = decode(b"2026-01-02T04:04:05.600000000+01:00 stderr F x\n").unwrap();
        assert_eq!(entry.time(), "2026-01-02T03:04:05.6Z".parse().ok());
        for broken in [&b"\n"[..], b"2026 stdin F x\n", b"2026 stdout X x\n", b"2026 stdout F", b"nonsense"] {
            assert!(decode(broken).is_none());
        }
    }
}
