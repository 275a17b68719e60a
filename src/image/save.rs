//! Images into files that docker, podman, skopeo and umoci read, and [`super::archive`] too.
//!
//! Source: OCI image-spec v1.1 `image-layout.md`; docker image spec v1.3 as `docker save` writes it since version 25,
//! where one archive is both; containers-transports(5) for `dir:`.
//! Blobs go out as they are in the store, and are checked while they are copied. The documents come first, so that a
//! reader of a pipe knows what each blob is. The same images make the same bytes: nothing tells when, where or by
//! whom they were saved.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use oci_spec::image::{Descriptor, MediaType};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::archive::{CONTAINERD_NAME, REF_NAME, blob_name};
use super::compose;
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::layer::compress;
use crate::oci::media::{self, Family, OCI_INDEX};
use crate::oci::reference::Reference;
use crate::store::blobs::{self, Blobs};
use crate::store::images::{Image, Images};
use crate::store::layout::Layout;
use crate::store::platforms;

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// The whole of the file `version` in a `dir:`.
const DIRECTORY_VERSION: &[u8] = b"Directory Transport Version: 1.1\n";
const BLOCK: u64 = 512;
const BUFFER: usize = 256 << 10;

/// An image to save, for one platform or several, and the names it goes under.
#[derive(Clone, Debug)]
pub struct Saving {
    /// At least one. Readers that know of one platform are given the first.
    pub images: Vec<Image>,
    pub names: Vec<Reference>,
}

/// What kind of archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArchiveFormat {
    /// With `manifest.json`, which every docker reads, and an OCI layout beside it.
    Docker,
    /// An OCI layout alone, with OCI manifests.
    Oci,
}

/// What kind of directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectoryFormat {
    /// An OCI layout, with OCI manifests.
    Oci,
    /// `dir:` of podman and skopeo: one image with docker's manifest. With `compress` plain layers are gzipped, on
    /// several threads.
    Docker { compress: bool },
}

/// Writes an archive of images to `out`.
pub fn archive(layout: &Layout, images: &[Saving], format: ArchiveFormat, out: impl Write) -> Result<()> {
    let plan = Plan::of(layout, images, format)?;
    let mut archive = Archive { out };
    plan.write(layout, &mut archive)?;
    archive.finish().context("write the archive")
}

/// Makes a directory of images at `path`, which does not exist or is empty.
pub fn directory(layout: &Layout, images: &[Saving], format: DirectoryFormat, path: &Path) -> Result<()> {
    let mut target = Directory { path: path.to_owned() };
    match (format, images) {
        (DirectoryFormat::Oci, _) => Plan::of(layout, images, ArchiveFormat::Oci)?.write(layout, &mut target),
        (DirectoryFormat::Docker { compress }, [one]) => {
            docker_directory(layout, &one.images[0], compress, path)
        }
        (DirectoryFormat::Docker { .. }, _) => Err(anyhow::anyhow!("such a directory holds one image"))
            .hint(|| "save several images with --format oci-dir, or into an archive"),
    }
}

/// A file that is copied out of the store.
#[derive(Debug, PartialEq)]
struct Blob {
    digest: Digest,
    size: u64,
}

/// Everything that is written, in its order.
#[derive(Default)]
struct Plan {
    documents: Vec<(String, Vec<u8>)>,
    blobs: Vec<Blob>,
    seen: HashSet<Digest>,
}

