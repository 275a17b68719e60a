//! `-v`, `--tmpfs` and `--volumes-from`, in docker's and podman's syntaxes, as mounts of the store's record.
//! `--mount` is in [`super::mount`].

use std::path::{Path, PathBuf};

use crate::base::id;
use crate::store::backing;
use crate::store::mounts::{Given, MountFlags, MountKind, MountOption, OverlayOption};
use crate::store::volumes;

/// Ways in which mounts on one side reach the other (mount_namespaces(7)).
pub const PROPAGATIONS: &[&str] = &["shared", "rshared", "slave", "rslave", "private", "rprivate"];

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
    let written = mode.to_owned();
    let Mode { read_only, propagation, nocopy, recursive, flags } = Mode::parse(mode)?;
    let kind = match host_path(source, base) {
        Some(_) if nocopy => return Err(format!("{}: nocopy is for volumes", invalid())),
        Some(source) => MountKind::Bind { source, create: flags.overlay.is_none(), propagation, recursive },
        None if propagation.is_some() => {
            return Err(format!("{}: propagation is for bind mounts", invalid()));
        }
        None => match volume_kind(source)? {
            MountKind::Volume { name, anonymous, subpath, labels, options, .. } => {
                MountKind::Volume { name, anonymous, nocopy, subpath, labels, options }
            }
            other => other,
        },
    };
    Ok(MountOption { kind, target, read_only, mode: written, flags })
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
pub fn volume_kind(name: &str) -> Result<MountKind, String> {
    if name.is_empty() {
        return Ok(MountKind::volume(id::random_hex(64), true));
    }
    volumes::check_name(name).map_err(|error| error.to_string())?;
    Ok(MountKind::volume(name, false))
}

pub fn target_path(target: &str) -> Result<String, String> {
    match clean(target) {
        Some(path) if path == "/" => Err("invalid specification: destination can't be '/'".to_owned()),
        Some(path) => Ok(path),
        None => Err(format!("invalid mount path: '{target}' mount path must be absolute")),
    }
}

/// Words of `-v` of which a mount has one at the most (moby `volume/mounts/linux_parser.go`).
const ALTERNATIVES: [&[&str]; 5] =
    [&["ro", "rw"], &["z", "Z"], &["nocopy", "copy"], &["consistent", "cached", "delegated"], PROPAGATIONS];

/// What `-v` has behind its second colon.
#[derive(Default)]
struct Mode {
    read_only: bool,
    propagation: Option<String>,
    nocopy: bool,
    recursive: bool,
    flags: MountFlags,
}

impl Mode {
    fn parse(text: &str) -> Result<Self, String> {
        let mut mode = Self { recursive: true, ..Self::default() };
        let words: Vec<&str> = text.split(',').filter(|word| !word.is_empty()).collect();
        let count = |group: &[&str]| words.iter().filter(|word| group.contains(word)).count();
        if ALTERNATIVES.iter().any(|group| count(group) > 1) {
            return Err(format!("invalid mode: {text}"));
        }
        for word in words {
            mode.set(word, text)?;
        }
        if let Some(OverlayOption { upper, work }) = &mode.flags.overlay
            && upper.is_some() != work.is_some()
        {
            return Err(format!("invalid mode: {text}: upperdir and workdir need each other"));
        }
        Ok(mode)
    }

    fn set(&mut self, word: &str, whole: &str) -> Result<(), String> {
        match word {
            "rw" => self.read_only = false,
            "ro" => self.read_only = true,
            "nocopy" => self.nocopy = true,
            "copy" => self.nocopy = false,
            "rbind" => self.recursive = true,
            "bind" => self.recursive = false,
            // Hints for virtual machines, which mean nothing on Linux.
            "consistent" | "cached" | "delegated" => {}
            "z" | "Z" => refuse_relabelling(&format!("the volume mode {word}"))?,
            "U" => self.flags.chown = true,
            "O" => drop(self.flags.overlay.get_or_insert_default()),
            "idmap" => return Err(refuse_idmap("the volume mode idmap")),
            _ if ATTRIBUTES.contains(&word) => self.flags.attributes.push(word.to_owned()),
            _ if PROPAGATIONS.contains(&word) => self.propagation = Some(word.to_owned()),
            _ => match (word.split_once('='), &mut self.flags.overlay) {
                (Some(("upperdir", path)), Some(overlay)) if path.starts_with('/') => {
                    overlay.upper = Some(path.into());
                }
                (Some(("workdir", path)), Some(overlay)) if path.starts_with('/') => {
                    overlay.work = Some(path.into());
                }
                (Some(("idmap", _)), _) => return Err(refuse_idmap("the volume mode idmap")),
                _ => return Err(format!("invalid mode: {whole}")),
            },
        }
        Ok(())
    }
}

fn is_mode(text: &str) -> bool {
    !text.is_empty() && !text.contains('/') && Mode::parse(text).is_ok()
}

/// What a mount may be told about its programs and devices: mount(8).
pub const ATTRIBUTES: &[&str] = &["exec", "noexec", "suid", "nosuid", "dev", "nodev"];

/// Labels of SELinux: without it there is nothing to do.
pub fn refuse_relabelling(what: &str) -> Result<(), String> {
    match Path::new("/sys/fs/selinux/enforce").exists() {
        true => Err(format!("{what} (SELinux labels) is not supported yet")),
        false => Ok(()),
    }
}

/// The kernel maps the ids of a mount only for who has privileges over its filesystem (mount_setattr(2)).
pub fn refuse_idmap(what: &str) -> String {
    format!(
        "{what} needs privileges over the whole filesystem, which an ordinary user has not: use U to give the \
         files to the container's user, or --userns keep-id to run as yourself"
    )
}

