//! `exec`: another process in a container that runs, with a supervisor of its own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use oci_spec::runtime::Spec;

use super::attach::{self, Outcome, Streams};
use super::start::{self, leave_the_terminal};
use super::stop::Process;
use super::{Engine, access, events, filesystem, limits, namespace, pause, secrets, terminal};
use crate::base::exit::{self, ExitWith};
use crate::base::id;
use crate::runtime::caps::{self, CapSet};
use crate::runtime::cgroup::entrance::Entrance;
use crate::runtime::cgroup::place::Manager;
use crate::runtime::join::Join;
use crate::runtime::monitor::{self, Monitor, Ties};
use crate::runtime::plan::{ProcessPlan, namespace_flag};
use crate::runtime::protocol::{Event, Failure};
use crate::runtime::seccomp::Filter;
use crate::store::containers::Record;
use crate::store::events::Sink;
use crate::store::executions::Execution;
use crate::store::options::{NamespaceMode, NetworkMode};
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::{exec, socket};

/// Docker's code of a program that could not be started in its container.
const CANNOT_START: u8 = 126;

/// What `exec` was asked.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    pub command: Vec<String>,
    /// `NAME=value`, over the container's own.
    pub env: Vec<String>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub tty: bool,
    pub stdin_open: bool,
    pub privileged: bool,
}

/// Runs a program in a container, which has the `preserved` descriptors; with `streams` until it has ended.
pub fn exec(
    engine: &Engine,
    id: &str,
    options: &ExecOptions,
    streams: Option<Streams>,
    preserved: Vec<OwnedFd>,
) -> Result<Outcome> {
    engine.containers().with(id, |id| {
        let record = engine.containers().load(id)?;
        let result = exec_in(engine, &record, options, streams, preserved);
        // Joining what is about to end fails in several ways.
        let may_have_ended = |error: &anyhow::Error| exit::find(error) == Some(CANNOT_START);
        if result.as_ref().is_err_and(may_have_ended) && ends_soon(&record) {
            bail!("container {id} is not running");
        }
        result
    })
}

/// Whether a container has ended, or does within a tenth of a second.
fn ends_soon(record: &Record) -> bool {
    (0..20).any(|_| {
        let ended = matches!(Process::of(record), Ok(None));
        if !ended {
            thread::sleep(Duration::from_millis(5));
        }
        ended
    })
}

fn exec_in(
    engine: &Engine,
    record: &Record,
    options: &ExecOptions,
    streams: Option<Streams>,
    preserved: Vec<OwnedFd>,
) -> Result<Outcome> {
    let Some(container) = Process::of(record)? else {
        if record.state.is_restarting() {
            bail!("Container {} is restarting, wait until the container is running", record.id);
        }
        bail!("container {} is not running", record.id);
    };
    if record.state.is_initialized() {
        bail!("container {} is not running", record.id);
    }
    if pause::is_paused(record) {
        bail!("Container {} is paused, unpause the container before exec", record.id);
    }
    filesystem::await_root(engine, record)?;
    let spec = start::read_spec(engine, &record.id)?;
    let secrets = secrets::variables(engine, &record.options)?;
    let mut process = plan(&spec, &secrets, options)?;
    process.console_size = terminal::size();
    let namespaces = namespaces(&spec, record)?;
    let filter = if options.privileged { None } else { start::filter(&record.options)? };
    let spill = start::open_directory(engine, &record.id)?;
    let entrance = limits::entrance(record)?;
    let mut journal = Journal::begin(engine, record, &options.command)?;
    let (client, server) = socket::pair().context("make a socket pair")?;
    match clone::clone(Namespaces::default()).context("fork the supervisor")? {
        Forked::Parent(supervisor) => {
            drop((server, preserved));
            supervisor.release();
            let outcome = attach::follow_start(client, streams).map_err(|error| {
                access::explain(engine, &record.options.mounts, record.maps.as_ref(), error)
            })?;
            if outcome == Outcome::Detached {
                events::container(engine, record, "exec_detach", &[("execID", &journal.id)]);
            }
            Ok(outcome)
        }
        Forked::Child => {
            drop(client);
            journal.list(engine);
            let join = Join {
                pidfd: container.pidfd(),
                namespaces,
                process: &process,
                filter: filter.as_ref(),
                stdin_open: options.stdin_open,
                can_set_groups: can_set_groups(record),
                preserved,
                entrance,
                becomes_root: namespace::becomes_root(record),
            };
            supervise(join, server, streams, Some(spill), Some(&journal))
        }
    }
}

