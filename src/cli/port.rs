//! `port`: where a container's ports are published.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::choice::LatestFlag;
use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::port::PortMapping;
use crate::store::containers::{Containers, Record};

#[derive(clap::Args)]
pub struct Args {
    /// Show the ports of every container, with its id
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "List port mappings or a specific mapping for the container";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [PRIVATE_PORT[/PROTO]]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all", "latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("All of them", "coracle port web"), ("Where one is", "coracle port web 80/tcp")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let layout = session.layout()?;
        let containers = Containers::new(&layout);
        if self.all {
            if !operands.is_empty() {
                bail!("no additional arguments can be used with --all");
            }
            return all(containers);
        }
        let operands = self.latest.before(containers, operands)?;
        let (name, wanted) = match &operands[..] {
            [name] => (name, None),
            [name, port] => (name, Some(parse(port)?)),
            _ => bail!("port requires at least 1 and at most 2 arguments"),
        };
        let ports = published(containers.load(&containers.resolve(name)?)?);
        match wanted {
            None => out::text(&ports.iter().map(|port| shown(port, "")).collect::<String>())?,
            Some(wanted) => {
                let found: String = ports
                    .iter()
                    .filter(|port| inner(port) == wanted)
                    .flat_map(|port| outer(port).into_iter().map(|outer| outer + "\n"))
                    .collect();
                if found.is_empty() {
                    bail!("no public port '{wanted}' published for {name}");
                }
                out::text(&found)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The ports of every container that runs, each line with its short id: podman's `--all`.
fn all(containers: Containers<'_>) -> Result<ExitCode> {
    for record in containers.list()?.0 {
        let id = record.id[..12].to_owned();
        for port in published(record) {
            out::text(&shown(&port, &format!("{id}\t")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// In the order of their numbers; only while the container runs.
fn published(record: Record) -> Vec<PortMapping> {
    let mut ports = if record.state.is_running() { record.ports } else { Vec::new() };
    ports.sort_by_key(|port| (port.container_port, port.protocol.as_str(), port.host_ip, port.host_port));
    ports
}

fn shown(port: &PortMapping, before: &str) -> String {
    outer(port).iter().map(|outer| format!("{before}{} -> {outer}\n", inner(port))).collect()
}

/// `80` and `80/tcp` as `80/tcp`.
fn parse(text: &str) -> Result<String> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number: u16 = port.parse().with_context(|| format!("invalid port '{text}'"))?;
    Ok(format!("{number}/{}", protocol.to_ascii_lowercase()))
}

fn inner(port: &PortMapping) -> String {
    format!("{}/{}", port.container_port, port.protocol.as_str())
}

fn outer(port: &PortMapping) -> Vec<String> {
    let at = |ip| SocketAddr::new(ip, port.host_port).to_string();
    port.host_ips().into_iter().map(at).collect()
}
