//! What `inspect` shows of what a container was asked to be: docker's `HostConfig`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::{append, leave_out_empty, list_or_null, mounts};
use crate::engine::list::network_name;
use crate::store::containers::Record;
use crate::store::options::{
    ContainerOptions, DeviceOption, Link, NamespaceMode, NetworkMode, PortMapping, Ulimit,
};
use crate::store::resources::{Groups, Throttle};

/// Docker's default size of `/dev/shm`.
const SHM_SIZE: u64 = 64 << 20;

/// The document of what was asked for.
pub fn host_config(record: &Record, spec: Option<&Value>) -> Value {
    let options = &record.options;
    let mut config = json!({
        "Binds": list_or_null(mounts::binds(&options.mounts)),
        "ContainerIDFile": options.cidfile.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        "LogConfig": {"Type": options.log.driver.as_str(), "Config": options.log.options},
        "NetworkMode": network_mode(&options.network),
        "PortBindings": port_bindings(&options.publish),
        "RestartPolicy": {"Name": options.restart.as_str(), "MaximumRetryCount": options.restart.retries()},
        "AutoRemove": options.auto_remove,
        "VolumeDriver": options.volume_driver.as_deref().unwrap_or_default(),
        "VolumesFrom": list_or_null(options.volumes_from.clone()),
        "ConsoleSize": [0, 0],
        "Annotations": options.annotations,
        "CapAdd": list_or_null(prefixed(&options.cap_add)),
        "CapDrop": list_or_null(prefixed(&options.cap_drop)),
        "CgroupnsMode": namespace_mode(&options.namespaces.cgroup, "private"),
        "Dns": options.dns,
        "DnsOptions": options.dns_options,
        "DnsSearch": options.dns_search,
        "ExtraHosts": list_or_null(options.extra_hosts.clone()),
        "GroupAdd": list_or_null(options.group_add.clone()),
        "IpcMode": namespace_mode(&options.namespaces.ipc, "private"),
        "Cgroup": "",
        "Links": list_or_null(links(record)),
        "OomScoreAdj": options.oom_score_adj.unwrap_or(0),
        "PidMode": namespace_mode(&options.namespaces.pid, ""),
        "Privileged": options.privileged,
        "PublishAllPorts": options.publish_all,
        "ReadonlyRootfs": options.read_only,
        "SecurityOpt": list_or_null(options.security.raw.clone()),
        "Tmpfs": mounts::tmpfs(&options.mounts),
        "UTSMode": namespace_mode(&options.namespaces.uts, ""),
        "UsernsMode": options.userns.raw,
        "ShmSize": options.shm_size.unwrap_or(SHM_SIZE),
        "Sysctls": options.sysctls,
        "Runtime": "coracle",
        "Isolation": "",
    });
    append(&mut config, limits(options));
    append(
        &mut config,
        json!({
            "Mounts": list_or_null(mounts::long(&options.mounts)),
            "MaskedPaths": spec.map_or(Value::Null, |spec| spec["linux"]["maskedPaths"].clone()),
            "ReadonlyPaths": spec.map_or(Value::Null, |spec| spec["linux"]["readonlyPaths"].clone()),
            "Init": options.init.then_some(true),
        }),
    );
    // What docker leaves out when it is empty.
    leave_out_empty(&mut config, &["Annotations", "Cgroups", "Tmpfs", "Sysctls", "Mounts", "Init"]);
    config
}

