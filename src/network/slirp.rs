//! A private user-mode network stack for one container: slirp4netns(1).
//!
//! The stack is a process outside the container that moves packets between an interface inside and ordinary
//! sockets outside, so it needs no privilege on the host. It lives as long as the descriptor that
//! [`SlirpStack`] holds, so that it ends with its owner however that ends.
//!
//! ```text
//! container: tap0 10.0.2.100 ── slirp4netns ── sockets of the user
//!            gateway 10.0.2.2, resolver 10.0.2.3
//! ```
//!
//! In the directory of the running container it keeps `slirp4netns.sock`, over which ports are published, and
//! `slirp4netns.log`.

mod api;
mod options;
mod ports;

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use super::reservation::Reservation;
use super::tun;
use crate::base::hint::HintExt;
use crate::base::port::PortMapping;

pub use options::{Addresses, SlirpOptions};

/// The container's interface.
pub const INTERFACE: &str = "tap0";

const PROGRAM: &str = "slirp4netns";
const SOCKET: &str = "slirp4netns.sock";
const LOG: &str = "slirp4netns.log";

/// It is ready after some milliseconds; a machine that swaps may take much longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running stack. Dropped, it ends by itself soon after.
#[derive(Debug)]
pub struct SlirpStack {
    child: Child,
    ports: Vec<PortMapping>,
    /// The stack ends when the last copy of this is closed.
    _lifeline: PipeWriter,
}

impl SlirpStack {
    /// The published ports, with the host ports that were picked.
    pub fn ports(&self) -> &[PortMapping] {
        &self.ports
    }

    /// What ends the program when it is dropped, and the program.
    pub fn split(self) -> (PipeWriter, Child) {
        (self._lifeline, self.child)
    }

    /// The process, a child of the one that called [`start`].
    #[cfg(test)]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the stack and waits until it is gone, which takes the kernel some 15 ms.
    #[cfg(test)]
    pub fn stop(self) -> io::Result<ExitStatus> {
        let Self { mut child, _lifeline, .. } = self;
        drop(_lifeline);
        child.wait()
    }
}

/// The network namespace that gets a stack.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// That of a process, whose user namespace owns it.
    Process(i32),
    /// One that the caller's user namespace owns.
    Namespace(BorrowedFd<'a>),
}

/// Gives a network namespace a stack and publishes `ports`; returns when both are usable.
/// The caller is single-threaded, outside that network namespace, and either a member of the user namespace
/// that owns it, with CAP_SYS_ADMIN there, or that namespace's owner. `directory` is private to the container.
///
/// # Errors
/// A port that is taken, with nothing started; a missing program or device, with a hint; whatever the program
/// itself says.
pub fn start(
    target: Target<'_>,
    options: &SlirpOptions,
    ports: &[PortMapping],
    directory: &Path,
) -> Result<SlirpStack> {
    let take = |wanted| Reservation::take(&ports::on_ipv4(wanted)?);
    let reservations: Vec<Reservation> = ports.iter().map(take).collect::<Result<_>>()?;
    tun::check()?;
    let job = Job { target, options, directory: Directory::open(directory)?, has_ports: !ports.is_empty() };
    let mut stack = job.run()?;
    for reservation in reservations {
        stack.ports.push(job.publish(reservation)?);
    }
    Ok(stack)
}

/// The container's directory, reached through a descriptor: the path of a socket has at most 107 bytes, and
/// that of a directory may have more.
struct Directory {
    path: PathBuf,
    fd: OwnedFd,
}

impl Directory {
    fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .with_context(|| format!("open {}", path.display()))?;
        Ok(Self { path: path.to_owned(), fd })
    }

    fn socket(&self) -> PathBuf {
        through(&self.fd).join(SOCKET)
    }

    fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }
}

fn through(fd: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// What is asked of the program.
struct Job<'a> {
    target: Target<'a>,
    options: &'a SlirpOptions,
    directory: Directory,
    has_ports: bool,
}

/// How much the program shuts itself in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Confinement {
    /// A root directory with nothing but `/etc` and `/run`, and a system call filter.
    Full,
    None,
}

