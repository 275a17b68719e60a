//! What becomes of the last stage: an image, an archive, or its files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use oci_spec::image::{Descriptor, MediaType};
use serde_json::json;

use super::exchange::{self, Carrier};
use super::graph::{Below, Graph, Stage};
use super::progress::Watch;
use super::schedule::Outcome;
use super::tree::{self, Tree};
use super::{Squash, Surroundings, Wishes, squash};
use crate::base::copy::{Clash, Copier, CopyOptions};
use crate::base::digest::Digest;
use crate::base::exit::{self, ReaderGone};
use crate::base::hint;
use crate::engine::{Engine, manifests, namespace, save};
use crate::image::compose;
use crate::image::save::ArchiveFormat;
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
use crate::sys::path::Dir;

/// `--output`.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Image,
    /// The files, in a directory.
    Local(PathBuf),
    /// The files, in an archive; none is standard output.
    Tar(Option<PathBuf>),
    /// The image, in an archive.
    Archive {
        format: ArchiveFormat,
        to: Option<PathBuf>,
    },
}

impl Output {
    pub fn is_image(&self) -> bool {
        matches!(self, Self::Image | Self::Archive { .. })
    }
}

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
    for output in &around.wishes.outputs {
        match output {
            Output::Image | Output::Archive { .. } if exported.is_some() => {}
            Output::Image | Output::Archive { .. } => {
                exported = Some(image(around, stage, made, user, watch)?);
            }
            Output::Local(path) if around.wishes.is_for_several() => {
                let output = Output::Local(path.join(own_directory(around)));
                files(around, stage, made, user, &output, watch)?;
            }
            Output::Local(_) | Output::Tar(_) => files(around, stage, made, user, output, watch)?,
        }
        // Images for several platforms go into one archive together.
        if let (Output::Archive { format, to }, Some(image), false) =
            (output, &exported, around.wishes.is_for_several())
        {
            archive(around.engine, around.wishes, &image.id, *format, to.as_deref())?;
        }
    }
    Ok(exported)
}

/// The directory of a platform among others, as BuildKit calls it: `linux_arm_v7`.
fn own_directory(around: &Surroundings<'_>) -> String {
    around.platform.to_string().replace('/', "_")
}

