//! The network helper: starting it where there is none, and what it does before it serves.
//!
//! It is this program again. Whoever needs it and finds none starts it while holding a lock, so that of many that come
//! at once one does.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{Engine, limits, namespace};
use crate::base::failure::Failure;
use crate::base::file::{FileLock, read_bounded};
use crate::base::network::Endpoint;
use crate::config::paths::private_directory;
use crate::network::client::{self, HelperDied};
use crate::network::helper::Helper;
use crate::network::protocol::{LOCK, Request};
use crate::runtime::identity;
use crate::runtime::userns::UserNamespace;
use crate::store::containers::{Record, State};
use crate::store::options::NetworkMode;
use crate::sys::clone::{self, Forked, Namespaces};
use crate::sys::{exec, process};

/// The hidden command that becomes the helper.
pub const COMMAND: &str = "network-helper";

/// A helper may die while it is started.
const ATTEMPTS: usize = 10;

/// Who is about to bring a container up, in its run directory: the part of a record's state that tells the supervisor.
const STARTING: &str = "starting.json";
const STARTING_LIMIT: u64 = 64 << 10;

/// What it says when it listens; anything else is why it does not.
const READY: &[u8] = b"ready\n";

/// Connects to the helper; none if there is none.
pub fn find(engine: &Engine) -> Result<Option<client::Helper>> {
    client::Helper::connect(&engine.layout().network_run()).context("connect to the network helper")
}

/// Connects to the helper, starting it if there is none. The caller is in the user namespace that containers on bridges
/// are made in, or outside of it.
pub fn connect(engine: &Engine) -> Result<client::Helper> {
    let directory = engine.layout().network_run();
    if let Some(helper) = find(engine)? {
        return Ok(helper);
    }
    private_directory(engine.layout().run())?;
    private_directory(&directory)?;
    let _lock = FileLock::acquire(&directory.join(LOCK))?;
    for _ in 0..ATTEMPTS {
        if let Some(helper) = find(engine)? {
            return Ok(helper);
        }
        match launch(engine) {
            Err(error) if error.is::<HelperDied>() => {}
            launched => launched.context("start the network helper")?,
        }
    }
    Err(HelperDied).context("start the network helper")
}

/// Keeps every helper from being started, until what it returns is dropped: who enters the user namespace of the
/// networks says so by [`announce`] before the next helper looks for it.
pub fn keep_off(engine: &Engine) -> Result<FileLock> {
    FileLock::acquire_shared(&engine.layout().network_run().join(LOCK))
}

/// Says that this process, which is not yet on the container's record, is in the user namespace of its networks.
pub fn announce(engine: &Engine, container: &str) -> Result<()> {
    let supervisor = i32::try_from(std::process::id()).context("read the supervisor's id")?;
    let state = State {
        supervisor,
        supervisor_start: process::start_time(supervisor).context("read the supervisor's start")?,
        boot_id: process::boot_id().context("read the boot id")?,
        ..State::default()
    };
    let path = engine.layout().container_run(container).join(STARTING);
    fs::write(&path, serde_json::to_vec(&state)?).with_context(|| format!("write {}", path.display()))
}

/// The supervisor of a container, on record or just about to be.
fn supervisor(engine: &Engine, record: &Record) -> Option<i32> {
    let announced = || {
        let path = engine.layout().container_run(&record.id).join(STARTING);
        serde_json::from_slice(&read_bounded(&path, STARTING_LIMIT).ok()?).ok()
    };
    let of = |state: State| state.is_supervised().then_some(state.supervisor);
    of(record.state.clone()).or_else(|| announced().and_then(of))
}

/// Tells the helper of a container's new name. One that is not there is told when it is.
pub fn rename(engine: &Engine, container: &str, name: &str) -> Result<()> {
    let found =
        client::Helper::connect(&engine.layout().network_run()).context("connect to the network helper")?;
    let Some(helper) = found else { return Ok(()) };
    let request = Request::Rename { container: container.to_owned(), name: name.to_owned() };
    helper.ask(&request, None).map(drop)
}

