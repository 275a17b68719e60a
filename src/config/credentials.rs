//! Names and passwords for registries, from the files and helpers of docker and the containers tools.
//!
//! Sources: man containers-auth.json(5); docker's `config.json`; the docker-credential-helpers protocol.
//! `$REGISTRY_AUTH_FILE` alone if it is set, else the first of these that knows the registry:
//! `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`,
//! `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`. The `credential-helpers` of `registries.conf` are asked
//! before, after or instead of these files, as it says. Nothing is read before a registry asks.

mod helper;
mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer};

pub use store::{Login, Stored, erase, erase_all, store};

use super::env;
use super::registries::{self, CREDENTIAL_FILES};
use crate::base::file::read_bounded;

const MAX_FILE: u64 = 4 << 20;
/// What docker and its helpers call Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What proves to a registry who is asking. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Password {
        username: String,
        password: String,
    },
    /// A refresh token for the registry's token server (OAuth 2).
    IdentityToken(String),
}

impl Credentials {
    /// Reads `user:password`, or a user alone, as `--creds` has them.
    pub fn parse(text: &str) -> Self {
        let (username, password) = text.split_once(':').unwrap_or((text, ""));
        Self::Password { username: username.to_owned(), password: password.to_owned() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// Where credentials come from.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// The files that everybody shares, see above.
    #[default]
    Usual,
    /// This file alone: `--authfile`.
    File(PathBuf),
    /// These, or none: `--creds`, and a login that is being tried.
    Given(Option<Credentials>),
}

impl Source {
    /// Finds the credentials for a repository: `domain` as in an image name, `path` within it.
    pub fn find(&self, domain: &str, path: &str) -> Result<Option<Credentials>> {
        match self {
            Self::Given(credentials) => Ok(credentials.clone()),
            Self::Usual => find_usual(domain, path),
            Self::File(path_of_file) => find_in(vec![AuthFile::named(path_of_file)], domain, path),
        }
    }
}

/// Asks the files, or the helpers that `registries.conf` names besides or instead of them.
fn find_usual(domain: &str, path: &str) -> Result<Option<Credentials>> {
    // A file that is named by the environment alone counts.
    if named_file().is_some() {
        return find_in(files(), domain, path);
    }
    for keeper in registries::credential_helpers()? {
        let found = match keeper.as_str() {
            CREDENTIAL_FILES => find_in(files(), domain, path)?,
            helper => helper::find(helper, server_name(domain))
                .with_context(|| format!("read credentials for {domain}"))?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn find_in(files: Vec<AuthFile>, domain: &str, path: &str) -> Result<Option<Credentials>> {
    for file in files {
        let Some(document) = file.read()? else { continue };
        let found = document.find(file.keys, domain, path);
        let found =
            found.with_context(|| format!("read credentials for {domain} from {}", file.path.display()))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Whether a file's entries name registries only, or repositories too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keys {
    Registries,
    Repositories,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct AuthFile {
    path: PathBuf,
    keys: Keys,
    /// A file named by the user must be there.
    required: bool,
}

fn named_file() -> Option<AuthFile> {
    env::value("REGISTRY_AUTH_FILE").map(|path| AuthFile::named(Path::new(&path)))
}

fn files() -> Vec<AuthFile> {
    if let Some(file) = named_file() {
        return vec![file];
    }
    let home = env::directory("HOME");
    let beneath = |name: &str| home.as_ref().map(|home| home.join(name));
    let runtime = env::directory("XDG_RUNTIME_DIR");
    let config = env::directory("XDG_CONFIG_HOME").or_else(|| beneath(".config"));
    let docker = env::directory("DOCKER_CONFIG").or_else(|| beneath(".docker"));
    let containers = [runtime, config]
        .into_iter()
        .flatten()
        .map(|base| (base.join("containers/auth.json"), Keys::Repositories));
    let docker = docker.map(|base| (base.join("config.json"), Keys::Registries));
    containers.chain(docker).map(|(path, keys)| AuthFile { path, keys, required: false }).collect()
}

impl AuthFile {
    /// A file that the user names, in the form of the containers tools.
    fn named(path: &Path) -> Self {
        Self { path: path.to_owned(), keys: Keys::Repositories, required: true }
    }

    fn read(&self) -> Result<Option<Document>> {
        let text = match read_bounded(&self.path, MAX_FILE) {
            Ok(text) => text,
            Err(error) if !self.required && is_absent(&error) => return Ok(None),
            Err(error) => return Err(error).context("read credentials"),
        };
        // The parser's own message could quote a secret, so only the place is told.
        let document = serde_json::from_slice(&text).map_err(|error| {
            anyhow::anyhow!("not a credentials file: line {}, column {}", error.line(), error.column())
        });
        document.with_context(|| format!("read {}", self.path.display()))
    }
}

fn is_absent(error: &anyhow::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    let kind = error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(NotFound | NotADirectory))
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    #[serde(deserialize_with = "null_default")]
    auths: BTreeMap<String, Entry>,
    #[serde(deserialize_with = "null_default")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_default")]
    creds_store: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    #[serde(deserialize_with = "null_default")]
    auth: String,
    #[serde(deserialize_with = "null_default")]
    username: String,
    #[serde(deserialize_with = "null_default")]
    password: String,
    #[serde(deserialize_with = "null_default")]
    identitytoken: String,
}

fn null_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Document {
    /// Reads what a file says from the whole of it.
    fn of(file: &serde_json::Map<String, serde_json::Value>) -> Result<Self> {
        let text = serde_json::Value::Object(file.clone());
        serde_json::from_value(text).ok().context("it is not a credentials file")
    }

    /// A helper for this registry, then the helper for all, then the file itself: docker's order.
    fn find(&self, keys: Keys, domain: &str, path: &str) -> Result<Option<Credentials>> {
        let own = closest(&self.cred_helpers, keys, domain, path).map(String::as_str);
        let all = Some(self.creds_store.as_str()).filter(|helper| !helper.is_empty());
        for helper in own.into_iter().chain(all) {
            if let Some(found) = helper::find(helper, server_name(domain))? {
                return Ok(Some(found));
            }
        }
        match closest(&self.auths, keys, domain, path) {
            Some(entry) => entry.credentials(),
            None => Ok(None),
        }
    }
}

/// What docker's files and helpers call a registry.
fn server_name(domain: &str) -> &str {
    if domain == "docker.io" { DOCKER_HUB } else { domain }
}

/// The value whose key names the longest part of `domain/path`.
fn closest<'a, T>(map: &'a BTreeMap<String, T>, keys: Keys, domain: &str, path: &str) -> Option<&'a T> {
    let name = format!("{domain}/{path}");
    let matches = map.iter().filter_map(|(key, value)| {
        let normal = normal_key(key, keys);
        let fits = name.strip_prefix(&normal).is_some_and(|rest| rest.starts_with('/') || rest.is_empty());
        // Of two keys for one registry, the one that is written as image names are.
        fits.then_some(((normal.len(), *key == normal), value))
    });
    matches.max_by_key(|(rank, _)| *rank).map(|(_, value)| value)
}

/// Brings a key to the form of an image name: no scheme, one name for Docker Hub. A key that is a URL
/// names a registry whatever path follows (`https://index.docker.io/v1/`).
fn normal_key(key: &str, keys: Keys) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let (host, path) = match bare.unwrap_or(key).split_once('/') {
        Some((host, path)) => (host, path.trim_end_matches('/')),
        None => (bare.unwrap_or(key), ""),
    };
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" | "docker.io" => "docker.io",
        other => other,
    };
    if keys == Keys::Registries || bare.is_some() || path.is_empty() {
        return host.to_owned();
    }
    format!("{host}/{path}")
}

impl Entry {
    fn credentials(&self) -> Result<Option<Credentials>> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credentials::IdentityToken(self.identitytoken.clone())));
        }
        if self.auth.is_empty() {
            let (username, password) = (self.username.clone(), self.password.clone());
            return Ok((!username.is_empty()).then_some(Credentials::Password { username, password }));
        }
        decode_auth(&self.auth).map(Some)
    }
}

