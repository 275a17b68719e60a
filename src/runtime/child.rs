//! The container's first process, from its clone to the program, in the kernel's order.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::fuse::Device;
use super::identity::{self, Equipment};
use super::launch::Joined;
use super::plan::Plan;
use super::secrets::{self, Secrets};
use super::{console, protocol, rootfs};
use crate::base::hint::HintExt;
use crate::sys::clone::{self, Namespaces};
use crate::sys::path::Dir;
use crate::sys::{exec, mount, namespace, net, socket};

/// The standard streams of a container without a terminal.
pub struct Stdio {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// Becomes the program of a plan. A failure goes to the parent, with what was tried.
pub fn run(
    plan: &Plan,
    secrets: &Secrets,
    stdio: Option<&Stdio>,
    joined: &Joined,
    device: Option<Device>,
    equipment: &Equipment<'_>,
) -> ! {
    let error = match prepare(plan, secrets, stdio, joined, device, equipment.report) {
        Ok(()) => {
            let mut process = plan.process.clone();
            process.set_variables(&secrets.variables);
            identity::become_program(&process, equipment)
        }
        Err(error) => error,
    };
    fail(equipment.report, &error)
}

/// Tells the parent what went wrong, and ends.
pub fn fail(parent: BorrowedFd<'_>, error: &anyhow::Error) -> ! {
    let _ = protocol::send_failure(parent, error);
    clone::exit_now(i32::from(protocol::Failure::of(error).code))
}

fn prepare(
    plan: &Plan,
    secrets: &Secrets,
    stdio: Option<&Stdio>,
    joined: &Joined,
    device: Option<Device>,
    parent: BorrowedFd<'_>,
) -> Result<()> {
    rustix::process::setsid().context("start a session")?;
    identity::set_oom_score(&plan.process)?;
    // Made by the mounts and devices below, not by the caller's umask.
    rustix::process::umask(Mode::empty());
    join(joined)?;
    name_host(plan)?;
    if plan.becomes_root {
        open_to_all(stdio)?;
    }
    let memory = joined.memory.as_ref().map(|other| shared_memory(other.as_fd())).transpose()?;
    let assembled = rootfs::assemble(plan, memory.as_ref().map(AsFd::as_fd), device)?;
    if plan.becomes_root {
        protocol::send_visible(parent).context("tell the supervisor")?;
    }
    secrets::attach(&assembled.root, &secrets.files)?;
    match stdio {
        Some(stdio) => {
            exec::set_stdio(stdio.stdin.as_fd(), stdio.stdout.as_fd(), stdio.stderr.as_fd())
                .context("set the standard streams")?;
        }
        None => give_terminal(&assembled, plan.process.console_size, parent)?,
    }
    // After the mounts: the kernel changes one interface at a time, and this one's network may be in the making.
    if plan.namespaces.contains(Namespaces::NET) {
        net::loopback_up().context("bring up the loopback interface")?;
    }
    rootfs::enter(&assembled, plan.read_only_root)?;
    wait_for_go(parent)
}

/// Lets every user of the container open the standard streams again, as `/dev/stdout`: their owner, this process
/// until it becomes root, may not exist inside.
pub fn open_to_all(stdio: Option<&Stdio>) -> Result<()> {
    let Some(stdio) = stdio else { return Ok(()) };
    for fd in [&stdio.stdin, &stdio.stdout, &stdio.stderr] {
        if FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode).is_fifo() {
            rustix::fs::fchmod(fd, Mode::from_raw_mode(0o666)).context("open the standard streams to all")?;
        }
    }
    Ok(())
}

fn join(joined: &Joined) -> Result<()> {
    for (namespace, what) in [(&joined.network, "network"), (&joined.ipc, "IPC"), (&joined.uts, "UTS")] {
        if let Some(namespace) = namespace {
            namespace::join(namespace.as_fd()).with_context(|| format!("join the {what} namespace"))?;
        }
    }
    Ok(())
}

/// Takes `/dev/shm` out of another mount namespace: only who is in one may copy its mounts.
fn shared_memory(other: BorrowedFd<'_>) -> Result<OwnedFd> {
    let own = rustix::fs::open("/proc/self/ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .context("open /proc/self/ns/mnt")?;
    namespace::join(other).context("join the other container's mounts")?;
    let memory = Dir::open(Path::new("/")).and_then(|root| {
        let place = root.locate("dev/shm")?;
        mount::copy(place.as_fd(), "", false)
    });
    namespace::join(own.as_fd()).context("return to the container's own mounts")?;
    memory.context("take the other container's /dev/shm")
}

/// The container has all rights over its name: only a filter refuses it, as podman's does.
const NO_NAME: &str = "a seccomp filter around this container refuses it: start the container around with \
                       --security-opt seccomp=unconfined, or use --uts host";

fn name_host(plan: &Plan) -> Result<()> {
    if let Some(name) = &plan.hostname {
        match rustix::system::sethostname(name.as_bytes()) {
            Err(Errno::PERM) if plan.any_hostname => {}
            named => named.with_context(|| format!("set the hostname to {name}")).hint(|| NO_NAME)?,
        }
    }
    if let Some(name) = &plan.domainname {
        rustix::system::setdomainname(name.as_bytes())
            .with_context(|| format!("set the domain name to {name}"))?;
    }
    Ok(())
}

fn give_terminal(
    assembled: &rootfs::Assembled,
    size: Option<(u16, u16)>,
    parent: BorrowedFd<'_>,
) -> Result<()> {
    let terminals = assembled.terminals.as_ref().context("open a terminal: the container has no /dev/pts")?;
    let (master, terminal) = console::open(terminals.as_fd(), size)?;
    console::attach(&assembled.root, terminal.as_fd())?;
    protocol::send_terminal(parent, master.as_fd()).context("hand over the terminal")?;
    console::control(terminal.as_fd())
}

/// The parent says go once the container is on record and its network is there; a parent that has given up
/// closes.
pub fn wait_for_go(parent: BorrowedFd<'_>) -> Result<()> {
    match socket::receive(parent, &mut [0u8; 8]).context("wait for the supervisor")? {
        0 => clone::exit_now(125),
        _ => Ok(()),
    }
}
