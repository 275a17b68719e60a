//! The program and the device behind networks, ports below 1024, and `ping`.

use std::fs;
use std::process::Command;

use super::Finding;
use super::device::Device;
use crate::config::env;

const PROGRAM: &str = "slirp4netns";
const DEVICE: &str = "network device";
const PORTS: &str = "ports";
const PING: &str = "ping";

#[derive(Clone, Debug)]
pub struct Network {
    is_root: bool,
    gid: u32,
    /// The first line of `--version`, empty if it says nothing; none where the program is missing.
    slirp4netns: Option<String>,
    pasta: Option<String>,
    tun: Device,
    /// `net.ipv4.ip_unprivileged_port_start`.
    first_port: Option<u32>,
    /// `net.ipv4.ping_group_range`.
    ping_groups: Option<(u32, u32)>,
}

pub fn read() -> Network {
    let sysctl = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
    let ping_groups = sysctl("ping_group_range").and_then(|text| {
        let mut numbers = text.split_ascii_whitespace().map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    Network {
        is_root: rustix::process::getuid().is_root(),
        gid: rustix::process::getgid().as_raw(),
        slirp4netns: version("slirp4netns"),
        pasta: version("pasta"),
        tun: Device::open("/dev/net/tun", (10, 200)),
        first_port: sysctl("ip_unprivileged_port_start").and_then(|text| text.trim().parse().ok()),
        ping_groups,
    }
}

fn version(name: &str) -> Option<String> {
    let output = Command::new(env::find_program(name)?).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next().unwrap_or_default().to_owned())
}

pub fn judge(network: &Network) -> Vec<Finding> {
    vec![judge_program(network), judge_device(&network.tun), judge_ports(network), judge_ping(network)]
}

const NO_NETWORK: &str = "containers have no way out: only --network none, host and container: work";

fn judge_program(network: &Network) -> Finding {
    let Some(version) = &network.slirp4netns else {
        let mend = "sudo apt-get install slirp4netns; or the same package elsewhere";
        return Finding::failed(PROGRAM, "slirp4netns is not installed", NO_NETWORK, mend);
    };
    // Some releases of pasta say nothing where nobody reads along at a terminal.
    let pasta = match network.pasta.as_deref() {
        None => String::new(),
        Some("") => "; also pasta".to_owned(),
        Some(version) => format!("; also {version}"),
    };
    if is_old(version) {
        let why = "it is older than what coracle is made for, and may lack options";
        let mend = "sudo apt-get install slirp4netns, of a newer release of your distribution";
        return Finding::warning(PROGRAM, version.clone(), why, mend);
    }
    Finding::fine(PROGRAM, format!("{version}{pasta}"))
}

/// Before version 1, of which nothing is known here.
fn is_old(version: &str) -> bool {
    version.strip_prefix("slirp4netns version ").is_some_and(|number| number.starts_with("0."))
}

fn judge_device(tun: &Device) -> Finding {
    match tun.complaint("/dev/net/tun", "tun") {
        Some((what, mend)) => Finding::failed(DEVICE, what, NO_NETWORK, mend),
        None => Finding::fine(DEVICE, "/dev/net/tun can be opened"),
    }
}

/// That low ports are refused is how hosts are by default, and nothing broken.
fn judge_ports(network: &Network) -> Finding {
    match network.first_port {
        Some(first @ 1..) if !network.is_root => Finding {
            mend: Some(format!("for lower ones: sudo sysctl -w net.ipv4.ip_unprivileged_port_start={LOW}")),
            ..Finding::fine(PORTS, format!("{first} and above can be published"))
        },
        _ => Finding::fine(PORTS, "all can be published"),
    }
}

/// What people publish first.
const LOW: u32 = 80;

fn judge_ping(network: &Network) -> Finding {
    let Some((first, last)) = network.ping_groups else { return Finding::fine(PING, "not known here") };
    if network.is_root || (first..=last).contains(&network.gid) {
        return Finding::fine(PING, "works from containers");
    }
    Finding::warning(
        PING,
        format!("group {} is not in net.ipv4.ping_group_range ({first} to {last})", network.gid),
        "ping from a container to the outside gets no answer",
        "sudo sysctl -w 'net.ipv4.ping_group_range=0 2147483647'",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;

    fn healthy() -> Network {
        Network {
            is_root: false,
            gid: 1000,
            slirp4netns: Some("slirp4netns version 1.2.0".to_owned()),
            pasta: None,
            tun: Device::Usable,
            first_port: Some(80),
            ping_groups: Some((0, u32::MAX / 2)),
        }
    }

    #[test]
    fn what_a_network_needs() {
        let old = || Some("slirp4netns version 0.3.0".to_owned());
        let dead = || Device::Dead("No such device".to_owned());
        for (network, name, level, words) in [
            (healthy(), PROGRAM, Level::Fine, &["1.2.0"][..]),
            (Network { pasta: Some(String::new()), ..healthy() }, PROGRAM, Level::Fine, &["; also pasta"]),
            (Network { slirp4netns: None, ..healthy() }, PROGRAM, Level::Failed, &["not installed"]),
            (Network { slirp4netns: old(), ..healthy() }, PROGRAM, Level::Warning, &["0.3.0"]),
            (healthy(), DEVICE, Level::Fine, &[]),
            (Network { tun: Device::Missing, ..healthy() }, DEVICE, Level::Failed, &["sudo modprobe tun"]),
            (
                Network { tun: Device::Denied, ..healthy() },
                DEVICE,
                Level::Failed,
                &["chmod 0666 /dev/net/tun"],
            ),
            (Network { tun: Device::Another, ..healthy() }, DEVICE, Level::Failed, &["not the device"]),
            (Network { tun: dead(), ..healthy() }, DEVICE, Level::Failed, &["No such device"]),
            (healthy(), PORTS, Level::Fine, &["80 and above"]),
            (Network { first_port: Some(1024), ..healthy() }, PORTS, Level::Fine, &["port_start=80"]),
            (Network { first_port: Some(0), ..healthy() }, PORTS, Level::Fine, &["all"]),
            (Network { is_root: true, first_port: Some(1024), ..healthy() }, PORTS, Level::Fine, &["all"]),
            (healthy(), PING, Level::Fine, &["works"]),
            (
                Network { ping_groups: Some((1, 0)), ..healthy() },
                PING,
                Level::Warning,
                &["ping_group_range=0 "],
            ),
            (Network { ping_groups: Some((0, 999)), ..healthy() }, PING, Level::Warning, &["group 1000"]),
        ] {
            assert_found(&judge(&network), name, level, words);
        }
    }
}
