//! Joins registry, layers and store: resolve a name, pull, push, read and write archives.

pub mod admission;
pub mod archive;
pub mod builtin;
pub mod compose;
pub mod decode;
pub mod ingest;
pub mod progress;
pub mod pull;
pub mod push;
pub mod remote;
pub mod resolve;
pub mod save;
pub mod seal;
pub mod search;
mod signature;
