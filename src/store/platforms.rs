//! One name for several platforms: an image index among the blobs, which an entry of `index.json` points at.
//!
//! Source: OCI image-spec v1.1 `image-index.md`. Each manifest of it tells its platform. A manifest whose content is
//! not here is passed over by whoever looks for an image.

use anyhow::{Context, Result, ensure};
use oci_spec::image::{Descriptor, DescriptorBuilder, ImageIndex, MediaType, PlatformBuilder};
use serde_json::json;

use super::blobs::Blobs;
use super::images::{Image, Images, MANIFEST_LIMIT};
use super::index::{self, Entry, Index};
use crate::base::digest::Digest;
use crate::oci::image::ImageConfig;
use crate::oci::media::OCI_INDEX;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;

/// More manifests than any image has.
const MAX_MANIFESTS: usize = 1000;

/// The platform that a descriptor tells.
pub fn platform_of(descriptor: &Descriptor) -> Option<Platform> {
    let platform = descriptor.platform().as_ref()?;
    let (os, architecture) = (platform.os().to_string(), platform.architecture().to_string());
    Some(Platform::new(&os, &architecture, platform.variant().as_deref()))
}

/// The platform that a configuration tells.
pub fn platform_of_config(config: &ImageConfig) -> Platform {
    Platform::new(&config.os, &config.architecture, config.variant.as_deref())
}

/// An index of these manifests.
pub fn document(manifests: &[Descriptor]) -> Result<Vec<u8>> {
    let document = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    serde_json::to_vec(&document).context("encode the image index")
}

/// The same manifest with this platform.
pub fn with_platform(manifest: &Descriptor, platform: &Platform) -> Result<Descriptor> {
    let builder =
        PlatformBuilder::default().os(platform.os.as_str()).architecture(platform.architecture.as_str());
    let builder = match &platform.variant {
        Some(variant) => builder.variant(variant.as_str()),
        None => builder,
    };
    let mut manifest = manifest.clone();
    manifest.set_platform(Some(builder.build().context("encode the platform")?));
    Ok(manifest)
}

