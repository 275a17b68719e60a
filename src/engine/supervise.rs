//! What a supervisor does once its container runs: it watches, writes the end down before anybody is told, and
//! starts the container again where its policy says so.
//!
//! ```text
//!            ┌────────────────────────────────────────────────────────────┐
//!   running ─┴─ exit ─┬─ policy, not stopped ─> restarting ─┬─ pause over ─┘
//!                     │                                     └─ stopped ─> exited
//!                     └─ else ─> exited, or removed with --rm
//! ```
//!
//! A command that wants the container to end leaves a note beside the record before it sends the signal
//! ([`StopReason`]): whichever of the two is seen first, the end is final. A supervisor that rests is woken by
//! SIGHUP and looks for the note again.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::bring_up::{Post, Supervisor, Up};
use super::create::durability;
use super::duty::Duties;
use super::notify::Unit;
use super::policy::{Next, Restarts, Run};
use super::stay::Network;
use super::{events, remove};
use crate::base::file::Durability;
use crate::runtime::fuse::Server;
use crate::runtime::monitor::{self, Ended, Farewell, Monitor, Ties, Woken};
use crate::runtime::protocol::{Event, Failure, Taking};
use crate::store::containers::{Record, Status, StopReason};
use crate::store::options::RestartPolicy;
use crate::sys::signal::Signals;

