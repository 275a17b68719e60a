//! The containers that `ps` lists.
//!
//! A thousand records are read in a few milliseconds: one open and one read each, into one buffer, and
//! only the fields that a row shows are built. The flags of a container, the bulk of its record, are
//! passed over unless a filter or a column needs them.

mod ports;

pub use ports::ports_line;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits;
use crate::base::digest::Digest;
use crate::base::id;
use crate::base::network::BRIDGE;
use crate::base::shares;
use crate::base::time;
use crate::store::containers::{State, Status, VERSION};
use crate::store::health::HealthStatus;
use crate::store::layout::Layout;
use crate::store::options::{HealthOptions, MountKind, MountOption, NetworkMode, PortMapping};
use crate::sys::process;

/// A record is small; a file beyond this is not one of ours.
const RECORD_LIMIT: usize = 16 << 20;

/// One container as `ps` shows it.
#[derive(Debug)]
pub struct Listed {
    pub id: String,
    pub name: String,
    /// As the user named it; empty for `--rootfs`.
    pub image: String,
    pub image_id: Option<Digest>,
    /// Entry point and arguments, in one line.
    pub command: String,
    pub created: Timestamp,
    /// Settled: running means that the process is there.
    pub state: State,
    /// Bound ports; empty unless it runs.
    pub ports: Vec<PortMapping>,
    /// Ports that are exposed and not published, as `port/protocol`; empty unless it runs.
    pub exposed: Vec<String>,
    /// `None` if it does not run, or has no health check.
    pub health: Option<HealthStatus>,
    /// Whether every process of it is stopped; false unless it runs.
    pub paused: bool,
    /// What only some columns and filters need; empty unless it was asked for.
    pub details: Details,
}

/// The part of a container's flags that columns and filters look at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Details {
    pub labels: BTreeMap<String, String>,
    pub network: NetworkMode,
    pub mounts: Vec<MountOption>,
    pub expose: Vec<String>,
}

/// Every container of a store, newest first, and what could not be read.
#[derive(Debug, Default)]
pub struct Listing {
    pub containers: Vec<Listed>,
    /// Ids of records that are damaged or from a newer version, and why.
    pub broken: Vec<(String, String)>,
}

/// Records that one thread reads before another is worth starting.
const SHARE: usize = 250;
/// Threads that read records; the kernel's work is most of it, and more find no free core.
const READERS: usize = 4;

/// Reads every record; `details` says whether to fill [`Listed::details`]. Of many records threads read a
/// share each, so this is for commands that start nothing afterwards.
pub fn list(layout: &Layout, details: bool) -> Result<Listing> {
    list_with(layout, details, READERS)
}

/// The same without threads, for commands that fork afterwards.
pub fn list_alone(layout: &Layout, details: bool) -> Result<Listing> {
    list_with(layout, details, 1)
}

fn list_with(layout: &Layout, details: bool, readers: usize) -> Result<Listing> {
    let path = layout.containers();
    let directory = match rustix::fs::open(&path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(directory) => directory,
        Err(rustix::io::Errno::NOENT) => return Ok(Listing::default()),
        Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
    };
    let boot = process::boot_id().unwrap_or_default();
    let ids = ids(directory.as_fd()).with_context(|| format!("list {}", path.display()))?;
    let mut listing = Listing::default();
    for share in shares::work(&ids, SHARE, readers, |ids| read_share(directory.as_fd(), ids, details, &boot))
    {
        listing.append(share);
    }
    listing.containers.sort_by_key(|container| Reverse(container.created));
    Ok(listing)
}

impl Listing {
    fn append(&mut self, mut other: Self) {
        self.containers.append(&mut other.containers);
        self.broken.append(&mut other.broken);
    }
}

/// Reads the records of `ids`.
fn read_share(directory: BorrowedFd, ids: &[String], details: bool, boot: &str) -> Listing {
    let mut listing = Listing::default();
    let mut buffer = Vec::with_capacity(16 << 10);
    for id in ids {
        match read(directory, id, "container.json", &mut buffer) {
            // Removed since the directory was read, or not complete yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => listing.broken.push((id.clone(), error.to_string())),
            Ok(()) => match parse(&buffer, details, boot) {
                Ok((mut container, is_checked)) => {
                    if is_checked {
                        container.health = Some(read_health(directory, id, &mut buffer));
                    }
                    listing.containers.push(container);
                }
                Err(error) => listing.broken.push((id.clone(), format!("{error:#}"))),
            },
        }
    }
    listing
}

fn ids(directory: BorrowedFd) -> io::Result<Vec<String>> {
    let mut ids = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_str().unwrap_or_default();
        if name.len() == 64 && id::is_id_prefix(name) {
            ids.push(name.to_owned());
        }
    }
    Ok(ids)
}

