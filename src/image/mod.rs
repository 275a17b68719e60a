//! Joins registry, layers and store: resolve a name, pull, read archives.

pub mod archive;
pub mod builtin;
pub mod ingest;
pub mod progress;
pub mod pull;
pub mod resolve;
