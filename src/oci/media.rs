//! Media types of manifests and what they say about a document.

use serde::Deserialize;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// What a client that reads all of them asks a registry for.
pub const ACCEPT_MANIFEST: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The two shapes of document that a name in a registry may point at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One image: a configuration and layers.
    Manifest,
    /// Several images, one per platform.
    Index,
}

/// Why a document is not a manifest to be believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KindError {
    #[error("the manifest is not JSON of the expected shape: {0}")]
    Json(String),
    /// Docker's first format, which names no content by digest.
    #[error("the image has a docker schema 1 manifest, which is no longer supported")]
    Schema1,
    #[error("unsupported manifest type {0:?}")]
    Unsupported(String),
    /// One document that two clients could read as two different images (CVE-2021-41190).
    #[error("ambiguous manifest: {0}")]
    Ambiguous(String),
}

impl Kind {
    /// The kind that a media type names; parameters such as `; charset=utf-8` are passed over.
    pub fn of_type(media_type: &str) -> Result<Self, KindError> {
        match essence(media_type) {
            OCI_MANIFEST | DOCKER_MANIFEST => Ok(Self::Manifest),
            OCI_INDEX | DOCKER_LIST => Ok(Self::Index),
            DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED => Err(KindError::Schema1),
            other => Err(KindError::Unsupported(other.chars().take(100).collect())),
        }
    }

    /// Decides what a document is, from the type it was served as and what it says itself, and refuses
    /// one that says two things.
    pub fn of_document(served_as: Option<&str>, document: &[u8]) -> Result<Self, KindError> {
        let probe: Probe =
            serde_json::from_slice(document).map_err(|error| KindError::Json(error.to_string()))?;
        match probe.schema_version {
            Some(1) => return Err(KindError::Schema1),
            // Whoever goes on to read the document misses it.
            None | Some(2) => {}
            Some(other) => return Err(KindError::Unsupported(format!("schema version {other}"))),
        }
        let served_as = served_as.map(essence).filter(|served| !is_vague(served));
        if let (Some(served), Some(own)) = (served_as, probe.media_type.as_deref())
            && served != own
        {
            return Err(KindError::Ambiguous(format!("served as {served}, but it says it is {own}")));
        }
        let kind = match served_as.or(probe.media_type.as_deref()) {
            Some(media_type) => Self::of_type(media_type)?,
            None if probe.manifests.is_some() => Self::Index,
            None => Self::Manifest,
        };
        probe.check(kind)
    }
}

/// The fields that tell the kinds apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
    config: Option<serde::de::IgnoredAny>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Probe {
    fn check(&self, kind: Kind) -> Result<Kind, KindError> {
        let image = self.layers.is_some() || self.config.is_some();
        let foreign = match kind {
            Kind::Manifest => self.manifests.is_some(),
            Kind::Index => image,
        };
        if foreign || self.fs_layers.is_some() {
            return Err(KindError::Ambiguous("it has the fields of several kinds of manifest".to_owned()));
        }
        Ok(kind)
    }
}

/// Types that a plain file server gives to any JSON; they say nothing.
fn is_vague(media_type: &str) -> bool {
    matches!(media_type, "" | "application/json" | "text/plain" | "application/octet-stream")
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a type is that of a layer as a tar archive, compressed or not. What compresses it is decided by
/// its first bytes, since types lie.
pub fn is_layer(media_type: &str) -> bool {
    let oci = media_type.strip_prefix("application/vnd.oci.image.layer.");
    let oci = oci.map(|rest| rest.strip_prefix("nondistributable.").unwrap_or(rest));
    let docker = media_type.strip_prefix("application/vnd.docker.image.rootfs.");
    let docker = docker.map(|rest| rest.strip_prefix("foreign.").unwrap_or(rest));
    matches!(oci, Some("v1.tar" | "v1.tar+gzip" | "v1.tar+zstd"))
        || matches!(docker, Some("diff.tar" | "diff.tar.gzip" | "diff.tar.zstd"))
}

/// The type that a plain layer has once gzip has compressed it; `None` of any other.
pub fn compressed(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/vnd.oci.image.layer.v1.tar" => Some("application/vnd.oci.image.layer.v1.tar+gzip"),
        "application/vnd.docker.image.rootfs.diff.tar" => {
            Some("application/vnd.docker.image.rootfs.diff.tar.gzip")
        }
        _ => None,
    }
}

