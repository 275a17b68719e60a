//! Images by name and by id.
//!
//! A name is an entry of `images/index.json`; an image is a manifest blob, a configuration blob and layers. Finding
//! one and reading it costs three small files and no scan of a directory; a fourth where a name stands for several
//! platforms ([`super::platforms`]).

mod find;

use std::collections::HashMap;

use anyhow::{Context, Result};
use oci_spec::image::{Descriptor, ImageManifest, MediaType};

use super::blobs::Blobs;
use super::index::{self, Entry, Index, put};
use super::layout::Layout;
use super::platforms::{Choice, platform_of_config};
use crate::base::digest::Digest;
use crate::base::hint::{self, HintExt};
use crate::base::shares;
use crate::oci::image::ImageConfig;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use find::{by_name, find, find_alias, is_at};

/// Manifests beyond this are refused, as `containers/image` and docker do (CVE-2020-1702).
pub const MANIFEST_LIMIT: u64 = 4 << 20;
/// Configurations beyond this are refused.
pub const CONFIG_LIMIT: u64 = 16 << 20;

/// An image of this store.
#[derive(Clone, Debug)]
pub struct Image {
    /// The digest of the configuration, which docker calls the image's id.
    pub id: Digest,
    pub manifest: Digest,
    pub manifest_size: u64,
    /// What its names point at: its manifest, or an index of it and of those for other platforms.
    pub target: Digest,
    /// The ids of all images beneath `target` that are here, its own among them.
    pub siblings: Vec<Digest>,
    /// The manifest's media type.
    pub media_type: String,
    /// The compressed layers, lowest first; as many as `config.rootfs.diff_ids`.
    pub layers: Vec<Descriptor>,
    pub config: ImageConfig,
    /// Every name with a tag, in order.
    pub names: Vec<Reference>,
    /// The repositories it was pulled from, and what their names pointed at.
    pub repo_digests: Vec<(Reference, Digest)>,
}

/// The images of a store, and what is wrong with those that could not be read.
pub type Listing = (Vec<Image>, Vec<anyhow::Error>);

/// Images that one thread reads before another is worth starting.
const SHARE: usize = 100;
/// Threads that read images; the kernel's work is most of it, and more find no free core.
const READERS: usize = 4;

/// Why an image was not found.
#[derive(Debug, thiserror::Error)]
pub enum ImageLookup {
    #[error("No such image: {0}")]
    NotFound(String),
    #[error("multiple IDs found with provided prefix: {0}")]
    Ambiguous(String),
    /// In docker's words.
    #[error("image with reference {0} was found but does not provide the specified platform ({1})")]
    OtherPlatform(String, Platform),
    #[error("{0}")]
    Invalid(crate::oci::reference::ParseError),
}

/// The images of one store.
#[derive(Clone, Copy)]
pub struct Images<'a> {
    pub(super) layout: &'a Layout,
}

