//! `registries.conf`: where the images of a name are really fetched from.
//!
//! Source: man containers-registries.conf(5), version 2. The user's file is read instead of the system's, and
//! `registries.conf.d/*.conf` beside it; else those of the system and of the user. Tables replace earlier ones of the same
//! prefix.
//! Mirrors and other locations are for pulling: a push goes where the name says.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Endpoint, is_absent};
use crate::base::file::read_bounded;
use crate::config::{document, env};

const MAX_FILE: u64 = 1 << 20;
/// The variable that names the file to read instead.
const NAMES: &str = "CONTAINERS_REGISTRIES_CONF";

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Document {
    registry: Vec<Table>,
    unqualified_search_registries: Option<Vec<String>>,
    short_name_mode: Option<Mode>,
    credential_helpers: Option<Vec<String>>,
    aliases: HashMap<String, String>,
    /// What version 1 of the format has instead.
    registries: Option<toml::Value>,
}

/// How a name that could mean several images is dealt with.
#[derive(Deserialize, Clone, Copy, PartialEq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    /// Podman asks its user where there is one; here, as there without, the registries are tried in their order.
    Permissive,
    Disabled,
    /// It is refused.
    Enforcing,
}

/// What all files together say.
#[derive(Default, Debug)]
pub(super) struct Conf {
    tables: Vec<Table>,
    /// The registries in which names without one are searched.
    pub search: Vec<String>,
    pub mode: Option<Mode>,
    /// Who keeps credentials, in the order in which they are asked.
    pub credential_helpers: Vec<String>,
    /// What names without a registry mean.
    pub aliases: HashMap<String, String>,
}

impl Conf {
    /// Adds what a file says, which counts more than what others have said before.
    pub fn add(&mut self, text: &[u8], file: &Path) -> Result<()> {
        let document = parse(text, file)?;
        for table in document.registry {
            self.tables.retain(|old| old.prefix != table.prefix);
            self.tables.push(table);
        }
        if let Some(search) = document.unqualified_search_registries {
            self.search = search;
        }
        self.mode = document.short_name_mode.or(self.mode);
        if let Some(helpers) = document.credential_helpers {
            self.credential_helpers = helpers;
        }
        self.aliases.extend(document.aliases);
        self.aliases.retain(|_, target| !target.is_empty());
        Ok(())
    }
}

/// One `[[registry]]`.
#[derive(Deserialize, Clone, Default, Debug)]
#[serde(rename_all = "kebab-case", default)]
struct Table {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<Mirror>,
    /// The file that says so.
    #[serde(skip)]
    file: PathBuf,
}

impl Table {
    /// Refuses what could never be obeyed.
    fn check(&self) -> Result<()> {
        let prefix = &self.prefix;
        if prefix.is_empty() {
            bail!("a [[registry]] has neither prefix nor location");
        }
        let locations = self.mirror.iter().map(|mirror| &mirror.location);
        if locations.chain([prefix, &self.location]).any(|place| place.contains("://")) {
            bail!("{prefix}: write the registry without a scheme");
        }
        let domain = prefix.strip_prefix("*.").unwrap_or(prefix);
        if domain.contains('*') || (domain.len() < prefix.len() && domain.contains(['/', ':'])) {
            bail!("{prefix}: a wildcard stands for domains beneath one: *.example.com");
        }
        let (repository, last) = prefix.rsplit_once('/').unwrap_or_default();
        if prefix.contains('@') || (!repository.is_empty() && last.contains(':')) {
            bail!("{prefix}: not supported: a prefix with a tag or a digest");
        }
        if self.mirror.iter().any(|mirror| mirror.location.trim_matches('/').is_empty()) {
            bail!("{prefix}: a mirror has no location");
        }
        if self.mirror_by_digest_only && self.mirror.iter().any(|it| it.pull_from_mirror != For::All) {
            bail!("{prefix}: pull-from-mirror and mirror-by-digest-only exclude each other");
        }
        Ok(())
    }
}

