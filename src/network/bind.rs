//! Taking a port of the host, with docker's words where it cannot be had.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context, Result};

use crate::base::hint::HintExt;
use crate::base::port::Protocol;

/// A port that is ours.
#[derive(Debug)]
pub enum Bound {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Bound {
    /// Its number, which was picked if 0 was asked for.
    pub fn port(&self) -> Result<u16> {
        let address = match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        };
        Ok(address.context("read a socket's address")?.port())
    }
}

/// Takes a port; 0 picks a free one.
///
/// # Errors
/// Docker's words for a port that is in use, with a hint for one that needs privilege.
pub fn bind(address: SocketAddr, protocol: Protocol) -> Result<Bound> {
    let bound = match protocol {
        Protocol::Tcp => TcpListener::bind(address).map(Bound::Tcp),
        Protocol::Udp => UdpSocket::bind(address).map(Bound::Udp),
    };
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
