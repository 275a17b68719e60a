//! `--userns` as it is kept in a container's record: what was asked, not yet the ids that it came to.

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
}

impl UsernsOptions {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        self.mode == UsernsMode::Host
    }
}
