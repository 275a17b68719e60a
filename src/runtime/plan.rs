//! From an OCI runtime specification to what the kernel is asked for: pure, before anything is done.
//!
//! A [`Plan`] holds no reference to the specification and needs no further look-up on the host, so the
//! container's first process carries it out in order and does nothing else.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, Mount, PosixRlimitType, Process, Spec};
use serde::{Deserialize, Serialize};

use super::caps::Sets;
use crate::sys::clone::Namespaces;
use crate::sys::mount::Attributes;

/// The root filesystem that the container gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rootfs {
    /// Layers, lowest first, relative to `base`, with a writable directory on top. Mounted on `target`.
    Overlay { base: PathBuf, lower: Vec<String>, upper: PathBuf, work: PathBuf, target: PathBuf },
    /// The same, served by fuse-overlayfs(1); all paths but the target are relative to `base`.
    Fuse { base: PathBuf, lower: Vec<String>, upper: String, work: String, target: PathBuf },
    /// A directory as it is.
    Directory { path: PathBuf },
}

/// Everything that the container's first process does, in its order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The namespaces it is cloned into, beside the user namespace that it already is in.
    pub namespaces: Namespaces,
    pub rootfs: Rootfs,
    pub read_only_root: bool,
    pub mounts: Vec<MountPlan>,
    pub masked: Vec<String>,
    pub read_only_paths: Vec<String>,
    /// Files under `/proc/sys` and what is written there.
    pub sysctls: Vec<(String, String)>,
    /// Lines for binfmt_misc: emulators that the container has for itself.
    pub emulators: Vec<String>,
    pub hostname: Option<String>,
    /// Whether the name that the namespace has from the host's does as well.
    pub any_hostname: bool,
    pub domainname: Option<String>,
    /// Lines for `/etc/passwd` and `/etc/group` of an image.
    pub passwd: Vec<String>,
    pub group: Vec<String>,
    /// The process is not root of its user namespace when it is cloned, and becomes so once it has opened what it
    /// needs of the host.
    pub becomes_root: bool,
    pub process: ProcessPlan,
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPlan {
    pub target: String,
    pub kind: MountKind,
    pub attributes: u64,
    /// Whether read-only is meant for what is mounted beneath too: `rro`.
    pub read_only_beneath: bool,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, or 0 to leave it.
    pub propagation: u64,
    pub recursive: bool,
    pub extra: MountExtra,
}

/// What a mount has that the specification has no words for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountExtra {
    /// The source is a volume, and an empty one takes what the image has in its place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub copy_up: bool,
    /// Such a copy must survive a power cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub synced: bool,
    /// Mount what is at this path beneath the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
    /// A directory of the host to attach the mount to before that, out of the container's sight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<PathBuf>,
    /// Layers: what was written there before is discarded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// Give everything in it to the container's user.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub chown: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// A new instance of a filesystem, with its own options.
    Filesystem { name: String, options: Vec<(String, Option<String>)> },
    /// `/dev`: memory, filled with the standard devices.
    Devices { options: Vec<(String, Option<String>)> },
    /// What is at a path of the host.
    Bind { source: PathBuf },
    /// Directories of the host, lowest first, under one that takes what is written.
    Overlay { lower: Vec<String>, upper: PathBuf, work: PathBuf },
}

/// How the program is started; `exec` has one of these too.
#[derive(Clone, Debug)]
pub struct ProcessPlan {
    pub terminal: bool,
    /// Rows and columns of the terminal, where they are known before the program starts.
    pub console_size: Option<(u16, u16)>,
    /// Start the program as the child of a small init.
    pub init: bool,
    pub cwd: String,
    pub args: Vec<String>,
    pub env: Vec<String>,
    /// `name|uid[:group|gid]`, looked up in the container's own `/etc/passwd` and `/etc/group`.
    pub user: String,
    /// Group names or ids beside those.
    pub additional_groups: Vec<String>,
    /// The supplementary groups of the caller are kept instead, mapped or not.
    pub keep_groups: bool,
    pub capabilities: Sets,
    pub no_new_privileges: bool,
    pub rlimits: Vec<(PosixRlimitType, u64, u64)>,
    pub oom_score_adj: Option<i32>,
    pub umask: u32,
    /// Make a missing working directory; `exec` does not.
    pub create_cwd: bool,
}

