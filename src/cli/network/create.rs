//! `network create`: makes a network.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use ipnet::IpNet;

use crate::base::network::{HOST_LOOPBACK, KEEP_SOURCE};
use crate::cli::options::{network, variables};
use crate::cli::out;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::networks::{self, Wanted};
use crate::network::subnets;

#[derive(clap::Args)]
pub struct Args {
    /// Allow containers to be attached by hand, which they always may
    #[arg(long, hide = true)]
    attachable: bool,
    /// Give the containers no names of each other
    #[arg(long)]
    disable_dns: bool,
    /// A name server to ask instead of the host's
    #[arg(long, value_name = "ip", value_parser = network::address)]
    dns: Vec<IpAddr>,
    /// The driver; there is only bridge
    #[arg(long, short, value_name = "driver", default_value = "bridge")]
    driver: String,
    /// The bridge's own address, by which containers leave the network
    #[arg(long, value_name = "ip", value_parser = network::address)]
    gateway: Vec<IpAddr>,
    /// Let nothing out of the network
    #[arg(long)]
    internal: bool,
    /// The part of the subnet that addresses are picked from
    #[arg(long, value_name = "subnet", value_parser = subnet)]
    ip_range: Vec<IpNet>,
    /// Give containers IPv6 addresses too
    #[arg(long)]
    ipv6: bool,
    /// Set a label
    #[arg(long, value_name = "key=value", value_parser = variables::label)]
    label: Vec<String>,
    /// Set an option of the driver: mtu=BYTES, keep_source=false to show clients of published ports as the gateway,
    /// allow_host_loopback=true to have 10.0.2.2 lead to the host's 127.0.0.1
    #[arg(long = "opt", short, value_name = "key=value", value_parser = option)]
    options: Vec<(String, String)>,
    /// The network's addresses, such as 10.5.0.0/24
    #[arg(long, value_name = "subnet", value_parser = subnet)]
    subnet: Vec<IpNet>,
}

fn subnet(text: &str) -> Result<IpNet, String> {
    subnets::parse(text).map_err(|error| format!("{error:#}"))
}

fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((key.to_owned(), value.to_owned()))
}

/// Options of docker's and podman's bridges that say what is so here anyway.
const USUAL: &[(&str, &[&str])] = &[
    ("com.docker.network.bridge.enable_icc", &["true"]),
    ("com.docker.network.bridge.enable_ip_masquerade", &["true"]),
    ("isolate", &["true", "strict"]),
];

impl Action for Args {
    const SUMMARY: &'static str = "Create a network";
    const USAGE: &'static str = "[OPTIONS] NETWORK";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A network for containers that work together", "coracle network create backend"),
        (
            "One with certain addresses",
            "coracle network create --subnet 10.5.0.0/24 --gateway 10.5.0.254 lab",
        ),
        ("One that nothing leaves", "coracle network create --internal vault"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        if self.driver != "bridge" {
            bail!("--driver {} is not supported yet: there is bridge", self.driver);
        }
        let is_known = |key: &str, value: &str| {
            matches!(key, "mtu" | "com.docker.network.driver.mtu")
                || (matches!(key, KEEP_SOURCE | HOST_LOOPBACK) && matches!(value, "true" | "false"))
                || USUAL.iter().any(|(name, values)| *name == key && values.contains(&value))
        };
        if let Some((key, value)) = self.options.iter().find(|(key, value)| !is_known(key, value)) {
            bail!("--opt {key}={value} is not supported yet");
        }
        let wanted = Wanted {
            name: operands.into_iter().next().unwrap_or_default(),
            subnets: self.subnet,
            gateways: self.gateway,
            ranges: self.ip_range,
            ipv6: self.ipv6,
            internal: self.internal,
            disable_dns: self.disable_dns,
            dns: self.dns,
            labels: variables::labels(&[] as &[PathBuf], &self.label)?,
            options: self.options.into_iter().collect::<BTreeMap<_, _>>(),
        };
        out::line(&networks::create(&session.engine()?, &wanted)?.id)?;
        Ok(ExitCode::SUCCESS)
    }
}
