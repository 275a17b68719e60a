//! What `inspect` shows of networks, and of a container's places on them: docker 28's documents.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::host::open_ports;
use super::list_or_null;
use crate::base::network::{Attachment, Endpoint};
use crate::base::time;
use crate::engine::list::network_name;
use crate::engine::networks::{Listed, User};
use crate::network::slirp::Addresses;
use crate::store::containers::{Record, Status};
use crate::store::layout::Layout;
use crate::store::options::NetworkMode;

/// Docker's time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The document of one network.
pub fn network(listed: &Listed, users: &[User]) -> Value {
    let network = listed.network();
    let config: Vec<_> = network
        .map(|network| {
            let reserved = |is_ours: fn(&IpAddr) -> bool| {
                let ours = network.reserved.iter().filter(|(_, address)| is_ours(address));
                ours.map(|(name, address)| (name.clone(), address.to_string().into())).collect()
            };
            let mut config =
                vec![pool(network.subnet, network.range, network.gateway.into(), reserved(IpAddr::is_ipv4))];
            config.extend(
                network.ipv6.as_ref().map(|ipv6| {
                    pool(ipv6.subnet, ipv6.range, ipv6.gateway.into(), reserved(IpAddr::is_ipv6))
                }),
            );
            config
        })
        .unwrap_or_default();
    let containers: Map<String, Value> =
        users.iter().map(|user| (user.id.clone(), container(user))).collect();
    json!({
        "Name": listed.name(),
        "Id": listed.id(),
        "Created": network.map_or_else(|| NEVER.to_owned(), |network| time::rfc3339_local_exact(network.created)),
        "Scope": "local",
        "Driver": listed.driver(),
        "EnableIPv4": true,
        "EnableIPv6": network.is_some_and(|network| network.ipv6.is_some()),
        "IPAM": {
            "Driver": "default",
            "Options": null,
            "Config": if config.is_empty() { Value::Null } else { json!(config) },
        },
        "Internal": network.is_some_and(|network| network.internal),
        "Attachable": network.is_some_and(|network| network.attachable),
        "Ingress": false,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": false,
        "Containers": containers,
        "Options": network.map(|network| network.options.clone()).unwrap_or_default(),
        "Labels": network.map(|network| network.labels.clone()).unwrap_or_default(),
    })
}

fn pool(
    subnet: impl ToString,
    range: Option<impl ToString>,
    gateway: IpAddr,
    reserved: Map<String, Value>,
) -> Value {
    let mut config = json!({"Subnet": subnet.to_string()});
    if let Some(range) = range {
        config["IPRange"] = range.to_string().into();
    }
    config["Gateway"] = gateway.to_string().into();
    if !reserved.is_empty() {
        config["AuxiliaryAddresses"] = reserved.into();
    }
    config
}

fn container(user: &User) -> Value {
    let endpoint = &user.endpoint;
    let ipv6 = endpoint.ipv6.as_ref().map(|ipv6| format!("{}/{}", ipv6.ip, ipv6.prefix));
    json!({
        "Name": user.name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac,
        "IPv4Address": format!("{}/{}", endpoint.ip, endpoint.prefix),
        "IPv6Address": ipv6.unwrap_or_default(),
    })
}

/// What a container has of its networks.
pub fn network_settings(record: &Record, layout: &Layout) -> Value {
    let options = &record.options;
    let running = matches!(record.state.status, Status::Initialized | Status::Running);
    let mut ports = if running { open_ports(&record.ports) } else { Map::new() };
    if running {
        for port in &options.expose {
            ports.entry(port.clone()).or_insert(Value::Null);
        }
    }
    let networks = endpoints(record, running);
    // What docker has said once, before there were several networks.
    let first = networks.values().next().cloned().unwrap_or_else(|| endpoint("", "", 0, ""));
    let sandbox =
        if running { layout.container_run(&record.id).display().to_string() } else { String::new() };
    json!({
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": sandbox,
        "Ports": ports,
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": first["EndpointID"],
        "Gateway": first["Gateway"],
        "GlobalIPv6Address": first["GlobalIPv6Address"],
        "GlobalIPv6PrefixLen": first["GlobalIPv6PrefixLen"],
        "IPAddress": first["IPAddress"],
        "IPPrefixLen": first["IPPrefixLen"],
        "IPv6Gateway": first["IPv6Gateway"],
        "MacAddress": first["MacAddress"],
        "Networks": networks,
    })
}

