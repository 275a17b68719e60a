//! `build`: an image of a Dockerfile.
//!
//! ```text
//! coracle build ── reads the file, finds or pulls the images it begins with, makes a graph of its steps
//!     ├── worker: what the files of the context add up to
//!     ├── worker ── the program of a RUN      layers/<diff-id>   cache/build/<key>.json
//!     └── worker: the files of a COPY ────────────────┘
//! ```
//!
//! What is decided is in [`crate::build`]; here it is carried out. A build that is killed leaves the layers of the
//! steps that were done, and temporary files that the next collection takes.

mod agent;
mod bases;
pub mod cache;
mod copy;
mod exchange;
mod export;
mod graph;
mod leave;
mod network;
mod perform;
pub mod progress;
mod run;
mod schedule;
mod seal;
mod settle;
mod squash;
mod tree;
mod wishes;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::Timestamp;
use nix::sys::signal::Signal;
use oci_spec::image::Descriptor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::limits::Steps;
use super::{Engine, driver, namespace, rmi};
use crate::base::exit::Interrupted;
use crate::base::size;
use crate::build::context::{self, Context, Place};
use crate::build::dockerfile::{self, Dockerfile, Settings};
use crate::build::lint::{Checked, Warning};
use crate::build::select::Origin as Files;
use crate::build::step::Lines;
use crate::oci::platform::Platform;
use crate::runtime::userns::UserNamespace;
use crate::store::driver::Driver;
use crate::store::gc;
use crate::store::layers::{Layers, Staging};
use crate::sys::path::{Dir, path_of};
use crate::sys::signal::Signals;

use exchange::Gained;
pub use exchange::{CacheTo, Carrier};
pub use export::metadata;
use graph::Graph;
pub use leave::Output;
use progress::Watch;
pub use run::{HOST_NETWORK, INSECURE, SecretSource, Volume};
use schedule::Schedule;
pub use wishes::{Squash, Wishes};

/// Fetches an image, of a platform if one is wanted; returns its name in full.
pub type Pull<'a> = dyn FnMut(&str, Option<&Platform>) -> Result<String> + 'a;

/// Sends an image to its registry.
pub type Push<'a> = dyn FnMut(&str) -> Result<()> + 'a;

/// How a build reaches registries.
pub struct Links<'a> {
    pub pull: &'a mut Pull<'a>,
    pub push: &'a mut Push<'a>,
}

/// What a build has made.
#[derive(Clone, Debug)]
pub struct Built {
    /// None where nothing was to become an image; of several platforms the first.
    pub image: Option<export::Exported>,
    /// What describes the image, or those for several platforms together.
    pub target: Option<Descriptor>,
    /// The rules that the file breaks.
    pub warnings: Vec<Warning>,
    /// Build arguments that nothing has asked for.
    pub unused_args: Vec<String>,
}

/// A step that failed, and where it is in the file.
#[derive(Clone, Debug)]
pub struct StepFailed {
    pub vertex: usize,
    pub name: String,
    lines: Lines,
    /// The lines of the file around it.
    pub excerpt: Vec<String>,
    pub why: String,
    pub hint: String,
}

impl fmt::Display for StepFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for StepFailed {}

/// What all steps of a build share.
struct Surroundings<'a> {
    engine: &'a Engine,
    wishes: &'a Wishes,
    context: Files,
    contexts: BTreeMap<String, Files>,
    platform: Platform,
    /// Whose programs need an emulator.
    foreign: Vec<Platform>,
    max_gid: u32,
    can_set_groups: bool,
    fold_ids: bool,
    /// Layers are copied, since the kernel does not mount them here.
    is_copied: bool,
    /// Where what is fetched for the build is kept, as long as it lasts.
    scratch: PathBuf,
    /// The limits of steps, if they have any.
    limits: Option<&'a Steps>,
}

