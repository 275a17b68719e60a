//! `--preserve-fd` and `--preserve-fds`: open files of the caller's that a program has too.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};

use crate::config::env;
use crate::engine::caller::{Activation, Preserved};
use crate::sys::exec;

/// The first descriptor that is not a standard stream.
const FIRST: i32 = 3;
/// More than any process may have.
const MOST: i32 = 1 << 20;

#[derive(clap::Args)]
pub struct PreserveFlags {
    /// Give the program open files of ours, under the same numbers
    #[arg(long, value_name = "fd,...", value_delimiter = ',', value_parser = clap::value_parser!(i32).range(FIRST as i64..))]
    preserve_fd: Vec<i32>,
    /// Give the program so many open files of ours, from descriptor 3 on
    #[arg(long, value_name = "n", value_parser = clap::value_parser!(i32).range(0..=MOST as i64))]
    preserve_fds: Option<i32>,
}

impl PreserveFlags {
    /// Takes the descriptors over: nothing else that is started here has them. To be called once.
    pub fn take(&self) -> Result<Vec<OwnedFd>> {
        self.take_with(0)
    }

    /// The same, and what systemd has started this process with: podman's rule.
    pub fn take_with_activation(&self) -> Result<Preserved> {
        let activation = activation();
        let count = activation.as_ref().map_or(0, |activation| activation.count);
        Ok(Preserved { fds: self.take_with(count)?, activation })
    }

    fn take_with(&self, activated: i32) -> Result<Vec<OwnedFd>> {
        let first = FIRST..FIRST + self.preserve_fds.unwrap_or(0).max(activated);
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

/// The sockets that are meant for this process: sd_listen_fds(3).
fn activation() -> Option<Activation> {
    let pid: u32 = env::value("LISTEN_PID")?.parse().ok()?;
    let count = env::value("LISTEN_FDS")?.parse().ok().filter(|count| (1..=MOST).contains(count))?;
    (pid == std::process::id()).then(|| Activation { count, names: env::value("LISTEN_FDNAMES") })
}
