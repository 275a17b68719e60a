//! Which entry of the list of images a text means: pure, but for the short names of `registries.conf`.

use anyhow::Result;

use super::ImageLookup;
use crate::base::digest::Digest;
use crate::base::id;
use crate::config::registries::shortnames;
use crate::oci::reference::Reference;
use crate::store::index::{Entry, Index};

/// Finds the entry that is meant, and the id, where it was found by that.
pub fn find<'i>(index: &'i Index, text: &str) -> Result<(&'i Entry, Option<Digest>), ImageLookup> {
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
pub fn find_alias<'i>(index: &'i Index, text: &str) -> Result<Option<&'i Entry>> {
    let meanings = shortnames::candidates(text)?;
    let names = meanings.iter().filter_map(|meaning| Reference::parse(meaning).ok());
    Ok(names.map(Reference::with_default_tag).find_map(|name| by_name(index, &name)))
}

fn whole_id(text: &str) -> Option<Digest> {
    text.parse().ok().or_else(|| format!("sha256:{text}").parse().ok())
}

/// Finds `name:tag`, or `name@digest`: there a tag beside the digest says nothing, as in docker.
pub fn by_name<'i>(index: &'i Index, name: &Reference) -> Option<&'i Entry> {
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
pub fn is_at(entry: &Entry, name: &Reference, digest: &Digest) -> bool {
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
