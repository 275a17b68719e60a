//! Small pieces everything else stands on: digests, files, trees, locks, ids, names, sizes, times, hints, exit
//! codes.
//!
//! Nothing here knows of images or containers.

pub mod boolean;
pub mod copy;
pub mod digest;
pub mod driver_options;
pub mod escape;
pub mod exit;
pub mod failure;
pub mod file;
pub mod hint;
pub mod id;
pub mod idmap;
pub mod list;
pub mod mode;
pub mod names;
pub mod nearest;
pub mod network;
pub mod owner;
pub mod pattern;
pub mod port;
pub mod shares;
pub mod signal;
pub mod size;
pub mod time;
pub mod tour;
pub mod verify;
pub mod walk;
pub mod whole;
pub mod xattr;
