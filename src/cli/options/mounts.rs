//! `-v`, `--mount` and `--tmpfs`, in docker's syntaxes, as mounts of the store's record.

use std::path::{Path, PathBuf};

use crate::base::id;
use crate::base::size;
use crate::store::options::{MountKind, MountOption};

/// Ways in which mounts on one side reach the other (mount_namespaces(7)).
const PROPAGATIONS: &[&str] = &["shared", "rshared", "slave", "rslave", "private", "rprivate"];

/// Makes an absolute path of a path in the container, without `.`, `..` and double slashes: Go's
/// `filepath.Clean`. `None` if it is not absolute.
pub fn clean(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

/// Reads `-v [SOURCE:]TARGET[:MODE]`. `base` is what a source that begins with `.` is relative to.
pub fn volume(text: &str, base: &Path) -> Result<MountOption, String> {
    let invalid = || format!("invalid volume specification: '{text}'");
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] => ("", target, ""),
        // A mode belongs to a source: /foo:rw is neither.
        [_, second] if is_mode(second) => return Err(invalid()),
        [source, target] => (source, target, ""),
        [source, target, mode] => (source, target, mode),
        _ => return Err(invalid()),
    };
    if target.is_empty() || (source.is_empty() && parts.len() > 1) {
        return Err(invalid());
    }
    let target = target_path(target).map_err(|error| format!("{}: {error}", invalid()))?;
    let Mode { read_only, propagation, nocopy, recursive } = Mode::parse(mode)?;
    let kind = match host_path(source, base) {
        Some(_) if nocopy => return Err(format!("{}: nocopy is for volumes", invalid())),
        Some(source) => MountKind::Bind { source, create: true, propagation, recursive },
        None if propagation.is_some() => {
            return Err(format!("{}: propagation is for bind mounts", invalid()));
        }
        None => volume_kind(source, nocopy, None)?,
    };
    Ok(MountOption { kind, target, read_only, mode: mode.to_owned() })
}

/// A source that is a path of the host, made absolute; the rest are names of volumes.
fn host_path(source: &str, base: &Path) -> Option<PathBuf> {
    match source.chars().next()? {
        '/' => Some(PathBuf::from(source)),
        '.' => Some(base.join(source.strip_prefix("./").unwrap_or(source))),
        _ => None,
    }
}

