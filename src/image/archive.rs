//! Images from files: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, and for `load` also
//! what `dir:` means to podman and skopeo.
//!
//! Source: OCI image-spec v1.1 `image-layout.md`; docker image spec v1.3 ("Combined Image JSON + Filesystem
//! Changeset Format") as `docker save` writes it, before and since it is an OCI layout too; containers-transports(5).
//! Layers are read where they are, several at once, and go through the same pipeline as those of a registry. An
//! archive that is compressed as a whole, or a pipe, is first written to a file without a name.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};
use oci_spec::image::{Descriptor, ImageIndex, MediaType};
use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use serde_json::json;

use super::admission;
use super::compose::describe;
use super::decode::decode;
use super::ingest::{self, Batch, IngestOptions, LayerWanted, Presence};
use super::progress::{LayerState, Progress};
use super::resolve;
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::base::id;
use crate::layer::compress::{self, Codec};
use crate::layer::members::Members;
use crate::oci::media::{self, Kind};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::blobs::{self, Blobs};
use crate::store::gc;
use crate::store::images::{CONFIG_LIMIT, Images, MANIFEST_LIMIT};
use crate::store::layout::Layout;
use crate::store::platforms;
use crate::sys::path::Dir;

/// An image's name in an OCI layout: whole, or only a tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, where the other is only a tag.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// An index may point at another index; nobody needs more of them in a row.
const MAX_INDEXES: usize = 3;
/// More images than one name stands for anywhere.
const MAX_PLATFORMS: usize = 100;

/// Where images are read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArchiveSource {
    format: Format,
    path: PathBuf,
    /// The one image that is meant; `None` means all.
    name: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    OciDirectory,
    OciArchive,
    DockerArchive,
    /// Whatever it turns out to be.
    Any,
}

/// How images are taken.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// What `--platform` asked for; `None` is this machine's.
    pub platform: Option<Platform>,
    /// The user namespace has a single id.
    pub fold_ids: bool,
    /// Each image is told of as soon as it is stored, in docker's words.
    pub announce: bool,
}

/// An image that was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Its names; none where the archive has none that is valid.
    pub names: Vec<Reference>,
    /// Digest of its configuration; of several platforms that of this machine's.
    pub id: Digest,
    /// Its manifest, or the index of several.
    pub manifest: Digest,
}

impl ArchiveSource {
    /// Reads `oci:DIR[:NAME]` and the like; `None` where the text is the name of an image. As in containers-transports(5)
    /// the path ends at its first colon.
    pub fn parse(text: &str) -> Option<Self> {
        let (transport, rest) = text.split_once(':')?;
        let format = match transport {
            "oci" => Format::OciDirectory,
            "oci-archive" => Format::OciArchive,
            "docker-archive" => Format::DockerArchive,
            _ => return None,
        };
        let (path, name) = match rest.split_once(':') {
            Some((path, name)) => (path, Some(name.to_owned()).filter(|name| !name.is_empty())),
            None => (rest, None),
        };
        (!path.is_empty()).then(|| Self { format, path: path.into(), name })
    }

    /// All images of an archive or a directory of any kind.
    pub fn any(path: &Path) -> Self {
        Self { format: Format::Any, path: path.to_owned(), name: None }
    }
}

/// Stores the images of a source. Runs in the user namespace that owns the store's files, as its uid 0.
pub fn load(
    layout: &Layout,
    source: &ArchiveSource,
    request: &LoadRequest,
    progress: &dyn Progress,
) -> Result<Vec<Loaded>> {
    let open = || Content::open(layout, source);
    load_content(layout, source, open, request, progress)
        .with_context(|| format!("load {}", source.path.display()))
}

/// Stores the images of an archive that is open already, such as a pipe.
pub fn load_stream(
    layout: &Layout,
    stream: File,
    request: &LoadRequest,
    progress: &dyn Progress,
) -> Result<Vec<Loaded>> {
    let source = ArchiveSource::any(Path::new("-"));
    let open = || Ok(Content::Archive(Members::open(plain_file(layout, stream)?)?));
    load_content(layout, &source, open, request, progress).context("load from standard input")
}

