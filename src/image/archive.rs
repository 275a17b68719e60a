//! Images from files: `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`.
//!
//! Source: OCI image-spec v1.1 `image-layout.md`; docker image spec v1.3 ("Combined Image JSON + Filesystem
//! Changeset Format") as `docker save` writes it, before and since it is an OCI layout too; containers-transports(5).
//! Layers are read where they are, several at once, and go through the same pipeline as those of a registry. An
//! archive that is compressed as a whole, or a pipe, is first written to a file without a name.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};
use oci_spec::image::{Descriptor, DescriptorBuilder, ImageIndex, MediaType};
use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use serde_json::json;

use super::ingest::{self, Batch, IngestOptions, LayerWanted, Presence};
use super::progress::{LayerState, Progress};
use super::resolve;
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::base::id;
use crate::layer::compress;
use crate::layer::members::Members;
use crate::oci::media::{self, Kind};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::blobs::{self, Blobs};
use crate::store::gc;
use crate::store::images::{CONFIG_LIMIT, Images, MANIFEST_LIMIT};
use crate::store::layout::Layout;
use crate::sys::path::Dir;

/// An image's name in an OCI layout: whole, or only a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, where the other is only a tag.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// An index may point at another index; nobody needs more of them in a row.
const MAX_INDEXES: usize = 3;

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
}

/// How images are taken.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// What `--platform` asked for; `None` is this machine's.
    pub platform: Option<Platform>,
    /// The user namespace has a single id.
    pub fold_ids: bool,
}

/// An image that was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Its names; none where the archive has none that is valid.
    pub names: Vec<Reference>,
    /// Digest of its configuration.
    pub id: Digest,
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
}

/// Stores the images of a source. Runs in the user namespace that owns the store's files, as its uid 0.
pub fn load(
    layout: &Layout,
    source: &ArchiveSource,
    request: &LoadRequest,
    progress: &dyn Progress,
) -> Result<Vec<Loaded>> {
    layout.create()?;
    let hold = gc::hold(layout)?;
    let load = || {
        let content = Content::open(layout, source)?;
        let loader = Loader { layout, source, request, progress, content };
        match source.format {
            Format::OciDirectory | Format::OciArchive => loader.oci(),
            Format::DockerArchive => loader.docker(),
        }
    };
    let loaded = load().with_context(|| format!("load {}", source.path.display()));
    let released = gc::release(layout, hold);
    let loaded = loaded?;
    released?;
    Ok(loaded)
}

/// The files of a source.
enum Content {
    Directory(Dir),
    Archive(Members),
}

