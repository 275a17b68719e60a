//! Extended attributes of an archive: which are kept, and which a user namespace cannot set.

use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// What overlays read as orders: a layer must not hide, redirect or re-own what other layers have.
const ORDERS: [&[u8]; 4] = [b"user.overlay.", b"user.fuseoverlayfs.", b"user.containers.", b"trusted."];
/// The kernel's bound for the list of names, and for one value: xattr(7).
const LIMIT: usize = 64 << 10;
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

/// The attributes of an open file whose names are wanted, in the order of their names.
pub fn read(file: BorrowedFd<'_>, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    // Most files have none, which costs no buffer to find out.
    if !rustix::fs::flistxattr_query(file).is_ok_and(|length| length > 0) {
        return Vec::new();
    }
    let mut names = vec![0; LIMIT];
    let Ok(length) = rustix::fs::flistxattr(file, &mut names[..]) else { return Vec::new() };
    let mut xattrs = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty() && is_wanted(name)) {
        let mut value = vec![0; LIMIT];
        let Ok(length) = rustix::fs::fgetxattr(file, name, &mut value[..]) else { continue };
        value.truncate(length);
        xattrs.push((name.to_vec(), value));
    }
    xattrs.sort();
    xattrs
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