/// A volume by name; without one, an anonymous one.
fn volume_kind(name: &str, nocopy: bool, subpath: Option<String>) -> Result<MountKind, String> {
    if name.is_empty() {
        return Ok(MountKind::Volume { name: id::random_hex(64), anonymous: true, nocopy, subpath });
    }
    if !id::is_valid_name(name) {
        return Err(format!(
            "create {name}: \"{name}\" includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        ));
    }
    Ok(MountKind::Volume { name: name.to_owned(), anonymous: false, nocopy, subpath })
}

fn target_path(target: &str) -> Result<String, String> {
    match clean(target) {
        Some(path) if path == "/" => Err("invalid specification: destination can't be '/'".to_owned()),
        Some(path) => Ok(path),
        None => Err(format!("invalid mount path: '{target}' mount path must be absolute")),
    }
}

/// What `-v` has behind its second colon.
#[derive(Default)]
struct Mode {
    read_only: bool,
    propagation: Option<String>,
    nocopy: bool,
    recursive: bool,
}

impl Mode {
    fn parse(text: &str) -> Result<Self, String> {
        let mut mode = Self { recursive: true, ..Self::default() };
        for word in text.split(',').filter(|word| !word.is_empty()) {
            match word {
                "rw" => mode.read_only = false,
                "ro" => mode.read_only = true,
                "nocopy" => mode.nocopy = true,
                "rbind" => mode.recursive = true,
                "bind" => mode.recursive = false,
                // Hints for virtual machines, which mean nothing on Linux.
                "consistent" | "cached" | "delegated" => {}
                "z" | "Z" => refuse_relabelling(word)?,
                "U" | "O" | "copy" | "idmap" | "exec" | "noexec" | "suid" | "nosuid" | "dev" | "nodev" => {
                    return Err(format!("the volume mode {word} is not supported yet"));
                }
                _ if PROPAGATIONS.contains(&word) => mode.propagation = Some(word.to_owned()),
                _ => return Err(format!("invalid mode: {text}")),
            }
        }
        Ok(mode)
    }
}

fn is_mode(text: &str) -> bool {
    !text.is_empty() && !text.contains('/') && Mode::parse(text).is_ok()
}

/// `z` and `Z` ask for labels of SELinux: without it there is nothing to do.
fn refuse_relabelling(mode: &str) -> Result<(), String> {
    match Path::new("/sys/fs/selinux/enforce").exists() {
        true => Err(format!("the volume mode {mode} (SELinux labels) is not supported yet")),
        false => Ok(()),
    }
}

/// Reads `--mount type=…,source=…,target=…`: one record of CSV with `key=value` fields.
pub fn mount(text: &str) -> Result<MountOption, String> {
    let mut fields = Fields::default();
    for field in csv_fields(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        fields.set(&key, value, &field)?;
    }
    fields.into_mount()
}

/// The fields of `--mount`, before they are held against its type.
#[derive(Default)]
struct Fields {
    kind: Option<String>,
    source: String,
    target: String,
    read_only: bool,
    propagation: Option<String>,
    nonrecursive: bool,
    nocopy: bool,
    subpath: Option<String>,
    size: Option<u64>,
    mode: Option<u32>,
    /// The first key that belongs to one type alone.
    typed: Vec<String>,
}

impl Fields {
    fn set(&mut self, key: &str, value: Option<&str>, field: &str) -> Result<(), String> {
        let Some(text) = value else {
            // Switches may stand alone.
            return match key {
                "readonly" | "ro" => self.set(key, Some("true"), field),
                "volume-nocopy" | "bind-nonrecursive" => self.set(key, Some("true"), field),
                _ => Err(format!("invalid field '{field}' must be a key=value pair")),
            };
        };
        if let Some(kind) =
            ["bind", "volume", "tmpfs", "image"].into_iter().find(|kind| key.starts_with(&format!("{kind}-")))
        {
            self.typed.push(kind.to_owned());
        }
        match key {
            "type" => self.kind = Some(text.to_lowercase()),
            "source" | "src" => self.source = text.to_owned(),
            "target" | "dst" | "destination" => self.target = text.to_owned(),
            "readonly" | "ro" => self.read_only = switch(key, text)?,
            "consistency" => {}
            "bind-propagation" => self.propagation = Some(propagation(text)?),
            "bind-nonrecursive" => self.nonrecursive = switch(key, text)?,
            "bind-recursive" => self.nonrecursive = nonrecursive(text)?,
            "volume-nocopy" => self.nocopy = switch(key, text)?,
            "volume-subpath" => self.subpath = Some(text.to_owned()),
            "tmpfs-size" => {
                let size =
                    size::parse_binary(text).map_err(|_| format!("invalid value for {key}: {text}"))?;
                self.size = Some(size);
            }
            "tmpfs-mode" => {
                let mode =
                    u32::from_str_radix(text, 8).map_err(|_| format!("invalid value for {key}: {text}"))?;
                self.mode = Some(mode);
            }
            "volume-driver" | "volume-opt" | "volume-label" | "image-subpath" => {
                return Err(format!("{key} is not supported yet"));
            }
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
        Ok(())
    }

    fn into_mount(self) -> Result<MountOption, String> {
        let kind = self.kind.as_deref().unwrap_or("volume");
        if self.target.is_empty() {
            return Err("target is required".to_owned());
        }
        if let Some(other) = self.typed.iter().find(|typed| *typed != kind) {
            return Err(format!("cannot mix '{other}-*' options with mount type '{kind}'"));
        }
        let target = target_path(&self.target)?;
        let read_only = self.read_only;
        let kind = match kind {
            "bind" => self.bind()?,
            "volume" => volume_kind(&self.source, self.nocopy, self.subpath)?,
            "tmpfs" => self.tmpfs()?,
            "image" | "npipe" | "cluster" | "devpts" | "glob" | "ramfs" => {
                return Err(format!("mount type {kind} is not supported yet"));
            }
            _ => return Err(format!("mount type unknown: \"{kind}\"")),
        };
        Ok(MountOption { kind, target, read_only, mode: String::new() })
    }

    fn bind(self) -> Result<MountKind, String> {
        if self.source.is_empty() {
            return Err("invalid mount config for type \"bind\": field Source must not be empty".to_owned());
        }
        let absolute =
            std::path::absolute(&self.source).map_err(|error| format!("{}: {error}", self.source))?;
        let recursive = !self.nonrecursive;
        Ok(MountKind::Bind { source: absolute, create: false, propagation: self.propagation, recursive })
    }

    fn tmpfs(self) -> Result<MountKind, String> {
        if !self.source.is_empty() {
            return Err(
                "invalid mount config for type \"tmpfs\": field Source must not be specified".to_owned()
            );
        }
        let size = self.size.map(|size| format!("size={size}"));
        let mode = self.mode.map(|mode| format!("mode={mode:o}"));
        Ok(MountKind::Tmpfs { options: size.into_iter().chain(mode).collect() })
    }
}

fn switch(key: &str, text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("invalid value for {key}: {text}")),
    }
}

fn propagation(text: &str) -> Result<String, String> {
    match PROPAGATIONS.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("invalid value for bind-propagation: {text}")),
    }
}

