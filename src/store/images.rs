//! Images by name and by id.
//!
//! A name is an entry of `images/index.json`; an image is a manifest blob, a configuration blob and layers. Finding
//! one and reading it costs three small files and no scan of a directory; a fourth where a name stands for several
//! platforms ([`super::platforms`]).

use std::collections::HashMap;

use anyhow::{Context, Result};
use oci_spec::image::{Descriptor, ImageManifest};

use super::blobs::Blobs;
use super::index::{self, Entry, Index, put};
use super::layout::Layout;
use super::platforms::{Choice, platform_of_config};
use crate::base::digest::Digest;
use crate::base::hint::{self, HintExt};
use crate::base::id;
use crate::config::registries::shortnames;
use crate::oci::image::ImageConfig;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;

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
    pub fn list(&self) -> Result<(Vec<Image>, Vec<anyhow::Error>)> {
        let index = index::read(self.layout)?;
        let (mut images, mut broken) = (Vec::new(), Vec::new());
        for entries in by_target(&index).values() {
            match self.load_of(entries, entries[0], &Choice::default()) {
                Ok(image) => images.push(image),
                // A list of manifests that are elsewhere.
                Err(error) if is_elsewhere(&error) => {}
                Err(error) => broken.push(error),
            }
        }
        // Text of RFC 3339 in UTC, as builders write it, sorts as time does.
        images
            .sort_by(|a, b| (&b.config.created, &a.names, &a.id).cmp(&(&a.config.created, &b.names, &b.id)));
        Ok((images, broken))
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

/// Finds the entry that is meant, and the id, where it was found by that.
fn find<'i>(index: &'i Index, text: &str) -> Result<(&'i Entry, Option<Digest>), ImageLookup> {
    if let Some(digest) = whole_id(text)
        && let Some(entry) = index.manifests.iter().find(|entry| entry.image_ids().any(|id| id == digest))
    {
        return Ok((entry, Some(digest)));
    }
    let prefix = text.strip_prefix("sha256:").unwrap_or(text);
    let name = match Reference::parse(text) {
        Ok(name) => Some(name.with_default_tag()),
        Err(_) if id::is_id_prefix(prefix) => None,
        Err(error) => return Err(ImageLookup::Invalid(error)),
    };
    if let Some(entry) = name.as_ref().and_then(|name| by_name(index, name)) {
        return Ok((entry, None));
    }
    let shown = name.map_or_else(|| text.to_owned(), |name| name.familiar());
    if id::is_id_prefix(prefix) { by_prefix(index, prefix, shown) } else { Err(ImageLookup::NotFound(shown)) }
}

/// Finds what `registries.conf` says that a name without a registry means.
fn find_alias<'i>(index: &'i Index, text: &str) -> Result<Option<&'i Entry>> {
    let meanings = shortnames::candidates(text)?;
    let names = meanings.iter().filter_map(|meaning| Reference::parse(meaning).ok());
    Ok(names.map(Reference::with_default_tag).find_map(|name| by_name(index, &name)))
}

fn whole_id(text: &str) -> Option<Digest> {
    text.parse().ok().or_else(|| format!("sha256:{text}").parse().ok())
}

/// Finds `name:tag`, or `name@digest`: there a tag beside the digest says nothing, as in docker.
fn by_name<'i>(index: &'i Index, name: &Reference) -> Option<&'i Entry> {
    match name.digest() {
        Some(digest) => index.manifests.iter().find(|entry| is_at(entry, name, digest)),
        None => {
            let canonical = name.to_string();
            index.manifests.iter().find(|entry| entry.is_named(&canonical))
        }
    }
}

/// Whether an entry is of this repository at this digest, which may be its manifest's or that of the index
/// which led there.
fn is_at(entry: &Entry, name: &Reference, digest: &Digest) -> bool {
    (entry.digest == *digest || entry.repo_digest().as_ref() == Some(digest))
        && entry.name().is_some_and(|own| own.name() == name.name())
}

