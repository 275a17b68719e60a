//! `--cache-to` and `--cache-from`: the cache as an image, so that registries and layouts on disk can carry it.
//!
//! The layers of the image are those of the steps; what makes entries of them is in its configuration. An image that a
//! build makes may carry that itself (`type=inline`).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::graph::{Below, Graph};
use super::progress::Watch;
use super::schedule::Outcome;
use super::{Surroundings, export};
use crate::base::digest::Digest;
use crate::engine::{Engine, save};
use crate::image::compose;
use crate::image::save::DirectoryFormat;
use crate::oci::image::{CachedStep, ImageConfig};
use crate::oci::reference::Reference;
use crate::runtime::userns::UserNamespace;
use crate::store::build_cache::{BuildCache, Layer, Made};
use crate::store::layers::Layers;

/// What is in a layout on disk where nobody has given it a name.
const TAG: &str = "latest";

/// A place that a cache is taken from or brought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    Registry(String),
    /// An OCI layout.
    Local(PathBuf),
    /// The image that is built; only to bring it there.
    Inline,
}

/// `--cache-to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheTo {
    pub carrier: Carrier,
    /// The steps of all stages, and not only those that the image is made of: `mode=max`.
    pub all: bool,
    /// The build is whole without it: `ignore-error=true`.
    pub may_fail: bool,
}

/// Takes over the entries of a cache. One that cannot be had is no error: the build does without.
pub fn take(engine: &Engine, carrier: &Carrier, pull: &mut super::Pull<'_>, watch: &mut dyn Watch) {
    let (name, title) = match carrier {
        Carrier::Registry(name) => (name.clone(), format!("importing cache manifest from {name}")),
        Carrier::Local(path) => (
            format!("oci:{}:{TAG}", path.display()),
            format!("importing cache manifest from {}", path.display()),
        ),
        Carrier::Inline => return,
    };
    let vertex = watch.begin(&title);
    let was_here = engine.images().lookup(&name).is_ok();
    let mut import = || -> Result<usize> {
        let name = pull(&name, None)?;
        let image = engine.images().lookup(&name)?;
        let taken = take_steps(engine, &image.config);
        if !was_here && let Ok(name) = Reference::parse(&name) {
            engine.images().untag(&name)?;
        }
        taken
    };
    match import() {
        Ok(count) => {
            watch.say(vertex, &format!("{count} steps"));
            watch.done(vertex);
        }
        Err(error) => watch.failed(vertex, &format!("{error:#}")),
    }
}

fn take_steps(engine: &Engine, config: &ImageConfig) -> Result<usize> {
    let cache = BuildCache::new(engine.layout());
    for step in &config.build_cache {
        let Some(key) = step.keys.last() else { continue };
        let layer = match step.layer {
            Some(index) => {
                let diff_id = config.rootfs.diff_ids.get(index).context("it names a layer that it lacks")?;
                let size = Layers::new(engine.layout()).info(diff_id)?.size;
                Some(Layer { diff_id: diff_id.clone(), archive: step.archive, size })
            }
            None => None,
        };
        let created = step.created.parse().context("a step has no time")?;
        let made = Made { key: key.clone(), layer, created, description: step.description.clone() };
        step.keys.iter().try_for_each(|key| cache.put(key, &made))?;
    }
    Ok(config.build_cache.len())
}

/// The steps as a configuration carries them, with the layers of its image, lowest first.
pub fn steps<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>, layers: &[Digest]) -> Vec<CachedStep> {
    let step = |Outcome { key, made }: &Outcome| {
        let place = |layer: &Layer| layers.iter().position(|known| *known == layer.diff_id);
        let layer = match &made.layer {
            Some(layer) => Some(place(layer)?),
            None => None,
        };
        let keys = if *key == made.key { vec![key.clone()] } else { vec![key.clone(), made.key.clone()] };
        Some(CachedStep {
            keys,
            layer,
            archive: made.layer.as_ref().map_or(0, |layer| layer.archive),
            created: made.created.to_string(),
            description: made.description.clone(),
        })
    };
    outcomes.into_iter().filter_map(step).collect()
}

/// What a build has for a cache.
#[derive(Clone, Debug, Default)]
pub struct Gained {
    /// By the steps of all stages.
    all: Vec<Outcome>,
    /// By those that the image is made of.
    image: Vec<Outcome>,
}