impl Plan {
    fn of(layout: &Layout, images: &[Saving], format: ArchiveFormat) -> Result<Self> {
        let mut plan = Self::default();
        let (mut entries, mut legacy) = (Vec::new(), Vec::new());
        for saving in images {
            let mut manifests = Vec::new();
            for image in &saving.images {
                let added = plan.image(layout, image, format);
                manifests.push(added.with_context(|| format!("image {}", image.id.short()))?);
            }
            let top = match &manifests[..] {
                [one] => one.clone(),
                several => plan.index(several)?,
            };
            entries.extend(index_entries(saving, &top, format)?);
            legacy.push(docker_entry(saving));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        let mut head = vec![
            ("oci-layout".to_owned(), LAYOUT.to_vec()),
            ("index.json".to_owned(), serde_json::to_vec(&index).context("encode the index")?),
        ];
        if format == ArchiveFormat::Docker {
            let legacy = serde_json::to_vec(&legacy).context("encode the list of images")?;
            head.push(("manifest.json".to_owned(), legacy));
        }
        plan.documents.splice(0..0, head);
        Ok(plan)
    }

    /// Adds the documents and layers of an image; returns what describes its manifest.
    fn image(&mut self, layout: &Layout, image: &Image, format: ArchiveFormat) -> Result<Descriptor> {
        let store = Images::new(layout);
        let (manifest, _) = store.manifest(&image.manifest)?;
        let (media_type, manifest) = match format {
            ArchiveFormat::Docker => (image.media_type.clone(), manifest),
            ArchiveFormat::Oci => in_family(Family::Oci, &image.media_type, manifest)?,
        };
        let described = compose::describe(MediaType::from(media_type.as_str()), &manifest)?;
        self.document(manifest);
        self.document(store.config(&image.id)?.0);
        for layer in &image.layers {
            let digest: Digest = layer.digest().as_ref().parse()?;
            if self.seen.insert(digest.clone()) {
                self.blobs.push(Blob { digest, size: layer.size() });
            }
        }
        platforms::with_platform(&described, &platforms::platform_of_config(&image.config))
    }

    /// Adds the index of several manifests.
    fn index(&mut self, manifests: &[Descriptor]) -> Result<Descriptor> {
        // As in the store, whichever of them is preferred here.
        let mut manifests = manifests.to_vec();
        manifests
            .sort_by_key(|manifest| platforms::platform_of(manifest).map(|platform| platform.to_string()));
        let index = platforms::document(&manifests)?;
        let described = compose::describe(MediaType::ImageIndex, &index)?;
        self.document(index);
        Ok(described)
    }

    /// Adds a document under its digest.
    fn document(&mut self, content: Vec<u8>) {
        let digest = Digest::of(&content);
        if self.seen.insert(digest.clone()) {
            self.documents.push((blob_name(&digest), content));
        }
    }

    fn write(&self, layout: &Layout, target: &mut impl Target) -> Result<()> {
        for directory in ["blobs/", "blobs/sha256/"] {
            target.directory(directory)?;
        }
        for (name, content) in &self.documents {
            let write = target.file(name, content.len() as u64, &mut &content[..]);
            write.with_context(|| format!("write {name}"))?;
        }
        self.blobs.iter().try_for_each(|blob| {
            let mut source = Checked::open(layout, &blob.digest)?;
            let copied = target.file(&blob_name(&blob.digest), blob.size, &mut source);
            source.finish(blob, copied).with_context(|| format!("blob {}", blob.digest.short()))
        })
    }
}

/// The entries of an index: one for each name, or one without.
fn index_entries(saving: &Saving, top: &Descriptor, format: ArchiveFormat) -> Result<Vec<Value>> {
    let entry = serde_json::to_value(top).context("encode a descriptor")?;
    let named = |name: &Reference| {
        let mut entry = entry.clone();
        // Docker has the tag alone there, podman and skopeo the whole name.
        let short = match format {
            ArchiveFormat::Docker => name.tag().unwrap_or_default().to_owned(),
            ArchiveFormat::Oci => name.to_string(),
        };
        entry["annotations"] = json!({ CONTAINERD_NAME: name.to_string(), REF_NAME: short });
        entry
    };
    Ok(match saving.names.is_empty() {
        true => vec![entry],
        false => saving.names.iter().map(named).collect(),
    })
}

/// The entry of `manifest.json`.
fn docker_entry(saving: &Saving) -> Value {
    let tags: Vec<String> = saving.names.iter().map(Reference::familiar).collect();
    let image = &saving.images[0];
    let layers = image.layers.iter().map(|layer| layer.digest().to_string().replace(':', "/"));
    json!({
        "Config": blob_name(&image.id),
        "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
        "Layers": layers.map(|path| format!("blobs/{path}")).collect::<Vec<_>>(),
    })
}

/// A manifest with the media types of one family, and its own type. One that has them already stays as it is.
fn in_family(family: Family, media_type: &str, manifest: Vec<u8>) -> Result<(String, Vec<u8>)> {
    let own = family.name_of(media_type);
    let mut document: Value = serde_json::from_slice(&manifest).context("parse the manifest")?;
    if own == media_type && !layer_types(&document).any(|layer| family.name_of(layer) != layer) {
        return Ok((own.to_owned(), manifest));
    }
    let rename = |value: &mut Value| {
        if let Some(old) = value["mediaType"].as_str() {
            value["mediaType"] = json!(family.name_of(old));
        }
    };
    document["mediaType"] = json!(own);
    rename(&mut document["config"]);
    document["layers"].as_array_mut().into_iter().flatten().for_each(rename);
    Ok((own.to_owned(), serde_json::to_vec(&document).context("encode the manifest")?))
}

fn layer_types(manifest: &Value) -> impl Iterator<Item = &str> {
    manifest["layers"].as_array().into_iter().flatten().filter_map(|layer| layer["mediaType"].as_str())
}

/// Writes a `dir:`. The manifest comes last, since compressed layers are only known then.
fn docker_directory(layout: &Layout, image: &Image, compress: bool, path: &Path) -> Result<()> {
    let store = Images::new(layout);
    let (manifest, _) = store.manifest(&image.manifest)?;
    let (_, manifest) = in_family(Family::Docker, &image.media_type, manifest)?;
    let mut manifest: Value = serde_json::from_slice(&manifest).context("parse the manifest")?;
    let mut target = Directory { path: path.to_owned() };
    let mut seen = HashSet::new();
    for layer in manifest["layers"].as_array_mut().into_iter().flatten() {
        let digest: Digest = layer["digest"].as_str().unwrap_or_default().parse()?;
        let size = layer["size"].as_u64().unwrap_or_default();
        let blob = Blob { digest, size };
        let mut write = || -> Result<()> {
            let mut source = Checked::open(layout, &blob.digest)?;
            let squeezed = layer["mediaType"].as_str().and_then(media::compressed).filter(|_| compress);
            if let Some(media_type) = squeezed {
                let compressed = target.compressed(&mut source);
                let (digest, size) = source.finish(&blob, compressed)?;
                (layer["mediaType"], layer["digest"]) = (json!(media_type), json!(digest));
                layer["size"] = json!(size);
                return Ok(());
            }
            if !seen.insert(blob.digest.clone()) {
                return Ok(());
            }
            let copied = target.file(&blob.digest.hex(), blob.size, &mut source);
            source.finish(&blob, copied)
        };
        write().with_context(|| format!("layer {}", blob.digest.short()))?;
    }
    let (config, _) = store.config(&image.id)?;
    let manifest = serde_json::to_vec(&manifest).context("encode the manifest")?;
    for (name, content) in
        [(image.id.hex().as_ref(), &config[..]), ("manifest.json", &manifest), ("version", DIRECTORY_VERSION)]
    {
        let written = target.file(name, content.len() as u64, &mut &content[..]);
        written.with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

/// Where files go.
trait Target {
    fn directory(&mut self, name: &str) -> Result<()>;
    fn file(&mut self, name: &str, size: u64, content: &mut dyn Read) -> Result<()>;
}

struct Archive<W> {
    out: W,
}

impl<W: Write> Archive<W> {
    /// A header that is the same on every machine.
    fn header(&mut self, name: &str, kind: tar::EntryType, mode: u32, size: u64) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_path(name)?;
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        Ok(self.out.write_all(header.as_bytes())?)
    }

    fn finish(mut self) -> Result<()> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(self.out.flush()?)
    }
}

impl<W: Write> Target for Archive<W> {
    fn directory(&mut self, name: &str) -> Result<()> {
        self.header(name, tar::EntryType::Directory, 0o755, 0)
    }

