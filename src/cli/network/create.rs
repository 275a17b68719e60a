//! `network create`: makes a network.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use ipnet::IpNet;

use crate::base::driver_options;
use crate::base::network::{BETWEEN_CONTAINERS, HOST_BINDING, HOST_LOOPBACK, INTERFACE_PREFIX, KEEP_SOURCE};
use crate::cli::options::{network, variables};
use crate::cli::out;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::networks::{self, Wanted};
use crate::network::subnets;

#[derive(clap::Args)]
pub struct Args {
    /// Note that containers may come by hand, which they always may
    #[arg(long)]
    attachable: bool,
    /// Keep an address from being given to a container
    #[arg(long, value_name = "name=ip", value_parser = reserved)]
    aux_address: Vec<(String, IpAddr)>,
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
    #[arg(long, value_name = "ip")]
    gateway: Vec<String>,
    /// A network that is there already is no failure
    #[arg(long)]
    ignore: bool,
    /// Let nothing out of the network
    #[arg(long)]
    internal: bool,
    /// The part of the subnet that addresses are picked from
    #[arg(long, value_name = "subnet")]
    ip_range: Vec<String>,
    /// How addresses are given out; there is only default
    #[arg(long, value_name = "driver", default_value = "default")]
    ipam_driver: String,
    /// Give containers IPv4 addresses, which they always get
    #[arg(long, default_value_t = true, action = clap::ArgAction::SetTrue)]
    ipv4: bool,
    /// Give containers IPv6 addresses too
    #[arg(long)]
    ipv6: bool,
    /// Set a label
    #[arg(long, value_name = "key=value", value_parser = variables::label)]
    label: Vec<String>,
    /// Set an option of the driver: mtu=BYTES, keep_source=false to show clients of published ports as the gateway,
    /// allow_host_loopback=true to have 10.0.2.2 lead to the host's 127.0.0.1,
    /// com.docker.network.bridge.enable_icc=false to keep its containers from each other
    #[arg(long = "opt", short, value_name = "key=value", value_parser = option)]
    options: Vec<(String, String)>,
    /// The network's addresses, such as 10.5.0.0/24
    #[arg(long, value_name = "subnet")]
    subnet: Vec<String>,
    /// Where the network is known; there is only local
    #[arg(long, value_name = "scope", default_value = "local")]
    scope: String,
}

fn reserved(text: &str) -> Result<(String, IpAddr), String> {
    let (name, address) = text.split_once('=').unwrap_or((text, ""));
    let address = address.parse().map_err(|_| format!("no matching subnet for aux-address {address}"))?;
    Ok((name.to_owned(), address))
}

fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((key.to_owned(), value.to_owned()))
}

/// Options of docker's and podman's bridges that say what is so here anyway.
const USUAL: &[(&str, &[&str])] = &[
    ("com.docker.network.bridge.enable_ip_masquerade", &["true"]),
    ("com.docker.network.bridge.gateway_mode_ipv4", &["nat"]),
    ("com.docker.network.bridge.gateway_mode_ipv6", &["nat"]),
    ("isolate", &["true", "strict"]),
];

/// Whether an option of the driver means something here.
fn is_known(key: &str, value: &str) -> bool {
    match key {
        "mtu" | "com.docker.network.driver.mtu" => true,
        BETWEEN_CONTAINERS | KEEP_SOURCE | HOST_LOOPBACK => matches!(value, "true" | "false"),
        HOST_BINDING => value.parse::<Ipv4Addr>().is_ok(),
        // With the number of any interface that a container may come to have.
        INTERFACE_PREFIX => driver_options::named(&format!("{value}999")).is_ok(),
        _ => USUAL.iter().any(|(name, values)| *name == key && values.contains(&value)),
    }
}

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
        // Podman's name of it.
        let ipam_driver = if self.ipam_driver == "host-local" { "default" } else { &self.ipam_driver };
        for (flag, given, there) in [
            ("--driver", self.driver.as_str(), "bridge"),
            ("--ipam-driver", ipam_driver, "default"),
            ("--scope", self.scope.as_str(), "local"),
        ] {
            if given != there {
                bail!("{flag} {given} is not supported yet: there is {there}");
            }
        }
        if !self.ipv4 {
            bail!("--ipv4=false is not supported yet: every network has IPv4");
        }
        if let Some((key, value)) = self.options.iter().find(|(key, value)| !is_known(key, value)) {
            bail!("--opt {key}={value} is not supported yet");
        }
        let name = operands.into_iter().next().unwrap_or_default();
        let engine = session.engine()?;
        if self.ignore
            && let Ok(network) = networks::resolve(&engine, &name)
        {
            out::line(&network.id)?;
            return Ok(ExitCode::SUCCESS);
        }
        let each = |texts: &[String], read: fn(&str) -> Result<IpNet>| {
            texts.iter().map(|text| read(text)).collect::<Result<Vec<_>>>().context("invalid network config")
        };
        let gateway =
            |text: &String| text.parse().map_err(|_| anyhow!("no matching subnet for gateway {text}"));
        let wanted = Wanted {
            name,
            subnets: each(&self.subnet, subnets::parse)?,
            gateways: self.gateway.iter().map(gateway).collect::<Result<_>>()?,
            ranges: each(&self.ip_range, subnets::parse_range)?,
            reserved: self.aux_address.into_iter().collect(),
            ipv6: self.ipv6,
            internal: self.internal,
            attachable: self.attachable,
            disable_dns: self.disable_dns,
            dns: self.dns,
            labels: variables::labels(&[] as &[PathBuf], &self.label)?,
            options: self.options.into_iter().collect::<BTreeMap<_, _>>(),
        };
        out::line(&networks::create(&engine, &wanted)?.id)?;
        Ok(ExitCode::SUCCESS)
    }
}