/// A command that a supervisor runs in its own container again and again.
pub struct Probe {
    process: ProcessPlan,
    namespaces: Namespaces,
    filter: Option<Filter>,
    can_set_groups: bool,
    becomes_root: bool,
    /// The container; the supervisor is beside its control group.
    record: Record,
}

impl Probe {
    /// Prepares a command for a container that runs.
    pub fn new(engine: &Engine, record: &Record, command: Vec<String>) -> Result<Self> {
        let spec = start::read_spec(engine, &record.id)?;
        let secrets = secrets::variables(engine, &record.options)?;
        let process = plan(&spec, &secrets, &ExecOptions { command, ..ExecOptions::default() })?;
        // The supervisor is in the container's user namespace already, and may not enter it twice.
        let namespaces = namespaces(&spec, record)?.without(Namespaces::USER);
        let filter = start::filter(&record.options)?;
        let becomes_root = namespace::becomes_root(record);
        let (can_set_groups, record) = (can_set_groups(record), record.clone());
        Ok(Self { process, namespaces, filter, can_set_groups, becomes_root, record })
    }

    /// Runs it once, with a supervisor of its own that tells `client` what it says and how it ends.
    pub fn run(&self, container: BorrowedFd<'_>) -> Result<(Child, OwnedFd)> {
        let (client, server) = socket::pair().context("make a socket pair")?;
        match clone::clone(Namespaces::default()).context("fork the health check")? {
            Forked::Parent(child) => Ok((child, client)),
            Forked::Child => {
                // The container's streams and clients must see their ends when the supervisor closes them.
                exec::close_all_but([container.as_fd(), server.as_fd()]);
                // Never outside of the container's limits: one that cannot get in has failed.
                let group = limits::own_group(&self.record);
                let Ok(entrance) = Entrance::to(group.as_deref(), &Manager::Files) else {
                    clone::exit_now(i32::from(Failure::NO_CODE))
                };
                let join = Join {
                    pidfd: container,
                    namespaces: self.namespaces,
                    process: &self.process,
                    filter: self.filter.as_ref(),
                    stdin_open: false,
                    can_set_groups: self.can_set_groups,
                    preserved: Vec::new(),
                    entrance,
                    becomes_root: self.becomes_root,
                };
                let streams = Streams { stdout: true, stderr: true, ..Streams::default() };
                supervise(join, server, Some(streams), None, None)
            }
        }
    }
}

/// The container's process with what differs; `secrets` are its variables that no file has. Nothing is made for it: a working directory that is not there
/// is an error.
fn plan(spec: &Spec, secrets: &[String], options: &ExecOptions) -> Result<ProcessPlan> {
    let mut plan = ProcessPlan::new(spec)?;
    plan.set_variables(secrets);
    plan.args.clone_from(&options.command);
    plan.terminal = options.tty;
    plan.init = false;
    plan.create_cwd = false;
    if let Some(user) = &options.user {
        plan.user.clone_from(user);
        // The groups were asked for the container's own user, and so was its home.
        plan.additional_groups.clear();
    }
    if let Some(workdir) = &options.workdir {
        if !workdir.starts_with('/') {
            return Err(ExitWith::new(CANNOT_START, anyhow!("Cwd must be an absolute path")).into());
        }
        plan.cwd.clone_from(workdir);
    }
    if options.tty && !plan.env.iter().any(|entry| entry.starts_with("TERM=")) {
        plan.env.push("TERM=xterm".into());
    }
    plan.set_variables(&options.env);
    if options.privileged {
        plan.capabilities = caps::Sets::from(&caps::to_oci(CapSet::ALL));
        plan.no_new_privileges = false;
    }
    Ok(plan)
}

