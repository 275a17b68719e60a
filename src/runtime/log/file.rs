//! A log file that begins anew when it is full, and its older generations.
//!
//! ```text
//! NAME (being written) → NAME.1 → NAME.2 → … → gone
//! ```
//!
//! Those that are not written any more may be compressed: see [`super::packed`].
//!
//! A follower holds a shared lock on the generation it reads. One that is so held is not taken away, nor is any
//! newer one: what the follower has not read yet waits for it, within [`KEPT_LIMIT`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::packed::{self, packed};
use crate::sys::clone::Child;

/// Bytes that are kept for a slow follower beyond what was allowed.
const KEPT_LIMIT: u64 = 256 << 20;

/// How much of a log is kept, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes from which on a new file is begun.
    pub max_size: Option<u64>,
    /// How many files there may be, the one being written included.
    pub max_files: usize,
    /// Whether the others are compressed.
    pub compress: bool,
}

/// The file that is being written.
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: Option<u64>,
    max_files: usize,
    compress: bool,
    /// What a pipe, for one, had no room for yet.
    pending: Vec<u8>,
    /// The process that compresses older generations.
    packer: Option<Child>,
}

/// The path of a generation that is not compressed; 0 is the one being written.
pub fn generation(path: &Path, number: usize) -> PathBuf {
    if number == 0 { path.to_owned() } else { with_suffix(path, &number.to_string()) }
}

/// The path of a file beside the log.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// A generation in the form that it has.
pub struct Kept {
    pub file: File,
    pub is_packed: bool,
}

impl Kept {
    /// Opens a generation. The plain form is looked for first, since it goes last.
    pub fn open(path: &Path, number: usize) -> io::Result<Self> {
        match File::open(generation(path, number)) {
            Err(error) if error.kind() == ErrorKind::NotFound && number > 0 => {
                Ok(Self { file: File::open(packed(path, number))?, is_packed: true })
            }
            file => Ok(Self { file: file?, is_packed: false }),
        }
    }

    /// How many generations there are behind the one being written.
    pub fn count(path: &Path) -> usize {
        let is_there = |number: &usize| generation(path, *number).exists() || packed(path, *number).exists();
        (1..).take_while(is_there).last().unwrap_or(0)
    }
}

/// Opens a log, making it where there is none. A pipe that nobody reads from yet is opened as well: it has a reader
/// here, so that nothing waits for one or fails without.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true).mode(0o600);
    options.custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)
}

