//! Who is on which network and by which names: no sockets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::base::network::Endpoint;

/// A container, as far as names are concerned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bearer {
    pub id: String,
    pub name: String,
    pub hostname: String,
    /// Whom to ask for it; the network's choice if there are none.
    pub servers: Vec<IpAddr>,
    /// Names by which it alone knows others, in lower case, with their ids.
    pub links: Vec<(String, String)>,
}

/// A container on a network.
#[derive(Debug)]
struct Place {
    bearer: Bearer,
    /// In lower case.
    names: Vec<String>,
    endpoint: Endpoint,
}

/// What is looked for.
#[derive(Debug, PartialEq)]
pub enum Wanted {
    /// In lower case, without a dot at the end.
    Name(String),
    Address(IpAddr),
}

/// What is known of it.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Of both families.
    Addresses(Vec<IpAddr>),
    Name(String),
    /// An address of one of the asker's networks, and nobody has it.
    Nobody,
    /// To be asked elsewhere.
    Elsewhere,
}

/// The containers of all networks.
#[derive(Debug, Default)]
pub struct Roster {
    /// By the networks' ids.
    places: Mutex<HashMap<String, Vec<Place>>>,
}

impl Roster {
    /// A container is on a network from now on.
    pub fn enter(&self, bearer: Bearer, endpoint: &Endpoint) {
        let own = [bearer.name.as_str(), bearer.id.get(..12).unwrap_or(&bearer.id), &bearer.hostname];
        let all = own.into_iter().chain(endpoint.aliases.iter().map(String::as_str));
        let names = all.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect();
        let place = Place { names, endpoint: endpoint.clone(), bearer };
        self.places().entry(endpoint.network_id.clone()).or_default().push(place);
    }

    /// It is not there any more.
    pub fn leave(&self, endpoint: &Endpoint) {
        let mut places = self.places();
        let Some(of_network) = places.get_mut(&endpoint.network_id) else { return };
        of_network.retain(|place| place.endpoint.id != endpoint.id);
        if of_network.is_empty() {
            places.remove(&endpoint.network_id);
        }
    }

    /// A container has another name.
    pub fn rename(&self, id: &str, name: &str) {
        let name_now = name.to_ascii_lowercase();
        for place in self.places().values_mut().flatten().filter(|place| place.bearer.id == id) {
            let before = place.bearer.name.to_ascii_lowercase();
            if let Some(at) = place.names.iter().position(|one| *one == before) {
                place.names[at].clone_from(&name_now);
            }
            name.clone_into(&mut place.bearer.name);
        }
    }

    /// What `asker`, on the network that it asked, may know of something: of the first of its networks that has
    /// anything, which is docker's way.
    pub fn find(&self, network: &str, asker: IpAddr, wanted: &Wanted) -> Found {
        let places = self.places();
        let networks = visible(&places, network, asker);
        match wanted {
            Wanted::Name(name) => {
                let linked = places.get(network).and_then(|asked| linked(asked, asker, name));
                if let Some(id) = linked {
                    let places = networks.iter().copied().flatten().filter(|place| place.bearer.id == id);
                    let found: Vec<_> = places.flat_map(own_addresses).collect();
                    return if found.is_empty() { Found::Nobody } else { Found::Addresses(found) };
                }
                let own = networks.iter().copied().flatten().find(|place| has(place, asker));
                let unlinked = own.and_then(|own| unlinked(&networks, &own.bearer.id, name));
                let name = unlinked.as_deref().unwrap_or(name);
                let plain = networks.iter().map(|places| addresses(places, name));
                let qualified = networks.iter().map(|places| addresses_within(places, name));
                let found = plain.chain(qualified).find(|found| !found.is_empty());
                found.map_or(Found::Elsewhere, Found::Addresses)
            }
            Wanted::Address(address) => {
                let mut near = networks.iter().filter(|places| contains(places, *address)).peekable();
                if near.peek().is_none() {
                    return Found::Elsewhere;
                }
                near.find_map(|places| name_of(places, *address)).map_or(Found::Nobody, Found::Name)
            }
        }
    }

    /// The servers that the container itself wants to be asked, and whether it is on a network with a way out; none
    /// if it is nobody's address.
    pub fn wishes(&self, network: &str, asker: IpAddr) -> Option<(Vec<IpAddr>, bool)> {
        let places = self.places();
        let place = places.get(network)?.iter().find(|place| has(place, asker))?;
        let own = |other: &&Place| other.bearer.id == place.bearer.id;
        let is_open = places.values().flatten().filter(own).any(|own| own.endpoint.gateway.is_some());
        Some((place.bearer.servers.clone(), is_open))
    }

