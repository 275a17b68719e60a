//! From what the user asked and what the image says to an OCI runtime specification: pure.
//!
//! The image sets defaults only (CVE-2026-53488): its labels and annotations do not enter here.

mod environment;
pub mod mounts;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oci_spec::runtime::{
    LinuxBuilder, LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType, LinuxSeccomp, Mount,
    MountBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType, ProcessBuilder, RootBuilder, Spec,
    SpecBuilder, UserBuilder,
};

use super::accounts::Identity;
use crate::oci::image::ContainerConfig;
use crate::runtime::caps::{self, CapSet};
use crate::runtime::plan::{
    ANY_HOSTNAME_ANNOTATION, GROUP_ANNOTATION, GROUPS_ANNOTATION, INIT_ANNOTATION, KEEP_GROUPS_ANNOTATION,
    MOUNTS_ANNOTATION, MountExtra, PASSWD_ANNOTATION, USER_ANNOTATION,
};
use crate::runtime::seccomp;
use crate::store::options::{ContainerOptions, DeviceOption, NamespaceMode, NetworkMode, Seccomp, Systemd};

/// What the specification depends on beside options and image.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The container's directory, where its `hosts`, `hostname` and `resolv.conf` are.
    pub directory: PathBuf,
    /// Where these are instead, if they are another container's.
    pub names: Option<PathBuf>,
    pub hostname: String,
    /// Whether `/sys/fs/cgroup` of the host is cgroup v2 alone.
    pub has_cgroup2: bool,
    /// Whether the host has message queues to share.
    pub has_mqueue: bool,
    /// Whether settings of the kernel can be written; a container around this one keeps its own from that.
    pub has_sysctls: bool,
    /// The largest mapped group id.
    pub max_gid: u32,
    /// Whether the group `tty`, 5, and root's, 0, are mapped.
    pub has_tty_group: bool,
    pub has_root_group: bool,
    /// What the options' mounts are made of, in their order.
    pub sources: Vec<mounts::MountSource>,
    /// The devices that the options mean, each by its own path.
    pub devices: Vec<DeviceOption>,
    /// What its user namespace means for the program.
    pub identity: Identity,
}

/// Paths hidden from a container: docker's (moby `oci/defaults.go`).
const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Paths that a container may only read: docker's.
const READ_ONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The size of `/dev/shm` when nothing was said: docker's 64 MB.
const SHM_SIZE: u64 = 64 << 20;

/// The program and its arguments: docker's rule for joining entry point and command.
pub fn command(options: &ContainerOptions, image: &ContainerConfig) -> Result<Vec<String>> {
    let (entrypoint, default_command) = match &options.entrypoint {
        Some(entrypoint) => (&entrypoint[..], &[][..]),
        None => (&image.entrypoint[..], &image.cmd[..]),
    };
    let entrypoint = if entrypoint == [""] { &[] } else { entrypoint };
    let command = if options.command.is_empty() { default_command } else { &options.command };
    let all: Vec<String> = entrypoint.iter().chain(command).cloned().collect();
    if all.is_empty() {
        bail!("no command specified");
    }
    Ok(all)
}

/// Where a container sees the program of `--init-path`: podman's place.
const INIT_TARGET: &str = "/run/podman-init";

/// Builds the specification.
pub fn build(options: &ContainerOptions, image: &ContainerConfig, around: &Surroundings) -> Result<Spec> {
    let mut annotations: HashMap<String, String> = options.annotations.clone().into_iter().collect();
    let identity = &around.identity;
    let user = options.user.clone().or_else(|| identity.user.clone()).unwrap_or_else(|| image.user.clone());
    annotations.insert(USER_ANNOTATION.into(), user);
    for (key, lines) in [(PASSWD_ANNOTATION, &identity.passwd), (GROUP_ANNOTATION, &identity.group)] {
        if !lines.is_empty() {
            annotations.insert(key.into(), lines.join("\n"));
        }
    }
    if options.group_add == ["keep-groups"] {
        annotations.insert(KEEP_GROUPS_ANNOTATION.into(), "1".into());
    } else if !options.group_add.is_empty() {
        annotations.insert(GROUPS_ANNOTATION.into(), options.group_add.join(","));
    }
    let user_mounts = mounts::user_mounts(options, around)?;
    let extras = user_mounts.iter().filter(|(_, extra)| *extra != MountExtra::default());
    let extras: BTreeMap<_, _> = extras.map(|(mount, extra)| (mount.destination(), extra)).collect();
    if !extras.is_empty() {
        annotations.insert(MOUNTS_ANNOTATION.into(), serde_json::to_string(&extras)?);
    }
    if options.hostname.is_none() {
        annotations.insert(ANY_HOSTNAME_ANNOTATION.into(), "true".into());
    }
    if options.init && options.init_path.is_none() {
        annotations.insert(INIT_ANNOTATION.into(), "true".into());
    }
    let mut spec = SpecBuilder::default()
        .version("1.2.0")
        .root(RootBuilder::default().path("rootfs").readonly(options.read_only).build()?)
        .mounts(all_mounts(options, around, user_mounts)?)
        .process(process(options, image, around)?)
        .linux(linux(options, around)?)
        .annotations(annotations)
        .hostname(around.hostname.clone())
        .build()?;
    spec.set_domainname(options.domainname.clone());
    if !options.namespaces.uts.is_own() {
        spec.set_hostname(None);
    }
    Ok(spec)
}

