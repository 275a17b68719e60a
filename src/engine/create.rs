//! `create`: a container's directory, record and specification; nothing runs yet.
//!
//! Everything is made out of sight ([`crate::store::offstage`]) and published by one rename, record and all: whatever
//! dies meanwhile leaves no half of a container, and what it leaves is collected.

mod network;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use oci_spec::runtime::Spec;

use super::accounts::{self, Identity};
use super::spec::{self, Surroundings};
use super::userns;
use super::{
    Engine, access, devices, driver, events, files, health, limits, logging, mounts, namespace, remove,
    requires, rmi, secrets, sharing, shift, systemd, vfs,
};
use crate::base::digest::Digest;
use crate::base::file::{self, Durability, FileLock};
use crate::base::hint::{self, HintExt};
use crate::base::id::{self, is_valid_name};
use crate::base::idmap::IdMaps;
use crate::base::names;
use crate::base::network::Endpoint;
use crate::config::paths::private_directory;
use crate::oci::image::ContainerConfig;
use crate::oci::platform::Platform;
use crate::runtime::userns::UserMaps;
use crate::store::containers::{NameConflict, Record, Source, State, VERSION};
use crate::store::driver::Driver;
use crate::store::gc::{self, Hold};
use crate::store::layers::Staging;
use crate::store::offstage;
use crate::store::options::{ContainerOptions, NetworkMode, Notify};
use crate::store::platforms::platform_of_config;

/// A container that is decided on: nothing of it is on disk yet.
pub struct Draft {
    pub id: String,
    name: Option<String>,
    pub options: ContainerOptions,
    source: Source,
    driver: Driver,
    /// The ids that it is to have, if they are others than the user's; known once it is prepared.
    pub maps: Option<IdMaps>,
    /// The copy of the image's files, with the driver vfs.
    copy: Option<Staging>,
    image: ContainerConfig,
    command: Vec<String>,
    /// Keeps the image's layers until a container on record does.
    hold: Option<Hold>,
}

/// Makes a container of a local image, or of a directory, and puts it on record.
pub fn create(engine: &Engine, options: ContainerOptions, name: Option<&str>) -> Result<Record> {
    let made = make(engine, options, name);
    rmi::make_up(engine);
    made
}

fn make(engine: &Engine, options: ContainerOptions, name: Option<&str>) -> Result<Record> {
    let mut draft = Draft::new(engine, options, name)?;
    draft.prepare(engine)?;
    let maps = namespace::maps(engine);
    let (mounts, own_maps) = (draft.options.mounts.clone(), draft.maps.clone());
    let written = draft.write(engine, &maps, Purpose::Create);
    Ok(written.map_err(|error| access::explain(engine, &mounts, own_maps.as_ref(), error))?.record)
}

impl Draft {
    /// Checks what was asked against the image and the containers there are.
    pub fn new(engine: &Engine, mut options: ContainerOptions, name: Option<&str>) -> Result<Self> {
        // As `inspect` shows it.
        let name = name.map(|name| name.strip_prefix('/').unwrap_or(name));
        if let Some(name) = name.filter(|name| !is_valid_name(name)) {
            bail!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        }
        logging::check(&options)?;
        limits::check(&options)?;
        engine.layout().create()?;
        let hold = gc::hold(engine.layout())?;
        let (source, image) = find_source(engine, &options)?;
        let command = spec::command(&options, &image)?;
        let id = id::container_id();
        systemd::settle(&mut options, &image, &command, &id)?;
        network::add_exposed(&mut options, &image)?;
        network::settle(engine, &mut options, &source)?;
        sharing::settle(engine, &mut options)?;
        requires::settle(engine, &mut options)?;
        mounts::settle(engine, &mut options, &image)?;
        secrets::settle(engine, &mut options)?;
        health::settle(&mut options, &image)?;
        if options.notify == Notify::Healthy && options.health.as_ref().is_none_or(|h| h.command().is_none())
        {
            bail!("sdnotify policy \"healthy\" requires a healthcheck to be set");
        }
        add_image_labels(&mut options, &image);
        let driver = match &source {
            Source::Image { .. } => driver::choose(engine)?,
            Source::Rootfs { .. } => Driver::default(),
        };
        let name = name.map(str::to_owned);
        let (maps, copy, hold) = (None, None, Some(hold));
        Ok(Self { id, name, options, source, driver, maps, copy, image, command, hold })
    }

