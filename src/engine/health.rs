//! Health checks, run by the supervisor of a container beside everything else that it does.
//!
//! A check is a process in the container, under a supervisor of its own as any `exec`: what it says and how it
//! ends arrives on a socket, so nothing here ever waits for it. One that takes too long is killed with what
//! descends from it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::Shutdown;

use super::exec::Probe;
use super::{Engine, events};
use crate::base::time::go_duration;
use crate::oci::image::ContainerConfig;
use crate::runtime::protocol::{CHUNK, Event};
use crate::store::containers::Record;
use crate::store::health::{self, CheckResult, Health, HealthStatus, LOG_LIMIT, LOG_SIZE, OUTPUT_LIMIT};
use crate::store::options::{ContainerOptions, HealthOptions, StartupOptions};
use crate::sys::clone::Child;
use crate::sys::{process, socket};

/// The exit code of a check that could not be run, or took too long.
const NOT_RUN: i32 = -1;

/// How long a check that was killed is waited for: only what the kernel holds up takes longer.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// How long there is between checks, and for one, where nothing is said.
const USUAL: Duration = Duration::from_secs(30);

/// When checks are made; docker's defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub interval: Duration,
    pub timeout: Duration,
    pub start_period: Duration,
    pub start_interval: Duration,
    pub retries: u32,
    pub manual: bool,
    /// How many results are kept, and how many bytes of what each says.
    pub log_count: usize,
    pub log_size: usize,
}

impl Schedule {
    pub fn of(options: &HealthOptions) -> Self {
        let or = |nanoseconds: u64, default| match nanoseconds {
            0 => default,
            // An image may ask for anything; docker refuses less.
            nanoseconds => Duration::from_nanos(nanoseconds).max(Duration::from_millis(1)),
        };
        let limit = |wanted: Option<u32>, usual, most: usize| match wanted {
            None => usual,
            Some(0) => most,
            Some(wanted) => usize::try_from(wanted).unwrap_or(most).min(most),
        };
        Self {
            interval: or(options.interval, USUAL),
            timeout: or(options.timeout, USUAL),
            start_period: or(options.start_period, Duration::ZERO),
            start_interval: or(options.start_interval, Duration::from_secs(5)),
            retries: if options.retries == 0 { 3 } else { options.retries },
            manual: options.manual,
            log_count: limit(options.max_log_count, LOG_LIMIT, usize::MAX),
            log_size: limit(options.max_log_size, OUTPUT_LIMIT, LOG_SIZE),
        }
    }

    /// How long after a check, or after the start, the next one comes: docker's rule.
    fn pause(&self, uptime: Duration, status: HealthStatus) -> Duration {
        let left = self.start_period.saturating_sub(uptime);
        match () {
            () if left.is_zero() => self.interval,
            () if left < self.interval => left,
            () if status == HealthStatus::Starting => self.start_interval,
            () => self.interval,
        }
    }
}

/// What was not said about the health check is as the image says.
pub fn settle(options: &mut ContainerOptions, image: &ContainerConfig) -> Result<()> {
    let given = image.healthcheck.as_ref().filter(|check| !check.test.is_empty());
    if options.health.is_none() && given.is_none() {
        return Ok(());
    }
    let health = options.health.get_or_insert_default();
    if let Some(check) = given {
        if health.test.is_empty() {
            health.test.clone_from(&check.test);
        }
        let times = [
            (&mut health.interval, check.interval),
            (&mut health.timeout, check.timeout),
            (&mut health.start_period, check.start_period),
            (&mut health.start_interval, check.start_interval),
        ];
        for (own, usual) in times.into_iter().filter(|(own, _)| **own == 0) {
            *own = usual;
        }
        if health.retries == 0 {
            health.retries = check.retries;
        }
    }
    health.shell.clone_from(&image.shell);
    if health.startup.is_some() && health.command().is_none() {
        bail!(
            "--health-startup-cmd goes before a health check, and neither the image nor --health-cmd gives one"
        );
    }
    Ok(())
}

/// The checks of one run of a container.
pub struct Checks<'a> {
    engine: &'a Engine,
    record: Record,
    schedule: Schedule,
    /// Why no check can be run, if none can.
    probe: Result<Probe>,
    /// What has to succeed first.
    startup: Option<Startup>,
    health: Health,
    begun: Instant,
    next: Option<Instant>,
    running: Option<Check>,
}

/// The check of a start, podman's: it says nothing of the health, and the container is starting until it is over.
struct Startup {
    probe: Result<Probe>,
    interval: Duration,
    timeout: Duration,
    manual: bool,
    /// How many in a row it takes: of successes, and of failures if they are counted.
    wanted: u32,
    retries: Option<u32>,
    /// How many there were.
    successes: u32,
    failures: u32,
}

