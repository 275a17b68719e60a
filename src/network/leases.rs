//! Which addresses of a network are taken: pure.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, anyhow, bail};
use ipnet::Ipv4Net;

use crate::base::network::{Endpoint, Network};

/// The addresses of one network that are in use. Free ones are given out in a circle, as docker does, so that one
/// which has just been left is not the next that is taken.
#[derive(Debug)]
pub struct Leases {
    network: Network,
    taken: BTreeSet<Ipv4Addr>,
    taken6: BTreeSet<Ipv6Addr>,
    last: Option<Ipv4Addr>,
}

impl Leases {
    pub fn new(network: Network) -> Self {
        Self { network, taken: BTreeSet::new(), taken6: BTreeSet::new(), last: None }
    }

    /// Takes the wanted address, or the next free one.
    ///
    /// # Errors
    /// Docker's words for an address that is not the subnet's or is taken, and for a subnet that is full.
    pub fn take(&mut self, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr> {
        let subnet = self.network.subnet;
        let address = match wanted {
            Some(address) if !subnet.contains(&address) => return Err(self.outside(address.into())),
            Some(address) if !self.is_free(address) => bail!("Address already in use"),
            Some(address) => address,
            None => self.next()?,
        };
        if wanted.is_none() {
            self.last = Some(address);
        }
        self.taken.insert(address);
        Ok(address)
    }

    /// The same for IPv6, where an address follows from the one of IPv4, so that it needs no search; none on a network
    /// without.
    pub fn take6(&mut self, wanted: Option<Ipv6Addr>, ip: Ipv4Addr) -> Result<Option<Ipv6Addr>> {
        let Some(ipv6) = &self.network.ipv6 else {
            return wanted.map_or(Ok(None), |address| Err(self.outside(address.into())));
        };
        let is_taken = |address: &Ipv6Addr| {
            self.taken6.contains(address)
                || *address == ipv6.gateway
                || *address == ipv6.subnet.network()
                || self.is_reserved((*address).into())
        };
        let address = match wanted {
            Some(address) if !ipv6.subnet.contains(&address) => return Err(self.outside(address.into())),
            Some(address) if is_taken(&address) => bail!("Address already in use"),
            Some(address) => address,
            None => {
                let host = u128::from(ip.to_bits() - self.network.subnet.network().to_bits());
                let range = ipv6.range.unwrap_or(ipv6.subnet);
                let (first, room) = (range.network().to_bits(), !range.netmask().to_bits());
                let mut candidates = (0..=room.min(1 << 20))
                    .map(|number| Ipv6Addr::from_bits(first | ((host + number) & room)))
                    .filter(|address| !is_taken(address));
                let Some(address) = candidates.next() else { bail!("{}", exhausted()) };
                address
            }
        };
        self.taken6.insert(address);
        Ok(Some(address))
    }

    /// Takes both addresses of an endpoint that there was before; whether they were free.
    pub fn keep(&mut self, endpoint: &Endpoint) -> bool {
        let is_free = self.is_free(endpoint.ip)
            && endpoint.ipv6.as_ref().is_none_or(|ipv6| !self.taken6.contains(&ipv6.ip));
        if is_free {
            self.taken.insert(endpoint.ip);
            self.taken6.extend(endpoint.ipv6.as_ref().map(|ipv6| ipv6.ip));
        }
        is_free
    }

    /// Gives addresses back.
    pub fn release(&mut self, ip: Ipv4Addr, ip6: Option<Ipv6Addr>) {
        self.taken.remove(&ip);
        if let Some(ip6) = ip6 {
            self.taken6.remove(&ip6);
        }
    }

    /// Whether nobody has an address.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    fn next(&self) -> Result<Ipv4Addr> {
        let range = self.network.range.unwrap_or(self.network.subnet);
        let (first, last) = (range.network().to_bits(), range.broadcast().to_bits());
        let start = match self.last {
            Some(address) if range.contains(&address) && address.to_bits() < last => address.to_bits() + 1,
            _ => first,
        };
        let mut circle = (start..=last).chain(first..start).map(Ipv4Addr::from_bits);
        match circle.find(|address| self.is_free(*address)) {
            Some(address) => Ok(address),
            None => bail!("{}", exhausted()),
        }
    }

    fn outside(&self, address: IpAddr) -> anyhow::Error {
        anyhow!(
            "invalid config for network {}: invalid endpoint settings: no configured subnet contains IP address \
             {address}",
            self.network.name
        )
    }

    fn is_reserved(&self, address: IpAddr) -> bool {
        self.network.reserved.values().any(|reserved| *reserved == address)
    }

    fn is_free(&self, address: Ipv4Addr) -> bool {
        !self.taken.contains(&address)
            && address != self.network.gateway
            && !self.is_reserved(address.into())
            && is_host(self.network.subnet, address)
    }
}

fn exhausted() -> &'static str {
    "no available IPv4 addresses on this network's address pools"
}

