//! Makes an image of layers that are in the store and a configuration that tells of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use oci_spec::image::{Descriptor, DescriptorBuilder, MediaType};
use serde_json::{Value, json};

use super::ingest::LayerWanted;
use crate::base::digest::Digest;
use crate::oci::image::ImageConfig;
use crate::oci::media::{Family, OCI_CONFIG, OCI_MANIFEST};
use crate::oci::reference::Reference;
use crate::store::blobs::Blobs;
use crate::store::images::Images;
use crate::store::layout::Layout;

/// Describes a document.
pub fn describe(media_type: MediaType, document: &[u8]) -> Result<Descriptor> {
    descriptor(media_type, &Digest::of(document), document.len() as u64)
}

/// Describes a layer, as its media type and its compressed blob.
pub fn describe_layer(media_type: &str, layer: &LayerWanted) -> Result<Descriptor> {
    descriptor(media_type.into(), &layer.digest, layer.size)
}

/// Describes a blob of this digest and size.
pub fn descriptor(media_type: MediaType, digest: &Digest, size: u64) -> Result<Descriptor> {
    let digest: oci_spec::image::Digest = digest.to_string().parse().context("encode the digest")?;
    DescriptorBuilder::default()
        .media_type(media_type)
        .digest(digest)
        .size(size)
        .build()
        .context("describe a blob")
}

/// Stores configuration and manifest and names the image; returns its id. The layers, lowest first and as many as the
/// configuration has diff-ids, are there already.
pub fn store(
    layout: &Layout,
    layers: &[Descriptor],
    image: &ImageConfig,
    name: Option<&Reference>,
) -> Result<Digest> {
    Ok(store_annotated(layout, layers, image, Family::Oci, &BTreeMap::new(), &[name])?.0)
}

/// Like [`store`], with documents of either family, annotations of the manifest and any number of names; returns the image's id and the digest of
/// its manifest.
pub fn store_annotated(
    layout: &Layout,
    layers: &[Descriptor],
    image: &ImageConfig,
    family: Family,
    annotations: &BTreeMap<String, String>,
    names: &[Option<&Reference>],
) -> Result<(Digest, Digest)> {
    let blobs = Blobs::new(layout);
    let config = serde_json::to_vec(&without_nothing(serde_json::to_value(image)?))?;
    let id = Digest::of(&config);
    blobs.put(&id, &config)?;
    let layer = |layer: &Descriptor| {
        json!({
            "mediaType": family.name_of(layer.media_type().as_ref()),
            "digest": layer.digest().to_string(),
            "size": layer.size(),
        })
    };
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": family.name_of(OCI_MANIFEST),
        "config": { "mediaType": family.name_of(OCI_CONFIG), "digest": id.to_string(), "size": config.len() },
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
    });
    if !annotations.is_empty() {
        manifest["annotations"] = json!(annotations);
    }
    let manifest = serde_json::to_vec(&manifest).context("encode the manifest")?;
    let digest = Digest::of(&manifest);
    blobs.put(&digest, &manifest)?;
    let described = describe(family.name_of(OCI_MANIFEST).into(), &manifest)?;
    for name in names {
        Images::new(layout).add(*name, &described, None)?;
    }
    Ok((id, digest))
}

/// The one object whose keys are the user's: to be there is all that some of them say.
const LABELS: &str = "Labels";

/// Leaves out fields that say nothing, as builders do; some readers refuse `null`.
fn without_nothing(value: Value) -> Value {
    let says_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !says_nothing(value));
            let inner = |(key, value)| match key == LABELS {
                true => (key, value),
                false => (key, without_nothing(value)),
            };
            Value::Object(kept.map(inner).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nothing).collect()),
        other => other,
    }
}