/// The capabilities of the container's first process.
pub fn capabilities(options: &ContainerOptions) -> Result<CapSet> {
    Ok(caps::effective(options.privileged, &options.cap_add, &options.cap_drop)?)
}

/// Whether the container has a network namespace of its own.
pub fn has_own_network(options: &ContainerOptions) -> bool {
    !matches!(options.network, NetworkMode::Host | NetworkMode::Container { .. } | NetworkMode::Path { .. })
}

fn process(
    options: &ContainerOptions,
    image: &ContainerConfig,
    around: &Surroundings,
) -> Result<oci_spec::runtime::Process> {
    let mut user = UserBuilder::default().uid(0u32).gid(0u32).build()?;
    user.set_umask(options.umask);
    let init = options.init_path.is_some().then(|| [INIT_TARGET, "--"].map(str::to_owned));
    let mut process = ProcessBuilder::default()
        .terminal(options.tty)
        .user(user)
        .args(init.into_iter().flatten().chain(command(options, image)?).collect::<Vec<_>>())
        .env(environment::of(options, image, around))
        .cwd(workdir(options, image))
        .capabilities(caps::to_oci(capabilities(options)?))
        .no_new_privileges(options.security.no_new_privileges)
        .build()?;
    process.set_oom_score_adj(options.oom_score_adj);
    let rlimits = rlimits(options)?;
    process.set_rlimits((!rlimits.is_empty()).then_some(rlimits));
    Ok(process)
}

/// The directory that the program starts in.
pub fn workdir<'a>(options: &'a ContainerOptions, image: &'a ContainerConfig) -> &'a str {
    let workdir = options.workdir.as_deref().unwrap_or(&image.working_dir);
    if workdir.is_empty() { "/" } else { workdir }
}

fn rlimits(options: &ContainerOptions) -> Result<Vec<PosixRlimit>> {
    let limit = |ulimit: &crate::store::options::Ulimit| {
        let name = format!("RLIMIT_{}", ulimit.name.to_uppercase());
        let kind: PosixRlimitType = serde_json::from_value(serde_json::Value::String(name))
            .with_context(|| format!("invalid ulimit type: {}", ulimit.name))?;
        Ok(PosixRlimitBuilder::default().typ(kind).soft(ulimit.soft).hard(ulimit.hard).build()?)
    };
    options.ulimits.iter().map(limit).collect()
}

fn linux(options: &ContainerOptions, around: &Surroundings) -> Result<oci_spec::runtime::Linux> {
    let security = &options.security;
    let unmask_all = options.privileged || security.unmask_all;
    let visible = |path: &&str| !unmask_all && !is_unmasked(path, &security.unmask);
    let keep =
        |paths: &[&str]| paths.iter().copied().filter(|path| visible(path)).map(str::to_owned).collect();
    let mut masked: Vec<String> = keep(&MASKED_PATHS);
    masked.extend(security.mask.iter().cloned());
    let read_only: Vec<String> = keep(&READ_ONLY_PATHS);
    let sysctl = sysctls(options, around);
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces(options)?)
        .masked_paths(masked)
        .readonly_paths(read_only)
        .sysctl(sysctl)
        .build()?;
    linux.set_seccomp(seccomp(options)?);
    Ok(linux)
}

