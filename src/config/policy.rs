//! `policy.json`: which images may be taken in, and by whom they must be signed.
//!
//! Source: man containers-policy.json(5). The user's file is read instead of the system's; where there is neither,
//! every image may come, as with docker. A file that is not understood to the last field is an error, never a policy that
//! says less than its author meant.

mod scopes;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

pub use scopes::{of_name, of_path};

use super::env;
use crate::base::file::read_bounded;
use crate::base::hint::HintExt;

const MAX_FILE: u64 = 4 << 20;
const SYSTEM: &str = "/etc/containers/policy.json";

/// What must hold for an image, all of it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum Requirement {
    InsecureAcceptAnything {},
    Reject {},
    /// GnuPG's signatures, beside the registry, which are not understood yet.
    SignedBy(serde_json::Map<String, serde_json::Value>),
    SigstoreSigned(Box<SigstoreSigned>),
}

/// A signature as cosign makes them. One of the keys will do.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SigstoreSigned {
    key_path: Option<PathBuf>,
    key_paths: Option<Vec<PathBuf>>,
    key_data: Option<String>,
    key_datas: Option<Vec<String>>,
    /// Certificates and the transparency log, which are not understood yet.
    fulcio: Option<serde_json::Value>,
    pki: Option<serde_json::Value>,
    rekor_public_key_path: Option<serde_json::Value>,
    rekor_public_key_paths: Option<serde_json::Value>,
    rekor_public_key_data: Option<serde_json::Value>,
    rekor_public_key_datas: Option<serde_json::Value>,
    pub signed_identity: Identity,
}

/// Which name a signature has to be for.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum Identity {
    MatchExact {},
    MatchRepoDigestOrExact {},
    MatchRepository {},
    #[serde(rename_all = "camelCase")]
    ExactReference {
        docker_reference: String,
    },
    #[serde(rename_all = "camelCase")]
    ExactRepository {
        docker_repository: String,
    },
    #[serde(rename = "remapIdentity", rename_all = "camelCase")]
    Remap {
        prefix: String,
        signed_prefix: String,
    },
}

impl Default for Identity {
    fn default() -> Self {
        Self::MatchRepoDigestOrExact {}
    }
}

/// A public key, in PEM.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Key<'a> {
    File(&'a Path),
    /// In base64.
    Data(&'a str),
}

impl SigstoreSigned {
    /// The keys of which one must have signed.
    pub fn keys(&self) -> Vec<Key<'_>> {
        let paths = self.key_path.iter().chain(self.key_paths.iter().flatten());
        let datas = self.key_data.iter().chain(self.key_datas.iter().flatten());
        paths.map(|path| Key::File(path)).chain(datas.map(|data| Key::Data(data))).collect()
    }

    /// The field that asks for something that is not understood yet.
    pub fn unsupported(&self) -> Option<&'static str> {
        let fields = [
            ("fulcio", &self.fulcio),
            ("pki", &self.pki),
            ("rekorPublicKeyPath", &self.rekor_public_key_path),
            ("rekorPublicKeyPaths", &self.rekor_public_key_paths),
            ("rekorPublicKeyData", &self.rekor_public_key_data),
            ("rekorPublicKeyDatas", &self.rekor_public_key_datas),
        ];
        fields.iter().find(|(_, value)| value.is_some()).map(|(name, _)| *name)
    }

    fn check(&self) -> Result<()> {
        let sources = [
            self.key_path.is_some(),
            self.key_paths.is_some(),
            self.key_data.is_some(),
            self.key_datas.is_some(),
            self.fulcio.is_some(),
            self.pki.is_some(),
        ];
        let count = sources.into_iter().filter(|is_there| *is_there).count();
        ensure!(count == 1, "sigstoreSigned wants one of keyPath, keyPaths, keyData and keyDatas");
        let is_empty = self.unsupported().is_none() && self.keys().is_empty();
        ensure!(!is_empty, "sigstoreSigned names no key");
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    default: Vec<Requirement>,
    #[serde(default)]
    transports: Once<Once<Vec<Requirement>>>,
}

/// A policy, and the file that says so.
#[derive(Debug)]
pub struct Policy {
    document: Document,
    file: PathBuf,
}

impl Policy {
    /// Reads the policy; `None` where there is none.
    pub fn read() -> Result<Option<Self>> {
        let own = env::directory("HOME").map(|home| home.join(".config/containers/policy.json"));
        for file in own.into_iter().chain([PathBuf::from(SYSTEM)]) {
            let text = match read_bounded(&file, MAX_FILE) {
                Ok(text) => text,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(error.context("read the policy for images")),
            };
            let policy = Self::parse(&text, &file);
            return policy
                .with_context(|| format!("read {}", file.display()))
                .hint(|| "no image is taken in under a policy that is not understood: man containers-policy.json")
                .map(Some);
        }
        Ok(None)
    }

    fn parse(text: &[u8], file: &Path) -> Result<Self> {
        let document: Document = serde_json::from_slice(text)?;
        let scoped = document.transports.0.values().flat_map(|scopes| scopes.0.values());
        for requirements in scoped.chain([&document.default]) {
            ensure!(!requirements.is_empty(), "a list of requirements must not be empty");
            for requirement in requirements {
                if let Requirement::SigstoreSigned(signed) = requirement {
                    signed.check()?;
                }
            }
        }
        Ok(Self { document, file: file.to_owned() })
    }

    /// The file that it stands in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What must hold for an image that comes by a transport: of its scopes, the first of which is itself, the first
    /// that the policy knows counts.
    pub fn requirements(&self, transport: &str, scopes: &[String]) -> &[Requirement] {
        let Some(known) = self.document.transports.0.get(transport) else { return &self.document.default };
        let scopes = scopes.iter().map(String::as_str).chain([""]);
        scopes.filter_map(|scope| known.0.get(scope)).next().unwrap_or(&self.document.default)
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    let kind = error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// A map in which each key stands once: of two, JSON readers disagree about which one counts.
#[derive(Debug)]
struct Once<T>(HashMap<String, T>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Once<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Once<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut map = HashMap::new();
                while let Some(key) = entries.next_key::<String>()? {
                    if map.contains_key(&key) {
                        return Err(A::Error::custom(format!("{key:?} stands there twice")));
                    }
                    map.insert(key, entries.next_value()?);
                }
                Ok(Once(map))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests;
