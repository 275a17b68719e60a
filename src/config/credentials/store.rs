//! Remembers and forgets credentials: what `login` and `logout` change.
//!
//! Credentials go where they will be found again: into the file that the user names, else into the first of the
//! files that has some for this registry, else into docker's, if it is there, else into that of the containers
//! tools in the home directory. Where the `credential-helpers` of `registries.conf` begin with a helper, that one gets them
//! unless the user names a file. A file with a helper for the registry gets nothing but passes them on.
//! Everything else in a file stays as it is; a file is never readable for others, and replaced at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{
    AuthFile, Credentials, Keys, MAX_FILE, closest, files, helper, named_file, normal_key, server_name,
};
use crate::base::file::{Durability, FileLock, read_bounded, write_atomic};
use crate::config::env;
use crate::config::paths::private_directory;
use crate::config::registries::{self, CREDENTIAL_FILES};

/// Who logs in or out, and with which file.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// `docker.io`, `registry.example:5000`, or a part of its repositories: `quay.io/team`.
    pub registry: String,
    /// `--authfile`.
    pub file: Option<PathBuf>,
    /// `--compat-auth-file`: the same in docker's form.
    pub docker_file: Option<PathBuf>,
}

/// Where credentials have gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stored {
    /// Into this file, where whoever can read it can read them.
    Plain(PathBuf),
    Helper(String),
}

impl Login {
    /// The registry as its own and the part of its repositories that is meant.
    pub fn parts(&self) -> (&str, &str) {
        self.registry.split_once('/').unwrap_or((&self.registry, ""))
    }

    /// The file that credentials go into.
    fn target(&self) -> Result<AuthFile> {
        let named = self.named();
        if let Some(file) =
            named.or_else(|| docker_config().filter(|_| env::value("DOCKER_CONFIG").is_some()))
        {
            return Ok(file);
        }
        let usual = files();
        for file in usual.iter().filter(|file| file.path.exists()) {
            if file.knows(self)? {
                return Ok(file.clone());
            }
        }
        let docker = usual.iter().rev().find(|file| file.keys == Keys::Registries && file.path.exists());
        // The one of a session goes with it.
        let home = usual.iter().rev().find(|file| file.keys == Keys::Repositories);
        docker.or(home).cloned().context("find a place for credentials: HOME is not set")
    }

    fn named(&self) -> Option<AuthFile> {
        let docker = |path: &PathBuf| AuthFile { keys: Keys::Registries, ..AuthFile::named(path) };
        let own = self.docker_file.as_ref().map(docker);
        let own = own.or_else(|| self.file.as_deref().map(AuthFile::named));
        own.or_else(named_file)
    }

    fn files(&self) -> Vec<AuthFile> {
        self.named().map_or_else(files, |file| vec![file])
    }

    /// The files or helpers that keep credentials, in their order, where the user names no file.
    fn keepers(&self) -> Result<Vec<String>> {
        if self.named().is_some() { Ok(Vec::new()) } else { registries::credential_helpers() }
    }

    /// The key that a new entry gets.
    fn key(&self, keys: Keys) -> &str {
        match keys {
            Keys::Registries => server_name(self.parts().0),
            Keys::Repositories => &self.registry,
        }
    }

    /// Whether a key of a file is this registry's.
    fn is_own(&self, key: &str, keys: Keys) -> bool {
        let own = if keys == Keys::Registries { self.parts().0 } else { &self.registry };
        normal_key(key, keys) == own
    }
}

fn docker_config() -> Option<AuthFile> {
    files().into_iter().find(|file| file.keys == Keys::Registries)
}

/// Remembers credentials.
pub fn store(login: &Login, credentials: &Credentials) -> Result<Stored> {
    let stored = match login.keepers()?.into_iter().next() {
        Some(helper) if helper != CREDENTIAL_FILES => {
            helper::store(&helper, server_name(login.parts().0), credentials).map(|()| Stored::Helper(helper))
        }
        _ => store_in_file(login, credentials),
    };
    stored.with_context(|| format!("store credentials for {}", login.registry))
}

fn store_in_file(login: &Login, credentials: &Credentials) -> Result<Stored> {
    let file = login.target()?;
    file.change(|document| {
        let server = login.key(file.keys);
        if let Some(helper) = file.helper(document, login)? {
            helper::store(&helper, server, credentials)?;
            return Ok((Stored::Helper(helper), file.forget(document, login)));
        }
        file.forget(document, login);
        let auths = document.entry("auths").or_insert_with(|| json!({}));
        let auths = auths.as_object_mut().context("its \"auths\" are no object")?;
        auths.insert(server.to_owned(), entry(credentials));
        Ok((Stored::Plain(file.path.clone()), true))
    })
}

