//! `--sdnotify`: what systemd is told of a container that one of its units starts.
//!
//! ```text
//! systemd <── MAINPID=supervisor ── command
//!         <── READY=1 ───────────── supervisor <── READY=1, STATUS=… ── program, by /run/notify/notify.sock
//! ```
//!
//! systemd believes the main process of a unit (`NotifyAccess=main`), and that must belong to the unit: the command
//! names the supervisor before that can say anything, and the supervisor stays in the unit's control group. What the
//! program says goes through the supervisor too, without what would name processes or descriptors: those of a container
//! mean nothing outside. The protocol is that of sd_notify(3).

use std::fs::{self, Permissions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::pipe::PipeFlags;

use crate::config::env;
use crate::runtime::plan::{MountKind, MountPlan, Plan};
use crate::store::options::{ContainerOptions, Notify};
use crate::sys::mount::Attributes;
use crate::sys::socket;

/// Where the program finds the socket: podman's place.
const TARGET: &str = "/run/notify";
const SOCKET: &str = "notify.sock";

/// No message is longer.
const LIMIT: usize = 4096;

/// What a container may say; the rest names what only the host has.
const PASSED_ON: [&str; 9] = [
    "READY",
    "RELOADING",
    "STOPPING",
    "STATUS",
    "ERRNO",
    "BUSERROR",
    "WATCHDOG",
    "EXTEND_TIMEOUT_USEC",
    "MONOTONIC_USEC",
];

/// The unit that waits to be told, and who tells it.
pub struct Unit {
    address: String,
    mode: Notify,
    /// Closed once systemd knows the supervisor.
    known: (OwnedFd, OwnedFd),
    /// What the program says, and the directory of its socket.
    heard: Option<(OwnedFd, PathBuf)>,
}

impl Unit {
    /// The unit that this process belongs to, if it waits and the container is to say something.
    pub fn of(options: &ContainerOptions) -> Result<Option<Self>> {
        let Some(address) = env::value("NOTIFY_SOCKET").filter(|_| options.notify != Notify::Ignore) else {
            return Ok(None);
        };
        let known = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).context("make a pipe")?;
        Ok(Some(Self { address, mode: options.notify, known, heard: None }))
    }

    /// Makes the supervisor the unit's main process; the command's part.
    pub fn name(self, supervisor: i32) {
        self.tell(&format!("MAINPID={supervisor}"));
    }

    /// Waits until that is done; the supervisor's part.
    pub fn await_name(&mut self) {
        let Ok(null) = crate::runtime::identity::null_device() else { return };
        self.known.1 = null;
        let _ = rustix::io::retry_on_intr(|| rustix::io::read(&self.known.0, &mut [0; 1]));
    }

    /// Makes the program's socket in the container's run directory, if the program is to have one.
    pub fn listen(&mut self, directory: &Path) -> Result<()> {
        if self.mode != Notify::Container {
            return Ok(());
        }
        let directory = directory.join("notify");
        let attempt = || -> std::io::Result<OwnedFd> {
            fs::create_dir_all(&directory)?;
            fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
            let _ = fs::remove_file(directory.join(SOCKET));
            let socket = socket::receive_datagrams(&directory, SOCKET)?;
            // Whoever the program is.
            fs::set_permissions(directory.join(SOCKET), Permissions::from_mode(0o777))?;
            Ok(socket)
        };
        let socket = attempt().with_context(|| format!("listen on {}", directory.join(SOCKET).display()))?;
        self.heard = Some((socket, directory));
        Ok(())
    }

    /// Shows the program its socket.
    pub fn equip(&self, plan: &mut Plan) {
        let Some((_, directory)) = &self.heard else { return };
        plan.mounts.push(MountPlan {
            target: TARGET.to_owned(),
            kind: MountKind::Bind { source: directory.clone() },
            attributes: Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC | Attributes::READ_ONLY,
            read_only_beneath: false,
            propagation: Attributes::PRIVATE,
            recursive: false,
            extra: Default::default(),
        });
        plan.process.set_variables(&[format!("NOTIFY_SOCKET={TARGET}/{SOCKET}")]);
    }

    /// The program runs.
    pub fn started(&self) {
        if self.mode == Notify::Conmon {
            self.tell("READY=1");
        }
    }

    /// A check of the container's health has succeeded.
    pub fn healthy(&self) {
        if self.mode == Notify::Healthy {
            self.tell("READY=1");
        }
    }

    /// Readable once the program says something.
    pub fn source(&self) -> Option<BorrowedFd<'_>> {
        self.heard.as_ref().map(|(socket, _)| socket.as_fd())
    }

    /// Passes on what the program has said, a message at a time: one that talks without end does not keep the
    /// supervisor from its other work.
    pub fn pass_on(&self) {
        let Some((socket, _)) = &self.heard else { return };
        let mut buffer = [0; LIMIT];
        let Ok(size) = socket::receive(socket.as_fd(), &mut buffer) else { return };
        let said = passed_on(&String::from_utf8_lossy(&buffer[..size]));
        if !said.is_empty() {
            self.tell(&said);
        }
    }

    /// A unit that does not listen any more has given the container up, and says so by a signal.
    fn tell(&self, message: &str) {
        let _ = socket::send_datagram(&self.address, message.as_bytes());
    }
}

/// The lines of a message that may be passed on.
fn passed_on(message: &str) -> String {
    let is_passed = |line: &&str| line.split_once('=').is_some_and(|(name, _)| PASSED_ON.contains(&name));
    message.lines().filter(is_passed).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_host_s_is_not_passed_on() {
        for (said, want) in [
            ("READY=1", "READY=1"),
            ("READY=1\nSTATUS=up\nMAINPID=1\n", "READY=1\nSTATUS=up"),
            ("MAINPID=1", ""),
            ("FDSTORE=1\nFDNAME=x\nBARRIER=1", ""),
            ("NOTIFYACCESS=all\nWATCHDOG=1", "WATCHDOG=1"),
            ("no sense", ""),
        ] {
            assert_eq!(passed_on(said), want, "{said}");
        }
    }
}
