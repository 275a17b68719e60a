//! `RUN`: a program in the filesystem that the steps before it have made, isolated as any container is.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{CWD, FlockOperation, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::Surroundings;
use super::agent::Relay;
use super::tree::Tree;
use crate::base::digest::Digest;
use crate::base::file::read_bounded;
use crate::base::hint::HintExt;
use crate::build::dockerfile::set_variable;
use crate::build::step::{Origin, Run, RunMount, RunMountKind, RunNetwork, Sharing};
use crate::config::env;
use crate::config::paths::private_directory;
use crate::engine::create::surroundings;
use crate::engine::limits::Steps;
use crate::engine::spec::{self, Surroundings as Host};
use crate::engine::{accounts, emulation, files, start};
use crate::oci::image::ContainerConfig;
use crate::runtime::child::Stdio;
use crate::runtime::identity;
use crate::runtime::launch::{Joined, Launch};
use crate::runtime::plan::{MountExtra, MountKind, MountPlan, Plan, Rootfs};
use crate::runtime::secrets::{self, SecretFile, Secrets};
use crate::store::options::{ContainerOptions, NetworkMode, Seccomp};
use crate::sys::clone::Namespaces;
use crate::sys::mount::Attributes;
use crate::sys::path::{Dir, path_of};

/// A secret of a build beyond this is none (BuildKit's limit).
const SECRET_LIMIT: u64 = 500 << 10;

/// What a Dockerfile gets only if the user has allowed it (BuildKit's entitlements).
pub const INSECURE: &str = "security.insecure";
pub const HOST_NETWORK: &str = "network.host";

/// How the program's host is called: as with docker's builder, so that what tells names apart does not differ.
const HOSTNAME: &str = "buildkitsandbox";

/// The code of a program that the kernel has killed.
const KILLED: i32 = 128 + libc::SIGKILL;

/// Where the program runs.
pub struct Place<'a> {
    pub tree: &'a Tree,
    /// Takes what is written.
    pub upper: PathBuf,
    /// For what the step needs besides, on the same filesystem.
    pub scratch: PathBuf,
    /// The namespace that has a way out, if the program is to have one.
    pub network: Option<OwnedFd>,
}

/// Runs the program. Returns its exit code and where in the filesystem places were made for mounts.
pub fn run(
    around: &Surroundings<'_>,
    run: &Run,
    config: &ContainerConfig,
    place: Place<'_>,
    output: &OwnedFd,
    open_origin: &mut dyn FnMut(&Origin) -> Result<Dir>,
) -> Result<(i32, Vec<PathBuf>)> {
    let options = options(around, run)?;
    let config = with_arguments(run, config);
    let mut host: Host = surroundings(around.engine, &options, &"0".repeat(64), None, around.max_gid)?;
    host.directory.clone_from(&place.scratch);
    host.hostname = around.wishes.hostname.clone().unwrap_or_else(|| HOSTNAME.to_owned());
    host.identity = accounts::identity(&options, spec::workdir(&options, &config))?;
    files::write(&host.directory, &options, &host.hostname, &[])?;
    let spec = spec::build(&options, &config, &host)?;
    let root = place.tree.mount_writable(&place.upper, &place.scratch)?;
    let mut plan = Plan::new(&spec, Rootfs::Directory { path: root })?;
    let mut mounts =
        Mounts { around, place: &place, secrets: Secrets::default(), caches: Vec::new(), relays: Vec::new() };
    let mut planned = Vec::new();
    for (index, mount) in in_order_of_locks(&run.mounts) {
        let plan_of = mounts.plan(index, mount, open_origin);
        let plan_of = plan_of.with_context(|| format!("RUN --mount on {}", shown(mount)))?;
        planned.extend(plan_of.map(|plan| (index, plan)));
    }
    planned.sort_by_key(|(index, _)| *index);
    plan.mounts.extend(planned.into_iter().map(|(_, plan)| plan));
    plan.mounts.extend(script(run, &place.scratch)?);
    let volumes = around.wishes.volumes.iter();
    plan.mounts.extend(volumes.map(|volume| bind(volume.source.clone(), &volume.target, volume.read_only)));
    plan.process.env.extend(ssh_variable(&run.mounts));
    plan.emulators = emulation::emulators(&around.foreign);
    let Mounts { secrets, caches: _caches, relays: _relays, .. } = mounts;
    let joined = Joined { network: place.network, ..Joined::default() };
    if joined.network.is_some() {
        plan.namespaces = plan.namespaces.without(Namespaces::NET);
    }
    let places = plan.mounts.iter().map(|mount| PathBuf::from(&mount.target));
    let places = places.chain(secrets.files.iter().map(|file| file.target.clone()));
    // All of them are made there first, wherever they go.
    let directory = (!secrets.files.is_empty()).then(|| PathBuf::from(secrets::DIRECTORY));
    let places = places.chain(directory).collect();
    let filter = start::filter(&options)?;
    let clone = || output.try_clone().context("duplicate a descriptor");
    let stdio = Stdio {
        stdin: identity::null_device().context("open /dev/null")?,
        stdout: clone()?,
        stderr: clone()?,
    };
    let limited = around.limits.map(Steps::begin).transpose()?;
    let launch = Launch {
        plan: &plan,
        secrets: &secrets,
        filter: filter.as_ref(),
        stdin_open: false,
        joined: &joined,
        can_set_groups: around.can_set_groups,
        passed: Some(&stdio),
        group: limited.as_ref().map(AsFd::as_fd),
        preserved: &[],
    };
    let started = emulation::explain(launch.start(None)?.go(), around.foreign.first())?;
    let code = started.child.wait().context("wait for the program")?;
    if code == KILLED && limited.as_ref().is_some_and(|limited| limited.oom_kills() > 0) {
        return Err(anyhow!("the program was killed: cannot allocate memory"))
            .hint(|| "give each step more: build --memory");
    }
    Ok((code, places))
}

