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
use crate::store::images::{Image, Images, MANIFEST_LIMIT};
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
        let platform = request.platform.as_ref();
        let mut images = chosen(layout, &source, platform)?;
        for image in images.clone() {
            if seal::seal(layout, &image)?.is_some() {
                (images, sealed) = (chosen(layout, &source, platform)?, true);
            }
        }
        let index = index_of(layout, &images, platform)?;
        let sources = Sources::of(layout, &images, &target)?;
        let access = Access::Push { from: sources.repositories() };
        let endpoint = registries::target(target.domain(), target.path())?;
        let registry = Registry::new(&endpoint, &access, request.registry.clone());
        let push = Push { layout, images: &images, index, target: &target, progress, registry, sources };
        let digest = push.run()?;
        pushed.push(Pushed { reference: target, digest });
    }
    Ok((pushed, sealed))
}

/// Podman's transports to other places would otherwise be names of Docker Hub, where the image would go.
fn refuse_file(destination: &str) -> Result<()> {
    let Some((transport, path)) = destination.split_once(':') else { return Ok(()) };
    let format = match transport {
        "dir" => "docker-dir",
        "oci" => "oci-dir",
        "docker-archive" | "oci-archive" => transport,
        "containers-storage" | "docker-daemon" => {
            bail!("push to {destination}: not supported: an image goes to a registry")
        }
        _ => return Ok(()),
    };
    let path = path.split(':').next().unwrap_or_default();
    Err(anyhow!("push to {destination}: not supported: an image goes to a registry"))
        .hint(|| format!("coracle save --format {format} -o {path} IMAGE"))
}

/// Which images go where, of which there is at least one.
fn jobs(layout: &Layout, request: &PushRequest, progress: &dyn Progress) -> Result<Vec<(String, Reference)>> {
    if let Some(destination) = &request.destination {
        if request.all_tags {
            bail!("--all-tags takes no destination");
        }
        refuse_file(destination)?;
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

/// The image for a platform, or all that the name stands for.
fn chosen(layout: &Layout, source: &str, platform: Option<&Platform>) -> Result<Vec<Image>> {
    let image = Images::new(layout).lookup_for(source, platform)?;
    if platform.is_some() { Ok(vec![image]) } else { Images::new(layout).all_of(&image) }
}

/// The index that a name stands for, unless one image of it is meant.
fn index_of(layout: &Layout, images: &[Image], platform: Option<&Platform>) -> Result<Option<Vec<u8>>> {
    let is_index = |image: &&Image| platform.is_none() && image.target != image.manifest;
    let index = images.first().filter(is_index);
    let Some(image) = index else { return Ok(None) };
    let all = Images::new(layout).manifests_of(&image.target)?.len();
    if all != images.len() {
        let error = anyhow!("{} of the {all} images of the index are not here", all - images.len());
        return Err(error).hint(|| "push one of them with --platform, or pull the others");
    }
    Blobs::new(layout).read(&image.target, MANIFEST_LIMIT).map(Some)
}

/// Repositories that are known to have some of an image's layers.
struct Sources(Vec<(Digest, String)>);

impl Sources {
    /// Looks through the images that came from the target's registry, or went there.
    fn of(layout: &Layout, pushed: &[Image], target: &Reference) -> Result<Self> {
        let layers = pushed.iter().flat_map(|image| &image.layers);
        let wanted = layers.map(resolve::digest).collect::<Result<Vec<_>>>()?;
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
    /// At least one.
    images: &'a [Image],
    /// What the images are listed in; else there is one image.
    index: Option<Vec<u8>>,
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
        let size = self.index.as_ref().map_or(self.images[0].manifest_size, |index| index.len() as u64);
        self.progress.line(&format!("{tag}: digest: {digest} size: {size}"));
        Ok(digest)
    }

    /// Sends what is missing, and then what refers to it: the manifests, and their index last.
    async fn send(&self) -> Result<Digest> {
        let layers = self.announce()?;
        stream::iter(layers.iter().map(|layer| self.send_layer(layer)))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let tag = self.target.tag().unwrap_or("latest");
        let Some(index) = &self.index else { return self.send_manifest(&self.images[0], tag).await };
        for image in self.images {
            self.send_manifest(image, &image.manifest.to_string()).await?;
        }
        Ok(self.registry.put_manifest(tag, media::OCI_INDEX, index).await?)
    }

    /// Sends an image's configuration and manifest, under a tag or its digest.
    async fn send_manifest(&self, image: &Image, tag: &str) -> Result<Digest> {
        let (manifest, parsed) = Images::new(self.layout).manifest(&image.manifest)?;
        let config = resolve::digest(parsed.config())?;
        if !self.registry.has_blob(&config).await? {
            let sent = self.send_blob(&config, parsed.config().size(), None, &|_| {}).await;
            sent.with_context(|| format!("image configuration {}", config.short()))?;
        }
        Ok(self.registry.put_manifest(tag, &image.media_type, &manifest).await?)
    }

    /// Tells docker's first line of each layer, the topmost first, and returns each once.
    fn announce(&self) -> Result<Vec<Layer>> {
        let mut layers: Vec<Layer> = Vec::new();
        let pairs = |image: &'_ Image| {
            let pairs = image.layers.iter().cloned().zip(image.config.rootfs.diff_ids.clone());
            pairs.rev().collect::<Vec<_>>()
        };
        for (described, diff_id) in self.images.iter().flat_map(pairs) {
            let (id, digest) = (diff_id.short(), resolve::digest(&described)?);
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
        let (image, images) = (&self.images[0], Images::new(self.layout));
        if !image.names.contains(self.target) {
            return Ok(());
        }
        if self.index.is_some() {
            let manifests = images.manifests_of(&image.target)?;
            return images.add_index(self.target, &manifests, Some(digest));
        }
        if image.target != image.manifest {
            // The name stands for more than was pushed.
            return Ok(());
        }
        let builder = DescriptorBuilder::default().media_type(image.media_type.as_str());
        let builder = builder.digest(image.manifest.to_string().parse::<oci_spec::image::Digest>()?);
        let descriptor: Descriptor = builder.size(image.manifest_size).build()?;
        images.add(Some(self.target), &descriptor, Some(digest))
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
