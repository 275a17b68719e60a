//! Compresses the layers of an image that was made here, before it leaves.
//!
//! Archives of docker hold plain layers, and so does the store that has read one: nothing compresses what may
//! never be sent. The first push does, once: the image keeps its id, and the manifest that every name of it
//! gets is the one that the registry has. An image of a registry is passed on as it came, to the byte.

use anyhow::{Context, Result};
use oci_spec::image::{Descriptor, DescriptorBuilder};
use serde_json::{Value, json};

use crate::base::digest::Digest;
use crate::layer::compress;
use crate::oci::media;
use crate::store::blobs::Blobs;
use crate::store::images::{Image, Images};
use crate::store::layout::Layout;

/// Compresses what is plain; `None` if there was nothing to do. The old manifest and layers are left to the
/// collector.
pub fn seal(layout: &Layout, image: &Image) -> Result<Option<Digest>> {
    let is_plain = |layer: &Descriptor| media::compressed(layer.media_type().as_ref()).is_some();
    if !image.repo_digests.is_empty() || !image.layers.iter().any(is_plain) {
        return Ok(None);
    }
    let (blobs, images) = (Blobs::new(layout), Images::new(layout));
    let (old, _) = images.manifest(&image.manifest)?;
    let mut manifest: Value = serde_json::from_slice(&old).context("parse the manifest")?;
    let layers = manifest.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten();
    for (described, layer) in layers.zip(&image.layers) {
        let Some(media_type) = media::compressed(layer.media_type().as_ref()) else { continue };
        let (digest, size) = compress_layer(&blobs, layer)?;
        (described["mediaType"], described["digest"]) = (json!(media_type), json!(digest));
        described["size"] = json!(size);
    }
    let bytes = serde_json::to_vec(&manifest).context("encode the manifest")?;
    let digest = Digest::of(&bytes);
    blobs.put(&digest, &bytes)?;
    let descriptor = DescriptorBuilder::default().media_type(image.media_type.as_str());
    let descriptor = descriptor.digest(digest.to_string().parse::<oci_spec::image::Digest>()?);
    images.replace(&image.manifest, &descriptor.size(bytes.len() as u64).build()?)?;
    Ok(Some(digest))
}

fn compress_layer(blobs: &Blobs<'_>, layer: &Descriptor) -> Result<(Digest, u64)> {
    let digest: Digest = layer.digest().as_ref().parse()?;
    let compress = || {
        let mut writer = blobs.writer()?;
        compress::gzip(blobs.open(&digest)?, &mut writer)?;
        writer.keep()
    };
    compress().with_context(|| format!("compress layer {}", digest.short()))
}
