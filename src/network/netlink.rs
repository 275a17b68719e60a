//! Links, addresses and routes of a network namespace, by rtnetlink(7).

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use ipnet::IpNet;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridgePort, InfoData, InfoKind, InfoPortData,
    InfoPortKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage, RulePortRange};
use netlink_packet_route::{AddressFamily, IpProtocol, RouteNetlinkMessage};
use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::base::port::Protocol;

/// More than any answer to these requests.
const ANSWER_LIMIT: usize = 32 << 10;
/// The kernel's own limit (linux/netdevice.h), which pairs of links have too.
const GSO_MAX_SIZE: u32 = 8 * 65_535;

/// A socket to the network namespace that the thread was in when it was opened.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
}

/// How large packets of a link may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct PacketSizes {
    /// Of one that leaves the link as it is.
    pub mtu: u32,
    /// Of one that stands for several within the kernel; `None` is what the kernel takes by itself, 64 KiB.
    pub gso: Option<u32>,
}

/// One end of a pair of connected links.
pub struct End<'a> {
    pub name: &'a str,
    pub mac: Option<[u8; 6]>,
    /// Another network namespace to make it in.
    pub namespace: Option<BorrowedFd<'a>>,
    /// The bridge, by number, of which it is an open port from the start.
    pub bridge: Option<u32>,
}

/// Has packets of some ports routed by a table of their own (ip-rule(8)).
#[derive(Clone, Debug)]
pub struct Rule {
    /// By which they come.
    pub interface: &'static str,
    pub from: IpAddr,
    pub protocol: Protocol,
    /// From which they were sent.
    pub ports: RangeInclusive<u16>,
    pub table: u8,
}

impl Netlink {
    /// Opens a socket to the thread's network namespace.
    pub fn open() -> io::Result<Self> {
        let family = rustix::net::AddressFamily::NETLINK;
        // The first protocol is NETLINK_ROUTE.
        let socket = rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// The number of a link.
    pub fn index(&self, name: &str) -> io::Result<u32> {
        self.link(name).map(|link| link.header.index)
    }

    /// The size of packets within the kernel that pairs of links can be made with: more than its own 64 KiB since
    /// Linux 6.3, which tells of that by the attribute.
    pub fn largest_gso(&self, bridge: &str) -> io::Result<Option<u32>> {
        let link = self.link(bridge)?;
        let is_known = |attribute: &LinkAttribute| matches!(attribute, LinkAttribute::GsoIpv4MaxSize(_));
        Ok(link.attributes.iter().any(is_known).then_some(GSO_MAX_SIZE))
    }

    fn link(&self, name: &str) -> io::Result<LinkMessage> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.request(RouteNetlinkMessage::GetLink(link), 0)? {
            Some(RouteNetlinkMessage::NewLink(link)) => Ok(link),
            _ => Err(io::Error::from_raw_os_error(libc::ENODEV)),
        }
    }

    /// Makes a bridge.
    pub fn add_bridge(&self, name: &str, mac: [u8; 6], mtu: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::Mtu(mtu),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.create(RouteNetlinkMessage::NewLink(link))
    }

