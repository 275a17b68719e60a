//! Published ports of containers on bridges: what is taken of the host before a container starts, and served when it is
//! on its network.

use std::sync::Arc;

use anyhow::{Context, Result};

use super::bind::{self, Bound};
use super::relay::{Relay, Service, Target};
use crate::base::port::PortMapping;

/// A port of the host that is a container's. Dropped, it is free again. While nobody serves it clients wait.
pub struct Published {
    mapping: PortMapping,
    service: Option<Service>,
    bound: Bound,
}

impl Published {
    /// Takes a port of the host; 0 picks one.
    ///
    /// # Errors
    /// Docker's words for a port that is taken.
    pub fn bind(wanted: &PortMapping) -> Result<Self> {
        let (mapping, bound) = bind::bind_mapping(wanted)?;
        Ok(Self { mapping, service: None, bound })
    }

    /// The port, with the number that was picked.
    pub fn mapping(&self) -> &PortMapping {
        &self.mapping
    }

    /// Begins to relay to a container. One that is served already goes on as it does.
    pub fn serve(&mut self, relay: &Relay, target: &Arc<Target>) -> Result<()> {
        if self.service.is_none() {
            let bound = self.bound.try_clone().context("copy a descriptor")?;
            self.service = Some(relay.serve(bound, target.clone(), self.mapping.container_port)?);
        }
        Ok(())
    }

    /// Breaks off what is relayed, and keeps the port.
    pub fn rest(&mut self) {
        self.service = None;
    }
}
