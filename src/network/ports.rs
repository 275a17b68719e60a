//! Published ports of containers on bridges: listeners on the host whose connections are relayed into the network.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::bind::{self, Bound};
use super::segment::Segment;
use crate::base::port::PortMapping;

/// A UDP client that says nothing for so long is forgotten.
const SILENCE: Duration = Duration::from_secs(90);

/// The largest datagram (RFC 768).
const DATAGRAM: usize = 65_535;

/// The thread that relays, which is started by the first port.
#[derive(Default)]
pub struct Relays {
    handle: OnceLock<Handle>,
}

impl Relays {
    fn handle(&self) -> Result<Handle> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle.clone());
        }
        let runtime = Builder::new_current_thread().enable_all().build().context("start the relays")?;
        let handle = runtime.handle().clone();
        let forever = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new().name("relays".to_owned()).spawn(forever).context("start a thread")?;
        // Of two that came at once one has a thread for nothing.
        Ok(self.handle.get_or_init(|| handle).clone())
    }
}

/// A port of the host that is a container's. Dropped, it is free again.
pub struct Published {
    mapping: PortMapping,
    /// Until it is served.
    bound: Option<Bound>,
    serving: Option<AbortHandle>,
}

impl Published {
    /// Takes a port of the host; 0 picks one.
    ///
    /// # Errors
    /// Docker's words for a port that is taken.
    pub fn bind(wanted: &PortMapping) -> Result<Self> {
        let ip = wanted.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let bound = bind::bind(SocketAddr::new(ip, wanted.host_port), wanted.protocol)?;
        let mapping = PortMapping { host_port: bound.port()?, ..wanted.clone() };
        Ok(Self { mapping, bound: Some(bound), serving: None })
    }

    /// The port, with the number that was picked.
    pub fn mapping(&self) -> &PortMapping {
        &self.mapping
    }

    /// Begins to relay to an address in a network. One that is served already goes on as it does.
    pub fn serve(&mut self, relays: &Relays, segment: &Arc<Segment>, ip: Ipv4Addr) -> Result<()> {
        let Some(bound) = self.bound.take() else { return Ok(()) };
        let way =
            Way { segment: segment.clone(), target: SocketAddrV4::new(ip, self.mapping.container_port) };
        let handle = relays.handle()?;
        let _inside = handle.enter();
        let task = match bound {
            Bound::Tcp(listener) => {
                listener.set_nonblocking(true).context("make a listener wait for nobody")?;
                handle.spawn(relay_connections(TcpListener::from_std(listener)?, way))
            }
            Bound::Udp(socket) => {
                socket.set_nonblocking(true).context("make a socket wait for nobody")?;
                handle.spawn(relay_datagrams(UdpSocket::from_std(socket)?, way))
            }
        };
        self.serving = Some(task.abort_handle());
        Ok(())
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if let Some(task) = &self.serving {
            task.abort();
        }
    }
}

/// Where a relay leads.
#[derive(Clone)]
struct Way {
    segment: Arc<Segment>,
    target: SocketAddrV4,
}

impl Way {
    /// Makes a socket that belongs to the network.
    async fn socket<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let (made, is_made) = oneshot::channel();
        self.segment.begin(move |_| drop(made.send(make())));
        is_made.await.map_err(std::io::Error::other)?
    }
}

/// Ends with all its connections when it is aborted.
async fn relay_connections(listener: TcpListener, way: Way) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(connections.spawn(relay(client, way.clone()))),
            // No descriptors are left; some will be.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(mut client: TcpStream, way: Way) -> std::io::Result<()> {
    let socket = way
        .socket(|| {
            use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            Ok(std::net::TcpStream::from(socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?))
        })
        .await?;
    let mut server = TcpSocket::from_std_stream(socket).connect(way.target.into()).await?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// Each client has a socket of its own in the network, so that the answers find their way back.
async fn relay_datagrams(socket: UdpSocket, way: Way) {
    let socket = Arc::new(socket);
    let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut answers = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let Ok((size, client)) = socket.recv_from(&mut buffer).await else { continue };
        while let Some(Ok(gone)) = answers.try_join_next() {
            clients.remove(&gone);
        }
        let server = match clients.get(&client) {
            Some(server) => server.clone(),
            None => {
                let Ok(server) = connect_datagrams(&way).await else { continue };
                let server = Arc::new(server);
                clients.insert(client, server.clone());
                answers.spawn(answer(server.clone(), socket.clone(), client));
                server
            }
        };
        let _ = server.send(&buffer[..size]).await;
    }
}

async fn connect_datagrams(way: &Way) -> std::io::Result<UdpSocket> {
    let target = way.target;
    let socket = way.socket(move || {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(target)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    UdpSocket::from_std(socket.await?)
}

/// Sends a client what the container answers, until both are silent; the client.
async fn answer(server: Arc<UdpSocket>, socket: Arc<UdpSocket>, client: SocketAddr) -> SocketAddr {
    let mut buffer = vec![0; DATAGRAM];
    while let Ok(received) = timeout(SILENCE, server.recv(&mut buffer)).await {
        // Nobody listens in the container yet: the client may try again.
        let Ok(size) = received else { continue };
        let _ = socket.send_to(&buffer[..size], client).await;
    }
    client
}
