//! Network for containers: a private user-mode stack.
pub mod slirp;