    fn places(&self) -> MutexGuard<'_, HashMap<String, Vec<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The networks of who asks: the one that it asked first, the others by name.
fn visible<'a>(places: &'a HashMap<String, Vec<Place>>, network: &str, asker: IpAddr) -> Vec<&'a [Place]> {
    let Some(asked) = places.get(network) else { return Vec::new() };
    let mut networks = vec![asked.as_slice()];
    let Some(own) = asked.iter().find(|place| has(place, asker)) else { return networks };
    let is_own = |place: &&Place| place.bearer.id == own.bearer.id;
    let others = places.iter().filter(|(id, _)| *id != network);
    let mut others: Vec<_> = others
        .filter_map(|(_, places)| Some((&places.iter().find(is_own)?.endpoint.network, places)))
        .collect();
    others.sort_by_key(|(name, _)| *name);
    networks.extend(others.into_iter().map(|(_, places)| places.as_slice()));
    networks
}

/// The id of the container that an asker has a name for that nobody else has.
fn linked<'a>(places: &'a [Place], asker: IpAddr, name: &str) -> Option<&'a str> {
    let own = places.iter().find(|place| has(place, asker))?;
    let (_, id) = own.bearer.links.iter().find(|(alias, _)| alias == name)?;
    Some(id)
}

/// What everybody calls what an asker has a name of its own for on any of its networks.
fn unlinked(networks: &[&[Place]], asker: &str, name: &str) -> Option<String> {
    let own = networks.iter().copied().flatten().filter(|place| place.bearer.id == asker);
    let mut links = own.flat_map(|place| &place.endpoint.links);
    links.find(|(_, alias)| alias.eq_ignore_ascii_case(name)).map(|(name, _)| name.to_ascii_lowercase())
}

fn has(place: &Place, address: IpAddr) -> bool {
    own_addresses(place).any(|own| own == address)
}

fn own_addresses(place: &Place) -> impl Iterator<Item = IpAddr> {
    let six = place.endpoint.ipv6.as_ref().map(|ipv6| ipv6.ip.into());
    std::iter::once(place.endpoint.ip.into()).chain(six)
}

/// The addresses of all that have a name.
fn addresses(places: &[Place], name: &str) -> Vec<IpAddr> {
    let named = places.iter().filter(|place| place.names.iter().any(|own| own == name));
    named.flat_map(own_addresses).collect()
}

/// The same for docker's longer names, which end in the network's.
fn addresses_within(places: &[Place], name: &str) -> Vec<IpAddr> {
    let Some((name, network)) = name.rsplit_once('.') else { return Vec::new() };
    match places.first() {
        Some(place) if place.endpoint.network.eq_ignore_ascii_case(network) => addresses(places, name),
        _ => Vec::new(),
    }
}

/// Whether an address is of a network's subnets.
fn contains(places: &[Place], address: IpAddr) -> bool {
    places.iter().any(|place| match (address, &place.endpoint.ipv6) {
        (IpAddr::V4(address), _) => Ipv4Net::new(place.endpoint.ip, place.endpoint.prefix)
            .is_ok_and(|subnet| subnet.contains(&address)),
        (IpAddr::V6(address), Some(ipv6)) => {
            Ipv6Net::new(ipv6.ip, ipv6.prefix).is_ok_and(|subnet| subnet.contains(&address))
        }
        (IpAddr::V6(_), None) => false,
    })
}