impl Images<'_> {
    /// The manifests of an index.
    pub fn manifests_of(&self, index: &Digest) -> Result<Vec<Descriptor>> {
        let content = Blobs::new(self.layout).read(index, MANIFEST_LIMIT)?;
        let parsed: ImageIndex =
            serde_json::from_slice(&content).with_context(|| format!("parse image index {index}"))?;
        ensure!(parsed.manifests().len() <= MAX_MANIFESTS, "image index {index} has too many manifests");
        Ok(parsed.manifests().clone())
    }

    /// The manifests of the index that has this name; `None` where it is no index's.
    pub fn index_named(&self, name: &Reference) -> Result<Option<Vec<Descriptor>>> {
        let canonical = name.to_string();
        let index = index::read(self.layout)?;
        let entry = index.manifests.iter().find(|entry| entry.is_index() && entry.is_named(&canonical));
        entry.map(|entry| self.manifests_of(&entry.digest)).transpose()
    }

    /// Those of the manifests that an entry stands for whose content is here.
    pub fn present(&self, entry: &Entry) -> Result<Vec<Descriptor>> {
        if !entry.is_index() {
            return Ok(vec![self.describe(entry)?]);
        }
        let blobs = Blobs::new(self.layout);
        let is_here = |manifest: &Descriptor| {
            let digest: Option<Digest> = manifest.digest().as_ref().parse().ok();
            digest.is_some_and(|digest| blobs.has(&digest))
        };
        Ok(self.manifests_of(&entry.digest)?.into_iter().filter(is_here).collect())
    }

    /// Gives several manifests, whose content is in the store or elsewhere, one name: they take the place of whatever
    /// had it.
    pub fn add_index(
        &self,
        name: &Reference,
        manifests: &[Descriptor],
        repo_digest: Option<&Digest>,
    ) -> Result<()> {
        self.sync()?;
        index::change(self.layout, |index| {
            let entry = self.store_index(manifests)?;
            index::put(index, entry.named(Some(&name.clone().with_default_tag()), repo_digest));
            Ok(())
        })
    }

    /// Gives the list of this name, or a new one, these manifests. Its last form is forgotten.
    pub fn change_index(&self, name: &Reference, manifests: &[Descriptor]) -> Result<()> {
        let canonical = name.to_string();
        self.sync()?;
        index::change(self.layout, |index| {
            let entry = self.store_index(manifests)?;
            index.manifests.retain(|other| !(other.is_index() && other.is_named(&canonical)));
            index::put(index, entry.named(Some(name), None));
            Ok(())
        })
    }

    /// Takes one image out of what its names stand for.
    pub fn remove_one(&self, image: &Image) -> Result<()> {
        index::change(self.layout, |index| {
            for entry in index.manifests.iter_mut().filter(|entry| entry.digest == image.target) {
                let (name, repo_digest) = (entry.name(), entry.repo_digest());
                let mut manifests = self.manifests_of(&entry.digest)?;
                manifests.retain(|manifest| manifest.digest().as_ref() != image.manifest.to_string());
                let left = match &manifests[..] {
                    [one] => {
                        let (_, manifest) = self.manifest(&one.digest().as_ref().parse()?)?;
                        Entry::new(one, &manifest.config().digest().as_ref().parse()?)?
                    }
                    several => self.store_index(several)?,
                };
                *entry = left.named(name.as_ref(), repo_digest.as_ref());
            }
            Ok(())
        })
    }

    /// An entry for a manifest that is pulled under a name beside what the same name of the registry has brought before:
    /// the images of other platforms stay. `None` where the name stands for something else.
    pub(super) fn joined(&self, index: &Index, entry: &Entry) -> Result<Option<Entry>> {
        let Some((name, pulled)) = entry.name().zip(entry.repo_digest()) else { return Ok(None) };
        let canonical = name.to_string();
        let Some(old) = index.manifests.iter().find(|other| other.is_named(&canonical)) else {
            return Ok(None);
        };
        if old.repo_digest() != Some(pulled) || old.digest == entry.digest {
            return Ok(None);
        }
        let new = self.describe(entry)?;
        let mut manifests = vec![new.clone()];
        for other in self.present(old)? {
            if platform_of(&other) != platform_of(&new) {
                manifests.push(other);
            }
        }
        if manifests.len() == 1 {
            return Ok(None);
        }
        // The same platforms make the same index, in whichever order they came.
        manifests.sort_by_key(|manifest| platform_of(manifest).map(|platform| platform.to_string()));
        let joined = self.store_index(&manifests)?;
        Ok(Some(joined.named(Some(&name), entry.repo_digest().as_ref())))
    }

    /// Stores an index, and makes its entry, which knows the ids of the images that are here.
    pub(super) fn store_index(&self, manifests: &[Descriptor]) -> Result<Entry> {
        let content = document(manifests)?;
        let digest = Digest::of(&content);
        Blobs::new(self.layout).put(&digest, &content)?;
        let mut ids = Vec::new();
        for manifest in manifests {
            let digest: Digest = manifest.digest().as_ref().parse()?;
            if Blobs::new(self.layout).has(&digest) {
                ids.push(self.manifest(&digest)?.1.config().digest().as_ref().parse()?);
            }
        }
        Ok(Entry::of_index(digest, content.len() as u64, &ids))
    }

    /// Puts another manifest of the same image into the index of an entry.
    pub(super) fn replace_in(&self, entry: &mut Entry, old: &Digest, new: &Descriptor) -> Result<()> {
        let mut manifests = self.manifests_of(&entry.digest)?;
        let is_old = |manifest: &Descriptor| manifest.digest().as_ref() == old.to_string();
        let Some(place) = manifests.iter().position(is_old) else { return Ok(()) };
        let platform = platform_of(&manifests[place]);
        manifests[place] = match platform {
            Some(platform) => with_platform(new, &platform)?,
            None => new.clone(),
        };
        let replaced = self.store_index(&manifests)?;
        (entry.digest, entry.size) = (replaced.digest, replaced.size);
        Ok(())
    }

    /// The descriptor of an entry's manifest, with the platform that its configuration tells.
    fn describe(&self, entry: &Entry) -> Result<Descriptor> {
        let (_, manifest) = self.manifest(&entry.digest)?;
        let (_, config) = self.config(&manifest.config().digest().as_ref().parse()?)?;
        let digest: oci_spec::image::Digest =
            entry.digest.to_string().parse().context("encode the digest")?;
        let builder = DescriptorBuilder::default().media_type(MediaType::from(entry.media_type.as_str()));
        let manifest = builder.digest(digest).size(entry.size).build().context("describe the manifest")?;
        with_platform(&manifest, &platform_of_config(&config))
    }
}

/// Which of several platforms is meant.
#[derive(Clone, Debug, Default)]
pub struct Choice<'a> {
    /// The one that suits this best; this machine's, or else the first, where nothing was asked.
    pub platform: Option<&'a Platform>,
    /// The image with this id.
    pub id: Option<Digest>,
}

impl Choice<'_> {
    /// The best of these manifests.
    pub(super) fn among(
        &self,
        images: &Images<'_>,
        manifests: Vec<Descriptor>,
    ) -> Result<Option<Descriptor>> {
        if let Some(id) = &self.id {
            for manifest in manifests {
                let (_, parsed) = images.manifest(&manifest.digest().as_ref().parse()?)?;
                if parsed.config().digest().as_ref() == id.to_string() {
                    return Ok(Some(manifest));
                }
            }
            return Ok(None);
        }
        let offers: Vec<(usize, Platform)> = (manifests.iter().map(platform_of).enumerate())
            .filter_map(|(place, offer)| Some((place, offer?)))
            .collect();
        let wanted = self.platform.cloned().unwrap_or_else(Platform::host);
        let best = wanted.best(offers.iter().map(|(_, offer)| offer)).map(|best| offers[best].0);
        let place = best.or((self.platform.is_none() && !manifests.is_empty()).then_some(0));
        Ok(place.and_then(|place| manifests.into_iter().nth(place)))
    }
}
