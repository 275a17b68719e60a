//! `registries.d`: whether signatures lie beside the images of a registry, as cosign puts them there.
//!
//! Source: man containers-registries.d(5). The user's directory is read instead of the system's. What it says of GnuPG's
//! signatures in other places is passed over: those are not understood.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::is_absent;
use crate::base::file::read_bounded;
use crate::config::env;

const MAX_FILE: u64 = 1 << 20;

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Document {
    default_docker: Option<Section>,
    docker: Option<HashMap<String, Section>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Section {
    use_sigstore_attachments: Option<bool>,
}

/// Whether the signatures of an image are to be looked for in its repository; `scopes` from the image itself outwards.
pub fn signatures_are_attached(scopes: &[String]) -> Result<bool> {
    let Some(directory) = directory() else { return Ok(false) };
    let mut merged = Document::default();
    for path in files(&directory)? {
        let text = read_bounded(&path, MAX_FILE)?;
        merge(&mut merged, &text).with_context(|| format!("read {}", path.display()))?;
    }
    Ok(answer(&merged, scopes))
}

fn answer(document: &Document, scopes: &[String]) -> bool {
    let known = document.docker.as_ref();
    let closest = scopes.iter().filter_map(|scope| known?.get(scope)?.use_sigstore_attachments).next();
    let default = || document.default_docker.as_ref()?.use_sigstore_attachments;
    closest.or_else(default).unwrap_or(false)
}

/// Each thing may be said once, in whichever file.
fn merge(merged: &mut Document, text: &[u8]) -> Result<()> {
    let text = std::str::from_utf8(text).context("it is not text")?;
    // An empty file, or one of comments alone, says nothing.
    let document: Option<Document> = serde_saphyr::from_str(text)?;
    let document = document.unwrap_or_default();
    if let Some(section) = document.default_docker
        && merged.default_docker.replace(section).is_some()
    {
        bail!("default-docker stands in another file too");
    }
    for (scope, section) in document.docker.unwrap_or_default() {
        if merged.docker.get_or_insert_default().insert(scope.clone(), section).is_some() {
            bail!("{scope} stands in another file too");
        }
    }
    Ok(())
}

fn directory() -> Option<PathBuf> {
    let own = env::directory("HOME").map(|home| home.join(".config/containers/registries.d"));
    own.into_iter().chain([PathBuf::from("/etc/containers/registries.d")]).find(|path| path.is_dir())
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", directory.display())),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(texts: &[&str]) -> Result<Document> {
        let mut document = Document::default();
        texts.iter().try_for_each(|text| merge(&mut document, text.as_bytes()))?;
        Ok(document)
    }

    #[test]
    fn the_closest_that_says_anything() {
        let document = merged(&[
            "# nothing\n",
            "",
            "default-docker:\n  lookaside: https://sigs.example\n  use-sigstore-attachments: true\n",
            "docker:\n    q.io:\n        use-sigstore-attachments: false\n    q.io/a: {use-sigstore-attachments: true}\n",
            "docker:\n  'q.io/a/b':\n    lookaside: file:///sigs\n  '*.example': {use-sigstore-attachments: false}\n",
        ])
        .unwrap();
        for (scopes, expected) in [
            ("q.io/x q.io *.io", false),
            ("q.io/a/b q.io/a q.io", true),
            ("a.example/b *.example", false),
            ("elsewhere", true),
        ] {
            let scopes: Vec<String> = scopes.split(' ').map(str::to_owned).collect();
            assert_eq!(answer(&document, &scopes), expected, "{scopes:?}");
        }
        assert!(!answer(&Document::default(), &[]));
    }

    #[test]
    fn what_is_wrong() {
        for (texts, words) in [
            (&["docker:\n  a: {}\n", "docker:\n  a: {}\n"][..], "a stands in another file"),
            (&["default-docker: {}\n", "default-docker: {}\n"], "default-docker stands"),
            (&["docker:\n  a: {use-sigstore-attachments: perhaps}\n"], "perhaps"),
            (&["docker: [1]\n"], ""),
            (&["docker:\n  a: {}\n  a: {}\n"], "duplicate"),
            (&["{"], ""),
        ] {
            let error = format!("{:#}", merged(texts).err().unwrap_or_else(|| panic!("{texts:?}")));
            assert!(error.contains(words), "{texts:?}: {error}");
        }
    }
}
