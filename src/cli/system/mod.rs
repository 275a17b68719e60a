//! `system`: the verbs about the whole store, one file each.

pub mod df;
pub mod prune;
