//! Pushes an image: what the registry lacks, several layers at once, the manifest last.
//!
//! The manifest goes up as it is in the store, to the byte, so that an image that was pulled has the same digest
//! everywhere; layers made here are compressed first ([`super::seal`]). A layer that another repository of the
//! registry is known to have is taken over from there.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use oci_spec::image::{Descriptor, DescriptorBuilder};
use tokio::runtime::Builder as RuntimeBuilder;
use tokio::sync::mpsc;

use super::progress::{LayerState, Progress};
use super::{resolve, seal};
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::config::registries;
use crate::oci::media;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::registry::{Access, Content, Failure, Mounted, Options, Registry, Upload};
use crate::store::blobs::Blobs;
use crate::store::gc;
use crate::store::images::{Image, Images};
use crate::store::layout::Layout;

/// Layers in transfer at the same time, as docker's `max-concurrent-uploads`.
const AT_ONCE: usize = 5;
/// Repositories of the registry that layers are taken over from. Each is named in the request for a token.
const MAX_SOURCES: usize = 8;
/// What is read from a blob at once, and how many of them may wait for the network.
const CHUNK: usize = 256 << 10;
const CHUNKS_AHEAD: usize = 4;
/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// What to push.
pub struct PushRequest {
    /// The name as the user typed it.
    pub reference: String,
    /// Where to, if that is not what the name says.
    pub destination: Option<String>,
    /// Every tag of the repository.
    pub all_tags: bool,
    /// What `--platform` asked for.
    pub platform: Option<Platform>,
    pub registry: Options,
}

/// What was pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    pub reference: Reference,
    /// The digest that the registry knows it by.
    pub digest: Digest,
}

/// Pushes one image, or all of a repository. Runs in the user namespace that owns the store's files.
pub fn push(layout: &Layout, request: &PushRequest, progress: &dyn Progress) -> Result<Vec<Pushed>> {
    layout.create()?;
    let hold = gc::hold(layout)?;
    let pushed = push_held(layout, request, progress);
    let released = gc::release(layout, hold);
    let (pushed, sealed) = pushed?;
    released?;
    if sealed {
        gc::collect(layout)?;
    }
    Ok(pushed)
}

fn push_held(layout: &Layout, request: &PushRequest, progress: &dyn Progress) -> Result<(Vec<Pushed>, bool)> {
    let jobs = jobs(layout, request, progress)?;
    let target = &jobs[0].1;
    progress.line(&format!("The push refers to repository [{}]", target.name()));
    let (mut pushed, mut sealed) = (Vec::new(), false);
    for (source, target) in jobs {
        let mut image = Images::new(layout).lookup(&source)?;
        check_platform(&image, &source, request.platform.as_ref())?;
        if seal::seal(layout, &image)?.is_some() {
            (image, sealed) = (Images::new(layout).lookup(&source)?, true);
        }
        let sources = Sources::of(layout, &image, &target)?;
        let access = Access::Push { from: sources.repositories() };
        let endpoint = registries::target(target.domain(), target.path())?;
        let registry = Registry::new(&endpoint, &access, request.registry.clone());
        let push = Push { layout, image: &image, target: &target, progress, registry, sources };
        let digest = push.run()?;
        pushed.push(Pushed { reference: target, digest });
    }
    Ok((pushed, sealed))
}

/// Which images go where, of which there is at least one.
fn jobs(layout: &Layout, request: &PushRequest, progress: &dyn Progress) -> Result<Vec<(String, Reference)>> {
    if let Some(destination) = &request.destination {
        let text = destination.strip_prefix("docker://").unwrap_or(destination);
        let target = Reference::parse(text)?;
        refuse_digest(&target)?;
        return Ok(vec![(request.reference.clone(), target.with_default_tag())]);
    }
    let name = Reference::parse(&request.reference)?;
    refuse_digest(&name)?;
    let own = tags_of(layout, &name)?;
    if request.all_tags {
        if name.tag().is_some() {
            bail!("tag can't be used with --all-tags/-a");
        }
        return Ok(own.into_iter().map(|name| (name.to_string(), name)).collect());
    }
    if name.tag().is_none() {
        progress.line("Using default tag: latest");
    }
    let name = name.with_default_tag();
    if !own.contains(&name) {
        bail!("tag does not exist: {}", name.familiar());
    }
    Ok(vec![(name.to_string(), name)])
}

fn refuse_digest(name: &Reference) -> Result<()> {
    if name.digest().is_some() {
        bail!("cannot push a digest reference");
    }
    Ok(())
}

