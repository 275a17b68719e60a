//! What a container has changed: `diff`, what `commit` packs, and how much room it takes.
//!
//! Read from the overlay's upper directory alone, whose entries are the changes; the layers below are only asked
//! whether they have a name. With the driver vfs all files of the container are compared with its layers ([`whole`]).
//! The places that were made for mounts are nobody's change: docker keeps them in a
//! layer of their own.

mod whole;

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oci_spec::runtime::Spec;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::start::read_spec;
use super::{Engine, measure, namespace, vfs};
use crate::base::digest::Digest;
use crate::base::idmap::IdMaps;
use crate::base::walk::{self, Step, Walk};
use crate::layer::pack::{self, Form, Packed};
use crate::layer::stack::Stack;
use crate::layer::whiteout;
use crate::store::containers::{Record, Source};
use crate::store::driver::Driver;
use crate::store::layers;
use crate::sys::path::Dir;
use whole::Whole;

/// One line of `diff`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub kind: Kind,
    /// From the root. Not UTF-8 is shown as U+FFFD.
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Changed,
    Added,
    Deleted,
}

impl Kind {
    /// Docker's letter.
    pub fn letter(self) -> char {
        match self {
            Self::Changed => 'C',
            Self::Added => 'A',
            Self::Deleted => 'D',
        }
    }
}

/// Lists what a container has changed, in the order of paths.
pub fn diff(engine: &Engine, name: &str) -> Result<Vec<Change>> {
    engine.containers().with(name, |id| {
        let record = engine.containers().load(id)?;
        let opened = namespace::open(engine)?.finish()?;
        namespace::run_inside(&opened, || Layers::open(engine, &record)?.changes())
    })
}

/// What the topmost layer of an image has changed, or all layers together of what another image shows.
pub fn diff_image(engine: &Engine, name: &str, other: Option<&str>) -> Result<Vec<Change>> {
    let layers = |name: &str| anyhow::Ok(engine.images().lookup(name)?.config.rootfs.diff_ids);
    let (own, other) = (layers(name)?, other.map(layers).transpose()?);
    let opened = namespace::open(engine)?.finish()?;
    namespace::run_inside(&opened, || {
        vfs::open_many_files();
        let store = layers::Layers::new(engine.layout());
        let open = |ids: &[Digest]| -> Result<Vec<Dir>> {
            layers::shown_once(ids).into_iter().rev().map(|layer| store.open(layer)).collect()
        };
        let mut own = open(&own)?;
        let Some(other) = other else {
            if own.is_empty() {
                return Ok(Vec::new());
            }
            let top = own.remove(0);
            return Layers::between(top, own, HashSet::new()).changes();
        };
        let mut found = whole::Changes::new();
        whole::between(&Stack::new(open(&other)?), &Stack::new(own), Path::new(""), &mut found)?;
        Ok(found.iter().map(|(path, kind)| change(*kind, path)).collect())
    })
}

/// The files of a container and the layers below them.
pub struct Layers {
    /// Its changes, or with the driver vfs all of its files.
    upper: Dir,
    whole: Option<Whole>,
    /// The highest first.
    lower: Vec<Dir>,
    /// Where something is mounted, from the root without the first `/`.
    targets: HashSet<PathBuf>,
    /// Those, and all directories above them.
    candidates: HashSet<PathBuf>,
}

impl Layers {
    /// Opens them. Must run in the user namespace.
    pub fn open(engine: &Engine, record: &Record) -> Result<Self> {
        let Source::Image { layers, .. } = &record.source else {
            bail!("container {} has no layers: its root filesystem is a directory of the host", record.name);
        };
        let open = |path: PathBuf| Dir::open(&path).with_context(|| format!("open {}", path.display()));
        let upper = open(files(engine, record))?;
        let whole = (record.driver == Driver::Vfs).then(|| Whole::of(engine, record)).transpose()?;
        let lower = layers.iter().rev().map(|layer| open(engine.layout().layer(layer)));
        let lower = lower.collect::<Result<Vec<_>>>()?;
        let targets = targets(&read_spec(engine, &record.id)?);
        Ok(Self { whole, ..Self::between(upper, lower, targets) })
    }

