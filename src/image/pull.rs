//! Pulls an image: which manifest, which layers are missing, all of them at once into the store, the name last.
//!
//! ```text
//! this thread   registry ── chunks ──> bounded channel ──┐          (async, one connection per layer)
//! one thread per layer            hash, store, inflate, unpack       (blocking: image::ingest)
//! ```
//!
//! The channels are short, so a slow disk slows the network down instead of filling memory. The first
//! failure drops every other download; their threads then end at the next read and leave nothing behind.

use std::io::{self, Read};
use std::thread::{Builder, Scope};

use anyhow::{Context, Result, anyhow};
use bytes::{Buf, Bytes};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use oci_spec::image::{Descriptor, DescriptorBuilder, ImageManifest};
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::admission;
use super::ingest::{self, Batch, IngestOptions, LayerWanted, Presence, WrongBlob, presence};
use super::progress::{LayerState, Progress, Silent};
use super::{resolve, search};
use crate::base::digest::Digest;
use crate::base::hint::{self, HintExt};
use crate::config::registries::{self, Endpoint, shortnames};
use crate::oci::media::Kind;
use crate::oci::platform::Platform;
use crate::oci::reference::{DOCKER_IO, Reference};
use crate::registry::{Access, Document, Failure, Options, Registry};
use crate::store::blobs::{BlobWriter, Blobs};
use crate::store::gc;
use crate::store::images::Images;
use crate::store::layout::Layout;
use crate::store::partial;

/// Layers in transfer at the same time: one more than docker's `max-concurrent-downloads`, which leave the last of four
/// layers to a single processor for a seventh of a pull.
const AT_ONCE: usize = 4;
/// The same where any is zstd, whose windows of up to 8 MB would not leave room for a fourth in 64 MB.
const AT_ONCE_ZSTD: usize = 3;
/// Chunks of up to about 400 kB that may wait for one layer's thread.
const CHUNKS_AHEAD: usize = 8;
/// An index may point at another index; nobody needs more of them in a row.
const MAX_INDEXES: usize = 3;
const MAX_DOCUMENT: u64 = 8 << 20;

/// What to pull.
pub struct PullRequest {
    /// The name as the user typed it.
    pub reference: String,
    /// What `--platform` asked for; `None` is this machine's.
    pub platform: Option<Platform>,
    pub registry: Options,
    /// Every file belongs to the one id that is mapped, for users without subordinate ids.
    pub fold_ids: bool,
}

/// What a pull brought.
pub struct Pulled {
    /// The name in full, as the last line of `pull` shows it.
    pub reference: Reference,
    /// What the registry's name pointed at: a manifest or an index.
    pub digest: Digest,
    /// The manifest of the image itself.
    pub manifest: Digest,
}

/// Pulls an image into the store. Runs in the user namespace that owns the store's files, as its uid 0.
pub fn pull(layout: &Layout, request: &PullRequest, progress: &dyn Progress) -> Result<Pulled> {
    let references = meanings(&request.reference, progress)?;
    holding(layout, || {
        let place = |reference: &Reference| reference.domain().to_owned();
        first_of(&references, place, |reference| pull_from_first(layout, request, reference, progress))
    })
}

/// Pulls every tag of a repository.
pub fn pull_all(layout: &Layout, request: &PullRequest, progress: &dyn Progress) -> Result<Vec<Pulled>> {
    let references = meanings(&request.reference, &Silent)?;
    holding(layout, || {
        let place = |reference: &Reference| reference.domain().to_owned();
        let (repository, tags) = first_of(&references, place, |reference| {
            let runtime = RuntimeBuilder::new_current_thread().enable_all().build();
            let runtime = runtime.context("start the network")?;
            let tags = runtime.block_on(search::list(reference, &request.registry));
            runtime.shutdown_background();
            Ok((reference.name(), in_context(tags, reference)?))
        })?;
        let tagged = tags.iter().map(|tag| Reference::parse(&format!("{repository}:{tag}")));
        tagged.map(|reference| pull_from_first(layout, request, &reference?, progress)).collect()
    })
}

