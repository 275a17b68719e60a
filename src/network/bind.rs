//! Taking a port of the host, with docker's words where it cannot be had.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use crate::base::hint::HintExt;
use crate::base::port::{PortMapping, Protocol};

/// A port that is ours.
#[derive(Debug)]
pub enum Bound {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Bound {
    /// A second handle of the same socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Udp(socket) => Self::Udp(socket.try_clone()?),
        })
    }

    /// Its number, which was picked if 0 was asked for.
    fn port(&self) -> Result<u16> {
        let address = match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        };
        Ok(address.context("read a socket's address")?.port())
    }
}

/// Clients that are let wait until somebody has time for them; the kernel allows fewer where `net.core.somaxconn` says
/// so.
const BACKLOG: i32 = 4096;

/// Takes the host's port of a mapping: of every address that the host has, if the mapping names none, as docker does.
/// The mapping that comes with it says what was taken: the number that was picked, and an address where the host has no
/// IPv6.
///
/// # Errors
/// Those of [`bind`].
pub fn bind_mapping(wanted: &PortMapping) -> Result<(PortMapping, Bound)> {
    let Some(last) = wanted.host_port_last else { return bind_at(wanted, wanted.host_port) };
    let is_in_use = |error: &anyhow::Error| error.downcast_ref().is_some_and(Refusal::is_in_use);
    for port in wanted.host_port..=last {
        match bind_at(wanted, port) {
            Err(error) if is_in_use(&error) => {}
            bound => return bound,
        }
    }
    let ip = wanted.host_ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    bail!("Bind for {ip}:{} failed: all ports are allocated", wanted.host_ports())
}

fn bind_at(wanted: &PortMapping, port: u16) -> Result<(PortMapping, Bound)> {
    let protocol = wanted.protocol;
    let everywhere = Ipv4Addr::UNSPECIFIED.into();
    let (host_ip, bound) = match wanted.host_ip {
        Some(ip) => (Some(ip), bind(SocketAddr::new(ip, port), protocol)?),
        None => match bind_both(port, protocol) {
            // The host has no IPv6.
            Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => {
                (Some(everywhere), bind(SocketAddr::new(everywhere, port), protocol)?)
            }
            bound => {
                let address = SocketAddr::new(everywhere, port);
                (None, told(bound.map_err(io::Error::from), address, protocol)?)
            }
        },
    };
    let mapping = PortMapping { host_ip, host_port: bound.port()?, host_port_last: None, ..wanted.clone() };
    Ok((mapping, bound))
}

/// Takes a port of all addresses of both kinds with one socket.
fn bind_both(port: u16, protocol: Protocol) -> rustix::io::Result<Bound> {
    let kind = match protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    let socket = socket_with(AddressFamily::INET6, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    let address = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    if protocol == Protocol::Udp {
        rustix::net::bind(&socket, &address)?;
        return Ok(Bound::Udp(socket.into()));
    }
    // Connections that have just been closed are in nobody's way.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(Bound::Tcp(socket.into()))
}

/// Takes a port; 0 picks a free one.
///
/// # Errors
/// Docker's words for a port that is in use, with a hint for one that needs privilege.
fn bind(address: SocketAddr, protocol: Protocol) -> Result<Bound> {
    let bound = match protocol {
        Protocol::Tcp => TcpListener::bind(address).and_then(|listener| {
            rustix::net::listen(&listener, BACKLOG)?;
            Ok(Bound::Tcp(listener))
        }),
        Protocol::Udp => UdpSocket::bind(address).map(Bound::Udp),
    };
    told(bound, address, protocol)
}

/// What became of taking a port, in docker's words.
fn told(bound: io::Result<Bound>, address: SocketAddr, protocol: Protocol) -> Result<Bound> {
    match bound {
        Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
            Err(Refusal { address, protocol, source }).hint(|| privilege_hint(address.port()))
        }
        bound => Ok(bound.map_err(|source| Refusal { address, protocol, source })?),
    }
}

fn privilege_hint(port: u16) -> String {
    format!("sudo sysctl net.ipv4.ip_unprivileged_port_start={port}, or publish a port from 1024 on")
}

/// Why a port could not be had.
#[derive(Debug)]
struct Refusal {
    address: SocketAddr,
    protocol: Protocol,
    source: io::Error,
}

impl Refusal {
    fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_in_use() {
            write!(f, "Bind for {} failed: port is already allocated", self.address)
        } else {
            write!(f, "listen on {}/{}", self.address, self.protocol.as_str())
        }
    }
}

impl std::error::Error for Refusal {
    /// None where docker's text has said it already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        (!self.is_in_use()).then_some(&self.source)
    }
}