/// The user namespace, and each that the container has of its own or shares with another container.
fn namespaces(spec: &Spec, record: &Record) -> Result<Namespaces> {
    let mut all = Namespaces::USER;
    for namespace in spec.linux().iter().flat_map(|linux| linux.namespaces().iter().flatten()) {
        all = all | namespace_flag(namespace.typ())?;
    }
    if matches!(record.options.network, NetworkMode::Container { .. } | NetworkMode::Path { .. }) {
        all = all | Namespaces::NET;
    }
    let modes = &record.options.namespaces;
    for (mode, flag) in
        [(&modes.pid, Namespaces::PID), (&modes.ipc, Namespaces::IPC), (&modes.uts, Namespaces::UTS)]
    {
        if matches!(mode, NamespaceMode::Container { .. }) {
            all = all | flag;
        }
    }
    Ok(all)
}

/// What the namespace of the container allows; a process that may not look takes the usual answer.
fn can_set_groups(record: &Record) -> bool {
    let path = format!("/proc/{}/setgroups", record.state.pid);
    std::fs::read_to_string(path).map_or(true, |text| text.trim() == "allow")
}

/// What others are told of one execution: its events, and that it goes on.
struct Journal<'a> {
    record: &'a Record,
    id: String,
    sink: Sink,
    listed: Option<Execution>,
}

impl<'a> Journal<'a> {
    /// Docker writes both down before anything is started.
    fn begin(engine: &Engine, record: &'a Record, command: &[String]) -> Result<Self> {
        let (id, command) = (id::random_hex(64), command.join(" "));
        for action in ["exec_create", "exec_start"] {
            events::container(engine, record, &format!("{action}: {command}"), &[("execID", &id)]);
        }
        Ok(Self { record, id, sink: Sink::open(engine.layout())?, listed: None })
    }

    /// Lists the execution as one of this process. One that cannot be listed goes on all the same.
    fn list(&mut self, engine: &Engine) {
        self.listed = Execution::begin(engine.layout(), &self.record.id, &self.id).ok();
    }

    fn died(&self, code: i32) {
        self.listed.iter().for_each(Execution::end);
        let more = [("execID", self.id.as_str()), ("exitCode", &code.to_string())];
        events::container_in(&self.sink, self.record, "exec_die", &more);
    }
}

/// The supervisor's whole life: in the container's namespaces, it touches no path.
fn supervise(
    mut join: Join<'_>,
    client: OwnedFd,
    streams: Option<Streams>,
    spill: Option<OwnedFd>,
    journal: Option<&Journal<'_>>,
) -> ! {
    let died = |code| journal.iter().for_each(|journal| journal.died(code));
    let begin = || -> Result<Monitor> {
        leave_the_terminal().context("leave the terminal")?;
        let started = join.start()?.go()?;
        // Who reads from them waits for the program's end, not for ours.
        join.preserved.clear();
        let taking = streams.as_ref().map(Streams::taking).unwrap_or_default();
        let ties = Ties { stdin_once: taking.stdin && !join.process.terminal, lives_with_client: false };
        let mut monitor = Monitor::new(started)?;
        if let Some(spill) = spill {
            monitor = monitor.spilling_into(spill);
        }
        monitor.add_client(client.try_clone()?, taking, ties)?;
        Ok(monitor)
    };
    let ended = begin().map(|mut monitor| {
        let signals = monitor::catch_signals();
        monitor.tell_all(&Event::Started);
        let code = signals.and_then(|signals| monitor.run(&signals, &mut ())).map_or(255, |ended| ended.code);
        died(code);
        monitor.part(code).wait();
    });
    if let Err(error) = &ended {
        let mut failure = Failure::of(error);
        if failure.code == Failure::NO_CODE {
            failure.code = CANNOT_START;
        }
        died(i32::from(failure.code));
        let message = Event::Failed(failure).encode();
        let _ = socket::send(std::os::fd::AsFd::as_fd(&client), &[std::io::IoSlice::new(&message)]);
    }
    clone::exit_now(i32::from(ended.is_err()))
}
