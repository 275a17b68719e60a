//! Health checks as they are asked for, and the health of a container, in a small file of its own beside the record:
//! written by its supervisor after every check, read only for containers that have one. Its keys are those of docker's `State.Health`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::base::file::{self, Durability};

/// Docker keeps so many results.
pub const LOG_LIMIT: usize = 5;

/// Docker keeps so much of what a check says, in bytes.
pub const OUTPUT_LIMIT: usize = 4096;

/// A document is the log, each byte of its output escaped at worst.
const FILE_LIMIT: u64 = 1 << 20;

/// All that is kept of what checks have said, in bytes, and of one result beside that.
pub const LOG_SIZE: usize = 64 << 10;
const RESULT_SIZE: usize = 256;

/// Docker's states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    #[default]
    Starting,
    Healthy,
    Unhealthy,
}

impl HealthStatus {
    /// The word that `inspect` and filters use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// What `ps` shows in parentheses.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Starting => "health: starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// A health check. Times are in nanoseconds, as docker keeps them; 0 takes the image's, then docker's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthOptions {
    /// Docker's `Test`: `NONE`; `CMD` and a command; `CMD-SHELL` and a line for the shell; empty takes the image's.
    pub test: Vec<String>,
    /// The image's shell, where it has one of its own.
    pub shell: Vec<String>,
    pub interval: u64,
    pub timeout: u64,
    pub start_period: u64,
    pub start_interval: u64,
    pub retries: u32,
    /// Nothing is checked unless `healthcheck run` asks for it.
    pub manual: bool,
    pub on_failure: OnUnhealthy,
    /// How many results are kept, and how many bytes of what each says; 0 is as many as there is room for. Docker's
    /// where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_log_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_log_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupOptions>,
}

/// Podman's check of a container that starts: until it has succeeded, the health check is not made. Times are in
/// nanoseconds; 0 takes the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartupOptions {
    /// As [`HealthOptions::test`].
    pub test: Vec<String>,
    pub interval: u64,
    pub timeout: u64,
    /// Failures in a row after which the container is started again; 0 never does.
    pub retries: u32,
    /// Successes in a row that it takes; 0 is one.
    pub successes: u32,
    /// Made only when `healthcheck run` asks for it.
    pub manual: bool,
}

impl HealthOptions {
    /// The command of a check; `None` if there is none to run.
    pub fn command(&self) -> Option<Vec<String>> {
        self.runnable(&self.test)
    }

    /// The command of the check of a start, if there is one to run.
    pub fn startup(&self) -> Option<(&StartupOptions, Vec<String>)> {
        let startup = self.startup.as_ref()?;
        Some((startup, self.runnable(&startup.test)?))
    }

    fn runnable(&self, test: &[String]) -> Option<Vec<String>> {
        let (kind, rest) = test.split_first()?;
        match kind.as_str() {
            "CMD" if !rest.is_empty() => Some(rest.to_vec()),
            "CMD-SHELL" if !rest.is_empty() => {
                let shell = ["/bin/sh".to_owned(), "-c".to_owned()];
                let shell = if self.shell.is_empty() { &shell[..] } else { &self.shell };
                Some([shell, rest].concat())
            }
            _ => None,
        }
    }
}

/// `--health-on-failure`: what is done with a container that has become unhealthy; podman's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnhealthy {
    #[default]
    None,
    Kill,
    Restart,
    Stop,
}

/// Docker's `State.Health`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    pub status: HealthStatus,
    /// Failures in a row that count.
    pub failing_streak: u32,
    /// The last results, oldest first.
    pub log: Vec<CheckResult>,
}

/// One check that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CheckResult {
    pub start: Timestamp,
    pub end: Timestamp,
    /// 0 is healthy; -1 if the check could not be run or took too long.
    pub exit_code: i32,
    pub output: String,
}

impl Health {
    /// Takes a result in. A failure before the start period is over does not count until a check has succeeded.
    pub fn record(&mut self, result: CheckResult, retries: u32, in_start_period: bool, kept: usize) {
        let failed = result.exit_code != 0;
        self.keep(result, kept);
        if !failed {
            (self.status, self.failing_streak) = (HealthStatus::Healthy, 0);
        } else if !(in_start_period && self.status == HealthStatus::Starting) {
            self.failing_streak += 1;
            if self.failing_streak >= retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
    }

    /// Takes a result in that says nothing of the health. Of the results the last `kept` stay, as far as there is room.
    pub fn keep(&mut self, result: CheckResult, kept: usize) {
        self.log.push(result);
        self.log.drain(..self.log.len().saturating_sub(kept));
        let mut room = LOG_SIZE + LOG_LIMIT * RESULT_SIZE;
        let fits = |result: &&CheckResult| {
            room = room.saturating_sub(result.output.len() + RESULT_SIZE);
            room > 0
        };
        let fitting = self.log.iter().rev().take_while(fits).count();
        self.log.drain(..self.log.len() - fitting.max(1));
    }

    /// The health as a run begins: what earlier checks said stays.
    pub fn begin(&mut self) {
        (self.status, self.failing_streak) = (HealthStatus::Starting, 0);
    }
}

/// Reads the health of a container; `None` if it was never checked.
pub fn load(layout: &Layout, id: &str) -> Option<Health> {
    let content = file::read_bounded(&path(layout, id), FILE_LIMIT).ok()?;
    serde_json::from_slice(&content).ok()
}

/// Replaces the health of a container that is there: a removed one is not made again.
pub fn save(layout: &Layout, id: &str, health: &Health) -> Result<()> {
    let content = serde_json::to_vec(health).context("encode the health")?;
    file::write_atomic(&path(layout, id), &content, Durability::Fast)
}

fn path(layout: &Layout, id: &str) -> PathBuf {
    layout.container(id).join("health.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(exit_code: i32) -> CheckResult {
        let now = Timestamp::UNIX_EPOCH;
        CheckResult { start: now, end: now, exit_code, output: String::new() }
    }

    #[test]
    fn results_make_the_status() {
        use HealthStatus::{Healthy, Starting, Unhealthy};
        // Exit code, whether the start period lasts, then status and streak.
        let steps = [
            (1, true, Starting, 0),
            (1, true, Starting, 0),
            (1, false, Starting, 1),
            (1, false, Unhealthy, 2),
            (0, false, Healthy, 0),
            // The start period is over once a check has succeeded.
            (-1, true, Healthy, 1),
            (137, true, Unhealthy, 2),
            (0, true, Healthy, 0),
        ];
        let mut health = Health::default();
        for (index, (code, in_start_period, status, streak)) in steps.into_iter().enumerate() {
            health.record(result(code), 2, in_start_period, 5);
            assert_eq!((health.status, health.failing_streak), (status, streak), "step {index}");
        }
        let codes: Vec<_> = health.log.iter().map(|result| result.exit_code).collect();
        assert_eq!(codes, [1, 0, -1, 137, 0]);
        health.begin();
        assert_eq!((health.status, health.log.len()), (Starting, 5));
        // However many are wanted, there is room for so much.
        let output = "x".repeat(LOG_SIZE / 4);
        for _ in 0..9 {
            health.record(CheckResult { output: output.clone(), ..result(0) }, 2, false, usize::MAX);
        }
        assert_eq!(health.log.len(), 4);
        health.record(result(1), 2, false, 2);
        assert_eq!(health.log.len(), 2);
    }
}