/// What a container may take, of control groups, of setrlimit(2) and of devices.
fn limits(options: &ContainerOptions) -> Value {
    let resources = &options.resources;
    json!({
        "CpuShares": resources.cpu_shares,
        "Memory": resources.memory,
        "NanoCpus": resources.nano_cpus,
        "CgroupParent": resources.parent,
        "Cgroups": (resources.groups != Groups::Needed).then(|| resources.groups.as_str()),
        "BlkioWeight": resources.blkio_weight,
        "BlkioWeightDevice": resources.device_weights.iter().map(weight).collect::<Vec<_>>(),
        "BlkioDeviceReadBps": throttles(&resources.read_bps),
        "BlkioDeviceWriteBps": throttles(&resources.write_bps),
        "BlkioDeviceReadIOps": throttles(&resources.read_iops),
        "BlkioDeviceWriteIOps": throttles(&resources.write_iops),
        "CpuPeriod": resources.cpu_period,
        "CpuQuota": resources.cpu_quota,
        "CpuRealtimePeriod": 0,
        "CpuRealtimeRuntime": 0,
        "CpusetCpus": resources.cpuset_cpus,
        "CpusetMems": resources.cpuset_mems,
        "Devices": options.devices.iter().map(device).collect::<Vec<_>>(),
        "DeviceCgroupRules": null,
        "DeviceRequests": null,
        "MemoryReservation": resources.memory_reservation,
        "MemorySwap": resources.memory_swap,
        "MemorySwappiness": null,
        "OomKillDisable": null,
        "PidsLimit": resources.pids_limit.filter(|limit| *limit != 0),
        "Ulimits": options.ulimits.iter().map(ulimit).collect::<Vec<_>>(),
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    })
}

fn throttles(all: &[Throttle]) -> Vec<Value> {
    let shown =
        |throttle: &Throttle| json!({"Path": throttle.device.display().to_string(), "Rate": throttle.rate});
    all.iter().map(shown).collect()
}

fn weight(of: &Throttle) -> Value {
    json!({"Path": of.device.display().to_string(), "Weight": of.rate})
}

fn device(device: &DeviceOption) -> Value {
    json!({
        "PathOnHost": device.source.display().to_string(),
        "PathInContainer": device.target,
        "CgroupPermissions": device.permissions,
    })
}

fn ulimit(ulimit: &Ulimit) -> Value {
    // Docker's word for unlimited is -1.
    let limit = |limit: u64| i64::try_from(limit).unwrap_or(-1);
    json!({"Name": ulimit.name, "Hard": limit(ulimit.hard), "Soft": limit(ulimit.soft)})
}

/// Docker's word for a mode; `private` is what it has for a namespace of the container's own.
pub fn namespace_mode(mode: &NamespaceMode, private: &str) -> String {
    match mode {
        NamespaceMode::Private => private.to_owned(),
        NamespaceMode::Host => "host".to_owned(),
        NamespaceMode::Container { id } => format!("container:{id}"),
        NamespaceMode::Shareable => "shareable".to_owned(),
        NamespaceMode::None => "none".to_owned(),
    }
}

/// The network as docker names it.
pub fn network_mode(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::Slirp4netns { options } if !options.is_empty() => {
            format!("slirp4netns:{}", options.join(","))
        }
        NetworkMode::Pasta { options } if !options.is_empty() => format!("pasta:{}", options.join(",")),
        mode => network_name(mode),
    }
}

/// As docker shows them: the other by its name, and this one's name for it.
pub fn links(record: &Record) -> Vec<String> {
    let shown = |link: &Link| format!("/{}:/{}/{}", link.name, record.name, link.alias);
    record.options.links.iter().map(shown).collect()
}

/// Ports by what the container calls them, as they were asked for.
pub fn port_bindings(ports: &[PortMapping]) -> Map<String, Value> {
    bindings(ports, |port| vec![port.host_ip.map(|ip| ip.to_string()).unwrap_or_default()])
}

/// The same with every address of the host that they are open at.
pub fn open_ports(ports: &[PortMapping]) -> Map<String, Value> {
    bindings(ports, |port| port.host_ips().iter().map(IpAddr::to_string).collect())
}

fn bindings(ports: &[PortMapping], host_ips: impl Fn(&PortMapping) -> Vec<String>) -> Map<String, Value> {
    let mut bindings = Map::new();
    for port in ports {
        let key = format!("{}/{}", port.container_port, port.protocol.as_str());
        let own = host_ips(port).into_iter();
        let own = own.map(|host_ip| json!({"HostIp": host_ip, "HostPort": port.host_ports()}));
        if let Value::Array(all) = bindings.entry(key).or_insert_with(|| json!([])) {
            all.extend(own);
        }
    }
    bindings.sort_keys();
    bindings
}

/// Capabilities by their full names.
pub fn prefixed(capabilities: &[String]) -> Vec<String> {
    let name = |name: &String| if name == "ALL" { name.clone() } else { format!("CAP_{name}") };
    capabilities.iter().map(name).collect()
}
