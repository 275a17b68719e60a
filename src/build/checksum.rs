//! The checksum of what a `COPY` takes: the same for the same files, whenever and wherever they were written.
//!
//! What counts: the path beneath what was named, type, mode, content, target of a link, attributes, and the owner where
//! owners are kept. Times do not, as in BuildKit (`cache/contenthash`). A file is one whatever number of names it has.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use sha2::{Digest as _, Sha256};

use super::select::{Item, Selection};
use crate::base::digest::Digest;
use crate::base::tour::{Met, Tour};
use crate::base::xattr;

const BUFFER: usize = 256 << 10;
/// Files that are open and wait for a thread.
const WAITING: usize = 64;

/// Hashes what is selected, with the contents of files on `threads` threads besides this one; 0 is none.
pub fn checksum(selection: &Selection, threads: usize) -> Result<Digest> {
    std::thread::scope(|scope| {
        let (files, waiting) = sync_channel(WAITING);
        let (done, contents) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (waiting, done) = (Arc::clone(&waiting), done.clone());
            let work = move || hash_all(&waiting, &done);
            let builder = std::thread::Builder::new().name("checksum".to_owned());
            builder.spawn_scoped(scope, work).context("start a thread")?;
        }
        drop((waiting, done));
        let mut survey = Survey {
            records: Vec::new(),
            files: (threads > 0).then_some(files),
            keeps_owners: false,
            buffer: Vec::new(),
        };
        let met = selection.items.iter().try_for_each(|item| survey.item(item));
        // The threads end when there is nothing more to come.
        survey.files = None;
        finish(survey.records, met, &contents)
    })
}

/// Puts what the threads have found where it belongs, and hashes it all.
fn finish(mut records: Vec<Record>, met: Result<()>, contents: &Receiver<(usize, Hashed)>) -> Result<Digest> {
    for (index, hashed) in contents {
        let hashed = hashed?;
        records[index].head.extend(hashed);
    }
    met?;
    let mut hasher = Sha256::new();
    for record in &records {
        hasher.update((record.head.len() as u64).to_le_bytes());
        hasher.update(&record.head);
    }
    Ok(Digest::from_hasher(hasher))
}

/// What is added to the record of a file.
type Hashed = Result<Vec<u8>>;

struct Job {
    index: usize,
    file: File,
    shown: String,
}

fn hash_all(waiting: &Mutex<Receiver<Job>>, done: &Sender<(usize, Hashed)>) {
    let mut buffer = Vec::new();
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let hashed = hash(&job.file, &mut buffer).with_context(|| format!("read {}", job.shown));
        if done.send((job.index, hashed)).is_err() {
            return;
        }
    }
}

/// The hash of a file's content, and its attributes.
fn hash(mut file: &File, buffer: &mut Vec<u8>) -> Hashed {
    buffer.resize(BUFFER, 0);
    let mut hasher = Sha256::new();
    loop {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut head = hasher.finalize().to_vec();
    put_attributes(&mut head, &xattr::read(file.as_fd(), xattr::is_kept));
    Ok(head)
}

/// One name.
struct Record {
    head: Vec<u8>,
}

struct Survey {
    records: Vec<Record>,
    /// Where files go to be hashed by the threads.
    files: Option<SyncSender<Job>>,
    keeps_owners: bool,
    buffer: Vec<u8>,
}

impl Survey {
    fn item(&mut self, item: &Item) -> Result<()> {
        self.keeps_owners = item.origin.keeps_owners;
        let mut head = vec![u8::from(item.is_directory), u8::from(item.unpack)];
        put(&mut head, item.name.as_bytes());
        self.records.push(Record { head });
        if !item.is_directory {
            let (parent, name) = item.place()?;
            let name = std::ffi::CString::new(name.as_bytes()).context("the name has a null byte")?;
            return self
                .leaf(parent.as_fd(), &name, Path::new(""))
                .with_context(|| format!("read {}", item.shown()));
        }
        let top = item.open_directory()?;
        let mut tour =
            Tour::new(top.into(), item.chooser(), true).with_context(|| format!("list {}", item.shown()))?;
        while let Some(met) =
            tour.next().with_context(|| format!("list {}", item.path.join(tour.path()).display()))?
        {
            match met {
                Met::Leave(_) => {}
                Met::Enter(directory) => {
                    let mut head = self.head(&directory.path, &directory.stat);
                    put_attributes(&mut head, &directory.attributes);
                    self.records.push(Record { head });
                }
                Met::Leaf(name) => {
                    let path = tour.path_of(&name);
                    self.leaf(tour.here(), &name, &path)
                        .with_context(|| format!("read {}", item.path.join(&path).display()))?;
                }
            }
        }
        Ok(())
    }

    fn leaf(&mut self, parent: BorrowedFd<'_>, name: &CStr, path: &Path) -> Result<()> {
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return self.file(parent, name, path),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new())?;
                let mut head = self.head(path, &stat);
                put(&mut head, target.to_bytes());
                self.records.push(Record { head });
            }
            _ => {
                let mut head = self.head(path, &stat);
                head.extend(stat.st_rdev.to_le_bytes());
                self.records.push(Record { head });
            }
        }
        Ok(())
    }

    fn file(&mut self, parent: BorrowedFd<'_>, name: &CStr, path: &Path) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(parent, name, flags, Mode::empty())?);
        // What the name is now is what counts.
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            bail!("it was replaced while it was read");
        }
        let mut head = self.head(path, &stat);
        match &self.files {
            Some(files) => {
                let job = Job { index: self.records.len(), file, shown: path.display().to_string() };
                files.send(job).ok().context("the threads that hash have ended")?;
            }
            None => head.extend(hash(&file, &mut self.buffer)?),
        }
        self.records.push(Record { head });
        Ok(())
    }

    fn head(&self, path: &Path, stat: &Stat) -> Vec<u8> {
        let mut head = Vec::with_capacity(64);
        put(&mut head, path.as_os_str().as_bytes());
        head.extend(stat.st_mode.to_le_bytes());
        if self.keeps_owners {
            head.extend(stat.st_uid.to_le_bytes());
            head.extend(stat.st_gid.to_le_bytes());
        }
        head
    }
}

fn put(head: &mut Vec<u8>, bytes: &[u8]) {
    head.extend((bytes.len() as u64).to_le_bytes());
    head.extend(bytes);
}

fn put_attributes(head: &mut Vec<u8>, attributes: &[(Vec<u8>, Vec<u8>)]) {
    for (name, value) in attributes {
        put(head, name);
        put(head, value);
    }
}
