//! `--mount`, in docker's and podman's syntax: one record of CSV with `key=value` fields.

use std::collections::BTreeMap;

use super::csv;
use super::mounts::{ATTRIBUTES, PROPAGATIONS, refuse_idmap, refuse_relabelling, target_path, volume_kind};
use crate::base::boolean;
use crate::base::pattern::glob;
use crate::base::size;
use crate::engine::volumes;
use crate::store::backing::Backing;
use crate::store::mounts::{Given, MountFlags, MountKind, MountOption};

/// What one `--mount` comes to: a mount, or as many as a pattern matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Mounts(pub Vec<MountOption>);

/// Reads `--mount type=…,source=…,target=…`.
pub fn mounts(text: &str) -> Result<Mounts, String> {
    let fields = fields(text)?;
    if fields.kind.as_deref() == Some("glob") {
        fields.into_mounts()
    } else {
        Ok(Mounts(vec![fields.into_mount()?]))
    }
}

fn fields(text: &str) -> Result<Fields, String> {
    let mut fields = Fields::default();
    for field in csv::fields(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        fields.set(&key, value, &field)?;
    }
    Ok(fields)
}

/// Keys that may stand alone.
const SWITCHES: &[&str] = &[
    "readonly",
    "ro",
    "rw",
    "readwrite",
    "volume-nocopy",
    "bind-nonrecursive",
    "bind-create-src",
    "u",
    "chown",
    "tmpcopyup",
    "notmpcopyup",
    "idmap",
];

/// The fields of `--mount`, before they are held against its type.
#[derive(Clone, Default)]
struct Fields {
    kind: Option<String>,
    source: String,
    target: String,
    read_only: Option<bool>,
    propagation: Option<String>,
    nonrecursive: bool,
    recursion: Option<String>,
    create_source: bool,
    nocopy: bool,
    subpath: Option<String>,
    driver: String,
    labels: BTreeMap<String, String>,
    options: BTreeMap<String, String>,
    copy_up: bool,
    /// Options of a filesystem: `size=1`, `mode=755`, `uid=7`.
    filesystem: Vec<String>,
    flags: MountFlags,
    /// The types that keys with a prefix belong to.
    typed: Vec<&'static str>,
}

impl Fields {
    fn set(&mut self, key: &str, value: Option<&str>, field: &str) -> Result<(), String> {
        let bare = SWITCHES.contains(&key) || ATTRIBUTES.contains(&key);
        let text = match value {
            Some(text) => text,
            None if bare => "true",
            None => return Err(format!("invalid field '{field}' must be a key=value pair")),
        };
        for kind in ["bind", "volume", "tmpfs", "image"] {
            if key.strip_prefix(kind).is_some_and(|rest| rest.starts_with('-')) {
                self.typed.push(kind);
            }
        }
        match key {
            "type" => self.kind = Some(text.to_lowercase()),
            "source" | "src" => self.source = text.to_owned(),
            "target" | "dst" | "destination" => self.target = text.to_owned(),
            "readonly" | "ro" => self.read_only = Some(switch(key, text)?),
            "rw" | "readwrite" => self.read_only = Some(!switch(key, text)?),
            "consistency" => check_consistency(text)?,
            "relabel" => check_relabelling(text)?,
            "idmap" => return Err(refuse_idmap("idmap")),
            "u" | "chown" => self.flags.chown = switch(key, text)?,
            "tmpcopyup" => self.copy_up = switch(key, text)?,
            "notmpcopyup" => self.copy_up = !switch(key, text)?,
            _ if ATTRIBUTES.contains(&key) => {
                if switch(key, text)? {
                    self.flags.attributes.push(key.to_owned());
                }
            }
            _ => self.set_typed(key, text, field)?,
        }
        Ok(())
    }

