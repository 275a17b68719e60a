//! What becomes of the last stage: an image, and what leaves the store.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use oci_spec::image::{Descriptor, MediaType};
use serde_json::json;

use super::exchange::{self, Carrier};
use super::graph::{Below, Graph, Stage};
use super::leave::{self, Output};
use super::progress::Watch;
use super::schedule::Outcome;
use super::{Built, Squash, Surroundings, Wishes, squash};
use crate::base::digest::Digest;
use crate::engine::{Engine, manifests};
use crate::image::compose;
use crate::layer::compress;
use crate::layer::pack::{self, Form};
use crate::oci::image::{History, ImageConfig};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::runtime::userns::UserNamespace;
use crate::store::blobs::Blobs;
use crate::store::build_cache::Layer;
use crate::store::layers::Layers;
use crate::store::platforms;

/// An image that was made.
#[derive(Clone, Debug)]
pub struct Exported {
    pub id: Digest,
    pub manifest: Digest,
}

/// Makes what was wanted of the stage `target`.
pub fn export(
    around: &Surroundings<'_>,
    graph: &Graph,
    target: usize,
    made: &[Option<Outcome>],
    user: Option<&UserNamespace>,
    watch: &mut dyn Watch,
) -> Result<Option<Exported>> {
    let stage = &graph.stages[&target];
    let mut exported = None;
    for (number, output) in around.wishes.outputs.iter().enumerate() {
        match output {
            Output::Image | Output::Archive { .. } | Output::Layout(_) if exported.is_some() => {}
            Output::Image | Output::Archive { .. } | Output::Layout(_) => {
                exported = Some(image(around, stage, made, user, watch)?);
            }
            Output::Local(path) if around.wishes.is_for_several() => {
                let output = Output::Local(path.join(leave::own_directory(around)));
                leave::files(around, stage, made, user, (number, &output), watch)?;
            }
            Output::Local(_) | Output::Tar(_) => {
                leave::files(around, stage, made, user, (number, output), watch)?;
            }
        }
        // Images for several platforms go into one archive together.
        if let (Some(image), false) = (&exported, around.wishes.is_for_several()) {
            leave::images(around.engine, around.wishes, output, std::slice::from_ref(&image.manifest))?;
        }
    }
    Ok(exported)
}

fn image(
    around: &Surroundings<'_>,
    stage: &Stage,
    made: &[Option<Outcome>],
    user: Option<&UserNamespace>,
    watch: &mut dyn Watch,
) -> Result<Exported> {
    let is_kept = around.wishes.keeps_image();
    let vertex = watch.begin(match is_kept {
        true => leave::title(&Output::Image),
        false => around.wishes.outputs.iter().find(|output| output.is_image()).map_or("", leave::title),
    });
    let (mut config, mut layers) = base(around, stage)?;
    let inherited = config.rootfs.diff_ids.len();
    describe(around, stage, &mut config);
    add_steps(around, stage, made, &mut config, &mut layers)?;
    let joined = match around.wishes.squash {
        Squash::None => None,
        Squash::Own => Some((inherited, stage.history.len())),
        Squash::All => Some((0, config.history.len())),
    };
    let mut kept = inherited;
    if let Some((below, steps)) = joined.filter(|(below, _)| layers.len() > below + 1) {
        let layer = join_layers(around, user, below, steps, &mut config)?;
        layers.truncate(below);
        layers.push(layer);
        kept = below;
    }
    store_blobs(around, &config.rootfs.diff_ids[kept..], user)?;
    if around.wishes.cache_to.iter().any(|to| to.carrier == Carrier::Inline) {
        let nodes = stage.layers.iter().filter_map(Below::node);
        let outcomes = nodes.filter_map(|node| made.get(node)?.as_ref());
        config.build_cache = exchange::steps(outcomes, &config.rootfs.diff_ids);
    }
    watch.say(vertex, "exporting layers done");
    let tags = if around.wishes.is_for_several() { &[][..] } else { &around.wishes.tags };
    let names: Vec<Option<&Reference>> = match (is_kept, tags) {
        // An image that only leaves is none of the store's.
        (false, _) => Vec::new(),
        (true, []) => vec![None],
        (true, tags) => tags.iter().map(Some).collect(),
    };
    let layout = around.engine.layout();
    let (family, annotations) = (around.wishes.family, &around.wishes.annotations);
    let (id, manifest) = compose::store_annotated(layout, &layers, &config, family, annotations, &names)?;
    match is_kept {
        true => watch.say(vertex, &format!("writing image {id} done")),
        false => {
            watch.say(vertex, &format!("exporting manifest {manifest} done"));
            watch.say(vertex, &format!("exporting config {id} done"));
        }
    }
    for name in names.into_iter().flatten() {
        watch.say(vertex, &format!("naming to {} done", name.clone().with_default_tag()));
    }
    watch.done(vertex);
    Ok(Exported { id, manifest })
}

