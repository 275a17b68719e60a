//! Container records: one directory per container, one small JSON document in it.
//!
//! A record is written by the command that creates the container and, while it runs, by its supervisor
//! alone. Readers take no lock. A name is a symbolic link `names/<name>` to the directory, so taking it is
//! atomic, and finding it costs one `readlink(2)` and no scan.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::driver::Driver;
use super::layout::{self, Layout};
use super::offstage;
use super::options::ContainerOptions;
use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::file::{self, Durability, FileLock};
use crate::base::idmap::IdMaps;
use crate::base::network::Endpoint;
use crate::base::{hint::HintExt, id};
use crate::sys::process;

/// The version of `container.json` that is written; a newer one is refused.
pub const VERSION: u32 = 1;

/// The record, in the container's directory.
const RECORD: &str = "container.json";

/// Beside the record while a container gets another name.
const RENAMING: &str = "renaming";

/// A record is small; a file beyond this is not one of ours.
const RECORD_LIMIT: u64 = 16 << 20;

/// `container.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    pub id: String,
    /// Without the leading `/` that docker's `inspect` shows.
    pub name: String,
    pub created: Timestamp,
    /// What the container was made from.
    pub source: Source,
    /// How the layers of its image become its root filesystem.
    #[serde(default, skip_serializing_if = "Driver::is_default")]
    pub driver: Driver,
    /// Entry point and arguments that will be executed: `Path` and `Args` of `inspect`.
    pub command: Vec<String>,
    pub state: State,
    /// Ports as they are bound while it runs, with picked ports filled in.
    #[serde(default)]
    pub ports: Vec<super::options::PortMapping>,
    /// What it has of networks while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// The ids of its user namespace, where that is not the user's own: outside are those of the user's
    /// namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maps: Option<IdMaps>,
    pub options: ContainerOptions,
}

/// Where the root filesystem comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Source {
    /// An image: its name as the user wrote it, its id (the config's digest), its layers, lowest first.
    Image {
        name: String,
        id: Digest,
        manifest: Digest,
        layers: Vec<Digest>,
        /// The image's platform, where its programs need an emulator: `linux/arm64`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        foreign: Option<String>,
    },
    /// `--rootfs DIR`.
    Rootfs { path: PathBuf },
}

/// What the container is doing, as last written. [`State::is_running`] says whether that is still so.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub status: Status,
    /// The container's first process and the supervisor, in the host's process ids; 0 when it does not run.
    #[serde(default)]
    pub pid: i32,
    /// Start time of `pid`, in clock ticks since boot, from `/proc/<pid>/stat`.
    #[serde(default)]
    pub pid_start: u64,
    #[serde(default)]
    pub supervisor: i32,
    #[serde(default)]
    pub supervisor_start: u64,
    /// `/proc/sys/kernel/random/boot_id` of the boot that `pid` belongs to.
    #[serde(default)]
    pub boot_id: String,
    #[serde(default)]
    pub exit_code: i32,
    /// Why it could not be started.
    #[serde(default)]
    pub error: String,
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    #[serde(default)]
    pub oom_killed: bool,
    /// The path of its control group, if it has one while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Restarts by its policy since the user started it.
    #[serde(default)]
    pub restart_count: u32,
}

/// Docker's states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    Created,
    /// Podman's: all is there but the program, which its supervisor starts when it is asked to.
    Initialized,
    Running,
    /// It has ended, and its supervisor will start it again.
    Restarting,
    Exited,
}

impl Status {
    /// The word that `ps --filter status=` and `inspect` use.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Initialized => "initialized",
            Status::Running => "running",
            Status::Restarting => "restarting",
            Status::Exited => "exited",
        }
    }
}

/// The exit code of a container whose supervisor died before it could record one; docker's.
pub const EXIT_CODE_LOST: i32 = 255;

impl State {
    /// Whether the recorded process is alive: same number, same start time, same boot. It may be one that waits to be
    /// the program ([`State::is_initialized`]).
    pub fn is_running(&self) -> bool {
        self.has_process() && process::boot_id().is_ok_and(|boot| self.is_running_in(&boot))
    }

