//! Log entries on their way to the reader: chosen by time, marked, and written in large portions.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::BorrowedFd;

use anyhow::Result;
use jiff::Timestamp;

use super::LogOptions;
use crate::engine::output;
use crate::runtime::log::{Format, Stream, json, k8s};

/// Bytes that are collected before they are written.
const PORTION: usize = 64 << 10;

/// Podman's colors of containers, in turn: grey, red, yellow, blue, magenta, cyan, green (man console_codes(4)).
const COLORS: [&[u8]; 7] =
    [b"\x1b[37m", b"\x1b[31m", b"\x1b[33m", b"\x1b[34m", b"\x1b[35m", b"\x1b[36m", b"\x1b[32m"];
const PLAIN: &[u8] = b"\x1b[0m";

/// Prints entries.
pub struct Printer<'a> {
    options: &'a LogOptions,
    targets: [BorrowedFd<'a>; 2],
    /// What is not written yet, all of one stream: the order of the two is kept.
    buffer: Vec<u8>,
    stream: Stream,
}

impl<'a> Printer<'a> {
    pub fn new(options: &'a LogOptions, out: BorrowedFd<'a>, err: BorrowedFd<'a>) -> Self {
        let buffer = Vec::with_capacity(2 * PORTION);
        Self { options, targets: [out, err], buffer, stream: Stream::Stdout }
    }

    /// Takes one line of a log file; false once the wanted time is over. A line that is no entry, which a crash
    /// may leave, is passed over.
    pub fn line(&mut self, format: Format, line: &[u8]) -> Result<bool> {
        match format {
            Format::Json => {
                let Some(entry) = json::decode(line) else { return Ok(true) };
                if self.is_plain() {
                    self.turn_to(entry.stream)?;
                    entry.text(&mut self.buffer);
                    return Ok(true);
                }
                let attributes = || entry.rest().unwrap_or_default().attrs;
                self.marked(entry.stream, entry.time(), attributes, |to| entry.text(to))
            }
            Format::K8s => {
                let Some(entry) = k8s::decode(line) else { return Ok(true) };
                let text = |to: &mut Vec<u8>| to.extend_from_slice(entry.text);
                self.marked(entry.stream, entry.time(), BTreeMap::new, text)
            }
        }
    }

    /// Takes an entry of which only the text may be wanted; false once the wanted time is over.
    pub fn marked(
        &mut self,
        stream: Stream,
        time: Option<Timestamp>,
        attributes: impl FnOnce() -> BTreeMap<String, String>,
        text: impl FnOnce(&mut Vec<u8>),
    ) -> Result<bool> {
        let options = self.options;
        if options.until.zip(time).is_some_and(|(until, time)| time > until) {
            return Ok(false);
        }
        if options.since.zip(time).is_some_and(|(since, time)| time < since) {
            return Ok(true);
        }
        self.turn_to(stream)?;
        if let Some(color) = options.color {
            self.buffer.extend_from_slice(COLORS[color % COLORS.len()]);
        }
        if let Some(prefix) = &options.prefix {
            write!(self.buffer, "{prefix} ")?;
        }
        if options.timestamps {
            // All nine digits, as docker pads it.
            write!(self.buffer, "{:.9} ", time.unwrap_or_default())?;
        }
        if options.details {
            let pairs = attributes();
            let pairs: Vec<_> =
                pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
            write!(self.buffer, "{} ", pairs.join(","))?;
        }
        text(&mut self.buffer);
        if options.color.is_some() {
            let is_whole = self.buffer.pop_if(|last| *last == b'\n').is_some();
            self.buffer.extend_from_slice(PLAIN);
            self.buffer.extend(is_whole.then_some(b'\n'));
        }
        Ok(true)
    }

    /// Writes what is collected.
    pub fn flush(&mut self) -> Result<()> {
        output::show(self.targets[self.stream as usize], &self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Whether an entry's time and attributes need not be looked at.
    fn is_plain(&self) -> bool {
        let LogOptions { since, until, timestamps, details, prefix, color, .. } = self.options;
        let is_marked = prefix.is_some() || color.is_some() || *timestamps || *details;
        since.is_none() && until.is_none() && !is_marked
    }

    fn turn_to(&mut self, stream: Stream) -> Result<()> {
        if self.buffer.len() >= PORTION || self.stream != stream {
            self.flush()?;
            self.stream = stream;
        }
        Ok(())
    }
}

/// Go's `url.QueryEscape`.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(byte.into()),
            b' ' => escaped.push('+'),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
