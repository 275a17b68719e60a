//! `stop`, `kill`, `wait`: signals by pidfd, and the end as its supervisor records it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::Timespec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::start::SOCKET;
use super::{Engine, events};
use crate::base::signal;
use crate::runtime::protocol::{CHUNK, Event};
use crate::store::containers::{LookupError, Record, Source};
use crate::sys::{process, socket};

/// Seconds between the stop signal and SIGKILL when nothing else was said: docker's.
const STOP_TIMEOUT: i64 = 10;

/// Asks a container to end, and after `timeout` seconds (negative: never) makes it. One that does not run
/// is left alone.
pub fn stop(engine: &Engine, id: &str, signal_name: Option<&str>, timeout: Option<i64>) -> Result<()> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    let Some(process) = Process::of(&record)? else { return Ok(()) };
    let chosen = match signal_name {
        Some(name) => signal_number(name)?,
        None => stop_signal(engine, &record)?,
    };
    tell_kill(engine, &record, chosen);
    process.send(chosen)?;
    let timeout = timeout.or(record.options.stop_timeout).unwrap_or(STOP_TIMEOUT);
    let limit = u64::try_from(timeout).ok().map(Duration::from_secs);
    if !process.wait_until_gone(limit)? {
        tell_kill(engine, &record, libc::SIGKILL);
        process.send(libc::SIGKILL)?;
        process.wait_until_gone(None)?;
    }
    wait_for_record(engine, &record)?;
    events::container(engine, &record, "stop", &[]);
    Ok(())
}

/// Sends a signal to a container's first process.
pub fn kill(engine: &Engine, id: &str, signal_name: &str) -> Result<()> {
    let number = signal_number(signal_name)?;
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    let Some(process) = Process::of(&record)? else {
        bail!("cannot kill container: {id}: container {} is not running", record.id);
    };
    tell_kill(engine, &record, number);
    process.send(number)
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
    if let Some(process) = Process::of(record)? {
        tell_kill(engine, record, libc::SIGKILL);
        process.send(libc::SIGKILL)?;
        process.wait_until_gone(None)?;
    }
    wait_for_record(engine, record)?;
    Ok(())
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

/// Waits for the supervisor to have written the end down: it says so after it has. One that was killed
/// never will; its socket closes.
fn wait_for_record(engine: &Engine, record: &Record) -> Result<i32> {
    if let Ok(supervisor) = socket::connect(&engine.layout().container_run(&record.id), SOCKET) {
        let mut buffer = vec![0; CHUNK + 16];
        while let Ok(n @ 1..) = socket::receive(supervisor.as_fd(), &mut buffer) {
            if let Some(Event::Exited(code)) = Event::decode(&buffer[..n]) {
                return Ok(code);
            }
        }
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

/// The user's, else the image's, else SIGTERM. An image that names nonsense gets SIGTERM.
fn stop_signal(engine: &Engine, record: &Record) -> Result<i32> {
    if let Some(name) = &record.options.stop_signal {
        return signal_number(name);
    }
    let Source::Image { id, .. } = &record.source else { return Ok(libc::SIGTERM) };
    let image = engine.images().config(id).map(|(_, config)| config.config.stop_signal).unwrap_or_default();
    Ok(if image.is_empty() { libc::SIGTERM } else { signal_number(&image).unwrap_or(libc::SIGTERM) })
}
