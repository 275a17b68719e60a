//! Reads a log from its files, the oldest generation first, and follows it into new ones.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::LogOptions;
use super::printer::Printer;
use super::watch::Watch;
use crate::runtime::log::Format;
use crate::runtime::log::file::{Kept, generation};
use crate::runtime::log::packed;

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;

/// A line beyond this is none that we wrote.
const LINE_LIMIT: usize = 16 << 20;

/// How often the next generation is looked for while the files are being renamed.
const ATTEMPTS: u32 = 100;

/// Prints the log at `path`, and with `watch` what is added to it.
pub fn show(
    path: &Path,
    format: Format,
    options: &LogOptions,
    mut watch: Option<Watch<'_>>,
    printer: &mut Printer<'_>,
) -> Result<()> {
    let reading = || format!("read {}", path.display());
    let mut files = generations(path).with_context(reading)?;
    let mut start = 0;
    if let Some(lines) = options.tail {
        start = skip_to_tail(&mut files, lines).with_context(reading)?;
    }
    let Some(file) = files.pop_front() else { return Ok(()) };
    let mut reader = Reader::new(file, start).with_context(reading)?;
    for next in files {
        if !reader.lines(&mut |line| printer.line(format, line)).with_context(reading)? {
            return printer.flush();
        }
        reader.turn_to(next).with_context(reading)?;
    }
    loop {
        // Asked before the last look: what was written up to its end is then seen.
        let goes_on = watch.as_ref().is_some_and(Watch::goes_on);
        let rotated = !is_newest(&reader.file, path);
        if !reader.lines(&mut |line| printer.line(format, line)).with_context(reading)? {
            return printer.flush();
        }
        printer.flush()?;
        if rotated
            && watch.is_some()
            && let Some(next) = following(&reader.file, path).with_context(reading)?
        {
            reader.turn_to(next).with_context(reading)?;
            continue;
        }
        match &mut watch {
            Some(watch) if goes_on => watch.wait(options.until, None)?,
            _ => return Ok(()),
        }
    }
}

