//! `network connect`: puts a container on a network.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;

use anyhow::Result;

use crate::base::driver_options;
use crate::cli::options::network::{link, mac_address};
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::connect;
use crate::store::options::{Attachment, Link};

#[derive(clap::Args)]
pub struct Args {
    /// Another name for the container on this network
    #[arg(long, value_name = "name")]
    alias: Vec<String>,
    /// Set an option of the container's place there: com.docker.network.endpoint.ifname=NAME or
    /// com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.KEY=VALUE[,…]
    #[arg(long, value_name = "key=value", value_parser = driver_options::parse)]
    driver_opt: Vec<(String, String)>,
    /// The container's IPv4 address
    #[arg(long, value_name = "ip")]
    ip: Option<Ipv4Addr>,
    /// The container's IPv6 address
    #[arg(long, value_name = "ip")]
    ip6: Option<Ipv6Addr>,
    /// The network with the highest is the container's way out
    #[arg(long, value_name = "number", default_value_t, allow_negative_numbers = true)]
    gw_priority: i32,
    /// Give another container of the network a name that this one knows: NAME[:ALIAS]
    #[arg(long, value_name = "link", value_parser = link)]
    link: Vec<Link>,
    /// The container's hardware address there
    #[arg(long, value_name = "address", value_parser = mac_address)]
    mac_address: Option<String>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Connect a container to a network";
    const USAGE: &'static str = "[OPTIONS] NETWORK CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Put a container that runs on one more network", "coracle network connect backend web"),
        ("With a name and an address", "coracle network connect --alias db --ip 10.5.0.7 lab postgres"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let attachment = Attachment {
            aliases: self.alias,
            ip: self.ip,
            ip6: self.ip6,
            mac: self.mac_address,
            gw_priority: self.gw_priority,
            links: self.link.into_iter().map(|link| (link.name, link.alias)).collect(),
            driver_options: self.driver_opt.into_iter().collect(),
            ..Attachment::default()
        };
        connect::connect(&session.engine()?, &operands[1], &operands[0], attachment)?;
        Ok(ExitCode::SUCCESS)
    }
}
