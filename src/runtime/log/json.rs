//! Docker's `json-file` format: one JSON object a line.
//!
//! ```text
//! {"log":"hello\n","stream":"stdout","attrs":{"tag":"web"},"time":"2026-01-02T03:04:05.678901234Z"}
//! ```
//!
//! `log` ends in a newline where the line does. As docker's encoder has it, every byte that is no UTF-8 becomes
//! U+FFFD.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Deserialize;

use super::{Piece, Stream};

const HEAD: &[u8] = b"{\"log\":\"";
const LINE_END: &[u8] = b"\\n\"";
const STDOUT: &[u8] = b",\"stream\":\"stdout\",\"";
const STDERR: &[u8] = b",\"stream\":\"stderr\",\"";

/// The value of `attrs`; none if there is nothing to say.
pub fn encode_attributes(attributes: &BTreeMap<String, String>) -> io::Result<Option<String>> {
    if attributes.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::to_string(attributes)?))
}

/// Appends one line of the file.
pub fn encode(piece: &Piece<'_>, attributes: Option<&str>, to: &mut Vec<u8>) -> io::Result<()> {
    to.extend_from_slice(b"{\"log\":");
    let text = readable(piece.text);
    serde_json::to_writer(&mut *to, &*text)?;
    if piece.whole {
        to.pop();
        to.extend_from_slice(b"\\n\"");
    }
    write!(to, ",\"stream\":\"{}\",", piece.stream.as_str())?;
    if let Some(attributes) = attributes {
        write!(to, "\"attrs\":{attributes},")?;
    }
    writeln!(to, "\"time\":\"{}\"}}", piece.time)
}

/// Bytes as text, with one U+FFFD for each byte that belongs to no character.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    Cow::Owned(text)
}

/// One line of the file, taken apart as far as that is cheap.
#[derive(Debug)]
pub struct Entry<'a> {
    pub stream: Stream,
    log: Log<'a>,
    /// From behind the stream on: attributes and time.
    tail: &'a [u8],
    line: &'a [u8],
}

#[derive(Debug)]
enum Log<'a> {
    /// A line without any escape but that of the newline which ends it, as nearly all are.
    Line(&'a [u8]),
    /// As it stands in the file, escapes and all.
    Escaped(&'a [u8]),
    Text(String),
}

/// What a line may hold beside its text.
#[derive(Debug, Default, Deserialize)]
pub struct Rest {
    #[serde(default)]
    pub attrs: BTreeMap<String, String>,
    pub time: Timestamp,
}

/// Takes a line of the file apart; none if it is not of this format.
pub fn decode(line: &[u8]) -> Option<Entry<'_>> {
    decode_quickly(line).or_else(|| decode_any(line))
}

/// The form that docker and we write: no space, the keys in order.
fn decode_quickly(line: &[u8]) -> Option<Entry<'_>> {
    let text = line.strip_prefix(HEAD)?;
    let (log, after) = take_log(text)?;
    let (stream, tail) = match after.strip_prefix(STDOUT) {
        Some(tail) => (Stream::Stdout, tail),
        None => (Stream::Stderr, after.strip_prefix(STDERR)?),
    };
    line.strip_suffix(b"\"}\n")?;
    Some(Entry { stream, log, tail, line })
}

/// Takes a string apart from what stands behind its last quote. One look at each byte of most lines: the first
/// escape is the newline at their end.
fn take_log(text: &[u8]) -> Option<(Log<'_>, &[u8])> {
    let first = memchr::memchr2(b'"', b'\\', text)?;
    if let Some(after) = text[first..].strip_prefix(LINE_END) {
        return Some((Log::Line(&text[..first]), after));
    }
    let end = end_of_string(text, first)?;
    Some((Log::Escaped(&text[..end]), &text[end + 1..]))
}

/// Where the quote is that ends a string; there is no escape before `at`.
fn end_of_string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Any JSON object with these keys.
fn decode_any(line: &[u8]) -> Option<Entry<'_>> {
    #[derive(Deserialize)]
    struct Fields {
        log: String,
        stream: String,
    }
    let fields: Fields = serde_json::from_slice(line).ok()?;
    let stream = if fields.stream == "stderr" { Stream::Stderr } else { Stream::Stdout };
    Some(Entry { stream, log: Log::Text(fields.log), tail: line, line })
}

