//! Runs an OCI runtime specification; knows nothing of images or stores.
//!
//! ```text
//! engine ──Plan──> launch ──clone──> child (one stage after the other) ──exec──> starter ──exec──> program
//!                    │ <── Terminal(fd) ── Failed ── end of file ───┘                │
//!                    │ ── Go ─────────────────────────────────────>                  │
//!                    └ <─────── errno, if the program cannot be executed ────────────┘
//! ```
//!
//! - [`plan`] turns the specification into data; nothing is done yet.
//! - [`userns`] makes the user namespace; the caller of [`launch`] has entered it.
//! - [`launch`] is the parent's half, [`child`] the container's own, [`rootfs`] its filesystem,
//!   [`identity`] its last steps before the program, which `exec` shares through [`join`].
//! - [`monitor`] keeps a running container: output, attached clients, the end.

pub mod accounts;
pub mod caps;
pub mod cgroup;
pub mod child;
pub mod console;
pub mod copyup;
pub mod fuse;
pub mod guest;
pub mod identity;
pub mod join;
pub mod launch;
pub mod log;
pub mod monitor;
pub mod mounts;
mod ownership;
pub mod plan;
pub mod probe;
pub mod protocol;
pub mod rootfs;
pub mod seccomp;
pub mod secrets;
pub mod stragglers;
pub mod user;
pub mod userns;