/// Does work whose blobs and layers nothing refers to before it is done.
fn holding<T>(layout: &Layout, work: impl FnOnce() -> Result<T>) -> Result<T> {
    layout.create()?;
    let hold = gc::hold(layout)?;
    partial::sweep(layout, partial::PATIENCE)?;
    let done = work();
    let released = gc::release(layout, hold);
    let done = done?;
    released?;
    Ok(done)
}

/// What the first place gives that does not fail itself; the last one's error tells of the others.
fn first_of<P, T>(
    places: &[P],
    shown: impl Fn(&P) -> String,
    attempt: impl Fn(&P) -> Result<T>,
) -> Result<T> {
    let (last, others) = places.split_last().context("there is no place to pull from")?;
    let mut failures = String::new();
    for place in others {
        match attempt(place) {
            Err(error) if is_of_the_registry(&error) => {
                failures.push_str(&format!("; {}: {error:#}", shown(place)));
            }
            result => return result,
        }
    }
    attempt(last).map_err(|error| match failures.is_empty() {
        true => error,
        false => anyhow!("{error:#}{failures}"),
    })
}

/// Pulls from the first place that has the whole image: the mirrors in their order, then the registry itself.
/// What one of them brought the next need not bring again.
fn pull_from_first(
    layout: &Layout,
    request: &PullRequest,
    reference: &Reference,
    progress: &dyn Progress,
) -> Result<Pulled> {
    let by_digest = reference.digest().is_some();
    let endpoints = registries::endpoints(reference.domain(), reference.path(), by_digest)?;
    let pull = |endpoint: &Endpoint| {
        let registry = Registry::new(endpoint, &Access::Pull, request.registry.clone());
        Pull { layout, request, progress, registry, reference: reference.clone() }.run()
    };
    first_of(&endpoints, |mirror| format!("mirror {}", mirror.domain), pull)
}

/// Whether another place could do better: what is wrong with the disk is wrong everywhere.
fn is_of_the_registry(error: &anyhow::Error) -> bool {
    let is = |cause: &(dyn std::error::Error + 'static)| cause.is::<Failure>() || cause.is::<WrongBlob>();
    error.chain().any(is) || error.is::<Unnamed>()
}

/// A name that leads nowhere, in docker's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unnamed(String);

/// The names in full that a name may mean, in the order in which they are tried: one, but for a short name.
fn meanings(typed: &str, progress: &dyn Progress) -> Result<Vec<Reference>> {
    let reference = Reference::parse(typed)?;
    if reference.tag().is_none() && reference.digest().is_none() {
        progress.line("Using default tag: latest");
    }
    let meanings = shortnames::candidates(typed)?;
    if meanings.is_empty() {
        return Ok(vec![whole(reference)]);
    }
    let parsed = meanings.iter().map(|meaning| {
        let reference =
            Reference::parse(meaning).with_context(|| format!("use the short name {typed} as {meaning}"))?;
        Ok(whole(reference))
    });
    parsed.collect()
}

/// A digest says more than a tag beside it, so the tag goes, as in docker.
fn whole(reference: Reference) -> Reference {
    match reference.digest() {
        Some(digest) => reference.at(digest.clone()),
        None => reference.with_default_tag(),
    }
}

struct Pull<'a> {
    layout: &'a Layout,
    request: &'a PullRequest,
    progress: &'a dyn Progress,
    registry: Registry,
    reference: Reference,
}

/// A layer to bring.
struct Missing<'l> {
    want: &'l LayerWanted,
    /// The blob is here, and only has to be unpacked.
    stored: bool,
}

/// An image's documents, checked against each other.
struct Documents {
    manifest: Document,
    parsed: ImageManifest,
    config_digest: Digest,
    config: Vec<u8>,
    layers: Vec<LayerWanted>,
}

