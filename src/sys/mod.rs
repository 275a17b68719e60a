//! The kernel's interface, typed and owning its descriptors: the only room with `unsafe`.

pub mod bpf;
pub mod clone;
pub mod exec;
pub mod lock;
pub mod memfd;
pub mod mount;
pub mod namespace;
pub mod net;
pub mod path;
pub mod process;
pub mod signal;
pub mod socket;
