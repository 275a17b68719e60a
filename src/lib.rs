//! Coracle: a rootless, daemonless container engine and runtime for Linux.
//!
//! The rooms and the one direction in which they may use each other:
//!
//! ```text
//! cli → engine → image, build → registry, layer, store, runtime, network → config, oci → base → sys
//! ```
//!
//! Rows may be skipped downward; modules of one row do not use each other, except that `image` may be
//! used by `build`. `tests/tidy.rs` reads the `use` lines and fails on an arrow that runs back.
//!
//! - `cli` alone parses arguments, prints, and picks exit codes.
//! - `engine` is the verbs as functions; streams are passed in.
//! - `image` joins registry, layers and store: pull, resolve, archives.
//! - `runtime` runs an OCI runtime specification and knows nothing of images or stores.
//! - `sys` is the only room with `unsafe`.
#![deny(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks, clippy::unwrap_used, clippy::dbg_macro, clippy::todo)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod base;
mod build;
mod cli;
mod config;
mod engine;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod image;
mod layer;
mod network;
mod oci;
mod registry;
mod runtime;
mod store;
#[allow(unsafe_code)]
mod sys;

/// Runs the command line of this process and returns its exit code.
pub fn main() -> std::process::ExitCode {
    cli::main()
}
