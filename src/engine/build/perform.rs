//! What a worker does for one step: its files, then the layer that they become.
//!
//! Others build upon the files as soon as they are there; that the layer is packed, hashed and on the disk, only the
//! image waits for.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::Mode;
use sha2::{Digest as _, Sha256};

use super::graph::Node;
use super::run::{self, Place};
use super::tree::{self, Tree};
use super::worker::{Answer, Outlet};
use super::{Surroundings, copy, seal, settle};
use crate::base::digest::Digest;
use crate::build::gather::Fetched;
use crate::build::step::{Action, Origin};
use crate::engine::changes::Layers;
use crate::engine::vfs::open_many_files;
use crate::runtime::user;
use crate::store::build_cache::{BuildCache, Made};
use crate::store::layers::Staging;
use crate::sys::path::{Dir, clear_umask};

/// One step to be done.
pub struct Job<'a> {
    pub around: &'a Surroundings<'a>,
    pub node: &'a Node,
    pub key: Digest,
    /// What the step stands upon.
    pub below: Tree,
    /// What that depends on.
    pub below_key: Digest,
    /// Where the files of each of its origins are.
    pub roots: Vec<(Origin, RootFiles)>,
    /// Where those sources are that lay elsewhere.
    pub fetched: Vec<Fetched>,
    pub staging: &'a Staging,
    /// A directory for what the step needs besides.
    pub scratch: PathBuf,
    pub network: Option<OwnedFd>,
    /// The layer's archive is kept as a blob, since an image is made of it.
    pub keeps_blob: bool,
}

/// The files of an origin.
pub enum RootFiles {
    /// The main context, or one with a name.
    Context(Option<String>),
    Layers(Tree),
}

/// Does the step. Runs in a worker, as root of the user's namespace.
pub fn perform(job: &Job<'_>, outlet: &Outlet) -> Result<()> {
    let layout = job.around.engine.layout();
    let cache = BuildCache::new(layout);
    let find = |key: &Digest| if job.node.ignores_cache { None } else { cache.find(key) };
    // A build that does the same at the same time does it once.
    let _lock = cache.lock(&job.key)?;
    if let Some(made) = find(&job.key) {
        return outlet.say(&Answer::Found { made });
    }
    open_many_files();
    clear_umask().context("clear the file mode mask")?;
    tree::prepare()?;
    let mut key = job.key.clone();
    let mut places = Vec::new();
    let mut _content_lock = None;
    match &job.node.step.action {
        Action::Configure => {}
        Action::Workdir(path) => make_workdir(job, path)?,
        Action::Run(run) => {
            let place = Place {
                tree: &job.below,
                upper: job.staging.path(),
                scratch: job.scratch.clone(),
                network: job.network.as_ref().map(OwnedFd::try_clone).transpose()?,
            };
            let mut open = |origin: &Origin| job.open(origin);
            let config = &job.node.step.config;
            let (code, mounted) = run::run(job.around, run, config, place, &outlet.output, &mut open)?;
            if code != 0 {
                return outlet.say(&Answer::Exited(code));
            }
            places = mounted;
        }
        Action::Copy(step) => {
            let scratch = Dir::open(&job.scratch).context("open the step's directory")?;
            let mut open = |origin: &Origin| job.open(origin);
            let selection = copy::selected(job.around, job.node, step, &job.fetched, &scratch, &mut open)?;
            if job.node.copies_layers() {
                // What is copied counts, and not which steps it came from.
                key = job.content_key(&copy::add_up(job.around, &selection)?);
                _content_lock = Some(cache.lock(&key)?);
                if let Some(made) = find(&key) {
                    cache.put(&job.key, &made)?;
                    return outlet.say(&Answer::Found { made });
                }
            }
            let target = if job.node.is_link() { Tree::default() } else { job.below.clone() };
            let root = target.open_writable(&job.staging.path(), &job.scratch)?;
            copy::place(job.around, step, &selection, &root)?;
        }
    }
    job.settle(&places)?;
    outlet.say(&Answer::Ready)?;
    let (made, placed) = job.store(&key)?;
    cache.put(&key, &made)?;
    if key != job.key {
        cache.put(&job.key, &made)?;
    }
    outlet.say(&Answer::Stored { made, placed })
}

