//! The place of one container among the control groups, held by its supervisor: see [`super`] for its shape.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::group::{Group, not_delegated};
use super::systemd::{self, Scope};
use super::values::Setting;
use super::{MOUNT, directory, own};
use crate::base::hint::HintExt;

/// The groups in a place.
const SUPERVISOR: &str = "supervisor";
const CONTAINER: &str = "container";

/// What the names of places begin with.
pub(super) const PREFIX: &str = "coracle-";

/// The group beside places that a supervisor ends in whose own former one is gone. Nobody can take away the group that
/// they are in: it stays, empty, until the next that needs it.
const LAST: &str = "coracle-ended";

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
}

/// A place with its supervisor in it. Dropped, it is left and taken away as far as that is possible.
#[derive(Debug)]
pub struct Place {
    /// The path of the whole.
    path: String,
    /// The group that the supervisor came from, where nobody else takes the place away.
    before: Option<String>,
}

impl Place {
    /// Makes a place and moves this process into it.
    pub fn take(manager: &Manager, wanted: &Wanted<'_>) -> Result<Self> {
        let place = match manager {
            Manager::Systemd(socket) => Self::in_scope(socket, wanted)?,
            Manager::Files => Self::in_files(wanted)?,
        };
        place.settle(wanted.controllers)?;
        Ok(place)
    }

    fn in_scope(socket: &Path, wanted: &Wanted<'_>) -> Result<Self> {
        let slice = if wanted.parent.is_empty() { SLICE } else { wanted.parent };
        if !slice.ends_with(".slice") {
            bail!("cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\"");
        }
        let pid = std::process::id();
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
        let path = own().filter(|path| units.iter().any(|unit| path.ends_with(unit.as_str())));
        let path = path.context("ask systemd for a control group: it has not moved this process")?;
        Ok(Self { path, before: None })
    }

    fn in_files(wanted: &Wanted<'_>) -> Result<Self> {
        let before = own().context("make a control group: this process is in none of version 2")?;
        let parent = match wanted.parent {
            "" => usable_parent(&before, wanted.controllers)?,
            path => format!("/{}", path.trim_matches('/')),
        };
        let parent = parent.trim_end_matches('/');
        let path = format!("{parent}/{PREFIX}{}", wanted.id);
        if !parent.is_empty() {
            enable(parent, wanted.controllers)?;
        }
        remove(&format!("{parent}/{LAST}"));
        make(&path)?;
        Ok(Self { path, before: Some(before) })
    }

    /// Moves this process out of the way, and hands the controllers down.
    fn settle(&self, needed: &[String]) -> Result<()> {
        let supervisor = format!("{}/{SUPERVISOR}", self.path);
        make(&supervisor)?;
        move_to(&supervisor)?;
        enable(&self.path, needed)
    }

    /// Moves this process out of the place, to where those end who have nowhere to go back to.
    fn move_beside(&self) -> Result<()> {
        let (parent, _) = self.path.rsplit_once('/').context("leave the control group: it is the root")?;
        let last = format!("{parent}/{LAST}");
        let enter = || make(&last).and_then(|()| move_to(&last));
        // Another container that begins may take it away just before this process is in it.
        enter().or_else(|_| enter())
    }

    /// The path of the container's group.
    pub fn container(&self) -> String {
        format!("{}/{CONTAINER}", self.path)
    }

    /// Makes the container's group anew, with these limits.
    pub fn begin(&self, settings: &[Setting]) -> Result<Group> {
        let path = self.container();
        remove(&path);
        make(&path)?;
        set(&path, settings)?;
        Group::open(&path).with_context(|| format!("open the control group {path}"))
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

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.container());
        let Some(before) = &self.before else { return };
        // systemd takes a scope away once nobody is in it any more, and the caller may have ended.
        if move_to(before).is_ok() || self.move_beside().is_ok() {
            remove(&format!("{}/{SUPERVISOR}", self.path));
            remove(&self.path);
        }
    }
}

