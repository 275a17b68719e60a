//! `-p` and `--expose`: ports, ranges and addresses, in docker's syntax (`docker/go-connections/nat`).

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::store::options::{PortMapping, Protocol};

/// Reads `-p [ADDRESS:][HOST:]CONTAINER[/PROTOCOL]` or `published=…,target=…`: one mapping for each port.
pub fn publish(text: &str) -> Result<Vec<PortMapping>, String> {
    let standard = if text.contains('=') { standard_notation(text)? } else { text.to_owned() };
    let (ip, host, container) = split(&standard);
    let (container, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
    let host_ip = address(ip)?;
    if container.is_empty() {
        return Err(format!("no port specified: {text}<empty>"));
    }
    // Docker takes 0 too, at which nothing can listen.
    let ports = range(container).ok().filter(|ports| *ports.start() > 0);
    let ports = ports.ok_or_else(|| format!("invalid containerPort: {container}"))?;
    let protocol = protocol_of(protocol)?;
    let host_ports = match host {
        "" => None,
        host => Some(range(host).map_err(|_| format!("invalid hostPort: {host}"))?),
    };
    let wanted = host_ports.as_ref().map_or(ports.len(), ExactSizeIterator::len);
    // One of several is picked when the container starts; without a host port, any.
    let last = host_ports.as_ref().filter(|_| ports.len() == 1 && wanted > 1).map(|range| *range.end());
    if wanted != ports.len() && last.is_none() {
        return Err(format!("invalid ranges specified for container and host Ports: {container} and {host}"));
    }
    let mut host_ports = host_ports.into_iter().flatten();
    Ok(ports
        .map(|container_port| PortMapping {
            host_ip,
            host_port: host_ports.next().unwrap_or(0),
            host_port_last: last,
            container_port,
            protocol,
        })
        .collect())
}

/// `published=8080,target=80,protocol=udp` as `8080:80/udp`.
fn standard_notation(text: &str) -> Result<String, String> {
    let (mut published, mut target, mut protocol) = ("", "", "tcp");
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("published", value)) => published = value,
            Some(("target", value)) => target = value,
            Some(("protocol", value)) => protocol = value,
            Some(("mode" | "name" | "app_protocol", _)) => {
                return Err(format!("{field}: not supported yet in --publish"));
            }
            _ => return Err(format!("invalid publish opts format (should be name=value but got '{field}')")),
        }
    }
    Ok(format!("{published}:{target}/{protocol}"))
}

/// Address, host port and container port; the first two may be empty. An address may hold colons.
fn split(text: &str) -> (&str, &str, &str) {
    let Some((before, container)) = text.rsplit_once(':') else { return ("", "", text) };
    let Some((ip, host)) = before.rsplit_once(':') else { return ("", before, container) };
    (ip, host, container)
}

fn address(text: &str) -> Result<Option<IpAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map(Some).map_err(|_| format!("invalid IP address: {text}"))
}

fn protocol_of(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" | "" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Err("the protocol sctp is not supported yet".to_owned()),
        _ => Err(format!("invalid proto: {text}")),
    }
}

/// `80` or `8000-8010`, with Go's words for what is wrong.
fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    match first <= last {
        true => Ok(first..=last),
        false => Err(format!("invalid range specified for port: {text}")),
    }
}

fn port(text: &str) -> Result<u16, String> {
    let digits = Some(text).filter(|text| !text.starts_with('+')).unwrap_or_default();
    let number: u64 =
        digits.parse().map_err(|_| format!("strconv.ParseUint: parsing \"{text}\": invalid syntax"))?;
    u16::try_from(number).map_err(|_| format!("strconv.ParseUint: parsing \"{text}\": value out of range"))
}

/// Reads `--expose PORT[-PORT][/PROTOCOL]`, as `port/protocol` each.
pub fn expose(text: &str) -> Result<Vec<String>, String> {
    if text.contains(':') {
        return Err(format!("invalid port format for --expose: {text}"));
    }
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol_of(protocol)?;
    let ports = range(ports)
        .map_err(|error| format!("invalid range format for --expose: {ports}, error: {error}"))?;
    Ok(ports.map(|port| format!("{port}/{}", protocol.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |port: &PortMapping| {
            let ip = port.host_ip.map(|ip| ip.to_string()).unwrap_or_default();
            format!("{ip}|{}|{}|{}", port.host_port, port.container_port, port.protocol.as_str())
        };
        publish(text).unwrap().iter().map(show).collect()
    }

    #[test]
    fn published_ports() {
        for (text, want) in [
            ("80", &["|0|80|tcp"][..]),
            ("8080:80", &["|8080|80|tcp"]),
            ("8080:80/UDP", &["|8080|80|udp"]),
            (":80", &["|0|80|tcp"]),
            ("127.0.0.1::53/udp", &["127.0.0.1|0|53|udp"]),
            ("127.0.0.1:80:80", &["127.0.0.1|80|80|tcp"]),
            ("[::1]:80:80", &["::1|80|80|tcp"]),
            ("::1:80:80", &["::1|80|80|tcp"]),
            ("100-102:200-202", &["|100|200|tcp", "|101|201|tcp", "|102|202|tcp"]),
            ("200-201", &["|0|200|tcp", "|0|201|tcp"]),
            ("published=80,target=90,protocol=udp", &["|80|90|udp"]),
            ("target=90", &["|0|90|tcp"]),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
    }

    #[test]
    fn one_of_several_ports() {
        for text in ["127.0.0.1:8000-8010:80", "published=127.0.0.1:8000-8010,target=80"] {
            let [mapping] = &publish(text).unwrap()[..] else { panic!("{text}: not one port") };
            assert_eq!((mapping.host_port, mapping.host_port_last), (8000, Some(8010)), "{text}");
            assert_eq!(mapping.host_ports(), "8000-8010");
        }
        let all: Vec<_> =
            publish("8000-8001:80-81").unwrap().into_iter().map(|port| port.host_port_last).collect();
        assert_eq!(all, [None, None]);
    }

    #[test]
    fn refused_ports() {
        for (text, want) in [
            ("x", "invalid containerPort: x"),
            ("99999:1", "invalid hostPort: 99999"),
            ("1:99999", "invalid containerPort: 99999"),
            ("80-81:1-3", "invalid ranges specified for container and host Ports: 1-3 and 80-81"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("80:80/xxx", "invalid proto: xxx"),
            (":", "no port specified: :<empty>"),
            ("80:", "no port specified: 80:<empty>"),
            ("90-80", "invalid containerPort: 90-80"),
            ("8080:0", "invalid containerPort: 0"),
            ("+80:80", "invalid hostPort: +80"),
            ("80:80/sctp", "the protocol sctp is not supported yet"),
            ("foo=80", "invalid publish opts format (should be name=value but got 'foo=80')"),
        ] {
            assert_eq!(publish(text).unwrap_err(), want, "{text}");
        }
    }

    #[test]
    fn exposed_ports() {
        assert_eq!(expose("90-92/udp").unwrap(), ["90/udp", "91/udp", "92/udp"]);
        assert_eq!(expose("80").unwrap(), ["80/tcp"]);
        for (text, want) in [
            ("1:2", "invalid port format for --expose: 1:2"),
            (
                "x",
                "invalid range format for --expose: x, error: strconv.ParseUint: parsing \"x\": invalid syntax",
            ),
            (
                "80-70",
                "invalid range format for --expose: 80-70, error: invalid range specified for port: 80-70",
            ),
        ] {
            assert_eq!(expose(text).unwrap_err(), want);
        }
    }
}
