//! Names without a registry: aliases and the registries that are searched for them.
//!
//! Source: man containers-registries.conf(5), "NORMALIZATION OF SHORT NAMES". Without any setting a short name is one
//! of Docker Hub, as for docker.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::conf::{self, Conf, Mode};
use crate::base::hint::HintExt;
use crate::config::env;

/// The registry of a name and the rest, where the name has one: docker's rule.
pub fn split(name: &str) -> Option<(&str, &str)> {
    let (first, rest) = name.split_once('/')?;
    let is_registry = first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first;
    is_registry.then_some((first, rest))
}

/// The registries in which short names are searched; none where that is not set.
pub fn search_registries() -> Result<Vec<String>> {
    Ok(conf::read()?.search)
}

/// What a name without a registry may mean, with the registry, in the order in which it is tried; empty where nothing
/// is set, and for a name that has a registry. What stands behind the repository, a tag or a digest, stays.
pub fn candidates(typed: &str) -> Result<Vec<String>> {
    if split(typed).is_some() {
        return Ok(Vec::new());
    }
    let conf = conf::read()?;
    resolve(&conf, &remembered()?, typed)
}

/// What podman has asked its user for and written down.
fn remembered() -> Result<Conf> {
    let cache = env::directory("XDG_CACHE_HOME").or_else(|| Some(env::directory("HOME")?.join(".cache")));
    let file: Option<PathBuf> = cache.map(|cache| cache.join("containers/short-name-aliases.conf"));
    file.map_or_else(|| Ok(Conf::default()), |file| conf::read_files(&[file]))
}

fn resolve(conf: &Conf, remembered: &Conf, typed: &str) -> Result<Vec<String>> {
    let end = typed.find(['@', ':']).unwrap_or(typed.len());
    let (name, suffix) = typed.split_at(end);
    if let Some(target) = remembered.aliases.get(name).or_else(|| conf.aliases.get(name)) {
        if split(target).is_none() {
            bail!("the alias {name} of registries.conf has no registry: {target}");
        }
        return Ok(vec![format!("{target}{suffix}")]);
    }
    let full = |registry: &String| format!("{registry}/{typed}");
    let candidates: Vec<String> = conf.search.iter().map(full).collect();
    if conf.mode == Some(Mode::Enforcing) && candidates.len() > 1 {
        let error = Err::<Vec<String>, _>(anyhow::anyhow!(
            "short name {typed:?} could mean {} images, and short-name-mode is \"enforcing\"",
            candidates.len()
        ));
        return error.hint(|| format!("say which: {}", candidates.join(", ")));
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn conf(text: &str) -> Conf {
        let mut conf = Conf::default();
        conf.add(text.as_bytes(), Path::new("f")).unwrap();
        conf
    }

    #[test]
    fn what_a_short_name_means() {
        let aliases =
            "[aliases]\n'fedora' = 'registry.fedora.example/fedora'\n'team/app' = 'q.io/team/app'\n";
        let search = "unqualified-search-registries = ['q.io', 'docker.io']\n";
        for (text, typed, expected) in [
            ("", "fedora", ""),
            (aliases, "fedora", "registry.fedora.example/fedora"),
            (aliases, "fedora:41", "registry.fedora.example/fedora:41"),
            (aliases, "fedora@sha256:0", "registry.fedora.example/fedora@sha256:0"),
            (aliases, "team/app:1", "q.io/team/app:1"),
            (aliases, "fedora/other", ""),
            (aliases, "docker.io/fedora", ""),
            (aliases, "localhost/fedora", ""),
            (search, "a/b:1", "q.io/a/b:1 docker.io/a/b:1"),
            (search, "h.io/b:1", ""),
        ] {
            let found = match split(typed) {
                Some(_) => Vec::new(),
                None => resolve(&conf(text), &Conf::default(), typed).unwrap(),
            };
            assert_eq!(found.join(" "), expected, "{text} {typed}");
        }
        let remembered = conf("[aliases]\nfedora = 'mine.example/fedora'\n");
        assert_eq!(resolve(&conf(aliases), &remembered, "fedora").unwrap(), ["mine.example/fedora"]);
    }

    #[test]
    fn modes_and_mistakes() {
        let search = "unqualified-search-registries = ['q.io', 'r.io']\n";
        for mode in ["permissive", "disabled"] {
            let text = format!("{search}short-name-mode = '{mode}'\n");
            assert_eq!(resolve(&conf(&text), &Conf::default(), "a").unwrap().len(), 2);
        }
        let enforcing = conf(&format!("{search}short-name-mode = 'enforcing'\n"));
        let error = resolve(&enforcing, &Conf::default(), "a").unwrap_err();
        assert!(error.to_string().contains("could mean 2 images"), "{error:#}");
        let one = conf("unqualified-search-registries = ['q.io']\nshort-name-mode = 'enforcing'\n");
        assert_eq!(resolve(&one, &Conf::default(), "a").unwrap(), ["q.io/a"]);
        let bare = conf("[aliases]\na = 'b'\n");
        assert!(resolve(&bare, &Conf::default(), "a").unwrap_err().to_string().contains("has no registry"));
        assert!(Conf::default().add(b"short-name-mode = 'sometimes'\n", Path::new("f")).is_err());
    }

    #[test]
    fn later_files_say_more() {
        let mut merged =
            conf("unqualified-search-registries = ['q.io']\n[aliases]\na = 'q.io/a'\nb = 'q.io/b'\n");
        merged.add(b"[aliases]\na = 'r.io/a'\nb = ''\n", Path::new("g")).unwrap();
        assert_eq!(merged.aliases.get("a").map(String::as_str), Some("r.io/a"));
        assert!(!merged.aliases.contains_key("b"), "an empty alias takes the earlier one away");
        assert_eq!(merged.search, ["q.io"]);
        merged.add(b"unqualified-search-registries = []\n", Path::new("h")).unwrap();
        assert!(merged.search.is_empty());
    }
}
