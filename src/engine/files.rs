//! `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container: written anew at each start, and
//! mounted from its directory.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::file::read_bounded;
use crate::base::network::Endpoint;
use crate::network::pasta::PastaOptions;
use crate::network::slirp::SlirpOptions;
use crate::network::uplink;
use crate::store::options::{ContainerOptions, HostsFile, NetworkMode};

/// A file of `--hosts-file` beyond this is none.
const HOSTS_LIMIT: u64 = 1 << 20;

/// Writes the three files into the container's directory.
pub fn write(
    directory: &Path,
    options: &ContainerOptions,
    hostname: &str,
    endpoints: &[Endpoint],
) -> Result<()> {
    let texts = Texts::new(options, hostname, endpoints)?;
    let put = |name: &str, text: &str| {
        let path = directory.join(name);
        let write = || -> std::io::Result<()> {
            let mut file = match File::create(&path) {
                // At the last start it was given to a root that is not this user.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    fs::remove_file(&path)?;
                    File::create(&path)?
                }
                created => created?,
            };
            file.write_all(text.as_bytes())?;
            // Any user of the container reads them, whatever the caller's umask.
            file.set_permissions(Permissions::from_mode(0o644))
        };
        write().with_context(|| format!("write {}", path.display()))
    };
    put("hosts", &texts.hosts)?;
    put("hostname", &format!("{hostname}\n"))?;
    put("resolv.conf", &texts.resolv_conf)
}

/// Brings the files of a container that runs from one set of networks to another. They are mounted, so they stay the same
/// files; what the container itself has written in them stays too. The caller may write them.
pub fn follow(
    directory: &Path,
    options: &ContainerOptions,
    hostname: &str,
    before: &[Endpoint],
    now: &[Endpoint],
) -> Result<()> {
    let (old, new) = (Texts::new(options, hostname, before)?, Texts::new(options, hostname, now)?);
    let change = |name: &str, change: &dyn Fn(&str) -> Option<String>| {
        let path = directory.join(name);
        let current = read_bounded(&path, HOSTS_LIMIT)?;
        match change(&String::from_utf8_lossy(&current)) {
            Some(text) => fs::write(&path, text).with_context(|| format!("write {}", path.display())),
            None => Ok(()),
        }
    };
    change("hosts", &|current| Some(edited(current, &old.hosts, &new.hosts)))?;
    // The order of its lines means something: one that is not ours any more is left alone, as docker does.
    change("resolv.conf", &|current| (current == old.resolv_conf).then(|| new.resolv_conf.clone()))
}

/// A text without the lines that only `old` has, and with those that only `new` has.
fn edited(text: &str, old: &str, new: &str) -> String {
    let has = |text: &str, line: &str| text.lines().any(|other| other == line);
    let kept = text.lines().filter(|line| !has(old, line) || has(new, line));
    let added = new.lines().filter(|line| !has(old, line));
    kept.chain(added).map(|line| format!("{line}\n")).collect()
}

/// What is written.
struct Texts {
    hosts: String,
    resolv_conf: String,
}

impl Texts {
    fn new(options: &ContainerOptions, hostname: &str, endpoints: &[Endpoint]) -> Result<Self> {
        let surroundings = Surroundings::of(options, endpoints)?;
        let host_resolv = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let host_hosts = match (&options.hosts_file, &options.network) {
            (Some(HostsFile::Empty), _) => Some(String::new()),
            (Some(HostsFile::File(path)), _) => {
                let content = read_bounded(path, HOSTS_LIMIT)?;
                Some(String::from_utf8(content).with_context(|| format!("read {}", path.display()))?)
            }
            (None, NetworkMode::Host) => fs::read_to_string("/etc/hosts").ok(),
            (None, _) => None,
        };
        Ok(Self {
            hosts: hosts(options, hostname, &surroundings, host_hosts.as_deref())?,
            resolv_conf: resolv_conf(options, &surroundings, &host_resolv),
        })
    }
}

/// What a container has around it on its networks.
#[derive(Debug, Default)]
struct Surroundings {
    /// Its own addresses.
    own: Vec<IpAddr>,
    /// Where it reaches the host.
    host: Option<IpAddr>,
    /// Who answers questions for names; none if it is as on the host.
    servers: Vec<IpAddr>,
    /// Whether these know the names of containers, and ask those of `--dns` themselves.
    know_names: bool,
}