/// `auth` is `user:password` in base64; docker pads it with zero bytes at times.
fn decode_auth(auth: &str) -> Result<Credentials> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
    let bytes = engine.decode(auth.trim()).ok().context("the auth entry is not base64")?;
    let text = String::from_utf8(bytes).ok().context("the auth entry is not text")?;
    let (username, password) = text.split_once(':').context("the auth entry is not user:password")?;
    let password = password.trim_matches('\0');
    Ok(Credentials::Password { username: username.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn password(username: &str, password: &str) -> Credentials {
        Credentials::Password { username: username.into(), password: password.into() }
    }

    fn encode(text: &str) -> String {
        base64::engine::general_purpose::STANDARD.encode(text)
    }

    fn document(text: &str) -> Document {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_longest_match_wins() {
        let entry = |user: &str| format!(r#"{{"auth":"{}"}}"#, encode(&format!("{user}:p:w")));
        let text = format!(
            r#"{{"auths":{{"quay.io":{},"quay.io/team":{},"quay.io/team/app":{},"https://index.docker.io/v1/":{},
            "localhost:5000":{}}},"credHelpers":null,"credsStore":null,"HttpHeaders":{{}}}}"#,
            entry("all"),
            entry("team"),
            entry("app"),
            entry("hub"),
            entry("local"),
        );
        let document = document(&text);
        let cases = [
            ("quay.io", "other", Some("all")),
            ("quay.io", "team/x", Some("team")),
            ("quay.io", "team/app", Some("app")),
            ("quay.io", "team/application", Some("team")),
            ("quay.io", "teams", Some("all")),
            ("docker.io", "library/alpine", Some("hub")),
            ("localhost:5000", "a", Some("local")),
            ("localhost", "a", None),
            ("quay.io.example", "a", None),
        ];
        for (domain, path, user) in cases {
            let found = document.find(Keys::Repositories, domain, path).unwrap();
            assert_eq!(found, user.map(|user| password(user, "p:w")), "{domain}/{path}");
        }
    }

    #[test]
    fn the_plain_key_of_several_for_a_registry() {
        let auth = |user: &str| format!(r#"{{"auth":"{}"}}"#, encode(&format!("{user}:p")));
        let text = format!(
            r#"{{"auths":{{"https://h":{0},"h":{1},"h/a":{0},"h/v1/":{0}}}}}"#,
            auth("other"),
            auth("plain")
        );
        let found = document(&text).find(Keys::Registries, "h", "a").unwrap();
        assert_eq!(found, Some(password("plain", "p")));
    }

    #[test]
    fn keys_as_people_and_tools_write_them() {
        for (key, keys, normal) in [
            ("docker.io", Keys::Repositories, "docker.io"),
            ("https://index.docker.io/v1/", Keys::Repositories, "docker.io"),
            ("index.docker.io", Keys::Registries, "docker.io"),
            ("https://registry.example:5000", Keys::Registries, "registry.example:5000"),
            ("http://registry.example/v2/", Keys::Registries, "registry.example"),
            ("registry.example/v2", Keys::Registries, "registry.example"),
            ("registry.example/team/", Keys::Repositories, "registry.example/team"),
        ] {
            assert_eq!(normal_key(key, keys), normal, "{key}");
        }
    }

    #[test]
    fn entries() {
        let entry = |text: &str| serde_json::from_str::<Entry>(text).unwrap().credentials();
        assert_eq!(entry("{}").unwrap(), None);
        assert_eq!(entry(r#"{"auth":null,"identitytoken":null}"#).unwrap(), None);
        let token = Credentials::IdentityToken("t".into());
        assert_eq!(entry(r#"{"auth":"dTpw","identitytoken":"t"}"#).unwrap(), Some(token));
        assert_eq!(entry(r#"{"auth":"dTpw"}"#).unwrap(), Some(password("u", "p")));
        assert_eq!(entry(r#"{"auth":"dTpwdw"}"#).unwrap(), Some(password("u", "pw")), "no padding");
        assert_eq!(entry(r#"{"username":"u","password":"p"}"#).unwrap(), Some(password("u", "p")));
        for bad in ["***", "dXNlcg==", "/////w=="] {
            let error = entry(&format!(r#"{{"auth":"{bad}"}}"#)).unwrap_err().to_string();
            assert!(error.starts_with("the auth entry is not ") && !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown =
            format!("{:?} {:?}", password("user", "hunter2"), Credentials::IdentityToken("hunter2".into()));
        assert!(!shown.contains("hunter2") && !shown.contains("user"), "{shown}");
    }

    #[test]
    fn a_broken_file_is_told_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.json");
        fs::write(&path, r#"{"auths":{"a":{"auth":["hunter2"]}}}"#).unwrap();
        let file = AuthFile { path: path.clone(), keys: Keys::Repositories, required: false };
        let error = format!("{:#}", file.read().err().unwrap());
        assert!(
            error.contains("auth.json: not a credentials file: line 1") && !error.contains("hunter2"),
            "{error}"
        );
        let absent =
            |required| AuthFile { path: directory.path().join("none"), keys: Keys::Registries, required };
        assert!(absent(false).read().unwrap().is_none());
        assert!(absent(true).read().is_err());
    }
}
