//! The supervisor of one running container: moves its output to the log and to every attached client, its
//! clients' input to it, and learns its end.
//!
//! One thread in one poll(2). What a client has not taken yet waits for it in a [`queue`], on disk where it is
//! much: no reader, however slow, makes the container wait, takes memory, or loses output.

mod client;
mod farewell;
mod queue;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::Winsize;

use client::Client;
use queue::Place;

pub use farewell::{Farewell, Woken};

use super::launch::{Started, Streams};
use super::log::{LogWriter, Stream};
use super::protocol::{CHUNK, Event, Request, Taking};
use crate::sys::signal::Signals;
use crate::sys::socket;
use crate::sys::{clone, process};

/// A container that has been quiet for so long is one that stays: its supervisor becomes small.
const SETTLED: Duration = Duration::from_secs(1);

/// What the supervisor works with.
pub struct Monitor {
    container: Started,
    listener: Option<OwnedFd>,
    clients: Vec<Client>,
    log: Option<LogWriter>,
    spill: Place,
    stdin: Input,
    buffer: Vec<u8>,
    /// Whether memory that only the start needed has been given back.
    trimmed: bool,
    /// Whether the supervisor was told to end.
    told_to_end: bool,
    /// Whether a client asks for a check of the container's health.
    check_wanted: bool,
    /// The size that a client has given the terminal: rows and columns.
    resized: Option<(u16, u16)>,
}

/// Other work of a supervisor, done between what happens in its container. The container is the descriptor of its
/// first process.
pub trait Chore {
    /// When it must be done at the latest; never without one.
    fn deadline(&self) -> Option<Instant>;
    /// What wakes it before that.
    fn sources(&self) -> [Option<BorrowedFd<'_>>; 5];
    /// Does what is due, without waiting. Whether a check of the container's health that was asked for is over, and
    /// has succeeded.
    fn work(&mut self, container: BorrowedFd<'_>) -> Option<bool>;
    /// Asks for a check of the container's health.
    fn ask_for_check(&mut self);
    /// Asks the container to end.
    fn ask_to_end(&mut self, container: BorrowedFd<'_>);
    /// Hears that the container's terminal has another size now.
    fn resized(&mut self, rows: u16, columns: u16);
}

/// A supervisor that only watches.
impl Chore for () {
    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn sources(&self) -> [Option<BorrowedFd<'_>>; 5] {
        [None; 5]
    }

    fn work(&mut self, _: BorrowedFd<'_>) -> Option<bool> {
        None
    }

    fn ask_for_check(&mut self) {}

    fn ask_to_end(&mut self, container: BorrowedFd<'_>) {
        let _ = process::send_signal(container, libc::SIGTERM);
    }

    fn resized(&mut self, _: u16, _: u16) {}
}

/// How a run of the container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The program's exit code, or 128 + signal.
    pub code: i32,
    /// The supervisor itself was told to end: nothing is to be started again.
    pub told_to_end: bool,
}

/// Input on its way to the container.
#[derive(Default)]
struct Input {
    pending: VecDeque<u8>,
    ended: bool,
}

/// What of the container ends with a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// Its standard input: docker's `StdinOnce`.
    pub stdin_once: bool,
    /// The container itself, unless the client detached.
    pub lives_with_client: bool,
}

/// What a descriptor in the poll set is.
#[derive(Clone, Copy)]
enum Source {
    Process,
    Signals,
    Listener,
    Stdout,
    Stderr,
    Stdin,
    Client(usize),
    Log,
    Chore,
}

impl Monitor {
    /// Takes over a process that runs.
    pub fn new(container: Started) -> Result<Self> {
        match &container.streams {
            Streams::Terminal(master) => socket::never_block(master.as_fd())?,
            Streams::Pipes { stdin, stdout, stderr } => {
                for fd in [stdin.as_ref(), Some(stdout), Some(stderr)].into_iter().flatten() {
                    socket::never_block(fd.as_fd())?;
                }
            }
            Streams::Passed => {}
        }
        Ok(Self {
            container,
            listener: None,
            clients: Vec::new(),
            log: None,
            spill: None,
            stdin: Input::default(),
            buffer: vec![0; CHUNK + 16],
            trimmed: false,
            told_to_end: false,
            check_wanted: false,
            resized: None,
        })
    }