impl Surroundings {
    fn of(options: &ContainerOptions, endpoints: &[Endpoint]) -> Result<Self> {
        Ok(match &options.network {
            NetworkMode::Slirp4netns { options } => {
                let options = SlirpOptions::parse(options)?;
                let addresses = options.addresses();
                // The gateway leads nowhere else.
                let outside = if options.allow_host_loopback { None } else { uplink::own_address() };
                Self {
                    own: vec![addresses.container.into()],
                    host: outside.or(Some(addresses.gateway.into())),
                    servers: vec![addresses.dns.into()],
                    know_names: false,
                }
            }
            NetworkMode::Pasta { options } => {
                let options = PastaOptions::parse(options)?;
                let own = options.address()?.or_else(uplink::own_address);
                let gateway = options.gateway()?.or_else(uplink::own_gateway);
                Self {
                    own: own.into_iter().collect(),
                    host: gateway.filter(|_| options.maps_gateway),
                    servers: vec![options.dns()?],
                    know_names: false,
                }
            }
            NetworkMode::Bridge { .. } => {
                let own = |endpoint: &Endpoint| {
                    let ipv6 = endpoint.ipv6.as_ref().map(|ipv6| ipv6.ip.into());
                    std::iter::once(endpoint.ip.into()).chain(ipv6)
                };
                let know_names = endpoints.iter().any(|endpoint| endpoint.has_names);
                let asked = endpoints.iter().filter(|endpoint| endpoint.has_names == know_names);
                let mut servers = Vec::new();
                for server in asked.flat_map(|endpoint| &endpoint.dns) {
                    if !servers.contains(server) {
                        servers.push(*server);
                    }
                }
                Self {
                    own: endpoints.iter().flat_map(own).collect(),
                    host: uplink::host_address(endpoints),
                    servers,
                    know_names,
                }
            }
            NetworkMode::Host => Self { host: Some(IpAddr::from([127, 0, 0, 1])), ..Self::default() },
            _ => Self { own: vec![IpAddr::from([127, 0, 1, 1])], ..Self::default() },
        })
    }
}

fn hosts(
    options: &ContainerOptions,
    hostname: &str,
    around: &Surroundings,
    base: Option<&str>,
) -> Result<String> {
    let mut text = match base.map(str::trim_end) {
        Some("") => String::new(),
        Some(base) => format!("{base}\n"),
        None => "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
         ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
            .to_owned(),
    };
    for extra in &options.extra_hosts {
        let (name, address) = extra.split_once(':').context("--add-host wants name:address")?;
        let address = match (address, around.host) {
            ("host-gateway", Some(host)) => host.to_string(),
            // Not known before it is started.
            ("host-gateway", None) if matches!(options.network, NetworkMode::Bridge { .. }) => continue,
            ("host-gateway", None) => bail!("--add-host {extra}: this network has no gateway"),
            (address, _) => address.trim_matches(['[', ']']).to_owned(),
        };
        text.push_str(&format!("{address}\t{name}\n"));
    }
    let has_stack = matches!(
        options.network,
        NetworkMode::Bridge { .. } | NetworkMode::Slirp4netns { .. } | NetworkMode::Pasta { .. }
    );
    if let Some(host) = around.host.filter(|_| has_stack) {
        text.push_str(&format!("{host}\thost.containers.internal host.docker.internal\n"));
    }
    let names = match &options.domainname {
        Some(domain) => format!("{hostname}.{domain} {hostname}"),
        None => hostname.to_owned(),
    };
    for own in &around.own {
        text.push_str(&format!("{own}\t{names}\n"));
    }
    Ok(text)
}

