//! The log of a container: what it says, cut into lines, each with its stream and time.
//!
//! A line without its end, and one that is longer than [`LINE_LIMIT`], becomes several entries of which only the
//! last is whole; a reader puts the pieces together again. Where the entries go is [`Destination`]: a [`file`] of
//! docker's `json-file` or podman's `k8s-file` format, or the journal.

pub mod file;
pub mod journal;
pub mod json;
pub mod k8s;
pub mod packed;
mod pieces;
pub mod ring;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::PollFlags;

use file::{Limits, LogFile};
use journal::Journal;
use ring::Ring;

/// How long a log that takes nothing is waited for once its container has ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// Longer lines are cut into pieces, as docker's are.
pub const LINE_LIMIT: usize = 16 << 10;

/// Which of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// The word of both file formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A line or a piece of one, as it is written down.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub stream: Stream,
    pub time: Timestamp,
    /// Without the newline that ends it.
    pub text: &'a [u8],
    /// Whether it is the end of its line.
    pub whole: bool,
}

/// How entries stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    K8s,
}

/// Where a container's log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Nowhere,
    File {
        path: PathBuf,
        format: Format,
        limits: Limits,
        /// What every entry of docker's format carries.
        attributes: BTreeMap<String, String>,
    },
    /// With the fields that every entry carries.
    Journal {
        fields: BTreeMap<String, String>,
    },
}

/// Writes the log of one container.
pub struct LogWriter {
    sink: Sink,
    partial: [Vec<u8>; 2],
}

/// Where entries go.
pub enum Sink {
    Nowhere,
    File { file: LogFile, format: Format, attributes: Option<String>, encoded: Vec<u8> },
    Journal(Journal),
    Ring(Ring),
}

impl LogWriter {
    /// Opens the destination, making a file where there is none. With `waiting` the container never waits for it: so
    /// many bytes do instead, and what has no room is lost.
    pub fn open(destination: &Destination, waiting: Option<usize>) -> io::Result<Self> {
        let mut sink = Sink::open(destination)?;
        if let Some(limit) = waiting.filter(|_| !matches!(sink, Sink::Nowhere)) {
            sink = Sink::Ring(Ring::start(sink, limit)?);
        }
        Ok(Self { sink, partial: [Vec::new(), Vec::new()] })
    }

    /// What wakes it, if it waits for something.
    pub fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        self.sink.interest()
    }

    /// Does what it was woken for.
    pub fn work(&mut self) {
        self.sink.work();
    }

    /// Whether it has no room, and what the container says must wait.
    pub fn is_stuck(&self) -> bool {
        self.sink.is_stuck()
    }

    /// Writes the lines that `bytes` completes, and keeps the rest.
    pub fn append(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if matches!(self.sink, Sink::Nowhere) {
            return Ok(());
        }
        let time = Timestamp::now();
        let mut pending = std::mem::take(&mut self.partial[stream as usize]);
        let mut written = Ok(());
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let mut text = line;
            if !pending.is_empty() {
                pending.extend_from_slice(line);
                text = &pending;
            }
            let (text, whole) = match text.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (text, false),
            };
            let rest = self.sink.write_long(stream, time, text);
            let rest = rest.unwrap_or_else(|error| {
                written = Err(error);
                &[]
            });
            if whole {
                written = written.and(self.sink.write(&Piece { stream, time, text: rest, whole }));
                pending.clear();
            } else {
                pending = rest.to_vec();
            }
        }
        self.partial[stream as usize] = pending;
        written.and(self.sink.flush())
    }

    /// Writes lines that never got their end, and what waits; nothing is written after that.
    pub fn finish(&mut self) -> io::Result<()> {
        let time = Timestamp::now();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let text = std::mem::take(&mut self.partial[stream as usize]);
            if !text.is_empty() {
                self.sink.write(&Piece { stream, time, text: &text, whole: false })?;
            }
        }
        std::mem::replace(&mut self.sink, Sink::Nowhere).finish()
    }
}

impl Sink {
    fn open(destination: &Destination) -> io::Result<Self> {
        Ok(match destination {
            Destination::Nowhere => Self::Nowhere,
            Destination::File { path, format, limits, attributes } => Self::File {
                file: LogFile::open(path, limits)?,
                format: *format,
                attributes: json::encode_attributes(attributes)?,
                encoded: Vec::new(),
            },
            Destination::Journal { fields } => Self::Journal(Journal::connect(journal::SOCKET, fields)?),
        })
    }

