//! The options of `--network pasta:…`: pasta's own (pasta(1)), and podman's words for what it does without any.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, bail};

use crate::base::port::PortMapping;

/// How the stack is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastaOptions {
    /// The program's, as they are passed on.
    own: Vec<String>,
    /// Whether the gateway's address leads to what listens on the host's loopback interface.
    pub maps_gateway: bool,
    /// The hardware address of the container's interface; pasta picks one where none is given.
    pub mac_address: Option<String>,
}

/// Where the container asks for names unless it is told otherwise: podman's choice, an address that no network has.
const DNS: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// What the engine says itself, or what would end the stack or take it away from its container.
const OURS: [&str; 16] = [
    "-f",
    "--foreground",
    "-P",
    "--pid",
    "-F",
    "--fd",
    "-h",
    "--help",
    "--version",
    "--netns",
    "--netns-only",
    "--no-netns-quit",
    "--userns",
    "--runas",
    "--config-net",
    "--no-copy-addrs",
];

/// Ports of each direction and protocol, by the program's two names for each: none unless it is said.
const DIRECTIONS: [(&str, &str); 4] =
    [("-t", "--tcp-ports"), ("-u", "--udp-ports"), ("-T", "--tcp-ns"), ("-U", "--udp-ns")];

impl PastaOptions {
    /// Reads the program's options, each word of them by itself, and podman's `--map-gw`.
    ///
    /// # Errors
    /// An option that is the engine's to give.
    pub fn parse(options: &[String]) -> Result<Self> {
        let mut parsed = Self::default();
        for option in options {
            let name = option.split_once('=').map_or(option.as_str(), |(name, _)| name);
            if OURS.contains(&name) {
                bail!("pasta option {option:?}: it is not the user's to give");
            }
            match name {
                "--map-gw" => parsed.maps_gateway = true,
                _ => parsed.own.push(option.clone()),
            }
        }
        parsed.dns()?;
        parsed.address()?;
        Ok(parsed)
    }

    /// Who answers the container's questions for names.
    pub fn dns(&self) -> Result<IpAddr> {
        Ok(self.value_address(&["--dns-forward"])?.unwrap_or(DNS.into()))
    }

    /// The container's address, if it is not the host's.
    pub fn address(&self) -> Result<Option<IpAddr>> {
        self.value_address(&["-a", "--address"])
    }

    /// The gateway's address, if it is not the host's gateway.
    pub fn gateway(&self) -> Result<Option<IpAddr>> {
        self.value_address(&["-g", "--gateway"])
    }

    /// The words of the command line that follow from these options.
    pub fn arguments(&self, ports: &[PortMapping]) -> Vec<String> {
        let mut words = vec!["--config-net".to_owned()];
        for port in ports {
            let address = port.host_ip.map(|ip| format!("{ip}/")).unwrap_or_default();
            let flag = format!("--{}-ports", port.protocol.as_str());
            words.extend([flag, format!("{address}{}:{}", port.host_port, port.container_port)]);
        }
        words.extend(self.own.iter().cloned());
        for (short, long) in DIRECTIONS {
            if !words.iter().any(|word| is_option(word, &[short, long])) {
                words.extend([short.to_owned(), "none".to_owned()]);
            }
        }
        if !words.iter().any(|word| is_option(word, &["--dns-forward"])) {
            words.extend(["--dns-forward".to_owned(), DNS.to_string()]);
        }
        if !self.maps_gateway && !words.iter().any(|word| word == "--no-map-gw") {
            words.push("--no-map-gw".to_owned());
        }
        if let Some(address) = &self.mac_address {
            words.extend(["--ns-mac-addr".to_owned(), address.clone()]);
        }
        words
    }

    /// The first address that an option gives, in the word after it or behind `=`.
    fn value_address(&self, names: &[&str]) -> Result<Option<IpAddr>> {
        let Some(at) = self.own.iter().position(|word| is_option(word, names)) else { return Ok(None) };
        let word = &self.own[at];
        let value = match word.split_once('=') {
            Some((_, value)) => value,
            None => {
                self.own.get(at + 1).with_context(|| format!("pasta option {word:?}: want an address"))?
            }
        };
        let address = value.parse().ok();
        address.with_context(|| format!("pasta option {word:?}: want an address, not {value:?}")).map(Some)
    }
}

fn is_option(word: &str, names: &[&str]) -> bool {
    names.contains(&word.split_once('=').map_or(word, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::port::Protocol;

    fn parse(text: &str) -> Result<PastaOptions> {
        let words: Vec<_> = text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        PastaOptions::parse(&words)
    }

    #[test]
    fn what_is_not_said_is_closed() {
        let none = "--config-net -t none -u none -T none -U none --dns-forward 169.254.1.1 --no-map-gw";
        for (text, want) in [
            ("", none),
            ("--map-gw", none.strip_suffix(" --no-map-gw").unwrap()),
            (
                "-t,auto,--tcp-ns=8080,-I,eth9",
                "--config-net -t auto --tcp-ns=8080 -I eth9 -u none -U none --dns-forward 169.254.1.1 --no-map-gw",
            ),
            (
                "--dns-forward,10.0.0.53",
                "--config-net --dns-forward 10.0.0.53 -t none -u none -T none -U none --no-map-gw",
            ),
        ] {
            assert_eq!(parse(text).unwrap().arguments(&[]).join(" "), want, "{text}");
        }
        let port = |host_ip: Option<&str>, protocol| PortMapping {
            host_ip: host_ip.map(|ip| ip.parse().unwrap()),
            host_port: 8080,
            host_port_last: None,
            container_port: 80,
            protocol,
        };
        let ports = [port(None, Protocol::Tcp), port(Some("::1"), Protocol::Udp)];
        let words =
            PastaOptions { mac_address: Some("m".to_owned()), ..parse("").unwrap() }.arguments(&ports);
        assert_eq!(
            words.join(" "),
            "--config-net --tcp-ports 8080:80 --udp-ports ::1/8080:80 -T none -U none --dns-forward 169.254.1.1 \
             --no-map-gw --ns-mac-addr m"
        );
    }

    #[test]
    fn what_is_asked_of_the_addresses() {
        let options = parse("-a,10.1.2.3,--gateway=10.1.2.1,--dns-forward,fd00::53").unwrap();
        let text = |address: Result<Option<IpAddr>>| address.unwrap().map(|ip| ip.to_string());
        assert_eq!(text(options.address()).as_deref(), Some("10.1.2.3"));
        assert_eq!(text(options.gateway()).as_deref(), Some("10.1.2.1"));
        assert_eq!(options.dns().unwrap().to_string(), "fd00::53");
        assert_eq!(parse("").unwrap().dns().unwrap().to_string(), "169.254.1.1");
        assert_eq!(text(parse("").unwrap().address()), None);
    }

    #[test]
    fn what_is_the_engines_is_refused() {
        for text in ["--netns,/x", "--netns=/x", "-P,x", "--userns", "--help", "-f"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.ends_with("it is not the user's to give"), "{error}");
        }
        for text in ["-a", "-a,x", "--dns-forward=x"] {
            assert!(parse(text).unwrap_err().to_string().contains("want an address"), "{text}");
        }
    }
}
