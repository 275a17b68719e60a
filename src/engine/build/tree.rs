//! The files that some steps have made together: their layers, mounted when they are needed.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags, Stat};

use crate::base::hint::HintExt;
use crate::runtime::mounts::{overlay, overlay_hint};
use crate::store::layers::shown_once;
use crate::sys::path::Dir;
use crate::sys::{mount, namespace};

/// Layers, lowest first, each by its absolute path or as `/proc/self/fd/N`.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub layers: Vec<String>,
}

/// How often a layer is looked for that is given its name meanwhile.
const ATTEMPTS: u32 = 100;

/// Lets this process mount, unseen by others. It has entered the user's namespace.
pub fn prepare() -> Result<()> {
    namespace::separate_mounts().context("make a mount namespace")?;
    mount::make_all_slave().context("separate the mounts from the host's")
}

/// Opens the directory of a layer in this process' own mount namespace: no other's can be mounted. A layer that was
/// opened before is found by the name that it has by now.
fn open_layer(layer: &str) -> Result<Dir> {
    let attempt = || format!("open {layer}");
    for _ in 0..ATTEMPTS {
        let link = rustix::fs::readlink(layer, Vec::new()).ok();
        let path =
            link.as_ref().map_or(Path::new(layer), |link| Path::new(OsStr::from_bytes(link.to_bytes())));
        let Ok(opened) = Dir::open(path) else { continue };
        let id = |dir: &Stat| (dir.st_dev, dir.st_ino);
        let wanted = rustix::fs::stat(layer).with_context(attempt)?;
        if id(&rustix::fs::fstat(&opened).with_context(attempt)?) == id(&wanted) {
            return Ok(opened);
        }
    }
    Dir::open(Path::new(layer)).with_context(attempt)
}

/// Directories as overlay takes them.
fn names(layers: &[Dir]) -> Vec<String> {
    layers.iter().map(|layer| format!("/proc/self/fd/{}", layer.as_fd().as_raw_fd())).collect()
}

impl Tree {
    /// Opens each layer by itself.
    pub fn open_layers(&self) -> Result<Vec<Dir>> {
        shown_once(&self.layers).into_iter().map(|layer| open_layer(layer)).collect()
    }

    /// Opens the files to be read; `place` is a path for a directory to mount them on.
    pub fn open(&self, place: &Path) -> Result<Dir> {
        let attempt = || format!("open {}", place.display());
        match &self.layers[..] {
            [] => {
                make(place)?;
                Dir::open(place).with_context(attempt)
            }
            [layer] => open_layer(layer),
            _ => {
                make(place)?;
                let layers = self.open_layers()?;
                let made = overlay(&names(&layers), None).context("mount the layers").hint(overlay_hint)?;
                attach(&made, place)?;
                Dir::open(place).with_context(attempt)
            }
        }
    }

    /// Mounts the files to be changed, and says where; the changes go to `upper`. `scratch` is on the same filesystem.
    pub fn mount_writable(&self, upper: &Path, scratch: &Path) -> Result<PathBuf> {
        let (place, work) = (scratch.join("rootfs"), scratch.join("work"));
        if self.layers.is_empty() {
            return Ok(upper.to_owned());
        }
        make(&place)?;
        make(&work)?;
        let text = |path: &Path| path.to_str().map(str::to_owned).context("the store's path is not UTF-8");
        let (upper, work) = (text(upper)?, text(&work)?);
        let layers = self.open_layers()?;
        let made = overlay(&names(&layers), Some((&upper, &work)));
        let made = made.context("mount the layers").hint(overlay_hint)?;
        attach(&made, &place)?;
        Ok(place)
    }

    /// Opens the files to be changed, as [`Tree::mount_writable`] mounts them.
    pub fn open_writable(&self, upper: &Path, scratch: &Path) -> Result<Dir> {
        let place = self.mount_writable(upper, scratch)?;
        Dir::open(&place).with_context(|| format!("open {}", place.display()))
    }
}

fn make(path: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.with_context(|| format!("create {}", path.display()))
}

fn attach(made: &OwnedFd, place: &Path) -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let target = rustix::fs::open(place, flags, Mode::empty());
    let target = target.with_context(|| format!("open {}", place.display()))?;
    mount::attach(made.as_fd(), target.as_fd()).context("attach the layers")
}