    /// Makes two links that are connected to each other, each where it is to stay: moving one would have the kernel
    /// wait for every processor.
    pub fn add_pair(&self, near: &End<'_>, far: &End<'_>, sizes: PacketSizes) -> io::Result<()> {
        let mut link = describe(near, sizes);
        let data = InfoData::Veth(InfoVeth::Peer(describe(far, sizes)));
        let info = vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)];
        link.attributes.push(LinkAttribute::LinkInfo(info));
        self.create(RouteNetlinkMessage::NewLink(link))
    }

    /// Has a closed link give itself no IPv6 address when it is opened, so that it says nothing by itself either.
    pub fn set_silent(&self, index: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
        link.attributes = vec![LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])])];
        match self.request(RouteNetlinkMessage::SetLink(link), NLM_F_ACK) {
            // The kernel has no IPv6.
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Ok(()),
            set => set.map(drop),
        }
    }

    /// Lets a port of a bridge reach the bridge alone, and no other port like it.
    pub fn isolate(&self, index: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        let port = InfoPortData::BridgePort(vec![InfoBridgePort::Isolated(true)]);
        let info = vec![LinkInfo::PortKind(InfoPortKind::Bridge), LinkInfo::PortData(port)];
        link.attributes = vec![LinkAttribute::LinkInfo(info)];
        // Data of ports is taken by this message alone, also where nothing is new.
        self.request(RouteNetlinkMessage::NewLink(link), NLM_F_ACK).map(drop)
    }

    /// Opens a link.
    pub fn bring_up(&self, index: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        self.request(RouteNetlinkMessage::SetLink(link), NLM_F_ACK).map(drop)
    }

    /// Sets the largest packet of a link, in bytes.
    pub fn set_mtu(&self, index: u32, mtu: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes.push(LinkAttribute::Mtu(mtu));
        self.request(RouteNetlinkMessage::SetLink(link), NLM_F_ACK).map(drop)
    }

    /// Takes a link away, and the one that it is connected to.
    pub fn delete(&self, name: &str) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.request(RouteNetlinkMessage::DelLink(link), NLM_F_ACK).map(drop)
    }

    /// Gives a link an address, without asking around whether somebody else has it.
    pub fn add_address(&self, index: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = prefix;
        message.header.index = index;
        message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        if address.is_ipv6() {
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        self.create(RouteNetlinkMessage::NewAddress(message))
    }

    /// Sends everything that no other route takes to `gateway`, and no more to another.
    pub fn set_default_route(&self, index: u32, gateway: IpAddr) -> io::Result<()> {
        let mut route = RouteMessage::default();
        route.header = RouteHeader {
            address_family: family(gateway),
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        let gateway = match gateway {
            IpAddr::V4(address) => RouteAddress::Inet(address),
            IpAddr::V6(address) => RouteAddress::Inet6(address),
        };
        route.attributes = vec![RouteAttribute::Gateway(gateway), RouteAttribute::Oif(index)];
        let message = RouteNetlinkMessage::NewRoute(route);
        self.request(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE).map(drop)
    }

    /// Listens on a link to questions for an IPv6 address that is behind another.
    pub fn add_proxy(&self, index: u32, address: Ipv6Addr) -> io::Result<()> {
        let message = RouteNetlinkMessage::NewNeighbour(proxy(index, address));
        self.request(message, NLM_F_ACK | NLM_F_CREATE).map(drop)
    }

    /// Listens no more.
    pub fn remove_proxy(&self, index: u32, address: Ipv6Addr) -> io::Result<()> {
        self.request(RouteNetlinkMessage::DelNeighbour(proxy(index, address)), NLM_F_ACK).map(drop)
    }

    /// Makes a table by which everything of the kind of `like` is for this host itself, if it is not there yet.
    pub fn add_local_table(&self, like: IpAddr, table: u8) -> io::Result<()> {
        let mut route = RouteMessage::default();
        route.header = RouteHeader {
            address_family: family(like),
            table,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Host,
            kind: RouteType::Local,
            ..RouteHeader::default()
        };
        route.attributes = vec![RouteAttribute::Oif(self.index("lo")?)];
        match self.create(RouteNetlinkMessage::NewRoute(route)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Adds a rule before those that are there.
    pub fn add_rule(&self, rule: &Rule) -> io::Result<()> {
        self.create(RouteNetlinkMessage::NewRule(rule.message()))
    }

    /// Refuses to hand on what comes by a link for one of these addresses.
    pub fn prohibit(&self, interface: &str, to: IpNet) -> io::Result<()> {
        let mut rule = RuleMessage::default();
        rule.header.family = family(to.addr());
        rule.header.dst_len = to.prefix_len();
        rule.header.action = RuleAction::Prohibit;
        rule.attributes =
            vec![RuleAttribute::Iifname(interface.to_owned()), RuleAttribute::Destination(to.network())];
        self.create(RouteNetlinkMessage::NewRule(rule))
    }

    /// Takes a rule away.
    pub fn delete_rule(&self, rule: &Rule) -> io::Result<()> {
        self.request(RouteNetlinkMessage::DelRule(rule.message()), NLM_F_ACK).map(drop)
    }

    fn create(&self, message: RouteNetlinkMessage) -> io::Result<()> {
        self.request(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Sends a request and takes the first answer: what was asked for, or nothing where it was done.
    fn request(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Option<RouteNetlinkMessage>> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        rustix::net::send(&self.socket, &bytes, SendFlags::empty())?;
        let mut answer = vec![0; ANSWER_LIMIT];
        let (size, _) = rustix::io::retry_on_intr(|| {
            rustix::net::recv(self.socket.as_fd(), &mut answer[..], RecvFlags::empty())
        })?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer[..size]);
        match answer.map_err(io::Error::other)?.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            NetlinkPayload::InnerMessage(message) => Ok(Some(message)),
            _ => Ok(None),
        }
    }
}

impl Rule {
    fn message(&self) -> RuleMessage {
        let mut rule = RuleMessage::default();
        rule.header.family = family(self.from);
        rule.header.src_len = if self.from.is_ipv4() { 32 } else { 128 };
        rule.header.table = self.table;
        rule.header.action = RuleAction::ToTable;
        rule.attributes = vec![
            RuleAttribute::Iifname(self.interface.to_owned()),
            RuleAttribute::Source(self.from),
            RuleAttribute::IpProtocol(match self.protocol {
                Protocol::Tcp => IpProtocol::Tcp,
                Protocol::Udp => IpProtocol::Udp,
            }),
            RuleAttribute::SourcePortRange(RulePortRange {
                start: *self.ports.start(),
                end: *self.ports.end(),
            }),
        ];
        rule
    }
}

fn describe(end: &End<'_>, sizes: PacketSizes) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes = vec![LinkAttribute::IfName(end.name.to_owned()), LinkAttribute::Mtu(sizes.mtu)];
    link.attributes.extend(sizes.gso.into_iter().flat_map(gso));
    link.attributes.extend(end.mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
    if let Some(bridge) = end.bridge {
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        link.attributes.push(LinkAttribute::Controller(bridge));
    }
    link.attributes.extend(end.namespace.map(|fd| LinkAttribute::NetNsFd(fd.as_raw_fd())));
    link
}

/// What a link sends and what it puts together, of both families.
fn gso(size: u32) -> [LinkAttribute; 4] {
    [
        LinkAttribute::GsoMaxSize(size),
        LinkAttribute::GroMaxSize(size),
        LinkAttribute::GsoIpv4MaxSize(size),
        LinkAttribute::GroIpv4MaxSize(size),
    ]
}

fn proxy(index: u32, address: Ipv6Addr) -> NeighbourMessage {
    let mut neighbour = NeighbourMessage::default();
    neighbour.header.family = AddressFamily::Inet6;
    neighbour.header.ifindex = index;
    neighbour.header.flags = NeighbourFlags::Proxy;
    neighbour.attributes = vec![NeighbourAttribute::Destination(NeighbourAddress::Inet6(address))];
    neighbour
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
