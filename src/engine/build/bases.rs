//! What the stages begin with: images that are found or pulled, and each other. Out of it comes the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use super::graph::{Below, Graph, Root, Stage};
use super::progress::{Watch, note};
use super::{Pull, Scope, Surroundings};
use crate::base::hint::HintExt;
use crate::base::nearest::nearest;
use crate::build::dockerfile::{Base, Dockerfile, Inherited, Settings};
use crate::build::lint::{self, Warning};
use crate::build::step::{Action, Copy, Lines, Origin, Source, Step};
use crate::engine::images;
use crate::oci::image::ContainerConfig;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::images::{Image, ImageLookup};

/// What `--build-context NAME=docker-image://IMAGE` stands for.
const IMAGE_SCHEME: &str = "docker-image://";
/// What `--build-context NAME=oci-layout://DIR[:TAG][@DIGEST]` stands for.
const LAYOUT_SCHEME: &str = "oci-layout://";

/// Whether a context stands for an image, not for files.
pub fn is_image(context: &str) -> bool {
    context.starts_with(IMAGE_SCHEME) || context.starts_with(LAYOUT_SCHEME)
}

/// Evaluates every stage that the target needs, or all there are.
pub fn graph(
    around: &Surroundings<'_>,
    dockerfile: &Dockerfile,
    settings: &Settings<'_>,
    (target, scope): (usize, Scope),
    pull: &mut Pull<'_>,
    watch: &mut dyn Watch,
) -> Result<(Graph, Vec<Warning>)> {
    let mut warnings = Vec::new();
    let stages = dockerfile.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    let mut bases = Bases { around, found: BTreeMap::new(), stages, pull, watch };
    let mut graph = Graph::default();
    let needed = match scope {
        Scope::Target => needed(dockerfile, settings, target)?,
        Scope::All => (0..dockerfile.stages.len()).collect(),
    };
    for number in needed {
        let described = &dockerfile.stages[number];
        let mut stage = Stage { name: described.name.clone(), ..Stage::default() };
        let mut inherited = Inherited::default();
        let mut first = None;
        let config = match dockerfile.base(number, settings)? {
            Base::Scratch => ContainerConfig::default(),
            Base::Stage(base) => {
                let base = graph.stages.get(&base).context("a stage begins with one that is not needed")?;
                stage.layers.clone_from(&base.layers);
                stage.history.clone_from(&base.history);
                stage.base.clone_from(&base.base);
                stage.author.clone_from(&base.author);
                inherited.clone_from(&base.inherited);
                base.config.clone()
            }
            Base::Image { name, .. } if around.contexts.contains_key(&name) => {
                first = Some(all_of(&name, described.lines));
                ContainerConfig::default()
            }
            Base::Image { name, platform } => {
                let image = bases.image(&name, platform.as_ref());
                let image = image.with_context(|| dockerfile.place_of_base(number))?;
                let config = &image.config;
                let actual = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
                let expected = platform.as_ref().unwrap_or(settings.target);
                if expected.rank(&actual).is_none() {
                    let (expected, actual) = (expected.to_string(), actual.to_string());
                    warnings.push(lint::base_platform(&name, &expected, &actual, described.lines));
                }
                stage.layers = image.config.rootfs.diff_ids.iter().cloned().map(Below::Image).collect();
                if !graph.platforms.contains(&actual) {
                    graph.platforms.push(actual);
                }
                stage.base = Some(image.manifest.clone());
                image.config.config.clone()
            }
        };
        let evaluated = dockerfile.evaluate(number, settings, &config, &inherited)?;
        stage.config = evaluated.config;
        warnings.extend(evaluated.steps.iter().flat_map(|step| ignored(around, step)));
        stage.author = evaluated.author.or(stage.author);
        stage.inherited = evaluated.inherited;
        warnings.extend(evaluated.warnings);
        let is_filtered = described.name.as_ref().is_some_and(|name| {
            around.wishes.no_cache_filter.iter().any(|filter| filter.eq_ignore_ascii_case(name))
        });
        let ignores_cache = around.wishes.no_cache || is_filtered;
        let steps = first.into_iter().chain(evaluated.steps).collect();
        graph.add(number, stage, steps, ignores_cache, |graph, step, origin| {
            let word = if let Origin::Other(name) = origin { name } else { "" };
            bases.root(graph, origin).with_context(|| dockerfile.place(step.lines, word))
        })?;
    }
    Ok((graph, warnings))
}

/// What a stage begins with whose base is a context of files.
fn all_of(context: &str, lines: Lines) -> Step {
    let all = Copy {
        is_add: false,
        from: Origin::Other(context.to_owned()),
        sources: vec![Source::Path("/".to_owned())],
        destination: "/".to_owned(),
        owner: None,
        mode: None,
        link: false,
        parents: false,
        exclude: Vec::new(),
        checksum: None,
        keep_git_dir: false,
        unpack: None,
    };
    let shown = format!("FROM {context}");
    let created_by = shown.clone();
    Step { shown, lines, action: Action::Copy(all), config: ContainerConfig::default(), created_by }
}

