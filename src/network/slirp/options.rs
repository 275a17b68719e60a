//! The options of `--network slirp4netns:…`, as podman writes them, and the addresses that follow from them.

use std::net::Ipv4Addr;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

/// How the stack is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlirpOptions {
    pub cidr: Cidr,
    /// Bytes; large, because every packet costs two switches of context.
    pub mtu: u16,
    pub enable_ipv6: bool,
    /// Whether the gateway's address leads to what listens on the host's 127.0.0.1.
    pub allow_host_loopback: bool,
    /// The address or interface that IPv4 connections leave by.
    pub outbound_addr: Option<String>,
    /// The same for IPv6.
    pub outbound_addr6: Option<String>,
    /// The hardware address of the container's interface; slirp4netns picks one where none is given.
    pub mac_address: Option<String>,
}

impl Default for SlirpOptions {
    fn default() -> Self {
        Self {
            cidr: Cidr::DEFAULT,
            mtu: 65520,
            enable_ipv6: false,
            allow_host_loopback: false,
            outbound_addr: None,
            outbound_addr6: None,
            mac_address: None,
        }
    }
}

/// slirp4netns(1): `--mtu`.
const MAX_MTU: u16 = 65521;
/// The smallest that IPv4 allows.
const MIN_MTU: u16 = 68;

impl SlirpOptions {
    /// Reads options of the form `name=value`; what is not named keeps its default.
    ///
    /// # Errors
    /// An option or value that podman does not have, or a port handler that is not slirp4netns' own.
    pub fn parse(options: &[String]) -> Result<Self> {
        let mut parsed = Self::default();
        for option in options {
            parsed.set(option).with_context(|| format!("slirp4netns option {option:?}"))?;
        }
        Ok(parsed)
    }

    /// The addresses that follow from the network; fixed by slirp4netns(1).
    pub fn addresses(&self) -> Addresses {
        let host = |number| self.cidr.host(number);
        Addresses { container: host(100), gateway: host(2), dns: host(3), prefix: self.cidr.prefix }
    }

    fn set(&mut self, option: &str) -> Result<()> {
        let (name, value) = option.split_once('=').context("want NAME=VALUE")?;
        match name {
            "cidr" => self.cidr = value.parse()?,
            "mtu" => self.mtu = mtu(value)?,
            "enable_ipv6" => self.enable_ipv6 = truth(value)?,
            "allow_host_loopback" => self.allow_host_loopback = truth(value)?,
            "outbound_addr" => self.outbound_addr = Some(outbound(value)?),
            "outbound_addr6" => self.outbound_addr6 = Some(outbound(value)?),
            "port_handler" => ensure!(value == "slirp4netns", "only port_handler=slirp4netns exists here"),
            _ => bail!("unknown option"),
        }
        Ok(())
    }
}

fn truth(value: &str) -> Result<bool> {
    value.parse().context("want true or false")
}

fn mtu(value: &str) -> Result<u16> {
    let mtu = value.parse().ok().filter(|mtu| (MIN_MTU..=MAX_MTU).contains(mtu));
    mtu.with_context(|| format!("want a number from {MIN_MTU} to {MAX_MTU}"))
}

/// It becomes part of one argument, so all there is to refuse is nothing at all.
fn outbound(value: &str) -> Result<String> {
    ensure!(!value.is_empty(), "want an address or an interface");
    Ok(value.to_owned())
}

/// The addresses of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The container's own, on the interface [`super::INTERFACE`].
    pub container: Ipv4Addr,
    /// The way out; with `allow_host_loopback` also the host's 127.0.0.1.
    pub gateway: Ipv4Addr,
    /// A resolver that asks the host's.
    pub dns: Ipv4Addr,
    /// Bits of the network's prefix.
    pub prefix: u8,
}

impl Addresses {
    /// The addresses that a stack with these options will have.
    pub fn of_options(options: &[String]) -> Result<Self> {
        Ok(SlirpOptions::parse(options)?.addresses())
    }
}

