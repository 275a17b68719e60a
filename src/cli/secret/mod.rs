//! `secret`: the verbs about secrets, one file each.

pub mod create;
pub mod inspect;
pub mod ls;
pub mod rm;
