//! What was said of the users that a container knows, as it is kept in its record.

use serde::{Deserialize, Serialize};

/// `--passwd`, `--passwd-entry`, `--group-entry` and `--hostuser`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountOptions {
    /// `--passwd=false`: the user databases stay as the image has them.
    pub unchanged: bool,
    /// The line of `/etc/passwd` for the container's user, with podman's variables in it.
    pub passwd_entry: Option<String>,
    /// The line of `/etc/group` for its group.
    pub group_entry: Option<String>,
    /// Users of the host who are to be known inside, by name or number.
    pub host_users: Vec<String>,
}

impl AccountOptions {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
