//! `network`: the verbs about networks, one file each.

pub mod create;
pub mod ls;
pub mod prune;
pub mod rm;