fn by_prefix<'i>(
    index: &'i Index,
    prefix: &str,
    shown: String,
) -> Result<(&'i Entry, Option<Digest>), ImageLookup> {
    let mut found: Option<(&Entry, Digest)> = None;
    for entry in &index.manifests {
        for id in entry.image_ids().filter(|id| id.hex().starts_with(prefix)) {
            match &found {
                Some((_, first)) if *first != id => return Err(ImageLookup::Ambiguous(prefix.to_owned())),
                Some(_) => {}
                None => found = Some((entry, id)),
            }
        }
    }
    found.map(|(entry, id)| (entry, Some(id))).ok_or(ImageLookup::NotFound(shown))
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
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    /// Stores the documents of an image that differs by `text`, and returns its manifest's descriptor.
    fn image(scratch: &Scratch, text: &str) -> Descriptor {
        let blobs = Blobs::new(&scratch.layout);
        let store = |content: &str| {
            let digest = Digest::of(content.as_bytes());
            blobs.put(&digest, content.as_bytes()).unwrap();
            digest
        };
        let created = format!("2026-01-01T00:00:{:02}Z", text.len());
        let config = format!(
            r#"{{"created":"{created}","os":"linux","author":"{text}","rootfs":{{"type":"layers","diff_ids":[]}}}}"#
        );
        let id = store(&config);
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{id}","size":{}}},"layers":[]}}"#,
            config.len()
        );
        let digest = store(&manifest);
        let descriptor = serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.to_string(),
            "size": manifest.len(), "platform": { "os": "linux", "architecture": "amd64" },
        });
        serde_json::from_value(descriptor).unwrap()
    }

    fn name(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    fn familiar(names: &[Reference]) -> Vec<String> {
        names.iter().map(Reference::familiar).collect()
    }

    #[test]
    fn lookup_in_docker_s_order() {
        let scratch = Scratch::new();
        let images = Images::new(&scratch.layout);
        let (first, second) = (image(&scratch, "a"), image(&scratch, "bb"));
        let pulled = Digest::of(b"index");
        images.add(Some(&name("alpine")), &first, Some(&pulled)).unwrap();
        images.add(Some(&name("quay.io/a/b:1")), &second, None).unwrap();
        let (a, b) = (images.lookup("alpine").unwrap(), images.lookup("quay.io/a/b:1").unwrap());
        assert_eq!((a.config.author.as_deref(), b.config.author.as_deref()), (Some("a"), Some("bb")));
        // A name that is also a prefix of the other image's id.
        let short = b.id.short();
        images.tag(&a, &name(&short[..4])).unwrap();
        let manifest = a.manifest.to_string();
        for (text, id) in [
            ("docker.io/library/alpine:latest", &a.id),
            (&format!("alpine@{pulled}"), &a.id),
            (&format!("alpine:ignored@{manifest}"), &a.id),
            (&a.id.to_string(), &a.id),
            (&a.id.hex(), &a.id),
            (&a.id.short(), &a.id),
            (&format!("sha256:{}", &b.id.hex()[..20]), &b.id),
            (&short[..4], &a.id),
            (&short[..5], &b.id),
        ] {
            assert_eq!(images.lookup(text).unwrap_or_else(|e| panic!("{text}: {e:#}")).id, *id, "{text}");
        }
        for (text, error) in [
            ("alpin", "No such image: alpin:latest"),
            ("alpine:2", "No such image: alpine:2"),
            (&format!("quay.io/a/b@{pulled}"), &format!("No such image: quay.io/a/b@{pulled}")),
            ("0123456789abcdef", "No such image: 0123456789abcdef:latest"),
            ("sha256:0123", "No such image: sha256:0123"),
            ("../x", "invalid reference format"),
        ] {
            let found = images.lookup(text).unwrap_err();
            assert_eq!(found.to_string(), error, "{text}");
            assert!(found.is::<ImageLookup>(), "{text}");
        }
    }

    #[test]
    fn an_ambiguous_prefix() {
        let scratch = Scratch::new();
        let images = Images::new(&scratch.layout);
        // Seventeen ids share their first digit somewhere.
        for i in 1..=17 {
            images.add(None, &image(&scratch, &"x".repeat(i)), None).unwrap();
        }
        let errors = (0..16).filter_map(|digit| images.lookup(&format!("sha256:{digit:x}")).err());
        assert!(errors.into_iter().any(|error| error.to_string().starts_with("multiple IDs found")));
        let (listed, broken) = images.list().unwrap();
        assert_eq!((listed.len(), broken.len()), (17, 0));
        assert_eq!(listed[0].config.author.as_deref(), Some("x".repeat(17).as_str()));
    }

    #[test]
    fn a_name_that_moves_leaves_the_old_image_its_digest() {
        let scratch = Scratch::new();
        let images = Images::new(&scratch.layout);
        let (old, new) = (image(&scratch, "old"), image(&scratch, "newer"));
        let (old_digest, new_digest) = (Digest::of(b"1"), Digest::of(b"2"));
        images.add(Some(&name("app:1")), &old, Some(&old_digest)).unwrap();
        images.add(Some(&name("app:1")), &old, Some(&old_digest)).unwrap();
        images.add(Some(&name("app:1")), &new, Some(&new_digest)).unwrap();
        let (listed, _) = images.list().unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(familiar(&listed[0].names), ["app:1"]);
        assert_eq!(listed[1].names, []);
        assert_eq!(listed[1].repo_digests, [(name("app").at(old_digest.clone()), old_digest.clone())]);
        assert_eq!(images.lookup(&format!("app@{old_digest}")).unwrap().id, listed[1].id);
        // An image that has another name keeps no trace; one without a digest keeps its id.
        images.tag(&listed[0], &name("app:2")).unwrap();
        images.tag(&listed[1], &name("app:2")).unwrap();
        images.tag(&listed[0], &name("app:2")).unwrap();
        let (listed, _) = images.list().unwrap();
        assert_eq!(familiar(&listed[0].names), ["app:1", "app:2"]);
        assert!(images.untag(&name("app:1")).unwrap());
        assert!(!images.untag(&name("app:1")).unwrap());
        assert!(images.untag(&name("app").at(old_digest)).unwrap());
        images.remove(&listed[0]).unwrap();
        assert!(images.list().unwrap().0.is_empty());
    }

    #[test]
    fn a_nameless_image_that_gets_a_name_is_one_image() {
        let scratch = Scratch::new();
        let images = Images::new(&scratch.layout);
        let one = image(&scratch, "one");
        images.add(None, &one, None).unwrap();
        images.add(Some(&name("app")), &one, None).unwrap();
        images.add(None, &one, None).unwrap();
        assert_eq!(index::read(&scratch.layout).unwrap().manifests.len(), 1);
        assert_eq!(familiar(&images.lookup("app").unwrap().names), ["app:latest"]);
    }

    #[test]
    fn writers_do_not_lose_each_other() {
        let scratch = Scratch::new();
        let one = image(&scratch, "one");
        std::thread::scope(|scope| {
            for i in 0..8 {
                let (layout, one) = (&scratch.layout, &one);
                scope.spawn(move || {
                    let images = Images::new(layout);
                    for j in 0..5 {
                        images.add(Some(&name(&format!("app{i}:{j}"))), one, None).unwrap();
                        images.lookup(&format!("app{i}:{j}")).unwrap();
                    }
                    assert!(images.untag(&name(&format!("app{i}:0"))).unwrap());
                });
            }
        });
        assert_eq!(Images::new(&scratch.layout).lookup("app3:1").unwrap().names.len(), 32);
    }

    #[test]
    fn damage_is_named() {
        let scratch = Scratch::new();
        let images = Images::new(&scratch.layout);
        let (one, two) = (image(&scratch, "one"), image(&scratch, "three"));
        images.add(Some(&name("app:1")), &one, None).unwrap();
        images.add(Some(&name("app:2")), &two, None).unwrap();
        let broken = images.lookup("app:1").unwrap();
        std::fs::write(scratch.layout.blob(&broken.id), "rot").unwrap();
        let error = images.lookup("app:1").unwrap_err();
        assert!(format!("{error:#}").starts_with("read image app:1: read blob sha256:"), "{error:#}");
        let (listed, errors) = images.list().unwrap();
        assert_eq!((listed.len(), errors.len()), (1, 1));
        assert!(images.untag(&name("app:1")).unwrap());
        let path = scratch.layout.images().join("index.json");
        for (content, error) in
            [("{", "not an OCI image index"), (r#"{"schemaVersion":3,"manifests":[]}"#, "is not 2")]
        {
            std::fs::write(&path, content).unwrap();
            assert!(format!("{:#}", images.list().err().unwrap()).contains(error));
            assert!(images.tag(&broken, &name("app:3")).is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }
}
