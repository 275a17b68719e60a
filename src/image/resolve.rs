//! From a registry's documents to one image: which platform of an index, and whether manifest and
//! configuration agree. Pure: everything here is a stranger's text that is read and judged.

use anyhow::{Context, Result, anyhow, bail};
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};

use super::ingest::LayerWanted;
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::oci::image::ImageConfig;
use crate::oci::media;
use crate::oci::platform::Platform;
use crate::store::platforms::platform_of;

/// Picks the manifest for a platform from an index.
pub fn choose(index: &[u8], wanted: &Platform) -> Result<Descriptor> {
    let index: ImageIndex = serde_json::from_slice(index).context("parse the image index")?;
    let offers: Vec<Option<Platform>> = index.manifests().iter().map(platform_of).collect();
    let known = offers.iter().enumerate().filter_map(|(place, offer)| Some((place, offer.as_ref()?)));
    let (places, platforms): (Vec<usize>, Vec<&Platform>) = known.unzip();
    let place = match wanted.best(platforms.iter().copied()) {
        Some(best) => Some(places[best]),
        // An index of a single image need not say what it runs on.
        None => (offers.len() == 1 && offers[0].is_none()).then_some(0),
    };
    let chosen = place.and_then(|place| index.manifests().get(place)).cloned();
    chosen
        .with_context(|| format!("no matching manifest for {wanted} in the manifest list entries"))
        .hint(|| format!("the image is there for {}", listed(&platforms)))
}

/// Attestations, which are no images, call their platform unknown.
fn listed(platforms: &[&Platform]) -> String {
    let names: Vec<String> =
        platforms.iter().filter(|platform| platform.os != "unknown").map(ToString::to_string).collect();
    if names.is_empty() { "no platform at all".to_owned() } else { names.join(", ") }
}

/// Reads the manifest of one image.
pub fn manifest(bytes: &[u8]) -> Result<ImageManifest> {
    let manifest: ImageManifest = serde_json::from_slice(bytes).context("parse the image manifest")?;
    let config = manifest.config().media_type().to_string();
    if !media::is_config(&config) {
        bail!("not a container image: its configuration is {}", config.escape_debug());
    }
    let foreign = manifest.layers().iter().find(|layer| !media::is_layer(layer.media_type().as_ref()));
    if let Some(layer) = foreign {
        bail!("unsupported layer type {}", layer.media_type().to_string().escape_debug());
    }
    Ok(manifest)
}

/// Reads a configuration, and refuses it if it is for another system or, where the user asked for a
/// platform, for another platform.
pub fn config(bytes: &[u8], asked: Option<&Platform>) -> Result<ImageConfig> {
    let config: ImageConfig = serde_json::from_slice(bytes).context("parse the image configuration")?;
    let own = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    if let Some(asked) = asked
        && asked.rank(&own).is_none()
    {
        bail!("the image does not match the specified platform: wanted {asked}, actual: {}", shown(&own));
    }
    if own.os != "linux" {
        let os = own.os.escape_debug();
        bail!(
            "image operating system \"{os}\" cannot be used on this platform: operating system is not supported"
        );
    }
    Ok(config)
}

fn shown(platform: &Platform) -> String {
    platform.to_string().escape_debug().to_string()
}

/// Joins the layers of a manifest with the diff-ids of its configuration. `urls` of a layer are passed
/// over: it comes from the image's own registry or not at all (CVE-2020-15157).
pub fn layers(manifest: &ImageManifest, config: &ImageConfig) -> Result<Vec<LayerWanted>> {
    let (layers, diff_ids) = (manifest.layers(), &config.rootfs.diff_ids);
    if layers.len() != diff_ids.len() {
        bail!("the image has {} layers, but its configuration names {}", layers.len(), diff_ids.len());
    }
    layers.iter().zip(diff_ids).map(|(layer, diff_id)| join(layer, diff_id)).collect()
}

fn join(layer: &Descriptor, diff_id: &Digest) -> Result<LayerWanted> {
    Ok(LayerWanted { digest: digest(layer)?, size: layer.size(), diff_id: diff_id.clone() })
}