    /// What belongs to one type, or to some.
    fn set_typed(&mut self, key: &str, text: &str, field: &str) -> Result<(), String> {
        let pair = || {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            (key.to_owned(), value.to_owned())
        };
        match key {
            "bind-propagation" => self.propagation = Some(propagation(text)?),
            "bind-nonrecursive" => self.nonrecursive = switch(key, text)?,
            "bind-recursive" => self.recursion = Some(recursion(text)?),
            "bind-create-src" => self.create_source = switch(key, text)?,
            "volume-nocopy" => self.nocopy = switch(key, text)?,
            "volume-subpath" | "image-subpath" | "subpath" => self.subpath = Some(text.to_owned()),
            "volume-driver" => self.driver = text.to_owned(),
            "volume-label" => self.labels.extend([pair()]),
            "volume-opt" => self.options.extend([pair()]),
            "tmpfs-size" | "size" => {
                let size =
                    size::parse_binary(text).map_err(|_| format!("invalid value for {key}: {text}"))?;
                self.filesystem.push(format!("size={size}"));
            }
            "tmpfs-mode" | "mode" => {
                let mode =
                    u32::from_str_radix(text, 8).map_err(|_| format!("invalid value for {key}: {text}"))?;
                self.filesystem.push(format!("mode={mode:o}"));
            }
            "uid" | "gid" | "max" => {
                let number: u32 = text.parse().map_err(|_| format!("invalid value for {key}: {text}"))?;
                self.filesystem.push(format!("{key}={number}"));
            }
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
        Ok(())
    }

    /// Podman's `type=glob`: every file of the host that matches, at its own path or by its name in the target.
    fn into_mounts(self) -> Result<Mounts, String> {
        let Some((directory, pattern)) =
            self.source.rsplit_once('/').filter(|_| self.source.starts_with('/'))
        else {
            return Err(format!("invalid glob path \"{}\": must be absolute", self.source));
        };
        if directory.contains(['*', '?']) || self.source.contains(['[', '\\']) {
            let source = &self.source;
            return Err(format!("the pattern {source} is not supported yet: only * and ? in a file's name"));
        }
        let listed = std::fs::read_dir(format!("{directory}/"));
        let entries = listed.map_err(|error| format!("list {directory}/: {error}"))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let hides = |name: &String| name.starts_with('.') && !pattern.starts_with('.');
        let mut names: Vec<_> = names.filter(|name| glob(pattern, name) && !hides(name)).collect();
        if names.is_empty() {
            return Err(format!("no file paths matching glob \"{}\"", self.source));
        }
        names.sort();
        let target = if self.target.is_empty() { directory } else { self.target.trim_end_matches('/') };
        let mount = |name: String| {
            let (source, target) = (format!("{directory}/{name}"), format!("{target}/{name}"));
            Self { kind: Some("bind".to_owned()), source, target, ..self.clone() }.into_mount()
        };
        names.into_iter().map(mount).collect::<Result<_, _>>().map(Mounts)
    }

    fn into_mount(self) -> Result<MountOption, String> {
        let kind = self.kind.clone().unwrap_or_else(|| "volume".to_owned());
        if self.target.is_empty() {
            return Err("target is required".to_owned());
        }
        if let Some(other) = self.typed.iter().find(|typed| **typed != kind) {
            return Err(format!("cannot mix '{other}-*' options with mount type '{kind}'"));
        }
        let target = target_path(&self.target)?;
        let (flags, read_only) = (self.flags.clone(), self.read_only);
        let mut mount = match kind.as_str() {
            "bind" => self.bind(target)?,
            "volume" => self.volume(target)?,
            "tmpfs" => self.tmpfs(target)?,
            "image" => self.image(target)?,
            "devpts" | "ramfs" => self.filesystem(&kind, target)?,
            "npipe" | "cluster" | "artifact" => {
                return Err(format!("mount type {kind} is not supported yet"));
            }
            _ => return Err(format!("mount type unknown: \"{kind}\"")),
        };
        let writable_beneath = mount.flags.writable_beneath;
        mount.flags = MountFlags { given: Given::Mount, writable_beneath, ..flags };
        // An image is not written to unless that is asked for.
        mount.read_only = read_only.unwrap_or(kind == "image");
        Ok(mount)
    }

    /// Docker's two ways to say how far a bind mount reaches, held against each other.
    fn bind(self, target: String) -> Result<MountOption, String> {
        self.refuse(&["*", "subpath", "tmpcopyup"], "bind")?;
        if self.source.is_empty() {
            return Err("invalid mount config for type \"bind\": field Source must not be empty".to_owned());
        }
        let recursion = self.recursion.as_deref().unwrap_or("enabled");
        let needs = |what: &str| {
            format!("option 'bind-recursive={recursion}' requires '{what}' to be specified in conjunction")
        };
        if matches!(recursion, "writable" | "readonly") && self.read_only != Some(true) {
            return Err(needs("readonly"));
        }
        if recursion == "readonly" && self.propagation.as_deref() != Some("rprivate") {
            return Err(needs("bind-propagation=rprivate"));
        }
        let source =
            std::path::absolute(&self.source).map_err(|error| format!("{}: {error}", self.source))?;
        let recursive = !self.nonrecursive && recursion != "disabled";
        let kind =
            MountKind::Bind { source, create: self.create_source, propagation: self.propagation, recursive };
        let mut mount = MountOption::new(kind, target);
        mount.flags.writable_beneath = recursion == "writable";
        Ok(mount)
    }

    fn volume(self, target: String) -> Result<MountOption, String> {
        self.refuse(&["*", "tmpcopyup"], "volume")?;
        let MountKind::Volume { name, anonymous, .. } = volume_kind(&self.source)? else {
            return Err("invalid volume".to_owned());
        };
        volumes::check_driver(&self.driver, &name).map_err(|error| error.to_string())?;
        Backing::parse(&self.options).map_err(|error| format!("create {name}: {error}"))?;
        let Self { nocopy, subpath, labels, options, .. } = self;
        Ok(MountOption::new(MountKind::Volume { name, anonymous, nocopy, subpath, labels, options }, target))
    }

    fn tmpfs(self, target: String) -> Result<MountOption, String> {
        self.refuse(&["source", "subpath", "max"], "tmpfs")?;
        Ok(MountOption::new(MountKind::Tmpfs { options: self.filesystem, copy_up: self.copy_up }, target))
    }

    fn image(self, target: String) -> Result<MountOption, String> {
        self.refuse(&["*", "tmpcopyup"], "image")?;
        if self.source.is_empty() {
            return Err("invalid mount config for type \"image\": field Source must not be empty".to_owned());
        }
        let writable = self.read_only == Some(false);
        let kind =
            MountKind::Image { image: self.source, layers: Vec::new(), subpath: self.subpath, writable };
        Ok(MountOption::new(kind, target))
    }

    fn filesystem(self, name: &str, target: String) -> Result<MountOption, String> {
        let unfit: &[&str] = if name == "ramfs" {
            &["source", "subpath", "tmpcopyup", "size", "max", "uid"]
        } else {
            &["source", "subpath", "tmpcopyup", "size"]
        };
        self.refuse(unfit, name)?;
        let mut options = self.filesystem;
        if name == "devpts" {
            options.extend(["newinstance".to_owned(), "ptmxmode=0666".to_owned()]);
        }
        Ok(MountOption::new(MountKind::Filesystem { name: name.to_owned(), options }, target))
    }

    /// Refuses what was said and means nothing for this type: a field, or an option of a filesystem; `*` is any.
    fn refuse(&self, unfit: &[&str], kind: &str) -> Result<(), String> {
        if unfit.contains(&"source") && !self.source.is_empty() {
            return Err(format!(
                "invalid mount config for type \"{kind}\": field Source must not be specified"
            ));
        }
        let mut said: Vec<&str> = Vec::new();
        said.extend(self.subpath.is_some().then_some("subpath"));
        said.extend(self.copy_up.then_some("tmpcopyup"));
        let options = self.filesystem.iter().map(|option| option.split('=').next().unwrap_or(option));
        said.extend(options.clone());
        let any_option = unfit.contains(&"*");
        let is_unfit =
            |key: &&str| unfit.contains(key) || (any_option && options.clone().any(|option| option == *key));
        match said.into_iter().find(is_unfit) {
            Some(key) => Err(format!("option '{key}' does not go with mount type '{kind}'")),
            None => Ok(()),
        }
    }
}

fn switch(key: &str, text: &str) -> Result<bool, String> {
    boolean::parse(text).ok_or_else(|| format!("invalid value for {key}: {text}"))
}

fn propagation(text: &str) -> Result<String, String> {
    match PROPAGATIONS.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("invalid value for bind-propagation: {text}")),
    }
}