fn load_content(
    layout: &Layout,
    source: &ArchiveSource,
    open: impl FnOnce() -> Result<Content>,
    request: &LoadRequest,
    progress: &dyn Progress,
) -> Result<Vec<Loaded>> {
    layout.create()?;
    let hold = gc::hold(layout)?;
    let loaded = open().and_then(|content| {
        let loader = Loader { layout, source, request, progress, content };
        admission::admit_file(loader.transport(), &source.path)?;
        match source.format {
            Format::OciDirectory | Format::OciArchive => loader.oci(),
            Format::DockerArchive => loader.docker(),
            Format::Any => loader.any(),
        }
    });
    let released = gc::release(layout, hold);
    let loaded = loaded?;
    released?;
    Ok(loaded)
}

/// The files of a source.
enum Content {
    Directory(Dir),
    /// A `dir:`: one image, each of its files named by the digits of the digest.
    Flat(Dir),
    Archive(Members),
}

impl Content {
    fn open(layout: &Layout, source: &ArchiveSource) -> Result<Self> {
        if source.format == Format::OciDirectory || source.format == Format::Any && source.path.is_dir() {
            let directory = Dir::open(&source.path)?;
            let is_flat = source.format == Format::Any && source.path.join("version").is_file();
            return Ok(if is_flat { Self::Flat(directory) } else { Self::Directory(directory) });
        }
        let file = File::open(&source.path)?;
        ensure!(!file.metadata()?.is_dir(), "it is a directory");
        Ok(Self::Archive(Members::open(plain_file(layout, file)?)?))
    }

    /// Opens one file; its size comes beside.
    fn file(&self, name: &str) -> Result<(Box<dyn Read + '_>, u64)> {
        match self {
            Self::Archive(members) => {
                let (section, size) = members.get(name).with_context(|| format!("{name:?} is not in it"))?;
                Ok((Box::new(section), size))
            }
            Self::Directory(directory) | Self::Flat(directory) => {
                // Without waiting: it could be a pipe.
                let flags = OFlags::RDONLY | OFlags::NONBLOCK;
                let file = directory.open_file(name, flags, Mode::empty());
                let file = File::from(file.with_context(|| format!("open {name}"))?);
                let meta = file.metadata()?;
                ensure!(meta.is_file(), "{name} is not a file");
                Ok((Box::new(file), meta.len()))
            }
        }
    }

    fn blob_name(&self, digest: &Digest) -> String {
        if matches!(self, Self::Flat(_)) { digest.hex() } else { blob_name(digest) }
    }

    fn has(&self, name: &str) -> bool {
        self.file(name).is_ok()
    }

    /// Reads one document.
    fn document(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let (file, size) = self.file(name)?;
        ensure!(size <= limit, "{name} is larger than {limit} bytes");
        let mut content = Vec::new();
        file.take(limit).read_to_end(&mut content).with_context(|| format!("read {name}"))?;
        Ok(content)
    }

    /// Reads one document by its digest, and checks it.
    fn blob(&self, digest: &Digest, size: u64, limit: u64) -> Result<Vec<u8>> {
        let content = self.document(&self.blob_name(digest), limit)?;
        blobs::check(digest, size, &Digest::of(&content), content.len() as u64)
            .with_context(|| format!("blob {}", digest.short()))?;
        Ok(content)
    }
}

/// Where an OCI layout has a blob.
pub fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The digest that a name in an OCI layout claims.
fn blob_digest(name: &str) -> Option<Digest> {
    format!("sha256:{}", name.strip_prefix("blobs/sha256/")?).parse().ok()
}

/// Makes sure that an archive can be read at any place and is not compressed as a whole.
fn plain_file(layout: &Layout, file: File) -> Result<File> {
    if file.metadata()?.is_file() {
        let mut start = [0; compress::MAGIC];
        let n = std::os::unix::fs::FileExt::read_at(&file, &mut start, 0)?;
        if !compress::is_compressed(&start[..n]) {
            return Ok(file);
        }
    }
    let mut plain = unnamed_file(layout)?;
    decode(file, |piece| plain.write_all(piece).context("write to the store"))?;
    Ok(plain)
}

/// A file that is gone when it is closed.
pub fn unnamed_file(layout: &Layout) -> Result<File> {
    let path = layout.tmp().join(format!("archive-{}", id::random_hex(16)));
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.with_context(|| format!("create {}", path.display()))?;
    match std::fs::remove_file(&path) {
        // Who sweeps what dead processes have left may have been faster.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(file),
    }
}

/// A layer of an image and the file it is in.
struct LayerFile {
    want: LayerWanted,
    name: String,
}

/// `manifest.json` of a docker archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The entries of one image in an OCI layout, and its name.
type Group = (Option<String>, Vec<Descriptor>);