fn options(around: &Surroundings<'_>, run: &Run) -> Result<ContainerOptions> {
    let wishes = around.wishes;
    let is_allowed = |entitlement: &str| wishes.allow.iter().any(|allowed| allowed == entitlement);
    if run.insecure && !is_allowed(INSECURE) {
        bail!("{INSECURE} is not allowed");
    }
    // Whoever gives the build the host's network does not ask for more.
    let takes_network = run.network == RunNetwork::Host && wishes.network != RunNetwork::Host;
    if takes_network && !is_allowed(HOST_NETWORK) {
        return Err(anyhow!("{HOST_NETWORK} is not allowed")).hint(|| format!("--allow {HOST_NETWORK}"));
    }
    let mut options = ContainerOptions {
        entrypoint: Some(Vec::new()),
        command: run.command.clone(),
        network: match network(around, run) {
            RunNetwork::Default => NetworkMode::Slirp4netns { options: Vec::new() },
            RunNetwork::None => NetworkMode::None,
            RunNetwork::Host => NetworkMode::Host,
        },
        extra_hosts: wishes.add_hosts.clone(),
        shm_size: wishes.shm_size,
        ulimits: wishes.ulimits.clone(),
        privileged: run.insecure,
        dns: wishes.dns.clone(),
        dns_search: wishes.dns_search.clone(),
        dns_options: wishes.dns_options.clone(),
        security: wishes.security.clone(),
        cap_add: wishes.cap_add.clone(),
        cap_drop: wishes.cap_drop.clone(),
        ..ContainerOptions::default()
    };
    if run.insecure {
        options.security.seccomp = Seccomp::Unconfined;
    }
    Ok(options)
}

/// The network that a step's program gets.
pub fn network(around: &Surroundings<'_>, run: &Run) -> RunNetwork {
    match run.network {
        RunNetwork::Default => around.wishes.network,
        own => own,
    }
}

/// What the program sees as variables: the image's, with build arguments over them and proxies beneath.
fn with_arguments(run: &Run, config: &ContainerConfig) -> ContainerConfig {
    let mut config = config.clone();
    let pair = |(name, value): (&String, &String)| format!("{name}={value}");
    let mut env: Vec<String> = run.silent_args.iter().map(pair).collect();
    for variable in config.env.drain(..).chain(run.args.iter().map(pair)) {
        set_variable(&mut env, &variable);
    }
    config.env = env;
    config
}

fn shown(mount: &RunMount) -> &str {
    mount.target.as_deref().unwrap_or("a variable")
}

/// Where the agents' sockets are (BuildKit's place).
fn ssh_socket(index: usize) -> String {
    format!("/run/buildkit/ssh_agent.{index}")
}

fn ssh_variable(mounts: &[RunMount]) -> Option<String> {
    let is_agent = |mount: &RunMount| matches!(mount.kind, RunMountKind::Ssh { .. });
    let index = mounts.iter().position(is_agent)?;
    let target = mounts[index].target.clone().unwrap_or_else(|| ssh_socket(index));
    Some(format!("SSH_AUTH_SOCK={target}"))
}

/// A here-document that is a program of its own.
fn script(run: &Run, scratch: &Path) -> Result<Option<MountPlan>> {
    let Some((name, content)) = &run.script else { return Ok(None) };
    let path = scratch.join("script");
    fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(Some(bind(path, &format!("/dev/pipes/{name}"), true)))
}

