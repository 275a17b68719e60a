//! The thread that carries what comes to published ports into a network.
//!
//! ```text
//! client ── listener of the host ── relay ── a socket of the network, bound to the client's address ── container
//! ```
//!
//! The thread is in the network's own network namespace, so that the sockets which it makes are the network's; a
//! listener, and what it accepts, stays where it was bound. The second socket is transparent (`IP_TRANSPARENT` of
//! ip(7)): the container sees who it is that asks. Its answers leave by the bridge, where a rule has the kernel take
//! them for its own ([`Return`]); no filter and no translation is needed.

mod datagrams;
mod pipes;
mod streams;
mod target;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use self::pipes::Pipes;
pub use self::target::{Return, Target};
use super::bind::Bound;
use super::segment::Segment;
use crate::sys::{namespace, net};

/// The futures are on the heap.
const STACK: usize = 256 << 10;

/// The relay of one network. The thread ends with it, and so do its connections.
pub struct Relay {
    tasks: Handle,
    pipes: Arc<Pipes>,
    _end: oneshot::Sender<()>,
}

/// A port that is being served. Dropped, it is free again, and its connections are broken off.
pub struct Service {
    task: AbortHandle,
    /// Tells when the sockets are closed.
    is_over: mpsc::Receiver<()>,
}

impl Relay {
    /// Starts the thread in the network's namespace.
    pub fn start(segment: &Segment) -> Result<Self> {
        raise_descriptor_limit();
        let namespace = segment.namespace().try_clone_to_owned().context("copy a descriptor")?;
        let (end, ended) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let live = move || {
            let begun = namespace::join(namespace.as_fd());
            match begun.and_then(|()| Builder::new_current_thread().enable_all().build()) {
                Ok(runtime) => {
                    let _ = ready.send(Ok(runtime.handle().clone()));
                    let _: Result<(), _> = runtime.block_on(ended);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        thread::Builder::new()
            .name("relay".to_owned())
            .stack_size(STACK)
            .spawn(live)
            .context("start a thread")?;
        let tasks = is_ready.recv().context("the thread of the ports died")?.context("start the relay")?;
        Ok(Self { tasks, pipes: Arc::default(), _end: end })
    }

    /// Carries what comes to a port of the host to `port` of a container.
    pub fn serve(&self, bound: Bound, target: Arc<Target>, port: u16) -> Result<Service> {
        let _inside = self.tasks.enter();
        let (over, is_over) = mpsc::channel();
        let task = match bound {
            Bound::Tcp(listener) => {
                listener.set_nonblocking(true).context("make a listener wait for nobody")?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let pipes = self.pipes.clone();
                self.tasks.spawn(streams::relay(listener, target, port, pipes, over))
            }
            Bound::Udp(socket) => {
                socket.set_nonblocking(true).context("make a socket wait for nobody")?;
                let socket = tokio::net::UdpSocket::from_std(socket)?;
                self.tasks.spawn(datagrams::relay(socket, target, port, over))
            }
        };
        Ok(Service { task: task.abort_handle(), is_over })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
        // Whoever takes the port next must find it free.
        let _ = self.is_over.recv();
    }
}

/// Two descriptors for each connection: the usual limit is for programs that use select(2). The kernel's refusal to
/// raise it changes nothing.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Makes a socket of the network towards a container that does not block, bound to `from` whoever has that address.
fn socket_as(from: Option<SocketAddr>, to: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if let Some(from) = from {
        net::set_transparent(socket.as_fd(), from.is_ipv6())?;
        // One client may use one port of its own for two of the container's.
        sockopt::set_socket_reuseaddr(&socket, kind == SocketType::STREAM)?;
        rustix::net::bind(&socket, &from)?;
    }
    Ok(socket)
}

/// Whether an address could not be had, so that another may do.
fn is_conflict(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, InvalidInput, PermissionDenied};
    matches!(error.kind(), AddrInUse | AddrNotAvailable | InvalidInput | PermissionDenied)
}