/// Starts the helper, and returns when it listens.
fn launch(engine: &Engine) -> Result<()> {
    let mut starter = Command::new("/proc/self/exe")
        .arg("--root")
        .arg(engine.layout().data())
        .arg("--runroot")
        .arg(engine.layout().run())
        .arg(COMMAND)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("execute /proc/self/exe")?;
    let mut said = Vec::new();
    let heard = starter.stdout.take().map(|mut stdout| stdout.read_to_end(&mut said));
    // What was started has left for the background, or has failed.
    starter.wait().context("wait for it")?;
    heard.transpose().context("hear from it")?;
    match said.as_slice() {
        READY => Ok(()),
        [] => Err(HelperDied.into()),
        said => Err(Failure::decode(said).into_error()),
    }
}

/// Becomes the helper, in the background; returns at once in the process that was started.
pub fn serve(engine: &Engine) -> Result<()> {
    let mut starter =
        File::from(std::io::stdout().as_fd().try_clone_to_owned().context("copy a descriptor")?);
    match clone::clone(Namespaces::default()).context("fork")? {
        Forked::Parent(child) => {
            child.release();
            Ok(())
        }
        Forked::Child => {
            // Nothing that the user has open is kept busy.
            exec::close_all_but([starter.as_fd(), starter.as_fd()]);
            let helper = prepare(engine);
            let told = match &helper {
                Ok(_) => starter.write_all(READY),
                Err(error) => starter.write_all(&Failure::of(error).encode()),
            };
            drop(starter);
            let served = told.map_err(anyhow::Error::from).and(helper).and_then(|helper| helper.serve());
            clone::exit_now(i32::from(served.is_err()))
        }
    }
}

fn prepare(engine: &Engine) -> Result<Helper> {
    rustix::process::setsid().context("start a session")?;
    rustix::process::chdir("/").context("leave the directory")?;
    identity::set_all_stdio(identity::null_device()?.as_fd()).context("leave the terminal")?;
    // Still by the user id that the host knows.
    limits::outlive_unit("network", "coracle network helper");
    let Left { users, endpoints } = Left::find(engine)?;
    let users = match users {
        Some(users) => users,
        None => namespace::open(engine)?.finish()?,
    };
    if !users.is_own()? {
        users.enter()?;
    }
    // A container that sees the host's processes is root as this one is.
    identity::hide_from_the_container()?;
    let users = users.as_fd().try_clone_to_owned().context("copy a descriptor")?;
    Helper::listen(&engine.layout().network_run(), users, endpoints)
}

/// What a helper that was killed has left.
#[derive(Default)]
struct Left {
    /// The user namespace in which containers on bridges run.
    users: Option<UserNamespace>,
    /// What they have of their networks, by their ids.
    endpoints: Vec<(String, Endpoint)>,
}

impl Left {
    fn find(engine: &Engine) -> Result<Self> {
        let mut left = Self::default();
        for id in engine.layout().ids_with_run_directory()? {
            let Ok(record) = engine.containers().load(&id) else { continue };
            let is_on_bridge = matches!(record.options.network, NetworkMode::Bridge { .. });
            let Some(supervisor) = supervisor(engine, &record).filter(|_| is_on_bridge) else { continue };
            if left.users.is_none() {
                left.users = of_supervisor(supervisor, &record)?;
            }
            if record.state.is_running() {
                left.endpoints.extend(record.endpoints.into_iter().map(|endpoint| (id.clone(), endpoint)));
            }
        }
        Ok(left)
    }
}

/// A supervisor is in its container's user namespace, which is within the user's where it has ids of its own.
fn of_supervisor(supervisor: i32, record: &Record) -> Result<Option<UserNamespace>> {
    let Ok(users) = UserNamespace::of_process(supervisor) else { return Ok(None) };
    match record.maps {
        None => Ok(Some(users)),
        Some(_) => users.parent().context("find the user's namespace"),
    }
}
