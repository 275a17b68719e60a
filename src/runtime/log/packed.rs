//! Older generations of a log file, compressed with gzip: docker's `compress`.
//!
//! ```text
//! NAME.1 ──> NAME.packing ──rename──> NAME.1.gz, then NAME.1 goes
//! ```
//!
//! A process of its own does it, which dies with the supervisor: the container does not wait. Whatever it has not
//! come to is compressed the next time; where both forms are there, the plain one counts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::file::{Kept, generation, with_suffix};
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::exec;

/// The path of a compressed generation.
pub fn packed(path: &Path, number: usize) -> PathBuf {
    with_suffix(path, &format!("{number}.gz"))
}

/// What a compressed generation holds.
pub fn reader(file: File) -> impl Read {
    MultiGzDecoder::new(BufReader::new(file))
}

/// Begins to compress the generations of the log at `path` that are not.
pub fn begin(path: &Path) -> io::Result<Child> {
    match clone::clone(Namespaces::default())? {
        Forked::Parent(child) => Ok(child),
        Forked::Child => {
            let done = set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from);
            // Nothing that somebody waits for the end of is kept open.
            exec::close_all();
            clone::exit_now(i32::from(done.and_then(|()| pack_all(path)).is_err()))
        }
    }
}

/// Compresses every generation but the one being written, the oldest first.
fn pack_all(path: &Path) -> io::Result<()> {
    let oldest = Kept::count(path);
    for number in (1..=oldest).rev() {
        if generation(path, number).exists() {
            pack(path, number)?;
        }
    }
    Ok(())
}

/// Compresses one generation, unless somebody reads it: a follower would lose its place.
fn pack(path: &Path, number: usize) -> io::Result<()> {
    let plain = generation(path, number);
    let mut source = File::open(&plain)?;
    if source.try_lock().is_err() {
        return Ok(());
    }
    let temporary = with_suffix(path, "packing");
    let to = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
    let mut encoder = GzEncoder::new(to, Compression::default());
    io::copy(&mut source, &mut encoder)?;
    // What is taken away was safe on the disk.
    encoder.finish()?.sync_data()?;
    fs::rename(&temporary, packed(path, number))?;
    fs::remove_file(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for number in 0..=3 {
            fs::write(generation(&path, number), format!("{number}\n")).unwrap();
        }
        let follower = File::open(generation(&path, 2)).unwrap();
        follower.lock_shared().unwrap();
        pack_all(&path).unwrap();
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["log", "log.1.gz", "log.2", "log.3.gz"]);
        let mut text = String::new();
        reader(File::open(packed(&path, 3)).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "3\n");
        drop(follower);
        pack_all(&path).unwrap();
        assert_eq!(names(), ["log", "log.1.gz", "log.2.gz", "log.3.gz"]);
    }
}