/// Every tag that this repository has here.
fn tags_of(layout: &Layout, name: &Reference) -> Result<Vec<Reference>> {
    let (images, _) = Images::new(layout).list()?;
    let all = images.into_iter().flat_map(|image| image.names);
    let mut own: Vec<Reference> = all.filter(|other| other.name() == name.name()).collect();
    if own.is_empty() {
        bail!("An image does not exist locally with the tag: {}", name.familiar_name());
    }
    own.sort();
    Ok(own)
}

fn check_platform(image: &Image, source: &str, wanted: Option<&Platform>) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let config = &image.config;
    let own = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    if wanted.rank(&own).is_none() {
        bail!(
            "image with reference {source} was found but does not provide the specified platform ({wanted})"
        );
    }
    Ok(())
}

/// Repositories that are known to have some of an image's layers.
struct Sources(Vec<(Digest, String)>);

impl Sources {
    /// Looks through the images that came from the target's registry, or went there.
    fn of(layout: &Layout, image: &Image, target: &Reference) -> Result<Self> {
        let wanted = image.layers.iter().map(resolve::digest).collect::<Result<Vec<_>>>()?;
        let (images, _) = Images::new(layout).list()?;
        let mut found: Vec<(Digest, String)> = Vec::new();
        for other in &images {
            let places = other.repo_digests.iter().map(|(name, _)| name);
            let places: Vec<_> = places
                .filter(|name| name.domain() == target.domain() && name.path() != target.path())
                .collect();
            let layers = other.layers.iter().filter_map(|layer| resolve::digest(layer).ok());
            for digest in layers.filter(|digest| wanted.contains(digest)) {
                found.extend(places.iter().map(|place| (digest.clone(), place.path().to_owned())));
            }
        }
        let mut sources = Self(found);
        let repositories = sources.repositories();
        sources.0.retain(|(_, path)| repositories.contains(path));
        Ok(sources)
    }

    /// Each repository once, and not too many of them.
    fn repositories(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.0.iter().map(|(_, path)| path.clone()).collect();
        paths.sort();
        paths.dedup();
        paths.truncate(MAX_SOURCES);
        paths
    }

    fn for_layer(&self, digest: &Digest) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == digest).map(|(_, path)| path.as_str())
    }
}

struct Push<'a> {
    layout: &'a Layout,
    image: &'a Image,
    target: &'a Reference,
    progress: &'a dyn Progress,
    registry: Registry,
    sources: Sources,
}

/// A layer on its way up.
struct Layer {
    id: String,
    digest: Digest,
    size: u64,
    media_type: String,
}