impl<'a> Images<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// Finds an image in docker's order: by its whole id, by `name[:tag]` or `name@digest`, by a unique prefix
    /// of its id with or without `sha256:`. Why there is none is an [`ImageLookup`].
    pub fn lookup(&self, text: &str) -> Result<Image> {
        self.lookup_for(text, None)
    }

    /// [`Images::lookup`] of the image for a platform. Where none is asked for, this machine's is preferred.
    pub fn lookup_for(&self, text: &str, platform: Option<&Platform>) -> Result<Image> {
        let index = index::read(self.layout)?;
        let (entry, id) = match find(&index, text) {
            Err(missing @ ImageLookup::NotFound(_)) => (find_alias(&index, text)?.ok_or(missing)?, None),
            found => found?,
        };
        self.load(&index, entry, &Choice { platform, id })
    }

    /// Reads an image that no entry names, by its manifest; who has brought it keeps it from being collected.
    pub fn unlisted(&self, manifest: &Digest) -> Result<Image> {
        let (content, parsed) = self.manifest(manifest)?;
        let media_type = parsed.media_type().clone().unwrap_or(MediaType::ImageManifest);
        let digest: oci_spec::image::Digest = manifest.to_string().parse().context("encode the digest")?;
        let descriptor = Descriptor::new(media_type, content.len() as u64, digest);
        let entry = Entry::new(&descriptor, &parsed.config().digest().as_ref().parse()?)?;
        self.load_of(&[], &entry, &Choice::default())
    }

    /// Every image beneath what a name points at that is here: this one first, then those for other platforms.
    pub fn all_of(&self, image: &Image) -> Result<Vec<Image>> {
        let index = index::read(self.layout)?;
        let entry = index.manifests.iter().find(|entry| entry.digest == image.target);
        let entry = entry.ok_or_else(|| ImageLookup::NotFound(image.id.to_string()))?;
        let load = |id: &Digest| self.load(&index, entry, &Choice { platform: None, id: Some(id.clone()) });
        let others = image.siblings.iter().filter(|id| **id != image.id);
        std::iter::once(Ok(image.clone())).chain(others.map(load)).collect()
    }

    /// Finds an image by exactly this name.
    pub fn by_name(&self, name: &Reference) -> Result<Option<Image>> {
        let index = index::read(self.layout)?;
        by_name(&index, name).map(|entry| self.load(&index, entry, &Choice::default())).transpose()
    }

    /// Reads every image that can be read, newest first, each once with all its names; what is wrong with the
    /// others comes beside.
    pub fn list(&self) -> Result<Listing> {
        self.list_with(1)
    }

    /// The same, where of many images threads read a share each: for commands that start nothing afterwards.
    pub fn list_by_threads(&self) -> Result<Listing> {
        self.list_with(READERS)
    }

    fn list_with(&self, readers: usize) -> Result<Listing> {
        let index = index::read(self.layout)?;
        let targets: Vec<Vec<&Entry>> = by_target(&index).into_values().collect();
        let (mut images, mut broken) = (Vec::with_capacity(targets.len()), Vec::new());
        for (read, failed) in shares::work(&targets, SHARE, readers, |targets| self.read_share(targets)) {
            images.extend(read);
            broken.extend(failed);
        }
        // Text of RFC 3339 in UTC, as builders write it, sorts as time does. In place: a copy of all takes longer.
        images.sort_unstable_by(|a, b| {
            (&b.config.created, &a.names, &a.id).cmp(&(&a.config.created, &b.names, &b.id))
        });
        Ok((images, broken))
    }

    /// Reads the images of `targets`, each with all entries of one manifest or index.
    fn read_share(&self, targets: &[Vec<&Entry>]) -> Listing {
        let (mut images, mut broken) = (Vec::with_capacity(targets.len()), Vec::new());
        for entries in targets {
            match self.load_of(entries, entries[0], &Choice::default()) {
                Ok(image) => images.push(image),
                // A list of manifests that are elsewhere.
                Err(error) if is_elsewhere(&error) => {}
                Err(error) => broken.push(error),
            }
        }
        (images, broken)
    }

    /// Gives a manifest a name, or keeps it without one. Manifest, configuration and layers must be in the store;
    /// they are made durable before the name is. `repo_digest` is what the registry's name pointed at.
    /// An image that loses this name stays, under the digest it was pulled by or under none.
    pub fn add(
        &self,
        name: Option<&Reference>,
        manifest: &Descriptor,
        repo_digest: Option<&Digest>,
    ) -> Result<()> {
        let digest: Digest = manifest.digest().as_ref().parse()?;
        let (_, parsed) = self.manifest(&digest)?;
        let entry = Entry::new(manifest, &parsed.config().digest().as_ref().parse()?)?;
        let name = name.map(entry_name);
        self.sync()?;
        index::change(self.layout, |index| {
            let entry = entry.named(name.as_ref(), repo_digest);
            match self.joined(index, &entry)? {
                Some(joined) => {
                    // What had the name is in the index that has it now.
                    let canonical = name.as_ref().map(Reference::to_string).unwrap_or_default();
                    index.manifests.retain(|other| !other.is_named(&canonical));
                    put(index, joined);
                }
                None => put(index, entry),
            }
            Ok(())
        })
    }

    /// Gives an image one more name, taking it from any other image.
    pub fn tag(&self, image: &Image, name: &Reference) -> Result<()> {
        index::change(self.layout, |index| {
            let entry = index.manifests.iter().find(|entry| entry.digest == image.target);
            let entry = entry.ok_or_else(|| ImageLookup::NotFound(image.id.to_string()))?;
            put(index, entry.named(Some(&entry_name(name)), None));
            Ok(())
        })
    }

    /// Gives every name of a manifest to another one of the same image, which must be in the store.
    pub fn replace(&self, old: &Digest, manifest: &Descriptor) -> Result<()> {
        let new: Digest = manifest.digest().as_ref().parse()?;
        self.sync()?;
        index::change(self.layout, |index| {
            for entry in &mut index.manifests {
                if entry.digest == *old {
                    (entry.digest, entry.size) = (new.clone(), manifest.size());
                } else if entry.is_index() {
                    self.replace_in(entry, old, manifest)?;
                }
            }
            Ok(())
        })
    }

    /// Takes one name, or one `name@digest`, away; false where nothing has it. The last name takes the image
    /// with it.
    pub fn untag(&self, name: &Reference) -> Result<bool> {
        index::change(self.layout, |index| {
            let before = index.manifests.len();
            match name.digest() {
                Some(digest) => index.manifests.retain(|entry| !is_at(entry, name, digest)),
                None => {
                    let canonical = name.clone().with_default_tag().to_string();
                    index.manifests.retain(|entry| !entry.is_named(&canonical));
                }
            }
            Ok(index.manifests.len() != before)
        })
    }

    /// Takes some of an image's names away. It stays, with the others or without a name.
    pub fn take_names(&self, image: &Image, names: &[Reference]) -> Result<()> {
        index::change(self.layout, |index| {
            let is_going = |name: &Reference| names.contains(name);
            let mut last = None;
            index.manifests.retain_mut(|entry| {
                let Some(name) = entry.name().filter(|_| entry.digest == image.target) else { return true };
                let digest = entry.repo_digest();
                if is_going(&name) {
                    last = Some(entry.named(None, None));
                    return false;
                }
                if digest.is_some_and(|digest| is_going(&name.at(digest))) {
                    *entry = entry.named(Some(&name), None);
                }
                true
            });
            if let Some(last) = last {
                put(index, last);
            }
            Ok(())
        })
    }

    /// Takes an image away with all its names.
    pub fn remove(&self, image: &Image) -> Result<()> {
        index::change(self.layout, |index| {
            index.manifests.retain(|entry| entry.digest != image.target);
            Ok(())
        })
    }

    /// Reads a manifest: its bytes, and what they say.
    pub fn manifest(&self, digest: &Digest) -> Result<(Vec<u8>, ImageManifest)> {
        let content = Blobs::new(self.layout).read(digest, MANIFEST_LIMIT)?;
        let manifest =
            serde_json::from_slice(&content).with_context(|| format!("parse manifest {digest}"))?;
        Ok((content, manifest))
    }

    /// Reads a configuration: its bytes, and what they say.
    pub fn config(&self, id: &Digest) -> Result<(Vec<u8>, ImageConfig)> {
        let content = Blobs::new(self.layout).read(id, CONFIG_LIMIT)?;
        let config = serde_json::from_slice(&content).with_context(|| format!("parse configuration {id}"))?;
        Ok((content, config))
    }

    /// Reads the image of an entry, with the names that all entries together give it.
    fn load(&self, index: &Index, entry: &Entry, choice: &Choice<'_>) -> Result<Image> {
        let same: Vec<&Entry> = index.manifests.iter().filter(|other| other.digest == entry.digest).collect();
        self.load_of(&same, entry, choice)
    }

    /// The same where all entries of that target are known.
    fn load_of(&self, same: &[&Entry], entry: &Entry, choice: &Choice<'_>) -> Result<Image> {
        let shown = || entry.name().map_or_else(|| entry.digest.short(), |name| name.familiar());
        let other = || {
            let wanted = choice.platform.cloned().unwrap_or_else(Platform::host);
            ImageLookup::OtherPlatform(shown(), wanted)
        };
        let chosen = match entry.is_index() {
            true => {
                let manifests = self.present(entry).with_context(|| format!("read image {}", shown()))?;
                let chosen = choice.among(self, manifests)?.ok_or_else(other)?;
                let digest: Digest = chosen.digest().as_ref().parse()?;
                (digest, chosen.size(), chosen.media_type().to_string())
            }
            false => (entry.digest.clone(), entry.size, entry.media_type.clone()),
        };
        let (digest, size, media_type) = chosen;
        let load = || {
            let (_, manifest) = self.manifest(&digest)?;
            let id: Digest = manifest.config().digest().as_ref().parse()?;
            let (_, config) = self.config(&id)?;
            anyhow::Ok((id, manifest, config))
        };
        let (id, manifest, config) =
            load().with_context(|| format!("read image {}", shown())).hint(|| hint::CHECK)?;
        if choice.platform.is_some_and(|wanted| wanted.rank(&platform_of_config(&config)).is_none()) {
            return Err(other().into());
        }
        let (names, repo_digests) = names_of(same);
        Ok(Image {
            id,
            manifest: digest,
            manifest_size: size,
            target: entry.digest.clone(),
            siblings: entry.image_ids().collect(),
            media_type,
            layers: manifest.layers().clone(),
            config,
            names,
            repo_digests,
        })
    }

    /// Writes everything that a new name will refer to to the disk.
    pub(super) fn sync(&self) -> Result<()> {
        let path = self.layout.data();
        let directory = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
        rustix::fs::syncfs(&directory).with_context(|| format!("sync {}", path.display()))
    }
}

