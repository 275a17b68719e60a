//! `--preserve-fd` and `--preserve-fds`: open files of the caller's that a program has too.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};

use crate::sys::exec;

/// The first descriptor that is not a standard stream.
const FIRST: i32 = 3;

#[derive(clap::Args)]
pub struct PreserveFlags {
    /// Give the program open files of ours, under the same numbers
    #[arg(long, value_name = "fd,...", value_delimiter = ',', value_parser = clap::value_parser!(i32).range(FIRST as i64..))]
    preserve_fd: Vec<i32>,
    /// Give the program so many open files of ours, from descriptor 3 on
    #[arg(long, value_name = "n", value_parser = clap::value_parser!(i32).range(0..=1 << 20))]
    preserve_fds: Option<i32>,
}

impl PreserveFlags {
    /// Takes the descriptors over: nothing else that is started here has them. To be called once.
    pub fn take(&self) -> Result<Vec<OwnedFd>> {
        let first = FIRST..FIRST + self.preserve_fds.unwrap_or(0);
        let numbers: BTreeSet<i32> = first.chain(self.preserve_fd.iter().copied()).collect();
        numbers
            .into_iter()
            .map(|number| {
                exec::take_inherited(number).with_context(|| {
                    format!(
                        "file descriptor {number} is not available - the preserve-fds option requires that file \
                         descriptors must be passed"
                    )
                })
            })
            .collect()
    }
}