/// The system call filter as the specification has it; none for a container that runs without.
fn seccomp(options: &ContainerOptions) -> Result<Option<LinuxSeccomp>> {
    if is_unfiltered(options) {
        return Ok(None);
    }
    let caps = capabilities(options)?;
    Ok(Some(match &options.security.seccomp {
        Seccomp::Profile(text) => {
            seccomp::from_docker_profile(text, caps).context("read the seccomp profile")?
        }
        Seccomp::Default | Seccomp::Unconfined => seccomp::to_oci(caps),
    }))
}

/// `unmask=/proc/acpi:/sys/*` names paths, or all beneath one with a `*`.
fn is_unmasked(path: &str, unmask: &[String]) -> bool {
    unmask.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == pattern,
    })
}

fn namespaces(options: &ContainerOptions) -> Result<Vec<LinuxNamespace>> {
    let modes = &options.namespaces;
    let mut kinds = vec![LinuxNamespaceType::User, LinuxNamespaceType::Mount];
    for (mode, kind) in [
        (&modes.pid, LinuxNamespaceType::Pid),
        (&modes.ipc, LinuxNamespaceType::Ipc),
        (&modes.uts, LinuxNamespaceType::Uts),
        (&modes.cgroup, LinuxNamespaceType::Cgroup),
    ] {
        if mode.is_own() {
            kinds.push(kind);
        }
    }
    if has_own_network(options) {
        kinds.push(LinuxNamespaceType::Network);
    }
    kinds.into_iter().map(|kind| Ok(LinuxNamespaceBuilder::default().typ(kind).build()?)).collect()
}

/// Low ports and `ping` need no privilege in a network that is the container's own.
fn sysctls(options: &ContainerOptions, around: &Surroundings) -> HashMap<String, String> {
    let mut all = HashMap::new();
    if has_own_network(options) && around.has_sysctls {
        all.insert("net.ipv4.ip_unprivileged_port_start".to_owned(), "0".to_owned());
        // Both ends must be mapped.
        if around.has_root_group {
            all.insert("net.ipv4.ping_group_range".to_owned(), format!("0 {}", around.max_gid));
        }
    }
    all.extend(options.sysctls.clone());
    all
}

/// Docker's mounts, then the engine's files, then the user's. A user's mount replaces one of the same target.
fn all_mounts(
    options: &ContainerOptions,
    around: &Surroundings,
    user_mounts: Vec<(Mount, MountExtra)>,
) -> Result<Vec<Mount>> {
    let read_only = if options.privileged { "rw" } else { "ro" };
    let read_only_beneath = if options.privileged { "rw" } else { "rro" };
    let shm = format!("size={}", options.shm_size.unwrap_or(SHM_SIZE));
    let own_network = has_own_network(options);
    let mut all = vec![
        proc(options)?,
        mount("tmpfs", "tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"])?,
        mount("devpts", "devpts", "/dev/pts", devpts_options(around))?,
    ];
    match options.namespaces.ipc {
        NamespaceMode::Host => {
            let places: &[&str] =
                if around.has_mqueue { &["/dev/shm", "/dev/mqueue"] } else { &["/dev/shm"] };
            for place in places {
                let options = ["rbind", "nosuid", "noexec", "nodev", "rprivate"];
                all.push(mount("bind", place, place, &options)?);
            }
        }
        // The shared memory of another container comes from its mount namespace, which has no path.
        NamespaceMode::None | NamespaceMode::Container { .. } => all.push(message_queues()?),
        NamespaceMode::Private | NamespaceMode::Shareable => {
            let options = ["nosuid", "noexec", "nodev", "mode=1777", &shm];
            all.push(mount("tmpfs", "shm", "/dev/shm", &options)?);
            all.push(message_queues()?);
        }
    }
    // A new sysfs shows the network of its mounter, so only its owner may mount one.
    all.push(if own_network {
        mount("sysfs", "sysfs", "/sys", &["nosuid", "noexec", "nodev", read_only])?
    } else {
        mount("bind", "/sys", "/sys", &["rbind", "nosuid", "noexec", "nodev", read_only_beneath, "rprivate"])?
    });
    // Its groups are all that a container with systemd needs to write to.
    let manages = options.systemd == Systemd::Always && options.namespaces.cgroup.is_own();
    if around.has_cgroup2 && (own_network || manages) {
        let read_only = if manages { "rw" } else { read_only };
        all.push(if options.namespaces.cgroup.is_own() {
            mount("cgroup", "cgroup", "/sys/fs/cgroup", &["nosuid", "noexec", "nodev", read_only])?
        } else {
            let options = ["rbind", "nosuid", "noexec", "nodev", read_only_beneath, "rprivate"];
            mount("bind", "/sys/fs/cgroup", "/sys/fs/cgroup", &options)?
        });
    }
    let is_engines = |name: &&str| !options.image_files.iter().any(|kept| kept == name);
    for name in ["resolv.conf", "hostname", "hosts"].into_iter().filter(is_engines) {
        let source = around.names.as_ref().unwrap_or(&around.directory).join(name);
        for root in options.chroot_dirs.iter().map(String::as_str).chain([""]) {
            let target = format!("{root}/etc/{name}");
            all.push(mount("bind", &source.to_string_lossy(), &target, &["rbind", "rprivate"])?);
        }
    }
    if let Some(init) = &options.init_path {
        all.push(mount("bind", &init.to_string_lossy(), INIT_TARGET, &["bind", "rprivate", "ro"])?);
    }
    if let Some(zone) = &options.timezone {
        all.push(mount("bind", &zone.to_string_lossy(), "/etc/localtime", &["bind", "rprivate", "ro"])?);
    }
    for (made, _) in user_mounts {
        // Except for /proc, on which the runtime lets nothing be mounted.
        let is_replaced = |other: &Mount| {
            other.destination() == made.destination() && made.destination() != Path::new("/proc")
        };
        all.retain(|other| !is_replaced(other));
        all.push(made);
    }
    for device in &around.devices {
        let source = device.source.to_string_lossy();
        all.push(mount("bind", &source, &device.target, &["bind", "rprivate", "nosuid", "noexec"])?);
    }
    Ok(all)
}