    /// Whether its program waits for a `start`.
    pub fn is_initialized(&self) -> bool {
        self.status == Status::Initialized && self.is_running()
    }

    /// Whether a process is on record for it.
    fn has_process(&self) -> bool {
        matches!(self.status, Status::Initialized | Status::Running)
    }

    /// Whether it waits for its supervisor to start it again.
    pub fn is_restarting(&self) -> bool {
        self.status == Status::Restarting && self.is_supervised()
    }

    /// Docker's `Running`: its process is alive, or will be again.
    pub fn is_up(&self) -> bool {
        self.is_running() || self.is_restarting()
    }

    /// Whether its supervisor is alive: it may still have to write the end.
    pub fn is_supervised(&self) -> bool {
        self.supervisor != 0 && process::boot_id().is_ok_and(|boot| self.is_supervised_in(&boot))
    }

    fn is_running_in(&self, boot: &str) -> bool {
        self.has_process() && boot == self.boot_id && process::is_alive(self.pid, self.pid_start)
    }

    fn is_supervised_in(&self, boot: &str) -> bool {
        self.supervisor != 0
            && boot == self.boot_id
            && process::is_alive(self.supervisor, self.supervisor_start)
    }

    /// Notes why the container could not be started; docker's code where the failure has none of its own.
    pub fn note(&mut self, failure: &Failure) {
        /// `exitUnknown` of moby.
        const UNKNOWN: u8 = 128;
        let code = if failure.code == Failure::NO_CODE { UNKNOWN } else { failure.code };
        (self.exit_code, self.error) = (i32::from(code), failure.text.clone());
    }

    /// The state as it is now: running without a process left behind becomes exited, with
    /// [`EXIT_CODE_LOST`], initialized what it was before, and restarting without a supervisor exited as it was.
    pub fn settled(self) -> Self {
        match self.status {
            Status::Initialized | Status::Running | Status::Restarting => {
                self.settled_in(&process::boot_id().unwrap_or_default())
            }
            _ => self,
        }
    }

    /// The same, for who reads many records and the boot id once.
    pub fn settled_in(mut self, boot: &str) -> Self {
        if self.status == Status::Running && !self.is_running_in(boot) && !self.is_supervised_in(boot) {
            self.status = Status::Exited;
            self.exit_code = EXIT_CODE_LOST;
            self.pid = 0;
            self.finished_at = self.finished_at.or(self.started_at);
        }
        if self.status == Status::Initialized && !self.is_running_in(boot) && !self.is_supervised_in(boot) {
            // What it was before: it never ran.
            self.status = if self.started_at.is_some() { Status::Exited } else { Status::Created };
            self.pid = 0;
        }
        if self.status == Status::Restarting && !self.is_supervised_in(boot) {
            self.status = Status::Exited;
        }
        self
    }
}

/// Why a container is asked to end, in a file beside its record. It is there before the container knows, so
/// that its end is understood whoever dies in between, and stays until the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The user wants it to end, and to stay so.
    Stop,
    /// It is to be started again by the command that ends it: `--rm` does not remove it.
    Restart,
}

/// Why a container was not found.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LookupError {
    #[error("No such container: {0}")]
    NotFound(String),
    #[error("multiple IDs found with provided prefix: {0}")]
    Ambiguous(String),
}

/// A container's name that is taken.
#[derive(Debug, thiserror::Error)]
#[error(
    "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". \
     You have to remove (or rename) that container to be able to reuse that name."
)]
pub struct NameConflict {
    pub name: String,
    pub id: String,
}

/// The containers of one store.
#[derive(Clone, Copy)]
pub struct Containers<'a> {
    layout: &'a Layout,
}

