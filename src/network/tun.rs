//! The kernel's device that every user-mode stack needs.

use std::fs::File;
use std::io;

use anyhow::{Context, Result};

use crate::base::hint::HintExt;

const TUN: &str = "/dev/net/tun";

/// Whether the device can be had. It is the commonest thing to be missing, in containers above all, and the programs'
/// own words do not name it.
pub fn check() -> Result<()> {
    let opened = File::options().read(true).write(true).open(TUN);
    let Err(error) = opened else { return Ok(()) };
    let mend = match error.kind() {
        io::ErrorKind::NotFound => "sudo modprobe tun",
        io::ErrorKind::PermissionDenied => "sudo chmod 0666 /dev/net/tun",
        // ENODEV: the node is there and the driver is not.
        _ => "sudo modprobe tun",
    };
    Err(error).with_context(|| format!("open {TUN}")).hint(|| format!("{mend}, or use --network host"))
}
