//! `--network`, `--dns` and `--add-host`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::id::is_valid_name;
use crate::base::network::{BRIDGE, KEEP_SOURCE};
use crate::store::options::{Attachment, Link, NetworkMode};

/// The address that stands for the host, filled in when the container is made.
const HOST_GATEWAY: &str = "host-gateway";

/// Reads `--network`; the container of `container:X` is still as written.
pub fn mode(text: &str) -> Result<NetworkMode, String> {
    let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
    match (word, rest) {
        ("", _) => Err("no name set for network".to_owned()),
        ("default", None) => Ok(NetworkMode::Default),
        ("none", None) => Ok(NetworkMode::None),
        ("host", None) => Ok(NetworkMode::Host),
        ("slirp4netns", rest) => Ok(NetworkMode::Slirp4netns { options: words(rest) }),
        ("pasta", rest) => Ok(NetworkMode::Pasta { options: words(rest) }),
        ("ns", Some(path)) if path.starts_with('/') => Ok(NetworkMode::Path { path: path.into() }),
        ("ns", Some(_)) => Err("invalid network namespace: want ns:PATH, beginning with /".to_owned()),
        ("container", Some(id)) if !id.is_empty() => Ok(NetworkMode::Container { id: id.to_owned() }),
        ("container", _) => Err("invalid container format container:<name|id>".to_owned()),
        (fields, None) if fields.contains('=') => long_form(fields),
        (name, None) if !is_valid_name(name) => Err(format!("invalid network name {name:?}")),
        (name, rest) => {
            let mut attachment = Attachment { network: name.to_owned(), ..Attachment::default() };
            for option in rest.into_iter().flat_map(|rest| rest.split(',')) {
                attach(&mut attachment, option)?;
            }
            Ok(NetworkMode::Bridge { networks: vec![attachment] })
        }
    }
}

/// The options of a private stack, which the program that is the stack judges.
fn words(rest: Option<&str>) -> Vec<String> {
    let words = rest.unwrap_or_default().split(',').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// What other flags than `--network` say about the first network.
pub struct Wishes<'a> {
    pub aliases: &'a [String],
    pub ip: Option<Ipv4Addr>,
    pub ip6: Option<Ipv6Addr>,
}

impl Wishes<'_> {
    fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.ip.is_none() && self.ip6.is_none()
    }
}

/// Reads every `--network` of a container, and what is wanted of them.
pub fn modes(texts: &[String], wishes: &Wishes<'_>) -> Result<NetworkMode, String> {
    let mut modes = texts.iter().map(|text| mode(text));
    let mut all = modes.next().transpose()?.unwrap_or_default();
    for other in modes {
        match (&mut all, other?) {
            (NetworkMode::Bridge { networks }, NetworkMode::Bridge { networks: more }) => {
                networks.extend(more)
            }
            _ => {
                let text = "cannot attach both user-defined and non-user-defined network-modes";
                return Err(format!("conflicting options: {text}"));
            }
        }
    }
    if wishes.is_empty() {
        return Ok(all);
    }
    if all == NetworkMode::Default {
        let bridge = Attachment { network: BRIDGE.to_owned(), ..Attachment::default() };
        all = NetworkMode::Bridge { networks: vec![bridge] };
    }
    let NetworkMode::Bridge { networks } = &mut all else {
        return Err("conflicting options: an address or an alias and the network mode".to_owned());
    };
    if let Some(first) = networks.first_mut() {
        if !wishes.aliases.is_empty() && first.network == BRIDGE {
            return Err("network-scoped aliases are only supported for user-defined networks".to_owned());
        }
        first.aliases.extend_from_slice(wishes.aliases);
        first.ip = wishes.ip.or(first.ip);
        first.ip6 = wishes.ip6.or(first.ip6);
    }
    Ok(all)
}

/// Docker's long form: `name=lan,alias=db,ip=10.5.0.7`.
fn long_form(text: &str) -> Result<NetworkMode, String> {
    let mut attachment = Attachment::default();
    for option in text.split(',') {
        match option.split_once('=') {
            Some(("name", name)) if is_valid_name(name) => name.clone_into(&mut attachment.network),
            Some(("mac-address", address)) => attachment.mac = Some(mac_address(address)?),
            Some(("gw-priority", number)) => {
                let bad = |_| format!("invalid gw-priority: {number}: give a whole number");
                attachment.gw_priority = number.parse().map_err(bad)?;
            }
            Some(("driver-opt" | "link-local-ip", _)) => {
                return Err(format!("--network {option}: not supported yet"));
            }
            _ => attach(&mut attachment, option)?,
        }
    }
    if attachment.network.is_empty() {
        return Err("network name/id is not specified".to_owned());
    }
    Ok(NetworkMode::Bridge { networks: vec![attachment] })
}

