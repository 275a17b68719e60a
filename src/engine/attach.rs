//! `attach`, and the attached half of `run`, `start -a` and `exec`: between the user's streams and a
//! supervisor.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::output::Unshown;
use super::start::SOCKET;
use super::terminal::{self, DetachKeys, RawMode};
use super::{Engine, events};
use crate::base::exit::Interrupted;
use crate::runtime::protocol::{CHUNK, Event, Request, Taking};
use crate::store::options::LogDriver;
use crate::sys::signal::Signals;
use crate::sys::socket;

/// How long a program has to put its things away once its terminal is gone.
const PARTING: Duration = Duration::from_secs(3);

/// Which of this process' own streams take part, and how.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// The container has a terminal: the user's becomes raw.
    pub tty: bool,
    /// Leaves the container running when typed; only with a terminal.
    pub detach_keys: Vec<u8>,
    /// Pass signals on.
    pub sig_proxy: bool,
    /// The program hears when the user's terminal is gone: it was started on it.
    pub hangs_up: bool,
}

impl Streams {
    pub fn taking(&self) -> Taking {
        Taking { stdin: self.stdin, stdout: self.stdout, stderr: self.stderr }
    }

    /// A terminal in the container needs one here to type at.
    pub fn check(&self) -> Result<()> {
        if self.tty && self.stdin && !rustix::termios::isatty(rustix::stdio::stdin()) {
            bail!("the input device is not a TTY");
        }
        Ok(())
    }
}

/// How a command that starts or attaches ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The program's exit code, or 128 + signal.
    Exited(i32),
    /// The detach keys were typed; the program runs on.
    Detached,
    /// It runs, and nobody wanted to be attached.
    Started,
}

/// Attaches to a container that runs; `streams` suit it already.
pub fn attach(engine: &Engine, id: &str, streams: Streams) -> Result<Outcome> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if record.state.is_restarting() {
        bail!("You cannot attach to a restarting container, wait until it is running");
    }
    if !record.state.is_running() {
        bail!("You cannot attach to a stopped container, start it first");
    }
    if record.options.log.driver == LogDriver::Passthrough {
        bail!("this container is using the 'passthrough' log driver, cannot attach");
    }
    let client = socket::connect(&engine.layout().container_run(&record.id), SOCKET)
        .with_context(|| format!("reach the supervisor of container {}", &record.id[..12]))?;
    let streams =
        Streams { stdin: streams.stdin && record.options.stdin_open, tty: record.options.tty, ..streams };
    Request::Attach(streams.taking()).send(client.as_fd()).context("attach")?;
    events::container(engine, &record, "attach", &[]);
    let outcome = follow_start(client, Some(streams))?;
    tell_detached(engine, &record.id, outcome);
    Ok(outcome)
}

/// Writes down that the user has left a container.
pub fn tell_detached(engine: &Engine, id: &str, outcome: Outcome) {
    if outcome == Outcome::Detached
        && let Ok(record) = engine.containers().load(id)
    {
        events::container(engine, &record, "detach", &[]);
    }
}

/// A supervisor that was killed.
#[derive(Debug, thiserror::Error)]
#[error("the container's supervisor died")]
pub struct SupervisorDied;

/// Waits until the program runs; with `streams` until it has ended, or the user has left it.
pub fn follow_start(client: OwnedFd, streams: Option<Streams>) -> Result<Outcome> {
    let at_start = await_start(client.as_fd())?;
    follow(client, at_start, streams)
}

/// Waits until the program runs, or has ended without a word.
pub fn await_start(client: BorrowedFd<'_>) -> Result<Outcome> {
    let mut buffer = vec![0; CHUNK + 16];
    loop {
        let n = socket::receive(client, &mut buffer).context("hear from the supervisor")?;
        match Event::decode(&buffer[..n]) {
            Some(Event::Started) => return Ok(Outcome::Started),
            Some(Event::Failed(failure)) => return Err(failure.into_error()),
            Some(Event::Exited(code)) => return Ok(Outcome::Exited(code)),
            Some(Event::Stdout(_) | Event::Stderr(_) | Event::Checked(_)) => {}
            None => bail!("the supervisor died before the container was started"),
        }
    }
}

/// With `streams` stays attached to a program that was running `at_start` until it has ended, or the user has left it.
pub fn follow(client: OwnedFd, at_start: Outcome, streams: Option<Streams>) -> Result<Outcome> {
    match streams {
        Some(streams) if at_start == Outcome::Started => Attached::new(client, streams)?.run(),
        _ => Ok(at_start),
    }
}