fn nonrecursive(text: &str) -> Result<bool, String> {
    match text {
        "enabled" => Ok(false),
        "disabled" => Ok(true),
        "writable" | "readonly" => Err(format!("bind-recursive={text} is not supported yet")),
        _ => Err(format!(
            "invalid value for bind-recursive: {text} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
        )),
    }
}

/// The fields of one record of CSV (RFC 4180): a field in double quotes may hold commas, and `""` is a quote.
fn csv_fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted).ok_or("extraneous or missing \" in quoted-field")?,
            None => match rest.split_once(',') {
                Some((field, tail)) => (field.to_owned(), Some(tail)),
                None => (rest.to_owned(), None),
            },
        };
        fields.push(field);
        match tail {
            Some(tail) => rest = tail,
            None => return Ok(fields),
        }
    }
}

/// What follows an opening quote: the field, and what follows the comma behind the closing one.
fn quoted_field(text: &str) -> Option<(String, Option<&str>)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.chars().next() {
            None => return Some((field, None)),
            Some(',') => return Some((field, Some(&after[1..]))),
            Some('"') => field.push('"'),
            Some(_) => return None,
        }
        rest = &after[1..];
    }
}

/// Words of tmpfs(5) and mount(8) that stand alone.
const TMPFS_WORDS: &[&str] = &[
    "rw",
    "ro",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "sync",
    "async",
    "dirsync",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
];
/// Options of tmpfs(5) with a value.
const TMPFS_VALUES: &[&str] = &["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"];