impl Supervisor<'_> {
    /// Keeps the container until it has ended for good, with this exit code; the first client is the command that
    /// started it.
    pub fn keep(
        &mut self,
        up: Up,
        listener: OwnedFd,
        post: Post,
        (client, taking, ties): (OwnedFd, Taking, Ties),
    ) -> Result<i32> {
        let signals = monitor::catch_signals()?;
        let mut restarts = Restarts::default();
        let Up { started, log, spill, mut network, mut server } = up;
        let mut monitor = Monitor::new(started)?.with(listener, log).spilling_into(spill);
        monitor.add_client(client, taking, ties)?;
        loop {
            let begun = Instant::now();
            let record = self.record.as_ref().context("find the record")?;
            events::started(self.engine, record);
            let watched = server.as_ref().map(Server::watch).transpose().context("watch the file server")?;
            let stay = network.as_mut().and_then(Network::stay);
            let mut duties = Duties::begin(self.engine, record, stay, watched, self.unit.as_ref());
            monitor.tell_all(&Event::Started);
            self.unit.iter().for_each(Unit::started);
            let ended = monitor.run(&signals, &mut duties)?;
            let wants_restart = duties.finish();
            let resting = network.take().and_then(Network::rest);
            let failure = server.as_mut().and_then(Server::failure);
            if let Some(server) = server.take() {
                server.end();
            }
            let next = self.record_end(ended, failure, begun.elapsed(), wants_restart, &mut restarts);
            if matches!(next, Next::End) {
                // Before the caller hears of the end: with it may go the group that this process came from.
                drop(self.place.take());
            }
            let mut farewell = monitor.part(ended.code);
            let again = match next {
                Next::End => None,
                Next::Restart { after } => self.come_back(&mut farewell, &signals, after, &post),
            };
            drop(resting);
            let Some(up) = again else {
                self.erase_remains();
                // A client that never takes what is for it must not keep the container from being started again.
                drop(post);
                drop(self.place.take());
                farewell.wait();
                return Ok(ended.code);
            };
            (network, server) = (up.network, up.server);
            monitor = Monitor::new(up.started)?.after(farewell, up.log).spilling_into(up.spill);
        }
    }

    /// Writes down what became of the container after a run, or takes it away; what cannot be written (a full
    /// disk) leaves a record that readers settle as lost.
    fn record_end(
        &mut self,
        ended: Ended,
        failure: Option<String>,
        uptime: Duration,
        wants_restart: bool,
        restarts: &mut Restarts,
    ) -> Next {
        let Some(mut record) = self.record.take() else { return Next::End };
        (record.state.exit_code, record.state.finished_at) = (ended.code, Some(Timestamp::now()));
        let oom_killed = self.place.as_ref().is_some_and(|place| place.end() > 0);
        self.engine.containers().refresh_name(&mut record);
        // Before anybody can see the end and write down what comes after it.
        events::died(self.engine, &record);
        let is_final = ended.told_to_end || self.engine.containers().stop_reason(&record.id).is_some();
        let run = Run { exit_code: ended.code, uptime, is_final, wants_restart };
        let mut next = Next::End;
        self.record = self.put_away(&record, |now| {
            // The policy may have been changed since the start.
            next = restarts.after(now.options.restart, run);
            now.state.pid = 0;
            now.state.exit_code = ended.code;
            (now.state.oom_killed, now.state.cgroup) = (oom_killed, None);
            if let Some(failure) = failure {
                now.state.error = failure;
            }
            now.state.finished_at = record.state.finished_at;
            if next == Next::End {
                settle_exited(now)
            } else {
                now.state.status = Status::Restarting;
                now.state.restart_count = restarts.count();
                Durability::Fast
            }
        });
        next
    }

    /// Rests, then starts the container again. `None`: somebody wants it to stay as it is, or it could not be
    /// started; both are on record.
    fn come_back(
        &mut self,
        farewell: &mut Farewell,
        signals: &Signals,
        after: Duration,
        post: &Post,
    ) -> Option<Up> {
        let record = self.record.clone()?;
        let failure = match self.rest(&record, farewell, signals, after) {
            Ok(true) => match self.bring_up_again(record, post) {
                Ok(up) => return Some(up),
                Err(error) => Some(Failure::of(&error)),
            },
            Ok(false) => None,
            Err(error) => Some(Failure::of(&error)),
        };
        let record = self.record.take()?;
        self.put_away(&record, |now| {
            if let Some(failure) = failure {
                now.state.note(&failure);
                now.state.finished_at = Some(Timestamp::now());
            }
            settle_exited(now)
        });
        None
    }

    /// Waits before a restart; whether it is still wanted then.
    fn rest(
        &self,
        record: &Record,
        farewell: &mut Farewell,
        signals: &Signals,
        time: Duration,
    ) -> Result<bool> {
        let until = Instant::now() + time;
        loop {
            // Looked for after the record says "restarting": who leaves the note then, wakes us.
            if self.engine.containers().stop_reason(&record.id).is_some() {
                return Ok(false);
            }
            match farewell.rest(signals, until)? {
                Woken::Asked => {}
                Woken::ToldToEnd => return Ok(false),
                Woken::Rested => break,
            }
        }
        let policy = self.engine.containers().load(&record.id)?.options.restart;
        Ok((policy != RestartPolicy::No || time.is_zero())
            && self.engine.containers().stop_reason(&record.id).is_none())
    }

    /// Erases the files of a container that was taken off record. What cannot be erased is left to a collection.
    pub fn erase_remains(&mut self) {
        if let Some(remains) = self.remains.take() {
            let _ = remains.erase();
        }
    }

    /// Writes a change of state, or takes the container off record if it is to be removed and has ended; the
    /// record that is left. Its files are not erased yet: nobody should wait for that.
    pub fn put_away(
        &mut self,
        record: &Record,
        change: impl FnOnce(&mut Record) -> Durability,
    ) -> Option<Record> {
        let containers = self.engine.containers();
        let removed =
            record.options.auto_remove && containers.stop_reason(&record.id) != Some(StopReason::Restart);
        let left = if removed {
            match remove::take_off_record(self.engine, &record.id, true) {
                Ok(remains) => {
                    self.remains = remains;
                    None
                }
                Err(_) => Some(record.clone()),
            }
        } else {
            containers.change(&record.id, change).ok()
        };
        // Last, since a run directory without a supervisor is how a collection finds what it has left.
        if left.as_ref().is_none_or(|record| record.state.status != Status::Restarting) {
            let _ = fs::remove_dir_all(self.engine.layout().container_run(&record.id));
        }
        left
    }
}

/// Marks a record as ended for good.
fn settle_exited(record: &mut Record) -> Durability {
    record.state.status = Status::Exited;
    (record.state.pid, record.state.supervisor) = (0, 0);
    durability(&record.options)
}
