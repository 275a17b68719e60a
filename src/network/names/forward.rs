//! Asking other servers.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::time::Duration;

use simple_dns::{RCODE, header_buffer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::answer::{self, Transport};
use crate::base::id;
use crate::network::segment::Segment;

/// How long one server is waited for: less than the five seconds after which a client asks again (resolv.conf(5)), so
/// that the next server is asked before.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often all are asked.
const ROUNDS: usize = 2;

/// The longest message (RFC 1035, 4.2.2).
const LONGEST: usize = u16::MAX as usize;

/// A server, and where it is reached from.
pub struct Target {
    pub address: SocketAddr,
    /// The network that it is in; the host's if none.
    pub inside: Option<Arc<Segment>>,
}

/// Asks one after another until one knows; none if nobody says anything. That a server would not or could not tell
/// is handed on only if no other can.
pub async fn ask(query: &[u8], targets: &[Target], transport: Transport) -> Option<Vec<u8>> {
    let mut refusal = None;
    for _ in 0..ROUNDS {
        for target in targets {
            let asked = match transport {
                Transport::Datagram => timeout(PATIENCE, target.ask_datagram(query)).await,
                Transport::Stream => timeout(PATIENCE, target.ask_stream(query)).await,
            };
            match asked {
                Ok(Ok(reply)) if is_refusal(&reply) => refusal = Some(reply),
                Ok(Ok(reply)) => return Some(reply),
                _ => {}
            }
        }
        if refusal.is_some() {
            break;
        }
    }
    refusal
}

fn is_refusal(reply: &[u8]) -> bool {
    matches!(
        header_buffer::rcode(reply),
        Ok(RCODE::ServerFailure | RCODE::Refused | RCODE::NotImplemented | RCODE::FormatError)
    )
}

impl Target {
    /// Each question has a port and an id of its own, which somebody who cannot listen has to guess (RFC 5452).
    async fn ask_datagram(&self, query: &[u8]) -> io::Result<Vec<u8>> {
        let any: SocketAddr = match self.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = self.make(move || StdUdpSocket::bind(any)).await?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        socket.connect(self.address).await?;
        let (sent, id) = with_new_id(query);
        socket.send(&sent).await?;
        let mut buffer = vec![0; LONGEST];
        loop {
            let size = socket.recv(&mut buffer).await?;
            if let Some(reply) = accept(&buffer[..size], query, id) {
                return Ok(reply);
            }
        }
    }

    async fn ask_stream(&self, query: &[u8]) -> io::Result<Vec<u8>> {
        let is_ipv4 = self.address.is_ipv4();
        let make = move || if is_ipv4 { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let mut stream = self.make(make).await?.connect(self.address).await?;
        let (sent, id) = with_new_id(query);
        send(&mut stream, &sent).await?;
        let reply = receive(&mut stream).await?;
        accept(&reply, query, id).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Makes a socket on the side where the server is.
    async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let Some(segment) = &self.inside else { return make() };
        let (made, is_made) = oneshot::channel();
        segment.begin(move |_| drop(made.send(make())));
        is_made.await.map_err(io::Error::other)?
    }
}

/// Sends a message over a stream, its length first, in one piece.
pub async fn send(stream: &mut (impl AsyncWriteExt + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}

/// Receives one.
pub async fn receive(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

fn with_new_id(query: &[u8]) -> (Vec<u8>, u16) {
    let mut id = [0; 2];
    id::fill_random(&mut id);
    let mut sent = query.to_vec();
    // A query has a header at least.
    sent[..2].copy_from_slice(&id);
    (sent, u16::from_be_bytes(id))
}

/// The reply as it goes to who asked, if it is one.
fn accept(reply: &[u8], query: &[u8], id: u16) -> Option<Vec<u8>> {
    answer::is_answer(reply, query, id).then(|| [&query[..2], &reply[2..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::{CLASS, Name, Packet, QCLASS, Question, TYPE};
    use tokio::net::TcpListener;

    fn query() -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        let name = Name::new("example.org").unwrap();
        packet.questions.push(Question::new(name, TYPE::A.into(), QCLASS::CLASS(CLASS::IN), false));
        packet.build_bytes_vec().unwrap()
    }

    /// A server that says to a question what `say` gives, packet after packet.
    async fn server(say: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Target {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
                for packet in say(&buffer[..size]) {
                    socket.send_to(&packet, from).await.unwrap();
                }
            }
        });
        Target { address, inside: None }
    }

    fn block_on(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    }

    fn code(reply: Option<Vec<u8>>) -> Option<(u16, RCODE)> {
        let reply = reply?;
        Some((header_buffer::id(&reply).unwrap(), header_buffer::rcode(&reply).unwrap()))
    }

    #[test]
    fn who_does_not_know_is_passed_over() {
        block_on(async {
            let silent = server(|_| Vec::new()).await;
            let lying = server(|query| {
                let mut forged = answer::refuse(query, RCODE::NoError);
                forged[0] ^= 0xff;
                vec![forged, answer::refuse(query, RCODE::ServerFailure)]
            })
            .await;
            let knowing = server(|query| vec![answer::refuse(query, RCODE::NameError)]).await;
            let targets = [silent, lying, knowing];
            let ask = |from: usize, to: usize| ask_of(&targets[from..to]);
            assert_eq!(code(ask(0, 3).await), Some((7, RCODE::NameError)));
            assert_eq!(code(ask(1, 2).await), Some((7, RCODE::ServerFailure)));
            assert_eq!(code(ask(0, 1).await), None);
            assert_eq!(code(ask(0, 0).await), None);
        });
    }

    async fn ask_of(targets: &[Target]) -> Option<Vec<u8>> {
        ask(&query(), targets, Transport::Datagram).await
    }

    #[test]
    fn each_question_has_an_id_of_its_own() {
        block_on(async {
            let ids = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
            let seen = ids.clone();
            let target = server(move |query| {
                seen.lock().unwrap().insert(header_buffer::id(query).unwrap());
                vec![answer::refuse(query, RCODE::NameError)]
            })
            .await;
            for _ in 0..8 {
                ask_of(std::slice::from_ref(&target)).await.unwrap();
            }
            assert!(ids.lock().unwrap().len() > 1);
        });
    }

    #[test]
    fn over_a_stream() {
        block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let query = receive(&mut stream).await.unwrap();
                send(&mut stream, &answer::refuse(&query, RCODE::NameError)).await.unwrap();
            });
            let reply = ask(&query(), &[Target { address, inside: None }], Transport::Stream).await;
            assert_eq!(code(reply), Some((7, RCODE::NameError)));
        });
    }
}