    /// An upper directory and what is below it, the highest first; `targets` are the places where something was
    /// mounted, from the root without the first `/`.
    pub fn between(upper: Dir, lower: Vec<Dir>, targets: HashSet<PathBuf>) -> Self {
        let ancestors = targets.iter().flat_map(|path| path.ancestors()).map(Path::to_owned);
        let candidates = ancestors.filter(|path| !path.as_os_str().is_empty()).collect();
        Self { upper, whole: None, lower, targets, candidates }
    }

    /// All files of a copy of layers, the highest first, that was made before `since`.
    pub fn compared(
        root: Dir,
        lower: Vec<Dir>,
        layers: Stack,
        targets: HashSet<PathBuf>,
        since: (i64, i64),
    ) -> Self {
        let whole = Some(Whole::since(layers, since));
        Self { whole, ..Self::between(root, lower, targets) }
    }

    /// Takes away what was only made to mount something on, for an upper directory that is to be a layer as it is.
    pub fn clear_stubs(&self) -> Result<()> {
        let mut candidates: Vec<&PathBuf> = self.candidates.iter().collect();
        candidates.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
        // Told before the first is taken away: a directory that was made on the way to one has nothing else in it.
        let is_stub = |path: &Path| self.below(path).is_none() && self.is_made_for_a_mount(path);
        let stubs: HashSet<&PathBuf> =
            candidates.iter().copied().filter(|path| is_stub(path.as_path())).collect();
        for path in candidates {
            let Ok((parent, name)) = self.upper.parent_of(path) else { continue };
            let Ok(stat) = parent.stat(&name) else { continue };
            let kind = if is_directory(&stat) { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            if stubs.contains(path) || self.was_only_entered(path, &stat) {
                rustix::fs::unlinkat(&parent, &name, kind)
                    .with_context(|| format!("remove the place of a mount, {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Whether the layers below show anything at a path.
    pub fn has_below(&self, path: &Path) -> bool {
        self.below(path).is_some()
    }

    /// Whether a directory is an empty copy of the one below, made since a place was made in it and taken away again.
    fn was_only_entered(&self, path: &Path, stat: &Stat) -> bool {
        let Some(below) = self.below(path) else { return false };
        let is_same = (stat.st_mode, stat.st_uid, stat.st_gid) == (below.st_mode, below.st_uid, below.st_gid);
        let open = || self.upper.open_dir(path);
        is_directory(stat)
            && is_same
            && open().is_ok_and(|dir| walk::list(dir.as_fd()).is_ok_and(|names| names.is_empty()))
            && open().is_ok_and(|dir| !whiteout::is_opaque(dir).unwrap_or(true))
    }

    /// Packs the changes as a layer. `maps` says what the owners are called in it.
    pub fn pack(&self, out: impl Write, maps: Option<&IdMaps>) -> Result<Packed> {
        let (top, prefix) = (self.upper()?, Path::new(""));
        let Some(whole) = &self.whole else {
            let skip = |path: &Path| self.is_made_for_a_mount(path);
            return pack::pack(top, prefix, Form::Upper, out, skip, maps);
        };
        let changes = whole.compare(self)?;
        let gone = changes.iter().filter(|(_, kind)| **kind == Kind::Deleted);
        let gone = gone.map(|(path, _)| path.clone()).collect();
        pack::pack(top, prefix, Form::Changes { gone: &gone }, out, |path| !changes.contains_key(path), maps)
    }

    /// How much room the container's own files take, where they can be told only by comparison.
    fn compared_size(&self, whole: &Whole) -> Result<u64> {
        let mut counted = measure::Counted::default();
        for (path, kind) in whole.compare(self)? {
            let (parent, name) = self.upper.parent_of(&path)?;
            match parent.stat(&name) {
                Ok(stat) => counted.add(&stat),
                Err(error) if kind == Kind::Deleted || error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(counted.bytes)
    }

    /// The directory of the changes, or of all files, opened to be listed.
    fn upper(&self) -> Result<OwnedFd> {
        Ok(self.upper.open_dir("").context("open the container's changes")?.into())
    }

    /// Whether a path of the upper directory is only there because something is mounted on it or beneath it.
    fn is_made_for_a_mount(&self, path: &Path) -> bool {
        if !self.candidates.contains(path) {
            return false;
        }
        let Ok((parent, name)) = self.upper.parent_of(path) else { return false };
        let Ok(stat) = parent.stat(&name) else { return false };
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            return self.targets.contains(path) && stat.st_size == 0 && self.below(path).is_none();
        }
        let Ok(mut names) = self.upper.open_dir(path).and_then(|directory| walk::list(directory.as_fd()))
        else {
            return false;
        };
        names.retain(|entry| !whiteout::is_reserved(&entry.name));
        if names.is_empty() {
            return self.targets.contains(path) && self.below(path).is_none();
        }
        names
            .iter()
            .all(|entry| self.is_made_for_a_mount(&path.join(OsStr::from_bytes(entry.name.to_bytes()))))
    }

    fn changes(&self) -> Result<Vec<Change>> {
        if let Some(whole) = &self.whole {
            let found = whole.compare(self)?;
            return Ok(found.iter().map(|(path, kind)| change(*kind, path)).collect());
        }
        let mut walk = Walk::new(self.upper()?).context("list the container's changes")?;
        let mut changes = Vec::new();
        while let Some(step) = walk.next().with_context(|| format!("read {}", walk.path().display()))? {
            let Step::Entry(entry) = step else { continue };
            let path = walk.path_of(&entry.name);
            if whiteout::is_reserved(&entry.name) || self.is_made_for_a_mount(&path) {
                continue;
            }
            let mut one = || -> Result<()> {
                let stat = match rustix::fs::statat(walk.here(), &entry.name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => return Ok(()),
                    stat => stat?,
                };
                if whiteout::is_whiteout(&stat) {
                    changes.push(change(Kind::Deleted, &path));
                    return Ok(());
                }
                let below = self.below(&path);
                changes.push(change(if below.is_some() { Kind::Changed } else { Kind::Added }, &path));
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    walk.enter(&entry.name)?;
                    let hides = below.is_some_and(|stat| is_directory(&stat))
                        && whiteout::is_opaque_change(walk.here())?;
                    if hides {
                        self.hidden(&path, &mut changes)?;
                    }
                }
                Ok(())
            };
            one().with_context(|| format!("read {}", path.display()))?;
        }
        changes.sort_by(|a, b| Path::new(&a.path).cmp(Path::new(&b.path)));
        Ok(changes)
    }

    /// What an opaque directory hides and has no name for.
    fn hidden(&self, directory: &Path, changes: &mut Vec<Change>) -> Result<()> {
        for name in self.names_below(directory)? {
            let path = directory.join(&name);
            let (parent, last) = self.upper.parent_of(&path)?;
            if parent.stat(&last).is_err() {
                changes.push(change(Kind::Deleted, &path));
            }
        }
        Ok(())
    }

    /// Looks a path up in the layers below, as their overlay would show it.
    fn below(&self, path: &Path) -> Option<Stat> {
        for layer in &self.lower {
            match look_up(layer, path) {
                Seen::Here(stat) => return Some(stat),
                Seen::Hidden => return None,
                Seen::Nothing => {}
            }
        }
        None
    }

    fn names_below(&self, directory: &Path) -> Result<BTreeSet<OsString>> {
        let mut names = BTreeSet::new();
        for layer in &self.lower {
            let Ok(opened) = open_plainly(layer, directory) else { continue };
            let listed = walk::list(opened.as_fd()).context("list a layer")?;
            names.extend(listed.into_iter().map(|entry| OsStr::from_bytes(entry.name.to_bytes()).to_owned()));
        }
        names.retain(|name| self.below(&directory.join(name)).is_some());
        Ok(names)
    }
}

/// How much room a container takes, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    /// Its own files.
    pub own: u64,
    /// Those and its image's.
    pub whole: u64,
}

/// How much room a container's own files take, as docker counts: file data, each file once.
pub fn size(engine: &Engine, record: &Record) -> Result<u64> {
    Ok(sizes(engine, &[record])?.first().map_or(0, |sizes| sizes.own))
}

/// How much room containers take, in their order. One user namespace is made for all that the user may not read.
pub fn sizes(engine: &Engine, records: &[&Record]) -> Result<Vec<Sizes>> {
    let own = |record: &&Record| own_size(engine, record);
    let own: Vec<u64> = measure::with_rights(engine, || records.iter().map(own).collect())?;
    let whole = |record: &Record, own: u64| own + image_size(engine, record);
    Ok(records.iter().zip(own).map(|(record, own)| Sizes { own, whole: whole(record, own) }).collect())
}

fn image_size(engine: &Engine, record: &Record) -> u64 {
    let Source::Image { layers, .. } = &record.source else { return 0 };
    let store = layers::Layers::new(engine.layout());
    layers.iter().filter_map(|layer| store.info(layer).ok()).map(|info| info.size).sum()
}

/// The size of one container's own files: none for a root filesystem that is the host's, or a container that has just
/// been removed.
fn own_size(engine: &Engine, record: &Record) -> Result<u64> {
    let path = files(engine, record);
    match (&record.source, record.driver) {
        (Source::Rootfs { .. }, _) => Ok(0),
        (_, Driver::Overlay | Driver::FuseOverlayfs) => measure::directory(&path),
        (_, Driver::Vfs) if !path.is_dir() => Ok(0),
        (_, Driver::Vfs) => {
            let compare = || -> Result<u64> {
                let layers = Layers::open(engine, record)?;
                layers.whole.as_ref().map_or(Ok(0), |whole| layers.compared_size(whole))
            };
            match compare() {
                // Somebody is just removing it.
                Err(_) if !path.is_dir() => Ok(0),
                compared => compared,
            }
        }
    }
}

/// Where the changes of a container are, or with the driver vfs all of its files.
fn files(engine: &Engine, record: &Record) -> PathBuf {
    let directory = engine.layout().container(&record.id);
    match record.driver {
        Driver::Overlay | Driver::FuseOverlayfs => directory.join("upper"),
        Driver::Vfs => vfs::tree(&directory),
    }
}

fn change(kind: Kind, path: &Path) -> Change {
    Change { kind, path: format!("/{}", path.display()) }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn targets(spec: &Spec) -> HashSet<PathBuf> {
    let mounts = spec.mounts().iter().flatten();
    mounts.filter_map(|mount| Some(mount.destination().strip_prefix("/").ok()?.to_owned())).collect()
}

/// What one layer says of a path.
enum Seen {
    Here(Stat),
    /// It hides what the layers below say.
    Hidden,
    Nothing,
}

fn look_up(layer: &Dir, path: &Path) -> Seen {
    let mut prefix = PathBuf::new();
    let mut hides = false;
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        prefix.push(part);
        let Ok(place) = open_place(layer, &prefix) else { break };
        let Ok(stat) = rustix::fs::fstat(&place) else { break };
        match (parts.peek().is_none(), is_directory(&stat)) {
            _ if whiteout::is_whiteout(&stat) => return Seen::Hidden,
            (true, _) => return Seen::Here(stat),
            (false, false) => return Seen::Hidden,
            (false, true) => {
                hides |=
                    open_plainly(layer, &prefix).is_ok_and(|dir| whiteout::is_opaque(dir).unwrap_or(false))
            }
        }
    }
    if hides { Seen::Hidden } else { Seen::Nothing }
}

/// Layers are not followed into: a link in one is a link, whatever is in its place elsewhere.
const PLAINLY: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

fn open_place(layer: &Dir, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // A link in the last place is what is looked for.
    let (parent, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let directory = rustix::fs::openat2(
        layer,
        parent,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
        PLAINLY,
    )?;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

fn open_plainly(layer: &Dir, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat2(layer, path, flags, Mode::empty(), PLAINLY)
}