fn image(
    around: &Surroundings<'_>,
    stage: &Stage,
    made: &[Option<Outcome>],
    user: Option<&UserNamespace>,
    watch: &mut dyn Watch,
) -> Result<Exported> {
    let vertex = watch.begin("exporting to image");
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
    let names: Vec<Option<&Reference>> = match tags.is_empty() {
        true => vec![None],
        false => tags.iter().map(Some).collect(),
    };
    let layout = around.engine.layout();
    let (family, annotations) = (around.wishes.family, &around.wishes.annotations);
    let (id, manifest) = compose::store_annotated(layout, &layers, &config, family, annotations, &names)?;
    watch.say(vertex, &format!("writing image {id} done"));
    for name in tags {
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
    let layer = inside(around, user, || squash::squash(around, &all, inherited, &place))?;
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

/// Gives images for several platforms their names together.
pub fn join(engine: &Engine, wishes: &Wishes, images: &[(Exported, Platform)]) -> Result<()> {
    let describe = |(image, platform): &(Exported, Platform)| {
        let (content, _) = engine.images().manifest(&image.manifest)?;
        platforms::with_platform(&compose::describe(MediaType::ImageManifest, &content)?, platform)
    };
    let manifests = images.iter().map(describe).collect::<Result<Vec<_>>>()?;
    wishes.tags.iter().try_for_each(|name| engine.images().add_index(name, &manifests, None))?;
    for output in &wishes.outputs {
        if let (Output::Archive { format, to }, Some((image, _))) = (output, images.first()) {
            archive(engine, wishes, &image.id, *format, to.as_deref())?;
        }
    }
    Ok(())
}

/// Adds what was built to the list that was named, which is made if it is not there.
pub fn add_to_list(engine: &Engine, wishes: &Wishes, images: &[Exported]) -> Result<()> {
    let Some(list) = &wishes.manifest else { return Ok(()) };
    let members = images.iter().map(|image| engine.images().lookup(&image.id.to_string()));
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
    inside(around, user, || {
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

/// Does work as root of the user's namespace, which is made if it is not there.
fn inside<T: serde::Serialize + serde::de::DeserializeOwned>(
    around: &Surroundings<'_>,
    user: Option<&UserNamespace>,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    match user {
        Some(user) => namespace::run_inside(user, work),
        None => namespace::run_inside(&namespace::open(around.engine)?.finish()?, work),
    }
}

fn archive(
    engine: &Engine,
    wishes: &Wishes,
    id: &Digest,
    format: ArchiveFormat,
    to: Option<&Path>,
) -> Result<()> {
    let names = match wishes.tags.is_empty() {
        true => vec![id.to_string()],
        false => wishes.tags.iter().map(Reference::to_string).collect(),
    };
    let out = create(to, false)?;
    use std::os::fd::AsFd;
    hint::of_output(save::archive(engine, &names, None, format, out.as_fd()))
}

/// Opens what is written to; `appends` where a part of it is there already.
fn create(to: Option<&Path>, appends: bool) -> Result<File> {
    match to {
        Some(path) => {
            let mut options = File::options();
            let options = options.create(true).append(appends).write(!appends).truncate(!appends);
            options.open(path).with_context(|| format!("create {}", path.display()))
        }
        None => {
            use std::os::fd::AsFd;
            let out = std::io::stdout().as_fd().try_clone_to_owned().context("open standard output")?;
            Ok(File::from(out))
        }
    }
}

/// Writes the files of a stage.
fn files(
    around: &Surroundings<'_>,
    stage: &Stage,
    made: &[Option<Outcome>],
    user: Option<&UserNamespace>,
    output: &Output,
    watch: &mut dyn Watch,
) -> Result<()> {
    let name = match output {
        Output::Local(path) => format!("exporting to {}", path.display()),
        _ => "exporting to tar".to_owned(),
    };
    let vertex = watch.begin(&name);
    let layout = around.engine.layout();
    let digests = stage.layers.iter().filter_map(|below| match below {
        Below::Image(digest) => Some(digest.clone()),
        Below::Node(node) => Some(made[*node].as_ref()?.made.layer.as_ref()?.diff_id.clone()),
    });
    let layers = digests.map(|digest| layout.layer(&digest).to_string_lossy().into_owned()).collect();
    let tree = Tree { layers, is_copied: around.is_copied };
    let place = around.scratch.join("output");
    let out = match output {
        Output::Tar(to) => Some(create(to.as_deref(), !around.is_first())?),
        Output::Local(path) => {
            std::fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
            None
        }
        _ => None,
    };
    let is_whole = hint::of_output(inside(around, user, || {
        tree::prepare()?;
        let root = tree.open(&place)?;
        exit::is_whole(match (output, out) {
            (Output::Local(path), _) => {
                let to = Dir::open(path).with_context(|| format!("open {}", path.display()))?;
                let options = CopyOptions {
                    owner: (0, 0),
                    keep_owner: false,
                    fold_ids: true,
                    keep_special: false,
                    mode: None,
                    attributes: false,
                    clash: Clash::Overwrite,
                    shown: path.clone(),
                };
                let mut copier = Copier::new(options);
                copier.contents(root.open_dir("")?.into(), to.open_dir("")?.into())
            }
            (_, Some(out)) => {
                let mut out = std::io::BufWriter::with_capacity(1 << 16, out);
                let top = root.open_dir("")?.into();
                pack_files(around, top, &mut out)
            }
            _ => Ok(()),
        })
    }))?;
    if !is_whole {
        return Err(ReaderGone.into());
    }
    watch.done(vertex);
    Ok(())
}

/// Writes an archive of files, or this platform's part of one.
fn pack_files(around: &Surroundings<'_>, top: OwnedFd, out: &mut impl Write) -> Result<()> {
    if !around.wishes.is_for_several() {
        return pack::pack(top, Path::new(""), Form::Files, out, |_| false, None).map(drop);
    }
    pack::pack_part(top, Path::new(&own_directory(around)), &mut *out)?;
    if around.is_last() { pack::end(out) } else { Ok(out.flush()?) }
}

/// What `--metadata-file` says (buildx's keys).
pub fn metadata(image: Option<&Exported>, tags: &[Reference]) -> serde_json::Value {
    let mut fields = BTreeMap::new();
    if let Some(image) = image {
        fields.insert("containerimage.config.digest", json!(image.id.to_string()));
        fields.insert("containerimage.digest", json!(image.manifest.to_string()));
    }
    if !tags.is_empty() {
        let names = tags.iter().map(|tag| tag.clone().with_default_tag().to_string());
        fields.insert("image.name", json!(names.collect::<Vec<_>>().join(",")));
    }
    json!(fields)
}
