//! Published ports, as records keep them and networks open them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// `-p [host_ip:][host_port:]container_port[/protocol]`, one port each: ranges are already expanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// None is every address of the host, of both kinds.
    pub host_ip: Option<IpAddr>,
    /// 0 until one was picked.
    pub host_port: u16,
    /// The last of those that one is picked of when the container starts; the first is `host_port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port_last: Option<u16>,
    pub container_port: u16,
    pub protocol: Protocol,
}

impl PortMapping {
    /// The addresses of the host at which the port is bound.
    pub fn host_ips(&self) -> Vec<IpAddr> {
        match self.host_ip {
            Some(ip) => vec![ip],
            None => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        }
    }

    /// The host's port as it was asked for: `8080`, `8000-8010`, or nothing where any will do.
    pub fn host_ports(&self) -> String {
        match (self.host_port, self.host_port_last) {
            (0, _) => String::new(),
            (first, None) => first.to_string(),
            (first, Some(last)) => format!("{first}-{last}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    /// The word behind the `/` of a port.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}