struct Loader<'a> {
    layout: &'a Layout,
    source: &'a ArchiveSource,
    request: &'a LoadRequest,
    progress: &'a dyn Progress,
    content: Content,
}

impl Loader<'_> {
    /// By which transport a policy knows such a source. What is both is docker's, as for podman, which tries that first.
    fn transport(&self) -> &'static str {
        match (self.source.format, &self.content) {
            (Format::OciDirectory, _) => "oci",
            (Format::OciArchive, _) => "oci-archive",
            (Format::DockerArchive, _) => "docker-archive",
            (Format::Any, Content::Flat(_)) => "dir",
            (Format::Any, content) if content.has("manifest.json") => "docker-archive",
            (Format::Any, Content::Directory(_)) => "oci",
            (Format::Any, Content::Archive(_)) => "oci-archive",
        }
    }

    /// What docker has written since version 25 is both: the layout has the digests of the manifests too.
    fn any(&self) -> Result<Vec<Loaded>> {
        if matches!(self.content, Content::Flat(_)) {
            return self.flat();
        }
        if self.content.has("oci-layout") && self.content.has("index.json") {
            return self.oci();
        }
        if self.content.has("manifest.json") {
            return self.docker();
        }
        Err(anyhow!("invalid archive: it has neither a manifest.json nor an index.json"))
            .hint(|| "the files of a root filesystem become an image with: coracle import")
    }

    /// The one image of a `dir:`, which has no name.
    fn flat(&self) -> Result<Vec<Loaded>> {
        let bytes = self.content.document("manifest.json", MANIFEST_LIMIT)?;
        let Kind::Manifest = Kind::of_document(None, &bytes)? else {
            bail!("it holds an index of several images, which is not supported yet");
        };
        let own = resolve::manifest(&bytes)?.media_type().clone();
        let descriptor = describe(own.unwrap_or(MediaType::ImageManifest), &bytes)?;
        Ok(vec![self.manifest(Vec::new(), descriptor, &bytes)?])
    }

    fn oci(&self) -> Result<Vec<Loaded>> {
        let text = self.content.document("index.json", MANIFEST_LIMIT);
        let text =
            text.hint(|| "it is no OCI image layout; for an archive of docker use docker-archive:FILE")?;
        let index: ImageIndex = serde_json::from_slice(&text).context("parse index.json")?;
        let groups = group_by_name(index.manifests());
        let chosen = self.choose(&groups, |(name, _)| name.as_deref())?;
        let mut loaded = Vec::new();
        for (name, entries) in chosen {
            let shown = || format!("image {:?}", name.as_deref().unwrap_or("without a name"));
            for next in self.oci_image(name.as_deref(), entries).with_context(shown)? {
                merge(&mut loaded, next);
            }
        }
        Ok(loaded)
    }

    /// Picks the image that the source names, or all.
    fn choose<'g, G>(&self, groups: &'g [G], name_of: impl Fn(&G) -> Option<&str>) -> Result<Vec<&'g G>> {
        ensure!(!groups.is_empty(), "there is no image in it");
        let Some(wanted) = &self.source.name else { return Ok(groups.iter().collect()) };
        let is_wanted = |group: &&G| name_of(group).is_some_and(|name| is_called(name, wanted));
        let found: Vec<_> = groups.iter().filter(is_wanted).collect();
        if found.is_empty() {
            let names: Vec<_> =
                groups.iter().filter_map(name_of).map(|name| name.escape_debug().to_string()).collect();
            return Err(anyhow!("there is no image {wanted:?} in it"))
                .hint(|| format!("it has {}", names.join(", ")));
        }
        Ok(found)
    }

    /// Stores what one name of a layout stands for: all platforms that are there, unless one is asked for.
    fn oci_image(&self, name: Option<&str>, entries: &[Descriptor]) -> Result<Vec<Loaded>> {
        let names: Vec<_> = name.and_then(|name| self.full_name(name)).into_iter().collect();
        let mut found = match self.source.format == Format::Any && self.request.platform.is_none() {
            true => self.leaves(entries, MAX_INDEXES)?,
            false => Vec::new(),
        };
        if found.is_empty() {
            found.push(self.descend(entries)?);
        }
        if found.len() > 1 && !names.is_empty() {
            return Ok(vec![self.several(names, found)?]);
        }
        found
            .iter()
            .map(|(described, bytes)| self.manifest(names.clone(), described.clone(), bytes))
            .collect()
    }

    /// Stores the image of a manifest, whose blobs are named by their digests.
    fn manifest(&self, names: Vec<Reference>, descriptor: Descriptor, bytes: &[u8]) -> Result<Loaded> {
        let (id, _) = self.bring(&descriptor, bytes)?;
        self.name(names, vec![descriptor], id)
    }

    /// Stores images for several platforms under one name.
    fn several(&self, names: Vec<Reference>, found: Vec<(Descriptor, Vec<u8>)>) -> Result<Loaded> {
        let (mut manifests, mut ids) = (Vec::<Descriptor>::new(), Vec::new());
        for (descriptor, bytes) in found {
            let (id, platform) = self.bring(&descriptor, &bytes)?;
            if !manifests.iter().any(|other| platforms::platform_of(other).as_ref() == Some(&platform)) {
                manifests.push(platforms::with_platform(&descriptor, &platform)?);
                ids.push((platform, id));
            }
        }
        let best = Platform::host().best(ids.iter().map(|(platform, _)| platform)).unwrap_or_default();
        let id = ids.swap_remove(best).1;
        self.name(names, manifests, id)
    }

    /// Stores layers and documents of one image, which has no name yet; returns its id and its platform.
    fn bring(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(Digest, Platform)> {
        let manifest = resolve::manifest(bytes)?;
        let id = resolve::digest(manifest.config())?;
        let config = self.content.blob(&id, manifest.config().size(), CONFIG_LIMIT)?;
        let parsed = resolve::config(&config, self.request.platform.as_ref())?;
        let layers = resolve::layers(&manifest, &parsed)?;
        let file = |want: LayerWanted| LayerFile { name: self.content.blob_name(&want.digest), want };
        self.layers(&layers.into_iter().map(file).collect::<Vec<_>>())?;
        let blobs = Blobs::new(self.layout);
        blobs.put(&id, &config)?;
        blobs.put(&resolve::digest(descriptor)?, bytes)?;
        Ok((id, platforms::platform_of_config(&parsed)))
    }

    /// The manifests of all images beneath some entries that are in the archive: one that was made for one platform
    /// has the others' left out.
    fn leaves(&self, entries: &[Descriptor], depth: usize) -> Result<Vec<(Descriptor, Vec<u8>)>> {
        let mut found = Vec::new();
        for entry in entries {
            let digest = resolve::digest(entry)?;
            // Attestations, which are no images, are of a system that is unknown.
            let is_other = platforms::platform_of(entry).is_some_and(|platform| platform.os != "linux");
            if is_other || !self.content.has(&self.content.blob_name(&digest)) {
                continue;
            }
            let bytes = self.content.blob(&digest, entry.size(), MANIFEST_LIMIT)?;
            match Kind::of_document(Some(entry.media_type().as_ref()), &bytes)? {
                Kind::Manifest => found.push((entry.clone(), bytes)),
                Kind::Index => {
                    ensure!(depth > 0, "more than {MAX_INDEXES} image indexes point at each other");
                    let index: ImageIndex =
                        serde_json::from_slice(&bytes).context("parse the image index")?;
                    found.extend(self.leaves(index.manifests(), depth - 1)?);
                }
            }
            ensure!(found.len() <= MAX_PLATFORMS, "more than {MAX_PLATFORMS} images of one name");
        }
        Ok(found)
    }

    /// Follows indexes down to the manifest of one image for the wanted platform.
    fn descend(&self, entries: &[Descriptor]) -> Result<(Descriptor, Vec<u8>)> {
        let wanted = self.request.platform.clone().unwrap_or_else(Platform::host);
        let mut descriptor = match entries {
            [one] => one.clone(),
            several => resolve::choose(&index_of(several)?, &wanted)?,
        };
        for _ in 0..=MAX_INDEXES {
            let digest = resolve::digest(&descriptor)?;
            let bytes = self.content.blob(&digest, descriptor.size(), MANIFEST_LIMIT)?;
            match Kind::of_document(Some(descriptor.media_type().as_ref()), &bytes)? {
                Kind::Manifest => return Ok((descriptor, bytes)),
                Kind::Index => descriptor = resolve::choose(&bytes, &wanted)?,
            }
        }
        bail!("more than {MAX_INDEXES} image indexes point at each other")
    }

    fn docker(&self) -> Result<Vec<Loaded>> {
        let text = self.content.document("manifest.json", MANIFEST_LIMIT);
        let text =
            text.hint(|| "it is no archive of docker; for an OCI image layout use oci-archive:FILE")?;
        let images: Vec<DockerImage> = serde_json::from_slice(&text).context("parse manifest.json")?;
        let mut named: Vec<(Option<String>, &DockerImage)> = Vec::new();
        for image in &images {
            match image.repo_tags.as_deref() {
                None | Some([]) => named.push((None, image)),
                Some(tags) => named.extend(tags.iter().map(|tag| (Some(tag.clone()), image))),
            }
        }
        let chosen = self.choose(&named, |(name, _)| name.as_deref())?;
        let mut loaded: Vec<Loaded> = Vec::new();
        for (name, image) in chosen {
            let shown = || format!("image {:?}", name.as_deref().unwrap_or("without a name"));
            let next = self.docker_image(name.as_deref(), image).with_context(shown)?;
            merge(&mut loaded, next);
        }
        Ok(loaded)
    }

    fn docker_image(&self, name: Option<&str>, image: &DockerImage) -> Result<Loaded> {
        let names = name.map(Reference::parse).transpose()?;
        let config = self.content.document(&image.config, CONFIG_LIMIT)?;
        let parsed = resolve::config(&config, self.request.platform.as_ref())?;
        let (layers, diff_ids) = (image.layers.as_deref().unwrap_or_default(), &parsed.rootfs.diff_ids);
        ensure!(
            layers.len() == diff_ids.len(),
            "the image has {} layers, but its configuration names {}",
            layers.len(),
            diff_ids.len()
        );
        let mut files = Vec::new();
        let mut descriptors = Vec::new();
        for (name, diff_id) in layers.iter().zip(diff_ids) {
            let (descriptor, want) = self.docker_layer(name, diff_id)?;
            descriptors.push(descriptor);
            files.push(LayerFile { want, name: name.clone() });
        }
        let id = Digest::of(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": {
                "mediaType": MediaType::ImageConfig.to_string(), "digest": id.to_string(), "size": config.len(),
            },
            "layers": descriptors,
        });
        let bytes = serde_json::to_vec(&manifest).context("encode the manifest")?;
        let descriptor = describe(MediaType::ImageManifest, &bytes)?;
        let names = names.map(Reference::with_default_tag).into_iter().collect();
        self.layers(&files)?;
        let blobs = Blobs::new(self.layout);
        blobs.put(&id, &config)?;
        blobs.put(&Digest::of(&bytes), &bytes)?;
        self.name(names, vec![descriptor], id)
    }

    /// Describes a layer of a docker archive. It is a plain tar as a rule, whose digest the configuration has.
    fn docker_layer(&self, name: &str, diff_id: &Digest) -> Result<(serde_json::Value, LayerWanted)> {
        let (mut file, size) = self.content.file(name)?;
        let mut start = Vec::new();
        file.by_ref().take(compress::MAGIC as u64).read_to_end(&mut start)?;
        let codec = compress::codec(&start);
        let media_type = codec.media_type();
        let media_type =
            media_type.with_context(|| format!("layer {name} is compressed as no registry takes it"))?;
        let digest = match (codec, blob_digest(name)) {
            (Codec::Plain, _) => diff_id.clone(),
            // It is checked when the layer is read.
            (_, Some(claimed)) => claimed,
            _ => self.digest_of(name)?,
        };
        let descriptor = json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size });
        Ok((descriptor, LayerWanted { digest, size, diff_id: diff_id.clone() }))
    }

    fn digest_of(&self, name: &str) -> Result<Digest> {
        let (file, size) = self.content.file(name)?;
        let (digest, _) = crate::base::verify::HashingReader::new(file, size).finish()?;
        Ok(digest)
    }

    /// Names an image, or the images of several platforms, that are stored; `id` is that of the one to tell of.
    fn name(&self, names: Vec<Reference>, manifests: Vec<Descriptor>, id: Digest) -> Result<Loaded> {
        let images = Images::new(self.layout);
        let target = match &manifests[..] {
            [one] => resolve::digest(one)?,
            several => Digest::of(&platforms::document(several)?),
        };
        for name in &names {
            self.tell_of_replaced(&images, name, &target)?;
            match &manifests[..] {
                [one] => images.add(Some(name), one, None)?,
                several => images.add_index(name, several, None)?,
            }
        }
        if names.is_empty() {
            manifests.iter().try_for_each(|manifest| images.add(None, manifest, None))?;
        }
        if self.request.announce {
            self.announce(&names, &id);
        }
        Ok(Loaded { names, id, manifest: target })
    }

    fn announce(&self, names: &[Reference], id: &Digest) {
        for name in names {
            self.progress.line(&format!("Loaded image: {}", name.familiar()));
        }
        if names.is_empty() {
            self.progress.line(&format!("Loaded image ID: {id}"));
        }
    }

    /// Says, in docker's words, that another image loses this name.
    fn tell_of_replaced(&self, images: &Images<'_>, name: &Reference, digest: &Digest) -> Result<()> {
        if let Ok(Some(old)) = images.by_name(name)
            && old.target != *digest
        {
            self.progress.line(&format!(
                "The image {} already exists, renaming the old one with ID {} to empty string",
                name.familiar(),
                old.id
            ));
        }
        Ok(())
    }

    /// Stores the layers that are missing, as many at once as there are processors.
    fn layers(&self, layers: &[LayerFile]) -> Result<()> {
        let mut seen = HashSet::new();
        let layers: Vec<_> = layers.iter().filter(|layer| seen.insert(&layer.want.digest)).collect();
        let next = AtomicUsize::new(0);
        ingest::check_room(self.layout, layers.iter().map(|layer| &layer.want))?;
        let batch = Batch::new(self.layout, IngestOptions::new(self.request.fold_ids), self.progress)?;
        let work = || -> Result<()> {
            while let Some(layer) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
                // Nobody starts another layer once one has gone wrong.
                self.layer(layer, &batch).inspect_err(|_| next.store(layers.len(), Ordering::Relaxed))?;
            }
            Ok(())
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(layers.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            // Every thread is waited for, then the first error counts.
            let results: Vec<_> = threads.into_iter().map(join).collect();
            results.into_iter().collect::<Result<()>>()
        })?;
        batch.store()
    }

    fn layer(&self, layer: &LayerFile, batch: &Batch<'_>) -> Result<()> {
        match ingest::presence(self.layout, &layer.want) {
            Presence::Whole => {
                self.progress.layer(&layer.want.digest.short(), LayerState::AlreadyExists);
                Ok(())
            }
            Presence::Blob => batch.unpack_stored(&layer.want),
            Presence::Missing => {
                let (file, _) = self.content.file(&layer.name)?;
                batch.add(file, &layer.want)
            }
        }
    }

    /// The name that an entry of an OCI layout gives its image. A bare tag says nothing of the repository: that is
    /// then the file's own name, in `localhost/`, so that no archive passes for an image of a registry unasked.
    fn full_name(&self, name: &str) -> Option<Reference> {
        if name.contains(['/', ':']) {
            return Reference::parse(name).ok().map(Reference::with_default_tag);
        }
        Reference::parse(&format!("localhost/{}:{name}", repository(&self.source.path)?)).ok()
    }
}

