//! Published ports of containers on bridges: what is taken of the host before a container starts, and served when it is
//! on its network.

use std::sync::Arc;

use anyhow::Result;

use super::bind::{self, Bound};
use super::relay::{Relay, Service, Target};
use crate::base::port::PortMapping;

/// A port of the host that is a container's. Dropped, it is free again.
pub struct Published {
    mapping: PortMapping,
    state: State,
}

enum State {
    /// Clients wait.
    Bound(Bound),
    Served {
        _service: Service,
    },
    /// It could not be served.
    Closed,
}

impl Published {
    /// Takes a port of the host; 0 picks one.
    ///
    /// # Errors
    /// Docker's words for a port that is taken.
    pub fn bind(wanted: &PortMapping) -> Result<Self> {
        let bound = bind::bind_mapping(wanted)?;
        let mapping = PortMapping { host_port: bound.port()?, ..wanted.clone() };
        Ok(Self { mapping, state: State::Bound(bound) })
    }

    /// The port, with the number that was picked.
    pub fn mapping(&self) -> &PortMapping {
        &self.mapping
    }

    /// Begins to relay to a container. One that is served already goes on as it does.
    pub fn serve(&mut self, relay: &Relay, target: &Arc<Target>) -> Result<()> {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Bound(bound) => {
                let service = relay.serve(bound, target.clone(), self.mapping.container_port)?;
                State::Served { _service: service }
            }
            other => other,
        };
        Ok(())
    }
}
