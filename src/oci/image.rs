//! The image configuration: the OCI's, with the fields that docker adds.
//!
//! Source: OCI image-spec v1.1 `config.md`; docker image spec v1.3. Everything an image says is data from
//! a stranger: it sets defaults and never reaches the engine's own controls (CVE-2026-53488).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::digest::Digest;

/// The document that an image id is the digest of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    #[serde(default)]
    pub created: Option<String>,
    #[serde(default)]
    pub author: Option<String>,
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub variant: Option<String>,
    #[serde(default, rename = "os.version")]
    pub os_version: Option<String>,
    #[serde(default, deserialize_with = "null_default")]
    pub config: ContainerConfig,
    pub rootfs: RootFs,
    #[serde(default, deserialize_with = "null_default")]
    pub history: Vec<History>,
    #[serde(default)]
    pub docker_version: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
    /// What its layers and others are to builds.
    #[serde(default, rename = "io.github.coracle.build-cache", skip_serializing_if = "Vec::is_empty")]
    pub build_cache: Vec<CachedStep>,
}

/// A step of a build that another build need not do again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedStep {
    /// What it is looked for by; the last is what later steps depend on.
    pub keys: Vec<Digest>,
    /// Its place among the layers; none if it changes no file.
    #[serde(default)]
    pub layer: Option<usize>,
    /// Bytes of the layer's archive.
    #[serde(default)]
    pub archive: u64,
    pub created: String,
    pub description: String,
}

/// The uncompressed layers, lowest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RootFs {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default, deserialize_with = "null_default")]
    pub diff_ids: Vec<Digest>,
}

/// What a container of this image runs by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    #[serde(deserialize_with = "null_default")]
    pub user: String,
    #[serde(deserialize_with = "null_default")]
    pub exposed_ports: BTreeMap<String, serde_json::Value>,
    #[serde(deserialize_with = "null_default")]
    pub env: Vec<String>,
    #[serde(deserialize_with = "null_default")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "null_default")]
    pub cmd: Vec<String>,
    pub healthcheck: Option<HealthConfig>,
    #[serde(deserialize_with = "null_default")]
    pub volumes: BTreeMap<String, serde_json::Value>,
    #[serde(deserialize_with = "null_default")]
    pub working_dir: String,
    #[serde(deserialize_with = "null_default")]
    pub on_build: Vec<String>,
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_default")]
    pub stop_signal: String,
    #[serde(deserialize_with = "null_default")]
    pub shell: Vec<String>,
}

/// `HEALTHCHECK`; times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthConfig {
    #[serde(deserialize_with = "null_default")]
    pub test: Vec<String>,
    pub interval: u64,
    pub timeout: u64,
    pub start_period: u64,
    pub start_interval: u64,
    pub retries: u32,
}

/// One step of the image's making.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    pub created: Option<String>,
    #[serde(deserialize_with = "null_default")]
    pub created_by: String,
    #[serde(deserialize_with = "null_default")]
    pub author: String,
    #[serde(deserialize_with = "null_default")]
    pub comment: String,
    #[serde(deserialize_with = "null_default")]
    pub empty_layer: bool,
}

/// Docker writes `null` where the OCI leaves a field out.
fn null_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_nulls_are_empty() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Cmd":["/hello"],
            "Entrypoint":null,"Labels":null,"Volumes":null,"OnBuild":null},
            "rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
        let image: ImageConfig = serde_json::from_str(text).unwrap();
        assert_eq!(image.config.cmd, ["/hello"]);
        assert!(image.config.env.is_empty() && image.rootfs.diff_ids.is_empty());
    }
}
