//! Extended attributes of an archive: which are kept, and which a user namespace cannot set.

use std::os::fd::AsFd;

use anyhow::{Context, Result};
use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// What overlays read as orders: a layer must not hide, redirect or re-own what other layers have.
const ORDERS: [&[u8]; 4] = [b"user.overlay.", b"user.fuseoverlayfs.", b"user.containers.", b"trusted."];
const CAPABILITY: &[u8] = b"security.capability";

/// Whether an attribute is to be set at all.
pub fn is_kept(name: &[u8]) -> bool {
    !ORDERS.iter().any(|order| name.starts_with(order)) && !name.contains(&0)
}

/// Sets one attribute of an open file or directory; false where this namespace or filesystem cannot.
///
/// File capabilities can be set wherever the ids are mapped, and a program without them would not work: there it
/// is an error. With `fold` it is not, since a namespace of one id cannot hold them.
pub fn set(file: impl AsFd, name: &[u8], value: &[u8], fold: bool) -> Result<bool> {
    match rustix::fs::fsetxattr(file, name, value, XattrFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL | Errno::ACCESS) if fold || name != CAPABILITY => {
            Ok(false)
        }
        Err(error) => Err(error).with_context(|| format!("set {}", String::from_utf8_lossy(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_overlays_are_dropped() {
        for (name, kept) in [
            ("security.capability", true),
            ("user.comment", true),
            ("user.overlayer", true),
            ("user.overlay.opaque", false),
            ("user.overlay.redirect", false),
            ("trusted.overlay.opaque", false),
            ("trusted.anything", false),
            ("user.fuseoverlayfs.opaque", false),
            ("user.containers.override_stat", false),
            ("user.a\0b", false),
        ] {
            assert_eq!(is_kept(name.as_bytes()), kept, "{name}");
        }
    }
}
