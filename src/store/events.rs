//! What has happened: an append-only log of events, bounded, one JSON object a line.
//!
//! `<data>/events.log` is written with `O_APPEND` in one `write(2)` per event, so writers need no lock and
//! an event is never split by another. A log that has grown past [`LIMIT`] is renamed to `events.log.1`, over
//! the one before. Readers keep the file they read open and look whether the name has come to mean another;
//! they are woken by `inotify(7)`. A line cut short by a kill or a full disk is passed over.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, inotify};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::base::file::{self, Durability};

/// Bytes of a log before it is put aside: with the one before, some thousands of events.
const LIMIT: u64 = 1 << 20;

/// What every line begins with. Inside a JSON string its quotes would be escaped, so it stands nowhere else.
const BEGINNING: &str = "{\"timeNano\":";

/// One event, as docker's `Type`, `Action` and `Actor` have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since 1970.
    #[serde(rename = "timeNano")]
    pub time: i64,
    /// `container`, `image`, `volume`, `network`, `secret`, `daemon`.
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "Action")]
    pub action: String,
    /// The id, or the name of what has none.
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(rename = "Attributes", default)]
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    /// An event of this moment.
    pub fn now(kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>) -> Self {
        let time = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        Self { time, kind: kind.to_owned(), action: action.to_owned(), id: id.to_owned(), attributes }
    }
}

/// Writes one event at the end of the log of a store.
pub fn append(layout: &Layout, event: &Event) -> Result<()> {
    append_at(CWD, &layout.events(), &layout.old_events(), event)
}

/// The log for a process that will not see the store by its path: it holds the directory.
#[derive(Debug)]
pub struct Sink {
    directory: OwnedFd,
}

impl Sink {
    pub fn open(layout: &Layout) -> Result<Self> {
        let path = layout.data();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty());
        Ok(Self { directory: directory.with_context(|| format!("open {}", path.display()))? })
    }

    /// Writes one event at the end of the log.
    pub fn append(&self, event: &Event) -> Result<()> {
        let name = |path: PathBuf| PathBuf::from(path.file_name().unwrap_or_default());
        let layout = Layout::new(crate::config::paths::Roots { data: "".into(), run: "".into() });
        append_at(self.directory.as_fd(), &name(layout.events()), &name(layout.old_events()), event)
    }
}

fn append_at(directory: BorrowedFd<'_>, path: &Path, old: &Path, event: &Event) -> Result<()> {
    let mut line = serde_json::to_vec(event).context("encode the event")?;
    line.push(b'\n');
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let log = rustix::fs::openat(directory, path, flags, Mode::RUSR | Mode::WUSR);
    let mut log = File::from(log.with_context(|| format!("open {}", path.display()))?);
    log.write_all(&line).with_context(|| format!("write {}", path.display()))?;
    // After an append the position is the length.
    if log.stream_position().is_ok_and(|length| length > LIMIT) {
        put_aside(directory, path, old, &log);
    }
    Ok(())
}

/// Renames a full log, unless another writer does or has done so. That it stays where it is harms nobody.
fn put_aside(directory: BorrowedFd<'_>, path: &Path, old: &Path, log: &File) {
    if rustix::fs::flock(log, FlockOperation::NonBlockingLockExclusive).is_err() {
        return;
    }
    let (Ok(own), Ok(named)) =
        (rustix::fs::fstat(log), rustix::fs::statat(directory, path, rustix::fs::AtFlags::empty()))
    else {
        return;
    };
    if (own.st_dev, own.st_ino) == (named.st_dev, named.st_ino) {
        let _ = rustix::fs::renameat(directory, path, directory, old);
    }
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest event there is.
    Oldest,
    /// With what happens from now on.
    Now,
}

/// Reads the log of a store and what is added to it.
pub struct Reader {
    path: PathBuf,
    /// The files being read, oldest first; the last is the one that had the log's name when last looked at.
    /// An older one stays for one round: a writer that had it open may still add to it.
    files: VecDeque<Tail>,
    ready: VecDeque<Event>,
    watch: Option<OwnedFd>,
}