    /// Does what takes long, where it can be shown how far it has come: makes the image's layers for the ids that the
    /// container is to have, or copies its files.
    pub fn prepare(&mut self, engine: &Engine) -> Result<()> {
        let has_own_ids = !self.options.userns.is_default()
            || self.options.donor().is_some()
            || matches!(self.options.network, NetworkMode::Path { .. });
        if has_own_ids {
            self.maps = userns::settle(engine, &self.options, &self.id, &namespace::maps(engine))?;
        }
        let maps = self.maps.as_ref();
        match (self.driver, &self.source) {
            (Driver::Vfs, Source::Image { layers, .. }) => {
                self.copy = Some(vfs::copy(engine, layers, maps, durability(&self.options))?);
                shift::ensure(engine, None, &self.options.mounts, maps)
            }
            _ if has_own_ids => {
                if self.driver == Driver::FuseOverlayfs && maps.is_some_and(IdMaps::lacks_user) {
                    return Err(anyhow!("user ids without your own are not supported by fuse-overlayfs"))
                        .hint(|| "use --userns=keep-id, or another driver: coracle --storage-driver vfs");
                }
                shift::ensure(engine, Some(&self.source), &self.options.mounts, maps)
            }
            _ => Ok(()),
        }
    }

    /// Lets go of the image's layers, in a process that leaves the writing to another.
    pub fn let_go(&mut self) {
        self.hold = None;
    }

    /// Puts the container on disk and on record, and lets go of the image's layers; `user` are the ids that this user has.
    pub fn write(self, engine: &Engine, user: &UserMaps, purpose: Purpose<'_>) -> Result<Written> {
        let Self { id, name, options, source, driver, copy, image, command, hold, maps: _ } = self;
        let making = Making { engine, draft: Some(offstage::Draft::make(engine.layout(), &id)?) };
        let directory = making.path();
        let durability = durability(&options);
        let maps = userns::settle(engine, &options, &id, user)?;
        let record = Record {
            version: VERSION,
            name: claim_name(engine, &id, name.as_deref())?,
            id,
            created: Timestamp::now(),
            source,
            driver,
            command,
            state: State::default(),
            ports: options.publish.clone(),
            endpoints: Vec::new(),
            maps,
            options,
        };
        // Before anything outside of the directory is made, since it names that.
        engine.containers().write_first(&record, &directory, durability)?;
        match copy {
            Some(copy) => copy.move_to(&vfs::directory(&directory))?,
            None => make_directories(engine, &directory, &record.source)?,
        }
        mounts::make_directories(&directory, &record.options)?;
        // Until the container is published, nobody sees that these are in use.
        let _volumes = mounts::hold_volumes(engine, &record.options)?;
        let maps = record.maps.as_ref();
        let gids = &maps.unwrap_or(&user.maps).gids;
        let mut around = surroundings(engine, &record.options, &record.id, maps, gids.largest())?;
        (around.has_tty_group, around.has_root_group) =
            (gids.outside(5).is_some(), gids.outside(0).is_some());
        around.identity = accounts::identity(&record.options, spec::workdir(&record.options, &image))?;
        files::write(&directory, &record.options, &around.hostname, purpose.endpoints())?;
        let spec = spec::build(&record.options, &image, &around)?;
        file::write_new(&directory.join("config.json"), &serde_json::to_vec(&spec)?, durability)?;
        if matches!(purpose, Purpose::Start { .. }) {
            private_directory(&engine.layout().container_run(&record.id))?;
        }
        let lock = making.publish(durability)?;
        events::container(engine, &record, "create", &[]);
        drop(hold);
        Ok(Written { record, spec, lock })
    }
}

