//! Which addresses a new network has, of what the user wants, beside the networks there are: pure. Docker's words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, bail};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Wanted;
use crate::base::network::{BRIDGE, Ipv6, Network};
use crate::network::{leases, subnets, uplink};

/// A network's addresses.
pub struct Pools {
    pub subnet: Ipv4Net,
    pub gateway: Ipv4Addr,
    pub range: Option<Ipv4Net>,
    pub ipv6: Option<Ipv6>,
}

/// Decides on them; `id` is the new network's, `routes` are the host's.
pub fn assign(wanted: &Wanted, id: &str, all: &[Network], routes: &[Ipv4Net]) -> Result<Pools> {
    check(wanted)?;
    let mut v4 = wanted.subnets.iter().filter_map(|subnet| match subnet {
        IpNet::V4(subnet) => Some(*subnet),
        IpNet::V6(_) => None,
    });
    let mut v6 = wanted.subnets.iter().filter_map(|subnet| match subnet {
        IpNet::V6(subnet) => Some(*subnet),
        IpNet::V4(_) => None,
    });
    let (first, first6) = (v4.next(), v6.next());
    if v4.next().is_some() || v6.next().is_some() {
        bail!("bridge driver doesn't support multiple subnets");
    }
    let subnet = subnet(first, wanted.name == BRIDGE, all, routes)?;
    let gateway = match wanted.gateways.iter().find(|gateway| gateway.is_ipv4()) {
        Some(IpAddr::V4(gateway)) if !leases::is_host(subnet, *gateway) => {
            bail!("invalid gateway {gateway}: it is not the address of a host in {subnet}")
        }
        Some(IpAddr::V4(gateway)) => *gateway,
        _ => Ipv4Addr::from_bits(subnet.network().to_bits() + 1),
    };
    let range = wanted.ranges.iter().find_map(|range| match range {
        IpNet::V4(range) => Some(*range),
        IpNet::V6(_) => None,
    });
    Ok(Pools { subnet, gateway, range, ipv6: ipv6(wanted, first6, id, all)? })
}

fn subnet(wanted: Option<Ipv4Net>, is_default: bool, all: &[Network], routes: &[Ipv4Net]) -> Result<Ipv4Net> {
    let is_taken = |subnet: &Ipv4Net| all.iter().any(|other| subnets::overlap(&other.subnet, subnet));
    match wanted {
        Some(subnet) if is_taken(&subnet) => bail!(OVERLAP),
        Some(subnet) => Ok(subnet),
        None => subnets::pick(is_default, |subnet| {
            !is_taken(subnet) && !routes.iter().any(|route| subnets::overlap(route, subnet))
        }),
    }
}

const OVERLAP: &str = "invalid pool request: Pool overlaps with other one on this address space";

fn ipv6(wanted: &Wanted, subnet: Option<Ipv6Net>, id: &str, all: &[Network]) -> Result<Option<Ipv6>> {
    let subnet = match subnet {
        None if !wanted.ipv6 => return Ok(None),
        None => subnets::unique_local(id)?,
        Some(subnet) => subnet,
    };
    let mut others = all.iter().filter_map(|network| network.ipv6.as_ref());
    if others.any(|other| subnets::overlap6(&other.subnet, &subnet)) {
        bail!(OVERLAP);
    }
    if !wanted.internal && subnets::overlap6(&uplink::link6(), &subnet) {
        bail!("invalid subnet {subnet}: {} is what leads out of networks", uplink::link6());
    }
    let gateway = wanted.gateways.iter().find_map(|gateway| match gateway {
        IpAddr::V6(gateway) => Some(*gateway),
        IpAddr::V4(_) => None,
    });
    let gateway = gateway.unwrap_or_else(|| Ipv6Addr::from_bits(subnet.network().to_bits() + 1));
    let range = wanted.ranges.iter().find_map(|range| match range {
        IpNet::V6(range) => Some(*range),
        IpNet::V4(_) => None,
    });
    Ok(Some(Ipv6 { subnet, gateway, range }))
}

