//! `wait`: waits until containers have ended and prints their exit codes.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::{LatestFlag, ignoring};
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::base::time::parse_duration;
use crate::engine::wait::{self, Condition};
use crate::store::containers::Status;
use crate::store::health::HealthStatus;

/// What podman shows for a container that is not there.
const GONE: i32 = -1;

#[derive(clap::Args)]
pub struct Args {
    /// Wait for this: not-running, next-exit, removed, a state or a health
    #[arg(long, value_name = "condition", default_value = "not-running", value_parser = condition)]
    condition: Condition,
    /// One that is not there is no failure, and shows -1
    #[arg(long)]
    ignore: bool,
    /// How often to look, for podman's scripts: the end is heard of at once
    #[arg(long, short, value_name = "duration", hide = true, value_parser = interval)]
    interval: Option<()>,
    #[command(flatten)]
    latest: LatestFlag,
}

/// Checks `--interval`: podman takes a duration, or a number of milliseconds.
fn interval(text: &str) -> Result<(), String> {
    let is_one = text.parse::<u64>().is_ok() || parse_duration(text).is_some();
    is_one.then_some(()).ok_or_else(|| format!("time: invalid duration \"{text}\""))
}

/// Docker's conditions, and podman's that are states of coracle too.
fn condition(text: &str) -> Result<Condition, String> {
    Ok(match text {
        "not-running" | "stopped" => Condition::NotRunning,
        "next-exit" => Condition::NextExit,
        "removed" => Condition::Removed,
        "created" => Condition::Status(Status::Created),
        "initialized" => Condition::Status(Status::Initialized),
        "running" => Condition::Status(Status::Running),
        "restarting" => Condition::Status(Status::Restarting),
        "exited" => Condition::Status(Status::Exited),
        "healthy" => Condition::Health(HealthStatus::Healthy),
        "unhealthy" => Condition::Health(HealthStatus::Unhealthy),
        _ => return Err(format!("invalid condition: \"{text}\"")),
    })
}

impl Action for Args {
    const SUMMARY: &'static str = "Block until one or more containers stop, then print their exit codes";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("One container", "coracle wait job"),
        ("Until a service answers", "coracle wait --condition healthy web"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let () = self.interval.unwrap_or_default();
        let operands = self.latest.before(engine.containers(), operands)?;
        report::each(&operands, &session.path, |name| {
            let mut code = GONE;
            let waited = wait::wait(&engine, name, self.condition).map(|ended| code = ended);
            ignoring(self.ignore, waited)?;
            out::line(&code.to_string())
        })
    }
}