/// The health of a container that has a check.
fn read_health(directory: BorrowedFd, id: &str, buffer: &mut Vec<u8>) -> HealthStatus {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Slim {
        status: HealthStatus,
    }
    let read = read(directory, id, "health.json", buffer);
    read.ok().and_then(|()| serde_json::from_slice::<Slim>(buffer).ok()).unwrap_or_default().status
}

/// Reads one file of a container into `buffer`, which keeps its memory from one to the next.
fn read(directory: BorrowedFd, id: &str, name: &str, buffer: &mut Vec<u8>) -> io::Result<()> {
    let path = format!("{id}/{name}");
    let file = rustix::fs::openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    buffer.clear();
    loop {
        let room = buffer.capacity() - buffer.len();
        let n = rustix::io::read(&file, rustix::buffer::spare_capacity(buffer))?;
        // A regular file gives less than asked for only at its end.
        if n < room {
            return Ok(());
        }
        if buffer.len() > RECORD_LIMIT {
            return Err(io::Error::other("larger than any record"));
        }
        buffer.reserve(buffer.len());
    }
}

/// `container.json`, as far as a row shows it.
#[derive(Deserialize)]
struct Slim<'a> {
    version: u32,
    id: String,
    name: String,
    created: Timestamp,
    #[serde(borrow)]
    source: SlimSource<'a>,
    command: Vec<String>,
    state: State,
    #[serde(default)]
    ports: Vec<PortMapping>,
    #[serde(borrow)]
    options: &'a RawValue,
}

#[derive(Deserialize)]
struct SlimSource<'a> {
    #[serde(default, borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    id: Option<Digest>,
}

/// The container, and whether it runs with a health check.
fn parse(content: &[u8], details: bool, boot: &str) -> Result<(Listed, bool)> {
    let slim: Slim = match serde_json::from_slice(content) {
        Ok(slim) => slim,
        Err(error) => return Err(newer(content).unwrap_or_else(|| anyhow::Error::from(error))),
    };
    if slim.version > VERSION {
        return Err(newer(content).unwrap_or_else(|| anyhow::anyhow!("version {}", slim.version)));
    }
    let state = slim.state.settled_in(boot);
    let running = state.status == Status::Running;
    let has_ports = running || state.status == Status::Initialized;
    let options = |wanted: bool| -> Result<Details> {
        Ok(if wanted { serde_json::from_str(slim.options.get())? } else { Details::default() })
    };
    let options = options(details || (has_ports && exposes(slim.options)))?;
    let is_checked = running && is_checked(slim.options);
    let container = Listed {
        id: slim.id,
        name: slim.name,
        image: slim.source.name.into_owned(),
        image_id: slim.source.id,
        command: command_line(&slim.command),
        created: slim.created,
        ports: if has_ports { slim.ports } else { Vec::new() },
        exposed: if has_ports { options.expose.clone() } else { Vec::new() },
        paused: running && limits::is_paused(state.cgroup.as_deref()),
        state,
        health: None,
        details: options,
    };
    Ok((container, is_checked))
}

/// Whether the flags hold a health check that is one: spares reading them, and a file, for the many without.
fn is_checked(options: &RawValue) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Slim {
        health: HealthOptions,
    }
    options.get().contains("\"health\":{")
        && serde_json::from_str::<Slim>(options.get()).is_ok_and(|slim| slim.health.command().is_some())
}

/// Whether the flags may hold `--expose`: spares reading them for the many that do not.
fn exposes(options: &RawValue) -> bool {
    !options.get().contains("\"expose\":[]")
}

/// The error for a record of a newer version, whose shape may have changed.
fn newer(content: &[u8]) -> Option<anyhow::Error> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(content).ok()?;
    let text = format!("version {version} is newer than this coracle understands ({VERSION})");
    (version > VERSION).then(|| anyhow::Error::msg(text))
}

/// A command in one line, as docker shows it: arguments with a space in single quotes.
pub fn command_line(command: &[String]) -> String {
    let Some((path, arguments)) = command.split_first() else { return String::new() };
    let mut line = path.clone();
    for argument in arguments {
        match argument.contains(' ') {
            true => line.extend([" '", argument, "'"]),
            false => line.extend([" ", argument]),
        }
    }
    line
}

