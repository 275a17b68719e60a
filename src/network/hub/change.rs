//! What changes for a container that runs: it comes to a network, leaves it, or has its own set up anew.

use std::os::fd::AsFd;
use std::sync::PoisonError;

use anyhow::{Context, Result};

use super::super::ports::Published;
use super::super::protocol::Wanted;
use super::{Hub, Stay, default_of};
use crate::base::network::Endpoint;
use crate::base::port::PortMapping;

impl Hub {
    /// Puts a container that runs on one more network; its place there, and its ports. One that was on none has `ports`
    /// bound again. Who asks has no record of a place there: one that a command which was killed has left is given up.
    pub fn connect(
        &self,
        container: &str,
        wanted: &Wanted,
        ports: &[PortMapping],
    ) -> Result<(Endpoint, Vec<PortMapping>)> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_off(container, &wanted.network.id)?;
        let (endpoint, bearer, namespace, is_outward, former) = {
            let mut state = self.state();
            let stay = state.stays.get(container).context("the container is on no bridge")?;
            let namespace = stay.namespace.clone().context("the container is being started")?;
            let bound = match stay.endpoints.is_empty() {
                true => ports.iter().map(Published::bind).collect::<Result<_>>()?,
                false => Vec::new(),
            };
            let others = stay.endpoints.clone();
            let endpoint = self.lease(&mut state, wanted, &others)?;
            let stay = state.stays.get_mut(container).context("the container has left")?;
            stay.ports.extend(bound);
            stay.endpoints.push(endpoint.clone());
            let is_outward = default_of(&stay.endpoints).is_some_and(|first| first.id == endpoint.id);
            let mut former = None;
            if is_outward {
                stay.outward = Some(endpoint.network_id.clone());
                // Answers to clients take the new way.
                stay.ports.iter_mut().for_each(Published::rest);
                former = stay.served.take();
            }
            (endpoint, stay.bearer.clone(), namespace, is_outward, former)
        };
        drop(former);
        let connect = || {
            self.plug_in(&bearer, &endpoint, &namespace, is_outward)?;
            self.open_ports(container)?;
            self.ports_of(container, &endpoint)
        };
        match connect() {
            Ok(ports) => Ok((endpoint, ports)),
            Err(error) => {
                // Also where the container has left meanwhile, and nobody else knows of this place.
                self.unplug(&endpoint);
                self.forget(container, &endpoint.network_id);
                let _ = self.lead_out(container);
                Err(error)
            }
        }
    }

    /// Takes a container off a network, if it is on that; the ports that are still its own. What went through that
    /// network goes through another, if there is one.
    pub fn disconnect(&self, container: &str, network: &str) -> Result<Vec<PortMapping>> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_off(container, network)?;
        let state = self.state();
        Ok(state.stays.get(container).map(Stay::mappings).unwrap_or_default())
    }

    fn take_off(&self, container: &str, network: &str) -> Result<()> {
        let endpoint = {
            let state = self.state();
            let stay = state.stays.get(container).context("the container is on no bridge")?;
            stay.endpoints.iter().find(|endpoint| endpoint.network_id == network).cloned()
        };
        let Some(endpoint) = endpoint else { return Ok(()) };
        self.unplug(&endpoint);
        self.forget(container, network);
        self.lead_out(container)
    }

    /// Leads what goes out of a container, and what comes to its ports, through the networks that it is on now.
    fn lead_out(&self, container: &str) -> Result<()> {
        let next = {
            let mut state = self.state();
            let stay = state.stays.get_mut(container).context("the container has left")?;
            let next = default_of(&stay.endpoints).cloned().zip(stay.namespace.clone());
            stay.outward = next.as_ref().map(|(next, _)| next.network_id.clone());
            next
        };
        if let Some((next, namespace)) = next {
            let segment = self.warden(&next.network_id)?.segment()?;
            segment.run(move |inside| inside.route(&next, namespace.as_fd()))?;
        }
        self.open_ports(container)
    }

    /// Takes a container off all of its networks, and puts it back as it was.
    pub fn reload(&self, container: &str) -> Result<()> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (served, bearer, endpoints, namespace, outward) = {
            let mut state = self.state();
            let stay = state.stays.get_mut(container).context("the container is on no bridge")?;
            let namespace = stay.namespace.clone().context("the container is being started")?;
            stay.ports.iter_mut().for_each(Published::rest);
            let served = stay.served.take();
            (served, stay.bearer.clone(), stay.endpoints.clone(), namespace, stay.outward.clone())
        };
        drop(served);
        for endpoint in &endpoints {
            self.unplug(endpoint);
            self.plug_in(&bearer, endpoint, &namespace, outward.as_ref() == Some(&endpoint.network_id))?;
        }
        self.open_ports(container)
    }

    /// The ports of a container that is on a network, which it may have left.
    fn ports_of(&self, container: &str, endpoint: &Endpoint) -> Result<Vec<PortMapping>> {
        let state = self.state();
        let stay =
            state.stays.get(container).filter(|stay| stay.endpoints.iter().any(|own| own.id == endpoint.id));
        Ok(stay.context("the container has left")?.mappings())
    }

    /// A container is on a network no more. Its ports are led elsewhere then, or are free if it is on no other.
    fn forget(&self, container: &str, network: &str) {
        let mut state = self.state();
        let Some(stay) = state.stays.get_mut(container) else { return };
        let at = stay.endpoints.iter().position(|endpoint| endpoint.network_id == network);
        let Some(endpoint) = at.map(|at| stay.endpoints.remove(at)) else { return };
        stay.outward.take_if(|outward| outward == network);
        let served = stay.served.take_if(|served| served.network == network);
        if served.is_some() {
            stay.ports.iter_mut().for_each(Published::rest);
        }
        let closed = if stay.endpoints.is_empty() { std::mem::take(&mut stay.ports) } else { Vec::new() };
        state.release(&endpoint);
        drop(state);
        // Which waits for the relay.
        drop((served, closed));
    }

    fn unplug(&self, endpoint: &Endpoint) {
        if let Some((endpoint, segment)) = self.withdraw(endpoint.clone()) {
            segment.detach(&endpoint);
        }
    }
}
