//! `network connect`, `disconnect` and `reload`: a container that is there comes to a network, leaves it, or has its
//! networks set up anew.

use std::slice;

use anyhow::{Context, Result, bail};

use super::create::{self, durability};
use super::list::network_name;
use super::networks::{self, Listed};
use super::{Engine, events, files, helper, namespace, stay};
use crate::base::network::{Attachment, BRIDGE, Endpoint};
use crate::network::protocol::{Reply, Request, Wanted};
use crate::runtime::userns::UserNamespace;
use crate::store::containers::Record;
use crate::store::options::NetworkMode;

/// Docker's words for a container that is to have no network, and another.
const PRIVATE: &str =
    "container cannot be connected to multiple networks with one of the networks in private (none) mode";

/// Puts a container on a network; one that does not run is there from its next start.
pub fn connect(engine: &Engine, container: &str, network: &str, mut attachment: Attachment) -> Result<()> {
    let network = match networks::find(engine, network)? {
        Listed::Bridge(network) => *network,
        Listed::Builtin("none") => bail!("{PRIVATE}"),
        Listed::Builtin(name) => {
            bail!(
                "cannot connect container to {name} network - container must be created in {name} network mode"
            )
        }
    };
    if network.name == BRIDGE && !attachment.aliases.is_empty() {
        bail!("network-scoped aliases are only supported for user-defined networks");
    }
    let containers = engine.containers();
    // Until the record is as the container is: a supervisor that gives back what a helper that died had reads it.
    let (_lock, mut record) = containers.hold(&containers.resolve(container)?)?;
    if attached(&record)?.iter().any(|other| other.network == network.name) {
        bail!("endpoint with name {} already exists in network {}", record.name, network.name);
    }
    attachment.network.clone_from(&network.name);
    let before = record.endpoints.clone();
    if record.state.is_running() {
        let wanted = Box::new(Wanted::new(network, attachment.clone()));
        let ports = stay::at_host_address(&record.options.publish, slice::from_ref(&wanted));
        match ask(engine, &Request::Connect { container: record.id.clone(), wanted, ports })? {
            Reply::Connected { endpoint, ports } => {
                record.endpoints.push(*endpoint);
                record.ports = ports;
            }
            _ => bail!("the network helper gave an unknown answer"),
        }
    }
    if let NetworkMode::Bridge { networks } = &mut record.options.network {
        networks.push(attachment);
    }
    containers.save(&record, durability(&record.options))?;
    if let Some(endpoint) = record.endpoints.get(before.len()) {
        tell(engine, &record, endpoint, "connect");
        follow(engine, &record, &before)?;
    }
    Ok(())
}

/// Takes a container off a network.
pub fn disconnect(engine: &Engine, container: &str, network: &str) -> Result<()> {
    let network = networks::find(engine, network)?;
    let containers = engine.containers();
    let (_lock, mut record) = containers.hold(&containers.resolve(container)?)?;
    if let Listed::Builtin(name) = network {
        return leave_builtin(engine, record, name);
    }
    let is_connected = attached(&record)?.iter().any(|other| other.network == network.name());
    let mut left = None;
    if record.state.is_running() {
        // Also where there is no record of it: a command that was killed may have come no further.
        let request = Request::Disconnect { container: record.id.clone(), network: network.id() };
        match ask(engine, &request) {
            Ok(Reply::Disconnected { ports }) => left = Some(ports),
            Ok(_) => bail!("the network helper gave an unknown answer"),
            Err(error) if is_connected => return Err(error),
            Err(_) => {}
        }
    }
    if !is_connected {
        bail!("container {} is not connected to network {}", record.id, network.name());
    }
    let before = record.endpoints.clone();
    if let NetworkMode::Bridge { networks } = &mut record.options.network {
        networks.retain(|other| other.network != network.name());
    }
    record.endpoints.retain(|endpoint| endpoint.network != network.name());
    if let Some(ports) = &left {
        record.ports.clone_from(ports);
    }
    containers.save(&record, durability(&record.options))?;
    if let Some(endpoint) = before.iter().find(|endpoint| endpoint.network == network.name()) {
        tell(engine, &record, endpoint, "disconnect");
        if left.is_some() {
            follow(engine, &record, &before)?;
        }
    }
    Ok(())
}

/// Takes a container off `none` or `host`, so that it may be put on other networks. One that runs has been made there.
fn leave_builtin(engine: &Engine, mut record: Record, name: &str) -> Result<()> {
    let id = &record.id;
    if network_name(&record.options.network) != name {
        bail!("container {id} is not connected to network {name}");
    }
    if record.state.is_running() {
        bail!(
            "cannot disconnect container from {name} network - container was created in {name} network mode"
        );
    }
    record.options.network = NetworkMode::Bridge { networks: Vec::new() };
    engine.containers().save(&record, durability(&record.options))
}

/// Gives a container that runs its interfaces, addresses, routes and ports anew; its id.
pub fn reload(engine: &Engine, container: &str) -> Result<String> {
    let record = load(engine, container)?;
    if !record.state.is_running() {
        bail!("container {} is not running", record.id);
    }
    attached(&record)?;
    ask(engine, &Request::Reload { container: record.id.clone() })?;
    Ok(record.id)
}

/// Lets the files of a container that runs say what its networks are now.
fn follow(engine: &Engine, record: &Record, before: &[Endpoint]) -> Result<()> {
    let hostname = create::hostname(engine, &record.options, &record.id)?;
    let directory = engine.layout().container(&record.id);
    let write = || files::follow(&directory, &record.options, &hostname, before, &record.endpoints);
    if record.maps.is_none() {
        return write();
    }
    // They are its root's, who is not this user.
    let users = UserNamespace::of_process(record.state.pid).context("open the container's user namespace")?;
    namespace::run_inside(&users, write)
}

fn load(engine: &Engine, container: &str) -> Result<Record> {
    engine.containers().load(&engine.containers().resolve(container)?)
}

/// The networks that a container is on, if it may be on several.
fn attached(record: &Record) -> Result<&[Attachment]> {
    match &record.options.network {
        NetworkMode::Bridge { networks } => Ok(networks),
        NetworkMode::None => bail!("{PRIVATE}"),
        NetworkMode::Host => {
            bail!(
                "container sharing network namespace with the host cannot be connected to any other network"
            )
        }
        NetworkMode::Container { .. } | NetworkMode::Path { .. } => bail!(
            "container sharing network namespace with another container or host cannot be connected to any other network"
        ),
        mode @ (NetworkMode::Default | NetworkMode::Slirp4netns { .. } | NetworkMode::Pasta { .. }) => {
            bail!("\"{}\" is not supported: invalid network mode", network_name(mode))
        }
    }
}

fn ask(engine: &Engine, request: &Request) -> Result<Reply> {
    let answer = helper::connect(engine)?.ask(request, None)?;
    answer.context("the network helper died").map(|(reply, _)| reply)
}

fn tell(engine: &Engine, record: &Record, endpoint: &Endpoint, action: &str) {
    let attributes = [("container", record.id.as_str()), ("name", &endpoint.network), ("type", "bridge")];
    events::object(engine, "network", &endpoint.network_id, action, &attributes);
}