    /// Lets clients come, and keeps what the process says.
    pub fn with(mut self, listener: OwnedFd, log: LogWriter) -> Self {
        (self.listener, self.log) = (Some(listener), Some(log));
        self
    }

    /// The same after another run, whose clients stay until they have taken what was for them.
    pub fn after(mut self, farewell: Farewell, log: LogWriter) -> Self {
        (self.listener, self.clients) = (farewell.listener, farewell.clients);
        self.log = Some(log);
        self
    }

    /// Keeps what clients have not taken yet in files without a name in this directory.
    pub fn spilling_into(mut self, directory: OwnedFd) -> Self {
        self.spill = Some(Rc::new(directory));
        self
    }

    /// Takes a client that is connected already, before the container has said anything.
    pub fn add_client(&mut self, socket: OwnedFd, taking: Taking, ties: Ties) -> Result<()> {
        socket::never_block(socket.as_fd())?;
        self.clients.push(Client::new(socket, taking, ties, self.spill.clone()));
        Ok(())
    }

    /// Tells every client something.
    pub fn tell_all(&mut self, event: &Event<'_>) {
        for client in &mut self.clients {
            client.tell(event.encode());
        }
    }

    /// Works until the container has ended and its output is taken; returns its exit code. The clients are
    /// still there, to be told by [`Monitor::part`] once the end is on record.
    pub fn run(&mut self, signals: &Signals, chore: &mut dyn Chore) -> Result<Ended> {
        let mut ended = false;
        let mut open = match self.container.streams {
            Streams::Terminal(_) => [true, false],
            Streams::Pipes { .. } => [true, true],
            Streams::Passed => [false, false],
        };
        while !ended || open.contains(&true) {
            for (source, events) in self.wait(signals, chore, ended, open)? {
                match source {
                    Source::Process => {
                        ended = true;
                        // What still holds the output open would be waited for.
                        if let Some(stragglers) = self.container.stragglers.take() {
                            stragglers.kill();
                        }
                    }
                    Source::Signals => self.pass_on(signals, chore),
                    Source::Listener => self.accept(),
                    Source::Stdout => open[0] = self.read_output(Stream::Stdout),
                    Source::Stderr => open[1] = self.read_output(Stream::Stderr),
                    Source::Stdin => self.write_input(),
                    Source::Client(index) => self.serve(index, events),
                    Source::Log => self.log.iter_mut().for_each(LogWriter::work),
                    // Its turn comes after the container's.
                    Source::Chore => {}
                }
            }
            self.forget_gone();
            if !ended {
                self.do_chore(chore);
            }
        }
        if let Some(log) = &mut self.log {
            // A full disk loses the log, not the container's end.
            let _ = log.finish();
        }
        let code = clone::wait(self.container.child.pidfd()).context("wait for the container")?;
        Ok(Ended { code, told_to_end: self.told_to_end })
    }

    /// Says the exit code to every client, once it is on record.
    pub fn part(mut self, code: i32) -> Farewell {
        self.clients.iter_mut().for_each(|client| client.leave(code));
        self.clients.retain(|client| !client.has_all());
        Farewell { clients: self.clients, listener: self.listener }
    }

    /// Lets the other work go on, and answers who asked for it.
    fn do_chore(&mut self, chore: &mut dyn Chore) {
        if std::mem::take(&mut self.check_wanted) {
            chore.ask_for_check();
        }
        if let Some((rows, columns)) = self.resized.take() {
            chore.resized(rows, columns);
        }
        if let Some(succeeded) = chore.work(self.container.child.pidfd()) {
            // What a check needed is given back again once all is quiet.
            self.trimmed = false;
            for client in self.clients.iter_mut().filter(|client| client.awaits_check) {
                client.awaits_check = false;
                client.tell(Event::Checked(succeeded).encode());
            }
        }
    }

