//! The formats of the Open Container Initiative and docker as plain structures, without input or output.
//!
//! Manifests, indexes and the runtime specification are `oci-spec`'s. The image configuration is ours:
//! docker writes fields that the OCI leaves out (`Healthcheck`, `OnBuild`, `Shell`).

pub mod image;
pub mod media;
pub mod platform;
pub mod reference;
