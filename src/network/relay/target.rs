//! Where a container's ports are, and as whom a client is shown to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::base::network::{Endpoint, KEEP_SOURCE, Network};
use crate::base::port::{PortMapping, Protocol};
use crate::network::netlink::Rule;
use crate::network::segment::{BRIDGE, Segment};

/// The routing table by which the kernel takes what is sent to clients for its own; any number that is not the
/// kernel's.
const TABLE: u8 = 100;

/// A container in its network.
#[derive(Debug)]
pub struct Target {
    ip: Ipv4Addr,
    ip6: Option<Ipv6Addr>,
    /// Who is here is answered without the gateway, where no answer is taken up.
    subnet: Ipv4Net,
    subnet6: Option<Ipv6Net>,
    keeps_source: bool,
}

impl Target {
    /// A container's place on a network.
    pub fn new(endpoint: &Endpoint, network: &Network) -> Self {
        Self {
            ip: endpoint.ip,
            ip6: endpoint.ipv6.as_ref().map(|ipv6| ipv6.ip),
            subnet: network.subnet,
            subnet6: network.ipv6.as_ref().map(|ipv6| ipv6.subnet),
            // Without a gateway there is no way to send an answer.
            keeps_source: endpoint.gateway.is_some()
                && !endpoint.masks_clients
                && network.options.get(KEEP_SOURCE).is_none_or(|value| value != "false"),
        }
    }

    /// Where a client is led that has come to `host`, an address of the host's, and as whom, in the order in which it
    /// is to be tried; none is the bridge's gateway.
    pub fn aim(
        &self,
        port: u16,
        client: SocketAddr,
        host: Option<IpAddr>,
    ) -> (SocketAddr, [Option<SocketAddr>; 3]) {
        let ip = client.ip().to_canonical();
        let (to, is_near) = match (ip, self.ip6, self.subnet6) {
            (IpAddr::V6(ip), Some(ip6), Some(subnet)) => {
                (IpAddr::V6(ip6), subnet.contains(&ip) || ip.is_unicast_link_local())
            }
            // Another kind of address than the client's cannot be the client's.
            (IpAddr::V6(_), _, _) => (IpAddr::V4(self.ip), true),
            (IpAddr::V4(ip), _, _) => (IpAddr::V4(self.ip), self.subnet.contains(&ip)),
        };
        let is_own = ip.is_loopback() || host.is_some_and(|host| host.to_canonical() == ip);
        let kept = (self.keeps_source && !is_near && !is_own && !ip.is_unspecified()).then_some(ip);
        let as_client = |port| kept.map(|ip| SocketAddr::new(ip, port));
        (SocketAddr::new(to, port), [as_client(client.port()), as_client(0), None])
    }
}

/// The way of a container's answers to clients whose addresses were kept: rules that hand them to the relay. Dropped,
/// they are taken away.
pub struct Return {
    segment: Arc<Segment>,
    rules: Vec<Rule>,
}

impl Return {
    /// Makes the rules for all of a container's published ports.
    pub fn open(segment: &Arc<Segment>, target: &Target, ports: &[PortMapping]) -> anyhow::Result<Self> {
        let rules = if target.keeps_source { rules(target, ports) } else { Vec::new() };
        let made = Self { segment: segment.clone(), rules };
        let rules = made.rules.clone();
        segment.run(move |inside| {
            for rule in &rules {
                inside.netlink().add_local_table(rule.from, rule.table)?;
                inside.netlink().add_rule(rule)?;
            }
            Ok(())
        })?;
        Ok(made)
    }
}

impl Drop for Return {
    fn drop(&mut self) {
        let rules = std::mem::take(&mut self.rules);
        self.segment.begin(move |inside| {
            for rule in &rules {
                let _ = inside.netlink().delete_rule(rule);
            }
        });
    }
}

fn rules(target: &Target, ports: &[PortMapping]) -> Vec<Rule> {
    let addresses = [Some(IpAddr::V4(target.ip)), target.ip6.map(IpAddr::V6)];
    let mut rules = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let ports = ports.iter().filter(|port| port.protocol == protocol).map(|port| port.container_port);
        for ports in ranges(ports.collect()) {
            rules.extend(addresses.into_iter().flatten().map(|from| Rule {
                interface: BRIDGE,
                from,
                protocol,
                ports: ports.clone(),
                table: TABLE,
            }));
        }
    }
    rules
}

/// Numbers as ranges, so that a thousand ports in a row are one rule.
fn ranges(mut ports: Vec<u16>) -> Vec<RangeInclusive<u16>> {
    ports.sort_unstable();
    let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
    for port in ports {
        match ranges.last_mut() {
            Some(last) if port <= last.end().saturating_add(1) => *last = *last.start()..=port,
            _ => ranges.push(port..=port),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(keeps_source: bool, has_ipv6: bool) -> Target {
        Target {
            ip: Ipv4Addr::new(172, 17, 0, 2),
            ip6: has_ipv6.then(|| "fd00:1::2".parse().unwrap()),
            subnet: "172.17.0.0/16".parse().unwrap(),
            subnet6: has_ipv6.then(|| "fd00:1::/64".parse().unwrap()),
            keeps_source,
        }
    }

    #[test]
    fn clients_are_shown_as_themselves_where_that_can_be() {
        const V4: &str = "172.17.0.2:80";
        const V6: &str = "[fd00:1::2]:80";
        // The client, the host's address it came to, whether the network has IPv6; where to, and as whom.
        for (client, host, has_ipv6, to, from) in [
            ("192.0.2.7:4000", "192.0.2.1", false, V4, Some("192.0.2.7:4000")),
            ("[::ffff:192.0.2.7]:4000", "::ffff:192.0.2.1", true, V4, Some("192.0.2.7:4000")),
            ("192.0.2.1:4000", "192.0.2.1", false, V4, None),
            ("127.0.0.1:4000", "127.0.0.1", false, V4, None),
            ("[::ffff:127.0.0.2]:4000", "::ffff:127.0.0.1", true, V4, None),
            ("172.17.5.5:4000", "192.0.2.1", false, V4, None),
            ("[2001:db8::7]:4000", "2001:db8::1", true, V6, Some("[2001:db8::7]:4000")),
            ("[2001:db8::7]:4000", "2001:db8::1", false, V4, None),
            ("[::1]:4000", "::1", true, V6, None),
            ("[fe80::7]:4000", "fe80::1", true, V6, None),
            ("[fd00:1::9]:4000", "2001:db8::1", true, V6, None),
        ] {
            let aim =
                |keeps| target(keeps, has_ipv6).aim(80, client.parse().unwrap(), Some(host.parse().unwrap()));
            let from: Option<SocketAddr> = from.map(|from| from.parse().unwrap());
            let any_port = from.map(|from| SocketAddr::new(from.ip(), 0));
            assert_eq!(aim(true), (to.parse().unwrap(), [from, any_port, None]), "{client}");
            assert_eq!(aim(false), (to.parse().unwrap(), [None; 3]), "{client}");
        }
    }

    #[test]
    fn ports_in_a_row_are_one_range() {
        for (ports, want) in [
            (vec![], vec![]),
            (vec![80], vec![80..=80]),
            (vec![81, 80, 82, 80], vec![80..=82]),
            (vec![443, 80, 65535, 65534], vec![80..=80, 443..=443, 65534..=65535]),
        ] {
            assert_eq!(ranges(ports.clone()), want, "{ports:?}");
        }
    }
}
