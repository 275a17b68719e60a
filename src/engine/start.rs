//! `start`: a supervisor for a container on record, and the container in it.
//!
//! ```text
//! CLI ──fork──> supervisor: own session, user namespace, lock, sockets ──clone──> container
//!  │ <── Started or Failed, then output ──┘        │
//!  └ may die at any time                            └ record: running → exited, or removed with --rm
//! ```
//!
//! The record says "running" before the program does, so that no container runs that is not on record; a
//! client that has gone by then takes the start back.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use oci_spec::runtime::Spec;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};

use super::attach::{self, Outcome, Streams};
use super::create::{Draft, durability, hold_volumes, surroundings};
use super::namespace::{self, Opening};
use super::{Engine, events, files, remove, spec, terminal};
use crate::base::file::{Durability, FileLock, read_bounded};
use crate::config::paths::private_directory;
use crate::network::slirp;
use crate::runtime::caps::CapSet;
use crate::runtime::identity;
use crate::runtime::launch::{Launch, Started, Starting};
use crate::runtime::log::LogWriter;
use crate::runtime::monitor::{Monitor, Ties};
use crate::runtime::plan::{Plan, Rootfs};
use crate::runtime::protocol::{Event, Failure};
use crate::runtime::seccomp::{self, Filter};
use crate::runtime::userns::UserNamespace;
use crate::store::containers::{Record, Source, State, Status};
use crate::store::options::{ContainerOptions, NetworkMode, Seccomp};
use crate::sys::clone::{self, Forked, Namespaces};
use crate::sys::{process, socket};

/// A `config.json` is small; one beyond this is not ours.
const SPEC_LIMIT: u64 = 16 << 20;

/// The socket of a supervisor, in the container's run directory.
pub const SOCKET: &str = "attach.sock";

/// What a supervisor is to start.
pub enum Work {
    /// A container that it makes first.
    New(Draft),
    /// One on record.
    Existing(Record),
}

impl Work {
    fn id(&self) -> &str {
        match self {
            Work::New(draft) => &draft.id,
            Work::Existing(record) => &record.id,
        }
    }
}

/// Starts a container that was created or has ended. One that runs already is left alone; with `streams` the
/// caller is attached either way.
pub fn start(engine: &Engine, id: &str, streams: Option<Streams>) -> Result<Outcome> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if record.state.is_running() {
        return match streams {
            Some(streams) => attach::attach(engine, &record.id, streams),
            None => Ok(Outcome::Started),
        };
    }
    launch(engine, Work::Existing(record), streams)
}

/// Forks the supervisor and, with `streams`, stays attached until the container ends.
pub fn launch(engine: &Engine, work: Work, streams: Option<Streams>) -> Result<Outcome> {
    let id = work.id().to_owned();
    let (client, server) = socket::pair().context("make a socket pair")?;
    match clone::clone(Namespaces::default()).context("fork the supervisor")? {
        Forked::Parent(supervisor) => {
            drop(server);
            let outcome = attach::follow_start(client, streams);
            match outcome {
                // All it had to do is done: a moment later there is no trace of it.
                Err(_) | Ok(Outcome::Exited(_)) => drop(supervisor.wait()),
                Ok(outcome @ (Outcome::Started | Outcome::Detached)) => {
                    supervisor.release();
                    attach::tell_detached(engine, &id, outcome);
                }
            }
            outcome
        }
        Forked::Child => {
            drop(client);
            Supervisor { engine, record: None }.run(work, server, streams)
        }
    }
}

/// The running process whose network is shared, if any.
fn network_owner(engine: &Engine, record: &Record) -> Result<Option<i32>> {
    let NetworkMode::Container { id } = &record.options.network else { return Ok(None) };
    let owner = engine.containers().load(id)?;
    if !owner.state.is_running() {
        bail!("cannot join network of a non running container: {id}");
    }
    Ok(Some(owner.state.pid))
}

fn rootfs(engine: &Engine, record: &Record) -> Rootfs {
    let directory = engine.layout().container(&record.id);
    match &record.source {
        Source::Rootfs { path } => Rootfs::Directory { path: path.clone() },
        Source::Image { layers, .. } => Rootfs::Overlay {
            base: engine.layout().layers(),
            lower: layers.iter().map(crate::base::digest::Digest::hex).collect(),
            upper: directory.join("upper"),
            work: directory.join("work"),
            target: directory.join("rootfs"),
        },
    }
}

/// The system call filter of a container, if it has one.
pub fn filter(options: &ContainerOptions) -> Result<Option<Filter>> {
    if spec::is_unfiltered(options) {
        return Ok(None);
    }
    let caps: CapSet = spec::capabilities(options)?;
    Ok(Some(match &options.security.seccomp {
        Seccomp::Profile(text) => {
            let profile = seccomp::from_docker_profile(text, caps).context("read the seccomp profile")?;
            seccomp::compile(&profile).context("compile the seccomp profile")?
        }
        Seccomp::Default | Seccomp::Unconfined => seccomp::default_filter(caps),
    }))
}

