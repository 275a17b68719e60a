//! The place of one container among the control groups, held by its supervisor: see [`super`] for its shape.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::event::poll;
use rustix::process::Signal;

use super::files::{common_group, enable, entries, is_ours, make, move_to, remove_beneath, usable_parent};
use super::group::{Group, not_delegated};
use super::systemd::{self, Scope};
use super::values::Setting;
use super::{directory, of, own};
use crate::base::hint::HintExt;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::exec;

/// The groups in a place.
const SUPERVISOR: &str = "supervisor";
const CONTAINER: &str = "container";
/// The group in a container's that it manages itself.
const DELEGATED: &str = "payload";

/// What the names of places begin with.
pub(super) const PREFIX: &str = "coracle-";

/// The group beside places that a supervisor ends in whose own former one is gone. Nobody can take away the group that
/// they are in: it stays, empty, until the next that needs it.
const LAST: &str = "coracle-ended";

/// What the ids of builds begin with.
pub const BUILD: &str = "build-";

/// How long an empty place may be one that is just being made.
const FRESH: Duration = Duration::from_secs(60);

/// The slice of systemd that scopes are in unless another is asked for.
const SLICE: &str = "user.slice";

/// Who makes groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// systemd, by the D-Bus at this socket.
    Systemd(PathBuf),
    /// The user, in a part of the hierarchy that is the user's.
    Files,
}

/// What a container wants of a place.
pub struct Wanted<'a> {
    pub id: &'a str,
    /// `--cgroup-parent`: a slice, or the path of a group; empty takes the usual one.
    pub parent: &'a str,
    /// Controllers that its limits need.
    pub controllers: &'a [String],
    pub position: Position,
    /// Whether the container manages groups itself, as systemd does.
    pub delegated: bool,
}

/// Where the supervisor is, and the place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// The supervisor is in the place.
    #[default]
    Inside,
    /// The supervisor stays where it was started: `--cgroups=no-conmon`.
    Outside,
    /// The place is beneath the group that the supervisor was started in, which it is moved out of with all there is in
    /// it: `--cgroups=split`.
    Beneath,
}

/// A place with its supervisor in it. Dropped, it is left and taken away as far as that is possible.
#[derive(Debug)]
pub struct Place {
    /// The path of the whole.
    path: String,
    /// The group that the supervisor came from, where nobody else takes the place away.
    before: Option<String>,
    /// A process that keeps systemd's scope while the container has none and the supervisor is elsewhere.
    _keeper: Option<Child>,
    delegated: bool,
}

impl Place {
    /// Makes a place and moves this process into it.
    pub fn take(manager: &Manager, wanted: &Wanted<'_>) -> Result<Self> {
        match (manager, wanted.position) {
            (_, Position::Beneath) => Self::in_files(&split(wanted.controllers)?, wanted),
            (Manager::Systemd(socket), _) => Self::in_scope(socket, wanted),
            (Manager::Files, _) => {
                let own = own().context("make a control group: this process is in none of version 2")?;
                match wanted.parent {
                    "" => Self::in_files(&usable_parent(&own, wanted.controllers)?, wanted),
                    path => Self::in_files(&format!("/{}", path.trim_matches('/')), wanted),
                }
            }
        }
    }

    fn in_scope(socket: &Path, wanted: &Wanted<'_>) -> Result<Self> {
        let slice = if wanted.parent.is_empty() { SLICE } else { wanted.parent };
        if !slice.ends_with(".slice") {
            bail!("cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\"");
        }
        let keeper = (wanted.position == Position::Outside).then(keep_scope).transpose()?;
        let pid = match &keeper {
            Some(keeper) => u32::try_from(keeper.pid()).context("a process id is positive")?,
            None => std::process::id(),
        };
        let description = format!("coracle container {}", wanted.id);
        let start = |unit: &str| {
            let scope = Scope { unit, slice, description: &description, pid };
            let hint = "is a user manager running? systemctl --user status; or take plain groups: coracle \
                        --cgroup-manager cgroupfs";
            systemd::start(socket, &scope).context("ask systemd for a control group").hint(|| hint)
        };
        // A supervisor that waits for a slow client of the run before may still be in the first.
        let units = [format!("{PREFIX}{}.scope", wanted.id), format!("{PREFIX}{}-{pid}.scope", wanted.id)];
        if !start(&units[0])? && !start(&units[1])? {
            bail!("ask systemd for a control group: it has {} already", units[1]);
        }
        let path = of(pid).filter(|path| units.iter().any(|unit| path.ends_with(unit.as_str())));
        let path = path.context("ask systemd for a control group: it has not moved this process")?;
        if keeper.is_some() {
            check_way(&path)?;
        }
        let place = Self { path, before: None, _keeper: keeper, delegated: wanted.delegated };
        place.settle(Some(pid), wanted.controllers)?;
        Ok(place)
    }

