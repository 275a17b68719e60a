//! The user namespace of this user, and work that has to be done in it.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::spec::mounts::{is_layered, overlay_directory};
use super::{Engine, shift};
use crate::base::exit::Interrupted;
use crate::base::idmap::IdMaps;
use crate::runtime::protocol::Failure;
use crate::runtime::userns::{self, Offered, Pending, UserMaps, UserNamespace};
use crate::store::containers::Record;
use crate::store::mounts::{MountKind, OverlayOption};
use crate::sys::clone::{self, Forked, Namespaces};
use crate::sys::exec;
use crate::sys::signal::Signals;

/// A user namespace that is being made, while the caller does something else.
#[must_use]
pub struct Opening {
    pub maps: UserMaps,
    state: State,
}

enum State {
    Pending(Pending),
    /// One with the default map that is there already.
    Made(UserNamespace),
}

/// Starts to make the user's namespace with the default map.
pub fn open(engine: &Engine) -> Result<Opening> {
    let offered = Offered::read();
    let maps = default_maps(engine, &offered);
    let pending = userns::create(&maps, &offered)?;
    Ok(Opening { maps, state: State::Pending(pending) })
}

/// Takes a namespace with the default map that is there already.
pub fn reuse(engine: &Engine, made: UserNamespace) -> Opening {
    Opening { maps: maps(engine), state: State::Made(made) }
}

/// The ids that the user's namespace will have.
pub fn maps(engine: &Engine) -> UserMaps {
    default_maps(engine, &Offered::read())
}

fn default_maps(engine: &Engine, offered: &Offered) -> UserMaps {
    let maps = UserMaps::default_for(offered);
    if let Some(notice) = maps.notice(offered) {
        engine.notice_of_ids(&notice);
    }
    maps
}

/// Makes a user namespace with the ids of a container that does not run, whose layers are there then.
pub fn open_for(engine: &Engine, record: &Record) -> Result<UserNamespace> {
    let Some(maps) = &record.maps else { return open(engine)?.finish() };
    shift::ensure_for(engine, record)?;
    userns::nest(&open(engine)?.finish()?, maps, || hand_over(engine, record))
}

/// Whether the first process of a container is not root of its namespace when it is cloned, but can become so.
pub fn becomes_root(record: &Record) -> bool {
    record.maps.as_ref().and_then(IdMaps::root).is_some()
}

/// Becomes another user of the namespace that this process has entered, with all capabilities there.
pub fn become_user((uid, gid): (u32, u32)) -> Result<()> {
    exec::become_user_with_capabilities(uid, gid).context("become the owner of the container's files")?;
    follow_command()
}

/// Lets a root to whom the user does not exist fill the container's volumes: nobody else gets to their directory, whose
/// parent is closed. A volume that nobody has used yet becomes that root's.
fn open_volumes(engine: &Engine, record: &Record, (uid, gid): (u32, u32)) -> Result<()> {
    for mount in &record.options.mounts {
        let MountKind::Volume { name, .. } = &mount.kind else { continue };
        let volume = engine.layout().volumes().join(name);
        let open = || -> std::io::Result<()> {
            std::fs::set_permissions(&volume, std::fs::Permissions::from_mode(0o777))?;
            let data = volume.join("_data");
            let is_new =
                std::fs::symlink_metadata(&data)?.uid() == 0 && std::fs::read_dir(&data)?.next().is_none();
            if is_new { std::os::unix::fs::lchown(&data, Some(uid), Some(gid)) } else { Ok(()) }
        };
        open().with_context(|| format!("give volume {name} to the container"))?;
    }
    Ok(())
}

/// The directories that the layered mounts of a container write to. Those that the user has named are left to the user
/// where the container's root may write there anyhow.
fn layered_tops(record: &Record, maps: &IdMaps, container: &Path) -> Vec<(PathBuf, PathBuf)> {
    let layered = record.options.mounts.iter().enumerate().filter(|(_, mount)| is_layered(mount));
    let own = layered.filter_map(|(index, mount)| match mount.flags.overlay.clone().unwrap_or_default() {
        OverlayOption { upper: Some(upper), work: Some(work) } => maps.lacks_user().then_some((upper, work)),
        _ => {
            let own = overlay_directory(container, index);
            Some((own.join("upper"), own.join("work")))
        }
    });
    own.collect()
}