/// The stack's network. Its first addresses are slirp4netns' own, the hundredth is the container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: Ipv4Addr,
    prefix: u8,
}

impl Cidr {
    /// slirp4netns' own default.
    pub const DEFAULT: Self = Self { network: Ipv4Addr::new(10, 0, 2, 0), prefix: 24 };

    fn host(self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network.to_bits() | number)
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (network, prefix) = text.split_once('/').context("want a network such as 10.0.2.0/24")?;
        let network: Ipv4Addr = network.parse().context("want an IPv4 network such as 10.0.2.0/24")?;
        let prefix = prefix.parse().ok().filter(|prefix| (1..=25).contains(prefix));
        let prefix: u8 = prefix.context("the prefix must have 1 to 25 bits")?;
        ensure!(
            network.to_bits().trailing_zeros() >= 32 - u32::from(prefix),
            "want the network's address, not one in it"
        );
        Ok(Self { network, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(option: &str) -> Result<SlirpOptions> {
        SlirpOptions::parse(&[option.to_owned()])
    }

    #[test]
    fn reads_podmans_options() {
        let default = SlirpOptions::default();
        assert_eq!(SlirpOptions::parse(&[]).unwrap(), default);
        let rows: [(&str, SlirpOptions); 9] = [
            ("mtu=1500", SlirpOptions { mtu: 1500, ..default.clone() }),
            ("enable_ipv6=true", SlirpOptions { enable_ipv6: true, ..default.clone() }),
            ("enable_ipv6=false", default.clone()),
            ("allow_host_loopback=true", SlirpOptions { allow_host_loopback: true, ..default.clone() }),
            ("cidr=10.0.2.0/24", default.clone()),
            ("outbound_addr=eth0", SlirpOptions { outbound_addr: Some("eth0".into()), ..default.clone() }),
            ("outbound_addr6=::1", SlirpOptions { outbound_addr6: Some("::1".into()), ..default.clone() }),
            ("port_handler=slirp4netns", default.clone()),
            ("mtu=65521", SlirpOptions { mtu: 65521, ..default.clone() }),
        ];
        for (text, want) in rows {
            assert_eq!(parse(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn refuses_other_options_by_name() {
        for (text, message) in [
            ("mtu", "want NAME=VALUE"),
            ("mtu=65522", "want a number from 68 to 65521"),
            ("mtu=x", "want a number from 68 to 65521"),
            ("enable_ipv6=yes", "want true or false"),
            ("outbound_addr=", "want an address or an interface"),
            ("port_handler=rootlesskit", "only port_handler=slirp4netns exists here"),
            ("colour=blue", "unknown option"),
            ("cidr=10.0.2.1/24", "want the network's address, not one in it"),
            ("cidr=10.0.2.0/26", "the prefix must have 1 to 25 bits"),
            ("cidr=10.0.2.0", "want a network such as 10.0.2.0/24"),
            ("cidr=fd00::/64", "want an IPv4 network such as 10.0.2.0/24"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.starts_with(&format!("slirp4netns option {text:?}: {message}")), "{error}");
        }
    }

    #[test]
    fn addresses_follow_from_the_network() {
        for (text, container, gateway, dns, prefix) in [
            ("10.0.2.0/24", [10, 0, 2, 100], [10, 0, 2, 2], [10, 0, 2, 3], 24),
            ("192.168.64.128/25", [192, 168, 64, 228], [192, 168, 64, 130], [192, 168, 64, 131], 25),
            ("172.16.0.0/12", [172, 16, 0, 100], [172, 16, 0, 2], [172, 16, 0, 3], 12),
        ] {
            let (container, gateway, dns) = (container.into(), gateway.into(), dns.into());
            let want = Addresses { container, gateway, dns, prefix };
            assert_eq!(Addresses::of_options(&[format!("cidr={text}")]).unwrap(), want);
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        assert_eq!(Cidr::DEFAULT.to_string(), "10.0.2.0/24");
    }
}
