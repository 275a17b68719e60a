//! What `inspect` shows of a container: docker 28's document, key by key in docker's order.
//!
//! Pure: everything comes from the record, the image's configuration and the specification. What coracle
//! has not is there with docker's empty value, since programs read these keys without asking.

mod host;
mod mounts;
mod network;

use host::host_config;
pub use network::network;
use network::network_settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::changes::Sizes;
use super::logging;
use super::shift;
use crate::base::time;
use crate::oci::image::ContainerConfig;
use crate::store::containers::{Record, Source, State, Status};
use crate::store::driver::Driver;
use crate::store::health::Health;
use crate::store::layout::Layout;
use crate::store::options::{HealthOptions, MountKind, Notify, StartupOptions, Systemd};
use crate::store::volumes::{LOCAL, Volume};

/// Docker's time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What a container is shown with besides its record.
pub struct Context<'a> {
    pub layout: &'a Layout,
    /// The configuration of its image; the default one if that is gone.
    pub image: &'a ContainerConfig,
    /// The specification it runs by, if it can be read.
    pub spec: Option<&'a Value>,
    /// What its health check has found, if it has one.
    pub health: Option<&'a Health>,
    /// The ids of the executions that go on in it.
    pub executions: Vec<String>,
    /// The host name that was written down for it, which may be the host's or another container's.
    pub hostname: Option<&'a str>,
    /// Where its `hosts`, `hostname` and `resolv.conf` are, if they are another container's.
    pub names: Option<PathBuf>,
    /// Whether every process of it is stopped.
    pub paused: bool,
    /// How much room it takes, if that was asked for.
    pub sizes: Option<Sizes>,
}

/// The document of one container. Its state is shown as it is in the record: settle that before.
pub fn container(record: &Record, context: &Context) -> Value {
    let own = context.layout.container(&record.id);
    let file = |name: &str| context.names.as_ref().unwrap_or(&own).join(name).display().to_string();
    let (path, arguments) = record.command.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    let mut document = json!({
        "Id": record.id,
        "Created": record.created.to_string(),
        "Path": path,
        "Args": arguments,
        "State": state(&record.state, context.paused, context.health),
        "Image": match &record.source { Source::Image { id, .. } => id.to_string(), Source::Rootfs { .. } => String::new() },
        "ResolvConfPath": file("resolv.conf"),
        "HostnamePath": file("hostname"),
        "HostsPath": file("hosts"),
        "LogPath": logging::path(context.layout, record).map(|path| path.display().to_string()).unwrap_or_default(),
        "Name": format!("/{}", record.name),
        "RestartCount": record.state.restart_count,
        "Driver": record.driver.as_str(),
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": record.options.security.apparmor.as_deref().unwrap_or_default(),
        "ExecIDs": list_or_null(context.executions.clone()),
        "HostConfig": host_config(record, context.spec),
        "GraphDriver": graph_driver(record, context.layout),
        "SizeRw": context.sizes.map(|sizes| sizes.own),
        "SizeRootFs": context.sizes.map(|sizes| sizes.whole),
        "Mounts": mounts::points(&record.options.mounts, context.layout),
        "Config": config(record, context),
        "NetworkSettings": network_settings(record, context.layout),
    });
    leave_out_empty(&mut document, &["SizeRw", "SizeRootFs"]);
    document
}

/// The document of one volume, with docker's keys.
pub fn volume(volume: &Volume, data: &Path) -> Value {
    let map_or_null = |map: &BTreeMap<String, String>| if map.is_empty() { Value::Null } else { json!(map) };
    json!({
        "CreatedAt": time::rfc3339_local(volume.created),
        "Driver": LOCAL,
        "Labels": map_or_null(&volume.labels),
        "Mountpoint": data.display().to_string(),
        "Name": volume.name,
        "Options": map_or_null(&volume.options),
        "Scope": LOCAL,
    })
}

fn state(state: &State, paused: bool, health: Option<&Health>) -> Value {
    let time = |time: Option<Timestamp>| time.map_or_else(|| NEVER.to_owned(), |time| time.to_string());
    let mut shown = json!({
        "Status": if paused { "paused" } else { state.status.as_str() },
        "Running": matches!(state.status, Status::Running | Status::Restarting),
        "Paused": paused,
        "Restarting": state.status == Status::Restarting,
        "OOMKilled": state.oom_killed,
        "Dead": false,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": time(state.started_at),
        "FinishedAt": time(state.finished_at),
    });
    if let Some(health) = health {
        shown["Health"] = json!(health);
    }
    shown
}