/// One `[[registry.mirror]]`.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "kebab-case")]
struct Mirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: For,
}

/// What a mirror is used for.
#[derive(Deserialize, Clone, Copy, Default, PartialEq, Debug)]
#[serde(rename_all = "kebab-case")]
enum For {
    #[default]
    #[serde(alias = "")]
    All,
    DigestOnly,
    TagOnly,
}

/// The places to pull an image from, the last of which is not a mirror. `domain` and `path` as in its name.
pub fn endpoints(domain: &str, path: &str, by_digest: bool) -> Result<Vec<Endpoint>> {
    let tables = read()?.tables;
    let name = format!("{domain}/{path}");
    let Some((table, matched)) = closest(&tables, &name) else {
        return Ok(vec![Endpoint::new(domain, path)]);
    };
    refuse_blocked(table, &name)?;
    let wanted = |mirror: &&Mirror| match mirror.pull_from_mirror {
        For::All => by_digest || !table.mirror_by_digest_only,
        For::DigestOnly => by_digest,
        For::TagOnly => !by_digest,
    };
    let place = |location: &str, insecure, is_mirror| {
        let moved = format!("{location}{}", &name[matched..]);
        let (domain, path) = moved.split_once('/').context("there is no repository in it")?;
        anyhow::Ok(Endpoint { domain: domain.to_owned(), path: path.to_owned(), insecure, is_mirror })
    };
    let mirrors = table.mirror.iter().filter(wanted);
    let mirrors = mirrors.map(|mirror| place(mirror.location.trim_end_matches('/'), mirror.insecure, true));
    let own = match table.location.trim_end_matches('/') {
        // A wildcard has no location of its own, and a table without one stays where it is.
        "" => Ok(Endpoint { insecure: table.insecure, ..Endpoint::new(domain, path) }),
        location => place(location, table.insecure, false),
    };
    let places: Result<Vec<Endpoint>> = mirrors.chain([own]).collect();
    places.with_context(|| format!("use a location of {}", table.file.display()))
}

/// The place to push an image to.
pub fn target(domain: &str, path: &str) -> Result<Endpoint> {
    let name = format!("{domain}/{path}");
    let tables = read()?.tables;
    let Some((table, _)) = closest(&tables, &name) else { return Ok(Endpoint::new(domain, path)) };
    refuse_blocked(table, &name)?;
    Ok(Endpoint { insecure: table.insecure, ..Endpoint::new(domain, path) })
}

fn refuse_blocked(table: &Table, name: &str) -> Result<()> {
    if table.blocked {
        bail!("registry {} is blocked in {}: {name}", table.prefix, table.file.display());
    }
    Ok(())
}

/// The table with the longest prefix of a name, and how much of the name that is.
fn closest<'t>(tables: &'t [Table], name: &str) -> Option<(&'t Table, usize)> {
    let fits = tables.iter().filter_map(|table| Some((table, matched(&table.prefix, name)?)));
    fits.max_by_key(|(table, _)| table.prefix.len())
}

/// How much of a name a prefix matches: whole parts of it, or with `*.` a domain beneath. A host without a port stands for
/// all of its ports, as for containers/image: who blocks a host has blocked those.
fn matched(prefix: &str, name: &str) -> Option<usize> {
    let host = name.split(['/', ':']).next().unwrap_or_default();
    if let Some(suffix) = prefix.strip_prefix('*') {
        let beneath = host.len() > suffix.len() && host.ends_with(suffix);
        return beneath.then_some(host.len());
    }
    let rest = name.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(['/', ':'])).then_some(prefix.len())
}

/// Who keeps credentials besides the files, or instead: [`super::CREDENTIAL_FILES`] stands for those.
pub fn credential_helpers() -> Result<Vec<String>> {
    let helpers = read()?.credential_helpers;
    Ok(if helpers.is_empty() { vec![super::CREDENTIAL_FILES.to_owned()] } else { helpers })
}

