//! A private user-mode network stack for one container: pasta(1), of the package passt.
//!
//! The container has the addresses, routes and interface name of the host, and what it sends is sent by a process
//! outside of it, over ordinary sockets. That process is a child of the one that starts it, and ends with it.
//!
//! In the directory of the running container it keeps `netns`, the name by which the program is given the container's
//! network namespace, `pasta.pid`, in which it says that it is ready, and `pasta.log`.

mod options;

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::reservation::Reservation;
use super::tun;
use crate::base::hint::HintExt;
use crate::base::port::PortMapping;
use crate::config::env;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::{exec, mount, namespace};

pub use options::PastaOptions;

const PROGRAM: &str = "pasta";
const NAMESPACE: &str = "netns";
const READY: &str = "pasta.pid";
const LOG: &str = "pasta.log";

/// It is ready after some milliseconds; a machine that swaps may take much longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running stack. Dropped, it is killed.
#[derive(Debug)]
pub struct PastaStack {
    _child: Child,
    ports: Vec<PortMapping>,
}

impl PastaStack {
    /// The published ports, with the host ports that were picked.
    pub fn ports(&self) -> &[PortMapping] {
        &self.ports
    }
}

/// Gives the network namespace of the process `pid` a stack and publishes `ports`; returns when both are usable. The
/// caller is single-threaded, in the user namespace that owns the network namespace, with all capabilities there, and
/// outside of the network namespace. `directory` is private to the container.
///
/// # Errors
/// A port that is taken, with nothing started; a missing program or device, with a hint; whatever the program itself
/// says.
pub fn start(
    pid: i32,
    options: &PastaOptions,
    ports: &[PortMapping],
    directory: &Path,
) -> Result<PastaStack> {
    let reservations: Vec<_> = ports.iter().map(Reservation::take).collect::<Result<_>>()?;
    tun::check()?;
    let program = env::find_program(PROGRAM).with_context(|| format!("run {PROGRAM}: it is not installed"));
    let program = program.hint(
        || "install passt (sudo apt install passt, or sudo dnf install passt), or use --network slirp4netns",
    )?;
    let ports: Vec<_> = reservations.into_iter().map(Reservation::release).collect();
    let ready = make_fifo(&directory.join(READY))?;
    let log = directory.join(LOG);
    let output = File::create(&log).with_context(|| format!("create {}", log.display()))?;
    let name = directory.join(NAMESPACE);
    File::create(&name).with_context(|| format!("create {}", name.display()))?;
    let mut command = Command::new(program);
    command.args(options.arguments(&ports)).arg("--pid").arg(directory.join(READY));
    // It is in the right user namespace already.
    command.arg("--foreground").arg("--netns-only").arg("--netns").arg(&name);
    command.stdin(Stdio::null()).stdout(output.try_clone().context("copy a descriptor")?);
    command.stderr(output.try_clone().context("copy a descriptor")?);
    // Out of the terminal's group, whose Ctrl-C is for the container.
    command.process_group(0);
    match clone::clone(Namespaces::default()).with_context(|| format!("run {PROGRAM}"))? {
        Forked::Parent(child) => {
            if is_ready(&ready, &child).with_context(|| format!("wait for {PROGRAM}"))? {
                return Ok(PastaStack { _child: child, ports });
            }
            drop(child);
            Err(anyhow!("{PROGRAM}: {}", last_words(&fs::read_to_string(&log).unwrap_or_default())))
        }
        Forked::Child => {
            let Err(error) = become_program(pid, &name, command);
            let _ = writeln!(&output, "{error:#}");
            clone::exit_now(127)
        }
    }
}

/// Becomes the program. It gives up what it would need to open another process' namespace before it opens the one that
/// it is to serve, and closes descriptors that it does not know: so it is given a name, in a mount namespace of its own.
fn become_program(pid: i32, name: &Path, mut command: Command) -> Result<Infallible> {
    if !rustix::process::geteuid().is_root() {
        // Where nobody is root the capabilities are passed on without.
        let _ = exec::become_user_with_capabilities(0, 0);
    }
    // A change of user makes the kernel forget this.
    set_parent_process_death_signal(Some(Signal::KILL)).context("follow the supervisor")?;
    let bind = || -> std::io::Result<()> {
        namespace::separate_mounts()?;
        mount::make_all_slave()?;
        let network = mount::copy_path(Path::new(&format!("/proc/{pid}/ns/net")), false)?;
        let place = rustix::fs::open(name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        mount::attach(network.as_fd(), place.as_fd())
    };
    bind().context("name the container's network namespace")?;
    Err(command.exec()).context("execute it")
}

/// Makes a pipe with a name, and opens it to be read.
fn make_fifo(path: &Path) -> Result<OwnedFd> {
    let make = || -> std::io::Result<OwnedFd> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?)
    };
    make().with_context(|| format!("make the pipe {}", path.display()))
}

/// Waits for the program's sign; `false` if it ended or took too long.
fn is_ready(ready: &OwnedFd, child: &Child) -> std::io::Result<bool> {
    let mut sources =
        [PollFd::new(ready, PollFlags::IN), PollFd::from_borrowed_fd(child.pidfd(), PollFlags::IN)];
    let limit = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    rustix::io::retry_on_intr(|| poll(&mut sources, Some(&limit)))?;
    Ok(sources[0].revents().contains(PollFlags::IN))
}

/// What the program wrote last, which is why it ended, or before it said how it is used; the rest is what it always
/// writes.
fn last_words(log: &str) -> &str {
    let before = log.find("Usage: ").map_or(log, |at| &log[..at]);
    let lines = before.lines().map(str::trim);
    // It talks to the system's log as well, which is not for ordinary users everywhere.
    let mut said = lines.filter(|line| !line.is_empty() && !line.starts_with("Failed to send"));
    let last = said.next_back().unwrap_or("it died");
    last.rsplit_once("pasta: ").map_or(last, |(_, reason)| reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_reason() {
        for (log, want) in [
            ("", "it died"),
            ("/usr/bin/pasta: unrecognized option '--x'\nUsage: pasta\n  --y\n", "unrecognized option '--x'"),
            (
                "Failed to send 56 bytes to syslog\nCouldn't open network namespace x\n",
                "Couldn't open network namespace x",
            ),
            (
                "MAC:\n    host: 02:fc:00:00:00:01\nFailed to bind\nFailed to send 1 bytes to syslog\n\n",
                "Failed to bind",
            ),
        ] {
            assert_eq!(last_words(log), want);
        }
    }
}
