//! Published ports: taking them on the host before anything is started.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use anyhow::{Result, bail};

use crate::base::port::PortMapping;
use crate::network::bind::{self, Bound};

/// A port that is ours until the stack takes it over. slirp4netns opens the port by itself and only says that
/// it could not, so the reason is found here, and two commands that pick a port at once pick different ones.
#[derive(Debug)]
pub struct Reservation {
    host: SocketAddrV4,
    mapping: PortMapping,
    _bound: Bound,
}

impl Reservation {
    /// Takes the port; 0 picks a free one.
    ///
    /// # Errors
    /// Docker's words for a port that is in use, with a hint for one that needs privilege.
    pub fn take(wanted: &PortMapping) -> Result<Self> {
        let ip = ipv4(wanted)?;
        let bound = bind::bind((ip, wanted.host_port).into(), wanted.protocol)?;
        let host = SocketAddrV4::new(ip, bound.port()?);
        Ok(Self { host, mapping: PortMapping { host_port: host.port(), ..wanted.clone() }, _bound: bound })
    }

    /// Lets go of the port, and says where it is and which one was picked.
    pub fn release(self) -> (SocketAddrV4, PortMapping) {
        (self.host, self.mapping)
    }
}

/// The stack cannot listen on IPv6 (slirp4netns(1), "API SOCKET").
fn ipv4(wanted: &PortMapping) -> Result<Ipv4Addr> {
    match wanted.host_ip {
        None => Ok(Ipv4Addr::UNSPECIFIED),
        Some(IpAddr::V4(address)) => Ok(address),
        Some(IpAddr::V6(address)) => {
            bail!("publish [{address}]:{}: slirp4netns listens on IPv4 addresses only", wanted.host_port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::port::Protocol;

    fn mapping(host_ip: &str, host_port: u16, protocol: Protocol) -> PortMapping {
        PortMapping { host_ip: Some(host_ip.parse().unwrap()), host_port, container_port: 80, protocol }
    }

    #[test]
    fn picks_a_free_port_and_keeps_it() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let taken = Reservation::take(&mapping("127.0.0.1", 0, protocol)).unwrap();
            let port = taken.mapping.host_port;
            assert_ne!(port, 0);
            assert_eq!(taken.host, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
            let error = Reservation::take(&mapping("127.0.0.1", port, protocol)).unwrap_err();
            let text = format!("Bind for 127.0.0.1:{port} failed: port is already allocated");
            assert_eq!(format!("{error:#}"), text);
            drop(taken);
            Reservation::take(&mapping("127.0.0.1", port, protocol)).unwrap();
        }
    }

    #[test]
    fn says_what_the_stack_and_the_host_cannot() {
        let take = |ip| format!("{:#}", Reservation::take(&mapping(ip, 8080, Protocol::Tcp)).unwrap_err());
        assert!(take("192.0.2.1").starts_with("listen on 192.0.2.1:8080/tcp: "));
        assert_eq!(take("::1"), "publish [::1]:8080: slirp4netns listens on IPv4 addresses only");
    }
}
