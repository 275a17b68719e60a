//! Extended headers: records of `length key=value\n` that change the entry which follows (POSIX pax).
//!
//! The `tar` crate takes a value to end at the first newline, which binary attributes such as
//! `security.capability` may hold, and reads headers of any size into memory; so they are read here.

use anyhow::{Context, Result, bail};
use rustix::fs::Timespec;

use super::sparse::PaxSparse;

/// What an extended header says that matters here. `None` where it says nothing: the plain header holds.
#[derive(Default)]
pub struct Extended {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    pub mtime: Option<Timespec>,
    /// Extended attributes: names without the `SCHILY.xattr.` before them.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: PaxSparse,
}

impl Extended {
    /// Reads all records of one header.
    pub fn parse(mut rest: &[u8]) -> Result<Self> {
        let mut extended = Self::default();
        while !rest.is_empty() {
            let (key, value, after) = split_record(rest).context("malformed extended header")?;
            extended
                .set(key, value)
                .with_context(|| format!("extended header {:?}", String::from_utf8_lossy(key)))?;
            rest = after;
        }
        Ok(extended)
    }

    /// Takes one record. An empty value takes an earlier one back.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match key {
            b"path" => self.path = non_empty(value),
            b"linkpath" => self.link = non_empty(value),
            b"size" => self.size = number(value)?,
            b"uid" => self.uid = number(value)?,
            b"gid" => self.gid = number(value)?,
            b"mtime" => self.mtime = time(value)?,
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                } else if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.set(key, value)?;
                }
            }
        }
        Ok(())
    }
}

/// Splits the first record off: its key, its value and what follows. The length counts the whole record.
fn split_record(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = rest.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = parse_decimal(&rest[..space])?.try_into().ok()?;
    let (record, after) = rest.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    (equals > 0).then(|| (&record[..equals], &record[equals + 1..], after))
}

fn non_empty(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

fn number(value: &[u8]) -> Result<Option<u64>> {
    if value.is_empty() {
        return Ok(None);
    }
    match parse_decimal(value) {
        Some(number) => Ok(Some(number)),
        None => bail!("{:?} is not a number", String::from_utf8_lossy(value)),
    }
}

/// Reads digits alone: no sign, no space.
pub fn parse_decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads seconds with a fraction, `-1.5`; digits beyond nanoseconds are cut off.
fn time(value: &[u8]) -> Result<Option<Timespec>> {
    if value.is_empty() {
        return Ok(None);
    }
    match parse_time(value) {
        Some(time) => Ok(Some(time)),
        None => bail!("{:?} is not a time", String::from_utf8_lossy(value)),
    }
}

fn parse_time(value: &[u8]) -> Option<Timespec> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &b""[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds: i64 = parse_decimal(whole)?.try_into().ok()?;
    let nanoseconds =
        (0..9).fold(0, |sum, i| sum * 10 + i64::from(fraction.get(i).map_or(0, |digit| digit - b'0')));
    Some(match (negative, nanoseconds) {
        (false, _) => Timespec { tv_sec: seconds, tv_nsec: nanoseconds },
        (true, 0) => Timespec { tv_sec: -seconds, tv_nsec: 0 },
        // The kernel's nanoseconds count forward from the second before.
        (true, _) => Timespec { tv_sec: -seconds - 1, tv_nsec: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with its length before it, which counts its own digits.
    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let mut length = body.len();
        while length != body.len() + length.to_string().len() {
            length = body.len() + length.to_string().len();
        }
        [length.to_string().as_bytes(), &body].concat()
    }

    #[test]
    fn values_may_hold_anything() {
        let binary = b"\x01\0\0\x02\n12 path=x\n\0=";
        let text = [
            record("path", b"caf\xc3\xa9=1"),
            record("SCHILY.xattr.security.capability", binary),
            record("size", b"17"),
            record("comment", b"ignored"),
            record("size", b""),
        ]
        .concat();
        let extended = Extended::parse(&text).unwrap();
        assert_eq!(extended.path.unwrap(), "café=1".as_bytes());
        assert_eq!(extended.xattrs, [(b"security.capability".to_vec(), binary.to_vec())]);
        assert_eq!(extended.size, None);
    }

    #[test]
    fn malformed() {
        for text in [
            &b"x"[..],
            b"5 a=b",
            b"6 a=b\n5",
            b"6 a=bc\n",
            b"99 a=b\n",
            b"5 =b\n\n",
            b"6 abcd\n",
            b"-6 a=b\n",
            b" 6 a=b\n",
            b"18446744073709551616 a=b\n",
            b"00000000000000000000000000006 a=b\n",
            b"14 size=eleven\n",
            b"11 size=-1\n",
            b"12 mtime=1e\n",
        ] {
            assert!(Extended::parse(text).is_err(), "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn times() {
        for (text, seconds, nanoseconds) in [
            ("0", 0, 0),
            ("1700000000.123456789", 1_700_000_000, 123_456_789),
            ("1.5", 1, 500_000_000),
            ("1.", 1, 0),
            ("1.1234567899", 1, 123_456_789),
            ("-1", -1, 0),
            ("-1.5", -2, 500_000_000),
        ] {
            let time = parse_time(text.as_bytes()).unwrap();
            assert_eq!((time.tv_sec, time.tv_nsec), (seconds, nanoseconds), "{text}");
        }
        for text in ["", "-", "1.-5", "+1", "99999999999999999999", "1,5"] {
            assert!(parse_time(text.as_bytes()).is_none(), "{text}");
        }
    }
}
