//! What a container without process ids of its own leaves running: where the kernel does not end everything with
//! the first process, this does.
//!
//! A process belongs to the container if it is in its mount namespace. One that has made another of its own is
//! not found; control groups would find it.

use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long to go on looking for processes that fork faster than they can be killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The mount namespace by which a container's processes are known. It is held open: the kernel gives the number
/// of one that is gone to the next that is made, which is another container's.
#[derive(Debug)]
pub struct Stragglers(File);

impl Stragglers {
    /// Takes the container's first process, before it can have ended. To share another container's memory it is in the
    /// mount namespace of that, `borrowed`, for a moment: that moment is waited for to pass.
    pub fn of(pid: i32, borrowed: Option<BorrowedFd<'_>>) -> io::Result<Self> {
        let id = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
        let borrowed = borrowed.map(rustix::fs::fstat).transpose()?.map(id);
        loop {
            let own = File::open(format!("/proc/{pid}/ns/mnt"))?;
            if borrowed != Some(id(rustix::fs::fstat(&own)?)) {
                return Ok(Self(own));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Kills until none is left, and lets the namespace go with its mounts.
    pub fn kill(self) {
        let end = Instant::now() + PATIENCE;
        while self.kill_once() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills what is there now; whether there was anything.
    fn kill_once(&self) -> bool {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| self.kill_one(*pid)).count() > 0
    }

    fn kill_one(&self, pid: i32) -> bool {
        if !self.owns(pid) {
            return false;
        }
        let Some(Ok(process)) = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())) else {
            return false;
        };
        // Looked at again: the number may have come to mean another process before it was opened.
        self.owns(pid) && pidfd_send_signal(&process, Signal::KILL).is_ok()
    }

    fn owns(&self, pid: i32) -> bool {
        let same =
            |own: fs::Metadata, other: fs::Metadata| (own.dev(), own.ino()) == (other.dev(), other.ino());
        let other = fs::metadata(format!("/proc/{pid}/ns/mnt"));
        other.is_ok_and(|other| self.0.metadata().is_ok_and(|own| same(own, other)))
    }
}
