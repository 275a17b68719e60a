//! The terminal of a container: a pair made in its own `/dev/pts`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::identity;
use crate::sys::mount;
use crate::sys::path::Dir;

/// Makes a pair in the devpts instance behind `terminals`: the master, which the supervisor keeps, and
/// the terminal itself. Both are reached by descriptor; no name that the container controls is opened
/// (CVE-2025-52565).
pub fn open(terminals: BorrowedFd<'_>, size: Option<(u16, u16)>) -> Result<(OwnedFd, OwnedFd)> {
    let attempt = || -> io::Result<(OwnedFd, OwnedFd)> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let master = rustix::fs::openat(terminals, "ptmx", flags, Mode::empty())?;
        rustix::pty::unlockpt(&master)?;
        if let Some((rows, columns)) = size {
            let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
            rustix::termios::tcsetwinsize(&master, size)?;
        }
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
        Ok((master, terminal))
    };
    attempt().context("open a terminal")
}

/// Shows the terminal as `/dev/console` too.
pub fn attach(root: &Dir, terminal: BorrowedFd<'_>) -> Result<()> {
    let attempt = || -> io::Result<()> {
        let dev = root.locate_dir("dev")?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(dev.as_fd(), "console", flags, Mode::from_raw_mode(0o600))?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = rustix::fs::openat(dev.as_fd(), "console", flags, Mode::empty())?;
        mount::attach(mount::copy(terminal, "", false)?.as_fd(), place.as_fd())
    };
    attempt().context("attach /dev/console")
}

/// Makes the terminal this session's own, and all three standard streams.
pub fn control(terminal: BorrowedFd<'_>) -> Result<()> {
    rustix::process::ioctl_tiocsctty(terminal).context("take the terminal")?;
    identity::set_all_stdio(terminal).context("set the standard streams")
}
