//! Named volumes: `volumes/<name>/_data` is what a container sees.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use crate::base::id::is_valid_name;

/// The directory of a volume, made where there is none yet.
pub fn ensure(layout: &Layout, name: &str) -> Result<PathBuf> {
    if !is_valid_name(name) {
        bail!(
            "create {name}: \"{name}\" includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        );
    }
    let volume = layout.volumes().join(name);
    let data = volume.join("_data");
    if !data.is_dir() {
        let make = |path: &PathBuf, mode: u32| fs::DirBuilder::new().recursive(true).mode(mode).create(path);
        make(&volume, 0o700)
            .and_then(|()| make(&data, 0o755))
            .with_context(|| format!("create volume {name}"))?;
    }
    Ok(data)
}
