//! `wait`: waits until containers have ended and prints their exit codes.

use std::process::ExitCode;

use anyhow::Result;

use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::wait::{self, Condition};
use crate::store::containers::Status;
use crate::store::health::HealthStatus;

#[derive(clap::Args)]
pub struct Args {
    /// Wait for this: not-running, next-exit, removed, a state or a health
    #[arg(long, value_name = "condition", default_value = "not-running", value_parser = condition)]
    condition: Condition,
}

/// Docker's conditions, and podman's that are states of coracle too.
fn condition(text: &str) -> Result<Condition, String> {
    Ok(match text {
        "not-running" | "stopped" => Condition::NotRunning,
        "next-exit" => Condition::NextExit,
        "removed" => Condition::Removed,
        "created" => Condition::Status(Status::Created),
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
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("One container", "coracle wait job"),
        ("Until a service answers", "coracle wait --condition healthy web"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        report::each(&operands, &session.path, |name| {
            out::line(&wait::wait(&engine, name, self.condition)?.to_string())
        })
    }
}
