//! `start`: a supervisor for a container on record, and the container in it.
//!
//! ```text
//! CLI ──fork──> supervisor: own session, user namespace, lock, sockets ──clone──> container
//!  │ <── Started or Failed, then output ──┘        │
//!  └ may die at any time                            └ record: running → exited, or removed with --rm
//! ```
//!
//! [`super::bring_up`] is how the supervisor brings a container up, for the first time or again, and
//! [`super::supervise`] what it does from then on.

use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result};
use oci_spec::runtime::Spec;
use rustix::fs::{Mode, OFlags};

use super::attach::{self, Outcome, Streams, SupervisorDied};
use super::bring_up::Supervisor;
use super::caller::{Caller, Goal, Preserved};
use super::create::Draft;
use super::notify::Unit;
use super::{Engine, access, damage, initialize, remove, requires, shift, spec, vfs};
use crate::base::file::read_bounded;
use crate::base::hint::{self, HintExt};
use crate::base::idmap::IdMaps;
use crate::runtime::caps::CapSet;
use crate::runtime::identity;
use crate::runtime::plan::Rootfs;
use crate::runtime::seccomp::{self, Filter};
use crate::store::containers::{Record, Source, State};
use crate::store::driver::Driver;
use crate::store::options::{ContainerOptions, Seccomp};
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::socket;

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
    pub fn id(&self) -> &str {
        match self {
            Work::New(draft) => &draft.id,
            Work::Existing(record) => &record.id,
        }
    }

    pub fn options(&self) -> &ContainerOptions {
        match self {
            Work::New(draft) => &draft.options,
            Work::Existing(record) => &record.options,
        }
    }

    /// The ids that it has, if they are others than the user's.
    fn maps(&self) -> Option<&IdMaps> {
        match self {
            Work::New(draft) => draft.maps.as_ref(),
            Work::Existing(record) => record.maps.as_ref(),
        }
    }

    /// What a container needs and has lost: the kernel says no more than that there is no such file.
    fn loss(&self, engine: &Engine) -> Option<anyhow::Error> {
        let Self::Existing(record) = self else { return None };
        damage::loss(engine, record)
    }

    /// Does what takes long, where its progress can be shown.
    fn prepare(&mut self, engine: &Engine) -> Result<()> {
        match self {
            Self::New(draft) => draft.prepare(engine),
            Self::Existing(record) => shift::ensure_for(engine, record),
        }
    }
}

/// Starts a container that was created or has ended. One that runs already is left alone; with `streams` the
/// caller is attached either way.
pub fn start(engine: &Engine, id: &str, streams: Option<Streams>) -> Result<Outcome> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    let id = record.id.clone();
    let join = |streams| match streams {
        Some(streams) => attach::attach(engine, &id, streams),
        None => Ok(Outcome::Started),
    };
    if is_started(&record.state) {
        return join(streams);
    }
    let begun = if record.state.is_initialized() {
        initialize::release(engine, &record, streams.as_ref())
    } else {
        begin(engine, Work::Existing(record), &Goal::Run(streams.clone()), Preserved::default())
    };
    match begun {
        Ok(begun) => begun.follow(engine, &id, streams),
        // Another command has started it meanwhile.
        Err(_) if engine.containers().load(&id).is_ok_and(|now| is_started(&now.state)) => join(streams),
        Err(error) => Err(error),
    }
}

/// Whether a container runs, or waits to do so again.
pub fn is_started(state: &State) -> bool {
    state.is_up() && !state.is_initialized()
}

/// Starts a container and, with streams in `goal`, stays attached until it ends. The program has the `preserved`
/// descriptors.
pub fn launch(engine: &Engine, work: Work, goal: Goal, preserved: Preserved) -> Result<Outcome> {
    let id = work.id().to_owned();
    let begun = begin(engine, work, &goal, preserved)?;
    let streams = if let Goal::Run(streams) = goal { streams } else { None };
    begun.follow(engine, &id, streams)
}

