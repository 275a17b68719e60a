//! `stop`, `kill`, `wait`: signals by pidfd, and the end as its supervisor records it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::Timespec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::create::durability;
use super::start::SOCKET;
use super::{Engine, events, pause};
use crate::base::signal;
use crate::runtime::protocol::{CHUNK, Event};
use crate::store::containers::{LookupError, Record, Source, State, Status, StopReason};
use crate::store::options::RestartPolicy;
use crate::sys::{process, socket};

/// Seconds between the stop signal and SIGKILL when nothing else was said: docker's.
const STOP_TIMEOUT: i64 = 10;

/// Asks a container to end, and after `timeout` seconds (negative: never) makes it. One that does not run
/// is left alone.
pub fn stop(engine: &Engine, id: &str, signal_name: Option<&str>, timeout: Option<i64>) -> Result<()> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    stop_because(engine, &record, StopReason::Stop, signal_name, timeout)
}

/// Ends a container if it runs or is about to again.
pub fn stop_because(
    engine: &Engine,
    record: &Record,
    reason: StopReason,
    signal_name: Option<&str>,
    timeout: Option<i64>,
) -> Result<()> {
    let (mut number, mut limit) = manners(engine, record)?;
    if let Some(name) = signal_name {
        number = signal_number(name)?;
    }
    if let Some(timeout) = timeout {
        limit = patience(timeout);
    }
    note(engine, record, reason)?;
    if bring_down(engine, &record.id, &[(number, limit), (libc::SIGKILL, None)])? {
        events::container(engine, record, "stop", &[]);
    }
    Ok(())
}

/// The signal that asks a container to end, and how long it may take; `None` for ever.
pub fn manners(engine: &Engine, record: &Record) -> Result<(i32, Option<Duration>)> {
    let number = stop_signal(engine, record)?.unwrap_or(libc::SIGTERM);
    Ok((number, patience(record.options.stop_timeout.unwrap_or(STOP_TIMEOUT))))
}

fn patience(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// Sends a signal to a container's first process. Unless it is another than the one that stops the container,
/// the end that follows is the user's wish: docker's rule.
pub fn kill(engine: &Engine, id: &str, signal_name: &str) -> Result<()> {
    let number = signal_number(signal_name)?;
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if !record.state.is_up() || record.state.is_initialized() {
        bail!("cannot kill container: {id}: container {} is not running", record.id);
    }
    let ends_it = number == libc::SIGKILL || stop_signal(engine, &record)?.is_none_or(|stop| stop == number);
    if ends_it {
        note(engine, &record, StopReason::Stop)?;
    }
    // What it is doing may have changed before the note was there.
    let record = engine.containers().load(&record.id)?;
    tell_kill(engine, &record, number);
    match Process::of(&record)? {
        Some(process) => {
            process.send(number)?;
            pause::release(&record);
            Ok(())
        }
        None if ends_it => wake(&record),
        None => Ok(()),
    }
}

/// Written down before the signal is sent, so that it stands before the end that it brings.
fn tell_kill(engine: &Engine, record: &Record, signal: i32) {
    events::container(engine, record, "kill", &[("signal", &signal.to_string())]);
}

/// Waits until a container has ended; returns its exit code. One that does not run has ended, or was never
/// started: docker answers at once too.
pub fn wait(engine: &Engine, id: &str) -> Result<i32> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    wait_for_record(engine, &record)
}

/// Kills a container and waits until its end is on record or it is gone.
pub fn kill_and_wait(engine: &Engine, record: &Record) -> Result<()> {
    note(engine, record, StopReason::Stop)?;
    bring_down(engine, &record.id, &[(libc::SIGKILL, None)]).map(drop)
}

/// Leaves a note that the end of this container is wanted, where it would else be followed by something.
fn note(engine: &Engine, record: &Record, reason: StopReason) -> Result<()> {
    let matters = match reason {
        StopReason::Stop => record.options.restart != RestartPolicy::No,
        StopReason::Restart => record.state.is_up(),
    };
    // One that was never started has nothing to be kept from.
    if !matters || record.state.status == Status::Created {
        return Ok(());
    }
    engine.containers().note_stop(&record.id, reason, durability(&record.options))
}

