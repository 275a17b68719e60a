//! The new mount API (Linux 5.2, mount_setattr 5.12): mounts are made detached, as descriptors, and then
//! attached to a descriptor, so no path is looked up twice.
//!
//! Errors carry the kernel's own explanation, read from the filesystem context's log.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags,
};

/// A filesystem that is being configured.
pub struct Filesystem {
    context: OwnedFd,
}

impl Filesystem {
    /// Starts a new instance of a filesystem type.
    pub fn open(kind: &str) -> io::Result<Self> {
        Ok(Self { context: rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)? })
    }

    /// Sets `key=value`. A value is at most 255 bytes.
    pub fn set(&self, key: &str, value: &str) -> io::Result<()> {
        rustix::mount::fsconfig_set_string(self.context.as_fd(), key, value)
            .map_err(|e| self.explain(e.into()))
    }

    /// Sets a flag.
    pub fn set_flag(&self, key: &str) -> io::Result<()> {
        rustix::mount::fsconfig_set_flag(self.context.as_fd(), key).map_err(|e| self.explain(e.into()))
    }

    /// Makes the instance, mounted nowhere yet.
    pub fn mount(self, attributes: MountAttrFlags) -> io::Result<OwnedFd> {
        rustix::mount::fsconfig_create(self.context.as_fd()).map_err(|e| self.explain(e.into()))?;
        rustix::mount::fsmount(self.context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|e| self.explain(e.into()))
    }

    /// Adds the kernel's log to an error: each read(2) of the context is one message, `e overlay: …`.
    fn explain(&self, error: io::Error) -> io::Error {
        let mut text = String::new();
        let mut buffer = [0u8; 512];
        while let Ok(n) = rustix::io::read(&self.context, &mut buffer) {
            let message = String::from_utf8_lossy(&buffer[..n]);
            let message = message.trim_end();
            let message = message.get(2..).unwrap_or(message);
            text = if text.is_empty() { message.to_owned() } else { format!("{text}; {message}") };
        }
        if text.is_empty() { error } else { io::Error::new(error.kind(), format!("{text}: {error}")) }
    }
}

/// Copies the mount at `path` beneath `base` (with all below it, if `recursive`), attached nowhere yet. An
/// empty path copies what `base` itself refers to. Before Linux 6.15 `base` must be attached in this namespace.
pub fn copy(base: BorrowedFd<'_>, path: &str, recursive: bool) -> io::Result<OwnedFd> {
    #[cfg(debug_assertions)]
    if !is_attached(base) {
        return Err(io::Error::other("older kernels copy no mount that is attached nowhere"));
    }
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if path.is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(rustix::mount::open_tree(base, path, flags)?)
}

/// Whether the mount of `fd` is one of this namespace's, so that tests on a new kernel fail where an older one would.
/// Without a `/proc` of this process it passes.
#[cfg(debug_assertions)]
fn is_attached(fd: BorrowedFd<'_>) -> bool {
    let path = format!("/proc/self/fdinfo/{}", fd.as_raw_fd());
    let (Ok(info), Ok(mounts)) =
        (std::fs::read_to_string(path), std::fs::read_to_string("/proc/self/mountinfo"))
    else {
        return true;
    };
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:")).map(str::trim);
    id.is_none_or(|id| mounts.lines().any(|line| line.split(' ').next() == Some(id)))
}

/// Like [`copy`] for an absolute path in the current root, following links.
pub fn copy_path(path: &std::path::Path, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(rustix::mount::open_tree(CWD, path, flags)?)
}

/// Attaches a detached mount on the file or directory that `target` refers to.
pub fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(rustix::mount::move_mount(mount, "", target, "", flags)?)
}

/// Detaches the mount whose root directory `mount` refers to, and all below it, from where it is attached.
pub fn detach(mount: BorrowedFd<'_>) -> io::Result<()> {
    let path = format!("/proc/self/fd/{}", mount.as_raw_fd());
    Ok(rustix::mount::unmount(path.as_str(), UnmountFlags::DETACH)?)
}

/// What [`set_attributes`] changes; see mount_setattr(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE`, or 0 to leave it.
    pub propagation: u64,
}

impl Attributes {
    pub const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
    pub const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
    pub const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
    pub const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;
    pub const PRIVATE: u64 = libc::MS_PRIVATE;
    pub const SLAVE: u64 = libc::MS_SLAVE;
    pub const SHARED: u64 = libc::MS_SHARED;
}

/// Changes the attributes of the mount that `mount` refers to, and of all below it if `recursive`.
pub fn set_attributes(mount: BorrowedFd<'_>, change: Attributes, recursive: bool) -> io::Result<()> {
    let attr = libc::mount_attr {
        attr_set: change.set,
        attr_clr: change.clear,
        propagation: change.propagation,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let empty: &CStr = c"";
    // SAFETY: the path is a C string and `attr` is passed with its own size; both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            empty.as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Keeps mounts made here from reaching the host, while the host's still arrive.
pub fn make_all_slave() -> io::Result<()> {
    let flags = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    Ok(rustix::mount::mount_change("/", flags)?)
}

/// Makes `root` the root directory and lets go of the old one: pivot_root(2), "pivot_root(\".\", \".\")".
pub fn pivot(root: BorrowedFd<'_>) -> io::Result<()> {
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    // The old root now lies over the new one, and is what "." names.
    rustix::mount::unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Ok(())
}
