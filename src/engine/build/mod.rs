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
mod network;
mod perform;
pub mod progress;
mod run;
mod schedule;
mod seal;
mod settle;
mod squash;
mod tree;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::limits::Steps;
use super::{Engine, driver, namespace};
use crate::base::hint::HintExt;
use crate::base::size;
use crate::build::context::{self, Context, Place};
use crate::build::dockerfile::{self, Dockerfile, Settings};
use crate::build::lint::{Checked, Warning};
use crate::build::select::Origin as Files;
use crate::build::step::{Lines, RunNetwork};
use crate::oci::media::Family;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::runtime::userns::UserNamespace;
use crate::store::driver::Driver;
use crate::store::gc;
use crate::store::layers::{Layers, Staging};
use crate::store::options::{SecurityOptions, Ulimit};
use crate::store::resources::ResourceOptions;
use crate::sys::path::{Dir, path_of};

use exchange::Gained;
pub use exchange::{CacheTo, Carrier};
pub use export::{Output, metadata};
use graph::Graph;
use progress::Watch;
pub use run::{HOST_NETWORK, INSECURE, SecretSource, Volume};
use schedule::Schedule;

/// What `build` was asked.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// A directory, `-`, or an address.
    pub context: String,
    pub files: context::Files,
    /// `--from`: what the first stage begins with, whatever the file says.
    pub from: Option<Reference>,
    pub tags: Vec<Reference>,
    pub target: Option<String>,
    pub build_args: BTreeMap<String, String>,
    /// `--build-context`: what a name stands for.
    pub contexts: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// Labels and variables that the image is not to have.
    pub unset_labels: Vec<String>,
    pub unset_env: Vec<String>,
    pub annotations: BTreeMap<String, String>,
    /// Which documents the image has.
    pub family: Family,
    /// What is built for, each by itself; none is this machine's.
    pub platforms: Vec<Platform>,
    /// Images are looked for at their registries even if they are here.
    pub pull: bool,
    pub no_cache: bool,
    /// The stages that are built again whatever the cache says.
    pub no_cache_filter: Vec<String>,
    pub secrets: BTreeMap<String, SecretSource>,
    /// The sockets of agents, by their names.
    pub ssh: BTreeMap<String, PathBuf>,
    /// `name:address`.
    pub add_hosts: Vec<String>,
    pub dns: Vec<IpAddr>,
    pub dns_search: Vec<String>,
    pub dns_options: Vec<String>,
    pub network: RunNetwork,
    /// Bytes.
    pub shm_size: Option<u64>,
    pub ulimits: Vec<Ulimit>,
    /// `--memory` and the like, of each step by itself.
    pub resources: ResourceOptions,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    /// `--security-opt`, of every step.
    pub security: SecurityOptions,
    /// Entitlements: [`INSECURE`], [`HOST_NETWORK`].
    pub allow: Vec<String>,
    /// `SOURCE_DATE_EPOCH`, in seconds: no time in the image is later.
    pub epoch: Option<i64>,
    pub outputs: Vec<Output>,
    /// The list that the image is added to.
    pub manifest: Option<String>,
    pub squash: Squash,
    pub cache_from: Vec<Carrier>,
    pub cache_to: Vec<CacheTo>,
    /// `--volume`: mounted in every step.
    pub volumes: Vec<Volume>,
    /// How many steps at once; 0 is for the machine to say.
    pub jobs: usize,
}

/// Which layers become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Squash {
    #[default]
    None,
    /// Those of the build.
    Own,
    /// Those of the image that it begins with too.
    All,
}

impl Wishes {
    fn makes_image(&self) -> bool {
        self.outputs.iter().any(Output::is_image)
    }
}

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
    /// None where nothing was to become an image.
    pub image: Option<export::Exported>,
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

impl Wishes {
    fn is_for_several(&self) -> bool {
        self.platforms.len() > 1
    }

    /// Refuses outputs that images for several platforms cannot have.
    fn check_outputs(&self) -> Result<()> {
        let is_archive = |output: &Output| matches!(output, Output::Archive { .. });
        if self.is_for_several() && self.tags.is_empty() && self.outputs.iter().any(is_archive) {
            return Err(anyhow!("write images for several platforms into an archive: they have no name"))
                .hint(|| "give them one: -t NAME");
        }
        Ok(())
    }
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

    /// What the keys of programs depend on beside their steps.
    fn run_options(&self) -> String {
        let wishes = self.wishes;
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            wishes.add_hosts,
            wishes.shm_size,
            wishes.ulimits,
            wishes.network,
            wishes.cap_add,
            wishes.cap_drop,
            wishes.security.raw
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
    gc::release(engine.layout(), hold)?;
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
    wishes.check_outputs()?;
    // What is fetched for the build goes with it; if it is killed, a collection finds it unlocked.
    let ground = Layers::new(engine.layout()).stage()?;
    let sources = Sources::open(wishes, stdin, &ground, watch)?;
    let mut gained = Gained::default();
    let mut one = |platform: &Platform| {
        let scratch = Layers::new(engine.layout()).stage()?;
        let mut leftovers = Leftovers::default();
        let prepared = prepare(engine, wishes, platform, &sources, &scratch, links.pull, watch);
        let built =
            prepared.and_then(|prepared| carry_out(prepared, &mut gained, links.push, watch, &mut leftovers));
        let cleared = leftovers.clear(engine, scratch);
        let built = built?;
        cleared.map(|()| built)
    };
    let [first, others @ ..] = &wishes.platforms[..] else {
        let built = one(&Platform::host())?;
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
    if !others.is_empty() {
        export::join(engine, wishes, &images)?;
    }
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
    fn clear(self, engine: &Engine, scratch: Staging) -> Result<()> {
        let Some(user) = self.user else { return Ok(()) };
        let names: Vec<_> =
            self.staged.iter().chain([&scratch]).map(|staged| staged.name().to_owned()).collect();
        namespace::run_inside(&user, || {
            let tmp = Dir::open(&engine.layout().tmp())?;
            names
                .iter()
                .try_for_each(|name| tmp.remove_all(name))
                .context("clear away what the steps have left")
        })
    }
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
    platform: &Platform,
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
    let (graph, warnings) = bases::graph(&around, dockerfile, &settings, target, pull, watch)?;
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
    Ok(Built { image, warnings: checked.warnings, unused_args })
}

/// A rule that is broken, and the lines of the file where it is.
pub type Finding = (Warning, Vec<String>);

/// Looks for mistakes and bad habits. The images that the stages begin with are pulled, since what is right depends on
/// them.
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
    let prepared = prepare(engine, wishes, &platform, &sources, &scratch, pull, watch)?;
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
    if let Place::Directory(_) = place {
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