/// What a container is made for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    Create,
    /// It is started at once. Its run directory is there before it is, so that a collection finds a container that
    /// was to be removed at its end and whose supervisor died.
    Start {
        endpoints: &'a [Endpoint],
    },
}

impl<'a> Purpose<'a> {
    /// The places on networks that it has already.
    fn endpoints(self) -> &'a [Endpoint] {
        match self {
            Self::Create => &[],
            Self::Start { endpoints } => endpoints,
        }
    }
}

/// A container that is on record now, locked.
pub struct Written {
    pub record: Record,
    pub spec: Spec,
    pub lock: FileLock,
}

/// A container in the making; dropped unpublished, it is cleared away.
struct Making<'a> {
    engine: &'a Engine,
    draft: Option<offstage::Draft<'a>>,
}

impl Making<'_> {
    fn path(&self) -> PathBuf {
        self.draft.as_ref().expect("it is there until it is published").path()
    }

    fn publish(mut self, durability: Durability) -> Result<FileLock> {
        let draft = self.draft.as_ref().expect("it is published once");
        draft.publish(durability)?;
        Ok(self.draft.take().expect("it was there a moment ago").into_lock())
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if let Some(draft) = &self.draft {
            let _ = remove::clear(self.engine, draft.entry());
        }
    }
}

/// A container that goes when it ends is not worth waiting for the disk.
pub fn durability(options: &ContainerOptions) -> Durability {
    if options.auto_remove { Durability::Fast } else { Durability::Synced }
}

/// Refuses podman's options of a directory that is taken as the root: a layer over it, and ids mapped by the mount.
fn refuse_options(path: &Path) -> Result<()> {
    let text = path.to_string_lossy();
    let option = text.rsplit_once(':').map(|(_, option)| option.split('=').next().unwrap_or_default());
    match option {
        Some(option @ ("O" | "idmap")) if !path.exists() => {
            bail!("--rootfs {text}: the option {option} is not supported yet")
        }
        _ => Ok(()),
    }
}

fn find_source(engine: &Engine, options: &ContainerOptions) -> Result<(Source, ContainerConfig)> {
    if let Some(path) = &options.rootfs {
        refuse_options(path)?;
        let path =
            path.canonicalize().with_context(|| format!("open the root filesystem {}", path.display()))?;
        if !path.is_dir() {
            bail!("open the root filesystem {}: not a directory", path.display());
        }
        return Ok((Source::Rootfs { path }, ContainerConfig::default()));
    }
    let platform = options.platform.as_deref().map(str::parse).transpose()?;
    let image = engine.images().lookup_for(&options.image, platform.as_ref())?;
    check_layers(engine, &options.image, &image.config.rootfs.diff_ids)?;
    let offered = platform_of_config(&image.config);
    let is_foreign = offered.is_foreign();
    if is_foreign && platform.is_none() {
        engine.notice(&format!(
            "The requested image's platform ({offered}) does not match the detected host platform ({}) and no specific \
             platform was requested",
            Platform::host()
        ));
    }
    let source = Source::Image {
        name: options.image.clone(),
        id: image.id,
        manifest: image.manifest,
        layers: image.config.rootfs.diff_ids,
        foreign: is_foreign.then(|| offered.to_string()),
    };
    Ok((source, image.config.config))
}

/// Refuses an image of which a layer has been lost.
pub fn check_layers(engine: &Engine, image: &str, layers: &[Digest]) -> Result<()> {
    for layer in layers {
        if !engine.layout().layer(layer).is_dir() {
            let error = anyhow::anyhow!("use image {image}: its layer {} is not there", layer.short());
            return Err(error).hint(|| hint::CHECK);
        }
    }
    Ok(())
}

