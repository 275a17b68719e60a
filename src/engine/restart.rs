//! `restart`: ends a container if it runs, and starts it.

use anyhow::Result;

use super::start::{self, Work};
use super::{Engine, events, stop};
use crate::store::containers::StopReason;

/// Ends a container as `stop` does, and starts it again in the background; one with `--rm` is not removed in
/// between.
pub fn restart(engine: &Engine, id: &str, signal: Option<&str>, timeout: Option<i64>) -> Result<()> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    stop::stop_because(engine, &record, StopReason::Restart, signal, timeout)?;
    let record = engine.containers().load(&record.id)?;
    start::launch(engine, Work::Existing(record.clone()), None)?;
    events::container(engine, &record, "restart", &[]);
    Ok(())
}
