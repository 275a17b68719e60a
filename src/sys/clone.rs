//! New processes and the namespaces they start in.
//!
//! Everything forks through [`clone`], which refuses a process that has threads: a lock held by another
//! thread would stay held for ever in the child.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitIdOptions, WaitIdStatus};

use super::socket;

/// The namespaces a child may start in, as `CLONE_NEW*` of clone(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(pub u32);

impl Namespaces {
    pub const USER: Self = Self(libc::CLONE_NEWUSER as u32);
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS as u32);
    pub const PID: Self = Self(libc::CLONE_NEWPID as u32);
    pub const IPC: Self = Self(libc::CLONE_NEWIPC as u32);
    pub const UTS: Self = Self(libc::CLONE_NEWUTS as u32);
    pub const NET: Self = Self(libc::CLONE_NEWNET as u32);
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP as u32);

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that both have.
    pub fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::ops::BitOr for Namespaces {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which side of a [`clone`] this is.
pub enum Forked {
    Parent(Child),
    Child,
}

/// A child process. Dropped, it is killed and reaped: an early return leaves nothing behind.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    armed: bool,
}

impl Child {
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Becomes readable when the process ends.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Waits for the end: the exit code, or 128 + signal.
    pub fn wait(mut self) -> io::Result<i32> {
        let status = wait(self.pidfd.as_fd())?;
        self.armed = false;
        Ok(status)
    }

    /// Lets the child outlive this guard.
    pub fn release(mut self) {
        self.armed = false;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.armed {
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
            let _ = wait(self.pidfd.as_fd());
        }
    }
}

/// Reaps a child by its pidfd: the exit code, or 128 + signal.
pub fn wait(pidfd: BorrowedFd<'_>) -> io::Result<i32> {
    loop {
        match rustix::process::waitid(rustix::process::WaitId::PidFd(pidfd), WaitIdOptions::EXITED) {
            Ok(Some(status)) => return Ok(exit_code(&status)),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The shell's convention for how a process ended.
pub fn exit_code(status: &WaitIdStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 255,
    }
}

/// Duplicates this process into new namespaces, like fork(2). Needs a process without threads.
///
/// Falls back on clone(2) where a filter answers `ENOSYS` to clone3(2), as docker's default does.
pub fn clone(namespaces: Namespaces) -> io::Result<Forked> {
    clone_into(namespaces, None, &SingleThreaded::check()?)
}

/// Like [`clone`], with a child that begins in another control group of version 2, by its directory.
pub fn clone_in_group(namespaces: Namespaces, group: Option<BorrowedFd<'_>>) -> io::Result<Forked> {
    clone_into(namespaces, group, &SingleThreaded::check()?)
}

/// Like [`clone`], with a child that lives among the processes of another pid namespace. A process cannot come back
/// from one that it has turned to, so a second child turns to it and makes the first, as a child of its parent.
pub fn clone_among(
    namespaces: Namespaces,
    pids: BorrowedFd<'_>,
    group: Option<BorrowedFd<'_>>,
) -> io::Result<Forked> {
    let (ours, theirs) = socket::pair()?;
    match clone(Namespaces::default())? {
        Forked::Parent(middle) => {
            drop(theirs);
            let mut answer = [0; 8];
            let (n, pidfd) = socket::receive_with_fd(ours.as_fd(), &mut answer)?;
            middle.wait()?;
            let number = answer[..n].first_chunk::<4>().map(|bytes| i32::from_ne_bytes(*bytes)).unwrap_or(0);
            match (pidfd, Pid::from_raw(number)) {
                (Some(pidfd), Some(pid)) => Ok(Forked::Parent(Child { pid, pidfd, armed: true })),
                (None, Some(errno)) => Err(io::Error::from_raw_os_error(errno.as_raw_nonzero().get())),
                (_, None) => Err(io::Error::other("the process that forks died")),
            }
        }
        Forked::Child => {
            drop(ours);
            let sibling = Namespaces(libc::CLONE_PARENT as u32) | namespaces;
            let forked = super::namespace::join(pids).and_then(|()| clone_in_group(sibling, group));
            let sent = match forked {
                Ok(Forked::Child) => return Ok(Forked::Child),
                Ok(Forked::Parent(child)) => {
                    let number = child.pid().to_ne_bytes();
                    let parts = [io::IoSlice::new(&number)];
                    let sent = socket::send_with_fd(theirs.as_fd(), &parts, Some(child.pidfd()));
                    if sent.is_ok() {
                        child.release();
                    }
                    sent
                }
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes();
                    socket::send(theirs.as_fd(), &[io::IoSlice::new(&errno)])
                }
            };
            exit_now(i32::from(sent.is_err()))
        }
    }
}

/// The proof that a process had no threads, for one whose `/proc` will not show it any more.
pub struct SingleThreaded(());

impl SingleThreaded {
    /// The directory of a process' threads has one link for each, beside `.` and `..`.
    pub fn check() -> io::Result<Self> {
        match rustix::fs::stat("/proc/self/task")?.st_nlink {
            ..=3 => Ok(Self(())),
            _ => Err(io::Error::other("a process with threads must not fork")),
        }
    }
}

/// `CLONE_INTO_CGROUP` of linux/sched.h; the C library's overflows its type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Like [`clone_in_group`], for a process that was checked before it joined other namespaces.
pub fn clone_into(
    namespaces: Namespaces,
    group: Option<BorrowedFd<'_>>,
    _: &SingleThreaded,
) -> io::Result<Forked> {
    let mut pidfd: libc::c_int = -1;
    let flags = u64::from(namespaces.0) | libc::CLONE_PIDFD as u64;
    // SAFETY: clone_args is plain data for which all zeros is valid.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags;
    args.pidfd = &raw mut pidfd as u64;
    // A sibling takes this process' own; saying it again is refused.
    let is_sibling = namespaces.0 & libc::CLONE_PARENT as u32 != 0;
    args.exit_signal = if is_sibling { 0 } else { libc::SIGCHLD as u64 };
    if let Some(group) = &group {
        // Linux 5.7: the child is never anywhere else, not even for its first instruction.
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = group.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child has its own copy of memory and, being the copy of the only
    // thread, may run any code; `pidfd` outlives the call.
    let mut pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    if pid < 0 && group.is_none() && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
        let flags = flags | libc::SIGCHLD as u64;
        // SAFETY: as above; a null stack means a copy of the caller's, and the pidfd is stored through
        // the third argument, on every architecture.
        pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0usize, &raw mut pidfd, 0usize, 0usize) };
    }
    match pid {
        0 => Ok(Forked::Child),
        pid if pid < 0 => Err(io::Error::last_os_error()),
        pid => {
            // SAFETY: the kernel stored a new descriptor there that nothing else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = Pid::from_raw(pid as i32).expect("clone returns a positive pid");
            Ok(Forked::Parent(Child { pid, pidfd, armed: true }))
        }
    }
}

/// Ends this process at once, without running destructors or exit handlers: for forked children, whose
/// copies of the parent's buffers and guards must not act.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit(2) only ends the process.
    unsafe { libc::_exit(code) }
}
