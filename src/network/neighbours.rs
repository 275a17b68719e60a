//! Answers the stack's question which machine has a container's IPv6 address: this one, which forwards.
//!
//! The kernel can do so itself (`proxy_ndp`), but it answers under the address of its own interface, and libslirp takes
//! down who sends an advertisement, not what that says (`ndp_input` of its `ip6_icmp.c`). Here each is sent under the
//! address that was asked for.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use anyhow::{Context, Result};
use ipnet::Ipv6Net;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with, sockopt};
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::segment::Segment;
use crate::sys::net;

/// RFC 4861, 4.3 and 4.4: a solicitation and an advertisement, whose targets are at the same place; the least length of
/// both, in bytes; what says that an advertisement is an answer and counts more than what was known; and the hop limit
/// that shows that a packet was not forwarded.
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const TARGET: std::ops::Range<usize> = 8..24;
const SOLICITED_OVERRIDE: u8 = 0x60;
const NEVER_FORWARDED: u8 = 255;

/// The answering, until this is dropped.
pub struct Neighbours(AbortHandle);

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Answers `stack` for all addresses of `subnet` in a network.
pub fn serve(tasks: &Handle, segment: &Arc<Segment>, stack: Ipv6Addr, subnet: Ipv6Net) -> Result<Neighbours> {
    let sockets = segment.run(|_| Ok((listener()?, speaker()?)));
    let (listener, speaker) = sockets.context("open a socket for neighbours")?;
    let _inside = tasks.enter();
    // Which reads and writes raw sockets as well.
    let listener = UdpSocket::from_std(listener.into()).context("wait for neighbours")?;
    let answer = async move {
        let mut buffer = [0; 256];
        while let Ok((size, from)) = listener.recv_from(&mut buffer).await {
            let target = asked(&buffer[..size]).filter(|target| subnet.contains(target));
            if let Some(target) = target.filter(|_| from.ip() == stack) {
                // It asks again.
                let _ = advertise(&speaker, target, stack);
            }
        }
    };
    Ok(Neighbours(tasks.spawn(answer).abort_handle()))
}

/// What a solicitation asks for.
fn asked(packet: &[u8]) -> Option<Ipv6Addr> {
    let target: [u8; 16] = packet.get(TARGET)?.try_into().ok()?;
    (packet.first() == Some(&SOLICITATION)).then(|| target.into())
}

fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::INET6, SocketType::RAW, flags, Some(ipproto::ICMPV6))?)
}

fn listener() -> io::Result<OwnedFd> {
    let socket = open()?;
    net::receive_icmpv6(socket.as_fd(), &[SOLICITATION])?;
    Ok(socket)
}

fn speaker() -> io::Result<OwnedFd> {
    let socket = open()?;
    net::receive_icmpv6(socket.as_fd(), &[])?;
    net::set_transparent(socket.as_fd(), true)?;
    sockopt::set_ipv6_unicast_hops(&socket, Some(NEVER_FORWARDED))?;
    Ok(socket)
}

/// Says under the address of `target` who has it; the kernel adds the sum. Who sends it is on the frame around it.
fn advertise(speaker: &OwnedFd, target: Ipv6Addr, to: Ipv6Addr) -> io::Result<()> {
    let mut packet = [0; TARGET.end];
    packet[0] = ADVERTISEMENT;
    packet[4] = SOLICITED_OVERRIDE;
    packet[TARGET].copy_from_slice(&target.octets());
    let at = |address| SocketAddr::new(IpAddr::V6(address), 0);
    rustix::net::bind(speaker, &at(target))?;
    sendto(speaker, &packet, SendFlags::DONTWAIT, &at(to))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_solicitations_ask() {
        let target: Ipv6Addr = "fd00:1::2".parse().unwrap();
        let mut packet = vec![0; 32];
        packet[TARGET].copy_from_slice(&target.octets());
        packet[0] = SOLICITATION;
        assert_eq!(asked(&packet), Some(target));
        assert_eq!(asked(&packet[..23]), None);
        assert_eq!(asked(&[]), None);
        packet[0] = ADVERTISEMENT;
        assert_eq!(asked(&packet), None);
    }
}
