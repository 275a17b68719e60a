//! Secrets: small pieces of data that containers are shown and that are kept nowhere else.
//!
//! ```text
//! secrets/<name>.json   one document each, mode 0600, in a directory of mode 0700; the data in base64
//! ```
//!
//! Every writer holds the lock `locks/secrets`, so a name is made once, and clears away what a writer that died has
//! left. Readers need no lock: a document is replaced as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::base::file::{self, Durability, FileLock};
use crate::base::id;
use crate::config::paths::private_directory;

/// The one driver there is, by podman's name.
pub const FILE: &str = "file";

/// Data must be smaller than this; podman's and docker's limit.
pub const DATA_LIMIT: usize = 512_000;

/// The version of the documents that are written.
const VERSION: u32 = 1;

/// Data in base64, its labels and the rest; a file beyond this is not one of ours.
const DOCUMENT_LIMIT: u64 = 2 << 20;

/// Docker's limit for a name.
const NAME_LIMIT: usize = 64;

/// Digits of an id, as podman's and docker's.
const ID_DIGITS: usize = 25;

/// A secret on record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    pub version: u32,
    pub id: String,
    pub name: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    data: Data,
}

impl Secret {
    /// What is secret about it.
    pub fn data(&self) -> Result<Vec<u8>> {
        // The decoder's own message could quote the data.
        STANDARD.decode(&self.data.0).map_err(|_| anyhow!("read secret {}: its data is damaged", self.name))
    }
}

/// Data in base64, which no message shows.
#[derive(Clone, Serialize, Deserialize)]
struct Data(String);

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A secret that is not there, with podman's words.
#[derive(Debug, thiserror::Error)]
#[error("no secret with name or id {0:?}: no such secret")]
pub struct NoSuchSecret(pub String);

/// The secrets of one store.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    layout: &'a Layout,
}

impl<'a> Secrets<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// Makes a secret. One of the same name is an error, unless it is to be replaced: the new one has an id of its
    /// own.
    pub fn create(
        &self,
        name: &str,
        data: &[u8],
        labels: BTreeMap<String, String>,
        replace: bool,
    ) -> Result<Secret> {
        check_name(name)?;
        if data.is_empty() || data.len() >= DATA_LIMIT {
            bail!("secret data must be larger than 0 and less than {DATA_LIMIT} bytes");
        }
        let _lock = self.lock()?;
        if !replace && self.path(name).exists() {
            bail!("{name}: secret name in use");
        }
        let now = Timestamp::now();
        let secret = Secret {
            version: VERSION,
            id: id::random_hex(ID_DIGITS),
            name: name.to_owned(),
            created: now,
            updated: now,
            labels,
            data: Data(STANDARD.encode(data)),
        };
        let content = serde_json::to_vec(&secret).context("encode the secret")?;
        file::write_atomic(&self.path(name), &content, Durability::Synced)?;
        Ok(secret)
    }

    /// Finds a secret by its name, its id, or the beginning of that.
    pub fn find(&self, text: &str) -> Result<Secret> {
        if is_valid_name(text) && self.path(text).exists() {
            return self.read(&self.path(text));
        }
        let mut found = self.list()?;
        found.retain(|secret| !text.is_empty() && secret.id.starts_with(text));
        match (found.pop(), found.is_empty()) {
            (Some(secret), true) => Ok(secret),
            (Some(_), false) => bail!("more than one result secret with prefix {text}: ambiguous"),
            (None, _) => Err(NoSuchSecret(text.to_owned()).into()),
        }
    }

    /// Every secret that can be read, by name.
    pub fn list(&self) -> Result<Vec<Secret>> {
        let mut secrets: Vec<_> = self.files()?.iter().filter_map(|path| self.read(path).ok()).collect();
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(secrets)
    }

    /// The file of each secret, and whether it is damaged.
    pub fn documents(&self) -> Result<Vec<(PathBuf, bool)>> {
        Ok(self.files()?.into_iter().map(|path| (path.clone(), self.read(&path).is_err())).collect())
    }

    /// Removes a secret, found as by [`Secrets::find`].
    pub fn remove(&self, text: &str) -> Result<Secret> {
        let _lock = self.lock()?;
        let secret = self.find(text)?;
        let path = self.path(&secret.name);
        let removed = fs::remove_file(&path).and_then(|()| file::sync_directory(&self.layout.secrets()));
        removed.with_context(|| format!("remove {}", path.display()))?;
        Ok(secret)
    }

    fn read(&self, path: &Path) -> Result<Secret> {
        let content = file::read_bounded(path, DOCUMENT_LIMIT)?;
        let secret = serde_json::from_slice::<Secret>(&content);
        // Neither the parser's own message, which could quote the data, nor a document under a wrong name.
        match secret {
            Ok(secret) if secret.version == VERSION && self.path(&secret.name) == path => Ok(secret),
            _ => bail!("read {}: it is damaged", path.display()),
        }
    }

    /// The documents; none where the directory is not there.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut paths = self.entries()?;
        paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "json") && !is_temporary(path));
        Ok(paths)
    }

    fn entries(&self) -> Result<Vec<PathBuf>> {
        let directory = self.layout.secrets();
        match fs::read_dir(&directory) {
            Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("list {}", directory.display())),
        }
    }

    /// Waits for the other writers, and removes what one that died was writing.
    fn lock(&self) -> Result<FileLock> {
        self.layout.create()?;
        private_directory(&self.layout.secrets())?;
        let lock = FileLock::acquire(&self.layout.locks().join("secrets"))?;
        for path in self.entries()?.iter().filter(|path| is_temporary(path)) {
            fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
        }
        Ok(lock)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.layout.secrets().join(format!("{name}.json"))
    }
}