/// Reads everything that is set.
pub(super) fn read() -> Result<Conf> {
    // A file that the user names must be there: what it forbids would be allowed without it.
    if let Some(file) = named() {
        fs::metadata(&file).with_context(|| format!("read {}, which {NAMES} names", file.display()))?;
    }
    read_files(&files())
}

fn named() -> Option<PathBuf> {
    env::value(NAMES).map(PathBuf::from)
}

/// Reads these files, the later of which count more; one that is absent says nothing.
pub(super) fn read_files(files: &[PathBuf]) -> Result<Conf> {
    let mut conf = Conf::default();
    for file in files {
        let text = match read_bounded(file, MAX_FILE) {
            Ok(text) => text,
            Err(error) if error.root_cause().downcast_ref().is_some_and(is_absent) => continue,
            Err(error) => return Err(error),
        };
        conf.add(&text, file).with_context(|| format!("read {}", file.display()))?;
    }
    Ok(conf)
}

fn parse(text: &[u8], file: &Path) -> Result<Document> {
    let mut document: Document = document::parse(text)?;
    if document.registries.is_some() {
        bail!(
            "[registries] is of version 1 of the format, which is not supported: write [[registry]] and \
             unqualified-search-registries"
        );
    }
    for table in &mut document.registry {
        if table.prefix.is_empty() {
            table.prefix.clone_from(&table.location);
        }
        table.prefix = table.prefix.trim_end_matches('/').to_owned();
        table.file = file.to_owned();
        table.check()?;
    }
    check_repeated(&document.registry)?;
    Ok(document)
}

/// Which of two contrary settings of one registry was meant, nobody knows; in the words of containers/image.
fn check_repeated(tables: &[Table]) -> Result<()> {
    for (at, table) in tables.iter().enumerate().filter(|(_, table)| !table.location.is_empty()) {
        let Some(other) = tables[..at].iter().find(|other| other.location == table.location) else {
            continue;
        };
        let settings =
            [("insecure", table.insecure != other.insecure), ("blocked", table.blocked != other.blocked)];
        if let Some((setting, _)) = settings.iter().find(|(_, differs)| *differs) {
            let location = &table.location;
            bail!("registry '{location}' is defined multiple times with conflicting '{setting}' setting");
        }
    }
    Ok(())
}

fn files() -> Vec<PathBuf> {
    let own = env::directory("XDG_CONFIG_HOME").or_else(|| Some(env::directory("HOME")?.join(".config")));
    let own = own.map(|config| config.join("containers"));
    files_of(named(), own, PathBuf::from("/etc/containers"))
}

