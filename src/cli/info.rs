//! `info`: what the host offers and what the store holds.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::escape::printable;
use super::inspect::show_one;
use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::size;
use crate::config::subid::IdRange;
use crate::engine::info::{self, Info};
use crate::oci::platform::Platform;
use crate::store::layout::Layout;

#[derive(clap::Args)]
pub struct Args {
    /// Print through a Go template, or 'json'
    #[arg(long, short, value_name = "format")]
    format: Option<String>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Display system-wide information";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Where everything is kept", "coracle info -f '{{.DockerRootDir}}'")];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let layout = engine.layout();
        let info = info::gather(&engine)?;
        match self.format.as_deref().filter(|format| !format.is_empty()) {
            Some(format) => {
                let mut document = document(&info, layout);
                let podmans = podmans_document(&info, layout);
                // Templates name what is in JSON as Go does.
                let podmans = if format == "json" { podmans } else { with_go_names(podmans) };
                if let (Value::Object(all), Value::Object(podmans)) = (&mut document, podmans) {
                    all.extend(podmans);
                }
                out::line(&show_one(&document, format)?)?;
            }
            None => {
                out::text(&text(&info, layout))?;
                for warning in warnings(&info) {
                    out::error_line(&warning);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Docker's names of what it can limit, each with the controller behind it and what is said where that is missing.
const LIMITS: [(&str, &str, &str); 7] = [
    ("MemoryLimit", "memory", "memory limit"),
    ("SwapLimit", "memory", "swap limit"),
    ("CpuCfsPeriod", "cpu", "cpu cfs period"),
    ("CpuCfsQuota", "cpu", "cpu cfs quota"),
    ("CPUShares", "cpu", "cpu shares"),
    ("CPUSet", "cpuset", "cpuset"),
    ("PidsLimit", "pids", "pids limit"),
];

fn can_limit(info: &Info, controller: &str) -> bool {
    info.cgroup_controllers.iter().any(|delegated| delegated == controller)
}

/// Which limits no container can have here.
fn warnings(info: &Info) -> Vec<String> {
    if info.cgroup_controllers.is_empty() {
        return vec![match info.cgroup_version {
            Some(2) => {
                "WARNING: containers run without limits: no control group is delegated to you".to_owned()
            }
            _ => "WARNING: containers run without limits: they need control groups version 2".to_owned(),
        }];
    }
    let missing = LIMITS.iter().filter(|(_, controller, _)| !can_limit(info, controller));
    missing.map(|(_, _, words)| format!("WARNING: No {words} support")).collect()
}

fn text(info: &Info, layout: &Layout) -> String {
    let cgroups = info.cgroup_version.map_or_else(|| "none".to_owned(), |version| version.to_string());
    let delegated = match info.cgroup_controllers.is_empty() {
        true => "nothing".to_owned(),
        false => info.cgroup_controllers.join(" "),
    };
    let mut lines = vec![
        "Client: Coracle".to_owned(),
        format!(" Version:    {VERSION}"),
        String::new(),
        "Server:".to_owned(),
        format!(" Containers: {}", info.containers()),
        format!("  Running: {}", info.running),
        format!("  Paused: {}", info.paused),
        format!("  Stopped: {}", info.stopped),
        format!(" Images: {}", info.images),
        format!(" Server Version: {VERSION}"),
        format!(" Storage Driver: {}", info.driver.driver),
        format!("  Reason: {}", printable(&info.driver.reason)),
        format!(" Cgroup Driver: {}", info.cgroup_driver),
        format!(" Cgroup Version: {cgroups}"),
        format!("  Delegated: {delegated}"),
        " Security Options:".to_owned(),
        "  seccomp".to_owned(),
        "   Profile: builtin".to_owned(),
    ];
    lines.extend((info.uid != 0).then(|| "  rootless".to_owned()));
    lines.push(" User Namespace:".to_owned());
    lines.extend(map_lines("uid", info.uid, &info.uid_map));
    lines.extend(map_lines("gid", info.gid, &info.gid_map));
    lines.extend([
        format!(" Kernel Version: {}", info.kernel),
        format!(" Operating System: {}", info.operating_system),
        " OSType: linux".to_owned(),
        format!(" Architecture: {}", info.architecture),
        format!(" CPUs: {}", info.cpus),
        format!(" Total Memory: {}", size::binary(info.memory)),
        format!(" Name: {}", info.hostname),
        format!(" Docker Root Dir: {}", layout.data().display()),
        format!(" Run Dir: {}", layout.run().display()),
        String::new(),
    ]);
    lines.join("\n")
}

/// Which ids inside are which outside: the user is root, the user's ranges follow.
fn map_lines(kind: &str, own: u32, ranges: &[IdRange]) -> Vec<String> {
    let mut lines = vec![format!("  {kind} 0 -> {own}")];
    let mut inside = 1;
    for range in ranges {
        let last = (range.start + (range.count - 1), inside + u64::from(range.count - 1));
        lines.push(format!("  {kind} {inside}-{} -> {}-{}", last.1, range.start, last.0));
        inside += u64::from(range.count);
    }
    lines
}

fn document(info: &Info, layout: &Layout) -> Value {
    let mut security = vec!["name=seccomp,profile=builtin"];
    security.extend((info.uid != 0).then_some("name=rootless"));
    let mut document = json!({
        "Containers": info.containers(),
        "ContainersRunning": info.running,
        "ContainersPaused": info.paused,
        "ContainersStopped": info.stopped,
        "Images": info.images,
        "Driver": info.driver.driver.as_str(),
        "DriverStatus": [["Reason", info.driver.reason]],
        "CgroupDriver": info.cgroup_driver,
        "CgroupVersion": info.cgroup_version.map_or_else(String::new, |version| version.to_string()),
        "KernelVersion": info.kernel,
        "OperatingSystem": info.operating_system,
        "OSType": "linux",
        "Architecture": info.architecture,
        "NCPU": info.cpus,
        "MemTotal": info.memory,
        "DockerRootDir": layout.data().display().to_string(),
        "Name": info.hostname,
        "ServerVersion": VERSION,
        "SecurityOptions": security,
        "DefaultRuntime": "coracle",
        "Swarm": {"LocalNodeState": "inactive"},
        "ClientInfo": {"Version": VERSION},
        "Warnings": warnings(info),
    });
    for (name, controller, _) in LIMITS {
        document[name] = can_limit(info, controller).into();
    }
    document
}

/// What podman tells beside that, by its names in JSON.
fn podmans_document(info: &Info, layout: &Layout) -> Value {
    let map = |own: u32, ranges: &[IdRange]| {
        let mut inside: u64 = 1;
        let mut rows = vec![json!({"container_id": 0, "host_id": own, "size": 1})];
        for range in ranges {
            rows.push(json!({"container_id": inside, "host_id": range.start, "size": range.count}));
            inside += u64::from(range.count);
        }
        rows
    };
    json!({
        "host": {
            "arch": Platform::host().architecture,
            "cgroupControllers": info.cgroup_controllers,
            "cgroupManager": info.cgroup_driver,
            "cgroupVersion": info.cgroup_version.map_or_else(String::new, |version| format!("v{version}")),
            "cpus": info.cpus,
            "hostname": info.hostname,
            "idMappings": {
                "uidmap": map(info.uid, &info.uid_map),
                "gidmap": map(info.gid, &info.gid_map),
            },
            "kernel": info.kernel,
            "memTotal": info.memory,
            "os": "linux",
            "security": {"rootless": info.uid != 0, "seccompEnabled": true},
        },
        "store": {
            "containerStore": {
                "number": info.containers(),
                "paused": info.paused,
                "running": info.running,
                "stopped": info.stopped,
            },
            "graphDriverName": info.driver.driver.as_str(),
            "graphRoot": layout.data().display().to_string(),
            "imageStore": {"number": info.images},
            "runRoot": layout.run().display().to_string(),
            "volumePath": layout.volumes().display().to_string(),
        },
        "version": {"Version": VERSION, "OsArch": Platform::host().to_string()},
    })
}

/// The same with the names of podman's structures (libpod/define/info.go).
fn with_go_names(document: Value) -> Value {
    match document {
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (go_name(&name), with_go_names(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(with_go_names).collect(),
        other => other,
    }
}

fn go_name(name: &str) -> String {
    match name {
        "os" => "OS".to_owned(),
        "cpus" => "CPUs".to_owned(),
        "idMappings" => "IDMappings".to_owned(),
        "uidmap" => "UIDMap".to_owned(),
        "gidmap" => "GIDMap".to_owned(),
        "container_id" => "ContainerID".to_owned(),
        "host_id" => "HostID".to_owned(),
        "seccompEnabled" => "SECCOMPEnabled".to_owned(),
        _ => {
            let (first, rest) = name.split_at(1);
            first.to_uppercase() + rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_podmans_structures() {
        let document = json!({"host": {"os": "linux", "idMappings": {"uidmap": [{"container_id": 0}]}}});
        let named = json!({"Host": {"OS": "linux", "IDMappings": {"UIDMap": [{"ContainerID": 0}]}}});
        assert_eq!(with_go_names(document), named);
    }

    #[test]
    fn maps_are_shown_both_ways() {
        let ranges = [IdRange { start: 200_000, count: 65536 }, IdRange { start: 500_000, count: 10 }];
        assert_eq!(
            map_lines("uid", 1500, &ranges),
            ["  uid 0 -> 1500", "  uid 1-65536 -> 200000-265535", "  uid 65537-65546 -> 500000-500009"]
        );
        assert_eq!(map_lines("gid", 5, &[]), ["  gid 0 -> 5"]);
    }
}
