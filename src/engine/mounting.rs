//! `mount` and `unmount`: a container's files at a path, for who is root of the user's namespace (`unshare`).
//!
//! For reading only: an overlay of a container's changes upon its layers that has no upper directory holds nothing that
//! a start or a removal could meet. What a container changes while it is mounted need not all be seen.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::mount::UnmountFlags;

use super::{Engine, shift, vfs};
use crate::base::hint::HintExt;
use crate::runtime::fuse;
use crate::runtime::mounts::{overlay, overlay_hint};
use crate::store::containers::{Record, Source};
use crate::store::driver::Driver;
use crate::sys::mount;

/// Mounts a container's files, unless they are; returns where.
pub fn mount(engine: &Engine, name: &str) -> Result<PathBuf> {
    refuse_outside("mount")?;
    let record = engine.containers().load(&engine.containers().resolve(name)?)?;
    let place = place(engine, &record);
    if is_plain(&record) {
        return Ok(place);
    }
    if !is_mounted(&place)? {
        let attach = || -> Result<()> {
            rustix::process::chdir(engine.layout().layers()).context("enter the layers")?;
            let mut layers = shift::layer_names(&record);
            layers.push(format!("../containers/{}/upper", record.id));
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let target = rustix::fs::open(&place, flags, Mode::empty()).context("open the place")?;
            let made = lay_over(engine, record.driver, &layers)?;
            mount::attach(made.as_fd(), target.as_fd()).context("attach the layers")
        };
        attach().with_context(|| format!("mount container {}", record.name))?;
    }
    Ok(place)
}

/// Every container that is mounted here, and where.
pub fn mounted(engine: &Engine) -> Result<Vec<(Record, PathBuf)>> {
    refuse_outside("mount")?;
    let (records, _) = engine.containers().list()?;
    let places = records.into_iter().map(|record| (place(engine, &record), record));
    let here = places.filter(|(place, record)| !is_plain(record) && is_mounted(place).unwrap_or(false));
    Ok(here.map(|(place, record)| (record, place)).collect())
}

/// Takes a container's files away again.
pub fn unmount(engine: &Engine, name: &str) -> Result<()> {
    refuse_outside("unmount")?;
    let record = engine.containers().load(&engine.containers().resolve(name)?)?;
    let place = place(engine, &record);
    if is_plain(&record) || !is_mounted(&place)? {
        bail!("container {} is not mounted", record.id);
    }
    detach(&place)
}

/// Takes the files of a container that is going away with it, if they are mounted here. Nobody but root can have
/// mounted them.
pub fn forget(engine: &Engine, id: &str) -> Result<()> {
    let place = engine.layout().container(id).join("rootfs");
    if rustix::process::geteuid().is_root() { detach(&place) } else { Ok(()) }
}

/// Programs that look at the files go on doing so.
pub(super) fn detach(place: &Path) -> Result<()> {
    if !is_mounted(place)? {
        return Ok(());
    }
    rustix::mount::unmount(place, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
        .with_context(|| format!("unmount {}", place.display()))
}

/// An ordinary user may mount nothing but in a namespace, which ends with its last process.
pub(super) fn refuse_outside(command: &str) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "cannot run command \"coracle {command}\" in rootless mode, must execute `coracle unshare` first"
        );
    }
    Ok(())
}

/// Mounts directories over each other, lowest first, relative to that of the layers.
pub(super) fn lay_over(engine: &Engine, driver: Driver, layers: &[String]) -> Result<OwnedFd> {
    if driver == Driver::FuseOverlayfs {
        // What is mounted goes with this namespace, if nobody takes it away before; a server that lived in it would
        // keep it.
        let (server, device) = fuse::serve_apart(&engine.layout().layers(), layers)?;
        // It ends when the files are unmounted.
        server.release();
        return device.mount().context("mount the layers");
    }
    overlay(layers, None).context("mount the layers").hint(overlay_hint)
}

/// Whether the files are in a directory, and no mount is needed to see them.
fn is_plain(record: &Record) -> bool {
    matches!(record.source, Source::Rootfs { .. }) || record.driver == Driver::Vfs
}

fn place(engine: &Engine, record: &Record) -> PathBuf {
    match &record.source {
        Source::Rootfs { path } => path.clone(),
        Source::Image { .. } if record.driver == Driver::Vfs => {
            vfs::tree(&engine.layout().container(&record.id))
        }
        Source::Image { .. } => engine.layout().container(&record.id).join("rootfs"),
    }
}

/// Whether something is mounted on a directory of a container: it is of another filesystem than its parent.
pub(super) fn is_mounted(place: &Path) -> Result<bool> {
    let device = |path: &Path| match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(|found| Some(found.dev())).with_context(|| format!("inspect {}", path.display())),
    };
    let parent = place.parent().context("a container's directory has a parent")?;
    Ok(device(place)?.is_some_and(|own| device(parent).is_ok_and(|outer| outer != Some(own))))
}
