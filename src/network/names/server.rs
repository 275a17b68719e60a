//! The server of one network.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use simple_dns::RCODE;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::answer::{self, Transport, Verdict};
use super::forward::{self, Target};
use super::resolv::{HostServers, PORT};
use super::roster::Roster;
use crate::base::network::Network;
use crate::network::segment::Segment;

/// So many questions of a network are asked elsewhere at a time; what comes beyond is told to try again.
const IN_FLIGHT: usize = 64;

/// So many connections of a network are open at a time; others wait.
const CONNECTIONS: usize = 32;

/// A connection that says nothing for so long is closed (RFC 7766, 6.2.3: a few seconds).
const SILENCE: Duration = Duration::from_secs(5);

/// How long a listener that fails, having no descriptor left perhaps, is left alone.
const PAUSE: Duration = Duration::from_millis(50);

/// A longer datagram than this is no question.
const LONGEST: usize = 4096;

/// Answers until it is dropped.
pub struct Server {
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is needed for an answer.
struct Desk {
    network: Network,
    segment: Arc<Segment>,
    roster: Arc<Roster>,
    host: Arc<HostServers>,
    in_flight: Semaphore,
}

impl Server {
    /// Takes the port of names at the gateway's address, in the network's namespace.
    pub fn start(
        handle: &Handle,
        segment: &Arc<Segment>,
        network: &Network,
        roster: Arc<Roster>,
        host: Arc<HostServers>,
    ) -> Result<Self> {
        let address = SocketAddr::new(network.gateway.into(), PORT);
        let bind = move || -> io::Result<_> {
            let (datagrams, listener) = (StdUdpSocket::bind(address)?, StdTcpListener::bind(address)?);
            datagrams.set_nonblocking(true)?;
            listener.set_nonblocking(true)?;
            Ok((datagrams, listener))
        };
        let what = || format!("answer questions for names at {address}");
        let (datagrams, listener) =
            segment.run(move |_| bind().map_err(anyhow::Error::from)).with_context(what)?;
        let desk = Arc::new(Desk {
            network: network.clone(),
            segment: segment.clone(),
            roster,
            host,
            in_flight: Semaphore::new(IN_FLIGHT),
        });
        let _inside = handle.enter();
        let (datagrams, listener) = (UdpSocket::from_std(datagrams)?, TcpListener::from_std(listener)?);
        let serve = async move {
            tokio::join!(serve_datagrams(desk.clone(), datagrams), serve_connections(desk, listener))
        };
        Ok(Self { task: handle.spawn(serve).abort_handle() })
    }
}

/// Ends with all that it has begun when it is aborted.
async fn serve_datagrams(desk: Arc<Desk>, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut forwarded = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        let Ok((size, from)) = socket.recv_from(&mut buffer).await else {
            sleep(PAUSE).await;
            continue;
        };
        while forwarded.try_join_next().is_some() {}
        let query = &buffer[..size];
        match desk.judge(query, from.ip(), Transport::Datagram) {
            Verdict::Ignore => {}
            // Who cannot be told now asks again.
            Verdict::Answer(reply) => drop(socket.try_send_to(&reply, from)),
            Verdict::Forward if forwarded.len() >= IN_FLIGHT => {
                drop(socket.try_send_to(&answer::refuse(query, RCODE::ServerFailure), from));
            }
            Verdict::Forward => {
                let (desk, socket, query) = (desk.clone(), socket.clone(), query.to_vec());
                forwarded.spawn(async move {
                    let reply = desk.forward(&query, from.ip(), Transport::Datagram).await;
                    let _ = socket.send_to(&reply, from).await;
                });
            }
        }
    }
}

async fn serve_connections(desk: Arc<Desk>, listener: TcpListener) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= CONNECTIONS {
            open.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, from)) => drop(open.spawn(serve_connection(desk.clone(), stream, from.ip()))),
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn serve_connection(desk: Arc<Desk>, mut stream: TcpStream, asker: IpAddr) {
    while let Ok(Ok(query)) = timeout(SILENCE, forward::receive(&mut stream)).await {
        let reply = match desk.judge(&query, asker, Transport::Stream) {
            Verdict::Ignore => return,
            Verdict::Answer(reply) => reply,
            Verdict::Forward => desk.forward(&query, asker, Transport::Stream).await,
        };
        if !matches!(timeout(SILENCE, forward::send(&mut stream, &reply)).await, Ok(Ok(()))) {
            return;
        }
    }
}

impl Desk {
    fn judge(&self, query: &[u8], asker: IpAddr, transport: Transport) -> Verdict {
        answer::judge(query, transport, |wanted| self.roster.find(&self.network.id, asker, wanted))
    }

    /// What others say; a failure if nobody does or too much is being asked, and on a network without a way out that
    /// there is no such name.
    async fn forward(&self, query: &[u8], asker: IpAddr, transport: Transport) -> Vec<u8> {
        let Ok(_slot) = self.in_flight.try_acquire() else {
            return answer::refuse(query, RCODE::ServerFailure);
        };
        let targets = self.targets(asker);
        if targets.is_empty() {
            return answer::refuse(query, RCODE::NameError);
        }
        match forward::ask(query, &targets, transport).await {
            Some(reply) => answer::fit(reply, query, transport),
            None => answer::refuse(query, RCODE::ServerFailure),
        }
    }

    /// Whom to ask for a container: its own servers, or its network's, or the host's.
    fn targets(&self, asker: IpAddr) -> Vec<Target> {
        let wishes = self.roster.wishes(&self.network.id, asker);
        let (servers, is_open) = wishes.unwrap_or_else(|| (Vec::new(), !self.network.internal));
        let servers = if servers.is_empty() { self.network.dns.clone() } else { servers };
        if servers.is_empty() {
            let addresses = if is_open { self.host.current() } else { Vec::new() };
            return addresses.into_iter().map(|address| Target { address, inside: None }).collect();
        }
        servers.into_iter().filter_map(|server| self.target(server, is_open)).collect()
    }

    /// A server that is a container of the network is asked there, and one elsewhere only for who may go there. This
    /// server itself would ask itself for ever.
    fn target(&self, server: IpAddr, is_open: bool) -> Option<Target> {
        let network = &self.network;
        let (is_near, is_self) = match server {
            IpAddr::V4(server) => (network.subnet.contains(&server), server == network.gateway),
            IpAddr::V6(server) => network
                .ipv6
                .as_ref()
                .map_or((false, false), |ipv6| (ipv6.subnet.contains(&server), server == ipv6.gateway)),
        };
        let inside = is_near.then(|| self.segment.clone());
        let is_reached = !is_self && (is_near || is_open);
        is_reached.then(|| Target { address: SocketAddr::new(server, PORT), inside })
    }
}
