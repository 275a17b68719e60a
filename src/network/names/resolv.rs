//! The name servers of the host, out of its `resolv.conf`, which is read again when it has changed.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};

use crate::base::file::read_bounded;

const PATH: &str = "/etc/resolv.conf";

/// A file beyond this is none.
const LIMIT: u64 = 64 << 10;

/// So many are asked at most, in their order: the C library takes three (resolv.conf(5), `MAXNS`).
const MOST: usize = 3;

/// The port of name servers (RFC 1035, 4.2).
pub const PORT: u16 = 53;

/// What tells one content of a file from the next: device, inode, size, time of the last change.
type Stamp = (u64, u64, u64, i64, i64);

/// The servers as they were last read.
#[derive(Debug, Default)]
pub struct HostServers {
    known: Mutex<Option<(Stamp, Vec<SocketAddr>)>>,
}

impl HostServers {
    /// The servers as they are now.
    pub fn current(&self) -> Vec<SocketAddr> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A host without the file asks its own server, as the C library does.
        let Ok(about) = fs::metadata(PATH) else { return parse("", index) };
        let stamp = (about.dev(), about.ino(), about.size(), about.mtime(), about.mtime_nsec());
        match &*known {
            Some((before, servers)) if *before == stamp => servers.clone(),
            _ => {
                let content = read_bounded(PATH.as_ref(), LIMIT).unwrap_or_default();
                let servers = parse(&String::from_utf8_lossy(&content), index);
                *known = Some((stamp, servers.clone()));
                servers
            }
        }
    }
}

/// The `nameserver` lines; `index` gives the number of an interface.
fn parse(text: &str, index: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let text = (words.next()? == "nameserver").then(|| words.next())??;
        match text.split_once('%') {
            // An address of a link is nothing without the link (RFC 4007).
            Some((address, link)) => {
                let scope = link.parse().ok().or_else(|| index(link))?;
                Some(SocketAddrV6::new(address.parse().ok()?, PORT, 0, scope).into())
            }
            None => Some(SocketAddr::new(text.parse().ok()?, PORT)),
        }
    };
    let servers: Vec<_> = text.lines().filter_map(server).take(MOST).collect();
    if servers.is_empty() {
        return vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT)];
    }
    servers
}

/// The number of an interface of the host.
fn index(link: &str) -> Option<u32> {
    if link.contains('/') {
        return None;
    }
    fs::read_to_string(format!("/sys/class/net/{link}/ifindex")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_as_the_c_library_reads_them() {
        let index = |link: &str| (link == "eth0").then_some(7);
        for (text, want) in [
            ("", &["127.0.0.1:53"][..]),
            ("search lan\noptions edns0\n", &["127.0.0.1:53"]),
            ("# nameserver 192.0.2.9\nnameserver 127.0.0.53\n", &["127.0.0.53:53"]),
            (
                "nameserver\t192.0.2.1 # first\n  nameserver 2001:db8::1",
                &["192.0.2.1:53", "[2001:db8::1]:53"],
            ),
            ("nameserver fe80::1%eth0\nnameserver fe80::2%3", &["[fe80::1%7]:53", "[fe80::2%3]:53"]),
            ("nameserver fe80::1%gone\nnameserver example\nnameserver", &["127.0.0.1:53"]),
            (
                "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4\n",
                &["1.0.0.1:53", "1.0.0.2:53", "1.0.0.3:53"],
            ),
        ] {
            let got: Vec<_> = parse(text, index).iter().map(SocketAddr::to_string).collect();
            assert_eq!(got, want, "{text:?}");
        }
    }
}
