//! Building images: the Dockerfile language, the files that its steps copy, and the order of the steps.
//!
//! Nothing here makes a namespace, or a process but `git`: `engine::build` carries out what is decided here.

pub mod checksum;
pub mod context;
pub mod copy;
pub mod diagnostic;
pub mod dockerfile;
mod expand;
pub mod gather;
pub mod glob;
pub mod ignore;
pub mod lint;
pub mod select;
pub mod step;

#[cfg(test)]
mod tests;