/// A check that runs.
struct Check {
    process: Child,
    socket: OwnedFd,
    start: Timestamp,
    /// When it is killed.
    deadline: Instant,
    output: Vec<u8>,
    /// How many bytes of it are kept.
    limit: usize,
    is_cut: bool,
}

/// A check that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    pub succeeded: bool,
    /// Whether the container has become unhealthy by it.
    pub became_unhealthy: bool,
    /// Whether it was one of the start, which says nothing of the health.
    pub of_start: bool,
    /// Whether the container has not come up, and is to be started again.
    pub start_failed: bool,
}

impl<'a> Checks<'a> {
    /// The checks of a container whose program has just been started; `None` if it has none.
    pub fn begin(engine: &'a Engine, record: &Record) -> Option<Self> {
        let options = record.options.health.as_ref()?;
        let command = options.command()?;
        let schedule = Schedule::of(options);
        let mut health = health::load(engine.layout(), &record.id).unwrap_or_default();
        health.begin();
        let _ = health::save(engine.layout(), &record.id, &health);
        let begun = Instant::now();
        let startup =
            options.startup().map(|(startup, command)| Startup::of(engine, record, startup, command));
        let first = match &startup {
            Some(startup) => Some(begun).filter(|_| !startup.manual),
            None => {
                begun.checked_add(schedule.pause(Duration::ZERO, health.status)).filter(|_| !schedule.manual)
            }
        };
        Some(Self {
            engine,
            record: record.clone(),
            schedule,
            probe: Probe::new(engine, record, command),
            startup,
            health,
            begun,
            next: first,
            running: None,
        })
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.running.as_ref().map(|check| check.deadline).or(self.next)
    }

    /// Where the check that runs is heard.
    pub fn source(&self) -> Option<BorrowedFd<'_>> {
        self.running.as_ref().map(|check| check.socket.as_fd())
    }

    /// Makes a check due now, unless one runs.
    pub fn hurry(&mut self) {
        self.next = Some(Instant::now());
    }

    /// Does what is due: hears the check that runs, or starts one.
    pub fn work(&mut self, container: BorrowedFd<'_>) -> Option<Checked> {
        let (probe, timeout) = match &self.startup {
            Some(startup) => (&startup.probe, startup.timeout),
            None => (&self.probe, self.schedule.timeout),
        };
        if let Some(check) = &mut self.running {
            let (exit_code, output) = check.hear(timeout)?;
            let start = check.start;
            self.running = None;
            return Some(self.take(CheckResult { start, end: Timestamp::now(), exit_code, output }));
        }
        if self.next.is_none_or(|next| next > Instant::now()) {
            return None;
        }
        let start = Timestamp::now();
        let begun = match probe {
            Ok(probe) => probe.run(container).map_err(|error| format!("{error:#}")),
            Err(error) => Err(format!("{error:#}")),
        };
        match begun.and_then(|(process, socket)| {
            Check::new(process, socket, start, timeout, self.schedule.log_size)
                .map_err(|error| error.to_string())
        }) {
            Ok(check) => {
                self.running = Some(check);
                None
            }
            Err(output) => Some(self.take(CheckResult { start, end: start, exit_code: NOT_RUN, output })),
        }
    }

    /// Ends with the container's run. Docker's status of a container that does not run is unhealthy.
    pub fn finish(mut self) {
        self.running = None;
        self.health.status = HealthStatus::Unhealthy;
        let _ = health::save(self.engine.layout(), &self.record.id, &self.health);
    }

    /// Writes a result down before anybody is told.
    fn take(&mut self, result: CheckResult) -> Checked {
        if self.startup.is_some() {
            return self.take_first(result);
        }
        let before = self.health.status;
        let succeeded = result.exit_code == 0;
        let age = result.start.duration_since(self.record.state.started_at.unwrap_or(result.start));
        let in_start_period = age.unsigned_abs() < self.schedule.start_period;
        let Schedule { retries, log_count, .. } = self.schedule;
        self.health.record(result, retries, in_start_period, log_count);
        let _ = health::save(self.engine.layout(), &self.record.id, &self.health);
        let status = self.health.status;
        if status != before {
            let action = format!("health_status: {}", status.as_str());
            self.engine.containers().refresh_name(&mut self.record);
            events::container(self.engine, &self.record, &action, &[]);
        }
        let pause = self.schedule.pause(self.begun.elapsed(), status);
        self.next = Instant::now().checked_add(pause).filter(|_| !self.schedule.manual);
        let became_unhealthy = status == HealthStatus::Unhealthy && status != before;
        Checked { succeeded, became_unhealthy, of_start: false, start_failed: false }
    }

    /// Takes a result of the check of the start.
    fn take_first(&mut self, result: CheckResult) -> Checked {
        let succeeded = result.exit_code == 0;
        self.health.keep(result, self.schedule.log_count);
        let _ = health::save(self.engine.layout(), &self.record.id, &self.health);
        let mut start_failed = false;
        if let Some(startup) = &mut self.startup {
            startup.count(succeeded);
            start_failed = startup.retries.is_some_and(|retries| startup.failures >= retries);
            self.next = Instant::now().checked_add(startup.interval).filter(|_| !startup.manual);
        }
        if self.startup.take_if(|startup| startup.successes >= startup.wanted).is_some() {
            self.next = Some(Instant::now()).filter(|_| !self.schedule.manual);
        }
        Checked { succeeded, became_unhealthy: false, of_start: true, start_failed }
    }
}