/// The annotation that keeps `--user` as written: the specification has only numbers, and names belong to
/// the container's own `/etc/passwd`, which may be on a volume.
pub const USER_ANNOTATION: &str = "io.github.coracle.user";
/// The annotation that keeps `--group-add` as written, separated by commas.
pub const GROUPS_ANNOTATION: &str = "io.github.coracle.groups";
/// The annotation that says more of mounts: an object of [`MountExtra`] by target.
pub const MOUNTS_ANNOTATION: &str = "io.github.coracle.mounts";
/// crun's annotation for a process that keeps the supplementary groups of its caller.
pub const KEEP_GROUPS_ANNOTATION: &str = "run.oci.keep_original_groups";
/// The annotations that hold lines for `/etc/passwd` and `/etc/group`, written where those have no entry of the
/// same id.
pub const PASSWD_ANNOTATION: &str = "io.github.coracle.passwd";
pub const GROUP_ANNOTATION: &str = "io.github.coracle.group";
/// The annotation of a host name that nobody asked for: a start goes on without it where a filter refuses to set one.
pub const ANY_HOSTNAME_ANNOTATION: &str = "io.github.coracle.any-hostname";
/// The annotation that asks for a small init as process 1.
pub const INIT_ANNOTATION: &str = "io.github.coracle.init";

impl Plan {
    /// Plans the container of a specification.
    pub fn new(spec: &Spec, rootfs: Rootfs) -> Result<Self> {
        let linux = spec.linux().as_ref().context("read the specification: it has no linux section")?;
        let lines = |key: &str| {
            let text = spec.annotations().as_ref().and_then(|all| all.get(key));
            text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
        };
        Ok(Self {
            namespaces: namespaces(linux.namespaces().as_deref().unwrap_or_default())?,
            rootfs,
            read_only_root: spec.root().as_ref().and_then(|root| root.readonly()).unwrap_or(false),
            mounts: plan_mounts(spec)?,
            masked: linux.masked_paths().clone().unwrap_or_default(),
            read_only_paths: linux.readonly_paths().clone().unwrap_or_default(),
            sysctls: sysctls(linux)?,
            emulators: Vec::new(),
            hostname: spec.hostname().clone(),
            any_hostname: spec
                .annotations()
                .as_ref()
                .is_some_and(|all| all.contains_key(ANY_HOSTNAME_ANNOTATION)),
            domainname: spec.domainname().clone(),
            passwd: lines(PASSWD_ANNOTATION),
            group: lines(GROUP_ANNOTATION),
            becomes_root: false,
            process: ProcessPlan::new(spec)?,
        })
    }
}

impl ProcessPlan {
    /// Plans the process of a specification.
    pub fn new(spec: &Spec) -> Result<Self> {
        let process = spec.process().as_ref().context("read the specification: it has no process")?;
        let annotation = |key: &str| spec.annotations().as_ref().and_then(|all| all.get(key)).cloned();
        let args = process.args().clone().unwrap_or_default();
        if args.is_empty() {
            bail!("read the specification: it has no command");
        }
        Ok(Self {
            terminal: process.terminal().unwrap_or(false),
            console_size: process.console_size().as_ref().and_then(|size| {
                Some((u16::try_from(size.height()).ok()?, u16::try_from(size.width()).ok()?))
            }),
            init: annotation(INIT_ANNOTATION).is_some(),
            cwd: process.cwd().to_string_lossy().into_owned(),
            args,
            env: process.env().clone().unwrap_or_default(),
            user: annotation(USER_ANNOTATION).unwrap_or_else(|| numeric_user(process)),
            keep_groups: annotation(KEEP_GROUPS_ANNOTATION).is_some_and(|value| value == "1"),
            additional_groups: additional_groups(process, annotation(GROUPS_ANNOTATION)),
            capabilities: process.capabilities().as_ref().map(Sets::from).unwrap_or_default(),
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            rlimits: rlimits(process),
            oom_score_adj: process.oom_score_adj(),
            umask: process.user().umask().unwrap_or(0o022),
            create_cwd: true,
        })
    }