/// A container has its image's labels, except where the user gave it others.
fn add_image_labels(options: &mut ContainerOptions, image: &ContainerConfig) {
    for (key, value) in &image.labels {
        options.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// Makes what the root filesystem is mounted from and on.
fn make_directories(engine: &Engine, directory: &Path, source: &Source) -> Result<()> {
    let make = |path: &Path, mode: u32| {
        let made = fs::DirBuilder::new().mode(mode).create(path);
        made.with_context(|| format!("create {}", path.display()))
    };
    make(&directory.join("rootfs"), 0o755)?;
    if let Source::Image { layers, .. } = source {
        make(&directory.join("work"), 0o700)?;
        let upper = directory.join("upper");
        make(&upper, 0o755)?;
        // The root directory of an overlay is that of its upper layer: it takes after the image's.
        if let Some(top) = layers.last() {
            let layer = engine.layout().layer(top);
            let metadata = fs::metadata(&layer).with_context(|| format!("inspect {}", layer.display()))?;
            let mode = metadata.permissions().mode() & 0o7777;
            if mode != 0o755 {
                fs::set_permissions(&upper, fs::Permissions::from_mode(mode))?;
            }
        }
    }
    Ok(())
}

/// Looks at the host for what the specification depends on; `maps` are the container's, if it has some of its own.
pub fn surroundings(
    engine: &Engine,
    options: &ContainerOptions,
    id: &str,
    maps: Option<&IdMaps>,
    max_gid: u32,
) -> Result<Surroundings> {
    Ok(Surroundings {
        directory: engine.layout().container(id),
        names: sharing::names_directory(engine, options)?,
        hostname: hostname(engine, options, id)?,
        has_mqueue: Path::new("/dev/mqueue").is_dir(),
        has_cgroup2: has_cgroup2(),
        has_sysctls: has_sysctls(),
        max_gid,
        has_tty_group: max_gid >= 5,
        has_root_group: true,
        sources: mounts::sources(engine, options, maps)?,
        devices: options.devices.iter().flat_map(devices::each).collect(),
        identity: Identity::default(),
    })
}

/// Whether `/proc/sys` is not covered by a read-only mount, as in containers.
fn has_sysctls() -> bool {
    let stat = rustix::fs::statvfs("/proc/sys");
    stat.map_or(true, |stat| !stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// The id's first 12 digits, unless the container shares the host's network and with it its name.
pub fn hostname(engine: &Engine, options: &ContainerOptions, id: &str) -> Result<String> {
    if let Some(name) = sharing::shared_hostname(engine, options)? {
        return Ok(name);
    }
    Ok(match (&options.hostname, &options.network) {
        (Some(name), _) => name.clone(),
        (None, NetworkMode::Host) => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        (None, _) => id[..12].to_owned(),
    })
}

fn has_cgroup2() -> bool {
    /// `CGROUP2_SUPER_MAGIC` of linux/magic.h.
    const CGROUP2: i64 = 0x6367_7270;
    rustix::fs::statfs("/sys/fs/cgroup").is_ok_and(|filesystem| filesystem.f_type == CGROUP2)
}

/// Takes the wanted name, or a random one that is free.
fn claim_name(engine: &Engine, id: &str, wanted: Option<&str>) -> Result<String> {
    let containers = engine.containers();
    if let Some(name) = wanted {
        containers.claim_name(name, id)?;
        return Ok(name.to_owned());
    }
    for _ in 0..100 {
        let name = names::random();
        match containers.claim_name(&name, id) {
            Ok(()) => return Ok(name),
            Err(error) if error.is::<NameConflict>() => {}
            Err(error) => return Err(error),
        }
    }
    // Every name that was drawn is taken: the id is not.
    containers.claim_name(&id[..12], id)?;
    Ok(id[..12].to_owned())
}
