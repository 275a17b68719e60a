//! What the helper knows: the networks there are, and who is on them.

mod change;

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::leases::Leases;
use super::names::{Bearer, Names};
use super::ports::Published;
use super::protocol::Wanted;
use super::relay::{Relay, Return, Target};
use super::segment::Segment;
use super::uplink;
use super::warden::{Building, Warden};
use crate::base::driver_options;
use crate::base::id;
use crate::base::network::{self, Endpoint, Endpoint6, INTERFACE_PREFIX, Network};
use crate::base::port::PortMapping;
use crate::config::env;

/// How long a network without containers is kept for the next one.
const LINGER: Duration = Duration::from_secs(5);

/// How long a container may take to leave before it comes again.
const LEAVE: Duration = Duration::from_secs(2);

/// How long the addresses are kept of who had them when the helper before was killed: a supervisor that can do so takes
/// them again at once.
const RETURN: Duration = Duration::from_secs(10);

/// How often is looked whether it has.
const PAUSE: Duration = Duration::from_millis(5);

/// The state of the helper, shared by the threads of its connections.
pub struct Hub {
    /// Where a network's files are kept while it is there.
    directory: PathBuf,
    names: Arc<Names>,
    linger: Duration,
    /// When nobody comes any more for what they had.
    returned: Instant,
    state: Mutex<State>,
    /// Held by who changes the networks of a container that runs: one after the other.
    changing: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// By the networks' ids.
    lans: HashMap<String, Lan>,
    /// By the containers' ids.
    stays: HashMap<String, Stay>,
    /// The containers whose interfaces are just being taken away.
    leaving: HashSet<String>,
    /// By container, what a helper that was killed had given them, until they come for it.
    former: Vec<(String, Endpoint)>,
}

/// A network that is there, or is being made.
struct Lan {
    network: Network,
    leases: Leases,
    warden: Warden,
    /// Once a port is published.
    relay: Option<Relay>,
    /// Of [`State::former`], those whose addresses are kept here.
    kept: Vec<(String, Endpoint)>,
    /// Since when nobody is on it.
    idle_since: Option<Instant>,
}

/// What a container has.
struct Stay {
    /// As far as names are concerned.
    bearer: Bearer,
    endpoints: Vec<Endpoint>,
    ports: Vec<Published>,
    /// Where they lead to, once they do.
    served: Option<Served>,
    /// The network, by its id, through which everything goes that is on none of the container's.
    outward: Option<String>,
    /// The container's network namespace, once it is there.
    namespace: Option<Arc<OwnedFd>>,
}

/// What a container that has left still has: its interfaces and addresses.
#[must_use]
pub struct Departure {
    container: String,
    endpoints: Vec<Endpoint>,
    /// What is to be taken away, and where.
    interfaces: Vec<(Endpoint, Arc<Segment>)>,
}

/// The network, by its id, through which a container's ports are served.
struct Served {
    network: String,
    /// How answers to clients find their way.
    _answers: Return,
}

impl Hub {
    /// `former` is what containers have, by their ids, of a helper that was killed.
    pub fn new(directory: PathBuf, former: Vec<(String, Endpoint)>) -> Self {
        Self {
            directory,
            names: Arc::default(),
            linger: env::seconds(env::CORACLE_NETWORK_LINGER).unwrap_or(LINGER),
            returned: Instant::now() + RETURN,
            state: Mutex::new(State { former, ..State::default() }),
            changing: Mutex::default(),
        }
    }

    /// Leases an address of each network and binds the ports; networks that are not there are begun.
    pub fn reserve(
        &self,
        container: &str,
        networks: &[Wanted],
        ports: &[PortMapping],
    ) -> Result<(Vec<Endpoint>, Vec<PortMapping>)> {
        self.await_leave(container);
        // Nobody would answer on a port of a container without a network.
        let ports = ports.iter().filter(|_| !networks.is_empty());
        let ports = ports.map(Published::bind).collect::<Result<Vec<_>>>()?;
        let (mut state, endpoints) = self.lease_all(container, networks)?;
        let mappings = ports.iter().map(|port| port.mapping().clone()).collect();
        let stay = Stay {
            bearer: Bearer { id: container.to_owned(), ..Bearer::default() },
            endpoints: endpoints.clone(),
            ports,
            served: None,
            outward: None,
            namespace: None,
        };
        state.stays.insert(container.to_owned(), stay);
        Ok((endpoints, mappings))
    }