impl Content {
    fn open(layout: &Layout, source: &ArchiveSource) -> Result<Self> {
        if source.format == Format::OciDirectory {
            return Ok(Self::Directory(Dir::open(&source.path)?));
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
            Self::Directory(directory) => {
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
        let content = self.document(&blob_name(digest), limit)?;
        blobs::check(digest, size, &Digest::of(&content), content.len() as u64)
            .with_context(|| format!("blob {}", digest.short()))?;
        Ok(content)
    }
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Makes sure that an archive can be read at any place and is not compressed as a whole.
fn plain_file(layout: &Layout, file: File) -> Result<File> {
    let mut start = [0; 4];
    let is_regular = file.metadata()?.is_file();
    let limit = match is_regular {
        true => {
            let n = std::os::unix::fs::FileExt::read_at(&file, &mut start, 0)?;
            if !compress::is_compressed(&start[..n]) {
                return Ok(file);
            }
            ingest::default_limit(file.metadata()?.len())
        }
        false => u64::MAX,
    };
    let mut plain = unnamed_file(layout)?;
    let copied = io::copy(&mut compress::decoder(file)?.take(limit), &mut plain).context("decompress")?;
    ensure!(copied < limit, "more than {limit} bytes when decompressed");
    Ok(plain)
}

/// A file that is gone when it is closed.
fn unnamed_file(layout: &Layout) -> Result<File> {
    let path = layout.tmp().join(format!("archive-{}", id::random_hex(16)));
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.with_context(|| format!("create {}", path.display()))?;
    std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    Ok(file)
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
    fn oci(&self) -> Result<Vec<Loaded>> {
        let text = self.content.document("index.json", MANIFEST_LIMIT);
        let text =
            text.hint(|| "it is no OCI image layout; for an archive of docker use docker-archive:FILE")?;
        let index: ImageIndex = serde_json::from_slice(&text).context("parse index.json")?;
        let groups = group_by_name(index.manifests());
        let chosen = self.choose(&groups, |(name, _)| name.as_deref())?;
        let load = |(name, entries): &&Group| {
            let loaded = self.oci_image(name.as_deref(), entries);
            loaded.with_context(|| format!("image {:?}", name.as_deref().unwrap_or("without a name")))
        };
        chosen.iter().map(load).collect()
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

    fn oci_image(&self, name: Option<&str>, entries: &[Descriptor]) -> Result<Loaded> {
        let (descriptor, bytes) = self.descend(entries)?;
        let manifest = resolve::manifest(&bytes)?;
        let id = resolve::digest(manifest.config())?;
        let config = self.content.blob(&id, manifest.config().size(), CONFIG_LIMIT)?;
        let parsed = resolve::config(&config, self.request.platform.as_ref())?;
        let layers = resolve::layers(&manifest, &parsed)?;
        let files =
            layers.into_iter().map(|want| LayerFile { name: blob_name(&want.digest), want }).collect();
        let names = name.and_then(|name| self.full_name(name)).into_iter().collect();
        self.store(names, descriptor, &bytes, &id, &config, files)
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
            match loaded.iter_mut().find(|other| other.id == next.id) {
                Some(other) => other.names.extend(next.names),
                None => loaded.push(next),
            }
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
        let digest: oci_spec::image::Digest = Digest::of(&bytes).to_string().parse()?;
        let builder = DescriptorBuilder::default().media_type(MediaType::ImageManifest);
        let descriptor = builder.digest(digest).size(bytes.len() as u64).build()?;
        let names = names.map(Reference::with_default_tag).into_iter().collect();
        self.store(names, descriptor, &bytes, &id, &config, files)
    }

    /// Describes a layer of a docker archive. It is a plain tar as a rule, whose digest the configuration has.
    fn docker_layer(&self, name: &str, diff_id: &Digest) -> Result<(serde_json::Value, LayerWanted)> {
        let (mut file, size) = self.content.file(name)?;
        let mut start = Vec::new();
        file.by_ref().take(4).read_to_end(&mut start)?;
        let (digest, media_type) = match start[..] {
            [0x1f, 0x8b, ..] => (self.digest_of(name)?, MediaType::ImageLayerGzip),
            _ if compress::is_compressed(&start) => (self.digest_of(name)?, MediaType::ImageLayerZstd),
            _ => (diff_id.clone(), MediaType::ImageLayer),
        };
        let descriptor =
            json!({ "mediaType": media_type.to_string(), "digest": digest.to_string(), "size": size });
        Ok((descriptor, LayerWanted { digest, size, diff_id: diff_id.clone() }))
    }

    fn digest_of(&self, name: &str) -> Result<Digest> {
        let (file, size) = self.content.file(name)?;
        let (digest, _) = crate::base::verify::HashingReader::new(file, size).finish()?;
        Ok(digest)
    }

    /// Stores an image: layers, then documents, then its names.
    fn store(
        &self,
        names: Vec<Reference>,
        descriptor: Descriptor,
        manifest: &[u8],
        id: &Digest,
        config: &[u8],
        layers: Vec<LayerFile>,
    ) -> Result<Loaded> {
        self.layers(&layers)?;
        let digest = resolve::digest(&descriptor)?;
        let (blobs, images) = (Blobs::new(self.layout), Images::new(self.layout));
        blobs.put(id, config)?;
        blobs.put(&digest, manifest)?;
        for name in &names {
            self.tell_of_replaced(&images, name, &digest)?;
            images.add(Some(name), &descriptor, None)?;
        }
        if names.is_empty() {
            images.add(None, &descriptor, None)?;
        }
        Ok(Loaded { names, id: id.clone(), manifest: digest })
    }

    /// Says, in docker's words, that another image loses this name.
    fn tell_of_replaced(&self, images: &Images<'_>, name: &Reference, digest: &Digest) -> Result<()> {
        if let Ok(Some(old)) = images.by_name(name)
            && old.manifest != *digest
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
mod tests {
    use super::*;
    use crate::image::progress::Silent;
    use crate::store::tests::Scratch;
    use std::fs;
    use std::io::Write;
    use std::process::Command;

    fn request() -> LoadRequest {
        LoadRequest { platform: None, fold_ids: true }
    }

    fn load_text(scratch: &Scratch, text: &str) -> Result<Vec<Loaded>> {
        load(&scratch.layout, &ArchiveSource::parse(text).unwrap(), &request(), &Silent)
    }

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn config(architecture: &str, layers: &[&[u8]]) -> Vec<u8> {
        let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let rootfs = json!({ "type": "layers", "diff_ids": diff_ids });
        serde_json::to_vec(&json!({ "os": "linux", "architecture": architecture, "rootfs": rootfs })).unwrap()
    }

    /// An OCI layout as a list of files.
    #[derive(Default)]
    struct Files(Vec<(String, Vec<u8>)>);

    impl Files {
        fn blob(&mut self, media_type: &str, content: &[u8]) -> serde_json::Value {
            let digest = Digest::of(content);
            self.0.push((blob_name(&digest), content.to_vec()));
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": content.len() })
        }

        fn image(&mut self, architecture: &str, layers: &[&[u8]]) -> serde_json::Value {
            let config = self.blob(MediaType::ImageConfig.as_ref(), &config(architecture, layers));
            let gzip_type = MediaType::ImageLayerGzip.to_string();
            let layers: Vec<_> = layers.iter().map(|layer| self.blob(&gzip_type, &gzip(layer))).collect();
            let manifest = json!({ "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": layers });
            let mut entry = self.blob(media::OCI_MANIFEST, manifest.to_string().as_bytes());
            entry["platform"] = json!({ "os": "linux", "architecture": architecture });
            entry
        }

        fn index(mut self, entries: &[serde_json::Value]) -> Self {
            let index = json!({ "schemaVersion": 2, "manifests": entries });
            self.0.push(("index.json".to_owned(), index.to_string().into_bytes()));
            self.0.push(("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
            self
        }

        fn write(&self, directory: &Path) {
            for (name, content) in &self.0 {
                let path = directory.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }

        fn archive(&self) -> Vec<u8> {
            let files: Vec<_> = self.0.iter().map(|(name, content)| (name.as_str(), &content[..])).collect();
            tar(&files)
        }
    }

    fn named(mut entry: serde_json::Value, name: &str) -> serde_json::Value {
        entry["annotations"] = json!({ REF_NAME: name });
        entry
    }

    fn host() -> String {
        Platform::host().architecture
    }

    fn shown(loaded: &[Loaded]) -> Vec<String> {
        loaded.iter().flat_map(|image| &image.names).map(Reference::to_string).collect()
    }

    #[test]
    fn sources() {
        let source = |format, path: &str, name: Option<&str>| {
            Some(ArchiveSource { format, path: path.into(), name: name.map(str::to_owned) })
        };
        for (text, parsed) in [
            ("oci:/a/b", source(Format::OciDirectory, "/a/b", None)),
            ("oci:dir:latest", source(Format::OciDirectory, "dir", Some("latest"))),
            ("oci:dir:", source(Format::OciDirectory, "dir", None)),
            ("oci-archive:a.tar:host:5000/x:1", source(Format::OciArchive, "a.tar", Some("host:5000/x:1"))),
            ("docker-archive:a.tar", source(Format::DockerArchive, "a.tar", None)),
            ("oci:", None),
            ("oci", None),
            ("alpine:latest", None),
            ("docker://alpine", None),
        ] {
            assert_eq!(ArchiveSource::parse(text), parsed, "{text}");
        }
    }

    #[test]
    fn layouts_and_their_archives() {
        let mut files = Files::default();
        let (base, top) = (tar(&[("base", b"1")]), tar(&[("top", b"2")]));
        let whole = named(files.image(&host(), &[&base, &top]), "docker.io/library/app:1");
        let bare = named(files.image(&host(), &[&base]), "edge");
        let files = files.index(&[whole, bare]);
        let scratch = Scratch::new();
        let place = scratch.directory.path().join("Box");
        files.write(&place);
        let path = |name: &str| scratch.directory.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("box.tar"), files.archive()).unwrap();
        fs::write(path("box.tar.gz"), gzip(&files.archive())).unwrap();
        for (text, names) in [
            (format!("oci:{}", path("Box")), &["docker.io/library/app:1", "localhost/box:edge"][..]),
            (format!("oci:{}:app:1", path("Box")), &["docker.io/library/app:1"]),
            (format!("oci:{}:1", path("Box")), &["docker.io/library/app:1"]),
            (format!("oci:{}:edge", path("Box")), &["localhost/box:edge"]),
            (format!("oci-archive:{}", path("box.tar")), &["docker.io/library/app:1", "localhost/box:edge"]),
            (format!("oci-archive:{}:edge", path("box.tar.gz")), &["localhost/box:edge"]),
        ] {
            let loaded = load_text(&scratch, &text).unwrap_or_else(|error| panic!("{text}: {error:#}"));
            assert_eq!(shown(&loaded), names, "{text}");
        }
        let image = Images::new(&scratch.layout).lookup("app:1").unwrap();
        assert_eq!(image.layers.len(), 2);
        assert!(scratch.layout.layer(&image.config.rootfs.diff_ids[1]).join("top").exists());
        assert_eq!(fs::read_dir(scratch.layout.tmp()).unwrap().count(), 0);
        let error = load_text(&scratch, &format!("oci:{}:other", path("Box"))).unwrap_err();
        assert!(format!("{error:#}").contains("there is no image \"other\" in it"), "{error:#}");
    }

    #[test]
    fn of_several_platforms_the_host_s() {
        let mut files = Files::default();
        let (ours, theirs) = (tar(&[("ours", b"1")]), tar(&[("theirs", b"2")]));
        let entries = [files.image("s390x", &[&theirs]), files.image(&host(), &[&ours])];
        let nested = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": entries });
        let nested = files.blob(media::OCI_INDEX, nested.to_string().as_bytes());
        let flat = entries.map(|entry| named(entry, "flat/app:1"));
        let files = files.index(&[named(nested, "nested/app:1"), flat[0].clone(), flat[1].clone()]);
        let scratch = Scratch::new();
        files.write(&scratch.directory.path().join("box"));
        let loaded = load_text(&scratch, &format!("oci:{}/box", scratch.directory.path().display())).unwrap();
        assert_eq!(shown(&loaded), ["docker.io/nested/app:1", "docker.io/flat/app:1"]);
        assert_eq!(loaded[0].manifest, loaded[1].manifest);
        assert_eq!(Images::new(&scratch.layout).lookup("flat/app:1").unwrap().config.architecture, host());
    }

    #[test]
    fn docker_archives() {
        let (base, top) = (tar(&[("base", b"1")]), tar(&[("top", b"2")]));
        let config = config(&host(), &[&base, &top, &top]);
        let manifest = |tags: &str| {
            format!(r#"[{{"Config":"c.json","RepoTags":{tags},"Layers":["a/layer.tar","b.gz","b.gz"]}}]"#)
        };
        let scratch = Scratch::new();
        let path = scratch.directory.path().join("saved.tar").to_str().unwrap().to_owned();
        let save = |tags: &str| {
            let (manifest, top) = (manifest(tags), gzip(&top));
            let files: [(&str, &[u8]); 4] = [
                ("manifest.json", manifest.as_bytes()),
                ("c.json", &config),
                ("a/layer.tar", &base),
                ("b.gz", &top),
            ];
            fs::write(&path, tar(&files)).unwrap();
        };
        save("null");
        let loaded = load_text(&scratch, &format!("docker-archive:{path}")).unwrap();
        assert_eq!((loaded.len(), shown(&loaded).len()), (1, 0));
        save(r#"["app:1","quay.io/a/app"]"#);
        let loaded = load_text(&scratch, &format!("docker-archive:{path}")).unwrap();
        assert_eq!(shown(&loaded), ["docker.io/library/app:1", "quay.io/a/app:latest"]);
        assert_eq!(loaded[0].id, Digest::of(&config));
        let (images, _) = Images::new(&scratch.layout).list().unwrap();
        assert_eq!((images.len(), images[0].names.len()), (1, 2));
        save(r#"["../etc:1"]"#);
        let error = format!("{:#}", load_text(&scratch, &format!("docker-archive:{path}")).unwrap_err());
        assert!(error.ends_with("invalid reference format"), "{error}");
        let error = load_text(&scratch, &format!("oci-archive:{path}")).unwrap_err();
        assert!(crate::base::hint::find(&error).unwrap().contains("docker-archive:FILE"), "{error:#}");
    }

    #[test]
    fn what_lies_leaves_nothing() {
        let layer = tar(&[("file", b"1")]);
        let damage = |name: fn(&str) -> bool, content: &[u8]| {
            let mut files = Files::default();
            let entry = named(files.image(&host(), &[&layer]), "app:1");
            let mut files = files.index(&[entry]);
            let manifest = Digest::of(&files.0[2].1).hex();
            let victim =
                files.0.iter().position(|(path, _)| name(&path.replace(&manifest, "manifest"))).unwrap();
            files.0[victim].1 = content.to_vec();
            files
        };
        let endless = vec![b' '; MANIFEST_LIMIT as usize + 1];
        for (what, files, error) in [
            ("index", damage(|path| path == "index.json", b"{"), "parse index.json"),
            ("an endless index", damage(|path| path == "index.json", &endless), "larger than"),
            (
                "no images",
                damage(|path| path == "index.json", br#"{"schemaVersion":2,"manifests":[]}"#),
                "no image in it",
            ),
            ("manifest", damage(|path| path.ends_with("manifest"), b"{}"), "size is 2"),
            (
                "an empty layer",
                damage(|path| path.starts_with("blobs") && !path.ends_with("manifest"), b""),
                "size is 0",
            ),
        ] {
            let scratch = Scratch::new();
            files.write(&scratch.directory.path().join("box"));
            let text = format!("oci:{}/box", scratch.directory.path().display());
            let shown = format!("{:#}", load_text(&scratch, &text).expect_err(what));
            assert!(shown.contains(error), "{what}: {shown}");
            assert!(!scratch.layout.images().join("index.json").exists(), "{what}");
            assert_eq!(fs::read_dir(scratch.layout.tmp()).unwrap().count(), 0, "{what}");
        }
    }

    #[test]
    fn links_in_a_layout_lead_nowhere() {
        let layer = tar(&[("file", b"1")]);
        let mut files = Files::default();
        let entry = named(files.image(&host(), &[&layer]), "app:1");
        let files = files.index(&[entry]);
        let scratch = Scratch::new();
        let (place, secret) = (scratch.directory.path().join("box"), scratch.directory.path().join("index"));
        files.write(&place);
        fs::rename(place.join("index.json"), &secret).unwrap();
        std::os::unix::fs::symlink("../index", place.join("index.json")).unwrap();
        assert!(load_text(&scratch, &format!("oci:{}", place.display())).is_err());
    }

    /// What we write is what others read, and the other way round.
    #[test]
    fn skopeo_and_umoci_are_witnesses() {
        let skopeo = |arguments: &[&str]| {
            let output = Command::new("skopeo").args(arguments).output().ok()?;
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        };
        if skopeo(&["--version"]).is_none() {
            eprintln!("skipped: skopeo is not installed");
            return;
        }
        let layer = tar(&[("file", b"1")]);
        let mut files = Files::default();
        let entry = named(files.image(&host(), &[&layer]), "docker.io/library/app:1");
        let files = files.index(&[entry]);
        let scratch = Scratch::new();
        let path = |name: &str| format!("{}/{name}", scratch.directory.path().display());
        files.write(Path::new(&path("box")));
        let id = load_text(&scratch, &format!("oci:{}", path("box"))).unwrap().remove(0).id;
        let ours = format!("oci:{}:docker.io/library/app:1", scratch.layout.images().display());
        assert!(skopeo(&["inspect", &ours]).unwrap().contains("\"Layers\""));
        let images = scratch.layout.images();
        match Command::new("umoci").args(["ls", "--layout"]).arg(&images).output() {
            Ok(listed) => assert_eq!(listed.stdout, b"docker.io/library/app:1\n"),
            Err(_) => eprintln!("skipped in part: umoci is not installed"),
        }
        for (target, source) in [
            (
                format!("docker-archive:{}:app:2", path("saved.tar")),
                format!("docker-archive:{}", path("saved.tar")),
            ),
            (format!("oci-archive:{}:app:3", path("oci.tar")), format!("oci-archive:{}", path("oci.tar"))),
        ] {
            skopeo(&["--insecure-policy", "copy", "-q", &ours, &target]).unwrap();
            let loaded = load_text(&scratch, &source).unwrap();
            assert_eq!(loaded[0].id, id, "{source}");
        }
        let (images, broken) = Images::new(&scratch.layout).list().unwrap();
        assert!(broken.is_empty());
        let names: Vec<_> = images.iter().flat_map(|image| &image.names).map(Reference::familiar).collect();
        for name in ["app:1", "app:2", "app:3"] {
            assert!(names.iter().any(|other| other == name), "{name} in {names:?}");
        }
    }
}