/// Reads `--tmpfs TARGET[:OPTION,…]`.
pub fn tmpfs(text: &str) -> Result<MountOption, String> {
    let (target, words) = text.split_once(':').unwrap_or((text, ""));
    let target = target_path(target)?;
    let words: Vec<String> = words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    for word in &words {
        let known = match word.split_once('=') {
            Some((key, _)) => TMPFS_VALUES.contains(&key),
            None => TMPFS_WORDS.contains(&word.as_str()),
        };
        if !known {
            return Err(format!("Invalid tmpfs option [\"{word}\"]"));
        }
    }
    let read_only = words.iter().any(|word| word == "ro");
    Ok(MountOption { kind: MountKind::Tmpfs { options: words }, target, read_only, mode: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &str, create: bool) -> MountKind {
        MountKind::Bind { source: source.into(), create, propagation: None, recursive: true }
    }

    fn option(kind: MountKind, target: &str, mode: &str, read_only: bool) -> MountOption {
        MountOption { kind, target: target.to_owned(), read_only, mode: mode.to_owned() }
    }

    #[test]
    fn volumes() {
        let named =
            MountKind::Volume { name: "data".to_owned(), anonymous: false, nocopy: false, subpath: None };
        for (text, want) in [
            ("/a:/b", option(bind("/a", true), "/b", "", false)),
            ("/a:/b/../c/./d//e:ro", option(bind("/a", true), "/c/d/e", "ro", true)),
            ("./a:/b", option(bind("/base/a", true), "/b", "", false)),
            (".:/b:rw", option(bind("/base/.", true), "/b", "rw", false)),
            ("data:/b", option(named, "/b", "", false)),
        ] {
            assert_eq!(volume(text, Path::new("/base")).unwrap(), want, "{text}");
        }
        let anonymous = volume("/data", Path::new("/")).unwrap();
        assert!(
            matches!(anonymous.kind, MountKind::Volume { ref name, anonymous: true, .. } if name.len() == 64)
        );
        let slave = volume("/a:/b:rslave,bind", Path::new("/")).unwrap().kind;
        assert!(
            matches!(slave, MountKind::Bind { propagation: Some(p), recursive: false, .. } if p == "rslave")
        );
        let nocopy = volume("data:/b:nocopy", Path::new("/")).unwrap().kind;
        assert!(matches!(nocopy, MountKind::Volume { nocopy: true, .. }));
    }

    #[test]
    fn volumes_that_are_refused() {
        for (text, want) in [
            ("a:b:c:d", "invalid volume specification: 'a:b:c:d'"),
            (":", "invalid volume specification: ':'"),
            (":/a", "invalid volume specification: ':/a'"),
            ("/foo:rw", "invalid volume specification: '/foo:rw'"),
            ("/a:/b:zz", "invalid mode: zz"),
            (
                "/a:b",
                "invalid volume specification: '/a:b': invalid mount path: 'b' mount path must be absolute",
            ),
            ("/a:/", "invalid volume specification: '/a:/': invalid specification: destination can't be '/'"),
            (
                "/a:/x/..",
                "invalid volume specification: '/a:/x/..': invalid specification: destination can't be '/'",
            ),
            ("/a:/b:U", "the volume mode U is not supported yet"),
        ] {
            assert_eq!(volume(text, Path::new("/")).unwrap_err(), want, "{text}");
        }
        assert!(volume("foo/bar:/b", Path::new("/")).unwrap_err().contains("use absolute path"));
    }

    #[test]
    fn mounts() {
        let tmpfs = |options: &[&str]| MountKind::Tmpfs {
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        };
        for (text, want) in [
            ("type=bind,src=/x,dst=/y", option(bind("/x", false), "/y", "", false)),
            ("type=bind,source=/x,target=/y,readonly", option(bind("/x", false), "/y", "", true)),
            ("TYPE=bind,Source=/x,destination=/y,ro=false", option(bind("/x", false), "/y", "", false)),
            ("type=bind,\"src=/a,\"\"b\",dst=/y", option(bind("/a,\"b", false), "/y", "", false)),
            ("type=tmpfs,target=/t", option(tmpfs(&[]), "/t", "", false)),
            (
                "type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770",
                option(tmpfs(&["size=67108864", "mode=1770"]), "/t", "", false),
            ),
        ] {
            assert_eq!(mount(text).unwrap(), want, "{text}");
        }
        let volume = mount("src=data,dst=/d,volume-nocopy,volume-subpath=a").unwrap().kind;
        let (name, subpath) = ("data".to_owned(), Some("a".to_owned()));
        assert_eq!(volume, MountKind::Volume { name, anonymous: false, nocopy: true, subpath });
        let nonrecursive = mount("type=bind,src=/x,dst=/y,bind-recursive=disabled").unwrap().kind;
        assert!(matches!(nonrecursive, MountKind::Bind { recursive: false, .. }));
    }

    #[test]
    fn mounts_that_are_refused() {
        for (text, want) in [
            ("foo", "invalid field 'foo' must be a key=value pair"),
            ("type=bind,foo=bar,target=/x", "unexpected key 'foo' in 'foo=bar'"),
            ("type=bind,source=/x", "target is required"),
            ("type=volume,target=/x,readonly=maybe", "invalid value for readonly: maybe"),
            ("type=bind,src=/x,dst=/y,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
            ("type=tmpfs,dst=/y,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
            ("type=foo,target=/x", "mount type unknown: \"foo\""),
            ("type=volume,\"target=/x", "extraneous or missing \" in quoted-field"),
            ("type=bind,dst=/x", "invalid mount config for type \"bind\": field Source must not be empty"),
            (
                "type=tmpfs,src=/a,dst=/x",
                "invalid mount config for type \"tmpfs\": field Source must not be specified",
            ),
            ("type=tmpfs,dst=x", "invalid mount path: 'x' mount path must be absolute"),
            ("type=image,src=a,dst=/x", "mount type image is not supported yet"),
            ("dst=/x,volume-driver=nfs", "volume-driver is not supported yet"),
        ] {
            assert_eq!(mount(text).unwrap_err(), want, "{text}");
        }
    }

    #[test]
    fn tmpfs_options() {
        let mounted = tmpfs("/run:size=1m,ro").unwrap();
        assert_eq!(mounted.kind, MountKind::Tmpfs { options: vec!["size=1m".to_owned(), "ro".to_owned()] });
        assert!(mounted.read_only);
        assert_eq!(tmpfs("/x:foo").unwrap_err(), "Invalid tmpfs option [\"foo\"]");
        assert_eq!(tmpfs("run").unwrap_err(), "invalid mount path: 'run' mount path must be absolute");
    }
}
