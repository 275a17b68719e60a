//! The HTTP side of registries: names to manifests, digests to bytes. Knows no disk layout.
//!
//! Source: OCI distribution-spec v1.1; docker's token authentication (`distribution/docs/spec/auth`).
//!
//! ```text
//! client     one repository: requests, retries, verified documents
//! blob       a layer as a stream that survives broken connections
//! listing    tags, repositories, and what a search finds
//! upload     what a push sends: blobs, taken over or in pieces, and manifests     pulse  is it still going on?
//! auth       from a challenge to an Authorization header      challenge  WWW-Authenticate
//! transport  HTTP clients with the right certificates, redirects by hand     proxy  what stands before a registry
//! retry      which failures are worth another try, and when   failure    what went wrong, in words
//! ```
//!
//! Three rules hold for every request. Credentials go to the registry's own origin and to the token server
//! that it named, nowhere else, whatever a redirect says (CVE-2020-15157). Nothing that began over HTTPS
//! goes on over plain HTTP. Every answer is read up to a limit, and what has a digest is hashed.

mod auth;
mod blob;
pub mod challenge;
mod client;
mod download;
mod failure;
mod listing;
mod proxy;
mod pulse;
mod retry;
mod transport;
mod trust;
mod upload;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use auth::Access;
pub use client::{Document, Registry};
pub use download::download;
pub use failure::Failure;
pub use listing::Found;
pub use retry::Retry;
pub use transport::Options;
pub use upload::{Content, Mounted, Upload};