    fn in_files(parent: &str, wanted: &Wanted<'_>) -> Result<Self> {
        let parent = parent.trim_end_matches('/');
        let path = format!("{parent}/{PREFIX}{}", wanted.id);
        if !parent.is_empty() {
            enable(parent, wanted.controllers)?;
        }
        sweep(parent);
        make(&path)?;
        let moves = wanted.position != Position::Outside;
        let before = own().context("make a control group: this process is in none of version 2")?;
        let place = Self { path, before: Some(before), _keeper: None, delegated: wanted.delegated };
        place.settle(moves.then(std::process::id), wanted.controllers)?;
        Ok(place)
    }

    /// Moves a process out of the way, and hands the controllers down.
    fn settle(&self, pid: Option<u32>, needed: &[String]) -> Result<()> {
        if let Some(pid) = pid {
            let supervisor = format!("{}/{SUPERVISOR}", self.path);
            make(&supervisor)?;
            move_to(&supervisor, pid)?;
        }
        enable(&self.path, needed)
    }

    /// Moves this process out of the place, to where those end who have nowhere to go back to.
    fn move_beside(&self) -> Result<()> {
        let (parent, _) = self.path.rsplit_once('/').context("leave the control group: it is the root")?;
        let last = format!("{parent}/{LAST}");
        let enter = || make(&last).and_then(|()| move_to(&last, std::process::id()));
        // Another container that begins may take it away just before this process is in it.
        enter().or_else(|_| enter())
    }

    /// The path of the container's group.
    pub fn container(&self) -> String {
        format!("{}/{CONTAINER}", self.path)
    }

    /// Makes the container's group anew, with these limits. A container that manages groups gets one beneath it: whose a
    /// group is may change its limits.
    pub fn begin(&self, settings: &[Setting]) -> Result<Group> {
        let mut path = self.container();
        remove(&path);
        make(&path)?;
        set(&path, settings)?;
        if self.delegated {
            enable(&path, &[])?;
            path = format!("{path}/{DELEGATED}");
            make(&path)?;
        }
        Group::open(&path).with_context(|| format!("open the control group {path}"))
    }

    /// Makes a group for one step of a build, with these limits.
    pub fn step(&self, settings: &[Setting]) -> Result<Step> {
        let path = format!("{}/step-{}", self.path, std::process::id());
        make(&path)?;
        let group = Group::open(&path).with_context(|| format!("open the control group {path}"))?;
        let step = Step { path, group };
        set(&step.path, settings)?;
        Ok(step)
    }

    /// Takes the container's group away once all of it has ended; how many of its processes the kernel has killed
    /// for want of memory.
    pub fn end(&self) -> u64 {
        let path = self.container();
        let kills = Group::open(&path).map_or(0, |group| group.oom_kills());
        remove(&path);
        kills
    }
}

/// The group of one step. Dropped, what is left in it is ended, and it is taken away.
pub struct Step {
    path: String,
    group: Group,
}

impl Step {
    /// How many of its processes the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        self.group.oom_kills()
    }
}

impl AsFd for Step {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.group.as_fd()
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.container());
        let Some(before) = &self.before else { return };
        // systemd takes a scope away once nobody is in it any more, and the caller may have ended.
        if move_to(before, std::process::id()).is_ok() || self.move_beside().is_ok() {
            remove(&format!("{}/{SUPERVISOR}", self.path));
            remove(&self.path);
        }
    }
}

/// Sets the limits of a container by the path of its group. What is shared among neighbours is set for its whole place
/// too: in there the container's only neighbour is its supervisor.
pub fn set(container: &str, settings: &[Setting]) -> Result<()> {
    let open = |path: &str| Group::open(path).with_context(|| format!("open the control group {path}"));
    let group = open(container)?;
    let former = group.set(settings)?;
    let shares: Vec<Setting> = settings.iter().filter(|setting| setting.is_share()).cloned().collect();
    match container.rsplit_once('/') {
        Some((place, _)) if !shares.is_empty() => {
            let set = open(place).and_then(|place| place.set(&shares));
            set.map(drop).inspect_err(|_| group.restore(&former))
        }
        _ => Ok(()),
    }
}

/// Takes the place of a container away that no supervisor has any more; `container` is the path of its group.
pub fn clear(container: &str) {
    let Some(place) = container.strip_suffix(&format!("/{CONTAINER}")) else { return };
    let is_ours = place.rsplit('/').next().is_some_and(|name| name.starts_with(PREFIX));
    if is_ours {
        for path in [container, &format!("{place}/{SUPERVISOR}"), place] {
            remove(path);
        }
    }
}