impl Push<'_> {
    fn run(self) -> Result<Digest> {
        let runtime = RuntimeBuilder::new_current_thread().enable_all().build();
        let runtime = runtime.context("start the network")?;
        let result = runtime.block_on(self.send());
        runtime.shutdown_background();
        let digest = in_context(result, self.target)?;
        self.record(&digest)?;
        let tag = self.target.tag().unwrap_or_default();
        let size = self.image.manifest_size;
        self.progress.line(&format!("{tag}: digest: {digest} size: {size}"));
        Ok(digest)
    }

    /// Sends what is missing, and then the manifest, which refers to it.
    async fn send(&self) -> Result<Digest> {
        let layers = self.announce()?;
        stream::iter(layers.iter().map(|layer| self.send_layer(layer)))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let (manifest, parsed) = Images::new(self.layout).manifest(&self.image.manifest)?;
        let config = resolve::digest(parsed.config())?;
        if !self.registry.has_blob(&config).await? {
            let sent = self.send_blob(&config, parsed.config().size(), None, &|_| {}).await;
            sent.with_context(|| format!("image configuration {}", config.short()))?;
        }
        let tag = self.target.tag().unwrap_or("latest");
        Ok(self.registry.put_manifest(tag, &self.image.media_type, &manifest).await?)
    }

    /// Tells docker's first line of each layer, the topmost first, and returns each once.
    fn announce(&self) -> Result<Vec<Layer>> {
        let mut layers: Vec<Layer> = Vec::new();
        let pairs = self.image.layers.iter().zip(&self.image.config.rootfs.diff_ids);
        for (described, diff_id) in pairs.rev() {
            let (id, digest) = (diff_id.short(), resolve::digest(described)?);
            self.progress.layer(&id, LayerState::Preparing);
            if !layers.iter().any(|other| other.digest == digest) {
                let (size, media_type) = (described.size(), described.media_type().to_string());
                layers.push(Layer { id, digest, size, media_type });
            }
        }
        for waiting in layers.iter().skip(AT_ONCE) {
            self.progress.layer(&waiting.id, LayerState::Waiting);
        }
        Ok(layers)
    }

    async fn send_layer(&self, layer: &Layer) -> Result<()> {
        let sent = self.try_layer(layer).await;
        let state = sent.with_context(|| format!("layer {}", layer.digest.short()))?;
        self.progress.layer(&layer.id, state);
        Ok(())
    }

    async fn try_layer(&self, layer: &Layer) -> Result<LayerState> {
        let tell = |state| self.progress.layer(&layer.id, state);
        if self.registry.has_blob(&layer.digest).await? || media::is_foreign(&layer.media_type) {
            return Ok(LayerState::LayerAlreadyExists);
        }
        let mut place = None;
        if let Some(from) = self.sources.for_layer(&layer.digest) {
            match self.registry.mount(&layer.digest, from).await {
                Ok(Mounted::Done) => return Ok(LayerState::MountedFrom(from.to_owned())),
                Ok(Mounted::Wanted(upload)) => place = Some(upload),
                // Who may not read there may still write here.
                Err(Failure::Denied { .. } | Failure::NotFound { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let total = layer.size;
        let moved = |current| tell(LayerState::Pushing { current, total });
        self.send_blob(&layer.digest, layer.size, place, &moved).await?;
        Ok(LayerState::Pushed)
    }

    /// Sends a blob of the store, and tells `moved` now and then how much of it has gone.
    async fn send_blob(
        &self,
        digest: &Digest,
        size: u64,
        place: Option<Upload>,
        moved: &dyn Fn(u64),
    ) -> Result<()> {
        let blobs = Blobs::new(self.layout);
        let content = |offset| match blobs.open(digest).and_then(|file| read_from(file, offset)) {
            Ok(content) => content,
            Err(error) => Box::pin(stream::iter([Err(io::Error::other(format!("{error:#}")))])),
        };
        // Before the network is asked: a damaged store is no failure of the registry's.
        blobs.open(digest).hint(|| "the store is damaged: pull the image again")?;
        let gone = Arc::new(AtomicU64::new(0));
        let mut upload = std::pin::pin!(self.registry.upload(digest, size, place, content, &gone));
        loop {
            tokio::select! {
                sent = &mut upload => return Ok(sent?),
                () = tokio::time::sleep(TICK) => moved(gone.load(Ordering::Relaxed)),
            }
        }
    }

    /// Notes what the registry knows the image by, if the name is one of this store.
    fn record(&self, digest: &Digest) -> Result<()> {
        if !self.image.names.contains(self.target) {
            return Ok(());
        }
        let builder = DescriptorBuilder::default().media_type(self.image.media_type.as_str());
        let builder = builder.digest(self.image.manifest.to_string().parse::<oci_spec::image::Digest>()?);
        let descriptor: Descriptor = builder.size(self.image.manifest_size).build()?;
        Images::new(self.layout).add(Some(self.target), &descriptor, Some(digest))
    }
}

/// Reads a file in a thread of its own, some chunks ahead of the network.
fn read_from(mut file: File, offset: u64) -> Result<Content> {
    let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
    file.seek(SeekFrom::Start(offset)).context("read the blob")?;
    let read = move || {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let (piece, last) = match file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk) {
                Ok(0) => return,
                Ok(_) => (Ok(chunk.into()), false),
                Err(error) => (Err(error), true),
            };
            if sender.blocking_send(piece).is_err() || last {
                return;
            }
        }
    };
    Builder::new().name("read".to_owned()).spawn(read).context("start a thread")?;
    Ok(Box::pin(stream::poll_fn(move |context| chunks.poll_recv(context))))
}

/// Says what was being pushed, and what may help.
fn in_context<T>(result: Result<T>, target: &Reference) -> Result<T> {
    let Err(error) = result else { return result };
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    let hint = failure.and_then(|failure| match failure {
        Failure::Denied { .. } => Some(format!("coracle login {}", target.domain())),
        other => other.hint(),
    });
    let denied = failure.and_then(|failure| match failure {
        Failure::Denied { message } if !message.is_empty() => Some(format!(": {message}")),
        Failure::Denied { .. } => Some(String::new()),
        _ => None,
    });
    let result = Err(match denied {
        Some(words) => anyhow!("push access denied for {}{words}", target.familiar_name()),
        None => error.context(format!("push {target}")),
    });
    match hint {
        Some(hint) => result.hint(|| hint),
        None => result,
    }
}