/// The two families of names for the same documents, as (OCI, docker).
const PAIRS: &[(&str, &str)] = &[
    (OCI_MANIFEST, DOCKER_MANIFEST),
    (OCI_INDEX, DOCKER_LIST),
    (OCI_CONFIG, DOCKER_CONFIG),
    ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"),
    ("application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ("application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.diff.tar.zstd"),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ),
];

/// Who names the types.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Family {
    #[default]
    Oci,
    Docker,
}

impl Family {
    /// This family's name for what `media_type` names; a type that both share, or neither has, stays as it is.
    pub fn name_of(self, media_type: &str) -> &str {
        let pair = PAIRS.iter().find(|(oci, docker)| *oci == media_type || *docker == media_type);
        pair.map_or(media_type, |(oci, docker)| match self {
            Self::Oci => oci,
            Self::Docker => docker,
        })
    }
}

/// Whether a registry is not to be given a layer: its maker only lets it be had from his own.
pub fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".nondistributable.") || media_type.contains(".foreign.")
}

/// Whether a type is that of an image's configuration; some old registries say only that it is bytes.
pub fn is_config(media_type: &str) -> bool {
    matches!(media_type, OCI_CONFIG | DOCKER_CONFIG | "application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(served_as: Option<&str>, document: &str) -> Result<Kind, KindError> {
        Kind::of_document(served_as, document.as_bytes())
    }

    #[test]
    fn kinds() {
        let image = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        assert_eq!(kind(Some(OCI_MANIFEST), image), Ok(Kind::Manifest));
        assert_eq!(
            kind(Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"), image),
            Ok(Kind::Manifest)
        );
        assert_eq!(kind(Some(DOCKER_LIST), index), Ok(Kind::Index));
        assert_eq!(kind(None, image), Ok(Kind::Manifest));
        assert_eq!(kind(None, index), Ok(Kind::Index));
        assert_eq!(kind(Some("application/json"), index), Ok(Kind::Index));
        let own =
            format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER_MANIFEST}","config":{{}},"layers":[]}}"#);
        assert_eq!(kind(Some(DOCKER_MANIFEST), &own), Ok(Kind::Manifest));
        assert_eq!(kind(None, &own), Ok(Kind::Manifest));
    }

    #[test]
    fn documents_that_are_two_things_at_once() {
        let both = r#"{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}"#;
        let own = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#);
        for (served_as, document) in [
            (Some(OCI_MANIFEST), both),
            (Some(OCI_INDEX), both),
            (None, both),
            (Some(OCI_MANIFEST), own.as_str()),
            (Some(DOCKER_LIST), own.as_str()),
            (Some(OCI_INDEX), r#"{"schemaVersion":2,"config":{},"layers":[]}"#),
            (Some(OCI_MANIFEST), r#"{"schemaVersion":2,"layers":[],"fsLayers":[]}"#),
        ] {
            let error = kind(served_as, document).unwrap_err();
            assert!(matches!(error, KindError::Ambiguous(_)), "{served_as:?} {document}: {error}");
        }
    }

    #[test]
    fn refused() {
        assert_eq!(kind(Some(DOCKER_SCHEMA1_SIGNED), "{}"), Err(KindError::Schema1));
        assert_eq!(
            kind(Some(DOCKER_MANIFEST), r#"{"schemaVersion":1,"fsLayers":[]}"#),
            Err(KindError::Schema1)
        );
        assert!(matches!(kind(Some("text/html"), "{}"), Err(KindError::Unsupported(_))));
        for text in ["", "nonsense", "[]x", "{", r#"{"schemaVersion":"2"}"#] {
            assert!(matches!(kind(None, text), Err(KindError::Json(_))), "{text}");
        }
    }

    #[test]
    fn families() {
        for (oci, docker) in PAIRS {
            assert_eq!((Family::Oci.name_of(docker), Family::Docker.name_of(docker)), (*oci, *docker));
            assert_eq!((Family::Oci.name_of(oci), Family::Docker.name_of(oci)), (*oci, *docker));
        }
        assert_eq!(Family::Oci.name_of("application/octet-stream"), "application/octet-stream");
    }

    #[test]
    fn layers_and_configurations() {
        for layer in [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ] {
            assert!(is_layer(layer), "{layer}");
        }
        for other in
            ["", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "application/vnd.in-toto+json"]
        {
            assert!(!is_layer(other), "{other}");
        }
        assert!(is_config("application/vnd.oci.image.config.v1+json"));
        assert!(!is_config("application/vnd.cncf.helm.config.v1+json"));
    }
}
