//! Layers served by the program fuse-overlayfs(1), where the kernel's overlay does not work.
//!
//! The kernel's half is mounted like any other filesystem, by the process that needs it, in its own mount namespace.
//! The program is a child of who starts it and in none of the container's namespaces but the user namespace. All the
//! two share is a descriptor of `/dev/fuse` (fuse(4)), which libfuse takes as `/dev/fd/N` (3.3 and later), and which
//! must be mounted before it is read: so the program is executed when it hears of that. When the last mount is gone,
//! however that comes about, the program ends by itself. So it must not live in the mount namespace that the files are
//! mounted in, unless somebody takes them away there: a mount lasts as long as its namespace, and that as long as
//! anybody is in it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::FdFlags;
use rustix::mount::MountAttrFlags;

use super::plan::Rootfs;
use crate::base::hint::HintExt;
use crate::config::env;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::mount::{self, Filesystem};
use crate::sys::socket;

const PROGRAM: &str = "fuse-overlayfs";
const DEVICE: &str = "/dev/fuse";

/// How long the program is given to end after its last mount.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long its end may be behind the error that comes of it.
const MOMENT: Duration = Duration::from_millis(100);

/// What is kept of the program's last words.
const WORDS_LIMIT: usize = 1000;

/// The program. Dropped, it is killed.
#[must_use]
pub struct Server {
    child: Child,
    /// Its exit code, or 128 and the signal.
    ended: Option<i32>,
    words: File,
}

/// The kernel's side, to be mounted once. While a copy of the descriptor is open somewhere, nobody is told when the
/// program dies.
#[must_use]
pub struct Device {
    fuse: OwnedFd,
    /// Takes a byte once it is mounted.
    mounted: OwnedFd,
}

/// Starts the program for a root filesystem that needs it. The caller is in the user namespace of the container, where
/// it may become root, and has no threads.
pub fn start(rootfs: &Rootfs) -> Result<Option<(Server, Device)>> {
    match rootfs {
        Rootfs::Fuse { base, lower, upper, work, .. } => serve(base, lower, Some((upper, work))).map(Some),
        Rootfs::Overlay { .. } | Rootfs::Directory { .. } => Ok(None),
    }
}

/// Starts the program for layers, lowest first; all paths are relative to `base`, and have no commas or colons.
pub fn serve(base: &Path, lower: &[String], writable: Option<(&str, &str)>) -> Result<(Server, Device)> {
    serve_in(Namespaces::default(), base, lower, writable)
}

/// Starts it in a mount namespace of its own, for layers that are only read and mounted where the caller is.
pub fn serve_apart(base: &Path, lower: &[String]) -> Result<(Server, Device)> {
    serve_in(Namespaces::MOUNT, base, lower, None)
}

fn serve_in(
    namespaces: Namespaces,
    base: &Path,
    lower: &[String],
    writable: Option<(&str, &str)>,
) -> Result<(Server, Device)> {
    let program = env::find_program(PROGRAM)
        .with_context(|| format!("run {PROGRAM}: it is not installed"))
        .hint(|| "sudo apt install fuse-overlayfs, or sudo dnf install fuse-overlayfs")?;
    let device = open_device()?;
    let words: File = memfd_create(PROGRAM, MemfdFlags::CLOEXEC).context("make a file in memory")?.into();
    let mut command = Command::new(program);
    command
        .args(["-f", "-o", &options(lower, writable)])
        .arg(format!("/dev/fd/{}", device.as_raw_fd()))
        .current_dir(base)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words.try_clone().context("duplicate a descriptor")?)
        .process_group(0);
    if !rustix::process::geteuid().is_root() {
        // A container whose root is somebody else than the user.
        command.gid(0).uid(0);
    }
    let is_apart = namespaces.contains(Namespaces::MOUNT);
    let (ours, theirs) = socket::pair().context("make a socket pair")?;
    match clone::clone(namespaces).with_context(|| format!("run {PROGRAM}"))? {
        Forked::Parent(child) => {
            drop(theirs);
            if is_apart && !socket::receive(ours.as_fd(), &mut [0]).is_ok_and(|n| n == 1) {
                bail!("run {PROGRAM}: separate its mounts");
            }
            Ok((Server { child, ended: None, words }, Device { fuse: device, mounted: ours }))
        }
        Forked::Child => {
            drop(ours);
            // Before anything is mounted that would come here too.
            let separated = || mount::make_all_slave().is_ok() && rustix::io::write(&theirs, b"s") == Ok(1);
            // Nothing comes where nothing was mounted.
            let is_mounted =
                (!is_apart || separated()) && socket::receive(theirs.as_fd(), &mut [0]).is_ok_and(|n| n == 1);
            if is_mounted && rustix::io::fcntl_setfd(&device, FdFlags::empty()).is_ok() {
                let _ = writeln!(&words, "{}", command.exec());
                clone::exit_now(127);
            }
            clone::exit_now(0)
        }
    }
}