/// A container whose start has succeeded.
pub struct Begun {
    client: OwnedFd,
    /// It may have ended already.
    at_start: Outcome,
    /// Its supervisor, where this process has made it.
    supervisor: Option<Child>,
}

impl Begun {
    /// Waits for what a supervisor has to say of the start.
    pub fn hear(client: OwnedFd) -> Result<Self> {
        let at_start = attach::await_start(client.as_fd())?;
        Ok(Self { client, at_start, supervisor: None })
    }

    /// With `streams` stays attached until the container ends or is left.
    fn follow(self, engine: &Engine, id: &str, streams: Option<Streams>) -> Result<Outcome> {
        let outcome = attach::follow(self.client, self.at_start, streams);
        if let Some(supervisor) = self.supervisor {
            if outcome.as_ref().is_err_and(|error| error.is::<SupervisorDied>()) {
                clear_up(engine, supervisor)?;
            } else {
                // After the end it clears up what nobody sees any more; a container that is left goes on.
                supervisor.release();
            }
        }
        if let Ok(outcome) = outcome {
            attach::tell_detached(engine, id, outcome);
        }
        outcome
    }
}

/// Waits for the end of a supervisor, and takes away what one that was killed was working on.
fn clear_up(engine: &Engine, supervisor: Child) -> Result<()> {
    if supervisor.wait().is_ok_and(|code| code > 1) {
        remove::collect(engine)?;
    }
    Ok(())
}

/// Forks the supervisor, which starts the container.
fn begin(engine: &Engine, mut work: Work, goal: &Goal, preserved: Preserved) -> Result<Begun> {
    requires::start(engine, work.options())?;
    work.prepare(engine)?;
    let (client, server) = socket::pair().context("make a socket pair")?;
    let unit = Unit::of(work.options())?;
    match clone::clone(Namespaces::default()).context("fork the supervisor")? {
        Forked::Parent(supervisor) => {
            drop((server, preserved));
            if let Work::New(draft) = &mut work {
                draft.let_go();
            }
            if let Some(unit) = unit {
                unit.name(supervisor.pid());
            }
            let error = match Begun::hear(client) {
                Ok(begun) => return Ok(Begun { supervisor: Some(supervisor), ..begun }),
                Err(error) => error,
            };
            clear_up(engine, supervisor)?;
            let error = match &work {
                Work::New(_) => error,
                Work::Existing(record) => engine.containers().or_gone(&record.id, error),
            };
            Err(work
                .loss(engine)
                .unwrap_or_else(|| access::explain(engine, &work.options().mounts, work.maps(), error)))
        }
        Forked::Child => {
            drop(client);
            Supervisor { engine, record: None, before: State::default(), remains: None, place: None, unit }
                .run(work, Caller::new(server, goal, preserved))
        }
    }
}

/// Where a container's root comes from, and where its changes go.
pub fn rootfs(engine: &Engine, record: &Record) -> Rootfs {
    let directory = engine.layout().container(&record.id);
    match &record.source {
        Source::Rootfs { path } => Rootfs::Directory { path: path.clone() },
        Source::Image { .. } if record.driver == Driver::Vfs => {
            Rootfs::Directory { path: vfs::tree(&directory) }
        }
        Source::Image { .. } if record.driver == Driver::FuseOverlayfs => Rootfs::Fuse {
            base: engine.layout().layers(),
            lower: shift::layer_names(record),
            // Of hexadecimal digits alone: the program takes commas and colons for more than names.
            upper: format!("../containers/{}/upper", record.id),
            work: format!("../containers/{}/work", record.id),
            target: directory.join("rootfs"),
        },
        Source::Image { .. } => Rootfs::Overlay {
            base: engine.layout().layers(),
            lower: shift::layer_names(record),
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

/// Reads the specification of a container.
pub fn read_spec(engine: &Engine, id: &str) -> Result<Spec> {
    let path = engine.layout().container(id).join("config.json");
    let content = read_bounded(&path, SPEC_LIMIT).hint(|| hint::CHECK)?;
    let spec = serde_json::from_slice(&content).with_context(|| format!("read {}", path.display()));
    spec.hint(|| hint::CHECK)
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