/// Docker's `Healthcheck` of a container's configuration, with what it leaves out.
fn healthcheck(options: &HealthOptions) -> Value {
    let numbers = [
        ("Interval", options.interval),
        ("Timeout", options.timeout),
        ("StartPeriod", options.start_period),
        ("StartInterval", options.start_interval),
        ("Retries", u64::from(options.retries)),
    ];
    check(&options.test, &numbers)
}

/// Podman's `StartupHealthCheck`.
fn startup_check(options: &StartupOptions) -> Value {
    let numbers = [
        ("Interval", options.interval),
        ("Timeout", options.timeout),
        ("Retries", u64::from(options.retries)),
        ("Successes", u64::from(options.successes)),
    ];
    check(&options.test, &numbers)
}

fn check(test: &[String], numbers: &[(&str, u64)]) -> Value {
    let mut shown = json!({"Test": test});
    for (key, value) in numbers.iter().filter(|(_, value)| *value != 0) {
        shown[*key] = (*value).into();
    }
    shown
}

fn graph_driver(record: &Record, layout: &Layout) -> Value {
    let Source::Image { .. } = &record.source else { return json!({"Data": null, "Name": "none"}) };
    if record.driver == Driver::Vfs {
        return json!({"Data": null, "Name": record.driver.as_str()});
    }
    let directory = layout.container(&record.id);
    let path = |path: &Path| path.display().to_string();
    let lower: Vec<_> =
        shift::layer_names(record).iter().rev().map(|name| path(&layout.layers().join(name))).collect();
    json!({
        "Data": {
            "LowerDir": lower.join(":"),
            "MergedDir": path(&directory.join("rootfs")),
            "UpperDir": path(&directory.join("upper")),
            "WorkDir": path(&directory.join("work")),
        },
        "Name": record.driver.as_str(),
    })
}

fn config(record: &Record, context: &Context) -> Value {
    let (options, image) = (&record.options, context.image);
    let hostname = options.hostname.as_deref().or(context.hostname);
    let exposed: Map<String, Value> = image
        .exposed_ports
        .keys()
        .cloned()
        .chain(options.expose.iter().cloned())
        .chain(
            options.publish.iter().map(|port| format!("{}/{}", port.container_port, port.protocol.as_str())),
        )
        .map(|port| (port, json!({})))
        .collect();
    let anonymous =
        options.mounts.iter().filter(|m| matches!(m.kind, MountKind::Volume { anonymous: true, .. }));
    let volumes: Map<String, Value> = image
        .volumes
        .keys()
        .cloned()
        .chain(anonymous.map(|m| m.target.clone()))
        .map(|v| (v, json!({})))
        .collect();
    let entrypoint = options.entrypoint.as_ref().unwrap_or(&image.entrypoint);
    // A new entry point makes the image's command meaningless.
    let default_command = if options.entrypoint.is_some() { &[][..] } else { &image.cmd[..] };
    let command = if options.command.is_empty() { default_command } else { &options.command[..] };
    let labels: BTreeMap<_, _> = image.labels.iter().chain(&options.labels).collect();
    let mut config = json!({
        "Hostname": hostname.unwrap_or(&record.id[..12]),
        "Domainname": options.domainname.as_deref().unwrap_or_default(),
        "User": options.user.as_deref().unwrap_or(&image.user),
        "AttachStdin": options.attached.stdin,
        "AttachStdout": options.attached.stdout,
        "AttachStderr": options.attached.stderr,
        "ExposedPorts": exposed,
        "Tty": options.tty,
        "OpenStdin": options.stdin_open,
        // Docker closes the input of a container when the one client that has it goes.
        "StdinOnce": options.stdin_open && options.attached.stdin,
        "Env": environment(&image.env, &options.env),
        "Cmd": list_or_null(command.to_vec()),
        "Healthcheck": options.health.as_ref().map(healthcheck),
        "StartupHealthCheck": options.health.as_ref().and_then(|health| health.startup.as_ref()).map(startup_check),
        "Image": options.image,
        "Volumes": if volumes.is_empty() { Value::Null } else { volumes.into() },
        "WorkingDir": options.workdir.as_deref().unwrap_or(&image.working_dir),
        "Entrypoint": list_or_null(entrypoint.clone()),
        "OnBuild": list_or_null(image.on_build.clone()),
        "Labels": labels,
        "StopSignal": options.stop_signal.as_deref().unwrap_or(&image.stop_signal),
        "StopTimeout": options.stop_timeout,
        "SystemdMode": (options.systemd == Systemd::Always).then_some(true),
        "sdNotifyMode": (options.notify != Notify::default()).then(|| options.notify.as_str()),
        "Shell": list_or_null(image.shell.clone()),
    });
    leave_out_empty(
        &mut config,
        &[
            "Healthcheck",
            "StartupHealthCheck",
            "ExposedPorts",
            "StopSignal",
            "StopTimeout",
            "SystemdMode",
            "sdNotifyMode",
            "Shell",
        ],
    );
    config
}

