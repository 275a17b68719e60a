//! `--health-*`, `--no-healthcheck`: docker's checks and messages, and podman's further words.

use anyhow::{Result, bail};

use super::super::flags::parse_integer;
use crate::base::time::parse_duration;
use crate::store::options::{HealthOptions, OnUnhealthy, StartupOptions};

/// Flags of the health check.
#[derive(clap::Args)]
pub struct HealthFlags {
    /// Check the container's health with this: a line for its shell, or a JSON array
    #[arg(long, value_name = "command")]
    health_cmd: Option<String>,
    /// The time between two checks (default 30s); 'disable' checks only when healthcheck run asks
    #[arg(long, value_name = "duration", value_parser = interval)]
    health_interval: Option<Interval>,
    /// Where results are kept: local, with the container
    #[arg(long, value_name = "place", value_parser = log_destination, hide = true)]
    health_log_destination: Option<()>,
    /// How many results are kept (default 5); 0 keeps as many as there is room for
    #[arg(long, value_name = "n")]
    health_max_log_count: Option<u32>,
    /// How many bytes are kept of what each check says (default 4096); 0 keeps as many as there is room for
    #[arg(long, value_name = "bytes")]
    health_max_log_size: Option<u32>,
    /// What is done with an unhealthy container: none, kill, restart or stop
    #[arg(long, value_name = "action", value_parser = on_failure)]
    health_on_failure: Option<OnUnhealthy>,
    /// The failures in a row that make a container unhealthy (default 3)
    #[arg(long, value_name = "n", value_parser = parse_integer)]
    health_retries: Option<i64>,
    /// The time between two checks while the container starts (default 5s)
    #[arg(long, value_name = "duration", value_parser = nanoseconds)]
    health_start_interval: Option<i64>,
    /// The time that the container has to start before failures count
    #[arg(long, value_name = "duration", value_parser = nanoseconds)]
    health_start_period: Option<i64>,
    /// The time that one check may take (default 30s)
    #[arg(long, value_name = "duration", value_parser = nanoseconds)]
    health_timeout: Option<i64>,
    #[command(flatten)]
    startup: StartupFlags,
    /// Make no health checks, whatever the image says
    #[arg(long)]
    no_healthcheck: bool,
}

/// `--health-interval`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Interval {
    Nanoseconds(i64),
    /// Podman's `disable`.
    Never,
}

/// Flags of podman's check of a start.
#[derive(clap::Args)]
struct StartupFlags {
    /// What has to succeed before the health check is made at all
    #[arg(long, value_name = "command")]
    health_startup_cmd: Option<String>,
    /// The time between two checks of the start (default 30s); 'disable' checks only when healthcheck run asks
    #[arg(long, value_name = "duration", value_parser = interval)]
    health_startup_interval: Option<Interval>,
    /// The failures in a row after which the container is started again (default never)
    #[arg(long, value_name = "n")]
    health_startup_retries: Option<u32>,
    /// The successes in a row that end the start (default 1)
    #[arg(long, value_name = "n")]
    health_startup_success: Option<u32>,
    /// The time that one check of the start may take (default 30s)
    #[arg(long, value_name = "duration", value_parser = nanoseconds)]
    health_startup_timeout: Option<i64>,
}

impl StartupFlags {
    fn options(self, auto_remove: bool) -> Result<Option<StartupOptions>> {
        let Some(command) = self.health_startup_cmd.filter(|command| !command.is_empty()) else {
            let is_silent = self.health_startup_interval.is_none()
                && self.health_startup_retries.is_none()
                && self.health_startup_success.is_none()
                && self.health_startup_timeout.is_none();
            return if is_silent { Ok(None) } else { bail!("--health-startup-* needs --health-startup-cmd") };
        };
        let (interval, manual) = split(self.health_startup_interval);
        let [interval, timeout] =
            settled([("startup-interval", interval), ("startup-timeout", self.health_startup_timeout)])?;
        let retries = self.health_startup_retries.unwrap_or(0);
        if retries > 0 && auto_remove {
            bail!("conflicting options: cannot specify both --health-startup-retries and --rm");
        }
        let successes = self.health_startup_success.unwrap_or(0);
        Ok(Some(StartupOptions { test: test(&command), interval, timeout, retries, successes, manual }))
    }
}

/// The interval, and whether no check is made by itself.
fn split(interval: Option<Interval>) -> (Option<i64>, bool) {
    match interval {
        Some(Interval::Nanoseconds(interval)) => (Some(interval), false),
        Some(Interval::Never) => (None, true),
        None => (None, false),
    }
}

/// Durations in nanoseconds, each with its name in the flag, 0 where nothing is said; refuses what docker does.
fn settled<const N: usize>(durations: [(&str, Option<i64>); N]) -> Result<[u64; N]> {
    let durations = durations.map(|(name, duration)| (name, duration.unwrap_or(0)));
    for (name, duration) in durations {
        if duration < 0 {
            bail!("--health-{name} cannot be negative");
        }
        if duration != 0 && duration < 1_000_000 {
            bail!("{} in Healthcheck cannot be less than 1ms", title(name));
        }
    }
    Ok(durations.map(|(_, duration)| duration.unsigned_abs()))
}

/// A duration in nanoseconds, which may be negative: that is refused later, as docker does.
fn nanoseconds(text: &str) -> Result<i64, String> {
    let duration = parse_duration(text).and_then(|duration| i64::try_from(duration.as_nanos()).ok());
    duration.ok_or_else(|| format!("time: invalid duration \"{text}\""))
}

fn interval(text: &str) -> Result<Interval, String> {
    if text == "disable" { Ok(Interval::Never) } else { nanoseconds(text).map(Interval::Nanoseconds) }
}