impl Pull<'_> {
    fn run(self) -> Result<Pulled> {
        let runtime = RuntimeBuilder::new_current_thread().enable_all().build();
        let runtime = runtime.context("start the network")?;
        let result = runtime.block_on(self.documents()).and_then(|(named, documents)| {
            let fresh = self.fetch_layers(&runtime, &documents)?;
            self.record(named, &documents, fresh)
        });
        // A name that is still being looked up must not hold up the answer.
        runtime.shutdown_background();
        let reference = self.reference;
        in_context(result, &reference)
    }

    /// Fetches the documents; also tells what the name itself points at.
    async fn documents(&self) -> Result<(Digest, Documents)> {
        let top = match (self.reference.tag(), self.reference.digest()) {
            (_, Some(digest)) => self.registry.manifest_by_digest(digest).await,
            (tag, None) => self.registry.tagged(tag.unwrap_or("latest")).await,
        };
        let top = top?;
        let shown = self.reference.tag().map_or_else(|| self.reference.to_string(), str::to_owned);
        self.progress.line(&format!("{shown}: Pulling from {}", self.reference.path()));
        let named = top.digest.clone();
        let manifest = self.descend(top).await?;
        admission::admit(&self.registry, &self.reference, &manifest.digest).await?;
        let parsed = resolve::manifest(&manifest.bytes)?;
        let (config_digest, config) = self.config(parsed.config()).await?;
        let image = resolve::config(&config, self.request.platform.as_ref())?;
        let layers = resolve::layers(&parsed, &image)?;
        Ok((named, Documents { manifest, parsed, config_digest, config, layers }))
    }

    /// Follows indexes down to the manifest of one image.
    async fn descend(&self, mut document: Document) -> Result<Document> {
        let wanted = self.request.platform.clone().unwrap_or_else(Platform::host);
        for _ in 0..MAX_INDEXES {
            if document.kind == Kind::Manifest {
                return Ok(document);
            }
            let chosen = resolve::choose(&document.bytes, &wanted)?;
            let digest = resolve::digest(&chosen)?;
            document = self.manifest(&digest, &chosen).await.with_context(|| format!("manifest {digest}"))?;
        }
        if document.kind == Kind::Index {
            return Err(anyhow!("more than {MAX_INDEXES} image indexes point at each other"));
        }
        Ok(document)
    }

    async fn manifest(&self, digest: &Digest, described: &Descriptor) -> Result<Document> {
        let document = match self.stored(digest) {
            Some(bytes) => {
                let kind = Kind::of_document(Some(described.media_type().as_ref()), &bytes)?;
                Document { bytes, digest: digest.clone(), kind }
            }
            None => self.registry.manifest_by_digest(digest).await?,
        };
        let (expected, actual) = (described.size(), document.bytes.len() as u64);
        if expected != actual {
            return Err(Failure::Size { expected, actual }.into());
        }
        let media_type = described.media_type().to_string();
        if Kind::of_type(&media_type).is_ok_and(|kind| kind != document.kind) {
            return Err(Failure::Answer(format!("the index says that it is {media_type}")).into());
        }
        Ok(document)
    }

    async fn config(&self, described: &Descriptor) -> Result<(Digest, Vec<u8>)> {
        let digest = resolve::digest(described)?;
        let config = match self.stored(&digest) {
            Some(config) => config,
            None => {
                let fetched = self.registry.config(&digest, described.size()).await;
                fetched.with_context(|| format!("image configuration {digest}"))?
            }
        };
        Ok((digest, config))
    }

    /// A document that is in the store already. A damaged one is taken away, so that it can be replaced.
    fn stored(&self, digest: &Digest) -> Option<Vec<u8>> {
        let blobs = Blobs::new(self.layout);
        if !blobs.has(digest) {
            return None;
        }
        // If it can neither be read nor removed, storing it again will say why.
        blobs.read(digest, MAX_DOCUMENT).inspect_err(|_| drop(blobs.remove(digest))).ok()
    }

    /// Brings every layer that is missing; false if there was none. When one fails, those that are complete are
    /// kept, and the next pull goes on from there.
    fn fetch_layers(&self, runtime: &Runtime, documents: &Documents) -> Result<bool> {
        let missing = self.announce(documents);
        if missing.is_empty() {
            return Ok(false);
        }
        ingest::check_room(self.layout, missing.iter().map(|missing| missing.want))?;
        let batch = Batch::new(self.layout, IngestOptions::new(self.request.fold_ids), self.progress)?;
        let fetched: Result<()> = std::thread::scope(|scope| {
            let fetches = missing.iter().map(|missing| self.fetch_layer(scope, missing, &batch));
            runtime.block_on(
                stream::iter(fetches).buffer_unordered(at_once(&documents.parsed)).try_collect::<()>(),
            )
        });
        let stored = batch.store();
        fetched.and(stored).inspect_err(|error| self.make_room(error, &missing)).map(|()| true)
    }

    /// On a full disk nothing is kept for a later pull.
    fn make_room(&self, error: &anyhow::Error, missing: &[Missing]) {
        if hint::is_about_room(error) {
            for missing in missing {
                // The full disk is what the user has to hear of.
                let _ = partial::remove(self.layout, &missing.want.digest);
            }
        }
    }

    /// Tells docker's first line of each layer, and returns those to bring, each once. Of an image that is
    /// here whole docker does not mention the layers.
    fn announce<'d>(&self, documents: &'d Documents) -> Vec<Missing<'d>> {
        let present: Vec<_> =
            documents.layers.iter().map(|want| (want, presence(self.layout, want))).collect();
        let is_whole = present.iter().all(|(_, presence)| *presence == Presence::Whole);
        if is_whole && Blobs::new(self.layout).has(&documents.manifest.digest) {
            return Vec::new();
        }
        let mut missing: Vec<Missing> = Vec::new();
        for (want, presence) in present {
            let stored = match presence {
                Presence::Whole => {
                    self.progress.layer(&want.digest.short(), LayerState::AlreadyExists);
                    continue;
                }
                Presence::Blob => true,
                Presence::Missing => false,
            };
            let is_same =
                |other: &Missing| other.want.digest == want.digest && other.want.diff_id == want.diff_id;
            if !missing.iter().any(is_same) {
                self.progress.layer(&want.digest.short(), LayerState::PullingFsLayer);
                missing.push(Missing { want, stored });
            }
        }
        for waiting in missing.iter().skip(at_once(&documents.parsed)) {
            self.progress.layer(&waiting.want.digest.short(), LayerState::Waiting);
        }
        missing
    }

    async fn fetch_layer<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        missing: &Missing<'scope>,
        batch: &'scope Batch<'_>,
    ) -> Result<()> {
        let want = missing.want;
        if missing.stored {
            return in_thread(scope, move || batch.unpack_stored(want))?.await?;
        }
        let blobs = Blobs::new(self.layout);
        let blob = blobs.resume(&want.digest, want.size)?;
        let is_resumed = blob.present() > 0;
        match self.fetch_to(blob, scope, want, batch).await {
            // It may be what an earlier pull has left, for instance before a power cut. It is gone now.
            Err(error) if is_resumed && error.chain().any(|cause| cause.is::<WrongBlob>()) => {
                self.fetch_to(blobs.resume(&want.digest, want.size)?, scope, want, batch).await
            }
            result => result,
        }
    }

    /// Fetches what is missing of a blob, and unpacks the whole.
    async fn fetch_to<'scope>(
        &self,
        blob: BlobWriter,
        scope: &'scope Scope<'scope, '_>,
        want: &'scope LayerWanted,
        batch: &'scope Batch<'_>,
    ) -> Result<()> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let from = blob.present();
        let outcome = in_thread(scope, move || batch.add_to(blob, ChunkReader::new(chunks), want))?;
        let download = self.download(want, from, sender).await;
        download.with_context(|| format!("layer {}", want.digest.short()))?;
        outcome.await?
    }

    /// Sends the bytes of a layer to its thread, and then that there are no more.
    async fn download(
        &self,
        want: &LayerWanted,
        from: u64,
        sender: mpsc::Sender<Message>,
    ) -> Result<(), Failure> {
        let deliver = async |chunk| sender.send(Message::Chunk(chunk)).await.is_ok();
        if from < want.size {
            self.registry.blob(&want.digest, (from, want.size), deliver).await?;
        }
        // A thread that is gone has a reason, which its result tells.
        drop(sender.send(Message::End).await);
        Ok(())
    }

    /// Stores the documents, then the name: whoever sees the name finds everything beneath it.
    fn record(&self, digest: Digest, documents: &Documents, fresh: bool) -> Result<Pulled> {
        let (blobs, images) = (Blobs::new(self.layout), Images::new(self.layout));
        let manifest = documents.manifest.digest.clone();
        let before = images.lookup_for(&self.reference.to_string(), self.request.platform.as_ref()).ok();
        blobs.put(&documents.config_digest, &documents.config)?;
        blobs.put(&manifest, &documents.manifest.bytes)?;
        images.add(Some(&self.reference), &descriptor(documents)?, Some(&digest))?;
        let same = before.is_some_and(|image| {
            image.manifest == manifest && image.repo_digests.iter().any(|(_, known)| *known == digest)
        });
        self.progress.line(&format!("Digest: {digest}"));
        let status = if same && !fresh { "Image is up to date" } else { "Downloaded newer image" };
        self.progress.line(&format!("Status: {status} for {}", self.reference.familiar()));
        Ok(Pulled { reference: self.reference.clone(), digest, manifest })
    }
}

