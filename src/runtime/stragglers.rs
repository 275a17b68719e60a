//! What a container without process ids of its own leaves running: where the kernel does not end everything with
//! the first process, this does.
//!
//! A process belongs to the container if it is in its mount namespace. One that has made another of its own is
//! not found; control groups would find it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long to go on looking for processes that fork faster than they can be killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The mount namespace by which a container's processes are known, as device and inode.
#[derive(Debug, PartialEq, Eq)]
pub struct Stragglers((u64, u64));

impl Stragglers {
    /// Takes the container's first process, before it can have ended.
    pub fn of(pid: i32) -> io::Result<Self> {
        mount_namespace(pid).map(Self)
    }

    /// Kills until none is left.
    pub fn kill(&self) {
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
        mount_namespace(pid).is_ok_and(|namespace| namespace == self.0)
    }
}

fn mount_namespace(pid: i32) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(format!("/proc/{pid}/ns/mnt"))?;
    Ok((metadata.dev(), metadata.ino()))
}
