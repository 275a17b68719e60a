//! `images/index.json`: an OCI image index whose entries are the names of this store.
//!
//! Source: OCI image-spec v1.1 `image-layout.md`, `image-index.md`. Fields that are not ours are kept as they are.
//! Readers take no lock; a change is made under `locks/images` and renamed into place.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use oci_spec::image::Descriptor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::layout::Layout;
use crate::base::digest::Digest;
use crate::base::file::{self, Durability, FileLock};
use crate::base::hint::{self, HintExt};
use crate::config::paths::private_directory;
use crate::oci::media;
use crate::oci::reference::Reference;

/// The name of an entry: a [`Reference`] in full, with a tag or, where no tag points here, a digest.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// What the registry's name pointed at when it was pulled: this manifest, or the index that led to it.
const REPO_DIGEST: &str = "io.github.coracle.repo-digest";
/// The digest of the configuration, so that finding an image by its id reads one file; of an index those of all
/// platforms that are here, with commas between.
const IMAGE_ID: &str = "io.github.coracle.image-id";

/// An index beyond this is not one of ours.
const INDEX_LIMIT: u64 = 64 << 20;
pub const LAYOUT_FILE: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    #[serde(default = "index_type")]
    media_type: String,
    pub manifests: Vec<Entry>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

fn index_type() -> String {
    media::OCI_INDEX.to_owned()
}

impl Default for Index {
    fn default() -> Self {
        Self { schema_version: 2, media_type: index_type(), manifests: Vec::new(), other: Map::new() }
    }
}

/// The descriptor of one manifest under one name, or under none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Entry {
    /// An entry for a manifest, without a name.
    pub fn new(manifest: &Descriptor, image_id: &Digest) -> Result<Self> {
        let mut other = Map::new();
        if let Some(platform) = manifest.platform() {
            let platform = serde_json::to_value(platform).context("encode the platform")?;
            other.insert("platform".to_owned(), platform);
        }
        Ok(Self {
            media_type: manifest.media_type().to_string(),
            digest: manifest.digest().as_ref().parse()?,
            size: manifest.size(),
            annotations: BTreeMap::from([(IMAGE_ID.to_owned(), image_id.to_string())]),
            other,
        })
    }

    /// An entry for an index of several manifests, without a name; `ids` are those of the images that are here.
    pub fn of_index(digest: Digest, size: u64, ids: &[Digest]) -> Self {
        let ids: Vec<String> = ids.iter().map(Digest::to_string).collect();
        Self {
            media_type: media::OCI_INDEX.to_owned(),
            digest,
            size,
            annotations: BTreeMap::from([(IMAGE_ID.to_owned(), ids.join(","))]),
            other: Map::new(),
        }
    }

    /// Whether it stands for several manifests.
    pub fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), media::OCI_INDEX | media::DOCKER_LIST)
    }

    /// The same manifest under another name, or under none.
    pub fn named(&self, name: Option<&Reference>, repo_digest: Option<&Digest>) -> Self {
        let mut entry = self.clone();
        entry.annotate(REF_NAME, name.map(Reference::to_string));
        entry.annotate(REPO_DIGEST, repo_digest.map(Digest::to_string));
        entry
    }

    /// The name, if it has one that is well-formed.
    pub fn name(&self) -> Option<Reference> {
        Reference::parse(self.annotations.get(REF_NAME)?).ok()
    }

    /// Whether this is its name, compared as text: no other entry is parsed to find one.
    pub fn is_named(&self, canonical: &str) -> bool {
        self.annotations.get(REF_NAME).is_some_and(|name| name == canonical)
    }

    pub fn repo_digest(&self) -> Option<Digest> {
        self.annotations.get(REPO_DIGEST)?.parse().ok()
    }

    /// The ids of the images that it stands for: one, or one for each platform that is here.
    pub fn image_ids(&self) -> impl Iterator<Item = Digest> {
        let ids = self.annotations.get(IMAGE_ID).map(String::as_str).unwrap_or_default();
        ids.split(',').filter_map(|id| id.parse().ok())
    }

    /// Takes the tag off. What stays is the repository at the digest that was pulled, as docker keeps it
    /// when a tag moves on, or no name.
    pub fn without_tag(&self) -> Self {
        let digest = self.repo_digest();
        let name = self.name().zip(digest.as_ref()).map(|(name, digest)| name.at(digest.clone()));
        self.named(name.as_ref(), digest.as_ref().filter(|_| name.is_some()))
    }

    fn annotate(&mut self, key: &str, value: Option<String>) {
        match value {
            Some(value) => self.annotations.insert(key.to_owned(), value),
            None => self.annotations.remove(key),
        };
    }
}