/// How many layers of an image are brought at the same time.
fn at_once(manifest: &ImageManifest) -> usize {
    let is_zstd = |layer: &Descriptor| layer.media_type().as_ref().ends_with("zstd");
    if manifest.layers().iter().any(is_zstd) { AT_ONCE_ZSTD } else { AT_ONCE }
}

/// Runs something that blocks in a thread of its own; awaits its result.
fn in_thread<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> Result<()> + Send + 'scope,
) -> Result<impl Future<Output = Result<Result<()>>>> {
    let (done, outcome) = oneshot::channel();
    let work = move || {
        // Nobody listens any more when another layer has failed.
        drop(done.send(work()));
    };
    Builder::new().name("layer".to_owned()).spawn_scoped(scope, work).context("start a thread")?;
    Ok(async { outcome.await.context("unpacking ended without a result") })
}

fn descriptor(documents: &Documents) -> Result<Descriptor> {
    use oci_spec::image::{Digest as SpecDigest, MediaType};
    let own = documents.parsed.media_type().clone();
    let digest: SpecDigest = documents.manifest.digest.to_string().parse()?;
    let builder =
        DescriptorBuilder::default().media_type(own.unwrap_or(MediaType::ImageManifest)).digest(digest);
    Ok(builder.size(documents.manifest.bytes.len() as u64).build()?)
}

