//! The log of a container: docker's `json-file`, one JSON object per line of output.
//!
//! ```text
//! {"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.678901234Z"}
//! ```
//!
//! A line without its end, and one that is longer than [`LINE_LIMIT`], is an entry whose `log` does not end
//! in a newline; a reader puts the pieces together again. Bytes that are no UTF-8 become U+FFFD.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longer lines are cut into pieces, as docker's are.
const LINE_LIMIT: usize = 16 << 10;

/// Which of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry<'a> {
    #[serde(borrow)]
    pub log: std::borrow::Cow<'a, str>,
    pub stream: Stream,
    pub time: Timestamp,
}

/// Appends to a log file.
pub struct LogWriter {
    file: File,
    partial: [Vec<u8>; 2],
    encoded: Vec<u8>,
}

impl LogWriter {
    /// Opens the file, making it where there is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self { file, partial: [Vec::new(), Vec::new()], encoded: Vec::new() })
    }

    /// Writes the lines that `bytes` completes, in one write(2), and keeps the rest.
    pub fn append(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let time = Timestamp::now();
        let mut partial = std::mem::take(&mut self.partial[stream as usize]);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let mut piece = piece;
            while partial.len() + piece.len() > LINE_LIMIT {
                let (head, tail) = piece.split_at(LINE_LIMIT - partial.len());
                partial.extend_from_slice(head);
                self.encode(stream, &partial, time)?;
                partial.clear();
                piece = tail;
            }
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.encode(stream, &partial, time)?;
                partial.clear();
            }
        }
        self.partial[stream as usize] = partial;
        self.flush()
    }

    /// Writes lines that never got their end.
    pub fn finish(&mut self) -> io::Result<()> {
        let time = Timestamp::now();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let partial = std::mem::take(&mut self.partial[stream as usize]);
            if !partial.is_empty() {
                self.encode(stream, &partial, time)?;
            }
        }
        self.flush()
    }

    fn encode(&mut self, stream: Stream, line: &[u8], time: Timestamp) -> io::Result<()> {
        let entry = Entry { log: String::from_utf8_lossy(line), stream, time };
        serde_json::to_writer(&mut self.encoded, &entry)?;
        self.encoded.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.write_all(&self.encoded);
        self.encoded.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(chunks: &[(Stream, &[u8])]) -> Vec<(String, Stream)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = LogWriter::open(&path).unwrap();
        for (stream, bytes) in chunks {
            log.append(*stream, bytes).unwrap();
        }
        log.finish().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let entry = |line: &str| {
            let entry: Entry<'_> = serde_json::from_str(line).unwrap();
            (entry.log.into_owned(), entry.stream)
        };
        text.lines().map(entry).collect()
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
        let line = [vec![b'x'; 40_000], b"\n".to_vec()].concat();
        let got = logged(&[(Stream::Stdout, &line)]);
        assert_eq!(got.len(), 3);
        assert!(got[0].0.len() == LINE_LIMIT && !got[0].0.ends_with('\n') && got[2].0.ends_with('\n'));
        assert_eq!(got.iter().map(|(text, _)| text.as_str()).collect::<String>().as_bytes(), line);
    }
}
