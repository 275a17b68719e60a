//! Networks and what a container has of them, as records keep them and the network helper builds them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of a network's record that is written; a newer one is refused.
pub const VERSION: u32 = 1;

/// The network that a container is on when nothing was said.
pub const BRIDGE: &str = "bridge";

/// The largest that slirp4netns takes (slirp4netns(1)): every packet that need not be divided saves time.
pub const MTU: u32 = 65520;

/// The option of a network with which, `false`, its containers see all clients of their published ports as the
/// gateway.
pub const KEEP_SOURCE: &str = "keep_source";

/// The option of a network with which, `true`, the stack's gateway leads its containers to what listens on the host's
/// loopback interface.
pub const HOST_LOOPBACK: &str = "allow_host_loopback";

/// The option of a network with which, `false`, its containers do not reach each other.
pub const BETWEEN_CONTAINERS: &str = "com.docker.network.bridge.enable_icc";

/// The option of a network with the address of the host at which its containers' ports are published, where they name
/// none.
pub const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";

/// The option of a network with what the names of its containers' interfaces begin with, instead of `eth`.
pub const INTERFACE_PREFIX: &str = "com.docker.network.container_iface_prefix";

/// A bridge that containers are attached to: the document `networks/<name>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub version: u32,
    pub name: String,
    /// 64 hexadecimal digits, new for each network that is made: what tells one from another of the same name.
    pub id: String,
    pub created: Timestamp,
    pub subnet: Ipv4Net,
    /// The bridge's own address.
    pub gateway: Ipv4Addr,
    /// Where addresses are picked from, if not from the whole subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Ipv4Net>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6>,
    /// Addresses that no container gets, by what they are for: `--aux-address`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reserved: BTreeMap<String, IpAddr>,
    /// No way out.
    #[serde(default)]
    pub internal: bool,
    /// What `inspect` says of it; containers always may come by hand.
    #[serde(default)]
    pub attachable: bool,
    #[serde(default)]
    pub disable_dns: bool,
    /// Name servers to ask instead of the host's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Bytes.
    pub mtu: u32,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `-o`, as given.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// The other half of a network that has IPv6 too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ipv6 {
    pub subnet: Ipv6Net,
    pub gateway: Ipv6Addr,
    /// Where addresses are picked from, if not from the whole subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Ipv6Net>,
}

impl Network {
    /// Whether its containers reach each other.
    pub fn connects_containers(&self) -> bool {
        self.options.get(BETWEEN_CONTAINERS).is_none_or(|value| value != "false")
    }
}

/// Where a network stands among those of a container, by its priority there and its name: what is on none of them goes
/// through the first that has a way out. Docker's choice.
pub fn rank(priority: i32, name: &str) -> (Reverse<i32>, &str) {
    (Reverse(priority), name)
}

/// What the user wants of a network for one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip6: Option<Ipv6Addr>,
    /// Six bytes in hexadecimal, divided by colons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Of the container's networks the one with the highest is its way out.
    #[serde(skip_serializing_if = "is_zero")]
    pub gw_priority: i32,
    /// Whether clients of published ports are shown as the gateway.
    pub masks_clients: bool,
    /// The names of others, and what this container alone calls them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(String, String)>,
    /// As [`super::driver_options`] reads them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_options: BTreeMap<String, String>,
}

/// What a container has of a network while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The network's name and id.
    pub network: String,
    pub network_id: String,
    /// 64 hexadecimal digits.
    pub id: String,
    /// The container's interface.
    pub interface: String,
    pub mac: String,
    pub ip: Ipv4Addr,
    pub prefix: u8,
    /// None on an internal network.
    pub gateway: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Endpoint6>,
    /// The name servers to ask.
    pub dns: Vec<IpAddr>,
    /// Whether the gateway's address answers with the names of the network's containers.
    #[serde(default)]
    pub has_names: bool,
    pub aliases: Vec<String>,
    /// See [`Attachment::gw_priority`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gw_priority: i32,
    /// Whether clients of published ports are shown as the gateway.
    #[serde(default)]
    pub masks_clients: bool,
    /// See [`Attachment::links`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(String, String)>,
    /// See [`Attachment::driver_options`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_options: BTreeMap<String, String>,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// The IPv6 half of an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint6 {
    pub ip: Ipv6Addr,
    pub prefix: u8,
    pub gateway: Option<Ipv6Addr>,
}