fn name_of(places: &[Place], address: IpAddr) -> Option<String> {
    let place = places.iter().find(|place| has(place, address))?;
    Some(format!("{}.{}", place.bearer.name, place.endpoint.network))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::network::Endpoint6;
    use std::collections::BTreeMap;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// On network `lan` of id `lan-id`; the last part of the addresses is `host`.
    fn endpoint(network: &str, third: u8, host: u8, aliases: &[&str]) -> Endpoint {
        Endpoint {
            network: network.to_owned(),
            network_id: format!("{network}-id"),
            id: format!("{network}-{host}"),
            interface: "eth0".to_owned(),
            mac: String::new(),
            ip: [10, 0, third, host].into(),
            prefix: 24,
            gateway: Some([10, 0, third, 1].into()),
            ipv6: (third == 1).then(|| Endpoint6 {
                ip: format!("fd00::{host}").parse().unwrap(),
                prefix: 64,
                gateway: None,
            }),
            dns: Vec::new(),
            has_names: true,
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            gw_priority: 0,
            masks_clients: false,
            links: Vec::new(),
            driver_options: BTreeMap::new(),
        }
    }

    fn bearer(name: &str, id: char) -> Bearer {
        Bearer {
            id: id.to_string().repeat(64),
            name: name.to_owned(),
            hostname: format!("host-of-{name}"),
            servers: Vec::new(),
            links: vec![("shelf".to_owned(), "c".repeat(64)), ("gone".to_owned(), "e".repeat(64))],
        }
    }

    /// `web` on `lan`, `db` on `lan` and `back`, `store` on `back`, `lone` on `other`.
    fn roster() -> Roster {
        let roster = Roster::default();
        roster.enter(bearer("Web", 'a'), &endpoint("lan", 1, 2, &["www", "any"]));
        roster.enter(bearer("db", 'b'), &endpoint("lan", 1, 3, &["any"]));
        roster.enter(bearer("db", 'b'), &endpoint("back", 2, 3, &[]));
        roster.enter(bearer("store", 'c'), &endpoint("back", 2, 4, &["my.store"]));
        roster.enter(bearer("lone", 'd'), &endpoint("other", 3, 2, &[]));
        roster
    }

    #[test]
    fn names_are_those_of_the_askers_networks() {
        let roster = roster();
        let web = || vec![ip("10.0.1.2"), ip("fd00::2")];
        let db = || vec![ip("10.0.1.3"), ip("fd00::3")];
        for (asker, name, want) in [
            ("10.0.1.3", "web", web()),
            ("fd00::3", "web", web()),
            ("10.0.1.3", "www", web()),
            ("10.0.1.3", "aaaaaaaaaaaa", web()),
            ("10.0.1.3", "host-of-web", web()),
            ("10.0.1.3", "web.lan", web()),
            ("10.0.1.3", "web.back", vec![]),
            ("10.0.1.3", "db.back", vec![ip("10.0.2.3")]),
            ("10.0.1.3", "any", [web(), db()].concat()),
            ("10.0.1.3", "store", vec![ip("10.0.2.4")]),
            ("10.0.1.3", "my.store", vec![ip("10.0.2.4")]),
            ("10.0.1.3", "my.store.back", vec![ip("10.0.2.4")]),
            ("10.0.1.2", "store", vec![]),
            ("10.0.1.2", "lone", vec![]),
            ("10.0.1.2", "lone.other", vec![]),
            ("10.0.1.99", "db", db()),
            ("10.0.1.99", "store", vec![]),
            ("10.0.1.2", "", vec![]),
        ] {
            let found = roster.find("lan-id", ip(asker), &Wanted::Name(name.to_owned()));
            let want = if want.is_empty() { Found::Elsewhere } else { Found::Addresses(want) };
            assert_eq!(found, want, "{name} for {asker}");
        }
    }

    #[test]
    fn links_are_names_that_only_the_asker_has() {
        let roster = roster();
        for (asker, name, want) in [
            ("10.0.1.3", "shelf", Found::Addresses(vec![ip("10.0.2.4")])),
            ("10.0.1.3", "gone", Found::Nobody),
            // On no network of the other's.
            ("10.0.1.2", "shelf", Found::Nobody),
            ("10.0.1.99", "shelf", Found::Elsewhere),
        ] {
            let found = roster.find("lan-id", ip(asker), &Wanted::Name(name.to_owned()));
            assert_eq!(found, want, "{name} for {asker}");
        }
    }

    #[test]
    fn addresses_lead_to_names() {
        let roster = roster();
        for (asker, address, want) in [
            ("10.0.1.2", "10.0.1.3", Found::Name("db.lan".to_owned())),
            ("10.0.1.2", "fd00::3", Found::Name("db.lan".to_owned())),
            ("10.0.1.3", "10.0.2.4", Found::Name("store.back".to_owned())),
            ("10.0.1.2", "10.0.2.4", Found::Elsewhere),
            ("10.0.1.2", "10.0.1.77", Found::Nobody),
            ("10.0.1.2", "192.0.2.1", Found::Elsewhere),
        ] {
            let found = roster.find("lan-id", ip(asker), &Wanted::Address(ip(address)));
            assert_eq!(found, want, "{address} for {asker}");
        }
    }

    #[test]
    fn who_leaves_or_is_renamed() {
        let roster = roster();
        let find = |name: &str| roster.find("lan-id", ip("10.0.1.3"), &Wanted::Name(name.to_owned()));
        roster.rename(&"a".repeat(64), "Site");
        assert_eq!(find("web"), Found::Elsewhere);
        assert!(matches!(find("site"), Found::Addresses(_)));
        roster.leave(&endpoint("lan", 1, 2, &[]));
        assert_eq!(find("site"), Found::Elsewhere);
        assert_eq!(find("any"), Found::Addresses(vec![ip("10.0.1.3"), ip("fd00::3")]));
        assert_eq!(roster.wishes("lan-id", ip("10.0.1.2")), None);
        assert_eq!(roster.wishes("lan-id", ip("10.0.1.3")), Some((vec![], true)));
    }
}