    /// Sets variables, `NAME=value`, over those of the same name; a name alone takes one away.
    pub fn set_variables(&mut self, entries: &[String]) {
        for entry in entries {
            let name = entry.split('=').next().unwrap_or_default();
            self.env.retain(|other| other.split('=').next() != Some(name));
            if entry.contains('=') {
                self.env.push(entry.clone());
            }
        }
    }
}

fn numeric_user(process: &Process) -> String {
    format!("{}:{}", process.user().uid(), process.user().gid())
}

fn additional_groups(process: &Process, names: Option<String>) -> Vec<String> {
    let numbers = process.user().additional_gids().iter().flatten().map(u32::to_string);
    let names = names.unwrap_or_default();
    numbers.chain(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned)).collect()
}

fn rlimits(process: &Process) -> Vec<(PosixRlimitType, u64, u64)> {
    let limits = process.rlimits().as_deref().unwrap_or_default();
    limits.iter().map(|limit| (limit.typ(), limit.soft(), limit.hard())).collect()
}

/// A namespace with a path is joined by the caller before; the user namespace exists already.
fn namespaces(all: &[LinuxNamespace]) -> Result<Namespaces> {
    let own = all.iter().filter(|namespace| namespace.path().is_none());
    let mut flags = Namespaces::default();
    for kind in own.map(LinuxNamespace::typ).filter(|kind| *kind != LinuxNamespaceType::User) {
        flags = flags | namespace_flag(kind)?;
    }
    if !flags.contains(Namespaces::MOUNT) {
        bail!("plan the namespaces: a container needs a mount namespace of its own");
    }
    Ok(flags)
}

/// The kernel's flag for a kind of namespace.
pub fn namespace_flag(kind: LinuxNamespaceType) -> Result<Namespaces> {
    Ok(match kind {
        LinuxNamespaceType::User => Namespaces::USER,
        LinuxNamespaceType::Mount => Namespaces::MOUNT,
        LinuxNamespaceType::Pid => Namespaces::PID,
        LinuxNamespaceType::Ipc => Namespaces::IPC,
        LinuxNamespaceType::Uts => Namespaces::UTS,
        LinuxNamespaceType::Network => Namespaces::NET,
        LinuxNamespaceType::Cgroup => Namespaces::CGROUP,
        LinuxNamespaceType::Time => bail!("plan the namespaces: a time namespace is not supported"),
    })
}

fn plan_mounts(spec: &Spec) -> Result<Vec<MountPlan>> {
    let mounts = spec.mounts().as_deref().unwrap_or_default();
    let mut plans = mounts.iter().map(mount).collect::<Result<Vec<_>>>()?;
    if let Some(text) = spec.annotations().as_ref().and_then(|all| all.get(MOUNTS_ANNOTATION)) {
        let mut extras: HashMap<String, MountExtra> =
            serde_json::from_str(text).with_context(|| format!("read the annotation {MOUNTS_ANNOTATION}"))?;
        for plan in &mut plans {
            plan.extra = extras.remove(&plan.target).unwrap_or_default();
        }
    }
    Ok(plans)
}

