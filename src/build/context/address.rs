//! Addresses of git repositories, as docker takes them for a context and for `ADD`.
//!
//! `https://HOST/PATH.git`, `ssh://`, `git://`, `USER@HOST:PATH` and `github.com/…`, with what is wanted of it behind
//! `#REF:DIRECTORY` or in a query. Source: BuildKit `util/gitutil`, `frontend/dockerfile/dfgitutil`.

use anyhow::{Result, bail, ensure};

/// Where a repository is and what is wanted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitAddress {
    /// As git takes it.
    pub remote: String,
    /// A branch, a tag or a commit; without it what the repository says is its head.
    pub reference: Option<String>,
    /// Beneath the tree's root.
    pub directory: Option<String>,
    /// The commit that it must be, or how that begins.
    pub commit: Option<String>,
    pub keep_git_dir: Option<bool>,
    /// Whether submodules are fetched too: unless it says no.
    pub submodules: Option<bool>,
}

impl GitAddress {
    /// Reads an address; `None` for what is none of a repository.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let (place, fragment) = match text.split_once('#') {
            Some((place, fragment)) => (place, Some(fragment)),
            None => (text, None),
        };
        let (place, query) = match place.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (place, None),
        };
        let Some(remote) = remote(place) else { return Ok(None) };
        let mut address = Self { remote, ..Self::default() };
        if let Some(fragment) = fragment {
            let (reference, directory) = fragment.split_once(':').unwrap_or((fragment, ""));
            address.reference = Some(reference).filter(|text| !text.is_empty()).map(str::to_owned);
            address.directory = Some(directory).filter(|text| !text.is_empty()).map(str::to_owned);
        }
        for (key, value) in query
            .iter()
            .flat_map(|query| query.split('&'))
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        {
            address.wish(key, value)?;
        }
        // What begins so would be read as an option.
        for word in [Some(&address.remote), address.reference.as_ref()].into_iter().flatten() {
            ensure!(!word.starts_with('-'), "invalid git address {text:?}");
        }
        if let Some(commit) = &address.commit {
            let is_commit =
                (7..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(is_commit, "invalid git commit {commit:?}");
        }
        Ok(Some(address))
    }

    /// Whether a source of an `ADD` is a repository's, by its looks: there `github.com/…` may be a path.
    pub fn is_repository(text: &str) -> bool {
        let place = text.split(['#', '?']).next().unwrap_or_default();
        !text.starts_with("github.com/") && remote(place).is_some()
    }

    /// Takes one wish of the query.
    fn wish(&mut self, key: &str, value: &str) -> Result<()> {
        let once = |place: &mut Option<String>, value: String| {
            ensure!(place.is_none(), "git address: {key} is given twice");
            *place = Some(value);
            Ok(())
        };
        let switch = || match value {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => bail!("git address: invalid value {value:?} of {key}"),
        };
        match key {
            "" => Ok(()),
            "ref" => once(&mut self.reference, value.to_owned()),
            "branch" => once(&mut self.reference, format!("refs/heads/{value}")),
            "tag" => once(&mut self.reference, format!("refs/tags/{value}")),
            "subdir" => once(&mut self.directory, value.to_owned()),
            "commit" | "checksum" => once(&mut self.commit, value.to_owned()),
            "keep-git-dir" => switch().map(|on| self.keep_git_dir = Some(on)),
            "submodules" => switch().map(|on| self.submodules = Some(on)),
            _ => bail!("unexpected query {key:?} of a git address"),
        }
    }
}

/// The address of a repository as git takes it; `None` for what is none.
fn remote(place: &str) -> Option<String> {
    if place.starts_with("github.com/") {
        return Some(format!("https://{place}"));
    }
    if let Some((scheme, rest)) = place.split_once("://") {
        let is_git = match scheme {
            // An address of the web is one of a repository by its end alone.
            "http" | "https" | "file" => rest.ends_with(".git"),
            "git" | "ssh" => true,
            _ => false,
        };
        return (is_git && !rest.is_empty()).then(|| place.to_owned());
    }
    // USER@HOST:PATH, as scp has it.
    let (user, rest) = place.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let is_word = |text: &str, extra: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    (is_word(user, "-_") && is_word(host, "-.") && !path.is_empty()).then(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, remote, reference, directory) in [
            ("https://github.com/a/b.git", "https://github.com/a/b.git", None, None),
            ("https://github.com/a/b.git#main", "https://github.com/a/b.git", Some("main"), None),
            ("https://h/b.git#v1:sub/dir", "https://h/b.git", Some("v1"), Some("sub/dir")),
            ("https://h/b.git#:sub", "https://h/b.git", None, Some("sub")),
            ("https://h/b.git?branch=x&subdir=d", "https://h/b.git", Some("refs/heads/x"), Some("d")),
            ("https://h/b.git?tag=v1", "https://h/b.git", Some("refs/tags/v1"), None),
            ("github.com/a/b", "https://github.com/a/b", None, None),
            ("github.com/a/b#x", "https://github.com/a/b", Some("x"), None),
            ("git://h/x", "git://h/x", None, None),
            ("ssh://git@h:22/x", "ssh://git@h:22/x", None, None),
            ("git@github.com:a/b.git#x:y", "git@github.com:a/b.git", Some("x"), Some("y")),
            ("file:///srv/x.git", "file:///srv/x.git", None, None),
        ] {
            let address = GitAddress::parse(text).unwrap().unwrap();
            assert_eq!(address.remote, remote, "{text}");
            assert_eq!(address.reference.as_deref(), reference, "{text}");
            assert_eq!(address.directory.as_deref(), directory, "{text}");
        }
        for (text, want) in [
            ("https://h/b.git?branch=x", true),
            ("user@h:b", true),
            ("file:///srv/x.git", true),
            ("github.com/a/b", false),
            ("https://h/b", false),
            ("dir/x.git", false),
        ] {
            assert_eq!(GitAddress::is_repository(text), want, "{text}");
        }
        for text in [
            "https://h/b.tar.gz",
            "http://h/b",
            "./a.git",
            "../a@b:c/..",
            "a b@c:d",
            "dir",
            "",
            "ftp://h/x.git",
            "x@y",
        ] {
            assert_eq!(GitAddress::parse(text).unwrap(), None, "{text}");
        }
        for text in [
            "https://h/b.git#--upload-pack=x",
            "https://h/b.git?evil=1",
            "https://h/b.git?ref=a&tag=b",
            "https://h/b.git?commit=xyz",
            "https://h/b.git?submodules=maybe",
        ] {
            assert!(GitAddress::parse(text).is_err(), "{text}");
        }
    }
}
