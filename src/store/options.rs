//! What the user asked of a container, as it is kept in its record: the flags of `create` and `run`,
//! checked and with every name resolved, before they meet the image's configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use super::accounts::AccountOptions;
pub use super::health::{HealthOptions, OnUnhealthy, StartupOptions};
pub use super::mounts::{MountKind, MountOption};
use super::resources::ResourceOptions;
use super::userns::UsernsMode;
pub use super::userns::UsernsOptions;
pub use crate::base::network::Attachment;
pub use crate::base::port::{PortMapping, Protocol};

/// The flags of `create` and `run` that describe the container. What only concerns the command itself
/// (`--detach`, `--pull`, `--cidfile`, `--name`) is not here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerOptions {
    /// The image as the user wrote it; empty with `rootfs`.
    pub image: String,
    /// `--rootfs`: a directory instead of an image.
    pub rootfs: Option<PathBuf>,
    /// The command after the image name; empty takes the image's.
    pub command: Vec<String>,
    /// `--entrypoint`; an empty list (from `--entrypoint ""`) clears the image's.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value`, from `--env-file` then `-e`, with `-e NAME` already looked up.
    pub env: Vec<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    /// `name|uid[:group|gid]`, as written.
    pub user: Option<String>,
    pub group_add: Vec<String>,
    pub workdir: Option<String>,
    pub tty: bool,
    /// `-i`: standard input is kept open.
    pub stdin_open: bool,
    /// `--rm`.
    pub auto_remove: bool,
    /// `--restart`; `update` may change it later.
    pub restart: RestartPolicy,
    /// `--health-*`; once the container is made, with what the image says.
    pub health: Option<HealthOptions>,
    /// `--timeout`: seconds until a run is killed; 0 sets no limit.
    pub timeout: u64,
    pub init: bool,
    pub read_only: bool,
    pub privileged: bool,
    /// Names without `CAP_`, upper case; `ALL` is kept as it is.
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security: SecurityOptions,
    pub mounts: Vec<MountOption>,
    /// `--volumes-from`, as written; what they bring is among the mounts once the container is made.
    pub volumes_from: Vec<String>,
    pub volume_driver: Option<String>,
    pub network: NetworkMode,
    pub dns: Vec<IpAddr>,
    pub dns_search: Vec<String>,
    pub dns_options: Vec<String>,
    /// `name:address`; the address may be `host-gateway`.
    pub extra_hosts: Vec<String>,
    pub publish: Vec<PortMapping>,
    /// `--expose`, as `port/protocol`.
    pub expose: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// `--stop-signal`, as written.
    pub stop_signal: Option<String>,
    /// Seconds; negative waits for ever.
    pub stop_timeout: Option<i64>,
    /// `name=value` pairs of `--sysctl`.
    pub sysctls: BTreeMap<String, String>,
    pub ulimits: Vec<Ulimit>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    pub oom_score_adj: Option<i32>,
    /// Host devices bound into `/dev`.
    pub devices: Vec<DeviceOption>,
    /// `os/arch[/variant]`, as written.
    pub platform: Option<String>,
    /// `--cidfile`, only for `inspect`.
    pub cidfile: Option<PathBuf>,
    /// `--detach-keys`, as written.
    pub detach_keys: Option<String>,
    pub namespaces: NamespaceModes,
    pub environment_rules: EnvironmentRules,
    /// `-P`: every exposed port is published, on a port that is picked at each start.
    pub publish_all: bool,
    /// Six bytes in hexadecimal.
    pub mac_address: Option<String>,
    /// The host's file that becomes `/etc/localtime`.
    pub timezone: Option<PathBuf>,
    pub umask: Option<u32>,
    /// Which of `hosts` and `hostname` in `/etc` stay as the image has them.
    pub image_files: Vec<String>,
    /// Absolute paths for the ids of the container's first process and of its supervisor.
    pub pidfile: Option<PathBuf>,
    pub supervisor_pidfile: Option<PathBuf>,
    /// `--userns` and what belongs to it.
    pub userns: UsernsOptions,
    #[serde(skip_serializing_if = "AccountOptions::is_default")]
    pub accounts: AccountOptions,
    pub log: LogOptions,
    pub attached: Attached,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretOption>,
    /// What `/etc/hosts` begins with, if not as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts_file: Option<HostsFile>,
    /// `--image-volume`.
    #[serde(skip_serializing_if = "ImageVolumes::is_usual")]
    pub image_volumes: ImageVolumes,
    /// `--init-path`: a program of the host that is the container's init.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_path: Option<PathBuf>,
    /// `--chrootdirs`: directories in the container whose `etc` has the container's host names too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chroot_dirs: Vec<String>,
    /// `--memory` and the like.
    #[serde(skip_serializing_if = "ResourceOptions::is_default")]
    pub resources: ResourceOptions,
    /// `--link`: names by which this container alone knows others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// `--requires`: the ids of containers that are started before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// `--sdnotify`.
    #[serde(skip_serializing_if = "Notify::is_usual")]
    pub notify: Notify,
    /// `--systemd`; once the container is made, whether it runs systemd.
    #[serde(skip_serializing_if = "Systemd::is_usual")]
    pub systemd: Systemd,
}