/// Adds an image, or its names where it is there already.
fn merge(loaded: &mut Vec<Loaded>, next: Loaded) {
    match loaded.iter_mut().find(|other| other.manifest == next.manifest) {
        Some(other) => other.names.extend(next.names),
        None => loaded.push(next),
    }
}

/// A repository called as a file is, without what marks it as an archive.
fn repository(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let stem = [".tar.gz", ".tgz", ".tar.zst", ".tar"].iter().find_map(|suffix| name.strip_suffix(suffix));
    Some(stem.map_or(name.clone(), str::to_owned))
}

/// Whether an image of this name is the wanted one: called so, in any spelling, or with this tag.
fn is_called(name: &str, wanted: &str) -> bool {
    let parse = |text| Reference::parse(text).ok().map(Reference::with_default_tag);
    let Some(own) = parse(name) else { return name == wanted };
    name == wanted || parse(wanted).as_ref() == Some(&own) || own.tag() == Some(wanted)
}

/// The entries of an index by the name that they share. Those of one name, or all without one, are one image for
/// several platforms.
fn group_by_name(entries: &[Descriptor]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for entry in entries {
        let annotation = |key| entry.annotations().as_ref().and_then(|all| all.get(key)).cloned();
        let name = annotation(CONTAINERD_NAME).or_else(|| annotation(REF_NAME));
        match groups.iter_mut().find(|(other, _)| *other == name) {
            Some((_, group)) => group.push(entry.clone()),
            None => groups.push((name, vec![entry.clone()])),
        }
    }
    groups
}

/// An index of these entries, to choose from.
fn index_of(entries: &[Descriptor]) -> Result<Vec<u8>> {
    let index = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": entries });
    serde_json::to_vec(&index).context("encode the index")
}

#[cfg(test)]
mod tests;