/// Makes the directory where it is not there, as the step's user.
fn make_workdir(job: &Job<'_>, path: &str) -> Result<()> {
    let root = job.below.open_writable(&job.staging.path(), &job.scratch)?;
    let inside = path.trim_start_matches('/');
    if root.locate_dir(inside).is_ok() {
        return Ok(());
    }
    let user = &job.node.step.config.user;
    let (uid, gid) = match user.is_empty() {
        true => (0, 0),
        false => user::owner(&root, user)?,
    };
    let mut missing = Vec::new();
    for directory in Path::new(inside).ancestors().filter(|path| !path.as_os_str().is_empty()) {
        if root.locate_dir(directory).is_ok() {
            break;
        }
        missing.push(directory.to_owned());
    }
    root.create_dir_all(inside, Mode::from_raw_mode(0o755)).with_context(|| format!("create {path}"))?;
    if (uid, gid) != (0, 0) && !job.around.fold_ids {
        for directory in missing {
            let made = root.open_dir(&directory)?;
            let owner = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
            rustix::fs::fchown(&made, Some(owner.0), Some(owner.1))
                .with_context(|| format!("create {path}"))?;
        }
    }
    Ok(())
}

impl Job<'_> {
    /// Opens the files of an origin.
    fn open(&self, origin: &Origin) -> Result<Dir> {
        let index = self.roots.iter().position(|(known, _)| known == origin);
        let Some(index) = index else { bail!("open {origin:?}: the step does not name it") };
        match &self.roots[index].1 {
            RootFiles::Context(name) => Ok(self.around.files(name.as_deref())?.root.try_clone()?),
            RootFiles::Layers(tree) => {
                let place = self.scratch.join(format!("origin-{index}"));
                if place.exists() && tree.layers.len() != 1 {
                    return Dir::open(&place).with_context(|| format!("open {}", place.display()));
                }
                tree.open(&place)
            }
        }
    }

    /// What the result of a copy depends on: the files, and where they go.
    fn content_key(&self, survey: &Digest) -> Digest {
        let Action::Copy(copy) = &self.node.step.action else { return self.key.clone() };
        let below = (!self.node.is_link()).then_some(&self.below_key);
        let place = (&copy.destination, &copy.owner, &copy.mode, copy.link);
        let parts = serde_json::json!({ "version": 1, "below": below, "place": place, "files": survey, "purpose": self.around.purpose() });
        Digest::from_hasher(Sha256::new_with_prefix(parts.to_string()))
    }

    /// Makes what the step has written a layer; in `places` there was only something mounted.
    fn settle(&self, places: &[PathBuf]) -> Result<()> {
        let lower = if self.node.is_link() { Vec::new() } else { self.below.open_layers()? };
        let relative = |path: &PathBuf| path.strip_prefix("/").ok().map(Path::to_owned);
        let places: HashSet<PathBuf> = places.iter().filter_map(relative).collect();
        if self.below.is_copied && !self.node.is_link() && !self.below.layers.is_empty() {
            let upper = self.staging.dir();
            self.below.take_changes(upper, &self.scratch, places, self.around.fold_ids)?;
            return settle::settle(upper, self.around.wishes.epoch, |_| true);
        }
        let upper = self.staging.dir().try_clone()?;
        let layers = Layers::between(upper, lower.into_iter().rev().collect(), places);
        layers.clear_stubs()?;
        settle::settle(self.staging.dir(), self.around.wishes.epoch, |path| layers.has_below(path))
    }

    /// Stores the layer. False: another has it already.
    fn store(&self, key: &Digest) -> Result<(Made, bool)> {
        let made = |layer| Made {
            key: key.clone(),
            layer,
            created: self.around.created(),
            description: self.node.step.shown.clone(),
        };
        let may_be_none = matches!(self.node.step.action, Action::Workdir(_));
        if may_be_none && self.staging.is_empty().context("list the layer")? {
            return Ok((made(None), false));
        }
        let (layer, placed) = seal::seal(self.around.engine.layout(), self.staging, self.keeps_blob)?;
        Ok((made(Some(layer)), placed))
    }
}