/// The name that an entry gets: with a tag, or with a digest, beside which a tag says nothing.
fn entry_name(name: &Reference) -> Reference {
    match name.digest() {
        Some(digest) => name.at(digest.clone()),
        None => name.clone().with_default_tag(),
    }
}

/// Whether nothing of what a name stands for is in this store.
fn is_elsewhere(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ImageLookup::OtherPlatform(..)))
}

/// The entries of each manifest or index.
fn by_target(index: &Index) -> HashMap<&Digest, Vec<&Entry>> {
    let mut found: HashMap<&Digest, Vec<&Entry>> = HashMap::new();
    for entry in &index.manifests {
        found.entry(&entry.digest).or_default().push(entry);
    }
    found
}

/// The tags and the repository digests of a manifest, each once and in order.
fn names_of(entries: &[&Entry]) -> (Vec<Reference>, Vec<(Reference, Digest)>) {
    let (mut names, mut digests) = (Vec::new(), Vec::new());
    for entry in entries {
        let Some(name) = entry.name() else { continue };
        if let Some(digest) = entry.repo_digest().or_else(|| name.digest().cloned()) {
            digests.push((name.at(digest.clone()), digest));
        }
        if name.tag().is_some() {
            names.push(name);
        }
    }
    names.sort();
    names.dedup();
    digests.sort();
    digests.dedup();
    (names, digests)
}

#[cfg(test)]
mod tests;