/// What docker's command checks before it asks for a network: each range, gateway and reserved address is of a subnet.
fn check(wanted: &Wanted) -> Result<()> {
    let Wanted { subnets, ranges, gateways, reserved, .. } = wanted;
    if subnets.len() < ranges.len() || subnets.len() < gateways.len() {
        bail!("every ip-range or gateway must have a corresponding subnet");
    }
    for (at, range) in ranges.iter().enumerate() {
        let Some(subnet) = subnets.iter().find(|subnet| subnet.contains(&range.network())) else {
            bail!("no matching subnet for range {range}");
        };
        if range.prefix_len() < subnet.prefix_len() {
            bail!("invalid ip-range {range}: CIDR block is bigger than its parent subnet {subnet}");
        }
        if let Some(other) = ranges[..at].iter().find(|other| subnet.contains(&other.network())) {
            bail!("cannot configure multiple ranges ({range}, {other}) on the same subnet ({subnet})");
        }
    }
    for (at, gateway) in gateways.iter().enumerate() {
        let Some(subnet) = subnets.iter().find(|subnet| subnet.contains(gateway)) else {
            bail!("no matching subnet for gateway {gateway}");
        };
        if let Some(other) = gateways[..at].iter().find(|other| subnet.contains(*other)) {
            bail!("cannot configure multiple gateways ({gateway}, {other}) for the same subnet ({subnet})");
        }
    }
    match reserved.values().find(|address| !subnets.iter().any(|subnet| subnet.contains(*address))) {
        Some(address) => bail!("no matching subnet for aux-address {address}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(subnets: &[&str], gateways: &[&str], ranges: &[&str]) -> Wanted {
        Wanted {
            name: "lan".to_owned(),
            subnets: subnets.iter().map(|text| text.parse().unwrap()).collect(),
            gateways: gateways.iter().map(|text| text.parse().unwrap()).collect(),
            ranges: ranges.iter().map(|text| text.parse().unwrap()).collect(),
            ..Wanted::default()
        }
    }

    fn assigned(wanted: &Wanted) -> Result<String, String> {
        let all = [leases::tests::network("10.9.0.0/16")];
        let pools = assign(wanted, &"ab".repeat(32), &all, &["172.18.0.0/16".parse().unwrap()]);
        let Pools { subnet, gateway, range, ipv6 } = pools.map_err(|error| error.to_string())?;
        let range = range.map_or_else(String::new, |range| format!(" of {range}"));
        let ipv6 = ipv6.map_or_else(String::new, |ipv6| {
            let range = ipv6.range.map_or_else(String::new, |range| format!(" of {range}"));
            format!(", {} by {}{range}", ipv6.subnet, ipv6.gateway)
        });
        Ok(format!("{subnet} by {gateway}{range}{ipv6}"))
    }

    #[test]
    fn what_is_given_and_what_is_picked() {
        for (subnets, gateways, ranges, want) in [
            (&[][..], &[][..], &[][..], "172.19.0.0/16 by 172.19.0.1"),
            (&["10.5.0.0/24"], &[], &[], "10.5.0.0/24 by 10.5.0.1"),
            (&["10.5.0.0/24"], &["10.5.0.9"], &["10.5.0.7/32"], "10.5.0.0/24 by 10.5.0.9 of 10.5.0.7/32"),
            (&["fd01::/64"], &[], &[], "172.19.0.0/16 by 172.19.0.1, fd01::/64 by fd01::1"),
            (
                &["fd01::/64", "10.5.0.0/24"],
                &["fd01::5"],
                &["fd01::100/120"],
                "10.5.0.0/24 by 10.5.0.1, fd01::/64 by fd01::5 of fd01::100/120",
            ),
        ] {
            assert_eq!(assigned(&wanted(subnets, gateways, ranges)).as_deref(), Ok(want), "{subnets:?}");
        }
        let both = Wanted { ipv6: true, ..wanted(&["10.5.0.0/24"], &[], &[]) };
        let want = "10.5.0.0/24 by 10.5.0.1, fdab:abab:abab:abab::/64 by fdab:abab:abab:abab::1";
        assert_eq!(assigned(&both).as_deref(), Ok(want));
    }

    #[test]
    fn what_cannot_be() {
        let lan = &["10.5.0.0/24"][..];
        for (subnets, gateways, ranges, want) in [
            (&["10.9.1.0/24"][..], &[][..], &[][..], OVERLAP),
            (&["10.5.0.0/24", "10.6.0.0/24"], &[], &[], "bridge driver doesn't support multiple subnets"),
            (&[], &["10.5.0.1"], &[], "every ip-range or gateway must have a corresponding subnet"),
            (&[], &[], &["10.5.0.0/25"], "every ip-range or gateway must have a corresponding subnet"),
            (lan, &["10.6.0.1"], &[], "no matching subnet for gateway 10.6.0.1"),
            (
                lan,
                &["10.5.0.255"],
                &[],
                "invalid gateway 10.5.0.255: it is not the address of a host in 10.5.0.0/24",
            ),
            (lan, &[], &["10.6.0.0/25"], "no matching subnet for range 10.6.0.0/25"),
            (
                lan,
                &[],
                &["10.5.0.0/16"],
                "invalid ip-range 10.5.0.0/16: CIDR block is bigger than its parent subnet 10.5.0.0/24",
            ),
            (
                &["10.5.0.0/24", "fd01::/64"],
                &["10.5.0.1", "10.5.0.2"],
                &[],
                "cannot configure multiple gateways (10.5.0.2, 10.5.0.1) for the same subnet (10.5.0.0/24)",
            ),
            (
                &["10.5.0.0/24", "fd01::/64"],
                &[],
                &["10.5.0.0/25", "10.5.0.128/25"],
                "cannot configure multiple ranges (10.5.0.128/25, 10.5.0.0/25) on the same subnet (10.5.0.0/24)",
            ),
            (&["fd00::/64"], &[], &[], "invalid subnet fd00::/64: fd00::/64 is what leads out of networks"),
        ] {
            let error = assigned(&wanted(subnets, gateways, ranges)).unwrap_err();
            assert_eq!(error, want, "{subnets:?} {gateways:?} {ranges:?}");
        }
        let reserved = [("a".to_owned(), "10.6.0.1".parse().unwrap())].into();
        let error = assigned(&Wanted { reserved, ..wanted(lan, &[], &[]) }).unwrap_err();
        assert_eq!(error, "no matching subnet for aux-address 10.6.0.1");
    }
}