/// Says what was being pulled, and what may help.
fn in_context<T>(result: Result<T>, reference: &Reference) -> Result<T> {
    let Err(error) = result else { return result };
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    let hint = failure.and_then(|failure| hint(failure, reference));
    // Beneath a context it is a layer that was refused or is missing, not the name.
    let top = error.chain().next().and_then(|top| top.downcast_ref::<Failure>());
    let result = Err(match top.and_then(|top| about_name(top, reference)) {
        Some(words) => Unnamed(words).into(),
        None => error.context(format!("pull {reference}")),
    });
    match hint {
        Some(hint) => result.hint(|| hint),
        None => result,
    }
}

/// Docker's words for a name that leads nowhere.
fn about_name(failure: &Failure, reference: &Reference) -> Option<String> {
    let name = reference.familiar_name();
    match failure {
        Failure::Denied { message } => {
            let words = "repository does not exist or may require 'coracle login'";
            Some(format!("pull access denied for {name}, {words}{}", after_colon(message)))
        }
        Failure::NotFound { message, repository: true } => {
            Some(format!("repository {name} not found{}", after_colon(message)))
        }
        Failure::NotFound { message, .. } => {
            let message = if message.is_empty() { "manifest unknown" } else { message };
            Some(format!("manifest for {} not found: {message}", reference.familiar()))
        }
        _ => None,
    }
}

/// What may help. Who has no way to Docker Hub at all can still run the image that needs none.
fn hint(failure: &Failure, reference: &Reference) -> Option<String> {
    let known = failure.hint();
    if reference.domain() != DOCKER_IO || !failure.is_unreachable() {
        return known;
    }
    let known = known.map_or_else(String::new, |known| format!("{known}; or "));
    Some(format!("{known}try the built-in image: coracle run --rm builtin:hello"))
}

fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

enum Message {
    Chunk(Bytes),
    /// The layer is complete. A channel that closes without it has been broken off.
    End,
}

/// Reads what a download sends, in a thread that may block.
struct ChunkReader {
    chunks: mpsc::Receiver<Message>,
    current: Bytes,
    ended: bool,
}

impl ChunkReader {
    fn new(chunks: mpsc::Receiver<Message>) -> Self {
        Self { chunks, current: Bytes::new(), ended: false }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Message::Chunk(chunk)) => self.current = chunk,
                Some(Message::End) => self.ended = true,
                None => return Err(io::Error::other("the download was broken off")),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
