//! Datagrams: each client has a socket of its own in the network, so that the answers find their way back.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustix::net::SocketType;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::target::Target;
use super::{is_conflict, socket_as};

/// A client to whom nothing is said for so long is forgotten.
const SILENCE: Duration = Duration::from_secs(90);

/// The largest datagram (RFC 768).
const DATAGRAM: usize = 65_535;

/// So many clients may a port have at a time: the address of a datagram may be made up, and each is a descriptor.
const CLIENTS: usize = 4096;

/// How long nothing is read when that has failed.
const PAUSE: Duration = Duration::from_millis(20);

/// Ends when it is aborted, and drops `_over` then.
pub async fn relay(socket: UdpSocket, target: Arc<Target>, port: u16, _over: mpsc::Sender<()>) {
    let socket = Arc::new(socket);
    let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut answers = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let Ok((size, client)) = socket.recv_from(&mut buffer).await else {
            sleep(PAUSE).await;
            continue;
        };
        while let Some(Ok(gone)) = answers.try_join_next() {
            clients.remove(&gone);
        }
        let server = match clients.get(&client) {
            Some(server) => server.clone(),
            None if clients.len() >= CLIENTS => continue,
            None => {
                let Ok(server) = connect(&target, port, client) else { continue };
                let server = Arc::new(server);
                clients.insert(client, server.clone());
                answers.spawn(answer(server.clone(), socket.clone(), client));
                server
            }
        };
        let _ = server.send(&buffer[..size]).await;
    }
}

/// A socket towards the container, as the client if that can be.
fn connect(target: &Target, port: u16, client: SocketAddr) -> io::Result<UdpSocket> {
    let (to, sources) = target.aim(port, client, None);
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for from in sources {
        let socket = socket_as(from, to, SocketType::DGRAM).and_then(|socket| {
            rustix::net::connect(&socket, &to)?;
            UdpSocket::from_std(socket.into())
        });
        match socket {
            Err(error) if is_conflict(&error) => last = error,
            socket => return socket,
        }
    }
    Err(last)
}

/// Sends a client what the container answers, until it is silent; the client.
async fn answer(server: Arc<UdpSocket>, socket: Arc<UdpSocket>, client: SocketAddr) -> SocketAddr {
    let mut buffer = vec![0; DATAGRAM];
    while let Ok(received) = timeout(SILENCE, server.recv(&mut buffer)).await {
        // Nobody listens in the container yet: the client may try again.
        let Ok(size) = received else { continue };
        let _ = socket.send_to(&buffer[..size], client).await;
    }
    client
}