/// Whether an address of a subnet is neither the subnet's own nor its broadcast address; one or two addresses have
/// neither (RFC 3021).
pub fn is_host(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    subnet.prefix_len() > 30 || (address != subnet.network() && address != subnet.broadcast())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::base::network::{Ipv6, MTU, VERSION};
    use std::collections::BTreeMap;

    pub fn network(subnet: &str) -> Network {
        let subnet: Ipv4Net = subnet.parse().unwrap();
        Network {
            version: VERSION,
            name: "net".to_owned(),
            id: "a".repeat(64),
            created: jiff::Timestamp::UNIX_EPOCH,
            subnet,
            gateway: subnet.hosts().next().unwrap(),
            range: None,
            ipv6: None,
            reserved: BTreeMap::new(),
            internal: false,
            attachable: false,
            disable_dns: false,
            dns: Vec::new(),
            mtu: MTU,
            labels: BTreeMap::new(),
            options: BTreeMap::new(),
        }
    }

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn free_addresses_go_round_in_a_circle() {
        let mut leases = Leases::new(network("10.1.0.0/29"));
        let mut take = |release: Option<&str>| {
            if let Some(address) = release {
                leases.release(ip(address), None);
            }
            leases.take(None).map(|address| address.to_string()).map_err(|error| error.to_string())
        };
        // Released before, and what is given then.
        for (release, want) in [
            (None, "10.1.0.2"),
            (None, "10.1.0.3"),
            (Some("10.1.0.2"), "10.1.0.4"),
            (None, "10.1.0.5"),
            (None, "10.1.0.6"),
            (None, "10.1.0.2"),
        ] {
            assert_eq!(take(release).unwrap(), want);
        }
        assert_eq!(take(None).unwrap_err(), "no available IPv4 addresses on this network's address pools");
        assert_eq!(take(Some("10.1.0.4")).unwrap(), "10.1.0.4");
    }

    #[test]
    fn a_range_bounds_what_is_picked_and_not_what_is_asked_for() {
        let range = Some("10.1.0.128/30".parse().unwrap());
        let mut leases = Leases::new(Network { range, ..network("10.1.0.0/24") });
        for want in ["10.1.0.128", "10.1.0.129", "10.1.0.130", "10.1.0.131"] {
            assert_eq!(leases.take(None).unwrap(), ip(want));
        }
        assert!(leases.take(None).is_err());
        assert_eq!(leases.take(Some(ip("10.1.0.2"))).unwrap(), ip("10.1.0.2"));
    }

    #[test]
    fn what_is_taken_or_not_there_is_refused() {
        let reserved = [("printer".to_owned(), ip("10.1.0.2").into())].into();
        let mut leases = Leases::new(Network { reserved, ..network("10.1.0.0/24") });
        assert_eq!(leases.take(None).unwrap(), ip("10.1.0.3"));
        leases.release(ip("10.1.0.3"), None);
        leases.take(Some(ip("10.1.0.7"))).unwrap();
        for taken in ["10.1.0.2", "10.1.0.7", "10.1.0.1", "10.1.0.0", "10.1.0.255"] {
            assert_eq!(leases.take(Some(ip(taken))).unwrap_err().to_string(), "Address already in use");
        }
        let error = leases.take(Some(ip("10.2.0.7"))).unwrap_err().to_string();
        assert!(error.ends_with("no configured subnet contains IP address 10.2.0.7"), "{error}");
        leases.release(ip("10.1.0.7"), None);
        assert!(leases.is_empty());
    }

    #[test]
    fn the_second_address_follows_the_first() {
        let (subnet, gateway) = ("fd00:1::/64".parse().unwrap(), "fd00:1::1".parse().unwrap());
        let ipv6 = Ipv6 { subnet, gateway, range: None };
        let mut leases = Leases::new(Network { ipv6: Some(ipv6), ..network("10.1.0.0/16") });
        let six = |text: &str| Some(text.parse::<Ipv6Addr>().unwrap());
        assert_eq!(leases.take6(None, ip("10.1.0.2")).unwrap(), six("fd00:1::2"));
        assert_eq!(leases.take6(six("fd00:1::3"), ip("10.1.0.9")).unwrap(), six("fd00:1::3"));
        assert_eq!(leases.take6(None, ip("10.1.0.3")).unwrap(), six("fd00:1::4"));
        assert!(leases.take6(six("fd00:2::3"), ip("10.1.0.4")).is_err());
        let ipv6 = Ipv6 { subnet, gateway, range: "fd00:1::f0/126".parse().ok() };
        let mut ranged = Leases::new(Network { ipv6: Some(ipv6), ..network("10.1.0.0/16") });
        for want in ["fd00:1::f2", "fd00:1::f3", "fd00:1::f0", "fd00:1::f1"] {
            assert_eq!(ranged.take6(None, ip("10.1.0.2")).unwrap(), six(want));
        }
        assert!(ranged.take6(None, ip("10.1.0.2")).is_err());
        let mut without = Leases::new(network("10.1.0.0/16"));
        assert_eq!(without.take6(None, ip("10.1.0.2")).unwrap(), None);
    }
}
