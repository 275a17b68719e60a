//! `network connect` and `network disconnect`: a container that is there comes to a network or leaves it.

use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};

use super::create::durability;
use super::networks::{self, Listed};
use super::{Engine, events, helper};
use crate::base::network::{Attachment, BRIDGE, Endpoint};
use crate::network::protocol::{Reply, Request, Wanted};
use crate::store::containers::Record;
use crate::store::options::NetworkMode;

/// Puts a container on a network; one that does not run is there from its next start.
pub fn connect(engine: &Engine, container: &str, network: &str, mut attachment: Attachment) -> Result<()> {
    let network = match networks::find(engine, network)? {
        Listed::Bridge(network) => network,
        Listed::Builtin(name) => {
            bail!("cannot connect container to {name} network - container must be created in {name} network")
        }
    };
    if network.name == BRIDGE && !attachment.aliases.is_empty() {
        bail!("network-scoped aliases are only supported for user-defined networks");
    }
    let record = load(engine, container)?;
    if attached(&record)?.iter().any(|other| other.network == network.name) {
        bail!("endpoint with name {} already exists in network {}", record.name, network.name);
    }
    attachment.network.clone_from(&network.name);
    let mut endpoint = None;
    if record.state.is_running() {
        let wanted = Box::new(Wanted::new(network, attachment.clone()));
        match ask(engine, &Request::Connect { container: record.id.clone(), wanted })? {
            (Reply::Connected { endpoint: given }, _) => endpoint = Some(given),
            _ => bail!("the network helper gave an unknown answer"),
        }
    }
    let record = engine.containers().change(&record.id, |record| {
        if let NetworkMode::Bridge { networks } = &mut record.options.network {
            networks.push(attachment);
        }
        record.endpoints.extend(endpoint.clone());
        durability(&record.options)
    })?;
    if let Some(endpoint) = &endpoint {
        tell(engine, &record, endpoint, "connect");
    }
    Ok(())
}

/// Takes a container off a network.
pub fn disconnect(engine: &Engine, container: &str, network: &str) -> Result<()> {
    let network = networks::find(engine, network)?;
    let record = load(engine, container)?;
    if !attached(&record)?.iter().any(|other| other.network == network.name()) {
        bail!("container {} is not connected to network {}", record.id, network.name());
    }
    let endpoint = record.endpoints.iter().find(|endpoint| endpoint.network == network.name()).cloned();
    if let Some(endpoint) = endpoint.as_ref().filter(|_| record.state.is_running()) {
        let request =
            Request::Disconnect { container: record.id.clone(), network: endpoint.network_id.clone() };
        ask(engine, &request)?;
    }
    let record = engine.containers().change(&record.id, |record| {
        if let NetworkMode::Bridge { networks } = &mut record.options.network {
            networks.retain(|other| other.network != network.name());
        }
        record.endpoints.retain(|endpoint| endpoint.network != network.name());
        durability(&record.options)
    })?;
    if let Some(endpoint) = &endpoint {
        tell(engine, &record, endpoint, "disconnect");
    }
    Ok(())
}

fn load(engine: &Engine, container: &str) -> Result<Record> {
    engine.containers().load(&engine.containers().resolve(container)?)
}

/// The networks that a container is on, if it may be on several.
fn attached(record: &Record) -> Result<&[Attachment]> {
    match &record.options.network {
        NetworkMode::Bridge { networks } => Ok(networks),
        NetworkMode::None => bail!(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        ),
        NetworkMode::Host => {
            bail!(
                "container sharing network namespace with the host cannot be connected to any other network"
            )
        }
        NetworkMode::Container { .. } => bail!(
            "container sharing network namespace with another container or host cannot be connected to any other network"
        ),
        NetworkMode::Default | NetworkMode::Slirp4netns { .. } => {
            bail!("\"slirp4netns\" is not supported: invalid network mode")
        }
    }
}

fn ask(engine: &Engine, request: &Request) -> Result<(Reply, Option<OwnedFd>)> {
    let answer = helper::connect(engine)?.ask(request, None)?;
    answer.context("the network helper died")
}

fn tell(engine: &Engine, record: &Record, endpoint: &Endpoint, action: &str) {
    let attributes = [("container", record.id.as_str()), ("name", &endpoint.network), ("type", "bridge")];
    events::object(engine, "network", &endpoint.network_id, action, &attributes);
}
