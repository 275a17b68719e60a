//! `network`: the verbs about networks, one file each.

pub mod connect;
pub mod create;
pub mod disconnect;
pub mod ls;
pub mod prune;
pub mod reload;
pub mod rm;