impl Entry<'_> {
    /// Appends the text to `to`.
    pub fn text(&self, to: &mut Vec<u8>) {
        match &self.log {
            Log::Line(text) => {
                to.extend_from_slice(text);
                to.push(b'\n');
            }
            Log::Text(text) => to.extend_from_slice(text.as_bytes()),
            Log::Escaped(escaped) => unescape(escaped, to),
        }
    }

    /// When it was written; none if that is not to be read.
    pub fn time(&self) -> Option<Timestamp> {
        let quick = self.tail.strip_prefix(b"time\":\"").and_then(|time| time.strip_suffix(b"\"}\n"));
        match quick.and_then(|time| std::str::from_utf8(time).ok()?.parse().ok()) {
            Some(time) => Some(time),
            None => self.rest().map(|rest| rest.time),
        }
    }

    /// All the rest of it.
    pub fn rest(&self) -> Option<Rest> {
        serde_json::from_slice(self.line).ok()
    }
}

/// Appends a JSON string's content. An escape that is none is passed on as it stands.
fn unescape(mut escaped: &[u8], to: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', escaped) {
        to.extend_from_slice(&escaped[..at]);
        let plain = match escaped.get(at + 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(&other @ (b'"' | b'\\' | b'/')) => other,
            Some(b'u') => {
                let used = unescape_unicode(&escaped[at..], to);
                escaped = &escaped[at + used..];
                continue;
            }
            _ => b'\\',
        };
        to.push(plain);
        escaped = escaped.get(at + 2..).unwrap_or_default();
    }
    to.extend_from_slice(escaped);
}

/// Appends what `\u0041` or a pair of surrogates at the beginning of `escaped` stands for; returns its length.
fn unescape_unicode(escaped: &[u8], to: &mut Vec<u8>) -> usize {
    let unit = |text: Option<&[u8]>| {
        let digits = text?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let units = [unit(escaped.get(..6)), unit(escaped.get(6..12))];
    let (character, used) = match units {
        [Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)] => {
            (char::decode_utf16([high, low]).next().and_then(Result::ok), 12)
        }
        [Some(unit), _] => (char::from_u32(unit.into()), 6),
        [None, _] => (None, 2),
    };
    let mut buffer = [0; 4];
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    to.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    used.min(escaped.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(line: &[u8]) -> String {
        let mut text = Vec::new();
        decode(line).unwrap().text(&mut text);
        String::from_utf8(text).unwrap()
    }

    fn encoded(text: &[u8], whole: bool, attributes: Option<&str>) -> Vec<u8> {
        let mut line = Vec::new();
        let time = "2026-01-02T03:04:05.6789Z".parse().unwrap();
        encode(&Piece { stream: Stream::Stderr, time, text, whole }, attributes, &mut line).unwrap();
        line
    }

    #[test]
    fn is_what_docker_writes() {
        let line = encoded(b"a \"b\"\t\x1b[1m\xe2\x82\xac", true, Some(r#"{"tag":"web"}"#));
        let want = concat!(
            r#"{"log":"a \"b\"\t\u001b[1m€\n","stream":"stderr","attrs":{"tag":"web"},"#,
            r#""time":"2026-01-02T03:04:05.6789Z"}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(line).unwrap(), want);
        // Go's encoder replaces byte by byte.
        assert!(
            String::from_utf8(encoded(b"\xff\xe2\x82x", false, None))
                .unwrap()
                .contains("\"\u{fffd}\u{fffd}\u{fffd}x\"")
        );
    }

    #[test]
    fn reads_what_others_write() {
        for (line, want) in [
            (
                &br#"{"log":"a\u003cb\u00e9\ud83d\ude00\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}"#
                    [..],
                "a<b\u{e9}\u{1f600}\n",
            ),
            (br#"{ "time": "2026-01-02T03:04:05Z", "stream": "stdout", "log": "late\n" }"#, "late\n"),
            (
                br#"{"log":"\ud83d alone \u12","stream":"stdout","time":"2026-01-02T03:04:05Z"}"#,
                "\u{fffd} alone \u{fffd}12",
            ),
        ] {
            let line = [line, b"\n"].concat();
            assert_eq!(text(&line), want);
            assert_eq!(decode(&line).unwrap().time().unwrap().as_second(), 1_767_323_045);
        }
        for broken in [&b"\0\0\0\n"[..], b"{}\n", b"{\"log\":\"x\n", b"\n", b"{\"log\":\"\\\n"] {
            assert!(decode(broken).is_none(), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(said in "\\PC*|[\\x00-\\x7f]*", whole: bool) {
            let line = encoded(said.as_bytes(), whole, None);
            let want = if whole { format!("{said}\n") } else { said.clone() };
            prop_assert_eq!(text(&line), want);
            prop_assert_eq!(decode(&line).unwrap().stream, Stream::Stderr);
        }

        #[test]
        fn nothing_panics(line: Vec<u8>) {
            if let Some(entry) = decode(&[HEAD, &line].concat()) {
                entry.text(&mut Vec::new());
                let _ = entry.time();
            }
        }
    }
}
