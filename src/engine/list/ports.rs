//! The ports of a container as `ps` shows them: pure.

use std::net::IpAddr;

use crate::store::options::PortMapping;

/// Bound and exposed ports in docker's one line: runs of ports that are the same on both sides are
/// joined, and mappings to another port come last.
pub fn ports_line(bound: &[PortMapping], exposed: &[String]) -> String {
    let mut ports = shown_ports(bound, exposed);
    ports.sort();
    let mut groups: Vec<Group> = Vec::new();
    let (mut closed, mut mappings) = (Vec::new(), Vec::new());
    for ShownPort { private, address, public, protocol } in ports {
        if !address.is_empty() && public != private {
            mappings.push(format!("{address}:{public}->{private}/{protocol}"));
            continue;
        }
        match groups.iter_mut().find(|group| group.address == address && group.protocol == protocol) {
            None => groups.push(Group { address, protocol, first: private, last: private }),
            Some(group) if group.last.checked_add(1) == Some(private) => group.last = private,
            Some(group) => {
                closed.push(group.show());
                (group.first, group.last) = (private, private);
            }
        }
    }
    closed.extend(groups.iter().map(Group::show));
    closed.extend(mappings);
    closed.join(", ")
}

/// In docker's order of comparison.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ShownPort {
    private: u16,
    /// With brackets around IPv6; empty if not published.
    address: String,
    public: u16,
    protocol: String,
}

/// Ports that follow each other.
struct Group {
    address: String,
    protocol: String,
    first: u16,
    last: u16,
}

impl Group {
    fn show(&self) -> String {
        let Self { address, protocol, first, last } = self;
        let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
        match address.is_empty() {
            true => format!("{range}/{protocol}"),
            false => format!("{address}:{range}->{range}/{protocol}"),
        }
    }
}

fn shown_ports(bound: &[PortMapping], exposed: &[String]) -> Vec<ShownPort> {
    let published = |port: u16, protocol: &str| {
        bound.iter().any(|mapping| mapping.container_port == port && mapping.protocol.as_str() == protocol)
    };
    let shown = |mapping: &PortMapping, ip: IpAddr| ShownPort {
        private: mapping.container_port,
        address: if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() },
        public: mapping.host_port,
        protocol: mapping.protocol.as_str().to_owned(),
    };
    let mut ports: Vec<_> = bound
        .iter()
        .flat_map(|mapping| mapping.host_ips().into_iter().map(|ip| shown(mapping, ip)))
        .collect();
    ports.extend(exposed.iter().filter_map(|text| {
        let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let private = port.parse().ok().filter(|port| !published(*port, protocol))?;
        Some(ShownPort { private, address: String::new(), public: 0, protocol: protocol.to_owned() })
    }));
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::options::Protocol::{self, Tcp, Udp};

    fn port(ip: Option<&str>, host: u16, container: u16, protocol: Protocol) -> PortMapping {
        PortMapping {
            host_ip: ip.map(|ip| ip.parse().unwrap()),
            host_port: host,
            host_port_last: None,
            container_port: container,
            protocol,
        }
    }

    #[test]
    fn ports_as_docker_groups_them() {
        let bound = [
            port(None, 8080, 80, Tcp),
            port(Some("127.0.0.1"), 5300, 53, Udp),
            port(Some("0.0.0.0"), 1000, 1000, Tcp),
            port(Some("0.0.0.0"), 1001, 1001, Tcp),
            port(Some("0.0.0.0"), 1003, 1003, Tcp),
        ];
        let exposed = ["443/tcp", "100/tcp", "101/tcp", "102/tcp", "80/tcp"].map(str::to_owned);
        assert_eq!(
            ports_line(&bound, &exposed),
            "100-102/tcp, 0.0.0.0:1000-1001->1000-1001/tcp, 443/tcp, 0.0.0.0:1003->1003/tcp, \
             127.0.0.1:5300->53/udp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
        );
        assert_eq!(ports_line(&[], &[]), "");
    }
}