impl Gained {
    /// Adds what the build for one platform has made.
    pub fn add(&mut self, graph: &Graph, target: usize, outcomes: &[Option<Outcome>]) {
        self.all.extend(outcomes.iter().flatten().cloned());
        self.image.extend(image_nodes(graph, target).filter_map(|node| outcomes.get(node)?.clone()));
    }
}

fn image_nodes(graph: &Graph, target: usize) -> impl Iterator<Item = usize> {
    graph.stages[&target].layers.iter().filter_map(Below::node)
}

/// Brings the entries of a build to where they are wanted.
pub fn give(
    around: &Surroundings<'_>,
    gained: &Gained,
    user: Option<&UserNamespace>,
    push: &mut super::Push<'_>,
    watch: &mut dyn Watch,
) -> Result<()> {
    for to in &around.wishes.cache_to {
        let place = match &to.carrier {
            Carrier::Inline => continue,
            Carrier::Registry(name) => name.clone(),
            Carrier::Local(path) => path.display().to_string(),
        };
        let vertex = watch.begin(&format!("exporting cache to {place}"));
        let outcomes = if to.all { &gained.all } else { &gained.image };
        match bring(around, outcomes, &to.carrier, user, push) {
            Ok(()) => watch.done(vertex),
            Err(error) => {
                watch.failed(vertex, &format!("{error:#}"));
                if !to.may_fail {
                    return Err(error).with_context(|| format!("bring the cache to {place}"));
                }
            }
        }
    }
    Ok(())
}

fn bring(
    around: &Surroundings<'_>,
    outcomes: &[Outcome],
    carrier: &Carrier,
    user: Option<&UserNamespace>,
    push: &mut super::Push<'_>,
) -> Result<()> {
    match carrier {
        Carrier::Inline => Ok(()),
        Carrier::Registry(name) => {
            let reference = Reference::parse(name)?.with_default_tag();
            let before = around.engine.images().by_name(&reference)?;
            compose_image(around, outcomes, user, &reference)?;
            let pushed = push(&reference.to_string());
            match before {
                Some(image) => around.engine.images().tag(&image, &reference)?,
                None => drop(around.engine.images().untag(&reference)?),
            }
            pushed
        }
        Carrier::Local(path) => {
            let reference = Reference::parse(&format!("coracle.invalid/cache:{TAG}"))?;
            compose_image(around, outcomes, user, &reference)?;
            let written = write_layout(around.engine, &reference, path);
            around.engine.images().untag(&reference)?;
            written
        }
    }
}

/// A layout takes the place of the one that an earlier build has written.
fn write_layout(engine: &Engine, name: &Reference, path: &Path) -> Result<()> {
    if path.join("oci-layout").exists() {
        std::fs::remove_dir_all(path).context("remove the cache that was there")?;
    } else if path.exists() && std::fs::read_dir(path)?.next().is_some() {
        bail!("there are other files");
    }
    std::fs::create_dir_all(path).context("create it")?;
    save::directory(engine, &[name.to_string()], None, DirectoryFormat::Oci, path)
}

/// An image of nothing but steps.
fn compose_image(
    around: &Surroundings<'_>,
    outcomes: &[Outcome],
    user: Option<&UserNamespace>,
    name: &Reference,
) -> Result<()> {
    let mut config = ImageConfig {
        os: around.platform.os.clone(),
        architecture: around.platform.architecture.clone(),
        variant: around.platform.variant.clone(),
        created: Some(around.created().to_string()),
        ..ImageConfig::default()
    };
    config.rootfs.kind = "layers".to_owned();
    let mut descriptors = Vec::new();
    for layer in outcomes.iter().filter_map(|outcome| outcome.made.layer.as_ref()) {
        if !config.rootfs.diff_ids.contains(&layer.diff_id) {
            config.rootfs.diff_ids.push(layer.diff_id.clone());
            descriptors.push(export::descriptor(layer)?);
        }
    }
    export::store_blobs(around, &config.rootfs.diff_ids, user)?;
    config.build_cache = steps(outcomes, &config.rootfs.diff_ids);
    compose::store(around.engine.layout(), &descriptors, &config, Some(name))?;
    Ok(())
}
