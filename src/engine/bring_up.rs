//! The supervisor, and how it brings a container up, for the first time or again: locks, namespaces, control group,
//! network, then the program. What it does from then on is [`super::supervise`].
//!
//! The record says "running" before the program does, so that no container runs that is not on record; a
//! client that has gone by then takes the start back.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use oci_spec::runtime::Spec;

use super::caller::Caller;
use super::create::{Purpose, durability, surroundings};
use super::initialize::NeverStarted;
use super::namespace::{self, Opening};
use super::notify::Unit;
use super::remove::Remains;
use super::start::{SOCKET, Work, filter, leave_the_terminal, open_directory, read_spec, rootfs};
use super::stay::{self, Network, Stay};
use super::{
    Engine, devices, emulation, events, files, filesystem, helper, limits, logging, mounts, networks,
    secrets, sharing, terminal,
};
use crate::base::file::{Durability, FileLock, write_atomic};
use crate::base::network::Endpoint;
use crate::config::paths::private_directory;
use crate::network::pasta::{self, PastaOptions};
use crate::network::slirp::{self, SlirpOptions};
use crate::runtime::cgroup::group::Group;
use crate::runtime::cgroup::place::Place;
use crate::runtime::child::Stdio;
use crate::runtime::fuse::{self, Server};
use crate::runtime::launch::{Joined, Launch, Started, Starting};
use crate::runtime::log::LogWriter;
use crate::runtime::monitor::Ties;
use crate::runtime::plan::Plan;
use crate::runtime::protocol::{Event, Failure, Taking};
use crate::runtime::userns::{self, UserMaps, UserNamespace};
use crate::store::containers::{Record, State, Status};
use crate::store::options::NetworkMode;
use crate::sys::clone;
use crate::sys::{process, socket};

/// How long a start waits for the supervisor before to be gone, or for another start to be complete.
const LOCK_ATTEMPTS: u32 = 2000;
const LOCK_INTERVAL: Duration = Duration::from_millis(5);

/// The supervisor process, and the container it has on record, once it has.
pub struct Supervisor<'a> {
    pub engine: &'a Engine,
    pub record: Option<Record>,
    /// The container's state before this start.
    pub before: State,
    /// The files of the container, once it is off record.
    pub remains: Option<Remains<'a>>,
    /// Where its control group is, if it has one.
    pub place: Option<Place>,
    /// Who waits for the container, if that is systemd.
    pub unit: Option<Unit>,
}

/// A container whose program runs, with what ends with it.
pub struct Up {
    pub started: Started,
    pub log: LogWriter,
    /// Where output waits for clients that are slow.
    pub spill: OwnedFd,
    pub network: Option<Network>,
    /// Who serves its files, where that is a program.
    pub server: Option<Server>,
}

/// What a supervisor has from the first run of its container to the last: the container's locks, and what its user
/// namespace allows.
pub struct Post {
    max_gid: u32,
    can_set_groups: bool,
    /// The streams that every run of the container takes over, if it has none of its own.
    passed: Option<Stdio>,
    _locks: Locks,
}

/// Keeps other supervisors off, and everybody who would mount the container's files.
struct Locks {
    _own: FileLock,
    _files: Option<FileLock>,
}