fn on_failure(text: &str) -> Result<OnUnhealthy, String> {
    match text {
        "none" => Ok(OnUnhealthy::None),
        "kill" => Ok(OnUnhealthy::Kill),
        "restart" => Ok(OnUnhealthy::Restart),
        "stop" => Ok(OnUnhealthy::Stop),
        _ => Err("must be one of none, kill, restart or stop".to_owned()),
    }
}

fn log_destination(text: &str) -> Result<(), String> {
    match text {
        "local" => Ok(()),
        _ => Err(format!("the destination {text} is not supported yet")),
    }
}

/// A command as docker takes it, a line for the shell; or as podman does too, a JSON array or `none`.
fn test(command: &str) -> Vec<String> {
    if command == "none" {
        return vec!["NONE".to_owned()];
    }
    match serde_json::from_str::<Vec<String>>(command) {
        Ok(words) if matches!(words.first().map(String::as_str), Some("CMD" | "CMD-SHELL" | "NONE")) => words,
        Ok(words) if !words.is_empty() => [vec!["CMD".to_owned()], words].concat(),
        _ => vec!["CMD-SHELL".to_owned(), command.to_owned()],
    }
}

impl HealthFlags {
    /// What was asked for, if anything was.
    pub fn options(self, auto_remove: bool) -> Result<Option<HealthOptions>> {
        let (interval, manual) = split(self.health_interval);
        let startup = self.startup.options(auto_remove)?;
        let durations = [
            ("interval", interval),
            ("timeout", self.health_timeout),
            ("start-period", self.health_start_period),
            ("start-interval", self.health_start_interval),
        ];
        let () = self.health_log_destination.unwrap_or_default();
        let command = self.health_cmd.filter(|command| !command.is_empty());
        let is_silent = command.is_none()
            && !manual
            && self.health_max_log_count.is_none()
            && self.health_max_log_size.is_none()
            && self.health_on_failure.is_none()
            && self.health_retries.unwrap_or(0) == 0
            && startup.is_none()
            && durations.iter().all(|(_, duration)| duration.unwrap_or(0) == 0);
        if self.no_healthcheck {
            if !is_silent {
                bail!("--no-healthcheck conflicts with --health-* options");
            }
            return Ok(Some(HealthOptions { test: vec!["NONE".to_owned()], ..HealthOptions::default() }));
        }
        if is_silent {
            return Ok(None);
        }
        let [interval, timeout, start_period, start_interval] = settled(durations)?;
        let Ok(retries) = u32::try_from(self.health_retries.unwrap_or(0)) else {
            bail!("--health-retries cannot be negative");
        };
        let on_failure = self.health_on_failure.unwrap_or_default();
        if on_failure == OnUnhealthy::Restart && auto_remove {
            bail!("conflicting options: cannot specify both --health-on-failure=restart and --rm");
        }
        let test = command.as_deref().map(test).unwrap_or_default();
        Ok(Some(HealthOptions {
            test,
            interval,
            timeout,
            start_period,
            start_interval,
            retries,
            manual,
            on_failure,
            max_log_count: self.health_max_log_count,
            max_log_size: self.health_max_log_size,
            startup,
            ..HealthOptions::default()
        }))
    }
}

/// Docker's name of a setting.
fn title(name: &str) -> &str {
    match name {
        "interval" | "startup-interval" => "Interval",
        "timeout" | "startup-timeout" => "Timeout",
        "start-period" => "StartPeriod",
        _ => "StartInterval",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn options(flags: &[&str]) -> Result<Option<HealthOptions>> {
        let command = HealthFlags::augment_args(Command::new("run").no_binary_name(true));
        let matches = command.try_get_matches_from(flags)?;
        HealthFlags::from_arg_matches(&matches)?.options(false)
    }

    #[test]
    fn flags_become_options() {
        assert_eq!(options(&[]).unwrap(), None);
        assert_eq!(options(&["--no-healthcheck"]).unwrap().unwrap().test, ["NONE"]);
        let got = options(&["--health-cmd=test -e /ok", "--health-interval=1m30s", "--health-retries=2"]);
        let want = HealthOptions {
            test: vec!["CMD-SHELL".to_owned(), "test -e /ok".to_owned()],
            interval: 90_000_000_000,
            retries: 2,
            ..HealthOptions::default()
        };
        assert_eq!(got.unwrap(), Some(want));
        assert!(options(&["--health-interval=disable"]).unwrap().unwrap().manual);
    }

    #[test]
    fn commands_in_every_form() {
        for (text, want) in [
            ("none", &["NONE"][..]),
            ("curl x || exit 1", &["CMD-SHELL", "curl x || exit 1"]),
            (r#"["CMD","/bin/x","-y"]"#, &["CMD", "/bin/x", "-y"]),
            (r#"["/bin/x"]"#, &["CMD", "/bin/x"]),
            (r#"["CMD-SHELL","a b"]"#, &["CMD-SHELL", "a b"]),
            ("[ -e /ok ]", &["CMD-SHELL", "[ -e /ok ]"]),
        ] {
            assert_eq!(test(text), want, "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (flags, want) in [
            (
                &["--no-healthcheck", "--health-cmd=x"][..],
                "--no-healthcheck conflicts with --health-* options",
            ),
            (&["--health-interval=-1s"], "--health-interval cannot be negative"),
            (&["--health-timeout=1us"], "Timeout in Healthcheck cannot be less than 1ms"),
            (&["--health-retries=-1"], "--health-retries cannot be negative"),
        ] {
            assert_eq!(options(flags).unwrap_err().to_string(), want, "{flags:?}");
        }
    }
}