    /// Writes the pieces of a line that is too long for one; returns what is left.
    fn write_long<'a>(&mut self, stream: Stream, time: Timestamp, line: &'a [u8]) -> io::Result<&'a [u8]> {
        let mut rest = line;
        while rest.len() > LINE_LIMIT {
            let (text, tail) = rest.split_at(cut(rest));
            self.write(&Piece { stream, time, text, whole: false })?;
            rest = tail;
        }
        Ok(rest)
    }

    fn write(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Journal(journal) => journal.send(piece),
            Self::Ring(ring) => {
                ring.send(piece);
                Ok(())
            }
            Self::File { file, format, attributes, encoded } => {
                let before = encoded.len();
                match format {
                    Format::Json => json::encode(piece, attributes.as_deref(), encoded)?,
                    Format::K8s => k8s::encode(piece, encoded)?,
                }
                if file.is_full(before) {
                    let entry = encoded.split_off(before);
                    file.append(encoded)?;
                    *encoded = entry;
                    file.rotate();
                }
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Nowhere | Self::Journal(_) => Ok(()),
            Self::Ring(ring) => ring.flush(),
            Self::File { file, encoded, .. } => {
                let written = file.append(encoded);
                encoded.clear();
                written
            }
        }
    }

    /// What wakes it, if it waits for something.
    fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Nowhere => None,
            Self::Journal(journal) => journal.is_stuck().then(|| (journal.fd(), PollFlags::OUT)),
            Self::Ring(ring) => ring.interest(),
            Self::File { file, .. } if file.is_stuck() => Some((file.fd(), PollFlags::OUT)),
            Self::File { file, .. } => file.packing().map(|packer| (packer, PollFlags::IN)),
        }
    }

    /// Whether more would have to be kept in memory.
    fn is_stuck(&self) -> bool {
        match self {
            Self::Nowhere | Self::Ring(_) => false,
            Self::Journal(journal) => journal.is_stuck(),
            Self::File { file, .. } => file.is_stuck(),
        }
    }

    fn work(&mut self) {
        match self {
            Self::Nowhere => {}
            Self::Journal(journal) => journal.flush(),
            Self::Ring(ring) => drop(ring.flush()),
            Self::File { file, .. } if file.is_stuck() => drop(file.flush()),
            Self::File { file, .. } => file.end_packing(),
        }
    }

    /// Writes what waits, within patience, and ends.
    fn finish(mut self) -> io::Result<()> {
        let written = self.flush();
        let until = Instant::now() + PATIENCE;
        while self.is_stuck() {
            let Some((fd, events)) = self.interest() else { break };
            if !ring::is_ready(fd, events, until)? {
                break;
            }
            self.work();
        }
        match self {
            Self::Nowhere | Self::Journal(_) => {}
            Self::Ring(ring) => ring.finish()?,
            Self::File { mut file, .. } => file.finish(),
        }
        written
    }

    /// The descriptor that it writes to.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Nowhere | Self::Ring(_) => None,
            Self::Journal(journal) => Some(journal.fd()),
            Self::File { file, .. } => Some(file.fd()),
        }
    }
}

/// Where to cut a line that is longer than [`LINE_LIMIT`]: not within a character.
fn cut(line: &[u8]) -> usize {
    let is_inside = |at: &usize| line[*at] & 0xc0 == 0x80;
    (LINE_LIMIT - 3..=LINE_LIMIT).rev().find(|at| !is_inside(at)).unwrap_or(LINE_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(path: PathBuf) -> Destination {
        Destination::File {
            path,
            format: Format::Json,
            limits: Limits { max_size: None, max_files: 1, compress: false },
            attributes: BTreeMap::new(),
        }
    }

    fn logged(chunks: &[(Stream, &[u8])]) -> Vec<(String, Stream)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = LogWriter::open(&destination(path.clone()), None).unwrap();
        for (stream, bytes) in chunks {
            log.append(*stream, bytes).unwrap();
        }
        log.finish().unwrap();
        let text = std::fs::read(path).unwrap();
        let entry = |line: &[u8]| {
            let (mut text, entry) = (Vec::new(), json::decode(line).unwrap());
            entry.text(&mut text);
            (String::from_utf8(text).unwrap(), entry.stream)
        };
        text.split_inclusive(|byte| *byte == b'\n').map(entry).collect()
    }

    #[test]
    fn lines_are_put_together_for_each_stream() {
        let got = logged(&[
            (Stream::Stdout, b"a\nb"),
            (Stream::Stderr, b"oops"),
            (Stream::Stdout, b"c\n\n"),
            (Stream::Stdout, b"end"),
        ]);
        let want = [
            ("a\n", Stream::Stdout),
            ("bc\n", Stream::Stdout),
            ("\n", Stream::Stdout),
            ("end", Stream::Stdout),
            ("oops", Stream::Stderr),
        ];
        assert_eq!(got, want.map(|(text, stream)| (text.to_owned(), stream)));
    }

    #[test]
    fn long_lines_are_cut_and_lose_nothing() {
        let ascii = [vec![b'x'; 40_000], b"\n".to_vec()].concat();
        // Every cut falls within a character of three bytes, and the line comes in odd portions.
        let wide = format!("{}\n", "€".repeat(20_000));
        for line in [&ascii[..], wide.as_bytes()] {
            for portion in [7_777, line.len()] {
                let chunks: Vec<_> = line.chunks(portion).map(|chunk| (Stream::Stdout, chunk)).collect();
                let got = logged(&chunks);
                assert_eq!(got.len(), line.len() / LINE_LIMIT + 1);
                assert!(got[0].0.len() > LINE_LIMIT - 4 && !got[0].0.ends_with('\n'));
                assert_eq!(got.iter().map(|(text, _)| text.as_str()).collect::<String>().as_bytes(), line);
            }
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut log = LogWriter::open(&destination(PathBuf::from("/dev/null")), None).unwrap();
        for _ in 0..1000 {
            log.append(Stream::Stdout, &[b'x'; 32 << 10]).unwrap();
            assert!(log.partial[0].len() <= LINE_LIMIT);
        }
    }
}
