//! How a further process of a container comes into its control group.
//!
//! A process may move only where it may write in the group above both ends: from a login session, which is root's, to
//! a scope of the user only systemd can move it. Our supervisors are in the scope already.

use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};

use super::bus::Bus;
use super::group::Group;
use super::place::Manager;
use super::{own, systemd};

/// The way in.
pub enum Entrance {
    /// The container has no group.
    Nowhere,
    /// The process is cloned into it.
    Clone(Group),
    /// systemd moves it.
    Systemd { bus: Box<Bus>, unit: String, group: String },
}

impl Entrance {
    /// The way into the group of this path, for children of this process. What it needs is open from here on: the
    /// process may join namespaces in which no path means the same.
    pub fn to(path: Option<&str>, manager: &Manager) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Nowhere) };
        let own = own().unwrap_or_default();
        match (scope_of(path), manager) {
            (Some((unit, scope, group)), Manager::Systemd(socket)) if !is_within(&own, scope) => {
                let bus = Box::new(Bus::connect(socket)?);
                Ok(Self::Systemd { bus, unit: unit.to_owned(), group: group.to_owned() })
            }
            _ => {
                Ok(Self::Clone(Group::open(path).with_context(|| format!("open the control group {path}"))?))
            }
        }
    }

    /// The group to clone into.
    pub fn group(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Clone(group) => Some(group.as_fd()),
            Self::Nowhere | Self::Systemd { .. } => None,
        }
    }

    /// Lets a process in that was cloned outside.
    pub fn admit(&mut self, pid: i32) -> Result<()> {
        match self {
            Self::Systemd { bus, unit, group } => {
                let pid = u32::try_from(pid).context("a process id is positive")?;
                systemd::attach(bus, unit, group, pid)
                    .context("move the process to the container's control group")
            }
            Self::Nowhere | Self::Clone(_) => Ok(()),
        }
    }
}

/// The unit, its path, and what is beneath, of a group in one of our scopes.
fn scope_of(path: &str) -> Option<(&str, &str, &str)> {
    let mut end = 0;
    for unit in path.split('/') {
        end += unit.len();
        // A container that has the whole of its scope's path beneath it could have made more of that name.
        if unit.starts_with(super::place::PREFIX) && unit.ends_with(".scope") && end < path.len() {
            return Some((unit, &path[..end], &path[end..]));
        }
        end += 1;
    }
    None
}

fn is_within(path: &str, group: &str) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes() {
        assert_eq!(
            scope_of("/user.slice/coracle-1.scope/container"),
            Some(("coracle-1.scope", "/user.slice/coracle-1.scope", "/container"))
        );
        assert_eq!(
            scope_of("/u/coracle-1.scope/container/payload/coracle-2.scope/x"),
            Some(("coracle-1.scope", "/u/coracle-1.scope", "/container/payload/coracle-2.scope/x"))
        );
        for path in
            ["/a/coracle-1/container", "/a/session-1.scope/container", "container", "/a/coracle-1.scope"]
        {
            assert_eq!(scope_of(path), None, "{path}");
        }
        assert!(is_within("/a.scope/x", "/a.scope") && is_within("/a.scope", "/a.scope"));
        assert!(!is_within("/a.scopes", "/a.scope"));
    }
}
