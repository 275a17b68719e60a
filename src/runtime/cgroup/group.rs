//! One group: its files.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, inotify};
use rustix::io::Errno;

use super::values::Setting;
use super::{MOUNT, directory};
use crate::base::hint::{HintExt, Hinted};
use crate::base::list;

/// No file that is read here is longer.
const FILE_LIMIT: u64 = 1 << 20;

/// How long a group is waited for that is being frozen: its processes stop as soon as each is scheduled.
const FREEZE_PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// A group that exists, by a descriptor of its directory.
#[derive(Debug)]
pub struct Group {
    directory: OwnedFd,
}

impl Group {
    /// Opens the group of this path, as `/proc/PID/cgroup` has it.
    pub fn open(path: &str) -> io::Result<Self> {
        let directory = directory(path).ok_or(ErrorKind::InvalidInput)?;
        Self::open_directory(&directory)
    }

    pub(super) fn open_directory(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { directory: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// Reads a file of the group.
    pub fn read(&self, file: &str) -> io::Result<String> {
        let file =
            rustix::fs::openat(&self.directory, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = String::new();
        File::from(file).take(FILE_LIMIT).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Writes a file of the group, in one write(2).
    pub fn write(&self, file: &str, value: &str) -> io::Result<()> {
        let file =
            rustix::fs::openat(&self.directory, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        File::from(file).write_all(value.as_bytes())
    }

    /// Sets limits, all or none of them; returns what they were. One whose controller is not there is an error that says
    /// how to get it.
    pub fn set(&self, settings: &[Setting]) -> Result<Vec<Setting>> {
        let mut former = Vec::new();
        for setting in settings {
            let before = self.former(setting);
            if let Err(error) = self.set_one(setting) {
                self.restore(&former);
                return Err(error);
            }
            former.extend(before);
        }
        Ok(former)
    }

    /// Sets limits back to what they were, the last first: one may have made room for another.
    pub fn restore(&self, former: &[Setting]) {
        for Setting { file, value } in former.iter().rev() {
            // An empty list of processors is a line too.
            let _ = self.write(file, &format!("{value}\n"));
        }
    }

    /// What undoes a setting. Files of devices have a line for each that has a limit.
    fn former(&self, setting: &Setting) -> Option<Setting> {
        let text = self.read(&setting.file).ok()?;
        let key = setting.value.split(' ').next().filter(|key| key.contains(':'));
        let value = match (key, &*setting.file) {
            (None, _) => text.lines().next().unwrap_or_default().to_owned(),
            (Some(key), file) => {
                let none = if file == "io.max" { "rbps=max wbps=max riops=max wiops=max" } else { "default" };
                let line = text.lines().find(|line| line.split(' ').next() == Some(key));
                line.map_or_else(|| format!("{key} {none}"), str::to_owned)
            }
        };
        Some(Setting { file: setting.file.clone(), value })
    }

    fn set_one(&self, setting: &Setting) -> Result<()> {
        let Setting { file, value } = setting;
        self.check_present(setting)?;
        match self.write(file, value) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let present = self.read("cgroup.controllers").unwrap_or_default();
                match setting.controller() {
                    Some(controller) if !present.split_whitespace().any(|name| name == controller) => {
                        Err(not_delegated(controller, &format!("set {file}")))
                    }
                    // A kernel without swap accounting has nothing to forbid.
                    _ if file == "memory.swap.max" => Ok(()),
                    _ => Err(anyhow!("set {file}: this kernel has no such limit")),
                }
            }
            // Of devices the kernel takes weights only where something goes by them.
            Err(error) if error.kind() == ErrorKind::Unsupported && file == "io.weight" => {
                let device = value.split(' ').next().unwrap_or_default();
                Err(error).with_context(|| format!("set {file} to {value:?}")).hint(|| {
                    format!(
                        "as root: echo '{device} enable=1' >{MOUNT}/io.cost.qos, or give this disk the scheduler bfq"
                    )
                })
            }
            Err(error) => Err(error).with_context(|| format!("set {file} to {value:?}")),
        }
    }

    /// The kernel takes processors and memory that the group above does not have, and gives others in their place.
    fn check_present(&self, setting: &Setting) -> Result<()> {
        let plural = match setting.file.as_str() {
            "cpuset.cpus" => "CPUs",
            "cpuset.mems" => "memory nodes",
            _ => return Ok(()),
        };
        let Ok(present) = self.read(&format!("../{}.effective", setting.file)) else { return Ok(()) };
        let present = present.trim_end();
        match (list::ranges(&setting.value), list::ranges(present)) {
            (Some(wanted), Some(all)) if !list::is_within(&wanted, &all) => Err(anyhow!(
                "Requested {plural} are not available - requested {}, available: {present}",
                setting.value
            )),
            _ => Ok(()),
        }
    }

    /// Stops every process of the group, or lets them go on; returns once they have stopped.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        self.write("cgroup.freeze", if frozen { "1" } else { "0" }).context("write cgroup.freeze")?;
        if !frozen || self.wait_until_frozen()? {
            return Ok(());
        }
        let _ = self.write("cgroup.freeze", "0");
        Err(anyhow!("its processes did not stop in {} seconds", FREEZE_PATIENCE.tv_sec))
    }

    /// `cgroup.events` tells of a change by `POLLPRI` (cgroup-v2.rst).
    fn wait_until_frozen(&self) -> Result<bool> {
        let open = || {
            rustix::fs::openat(
                &self.directory,
                "cgroup.events",
                OFlags::RDONLY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let events = open().context("open cgroup.events")?;
        loop {
            let mut text = [0; 256];
            let read = rustix::io::pread(&events, &mut text, 0).context("read cgroup.events")?;
            if String::from_utf8_lossy(&text[..read]).lines().any(|line| line == "frozen 1") {
                return Ok(true);
            }
            match poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&FREEZE_PATIENCE)) {
                Ok(0) => return Ok(false),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("wait for cgroup.events"),
            }
        }
    }

    /// Whether its processes were told to stop.
    pub fn is_frozen(&self) -> bool {
        self.read("cgroup.freeze").is_ok_and(|text| text.trim() == "1")
    }

    /// How many processes of it the kernel has killed since memory was short.
    pub fn oom_kills(&self) -> u64 {
        self.read("memory.events").map_or(0, |text| keyed(&text, "oom_kill"))
    }
}

/// Watches a group for processes that the kernel kills for want of memory.
pub struct Shortages {
    group: Group,
    watch: OwnedFd,
    /// How many there were.
    kills: u64,
}

impl Shortages {
    /// Begins with the group of this path as it is now.
    pub fn watch(path: &str) -> io::Result<Self> {
        let file = directory(path).ok_or(ErrorKind::InvalidInput)?.join("memory.events");
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        inotify::add_watch(&watch, &file, inotify::WatchFlags::MODIFY)?;
        Ok(Self { group: Group::open(path)?, watch, kills: 0 })
    }

    /// Readable once the group has something to tell.
    pub fn source(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    /// Whether more were killed since the last time.
    pub fn has_killed(&mut self) -> bool {
        let mut told = [0; 1024];
        while rustix::io::read(&self.watch, &mut told).is_ok_and(|size| size > 0) {}
        let kills = self.group.oom_kills();
        std::mem::replace(&mut self.kills, kills) < kills
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// The number after a key, in a file of lines `key number`; 0 if it is not there.
pub fn keyed(text: &str, key: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0)
}

/// The error for a controller that the user was not given.
pub fn not_delegated(controller: &str, attempt: &str) -> anyhow::Error {
    let error = anyhow!("{attempt}: the control group controller {controller} is not delegated to you");
    let names = match controller {
        "cpu" | "memory" | "pids" => "cpu memory pids".to_owned(),
        other => format!("cpu memory pids {other}"),
    };
    let file = "/etc/systemd/system/user@.service.d/delegate.conf";
    Hinted::new(
        error,
        format!(
            "as root, write '[Service]' and 'Delegate={names}', on two lines, to {file}; then: systemctl \
             daemon-reload, and log in anew; a kernel has it only if /sys/fs/cgroup/cgroup.controllers names it"
        ),
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_that_the_group_above_lacks() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("group");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("cpuset.cpus"), "").unwrap();
        std::fs::write(above.path().join("cpuset.cpus.effective"), "0,2-3\n").unwrap();
        let group = Group::open_directory(&path).unwrap();
        let set = |value: &str| {
            let setting = Setting { file: "cpuset.cpus".into(), value: value.into() };
            group.set(&[setting]).map_err(|error| error.to_string())
        };
        set("0,3").unwrap();
        assert_eq!(
            set("0-3").unwrap_err(),
            "Requested CPUs are not available - requested 0-3, available: 0,2-3"
        );
        assert_eq!(group.read("cpuset.cpus").unwrap(), "0,3");
    }

    #[test]
    fn all_limits_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let files = [
            ("memory.max", "max\n"),
            ("io.max", "8:0 rbps=1 wbps=max riops=max wiops=max\n"),
            ("cpuset.cpus", "\n"),
        ];
        for (file, text) in files {
            std::fs::write(directory.path().join(file), text).unwrap();
        }
        let group = Group::open_directory(directory.path()).unwrap();
        let setting = |file: &str, value: &str| Setting { file: file.into(), value: value.into() };
        let wanted = [
            setting("memory.max", "4096"),
            setting("io.max", "8:0 rbps=7"),
            setting("io.max", "8:1 rbps=7"),
            setting("cpuset.cpus", "0"),
        ];
        let former = [
            setting("memory.max", "max"),
            setting("io.max", "8:0 rbps=1 wbps=max riops=max wiops=max"),
            setting("io.max", "8:1 rbps=max wbps=max riops=max wiops=max"),
            setting("cpuset.cpus", ""),
        ];
        // The kernel's files are written from their beginning, whatever they hold; these only while they are as long.
        assert_eq!(wanted.each_ref().map(|setting| group.former(setting).unwrap()), former);
        let refused = [setting("memory.max", "4096"), setting("no.such", "1")];
        group.set(&refused).unwrap_err();
        assert_eq!(group.read("memory.max").unwrap().lines().next(), Some("max"));
    }

    #[test]
    fn keyed_files() {
        let text = "low 0\noom 3\noom_kill 2\noom_group_kill 0\n";
        assert_eq!((keyed(text, "oom"), keyed(text, "oom_kill"), keyed(text, "max")), (3, 2, 0));
    }

    #[test]
    fn a_missing_controller_is_named_with_what_delegates_it() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("cgroup.controllers"), "memory pids\n").unwrap();
        let group = Group::open_directory(directory.path()).unwrap();
        let setting = Setting { file: "cpu.weight".into(), value: "1".into() };
        let error = group.set(&[setting]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "set cpu.weight: the control group controller cpu is not delegated to you"
        );
        let hint = crate::base::hint::find(&error).unwrap();
        assert!(hint.contains("/etc/systemd/system/user@.service.d/delegate.conf"), "{hint}");
        let unknown = Setting { file: "memory.foo".into(), value: "1".into() };
        let error = group.set(&[unknown]).unwrap_err().to_string();
        assert_eq!(error, "set memory.foo: this kernel has no such limit");
    }
}