impl Supervisor<'_> {
    /// The supervisor's whole life.
    pub fn run(mut self, work: Work, mut caller: Caller) -> ! {
        self.unit.iter_mut().for_each(Unit::await_name);
        let (id, was_on_record) = (work.id().to_owned(), matches!(work, Work::Existing(_)));
        let ended = match self.bring_up(work, &mut caller) {
            Ok((up, listener, post)) => {
                let taking = caller.taking.unwrap_or_default();
                let is_attached = caller.taking.is_some();
                let first = (caller.socket, taking, self.ties(is_attached, taking));
                if is_attached {
                    self.tell("attach");
                }
                self.keep(up, listener, post, first)
            }
            Err(error) => {
                let is_on_record = was_on_record || self.record.is_some();
                let or_gone = |error| match is_on_record {
                    true => self.engine.containers().or_gone(&id, error),
                    false => error,
                };
                let failure = (!error.is::<NeverStarted>()).then(|| Failure::of(&or_gone(error)));
                self.take_back(failure.as_ref());
                if let Some(failure) = failure {
                    caller.tell(&Event::Failed(failure));
                }
                self.erase_remains();
                Ok(0)
            }
        };
        // Nothing of this process is dropped otherwise.
        drop(self.place.take());
        // The main process of a unit ends as what it stands for.
        let as_program = |code| if self.unit.is_some() { code } else { 0 };
        clone::exit_now(ended.map_or(1, as_program))
    }

    fn bring_up(&mut self, work: Work, caller: &mut Caller) -> Result<(Up, OwnedFd, Post)> {
        // While the caller's terminal is still ours.
        let console_size = terminal::size();
        let passed = logging::passed_streams(work.options())?;
        // The helpers that map ids work while the container is put on disk.
        let lock = self.lock_existing(&work)?;
        let (mut stay, mut opening) = self.open(&work)?;
        leave_the_terminal().context("leave the terminal")?;
        // Still by the names and the user id that the host knows.
        self.place = limits::enter(work.id(), work.options(), self.unit.is_some())?;
        let can_set_groups = !opening.maps.is_single();
        let (record, spec, locks) =
            self.prepare(work, lock, &opening.maps, stay::endpoints(stay.as_ref()))?;
        let max_gid = record.maps.as_ref().unwrap_or(&opening.maps.maps).gids.largest();
        if let Some(unit) = &mut self.unit {
            unit.listen(&self.engine.layout().container_run(&record.id))?;
        }
        let mut plan = self.plan(&record, &spec)?;
        plan.process.set_variables(&caller.preserved.variables(plan.process.init));
        plan.process.console_size = console_size.or(plan.process.console_size);
        let filter = filter(&record.options)?;
        let secrets = secrets::load(self.engine, &record.options)?;
        let kept_off = match &mut stay {
            Some(stay) => {
                let (kept_off, renewed) = stay.hold(self.engine, &record)?;
                opening = renewed.map_or(opening, |users| namespace::reuse(self.engine, users));
                Some(kept_off)
            }
            None => None,
        };
        let (namespace, joined) = self.namespaces(&record, opening)?;
        namespace.enter()?;
        // Who holds it has the caller's streams, which a caller that goes wants closed; else the start does not wait for
        // its end.
        let _namespace = Some(namespace).filter(|_| !caller.leaves_when_ready);
        let listener = self.listen(&record)?;
        if stay.is_some() {
            helper::announce(self.engine, &record.id)?;
        }
        drop(kept_off);
        let group = self.begin_group(&record)?;
        let launch = Launch {
            plan: &plan,
            secrets: &secrets,
            filter: filter.as_ref(),
            stdin_open: record.options.stdin_open,
            joined: &joined,
            can_set_groups,
            passed: passed.as_ref(),
            group: group.as_ref().map(AsFd::as_fd),
            preserved: &std::mem::take(&mut caller.preserved).fds,
        };
        let up = self.start_program(record, &launch, stay, Some(caller))?;
        Ok((up, listener, Post { max_gid, can_set_groups, passed, _locks: locks }))
    }

    /// Starts the container's program once more, in the same user namespace.
    pub fn bring_up_again(&mut self, record: Record, post: &Post) -> Result<Up> {
        let stay = stay::reserve(self.engine, &record.id, &record.options, record.maps.is_some())?;
        let stay = stay.map(|(stay, _)| stay);
        let spec = refresh(self.engine, &record, post.max_gid, stay::endpoints(stay.as_ref()))?;
        let plan = self.plan(&record, &spec)?;
        let filter = filter(&record.options)?;
        let secrets = secrets::load(self.engine, &record.options)?;
        let joined = sharing::open(self.engine, &record)?.map(|(_, joined)| joined).unwrap_or_default();
        let group = self.begin_group(&record)?;
        let launch = Launch {
            plan: &plan,
            secrets: &secrets,
            filter: filter.as_ref(),
            stdin_open: record.options.stdin_open,
            joined: &joined,
            can_set_groups: post.can_set_groups,
            passed: post.passed.as_ref(),
            group: group.as_ref().map(AsFd::as_fd),
            preserved: &[],
        };
        self.start_program(record, &launch, stay, None)
    }

    /// The control group of the run that begins.
    fn begin_group(&self, record: &Record) -> Result<Option<Group>> {
        let begin = |place: &Place| limits::begin(place, &record.options.resources);
        self.place.as_ref().map(begin).transpose()
    }

    fn plan(&self, record: &Record, spec: &Spec) -> Result<Plan> {
        devices::check(&record.options)?;
        let mut plan = Plan::new(spec, rootfs(self.engine, record))?;
        plan.becomes_root = namespace::becomes_root(record);
        plan.emulators = emulation::emulators(emulation::foreign_platform(record).as_ref());
        self.unit.iter().for_each(|unit| unit.equip(&mut plan));
        Ok(plan)
    }

    /// Starts the program, once it is on record and the caller, if there is one, still wants it.
    fn start_program(
        &mut self,
        record: Record,
        launch: &Launch<'_>,
        stay: Option<Stay>,
        caller: Option<&mut Caller>,
    ) -> Result<Up> {
        let environment = &launch.plan.process.env;
        let destination = logging::destination(self.engine.layout(), &record, environment)?;
        let waiting = logging::waiting(&record.options.log)?;
        let log = LogWriter::open(&destination, waiting).context("open the log")?;
        let spill = open_directory(self.engine, &record.id)?;
        let foreign = emulation::foreign_platform(&record);
        let (server, device) = fuse::start(&launch.plan.rootfs)?.unzip();
        let start = || -> Result<Up> {
            let starting = launch.start(device)?;
            let (starting, network) = match caller {
                Some(caller) if caller.leaves_when_ready => self.hold(record, starting, stay, caller)?,
                caller => {
                    let network = self.record_up(record, Status::Running, &starting, stay)?;
                    caller.map_or(Ok(()), |caller| caller.check())?;
                    (starting, network)
                }
            };
            let started = emulation::explain(starting.go(), foreign.as_ref())?;
            Ok(Up { started, log, spill, network, server: None })
        };
        match (start(), server) {
            (Ok(up), server) => Ok(Up { server, ..up }),
            (Err(error), None) => Err(error),
            (Err(error), Some(mut server)) => {
                let error = server.explain(error);
                server.end();
                Err(error)
            }
        }
    }

    /// Takes the container's places on bridges, whose user namespace it is made in then; else a new one is begun.
    fn open(&self, work: &Work) -> Result<(Option<Stay>, Opening)> {
        Ok(match stay::reserve(self.engine, work.id(), work.options(), false)? {
            Some((stay, users)) => (Some(stay), namespace::reuse(self.engine, users)),
            None => (None, namespace::open(self.engine)?),
        })
    }

    /// Puts a new container on record, or reads again what an old one is.
    fn prepare(
        &mut self,
        work: Work,
        lock: Option<Locks>,
        user: &UserMaps,
        endpoints: &[Endpoint],
    ) -> Result<(Record, Spec, Locks)> {
        let (record, spec, lock) = match work {
            Work::New(draft) => {
                let written = draft.write(self.engine, user, Purpose::Start { endpoints })?;
                let files = filesystem::lock(self.engine, &written.record)
                    .map_err(|error| self.engine.containers().or_gone(&written.record.id, error))?;
                (written.record, written.spec, Locks { _own: written.lock, _files: files })
            }
            Work::Existing(record) => {
                let lock = lock.context("lock the container")?;
                self.engine.containers().forget_stop(&record.id);
                let max_gid = record.maps.as_ref().unwrap_or(&user.maps).gids.largest();
                let spec = refresh(self.engine, &record, max_gid, endpoints)?;
                (record, spec, lock)
            }
        };
        self.take_up(&record);
        Ok((record, spec, lock))
    }

    /// The user namespace to work in, and what to join in it.
    fn namespaces(&self, record: &Record, opening: Opening) -> Result<(UserNamespace, Joined)> {
        let maps = record.maps.as_ref();
        let hand_over = || namespace::hand_over(self.engine, record);
        if let Some(shared) = sharing::open(self.engine, record)? {
            if maps.is_some() {
                namespace::run_inside(&opening.finish()?, hand_over)?;
            }
            return Ok(shared);
        }
        let user = opening.finish()?;
        let own = match maps {
            Some(maps) => userns::nest(&user, maps, hand_over)?,
            None => user,
        };
        Ok((own, Joined::default()))
    }

    /// Starts the network and records the container as running, or as about to.
    pub fn record_up(
        &mut self,
        mut record: Record,
        status: Status,
        starting: &Starting,
        stay: Option<Stay>,
    ) -> Result<Option<Network>> {
        let network = self.start_network(&mut record, starting, stay);
        let network = network.map_err(|error| starting.explain(error))?;
        let pid = starting.pid();
        let supervisor = i32::try_from(std::process::id()).context("read the supervisor's id")?;
        let state = State {
            status,
            pid,
            pid_start: process::start_time(pid).unwrap_or_default(),
            supervisor,
            supervisor_start: process::start_time(supervisor).context("read the supervisor's start")?,
            boot_id: process::boot_id().context("read the boot id")?,
            cgroup: self.place.as_ref().map(Place::container),
            // A start by the user begins to count anew.
            restart_count: if record.state.is_restarting() { record.state.restart_count } else { 0 },
            ..match status {
                // All else is still that of the run before.
                Status::Initialized => self.before.clone(),
                _ => State {
                    started_at: Some(Timestamp::now()),
                    finished_at: record.state.finished_at,
                    ..State::default()
                },
            }
        };
        let (ports, endpoints) = (record.ports, record.endpoints);
        let _networks = networks::keep(self.engine, &endpoints).context(stay::ATTEMPT)?;
        self.record = Some(self.engine.containers().change(&record.id, |record| {
            (record.state, record.ports, record.endpoints) = (state, ports, endpoints);
            Durability::Fast
        })?);
        if let Some(record) = &self.record {
            write_pidfiles(record)?;
        }
        Ok(network)
    }

    /// Gives the container its network, which its record then tells of.
    fn start_network(
        &self,
        record: &mut Record,
        starting: &Starting,
        stay: Option<Stay>,
    ) -> Result<Option<Network>> {
        if let Some(stay) = stay {
            let stay = stay.settle(self.engine, record, starting.pid())?;
            (record.ports, record.endpoints) = (stay.ports.clone(), stay.endpoints.clone());
            return Ok(Some(Network::Bridges { stay }));
        }
        let directory = self.engine.layout().container_run(&record.id);
        let (pid, publish) = (starting.pid(), &record.options.publish);
        let mac_address = record.options.mac_address.clone();
        match &record.options.network {
            NetworkMode::Slirp4netns { options } => {
                let options = SlirpOptions { mac_address, ..SlirpOptions::parse(options)? };
                let stack = slirp::start(slirp::Target::Process(pid), &options, publish, &directory)?;
                record.ports = stack.ports().to_vec();
                Ok(Some(Network::Slirp { _stack: stack }))
            }
            NetworkMode::Pasta { options } => {
                let mut options = PastaOptions::parse(options)?;
                options.mac_address = mac_address;
                let stack = pasta::start(pid, &options, publish, &directory)?;
                record.ports = stack.ports().to_vec();
                Ok(Some(Network::Pasta { _stack: stack }))
            }
            _ => Ok(None),
        }
    }

    /// Takes a container on: from here on a failure is noted in its record.
    fn take_up(&mut self, record: &Record) {
        self.before = record.state.clone().settled();
        self.record = Some(record.clone());
    }

    /// A container on record is locked before anything of it is taken, its ports above all.
    fn lock_existing(&mut self, work: &Work) -> Result<Option<Locks>> {
        match work {
            Work::New(_) => Ok(None),
            Work::Existing(record) => {
                self.engine.layout().create()?;
                let locks = self.lock(record)?;
                self.take_up(record);
                Ok(Some(locks))
            }
        }
    }

    /// One supervisor at a time: a second start of the same container finds this lock taken.
    fn lock(&self, record: &Record) -> Result<Locks> {
        let directory = self.engine.layout().container(&record.id);
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(own) = FileLock::try_directory(&directory)? {
                return Ok(Locks { _own: own, _files: filesystem::lock(self.engine, record)? });
            }
            if self.engine.containers().load(&record.id)?.state.is_up() {
                bail!("container {} is running", &record.id[..12]);
            }
            // A supervisor that has just told everybody of the end is gone a moment later.
            std::thread::sleep(LOCK_INTERVAL);
        }
        bail!("container {} is already being started", &record.id[..12])
    }

    fn listen(&self, record: &Record) -> Result<OwnedFd> {
        let directory = self.engine.layout().container_run(&record.id);
        private_directory(&directory)?;
        let path = directory.join(SOCKET);
        let _ = fs::remove_file(&path);
        socket::listen(&directory, SOCKET).with_context(|| format!("listen on {}", path.display()))
    }

    /// A start that failed or was given up: the container is as it was before, with the reason if there is one, or gone
    /// with `--rm`.
    fn take_back(&mut self, failure: Option<&Failure>) {
        let Some(record) = self.record.take() else { return };
        let mut state = State { pid: 0, supervisor: 0, ..self.before.clone() };
        if let Some(failure) = failure {
            state.note(failure);
        }
        let _ = self.put_away(&record, |now| {
            now.state = state;
            durability(&now.options)
        });
    }

    /// Writes an event of the container down.
    pub fn tell(&self, action: &str) {
        if let Some(record) = &self.record {
            events::container(self.engine, record, action, &[]);
        }
    }

    /// What of the container ends with the client that starts it.
    fn ties(&self, is_attached: bool, taking: Taking) -> Ties {
        let Some(record) = &self.record else { return Ties::default() };
        Ties {
            stdin_once: taking.stdin && !record.options.tty,
            // Nobody would ever look at it again.
            lives_with_client: is_attached && record.options.auto_remove,
        }
    }
}

/// Makes anew what a container is given of the host as it is now, and reads its specification.
fn refresh(engine: &Engine, record: &Record, max_gid: u32, endpoints: &[Endpoint]) -> Result<Spec> {
    // A volume that somebody took away by hand is made again, empty.
    let _volumes = mounts::hold_volumes(engine, &record.options)?;
    let around = surroundings(engine, &record.options, &record.id, record.maps.as_ref(), max_gid)?;
    files::write(&around.directory, &record.options, &around.hostname, endpoints)?;
    read_spec(engine, &record.id)
}

/// Writes the ids of the processes to the files that the user named.
fn write_pidfiles(record: &Record) -> Result<()> {
    let (options, state) = (&record.options, &record.state);
    for (path, pid) in [(&options.pidfile, state.pid), (&options.supervisor_pidfile, state.supervisor)] {
        if let Some(path) = path {
            write_atomic(path, pid.to_string().as_bytes(), Durability::Fast)?;
        }
    }
    Ok(())
}