/// Takes a mount of the specification apart: attributes and propagation are the mount's, what is left of
/// the options belongs to the filesystem.
fn mount(mount: &Mount) -> Result<MountPlan> {
    let target = mount.destination().to_string_lossy().into_owned();
    if !target.starts_with('/') {
        bail!("mount on {target}: the path is not absolute");
    }
    let mut plan = MountPlan {
        target,
        kind: MountKind::Bind { source: PathBuf::new() },
        attributes: 0,
        read_only_beneath: false,
        propagation: 0,
        recursive: false,
        extra: MountExtra::default(),
    };
    let mut bind = mount.typ().as_deref() == Some("bind");
    let mut rest = Vec::new();
    for option in mount.options().iter().flatten() {
        match option.as_str() {
            "bind" => bind = true,
            "rbind" => (bind, plan.recursive) = (true, true),
            "ro" => plan.attributes |= Attributes::READ_ONLY,
            "rro" => {
                plan.attributes |= Attributes::READ_ONLY;
                plan.read_only_beneath = true;
            }
            "nosuid" => plan.attributes |= Attributes::NOSUID,
            "nodev" => plan.attributes |= Attributes::NODEV,
            "noexec" => plan.attributes |= Attributes::NOEXEC,
            "rw" => plan.attributes &= !Attributes::READ_ONLY,
            "suid" => plan.attributes &= !Attributes::NOSUID,
            "dev" => plan.attributes &= !Attributes::NODEV,
            "exec" => plan.attributes &= !Attributes::NOEXEC,
            "private" | "rprivate" => plan.propagation = Attributes::PRIVATE,
            "slave" | "rslave" => plan.propagation = Attributes::SLAVE,
            "shared" | "rshared" => plan.propagation = Attributes::SHARED,
            "strictatime" | "relatime" => {}
            other => rest.push(filesystem_option(other)),
        }
    }
    if bind && let Some((key, _)) = rest.first() {
        bail!("mount on {}: unknown option {key:?} of a bind mount", plan.target);
    }
    let source = mount.source().clone().unwrap_or_default();
    plan.kind = match mount.typ().as_deref() {
        _ if bind => MountKind::Bind { source },
        Some("tmpfs") if plan.target == "/dev" => MountKind::Devices { options: rest },
        // The specification says `cgroup` for both versions; only the second can be mounted unprivileged.
        Some("cgroup") => MountKind::Filesystem { name: "cgroup2".to_owned(), options: rest },
        Some("overlay") => overlay(rest)?,
        Some(name) => MountKind::Filesystem { name: name.to_owned(), options: rest },
        None => bail!("mount on {}: it has neither a type nor a source", plan.target),
    };
    Ok(plan)
}

/// The options of an overlay that has a layer to write to.
fn overlay(options: Vec<(String, Option<String>)>) -> Result<MountKind> {
    let (mut lower, mut upper, mut work) = (Vec::new(), None, None);
    for (key, value) in options {
        match (key.as_str(), value) {
            ("lowerdir", Some(paths)) => lower = overlay_paths(&paths),
            ("upperdir", Some(path)) => upper = Some(path.into()),
            ("workdir", Some(path)) => work = Some(path.into()),
            _ => bail!("unknown option {key:?} of an overlay"),
        }
    }
    match (upper, work) {
        (Some(upper), Some(work)) if !lower.is_empty() => Ok(MountKind::Overlay { lower, upper, work }),
        _ => bail!("an overlay needs lowerdir, upperdir and workdir"),
    }
}

/// Paths between colons, highest first; a colon or backslash with a backslash before it is part of a path.
/// Returns them lowest first.
fn overlay_paths(text: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let last = paths.len() - 1;
        match char {
            ':' => paths.push(String::new()),
            '\\' => paths[last].extend(chars.next()),
            char => paths[last].push(char),
        }
    }
    paths.reverse();
    paths
}

fn filesystem_option(option: &str) -> (String, Option<String>) {
    match option.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (option.to_owned(), None),
    }
}