impl Reader {
    /// Opens what there is. `follow` prepares for [`Reader::wait`] and needs the data root to exist.
    pub fn open(layout: &Layout, begin: Begin, follow: bool) -> Result<Self> {
        let path = layout.events();
        // Watching comes before looking, so that nothing falls between the two.
        let watch = if follow { Some(watch(layout.data())?) } else { None };
        let mut files: VecDeque<_> = Tail::open(&path)?.into_iter().collect();
        match begin {
            Begin::Oldest => {
                if let Some(old) = Tail::open(&layout.old_events())?
                    && files.front().is_none_or(|file| file.inode != old.inode)
                {
                    files.push_front(old);
                }
            }
            Begin::Now => {
                for tail in &mut files {
                    tail.file.seek(SeekFrom::End(0)).context("read the events")?;
                }
            }
        }
        Ok(Self { path, files, ready: VecDeque::new(), watch })
    }

    /// The next event, if there is one by now.
    pub fn next(&mut self) -> Result<Option<Event>> {
        if self.ready.is_empty() {
            self.read()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Waits until something may have been written, or until the deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> Result<()> {
        let watch = self.watch.as_ref().context("wait for events: the log is not watched")?;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(|left| left.min(Duration::from_secs(86_400)));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(watch, PollFlags::IN)], left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for events"),
        }
        // What was said is of no interest, only that something was.
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut notices = inotify::Reader::new(watch, &mut buffer);
        while notices.next().is_ok() {}
        Ok(())
    }

    fn read(&mut self) -> Result<()> {
        for tail in &mut self.files {
            tail.read(&mut self.ready).context("read the events")?;
        }
        while self.files.len() > 1 {
            self.files.pop_front();
        }
        let known = self.files.back().map(|tail| tail.inode);
        let named = fs::metadata(&self.path).ok().map(|metadata| metadata.ino());
        if named.is_some()
            && named != known
            && let Some(mut tail) = Tail::open(&self.path)?
        {
            tail.read(&mut self.ready).context("read the events")?;
            self.files.push_back(tail);
        }
        Ok(())
    }
}

/// A non-blocking `inotify(7)` of the directory of the log.
fn watch(directory: &Path) -> Result<OwnedFd> {
    let open = || -> rustix::io::Result<OwnedFd> {
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVE;
        inotify::add_watch(&watch, directory, flags)?;
        Ok(watch)
    };
    open().with_context(|| format!("watch {}", directory.display()))
}

/// One file of the log and how far it has been read.
struct Tail {
    file: File,
    inode: u64,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
}

impl Tail {
    fn open(path: &Path) -> Result<Option<Self>> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.ino(), file)));
        match opened {
            Ok((inode, file)) => Ok(Some(Self { file, inode, rest: Vec::new() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("open {}", path.display())),
        }
    }

    fn read(&mut self, events: &mut VecDeque<Event>) -> std::io::Result<()> {
        // Nobody writes more than a little past the limit; a longer file is not ours.
        (&self.file).take(4 * LIMIT).read_to_end(&mut self.rest)?;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        events.extend(self.rest[..end].split(|byte| *byte == b'\n').filter_map(parse));
        self.rest.drain(..=end);
        Ok(())
    }
}

/// How many lines of the log of a store are no events.
pub fn count_torn(layout: &Layout) -> Result<usize> {
    let torn = |path: &Path| -> Result<usize> {
        let content = read_log(path)?;
        Ok(lines_of(&content).filter(|line| whole(line) != Some(line)).count())
    };
    Ok(torn(&layout.events())? + torn(&layout.old_events())?)
}

/// Leaves out what is no event. One that is written at the same moment may be lost with it.
pub fn drop_torn(layout: &Layout) -> Result<()> {
    for path in [layout.events(), layout.old_events()] {
        let content = read_log(&path)?;
        let kept: Vec<u8> =
            lines_of(&content).filter_map(whole).flat_map(|line| [line, b"\n"].concat()).collect();
        if kept != content {
            file::write_atomic(&path, &kept, Durability::Fast)?;
        }
    }
    Ok(())
}