/// The digest of a descriptor, as one that is safe in a path and that we can compute.
pub fn digest(descriptor: &Descriptor) -> Result<Digest> {
    descriptor.digest().as_ref().parse().map_err(|error| anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hint;

    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    fn entry(content: &str, platform: &str) -> String {
        let digest = Digest::of(content.as_bytes());
        let platform = if platform.is_empty() { String::new() } else { format!(r#","platform":{platform}"#) };
        format!(r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":1{platform}}}"#)
    }

    fn index(entries: &[String]) -> String {
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","))
    }

    #[test]
    fn the_platform_of_an_index() {
        let text = index(&[
            entry("arm", r#"{"os":"linux","architecture":"arm","variant":"v7"}"#),
            entry("arm64", r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#),
            entry("amd64", r#"{"os":"linux","architecture":"amd64"}"#),
            entry("windows", r#"{"os":"windows","architecture":"amd64","os.version":"10.0"}"#),
            entry("attestation", r#"{"os":"unknown","architecture":"unknown"}"#),
        ]);
        for (platform, content) in [
            ("linux/amd64", "amd64"),
            ("linux/arm64", "arm64"),
            ("linux/arm/v7", "arm"),
            ("windows/amd64", "windows"),
        ] {
            let chosen = choose(text.as_bytes(), &platform.parse().unwrap()).unwrap();
            assert_eq!(digest(&chosen).unwrap(), Digest::of(content.as_bytes()), "{platform}");
        }
        let error = choose(text.as_bytes(), &"linux/s390x".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "no matching manifest for linux/s390x in the manifest list entries");
        let platforms = "the image is there for linux/arm/v7, linux/arm64/v8, linux/amd64, windows/amd64";
        assert_eq!(hint::find(&error), Some(platforms));
    }

    #[test]
    fn an_index_of_one() {
        let wanted = "linux/amd64".parse().unwrap();
        assert!(choose(index(&[entry("only", "")]).as_bytes(), &wanted).is_ok());
        assert!(choose(index(&[entry("a", ""), entry("b", "")]).as_bytes(), &wanted).is_err());
        assert!(choose(index(&[]).as_bytes(), &wanted).is_err());
        assert!(choose(b"{}", &wanted).is_err());
    }

    fn image(config_type: &str, layer_type: &str, layers: usize) -> String {
        let digest = Digest::of(b"layer");
        let layer = format!(r#"{{"mediaType":"{layer_type}","digest":"{digest}","size":5}}"#);
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config_type}","digest":"{digest}","size":2}},"layers":[{}]}}"#,
            vec![layer; layers].join(",")
        )
    }

    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

    #[test]
    fn manifests_that_are_no_images() {
        assert!(manifest(image(CONFIG, LAYER, 2).as_bytes()).is_ok());
        for (text, words) in [
            (image("application/vnd.cncf.helm.config.v1+json", LAYER, 1), "not a container image"),
            (image(CONFIG, "application/vnd.in-toto+json", 1), "unsupported layer type"),
            ("{}".to_owned(), "parse the image manifest"),
            (image(CONFIG, LAYER, 1).replace("sha256:", "sha256:../"), "parse the image manifest"),
        ] {
            let error = manifest(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
        let sha512 = image(CONFIG, LAYER, 1).replace("sha256:", &format!("sha512:{}", "0".repeat(64)));
        let read = manifest(sha512.as_bytes()).unwrap();
        assert_eq!(digest(read.config()).unwrap_err().to_string(), "unsupported digest algorithm \"sha512\"");
    }

    #[test]
    fn configurations_for_other_machines() {
        let text = |os: &str| format!(r#"{{"os":"{os}","architecture":"arm64","rootfs":{{"diff_ids":[]}}}}"#);
        assert!(config(text("linux").as_bytes(), None).is_ok());
        assert!(config(text("linux").as_bytes(), Some(&"linux/arm64/v8".parse().unwrap())).is_ok());
        let error = config(text("linux").as_bytes(), Some(&"linux/amd64".parse().unwrap())).unwrap_err();
        let words =
            "the image does not match the specified platform: wanted linux/amd64, actual: linux/arm64";
        assert_eq!(error.to_string(), words);
        assert!(config(text("windows").as_bytes(), None).is_err());
        assert!(config(text("\\u001b[31m").as_bytes(), None).unwrap_err().to_string().contains("\\u{1b}"));
    }

    #[test]
    fn as_many_layers_as_diff_ids() {
        let manifest = manifest(image(CONFIG, LAYER, 1).as_bytes()).unwrap();
        let with = |diff_ids: &[Digest]| {
            let mut config = ImageConfig::default();
            config.rootfs.diff_ids = diff_ids.to_vec();
            layers(&manifest, &config)
        };
        let tar = Digest::of(b"tar");
        let joined = with(std::slice::from_ref(&tar)).unwrap();
        assert_eq!((&joined[0].digest, joined[0].size, &joined[0].diff_id), (&Digest::of(b"layer"), 5, &tar));
        let error = with(&[tar.clone(), tar]).unwrap_err().to_string();
        assert_eq!(error, "the image has 1 layers, but its configuration names 2");
    }
}