fn bind(source: PathBuf, target: &str, read_only: bool) -> MountPlan {
    MountPlan {
        target: target.to_owned(),
        kind: MountKind::Bind { source },
        attributes: if read_only { Attributes::READ_ONLY } else { 0 },
        read_only_beneath: false,
        propagation: Attributes::PRIVATE,
        recursive: true,
        extra: MountExtra::default(),
    }
}

/// The mounts of one step, and what they need as long as it lasts.
struct Mounts<'a> {
    around: &'a Surroundings<'a>,
    place: &'a Place<'a>,
    secrets: Secrets,
    caches: Vec<Cache>,
    relays: Vec<Relay>,
}

/// A directory that is shared with other steps, for as long as this one needs it.
struct Cache {
    id: String,
    path: PathBuf,
    _lock: OwnedFd,
}

impl Mounts<'_> {
    fn plan(
        &mut self,
        index: usize,
        mount: &RunMount,
        open_origin: &mut dyn FnMut(&Origin) -> Result<Dir>,
    ) -> Result<Option<MountPlan>> {
        let target = mount.target.as_deref();
        let need = || target.context("it has no target");
        Ok(match &mount.kind {
            RunMountKind::Bind { from, source, writable } => {
                let path = path_in(&open_origin(from)?, source)?;
                Some(if *writable {
                    self.throw_away(index, path, need()?)?
                } else {
                    bind(path, need()?, true)
                })
            }
            RunMountKind::Tmpfs { size } => {
                let size = size.map(|size| ("size".to_owned(), Some(size.to_string())));
                let options =
                    [("mode".to_owned(), Some("1777".to_owned()))].into_iter().chain(size).collect();
                let kind = MountKind::Filesystem { name: "tmpfs".to_owned(), options };
                let attributes = Attributes::NOSUID | Attributes::NODEV;
                Some(MountPlan { kind, attributes, recursive: false, ..bind(PathBuf::new(), need()?, false) })
            }
            RunMountKind::Cache { id, sharing, from, source, mode, uid, gid, read_only } => {
                let begin = match from {
                    Some(from) => Some(open_origin(from)?.locate_dir(source.trim_start_matches('/'))),
                    None => None,
                };
                let begin = begin.transpose().with_context(|| format!("open {source}"))?;
                let directory = self.cache(id, *sharing, (*mode, *uid, *gid), begin)?;
                Some(bind(directory, need()?, *read_only))
            }
            RunMountKind::Secret { id, required, mode, uid, gid, env } => {
                self.secret(id, *required, (*mode, *uid, *gid), env.as_deref(), target)?;
                None
            }
            RunMountKind::Ssh { id, required, mode, uid, gid } => match self.around.wishes.ssh.get(id) {
                Some(socket) => {
                    let target = target.map_or_else(|| ssh_socket(index), str::to_owned);
                    let socket = self.agent(index, socket, (*mode, *uid, *gid))?;
                    Some(bind(socket, &target, false))
                }
                None if *required => {
                    return Err(anyhow!("unset ssh forward key {id}"))
                        .hint(|| format!("start an agent and give it: --ssh {id}"));
                }
                None => None,
            },
        })
    }

    /// The socket of an agent, for whom it is to be.
    fn agent(&mut self, index: usize, socket: &Path, access: (u32, u32, u32)) -> Result<PathBuf> {
        if access == (0o600, 0, 0) {
            return Ok(socket.to_owned());
        }
        let own = self.place.scratch.join(format!("agent-{index}"));
        private_directory(&own)?;
        let (relay, socket) = Relay::start(socket, &own, access)?;
        self.relays.push(relay);
        Ok(socket)
    }

    /// What is written to a mount of the context or a stage goes with the step.
    fn throw_away(&self, index: usize, path: PathBuf, target: &str) -> Result<MountPlan> {
        let own = self.place.scratch.join(format!("bind-{index}"));
        private_directory(&own)?;
        if !path.is_dir() {
            let copy = own.join("file");
            fs::copy(&path, &copy).with_context(|| format!("copy {}", path.display()))?;
            return Ok(bind(copy, target, false));
        }
        let (upper, work) = (own.join("upper"), own.join("work"));
        private_directory(&upper)?;
        private_directory(&work)?;
        let lower = vec![path.to_str().context("its path is not UTF-8")?.to_owned()];
        let kind = MountKind::Overlay { lower, upper, work };
        Ok(MountPlan { kind, recursive: false, ..bind(PathBuf::new(), target, false) })
    }

    /// The directory of a cache, locked as its sharing asks. A step that wants the same twice has it once, as with
    /// docker: it would wait for itself.
    fn cache(
        &mut self,
        id: &str,
        sharing: Sharing,
        access: (u32, u32, u32),
        begin: Option<Dir>,
    ) -> Result<PathBuf> {
        let caches = self.around.engine.layout().cache_mounts();
        private_directory(caches.parent().context("the caches have a directory")?)?;
        private_directory(&caches)?;
        let apart = self.around.wishes.cache_namespace.as_ref().map(|namespace| format!("{namespace}/{id}"));
        let id = apart.as_deref().unwrap_or(id);
        if let Some(taken) = self.caches.iter().find(|taken| taken.id == id) {
            return Ok(taken.path.clone());
        }
        let hex = Digest::from_hasher(Sha256::new_with_prefix(id)).hex();
        for turn in 0.. {
            let name = if turn == 0 { hex.clone() } else { format!("{hex}-{turn}") };
            let path = caches.join(&name);
            if !path.exists() {
                let draft = self.place.scratch.join(format!("cache-{name}"));
                make_cache(&draft, &path, access, begin.as_ref())
                    .with_context(|| format!("create {}", path.display()))?;
            }
            let directory = open_directory(&path)?;
            let operation = match sharing {
                Sharing::Shared => FlockOperation::LockShared,
                Sharing::Private => FlockOperation::NonBlockingLockExclusive,
                Sharing::Locked => FlockOperation::LockExclusive,
            };
            match rustix::fs::flock(&directory, operation) {
                Err(Errno::WOULDBLOCK) => continue,
                locked => locked.with_context(|| format!("lock {}", path.display()))?,
            }
            self.caches.push(Cache { id: id.to_owned(), path: path.clone(), _lock: directory });
            return Ok(path);
        }
        unreachable!("there is always another number")
    }

    fn secret(
        &mut self,
        id: &str,
        required: bool,
        (mode, uid, gid): (u32, u32, u32),
        variable: Option<&str>,
        target: Option<&str>,
    ) -> Result<()> {
        let data = match self.around.wishes.secrets.get(id) {
            Some(source) => source.read().with_context(|| format!("read secret {id}"))?,
            None if required => {
                return Err(anyhow!("secret {id}: not found"))
                    .hint(|| format!("give it to the build: --secret id={id},src=FILE"));
            }
            None => return Ok(()),
        };
        if let Some(variable) = variable {
            let value = String::from_utf8(data.clone()).context("it is not UTF-8, as variables are")?;
            self.secrets.variables.push(format!("{variable}={value}"));
        }
        if target.is_some() || variable.is_none() {
            let target = target.map_or_else(|| format!("{}/{id}", secrets::DIRECTORY), str::to_owned);
            self.secrets.files.push(SecretFile { target: target.into(), uid, gid, mode, data });
        }
        Ok(())
    }
}

