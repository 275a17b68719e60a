//! `--network`, `--dns` and `--add-host`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::csv;
use crate::base::driver_options;
use crate::base::id::is_valid_name;
use crate::base::network::{BRIDGE, KEEP_SOURCE};
use crate::store::options::{Attachment, Link, NetworkMode};

/// The address that stands for the host, filled in when the container is made.
const HOST_GATEWAY: &str = "host-gateway";

/// Reads `--network`; the container of `container:X` is still as written.
pub fn mode(text: &str) -> Result<NetworkMode, String> {
    // Of the long form, whose values may hold colons.
    if text.find(['=', ':']).is_some_and(|at| text[at..].starts_with('=')) {
        let bad = |error| format!("invalid argument \"{text}\" for \"--network\" flag: {error}");
        return long_form(text).map_err(bad);
    }
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
        (name, None) if !is_valid_name(name) => Err(format!("invalid network name {name:?}")),
        (name, rest) => {
            let mut attachment = Attachment { network: name.to_owned(), ..Attachment::default() };
            for option in rest.into_iter().flat_map(|rest| rest.split(',')) {
                if !attach(&mut attachment, option)? {
                    let known = "there are alias, ip, ip6, mac, interface_name and keep_source=true or false";
                    return Err(format!("invalid option {option:?} of a network: {known}"));
                }
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
#[derive(Default)]
pub struct Wishes<'a> {
    pub aliases: &'a [String],
    pub ip: Option<Ipv4Addr>,
    pub ip6: Option<Ipv6Addr>,
    pub mac: Option<&'a str>,
}

impl Wishes<'_> {
    /// Adds them to what is wanted of a network itself; docker's words where both say something.
    fn add_to(&self, first: &mut Attachment) -> Result<(), String> {
        for (is_twice, what) in [
            (!self.aliases.is_empty() && !first.aliases.is_empty(), "--network-alias and per-network alias"),
            (self.ip.is_some() && first.ip.is_some(), "--ip and per-network IPv4 address"),
            (self.ip6.is_some() && first.ip6.is_some(), "--ip6 and per-network IPv6 address"),
            (self.mac.is_some() && first.mac.is_some(), "--mac-address and per-network MAC address"),
        ] {
            if is_twice {
                return Err(format!("conflicting options: cannot specify both {what}"));
            }
        }
        first.aliases.extend_from_slice(self.aliases);
        first.ip = self.ip.or(first.ip);
        first.ip6 = self.ip6.or(first.ip6);
        Ok(())
    }
}

/// Reads every `--network` of a container, and what is wanted of them.
pub fn modes(texts: &[String], wishes: &Wishes<'_>) -> Result<NetworkMode, String> {
    let mut modes = texts.iter().map(|text| mode(text));
    let mut all = modes.next().transpose()?.unwrap_or_default();
    for (other, text) in modes.zip(texts.iter().skip(1)) {
        match (&mut all, other?) {
            (NetworkMode::Bridge { networks }, NetworkMode::Bridge { networks: more }) => {
                networks.extend(more)
            }
            (all, other) if *all == other => {
                return Err(format!("network \"{text}\" is specified multiple times"));
            }
            _ => {
                let text = "cannot attach both user-defined and non-user-defined network-modes";
                return Err(format!("conflicting options: {text}"));
            }
        }
    }
    let has_address = wishes.ip.is_some() || wishes.ip6.is_some();
    if all == NetworkMode::Default && (has_address || !wishes.aliases.is_empty()) {
        let bridge = Attachment { network: BRIDGE.to_owned(), ..Attachment::default() };
        all = NetworkMode::Bridge { networks: vec![bridge] };
    }
    match &mut all {
        NetworkMode::Bridge { networks } => {
            networks.first_mut().map_or(Ok(()), |first| wishes.add_to(first))?;
            let has_alias = |one: &Attachment| one.network == BRIDGE && !one.aliases.is_empty();
            if networks.iter().any(has_alias) {
                return Err(ALIASES_ELSEWHERE.to_owned());
            }
        }
        _ if !wishes.aliases.is_empty() => return Err(ALIASES_ELSEWHERE.to_owned()),
        _ if has_address => return Err(ADDRESS_ELSEWHERE.to_owned()),
        _ => {}
    }
    Ok(all)
}

/// Docker's words for what only a user-defined network has.
const ALIASES_ELSEWHERE: &str = "network-scoped aliases are only supported for user-defined networks";
const ADDRESS_ELSEWHERE: &str = "user specified IP address is supported on user defined networks only";

/// Docker's long form: `name=lan,alias=db,ip=10.5.0.7`.
fn long_form(text: &str) -> Result<NetworkMode, String> {
    let mut attachment = Attachment::default();
    for option in csv::fields(text)? {
        let (key, value) = option.split_once('=').ok_or_else(|| format!("invalid field {option}"))?;
        match (key.trim(), value.trim()) {
            ("name", name) => name.clone_into(&mut attachment.network),
            ("mac-address", address) => attachment.mac = Some(mac_address(address)?),
            ("gw-priority", number) => {
                let bad = |_| format!("invalid gw-priority ({number}): give a whole number");
                attachment.gw_priority = number.parse().map_err(bad)?;
            }
            ("driver-opt", option) => attachment.driver_options.extend([driver_options::parse(option)?]),
            ("link-local-ip", _) => return Err("link-local-ip is not supported yet".to_owned()),
            (key, value) if attach(&mut attachment, &format!("{key}={value}"))? => {}
            (key, _) => return Err(format!("invalid field key {key}")),
        }
    }
    let name = std::mem::take(&mut attachment.network);
    if name.is_empty() {
        return Err("network name/id is not specified".to_owned());
    }
    match mode(&name)? {
        NetworkMode::Bridge { .. } if name.contains(':') => Err(format!("invalid network name {name:?}")),
        NetworkMode::Bridge { .. } => {
            Ok(NetworkMode::Bridge { networks: vec![Attachment { network: name, ..attachment }] })
        }
        mode if attachment == Attachment::default() => Ok(mode),
        _ if !attachment.aliases.is_empty() => Err(ALIASES_ELSEWHERE.to_owned()),
        _ => Err(ADDRESS_ELSEWHERE.to_owned()),
    }
}

/// Reads one option of a network: podman's `alias=`, `ip=`, `ip6=`, `mac=` and `interface_name=`, and `keep_source=`, which
/// is an option of whole networks too; whether it is one.
fn attach(attachment: &mut Attachment, option: &str) -> Result<bool, String> {
    let bad = |_| format!("IP address is not correctly formatted: {option}");
    match option.split_once('=') {
        Some(("alias", name)) => attachment.aliases.push(name.to_owned()),
        Some(("ip", text)) => attachment.ip = Some(text.parse().map_err(bad)?),
        Some(("ip6", text)) => attachment.ip6 = Some(text.parse().map_err(bad)?),
        Some(("mac", text)) => attachment.mac = Some(mac_address(text)?),
        Some(("interface_name", name)) => {
            attachment.driver_options.extend([driver_options::named(name)?]);
        }
        Some((KEEP_SOURCE, "true")) => attachment.masks_clients = false,
        Some((KEEP_SOURCE, "false")) => attachment.masks_clients = true,
        _ => return Ok(false),
    }
    Ok(true)
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

/// Checks a domain of `--dns-search`: docker's names, and `.` for none. Gives it without the dot at its end.
pub fn search_domain(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_inner = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let is_label = |label: &str| {
        let is_end = |character: Option<char>| character.is_some_and(|end| is_inner(end) && end != '-');
        label.chars().all(is_inner) && is_end(label.chars().next()) && is_end(label.chars().last())
    };
    let domain = text.strip_suffix('.').unwrap_or(text);
    let is_domain = domain.len() < 255
        && domain.chars().any(|character| character.is_ascii_alphabetic())
        && domain.split('.').all(is_label);
    match text {
        "." => Ok(text.to_owned()),
        _ if is_domain => Ok(domain.to_owned()),
        _ => Err(format!("{text} is not a valid domain")),
    }
}

/// Checks six bytes in hexadecimal, divided by colons or dashes, that an interface may have: no group's, and not
/// nobody's. Gives them with colons, in lower case.
pub fn mac_address(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split([':', '-']).collect();
    let byte = |part: &&str| (part.len() == 2).then(|| u8::from_str_radix(part, 16).ok())?;
    match parts.iter().map(byte).collect::<Option<Vec<_>>>() {
        Some(bytes) if bytes.len() == 6 && bytes[0] & 1 == 0 && bytes != [0; 6] => {
            Ok(parts.join(":").to_lowercase())
        }
        _ => Err(format!("{text} is not a valid mac address")),
    }
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
                "invalid option \"x\" of a network: there are alias, ip, ip6, mac, interface_name and keep_source=true or false",
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
            let ip = ip.map(|ip| ip.parse().unwrap());
            let wishes = Wishes { aliases: &aliases, ip, ..Wishes::default() };
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
            (&["host", "host"], &[], "network \"host\" is specified multiple times"),
            (&["host"], &["db"], ALIASES_ELSEWHERE),
            (&["container:a"], &["db"], ALIASES_ELSEWHERE),
            (&["lan", "name=bridge,alias=db"], &[], ALIASES_ELSEWHERE),
            (&["name=lan,alias=a"], &["db"], "cannot specify both --network-alias and per-network alias"),
            (&[], &["db"], ALIASES_ELSEWHERE),
            (&["alias=db"], &[], "network name/id is not specified"),
        ] {
            let error = read(texts, aliases, None).unwrap_err();
            assert!(error.ends_with(want), "{error}");
        }
        assert_eq!(read(&["none"], &[], Some(ip)), Err(ADDRESS_ELSEWHERE.to_owned()));
        let twice = read(&["lan:ip=10.5.0.8"], &[], Some(ip)).unwrap_err();
        assert!(twice.ends_with("cannot specify both --ip and per-network IPv4 address"), "{twice}");
        let mac = Wishes { mac: Some("02:42:ac:11:00:02"), ..Wishes::default() };
        let twice = modes(&["name=lan,mac-address=02:42:ac:11:00:03".to_owned()], &mac).unwrap_err();
        assert!(twice.ends_with("cannot specify both --mac-address and per-network MAC address"), "{twice}");
    }

    #[test]
    fn the_long_form() {
        let lan = |more: Attachment| {
            Ok(NetworkMode::Bridge { networks: vec![Attachment { network: "lan".to_owned(), ..more }] })
        };
        let mac = Some("02:42:ac:11:00:99".to_owned());
        let sysctls = "com.docker.network.endpoint.sysctls";
        let settings = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0";
        let driver_options =
            [(sysctls, settings)].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        for (text, want) in [
            ("name=lan", lan(Attachment::default())),
            ("name=lan,mac-address=02-42-AC-11-00-99", lan(Attachment { mac, ..Attachment::default() })),
            (
                "name=lan, ip6=fd00::1",
                lan(Attachment { ip6: "fd00::1".parse().ok(), ..Attachment::default() }),
            ),
            ("name=lan,gw-priority=-1", lan(Attachment { gw_priority: -1, ..Attachment::default() })),
            (
                &format!("name=lan,\"driver-opt={sysctls}={settings}\""),
                lan(Attachment { driver_options, ..Attachment::default() }),
            ),
            ("name=host", Ok(NetworkMode::Host)),
            ("name=container:web", Ok(NetworkMode::Container { id: "web".to_owned() })),
        ] {
            assert_eq!(mode(text), want, "{text}");
        }
        for (text, want) in [
            ("name=,alias=x", "network name/id is not specified"),
            ("name=lan,foo=bar", "invalid field key foo"),
            ("name=lan,alias", "invalid field alias"),
            ("name=lan,mac-address=zz", "zz is not a valid mac address"),
            ("name=lan,driver-opt=foo", "invalid key/value pair format in driver options"),
            ("name=host,alias=x", ALIASES_ELSEWHERE),
            ("name=none,ip=10.5.0.7", ADDRESS_ELSEWHERE),
            ("name=lan:ip=10.5.0.7", "invalid network name \"lan:ip=10.5.0.7\""),
        ] {
            let want = format!("invalid argument \"{text}\" for \"--network\" flag: {want}");
            assert_eq!(mode(text), Err(want), "{text}");
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
    fn search_domains() {
        for (text, want) in
            [(".", "."), ("lan", "lan"), (" a-1.Example.com. ", "a-1.Example.com"), ("_x.lan", "_x.lan")]
        {
            assert_eq!(search_domain(text).unwrap(), want);
        }
        for text in ["", "a b", "1.2", "a..b", "-a", "a-.b", "a\nnameserver 1.1.1.1", &"a".repeat(255)] {
            assert_eq!(search_domain(text).unwrap_err(), format!("{} is not a valid domain", text.trim()));
        }
    }

    #[test]
    fn hardware_addresses() {
        assert_eq!(mac_address("02-42-AC-11-00-02").unwrap(), "02:42:ac:11:00:02");
        for text in [
            "",
            "02:42:ac:11:00",
            "02:42:ac:11:00:zz",
            "2:42:ac:11:00:02",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
        ] {
            assert_eq!(mac_address(text).unwrap_err(), format!("{text} is not a valid mac address"));
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