    fn file(&mut self, name: &str, size: u64, content: &mut dyn Read) -> Result<()> {
        self.header(name, tar::EntryType::Regular, 0o444, size)?;
        let count = copy(content, &mut self.out)?;
        ensure!(count == size, "its size is {count}, expected {size}");
        let padding = (BLOCK - size % BLOCK) % BLOCK;
        Ok(self.out.write_all(&[0; BLOCK as usize][..padding as usize])?)
    }
}

/// Copies to the end, in pieces that are worth a system call.
fn copy(source: &mut dyn Read, target: &mut dyn Write) -> Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut count = 0;
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(count),
            n => {
                target.write_all(&buffer[..n])?;
                count += n as u64;
            }
        }
    }
}

struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Compresses into a file that is named by its digest.
    fn compressed(&mut self, source: &mut Checked) -> Result<(Digest, u64)> {
        let place = self.path.join("compressing");
        let mut sink = Hashed { file: File::create(&place)?, hasher: Sha256::new(), count: 0 };
        compress::gzip(source, &mut sink)?;
        let digest = Digest::from_hasher(sink.hasher);
        std::fs::rename(&place, self.path.join(digest.hex()))?;
        Ok((digest, sink.count))
    }
}

impl Target for Directory {
    fn directory(&mut self, name: &str) -> Result<()> {
        Ok(std::fs::create_dir(self.path.join(name))?)
    }

    fn file(&mut self, name: &str, _: u64, content: &mut dyn Read) -> Result<()> {
        copy(content, &mut File::create_new(self.path.join(name))?).map(drop)
    }
}

/// Hashes what it writes.
struct Hashed {
    file: File,
    hasher: Sha256,
    count: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.count += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blob of the store that is hashed while it is read.
struct Checked {
    file: File,
    hasher: Sha256,
    count: u64,
    ended: bool,
}

impl Checked {
    fn open(layout: &Layout, digest: &Digest) -> Result<Self> {
        let file = Blobs::new(layout).open(digest).hint(|| "the store is damaged: pull the image again")?;
        Ok(Self { file, hasher: Sha256::new(), count: 0, ended: false })
    }

    /// Passes on what became of reading it, unless it was read to its end and is not the blob: that says more.
    fn finish<T>(self, blob: &Blob, result: Result<T>) -> Result<T> {
        if !self.ended {
            return result;
        }
        let actual = Digest::from_hasher(self.hasher);
        blobs::check(&blob.digest, blob.size, &actual, self.count)
            .hint(|| "the store is damaged: pull the image again")?;
        result
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.count += n as u64;
        self.ended |= n == 0;
        Ok(n)
    }
}