impl Surroundings<'_> {
    /// Whether this is the first platform, or the only one.
    fn is_first(&self) -> bool {
        self.wishes.platforms.first().is_none_or(|first| *first == self.platform)
    }

    /// Whether this is the last platform, or the only one.
    fn is_last(&self) -> bool {
        self.wishes.platforms.last().is_none_or(|last| *last == self.platform)
    }

    /// When a step that is done now was done.
    fn created(&self) -> Timestamp {
        let fixed = self.wishes.epoch.and_then(|seconds| Timestamp::from_second(seconds).ok());
        fixed.unwrap_or_else(Timestamp::now)
    }

    /// The files of a context.
    fn files(&self, name: Option<&str>) -> Result<Files> {
        let files = match name {
            None => Some(&self.context),
            Some(name) => self.contexts.get(name),
        };
        files.cloned().with_context(|| format!("no context {}", name.unwrap_or_default()))
    }

    /// What every step is made for.
    fn purpose(&self) -> String {
        format!("{} {:?}", self.platform, self.wishes.epoch)
    }

    /// Does work as root of the user's namespace, which is made if it is not there.
    fn inside<T: Serialize + DeserializeOwned>(
        &self,
        user: Option<&UserNamespace>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        match user {
            Some(user) => namespace::run_inside(user, work),
            None => namespace::run_inside(&namespace::open(self.engine)?.finish()?, work),
        }
    }

    /// What the keys of programs depend on beside their steps.
    fn run_options(&self) -> String {
        let wishes = self.wishes;
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}{}",
            wishes.add_hosts,
            wishes.shm_size,
            wishes.ulimits,
            wishes.network,
            wishes.cap_add,
            wishes.cap_drop,
            wishes.security.raw,
            wishes.hostname.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default()
        )
    }
}

/// Builds. The Dockerfile's own mistakes are [`crate::build::diagnostic::Diagnostic`]s, a step's failure is a
/// [`StepFailed`].
pub fn build(
    engine: &Engine,
    wishes: &Wishes,
    stdin: BorrowedFd<'_>,
    links: &mut Links<'_>,
    watch: &mut dyn Watch,
) -> Result<Built> {
    engine.layout().create()?;
    let hold = gc::hold(engine.layout())?;
    for carrier in &wishes.cache_from {
        exchange::take(engine, carrier, links.pull, watch);
    }
    let built = for_platforms(engine, wishes, stdin, links, watch);
    rmi::release(engine, hold);
    built
}

/// Builds for each platform; several images are one by their names.
fn for_platforms(
    engine: &Engine,
    wishes: &Wishes,
    stdin: BorrowedFd<'_>,
    links: &mut Links<'_>,
    watch: &mut dyn Watch,
) -> Result<Built> {
    // From here on there is something to clear away. Whatever takes long hears them.
    let _caught =
        Signals::catch(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]).context("catch signals")?;
    // What is fetched for the build goes with it; if it is killed, a collection finds it unlocked.
    let ground = Layers::new(engine.layout()).stage()?;
    let sources = Sources::open(wishes, stdin, &ground, watch)?;
    let mut gained = Gained::default();
    let mut one = |platform: &Platform| {
        let scratch = Layers::new(engine.layout()).stage()?;
        let mut leftovers = Leftovers::default();
        let about = (platform, Scope::Target);
        let prepared = prepare(engine, wishes, about, &sources, &scratch, links.pull, watch);
        let built =
            prepared.and_then(|prepared| carry_out(prepared, &mut gained, links.push, watch, &mut leftovers));
        let cleared = leftovers.clear(engine, scratch, built.as_ref().err());
        let built = built?;
        cleared.map(|()| built)
    };
    let [first, others @ ..] = &wishes.platforms[..] else {
        let mut built = one(&Platform::host())?;
        built.target = built.image.as_ref().map(|image| export::described(engine, image)).transpose()?;
        export::add_to_list(engine, wishes, built.image.as_slice())?;
        return Ok(built);
    };
    let mut built = one(first)?;
    let mut images: Vec<_> = built.image.iter().cloned().map(|image| (image, first.clone())).collect();
    for platform in others {
        let other = one(platform)?;
        images.extend(other.image.map(|image| (image, platform.clone())));
        built.warnings.extend(other.warnings);
    }
    built.target = match (&images[..], others) {
        ([(image, _)], []) => Some(export::described(engine, image)?),
        _ => export::join(engine, wishes, &images)?,
    };
    let images: Vec<_> = images.into_iter().map(|(image, _)| image).collect();
    export::add_to_list(engine, wishes, &images)?;
    Ok(built)
}

/// What a build is made of: the same for every platform, and a stream can be read only once.
struct Sources {
    context: Files,
    contexts: BTreeMap<String, Files>,
    dockerfile: Dockerfile,
    limits: Option<Steps>,
}

