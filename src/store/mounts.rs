//! What the user asked to be mounted, as it is kept in a container's record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;

/// One of `-v`, `--mount`, `--tmpfs`, `--volumes-from`, or a path that the image declares as a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MountOption {
    pub kind: MountKind,
    /// Absolute path in the container, cleaned of `.` and `..`.
    pub target: String,
    #[serde(default)]
    pub read_only: bool,
    /// What `-v` had after the second colon, as written, for `inspect`.
    #[serde(default)]
    pub mode: String,
    #[serde(default, skip_serializing_if = "MountFlags::is_default")]
    pub flags: MountFlags,
}

impl MountOption {
    /// A mount about which nothing more was said.
    pub fn new(kind: MountKind, target: impl Into<String>) -> Self {
        let (mode, flags) = (String::new(), MountFlags::default());
        Self { kind, target: target.into(), read_only: false, mode, flags }
    }

    /// Adds where it comes from.
    pub fn given_by(mut self, given: Given) -> Self {
        self.flags.given = given;
        self
    }
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum MountKind {
    /// A host path, absolute. `create` makes a missing directory, as `-v` does and `--mount` does not.
    Bind { source: PathBuf, create: bool, propagation: Option<String>, recursive: bool },
    /// A named volume, or an anonymous one whose random name was chosen at creation. Labels and options are for
    /// one that has to be made.
    Volume {
        name: String,
        anonymous: bool,
        nocopy: bool,
        subpath: Option<String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        options: BTreeMap<String, String>,
    },
    /// Memory, with tmpfs(5) options as written (`size=64m,mode=1777`).
    Tmpfs {
        options: Vec<String>,
        /// Takes what the image has in its place: podman's `tmpcopyup`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        copy_up: bool,
    },
    /// What an image holds: its name as written, and its layers, lowest first, once it has been found. What a
    /// container writes there (`writable`) ends with its program.
    Image { image: String, layers: Vec<Digest>, subpath: Option<String>, writable: bool },
    /// A filesystem of the kernel's that holds nothing: `devpts` or `ramfs`.
    Filesystem { name: String, options: Vec<String> },
}

impl MountKind {
    /// A volume by its name.
    pub fn volume(name: impl Into<String>, anonymous: bool) -> Self {
        Self::Volume {
            name: name.into(),
            anonymous,
            nocopy: false,
            subpath: None,
            labels: BTreeMap::new(),
            options: BTreeMap::new(),
        }
    }
}

/// What all kinds of mounts may be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountFlags {
    pub given: Given,
    /// `nosuid`, `nodev`, `noexec` and their opposites, as written.
    pub attributes: Vec<String>,
    /// `U`: everything in it is given to the container's user.
    pub chown: bool,
    /// Read-only is the mount itself, not what is mounted beneath it: `bind-recursive=writable`.
    pub writable_beneath: bool,
    /// `O`: the source is never written to.
    pub overlay: Option<OverlayOption>,
}

impl MountFlags {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Given {
    /// `-v`.
    #[default]
    Volume,
    /// `--mount`.
    Mount,
    /// `--tmpfs`.
    Tmpfs,
    /// `--volumes-from`.
    From,
    /// The image's `VOLUME`.
    Image,
}

/// `O[,upperdir=DIR,workdir=DIR]`: without directories, what is written ends with the program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverlayOption {
    pub upper: Option<PathBuf>,
    pub work: Option<PathBuf>,
}