fn options(lower: &[String], writable: Option<(&str, &str)>) -> String {
    let lower: Vec<&str> = lower.iter().rev().map(String::as_str).collect();
    let mut options = format!("lowerdir={}", lower.join(":"));
    if let Some((upper, work)) = writable {
        options.push_str(&format!(",upperdir={upper},workdir={work}"));
    }
    options
}

fn open_device() -> Result<OwnedFd> {
    let mend = |error: &io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => "sudo chmod 0666 /dev/fuse",
        // ENODEV: the node is there and the driver is not.
        _ => "sudo modprobe fuse; in a container, give it the device with --device /dev/fuse",
    };
    match File::options().read(true).write(true).open(DEVICE) {
        Ok(device) => Ok(device.into()),
        Err(error) => {
            let hint = mend(&error);
            Err(error).with_context(|| format!("open {DEVICE}")).hint(|| hint)
        }
    }
}

impl Device {
    /// Makes the mount, attached nowhere yet. The caller is in the user namespace that the device was opened in.
    pub fn mount(self) -> io::Result<OwnedFd> {
        let filesystem = Filesystem::open("fuse")?;
        filesystem.set("source", PROGRAM)?;
        filesystem.set("subtype", PROGRAM)?;
        filesystem.set("fd", &self.fuse.as_raw_fd().to_string())?;
        // fuse(4): in octal, the kind of the root; and who mounts, in the ids of this namespace.
        for (key, value) in [("rootmode", "40000"), ("user_id", "0"), ("group_id", "0")] {
            filesystem.set(key, value)?;
        }
        filesystem.set_flag("default_permissions")?;
        filesystem.set_flag("allow_other")?;
        let mount = filesystem.mount(MountAttrFlags::empty())?;
        rustix::io::write(&self.mounted, b"m")?;
        Ok(mount)
    }
}

impl Server {
    /// Adds to an error of who uses the files that their server is gone, if it is.
    pub fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        self.await_end(MOMENT);
        match self.failure() {
            Some(failure) => error.context(failure),
            None => error,
        }
    }

    /// How the program has ended, if it has and not because nothing is mounted any more.
    pub fn failure(&mut self) -> Option<String> {
        self.await_end(Duration::ZERO);
        let code = self.ended.filter(|code| *code != 0)?;
        let words = self.last_words();
        let words = if words.is_empty() { words } else { format!(": {words}") };
        Some(format!("{PROGRAM} has served the container's files and is gone (exit code {code}){words}"))
    }

    /// Waits for the end of the program once nothing should be mounted any more; ends it if it has not by then.
    pub fn end(mut self) {
        self.await_end(PATIENCE);
    }

    /// Leaves the program to end by itself after its last mount.
    pub fn release(self) {
        self.child.release();
    }

    /// Readable when the program has ended.
    pub fn watch(&self) -> io::Result<OwnedFd> {
        self.child.pidfd().try_clone_to_owned()
    }

    fn await_end(&mut self, time: Duration) {
        let mut fds = [PollFd::from_borrowed_fd(self.child.pidfd(), PollFlags::IN)];
        let time = Timespec::try_from(time).ok();
        if self.ended.is_none() && poll(&mut fds, time.as_ref()).is_ok_and(|count| count > 0) {
            self.ended = clone::wait(self.child.pidfd()).ok();
        }
    }

    fn last_words(&mut self) -> String {
        let mut text = Vec::new();
        let length = self.words.seek(SeekFrom::End(0)).unwrap_or(0);
        let start = length.saturating_sub(WORDS_LIMIT as u64);
        let _ = self.words.seek(SeekFrom::Start(start)).and_then(|_| self.words.read_to_end(&mut text));
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_layer_comes_first() {
        let lower = ["a".to_owned(), "b".to_owned()];
        assert_eq!(options(&lower, None), "lowerdir=b:a");
        assert_eq!(options(&lower, Some(("u", "w"))), "lowerdir=b:a,upperdir=u,workdir=w");
    }
}