/// Who has a file of their own does without the system's, also without what lies beside it: man
/// containers-registries.conf.d(5).
fn files_of(named: Option<PathBuf>, own: Option<PathBuf>, system: PathBuf) -> Vec<PathBuf> {
    let mine = own.as_ref().map(|own| own.join("registries.conf")).filter(|file| file.exists());
    let beside = Some(system.clone()).filter(|_| named.is_some() || mine.is_none());
    let mut files = vec![named.or(mine).unwrap_or_else(|| system.join("registries.conf"))];
    for directory in [beside, own].into_iter().flatten() {
        let entries = fs::read_dir(directory.join("registries.conf.d")).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
        paths.sort();
        files.extend(paths);
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (prefix, name, length) in [
            ("quay.io", "quay.io/team/app", Some(7)),
            ("quay.io/team", "quay.io/team/app", Some(12)),
            ("quay.io/team/app", "quay.io/team/app", Some(16)),
            ("quay.io/te", "quay.io/team/app", None),
            ("quay.io", "quay.io.example/a", None),
            ("*.example", "a.b.example/x", Some(11)),
            ("*.example", "example/x", None),
            ("*.example", "a.example:5000/x", Some(9)),
            ("*.example", "x.io/a.example/y", None),
            ("quay.io", "quay.io:5000/x", Some(7)),
            ("quay.io:5000", "quay.io:5000/x", Some(12)),
            ("quay.io:5000", "quay.io:50000/x", None),
        ] {
            assert_eq!(matched(prefix, name), length, "{prefix} {name}");
        }
    }

    #[test]
    fn which_files_count() {
        let directory = tempfile::tempdir().unwrap();
        let (own, system) = (directory.path().join("own"), directory.path().join("system"));
        for path in ["own", "system"].map(|place| directory.path().join(place).join("registries.conf.d")) {
            fs::create_dir_all(&path).unwrap();
            for name in ["20.conf", "10.conf", "README"] {
                fs::write(path.join(name), "").unwrap();
            }
        }
        let found = |named: Option<&str>| -> Vec<String> {
            let files = files_of(named.map(PathBuf::from), Some(own.clone()), system.clone());
            let beneath = |path: &PathBuf| path.strip_prefix(directory.path()).unwrap_or(path).to_owned();
            files.iter().map(|path| beneath(path).display().to_string().replace("registries", "r")).collect()
        };
        let (theirs, mine) = (
            ["system/r.conf.d/10.conf", "system/r.conf.d/20.conf"],
            ["own/r.conf.d/10.conf", "own/r.conf.d/20.conf"],
        );
        assert_eq!(found(None), [&["system/r.conf"][..], &theirs, &mine].concat());
        assert_eq!(found(Some("/named")), [&["/named"][..], &theirs, &mine].concat());
        fs::write(own.join("registries.conf"), "").unwrap();
        assert_eq!(found(None), [&["own/r.conf"][..], &mine].concat());
    }

    #[test]
    fn the_longest_prefix_wins() {
        let text = "[[registry]]\nlocation = 'h'\n[[registry]]\nprefix = 'h/a/'\nblocked = true\n";
        let tables = parse(text.as_bytes(), Path::new("f")).unwrap().registry;
        assert_eq!(closest(&tables, "h/b").unwrap().0.prefix, "h");
        assert_eq!(closest(&tables, "h/a/b").unwrap().0.prefix, "h/a");
        assert!(closest(&tables, "g/a").is_none());
        assert_eq!(
            refuse_blocked(&tables[1], "h/a/b").unwrap_err().to_string(),
            "registry h/a is blocked in f: h/a/b"
        );
    }

    #[test]
    fn what_is_wrong_with_a_file() {
        for (text, words) in [
            ("[[registry]]\n", "neither prefix nor location"),
            ("[[registry]]\nlocation = 'https://h'\n", "without a scheme"),
            ("[[registry]]\nlocation = 'h'\nblocked = 'yes'\n", "boolean"),
            (
                "[[registry]]\nlocation='h'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='m'\n\
                 pull-from-mirror='tag-only'\n",
                "exclude each other",
            ),
            (
                "[[registry]]\nlocation='h'\n[[registry]]\nlocation='h'\nblocked=true\n",
                "registry 'h' is defined multiple times with conflicting 'blocked' setting",
            ),
            ("[[registry]]\nprefix = 'h/a:1'\nblocked = true\n", "with a tag or a digest"),
            ("[[registry]]\nprefix = 'h/a@sha256:0'\nblocked = true\n", "with a tag or a digest"),
            ("[[registry]]\nprefix = '*.h/a'\nblocked = true\n", "a wildcard stands for"),
            ("[[registry]]\nprefix = '*.h:5000'\nblocked = true\n", "a wildcard stands for"),
            ("[[registry]]\nprefix = 'a.*.h'\nblocked = true\n", "a wildcard stands for"),
            (
                "[[registry]]\nlocation = 'h'\n[[registry.mirror]]\nlocation = ''\n",
                "a mirror has no location",
            ),
            (
                "[[registry]]\nlocation = 'h'\n[[registry.mirror]]\nlocation = 'http://m'\n",
                "without a scheme",
            ),
            ("nonsense", "line 1: key with no value"),
            ("[registries.search]\nregistries = ['a']\n", "version 1 of the format"),
        ] {
            let error = parse(text.as_bytes(), Path::new("f")).err().unwrap().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