/// Only who owns the process ids may mount their procfs; the host's is taken as it is.
fn proc(options: &ContainerOptions) -> Result<Mount> {
    if options.namespaces.pid == NamespaceMode::Host {
        return mount("bind", "/proc", "/proc", &["rbind", "nosuid", "noexec", "nodev", "rprivate"]);
    }
    mount("proc", "proc", "/proc", &["nosuid", "noexec", "nodev"])
}

fn message_queues() -> Result<Mount> {
    mount("mqueue", "mqueue", "/dev/mqueue", &["nosuid", "noexec", "nodev"])
}

/// Terminals belong to the group `tty`, 5, where that is mapped.
fn devpts_options(around: &Surroundings) -> &'static [&'static str] {
    const ALL: [&str; 6] = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    if around.has_tty_group { &ALL } else { &ALL[..5] }
}

fn mount(kind: &str, source: &str, target: &str, options: &[&str]) -> Result<Mount> {
    let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    Ok(MountBuilder::default().typ(kind).source(source).destination(target).options(options).build()?)
}

/// Whether a container of these options runs without a system call filter.
pub fn is_unfiltered(options: &ContainerOptions) -> bool {
    options.security.seccomp == Seccomp::Unconfined
        || (options.privileged && options.security.seccomp == Seccomp::Default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backing::Backing;
    use crate::store::options::{MountKind, MountOption};

    fn image() -> ContainerConfig {
        ContainerConfig {
            entrypoint: vec!["/entry".into()],
            cmd: vec!["default".into()],
            env: vec!["A=image".into(), "PATH=/image".into()],
            working_dir: "/srv".into(),
            user: "app".into(),
            ..ContainerConfig::default()
        }
    }

    fn around() -> Surroundings {
        Surroundings {
            directory: "/c".into(),
            names: None,
            hostname: "host".into(),
            has_mqueue: true,
            has_cgroup2: false,
            has_sysctls: true,
            max_gid: 65536,
            has_tty_group: true,
            has_root_group: true,
            sources: Vec::new(),
            devices: Vec::new(),
            identity: Identity::default(),
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn entrypoint_and_command() {
        let of = |entrypoint: Option<&[&str]>, command_line: &[&str]| {
            let options = ContainerOptions {
                entrypoint: entrypoint.map(words),
                command: words(command_line),
                ..ContainerOptions::default()
            };
            command(&options, &image()).map_err(|error| error.to_string())
        };
        assert_eq!(of(None, &[]), Ok(words(&["/entry", "default"])));
        assert_eq!(of(None, &["x", "y"]), Ok(words(&["/entry", "x", "y"])));
        assert_eq!(of(Some(&["sh"]), &[]), Ok(words(&["sh"])));
        assert_eq!(of(Some(&[]), &["x"]), Ok(words(&["x"])));
        assert_eq!(of(Some(&[]), &[]), Err("no command specified".into()));
        assert_eq!(of(Some(&[""]), &[]), Err("no command specified".into()));
        assert_eq!(of(Some(&[""]), &["x"]), Ok(words(&["x"])));
        assert_eq!(of(Some(&[]), &[""]), Ok(words(&[""])));
    }

    #[test]
    fn later_variables_win_and_a_bare_name_takes_one_away() {
        let options = ContainerOptions { env: words(&["A=user", "B=1", "PATH"]), ..Default::default() };
        let got = environment::of(&options, &image(), &around());
        assert_eq!(got, ["HOSTNAME=host", "A=user", "B=1"]);
    }

    #[test]
    fn defaults_are_dockers() {
        let spec = build(&ContainerOptions::default(), &image(), &around()).unwrap();
        let linux = spec.linux().as_ref().unwrap();
        assert_eq!(linux.masked_paths().as_ref().unwrap().len(), 12);
        assert_eq!(linux.namespaces().as_ref().unwrap().len(), 7);
        let process = spec.process().as_ref().unwrap();
        assert_eq!(process.cwd(), Path::new("/srv"));
        assert_eq!(spec.annotations().as_ref().unwrap()[USER_ANNOTATION], "app");
        let targets: Vec<_> =
            spec.mounts().iter().flatten().map(|mount| mount.destination().display().to_string()).collect();
        assert_eq!(
            targets,
            [
                "/proc",
                "/dev",
                "/dev/pts",
                "/dev/shm",
                "/dev/mqueue",
                "/sys",
                "/etc/resolv.conf",
                "/etc/hostname",
                "/etc/hosts"
            ]
        );
    }

    #[test]
    fn within_a_container_only_sysctls_that_are_asked_for() {
        let mut options = ContainerOptions::default();
        let around = Surroundings { has_sysctls: false, ..around() };
        assert!(sysctls(&options, &around).is_empty());
        options.sysctls.insert("net.core.somaxconn".to_owned(), "5".to_owned());
        assert_eq!(sysctls(&options, &around).len(), 1);
    }

    #[test]
    fn privileged_hides_nothing_and_the_host_network_has_no_sysctls() {
        let options =
            ContainerOptions { privileged: true, network: NetworkMode::Host, ..ContainerOptions::default() };
        let spec = build(&options, &image(), &around()).unwrap();
        let linux = spec.linux().as_ref().unwrap();
        assert!(linux.masked_paths().as_ref().unwrap().is_empty());
        assert!(linux.sysctl().as_ref().unwrap().is_empty());
        let sys =
            spec.mounts().iter().flatten().find(|mount| mount.destination() == Path::new("/sys")).unwrap();
        assert_eq!(sys.typ().as_deref(), Some("bind"));
    }

    #[test]
    fn a_users_mount_replaces_the_engines() {
        let mount = MountOption::new(MountKind::volume("v", false), "/etc/hosts");
        let options = ContainerOptions { mounts: vec![mount], ..ContainerOptions::default() };
        let data =
            mounts::MountSource::Volume { data: "/volumes/v/_data".into(), backing: Backing::default() };
        let spec = build(&options, &image(), &Surroundings { sources: vec![data], ..around() }).unwrap();
        let is_hosts = |mount: &&Mount| mount.destination() == Path::new("/etc/hosts");
        let hosts: Vec<_> = spec.mounts().iter().flatten().filter(is_hosts).collect();
        assert_eq!(hosts.len(), 1);
        assert_eq!(hosts[0].source().as_deref(), Some(Path::new("/volumes/v/_data")));
        let extras = &spec.annotations().as_ref().unwrap()[MOUNTS_ANNOTATION];
        assert_eq!(extras, r#"{"/etc/hosts":{"copy_up":true,"synced":true}}"#);
    }

    #[test]
    fn unmask_by_name_and_pattern() {
        let mut options = ContainerOptions::default();
        options.security.unmask = words(&["/proc/kcore", "/sys/*"]);
        options.security.mask = words(&["/etc/secret"]);
        let spec = build(&options, &image(), &around()).unwrap();
        let masked = spec.linux().as_ref().unwrap().masked_paths().clone().unwrap();
        assert_eq!(masked.len(), 12 - 3 + 1);
        assert!(masked.contains(&"/etc/secret".to_owned()) && !masked.contains(&"/proc/kcore".to_owned()));
    }
}
