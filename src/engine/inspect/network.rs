//! What `inspect` shows of networks: docker 28's documents.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::base::network::Endpoint;
use crate::base::time;
use crate::engine::networks::{Listed, User};

/// Docker's time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The document of one network.
pub fn network(listed: &Listed, users: &[User]) -> Value {
    let network = listed.network();
    let config: Vec<_> = network
        .map(|network| {
            let mut config = vec![pool(network.subnet, network.range, network.gateway.into())];
            config.extend(
                network.ipv6.as_ref().map(|ipv6| pool(ipv6.subnet, None::<String>, ipv6.gateway.into())),
            );
            config
        })
        .unwrap_or_default();
    let containers: Map<String, Value> =
        users.iter().map(|user| (user.id.clone(), container(user))).collect();
    json!({
        "Name": listed.name(),
        "Id": listed.id(),
        "Created": network.map_or_else(|| NEVER.to_owned(), |network| time::rfc3339_local(network.created)),
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
        "Attachable": false,
        "Ingress": false,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": false,
        "Containers": containers,
        "Options": network.map(|network| network.options.clone()).unwrap_or_default(),
        "Labels": network.map(|network| network.labels.clone()).unwrap_or_default(),
    })
}

fn pool(subnet: impl ToString, range: Option<impl ToString>, gateway: IpAddr) -> Value {
    let mut config = json!({"Subnet": subnet.to_string()});
    if let Some(range) = range {
        config["IPRange"] = range.to_string().into();
    }
    config["Gateway"] = gateway.to_string().into();
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

/// What a container has of one network, beneath its `NetworkSettings`.
pub fn endpoint(endpoint: &Endpoint, names: &[String]) -> Value {
    let ipv6 = endpoint.ipv6.as_ref();
    json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": if endpoint.aliases.is_empty() { Value::Null } else { json!(endpoint.aliases) },
        "MacAddress": endpoint.mac,
        "DriverOpts": null,
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
