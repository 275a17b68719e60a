//! What can be told of images when not all of the store can be believed, and the changes that mend it.
//!
//! Everything here is done again without harm, and leaves the list of images as before or as after.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use oci_spec::image::{Descriptor, ImageManifest};
use serde_json::json;

use super::gc::names_in;
use super::images::{Images, MANIFEST_LIMIT};
use super::index::{self, Entry};
use super::layout::Layout;
use crate::base::digest::Digest;
use crate::base::file::{self, Durability};
use crate::oci::media;
use crate::oci::reference::Reference;

/// A document of the list, of which nothing else has been read: the manifest of an image, or an index of several.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its first name, or the short form of its digest.
    pub shown: String,
    pub digest: Digest,
    pub size: u64,
    /// Whether it is an index: what of its images is here is listed beside it.
    pub is_index: bool,
    /// What the list has for it: the document itself, or the index that it is in.
    pub entry: Digest,
    /// Where it came from: the repositories of registries, at this document.
    pub origins: Vec<Reference>,
}

/// The documents of the list, each once.
pub fn listed(layout: &Layout) -> Result<Vec<Listed>> {
    let mut documents: BTreeMap<Digest, Listed> = BTreeMap::new();
    for entry in index::read(layout)?.manifests {
        let mut add = |digest: &Digest, size: u64, is_index: bool| {
            let name = entry.name();
            let document = documents.entry(digest.clone()).or_insert_with(|| Listed {
                shown: name.as_ref().map_or_else(|| digest.short(), Reference::familiar),
                digest: digest.clone(),
                size,
                is_index,
                entry: entry.digest.clone(),
                origins: Vec::new(),
            });
            if let (Some(name), Some(_)) = (name, entry.repo_digest()) {
                let origin = name.at(digest.clone());
                if !document.origins.contains(&origin) {
                    document.origins.push(origin);
                }
            }
        };
        add(&entry.digest, entry.size, entry.is_index());
        if entry.is_index() {
            // One that cannot be read is damaged itself, which says enough.
            for image in Images::new(layout).present(&entry).unwrap_or_default() {
                add(&image.digest().as_ref().parse()?, image.size(), false);
            }
        }
    }
    Ok(documents.into_values().collect())
}

/// Takes what the list has under a digest from it, with all its names.
pub fn forget_image(layout: &Layout, digest: &Digest) -> Result<()> {
    index::change(layout, |index| {
        index.manifests.retain(|entry| entry.digest != *digest);
        Ok(())
    })
}

/// Whether exactly this name is on the list.
pub fn has_name(layout: &Layout, name: &Reference) -> Result<bool> {
    let canonical = name.to_string();
    Ok(index::read(layout)?.manifests.iter().any(|entry| entry.is_named(&canonical)))
}

/// Takes exactly this name from the list.
pub fn forget_name(layout: &Layout, name: &Reference) -> Result<()> {
    let canonical = name.to_string();
    index::change(layout, |index| {
        index.manifests.retain(|entry| !entry.is_named(&canonical));
        Ok(())
    })
}

/// Makes the list anew of the images whose manifest and configuration are in the store; `names` are those that are
/// known from elsewhere. Returns how many images there are.
pub fn rebuild_index(layout: &Layout, names: &[(Reference, Digest)]) -> Result<usize> {
    let mut entries = Vec::new();
    for name in names_in(&layout.images().join("blobs/sha256"))? {
        let Ok(digest) = format!("sha256:{name}").parse::<Digest>() else { continue };
        let is_small = fs::metadata(layout.blob(&digest)).is_ok_and(|found| found.len() <= MANIFEST_LIMIT);
        // What is no manifest, or a damaged one, is no image.
        if is_small && let Ok(entry) = entry_of(layout, &digest) {
            let own = names.iter().filter(|(_, manifest)| *manifest == digest);
            let named: Vec<_> = own.map(|(name, _)| entry.named(Some(name), None)).collect();
            entries.push(if named.is_empty() { vec![entry] } else { named });
        }
    }
    let count = entries.len();
    index::replace(layout, entries.into_iter().flatten().collect())?;
    Ok(count)
}