    fn wait(
        &mut self,
        signals: &Signals,
        chore: &dyn Chore,
        ended: bool,
        open: [bool; 2],
    ) -> Result<Vec<(Source, PollFlags)>> {
        let mut sources = Vec::with_capacity(7 + self.clients.len());
        let mut fds = Vec::with_capacity(7 + self.clients.len());
        let mut add = |source, fd, events| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, events));
        };
        if !ended {
            add(Source::Process, self.container.child.pidfd(), PollFlags::IN);
        }
        add(Source::Signals, signals.as_fd(), PollFlags::IN);
        if let Some(listener) = &self.listener {
            add(Source::Listener, listener.as_fd(), PollFlags::IN);
        }
        let (stdout, stderr, stdin) = match &self.container.streams {
            Streams::Terminal(master) => (Some(master), None, Some(master)),
            Streams::Pipes { stdin, stdout, stderr } => (Some(stdout), Some(stderr), stdin.as_ref()),
            Streams::Passed => (None, None, None),
        };
        let is_stuck =
            self.clients.iter().any(Client::is_stuck) || self.log.as_ref().is_some_and(LogWriter::is_stuck);
        // What an ended container has left in its pipes is little: it has room in memory, and its end on record
        // does not wait for a client.
        if ended || !is_stuck {
            if let Some(stdout) = stdout.filter(|_| open[0]) {
                add(Source::Stdout, stdout.as_fd(), PollFlags::IN);
            }
            if let Some(stderr) = stderr.filter(|_| open[1]) {
                add(Source::Stderr, stderr.as_fd(), PollFlags::IN);
            }
        }
        if let Some(stdin) = stdin.filter(|_| !self.stdin.pending.is_empty() && !ended) {
            add(Source::Stdin, stdin.as_fd(), PollFlags::OUT);
        }
        for (index, client) in self.clients.iter().enumerate() {
            let events = client.interest(self.stdin.pending.len() < CHUNK);
            add(Source::Client(index), client.socket.as_fd(), events);
        }
        if let Some((fd, events)) = self.log.as_ref().and_then(LogWriter::interest) {
            add(Source::Log, fd, events);
        }
        let mut deadline = None;
        if !ended {
            for fd in chore.sources().into_iter().flatten() {
                add(Source::Chore, fd, PollFlags::IN);
            }
            deadline = chore.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        }
        let settled = (!self.trimmed).then_some(SETTLED);
        let patience = deadline.into_iter().chain(settled).min();
        let is_trim = patience == settled && settled.is_some();
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match poll(&mut fds, patience.as_ref()) {
            Ok(0) if is_trim => {
                process::trim_memory();
                self.trimmed = true;
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for the container"),
        }
        let ready = fds.iter().map(PollFd::revents);
        Ok(sources.into_iter().zip(ready).filter(|(_, events)| !events.is_empty()).collect())
    }

    /// Reads a piece of output; false once there will be no more.
    fn read_output(&mut self, stream: Stream) -> bool {
        let fd = match (&self.container.streams, stream) {
            (Streams::Terminal(master), _) => master,
            (Streams::Pipes { stdout, .. }, Stream::Stdout) => stdout,
            (Streams::Pipes { stderr, .. }, Stream::Stderr) => stderr,
            (Streams::Passed, _) => return false,
        };
        let n = match rustix::io::read(fd, &mut self.buffer[..CHUNK]) {
            Ok(0) => return false,
            Ok(n) => n,
            Err(Errno::AGAIN | Errno::INTR) => return true,
            // A terminal whose other side is closed answers EIO.
            Err(_) => return false,
        };
        let data = &self.buffer[..n];
        if let Some(log) = &mut self.log {
            let _ = log.append(stream, data);
        }
        let event = match stream {
            Stream::Stdout => Event::Stdout(data),
            Stream::Stderr => Event::Stderr(data),
        };
        for client in &mut self.clients {
            let takes = match stream {
                Stream::Stdout => client.taking.stdout,
                Stream::Stderr => client.taking.stderr,
            };
            if takes {
                client.tell(event.encode());
            }
        }
        true
    }

    fn write_input(&mut self) {
        let fd = match &self.container.streams {
            Streams::Terminal(master) => master,
            Streams::Pipes { stdin: Some(stdin), .. } => stdin,
            Streams::Pipes { stdin: None, .. } | Streams::Passed => {
                self.stdin.pending.clear();
                return;
            }
        };
        while !self.stdin.pending.is_empty() {
            match rustix::io::write(fd, self.stdin.pending.as_slices().0) {
                Ok(n) => drop(self.stdin.pending.drain(..n)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // The program has closed its standard input.
                Err(_) => {
                    self.stdin.pending.clear();
                    self.stdin.ended = true;
                }
            }
        }
        if self.stdin.ended {
            self.close_stdin();
        }
    }

    fn close_stdin(&mut self) {
        if let Streams::Pipes { stdin, .. } = &mut self.container.streams {
            *stdin = None;
        }
    }

    fn accept(&mut self) {
        let uid = rustix::process::getuid().as_raw();
        let next = |listener: &OwnedFd| socket::accept(listener.as_fd(), uid).ok().flatten();
        while let Some(socket) = self.listener.as_ref().and_then(next) {
            let mut client = Client::new(socket, Taking::default(), Ties::default(), self.spill.clone());
            client.is_guest = true;
            client.tell(Event::Started.encode());
            self.clients.push(client);
            // Who has said already what it takes misses no output that is read next.
            self.serve(self.clients.len() - 1, PollFlags::IN);
        }
    }

    fn serve(&mut self, index: usize, events: PollFlags) {
        if events.contains(PollFlags::OUT) {
            self.clients[index].flush();
        }
        if !events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            return;
        }
        if self.clients[index].leaving {
            self.clients[index].gone = true;
            return;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        match socket::receive(self.clients[index].socket.as_fd(), &mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => self.clients[index].gone = true,
            Ok(n) => match Request::decode(&buffer[..n]) {
                Some(request) => self.obey(index, request),
                None => self.clients[index].gone = true,
            },
        }
        self.buffer = buffer;
    }

    fn obey(&mut self, index: usize, request: Request<'_>) {
        match request {
            Request::Attach(taking) => self.clients[index].taking = taking,
            Request::Stdin(data) => {
                if self.clients[index].taking.stdin && !self.stdin.ended {
                    self.stdin.pending.extend(data);
                    self.write_input();
                }
            }
            Request::StdinEnd => self.end_input(),
            Request::Detach => {
                self.clients[index].ties = Ties::default();
                self.clients[index].gone = true;
            }
            // It runs already.
            Request::Start(_) => {}
            Request::Check => {
                self.clients[index].awaits_check = true;
                self.check_wanted = true;
            }
            Request::Resize { rows, columns } => {
                if let Streams::Terminal(master) = &self.container.streams {
                    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
                    let _ = rustix::termios::tcsetwinsize(master, size);
                    self.resized = Some((rows, columns));
                }
            }
            Request::Signal(number) => {
                let _ = process::send_signal(self.container.child.pidfd(), i32::from(number));
            }
        }
    }

    fn end_input(&mut self) {
        self.stdin.ended = true;
        if self.stdin.pending.is_empty() {
            self.close_stdin();
        }
    }

    /// A supervisor that is told to end asks its container to; other signals are for terminals.
    fn pass_on(&mut self, signals: &Signals, chore: &mut dyn Chore) {
        while let Ok(Some(number)) = signals.next() {
            if number == libc::SIGTERM {
                self.told_to_end = true;
                chore.ask_to_end(self.container.child.pidfd());
            }
        }
    }

    fn forget_gone(&mut self) {
        let gone = |client: &&Client| client.gone;
        let ends_input = self.clients.iter().filter(gone).any(|client| client.ties.stdin_once);
        let ends_container = self.clients.iter().filter(gone).any(|client| client.ties.lives_with_client);
        self.clients.retain(|client| !client.has_all());
        if ends_input {
            self.end_input();
        }
        if ends_container {
            let _ = process::send_signal(self.container.child.pidfd(), libc::SIGKILL);
        }
    }
}

/// The signals that a supervisor takes as messages, from its first moment to its last: one that came between
/// two runs of its container would end it.
pub fn catch_signals() -> Result<Signals> {
    Signals::catch(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]).context("catch signals")
}
