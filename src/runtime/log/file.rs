//! A log file that begins anew when it is full, and its older generations.
//!
//! ```text
//! NAME (being written) → NAME.1 → NAME.2 → … → gone
//! ```
//!
//! A follower holds a shared lock on the generation it reads. One that is so held is not taken away, nor is any
//! newer one: what the follower has not read yet waits for it, within [`KEPT_LIMIT`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes that are kept for a slow follower beyond what was allowed.
const KEPT_LIMIT: u64 = 256 << 20;

/// The file that is being written.
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: Option<u64>,
    max_files: usize,
}

/// The path of a generation; 0 is the one being written.
pub fn generation(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

impl LogFile {
    /// Opens the file, making it where there is none.
    pub fn open(path: &Path, max_size: Option<u64>, max_files: usize) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let mut log = Self { path: path.to_owned(), size: file.metadata()?.len(), file, max_size, max_files };
        log.mend()?;
        Ok(log)
    }

    /// Whether there is no room for another entry behind `pending` bytes.
    pub fn is_full(&self, pending: usize) -> bool {
        self.max_size.is_some_and(|limit| self.size + pending as u64 >= limit)
    }

    /// Writes entries, all of them or, when the disk is full, none.
    pub fn append(&mut self, entries: &[u8]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(entries);
        match written {
            Ok(()) => self.size += entries.len() as u64,
            Err(_) => self.file.set_len(self.size)?,
        }
        written
    }

    /// Begins a new file. Where that is not possible, the old one goes on.
    pub fn rotate(&mut self) {
        let highest = (1..).take_while(|number| generation(&self.path, *number).exists()).last();
        let mut highest = highest.unwrap_or(0);
        let allowed = self.max_files.saturating_sub(1);
        while highest + 1 > allowed && self.discard(highest) {
            if highest == 0 {
                self.begin();
                return;
            }
            highest -= 1;
        }
        for number in (0..=highest).rev() {
            let moved = fs::rename(generation(&self.path, number), generation(&self.path, number + 1));
            if moved.is_err() {
                return;
            }
        }
        self.begin();
    }

    /// Takes a generation away, unless somebody reads it.
    fn discard(&self, number: usize) -> bool {
        let path = generation(&self.path, number);
        let kept = KEPT_LIMIT / self.max_size.unwrap_or(KEPT_LIMIT).max(1);
        let is_read = (number as u64) < kept + self.max_files as u64
            && File::open(&path)
                .is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)));
        !is_read && fs::remove_file(&path).is_ok()
    }

    fn begin(&mut self) {
        let options = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path);
        if let Ok(file) = options {
            self.size = file.metadata().map_or(0, |metadata| metadata.len());
            self.file = file;
        }
    }

    /// Ends an entry that a crash has cut short, so that the next one stands on a line of its own.
    fn mend(&mut self) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        if self.size == 0 {
            return Ok(());
        }
        let mut last = [b'\n'];
        match File::open(&self.path)?.read_exact_at(&mut last, self.size - 1) {
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
            let mut log = LogFile::open(&directory.path().join("log"), Some(1), max_files).unwrap();
            fill(&mut log, 1..=5);
            assert_eq!(names(directory.path()), want);
        }
    }

    #[test]
    fn what_is_read_and_what_follows_it_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = LogFile::open(&path, Some(1), 1).unwrap();
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
    fn an_entry_that_was_cut_short_is_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "whole\nhal").unwrap();
        LogFile::open(&path, None, 1).unwrap().append(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nhal\nnext\n");
    }
}