impl ContainerOptions {
    /// The first container whose network, processes, memory or names are shared.
    pub fn donor(&self) -> Option<&str> {
        if let NetworkMode::Container { id } = &self.network {
            return Some(id);
        }
        let modes = [&self.namespaces.pid, &self.namespaces.ipc, &self.namespaces.uts];
        modes.into_iter().find_map(|mode| match mode {
            NamespaceMode::Container { id } => Some(id.as_str()),
            _ => None,
        })
    }

    /// The ids of the containers that this one cannot be without, as often as it needs each.
    pub fn needed(&self) -> Vec<&str> {
        let modes = [&self.namespaces.pid, &self.namespaces.ipc, &self.namespaces.uts];
        let shared = modes.into_iter().filter_map(|mode| match mode {
            NamespaceMode::Container { id } => Some(id.as_str()),
            _ => None,
        });
        let network = match &self.network {
            NetworkMode::Container { id } => Some(id.as_str()),
            _ => None,
        };
        let users = match &self.userns.mode {
            UsernsMode::Container { id } => Some(id.as_str()),
            _ => None,
        };
        shared.chain(network).chain(users).chain(self.requires.iter().map(String::as_str)).collect()
    }

    /// The names of the volumes that belong to this container alone.
    pub fn anonymous_volumes(&self) -> Vec<String> {
        let name = |mount: &MountOption| match &mount.kind {
            MountKind::Volume { name, anonymous: true, .. } => Some(name.clone()),
            _ => None,
        };
        self.mounts.iter().filter_map(name).collect()
    }
}

/// `--sdnotify`: who tells systemd, where that waits for it (`NOTIFY_SOCKET`), that the container is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    /// The program itself.
    #[default]
    Container,
    /// The supervisor, once the program runs.
    Conmon,
    /// The supervisor, once the container is healthy.
    Healthy,
    /// Nobody.
    Ignore,
}

impl Notify {
    fn is_usual(&self) -> bool {
        *self == Self::Container
    }

    /// Podman's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Conmon => "conmon",
            Self::Healthy => "healthy",
            Self::Ignore => "ignore",
        }
    }
}

/// `--systemd`: whether the program is systemd, or another manager that needs the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Systemd {
    /// If its name says so; of a container that is made, that it did not.
    #[default]
    ByName,
    Always,
    Never,
}

impl Systemd {
    fn is_usual(&self) -> bool {
        *self == Self::ByName
    }
}

/// `--hosts-file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostsFile {
    Empty,
    /// An absolute path of the host, read at each start.
    File(PathBuf),
}

/// What becomes of the volumes that an image declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageVolumes {
    #[default]
    Anonymous,
    Tmpfs,
    Ignore,
}

impl ImageVolumes {
    fn is_usual(&self) -> bool {
        *self == Self::Anonymous
    }
}

/// `--restart`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum RestartPolicy {
    #[default]
    No,
    /// At most `retries` times; 0 sets no limit.
    OnFailure {
        retries: u32,
    },
    Always,
    UnlessStopped,
}

impl RestartPolicy {
    /// Docker's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::OnFailure { .. } => "on-failure",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
        }
    }

    /// Docker's `MaximumRetryCount`.
    pub fn retries(self) -> u32 {
        match self {
            Self::OnFailure { retries } => retries,
            Self::No | Self::Always | Self::UnlessStopped => 0,
        }
    }
}

/// The streams that the command which made the container took part in, only for `inspect`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attached {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

impl Default for Attached {
    /// What docker's `create` says without further flags.
    fn default() -> Self {
        Self { stdin: false, stdout: true, stderr: true }
    }
}