impl Sources {
    fn open(wishes: &Wishes, stdin: BorrowedFd<'_>, ground: &Staging, watch: &mut dyn Watch) -> Result<Self> {
        let limits = Steps::enter(&wishes.resources)?;
        let context = open_context(wishes, stdin, ground)?;
        let size = size::human(context.dockerfile.len() as u64, 4);
        let title = format!("[internal] load build definition from {}", context.name);
        progress::note(watch, &title, &[format!("transferring dockerfile: {size} done")]);
        let mut dockerfile = dockerfile::parse(&context.dockerfile, &context.name)?;
        if let Some(image) = &wishes.from {
            dockerfile.begin_with(&image.familiar());
        }
        if let Some(frontend) = dockerfile.syntax() {
            progress::note(watch, &format!("[internal] built in for {frontend}"), &[]);
        }
        Ok(Self { context: context.origin, contexts: open_contexts(wishes, ground)?, dockerfile, limits })
    }
}

/// What the steps leave: directories with files of users that only exist in the namespace.
#[derive(Default)]
struct Leftovers {
    user: Option<UserNamespace>,
    staged: Vec<Staging>,
}

impl Leftovers {
    /// Clears them away. Where the build has failed with `error`, whoever worked for it was ended in the middle of
    /// something too.
    fn clear(self, engine: &Engine, scratch: Staging, error: Option<&anyhow::Error>) -> Result<()> {
        let user = match (self.user, error) {
            (Some(user), _) => user,
            (None, Some(error)) if error.is::<Interrupted>() => namespace::open(engine)?.finish()?,
            (None, _) => return Ok(()),
        };
        let names: Vec<_> =
            self.staged.iter().chain([&scratch]).map(|staged| staged.name().to_owned()).collect();
        namespace::run_inside(&user, || {
            let tmp = Dir::open(&engine.layout().tmp())?;
            names
                .iter()
                .try_for_each(|name| tmp.remove_all(name))
                .context("clear away what the steps have left")?;
            if error.is_some() { gc::sweep_temporary(engine.layout()) } else { Ok(()) }
        })
    }
}

/// Which stages are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// What is built, and what that needs.
    Target,
    All,
}

/// A build that is decided on: nothing is done yet.
struct Prepared<'a> {
    around: Surroundings<'a>,
    dockerfile: &'a Dockerfile,
    graph: Graph,
    target: usize,
    checked: Checked,
    unused_args: Vec<String>,
}

fn prepare<'a>(
    engine: &'a Engine,
    wishes: &'a Wishes,
    (platform, scope): (&Platform, Scope),
    sources: &'a Sources,
    scratch: &Staging,
    pull: &mut Pull<'_>,
    watch: &mut dyn Watch,
) -> Result<Prepared<'a>> {
    let dockerfile = &sources.dockerfile;
    let host = Platform::host();
    let settings = Settings {
        build_args: &wishes.build_args,
        contexts: &wishes.contexts.keys().cloned().collect::<BTreeSet<_>>(),
        target: platform,
        host: &host,
        target_stage: wishes.target.as_deref().unwrap_or_default(),
    };
    let target = match &wishes.target {
        Some(name) => dockerfile.stage(name).map_err(|problem| anyhow!("{}", problem.message()))?,
        None => dockerfile.stages.len() - 1,
    };
    let maps = namespace::maps(engine);
    let mut around = Surroundings {
        engine,
        wishes,
        context: sources.context.clone(),
        contexts: sources.contexts.clone(),
        platform: platform.clone(),
        foreign: Vec::new(),
        max_gid: maps.maps.gids.largest(),
        can_set_groups: !maps.is_single(),
        fold_ids: maps.is_single(),
        is_copied: driver::choose(engine)? != Driver::Overlay,
        scratch: scratch.path(),
        limits: sources.limits.as_ref(),
    };
    let (graph, warnings) = bases::graph(&around, dockerfile, &settings, (target, scope), pull, watch)?;
    let platforms = graph.platforms.iter().chain([platform]).filter(|platform| platform.is_foreign());
    around.foreign = platforms.cloned().collect();
    let checked = dockerfile.check(&settings, warnings)?;
    let unused_args = dockerfile.unused_args(&settings);
    Ok(Prepared { around, dockerfile, graph, target, checked, unused_args })
}

