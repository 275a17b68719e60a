//! `--userns` as it is kept in a container's record: what was asked, not yet the ids that it came to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The user namespace that a container was asked to have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsernsOptions {
    pub mode: UsernsMode,
    /// As written, for `inspect`.
    pub raw: String,
}

/// `--userns`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum UsernsMode {
    /// The user is root, the subordinate ids are everybody else.
    #[default]
    Host,
    /// The user is this user and group inside, its own by default; `size` ids in all.
    KeepId { uid: Option<u32>, gid: Option<u32>, size: Option<u32> },
    /// The subordinate ids alone: the user is nobody inside.
    NoMap,
    /// So many subordinate ids for this container alone, but for those that are to be mapped otherwise.
    Auto {
        size: Option<u32>,
        #[serde(default)]
        uids: Vec<MapFlag>,
        #[serde(default)]
        gids: Vec<MapFlag>,
    },
    /// A user namespace that is there.
    Path { path: PathBuf },
    /// The user namespace of another container, by its id.
    Container { id: String },
    /// `--uidmap` and `--gidmap`; where one is not given, it is like the other.
    Maps { uids: Vec<MapFlag>, gids: Vec<MapFlag> },
}

/// One `--uidmap` or `--gidmap`: `[+]inside:[@]outside[:count]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapFlag {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
    /// `@`: `outside` is an id of the host, not of the user's namespace.
    pub of_host: bool,
    /// `+`: taken out of the user's own map, which is kept else.
    pub adds: bool,
}

impl UsernsOptions {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        self.mode == UsernsMode::Host
    }
}
