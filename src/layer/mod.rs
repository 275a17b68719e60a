//! Unpacked layers: tar streams to directories, and back.
//!
//! Source: OCI image-spec v1.1 `layer.md`; POSIX pax; `tar(5)` of GNU tar. The stream is a stranger's: its names are
//! resolved beneath one directory handle, its sizes are bounded, and what it cannot mean is an error.

mod acl;
pub mod compare;
pub mod compress;
pub mod entries;
pub mod members;
pub mod name;
pub mod pack;
mod pax;
pub mod shift;
mod sparse;
pub mod stack;
mod tree;
pub mod unpack;
pub mod whiteout;

pub use entries::{BLOCK, begins_archive};

#[cfg(test)]
mod hostile;
