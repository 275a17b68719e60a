//! `restart`, the restart policy of `update`, and what comes back after a reboot.

use anyhow::{Result, bail};

use super::caller::{Goal, Preserved};
use super::start::{self, Work};
use super::{Engine, events, stop};
use crate::store::containers::{Record, Status, StopReason};
use crate::store::options::RestartPolicy;
use crate::sys::process;

/// Ends a container as `stop` does, and starts it again in the background; one with `--rm` is not removed in
/// between.
pub fn restart(engine: &Engine, id: &str, signal: Option<&str>, timeout: Option<i64>) -> Result<()> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    stop::stop_because(engine, &record, StopReason::Restart, signal, timeout)?;
    let record = engine.containers().load(&record.id)?;
    match start::launch(engine, Work::Existing(record.clone()), Goal::Run(None), Preserved::default()) {
        // Another command has started it meanwhile.
        Err(_) if engine.containers().load(&record.id).is_ok_and(|now| start::is_started(&now.state)) => {}
        started => drop(started?),
    }
    events::container(engine, &record, "restart", &[]);
    Ok(())
}

/// Refuses a policy that a container cannot have.
pub fn check_policy(record: &Record, policy: RestartPolicy) -> Result<()> {
    if record.options.auto_remove && policy != RestartPolicy::No {
        bail!("Restart policy cannot be updated because AutoRemove is enabled for the container");
    }
    Ok(())
}

/// Starts every container that comes back after a reboot, the oldest first: each by its name, and what came of it.
pub fn restart_all(engine: &Engine) -> Result<Vec<(String, Result<()>)>> {
    let boot = process::boot_id()?;
    let (mut records, _) = engine.containers().list()?;
    records.retain(|record| comes_back(record, engine.containers().stop_reason(&record.id), &boot));
    records.reverse();
    let start = |record: Record| {
        let name = record.name.clone();
        (name, start::launch(engine, Work::Existing(record), Goal::Run(None), Preserved::default()).map(drop))
    };
    Ok(records.into_iter().map(start).collect())
}

/// Docker's rule for a daemon that starts: `always` comes back even if it was stopped before, `unless-stopped` only
/// if it was not. What the user has stopped since this boot stays down.
fn comes_back(record: &Record, stopped: Option<StopReason>, boot: &str) -> bool {
    let state = record.state.clone().settled_in(boot);
    let was_stopped = stopped == Some(StopReason::Stop);
    let wanted = match record.options.restart {
        RestartPolicy::Always => !was_stopped || state.boot_id != boot,
        RestartPolicy::UnlessStopped => !was_stopped,
        RestartPolicy::No | RestartPolicy::OnFailure { .. } => false,
    };
    wanted && state.status == Status::Exited
}
