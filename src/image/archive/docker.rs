//! The images of a docker archive, whose `manifest.json` names their files.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use oci_spec::image::MediaType;
use serde::Deserialize;
use serde_json::json;

use super::content::blob_digest;
use super::{LayerFile, Loaded, Loader, merge};
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::image::compose::describe;
use crate::image::ingest::LayerWanted;
use crate::image::resolve;
use crate::layer::compress::{self, Codec};
use crate::oci::media;
use crate::oci::reference::Reference;
use crate::store::blobs::Blobs;
use crate::store::images::{CONFIG_LIMIT, MANIFEST_LIMIT};

/// `manifest.json` of a docker archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl Loader<'_> {
    pub(super) fn docker(&self) -> Result<Vec<Loaded>> {
        let text = self.content.document("manifest.json", MANIFEST_LIMIT);
        let text =
            text.hint(|| "it is no archive of docker; for an OCI image layout use oci-archive:FILE")?;
        let images: Vec<DockerImage> = serde_json::from_slice(&text).context("parse manifest.json")?;
        let mut named: Vec<(Option<String>, &DockerImage)> = Vec::new();
        for image in &images {
            match image.repo_tags.as_deref() {
                None | Some([]) => named.push((None, image)),
                Some(tags) => named.extend(tags.iter().map(|tag| (Some(tag.clone()), image))),
            }
        }
        let chosen = self.choose(&named, |(name, _)| name.as_deref())?;
        let mut loaded: Vec<Loaded> = Vec::new();
        for (name, image) in chosen {
            let shown = || format!("image {:?}", name.as_deref().unwrap_or("without a name"));
            let next = self.docker_image(name.as_deref(), image).with_context(shown)?;
            merge(&mut loaded, next);
        }
        Ok(loaded)
    }

    fn docker_image(&self, name: Option<&str>, image: &DockerImage) -> Result<Loaded> {
        let names = name.map(Reference::parse).transpose()?;
        let config = self.content.document(&image.config, CONFIG_LIMIT)?;
        let parsed = resolve::config(&config, self.request.platform.as_ref())?;
        let (layers, diff_ids) = (image.layers.as_deref().unwrap_or_default(), &parsed.rootfs.diff_ids);
        ensure!(
            layers.len() == diff_ids.len(),
            "the image has {} layers, but its configuration names {}",
            layers.len(),
            diff_ids.len()
        );
        let mut files = Vec::new();
        let mut descriptors = Vec::new();
        for (name, diff_id) in layers.iter().zip(diff_ids) {
            let (descriptor, want) = self.docker_layer(name, diff_id)?;
            descriptors.push(descriptor);
            files.push(LayerFile { want, name: name.clone() });
        }
        let id = Digest::of(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": {
                "mediaType": MediaType::ImageConfig.to_string(), "digest": id.to_string(), "size": config.len(),
            },
            "layers": descriptors,
        });
        let bytes = serde_json::to_vec(&manifest).context("encode the manifest")?;
        let descriptor = describe(MediaType::ImageManifest, &bytes)?;
        let names = names.map(Reference::with_default_tag).into_iter().collect();
        self.layers(&files)?;
        let blobs = Blobs::new(self.layout);
        blobs.put(&id, &config)?;
        blobs.put(&Digest::of(&bytes), &bytes)?;
        self.name(names, vec![descriptor], id)
    }

    /// Describes a layer of a docker archive. It is a plain tar as a rule, whose digest the configuration has.
    fn docker_layer(&self, name: &str, diff_id: &Digest) -> Result<(serde_json::Value, LayerWanted)> {
        let (mut file, size) = self.content.file(name)?;
        let mut start = Vec::new();
        file.by_ref().take(compress::MAGIC as u64).read_to_end(&mut start)?;
        let codec = compress::codec(&start);
        let media_type = codec.media_type();
        let media_type =
            media_type.with_context(|| format!("layer {name} is compressed as no registry takes it"))?;
        let digest = match (codec, blob_digest(name)) {
            (Codec::Plain, _) => diff_id.clone(),
            // It is checked when the layer is read.
            (_, Some(claimed)) => claimed,
            _ => self.digest_of(name)?,
        };
        let descriptor = json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size });
        Ok((descriptor, LayerWanted { digest, size, diff_id: diff_id.clone() }))
    }

    fn digest_of(&self, name: &str) -> Result<Digest> {
        let (file, size) = self.content.file(name)?;
        let (digest, _) = crate::base::verify::HashingReader::new(file, size).finish()?;
        Ok(digest)
    }
}