/// Only what belongs to a namespace of the container may be set, and the value goes to one file: a name
/// cannot name another, and a value cannot name a second (CVE-2022-0811).
fn sysctls(linux: &oci_spec::runtime::Linux) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for (name, value) in linux.sysctl().iter().flatten() {
        let path = name.replace('.', "/");
        let parts_are_plain = path.split('/').all(|part| !part.is_empty() && part != "..");
        if !is_namespaced(name) || !parts_are_plain || path.contains('\0') {
            bail!("invalid sysctl {name:?}: not namespaced, or not a sysctl");
        }
        all.push((path, value.clone()));
    }
    all.sort();
    Ok(all)
}

fn is_namespaced(name: &str) -> bool {
    const IPC: [&str; 7] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
    ];
    let name = name.replace('/', ".");
    IPC.contains(&name.as_str())
        || name == "kernel.shm_rmid_forced"
        || name.starts_with("fs.mqueue.")
        || name.starts_with("net.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{LinuxBuilder, MountBuilder};

    fn planned(kind: &str, source: &str, target: &str, options: &[&str]) -> Result<MountPlan> {
        let options: Vec<String> = options.iter().map(|&o| o.to_owned()).collect();
        let built = MountBuilder::default().typ(kind).source(source).destination(target).options(options);
        mount(&built.build().unwrap())
    }

    #[test]
    fn mount_options_are_told_apart() {
        let plan =
            planned("tmpfs", "tmpfs", "/run", &["nosuid", "noexec", "ro", "size=64k", "mode=755"]).unwrap();
        assert_eq!(plan.attributes, Attributes::NOSUID | Attributes::NOEXEC | Attributes::READ_ONLY);
        let options = vec![("size".into(), Some("64k".into())), ("mode".into(), Some("755".into()))];
        assert_eq!(plan.kind, MountKind::Filesystem { name: "tmpfs".into(), options });

        let plan = planned("bind", "/src", "/dst", &["rbind", "rprivate", "ro", "rw"]).unwrap();
        assert_eq!(plan.kind, MountKind::Bind { source: "/src".into() });
        assert_eq!((plan.recursive, plan.propagation, plan.attributes), (true, Attributes::PRIVATE, 0));

        let plan = planned("tmpfs", "tmpfs", "/dev", &["mode=755"]).unwrap();
        assert!(matches!(plan.kind, MountKind::Devices { .. }));
        let plan = planned("bind", "/src", "/dst", &["rbind", "rro"]).unwrap();
        assert_eq!((plan.attributes, plan.read_only_beneath), (Attributes::READ_ONLY, true));
        let plan = planned(
            "overlay",
            "overlay",
            "/o",
            &["lowerdir=/top\\:1:/a\\\\b:/c", "upperdir=/u", "workdir=/w"],
        );
        let lower = ["/c", "/a\\b", "/top:1"].map(str::to_owned).to_vec();
        let want = MountKind::Overlay { lower, upper: "/u".into(), work: "/w".into() };
        assert_eq!(plan.unwrap().kind, want);
        assert!(planned("overlay", "overlay", "/o", &["lowerdir=/a"]).is_err());
        assert!(planned("tmpfs", "tmpfs", "relative", &[]).is_err());
        assert!(planned("bind", "/a", "/b", &["rbind", "size=1"]).is_err());
    }

    #[test]
    fn only_namespaced_sysctls() {
        let set = |name: &str, value: &str| {
            let map = HashMap::from([(name.to_owned(), value.to_owned())]);
            sysctls(&LinuxBuilder::default().sysctl(map).build().unwrap())
        };
        assert_eq!(
            set("net.ipv4.ip_forward", "1").unwrap(),
            [("net/ipv4/ip_forward".to_owned(), "1".to_owned())]
        );
        let value = "1+kernel.core_pattern=|/bin/sh";
        assert_eq!(set("kernel.shm_rmid_forced", value).unwrap()[0].1, value);
        for bad in [
            "kernel.core_pattern",
            "vm.overcommit",
            "net.../x",
            "net/../kernel/core_pattern",
            "net.",
            "net..x",
        ] {
            assert!(set(bad, "1").is_err(), "{bad}");
        }
    }
}