/// Reads one option of a network: podman's `alias=`, `ip=`, `ip6=` and `mac=`, and `keep_source=`, which is an option of
/// whole networks too.
fn attach(attachment: &mut Attachment, option: &str) -> Result<(), String> {
    let bad = |_| format!("IP address is not correctly formatted: {option}");
    match option.split_once('=') {
        Some(("alias", name)) => attachment.aliases.push(name.to_owned()),
        Some(("ip", text)) => attachment.ip = Some(text.parse().map_err(bad)?),
        Some(("ip6", text)) => attachment.ip6 = Some(text.parse().map_err(bad)?),
        Some(("mac", text)) => attachment.mac = Some(mac_address(text)?),
        Some((KEEP_SOURCE, "true")) => attachment.masks_clients = false,
        Some((KEEP_SOURCE, "false")) => attachment.masks_clients = true,
        _ => {
            let known = "there are alias, ip, ip6, mac and keep_source=true or false";
            return Err(format!("invalid option {option:?} of a network: {known}"));
        }
    }
    Ok(())
}

/// Reads `--link`; the container is still as written.
pub fn link(text: &str) -> Result<Link, String> {
    let (name, alias) = text.split_once(':').unwrap_or((text, text));
    let (name, alias) = (name.trim_start_matches('/'), alias.trim_start_matches('/'));
    if name.is_empty() || alias.is_empty() || alias.contains(':') {
        return Err(format!("bad format for links: {text}"));
    }
    Ok(Link { container: name.to_owned(), name: name.to_owned(), alias: alias.to_owned() })
}

/// Checks an address of `--dns`.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.trim().parse().map_err(|_| format!("IP address is not correctly formatted: {text}"))
}

/// Checks six bytes in hexadecimal, divided by colons or dashes; gives them with colons, in lower case.
pub fn mac_address(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split([':', '-']).collect();
    let are_bytes = parts.iter().all(|part| part.len() == 2 && u8::from_str_radix(part, 16).is_ok());
    if parts.len() != 6 || !are_bytes {
        return Err(format!("invalid MAC address: {text}"));
    }
    Ok(parts.join(":").to_lowercase())
}

