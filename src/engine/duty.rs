//! What a supervisor does while its container runs, besides moving its streams: health checks, the limit of
//! `--timeout`, its networks when their helper dies, and the end of a container that has become unhealthy or has lost
//! its files.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::health::Checks;
use super::notify::Unit;
use super::stay::Stay;
use super::{Engine, events, stop};
use crate::base::file::Durability;
use crate::runtime::cgroup::group::Shortages;
use crate::runtime::monitor::Chore;
use crate::store::containers::{Record, StopReason};
use crate::store::options::OnUnhealthy;
use crate::sys::process;

/// The duties of one run.
pub struct Duties<'a> {
    engine: &'a Engine,
    record: Record,
    checks: Option<Checks<'a>>,
    /// When the container is killed, if it has not ended.
    limit: Option<Instant>,
    wants_restart: bool,
    /// Its places on bridges, which may have to be taken again.
    stay: Option<&'a mut Stay>,
    /// Readable once the program that serves the container's files has ended.
    server: Option<OwnedFd>,
    /// What its control group tells of a want of memory.
    memory: Option<Shortages>,
    /// Who waits for the container, if that is systemd.
    unit: Option<&'a Unit>,
}

impl<'a> Duties<'a> {
    /// The duties towards a container whose program has just been started.
    pub fn begin(
        engine: &'a Engine,
        record: &Record,
        stay: Option<&'a mut Stay>,
        server: Option<OwnedFd>,
        unit: Option<&'a Unit>,
    ) -> Self {
        let timeout = Some(record.options.timeout).filter(|seconds| *seconds > 0);
        Self {
            engine,
            record: record.clone(),
            checks: Checks::begin(engine, record),
            limit: timeout.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds))),
            wants_restart: false,
            stay,
            server,
            memory: record.state.cgroup.as_deref().and_then(|path| Shortages::watch(path).ok()),
            unit,
        }
    }

    /// Ends with the run; whether the container is to be started again whatever its policy says.
    pub fn finish(mut self) -> bool {
        self.tell_shortage();
        if let Some(checks) = self.checks {
            checks.finish();
        }
        self.wants_restart
    }

    /// Writes down that the kernel has killed processes of the container for want of memory.
    fn tell_shortage(&mut self) {
        if self.memory.as_mut().is_some_and(Shortages::has_killed) {
            events::container(self.engine, &self.record, "oom", &[]);
        }
    }

    fn restart(&mut self, container: BorrowedFd<'_>) {
        self.wants_restart = true;
        self.ask_to_end(container);
    }

    /// Does what was asked for the case that the container becomes unhealthy.
    fn answer_sickness(&mut self, container: BorrowedFd<'_>) {
        let action = self.record.options.health.as_ref().map(|health| health.on_failure);
        match action.unwrap_or_default() {
            OnUnhealthy::None => {}
            OnUnhealthy::Kill => send(container, libc::SIGKILL),
            OnUnhealthy::Restart => self.restart(container),
            OnUnhealthy::Stop => {
                let containers = self.engine.containers();
                let _ = containers.note_stop(&self.record.id, StopReason::Stop, Durability::Fast);
                self.ask_to_end(container);
            }
        }
    }
}

impl Chore for Duties<'_> {
    fn deadline(&self) -> Option<Instant> {
        let check = self.checks.as_ref().and_then(Checks::deadline);
        let stay = self.stay.as_ref().and_then(|stay| stay.deadline());
        self.limit.into_iter().chain(check).chain(stay).min()
    }

    fn sources(&self) -> [Option<BorrowedFd<'_>>; 5] {
        [
            self.checks.as_ref().and_then(Checks::source),
            self.stay.as_ref().and_then(|stay| stay.source()),
            self.server.as_ref().map(AsFd::as_fd),
            self.memory.as_ref().map(Shortages::source),
            self.unit.and_then(Unit::source),
        ]
    }

    fn work(&mut self, container: BorrowedFd<'_>) -> Option<bool> {
        if self.limit.is_some_and(|limit| limit <= Instant::now()) {
            self.limit = None;
            send(container, libc::SIGKILL);
        }
        if let Some(stay) = &mut self.stay {
            stay.keep(self.engine, &self.record);
        }
        if self.server.take_if(|server| is_readable(server.as_fd())).is_some() {
            // Nothing it does with its files can succeed any more, nor come back.
            send(container, libc::SIGKILL);
        }
        if self.memory.as_ref().is_some_and(|memory| is_readable(memory.source())) {
            self.tell_shortage();
        }
        if let Some(unit) = self.unit
            && unit.source().is_some_and(is_readable)
        {
            unit.pass_on();
        }
        let checked = self.checks.as_mut()?.work(container)?;
        if checked.succeeded && !checked.of_start {
            self.unit.iter().for_each(|unit| unit.healthy());
        }
        if checked.start_failed {
            self.restart(container);
        } else if checked.became_unhealthy {
            self.answer_sickness(container);
        }
        Some(checked.succeeded)
    }

    fn ask_for_check(&mut self) {
        if let Some(checks) = &mut self.checks {
            checks.hurry();
        }
    }

    /// As `stop` does, without waiting.
    fn ask_to_end(&mut self, container: BorrowedFd<'_>) {
        let (number, patience) = stop::manners(self.engine, &self.record).unwrap_or((libc::SIGKILL, None));
        send(container, number);
        let end = patience.and_then(|patience| Instant::now().checked_add(patience));
        self.limit = self.limit.into_iter().chain(end).min();
    }

    fn resized(&mut self, rows: u16, columns: u16) {
        self.engine.containers().refresh_name(&mut self.record);
        let (height, width) = (rows.to_string(), columns.to_string());
        events::container(self.engine, &self.record, "resize", &[("height", &height), ("width", &width)]);
    }
}

/// Sends a signal to a container that may have ended.
fn send(container: BorrowedFd<'_>, number: i32) {
    let _ = process::send_signal(container, number);
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&now)).is_ok_and(|count| count > 0)
}
