//! What every test stands on: a [`Sandbox`] that runs the real binary with a home of its own, images made
//! in memory, registries on loopback (a true one and one that lies), a terminal, and a probe that looks
//! around inside a container.
//!
//! A test that cannot run here says why with [`skip!`] and passes; it never passes in silence.

pub mod image;
pub mod output;
pub mod pty;
pub mod registry;
pub mod sandbox;
pub mod server;
pub mod trace;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub use image::{Compression, Entry, Image, Layer};
pub use output::Output;
pub use pty::Pty;
pub use registry::{Access, Registry};
pub use sandbox::Sandbox;
pub use server::{Body, Request, Response, Server};

/// How long anything may take before a test fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says why a test cannot run here, and leaves it.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {{
        $crate::support::say_skipped(&format!($($reason)*));
        return;
    }};
}

/// Whether this user is somebody else than root and has ids to give away; says so if not.
#[macro_export]
macro_rules! needs_a_user_with_ids {
    () => {
        if $crate::support::is_root() {
            $crate::skip!("root has no other id to keep");
        }
        if !$crate::support::has_subordinate_ids() {
            $crate::skip!("no subordinate ids for this user");
        }
    };
}

/// Whether a container can have ids among which the user's own is not; says so if not.
#[macro_export]
macro_rules! needs_ids_without_the_user {
    () => {
        if $crate::support::is_driver("fuse-overlayfs") {
            $crate::skip!("fuse-overlayfs serves no container that has not the user's own id");
        }
    };
}

/// Whether the suite is run with this storage driver. That `overlay` is the default says nothing of it.
pub fn is_driver(name: &str) -> bool {
    std::env::var("CORACLE_STORAGE_DRIVER").is_ok_and(|driver| driver == name)
}

/// Writes past the test runner's capture, which hides what a passing test prints.
pub fn say_skipped(reason: &str) {
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped {name}: {reason}");
}

/// The coracle that was built with these tests.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_coracle"))
}

/// The source tree.
pub fn source_tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// A file that `tests/run.sh` makes, if it is there.
pub fn fixture(name: &str) -> Option<PathBuf> {
    let directory = std::env::var_os("CORACLE_TEST_FIXTURES")
        .map_or_else(|| source_tree().join("target/fixtures"), PathBuf::from);
    let path = directory.join(name);
    path.exists().then_some(path)
}

/// Where a program is, if it is installed.
pub fn program(name: &str) -> Option<PathBuf> {
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .into_iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
}

/// Asks again and again until `question` has an answer.
pub fn eventually<T>(what: &str, question: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE / 3, question).unwrap_or_else(|| panic!("waited in vain: {what}"))
}

/// Asks until `question` has an answer or the time is over.
pub fn within<T>(time: Duration, mut question: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(answer) = question() {
            return Some(answer);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether this user's namespaces may hold more than one id: subordinate ids are there, and the tools. Root
/// needs neither.
pub fn has_subordinate_ids() -> bool {
    is_root() || unshare(&["true"]).is_some_and(|output| output.status.success())
}

/// Runs a program as user 0 of a user namespace in which all subordinate ids exist.
pub fn unshare(command: &[&str]) -> Option<std::process::Output> {
    Command::new("unshare").args(["--map-root-user", "--map-auto"]).args(command).output().ok()
}

/// Removes a directory that may hold files of subordinate ids.
pub fn remove_tree(path: &Path) {
    if std::fs::remove_dir_all(path).is_ok() || !path.exists() {
        return;
    }
    let text = path.to_str().expect("sandboxes have plain names");
    let script = "chmod -R u+rwX \"$1\"; rm -rf \"$1\"";
    let _ = unshare(&["sh", "-c", script, "sh", text]);
    assert!(!path.exists(), "{text} could not be removed");
}
