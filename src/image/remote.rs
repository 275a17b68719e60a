//! Documents that a registry has under a name, read without anything being stored.

use anyhow::{Context, Result};
use tokio::runtime::Builder;

use crate::config::registries;
use crate::oci::reference::Reference;
use crate::registry::{Access, Document, Options, Registry};

/// Fetches the manifest or the index that a name points at, from the first place that has it.
pub fn document(reference: &Reference, options: &Options) -> Result<Document> {
    let by_digest = reference.digest().is_some();
    let endpoints = registries::endpoints(reference.domain(), reference.path(), by_digest)?;
    let runtime = Builder::new_current_thread().enable_all().build().context("start the network")?;
    let mut last = None;
    for endpoint in &endpoints {
        let registry = Registry::new(endpoint, &Access::Pull, options.clone());
        let fetched = match reference.digest() {
            Some(digest) => runtime.block_on(registry.manifest_by_digest(digest)),
            None => runtime.block_on(registry.tagged(reference.tag().unwrap_or("latest"))),
        };
        match fetched {
            Ok(document) => return Ok(document),
            Err(failure) => last = Some(failure),
        }
    }
    // A name that is still being looked up must not hold up the answer.
    runtime.shutdown_background();
    let failure = last.context("there is no place to ask")?;
    Err(failure).with_context(|| format!("manifest of {reference}"))
}
