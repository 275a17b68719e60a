//! The flags of `create` and `run`, and how they become the options of a container's record.
//!
//! What docker checks while it reads a flag is a `value_parser` here; what it checks afterwards is in
//! [`CreateFlags::into_options`]. Messages are docker's.

pub mod accounts;
mod convert;
mod csv;
mod defaults;
pub mod health;
pub mod limits;
pub mod logging;
pub mod mount;
pub mod mounts;
pub mod namespaces;
pub mod network;
pub mod podman;
pub mod ports;
pub mod resources;
pub mod restart;
pub mod secrets;
pub mod security;
pub mod userns;
pub mod variables;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use anyhow::{Result, bail};
use convert::{seconds, volumes_from};

use super::flags::parse_integer;
use super::registry::RegistryFlags;
use crate::store::options::{DeviceOption, Link, LogDriver, SecretOption, Ulimit, UsernsOptions};
use crate::store::resources::ManagerName;
use crate::store::userns::MapFlag;

/// The value of `--group-add` that stands for the caller's own groups.
const KEEP_GROUPS: &str = "keep-groups";

/// Flags that describe a container.
#[derive(clap::Args)]
pub struct CreateFlags {
    /// Add a line to /etc/hosts: name:address, or name:host-gateway
    #[arg(long, value_name = "host:ip", value_parser = network::extra_host)]
    add_host: Vec<String>,
    /// Add an annotation to the container's specification
    #[arg(long, value_name = "key=value", value_parser = variables::annotation)]
    annotation: Vec<(String, String)>,
    /// Add a Linux capability
    #[arg(long, value_name = "capability")]
    cap_add: Vec<String>,
    /// Drop a Linux capability
    #[arg(long, value_name = "capability")]
    cap_drop: Vec<String>,
    /// Write the container's id to a file that must not exist yet
    #[arg(long, value_name = "file")]
    pub cidfile: Option<PathBuf>,
    /// The keys that detach from the container's terminal
    #[arg(long, value_name = "keys")]
    detach_keys: Option<String>,
    /// Make a device of the host available: host[:container[:rwm]]
    #[arg(long, value_name = "device", value_parser = resources::device)]
    device: Vec<DeviceOption>,
    /// Skip checks of signatures, which are never made (default true)
    #[arg(long, default_value_t = true, action = clap::ArgAction::SetTrue, hide = true)]
    disable_content_trust: bool,
    /// Use a name server
    #[arg(long, value_name = "ip", value_parser = network::address)]
    dns: Vec<IpAddr>,
    /// Set an option of the resolver
    #[arg(long, value_name = "option", visible_alias = "dns-opt")]
    dns_option: Vec<String>,
    /// Search a domain for short host names
    #[arg(long, value_name = "domain", value_parser = network::search_domain)]
    dns_search: Vec<String>,
    /// The container's NIS domain name
    #[arg(long, value_name = "name")]
    domainname: Option<String>,
    /// Run this instead of the image's entry point; an empty one clears it
    #[arg(long, value_name = "program")]
    entrypoint: Option<String>,
    /// Set a variable; without a value, pass ours on
    #[arg(long, short, value_name = "name=value", value_parser = variables::variable)]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "file")]
    env_file: Vec<PathBuf>,
    /// Note that the container listens on a port or a range of ports
    #[arg(long, value_name = "port")]
    expose: Vec<String>,
    /// Map group ids: [+]container:[@]host[:count]
    #[arg(long, value_name = "map", value_parser = userns::map)]
    gidmap: Vec<MapFlag>,
    /// Add a supplementary group; keep-groups keeps yours
    #[arg(long, value_name = "group")]
    group_add: Vec<String>,
    #[command(flatten)]
    health: health::HealthFlags,
    /// The container's host name
    #[arg(long, short = 'h', value_name = "name")]
    hostname: Option<String>,
    /// Run a small init inside, which passes signals on and reaps processes
    #[arg(long)]
    init: bool,
    /// Keep standard input open
    #[arg(long, short)]
    interactive: bool,
    /// How the container is kept apart: default, the only way on Linux
    #[arg(long, value_name = "technology", hide = true)]
    isolation: Option<String>,
    /// Set a label
    #[arg(long, short, value_name = "key=value", value_parser = variables::label)]
    label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "file")]
    label_file: Vec<PathBuf>,
    /// Where the container's output is kept: json-file, k8s-file, local, journald, none or passthrough
    #[arg(long, value_name = "driver", value_parser = logging::driver)]
    log_driver: Option<LogDriver>,
    /// Set an option of the log driver: max-size=, max-file=, compress=, mode=, max-buffer-size=, labels=, env=, tag= or path=
    #[arg(long, value_name = "name=value")]
    log_opt: Vec<String>,
    /// The container's IPv4 address on its network
    #[arg(long, value_name = "ip")]
    ip: Option<Ipv4Addr>,
    /// The container's IPv6 address on its network
    #[arg(long, value_name = "ip")]
    ip6: Option<Ipv6Addr>,
    /// The hardware address of the container's network interface
    #[arg(long, value_name = "address", value_parser = network::mac_address)]
    mac_address: Option<String>,
    /// Give another container that runs a name that this one knows: NAME[:ALIAS]
    #[arg(long, value_name = "link", value_parser = network::link)]
    link: Vec<Link>,
    /// Mount something: type=bind|volume|tmpfs|image|glob|devpts|ramfs,source=PATH,target=PATH[,readonly]
    #[arg(long, value_name = "mount", value_parser = mount::mounts)]
    mount: Vec<mount::Mounts>,
    /// The container's name
    #[arg(long, value_name = "name")]
    pub name: Option<String>,
    /// The container's network: the name of one or several, each with
    /// :alias=NAME,ip=ADDRESS,mac=ADDRESS,keep_source=false; or none,
    /// host, slirp4netns[:options], pasta[:options], container:NAME or ns:PATH
    #[arg(long, value_name = "network", visible_alias = "net")]
    network: Vec<String>,
    /// Another name for the container on its network
    #[arg(long, value_name = "name", visible_alias = "net-alias")]
    network_alias: Vec<String>,
    /// How readily the kernel kills the container when memory is short, -1000 to 1000
    #[arg(long, value_name = "n", value_parser = parse_integer)]
    oom_score_adj: Option<i64>,
    /// The platform of the image: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    pub platform: Option<String>,
    /// Give every privilege that the user has
    #[arg(long)]
    privileged: bool,
    /// Publish a port: [[ip:]host:]container[/protocol], also ranges
    #[arg(long, short, value_name = "ports")]
    publish: Vec<String>,
    /// Publish every exposed port on a port that is free
    #[arg(long, short = 'P')]
    publish_all: bool,
    /// Pull the image before: always, missing, newer (where that fails, what is here will do) or never
    #[arg(long, value_name = "policy", default_value = "missing")]
    pub pull: String,
    /// Do not show how the pull goes on
    #[arg(long, short)]
    pub quiet: bool,
    /// Mount the root filesystem read-only
    #[arg(long)]
    read_only: bool,
    /// What follows when the container ends: no, on-failure[:retries], always or unless-stopped
    #[arg(long, value_name = "policy")]
    restart: Option<String>,
    /// Remove the container and its anonymous volumes when it ends; attached, end it when this command is killed
    #[arg(long = "rm")]
    pub remove_at_end: bool,
    /// Take a directory as the root filesystem, instead of an image
    #[arg(long)]
    rootfs: bool,
    /// The OCI runtime: coracle itself
    #[arg(long, value_name = "runtime")]
    runtime: Option<String>,
    /// Show a secret: name[,type=mount|env][,target=][,uid=,gid=,mode=]; as a file it is in /run/secrets
    #[arg(long, value_name = "secret", value_parser = secrets::secret)]
    secret: Vec<SecretOption>,
    /// Change the isolation: seccomp=, apparmor=, no-new-privileges, mask=, unmask=, systempaths=
    #[arg(long, value_name = "option")]
    security_opt: Vec<String>,
    /// The size of /dev/shm
    #[arg(long, value_name = "bytes", value_parser = resources::bytes)]
    shm_size: Option<u64>,
    /// The signal that stops the container
    #[arg(long, value_name = "signal")]
    stop_signal: Option<String>,
    /// Seconds to wait after that before the container is killed
    #[arg(long, value_name = "seconds", value_parser = parse_integer)]
    stop_timeout: Option<i64>,
    /// Options of the storage driver: there are none
    #[arg(long, value_name = "option", hide = true)]
    storage_opt: Vec<String>,
    /// Map the group ids that /etc/subgid gives to a name
    #[arg(long, value_name = "name")]
    subgidname: Option<String>,
    /// Map the user ids that /etc/subuid gives to a name
    #[arg(long, value_name = "name")]
    subuidname: Option<String>,
    /// Set a kernel parameter of the container's namespaces
    #[arg(long, value_name = "name=value", value_parser = resources::sysctl)]
    sysctl: Vec<(String, String)>,
    /// Seconds that the container may run before it is killed
    #[arg(long, value_name = "seconds", value_parser = seconds)]
    timeout: Option<u64>,
    /// Mount a tmpfs: target[:options]
    #[arg(long, value_name = "target")]
    tmpfs: Vec<String>,
    /// Give the container a terminal
    #[arg(long, short)]
    tty: bool,
    /// Map user ids: [+]container:[@]host[:count], where host counts 0 for you and 1 up for your subordinate ids, with @
    /// as the host does
    #[arg(long, value_name = "map", value_parser = userns::map)]
    uidmap: Vec<MapFlag>,
    /// Set a limit of the container's processes: name=soft[:hard]
    #[arg(long, value_name = "limit", value_parser = resources::ulimit)]
    ulimit: Vec<Ulimit>,
    /// The user, and the group: name|uid[:group|gid]
    #[arg(long, short, value_name = "user")]
    user: Option<String>,
    /// The user namespace: host, keep-id[:uid=,gid=,size=] (you are the same user inside), auto[:size=,uidmapping=,
    /// gidmapping=] (ids of its own), nomap (you are nobody inside), container:NAME or ns:PATH
    #[arg(long, value_name = "mode", value_parser = userns::mode)]
    userns: Option<UsernsOptions>,
    /// Mount a directory of the host or a volume: [source:]target[:ro]
    #[arg(long, short, value_name = "volume")]
    volume: Vec<String>,
    /// The driver of new volumes; there is only the local one
    #[arg(long, value_name = "driver")]
    volume_driver: Option<String>,
    /// Mount what another container mounts: container[:ro]
    #[arg(long, value_name = "container", value_parser = volumes_from)]
    volumes_from: Vec<String>,
    /// The directory that the program starts in
    #[arg(long, short, value_name = "directory")]
    workdir: Option<String>,
    /// Who makes control groups, as a file of settings says.
    #[arg(skip)]
    manager: Option<ManagerName>,
    #[command(flatten)]
    limits: limits::LimitFlags,
    #[command(flatten)]
    groups: limits::GroupFlags,
    #[command(flatten)]
    pub registry: RegistryFlags,
    #[command(flatten)]
    accounts: accounts::AccountFlags,
    #[command(flatten)]
    podman: podman::PodmanFlags,
    #[command(flatten)]
    namespaces: namespaces::NamespaceFlags,
}