/// Sets the limits of a container by the path of its group. What is shared among neighbours is set for its whole place
/// too: in there the container's only neighbour is its supervisor.
pub fn set(container: &str, settings: &[Setting]) -> Result<()> {
    let open = |path: &str| Group::open(path).with_context(|| format!("open the control group {path}"));
    open(container)?.set(settings)?;
    let shares: Vec<Setting> = settings.iter().filter(|setting| setting.is_share()).cloned().collect();
    match container.rsplit_once('/') {
        Some((place, _)) if !shares.is_empty() => open(place)?.set(&shares),
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

/// The nearest group above this process, or its own, beneath which it may make groups with these controllers.
fn usable_parent(own: &str, needed: &[String]) -> Result<String> {
    let mut path = own.trim_end_matches('/');
    let mut crowded = None;
    loop {
        if is_ours(path) {
            let has_processes = !path.is_empty() && !reads_empty(path, "cgroup.procs");
            if !has_processes || has_all(path, "cgroup.subtree_control", needed) {
                return Ok(path.to_owned());
            }
            crowded.get_or_insert(path);
        }
        match path.rsplit_once('/') {
            Some((above, _)) => path = above,
            None => break,
        }
    }
    match crowded {
        Some(path) => Err(anyhow!("make a control group in {path}: it has processes of its own"))
            .hint(|| format!("g={MOUNT}{path}; mkdir $g/shell && echo $$ >$g/shell/cgroup.procs")),
        None => Err(anyhow!("make a control group: {own} and the groups above it are not yours"))
            .hint(|| "log in by systemd, or be given a group of your own: systemd-run --user --scope -p Delegate=yes bash"),
    }
}

fn is_ours(path: &str) -> bool {
    let may = |file: &str| {
        let file = Path::new(MOUNT).join(path.trim_start_matches('/')).join(file);
        rustix::fs::access(&file, rustix::fs::Access::WRITE_OK).is_ok()
    };
    may("") && may("cgroup.procs") && may("cgroup.subtree_control")
}

fn read(path: &str, file: &str) -> String {
    let group = Group::open(if path.is_empty() { "/" } else { path });
    group.and_then(|group| group.read(file)).unwrap_or_default()
}

fn reads_empty(path: &str, file: &str) -> bool {
    read(path, file).trim().is_empty()
}

fn has_all(path: &str, file: &str, needed: &[String]) -> bool {
    let text = read(path, file);
    needed.iter().all(|name| text.split_whitespace().any(|other| other == name))
}

/// Hands every controller that a group has to those beneath it; those that are needed must be among them.
fn enable(path: &str, needed: &[String]) -> Result<()> {
    let group = Group::open(path).with_context(|| format!("open the control group {path}"))?;
    let present = group.read("cgroup.controllers").unwrap_or_default();
    let has = |name: &String| present.split_whitespace().any(|other| other == name);
    if let Some(missing) = needed.iter().find(|name| !has(name)) {
        return Err(not_delegated(missing, "limit the container"));
    }
    let enabled = group.read("cgroup.subtree_control").unwrap_or_default();
    for name in present.split_whitespace().filter(|name| !enabled.split_whitespace().any(|n| n == *name)) {
        let written = group.write("cgroup.subtree_control", &format!("+{name}"));
        if needed.iter().any(|needed| needed == name) {
            written.with_context(|| format!("enable the controller {name} beneath {path}"))?;
        }
    }
    Ok(())
}

fn make(path: &str) -> Result<()> {
    let directory = directory(path).with_context(|| format!("make the control group {path}: not a path"))?;
    match fs::create_dir(&directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).with_context(|| format!("make the control group {path}")),
    }
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
        // The container's own group alone: in the others are supervisors.
        if !path.ends_with(CONTAINER) {
            return;
        }
        if attempt == 0 {
            let _ = fs::write(directory.join("cgroup.kill"), "1");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn move_to(path: &str) -> Result<()> {
    let group = Group::open(path).with_context(|| format!("open the control group {path}"))?;
    group.write("cgroup.procs", "0").with_context(|| format!("move to the control group {path}"))
}

/// Whether groups here have `io.bfq.weight`: the root group has it where its children do.
pub fn has_bfq() -> bool {
    let own = own().and_then(|path| directory(&path));
    own.is_some_and(|directory| directory.join("io.bfq.weight").exists())
}