/// Opens every generation, the oldest first. The log may be rotated meanwhile: one that then has two names is
/// taken once, and one name may be missing for a moment. The newest is held: it is what a follower goes on from.
fn generations(path: &Path) -> io::Result<VecDeque<Kept>> {
    let mut kept: VecDeque<Kept> = VecDeque::new();
    let mut seen: Vec<(u64, u64)> = Vec::new();
    let mut missing = 0;
    for number in 0.. {
        match Kept::open(path, number) {
            Ok(found) => {
                missing = 0;
                let identity = identity(&found.file.metadata()?);
                if !seen.contains(&identity) {
                    seen.push(identity);
                    kept.push_front(found);
                }
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(_) if missing == 1 => break,
            Err(_) => missing += 1,
        }
    }
    for held in [kept.front(), kept.back()].into_iter().flatten() {
        hold(&held.file)?;
    }
    Ok(kept)
}

/// Keeps a generation, and with it all newer ones, from being taken away or compressed. One that is just being
/// compressed needs that no more: it is open.
fn hold(file: &File) -> io::Result<()> {
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::Error(error)) => Err(error),
        _ => Ok(()),
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Whether nothing was begun behind this file.
fn is_newest(file: &File, path: &Path) -> bool {
    position(file, path) == Some(0)
}

/// Which generation a file is now.
fn position(file: &File, path: &Path) -> Option<usize> {
    let own = identity(&file.metadata().ok()?);
    // A few names may be missing for a moment.
    let mut missing = 0;
    for number in 0.. {
        let names = [generation(path, number), packed::packed(path, number)];
        let found: Vec<_> = names.iter().filter_map(|name| std::fs::metadata(name).ok()).collect();
        if found.iter().any(|metadata| identity(metadata) == own) {
            return Some(number);
        }
        match found.is_empty() {
            false => missing = 0,
            true if missing == 1 => return None,
            true => missing += 1,
        }
    }
    None
}

/// Opens and holds the generation behind this one; none if this is the newest, or all are gone.
fn following(file: &File, path: &Path) -> io::Result<Option<Kept>> {
    for _ in 0..ATTEMPTS {
        let number = match position(file, path) {
            Some(0) => return Ok(None),
            Some(number) => number - 1,
            None => {
                // Ours is gone: it was not held, or held for too long. What is left begins with the oldest.
                let Some(oldest) = generations(path)?.pop_front() else { return Ok(None) };
                return Ok(Some(oldest));
            }
        };
        if let Ok(next) = Kept::open(path, number) {
            next.file.lock_shared()?;
            // Unless it was rotated, or compressed, between the two looks.
            if position(file, path) == Some(number + 1) && position(&next.file, path) == Some(number) {
                return Ok(Some(next));
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(None)
}

/// Drops the generations before the last `wanted` lines; returns where those begin in the first that is left.
fn skip_to_tail(files: &mut VecDeque<Kept>, wanted: u64) -> io::Result<u64> {
    let mut left = wanted;
    for index in (0..files.len()).rev() {
        let Kept { file, is_packed } = &files[index];
        let find = if *is_packed { find_packed_tail } else { find_tail };
        let (start, found) = find(file, left)?;
        if found == left {
            files.drain(..index);
            return Ok(start);
        }
        left -= found;
    }
    Ok(0)
}

/// Where the last `wanted` lines of a file begin, and how many there are, reading backwards in blocks.
fn find_tail(file: &File, wanted: u64) -> io::Result<(u64, u64)> {
    let mut end = file.metadata()?.len();
    if wanted == 0 {
        return Ok((end, 0));
    }
    let mut seen = 0;
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let from = end.saturating_sub(BLOCK as u64);
        let block = &mut block[..(end - from) as usize];
        file.read_exact_at(block, from)?;
        for index in memchr::memrchr_iter(b'\n', block) {
            // The newline that ends the file ends the last line, it begins none.
            if seen == wanted {
                return Ok((from + index as u64 + 1, wanted));
            }
            seen += 1;
        }
        end = from;
    }
    Ok((0, seen))
}

/// The same for a compressed file, which is read forwards, twice: once to count.
fn find_packed_tail(file: &File, wanted: u64) -> io::Result<(u64, u64)> {
    let ends = |take: &mut dyn FnMut(u64) -> bool| -> io::Result<()> {
        let mut text = packed::reader(from_beginning(file)?);
        let (mut block, mut offset) = (vec![0; BLOCK], 0);
        loop {
            let count = match text.read(&mut block) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => count?,
            };
            for newline in memchr::memchr_iter(b'\n', &block[..count]) {
                if !take(offset + newline as u64 + 1) {
                    return Ok(());
                }
            }
            offset += count as u64;
        }
    };
    let mut lines = 0u64;
    ends(&mut |_| {
        lines += 1;
        true
    })?;
    let (mut passed, mut start) = (lines.saturating_sub(wanted), 0);
    if passed > 0 {
        ends(&mut |end| {
            (passed, start) = (passed - 1, end);
            passed > 0
        })?;
    }
    Ok((start, lines.min(wanted)))
}

/// The same file, which keeps its lock, to be read from its beginning.
fn from_beginning(file: &File) -> io::Result<File> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    Ok(file)
}

/// Reads whole lines of one file after the other.
struct Reader {
    file: File,
    /// What a compressed file holds.
    unpacked: Option<Box<dyn Read>>,
    /// Where the next byte is read.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are filled: a line whose end is not there yet.
    filled: usize,
}

impl Reader {
    fn new(Kept { file, is_packed }: Kept, offset: u64) -> io::Result<Self> {
        let mut unpacked: Option<Box<dyn Read>> = None;
        if is_packed {
            let mut text = packed::reader(from_beginning(&file)?);
            io::copy(&mut text.by_ref().take(offset), &mut io::sink())?;
            unpacked = Some(Box::new(text));
        }
        Ok(Self { file, unpacked, offset, buffer: vec![0; BLOCK], filled: 0 })
    }

    /// Goes on with another file; what the old one did not end is no entry.
    fn turn_to(&mut self, next: Kept) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        *self = Self { buffer, ..Self::new(next, 0)? };
        Ok(())
    }

    fn read(&mut self) -> io::Result<usize> {
        let room = &mut self.buffer[self.filled..];
        match &mut self.unpacked {
            Some(text) => text.read(room),
            None => self.file.read_at(room, self.offset),
        }
    }

    /// Hands every whole line to `take` until the end of the file; false if that wanted no more.
    fn lines(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<bool> {
        loop {
            let count = match self.read() {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if count == 0 {
                self.follow_truncation()?;
                return Ok(true);
            }
            self.offset += count as u64;
            let end = self.filled + count;
            let mut start = 0;
            for newline in memchr::memchr_iter(b'\n', &self.buffer[self.filled..end]) {
                let next = self.filled + newline + 1;
                if !take(&self.buffer[start..next])? {
                    return Ok(false);
                }
                start = next;
            }
            self.buffer.copy_within(start..end, 0);
            self.filled = end - start;
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        if self.filled == self.buffer.len() {
            match self.buffer.len() < LINE_LIMIT {
                true => self.buffer.resize(2 * self.filled, 0),
                false => self.filled = 0,
            }
        }
    }

    /// A writer without room on its disk takes the beginning of an entry back; somebody else may empty the file.
    fn follow_truncation(&mut self) -> io::Result<()> {
        if self.unpacked.is_some() {
            return Ok(());
        }
        let size = self.file.metadata()?.len();
        if size < self.offset {
            let whole = self.offset - self.filled as u64;
            self.offset = if size >= whole { whole } else { 0 };
            self.filled = 0;
        }
        Ok(())
    }
}
