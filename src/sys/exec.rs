//! The last steps before a program: credentials, capabilities, descriptors, execve(2).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::thread::{CapabilitySet, CapabilitySets};

/// Becomes the user and the groups, for good. Without `groups` the supplementary groups stay as they are:
/// a namespace with a single id forbids setgroups(2).
pub fn become_user(uid: u32, gid: u32, groups: Option<&[u32]>) -> io::Result<()> {
    if let Some(groups) = groups {
        let groups: Vec<_> = groups.iter().map(|&gid| rustix::process::Gid::from_raw(gid)).collect();
        rustix::thread::set_thread_groups(&groups)?;
    }
    let gid = rustix::process::Gid::from_raw(gid);
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    let uid = rustix::process::Uid::from_raw(uid);
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

/// Becomes another user and group, for good, and keeps the capabilities that this process has.
pub fn become_user_with_capabilities(uid: u32, gid: u32) -> io::Result<()> {
    let sets = rustix::thread::capabilities(None)?;
    rustix::thread::set_keep_capabilities(true)?;
    become_user(uid, gid, None)?;
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// Takes from the bounding set every capability the kernel knows that is not in `keep`.
pub fn bound_capabilities(keep: u64) -> io::Result<()> {
    for number in 0..64 {
        if keep & (1 << number) == 0 {
            // SAFETY: PR_CAPBSET_DROP takes a number and touches no memory.
            let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
            if result != 0 {
                let error = io::Error::last_os_error();
                // The first number that the kernel does not know ends the list.
                return if error.raw_os_error() == Some(libc::EINVAL) { Ok(()) } else { Err(error) };
            }
        }
    }
    Ok(())
}

/// Sets the effective, permitted and inheritable sets of this process.
pub fn set_capabilities(effective: u64, permitted: u64, inheritable: u64) -> io::Result<()> {
    let set = CapabilitySet::from_bits_retain;
    let sets = CapabilitySets {
        effective: set(effective),
        permitted: set(permitted),
        inheritable: set(inheritable),
    };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// Adds to the ambient set what is in `set`; it must be permitted and inheritable.
pub fn raise_ambient(set: u64) -> io::Result<()> {
    for number in (0..64).filter(|number| set & (1 << number) != 0) {
        // SAFETY: PR_CAP_AMBIENT takes numbers and touches no memory.
        let result = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Lets the programs that this process executes have the capabilities that it has itself.
pub fn pass_capabilities_on() -> io::Result<()> {
    let mut sets = rustix::thread::capabilities(None)?;
    sets.inheritable = sets.permitted;
    rustix::thread::set_capabilities(None, sets)?;
    raise_ambient(sets.permitted.bits())
}

/// Marks every descriptor from `first` on close-on-exec (Linux 5.11), so that nothing leaks into a program
/// whatever was opened before (CVE-2024-21626).
pub fn close_on_exec_from(first: i32) -> io::Result<()> {
    // SAFETY: close_range(2) with CLOSE_RANGE_CLOEXEC closes nothing; it sets a flag.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes over a descriptor that this process was started with; `None` if there is none of this number. Not for the
/// standard streams, and for each number once.
pub fn take_inherited(number: i32) -> Option<OwnedFd> {
    // SAFETY: F_GETFD touches no memory, and a number that is no descriptor is an error.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    // What this process has opened itself is close-on-exec without exception, and has an owner already.
    if number < 3 || flags == -1 || flags & libc::FD_CLOEXEC != 0 {
        return None;
    }
    // SAFETY: it is open, and nobody here owns what came from outside.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC).ok()?;
    Some(fd)
}

/// Closes every descriptor but the standard streams and those given: for a forked child that has no use for its
/// parent's, and never drops what owned them, because it ends by [`super::clone::exit_now`].
pub fn close_all_but(mut kept: [BorrowedFd<'_>; 2]) {
    kept.sort_by_key(AsRawFd::as_raw_fd);
    let mut first = 3;
    for fd in kept {
        close_range(first, fd.as_raw_fd() - 1);
        first = fd.as_raw_fd() + 1;
    }
    close_range(first, i32::MAX);
}

/// Closes every descriptor but the standard streams, for the same.
pub fn close_all() {
    close_range(3, i32::MAX);
}

fn close_range(first: i32, last: i32) {
    if first <= last {
        // SAFETY: nothing of this process uses or drops these descriptors any more: see `close_all_but`.
        unsafe { libc::syscall(libc::SYS_close_range, first as libc::c_uint, last as libc::c_uint, 0) };
    }
}

/// Lets a descriptor survive the next execve(2).
pub fn keep_on_exec(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?)
}

/// Makes these the standard streams of this process.
pub fn set_stdio(stdin: BorrowedFd<'_>, stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>) -> io::Result<()> {
    rustix::stdio::dup2_stdin(stdin)?;
    rustix::stdio::dup2_stdout(stdout)?;
    rustix::stdio::dup2_stderr(stderr)?;
    Ok(())
}

/// Executes the program that `file` is an open descriptor of; returns only with an error.
pub fn execute(file: BorrowedFd<'_>, arguments: &[CString], environment: &[CString]) -> io::Error {
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    let empty: &CStr = c"";
    // SAFETY: both lists end with a null pointer and hold pointers to C strings that outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_raw_fd(),
            empty.as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    io::Error::last_os_error()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain(std::iter::once(std::ptr::null())).collect()
}