/// A directory of the host in every step.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Absolute, both.
    pub source: PathBuf,
    pub target: String,
    pub read_only: bool,
}

/// Where the builder gets a secret from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    File(PathBuf),
    Variable(String),
}

impl SecretSource {
    fn read(&self) -> Result<Vec<u8>> {
        match self {
            Self::File(path) => read_bounded(path, SECRET_LIMIT),
            Self::Variable(name) => {
                Ok(env::value(name).with_context(|| format!("{name} is not set"))?.into_bytes())
            }
        }
    }
}

/// A step's mounts, each with its place in the step. Those that are locked come in one order in every step, so that no
/// two steps wait for each other.
fn in_order_of_locks(mounts: &[RunMount]) -> Vec<(usize, &RunMount)> {
    let mut mounts: Vec<(usize, &RunMount)> = mounts.iter().enumerate().collect();
    mounts.sort_by_key(|(_, mount)| match &mount.kind {
        RunMountKind::Cache { id, .. } => Some(id),
        _ => None,
    });
    mounts
}

/// Makes the directory of a cache. It has its name once it is as it is to be: others may want it at the same time, and
/// would take, and lock, one that is not. Where another was faster, that one's stays.
fn make_cache(
    draft: &Path,
    path: &Path,
    (mode, uid, gid): (u32, u32, u32),
    begin: Option<&Dir>,
) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).create(draft)?;
    let directory = open_directory(draft)?;
    if let Some(begin) = begin {
        super::copy::copy_all(begin, &directory)?;
    }
    rustix::fs::fchown(&directory, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    rustix::fs::fchmod(&directory, Mode::from_raw_mode(mode))?;
    match rustix::fs::renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => Ok(()),
        renamed => Ok(renamed?),
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).with_context(|| format!("open {}", path.display()))
}

/// The path of what is at a path beneath a root, as this process sees it.
fn path_in(root: &Dir, path: &str) -> Result<PathBuf> {
    let found = root.locate(path.trim_start_matches('/'));
    let found = found.with_context(|| format!("{path:?}: not found"))?;
    path_of(found.as_fd()).context("find its path")
}
