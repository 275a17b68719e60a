//! Messages between the processes of one container, one per packet of a `SOCK_SEQPACKET` socket.
//!
//! The container's first process tells its parent: that it can be looked at, a terminal's master, a failure, or, by the starter and in
//! four bytes, why the program could not be executed; end of file says that it was.
//!
//! A client (`run`, `attach`, `start -a`) talks to the supervisor with [`Request`] and [`Event`]: a byte for
//! the kind, then the payload.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

pub use crate::base::failure::Failure;
use crate::sys::socket;

/// The most bytes of a stream in one message; a message is one byte longer.
pub const CHUNK: usize = 32 << 10;

/// What the container's first process says before it is the program.
#[derive(Debug, PartialEq, Eq)]
pub enum FromChild {
    /// It was nobody to its parent for a moment, and is no longer.
    Visible,
    /// Comes with the descriptor of the terminal's master.
    Terminal,
    Failed(Failure),
    /// The starter's: execve(2) was refused with this error number.
    NotExecuted(i32),
    /// End of file: the program runs, or the process has died.
    Closed,
}

const VISIBLE: u8 = b'V';
const TERMINAL: u8 = b'T';
const FAILED: u8 = b'F';

impl FromChild {
    /// Reads a message; anything else than the protocol's is a failure.
    pub fn decode(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Closed,
            [VISIBLE] => Self::Visible,
            [TERMINAL] => Self::Terminal,
            &[a, b, c, d] => Self::NotExecuted(i32::from_le_bytes([a, b, c, d])),
            [FAILED, rest @ ..] => Self::Failed(Failure::decode(rest)),
            _ => Self::Failed(Failure { code: 125, text: "unknown message".into(), hint: String::new() }),
        }
    }
}

/// Says that the process can be looked at.
pub fn send_visible(channel: BorrowedFd<'_>) -> io::Result<()> {
    socket::send(channel, &[IoSlice::new(&[VISIBLE])])
}

/// Sends the master of the container's terminal.
pub fn send_terminal(channel: BorrowedFd<'_>, master: BorrowedFd<'_>) -> io::Result<()> {
    socket::send_with_fd(channel, &[IoSlice::new(&[TERMINAL])], Some(master))
}

/// Sends why the container could not be set up.
pub fn send_failure(channel: BorrowedFd<'_>, error: &anyhow::Error) -> io::Result<()> {
    // Never four bytes long, which would be the starter's: the code and the separator are two, so pad.
    let mut bytes = Failure::of_start(error).encode();
    while bytes.len() < 4 {
        bytes.push(0);
    }
    socket::send(channel, &[IoSlice::new(&[FAILED]), IoSlice::new(&bytes)])
}

/// The streams that a client takes part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taking {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

impl Taking {
    fn bits(self) -> u8 {
        u8::from(self.stdin) | u8::from(self.stdout) << 1 | u8::from(self.stderr) << 2
    }

    fn of_bits(bits: u8) -> Self {
        let bit = |index: u8| bits >> index & 1 == 1;
        Self { stdin: bit(0), stdout: bit(1), stderr: bit(2) }
    }
}

/// What a client asks of a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The first message of a client that connects: which streams it takes part in.
    Attach(Taking),
    Stdin(&'a [u8]),
    /// No more standard input.
    StdinEnd,
    Resize {
        rows: u16,
        columns: u16,
    },
    Signal(u8),
    /// The client leaves, and the container goes on.
    Detach,
    /// Let the program of a container run that waits for that, and attach to it if streams are wanted.
    Start(Option<Taking>),
    /// Check the container's health now, and say what came of it.
    Check,
}

