//! The namespaces that a container shares with another, and those of the host that it keeps.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{Mode, OFlags};

use super::{Engine, create};
use crate::runtime::launch::Joined;
use crate::runtime::userns::UserNamespace;
use crate::store::containers::Record;
use crate::store::options::{ContainerOptions, NamespaceMode, NetworkMode};
use crate::store::userns::UsernsMode;

/// Replaces the names of other containers by their ids, and refuses what cannot be had together.
pub fn settle(engine: &Engine, options: &mut ContainerOptions) -> Result<()> {
    if let UsernsMode::Container { id } = &mut options.userns.mode {
        *id = engine.containers().resolve(id)?;
    }
    let modes = &mut options.namespaces;
    for mode in [&mut modes.pid, &mut modes.ipc, &mut modes.uts] {
        if let NamespaceMode::Container { id } = mode {
            *id = engine.containers().resolve(id)?;
        }
    }
    if options.hostname.is_some() && options.namespaces.uts != NamespaceMode::Private {
        bail!("conflicting options: hostname and the UTS mode");
    }
    if options.domainname.is_some() && options.namespaces.uts != NamespaceMode::Private {
        bail!("conflicting options: domainname and the UTS mode");
    }
    let of_ipc = |name: &&String| name.starts_with("kernel.") || name.starts_with("fs.mqueue.");
    if options.namespaces.ipc == NamespaceMode::Host
        && let Some(name) = options.sysctls.keys().find(of_ipc)
    {
        bail!("sysctl \"{name}\" is not allowed in the hosts ipc namespace");
    }
    Ok(())
}

/// The directory with the `hosts`, `hostname` and `resolv.conf` of a container that shares another's network, and so its
/// names; `None` if it has its own.
pub fn names_directory(engine: &Engine, options: &ContainerOptions) -> Result<Option<PathBuf>> {
    let NetworkMode::Container { id } = &options.network else { return Ok(None) };
    let owner = engine.containers().load(id).context("joining network namespace of container")?;
    let further = names_directory(engine, &owner.options)?;
    Ok(Some(further.unwrap_or_else(|| engine.layout().container(id))))
}

/// The host name that a container has by whom it shares its names with; `None` if it has its own.
pub fn shared_hostname(engine: &Engine, options: &ContainerOptions) -> Result<Option<String>> {
    let of = |id: &str| {
        let other = engine.containers().load(id)?;
        create::hostname(engine, &other.options, &other.id).map(Some)
    };
    Ok(match &options.namespaces.uts {
        NamespaceMode::Host => Some(rustix::system::uname().nodename().to_string_lossy().into_owned()),
        NamespaceMode::Container { id } => of(id)?,
        _ => match &options.network {
            NetworkMode::Container { id } => of(id).context("joining network namespace of container")?,
            _ => None,
        },
    })
}

/// Opens what the container shares with others; `None` if it shares nothing. What shares a namespace is made in
/// the user namespace that owns it.
pub fn open(engine: &Engine, record: &Record) -> Result<Option<(UserNamespace, Joined)>> {
    let mut owners = Vec::new();
    let mut joined = Joined::default();
    let modes = &record.options.namespaces;
    if let NetworkMode::Container { id } = &record.options.network {
        let owner = engine.containers().load(id).context("joining network namespace of container")?;
        if !owner.state.is_running() {
            bail!("cannot join network of a non running container: {id}");
        }
        joined.network = Some(namespace(owner.state.pid, "net")?);
        owners.push(owner);
    }
    if let Some(owner) = owner(engine, &modes.pid, "PID")? {
        joined.pid = Some(namespace(owner.state.pid, "pid")?);
        owners.push(owner);
    }
    if let Some(owner) = owner(engine, &modes.uts, "UTS")? {
        joined.uts = Some(namespace(owner.state.pid, "uts")?);
        owners.push(owner);
    }
    if let Some(owner) = owner(engine, &modes.ipc, "IPC")? {
        if owner.options.namespaces.ipc != NamespaceMode::Shareable {
            bail!(
                "failed to join IPC namespace: container {}: non-shareable IPC (hint: use IpcMode:shareable for \
                 the donor container)",
                owner.id
            );
        }
        joined.ipc = Some(namespace(owner.state.pid, "ipc")?);
        joined.memory = Some(namespace(owner.state.pid, "mnt")?);
        owners.push(owner);
    }
    if let UsernsMode::Container { id } = &record.options.userns.mode {
        owners.extend(owner(engine, &NamespaceMode::Container { id: id.clone() }, "user")?);
    }
    if let UsernsMode::Path { path } = &record.options.userns.mode {
        if !owners.is_empty() {
            bail!(
                "conflicting options: --userns {} and a namespace of a container",
                record.options.userns.raw
            );
        }
        return Ok(Some((UserNamespace::at(path)?, joined)));
    }
    if let NetworkMode::Path { path } = &record.options.network {
        if !owners.is_empty() {
            bail!("conflicting options: --network ns:{} and a namespace of a container", path.display());
        }
        let (users, network) = UserNamespace::of_network(path)?;
        joined.network = Some(network);
        return Ok(Some((users, joined)));
    }
    let Some(first) = owners.first() else { return Ok(None) };
    for other in &owners[1..] {
        if user_namespace(other)? != user_namespace(first)? {
            bail!(
                "containers {} and {} have nothing in common: what shares namespaces of both would belong to two user \
                 namespaces",
                &first.id[..12],
                &other.id[..12]
            );
        }
    }
    let users = UserNamespace::of_process(first.state.pid);
    Ok(Some((users.context("open the other container's user namespace")?, joined)))
}

fn owner(engine: &Engine, mode: &NamespaceMode, what: &str) -> Result<Option<Record>> {
    let NamespaceMode::Container { id } = mode else { return Ok(None) };
    let attempt = || format!("failed to join {what} namespace");
    let owner = engine.containers().load(id).with_context(attempt)?;
    if !owner.state.is_running() {
        return Err(anyhow!("container {id} is not running")).with_context(attempt);
    }
    Ok(Some(owner))
}

fn namespace(pid: i32, kind: &str) -> Result<OwnedFd> {
    let path = format!("/proc/{pid}/ns/{kind}");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::empty()).with_context(|| format!("open {path}"))
}

fn user_namespace(record: &Record) -> Result<u64> {
    let path = format!("/proc/{}/ns/user", record.state.pid);
    Ok(fs::metadata(&path).with_context(|| format!("open {path}"))?.ino())
}