/// `--pid`, `--ipc`, `--uts`, `--cgroupns`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceModes {
    pub pid: NamespaceMode,
    pub ipc: NamespaceMode,
    pub uts: NamespaceMode,
    pub cgroup: NamespaceMode,
}

/// Whose a namespace is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum NamespaceMode {
    /// The container's own.
    #[default]
    Private,
    /// The host's: no other than what the engine itself is in.
    Host,
    /// That of another container.
    Container { id: String },
    /// `--ipc` only: the container's own, and others may join it.
    Shareable,
    /// `--ipc` only: the container's own, without `/dev/shm`.
    None,
}

impl NamespaceMode {
    /// Whether the container gets a new one.
    pub fn is_own(&self) -> bool {
        !matches!(self, Self::Host | Self::Container { .. })
    }
}

/// What the user wants of the image's variables, beside setting their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvironmentRules {
    /// `--unsetenv`: names.
    pub unset: Vec<String>,
    /// `--unsetenv-all`.
    pub unset_all: bool,
    /// `--env-merge`: `NAME=value`, with `${NAME}` for what the image has.
    pub merge: Vec<String>,
}

/// `--secret`: which one, never what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretOption {
    /// Its name, or as written until the container is made.
    pub name: String,
    #[serde(flatten)]
    pub used: SecretUse,
}

/// How a container is shown a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SecretUse {
    /// A file; a relative target is beneath `/run/secrets`.
    File { target: String, uid: u32, gid: u32, mode: u32 },
    /// A variable of this name.
    Variable { target: String },
}

/// `--log-driver` and `--log-opt`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogOptions {
    pub driver: LogDriver,
    /// As written.
    pub options: BTreeMap<String, String>,
}

/// What becomes of a container's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    #[default]
    JsonFile,
    K8sFile,
    /// Docker's own format, which nobody else reads: kept as `json-file`, with docker's limits.
    Local,
    Journald,
    None,
    /// The container has the streams of the command that starts it.
    Passthrough,
}

impl LogDriver {
    pub const ALL: [Self; 6] =
        [Self::JsonFile, Self::K8sFile, Self::Local, Self::Journald, Self::None, Self::Passthrough];

    /// The word of `--log-driver`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonFile => "json-file",
            Self::K8sFile => "k8s-file",
            Self::Local => "local",
            Self::Journald => "journald",
            Self::None => "none",
            Self::Passthrough => "passthrough",
        }
    }
}

/// `--security-opt`, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityOptions {
    pub no_new_privileges: bool,
    pub seccomp: Seccomp,
    /// `apparmor=PROFILE`; `unconfined` is kept as written.
    pub apparmor: Option<String>,
    /// `systempaths=unconfined` or `unmask=ALL`: nothing masked, nothing read-only.
    pub unmask_all: bool,
    /// `mask=PATH[:PATH]`.
    pub mask: Vec<String>,
    /// `unmask=PATH[:PATH]`.
    pub unmask: Vec<String>,
    /// The options as written, in order, for `inspect`.
    pub raw: Vec<String>,
}

/// `--security-opt seccomp=…`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seccomp {
    /// The built-in profile.
    #[default]
    Default,
    /// No filter.
    Unconfined,
    /// A profile in docker's JSON format: its text, read when the container was created.
    Profile(String),
}

/// `--link name[:alias]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other container's id; its name as written until it is looked up.
    pub container: String,
    /// The name that the other had then.
    pub name: String,
    pub alias: String,
}

/// `--network`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum NetworkMode {
    /// What the engine picks when the user said nothing.
    #[default]
    Default,
    None,
    Host,
    /// A private user-mode stack, with slirp4netns' options as written.
    Slirp4netns {
        options: Vec<String>,
    },
    /// The same by pasta, with its options as written.
    Pasta {
        options: Vec<String>,
    },
    /// Places on bridges.
    Bridge {
        networks: Vec<Attachment>,
    },
    /// The network namespace of another container.
    Container {
        id: String,
    },
    /// A network namespace that somebody else has made.
    Path {
        path: PathBuf,
    },
}

/// `--ulimit name=soft[:hard]`; `u64::MAX` is unlimited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Lower case without `RLIMIT_`, e.g. `nofile`.
    pub name: String,
    pub soft: u64,
    pub hard: u64,
}

/// `--device host[:container[:rwm]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOption {
    pub source: PathBuf,
    pub target: String,
    pub permissions: String,
}