impl Startup {
    fn of(engine: &Engine, record: &Record, options: &StartupOptions, command: Vec<String>) -> Self {
        let or_usual = |nanoseconds: u64| match nanoseconds {
            0 => USUAL,
            nanoseconds => Duration::from_nanos(nanoseconds),
        };
        Self {
            probe: Probe::new(engine, record, command),
            interval: or_usual(options.interval),
            timeout: or_usual(options.timeout),
            manual: options.manual,
            wanted: options.successes.max(1),
            retries: Some(options.retries).filter(|retries| *retries > 0),
            successes: 0,
            failures: 0,
        }
    }

    fn count(&mut self, succeeded: bool) {
        match succeeded {
            true => (self.successes, self.failures) = (self.successes + 1, 0),
            false => (self.successes, self.failures) = (0, self.failures + 1),
        }
    }
}

impl Check {
    fn new(
        process: Child,
        socket: OwnedFd,
        start: Timestamp,
        timeout: Duration,
        limit: usize,
    ) -> std::io::Result<Self> {
        socket::never_block(socket.as_fd())?;
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + Duration::from_secs(1 << 31));
        Ok(Self { process, socket, start, deadline, output: Vec::new(), limit, is_cut: false })
    }

    /// Hears what there is: exit code and output once it is over.
    fn hear(&mut self, timeout: Duration) -> Option<(i32, String)> {
        let mut buffer = vec![0; CHUNK + 16];
        loop {
            let n = match socket::receive(self.socket.as_fd(), &mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                received => received.unwrap_or(0),
            };
            match Event::decode(&buffer[..n]) {
                Some(Event::Stdout(bytes) | Event::Stderr(bytes)) => self.keep(bytes),
                Some(Event::Exited(code)) => return Some((code, self.said())),
                Some(Event::Failed(failure)) => return Some((NOT_RUN, failure.text)),
                Some(Event::Started | Event::Checked(_)) => {}
                None => return Some((NOT_RUN, "the health check died".to_owned())),
            }
        }
        if Instant::now() < self.deadline {
            return None;
        }
        let said = self.said();
        let colon = if said.is_empty() { "" } else { ": " };
        let limit = go_duration(timeout);
        Some((NOT_RUN, format!("Health check exceeded timeout ({limit}){colon}{said}")))
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.limit - self.output.len();
        self.output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.is_cut |= bytes.len() > room;
    }

    fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.output);
        if self.is_cut { format!("{text}...") } else { text.into_owned() }
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        process::kill_descendants(self.process.pid());
        // It reaps its program and ends, once nobody is to be told. With its guard it would leave that to the first
        // process of the host, which in a container may be one that reaps nobody.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        let _ = poll(&mut [PollFd::new(&self.process.pidfd(), PollFlags::IN)], Some(&PATIENCE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_docker_s() {
        use HealthStatus::{Healthy, Starting, Unhealthy};
        let seconds = Duration::from_secs;
        let schedule = Schedule {
            start_period: seconds(60),
            start_interval: seconds(2),
            ..Schedule::of(&HealthOptions::default())
        };
        for (uptime, status, want) in [
            (0, Starting, 2),
            (29, Starting, 2),
            (29, Healthy, 30),
            // The first check after the start period comes as it ends.
            (31, Starting, 29),
            (60, Starting, 30),
            (90, Unhealthy, 30),
        ] {
            assert_eq!(schedule.pause(seconds(uptime), status), seconds(want), "{uptime} {status:?}");
        }
        let none = Schedule::of(&HealthOptions::default());
        assert_eq!(none.pause(Duration::ZERO, Starting), seconds(30));
        let greedy = Schedule::of(&HealthOptions { interval: 1, ..HealthOptions::default() });
        assert_eq!(greedy.interval, Duration::from_millis(1));
    }
}