/// Says in the configuration what is not its base's, but for the steps.
fn describe(around: &Surroundings<'_>, stage: &Stage, config: &mut ImageConfig) {
    config.build_cache.clear();
    config.os.clone_from(&around.platform.os);
    config.architecture.clone_from(&around.platform.architecture);
    config.variant.clone_from(&around.platform.variant);
    config.config = stage.config.clone();
    let wishes = around.wishes;
    let is_wanted = |line: &String| {
        let name = line.split_once('=').map_or(line.as_str(), |(name, _)| name);
        !wishes.unset_env.iter().any(|unset| unset == name)
    };
    config.config.env.retain(is_wanted);
    config.config.labels.retain(|name, _| !wishes.unset_labels.contains(name));
    config.config.labels.extend(wishes.labels.clone());
    config.author.clone_from(&stage.author);
    config.comment = None;
    config.docker_version = None;
    config.rootfs.kind = "layers".to_owned();
}

/// Adds the layers and the history of the steps. The image was made when the last of them was.
fn add_steps(
    around: &Surroundings<'_>,
    stage: &Stage,
    made: &[Option<Outcome>],
    config: &mut ImageConfig,
    layers: &mut Vec<Descriptor>,
) -> Result<()> {
    let mut last = match around.wishes.epoch {
        Some(seconds) => {
            Some(jiff::Timestamp::from_second(seconds).context("SOURCE_DATE_EPOCH")?.to_string())
        }
        None => config.created.clone(),
    };
    for (created_by, node) in &stage.history {
        let made = match node {
            Some(node) => Some(&made[*node].as_ref().context("a step of the image was not done")?.made),
            None => None,
        };
        if let Some(made) = made {
            last = Some(made.created.to_string());
        }
        let layer = made.and_then(|made| made.layer.as_ref());
        if let Some(layer) = layer {
            config.rootfs.diff_ids.push(layer.diff_id.clone());
            layers.push(descriptor(layer)?);
        }
        config.history.push(History {
            created: last.clone(),
            created_by: created_by.clone(),
            author: String::new(),
            comment: "buildkit.dockerfile.v0".to_owned(),
            empty_layer: layer.is_none(),
        });
    }
    config.created = last.or_else(|| Some(around.created().to_string()));
    Ok(())
}

/// `--squash`: one layer in the place of all after the inherited ones, whose `steps` are then told as without.
fn join_layers(
    around: &Surroundings<'_>,
    user: Option<&UserNamespace>,
    inherited: usize,
    steps: usize,
    config: &mut ImageConfig,
) -> Result<Descriptor> {
    let place = around.scratch.join("squashed");
    let all = config.rootfs.diff_ids.clone();
    let layer = around.inside(user, || squash::squash(around, &all, inherited, &place))?;
    config.rootfs.diff_ids.truncate(inherited);
    config.rootfs.diff_ids.push(layer.diff_id.clone());
    let told = config.history.len() - steps;
    config.history[told..].iter_mut().for_each(|step| step.empty_layer = true);
    let comment = "all layers of the build in one".to_owned();
    config.history.push(History { created: config.created.clone(), comment, ..History::default() });
    descriptor(&layer)
}

/// A layer of a build, whose archive is kept as it is.
pub fn descriptor(layer: &Layer) -> Result<Descriptor> {
    compose::descriptor(compress::PLAIN_LAYER.into(), &layer.diff_id, layer.archive)
}