impl Job<'_> {
    /// Starts the stack confined; where the host does not let it confine itself, without.
    fn run(&self) -> Result<SlirpStack> {
        match self.attempt(Confinement::Full) {
            Err(failure) if failure.is_about_confinement() => self.attempt(Confinement::None),
            result => result,
        }
        .map_err(Failure::into_error)
    }

    fn attempt(&self, confinement: Confinement) -> Result<SlirpStack, Failure> {
        let (lifeline_end, lifeline) = io::pipe().context("make a pipe")?;
        let (ready, ready_end) = io::pipe().context("make a pipe")?;
        let log = File::create(self.directory.log())
            .with_context(|| format!("create {}", self.directory.log().display()))?;
        let child = self.spawn(confinement, &lifeline_end, &ready_end, log)?;
        // Only the program's copies are left, so that its death is the end of the file.
        drop((lifeline_end, ready_end));
        let mut stack = SlirpStack { child, ports: Vec::new(), _lifeline: lifeline };
        if is_ready(ready).context("wait for slirp4netns")? {
            return Ok(stack);
        }
        let _ = stack.child.kill();
        let status = stack.child.wait().context("wait for slirp4netns")?;
        Err(Failure::Said { text: self.last_words(), status })
    }

    fn spawn(
        &self,
        confinement: Confinement,
        lifeline: &PipeReader,
        ready: &PipeWriter,
        log: File,
    ) -> Result<Child, Failure> {
        static SPAWNING: Mutex<()> = Mutex::new(());
        // Copies without close-on-exec, for as long as this function runs: no other thread may start a program then.
        let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
        let lifeline = rustix::io::dup(lifeline).context("copy a descriptor")?;
        let ready = rustix::io::dup(ready).context("copy a descriptor")?;
        let directory = rustix::io::dup(&self.directory.fd).context("copy a descriptor")?;
        let mut command = Command::new(PROGRAM);
        self.describe(&mut command, confinement);
        command.arg(format!("--exit-fd={}", lifeline.as_raw_fd()));
        command.arg(format!("--ready-fd={}", ready.as_raw_fd()));
        if self.has_ports {
            command.arg("--api-socket").arg(through(&directory).join(SOCKET));
        }
        let _network = self.name_target(&mut command)?;
        let stdout = log.try_clone().context("copy a descriptor")?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(log);
        // Out of the terminal's group, whose Ctrl-C is for the container.
        command.process_group(0);
        Ok(command.spawn().context("start slirp4netns").hint(|| {
            "install slirp4netns (sudo apt install slirp4netns, or sudo dnf install slirp4netns), \
             or use --network host"
        })?)
    }

    fn describe(&self, command: &mut Command, confinement: Confinement) {
        let options = self.options;
        command.arg("--configure").arg(format!("--mtu={}", options.mtu));
        command.arg(format!("--cidr={}", options.cidr));
        let flags = [
            (options.enable_ipv6, "--enable-ipv6"),
            (!options.allow_host_loopback, "--disable-host-loopback"),
            (confinement == Confinement::Full, "--enable-sandbox"),
            (confinement == Confinement::Full, "--enable-seccomp"),
        ];
        command.args(flags.iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| flag));
        if let Some(outbound) = &options.outbound_addr {
            command.arg(format!("--outbound-addr={outbound}"));
        }
        if let Some(address) = &options.mac_address {
            command.arg(format!("--macaddress={address}"));
        }
        if let Some(outbound) = &options.outbound_addr6 {
            command.arg(format!("--outbound-addr6={outbound}"));
        }
    }

    /// A process stands for its user namespace too, which the program then enters first; entering the one
    /// that it is in already would be refused. There the network is named by a descriptor, kept open by what is
    /// returned: the program asks for the path's permissions with access(2), which leaves the capabilities of a
    /// caller out that is not root in this namespace.
    fn name_target(&self, command: &mut Command) -> Result<Option<OwnedFd>, Failure> {
        let network = match self.target {
            // A copy without close-on-exec.
            Target::Namespace(network) => rustix::io::dup(network).context("copy a descriptor")?,
            Target::Process(pid) => {
                let theirs = format!("/proc/{pid}/ns");
                let same = std::fs::read_link(format!("{theirs}/user")).ok()
                    == std::fs::read_link("/proc/self/ns/user").ok();
                if !same {
                    command.arg(pid.to_string()).arg(INTERFACE);
                    return Ok(None);
                }
                rustix::fs::open(format!("{theirs}/net"), OFlags::RDONLY, Mode::empty())
                    .with_context(|| format!("open {theirs}/net"))?
            }
        };
        command.arg("--netns-type=path").arg(format!("/proc/self/fd/{}", network.as_raw_fd()));
        command.arg(INTERFACE);
        Ok(Some(network))
    }

    /// The stack takes the port over from its reservation.
    fn publish(&self, reservation: Reservation) -> Result<PortMapping> {
        let mapping = reservation.release();
        api::add_forward(&self.directory.socket(), &mapping, self.options.addresses().container)?;
        Ok(mapping)
    }

    /// What the program wrote, without the lines that it always writes.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.directory.log()).unwrap_or_default();
        let usual = ["sent tapfd", "received tapfd", "Starting slirp", "* "];
        // A warning may follow on the line of an error.
        let lines = log.lines().filter_map(|line| line.split("WARNING: ").next());
        let said =
            lines.filter(|line| !line.is_empty() && !usual.iter().any(|start| line.starts_with(start)));
        said.collect::<Vec<_>>().join("; ")
    }
}

