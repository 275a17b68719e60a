//! Waits for news of a container: its log grows, its record changes, its supervisor dies.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};

use crate::engine::Engine;
use crate::store::containers::{LookupError, Record};

/// How often to look where the kernel has no watch left for this user (`fs.inotify.max_user_instances`).
const INTERVAL: SignedDuration = SignedDuration::from_millis(100);

/// A watched container.
pub struct Watch<'a> {
    engine: &'a Engine,
    id: String,
    inotify: Option<OwnedFd>,
    supervisor: Option<OwnedFd>,
    goes_on: bool,
}

impl<'a> Watch<'a> {
    /// Watches the container's directory, and that of its log.
    pub fn start(engine: &'a Engine, record: &Record, log: Option<&Path>) -> Self {
        let directory = engine.layout().container(&record.id);
        let inotify = watch(&directory, log.filter(|log| *log != directory)).ok();
        let pid = Pid::from_raw(record.state.supervisor);
        let supervisor = pid.and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
        let mut watch = Self { engine, id: record.id.clone(), inotify, supervisor, goes_on: true };
        watch.look();
        watch
    }

    /// Whether more may come. Asked before the log is read to its end, nothing is missed.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Waits for news, for `also` to become readable, or until a time.
    pub fn wait(&mut self, until: Option<Timestamp>, also: Option<BorrowedFd<'_>>) -> Result<()> {
        let mut fds: Vec<_> = [&self.inotify, &self.supervisor]
            .into_iter()
            .flatten()
            .map(AsFd::as_fd)
            .chain(also)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let mut patience =
            until.map(|until| until.duration_since(Timestamp::now()).max(SignedDuration::ZERO));
        if self.inotify.is_none() {
            patience = Some(patience.map_or(INTERVAL, |patience| patience.min(INTERVAL)));
        }
        let patience =
            patience.map(|left| Timespec { tv_sec: left.as_secs(), tv_nsec: left.subsec_nanos().into() });
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for the log"),
        }
        let supervisor = fds.get(usize::from(self.inotify.is_some())).filter(|_| self.supervisor.is_some());
        let died = supervisor.is_some_and(|fd| !fd.revents().is_empty());
        if self.record_has_changed() || died || self.inotify.is_none() {
            self.look();
        }
        if until.is_some_and(|until| until <= Timestamp::now()) {
            self.goes_on = false;
        }
        Ok(())
    }

    /// Takes what inotify has to say; whether it may be about the record.
    fn record_has_changed(&self) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        let mut changed = false;
        while let Ok(event) = events.next() {
            let is_growth = event.events().contains(inotify::ReadFlags::MODIFY);
            changed |= !is_growth;
        }
        changed
    }

    /// Reads the record: a container that was removed has ended.
    fn look(&mut self) {
        self.goes_on = match self.engine.containers().load(&self.id) {
            Ok(record) => record.state.is_running() || record.state.is_supervised(),
            Err(error) => !error.is::<LookupError>() && self.goes_on,
        };
        if !self.goes_on {
            self.supervisor = None;
        }
    }
}

fn watch(directory: &Path, log: Option<&Path>) -> rustix::io::Result<OwnedFd> {
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let flags = WatchFlags::MODIFY
        | WatchFlags::CREATE
        | WatchFlags::MOVED_TO
        | WatchFlags::MOVE_SELF
        | WatchFlags::DELETE_SELF;
    inotify::add_watch(&inotify, directory, flags)?;
    if let Some(log) = log {
        inotify::add_watch(&inotify, log, flags)?;
    }
    Ok(inotify)
}
