//! The files that some steps have made together: their layers, mounted when they are needed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags, Stat};

use crate::base::hint::HintExt;
use crate::engine::changes::Layers;
use crate::engine::namespace;
use crate::engine::vfs::open_many_files;
use crate::layer::shift::{self, Form, Job};
use crate::layer::stack::Stack;
use crate::layer::unpack::{self, UnpackOptions};
use crate::runtime::mounts::{overlay, overlay_hint};
use crate::store::layers::shown_once;
use crate::sys::path::Dir;
use crate::sys::{mount, namespace as mounts};

/// Layers, lowest first, each by its absolute path or as `/proc/self/fd/N`.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub layers: Vec<String>,
    /// The kernel does not mount them here: they are copied instead, into what is then a directory like any.
    pub is_copied: bool,
}

/// How often a layer is looked for that is given its name meanwhile.
const ATTEMPTS: u32 = 100;

/// Lets this process mount, unseen by others. It has entered the user's namespace.
pub fn prepare() -> Result<()> {
    mounts::separate_mounts().context("make a mount namespace")?;
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
            _ if self.is_copied => {
                self.copy(place)?;
                Dir::open(place).with_context(attempt)
            }
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
        if self.is_copied {
            self.copy(&place)?;
            let path = copied_at(scratch);
            File::create(&path).with_context(|| format!("create {}", path.display()))?;
            return Ok(place);
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

impl Tree {
    /// Copies what the layers show into a new directory, in a child: it has threads.
    fn copy(&self, place: &Path) -> Result<()> {
        make(place)?;
        let links = place.with_extension("links");
        make(&links)?;
        namespace::run_apart(|| {
            open_many_files();
            let open = |path: &Path| Dir::open(path).with_context(|| format!("open {}", path.display()));
            let from = Stack::new(self.open_layers()?.into_iter().rev().collect());
            let job = Job { from, form: Form::Files, to: open(place)?, links: open(&links)? };
            shift::shift(vec![job], None, &AtomicU64::new(0))
        })
        .context("copy the layers")
    }

    /// Puts into `upper`, as a layer, what has been changed since [`Tree::mount_writable`] has copied the files. In
    /// `places` there was only something mounted.
    pub fn take_changes(
        &self,
        upper: &Dir,
        scratch: &Path,
        places: HashSet<PathBuf>,
        fold_ids: bool,
    ) -> Result<()> {
        let root = scratch.join("rootfs");
        let open = || Dir::open(&root).with_context(|| format!("open {}", root.display()));
        let since = fs::metadata(copied_at(scratch)).context("inspect the copy")?;
        let since = (since.mtime(), since.mtime_nsec());
        let lower = || anyhow::Ok(self.open_layers()?.into_iter().rev().collect::<Vec<_>>());
        let changes = Layers::compared(open()?, lower()?, Stack::new(lower()?), places, since);
        store_changes(&changes, upper, fold_ids)
    }
}

/// Puts changes into an empty directory, as a layer has them.
pub fn store_changes(changes: &Layers, upper: &Dir, fold_ids: bool) -> Result<()> {
    let (read, write) = std::io::pipe().context("make a pipe")?;
    let options =
        UnpackOptions { fold_ids, max_bytes: u64::MAX, max_entries: u64::MAX, form: unpack::Form::Layer };
    std::thread::scope(|scope| {
        let packer = scope.spawn(|| changes.pack(write, None).context("pack the changes"));
        let unpacked = unpack::unpack(BufReader::new(read), upper, &options).context("store the changes");
        // Why the stream has ended early says more than that it has.
        packer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        unpacked.map(drop)
    })
}

/// A file that is as old as the copy.
fn copied_at(scratch: &Path) -> PathBuf {
    scratch.join("copied")
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