    /// Leases an address of each network. What those have who are just leaving is free a moment later.
    fn lease_all(
        &self,
        container: &str,
        networks: &[Wanted],
    ) -> Result<(MutexGuard<'_, State>, Vec<Endpoint>)> {
        let end = Instant::now() + LEAVE;
        loop {
            let mut state = self.state();
            if state.stays.contains_key(container) {
                bail!("container {container} has its networks already");
            }
            state.resume(|former| former == container);
            let mut endpoints = Vec::new();
            let lease = |wanted: &Wanted| {
                endpoints.push(self.lease(&mut state, wanted, &endpoints)?);
                Ok(())
            };
            match networks.iter().try_for_each(lease) {
                Ok(()) => return Ok((state, endpoints)),
                Err(error) => {
                    endpoints.iter().for_each(|endpoint| state.release(endpoint));
                    if state.leaving.is_empty() || Instant::now() >= end {
                        return Err(error);
                    }
                }
            }
            drop(state);
            thread::sleep(PAUSE);
        }
    }

    /// One whose supervisor was killed leaves a moment later than it ended.
    fn await_leave(&self, container: &str) {
        let end = Instant::now() + LEAVE;
        while self.state().knows(container) && Instant::now() < end {
            thread::sleep(PAUSE);
        }
    }

    /// Connects a container's network namespace to what was reserved, and opens its ports.
    pub fn attach(&self, bearer: Bearer, namespace: OwnedFd) -> Result<()> {
        let container = bearer.id.as_str();
        let namespace = Arc::new(namespace);
        let endpoints = {
            let mut state = self.state();
            let stay = state.stays.get_mut(container).context("the container has no networks reserved")?;
            stay.bearer = bearer.clone();
            stay.namespace = Some(namespace.clone());
            stay.outward = default_of(&stay.endpoints).map(|endpoint| endpoint.network_id.clone());
            stay.endpoints.clone()
        };
        let default = default_of(&endpoints).map(|endpoint| endpoint.id.clone());
        for endpoint in endpoints {
            let is_default = default.as_ref() == Some(&endpoint.id);
            self.plug_in(&bearer, &endpoint, &namespace, is_default)?;
        }
        self.open_ports(container)
    }

    /// A container has another name.
    pub fn rename(&self, container: &str, name: &str) {
        if let Some(stay) = self.state().stays.get_mut(container) {
            name.clone_into(&mut stay.bearer.name);
        }
        self.names.roster().rename(container, name);
    }

    /// A container leaves: its ports are free, and nobody finds its name. [`Self::finish`] is to follow, which nobody
    /// needs to wait for.
    pub fn leave(&self, container: &str) -> Option<Departure> {
        let opened = {
            let mut state = self.state();
            let stay = state.stays.get_mut(container)?;
            (std::mem::take(&mut stay.ports), stay.served.take())
        };
        // While the container is still here: who has its ports next finds them free.
        drop(opened);
        let Stay { endpoints, namespace, .. } = {
            let mut state = self.state();
            let stay = state.stays.remove(container)?;
            state.leaving.insert(container.to_owned());
            stay
        };
        let attached = endpoints.iter().filter(|_| namespace.is_some());
        let interfaces = attached.filter_map(|endpoint| self.withdraw(endpoint.clone())).collect();
        Some(Departure { container: container.to_owned(), endpoints, interfaces })
    }

    /// Takes away what a container that has left had, for which the kernel takes its time. Whoever has one of its
    /// addresses next comes after this.
    pub fn finish(&self, departure: &Departure) {
        for (endpoint, segment) in &departure.interfaces {
            segment.detach(endpoint);
        }
        let mut state = self.state();
        departure.endpoints.iter().for_each(|endpoint| state.release(endpoint));
        state.leaving.remove(&departure.container);
    }

    /// How long what nobody uses is kept.
    pub fn linger(&self) -> Duration {
        self.linger
    }

