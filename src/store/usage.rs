//! How much room the content of images takes: blobs as they were stored, and the files of unpacked layers.

use std::collections::{HashMap, HashSet};
use std::fs;

use anyhow::Result;

use super::build_cache::BuildCache;
use super::gc::{Roots, names_in};
use super::images::Image;
use super::index;
use super::layers::Layers;
use super::layout::Layout;
use crate::base::digest::Digest;

/// Bytes of all blobs and layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    pub all: u64,
    /// What would stay if every image went that no container is made from.
    pub used: u64,
}

/// Measures what is stored, whether or not anything refers to it, but for the layers that only the build cache has, and
/// with what has come of broken pulls. Where it cannot be told what containers need, nothing can be collected, so all of
/// it is in use.
pub fn room(layout: &Layout, images: &[Image]) -> Result<Room> {
    let built: HashSet<Digest> = (BuildCache::new(layout).list()?.into_iter())
        .filter_map(|entry| Some(entry.made.layer?.diff_id))
        .collect();
    let of_images: HashSet<&Digest> = images.iter().flat_map(|image| &image.config.rootfs.diff_ids).collect();
    let mut used = used(layout).ok();
    if let Some(used) = &mut used {
        // The cache keeps its layers from being collected.
        used.layers.extend(built.iter().cloned());
    }
    let mut room = Room::default();
    let mut add = |bytes: u64, is_used: bool| {
        room.all += bytes;
        room.used += if is_used { bytes } else { 0 };
    };
    let directory = layout.images().join("blobs/sha256");
    for name in names_in(&directory)? {
        let Ok(digest) = format!("sha256:{name}").parse::<Digest>() else { continue };
        let bytes = fs::metadata(layout.blob(&digest)).map_or(0, |metadata| metadata.len());
        add(bytes, used.as_ref().is_none_or(|used| used.blobs.contains(&digest)));
    }
    for name in names_in(&layout.layers())?.iter().filter(|name| !name.ends_with(".json")) {
        // As it is, or copied for other user ids.
        let hex = name.split('.').next().unwrap_or_default();
        let Ok(diff_id) = format!("sha256:{hex}").parse::<Digest>() else { continue };
        if built.contains(&diff_id) && !of_images.contains(&diff_id) {
            continue;
        }
        let bytes = Layers::new(layout).info(&diff_id).map_or(0, |info| info.size);
        add(bytes, used.as_ref().is_none_or(|used| used.layers.contains(&diff_id)));
    }
    for name in names_in(&layout.partials())? {
        add(fs::metadata(layout.partials().join(name)).map_or(0, |metadata| metadata.len()), false);
    }
    Ok(room)
}

/// What containers need: of an image that one is made from everything.
fn used(layout: &Layout) -> Result<Roots> {
    let mut roots = Roots::default();
    roots.add_containers(layout)?;
    for entry in index::read(layout)?.manifests {
        if roots.manifests.contains(&entry.digest) {
            roots.blobs.extend(entry.repo_digest());
        }
    }
    Ok(roots)
}

/// Bytes of one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub all: u64,
    /// Of these, what other images have too.
    pub shared: u64,
}

/// Measures images, in their order.
pub fn shares(layout: &Layout, images: &[Image]) -> Vec<Share> {
    let parts: Vec<_> = images.iter().map(|image| parts(layout, image)).collect();
    let mut owners: HashMap<&Part, usize> = HashMap::new();
    for part in parts.iter().flat_map(HashMap::keys) {
        *owners.entry(part).or_default() += 1;
    }
    let share = |parts: &HashMap<Part, u64>| Share {
        all: parts.values().sum(),
        shared: parts.iter().filter(|(part, _)| owners[part] > 1).map(|(_, bytes)| bytes).sum(),
    };
    parts.iter().map(share).collect()
}

/// A piece of content: of a layer that is stored uncompressed blob and files have one digest.
#[derive(PartialEq, Eq, Hash)]
enum Part {
    Blob(Digest),
    Layer(Digest),
}

fn parts(layout: &Layout, image: &Image) -> HashMap<Part, u64> {
    let mut blobs: HashSet<Digest> = [image.id.clone(), image.manifest.clone()].into();
    blobs.extend(image.layers.iter().filter_map(|layer| layer.digest().as_ref().parse().ok()));
    let blob = |digest: Digest| {
        let bytes = fs::metadata(layout.blob(&digest)).map_or(0, |metadata| metadata.len());
        (Part::Blob(digest), bytes)
    };
    let layer = |diff_id: &Digest| {
        let bytes = Layers::new(layout).info(diff_id).map_or(0, |info| info.size);
        (Part::Layer(diff_id.clone()), bytes)
    };
    blobs.into_iter().map(blob).chain(image.config.rootfs.diff_ids.iter().map(layer)).collect()
}
