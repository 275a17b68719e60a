//! Connections: what one side sends is moved to the other by splice(2), and is never in this process' memory.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustix::net::{Shutdown, SocketType, sockopt};
use rustix::pipe::{SpliceFlags, splice};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinSet, coop};
use tokio::time::sleep;

use super::pipes::{Pipe, Pipes};
use super::target::Target;
use super::{is_conflict, socket_as};

/// How long nobody is let in when there are no descriptors; connections wait in the kernel.
const PAUSE: Duration = Duration::from_millis(20);

/// As many bytes as a pipe may hold, whose pages need not be full ones.
const AT_ONCE: usize = 1 << 20;

/// Ends with all its connections when it is aborted, and drops `_over` then.
pub async fn relay(
    listener: TcpListener,
    target: Arc<Target>,
    port: u16,
    pipes: Arc<Pipes>,
    _over: mpsc::Sender<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, address)) => {
                connections.spawn(connect(client, address, target.clone(), port, pipes.clone()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => sleep(PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Whether accept(2) has told of an error that was the client's.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// The life of one connection.
async fn connect(client: TcpStream, address: SocketAddr, target: Arc<Target>, port: u16, pipes: Arc<Pipes>) {
    let _ = (client.set_nodelay(true), sockopt::set_socket_keepalive(&client, true));
    let host = client.local_addr().ok().map(|local| local.ip());
    let carried = match reach(&target, port, address, host).await {
        Ok(server) => {
            let _ = server.set_nodelay(true);
            let carried = tokio::try_join!(carry(&client, &server, &pipes), carry(&server, &client, &pipes),);
            if carried.is_err() {
                reset(&server);
            }
            carried.map(drop)
        }
        Err(error) => Err(error),
    };
    if carried.is_err() {
        reset(&client);
    }
}

/// Connects to the container as the client, if that can be. What is out of descriptors waits for some.
async fn reach(
    target: &Target,
    port: u16,
    client: SocketAddr,
    host: Option<std::net::IpAddr>,
) -> io::Result<TcpStream> {
    let (to, sources) = target.aim(port, client, host);
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for from in sources {
        let socket = loop {
            match socket_as(from, to, SocketType::STREAM) {
                Err(error) if is_shortage(&error) => sleep(PAUSE).await,
                socket => break socket,
            }
        };
        let connected = match socket {
            Ok(socket) => TcpSocket::from_std_stream(socket.into()).connect(to).await,
            Err(error) => Err(error),
        };
        match connected {
            Err(error) if is_conflict(&error) => last = error,
            connected => return connected,
        }
    }
    Err(last)
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Closes so that the other side does not take what it has for all there was.
fn reset(stream: &TcpStream) {
    let _ = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

/// Moves all that `from` sends to `to`, and the end of it.
///
/// # Errors
/// Those of reading. A receiver that takes no more is none: what it has sent before may still be on its way.
async fn carry(from: &TcpStream, to: &TcpStream, pipes: &Pipes) -> io::Result<()> {
    loop {
        from.readable().await?;
        let pipe = loop {
            match pipes.take() {
                Err(error) if is_shortage(&error) => sleep(PAUSE).await,
                pipe => break pipe?,
            }
        };
        loop {
            match from.try_io(Interest::READABLE, || shift(from, &pipe.writer)) {
                Ok(0) => {
                    pipes.put(pipe);
                    // A receiver that is gone needs not be told.
                    let _ = rustix::net::shutdown(to, Shutdown::Write);
                    return Ok(());
                }
                Ok(size) if empty(&pipe, to, size).await.is_err() => return Ok(()),
                Ok(_) => coop::consume_budget().await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        pipes.put(pipe);
    }
}

/// Moves what is in a pipe on.
async fn empty(pipe: &Pipe, to: &TcpStream, mut size: usize) -> io::Result<()> {
    while size > 0 {
        size -= to.async_io(Interest::WRITABLE, || shift(&pipe.reader, to)).await?;
    }
    Ok(())
}

fn shift(from: impl AsFd, to: impl AsFd) -> io::Result<usize> {
    Ok(splice(from, None, to, None, AT_ONCE, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?)
}