impl<'a> Containers<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// Finds the id of a container by its whole id, its name, or a unique prefix of its id: docker's order.
    pub fn resolve(&self, text: &str) -> Result<String> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let not_found = || LookupError::NotFound(text.to_owned());
        if text.len() == 64 && id::is_id_prefix(text) && self.record_path(text).exists() {
            return Ok(text.to_owned());
        }
        if id::is_valid_name(text)
            && let Some(id) = self.owner_of(text)
        {
            return Ok(id);
        }
        if !id::is_id_prefix(text) {
            return Err(not_found().into());
        }
        let mut matches = self.ids()?.into_iter().filter(|id| id.starts_with(text));
        match (matches.next(), matches.next()) {
            (Some(id), None) => Ok(id),
            (Some(_), Some(_)) => Err(LookupError::Ambiguous(text.to_owned()).into()),
            (None, _) => Err(not_found().into()),
        }
    }

    /// Every id on record, in no order.
    pub fn ids(&self) -> Result<Vec<String>> {
        layout::ids_in(&self.layout.containers())
    }

    /// Reads a record by its whole id.
    pub fn load(&self, id: &str) -> Result<Record> {
        // A directory comes and goes with its record in it: one without has lost it.
        if !self.record_path(id).exists() && !self.layout.container(id).exists() {
            return Err(LookupError::NotFound(id.to_owned()).into());
        }
        let read = self.read(&self.layout.container(id)).map_err(|error| self.or_gone(id, error));
        match read {
            Err(error) if !error.is::<LookupError>() => {
                Err(error).hint(|| format!("remove the container with: coracle rm -f {}", &id[..12]))
            }
            read => read,
        }
    }

    /// Does something with the container that `text` names, by its id.
    ///
    /// # Errors
    /// What goes wrong because somebody removes it meanwhile is that it has gone.
    pub fn with<T>(&self, text: &str, work: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let id = self.resolve(text)?;
        work(&id).map_err(|error| self.or_gone(&id, error))
    }

    /// What went wrong with a container: that it has gone, where somebody has removed it meanwhile.
    pub fn or_gone(&self, id: &str, error: anyhow::Error) -> anyhow::Error {
        if self.layout.container(id).exists() { error } else { LookupError::NotFound(id.to_owned()).into() }
    }

    /// Reads the record in a container's directory, wherever that is.
    pub fn read(&self, directory: &Path) -> Result<Record> {
        let path = directory.join(RECORD);
        let content = file::read_bounded(&path, RECORD_LIMIT)?;
        parse(&content).with_context(|| format!("read {}", path.display()))
    }

    /// Reads every record that can be read, newest first; the ids of the broken ones come beside.
    pub fn list(&self) -> Result<(Vec<Record>, Vec<String>)> {
        let (mut records, mut broken) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match self.load(&id) {
                Ok(record) => records.push(record),
                Err(error) if error.downcast_ref::<LookupError>().is_some() => {}
                Err(_) => broken.push(id),
            }
        }
        records.sort_by_key(|record| std::cmp::Reverse(record.created));
        Ok((records, broken))
    }

    /// Writes a record over the one before.
    pub fn save(&self, record: &Record, durability: Durability) -> Result<()> {
        let content = serde_json::to_vec(record).context("encode the container record")?;
        file::write_atomic(&self.record_path(&record.id), &content, durability)
    }

    /// Changes a record under its lock, so that what others change at the same time stays; `change` says how much
    /// the change matters.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Record) -> Durability) -> Result<Record> {
        let (_lock, mut record) = self.hold(id)?;
        let durability = change(&mut record);
        self.save(&record, durability).map_err(|error| self.or_gone(id, error))?;
        Ok(record)
    }

    /// A record that nobody changes while the lock is held. Once it has gone, a change that waited finds none.
    pub fn hold(&self, id: &str) -> Result<(FileLock, Record)> {
        let path = self.record_path(id);
        let (lock, content) = match FileLock::acquire_replaced(&path, RECORD_LIMIT) {
            Err(_) if !path.exists() => return Err(LookupError::NotFound(id.to_owned()).into()),
            held => held?,
        };
        Ok((lock, parse(&content).with_context(|| format!("read {}", path.display()))?))
    }

    /// Writes down that a container is to end. One that is gone needs no reason.
    pub fn note_stop(&self, id: &str, reason: StopReason, durability: Durability) -> Result<()> {
        let path = self.stop_path(id);
        if !self.record_path(id).exists() {
            return Ok(());
        }
        let word = match reason {
            StopReason::Stop => "stop",
            StopReason::Restart => "restart",
        };
        file::write_atomic(&path, word.as_bytes(), durability).map_err(|error| self.or_gone(id, error))
    }

    /// Why the container was asked to end since it was started, if it was.
    pub fn stop_reason(&self, id: &str) -> Option<StopReason> {
        match fs::read(self.stop_path(id)).ok()?.as_slice() {
            b"restart" => Some(StopReason::Restart),
            _ => Some(StopReason::Stop),
        }
    }

    /// Forgets it, before a start.
    pub fn forget_stop(&self, id: &str) {
        let _ = fs::remove_file(self.stop_path(id));
    }

    /// Writes the first record of a container whose directory is still in the making.
    pub fn write_first(&self, record: &Record, directory: &Path, durability: Durability) -> Result<()> {
        let content = serde_json::to_vec(record).context("encode the container record")?;
        file::write_new(&directory.join(RECORD), &content, durability)
    }

    /// Takes a name for a container that is there or in the making. A name whose container is gone is taken over.
    pub fn claim_name(&self, name: &str, id: &str) -> Result<()> {
        let link = self.layout.names().join(name);
        for _ in 0..100 {
            match symlink(Path::new("../containers").join(id), &link) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("create {}", link.display())),
            }
            // In this order: one in the making may be published meanwhile.
            let making = self.named_by(name).filter(|id| offstage::is_being_made(self.layout, id));
            if let Some(owner) = making.or_else(|| self.owner_of(name)) {
                if owner == id {
                    return Ok(());
                }
                return Err(NameConflict { name: name.to_owned(), id: owner }.into());
            }
            let _ = fs::remove_file(&link);
        }
        bail!("take the name {name}: it changes hands too often")
    }

    /// Gives a name up, if this container holds it.
    pub fn release_name(&self, name: &str, id: &str) {
        if self.named_by(name).as_deref() == Some(id) {
            let _ = fs::remove_file(self.layout.names().join(name));
        }
    }

    /// Notes in a container's directory that it may have two names for a while, or no longer.
    pub fn note_renaming(&self, id: &str, is_renaming: bool) -> Result<()> {
        let path = self.layout.container(id).join(RENAMING);
        match is_renaming {
            true => file::write_atomic(&path, b"", Durability::Fast),
            false => match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("remove {}", path.display()))
                }
                _ => Ok(()),
            },
        }
    }

    /// Whether whoever gave the container in this directory another name has died over it.
    pub fn is_renaming(directory: &Path) -> bool {
        directory.join(RENAMING).exists()
    }

    /// Gives up every name of a container whose record cannot say which it had. Looks at all there are.
    pub fn release_names_of(&self, id: &str) -> Result<()> {
        let names = self.layout.names();
        let entries = fs::read_dir(&names).with_context(|| format!("list {}", names.display()))?;
        for entry in entries.flatten() {
            if let Some(name) = entry.file_name().to_str() {
                self.release_name(name, id);
            }
        }
        Ok(())
    }

    /// Gives a record that was read before the name that its container has now: others may have renamed it. Costs
    /// one readlink(2) where nobody has.
    pub fn refresh_name(&self, record: &mut Record) {
        if self.named_by(&record.name).as_deref() != Some(&record.id)
            && let Ok(now) = self.load(&record.id)
        {
            record.name = now.name;
        }
    }

    /// The container of a name, if it is still there.
    fn owner_of(&self, name: &str) -> Option<String> {
        self.named_by(name).filter(|id| self.layout.container(id).is_dir())
    }

    /// The id that a name stands for, whether or not its container is there.
    fn named_by(&self, name: &str) -> Option<String> {
        let target = fs::read_link(self.layout.names().join(name)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    fn stop_path(&self, id: &str) -> PathBuf {
        self.layout.container(id).join("stop")
    }

    fn record_path(&self, id: &str) -> PathBuf {
        self.layout.container(id).join(RECORD)
    }
}

/// Checks the version before the shape, so that a newer record says so.
fn parse(content: &[u8]) -> Result<Record> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(content).context("not a container record")?;
    if version > VERSION {
        bail!("version {version} is newer than this coracle understands ({VERSION})");
    }
    serde_json::from_slice(content).context("not a container record")
}
