//! The executions that go on in a container: each a file in its run directory, locked by the supervisor of the
//! execution and named by its id.
//!
//! The lock goes with the process, however that ends: a file whose lock can be had is left over, and says nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::layout::{Layout, ids_in};

/// One that goes on, as long as this process lives or until [`Execution::end`].
pub struct Execution {
    directory: OwnedFd,
    id: String,
    _lock: File,
}

impl Execution {
    /// Lists an execution of the container as one of this process.
    pub fn begin(layout: &Layout, container: &str, id: &str) -> io::Result<Self> {
        let path = layout.container_run(container);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&path, flags, Mode::empty())?;
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path.join(id))?;
        // Who looks holds the lock for a moment.
        file.lock()?;
        Ok(Self { directory, id: id.to_owned(), _lock: file })
    }

    /// Takes it off the list, by no path: names may mean what the container wants by now.
    pub fn end(&self) {
        let _ = rustix::fs::unlinkat(&self.directory, &self.id, AtFlags::empty());
    }
}

/// The ids of the executions that go on in a container, in order.
pub fn ids(layout: &Layout, container: &str) -> Vec<String> {
    let directory = layout.container_run(container);
    let mut ids = ids_in(&directory).unwrap_or_default();
    ids.retain(|id| is_locked(&directory.join(id)));
    ids.sort_unstable();
    ids
}

fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn only_the_living_are_listed() {
        let scratch = Scratch::new();
        let run = scratch.layout.container_run("box");
        assert!(ids(&scratch.layout, "box").is_empty(), "no run directory");
        assert!(Execution::begin(&scratch.layout, "box", &"a".repeat(64)).is_err());
        std::fs::create_dir(&run).unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(64));
        let listed = [&c, &a].map(|id| Execution::begin(&scratch.layout, "box", id).unwrap());
        std::fs::write(run.join(&b), "").unwrap();
        std::fs::write(run.join("attach.sock"), "").unwrap();
        assert_eq!(ids(&scratch.layout, "box"), [a.clone(), c]);
        listed[0].end();
        assert_eq!(ids(&scratch.layout, "box"), [a]);
        drop(listed);
        assert!(ids(&scratch.layout, "box").is_empty(), "its process has died");
    }
}
