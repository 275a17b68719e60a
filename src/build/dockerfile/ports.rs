//! `EXPOSE`: ports and ranges of them, each with its protocol.
//!
//! An address and a host's port before the container's are read and dropped, as docker does.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::build::diagnostic::Problem;

/// The ports that the words name, each as `number/protocol`, in their order and each once.
pub fn exposed(words: &[String]) -> Result<Vec<String>, Problem> {
    let (mut ports, mut seen) = (Vec::new(), BTreeSet::new());
    for word in words {
        let (range, protocol) = one(word).map_err(|message| Problem::at(word, message))?;
        for number in range.0..=range.1 {
            // Many ranges on one line would else be more than all ports there are.
            if seen.insert((protocol, number)) {
                ports.push(format!("{number}/{protocol}"));
            }
        }
    }
    Ok(ports)
}

type Range = (u16, u16);

fn one(word: &str) -> Result<(Range, &'static str), String> {
    let mut parts = word.rsplitn(3, ':');
    let container = parts.next().unwrap_or_default();
    let (host, address) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (port, protocol) = container.split_once('/').unwrap_or((container, ""));
    if port.is_empty() {
        return Err(format!("no port specified: {word}<empty>"));
    }
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "" | "tcp" => "tcp",
        "udp" => "udp",
        "sctp" => "sctp",
        other => return Err(format!("invalid proto: {other}")),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address: {bare}"));
    }
    let inside = range(port).ok_or_else(|| format!("invalid containerPort: {port}"))?;
    if !host.is_empty() {
        let outside = range(host).ok_or_else(|| format!("invalid hostPort: {host}"))?;
        if inside.0 != inside.1 && inside.1 - inside.0 != outside.1 - outside.0 {
            return Err(format!("invalid ranges specified for container and host Ports: {port} and {host}"));
        }
    }
    Ok((inside, protocol))
}

fn range(text: &str) -> Option<Range> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    let range = (number(first)?, number(last)?);
    (range.0 <= range.1).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_reads() {
        for (text, want) in [
            ("80", Ok("80/tcp")),
            ("53/UDP 80", Ok("53/udp 80/tcp")),
            ("8000-8002/sctp 8001/sctp", Ok("8000/sctp 8001/sctp 8002/sctp")),
            ("127.0.0.1:80:8080 [::1]:1-2:3-4 9:10", Ok("8080/tcp 3/tcp 4/tcp 10/tcp")),
            ("1-9:80", Ok("80/tcp")),
            ("x", Err("invalid containerPort: x")),
            ("70000", Err("invalid containerPort: 70000")),
            ("9-8", Err("invalid containerPort: 9-8")),
            ("1/icmp", Err("invalid proto: icmp")),
            ("/tcp", Err("no port specified: /tcp<empty>")),
            ("host:80:80", Err("invalid IP address: host")),
            ("x:80", Err("invalid hostPort: x")),
            ("1-2:1-4", Err("invalid ranges specified for container and host Ports: 1-4 and 1-2")),
        ] {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            let got =
                exposed(&words).map(|ports| ports.join(" ")).map_err(|problem| problem.message().to_owned());
            assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