/// One attached client.
struct Attached {
    client: OwnedFd,
    streams: Streams,
    /// The user saw a terminal at the beginning, and the program has one.
    on_terminal: bool,
    raw: Option<RawMode>,
    keys: DetachKeys,
    /// A message that the supervisor had no room for yet. Waiting for that room and nothing else could wait
    /// for ever: the supervisor may wait for us to take output.
    unsent: Option<Vec<u8>>,
    /// What the reader of our output has not taken yet. No more is asked for meanwhile, but signals and input go on.
    unshown: Option<Unshown>,
    /// The input has ended, and no output is wanted: there is nothing to stay for.
    given_all: bool,
    /// The user's terminal is gone: when this command goes too.
    leaves: Option<Instant>,
    buffer: Vec<u8>,
}

impl Attached {
    fn new(client: OwnedFd, streams: Streams) -> Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&client)?;
        rustix::fs::fcntl_setfl(&client, flags | rustix::fs::OFlags::NONBLOCK)?;
        let raw = if streams.tty && streams.stdin { RawMode::enter() } else { None };
        let keys = DetachKeys::new(if streams.tty { streams.detach_keys.clone() } else { Vec::new() });
        let on_terminal = streams.tty && terminal::is_there();
        Ok(Self {
            client,
            streams,
            on_terminal,
            raw,
            keys,
            unsent: None,
            unshown: None,
            given_all: false,
            leaves: None,
            buffer: vec![0; CHUNK + 16],
        })
    }

    fn run(mut self) -> Result<Outcome> {
        let signals = Signals::catch(&self.caught()).context("catch signals")?;
        self.send_size();
        loop {
            let woken = self.wait(&signals)?;
            if woken.by_signals {
                self.pass_signals(&signals)?;
            }
            if woken.by_output {
                self.show()?;
            }
            if woken.by_client
                && let Some(outcome) = self.take_event()?
            {
                return Ok(outcome);
            }
            if self.leaves.is_some_and(|time| time <= Instant::now()) {
                // Without a word to the supervisor: what is tied to this command ends with it.
                return Err(Interrupted(libc::SIGHUP as u8).into());
            }
            if woken.by_input && self.take_input()? {
                let _ = Request::Detach.send(self.client.as_fd());
                return Ok(Outcome::Detached);
            }
            if self.given_all && self.unsent.is_none() {
                let _ = Request::Detach.send(self.client.as_fd());
                return Ok(Outcome::Started);
            }
        }
    }

    /// Every signal that is meant for the program, or would leave the terminal raw. Job control stays here: Ctrl-Z
    /// stops this command, as it would stop the program itself.
    fn caught(&self) -> Vec<Signal> {
        use Signal::{
            SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN,
            SIGTTOU, SIGURG, SIGWINCH,
        };
        // What a fault of this command raises is not the program's either.
        use Signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
        let here = [SIGCHLD, SIGCONT, SIGKILL, SIGPIPE, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH];
        let faults = [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP];
        let mut caught: Vec<Signal> = if self.streams.sig_proxy {
            Signal::iterator().filter(|signal| !here.contains(signal) && !faults.contains(signal)).collect()
        } else {
            Vec::new()
        };
        if self.streams.tty {
            caught.extend([SIGWINCH, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM]);
        }
        caught
    }

    fn wait(&mut self, signals: &Signals) -> Result<Woken> {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, self.unshown.is_none());
        events.set(PollFlags::OUT, self.unsent.is_some());
        let input = (self.streams.stdin && self.unsent.is_none()).then(rustix::stdio::stdin);
        let output = self.unshown.as_ref().map(|unshown| unshown.stream());
        let wanted = [
            Some((signals.as_fd(), PollFlags::IN)),
            // Of one that is not asked anything its end would be heard again and again.
            (!events.is_empty()).then_some((self.client.as_fd(), events)),
            input.map(|input| (input, PollFlags::IN)),
            output.map(|output| (output, PollFlags::OUT)),
        ];
        let mut fds: Vec<_> =
            wanted.iter().flatten().map(|(fd, events)| PollFd::from_borrowed_fd(*fd, *events)).collect();
        let left = self.leaves.map(|time| time.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, left.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Woken::default()),
            Err(error) => return Err(error).context("wait for the container"),
        }
        let mut ready = fds.iter().map(PollFd::revents);
        let mut next =
            |is_wanted: bool| is_wanted.then(|| ready.next()).flatten().unwrap_or(PollFlags::empty());
        let [by_signals, by_client, by_input, by_output] = wanted.map(|wanted| next(wanted.is_some()));
        if by_client.contains(PollFlags::OUT)
            && let Some(message) = self.unsent.take()
        {
            self.send(message);
        }
        Ok(Woken {
            by_signals: !by_signals.is_empty(),
            by_client: self.unshown.is_none()
                && by_client.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
            by_input: !by_input.is_empty(),
            by_output: !by_output.is_empty(),
        })
    }

    fn pass_signals(&mut self, signals: &Signals) -> Result<()> {
        while let Some(number) = signals.next().context("read signals")? {
            match number {
                libc::SIGWINCH => self.send_size(),
                libc::SIGCONT => {
                    if let Some(raw) = &self.raw {
                        raw.apply();
                    }
                    self.send_size();
                }
                libc::SIGHUP if self.has_hung_up() => self.hang_up(),
                number => {
                    let number = u8::try_from(number).context("read signals")?;
                    if !self.streams.sig_proxy {
                        return Err(Interrupted(number).into());
                    }
                    self.signal(number);
                }
            }
        }
        Ok(())
    }

    fn signal(&self, number: u8) {
        let _ = Request::Signal(number).send(self.client.as_fd());
    }

    fn has_hung_up(&self) -> bool {
        self.on_terminal && !terminal::is_there()
    }

    /// The user's terminal is gone. A program that was started on it hears so, as one outside of a container would;
    /// another is left alone. Nobody will see what it says any more.
    fn hang_up(&mut self) {
        if self.leaves.is_some() {
            return;
        }
        let mut patience = Duration::ZERO;
        if self.streams.hangs_up {
            self.signal(libc::SIGHUP as u8);
            patience = PARTING;
        }
        self.leaves = Some(Instant::now() + patience);
        self.streams.stdin = false;
        self.unshown = None;
    }

    fn send_size(&self) {
        if self.streams.tty
            && let Some((rows, columns)) = terminal::size()
        {
            let _ = Request::Resize { rows, columns }.send(self.client.as_fd());
        }
    }

    /// Takes one message of the supervisor; the outcome, if it was the last.
    fn take_event(&mut self) -> Result<Option<Outcome>> {
        let n = match socket::receive(self.client.as_fd(), &mut self.buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error).context("hear from the supervisor"),
        };
        match Event::decode(&self.buffer[..n]) {
            Some(Event::Stdout(_) | Event::Stderr(_)) if self.leaves.is_some() => {}
            Some(Event::Stdout(bytes)) => {
                self.unshown = Some(Unshown::new(rustix::stdio::stdout(), bytes));
                self.show()?;
            }
            Some(Event::Stderr(bytes)) => {
                self.unshown = Some(Unshown::new(rustix::stdio::stderr(), bytes));
                self.show()?;
            }
            Some(Event::Exited(code)) => return Ok(Some(Outcome::Exited(code))),
            Some(Event::Failed(failure)) => return Err(failure.into_error()),
            Some(Event::Started | Event::Checked(_)) => {}
            None => return Err(SupervisorDied.into()),
        }
        Ok(None)
    }

    /// Shows what waits, as far as its reader takes it. Of a terminal that is gone nothing is expected any more.
    fn show(&mut self) -> Result<()> {
        let Some(mut unshown) = self.unshown.take() else { return Ok(()) };
        match unshown.show() {
            Ok(true) => {}
            Ok(false) => self.unshown = Some(unshown),
            Err(_) if self.has_hung_up() => self.hang_up(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes a piece of input; true if it held the detach keys.
    fn take_input(&mut self) -> Result<bool> {
        let mut typed = vec![0; CHUNK];
        let n = match rustix::io::read(rustix::stdio::stdin(), &mut typed) {
            Ok(n) => n,
            Err(Errno::INTR | Errno::AGAIN) => return Ok(false),
            Err(Errno::IO) if self.has_hung_up() => {
                self.hang_up();
                return Ok(false);
            }
            // A terminal that hung up.
            Err(Errno::IO) => 0,
            Err(error) => return Err(error).context("read the standard input"),
        };
        if n == 0 {
            self.streams.stdin = false;
            self.given_all = !self.streams.stdout && !self.streams.stderr;
            if !self.streams.tty {
                self.send(Request::StdinEnd.encode());
            }
            return Ok(false);
        }
        let (passed, detached) = self.keys.filter(&typed[..n]);
        if !passed.is_empty() {
            self.send(Request::Stdin(&passed).encode());
        }
        Ok(detached)
    }

    /// Sends a message now or keeps it. A supervisor that is gone says so where its messages are read.
    fn send(&mut self, message: Vec<u8>) {
        match socket::send(self.client.as_fd(), &[IoSlice::new(&message)]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.unsent = Some(message),
            _ => {}
        }
    }
}

/// What there is to do.
#[derive(Default)]
struct Woken {
    by_signals: bool,
    by_client: bool,
    by_input: bool,
    by_output: bool,
}
