//! The way out of a network: one slirp4netns for all of its containers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use ipnet::{Ipv4Net, Ipv6Net};

use super::names::Names;
use super::neighbours::{self, Neighbours};
use super::segment::{Inside, Segment};
use super::slirp::{self, Addresses, INTERFACE, SlirpOptions, SlirpStack, Target};
use super::subnets;
use crate::base::network::{Endpoint, HOST_LOOPBACK, Network};

/// What lies between the bridge and the stack: nobody sees it but the network itself, so the second is only for a
/// network that has these addresses.
const LINKS: [&str; 2] = ["10.0.2.0/24", "192.168.254.0/24"];

/// The stack's gateway on the first of them.
const DEFAULT_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// slirp4netns' own, which cannot be changed (slirp4netns(1), `--enable-ipv6`): its network's prefix, the gateway, and
/// what is left for us.
const PREFIX6: u8 = 64;
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const OWN6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 100);

/// The largest packet that the stack is told of, in bytes, and so (less 40) the largest segment of a connection that it
/// asks for. It lets 128 kB of each be on their way: of the network's own largest that is two segments, and all on the
/// way wait for each other; of these it is six. Bunched by three they just fit the 64 kB that the kernel hands on at
/// once.
const STACK_MTU: u32 = 21760;

/// What lies between the bridge and the stack for IPv6, on every network with a way out.
pub fn link6() -> Ipv6Net {
    Ipv6Net::new_assert(GATEWAY6, PREFIX6).trunc()
}

/// The addresses on the way out of a network: where its packets go, and who answers questions for names.
pub fn addresses(network: &Network) -> Result<Addresses> {
    Ok(options(network)?.addresses())
}

/// The name server that a network's containers ask.
pub fn resolver(network: &Network) -> Result<Ipv4Addr> {
    Ok(addresses(network)?.dns)
}

/// Where a container reaches the host: the address that the host itself has on its way out, which is nobody's but its
/// own, or else the stack's gateway. None where all networks are internal.
pub fn host_address(endpoints: &[Endpoint]) -> Option<IpAddr> {
    endpoints.iter().find(|endpoint| endpoint.gateway.is_some())?;
    own_address().or(Some(DEFAULT_GATEWAY.into()))
}

/// The address from which this host would send to the world; asking sends nothing.
pub fn own_address() -> Option<IpAddr> {
    /// For documentation (RFC 5737): behind the default route on every host.
    const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ANYWHERE).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

/// The gateway of this host's default route.
pub fn own_gateway() -> Option<IpAddr> {
    subnets::gateway(&std::fs::read_to_string("/proc/net/route").ok()?).map(IpAddr::V4)
}

fn options(network: &Network) -> Result<SlirpOptions> {
    let is_free = |link: &&&str| {
        let link: Ipv4Net = link.parse().expect("the links are networks");
        !link.contains(&network.subnet.network()) && !network.subnet.contains(&link.network())
    };
    let link = LINKS.iter().find(is_free).unwrap_or(&LINKS[0]);
    let mut wanted = vec![format!("cidr={link}"), format!("mtu={}", network.mtu.min(STACK_MTU))];
    wanted.extend(network.ipv6.is_some().then(|| "enable_ipv6=true".to_owned()));
    let is_open = network.options.get(HOST_LOOPBACK).is_some_and(|value| value == "true");
    wanted.extend(is_open.then(|| "allow_host_loopback=true".to_owned()));
    SlirpOptions::parse(&wanted)
}

/// Answers the stack's questions for the network's IPv6 addresses, if it has any.
pub fn answer(names: &Names, segment: &Arc<Segment>, network: &Network) -> Result<Option<Neighbours>> {
    let Some(ipv6) = &network.ipv6 else { return Ok(None) };
    neighbours::serve(&names.handle()?, segment, GATEWAY6, ipv6.subnet).map(Some)
}

/// Starts the stack and sends what leaves the bridge to it.
pub fn start(segment: &Segment, network: &Network, directory: &Path) -> Result<SlirpStack> {
    let stack =
        slirp::start(Target::Namespace(segment.namespace().as_fd()), &options(network)?, &[], directory)?;
    let (mtu, has_ipv6) = (network.mtu, network.ipv6.is_some());
    segment.run(move |inside| open(inside, mtu, has_ipv6))?;
    Ok(stack)
}

fn open(inside: &Inside, mtu: u32, has_ipv6: bool) -> Result<()> {
    inside.set(&format!("net/ipv4/conf/{INTERFACE}/proxy_arp"), "1")?;
    let netlink = inside.netlink();
    let tap = netlink.index(INTERFACE).context("find the stack's interface")?;
    // The stack takes more than it was told of: large datagrams go through as they are.
    netlink.set_mtu(tap, mtu).context("set the largest packet of the stack's interface")?;
    if has_ipv6 {
        let add = || {
            netlink.add_address(tap, IpAddr::V6(OWN6), PREFIX6)?;
            netlink.set_default_route(tap, IpAddr::V6(GATEWAY6))
        };
        add().context("give the stack's interface its IPv6 address")?;
        // Has the kernel listen to questions for them.
        for address in inside.addresses() {
            netlink.add_proxy(tap, address).context("listen for a container's IPv6 address")?;
        }
    }
    Ok(())
}