fn entry_of(layout: &Layout, digest: &Digest) -> Result<Entry> {
    let images = Images::new(layout);
    let (content, manifest) = images.manifest(digest)?;
    let id: Digest = manifest.config().digest().as_ref().parse()?;
    let (_, config) = images.config(&id)?;
    if config.rootfs.diff_ids.len() != manifest.layers().len() {
        bail!("{digest} is no image");
    }
    Entry::new(&descriptor(&manifest, digest, content.len())?, &id)
}

fn descriptor(manifest: &ImageManifest, digest: &Digest, size: usize) -> Result<Descriptor> {
    let own = manifest.media_type().as_ref().map(ToString::to_string);
    let media_type = own.unwrap_or_else(|| media::OCI_MANIFEST.to_owned());
    let value = json!({ "mediaType": media_type, "digest": digest, "size": size });
    serde_json::from_value(value).context("describe a manifest")
}

/// The file that makes a directory an OCI image layout.
pub fn check_layout_file(layout: &Layout) -> Result<()> {
    let path = index::layout_file(layout);
    let content = file::read_bounded(&path, 4096)?;
    match content == index::LAYOUT_FILE.as_bytes() {
        true => Ok(()),
        false => bail!("read {}: it is damaged", path.display()),
    }
}

/// Writes it again.
pub fn write_layout_file(layout: &Layout) -> Result<()> {
    file::write_atomic(&index::layout_file(layout), index::LAYOUT_FILE.as_bytes(), Durability::Synced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blobs::Blobs;
    use crate::store::tests::Scratch;

    #[test]
    fn a_list_that_is_lost_is_made_again() {
        let scratch = Scratch::new();
        let layout = &scratch.layout;
        assert!(listed(layout).unwrap().is_empty());
        let store = |content: &str| {
            let digest = Digest::of(content.as_bytes());
            Blobs::new(layout).put(&digest, content.as_bytes()).unwrap();
            let kind = "application/octet-stream";
            (
                digest.clone(),
                format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{}}}"#, content.len()),
            )
        };
        let diff_id = Digest::of(b"tar");
        let layer = store("layer").1;
        let config =
            store(&format!(r#"{{"os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#)).1;
        let manifest = |more: &str| {
            store(&format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]{more}}}"#)).0
        };
        let (named, nameless) = (manifest(""), manifest(r#","annotations":{}"#));
        store(&format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#));
        fs::write(layout.images().join("index.json"), "{\"sche").unwrap();
        assert!(listed(layout).is_err());
        let name = |text: &str| Reference::parse(text).unwrap().with_default_tag();
        let names = [(name("app"), named.clone()), (name("lost"), Digest::of(b"gone"))];
        assert_eq!(rebuild_index(layout, &names).unwrap(), 2);
        let mut shown: Vec<_> = listed(layout).unwrap().into_iter().map(|image| image.shown).collect();
        shown.sort();
        let mut want = ["app:latest".to_owned(), nameless.short()];
        want.sort();
        assert_eq!(shown, want);
        assert!(has_name(layout, &name("app")).unwrap() && !has_name(layout, &name("lost")).unwrap());
        forget_image(layout, &nameless).unwrap();
        forget_name(layout, &name("app")).unwrap();
        assert!(listed(layout).unwrap().is_empty());
        assert!(check_layout_file(layout).is_ok());
        fs::remove_file(layout.images().join("index.json")).unwrap();
        assert!(listed(layout).is_err(), "it is missing, and is no empty list");
        fs::write(layout.images().join("oci-layout"), "").unwrap();
        assert!(check_layout_file(layout).is_err());
        write_layout_file(layout).unwrap();
        check_layout_file(layout).unwrap();
    }
}
