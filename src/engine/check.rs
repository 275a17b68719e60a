//! `healthcheck run`: asks the supervisor of a container for a check.

use std::os::fd::AsFd;

use anyhow::{Context, Result, bail};

use super::Engine;
use super::start::SOCKET;
use crate::runtime::protocol::{CHUNK, Event, Request};
use crate::store::health::{self, HealthStatus};
use crate::sys::socket;

/// Checks a container now; whether that succeeded, and its health afterwards.
pub fn check(engine: &Engine, id: &str) -> Result<(bool, HealthStatus)> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if record.options.health.as_ref().and_then(|health| health.command()).is_none() {
        bail!("container {} has no defined healthcheck", record.id);
    }
    if !record.state.is_running() || record.state.is_initialized() {
        bail!("container {} is not running", record.id);
    }
    let supervisor = socket::connect(&engine.layout().container_run(&record.id), SOCKET)
        .with_context(|| format!("reach the supervisor of container {}", &record.id[..12]))?;
    Request::Check.send(supervisor.as_fd()).context("ask for a check")?;
    let mut buffer = vec![0; CHUNK + 16];
    loop {
        let n = socket::receive(supervisor.as_fd(), &mut buffer).context("hear from the supervisor")?;
        match Event::decode(&buffer[..n]) {
            Some(Event::Checked(succeeded)) => {
                let health = health::load(engine.layout(), &record.id).unwrap_or_default();
                return Ok((succeeded, health.status));
            }
            Some(Event::Exited(_)) | None => bail!("container {} has ended", record.id),
            Some(_) => {}
        }
    }
}
