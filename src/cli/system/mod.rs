//! `system`: the verbs about the whole store, one file each.

pub mod check;
pub mod df;
pub mod prune;