impl Listed {
    /// Docker's word for what it is doing.
    pub fn word(&self) -> &'static str {
        if self.paused { "paused" } else { self.state.status.as_str() }
    }

    /// `Up 5 minutes`, `Exited (0) 2 hours ago`, `Created`.
    pub fn status(&self, now: Timestamp) -> String {
        let since = |then: Option<Timestamp>| now.duration_since(then.unwrap_or(now));
        match self.state.status {
            Status::Created => "Created".to_owned(),
            Status::Initialized => "Initialized".to_owned(),
            Status::Running => {
                let health = self.health.map(|health| format!(" ({})", health.shown())).unwrap_or_default();
                let up = time::human(since(self.state.started_at));
                if self.paused { format!("Up {up} (Paused)") } else { format!("Up {up}{health}") }
            }
            Status::Restarting => format!(
                "Restarting ({}) {} ago",
                self.state.exit_code,
                time::human(since(self.state.finished_at))
            ),
            Status::Exited => format!(
                "Exited ({}) {} ago",
                self.state.exit_code,
                time::human(since(self.state.finished_at))
            ),
        }
    }

    /// What is mounted: names of volumes, sources of bind mounts.
    pub fn mount_names(&self) -> Vec<String> {
        let name = |mount: &MountOption| match &mount.kind {
            MountKind::Bind { source, .. } => Some(source.display().to_string()),
            MountKind::Volume { name, .. } => Some(name.clone()),
            MountKind::Image { image, .. } => Some(image.clone()),
            MountKind::Tmpfs { .. } | MountKind::Filesystem { .. } => None,
        };
        self.details.mounts.iter().filter_map(name).collect()
    }

    /// Whether it has this volume.
    pub fn mounts_volume(&self, wanted: &str) -> bool {
        let is_it =
            |mount: &MountOption| matches!(&mount.kind, MountKind::Volume { name, .. } if name == wanted);
        self.details.mounts.iter().any(is_it)
    }

    /// How many volumes it has.
    pub fn volume_count(&self) -> usize {
        let is_volume = |mount: &&MountOption| matches!(mount.kind, MountKind::Volume { .. });
        self.details.mounts.iter().filter(is_volume).count()
    }
}

/// The network a container is on, by name.
pub fn network_name(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::None => "none".to_owned(),
        NetworkMode::Host => "host".to_owned(),
        NetworkMode::Default | NetworkMode::Slirp4netns { .. } => "slirp4netns".to_owned(),
        NetworkMode::Pasta { .. } => "pasta".to_owned(),
        NetworkMode::Path { path } => format!("ns:{}", path.display()),
        NetworkMode::Bridge { networks } => {
            networks.first().map_or_else(|| BRIDGE.to_owned(), |attachment| attachment.network.clone())
        }
        NetworkMode::Container { id } => format!("container:{id}"),
    }
}

/// Every network that a container is on, by name.
pub fn network_names(mode: &NetworkMode) -> Vec<String> {
    match mode {
        NetworkMode::Bridge { networks } => {
            networks.iter().map(|attachment| attachment.network.clone()).collect()
        }
        mode => vec![network_name(mode)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::paths::Roots;

    #[test]
    fn commands_in_one_line() {
        let line = |words: &[&str]| command_line(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["sh", "-c", "echo a"]), "sh -c 'echo a'");
        assert_eq!(line(&["/hello"]), "/hello");
        assert_eq!(line(&[]), "");
    }

    #[test]
    fn a_record_that_is_newer_or_broken_says_so() {
        let refused = |text: &str| format!("{:#}", parse(text.as_bytes(), false, "").unwrap_err());
        assert_eq!(refused(r#"{"version":99}"#), "version 99 is newer than this coracle understands (1)");
        assert!(refused(r#"{"version":1,"id":"#).contains("EOF"));
    }

    #[test]
    fn many_records_are_all_read_newest_first() {
        let base = tempfile::tempdir().unwrap();
        let roots = Roots { data: base.path().to_path_buf(), run: base.path().join("run") };
        let layout = Layout::new(roots);
        assert!(list(&layout, false).unwrap().containers.is_empty());
        for number in 0..SHARE * 2 + 7 {
            let id = format!("{number:064x}");
            let directory = layout.container(&id);
            std::fs::create_dir_all(&directory).unwrap();
            let text = match number {
                0 => "{".to_owned(),
                _ => format!(
                    r#"{{"version":1,"id":"{id}","name":"c{number}","created":"2024-05-01T10:00:00.{number:03}Z",
                        "source":{{"from":"rootfs","path":"/"}},"command":["sh"],"state":{{"status":"created"}},
                        "options":{{"labels":{{"a":"b"}}}}}}"#
                ),
            };
            std::fs::write(directory.join("container.json"), text).unwrap();
        }
        // A container in the making has no record yet.
        std::fs::create_dir(layout.container(&"f".repeat(64))).unwrap();
        let listing = list(&layout, true).unwrap();
        assert_eq!(listing.containers.len(), SHARE * 2 + 6);
        assert_eq!(listing.containers[0].name, format!("c{}", SHARE * 2 + 6));
        assert!(listing.containers.iter().all(|container| container.details.labels.contains_key("a")));
        let broken: Vec<_> = listing.broken.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(broken, ["0".repeat(64)]);
    }
}
