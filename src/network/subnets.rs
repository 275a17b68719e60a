//! Which addresses a new network gets: pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, bail};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The first subnet of docker's default pools that `is_free`: of 172.17.0.0/16 to 172.31.0.0/16, then of
/// 192.168.0.0/16 in parts of 4096 addresses. The first of all is the default network's.
pub fn pick(is_default: bool, is_free: impl Fn(&Ipv4Net) -> bool) -> Result<Ipv4Net> {
    let large = (17..32).map(|number| (Ipv4Addr::new(172, number, 0, 0), 16));
    let small = (0..16).map(|number| (Ipv4Addr::new(192, 168, number * 16, 0), 20));
    let pools = large.chain(small).filter_map(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    let first = usize::from(!is_default);
    let mut free = pools.skip(first).filter(is_free);
    free.next().context("all predefined address pools have been fully subnetted")
}

/// Whether two subnets have an address in common.
pub fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

/// The same for IPv6.
pub fn overlap6(a: &Ipv6Net, b: &Ipv6Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

/// A subnet that nobody else has, by the random digits of a network's id (RFC 4193).
pub fn unique_local(id: &str) -> Result<Ipv6Net> {
    let bits = id.get(..14).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let bits = u128::from(bits.context("read the network's id")?);
    Ok(Ipv6Net::new(Ipv6Addr::from_bits((0xfd << 120) | (bits << 64)), 64)?)
}

/// A subnet as the user wrote it: a gateway in it is not meant.
pub fn parse(text: &str) -> Result<IpNet> {
    let subnet: IpNet = text.parse().ok().with_context(|| format!("invalid subnet {text}"))?;
    let (ours, most) = (subnet.prefix_len(), subnet.max_prefix_len());
    if most - ours < 2 {
        bail!("invalid subnet {text}: it has no room for a gateway and a container");
    }
    if subnet != subnet.trunc() {
        bail!("invalid subnet {text}: it should be {}", subnet.trunc());
    }
    if !is_for_hosts(&subnet) {
        bail!("invalid subnet {text}: hosts have no such addresses");
    }
    Ok(subnet)
}

/// A part of a subnet, as the user wrote it; it may be one address.
pub fn parse_range(text: &str) -> Result<IpNet> {
    let range: IpNet = text.parse().ok().with_context(|| format!("invalid CIDR address: {text}"))?;
    if range != range.trunc() {
        bail!("invalid ip-range {text}: it should be {}", range.trunc());
    }
    Ok(range)
}

/// Neither for groups, nor the loopback interface's, nor a link's.
fn is_for_hosts(subnet: &IpNet) -> bool {
    const NEVER: [&str; 5] = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "fe80::/10", "ff00::/8"];
    let never = NEVER.map(|text| text.parse::<IpNet>().expect("these are subnets"));
    !never.iter().any(|never| never.contains(subnet) || subnet.contains(never))
        && !subnet.contains(&IpAddr::V6(Ipv6Addr::LOCALHOST))
}

/// The subnets of the host's routes, but the default one, out of `/proc/net/route`.
pub fn routes(table: &str) -> Vec<Ipv4Net> {
    let subnets = table.lines().filter_map(route).map(|(subnet, _)| subnet);
    subnets.filter(|subnet| subnet.prefix_len() > 0).collect()
}

/// The gateway of the default route, out of the same.
pub fn gateway(table: &str) -> Option<Ipv4Addr> {
    let mut routes = table.lines().filter_map(route);
    let (_, gateway) =
        routes.find(|(subnet, gateway)| subnet.prefix_len() == 0 && !gateway.is_unspecified())?;
    Some(gateway)
}

/// The subnet and the gateway of a line of `/proc/net/route` (man proc(5)), unless it is a heading: addresses are
/// hexadecimal numbers in the machine's byte order.
fn route(line: &str) -> Option<(Ipv4Net, Ipv4Addr)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let mut number = |skipped: usize| {
        let field = fields.nth(skipped)?;
        Some(Ipv4Addr::from(u32::from_str_radix(field, 16).ok()?.to_ne_bytes()))
    };
    let (address, gateway, mask) = (number(0)?, number(0)?, number(4)?);
    Some((Ipv4Net::with_netmask(address, mask).ok()?, gateway))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_free_pool_is_picked() {
        let pick_among = |is_default: bool, taken: &[&str]| {
            let taken: Vec<_> = taken.iter().map(|text| net(text)).collect();
            pick(is_default, |subnet| !taken.iter().any(|other| overlap(other, subnet)))
        };
        for (is_default, taken, want) in [
            (true, &[][..], "172.17.0.0/16"),
            (false, &[], "172.18.0.0/16"),
            (true, &["172.17.5.0/24"], "172.18.0.0/16"),
            (false, &["172.18.0.0/16", "172.19.0.1/32"], "172.20.0.0/16"),
            (false, &["172.16.0.0/12"], "192.168.0.0/20"),
            (false, &["172.16.0.0/12", "192.168.1.0/24"], "192.168.16.0/20"),
        ] {
            assert_eq!(pick_among(is_default, taken).unwrap(), net(want), "{taken:?}");
        }
        let error = pick_among(false, &["0.0.0.0/0"]).unwrap_err().to_string();
        assert_eq!(error, "all predefined address pools have been fully subnetted");
    }

    #[test]
    fn the_hosts_routes_are_read() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                     nonsense\n";
        #[cfg(target_endian = "little")]
        {
            assert_eq!(routes(table), [net("192.168.0.0/24")]);
            assert_eq!(gateway(table), Some(Ipv4Addr::new(192, 168, 0, 1)));
        }
        assert!(routes("").is_empty());
    }

    #[test]
    fn subnets_as_written() {
        assert_eq!(parse("10.5.0.0/24").unwrap().to_string(), "10.5.0.0/24");
        for (text, want) in [
            ("10.5.0.0", "invalid subnet 10.5.0.0"),
            ("10.5.0.1/24", "invalid subnet 10.5.0.1/24: it should be 10.5.0.0/24"),
            ("10.5.0.0/31", "invalid subnet 10.5.0.0/31: it has no room for a gateway and a container"),
            ("127.1.0.0/16", "invalid subnet 127.1.0.0/16: hosts have no such addresses"),
            ("0.0.0.0/0", "invalid subnet 0.0.0.0/0: hosts have no such addresses"),
            ("224.0.0.0/24", "invalid subnet 224.0.0.0/24: hosts have no such addresses"),
            ("fe80::/64", "invalid subnet fe80::/64: hosts have no such addresses"),
            ("::/120", "invalid subnet ::/120: hosts have no such addresses"),
            ("ff02::/64", "invalid subnet ff02::/64: hosts have no such addresses"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), want);
        }
        assert_eq!(parse_range("10.5.0.7/32").unwrap().to_string(), "10.5.0.7/32");
        for (text, want) in [
            ("10.5.0.1-10.5.0.9", "invalid CIDR address: 10.5.0.1-10.5.0.9"),
            ("10.5.0.1/24", "invalid ip-range 10.5.0.1/24: it should be 10.5.0.0/24"),
        ] {
            assert_eq!(parse_range(text).unwrap_err().to_string(), want);
        }
        assert_eq!(unique_local(&"ab".repeat(32)).unwrap().to_string(), "fdab:abab:abab:abab::/64");
    }
}
