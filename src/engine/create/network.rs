//! What a new container publishes and is connected to: what was asked for, filled in with what is usual.

use std::collections::HashSet;

use anyhow::{Context, Result, bail};

use crate::base::network::BRIDGE;
use crate::engine::{Engine, networks};
use crate::network::pasta::PastaOptions;
use crate::oci::image::ContainerConfig;
use crate::store::containers::Source;
use crate::store::options::{
    Attachment, ContainerOptions, NamespaceMode, NetworkMode, PortMapping, Protocol,
};
use crate::store::userns::UsernsMode;

/// The image's ports are exposed beside the user's. With `-P` each that is not yet published is, on a port that is
/// picked at the start.
pub fn add_exposed(options: &mut ContainerOptions, image: &ContainerConfig) -> Result<()> {
    for port in image.exposed_ports.keys() {
        let port = if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
        if !options.expose.contains(&port) {
            options.expose.push(port);
        }
    }
    for exposed in options.expose.iter().filter(|_| options.publish_all) {
        let (port, protocol) = exposed.split_once('/').unwrap_or((exposed, "tcp"));
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => bail!("publish the exposed port {exposed}: its protocol is not supported yet"),
        };
        let port: u16 = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .with_context(|| format!("publish the exposed port {exposed:?}: not a port"))?;
        let is_same = |other: &PortMapping| other.container_port == port && other.protocol == protocol;
        if !options.publish.iter().any(is_same) {
            let any = PortMapping {
                host_ip: None,
                host_port: 0,
                host_port_last: None,
                container_port: port,
                protocol,
            };
            options.publish.push(any);
        }
    }
    Ok(())
}

/// Replaces "whatever is usual" by a mode, and the name of another container by its id.
pub fn settle(engine: &Engine, options: &mut ContainerOptions, source: &Source) -> Result<()> {
    match &mut options.network {
        NetworkMode::Default => {
            // The greeting needs no network, and a first run should need nothing.
            let builtin = matches!(source, Source::Image { name, .. } if name.starts_with("builtin:"));
            options.network = if builtin && options.publish.is_empty() {
                NetworkMode::None
            } else {
                usual_network(engine, options)?
            };
        }
        NetworkMode::Container { id } => *id = engine.containers().resolve(id)?,
        NetworkMode::Bridge { networks: attachments } => {
            for attachment in attachments.iter_mut() {
                attachment.network = networks::resolve(engine, &attachment.network)?.name;
            }
            refuse_twice(attachments)?;
        }
        NetworkMode::Pasta { options } => drop(PastaOptions::parse(options)?),
        NetworkMode::None
        | NetworkMode::Host
        | NetworkMode::Slirp4netns { .. }
        | NetworkMode::Path { .. } => {}
    }
    if let (NetworkMode::Bridge { networks }, Some(mac)) = (&mut options.network, &options.mac_address)
        && let Some(first) = networks.first_mut()
    {
        first.mac = first.mac.take().or_else(|| Some(mac.clone()));
    }
    let is_private = matches!(
        options.network,
        NetworkMode::Slirp4netns { .. } | NetworkMode::Pasta { .. } | NetworkMode::Bridge { .. }
    );
    for link in &mut options.links {
        let found = engine.containers().resolve(&link.container);
        link.container = found.with_context(|| format!("could not get container for {}", link.name))?;
    }
    if options.mac_address.is_some() && !is_private {
        bail!("conflicting options: mac-address and the network mode");
    }
    // Of the host's network, and of none, docker has the ports noted and says that nothing comes of it.
    let is_publishable = is_private || matches!(options.network, NetworkMode::Host | NetworkMode::None);
    if !options.publish.is_empty() && !is_publishable {
        bail!("conflicting options: port publishing and the container type network mode");
    }
    Ok(())
}

/// Refuses a network that is named twice.
fn refuse_twice(attachments: &[Attachment]) -> Result<()> {
    let mut names = HashSet::new();
    match attachments.iter().find(|attachment| !names.insert(&attachment.network)) {
        Some(twice) => bail!("network \"{}\" is specified multiple times", twice.network),
        None => Ok(()),
    }
}

/// The default bridge; a stack of its own for a container that shares namespaces with one that is on no bridge, since
/// both belong to a user namespace that no bridge's is.
fn usual_network(engine: &Engine, options: &ContainerOptions) -> Result<NetworkMode> {
    let alone = NetworkMode::Slirp4netns { options: Vec::new() };
    let modes = &options.namespaces;
    let shared = [&modes.pid, &modes.ipc, &modes.uts].into_iter().filter_map(|mode| match mode {
        NamespaceMode::Container { id } => Some(id),
        _ => None,
    });
    let users = match &options.userns.mode {
        UsernsMode::Path { .. } => return Ok(alone),
        UsernsMode::Container { id } => Some(id),
        _ => None,
    };
    for id in shared.chain(users) {
        let donor = engine.containers().load(&engine.containers().resolve(id)?)?;
        if !matches!(donor.options.network, NetworkMode::Bridge { .. }) {
            return Ok(alone);
        }
    }
    let bridge = Attachment { network: BRIDGE.to_owned(), ..Attachment::default() };
    Ok(NetworkMode::Bridge { networks: vec![bridge] })
}