/// The supervisor process, and the container it has on record, once it has.
struct Supervisor<'a> {
    engine: &'a Engine,
    record: Option<Record>,
}

/// A container whose program runs, with what ends with it.
struct Up {
    started: Started,
    listener: OwnedFd,
    log: LogWriter,
    _network: Option<slirp::SlirpStack>,
    _lock: FileLock,
}

impl Supervisor<'_> {
    /// The supervisor's whole life.
    fn run(mut self, work: Work, client: OwnedFd, streams: Option<Streams>) -> ! {
        let ended = match self.bring_up(work, client.as_fd()) {
            Ok((record, up)) => self.keep(record, up, client, streams),
            Err(error) => {
                let failure = Failure::of(&error);
                self.take_back(&failure);
                let message = Event::Failed(failure).encode();
                let _ = socket::send(client.as_fd(), &[std::io::IoSlice::new(&message)]);
                Ok(())
            }
        };
        clone::exit_now(i32::from(ended.is_err()))
    }

    fn bring_up(&mut self, work: Work, client: BorrowedFd<'_>) -> Result<(Record, Up)> {
        // While the caller's terminal is still ours.
        let console_size = terminal::size();
        // The helpers that map ids work while the container is put on disk.
        let opening = namespace::open(self.engine)?;
        leave_the_terminal().context("leave the terminal")?;
        let (record, spec, lock) = self.prepare(work, namespace::max_gid(&opening.maps))?;
        let mut plan = Plan::new(&spec, rootfs(self.engine, &record))?;
        plan.process.console_size = console_size.or(plan.process.console_size);
        let filter = filter(&record.options)?;
        let can_set_groups = !opening.maps.is_single();
        let (namespace, network) = self.namespaces(&record, opening)?;
        namespace.enter()?;
        let listener = self.listen(&record)?;
        let log = LogWriter::open(&self.engine.layout().container_log(&record.id)).context("open the log")?;
        let launch = Launch {
            plan: &plan,
            filter: filter.as_ref(),
            stdin_open: record.options.stdin_open,
            network: network.as_ref().map(AsFd::as_fd),
            can_set_groups,
        };
        let starting = launch.start()?;
        let (record, stack) = self.record_running(record, &starting)?;
        refuse_without_client(client)?;
        Ok((record, Up { started: starting.go()?, listener, log, _network: stack, _lock: lock }))
    }

    /// Puts a new container on record, or reads again what an old one is.
    fn prepare(&mut self, work: Work, max_gid: u32) -> Result<(Record, Spec, FileLock)> {
        let (record, spec, lock) = match work {
            Work::New(draft) => {
                let (record, spec) = draft.write(self.engine, max_gid)?;
                let lock = self.lock(&record)?;
                (record, spec, lock)
            }
            Work::Existing(record) => {
                self.engine.layout().create()?;
                let lock = self.lock(&record)?;
                // A volume that somebody took away by hand is made again, empty.
                let _volumes = hold_volumes(self.engine, &record.options)?;
                let around = surroundings(self.engine, &record.options, &record.id, max_gid)?;
                files::write(&around.directory, &record.options, &around.hostname)?;
                let spec = read_spec(self.engine, &record.id)?;
                (record, spec, lock)
            }
        };
        self.record = Some(record.clone());
        Ok((record, spec, lock))
    }

    /// The user namespace to work in and a network to join. What shares a network is made in the user
    /// namespace that owns it.
    fn namespaces(&self, record: &Record, opening: Opening) -> Result<(UserNamespace, Option<OwnedFd>)> {
        let Some(owner) = network_owner(self.engine, record)? else { return Ok((opening.finish()?, None)) };
        let path = format!("/proc/{owner}/ns/net");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let network =
            rustix::fs::open(&path, flags, Mode::empty()).with_context(|| format!("open {path}"))?;
        let users = UserNamespace::of_process(owner).context("open the other container's user namespace")?;
        Ok((users, Some(network)))
    }

    /// Starts the network and records the container as running.
    fn record_running(
        &mut self,
        mut record: Record,
        starting: &Starting,
    ) -> Result<(Record, Option<slirp::SlirpStack>)> {
        let stack = self.start_network(&record, starting)?;
        if let Some(stack) = &stack {
            record.ports = stack.ports().to_vec();
        }
        let pid = starting.pid();
        let supervisor = i32::try_from(std::process::id()).context("read the supervisor's id")?;
        record.state = State {
            status: Status::Running,
            pid,
            pid_start: process::start_time(pid).unwrap_or_default(),
            supervisor,
            supervisor_start: process::start_time(supervisor).context("read the supervisor's start")?,
            boot_id: process::boot_id().context("read the boot id")?,
            started_at: Some(Timestamp::now()),
            ..State::default()
        };
        self.engine.containers().save(&record, Durability::Fast)?;
        Ok((record, stack))
    }

    fn start_network(&self, record: &Record, starting: &Starting) -> Result<Option<slirp::SlirpStack>> {
        let NetworkMode::Slirp4netns { options } = &record.options.network else { return Ok(None) };
        let options = slirp::SlirpOptions::parse(options)?;
        let directory = self.engine.layout().container_run(&record.id);
        Ok(Some(slirp::start(starting.pid(), &options, &record.options.publish, &directory)?))
    }

    /// Keeps the container until it has ended, and writes that down before anybody is told.
    fn keep(&mut self, mut record: Record, up: Up, client: OwnedFd, streams: Option<Streams>) -> Result<()> {
        let taking = streams.as_ref().map(Streams::taking).unwrap_or_default();
        let options = &record.options;
        let ties = Ties {
            stdin_once: taking.stdin && !options.tty,
            // Nobody would ever look at it again.
            lives_with_client: streams.is_some() && options.auto_remove,
        };
        let mut monitor = Monitor::new(up.started)?
            .with(up.listener, up.log)
            .spilling_into(open_directory(self.engine, &record.id)?);
        monitor.add_client(client, taking, ties)?;
        if streams.is_some() {
            events::container(self.engine, &record, "attach", &[]);
        }
        events::container(self.engine, &record, "start", &[]);
        monitor.tell_all(&Event::Started);
        let code = monitor.run()?;
        let _ = fs::remove_dir_all(self.engine.layout().container_run(&record.id));
        drop(up._network);
        let state = &mut record.state;
        state.status = Status::Exited;
        state.exit_code = code;
        (state.pid, state.supervisor) = (0, 0);
        state.finished_at = Some(Timestamp::now());
        self.put_away(&record);
        // A client that never takes what is for it must not keep the container from being started again.
        drop(up._lock);
        monitor.finish(code);
        Ok(())
    }

    /// One supervisor at a time: a second start of the same container finds this lock taken.
    fn lock(&self, record: &Record) -> Result<FileLock> {
        match FileLock::try_directory(&self.engine.layout().container(&record.id))? {
            Some(lock) => Ok(lock),
            None => bail!("container {} is already being started", &record.id[..12]),
        }
    }

    fn listen(&self, record: &Record) -> Result<OwnedFd> {
        let directory = self.engine.layout().container_run(&record.id);
        private_directory(&directory)?;
        let path = directory.join(SOCKET);
        let _ = fs::remove_file(&path);
        socket::listen(&directory, SOCKET).with_context(|| format!("listen on {}", path.display()))
    }

    /// A start that failed: the container is as it was created, with the reason, or gone with `--rm`.
    fn take_back(&mut self, failure: &Failure) {
        let Some(mut record) = self.record.take() else { return };
        let _ = fs::remove_dir_all(self.engine.layout().container_run(&record.id));
        record.state =
            State { exit_code: i32::from(failure.code), error: failure.text.clone(), ..State::default() };
        self.put_away(&record);
    }

    /// Writes the end down, or takes the container away. What cannot be written (a full disk) leaves a record
    /// that readers settle as lost.
    fn put_away(&self, record: &Record) {
        // Before anybody can see the end and write down what comes after it.
        events::died(self.engine, record);
        let _ = if record.options.auto_remove {
            remove::discard_inside(self.engine, record)
        } else {
            self.engine.containers().save(record, durability(&record.options))
        };
    }
}

/// Reads the specification of a container.
pub fn read_spec(engine: &Engine, id: &str) -> Result<Spec> {
    let path = engine.layout().container(id).join("config.json");
    let content = read_bounded(&path, SPEC_LIMIT)?;
    serde_json::from_slice(&content).with_context(|| format!("read {}", path.display()))
}

/// The directory of a container, for its supervisor to spill into.
pub fn open_directory(engine: &Engine, id: &str) -> Result<OwnedFd> {
    let path = engine.layout().container(id);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::empty()).with_context(|| format!("open {}", path.display()))
}

/// A session of its own, and none of the caller's streams or directories kept busy.
pub fn leave_the_terminal() -> std::io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::chdir("/")?;
    identity::set_all_stdio(identity::null_device()?.as_fd())
}

/// A client that died before the start was complete will never hear of it: the start is taken back.
fn refuse_without_client(client: BorrowedFd<'_>) -> Result<()> {
    let mut fds = [PollFd::from_borrowed_fd(client, PollFlags::empty())];
    rustix::event::poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
        bail!("the command that started the container is gone");
    }
    Ok(())
}