/// Reads `--add-host NAME:ADDRESS` or `NAME=ADDRESS`, the address also in brackets; gives `NAME:ADDRESS`.
pub fn extra_host(text: &str) -> Result<String, String> {
    let bad = || format!("bad format for add-host: \"{text}\"");
    let at = text.find([':', '=']).ok_or_else(bad)?;
    let (name, address) = (&text[..at], &text[at + 1..]);
    if name.is_empty() {
        return Err(bad());
    }
    let bare = address.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(address);
    if bare != HOST_GATEWAY && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address in add-host: \"{address}\""));
    }
    Ok(format!("{name}:{bare}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mode() {
        for (text, want) in [
            ("none", NetworkMode::None),
            ("host", NetworkMode::Host),
            ("default", NetworkMode::Default),
            ("slirp4netns", NetworkMode::Slirp4netns { options: Vec::new() }),
            (
                "slirp4netns:mtu=1500,enable_ipv6=true",
                NetworkMode::Slirp4netns {
                    options: vec!["mtu=1500".to_owned(), "enable_ipv6=true".to_owned()],
                },
            ),
            ("pasta", NetworkMode::Pasta { options: Vec::new() }),
            (
                "pasta:-t,8080:80,--map-gw",
                NetworkMode::Pasta { options: ["-t", "8080:80", "--map-gw"].map(str::to_owned).into() },
            ),
            ("ns:/run/netns/a:b", NetworkMode::Path { path: "/run/netns/a:b".into() }),
            ("container:web", NetworkMode::Container { id: "web".to_owned() }),
        ] {
            assert_eq!(mode(text).unwrap(), want, "{text}");
        }
        for (text, want) in [
            ("", "no name set for network"),
            ("container:", "invalid container format container:<name|id>"),
            ("container", "invalid container format container:<name|id>"),
            ("ns:x", "invalid network namespace: want ns:PATH, beginning with /"),
            ("a/b", "invalid network name \"a/b\""),
            ("frontend:ip=x", "IP address is not correctly formatted: ip=x"),
            (
                "frontend:x",
                "invalid option \"x\" of a network: there are alias, ip, ip6, mac and keep_source=true or false",
            ),
        ] {
            assert_eq!(mode(text).unwrap_err(), want, "{text}");
        }
    }

    #[test]
    fn several_networks_and_what_is_wanted_of_them() {
        let read = |texts: &[&str], aliases: &[&str], ip: Option<&str>| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let aliases = owned(aliases);
            let wishes = Wishes { aliases: &aliases, ip: ip.map(|ip| ip.parse().unwrap()), ip6: None };
            modes(&owned(texts), &wishes)
        };
        let on = |network: &str, alias: Option<&str>, ip: Option<&str>| Attachment {
            network: network.to_owned(),
            aliases: alias.map(str::to_owned).into_iter().collect(),
            ip: ip.map(|ip| ip.parse().unwrap()),
            ..Attachment::default()
        };
        let bridges = |networks: Vec<Attachment>| Ok(NetworkMode::Bridge { networks });
        let ip = "10.5.0.7";
        assert_eq!(read(&[], &[], None), Ok(NetworkMode::Default));
        assert_eq!(read(&[], &[], Some(ip)), bridges(vec![on("bridge", None, Some(ip))]));
        assert_eq!(read(&["lan:alias=db"], &[], None), bridges(vec![on("lan", Some("db"), None)]));
        let two = bridges(vec![on("lan", Some("db"), Some(ip)), on("wan", None, None)]);
        assert_eq!(read(&["lan", "wan"], &["db"], Some(ip)), two);
        assert_eq!(read(&["name=lan,alias=db,ip=10.5.0.7", "wan"], &[], None), two);
        for (texts, aliases, want) in [
            (
                &["lan", "host"][..],
                &[][..],
                "cannot attach both user-defined and non-user-defined network-modes",
            ),
            (&["host"], &["db"], "an address or an alias and the network mode"),
            (&[], &["db"], "network-scoped aliases are only supported for user-defined networks"),
            (&["alias=db"], &[], "network name/id is not specified"),
        ] {
            let error = read(texts, aliases, None).unwrap_err();
            assert!(error.ends_with(want), "{error}");
        }
    }

    #[test]
    fn links() {
        for (text, want) in [
            ("db", Ok(("db", "db"))),
            ("/db:database", Ok(("db", "database"))),
            ("db:", Err(())),
            (":x", Err(())),
            ("a:b:c", Err(())),
        ] {
            let read = link(text);
            match want {
                Ok(want) => {
                    assert_eq!(read.map(|link| (link.name, link.alias)), Ok((want.0.into(), want.1.into())))
                }
                Err(()) => assert_eq!(read.unwrap_err(), format!("bad format for links: {text}")),
            }
        }
    }

    #[test]
    fn hardware_addresses() {
        assert_eq!(mac_address("02-42-AC-11-00-02").unwrap(), "02:42:ac:11:00:02");
        for text in ["", "02:42:ac:11:00", "02:42:ac:11:00:zz", "2:42:ac:11:00:02"] {
            assert_eq!(mac_address(text).unwrap_err(), format!("invalid MAC address: {text}"));
        }
    }

    #[test]
    fn hosts() {
        for (text, want) in [
            ("a:1.2.3.4", "a:1.2.3.4"),
            ("a=::1", "a:::1"),
            ("a:[::1]", "a:::1"),
            ("b:host-gateway", "b:host-gateway"),
        ] {
            assert_eq!(extra_host(text).unwrap(), want);
        }
        for (text, want) in [
            ("x", "bad format for add-host: \"x\""),
            (":1.2.3.4", "bad format for add-host: \":1.2.3.4\""),
            ("x:y", "invalid IP address in add-host: \"y\""),
        ] {
            assert_eq!(extra_host(text).unwrap_err(), want);
        }
        assert_eq!(address("x").unwrap_err(), "IP address is not correctly formatted: x");
    }
}