/// The stages that the target needs, and it, in their order.
fn needed(dockerfile: &Dockerfile, settings: &Settings<'_>, target: usize) -> Result<BTreeSet<usize>> {
    let mut needed = BTreeSet::from([target]);
    let mut open = vec![target];
    while let Some(stage) = open.pop() {
        for need in dockerfile.needs(stage, settings)? {
            if needed.insert(need) {
                open.push(need);
            }
        }
    }
    Ok(needed)
}

/// What a step names and the context's ignore file leaves out.
fn ignored(around: &Surroundings<'_>, step: &Step) -> Vec<Warning> {
    let (Action::Copy(copy), Some(ignore)) = (&step.action, &around.context.ignore) else {
        return Vec::new();
    };
    if copy.from != Origin::Context {
        return Vec::new();
    }
    let paths = copy.sources.iter().filter_map(|source| match source {
        Source::Path(path) => Some(path.trim_start_matches("./").trim_start_matches('/')),
        _ => None,
    });
    let is_ignored = |path: &&str| {
        // Of the whole context something is left unless a name that nobody has is ignored.
        let asked = if *path == "." { "\u{fffd}" } else { path };
        let patterns = &ignore.0;
        !path.is_empty()
            && patterns.matches_deep(Path::new(asked)).0
            && !patterns.may_spare_in(Path::new(path))
    };
    paths.filter(is_ignored).map(|path| lint::ignored_file(copy.is_add, path, step.lines)).collect()
}

/// The images that stages begin with and copy from.
struct Bases<'a> {
    around: &'a Surroundings<'a>,
    found: BTreeMap<(String, String), Image>,
    /// The names of all stages.
    stages: Vec<&'a str>,
    pull: &'a mut Pull<'a>,
    watch: &'a mut dyn Watch,
}

impl Bases<'_> {
    /// An image, pulled if it is not here or is to be looked for.
    fn image(&mut self, name: &str, platform: Option<&Platform>) -> Result<Image> {
        let context = self.around.wishes.contexts.get(name);
        let name = context.and_then(|place| place.strip_prefix(IMAGE_SCHEME)).unwrap_or(name).to_owned();
        let is_asked = !self.around.wishes.platforms.is_empty();
        let wanted = platform.or(is_asked.then_some(&self.around.platform));
        let key = (name.clone(), wanted.map(Platform::to_string).unwrap_or_default());
        if let Some(image) = self.found.get(&key) {
            return Ok(image.clone());
        }
        if let Some(layout) = context.and_then(|place| place.strip_prefix(LAYOUT_SCHEME)) {
            let found = self.of_layout(&name, layout, wanted)?;
            self.found.insert(key, found.clone());
            return Ok(found);
        }
        Reference::parse(&name).with_context(|| format!("failed to parse stage name {name:?}"))?;
        let images = self.around.engine.images();
        let look_up = || images.lookup_for(&name, wanted);
        let image = match (self.around.wishes.pull, look_up()) {
            (false, Ok(image)) => image,
            (false, Err(error)) if !is_missing(&error) => return Err(error),
            _ => {
                let stage = nearest(&name, self.stages.iter().copied());
                let pulled = (self.pull)(&name, wanted);
                match stage {
                    Some(stage) => pulled.hint(|| format!("is the stage {stage:?} meant?"))?,
                    None => pulled?,
                };
                look_up()?
            }
        };
        let shown = Reference::parse(&name).map_or(name, |name| name.with_default_tag().to_string());
        note(self.watch, &format!("[internal] load metadata for {shown}"), &[]);
        crate::engine::create::check_layers(self.around.engine, &shown, &image.config.rootfs.diff_ids)?;
        self.found.insert(key, image.clone());
        Ok(image)
    }

    /// An image of an OCI layout, which the store keeps as long as the build lasts, and what the build has made of it.
    fn of_layout(&mut self, name: &str, layout: &str, platform: Option<&Platform>) -> Result<Image> {
        let engine = self.around.engine;
        let fetch = || engine.images().unlisted(&images::fetch_unlisted(engine, layout, platform)?);
        let image = fetch().with_context(|| format!("open the context {name}: {LAYOUT_SCHEME}{layout}"))?;
        note(self.watch, &format!("[context {name}] {LAYOUT_SCHEME}{layout}"), &[]);
        Ok(image)
    }

    /// What an origin stands for.
    fn root(&mut self, graph: &Graph, origin: &Origin) -> Result<Root> {
        Ok(match origin {
            Origin::Context => Root::Context(None),
            Origin::Stage(stage) => {
                let stage = graph.stages.get(stage).context("a step needs a stage that is not built")?;
                Root::Layers(stage.layers.clone())
            }
            Origin::Other(name) if name == "scratch" => Root::Layers(Vec::new()),
            Origin::Other(name) if self.around.contexts.contains_key(name) => {
                Root::Context(Some(name.clone()))
            }
            Origin::Other(name) => {
                let image = self.image(name, None)?;
                Root::Layers(image.config.rootfs.diff_ids.into_iter().map(Below::Image).collect())
            }
        })
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<ImageLookup>(), Some(ImageLookup::NotFound(_)))
        || error.to_string().contains("platform")
}
