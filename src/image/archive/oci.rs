//! The images of an OCI layout, and the one of a `dir:`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use oci_spec::image::{Descriptor, ImageIndex, MediaType};
use serde_json::json;

use super::{CONTAINERD_NAME, Format, LayerFile, Loaded, Loader, REF_NAME, merge};
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::image::compose::describe;
use crate::image::ingest::LayerWanted;
use crate::image::resolve;
use crate::oci::media::{self, Kind};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::blobs::Blobs;
use crate::store::images::{CONFIG_LIMIT, MANIFEST_LIMIT};
use crate::store::platforms;

/// An index may point at another index; nobody needs more of them in a row.
const MAX_INDEXES: usize = 3;
/// More images than one name stands for anywhere.
const MAX_PLATFORMS: usize = 100;

/// The entries of one image in an OCI layout, and its name.
type Group = (Option<String>, Vec<Descriptor>);

impl Loader<'_> {
    /// The one image of a `dir:`, which has no name.
    pub(super) fn flat(&self) -> Result<Vec<Loaded>> {
        let bytes = self.content.document("manifest.json", MANIFEST_LIMIT)?;
        let Kind::Manifest = Kind::of_document(None, &bytes)? else {
            bail!("it holds an index of several images, which is not supported yet");
        };
        let own = resolve::manifest(&bytes)?.media_type().clone();
        let descriptor = describe(own.unwrap_or(MediaType::ImageManifest), &bytes)?;
        Ok(vec![self.manifest(Vec::new(), descriptor, &bytes)?])
    }

    pub(super) fn oci(&self) -> Result<Vec<Loaded>> {
        let text = self.content.document("index.json", MANIFEST_LIMIT);
        let text =
            text.hint(|| "it is no OCI image layout; for an archive of docker use docker-archive:FILE")?;
        let index: ImageIndex = serde_json::from_slice(&text).context("parse index.json")?;
        if let Some(digest) = &self.source.digest {
            return self.oci_image(None, &[self.described(digest)?]);
        }
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

    /// Describes a manifest or an index by what it says itself.
    fn described(&self, digest: &Digest) -> Result<Descriptor> {
        let (_, size) = self.content.file(&self.content.blob_name(digest))?;
        let bytes = self.content.blob(digest, size, MANIFEST_LIMIT)?;
        let media_type = match Kind::of_document(None, &bytes)? {
            Kind::Manifest => {
                resolve::manifest(&bytes)?.media_type().clone().unwrap_or(MediaType::ImageManifest)
            }
            Kind::Index => MediaType::ImageIndex,
        };
        describe(media_type, &bytes)
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
