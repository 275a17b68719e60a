//! Messages between a supervisor, or a command, and the network helper: one JSON document per packet of a
//! `SOCK_SEQPACKET` socket, with a descriptor where it says so.
//!
//! ```text
//! supervisor                                helper
//!   Reserve, before anything is made   ->   addresses are leased, ports bound, networks begun
//!                                      <-   Reserved, with the user namespace to make the container in
//!   Attach, with its network namespace ->   links, addresses, routes, relays
//!                                      <-   Done: the container may start
//!   … the connection closes: the container has left
//! ```

use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, OwnedFd};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::names::Bearer;
use crate::base::failure::Failure;
use crate::base::network::{Attachment, Endpoint, Network};
use crate::base::port::PortMapping;
use crate::sys::socket;

/// The longest message, in bytes: some two thousand published ports, and less than a socket's usual buffer
/// (`net.core.wmem_default`).
pub const LIMIT: usize = 192 << 10;

/// The helper's socket, and the lock that is held while it is started or ends, in its directory.
pub const SOCKET: &str = "helper.sock";
pub const LOCK: &str = "lock";

/// What is asked of the helper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Request {
    /// A place on each of these networks and on the host's ports, for as long as this connection lasts.
    Reserve { container: String, networks: Vec<Wanted>, ports: Vec<PortMapping> },
    /// Comes with the container's network namespace, which is to have what was reserved.
    Attach { bearer: Bearer },
    /// Gives back what was reserved. The helper stays for as long as the connection does.
    Leave,
    /// A place for a container that runs, until it ends. One that was on no network has these ports bound.
    Connect { container: String, wanted: Box<Wanted>, ports: Vec<PortMapping> },
    /// Gives a container that runs its places anew, as they are.
    Reload { container: String },
    /// A container has another name.
    Rename { container: String, name: String },
    /// Takes the container off a network, by the network's id.
    Disconnect { container: String, network: String },
}

/// A network and what is wanted of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wanted {
    pub network: Network,
    pub attachment: Attachment,
    /// What the container had before the helper died, to be as it was.
    pub again: Option<Endpoint>,
}

impl Wanted {
    /// A new place.
    pub fn new(network: Network, attachment: Attachment) -> Self {
        Self { network, attachment, again: None }
    }

    /// The place that a container had before.
    pub fn again(network: Network, endpoint: Endpoint) -> Self {
        let attachment = Attachment {
            network: endpoint.network.clone(),
            aliases: endpoint.aliases.clone(),
            ip: Some(endpoint.ip),
            ip6: endpoint.ipv6.as_ref().map(|ipv6| ipv6.ip),
            mac: Some(endpoint.mac.clone()),
            gw_priority: endpoint.gw_priority,
            masks_clients: endpoint.masks_clients,
            links: endpoint.links.clone(),
            driver_options: endpoint.driver_options.clone(),
        };
        Self { network, attachment, again: Some(endpoint) }
    }
}

/// What the helper answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Reply {
    /// Comes with the user namespace. The ports are those asked for, with picked ones filled in.
    Reserved {
        endpoints: Vec<Endpoint>,
        ports: Vec<PortMapping>,
    },
    /// With all the ports that the container has then, as with the next.
    Connected {
        endpoint: Box<Endpoint>,
        ports: Vec<PortMapping>,
    },
    Disconnected {
        ports: Vec<PortMapping>,
    },
    Done,
    Failed {
        failure: Failure,
    },
}

/// Sends a message, and a descriptor with it.
pub fn send(socket: BorrowedFd<'_>, message: &impl Serialize, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"));
    }
    socket::send_with_fd(socket, &[IoSlice::new(&bytes)], fd)
}

/// Receives a message, with the descriptor that came along; none at the end of the connection.
pub fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut buffer = vec![0; LIMIT];
    let (size, fd) = socket::receive_with_fd(socket, &mut buffer)?;
    if size == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&buffer[..size])?, fd)))
}
