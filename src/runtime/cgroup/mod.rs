//! Control groups, version 2: where this host has them, where a container gets one, what is written there.
//!
//! ```text
//! coracle-ID.scope  (systemd's, delegated)   or   PARENT/coracle-ID  (plain cgroupfs)
//!   ├ supervisor    the supervisor itself: a group with controllers must not hold processes of its own
//!   └ container     the container, with its limits; made anew for every run, so that its counters are of that run
//!       └ payload   only of a container that manages groups itself: what it sees as the root of all groups
//! ```
//!
//! The supervisor moves into such a place first ([`place`]), by systemd ([`systemd`]) or by mkdir(2); both give a
//! directory that belongs to the user, and all that follows is the same. The container's first process is cloned
//! straight into its group (`CLONE_INTO_CGROUP`, Linux 5.7): no instruction of it runs without its limits.
//!
//! A container without limits has none of this, and nothing here is called for it.

mod bus;
pub mod entrance;
pub mod files;
pub mod group;
pub mod place;
mod systemd;
pub mod values;

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// What control groups a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// Version 2 alone.
    Unified,
    /// Version 1, with an almost empty version 2 beside it: what limits needs is in version 1.
    Hybrid,
    /// Version 1 alone.
    Legacy,
    /// None that are mounted where everybody looks.
    Missing,
}

impl Hierarchy {
    /// Looks at this host.
    pub fn of_host() -> Self {
        Self::at(Path::new(MOUNT))
    }

    fn at(root: &Path) -> Self {
        if root.join("cgroup.controllers").exists() {
            return Self::Unified;
        }
        if root.join("unified/cgroup.controllers").exists() {
            return Self::Hybrid;
        }
        let mut entries = fs::read_dir(root).into_iter().flatten().flatten();
        match entries.any(|entry| entry.path().join("tasks").exists()) {
            true => Self::Legacy,
            false => Self::Missing,
        }
    }

    /// Why no limit can be set here; `None` where they can.
    pub fn objection(self) -> Option<&'static str> {
        match self {
            Self::Unified => None,
            Self::Hybrid | Self::Legacy => {
                Some("this host uses control groups version 1, which an ordinary user cannot be given")
            }
            Self::Missing => Some("this host has no control groups mounted at /sys/fs/cgroup"),
        }
    }
}

/// The group of version 2 that this process is in: a path that begins with `/`.
pub fn own() -> Option<String> {
    own_of(&fs::read_to_string("/proc/self/cgroup").ok()?)
}

/// The group of version 2 that another process is in, as this one sees it.
pub fn of(pid: u32) -> Option<String> {
    own_of(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

/// The line of version 2 in `/proc/PID/cgroup` (man cgroups(7)).
fn own_of(text: &str) -> Option<String> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    path.starts_with('/').then(|| path.to_owned())
}

/// The directory of a group. A path that would lead elsewhere is none.
fn directory(path: &str) -> Option<PathBuf> {
    let relative = path.strip_prefix('/')?;
    let is_plain = relative.split('/').all(|part| part != ".." && part != ".");
    is_plain.then(|| Path::new(MOUNT).join(relative))
}

/// The controllers that this user may use: those that the user's systemd was given, or those of the group that this
/// process is in.
pub fn delegated(by_systemd: bool) -> Vec<String> {
    let uid = rustix::process::getuid().as_raw();
    let group = match (by_systemd, uid) {
        (true, 0) => Some("/".to_owned()),
        (true, uid) => Some(format!("/user.slice/user-{uid}.slice/user@{uid}.service")),
        (false, _) => own(),
    };
    let Some(directory) = group.and_then(|path| directory(&path)) else { return Vec::new() };
    let writable = rustix::fs::access(directory.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).is_ok();
    let text = fs::read_to_string(directory.join("cgroup.controllers")).unwrap_or_default();
    if writable { text.split_whitespace().map(str::to_owned).collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_by_their_files() {
        let host = tempfile::tempdir().unwrap();
        let root = host.path();
        assert_eq!(Hierarchy::at(root), Hierarchy::Missing);
        fs::create_dir_all(root.join("cpu")).unwrap();
        fs::write(root.join("cpu/tasks"), "").unwrap();
        assert_eq!(Hierarchy::at(root), Hierarchy::Legacy);
        fs::create_dir_all(root.join("unified")).unwrap();
        fs::write(root.join("unified/cgroup.controllers"), "").unwrap();
        assert_eq!(Hierarchy::at(root), Hierarchy::Hybrid);
        fs::write(root.join("cgroup.controllers"), "cpu").unwrap();
        assert_eq!(Hierarchy::at(root), Hierarchy::Unified);
    }

    #[test]
    fn the_own_group_is_that_of_version_2() {
        for (text, want) in [
            ("0::/user.slice/a.scope\n", Some("/user.slice/a.scope")),
            ("3:cpu:/x\n1:name=systemd:/y\n0::/\n", Some("/")),
            ("3:cpu:/x\n", None),
        ] {
            assert_eq!(own_of(text).as_deref(), want);
        }
    }

    #[test]
    fn a_group_is_beneath_the_mount() {
        assert_eq!(directory("/a/b"), Some(PathBuf::from("/sys/fs/cgroup/a/b")));
        for path in ["a", "/a/../b", "/..", "/./a"] {
            assert_eq!(directory(path), None, "{path}");
        }
    }
}
