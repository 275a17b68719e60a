//! Joining namespaces that exist.

use std::io;
use std::os::fd::BorrowedFd;

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
