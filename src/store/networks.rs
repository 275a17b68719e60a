//! Networks on record: `networks/<name>.json`, one document each, made with the first.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::layout::Layout;
use crate::base::file::{self, Durability, FileLock};
use crate::base::id;
use crate::base::network::{Network, VERSION};
use crate::config::paths::private_directory;

/// A record is small; a file beyond this is not one of ours.
const RECORD_LIMIT: u64 = 1 << 20;

/// A network that is not there; docker's words.
#[derive(Debug, thiserror::Error)]
#[error("network {0} not found")]
pub struct NoSuchNetwork(pub String);

/// The networks of one store.
#[derive(Clone, Copy)]
pub struct Networks<'a> {
    layout: &'a Layout,
}

impl<'a> Networks<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// Reads the network of this name.
    pub fn load(&self, name: &str) -> Result<Network> {
        if !id::is_valid_name(name) {
            return Err(NoSuchNetwork(name.to_owned()).into());
        }
        let path = self.path(name);
        match fs::exists(&path) {
            Ok(true) => {}
            _ => return Err(NoSuchNetwork(name.to_owned()).into()),
        }
        let content = file::read_bounded(&path, RECORD_LIMIT)?;
        parse(&content).with_context(|| format!("read {}", path.display()))
    }

    /// Finds a network by its name, its id, or a unique prefix of that: docker's order.
    pub fn resolve(&self, text: &str) -> Result<Network> {
        if let Ok(network) = self.load(text) {
            return Ok(network);
        }
        if !id::is_id_prefix(text) {
            // With the reason, where there is one.
            return self.load(text);
        }
        let mut matching = self.list()?.into_iter().filter(|network| network.id.starts_with(text));
        match (matching.next(), matching.next()) {
            (Some(network), None) => Ok(network),
            (Some(_), Some(_)) => bail!("network {text} is ambiguous (2 matches found based on ID prefix)"),
            (None, _) => Err(NoSuchNetwork(text.to_owned()).into()),
        }
    }

    /// Whether what is on record under this name is no network, nor a newer version of one.
    pub fn is_garbage(&self, name: &str) -> bool {
        let path = self.path(name);
        let is_record =
            |content: Vec<u8>| parse(&content).is_ok() || version(&content).is_ok_and(|it| it > VERSION);
        id::is_valid_name(name)
            && path.exists()
            && !file::read_bounded(&path, RECORD_LIMIT).is_ok_and(is_record)
    }

    /// The records that cannot be read, why, and whether they are no documents at all.
    pub fn damaged(&self) -> Vec<(PathBuf, anyhow::Error, bool)> {
        let entries = fs::read_dir(self.layout.networks()).into_iter().flatten().flatten();
        let paths =
            entries.map(|entry| entry.path()).filter(|path| path.extension() == Some("json".as_ref()));
        let damage = |path: PathBuf| {
            let content = file::read_bounded(&path, RECORD_LIMIT);
            let is_garbage = !content.as_ref().is_ok_and(|content| is_document(content));
            let error = content.and_then(|content| parse(&content)).err()?;
            Some((path, error, is_garbage))
        };
        paths.filter_map(damage).collect()
    }

    /// Every network on record, by name. One that cannot be read is left out.
    pub fn list(&self) -> Result<Vec<Network>> {
        let path = self.layout.networks();
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("list {}", path.display())),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let names = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
        let mut networks: Vec<_> = names.filter_map(|name| self.load(&name).ok()).collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(networks)
    }

    /// Makes a network: `describe` is told those there are, and nobody else makes one meanwhile.
    pub fn create(&self, describe: impl FnOnce(&[Network]) -> Result<Network>) -> Result<Network> {
        self.layout.create()?;
        private_directory(&self.layout.networks())?;
        let _lock = self.lock()?;
        let network = describe(&self.list()?)?;
        let path = self.path(&network.name);
        if path.exists() {
            bail!("create network {}: {} is there and cannot be read", network.name, path.display());
        }
        file::sweep_siblings(&path).context("clear up")?;
        let content = serde_json::to_vec_pretty(&network).context("encode the record")?;
        file::write_atomic(&path, &content, Durability::Synced)?;
        Ok(network)
    }

    /// Takes a network off the record, if `check` has nothing against it. Who puts one into a container's record
    /// keeps [`Networks::lock`] until that is written.
    pub fn remove(&self, name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
        let _lock = self.lock()?;
        check()?;
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(NoSuchNetwork(name.to_owned()).into()),
            removed => removed.with_context(|| format!("remove network {name}")),
        }
    }

    /// Keeps networks from being made and removed.
    pub fn lock(&self) -> Result<FileLock> {
        FileLock::acquire(&self.layout.locks().join("networks"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.layout.networks().join(format!("{name}.json"))
    }
}

/// Whether this is JSON, of whatever kind and version.
fn is_document(content: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(content).is_ok()
}

fn version(content: &[u8]) -> Result<u32> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(content).context("not a network's record")?;
    Ok(version)
}

/// Checks the version before the shape, so that a newer record says so.
fn parse(content: &[u8]) -> Result<Network> {
    let version = version(content)?;
    if version > VERSION {
        bail!("version {version} is newer than this coracle understands ({VERSION})");
    }
    serde_json::from_slice(content).context("not a network's record")
}