/// The host's, without the name servers that only the host reaches, or what the user gave.
fn resolv_conf(options: &ContainerOptions, around: &Surroundings, of_host: &str) -> String {
    // A server on the loopback interface is one that runs in the container, and nobody else can ask it.
    let is_hidden = |server: &&IpAddr| around.know_names && !server.is_loopback();
    let own = options.dns.iter().filter(|server| !is_hidden(server));
    let mut servers: Vec<String> = own.map(IpAddr::to_string).collect();
    let mut search = options.dns_search.clone();
    let mut extra = options.dns_options.clone();
    let lines = || of_host.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    if servers.is_empty() {
        servers.extend(around.servers.iter().map(IpAddr::to_string));
    }
    if servers.is_empty() {
        let named = lines().filter(|words| words.first() == Some(&"nameserver"));
        servers.extend(named.filter_map(|words| words.get(1).map(|&server| server.to_owned())));
    }
    let copy = |key: &str| -> Vec<String> {
        let matching = lines().filter(|words| words.first() == Some(&key));
        // The last line of a kind counts (resolv.conf(5)).
        matching
            .fold(None, |_, words| Some(words))
            .map(|words| words[1..].iter().map(|&word| word.to_owned()).collect())
            .unwrap_or_default()
    };
    if search.is_empty() {
        search = copy("search");
    }
    if extra.is_empty() {
        extra = copy("options");
    }
    // The name of a container is asked for as it is first, and not within the host's domains, where anything may
    // have it (docker's choice too).
    if around.know_names && !extra.iter().any(|option| option.starts_with("ndots:")) {
        extra.push("ndots:0".to_owned());
    }
    let mut text = String::new();
    // "." asks for no search list at all, as docker has it.
    if !search.is_empty() && search != ["."] {
        text.push_str(&format!("search {}\n", search.join(" ")));
    }
    for server in servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    if !extra.is_empty() {
        text.push_str(&format!("options {}\n", extra.join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "# comment\nnameserver 192.0.2.1\nsearch corp.example lan\noptions edns0 trust-ad\n";

    fn slirp() -> (ContainerOptions, Surroundings) {
        let network = NetworkMode::Slirp4netns { options: vec!["allow_host_loopback=true".to_owned()] };
        let options = ContainerOptions { network, ..Default::default() };
        let around = Surroundings::of(&options, &[]).unwrap();
        (options, around)
    }

    #[test]
    fn a_private_stack_has_its_own_server_and_the_hosts_search_list() {
        let (options, around) = slirp();
        assert_eq!(
            resolv_conf(&options, &around, HOST),
            "search corp.example lan\nnameserver 10.0.2.3\noptions edns0 trust-ad\n"
        );
        let host = ContainerOptions { network: NetworkMode::Host, ..Default::default() };
        assert!(resolv_conf(&host, &Surroundings::default(), HOST).contains("nameserver 192.0.2.1\n"));
    }

    #[test]
    fn what_the_user_gave_replaces_it() {
        let (mut options, around) = slirp();
        options.dns = vec!["9.9.9.9".parse().unwrap(), "2620:fe::9".parse().unwrap()];
        options.dns_search = vec![".".into()];
        options.dns_options = vec!["ndots:2".into()];
        assert_eq!(
            resolv_conf(&options, &around, HOST),
            "nameserver 9.9.9.9\nnameserver 2620:fe::9\noptions ndots:2\n"
        );
    }

    #[test]
    fn a_bridge_has_a_server_that_asks_for_the_container() {
        let around = Surroundings {
            servers: vec!["172.18.0.1".parse().unwrap()],
            know_names: true,
            ..Surroundings::default()
        };
        for (dns, given, want) in [
            (&[][..], &[][..], "nameserver 172.18.0.1\noptions edns0 trust-ad ndots:0\n"),
            (&["9.9.9.9"], &["ndots:2"], "nameserver 172.18.0.1\noptions ndots:2\n"),
            (&["127.0.0.1", "9.9.9.9"], &["rotate"], "nameserver 127.0.0.1\noptions rotate ndots:0\n"),
        ] {
            let options = ContainerOptions {
                dns: dns.iter().map(|server| server.parse().unwrap()).collect(),
                dns_options: given.iter().map(|&option| option.to_owned()).collect(),
                ..ContainerOptions::default()
            };
            let want = format!("search corp.example lan\n{want}");
            assert_eq!(resolv_conf(&options, &around, HOST), want);
        }
    }

    #[test]
    fn what_others_wrote_is_kept() {
        let (old, new) = ("::1\tlo\n10.0.0.2\tweb\n", "::1\tlo\n10.1.0.2\tweb\n10.1.0.1\thost\n");
        for (text, want) in [
            (old, new),
            ("10.0.0.2\tweb\n9.9.9.9\tmine\n", "9.9.9.9\tmine\n10.1.0.2\tweb\n10.1.0.1\thost\n"),
            ("", "10.1.0.2\tweb\n10.1.0.1\thost\n"),
        ] {
            assert_eq!(edited(text, old, new), want);
        }
    }

    #[test]
    fn hosts_names_the_container_and_what_was_added() {
        let (mut options, around) = slirp();
        options.extra_hosts =
            vec!["db:192.0.2.7".into(), "up:host-gateway".into(), "six:[2001:db8::1]".into()];
        let text = hosts(&options, "web", &around, None).unwrap();
        for line in ["192.0.2.7\tdb\n", "10.0.2.2\tup\n", "2001:db8::1\tsix\n", "10.0.2.100\tweb\n"] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
        options.network = NetworkMode::None;
        assert!(hosts(&options, "web", &Surroundings::default(), None).is_err());
    }
}
