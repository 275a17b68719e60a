//! What a volume's options ask of the local driver: pure.
//!
//! Docker's local driver mounts whatever `mount(8)` can. An ordinary user may mount memory, and directories that
//! are there already; the rest is refused by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};

use crate::base::hint::HintExt;

/// Where a volume's content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing {
    /// In the store; `owner` is given to it when it is made, in the container's ids.
    Directory { owner: Option<(u32, u32)> },
    /// Memory, new for each container that mounts it; options of tmpfs(5).
    Tmpfs { options: Vec<String> },
    /// A directory of the host; options of mount(8).
    Bind { device: PathBuf, options: Vec<String> },
}

impl Default for Backing {
    fn default() -> Self {
        Self::Directory { owner: None }
    }
}

/// What a bind mount of a volume may be told.
const BIND_WORDS: &[&str] = &[
    "bind", "rbind", "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "private", "rprivate",
    "slave", "rslave", "shared", "rshared",
];

impl Backing {
    /// Reads `type`, `device` and `o`.
    pub fn parse(options: &BTreeMap<String, String>) -> Result<Self> {
        if let Some(key) = options.keys().find(|key| !matches!(key.as_str(), "type" | "device" | "o")) {
            bail!("invalid option: {key:?}");
        }
        let value = |key: &str| options.get(key).map_or("", String::as_str);
        let words: Vec<String> =
            value("o").split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let binds = words.iter().any(|word| word == "bind" || word == "rbind");
        match value("type") {
            "tmpfs" => match words.iter().find(|word| !is_tmpfs_option(word)) {
                Some(word) => bail!("invalid option of a tmpfs: {word:?}"),
                None => Ok(Self::Tmpfs { options: words }),
            },
            "" | "none" | "bind" if binds => bind(value("device"), words),
            "" if value("device").is_empty() => directory(&words),
            "" => bail!("missing required option: \"type\""),
            kind => Err(anyhow!("a volume of type {kind:?} needs a mount that only root of the host may make"))
                .hint(|| {
                    "mount it on the host, then: coracle volume create -o type=none -o o=bind -o device=DIRECTORY NAME"
                }),
        }
    }
}

fn bind(device: &str, words: Vec<String>) -> Result<Backing> {
    if device.is_empty() {
        bail!("missing required option: \"device\"");
    }
    if !device.starts_with('/') {
        bail!("invalid device {device:?}: the path must be absolute");
    }
    match words.iter().find(|word| !BIND_WORDS.contains(&word.as_str())) {
        Some(word) => bail!("invalid option of a bind mount: {word:?}"),
        None => Ok(Backing::Bind { device: device.into(), options: words }),
    }
}

fn directory(words: &[String]) -> Result<Backing> {
    let (mut uid, mut gid) = (None, None);
    for word in words {
        let id = |text: &str| {
            text.parse::<u32>()
                .ok()
                .filter(|id| *id <= i32::MAX as u32)
                .ok_or_else(|| anyhow!("invalid id: {word:?}"))
        };
        match word.split_once('=') {
            Some(("uid", text)) => uid = Some(id(text)?),
            Some(("gid", text)) => gid = Some(id(text)?),
            Some(("size" | "inodes", _)) => bail!(
                "{word:?} needs quotas, which only root of the host may set: use type=tmpfs for a volume in memory"
            ),
            _ => bail!("invalid option: {word:?}"),
        }
    }
    let owner = (uid.is_some() || gid.is_some()).then(|| (uid.unwrap_or(0), gid.unwrap_or(0)));
    Ok(Backing::Directory { owner })
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

/// Whether a memory filesystem can be told this.
pub fn is_tmpfs_option(word: &str) -> bool {
    match word.split_once('=') {
        Some((key, _)) => TMPFS_VALUES.contains(&key),
        None => TMPFS_WORDS.contains(&word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(options: &[(&str, &str)]) -> Result<Backing, String> {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Backing::parse(&options).map_err(|error| error.to_string())
    }

    fn words(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn what_an_ordinary_user_can_have() {
        for (options, want) in [
            (&[][..], Backing::Directory { owner: None }),
            (&[("o", "uid=7,gid=8")], Backing::Directory { owner: Some((7, 8)) }),
            (&[("o", "uid=7")], Backing::Directory { owner: Some((7, 0)) }),
            (
                &[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,uid=3")],
                Backing::Tmpfs { options: words("size=1m,uid=3") },
            ),
            (
                &[("type", "none"), ("device", "/srv"), ("o", "bind,ro")],
                Backing::Bind { device: "/srv".into(), options: words("bind,ro") },
            ),
        ] {
            assert_eq!(parsed(options).unwrap(), want, "{options:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (options, want) in [
            (&[("foo", "bar")][..], "invalid option: \"foo\""),
            (&[("o", "bind")], "missing required option: \"device\""),
            (&[("device", "/srv")], "missing required option: \"type\""),
            (&[("o", "bind"), ("device", "srv")], "invalid device \"srv\": the path must be absolute"),
            (&[("o", "bind,foo"), ("device", "/srv")], "invalid option of a bind mount: \"foo\""),
            (&[("type", "tmpfs"), ("o", "lowerdir=/x")], "invalid option of a tmpfs: \"lowerdir=/x\""),
            (
                &[("type", "nfs"), ("device", ":/x"), ("o", "addr=10.0.0.1")],
                "a volume of type \"nfs\" needs a mount that only root of the host may make",
            ),
            (&[("o", "uid=4294967296")], "invalid id: \"uid=4294967296\""),
        ] {
            assert_eq!(parsed(options).unwrap_err(), want);
        }
        assert!(parsed(&[("o", "size=1g")]).unwrap_err().contains("quotas"));
    }
}
