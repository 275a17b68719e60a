//! `logs`: what a container has said, and with `follow` what it goes on to say.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::Engine;
use crate::runtime::log::{Entry, Stream};
use crate::store::containers::LookupError;

/// What `logs` was asked.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    pub follow: bool,
    /// Only so many lines from the end.
    pub tail: Option<u64>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub timestamps: bool,
}

/// How often a followed log is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// Writes a container's log, its standard output to `out` and its standard error to `err`.
pub fn logs(
    engine: &Engine,
    id: &str,
    options: &LogOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<()> {
    let id = engine.containers().resolve(id)?;
    let path = engine.layout().container_log(&id);
    let file = match File::open(&path) {
        Ok(file) => file,
        // Never started, and nothing to wait for.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
    };
    let mut reader = BufReader::with_capacity(64 << 10, file);
    if let Some(lines) = options.tail {
        seek_to_tail(&mut reader, lines).with_context(|| format!("read {}", path.display()))?;
    }
    let mut line = Vec::new();
    loop {
        // Asked before the last look: what was written up to its end is then seen.
        let goes_on = options.follow && is_running(engine, &id)?;
        while reader.read_until(b'\n', &mut line).with_context(|| format!("read {}", path.display()))? > 0 {
            if !line.ends_with(b"\n") {
                break;
            }
            if !show(&line, options, out, err)? {
                return Ok(());
            }
            line.clear();
        }
        out.flush()?;
        err.flush()?;
        if !goes_on {
            return Ok(());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// A container that was removed has ended.
fn is_running(engine: &Engine, id: &str) -> Result<bool> {
    match engine.containers().load(id) {
        Ok(record) => Ok(record.state.is_running() || record.state.is_supervised()),
        Err(error) if error.is::<LookupError>() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes one entry; false once the wanted time is over.
fn show<'a>(
    line: &[u8],
    options: &LogOptions,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
) -> Result<bool> {
    let entry: Entry<'_> = serde_json::from_slice(line).context("read the log: not a json-file entry")?;
    if options.until.is_some_and(|until| entry.time > until) {
        return Ok(false);
    }
    if options.since.is_some_and(|since| entry.time < since) {
        return Ok(true);
    }
    let target = match entry.stream {
        Stream::Stdout => out,
        Stream::Stderr => err,
    };
    if options.timestamps {
        write!(target, "{} ", nanoseconds(entry.time))?;
    }
    target.write_all(entry.log.as_bytes())?;
    Ok(true)
}

/// RFC 3339 with all nine digits, as docker pads it.
fn nanoseconds(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// Moves to where the last `wanted` lines begin, reading backwards in blocks.
fn seek_to_tail(reader: &mut BufReader<File>, wanted: u64) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    const BLOCK: u64 = 64 << 10;
    let file = reader.get_ref();
    let mut end = file.metadata()?.len();
    let mut seen = 0;
    let mut block = vec![0; BLOCK as usize];
    let mut start = 0;
    'search: while end > 0 {
        let from = end.saturating_sub(BLOCK);
        let block = &mut block[..(end - from) as usize];
        file.read_exact_at(block, from)?;
        for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            seen += 1;
            // The newline that ends the file ends the last line, it begins none.
            if seen > wanted {
                start = from + index as u64 + 1;
                break 'search;
            }
        }
        end = from;
    }
    reader.seek(SeekFrom::Start(start)).map(drop)
}