    /// Takes networks away that nobody has used for a while; how long until the next may go, if there is any.
    pub fn sweep(&self) -> Option<Duration> {
        let mut state = self.state();
        if Instant::now() >= self.returned {
            state.resume(|_| true);
        }
        state.lans.retain(|_, lan| lan.idle_since.is_none_or(|since| since.elapsed() < self.linger));
        let left = |lan: &Lan| Some(self.linger.saturating_sub(lan.idle_since?.elapsed()));
        let is_kept = state.lans.values().any(|lan| !lan.kept.is_empty());
        let returned = is_kept.then(|| self.returned.saturating_duration_since(Instant::now()));
        state.lans.values().filter_map(left).chain(returned).min()
    }

    /// Whether there is neither a network nor a container.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        state.lans.is_empty() && state.stays.is_empty() && state.leaving.is_empty()
    }

    /// Leases an address of a network for a container that has `others` already.
    fn lease(&self, state: &mut State, wanted: &Wanted, others: &[Endpoint]) -> Result<Endpoint> {
        let network = &wanted.network;
        let interface = interface(wanted, others)?;
        // What was in the way may have been mended since.
        if state.lans.get(&network.id).is_some_and(|lan| lan.idle_since.is_some() && lan.warden.has_failed())
        {
            state.lans.remove(&network.id);
        }
        let State { lans, former, .. } = state;
        let lan = lans.entry(network.id.clone()).or_insert_with(|| {
            let directory = self.directory.join(&network.id[..12]);
            let mut leases = Leases::new(network.clone());
            let here = former.iter().filter(|(_, endpoint)| endpoint.network_id == network.id);
            Lan {
                network: network.clone(),
                kept: here.filter(|(_, endpoint)| leases.keep(endpoint)).cloned().collect(),
                leases,
                warden: Warden::start(network.clone(), directory, self.names.clone()),
                relay: None,
                idle_since: Some(Instant::now()),
            }
        });
        let attachment = &wanted.attachment;
        let ip = lan.leases.take(attachment.ip)?;
        let ip6 = lan.leases.take6(attachment.ip6, ip).inspect_err(|_| lan.leases.release(ip, None))?;
        lan.idle_since = None;
        if let Some(endpoint) = &wanted.again {
            return Ok(endpoint.clone());
        }
        let network = &lan.network;
        let dns = match network.dns.is_empty() {
            _ if !network.disable_dns => vec![network.gateway.into()],
            true if network.internal => Vec::new(),
            true => vec![uplink::resolver(network)?.into()],
            false => network.dns.clone(),
        };
        Ok(Endpoint {
            network: network.name.clone(),
            network_id: network.id.clone(),
            id: id::random_hex(64),
            interface,
            mac: attachment.mac.clone().unwrap_or_else(|| mac_of(ip)),
            ip,
            prefix: network.subnet.prefix_len(),
            gateway: (!network.internal).then_some(network.gateway),
            ipv6: ip6.zip(network.ipv6.as_ref()).map(|(ip, ipv6)| Endpoint6 {
                ip,
                prefix: ipv6.subnet.prefix_len(),
                gateway: (!network.internal).then_some(ipv6.gateway),
            }),
            dns,
            has_names: !network.disable_dns,
            aliases: attachment.aliases.clone(),
            gw_priority: attachment.gw_priority,
            masks_clients: attachment.masks_clients,
            links: attachment.links.clone(),
            driver_options: attachment.driver_options.clone(),
        })
    }

    fn plug_in(
        &self,
        bearer: &Bearer,
        endpoint: &Endpoint,
        namespace: &Arc<OwnedFd>,
        is_default: bool,
    ) -> Result<()> {
        let segment = self.warden(&endpoint.network_id)?.segment()?;
        let (own, namespace) = (endpoint.clone(), namespace.clone());
        segment
            .run(move |inside| inside.attach(&own, namespace.as_fd(), is_default))
            .context("connect the container to its network")?;
        self.names.roster().enter(bearer.clone(), endpoint);
        Ok(())
    }

    /// Takes a place from the roster, and gives it back with the segment that it is still to be detached from, if that
    /// is there.
    fn withdraw(&self, endpoint: Endpoint) -> Option<(Endpoint, Arc<Segment>)> {
        self.names.roster().leave(&endpoint);
        let segment = self.warden(&endpoint.network_id).and_then(|warden| warden.segment()).ok()?;
        Some((endpoint, segment))
    }

    /// Relays what comes to the container's ports to its address on the network that is its way out, or else on the first.
    fn open_ports(&self, container: &str) -> Result<()> {
        let endpoint = {
            let state = self.state();
            let stay = state.stays.get(container).context("the container has left")?;
            let outward =
                stay.endpoints.iter().find(|endpoint| stay.outward.as_ref() == Some(&endpoint.network_id));
            match outward.or(stay.endpoints.first()) {
                Some(endpoint) if !stay.ports.is_empty() && stay.served.is_none() => endpoint.clone(),
                _ => return Ok(()),
            }
        };
        let segment = self.warden(&endpoint.network_id)?.segment()?;
        let mut state = self.state();
        let State { lans, stays, .. } = &mut *state;
        let lan = lans.get_mut(&endpoint.network_id).context("the network is not there any more")?;
        let stay = stays.get_mut(container).context("the container has left")?;
        let target = Arc::new(Target::new(&endpoint, &lan.network));
        let relay = match &mut lan.relay {
            Some(relay) => relay,
            none => none.insert(Relay::start(&segment)?),
        };
        let answers = Return::open(&segment, &target, &stay.mappings());
        let answers = answers.context("route the answers of published ports")?;
        stay.served = Some(Served { network: endpoint.network_id, _answers: answers });
        stay.ports.iter_mut().try_for_each(|port| port.serve(relay, &target))
    }

    fn warden(&self, network: &str) -> Result<Arc<Building>> {
        let state = self.state();
        let lan = state.lans.get(network).ok_or_else(|| anyhow!("the network is not there any more"))?;
        Ok(lan.warden.building())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stay {
    fn mappings(&self) -> Vec<PortMapping> {
        self.ports.iter().map(|port| port.mapping().clone()).collect()
    }
}

impl State {
    /// Whether a container is here, or has not quite left.
    fn knows(&self, container: &str) -> bool {
        self.stays.contains_key(container) || self.leaving.contains(container)
    }

    /// Addresses are kept no more for those containers that a helper before had given them to.
    fn resume(&mut self, is_meant: impl Fn(&str) -> bool) {
        self.former.retain(|(container, _)| !is_meant(container));
        let kept = self
            .lans
            .values_mut()
            .flat_map(|lan| lan.kept.extract_if(.., |(container, _)| is_meant(container)));
        let kept: Vec<_> = kept.collect();
        kept.iter().for_each(|(_, endpoint)| self.release(endpoint));
    }

    fn release(&mut self, endpoint: &Endpoint) {
        let Some(lan) = self.lans.get_mut(&endpoint.network_id) else { return };
        lan.leases.release(endpoint.ip, endpoint.ipv6.as_ref().map(|ipv6| ipv6.ip));
        if lan.leases.is_empty() {
            lan.idle_since = Some(Instant::now());
        }
    }
}

/// The endpoint through which everything goes that is on none of the container's networks.
fn default_of(endpoints: &[Endpoint]) -> Option<&Endpoint> {
    let outward = endpoints.iter().filter(|endpoint| endpoint.gateway.is_some());
    outward.min_by_key(|endpoint| network::rank(endpoint.gw_priority, &endpoint.network))
}

/// The name of a container's interface on one more network: the one that is asked for, or the first that is free.
fn interface(wanted: &Wanted, others: &[Endpoint]) -> Result<String> {
    let is_used = |name: &str| others.iter().any(|other| other.interface == name);
    let wished = driver_options::interface(&wanted.attachment.driver_options);
    match wished.filter(|_| wanted.again.is_none()) {
        Some(name) if is_used(name) => bail!("the container has an interface {name} already"),
        Some(name) => Ok(name.to_owned()),
        None => {
            let prefix = wanted.network.options.get(INTERFACE_PREFIX).map_or("eth", String::as_str);
            let mut names = (0..).map(|number| format!("{prefix}{number}"));
            names.find(|name| !is_used(name)).context("name an interface")
        }
    }
}

/// A hardware address that stays with the address: who has spoken to the one before need not ask again.
fn mac_of(ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}
