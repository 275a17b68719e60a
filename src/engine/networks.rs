//! `network`: make, list, remove and prune networks.

mod pools;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use ipnet::{IpNet, Ipv4Net};
use jiff::Timestamp;

use super::{Engine, events};
use crate::base::digest::Digest;
use crate::base::file::FileLock;
use crate::base::id;
use crate::base::network::{BRIDGE, Endpoint, MTU, Network, VERSION};
use crate::base::time;
use crate::config::settings::Settings;
use crate::network::subnets;
use crate::store::networks::NoSuchNetwork;
use pools::Pools;

/// What the user wants of a new network.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub name: String,
    pub subnets: Vec<IpNet>,
    pub gateways: Vec<IpAddr>,
    pub ranges: Vec<IpNet>,
    /// Addresses that no container gets, by what they are for.
    pub reserved: BTreeMap<String, IpAddr>,
    pub ipv6: bool,
    pub internal: bool,
    pub attachable: bool,
    pub disable_dns: bool,
    pub dns: Vec<IpAddr>,
    pub labels: BTreeMap<String, String>,
    pub options: BTreeMap<String, String>,
}

/// Reads a network; the default one is made when it is first asked for.
pub fn load(engine: &Engine, name: &str) -> Result<Network> {
    match engine.networks().load(name) {
        Err(error) if name == BRIDGE && error.is::<NoSuchNetwork>() => {
            let subnets = default_subnet()?.into_iter().collect();
            let wanted = Wanted { name: BRIDGE.to_owned(), subnets, ..Wanted::default() };
            match make(engine, &wanted) {
                // Somebody else has made it meanwhile.
                Err(_) if engine.networks().load(name).is_ok() => engine.networks().load(name),
                made => made,
            }
        }
        loaded => loaded,
    }
}

/// Keeps the networks of a container that starts from being removed until it is on record as running; none if those
/// that stay anyway are all it has.
pub fn keep(engine: &Engine, endpoints: &[Endpoint]) -> Result<Option<FileLock>> {
    let mut removable = endpoints.iter().filter(|endpoint| endpoint.network != BRIDGE).peekable();
    if removable.peek().is_none() {
        return Ok(None);
    }
    let lock = engine.networks().lock()?;
    for endpoint in removable {
        let network = engine.networks().load(&endpoint.network)?;
        if network.id != endpoint.network_id {
            return Err(NoSuchNetwork(endpoint.network.clone()).into());
        }
    }
    Ok(Some(lock))
}

/// The subnet that the default network is to have, if the user or the host says so.
fn default_subnet() -> Result<Option<IpNet>> {
    let read = |settings: Settings| {
        let text = settings.network.default_subnet?;
        let subnet = subnets::parse(&text);
        Some(subnet.with_context(|| format!("use {}: default_subnet", settings.file.display())))
    };
    Settings::read()?.into_iter().find_map(read).transpose()
}

/// Finds a network by name or id.
pub fn resolve(engine: &Engine, text: &str) -> Result<Network> {
    if text == BRIDGE { load(engine, text) } else { engine.networks().resolve(text) }
}

/// Makes a network; the record of it.
pub fn create(engine: &Engine, wanted: &Wanted) -> Result<Network> {
    if [BRIDGE, "host", "none", "default", "container", "slirp4netns", "pasta"]
        .contains(&wanted.name.as_str())
    {
        bail!("operation is not permitted on predefined {} network", wanted.name);
    }
    if !id::is_valid_name(&wanted.name) {
        bail!("invalid name {:?}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", wanted.name);
    }
    make(engine, wanted)
}

fn make(engine: &Engine, wanted: &Wanted) -> Result<Network> {
    let routes = subnets::routes(&fs::read_to_string("/proc/net/route").unwrap_or_default());
    let network = engine.networks().create(|all| describe(wanted, all, &routes))?;
    let attributes = [("name", network.name.as_str()), ("type", "bridge")];
    events::object(engine, "network", &network.id, "create", &attributes);
    Ok(network)
}

/// What a new network is, beside those there are: pure.
fn describe(wanted: &Wanted, all: &[Network], routes: &[Ipv4Net]) -> Result<Network> {
    if all.iter().any(|network| network.name == wanted.name) {
        bail!("network with name {} already exists", wanted.name);
    }
    let id = id::random_hex(64);
    let Pools { subnet, gateway, range, ipv6 } = pools::assign(wanted, &id, all, routes)?;
    Ok(Network {
        version: VERSION,
        name: wanted.name.clone(),
        created: Timestamp::now(),
        subnet,
        gateway,
        range,
        ipv6,
        reserved: wanted.reserved.clone(),
        internal: wanted.internal,
        attachable: wanted.attachable,
        disable_dns: wanted.disable_dns,
        dns: wanted.dns.clone(),
        mtu: mtu(&wanted.options)?,
        labels: wanted.labels.clone(),
        options: wanted.options.clone(),
        id,
    })
}

