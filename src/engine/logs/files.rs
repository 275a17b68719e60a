//! Reads a log from its files, the oldest generation first, and follows it into new ones.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::LogOptions;
use super::printer::Printer;
use super::watch::Watch;
use crate::runtime::log::Format;
use crate::runtime::log::file::generation;

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
    let mut reader = Reader::new(file, start);
    for next in files {
        if !reader.lines(&mut |line| printer.line(format, line)).with_context(reading)? {
            return printer.flush();
        }
        reader.turn_to(next);
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
            reader.turn_to(next);
            continue;
        }
        match &mut watch {
            Some(watch) if goes_on => watch.wait(options.until, None)?,
            _ => return Ok(()),
        }
    }
}

/// Opens every generation, the oldest first. The log may be rotated meanwhile: one that then has two names is
/// taken once.
fn generations(path: &Path) -> io::Result<VecDeque<File>> {
    let mut files: VecDeque<File> = VecDeque::new();
    let mut seen: Vec<(u64, u64)> = Vec::new();
    for number in 0.. {
        match File::open(generation(path, number)) {
            Ok(file) => {
                let identity = identity(&file.metadata()?);
                if !seen.contains(&identity) {
                    seen.push(identity);
                    files.push_front(file);
                }
            }
            // The newest is missing for a moment while the log is rotated.
            Err(error) if error.kind() == ErrorKind::NotFound && number == 0 => {}
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    if let Some(file) = files.front() {
        file.lock_shared()?;
    }
    Ok(files)
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
        match std::fs::metadata(generation(path, number)) {
            Ok(metadata) if identity(&metadata) == own => return Some(number),
            Ok(_) => missing = 0,
            Err(_) if missing == 1 => return None,
            Err(_) => missing += 1,
        }
    }
    None
}

/// Opens and holds the generation behind this one; none if this is the newest, or all are gone.
fn following(file: &File, path: &Path) -> io::Result<Option<File>> {
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
        if let Ok(next) = File::open(generation(path, number)) {
            next.lock_shared()?;
            // Unless it was rotated between the two looks.
            if position(file, path) == Some(number + 1) && position(&next, path) == Some(number) {
                return Ok(Some(next));
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(None)
}

/// Drops the generations before the last `wanted` lines; returns where those begin in the first that is left.
fn skip_to_tail(files: &mut VecDeque<File>, wanted: u64) -> io::Result<u64> {
    let mut left = wanted;
    for index in (0..files.len()).rev() {
        let (start, found) = find_tail(&files[index], left)?;
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

/// Reads whole lines of one file after the other.
struct Reader {
    file: File,
    /// Where the next byte is read.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are filled: a line whose end is not there yet.
    filled: usize,
}

impl Reader {
    fn new(file: File, offset: u64) -> Self {
        Self { file, offset, buffer: vec![0; BLOCK], filled: 0 }
    }

    /// Goes on with another file; what the old one did not end is no entry.
    fn turn_to(&mut self, file: File) {
        (self.file, self.offset, self.filled) = (file, 0, 0);
    }

    /// Hands every whole line to `take` until the end of the file; false if that wanted no more.
    fn lines(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<bool> {
        loop {
            let count = match self.file.read_at(&mut self.buffer[self.filled..], self.offset) {
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
        let size = self.file.metadata()?.len();
        if size < self.offset {
            let whole = self.offset - self.filled as u64;
            self.offset = if size >= whole { whole } else { 0 };
            self.filled = 0;
        }
        Ok(())
    }
}
