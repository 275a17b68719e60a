//! The other end of the helper's socket.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::names::Bearer;
use super::protocol::{self, Reply, Request, SOCKET};
use crate::base::network::Endpoint;
use crate::base::port::PortMapping;
use crate::sys::socket;

/// A connection to the helper. What was reserved over it is given back when it is dropped.
#[derive(Debug)]
pub struct Helper {
    socket: OwnedFd,
}

/// The helper has ended, though it was needed.
#[derive(Debug, thiserror::Error)]
#[error("the network helper died")]
pub struct HelperDied;

/// What a container has been given.
pub struct Reserved {
    pub endpoints: Vec<Endpoint>,
    pub ports: Vec<PortMapping>,
    /// The user namespace that owns the networks.
    pub users: OwnedFd,
}

impl Helper {
    /// Connects to the helper whose socket is in `directory`; none if none runs.
    pub fn connect(directory: &Path) -> io::Result<Option<Self>> {
        match socket::connect(directory, SOCKET) {
            Ok(socket) => Ok(Some(Self { socket })),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::CONNREFUSED) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Reserves places and ports; none if the helper has just ended, having had nothing to do.
    pub fn reserve(&self, request: &Request) -> Result<Option<Reserved>> {
        match self.ask(request, None) {
            Ok(Some((Reply::Reserved { endpoints, ports }, Some(users)))) => {
                Ok(Some(Reserved { endpoints, ports, users }))
            }
            Ok(None) => Ok(None),
            Ok(Some(_)) => bail!("the network helper gave an unknown answer"),
            Err(error) => Err(error),
        }
    }

    /// Gives the container behind a network namespace what was reserved.
    pub fn attach(&self, bearer: Bearer, namespace: BorrowedFd<'_>) -> Result<()> {
        let request = Request::Attach { bearer };
        self.ask(&request, Some(namespace))?.ok_or(HelperDied.into()).map(drop)
    }

    /// Asks for anything else; none if the helper has ended.
    pub fn ask(
        &self,
        request: &Request,
        fd: Option<BorrowedFd<'_>>,
    ) -> Result<Option<(Reply, Option<OwnedFd>)>> {
        match protocol::send(self.socket.as_fd(), request, fd) {
            // The second where it died before it had read what was asked first.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Ok(None);
            }
            sent => sent.context("ask the network helper")?,
        }
        let reply = protocol::receive(self.socket.as_fd()).context("hear from the network helper")?;
        match reply {
            Some((Reply::Failed { failure }, _)) => Err(failure.into_error()),
            reply => Ok(reply),
        }
    }
}

impl Helper {
    /// Whether the helper has closed the connection, which it does when it dies.
    pub fn has_died(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Helper {
    /// Becomes readable when the helper dies.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
