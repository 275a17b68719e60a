//! What the host and the user have set: directories, environment, subordinate ids, registries.

pub mod binfmt;
pub mod credentials;
pub mod docker;
mod document;
pub mod env;
pub mod linger;
pub mod paths;
pub mod policy;
pub mod registries;
pub mod settings;
pub mod subid;
pub mod systemd;