/// What a supervisor tells its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The program runs.
    Started,
    Failed(Failure),
    Stdout(&'a [u8]),
    Stderr(&'a [u8]),
    /// The container has ended, and everything about that is written down.
    Exited(i32),
    /// A check that was asked for is over and written down: whether it succeeded.
    Checked(bool),
}

impl<'a> Request<'a> {
    /// The message as it goes over the socket.
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Attach(taking) => vec![b'A', taking.bits()],
            Self::Start(None) => vec![b'G'],
            Self::Start(Some(taking)) => vec![b'G', taking.bits()],
            Self::Stdin(bytes) => [b"I", bytes].concat(),
            Self::StdinEnd => vec![b'E'],
            Self::Resize { rows, columns } => {
                let ([a, b], [c, d]) = (rows.to_le_bytes(), columns.to_le_bytes());
                vec![b'W', a, b, c, d]
            }
            Self::Signal(number) => vec![b'K', number],
            Self::Detach => vec![b'D'],
            Self::Check => vec![b'C'],
        }
    }

    pub fn send(self, socket: BorrowedFd<'_>) -> io::Result<()> {
        socket::send(socket, &[IoSlice::new(&self.encode())])
    }

    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            &[b'A', streams] => Some(Self::Attach(Taking::of_bits(streams))),
            [b'G'] => Some(Self::Start(None)),
            &[b'G', streams] => Some(Self::Start(Some(Taking::of_bits(streams)))),
            [b'I', data @ ..] => Some(Self::Stdin(data)),
            [b'E'] => Some(Self::StdinEnd),
            &[b'W', a, b, c, d] => {
                Some(Self::Resize { rows: u16::from_le_bytes([a, b]), columns: u16::from_le_bytes([c, d]) })
            }
            &[b'K', number] => Some(Self::Signal(number)),
            [b'D'] => Some(Self::Detach),
            [b'C'] => Some(Self::Check),
            _ => None,
        }
    }
}

impl<'a> Event<'a> {
    /// The message as it goes over the socket.
    pub fn encode(&self) -> Vec<u8> {
        let with = |kind: u8, rest: &[u8]| [&[kind], rest].concat();
        match self {
            Self::Started => with(b'S', &[]),
            Self::Failed(failure) => with(b'F', &failure.encode()),
            Self::Stdout(bytes) => with(b'O', bytes),
            Self::Stderr(bytes) => with(b'R', bytes),
            Self::Exited(code) => with(b'X', &code.to_le_bytes()),
            Self::Checked(succeeded) => with(b'H', &[u8::from(*succeeded)]),
        }
    }

    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [b'S'] => Some(Self::Started),
            [b'F', rest @ ..] => Some(Self::Failed(Failure::decode(rest))),
            [b'O', data @ ..] => Some(Self::Stdout(data)),
            [b'R', data @ ..] => Some(Self::Stderr(data)),
            &[b'X', a, b, c, d] => Some(Self::Exited(i32::from_le_bytes([a, b, c, d]))),
            [b'H', succeeded] => Some(Self::Checked(*succeeded == 1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;
    use std::os::fd::AsFd;

    #[test]
    fn requests_and_events_round_trip() {
        let (a, b) = socket::pair().unwrap();
        for request in [
            Request::Attach(Taking { stdin: true, stdout: false, stderr: true }),
            Request::Stdin(b"hello"),
            Request::StdinEnd,
            Request::Resize { rows: 24, columns: 500 },
            Request::Signal(15),
            Request::Detach,
            Request::Start(None),
            Request::Start(Some(Taking { stdin: true, stdout: true, stderr: false })),
            Request::Check,
        ] {
            request.send(a.as_fd()).unwrap();
            let mut buffer = [0; 64];
            let n = socket::receive(b.as_fd(), &mut buffer).unwrap();
            assert_eq!(Request::decode(&buffer[..n]), Some(request));
        }
        let failure = Failure { code: 127, text: "exec: \"x\": not found".into(), hint: "install it".into() };
        for event in [
            Event::Started,
            Event::Failed(failure),
            Event::Stdout(b"out"),
            Event::Stderr(b""),
            Event::Exited(-1),
            Event::Checked(true),
        ] {
            assert_eq!(Event::decode(&event.encode()), Some(event));
        }
        assert_eq!((Request::decode(b"?"), Event::decode(b"X1")), (None, None));
    }

    #[test]
    fn a_failure_is_never_taken_for_an_error_number() {
        let (a, b) = socket::pair().unwrap();
        for error in [anyhow!(""), anyhow!("x"), anyhow!("xy")] {
            send_failure(a.as_fd(), &error).unwrap();
            let mut buffer = [0; 64];
            let n = socket::receive(b.as_fd(), &mut buffer).unwrap();
            assert!(
                matches!(FromChild::decode(&buffer[..n]), FromChild::Failed(f) if f.text == error.to_string())
            );
        }
        assert_eq!(FromChild::decode(&2i32.to_le_bytes()), FromChild::NotExecuted(2));
    }
}