/// `--pull`, and `--policy` of `pull`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PullPolicy {
    Always,
    Missing,
    Never,
    /// As `Always`, but the image that is here will do where the registry cannot be asked.
    Newer,
}

impl PullPolicy {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "always" => Ok(Self::Always),
            "missing" | "" => Ok(Self::Missing),
            "never" => Ok(Self::Never),
            "newer" => Ok(Self::Newer),
            other => bail!(
                "invalid pull option: '{other}': must be one of \"always\", \"missing\", \"newer\" or \"never\""
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::options::{Attached, ContainerOptions, NetworkMode};
    use clap::{Args, Command, FromArgMatches};

    pub fn flags(line: &str) -> Result<CreateFlags> {
        let command =
            CreateFlags::augment_args(Command::new("run").disable_help_flag(true).no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace())?;
        Ok(CreateFlags::from_arg_matches(&matches)?)
    }

    fn options(line: &str, operands: &[&str]) -> Result<ContainerOptions> {
        let operands = operands.iter().map(|operand| (*operand).to_owned()).collect();
        flags(line)?.into_options(operands)
    }

    #[test]
    fn nothing_said_is_nothing_kept() {
        let want = ContainerOptions { image: "busybox".to_owned(), ..ContainerOptions::default() };
        assert_eq!(options("", &["busybox"]).unwrap(), want);
    }

    #[test]
    fn flags_become_options() {
        let got = options(
            "-it --rm --init --name x -e A=1 -u 1:2 -w /w -h box --net none --shm-size 64m --cap-add net_admin \
             --stop-signal term --ulimit nofile=1:2 --ulimit nofile=3 --entrypoint=",
            &["busybox", "sh", "-c", "-x"],
        )
        .unwrap();
        let want = ContainerOptions {
            image: "busybox".to_owned(),
            command: ["sh", "-c", "-x"].map(str::to_owned).to_vec(),
            entrypoint: Some(Vec::new()),
            env: vec!["A=1".to_owned()],
            hostname: Some("box".to_owned()),
            user: Some("1:2".to_owned()),
            workdir: Some("/w".to_owned()),
            tty: true,
            stdin_open: true,
            auto_remove: true,
            init: true,
            cap_add: vec!["NET_ADMIN".to_owned()],
            network: NetworkMode::None,
            stop_signal: Some("term".to_owned()),
            ulimits: vec![Ulimit { name: "nofile".to_owned(), soft: 3, hard: 3 }],
            shm_size: Some(64 << 20),
            attached: Attached { stdin: true, stdout: true, stderr: true },
            ..ContainerOptions::default()
        };
        assert_eq!(got, want);
        let directory = options("--rootfs", &["/srv/root", "sh"]).unwrap();
        assert_eq!((directory.image.as_str(), directory.rootfs), ("", Some("/srv/root".into())));
    }

    #[test]
    fn flags_that_do_not_go_together() {
        for (flags, want) in [
            (
                "--network container:a -p 1:1",
                "conflicting options: port publishing and the container type network mode",
            ),
            ("--network container:a -h x", "conflicting options: hostname and the network mode"),
            ("-v /a:/x --tmpfs /x/", "Duplicate mount point: /x"),
            ("-w foo", "the working directory 'foo' is invalid, it needs to be an absolute path"),
            ("--oom-score-adj=2000", "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
            ("--stop-signal foo", "invalid signal: foo"),
            ("-p x", "invalid containerPort: x"),
        ] {
            assert_eq!(options(flags, &["a"]).unwrap_err().to_string(), want);
        }
    }
}