fn read_log(path: &Path) -> Result<Vec<u8>> {
    match path.exists() {
        true => file::read_bounded(path, 4 * LIMIT),
        false => Ok(Vec::new()),
    }
}

fn lines_of(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The event that a line ends with.
fn whole(line: &[u8]) -> Option<&[u8]> {
    parse(line)?;
    std::str::from_utf8(line).ok()?.rfind(BEGINNING).map(|start| &line[start..])
}

/// Reads a line; what a writer that was killed has left before it is passed over.
fn parse(line: &[u8]) -> Option<Event> {
    let text = std::str::from_utf8(line).ok()?;
    serde_json::from_str(&text[text.rfind(BEGINNING)?..]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    fn event(action: &str) -> Event {
        let attributes = [("name".to_owned(), format!("\"{BEGINNING}\n"))].into();
        Event::now("container", action, "abc", attributes)
    }

    fn actions(reader: &mut Reader) -> Vec<String> {
        std::iter::from_fn(|| reader.next().unwrap()).map(|event| event.action).collect()
    }

    #[test]
    fn events_are_read_as_they_were_written() {
        let scratch = Scratch::new();
        let written = event("start");
        append(&scratch.layout, &written).unwrap();
        let sink = Sink::open(&scratch.layout).unwrap();
        sink.append(&event("die")).unwrap();
        let mut reader = Reader::open(&scratch.layout, Begin::Oldest, false).unwrap();
        assert_eq!(reader.next().unwrap(), Some(written));
        assert_eq!(actions(&mut reader), ["die"]);
        let text = fs::read_to_string(scratch.layout.events()).unwrap();
        assert!(text.starts_with(BEGINNING), "{text}");
    }

    #[test]
    fn a_line_that_was_cut_short_takes_nothing_with_it() {
        let scratch = Scratch::new();
        append(&scratch.layout, &event("start")).unwrap();
        let line = fs::read(scratch.layout.events()).unwrap();
        let broken = [&line[..], &line[..line.len() / 2], &line, b"\0\0\n", &line[..20]].concat();
        fs::write(scratch.layout.events(), broken).unwrap();
        append(&scratch.layout, &event("die")).unwrap();
        let mut reader = Reader::open(&scratch.layout, Begin::Oldest, false).unwrap();
        assert_eq!(actions(&mut reader), ["start", "start", "die"]);
        assert_eq!(count_torn(&scratch.layout).unwrap(), 3);
        drop_torn(&scratch.layout).unwrap();
        assert_eq!(count_torn(&scratch.layout).unwrap(), 0);
        let mut reader = Reader::open(&scratch.layout, Begin::Oldest, false).unwrap();
        assert_eq!(actions(&mut reader), ["start", "start", "die"]);
    }

    #[test]
    fn followers_pass_over_to_the_next_file() {
        let scratch = Scratch::new();
        append(&scratch.layout, &event("before")).unwrap();
        let mut reader = Reader::open(&scratch.layout, Begin::Now, true).unwrap();
        assert_eq!(actions(&mut reader), [""; 0]);
        let padding = format!("{}\n", "x".repeat(LIMIT as usize));
        let path = scratch.layout.events();
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(padding.as_bytes()).unwrap();
        append(&scratch.layout, &event("last")).unwrap();
        assert!(!path.exists() && scratch.layout.old_events().exists());
        append(&scratch.layout, &event("first")).unwrap();
        reader.wait(None).unwrap();
        assert_eq!(actions(&mut reader), ["last", "first"]);
        append(&scratch.layout, &event("second")).unwrap();
        reader.wait(None).unwrap();
        assert_eq!(actions(&mut reader), ["second"]);
        let mut reader = Reader::open(&scratch.layout, Begin::Oldest, false).unwrap();
        assert_eq!(actions(&mut reader), ["before", "last", "first", "second"]);
    }
}
