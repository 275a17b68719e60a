//! Joining namespaces that exist.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::clone::Namespaces;

/// Joins one namespace by its descriptor (`/proc/<pid>/ns/*`).
pub fn join(namespace: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::thread::move_into_link_name_space(namespace, None)?)
}

/// Joins several namespaces of the process behind a pidfd in one step (Linux 5.8). A pid namespace is
/// entered by the children only.
pub fn join_process(pidfd: BorrowedFd<'_>, namespaces: Namespaces) -> io::Result<()> {
    let types = rustix::thread::ThreadNameSpaceType::from_bits_retain(namespaces.0);
    Ok(rustix::thread::move_into_thread_name_spaces(pidfd, types)?)
}

/// Gives this process a mount namespace of its own, a copy of the one it was in.
pub fn separate_mounts() -> io::Result<()> {
    Ok(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?)
}

/// Gives this thread a new network namespace.
pub fn separate_network() -> io::Result<()> {
    Ok(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)?)
}

/// Shows this process its own control group as the root of all.
pub fn separate_groups() -> io::Result<()> {
    Ok(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP)?)
}

/// The user namespace that another one was made in (man ioctl_nsfs(2)). `None` if that is beyond the caller's own.
pub fn parent(namespace: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    /// `NS_GET_PARENT` of linux/nsfs.h: `_IO(0xb7, 2)`.
    const NS_GET_PARENT: libc::Ioctl = 0xb702;
    related(namespace, NS_GET_PARENT)
}

/// The user namespace that owns another namespace (man ioctl_nsfs(2)). `None` if that is beyond the caller's own.
pub fn owner(namespace: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    /// `NS_GET_USERNS` of linux/nsfs.h: `_IO(0xb7, 1)`.
    const NS_GET_USERNS: libc::Ioctl = 0xb701;
    related(namespace, NS_GET_USERNS)
}

/// Whether it is a network namespace (man ioctl_nsfs(2)).
pub fn is_network(namespace: BorrowedFd<'_>) -> bool {
    /// `NS_GET_NSTYPE` of linux/nsfs.h: `_IO(0xb7, 3)`.
    const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
    // SAFETY: this ioctl takes no argument, and is of no effect on what is no namespace.
    let kind = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_NSTYPE) };
    kind == libc::CLONE_NEWNET
}

/// A user namespace that the kernel names by a request without an argument.
fn related(namespace: BorrowedFd<'_>, request: libc::Ioctl) -> io::Result<Option<OwnedFd>> {
    // SAFETY: these ioctls take no argument and give a new descriptor.
    let fd = unsafe { libc::ioctl(namespace.as_raw_fd(), request) };
    if fd >= 0 {
        // SAFETY: the kernel has just made this descriptor for the caller.
        return Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }));
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::EPERM) => Ok(None),
        error => Err(error),
    }
}