/// Waits for the program's sign; `false` if it ended or took too long.
fn is_ready(mut ready: PipeReader) -> io::Result<bool> {
    let mut sources = [PollFd::new(&ready, PollFlags::IN)];
    let limit = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    if rustix::io::retry_on_intr(|| poll(&mut sources, Some(&limit)))? == 0 {
        return Ok(false);
    }
    Ok(ready.read(&mut [0])? == 1)
}

/// Why there is no stack.
enum Failure {
    /// Before the program could say anything.
    Before(anyhow::Error),
    /// Its own words.
    Said { text: String, status: ExitStatus },
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Before(error)
    }
}

impl Failure {
    fn is_about_confinement(&self) -> bool {
        let signs = ["sandbox", "seccomp", "unrecognized option"];
        matches!(self, Self::Said { text, .. } if signs.iter().any(|sign| text.contains(sign)))
    }

    fn into_error(self) -> anyhow::Error {
        match self {
            Self::Before(error) => error,
            Self::Said { text, status } if text.is_empty() => anyhow!("slirp4netns: {status}"),
            Self::Said { text, .. } => anyhow!("slirp4netns: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::process::{ChildStdin, ChildStdout};

    use crate::base::port::Protocol;

    /// A shell in a network namespace of its own that runs one line after another.
    struct Inside {
        child: Child,
        input: ChildStdin,
        output: BufReader<ChildStdout>,
    }

    impl Inside {
        /// In a user namespace of its own too, or, for root, in ours.
        fn all() -> Vec<Self> {
            let ours = rustix::process::geteuid().is_root().then_some("-n");
            ours.into_iter().chain(["-Urn"]).map(Self::new).collect()
        }

        fn new(flags: &str) -> Self {
            let mut child = Command::new("unshare")
                .args([flags, "sh"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let mut inside = Self { child, input, output: BufReader::new(output) };
            inside.run("true");
            inside
        }

        fn run(&mut self, line: &str) -> String {
            writeln!(self.input, "{line}\necho END").unwrap();
            let mut text = String::new();
            while !text.ends_with("END\n") {
                assert_ne!(self.output.read_line(&mut text).unwrap(), 0);
            }
            text
        }

        fn pid(&self) -> i32 {
            self.child.id() as i32
        }
    }

    impl Drop for Inside {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn mapping(host_port: u16, protocol: Protocol) -> PortMapping {
        let host_ip = Some(Ipv4Addr::LOCALHOST.into());
        PortMapping { host_ip, host_port, host_port_last: None, container_port: 80, protocol }
    }

    #[test]
    fn gives_a_namespace_a_stack_with_ports_until_it_is_stopped() {
        if let Err(error) = tun::check() {
            eprintln!("skipped: {error:#}");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        // Longer than a socket's address may be.
        let directory = directory.path().join("d".repeat(120));
        std::fs::create_dir(&directory).unwrap();
        for inside in Inside::all() {
            serve_and_stop(inside, &directory);
        }
    }

    fn serve_and_stop(mut inside: Inside, directory: &Path) {
        let ports = [mapping(0, Protocol::Tcp), mapping(0, Protocol::Udp)];
        let options = SlirpOptions::parse(&["cidr=10.77.0.0/24".to_owned()]).unwrap();
        let stack = start(Target::Process(inside.pid()), &options, &ports, directory).unwrap();

        let table = inside.run("cat /proc/net/fib_trie /proc/net/dev");
        let address = options.addresses().container.to_string();
        assert!(table.contains(&address) && table.contains(INTERFACE), "{table}");
        let port = stack.ports()[0].host_port;
        assert!(port != 0 && stack.ports()[1].host_port != 0);
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let taken =
            start(Target::Process(inside.pid()), &options, &stack.ports()[..1], directory).unwrap_err();
        assert!(taken.to_string().ends_with("failed: port is already allocated"), "{taken:#}");

        let process = PathBuf::from(format!("/proc/{}", stack.pid()));
        assert!(process.exists());
        assert!(stack.stop().unwrap().success());
        assert!(!process.exists());
        assert!(!inside.run("cat /proc/net/dev").contains(INTERFACE));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn ends_by_itself_when_its_owner_is_gone() {
        if let Err(error) = tun::check() {
            eprintln!("skipped: {error:#}");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let inside = Inside::new("-Urn");
        let options = SlirpOptions::default();
        let SlirpStack { mut child, _lifeline, .. } =
            start(Target::Process(inside.pid()), &options, &[], directory.path()).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        drop(_lifeline);
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn says_what_the_program_says() {
        if let Err(error) = tun::check() {
            eprintln!("skipped: {error:#}");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let inside = Inside::new("-Urn");
        let options = SlirpOptions::parse(&["outbound_addr=no-such-device".to_owned()]).unwrap();
        let error = start(Target::Process(inside.pid()), &options, &[], directory.path()).unwrap_err();
        let want = "slirp4netns: outbound-addr has to be valid ipv4 address or interface name.";
        assert_eq!(format!("{error:#}"), want);
    }
}