/// What a container has of each network, by the network's name.
fn endpoints(record: &Record, running: bool) -> Map<String, Value> {
    let options = &record.options;
    let mac = options.mac_address.as_deref().unwrap_or_default();
    match &options.network {
        NetworkMode::Container { .. } | NetworkMode::Path { .. } => Map::new(),
        NetworkMode::Bridge { networks } if running => {
            let shown = |one: &Endpoint| {
                let wanted = networks.iter().find(|wanted| wanted.network == one.network);
                let mut place = present(one, &dns_names(record, &one.aliases));
                place["IPAMConfig"] = wanted.map(ipam_config).unwrap_or_default();
                (one.network.clone(), place)
            };
            record.endpoints.iter().map(shown).collect()
        }
        NetworkMode::Bridge { networks } => {
            networks.iter().map(|one| (one.network.clone(), absent(one))).collect()
        }
        NetworkMode::Slirp4netns { options } if running => {
            let shown = Addresses::of_options(options).map(|addresses| {
                let (own, gateway) = (addresses.container.to_string(), addresses.gateway.to_string());
                endpoint(&own, &gateway, addresses.prefix, mac)
            });
            [("slirp4netns".to_owned(), shown.unwrap_or_else(|_| endpoint("", "", 0, mac)))]
                .into_iter()
                .collect()
        }
        mode => [(network_name(mode), endpoint("", "", 0, mac))].into_iter().collect(),
    }
}

/// The names by which others on a network find a container, docker's order.
fn dns_names(record: &Record, aliases: &[String]) -> Vec<String> {
    let short = record.id[..12].to_owned();
    let all = [record.name.clone()].into_iter().chain(aliases.iter().cloned()).chain([short]);
    let mut names = Vec::new();
    for name in all.chain(record.options.hostname.clone()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What a container that does not run will have of a network.
fn absent(wanted: &Attachment) -> Value {
    let mut place = endpoint("", "", 0, wanted.mac.as_deref().unwrap_or_default());
    place["IPAMConfig"] = ipam_config(wanted);
    place["GwPriority"] = wanted.gw_priority.into();
    place["Links"] = list_or_null(links(&wanted.links));
    place["Aliases"] = list_or_null(wanted.aliases.clone());
    place["DriverOpts"] = options_or_null(&wanted.driver_options);
    place
}

/// The addresses that were asked for.
fn ipam_config(wanted: &Attachment) -> Value {
    let mut config = Map::new();
    config.extend(wanted.ip.map(|ip| ("IPv4Address".to_owned(), ip.to_string().into())));
    config.extend(wanted.ip6.map(|ip| ("IPv6Address".to_owned(), ip.to_string().into())));
    if config.is_empty() { Value::Null } else { config.into() }
}

fn endpoint(address: &str, gateway: &str, prefix: u8, mac: &str) -> Value {
    json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "MacAddress": mac,
        "DriverOpts": null,
        "GwPriority": 0,
        "NetworkID": "",
        "EndpointID": "",
        "Gateway": gateway,
        "IPAddress": address,
        "IPPrefixLen": prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": null,
    })
}

/// What a container that runs has of one network.
fn present(endpoint: &Endpoint, names: &[String]) -> Value {
    let ipv6 = endpoint.ipv6.as_ref();
    json!({
        "IPAMConfig": null,
        "Links": list_or_null(links(&endpoint.links)),
        "Aliases": list_or_null(endpoint.aliases.clone()),
        "MacAddress": endpoint.mac,
        "DriverOpts": options_or_null(&endpoint.driver_options),
        "GwPriority": endpoint.gw_priority,
        "NetworkID": endpoint.network_id,
        "EndpointID": endpoint.id,
        "Gateway": shown(endpoint.gateway),
        "IPAddress": endpoint.ip,
        "IPPrefixLen": endpoint.prefix,
        "IPv6Gateway": shown(ipv6.and_then(|ipv6| ipv6.gateway)),
        "GlobalIPv6Address": shown(ipv6.map(|ipv6| ipv6.ip)),
        "GlobalIPv6PrefixLen": ipv6.map_or(0, |ipv6| ipv6.prefix),
        "DNSNames": names,
    })
}

fn shown(address: Option<impl ToString>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

/// `name:alias` each.
fn links(links: &[(String, String)]) -> Vec<String> {
    links.iter().map(|(name, alias)| format!("{name}:{alias}")).collect()
}

fn options_or_null(options: &BTreeMap<String, String>) -> Value {
    if options.is_empty() { Value::Null } else { json!(options) }
}