/// Forgets credentials, wherever they are found; false if there were none.
pub fn erase(login: &Login) -> Result<bool> {
    let mut erased = false;
    for file in login.files().iter().filter(|file| file.path.exists()) {
        let removed = file.change(|document| {
            let mut removed = file.forget(document, login);
            let changed = removed;
            if let Some(helper) = file.helper(document, login)? {
                removed |= helper::erase(&helper, login.key(file.keys))?;
            }
            Ok((removed, changed))
        });
        erased |= removed.with_context(|| format!("remove credentials for {}", login.registry))?;
    }
    for helper in login.keepers()?.iter().filter(|keeper| *keeper != CREDENTIAL_FILES) {
        let removed = helper::erase(helper, server_name(login.parts().0));
        erased |= removed.with_context(|| format!("remove credentials for {}", login.registry))?;
    }
    Ok(erased)
}

/// Forgets every entry of every file, and what the helpers keep that they name.
pub fn erase_all(login: &Login) -> Result<()> {
    let mut helpers = BTreeSet::new();
    for file in login.files().iter().filter(|file| file.path.exists()) {
        let named = file.change(|document| {
            let changed = document.remove("auths").is_some();
            Ok((super::Document::of(document)?, changed))
        })?;
        for (server, helper) in &named.cred_helpers {
            helper::erase(helper, server)?;
        }
        helpers.insert(named.creds_store);
    }
    helpers.extend(login.keepers()?);
    for helper in helpers.iter().filter(|helper| !matches!(helper.as_str(), "" | CREDENTIAL_FILES)) {
        for server in helper::list(helper)? {
            helper::erase(helper, &server)?;
        }
    }
    Ok(())
}

fn entry(credentials: &Credentials) -> Value {
    match credentials {
        Credentials::Password { username, password } => {
            json!({ "auth": STANDARD.encode(format!("{username}:{password}")) })
        }
        Credentials::IdentityToken(token) => {
            json!({ "auth": STANDARD.encode(":"), "identitytoken": token })
        }
    }
}

impl AuthFile {
    fn knows(&self, login: &Login) -> Result<bool> {
        let document = self.document()?;
        let auths = document.get("auths").and_then(Value::as_object);
        Ok(auths.is_some_and(|auths| auths.keys().any(|key| login.is_own(key, self.keys))))
    }

    /// The helper that this file names for a registry, or for all.
    fn helper(&self, document: &Map<String, Value>, login: &Login) -> Result<Option<String>> {
        let document = super::Document::of(document)?;
        let (domain, path) = login.parts();
        let own = closest(&document.cred_helpers, self.keys, domain, path).cloned();
        Ok(own.or(Some(document.creds_store)).filter(|helper| !helper.is_empty()))
    }

    /// Removes the entries of a registry, in every spelling.
    fn forget(&self, document: &mut Map<String, Value>, login: &Login) -> bool {
        let Some(auths) = document.get_mut("auths").and_then(Value::as_object_mut) else { return false };
        let before = auths.len();
        auths.retain(|key, _| !login.is_own(key, self.keys));
        auths.len() != before
    }

    fn document(&self) -> Result<Map<String, Value>> {
        if !self.path.exists() {
            return Ok(Map::new());
        }
        let text = read_bounded(&self.path, MAX_FILE)?;
        if text.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        // The parser's own message could quote a secret.
        match serde_json::from_slice(&text) {
            Ok(Value::Object(document)) => Ok(document),
            _ => bail!("read {}: not a credentials file", self.path.display()),
        }
    }

    /// Changes the file while no other of us does; `change` says whether there is something to write.
    fn change<T>(&self, change: impl FnOnce(&mut Map<String, Value>) -> Result<(T, bool)>) -> Result<T> {
        // A link leads to where the user keeps the file.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !directory.is_dir() {
            private_directory(directory)?;
        }
        let _lock = FileLock::directory(directory)?;
        let mut document = self.document()?;
        let (result, changed) = change(&mut document)?;
        if changed {
            let text = serde_json::to_string_pretty(&document).context("encode the credentials")?;
            write_atomic(&path, text.as_bytes(), Durability::Synced)?;
        }
        Ok(result)
    }
}