/// Writes as much as there is room for now.
fn write(file: &mut File, bytes: &mut &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => *bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl LogFile {
    /// Opens the file, making it where there is none.
    pub fn open(path: &Path, limits: &Limits) -> io::Result<Self> {
        let file = open(path)?;
        let metadata = file.metadata()?;
        let Limits { max_size, max_files, compress } = *limits;
        // What is no file is never full.
        let max_size = max_size.filter(|_| metadata.is_file());
        let (path, size) = (path.to_owned(), metadata.len());
        let mut log =
            Self { path, file, size, max_size, max_files, compress, pending: Vec::new(), packer: None };
        log.mend()?;
        Ok(log)
    }

    /// Whether there is no room for another entry behind `pending` bytes.
    pub fn is_full(&self, pending: usize) -> bool {
        self.max_size.is_some_and(|limit| self.size + pending as u64 >= limit)
    }

    /// Writes entries, all of them or, when the disk is full, none. What a pipe has no room for waits.
    pub fn append(&mut self, entries: &[u8]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        if self.is_stuck() {
            self.pending.extend_from_slice(entries);
            return Ok(());
        }
        let mut rest = entries;
        let written = write(&mut self.file, &mut rest);
        match written {
            Ok(()) => {
                self.size += entries.len() as u64;
                self.pending.extend_from_slice(rest);
            }
            Err(_) => self.file.set_len(self.size)?,
        }
        written
    }

    /// Whether something waits.
    pub fn is_stuck(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what waits, as far as there is room.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut rest = &self.pending[..];
        let written = write(&mut self.file, &mut rest);
        let left = if written.is_ok() { rest.len() } else { 0 };
        self.pending.drain(..self.pending.len() - left);
        written
    }

    /// Begins a new file. Where that is not possible, the old one goes on.
    pub fn rotate(&mut self) {
        self.end_packing();
        let mut highest = Kept::count(&self.path);
        let allowed = self.max_files.saturating_sub(1);
        while highest + 1 > allowed && self.discard(highest) {
            if highest == 0 {
                self.begin();
                return;
            }
            highest -= 1;
        }
        for number in (0..=highest).rev() {
            if self.shift(number).is_err() {
                return;
            }
        }
        self.begin();
        if self.compress {
            self.packer = packed::begin(&self.path).ok();
        }
    }

    /// Makes a generation the next older one.
    fn shift(&self, number: usize) -> io::Result<()> {
        let moved = fs::rename(generation(&self.path, number), generation(&self.path, number + 1));
        match moved {
            Err(error) if error.kind() == ErrorKind::NotFound && number > 0 => {
                fs::rename(packed(&self.path, number), packed(&self.path, number + 1))
            }
            // Of a process that died there may be both.
            Ok(()) if number > 0 => match fs::remove_file(packed(&self.path, number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            moved => moved,
        }
    }

    /// Compresses what could not be before.
    pub fn finish(&mut self) {
        self.end_packing();
        let is_plain = |number| generation(&self.path, number).exists();
        if self.compress && (1..=Kept::count(&self.path)).any(is_plain) {
            self.packer = packed::begin(&self.path).ok();
            self.end_packing();
        }
    }

    /// Readable once the process that compresses has ended, if there is one.
    pub fn packing(&self) -> Option<BorrowedFd<'_>> {
        self.packer.as_ref().map(Child::pidfd)
    }

    /// Waits for the process that compresses, if there is one.
    pub fn end_packing(&mut self) {
        if let Some(packer) = self.packer.take() {
            // What it did not do is done the next time.
            let _ = packer.wait();
        }
    }

    /// Takes a generation away, unless somebody reads it.
    fn discard(&self, number: usize) -> bool {
        let Ok(Kept { file, is_packed }) = Kept::open(&self.path, number) else { return false };
        let kept = KEPT_LIMIT / self.max_size.unwrap_or(KEPT_LIMIT).max(1);
        let is_read = (number as u64) < kept + self.max_files as u64
            && matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
        let path = if is_packed { packed(&self.path, number) } else { generation(&self.path, number) };
        !is_read && fs::remove_file(path).is_ok()
    }

    fn begin(&mut self) {
        if let Ok(file) = open(&self.path) {
            self.size = file.metadata().map_or(0, |metadata| metadata.len());
            self.file = file;
        }
    }

    /// The descriptor of the file.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Ends an entry that a crash has cut short, so that the next one stands on a line of its own.
    fn mend(&mut self) -> io::Result<()> {
        if self.size == 0 {
            return Ok(());
        }
        let mut last = [b'\n'];
        match self.file.read_exact_at(&mut last, self.size - 1) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        if last == [b'\n'] { Ok(()) } else { self.append(b"\n") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| {
                let text = fs::read_to_string(entry.path()).unwrap();
                format!("{} {}", entry.file_name().to_str().unwrap(), text.trim())
            })
            .collect();
        names.sort();
        names
    }

    fn limits(max_files: usize) -> Limits {
        Limits { max_size: Some(1), max_files, compress: false }
    }

    fn fill(log: &mut LogFile, numbers: std::ops::RangeInclusive<u32>) {
        for number in numbers {
            if log.is_full(0) {
                log.rotate();
            }
            log.append(format!("{number}\n").as_bytes()).unwrap();
        }
    }

    #[test]
    fn the_oldest_goes_first() {
        for (max_files, want) in [(1, &["log 5"][..]), (3, &["log 5", "log.1 4", "log.2 3"])] {
            let directory = tempfile::tempdir().unwrap();
            let mut log = LogFile::open(&directory.path().join("log"), &limits(max_files)).unwrap();
            fill(&mut log, 1..=5);
            assert_eq!(names(directory.path()), want);
        }
    }

    #[test]
    fn what_is_read_and_what_follows_it_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = LogFile::open(&path, &limits(1)).unwrap();
        fill(&mut log, 1..=1);
        let reader = File::open(&path).unwrap();
        reader.lock_shared().unwrap();
        fill(&mut log, 2..=4);
        assert_eq!(names(directory.path()), ["log 4", "log.1 3", "log.2 2", "log.3 1"]);
        drop(reader);
        fill(&mut log, 5..=5);
        assert_eq!(names(directory.path()), ["log 5"]);
    }

    #[test]
    fn a_generation_moves_in_the_form_that_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(packed(&path, 1), "was 1").unwrap();
        // Both forms, of a process that died.
        fs::write(generation(&path, 2), "was 2").unwrap();
        fs::write(packed(&path, 2), "the same").unwrap();
        let mut log = LogFile::open(&path, &limits(4)).unwrap();
        fill(&mut log, 1..=2);
        assert_eq!(names(directory.path()), ["log 2", "log.1 1", "log.2.gz was 1", "log.3 was 2"]);
    }

    #[test]
    fn what_cannot_be_written_does_not_wait() {
        let mut log = LogFile::open(Path::new("/dev/full"), &limits(1)).unwrap();
        assert!(log.append(b"entry\n").is_err());
        assert!(!log.is_stuck());
    }

    #[test]
    fn an_entry_that_was_cut_short_is_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "whole\nhal").unwrap();
        LogFile::open(&path, &limits(1)).unwrap().append(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nhal\nnext\n");
    }
}