/// `-o mtu=` or docker's long name of it; the largest there is if nothing is said.
fn mtu(options: &BTreeMap<String, String>) -> Result<u32> {
    let given = options.get("com.docker.network.driver.mtu").or_else(|| options.get("mtu"));
    let Some(text) = given else { return Ok(MTU) };
    match text.parse() {
        Ok(mtu @ 1280..=MTU) => Ok(mtu),
        _ => bail!("invalid mtu {text:?}: want a number of bytes from 1280 to {MTU}"),
    }
}

/// A container that runs on a network.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub name: String,
    pub endpoint: Endpoint,
}

/// A network that containers are on.
#[derive(Debug, thiserror::Error)]
#[error("error while removing network: network {network} has active endpoints ({})", quoted(users))]
pub struct InUse {
    network: String,
    users: Vec<User>,
}

fn quoted(users: &[User]) -> String {
    let names: Vec<_> = users
        .iter()
        .map(|user| format!("name:\"{}\" id:\"{}\"", user.name, &user.endpoint.id[..12]))
        .collect();
    names.join(", ")
}

/// The containers that run on a network.
pub fn users(engine: &Engine, network: &Network) -> Result<Vec<User>> {
    let mut users = Vec::new();
    for record in engine.containers().list()?.0 {
        let found = record.endpoints.iter().find(|endpoint| endpoint.network_id == network.id);
        if let Some(endpoint) = found.filter(|_| record.state.is_up()) {
            users.push(User { endpoint: endpoint.clone(), id: record.id, name: record.name });
        }
    }
    users.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(users)
}

/// The ids of the networks that containers run on.
pub fn used(engine: &Engine) -> Result<HashSet<String>> {
    let running = engine.containers().list()?.0.into_iter().filter(|record| record.state.is_up());
    Ok(running.flat_map(|record| record.endpoints).map(|endpoint| endpoint.network_id).collect())
}

/// Removes a network that no container runs on.
pub fn remove(engine: &Engine, text: &str) -> Result<()> {
    if [BRIDGE, "host", "none"].contains(&text) {
        bail!("error while removing network: {text} is a pre-defined network and cannot be removed");
    }
    let network = match engine.networks().resolve(text) {
        // No container can be on it.
        Err(_) if engine.networks().is_garbage(text) => return engine.networks().remove(text, || Ok(())),
        resolved => resolved?,
    };
    if network.name == BRIDGE {
        bail!("error while removing network: bridge is a pre-defined network and cannot be removed");
    }
    engine.networks().remove(&network.name, || match users(engine, &network)? {
        users if users.is_empty() => Ok(()),
        users => Err(InUse { network: network.name.clone(), users }.into()),
    })?;
    let attributes = [("name", network.name.as_str()), ("type", "bridge")];
    events::object(engine, "network", &network.id, "destroy", &attributes);
    Ok(())
}

/// The networks that are there whether or not anybody made them.
#[derive(Clone, Debug)]
pub enum Listed {
    Bridge(Box<Network>),
    /// `host` and `none`, of which there is no record.
    Builtin(&'static str),
}

impl Listed {
    pub fn name(&self) -> &str {
        match self {
            Self::Bridge(network) => &network.name,
            Self::Builtin(name) => name,
        }
    }

    /// 64 digits; those of a network without a record follow from its name.
    pub fn id(&self) -> String {
        match self {
            Self::Bridge(network) => network.id.clone(),
            Self::Builtin(name) => Digest::of(name.as_bytes()).hex(),
        }
    }

    pub fn driver(&self) -> &str {
        match self {
            Self::Bridge(_) => "bridge",
            Self::Builtin("none") => "null",
            Self::Builtin(name) => name,
        }
    }

    pub fn network(&self) -> Option<&Network> {
        match self {
            Self::Bridge(network) => Some(network),
            Self::Builtin(_) => None,
        }
    }