/// The image's variables, then the container's: one of the same name takes the place of the image's.
fn environment(image: &[String], own: &[String]) -> Vec<String> {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let mut all = image.to_vec();
    for variable in own {
        match all.iter_mut().find(|other| name(other) == name(variable)) {
            Some(other) => other.clone_from(variable),
            None => all.push(variable.clone()),
        }
    }
    all
}

/// Go's empty slice is `null`.
pub fn list_or_null<T: Into<Value>>(list: Vec<T>) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
}

fn append(document: &mut Value, more: Value) {
    if let (Value::Object(document), Value::Object(more)) = (document, more) {
        document.extend(more);
    }
}

/// Go's `omitempty`.
pub fn leave_out_empty(document: &mut Value, keys: &[&str]) {
    let Value::Object(document) = document else { return };
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(array) => array.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    };
    document.retain(|key, value| !(keys.contains(&key.as_str()) && is_empty(value)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::paths::Roots;
    use crate::store::options::Protocol;
    use crate::store::options::{ContainerOptions, PortMapping};

    fn record(options: ContainerOptions) -> Record {
        Record {
            version: 1,
            id: "ab".repeat(32),
            name: "web".to_owned(),
            created: "2024-05-01T10:00:00Z".parse().unwrap(),
            source: Source::Rootfs { path: "/srv".into() },
            driver: Driver::default(),
            command: vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()],
            state: State::default(),
            ports: Vec::new(),
            endpoints: Vec::new(),
            maps: None,
            options,
        }
    }

    fn shown(record: &Record, image: &ContainerConfig) -> Value {
        let layout = Layout::new(Roots { data: "/data".into(), run: "/run".into() });
        container(
            record,
            &Context {
                layout: &layout,
                image,
                spec: None,
                health: None,
                executions: Vec::new(),
                hostname: None,
                names: None,
                paused: false,
                sizes: None,
            },
        )
    }

    #[test]
    fn keys_are_dockers_in_dockers_order() {
        let document = shown(&record(ContainerOptions::default()), &ContainerConfig::default());
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            keys(&document),
            "Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount \
             Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver Mounts Config \
             NetworkSettings"
        );
        assert_eq!(
            keys(&document["Config"]),
            "Hostname Domainname User AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Env Cmd Image \
             Volumes WorkingDir Entrypoint OnBuild Labels"
        );
        assert!(keys(&document["HostConfig"]).ends_with(
            "Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth MaskedPaths ReadonlyPaths"
        ));
        assert_eq!(document["State"]["StartedAt"], NEVER);
        assert_eq!((&document["Path"], &document["Args"]), (&json!("sh"), &json!(["-c", "true"])));
    }

    #[test]
    fn options_win_over_the_image() {
        let image = ContainerConfig {
            env: vec!["PATH=/bin".to_owned(), "A=1".to_owned()],
            cmd: vec!["sh".to_owned()],
            labels: [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())].into(),
            ..ContainerConfig::default()
        };
        let options = ContainerOptions {
            env: vec!["A=2".to_owned(), "B=3".to_owned()],
            labels: [("a".to_owned(), "9".to_owned())].into(),
            entrypoint: Some(vec!["/run".to_owned()]),
            ..ContainerOptions::default()
        };
        let config = &shown(&record(options), &image)["Config"];
        assert_eq!(config["Env"], json!(["PATH=/bin", "A=2", "B=3"]));
        assert_eq!(config["Labels"], json!({"a": "9", "b": "2"}));
        assert_eq!((&config["Entrypoint"], &config["Cmd"]), (&json!(["/run"]), &Value::Null));
    }

    #[test]
    fn ports() {
        let port = PortMapping {
            host_ip: None,
            host_port: 8080,
            host_port_last: None,
            container_port: 80,
            protocol: Protocol::Tcp,
        };
        let options = ContainerOptions {
            publish: vec![port.clone(), PortMapping { host_port: 0, ..port }],
            ..ContainerOptions::default()
        };
        let document = shown(&record(options), &ContainerConfig::default());
        assert_eq!(
            document["HostConfig"]["PortBindings"],
            json!({"80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "", "HostPort": ""}]})
        );
    }
}
