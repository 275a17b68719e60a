//! Published ports, as far as slirp4netns can have them.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Result, bail};

use crate::base::port::PortMapping;

/// The port with the address that the stack listens on: it cannot listen on IPv6 (slirp4netns(1), "API SOCKET").
pub fn on_ipv4(wanted: &PortMapping) -> Result<PortMapping> {
    let ip = match wanted.host_ip {
        None => Ipv4Addr::UNSPECIFIED,
        Some(IpAddr::V4(address)) => address,
        Some(IpAddr::V6(address)) => {
            bail!("publish [{address}]:{}: slirp4netns listens on IPv4 addresses only", wanted.host_port)
        }
    };
    Ok(PortMapping { host_ip: Some(ip.into()), ..wanted.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::port::Protocol;

    #[test]
    fn the_stack_listens_on_ipv4() {
        let on = |host_ip: Option<&str>| {
            let host_ip = host_ip.map(|ip| ip.parse().unwrap());
            on_ipv4(&PortMapping {
                host_ip,
                host_port: 8080,
                host_port_last: None,
                container_port: 80,
                protocol: Protocol::Tcp,
            })
        };
        let address = |ip| on(ip).unwrap().host_ip.map(|ip| ip.to_string());
        assert_eq!(address(None).as_deref(), Some("0.0.0.0"));
        assert_eq!(address(Some("127.0.0.1")).as_deref(), Some("127.0.0.1"));
        let refused = on(Some("::1")).unwrap_err().to_string();
        assert_eq!(refused, "publish [::1]:8080: slirp4netns listens on IPv4 addresses only");
    }
}
