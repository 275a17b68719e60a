//! Taking ports of the host for a program that opens them by itself.

use anyhow::Result;

use super::bind::{self, Bound};
use crate::base::port::PortMapping;

/// A port that is ours until the program takes it over. Such a program says at best that it could not have it, so the
/// reason is found here, and two commands that pick a port at once pick different ones.
#[derive(Debug)]
pub struct Reservation {
    mapping: PortMapping,
    _bound: Bound,
}

impl Reservation {
    /// Takes the port; 0 picks a free one.
    ///
    /// # Errors
    /// Docker's words for a port that is in use, with a hint for one that needs privilege.
    pub fn take(wanted: &PortMapping) -> Result<Self> {
        let (mapping, bound) = bind::bind_mapping(wanted)?;
        Ok(Self { mapping, _bound: bound })
    }

    /// Lets go of the port, and says which it is.
    pub fn release(self) -> PortMapping {
        self.mapping
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::port::Protocol;

    fn mapping(host_ip: &str, host_port: u16, protocol: Protocol) -> PortMapping {
        PortMapping {
            host_ip: Some(host_ip.parse().unwrap()),
            host_port,
            host_port_last: None,
            container_port: 80,
            protocol,
        }
    }

    #[test]
    fn picks_a_free_port_and_keeps_it() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let taken = Reservation::take(&mapping("127.0.0.1", 0, protocol)).unwrap();
            let port = taken.mapping.host_port;
            assert_ne!(port, 0);
            let error = Reservation::take(&mapping("127.0.0.1", port, protocol)).unwrap_err();
            let text = format!("Bind for 127.0.0.1:{port} failed: port is already allocated");
            assert_eq!(format!("{error:#}"), text);
            let released = taken.release();
            assert_eq!(released, mapping("127.0.0.1", port, protocol));
            Reservation::take(&released).unwrap();
        }
    }

    #[test]
    fn says_what_the_host_cannot() {
        let error = Reservation::take(&mapping("192.0.2.1", 8080, Protocol::Tcp)).unwrap_err();
        assert!(error.to_string().starts_with("listen on 192.0.2.1:8080/tcp"), "{error:#}");
    }
}