/// Sends each signal, with its time to work, until the container is down; whether it was up. The note of why is
/// there already, so a run that has just begun is the last one.
fn bring_down(engine: &Engine, id: &str, signals: &[(i32, Option<Duration>)]) -> Result<bool> {
    let mut was_up = false;
    loop {
        let record = match engine.containers().load(id) {
            Ok(record) => record,
            Err(error) if error.is::<LookupError>() => return Ok(was_up),
            Err(error) => return Err(error),
        };
        if record.state.is_restarting() {
            was_up = true;
            wake(&record)?;
            std::thread::sleep(Duration::from_millis(5));
        } else if let Some(process) = Process::of(&record)? {
            was_up = true;
            // There is no program yet that a signal could ask.
            let polite = if record.state.is_initialized() { signals.len() - 1 } else { 0 };
            end(engine, &record, &process, &signals[polite..])?;
        } else if record.state.is_supervised() {
            // It has ended by itself, and what follows is about to be written down.
            wait_for_record(engine, &record)?;
        } else {
            return Ok(was_up);
        }
    }
}

fn end(
    engine: &Engine,
    record: &Record,
    process: &Process,
    signals: &[(i32, Option<Duration>)],
) -> Result<()> {
    for (number, limit) in signals {
        tell_kill(engine, record, *number);
        process.send(*number)?;
        pause::release(record);
        if process.wait_until_gone(*limit)? {
            break;
        }
    }
    wait_for_record(engine, record).map(drop)
}

/// Makes the supervisor of a restarting container look at what is wanted of it.
fn wake(record: &Record) -> Result<()> {
    let State { supervisor, supervisor_start, .. } = record.state;
    let Some(pid) = Pid::from_raw(supervisor) else { return Ok(()) };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) if process::is_alive(supervisor, supervisor_start) => {
            Process { pidfd }.send(libc::SIGHUP).context("wake the supervisor")
        }
        Ok(_) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error).context("open the supervisor's process"),
    }
}

/// The first process of a running container, by a descriptor that cannot come to mean another.
pub struct Process {
    pidfd: OwnedFd,
}

impl Process {
    /// `None` if the container does not run.
    pub fn of(record: &Record) -> Result<Option<Self>> {
        let Some(pid) = Pid::from_raw(record.state.pid).filter(|_| record.state.is_running()) else {
            return Ok(None);
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error).context("open the container's process"),
        };
        // Checked again: the number may have been reused between the look and the open.
        Ok(record.state.is_running().then_some(Self { pidfd }))
    }

    pub fn pidfd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    fn send(&self, number: i32) -> Result<()> {
        match process::send_signal(self.pidfd.as_fd(), number) {
            Ok(()) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("send signal {number}")),
        }
    }

    /// Whether it was gone within the limit.
    fn wait_until_gone(&self, limit: Option<Duration>) -> Result<bool> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left
                .map(|left| Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }));
            let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("wait for the container"),
            }
        }
    }
}

/// Hears the exit code of the run that goes on, or of the next one, from the supervisor; `None` if it is not
/// there.
pub fn hear_exit(engine: &Engine, id: &str) -> Option<i32> {
    let supervisor = socket::connect(&engine.layout().container_run(id), SOCKET).ok()?;
    let mut buffer = vec![0; CHUNK + 16];
    while let Ok(n @ 1..) = socket::receive(supervisor.as_fd(), &mut buffer) {
        if let Some(Event::Exited(code)) = Event::decode(&buffer[..n]) {
            return Some(code);
        }
    }
    None
}

/// Waits for the supervisor to have written the end down: it says so after it has. One that was killed
/// never will; its socket closes.
fn wait_for_record(engine: &Engine, record: &Record) -> Result<i32> {
    if let Some(code) = hear_exit(engine, &record.id) {
        return Ok(code);
    }
    // Either it ended before we came, or it is on its way out.
    for _ in 0..600 {
        match engine.containers().load(&record.id) {
            Ok(now) => {
                let settled = now.state.settled();
                if settled.pid == 0 {
                    return Ok(settled.exit_code);
                }
            }
            Err(error) if error.is::<LookupError>() => return Ok(0),
            Err(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("wait for container {}: its supervisor does not answer", &record.id[..12])
}

fn signal_number(name: &str) -> Result<i32> {
    Ok(signal::parse(name)?)
}

/// The signal that stops the container where one was named: the user's, else the image's. An image that names
/// nonsense names none.
fn stop_signal(engine: &Engine, record: &Record) -> Result<Option<i32>> {
    if let Some(name) = &record.options.stop_signal {
        return signal_number(name).map(Some);
    }
    let Source::Image { id, .. } = &record.source else { return Ok(None) };
    let image = engine.images().config(id).map(|(_, config)| config.config.stop_signal).unwrap_or_default();
    Ok(signal_number(&image).ok().filter(|_| !image.is_empty()))
}