/// Reads the index; a store that never had one has no images.
pub fn read(layout: &Layout) -> Result<Index> {
    let path = layout.images().join("index.json");
    let read = match file::read_bounded(&path, INDEX_LIMIT) {
        // The mark of a layout comes after the first index: with nothing on the list, all would be collected.
        Err(error) if is_missing(&error) && !layout_file(layout).exists() => return Ok(Index::default()),
        read => read,
    };
    let index = read.and_then(|content| parse(&content).with_context(|| format!("read {}", path.display())));
    index.hint(|| hint::CHECK)
}

fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

fn parse(content: &[u8]) -> Result<Index> {
    let index: Index = serde_json::from_slice(content).context("not an OCI image index")?;
    if index.schema_version != 2 {
        bail!("schema version {} is not 2", index.schema_version);
    }
    Ok(index)
}

/// Changes the index while nobody else does. What the change returns is passed on; an index that it left as
/// it was is not written.
pub fn change<T>(layout: &Layout, change: impl FnOnce(&mut Index) -> Result<T>) -> Result<T> {
    private_directory(&layout.locks())?;
    let _lock = FileLock::acquire(&layout.locks().join("images"))?;
    let mut index = read(layout)?;
    let before = index.manifests.clone();
    let result = change(&mut index)?;
    if index.manifests != before {
        write(layout, &index)?;
    }
    Ok(result)
}

/// Puts an entry into the index: whoever had its name loses it, and an entry without a name goes where the same
/// image now has one.
pub fn put(index: &mut Index, entry: Entry) {
    let canonical = entry.name().map(|name| name.to_string());
    let is_same_name = |other: &Entry| canonical.as_ref().is_some_and(|name| other.is_named(name));
    let mut losers = Vec::new();
    index.manifests.retain(|other| {
        let lost = is_same_name(other) && other.digest != entry.digest;
        if lost {
            losers.push(other.without_tag());
        }
        let replaced = is_same_name(other) && !lost;
        let nameless = other.digest == entry.digest && other.name().is_none();
        !(lost || replaced || nameless)
    });
    for loser in losers {
        // An image that keeps another name needs no entry to survive.
        if !index.manifests.iter().any(|other| other.digest == loser.digest) {
            index.manifests.push(loser);
        }
    }
    let is_known = index.manifests.iter().any(|other| other.digest == entry.digest);
    if canonical.is_some() || !is_known {
        index.manifests.push(entry);
    }
}

/// Writes the index, and the file that makes its directory an OCI image layout.
fn write(layout: &Layout, index: &Index) -> Result<()> {
    let images = layout.images();
    private_directory(&images.join("blobs/sha256"))?;
    let content = serde_json::to_vec(index).context("encode the list of images")?;
    file::sweep_siblings(&images.join("index.json"))
        .with_context(|| format!("clean {}", images.display()))?;
    file::write_atomic(&images.join("index.json"), &content, Durability::Synced)?;
    let mark = layout_file(layout);
    if mark.exists() { Ok(()) } else { file::write_atomic(&mark, LAYOUT_FILE.as_bytes(), Durability::Synced) }
}

/// The file that makes its directory an OCI image layout.
pub fn layout_file(layout: &Layout) -> PathBuf {
    layout.images().join("oci-layout")
}

/// Makes the whole list anew, whatever was there.
pub fn replace(layout: &Layout, manifests: Vec<Entry>) -> Result<()> {
    private_directory(&layout.locks())?;
    let _lock = FileLock::acquire(&layout.locks().join("images"))?;
    write(layout, &Index { manifests, ..Index::default() })
}