/// Gives what the engine has made for a container to the container's root, before its first start; as root of the
/// user's namespace.
pub fn hand_over(engine: &Engine, record: &Record) -> Result<()> {
    let Some(maps) = &record.maps else { return Ok(()) };
    let Some((uid, gid)) = maps.root() else { return Ok(()) };
    if maps.lacks_user() {
        open_volumes(engine, record, (uid, gid))?;
    }
    let directory = engine.layout().container(&record.id);
    let mut given: Vec<PathBuf> =
        ["hosts", "hostname", "resolv.conf"].iter().map(|name| directory.join(name)).collect();
    let tops = layered_tops(record, maps, &directory);
    for (upper, work) in tops.into_iter().chain([(directory.join("upper"), directory.join("work"))]) {
        // The kernel makes this directory when the layers are first mounted: what is above it may be the container's
        // own doing by then.
        if !work.join("work").exists() {
            given.extend([upper, work]);
        }
    }
    for path in given {
        match std::os::unix::fs::lchown(&path, Some(uid), Some(gid)) {
            // A directory as the root filesystem has no layers.
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("give {} to the container", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Opening {
    /// Waits for the maps.
    pub fn finish(self) -> Result<UserNamespace> {
        match self.state {
            State::Pending(pending) => pending.finish(),
            State::Made(namespace) => Ok(namespace),
        }
    }
}

/// Does `work` in a child that has entered the namespace, where it may start threads, and passes its result
/// or its error on.
pub fn run_inside<T, F>(namespace: &UserNamespace, work: F) -> Result<T>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce() -> Result<T>,
{
    in_child(|| enter(namespace), work)
}

/// Does `work` in a child that is as this process is, where it may start threads.
pub fn run_apart<T, F>(work: F) -> Result<T>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce() -> Result<T>,
{
    in_child(follow_command, work)
}

fn in_child<T: Serialize + DeserializeOwned>(
    enter: impl FnOnce() -> Result<()>,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).context("make a pipe")?;
    match clone::clone(Namespaces::default()).context("fork")? {
        Forked::Parent(child) => {
            drop(write);
            let answer = hear(read)?;
            let code = child.wait().context("wait for the child")?;
            let died = |_| anyhow!("the child that did the work died (exit code {code})");
            let answer: Result<T, Failure> = serde_json::from_slice(&answer).map_err(died)?;
            answer.map_err(Failure::into_error)
        }
        Forked::Child => {
            drop(read);
            // The command ends this child where it is asked to end, and cleans up after it.
            let _ignored = Signals::catch(&[Signal::SIGINT, Signal::SIGHUP]);
            let result = enter().and_then(|()| work()).map_err(|error| Failure::of(&error));
            let answer = serde_json::to_vec(&result).unwrap_or_default();
            let mut rest = &answer[..];
            while let Ok(n @ 1..) = rustix::io::write(write.as_fd(), rest) {
                rest = &rest[n..];
            }
            clone::exit_now(i32::from(result.is_err()))
        }
    }
}

/// Reads what the child answers. A signal that asks this command to end ends the child first.
fn hear(answers: OwnedFd) -> Result<Vec<u8>> {
    let signals =
        Signals::catch(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]).context("catch signals")?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let mut fds = [PollFd::new(&answers, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("hear from the child"),
        }
        let answered = !fds[0].revents().is_empty();
        if let Some(number) = signals.next().context("read signals")? {
            return Err(Interrupted(u8::try_from(number)?).into());
        }
        if answered {
            match rustix::io::read(&answers, &mut buffer).context("hear from the child")? {
                0 => return Ok(answer),
                n => answer.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

/// Enters, and dies with the command: what nobody waits for any more is not worth finishing. A change of
/// credentials forgets the wish, so it comes last.
pub fn enter(namespace: &UserNamespace) -> Result<()> {
    namespace.enter()?;
    follow_command()
}

/// A change of user makes the kernel forget this.
pub fn follow_command() -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .context("follow the command")
}