    /// Whether it was there from the start.
    pub fn is_predefined(&self) -> bool {
        self.network().is_none_or(|network| network.name == BRIDGE)
    }
}

/// Every network there is, by name.
pub fn all(engine: &Engine) -> Result<Vec<Listed>> {
    load(engine, BRIDGE)?;
    let mut all: Vec<_> =
        engine.networks().list()?.into_iter().map(|network| Listed::Bridge(network.into())).collect();
    all.extend(["host", "none"].map(Listed::Builtin));
    all.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(all)
}

/// Finds any network by name or id.
pub fn find(engine: &Engine, text: &str) -> Result<Listed> {
    let builtin = ["host", "none"].map(Listed::Builtin);
    if let Some(found) = builtin.into_iter().find(|one| one.name() == text || one.id() == text) {
        return Ok(found);
    }
    Ok(Listed::Bridge(resolve(engine, text)?.into()))
}

impl Listed {
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.network().map(|network| network.labels.clone()).unwrap_or_default()
    }
}

/// One `--filter` of `network ls` and `network prune`.
#[derive(Clone, Debug)]
pub enum Condition {
    Driver(String),
    /// A part of it.
    Id(String),
    Name(String),
    /// `key` or `key=value`; every one must hold.
    Label(String),
    NotLabel(String),
    Scope(String),
    /// Not there from the start.
    Custom(bool),
    /// Used by no container.
    Dangling(bool),
    /// Made before.
    Until(Timestamp),
}

impl Condition {
    /// Reads a filter.
    pub fn parse((key, value): &(String, String)) -> Result<Self> {
        let text = value.clone();
        Ok(match (key.as_str(), value.as_str()) {
            ("driver", _) => Self::Driver(text),
            ("id", _) => Self::Id(text),
            ("name", _) => Self::Name(text),
            ("label", _) => Self::Label(text),
            ("label!", _) => Self::NotLabel(text),
            ("scope", _) => Self::Scope(text),
            ("type", "custom") => Self::Custom(true),
            ("type", "builtin") => Self::Custom(false),
            ("until", _) => match time::parse_moment(value, Timestamp::now()) {
                Some(moment) => Self::Until(moment),
                None => bail!("invalid filter 'until={value}'"),
            },
            ("dangling", "true" | "1") => Self::Dangling(true),
            ("dangling", "false" | "0") => Self::Dangling(false),
            ("type" | "dangling", _) => bail!("invalid filter '{key}={value}'"),
            _ => bail!("invalid filter '{key}'"),
        })
    }

    fn holds(&self, listed: &Listed, used: &HashSet<String>) -> bool {
        let has_label = |wanted: &str| {
            let (key, value) =
                wanted.split_once('=').map_or((wanted, None), |(key, value)| (key, Some(value)));
            listed.labels().get(key).is_some_and(|own| value.is_none_or(|value| own == value))
        };
        match self {
            Self::Driver(driver) => listed.driver() == driver,
            Self::Id(part) => listed.id().contains(part.as_str()),
            Self::Name(part) => listed.name().contains(part.as_str()),
            Self::Label(label) => has_label(label),
            Self::NotLabel(label) => !has_label(label),
            Self::Scope(scope) => scope == "local",
            Self::Custom(custom) => listed.is_predefined() != *custom,
            Self::Dangling(dangling) => {
                (!listed.is_predefined() && !used.contains(&listed.id())) == *dangling
            }
            Self::Until(time) => listed.network().is_some_and(|network| network.created < *time),
        }
    }
}

/// Whether a network meets the conditions: all labels, and of every other kind one.
pub fn meets(listed: &Listed, conditions: &[Condition], used: &HashSet<String>) -> bool {
    conditions.iter().all(|condition| match condition {
        Condition::Label(_) | Condition::NotLabel(_) => condition.holds(listed, used),
        _ => {
            let kind = std::mem::discriminant(condition);
            let same = |other: &&Condition| std::mem::discriminant(*other) == kind;
            conditions.iter().filter(same).any(|other| other.holds(listed, used))
        }
    })
}

/// Removes the networks that no container runs on and that meet the conditions; their names.
pub fn prune(engine: &Engine, conditions: &[Condition]) -> Result<Vec<String>> {
    let used = used(engine)?;
    let mut removed = Vec::new();
    for listed in all(engine)? {
        if listed.is_predefined() || used.contains(&listed.id()) || !meets(&listed, conditions, &used) {
            continue;
        }
        match remove(engine, listed.name()) {
            Ok(()) => removed.push(listed.name().to_owned()),
            // Somebody was faster, to use it or to remove it.
            Err(error) if error.is::<InUse>() || error.is::<NoSuchNetwork>() => {}
            Err(error) => return Err(error),
        }
    }
    events::object(engine, "network", "", "prune", &[("reclaimed", "0")]);
    Ok(removed)
}