/// Gives images for several platforms their names together; returns what describes them all.
pub fn join(engine: &Engine, wishes: &Wishes, images: &[(Exported, Platform)]) -> Result<Option<Descriptor>> {
    if images.is_empty() {
        return Ok(None);
    }
    let describe = |(image, platform): &(Exported, Platform)| {
        let (content, _) = engine.images().manifest(&image.manifest)?;
        platforms::with_platform(&compose::describe(MediaType::ImageManifest, &content)?, platform)
    };
    let manifests = images.iter().map(describe).collect::<Result<Vec<_>>>()?;
    if wishes.keeps_image() {
        wishes.tags.iter().try_for_each(|name| engine.images().add_index(name, &manifests, None))?;
    }
    let images: Vec<Digest> = images.iter().map(|(image, _)| image.manifest.clone()).collect();
    for output in &wishes.outputs {
        leave::images(engine, wishes, output, &images)?;
    }
    compose::describe(MediaType::ImageIndex, &platforms::document(&manifests)?).map(Some)
}

/// Adds what was built to the list that was named, which is made if it is not there.
pub fn add_to_list(engine: &Engine, wishes: &Wishes, images: &[Exported]) -> Result<()> {
    let Some(list) = &wishes.manifest else { return Ok(()) };
    let members = images.iter().map(|image| engine.images().unlisted(&image.manifest));
    manifests::add_built(engine, list, members.collect::<Result<_>>()?)
}

/// What the image begins with: its base's document, and the layers that has.
fn base(around: &Surroundings<'_>, stage: &Stage) -> Result<(ImageConfig, Vec<Descriptor>)> {
    let Some(manifest) = &stage.base else { return Ok((ImageConfig::default(), Vec::new())) };
    let images = around.engine.images();
    let (_, manifest) = images.manifest(manifest).context("read the image that the build begins with")?;
    let (_, config) = images.config(&manifest.config().digest().as_ref().parse()?)?;
    let mut config: ImageConfig = config;
    // Each layer has its step: where the image tells of fewer, the rest has nothing to tell.
    let told = config.history.iter().filter(|step| !step.empty_layer).count();
    let untold = config.rootfs.diff_ids.len().saturating_sub(told);
    config.history.resize(config.history.len() + untold, History::default());
    Ok((config, manifest.layers().clone()))
}

/// Makes the archives of layers that were made when no image needed them.
pub fn store_blobs(around: &Surroundings<'_>, layers: &[Digest], user: Option<&UserNamespace>) -> Result<()> {
    let blobs = Blobs::new(around.engine.layout());
    let missing: Vec<&Digest> = layers.iter().filter(|diff_id| !blobs.has(diff_id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let layout = around.engine.layout();
    around.inside(user, || {
        for diff_id in missing {
            let top = Layers::new(layout).open(diff_id)?.open_dir("")?.into();
            let mut blob = Blobs::new(layout).writer()?;
            let packed = pack::pack(top, Path::new(""), Form::Upper, &mut blob, |_| false, None);
            packed.with_context(|| format!("pack layer {}", diff_id.short()))?;
            let (digest, _) = blob.keep()?;
            anyhow::ensure!(digest == *diff_id, "pack layer {}: it has been changed", diff_id.short());
        }
        Ok(())
    })
}

/// What describes the manifest of an image.
pub fn described(engine: &Engine, image: &Exported) -> Result<Descriptor> {
    let (content, manifest) = engine.images().manifest(&image.manifest)?;
    compose::describe(manifest.media_type().clone().unwrap_or(MediaType::ImageManifest), &content)
}

/// What `--metadata-file` says (buildx's keys). Images for several platforms have no configuration in common.
pub fn metadata(built: &Built, wishes: &Wishes) -> serde_json::Value {
    let mut fields = BTreeMap::new();
    if let (Some(image), false) = (&built.image, wishes.is_for_several()) {
        fields.insert("containerimage.config.digest", json!(image.id.to_string()));
    }
    if let Some(target) = &built.target {
        fields.insert("containerimage.descriptor", json!(target));
        fields.insert("containerimage.digest", json!(target.digest().to_string()));
    }
    if !wishes.tags.is_empty() {
        let names = wishes.tags.iter().map(|tag| tag.clone().with_default_tag().to_string());
        fields.insert("image.name", json!(names.collect::<Vec<_>>().join(",")));
    }
    json!(fields)
}
