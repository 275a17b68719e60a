//! Images from files: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, and for `load` also
//! what `dir:` means to podman and skopeo.
//!
//! Source: OCI image-spec v1.1 `image-layout.md`; docker image spec v1.3 ("Combined Image JSON + Filesystem
//! Changeset Format") as `docker save` writes it, before and since it is an OCI layout too; containers-transports(5).
//! Layers are read where they are, several at once, and go through the same pipeline as those of a registry. An
//! archive that is compressed as a whole, or a pipe, is first written to a file without a name.

mod content;
mod docker;
mod oci;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use oci_spec::image::Descriptor;

use super::admission;
use super::ingest::{self, Batch, IngestOptions, LayerWanted, Presence};
use super::progress::{LayerState, Progress};
use super::resolve;
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::layer::members::Members;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::gc;
use crate::store::images::Images;
use crate::store::layout::Layout;
use crate::store::platforms;
use content::{Content, plain_file};
pub use content::{blob_name, unnamed_file};

/// An image's name in an OCI layout: whole, or only a tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, where the other is only a tag.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Where images are read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArchiveSource {
    format: Format,
    path: PathBuf,
    /// The one image that is meant; `None` means all.
    name: Option<String>,
    /// Its manifest, or an index that leads to it: what it is called says nothing then.
    digest: Option<Digest>,
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
    /// The images are put on record, under their names; else whoever holds the store knows them by their manifests.
    pub recorded: bool,
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
        (!path.is_empty()).then(|| Self { format, path: path.into(), name, digest: None })
    }

    /// Reads what docker takes behind `oci-layout://`: `DIR[:TAG][@DIGEST]`, by default the tag `latest`.
    pub fn layout(text: &str) -> Result<Self> {
        let (place, digest) = match text.split_once('@') {
            Some((place, digest)) => (place, Some(digest.parse()?)),
            None => (text, None),
        };
        let (path, tag) = place.split_once(':').unwrap_or((place, "latest"));
        ensure!(!path.is_empty() && !tag.is_empty(), "want DIRECTORY[:TAG][@DIGEST]");
        Ok(Self { format: Format::OciDirectory, path: path.into(), name: Some(tag.to_owned()), digest })
    }

    /// All images of an archive or a directory of any kind.
    pub fn any(path: &Path) -> Self {
        Self { format: Format::Any, path: path.to_owned(), name: None, digest: None }
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

/// A layer of an image and the file it is in.
struct LayerFile {
    want: LayerWanted,
    name: String,
}

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

    /// Names an image, or the images of several platforms, that are stored; `id` is that of the one to tell of.
    fn name(&self, names: Vec<Reference>, manifests: Vec<Descriptor>, id: Digest) -> Result<Loaded> {
        let images = Images::new(self.layout);
        let target = match &manifests[..] {
            [one] => resolve::digest(one)?,
            several => Digest::of(&platforms::document(several)?),
        };
        if !self.request.recorded {
            return Ok(Loaded { names, id, manifest: target });
        }
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
}

/// Adds an image, or its names where it is there already.
fn merge(loaded: &mut Vec<Loaded>, next: Loaded) {
    match loaded.iter_mut().find(|other| other.manifest == next.manifest) {
        Some(other) => other.names.extend(next.names),
        None => loaded.push(next),
    }
}

/// Whether an image of this name is the wanted one: called so, in any spelling, or with this tag.
fn is_called(name: &str, wanted: &str) -> bool {
    let parse = |text| Reference::parse(text).ok().map(Reference::with_default_tag);
    let Some(own) = parse(name) else { return name == wanted };
    name == wanted || parse(wanted).as_ref() == Some(&own) || own.tag() == Some(wanted)
}

#[cfg(test)]
mod tests;