/// Whether [`file::write_atomic`] was making it.
fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn check_name(name: &str) -> Result<()> {
    if !is_valid_name(name) {
        bail!(
            "only {NAME_LIMIT} [a-zA-Z0-9-_.] characters allowed, and the start and end character must be \
             [a-zA-Z0-9]: {name}: invalid secret name"
        );
    }
    Ok(())
}

fn is_valid_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= NAME_LIMIT
        && is_plain(bytes.first())
        && is_plain(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;
    use std::os::unix::fs::PermissionsExt;

    fn create(secrets: Secrets<'_>, name: &str, data: &[u8], replace: bool) -> Result<Secret> {
        secrets.create(name, data, BTreeMap::new(), replace)
    }

    #[test]
    fn names_and_sizes() {
        let scratch = Scratch::new();
        let secrets = Secrets::new(&scratch.layout);
        for name in ["", "-a", "a-", ".a", "a/b", "../a", "a b", &"x".repeat(65)] {
            let error = create(secrets, name, b"x", false).unwrap_err().to_string();
            assert!(error.ends_with("invalid secret name"), "{error}");
        }
        for name in ["a", "A.b_c-9", &"x".repeat(64)] {
            create(secrets, name, b"x", false).unwrap();
        }
        assert!(create(secrets, "b", b"", false).is_err());
        assert!(create(secrets, "b", &vec![0; DATA_LIMIT], false).is_err());
        create(secrets, "b", &vec![0; DATA_LIMIT - 1], false).unwrap();
        assert_eq!(secrets.find("b").unwrap().data().unwrap().len(), DATA_LIMIT - 1);
    }

    #[test]
    fn made_once_found_and_removed() {
        let scratch = Scratch::new();
        let secrets = Secrets::new(&scratch.layout);
        let first = create(secrets, "key", b"first\0\xff", false).unwrap();
        assert_eq!(
            create(secrets, "key", b"second", false).unwrap_err().to_string(),
            "key: secret name in use"
        );
        assert_eq!(secrets.find(&first.id[..9]).unwrap().data().unwrap(), b"first\0\xff");
        let second = create(secrets, "key", b"second", true).unwrap();
        assert_ne!(first.id, second.id);
        assert!(secrets.find(&first.id).unwrap_err().is::<NoSuchSecret>());
        assert!(secrets.find("").unwrap_err().is::<NoSuchSecret>());
        assert_eq!(secrets.find("key").unwrap().data().unwrap(), b"second");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&scratch.layout.secrets()), 0o700);
        assert_eq!(mode(&secrets.path("key")), 0o600);
        assert_eq!(secrets.remove(&second.id).unwrap().name, "key");
        assert!(secrets.remove("key").unwrap_err().is::<NoSuchSecret>());
        assert!(secrets.list().unwrap().is_empty());
    }

    #[test]
    fn what_a_dead_writer_left_is_not_read_and_goes() {
        let scratch = Scratch::new();
        let secrets = Secrets::new(&scratch.layout);
        create(secrets, "key", b"1", false).unwrap();
        let left = scratch.layout.secrets().join(".other.json.0123abcd");
        fs::copy(secrets.path("key"), &left).unwrap();
        fs::copy(secrets.path("key"), secrets.path("wrong")).unwrap();
        assert_eq!(secrets.list().unwrap().len(), 1);
        create(secrets, "new", b"1", false).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn shows_nothing_in_messages() {
        let scratch = Scratch::new();
        let secrets = Secrets::new(&scratch.layout);
        let secret = create(secrets, "key", b"hush", false).unwrap();
        assert!(!format!("{secret:?}").contains(&STANDARD.encode("hush")));
    }
}