/// Reads `--tmpfs TARGET[:OPTION,…]`.
pub fn tmpfs(text: &str) -> Result<MountOption, String> {
    let (target, words) = text.split_once(':').unwrap_or((text, ""));
    let target = target_path(target)?;
    let mut words: Vec<String> =
        words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let copy_up = words.iter().any(|word| word == "tmpcopyup");
    words.retain(|word| !matches!(word.as_str(), "tmpcopyup" | "notmpcopyup"));
    if let Some(word) = words.iter().find(|word| !backing::is_tmpfs_option(word)) {
        return Err(format!("Invalid tmpfs option [\"{word}\"]"));
    }
    let read_only = words.iter().any(|word| word == "ro");
    let kind = MountKind::Tmpfs { options: words, copy_up };
    Ok(MountOption { read_only, ..MountOption::new(kind, target).given_by(Given::Tmpfs) })
}

/// Reads `--volumes-from CONTAINER[:ro|rw]`: the container, and whether its volumes are read-only here, where
/// that was said.
pub fn volumes_from(text: &str) -> Result<(String, Option<bool>), String> {
    let (container, mode) = text.split_once(':').unwrap_or((text, ""));
    if container.is_empty() {
        return Err("invalid volumes-from specification: the container's name is empty".to_owned());
    }
    let mut read_only = None;
    for word in mode.split(',').filter(|word| !word.is_empty()) {
        match word {
            "ro" => read_only = Some(true),
            "rw" => read_only = Some(false),
            "z" | "Z" => refuse_relabelling(&format!("the mode {word} of --volumes-from"))?,
            _ => return Err(format!("invalid mode: {mode}")),
        }
    }
    Ok((container.to_owned(), read_only))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &str, create: bool) -> MountKind {
        MountKind::Bind { source: source.into(), create, propagation: None, recursive: true }
    }

    fn option(kind: MountKind, target: &str, mode: &str, read_only: bool) -> MountOption {
        MountOption { read_only, mode: mode.to_owned(), ..MountOption::new(kind, target) }
    }

    #[test]
    fn volumes() {
        let named = MountKind::volume("data", false);
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
    fn modes_of_podman() {
        let flags = |text: &str| volume(text, Path::new("/")).unwrap().flags;
        assert!(flags("/a:/b:U,ro").chown);
        assert_eq!(flags("data:/b:noexec,nodev").attributes, ["noexec", "nodev"]);
        assert_eq!(flags("/a:/b:O").overlay, Some(OverlayOption::default()));
        let overlay = OverlayOption { upper: Some("/u".into()), work: Some("/w".into()) };
        assert_eq!(flags("/a:/b:O,upperdir=/u,workdir=/w").overlay, Some(overlay));
        assert!(volume("/a:/b:idmap", Path::new("/")).unwrap_err().contains("--userns keep-id"));
        assert!(volume("/a:/b:idmap=uids=0-1-10", Path::new("/")).unwrap_err().contains("U to give"));
    }

    #[test]
    fn containers_to_take_volumes_from() {
        for (text, want) in
            [("web", ("web", None)), ("web:ro", ("web", Some(true))), ("web:rw", ("web", Some(false)))]
        {
            assert_eq!(volumes_from(text).unwrap(), (want.0.to_owned(), want.1));
        }
        assert_eq!(volumes_from("web:foo").unwrap_err(), "invalid mode: foo");
        assert!(volumes_from(":ro").is_err());
    }

    #[test]
    fn volumes_that_are_refused() {
        for (text, want) in [
            ("a:b:c:d", "invalid volume specification: 'a:b:c:d'"),
            (":", "invalid volume specification: ':'"),
            (":/a", "invalid volume specification: ':/a'"),
            ("/foo:rw", "invalid volume specification: '/foo:rw'"),
            ("/a:/b:zz", "invalid mode: zz"),
            ("/a:/b:ro,rw", "invalid mode: ro,rw"),
            ("/a:/b:z,ro,Z", "invalid mode: z,ro,Z"),
            ("/a:/b:rslave,private", "invalid mode: rslave,private"),
            ("aa:/b:nocopy,copy", "invalid mode: nocopy,copy"),
            (
                "/a:b",
                "invalid volume specification: '/a:b': invalid mount path: 'b' mount path must be absolute",
            ),
            ("/a:/", "invalid volume specification: '/a:/': invalid specification: destination can't be '/'"),
            (
                "/a:/x/..",
                "invalid volume specification: '/a:/x/..': invalid specification: destination can't be '/'",
            ),
            ("/a:/b:upperdir=/x", "invalid mode: upperdir=/x"),
            ("/a:/b:O,upperdir=/x", "invalid mode: O,upperdir=/x: upperdir and workdir need each other"),
            (
                "x:/b",
                "create x: volume name is too short, names should be at least two alphanumeric characters",
            ),
        ] {
            assert_eq!(volume(text, Path::new("/")).unwrap_err(), want, "{text}");
        }
        assert!(volume("foo/bar:/b", Path::new("/")).unwrap_err().contains("use absolute path"));
    }

    #[test]
    fn tmpfs_options() {
        let mounted = tmpfs("/run:size=1m,ro").unwrap();
        let options = vec!["size=1m".to_owned(), "ro".to_owned()];
        assert_eq!(mounted.kind, MountKind::Tmpfs { options, copy_up: false });
        assert!(matches!(tmpfs("/x:tmpcopyup").unwrap().kind, MountKind::Tmpfs { copy_up: true, .. }));
        assert!(mounted.read_only);
        assert_eq!(tmpfs("/x:foo").unwrap_err(), "Invalid tmpfs option [\"foo\"]");
        assert_eq!(tmpfs("run").unwrap_err(), "invalid mount path: 'run' mount path must be absolute");
    }
}