/// Takes away what is empty among the places in a group: where supervisors have ended that had nowhere to go back to, and
/// those of builds that were killed. Containers are on record, and their places go with that.
fn sweep(parent: &str) {
    remove(&format!("{parent}/{LAST}"));
    let builds = format!("{PREFIX}{BUILD}");
    for entry in entries(parent).filter(|entry| entry.file_name().to_string_lossy().starts_with(&builds)) {
        // One that has just been made is empty too.
        let is_old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|made| made.elapsed().is_ok_and(|age| age > FRESH));
        if is_old {
            for group in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(group.path());
            }
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Moves this process out of a unit of systemd's, which ends all that it has started when it ends, to a scope of its own.
/// Does nothing for one that is in none.
pub fn leave_service(socket: &Path, name: &str, description: &str) -> Result<()> {
    if !own().is_some_and(|path| is_of_service(&path)) {
        return Ok(());
    }
    let pid = std::process::id();
    let unit = format!("{PREFIX}{name}-{pid}.scope");
    systemd::start(socket, &Scope { unit: &unit, slice: SLICE, description, pid }).map(drop)
}

/// Whether a group is that of a service, or beneath it. A user's manager is one, and each of its units beneath it.
fn is_of_service(path: &str) -> bool {
    let is_unit = |name: &&str| [".service", ".scope", ".slice"].iter().any(|kind| name.ends_with(kind));
    let unit = path.rsplit('/').find(is_unit).unwrap_or_default();
    unit.ends_with(".service") && !unit.starts_with("user@")
}

/// Ends what is left in a group, and takes it away. What has been killed is in it for a moment longer.
fn remove(path: &str) {
    const ATTEMPTS: u32 = 100;
    let Some(directory) = directory(path) else { return };
    for attempt in 0..ATTEMPTS {
        match fs::remove_dir(&directory) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            _ => return,
        }
        // Not those that supervisors are in.
        let name = path.rsplit('/').next().unwrap_or_default();
        if name != CONTAINER && !name.starts_with("step-") {
            return;
        }
        if attempt == 0 {
            let _ = fs::write(directory.join("cgroup.kill"), "1");
        }
        remove_beneath(&directory);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Forks a process that does nothing, and ends with this one.
fn keep_scope() -> Result<Child> {
    match clone::clone(Namespaces::default()).context("fork the keeper of a control group")? {
        Forked::Parent(child) => Ok(child),
        Forked::Child => {
            exec::close_all();
            // Should this process' parent be gone already, its group is all that is left, and a collection ends it.
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            loop {
                let _ = poll(&mut [], None);
            }
        }
    }
}

/// Refuses a scope into which a child of this process cannot be born: the kernel wants that the user may write to the
/// group above both.
fn check_way(path: &str) -> Result<()> {
    let own = own().unwrap_or_default();
    let common = common_group(&own, path);
    if is_ours(&common) {
        return Ok(());
    }
    Err(anyhow!("--cgroups=no-conmon: from {own} only systemd can move a container to {path}"))
        .hint(|| "start it in a unit of yours: systemd-run --user --pty …")
}

/// Moves every process out of the group that this one is in, to one beneath it; the group that is empty now.
fn split(needed: &[String]) -> Result<String> {
    const ATTEMPTS: u32 = 100;
    let own = own().context("split the control group: this process is in none of version 2")?;
    // Another container of the same unit has split it already.
    if let Some(above) = own.strip_suffix(&format!("/{SUPERVISOR}")).filter(|path| is_ours(path)) {
        return Ok(above.to_owned());
    }
    if !is_ours(&own) {
        return Err(anyhow!("split the control group {own}: it is not yours"))
            .hint(|| "have systemd delegate it: write Delegate=yes to the section [Service] of the unit");
    }
    let group = Group::open(&own).with_context(|| format!("open the control group {own}"))?;
    let present = group.read("cgroup.controllers").unwrap_or_default();
    if let Some(missing) = needed.iter().find(|name| !present.split_whitespace().any(|other| other == *name))
    {
        return Err(not_delegated(missing, "limit the container"));
    }
    let supervisor = format!("{own}/{SUPERVISOR}");
    make(&supervisor)?;
    for _ in 0..ATTEMPTS {
        let text = group.read("cgroup.procs").context("read cgroup.procs")?;
        if text.trim().is_empty() {
            return Ok(own);
        }
        // One that has ended meanwhile need not be moved.
        for pid in text.lines().filter_map(|line| line.trim().parse().ok()) {
            let _ = move_to(&supervisor, pid);
        }
    }
    bail!("split the control group {own}: its processes cannot be moved to {supervisor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_by_their_groups() {
        let user = "/user.slice/user-1000.slice";
        for (path, want) in [
            ("/system.slice/ci.service", true),
            (&format!("{user}/user@1000.service/app.slice/web.service"), true),
            (&format!("{user}/user@1000.service/app.slice/web.service/supervisor"), true),
            (&format!("{user}/user@1000.service/app.slice/app-terminal.scope"), false),
            (&format!("{user}/user@1000.service/user.slice/coracle-a.scope/supervisor"), false),
            (&format!("{user}/session-2.scope"), false),
            (&format!("{user}/user@1000.service/init.scope"), false),
            ("/", false),
        ] {
            assert_eq!(is_of_service(path), want, "{path}");
        }
    }
}