fn carry_out(
    prepared: Prepared<'_>,
    gained: &mut Gained,
    push: &mut Push<'_>,
    watch: &mut dyn Watch,
    leftovers: &mut Leftovers,
) -> Result<Built> {
    let Prepared { around, dockerfile, graph, target, checked, unused_args } = prepared;
    if let Some(violation) = checked.violation() {
        bail!("{violation}");
    }
    let layers = graph.stages[&target].layers.clone();
    let mut schedule = Schedule::new(&around, &graph, &layers, around.scratch.clone(), watch);
    let made = schedule.run();
    (leftovers.user, leftovers.staged) = schedule.leave();
    let made = made.map_err(|error| explain(error, dockerfile))?;
    let user = leftovers.user.as_ref();
    let image = export::export(&around, &graph, target, &made, user, watch)?;
    gained.add(&graph, target, &made);
    // Once, of all platforms: a cache takes the place of the one before.
    if around.is_last() {
        exchange::give(&around, gained, user, push, watch)?;
    }
    Ok(Built { image, target: None, warnings: checked.warnings, unused_args })
}

/// A rule that is broken, and the lines of the file where it is.
pub type Finding = (Warning, Vec<String>);

/// Looks for mistakes and bad habits, in all stages unless one is asked for. The images that they begin with are pulled,
/// since what is right depends on them.
pub fn check(
    engine: &Engine,
    wishes: &Wishes,
    stdin: BorrowedFd<'_>,
    pull: &mut Pull<'_>,
    watch: &mut dyn Watch,
) -> Result<Vec<Finding>> {
    engine.layout().create()?;
    let scratch = Layers::new(engine.layout()).stage()?;
    let sources = Sources::open(wishes, stdin, &scratch, watch)?;
    let platform = wishes.platforms.first().cloned().unwrap_or_else(Platform::host);
    let scope = if wishes.target.is_none() { Scope::All } else { Scope::Target };
    let prepared = prepare(engine, wishes, (&platform, scope), &sources, &scratch, pull, watch)?;
    let excerpt = |warning: &Warning| prepared.dockerfile.excerpt(warning.lines);
    Ok(prepared.checked.warnings.iter().map(|warning| (warning.clone(), excerpt(warning))).collect())
}

/// The stages of the file, in their order: names, and what comments say of them. An unnamed one has an empty name.
pub fn targets(
    engine: &Engine,
    wishes: &Wishes,
    stdin: BorrowedFd<'_>,
    watch: &mut dyn Watch,
) -> Result<Vec<(String, String)>> {
    engine.layout().create()?;
    let scratch = Layers::new(engine.layout()).stage()?;
    let sources = Sources::open(wishes, stdin, &scratch, watch)?;
    Ok(sources.dockerfile.targets().map(|(name, said)| (name, said.to_owned())).collect())
}

/// Shows where in the file a step stands that failed.
fn explain(mut error: anyhow::Error, dockerfile: &Dockerfile) -> anyhow::Error {
    if let Some(failed) = error.downcast_mut::<StepFailed>() {
        failed.excerpt = dockerfile.excerpt(failed.lines);
    }
    error
}

/// What a child has found that has fetched a context: it may have had threads.
#[derive(Serialize, Deserialize)]
struct Fetched {
    root: PathBuf,
    name: String,
    dockerfile: Vec<u8>,
}

fn open_context(wishes: &Wishes, stdin: BorrowedFd<'_>, scratch: &Staging) -> Result<Context> {
    let (place, files) = (Place::parse(&wishes.context)?, &wishes.files);
    if matches!(place, Place::Directory(_)) && !files.may_block() {
        return context::open(&place, files, stdin, scratch.dir());
    }
    let fetched = namespace::run_apart(|| {
        let Context { origin, name, dockerfile } = context::open(&place, files, stdin, scratch.dir())?;
        Ok(Fetched { root: path_of(origin.root.as_fd())?, name, dockerfile })
    })?;
    context::reopen(&place, files, &fetched.root, fetched.name, fetched.dockerfile)
}

/// Opens the contexts that have names; those that stand for images are not opened.
fn open_contexts(wishes: &Wishes, scratch: &Staging) -> Result<BTreeMap<String, Files>> {
    let named = wishes.contexts.iter().filter(|(_, place)| !bases::is_image(place));
    let open = |(name, place): (&String, &String)| {
        let open = || -> Result<Files> {
            let mut place = Place::parse(place)?;
            if !matches!(place, Place::Directory(_)) {
                let root: PathBuf = namespace::run_apart(|| {
                    let files = context::open_named(&place, scratch.dir())?;
                    Ok(path_of(files.root.as_fd())?)
                })?;
                place = Place::Directory(root);
            }
            context::open_named(&place, scratch.dir())
        };
        Ok((name.clone(), open().with_context(|| format!("open the context {name}"))?))
    };
    named.map(open).collect()
}