fn recursion(text: &str) -> Result<String, String> {
    match text {
        "enabled" | "disabled" | "writable" | "readonly" => Ok(text.to_owned()),
        _ => Err(format!(
            "invalid value for bind-recursive: {text} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
        )),
    }
}

/// Hints for virtual machines, which mean nothing on Linux.
fn check_consistency(text: &str) -> Result<(), String> {
    match text {
        "default" | "consistent" | "cached" | "delegated" => Ok(()),
        _ => Err(format!("invalid value for consistency: {text}")),
    }
}

fn check_relabelling(text: &str) -> Result<(), String> {
    match text {
        "shared" | "private" => refuse_relabelling(&format!("relabel={text}")),
        _ => Err(format!("invalid value for relabel: {text}: must be \"private\" or \"shared\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &str, create: bool) -> MountKind {
        MountKind::Bind { source: source.into(), create, propagation: None, recursive: true }
    }

    fn mount(text: &str) -> Result<MountOption, String> {
        fields(text)?.into_mount()
    }

    #[test]
    fn patterns_mount_what_they_match() {
        let targets = |text: &str| {
            let found = super::mounts(text)?;
            Ok::<_, String>(
                found.0.into_iter().map(|mount| (mount.target, mount.read_only)).collect::<Vec<_>>(),
            )
        };
        let null = |target: &str| Ok(vec![(target.to_owned(), true)]);
        assert_eq!(targets("type=glob,src=/dev/nul?,dst=/x/,ro"), null("/x/null"));
        assert_eq!(targets("type=glob,src=/dev/nul*,ro"), null("/dev/null"));
        for (text, want) in [
            ("type=glob,src=dev/*", "invalid glob path \"dev/*\": must be absolute"),
            ("type=glob,src=/dev/nowhere*,dst=/x", "no file paths matching glob \"/dev/nowhere*\""),
            (
                "type=glob,src=/*/null,dst=/x",
                "the pattern /*/null is not supported yet: only * and ? in a file's name",
            ),
            (
                "type=glob,src=/dev/[n]ull",
                "the pattern /dev/[n]ull is not supported yet: only * and ? in a file's name",
            ),
        ] {
            assert_eq!(targets(text).unwrap_err(), want);
        }
    }

    fn option(kind: MountKind, target: &str, read_only: bool) -> MountOption {
        MountOption { read_only, ..MountOption::new(kind, target).given_by(Given::Mount) }
    }

    #[test]
    fn mounts() {
        let tmpfs = |options: &[&str]| MountKind::Tmpfs {
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            copy_up: false,
        };
        for (text, want) in [
            ("type=bind,src=/x,dst=/y", option(bind("/x", false), "/y", false)),
            ("type=bind,source=/x,target=/y,readonly", option(bind("/x", false), "/y", true)),
            ("TYPE=bind,Source=/x,destination=/y,ro=false", option(bind("/x", false), "/y", false)),
            ("type=bind,\"src=/a,\"\"b\",dst=/y", option(bind("/a,\"b", false), "/y", false)),
            ("type=tmpfs,target=/t", option(tmpfs(&[]), "/t", false)),
            (
                "type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770",
                option(tmpfs(&["size=67108864", "mode=1770"]), "/t", false),
            ),
        ] {
            assert_eq!(mount(text).unwrap(), want, "{text}");
        }
        let volume = mount(
            "src=data,dst=/d,volume-nocopy,volume-subpath=a,volume-label=x=1,\"volume-opt=o=uid=1,gid=2\"",
        );
        let map = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let want = MountKind::Volume {
            name: "data".to_owned(),
            anonymous: false,
            nocopy: true,
            subpath: Some("a".to_owned()),
            labels: map("x", "1"),
            options: map("o", "uid=1,gid=2"),
        };
        assert_eq!(volume.unwrap().kind, want);
        let image = mount("type=image,src=busybox,dst=/i,subpath=bin").unwrap();
        assert!(image.read_only && matches!(image.kind, MountKind::Image { writable: false, .. }));
        let image = mount("type=image,src=busybox,dst=/i,rw").unwrap();
        assert!(!image.read_only && matches!(image.kind, MountKind::Image { writable: true, .. }));
        let devpts = mount("type=devpts,dst=/pts,uid=1,gid=2,mode=620,max=9").unwrap().kind;
        assert!(matches!(devpts, MountKind::Filesystem { options, .. } if options.len() == 6));
        let shared = mount("type=bind,src=/x,dst=/y,U,relabel=shared,noexec,bind-create-src").unwrap();
        assert!(shared.flags.chown && shared.flags.attributes == ["noexec"]);
        assert!(matches!(shared.kind, MountKind::Bind { create: true, .. }));
        let writable = mount("type=bind,src=/x,dst=/y,ro,bind-recursive=writable").unwrap();
        assert!(writable.flags.writable_beneath && writable.read_only);
        assert!(
            mount("type=bind,src=/x,dst=/y,ro,bind-recursive=readonly,bind-propagation=rprivate").is_ok()
        );
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
            ("type=image,dst=/x", "invalid mount config for type \"image\": field Source must not be empty"),
            (
                "dst=/x,src=data,volume-driver=nfs",
                "create data: error looking up volume plugin nfs: plugin \"nfs\" not found",
            ),
            ("dst=/x,src=data,volume-opt=foo=1", "create data: invalid option: \"foo\""),
            ("type=bind,src=/a,dst=/x,tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'bind'"),
            ("type=bind,src=/a,dst=/x,uid=1", "option 'uid' does not go with mount type 'bind'"),
            ("type=ramfs,dst=/x,size=1m", "option 'size' does not go with mount type 'ramfs'"),
            ("type=tmpfs,dst=/x,subpath=a", "option 'subpath' does not go with mount type 'tmpfs'"),
            (
                "type=bind,src=/a,dst=/x,relabel=no",
                "invalid value for relabel: no: must be \"private\" or \"shared\"",
            ),
            (
                "type=bind,src=/a,dst=/x,bind-recursive=writable",
                "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
            ),
            (
                "type=bind,src=/a,dst=/x,ro,bind-recursive=readonly",
                "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
            ),
        ] {
            assert_eq!(mount(text).unwrap_err(), want, "{text}");
        }
    }
}
