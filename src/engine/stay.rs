//! A container's places on bridges, from before it is made until it has ended.

use std::os::fd::AsFd;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};

use super::{Engine, helper, networks};
use crate::base::network::Endpoint;
use crate::base::port::PortMapping;
use crate::network::client::{Helper, Reserved};
use crate::network::protocol::{Request, Wanted};
use crate::runtime::userns::UserNamespace;
use crate::store::options::{Attachment, ContainerOptions, NetworkMode};

/// A helper may end in the moment that it is asked.
const ATTEMPTS: usize = 10;

/// The places, as long as it is kept.
#[derive(Debug)]
pub struct Stay {
    helper: Helper,
    pub endpoints: Vec<Endpoint>,
    /// As published, with picked ports filled in.
    pub ports: Vec<PortMapping>,
}

/// Takes the places that a container wants, and the user namespace to make it in; none if it is on no bridge.
pub fn reserve(
    engine: &Engine,
    id: &str,
    options: &ContainerOptions,
) -> Result<Option<(Stay, UserNamespace)>> {
    let NetworkMode::Bridge { networks: attachments } = &options.network else { return Ok(None) };
    let wanted = |attachment: &Attachment| -> Result<Wanted> {
        let network =
            networks::load(engine, &attachment.network).context("failed to set up container networking")?;
        Ok(Wanted { network, attachment: attachment.clone() })
    };
    let request = Request::Reserve {
        container: id.to_owned(),
        networks: attachments.iter().map(wanted).collect::<Result<_>>()?,
        ports: options.publish.clone(),
    };
    for _ in 0..ATTEMPTS {
        let helper = helper::connect(engine)?;
        let reserved = helper.reserve(&request).context("failed to set up container networking")?;
        if let Some(Reserved { endpoints, ports, users }) = reserved {
            return Ok(Some((Stay { helper, endpoints, ports }, users.into())));
        }
    }
    bail!("set up the container's networks: the network helper dies again and again")
}

impl Stay {
    /// Connects the container whose first process is `pid`; returns when its networks are usable.
    pub fn attach(&self, pid: i32, name: &str, hostname: &str) -> Result<()> {
        let path = format!("/proc/{pid}/ns/net");
        let namespace = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .with_context(|| format!("open {path}"))?;
        let attached = self.helper.attach(name, hostname, namespace.as_fd());
        attached.context("failed to set up container networking")
    }
}
