//! `--passwd`, `--passwd-entry`, `--group-entry` and `--hostuser`: podman's flags about the user databases inside.

use crate::store::accounts::AccountOptions;

#[derive(clap::Args)]
pub struct AccountFlags {
    /// The line of /etc/group for the container's group, with $GROUPNAME, $GID and $USERLIST
    #[arg(long, value_name = "line", value_parser = entry)]
    group_entry: Option<String>,
    /// Make a user of the host known inside
    #[arg(long, value_name = "user")]
    hostuser: Vec<String>,
    /// Add lines for the user to /etc/passwd and /etc/group (default true)
    #[arg(long, default_value_t = true, action = clap::ArgAction::SetTrue)]
    passwd: bool,
    /// The line of /etc/passwd for the container's user, with $USERNAME, $UID, $GID, $NAME and $HOME
    #[arg(long, value_name = "line", value_parser = entry)]
    passwd_entry: Option<String>,
}

impl AccountFlags {
    pub fn options(self) -> AccountOptions {
        AccountOptions {
            unchanged: !self.passwd,
            passwd_entry: self.passwd_entry,
            group_entry: self.group_entry,
            host_users: self.hostuser,
        }
    }
}

/// A line, with a number where the databases have one: it could not be found again else.
fn entry(text: &str) -> Result<String, String> {
    if text.contains('\n') || text.split(':').nth(2).is_none_or(str::is_empty) {
        return Err(format!("invalid entry {text:?}: one line of fields with colons between them"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        for (text, is_right) in [
            ("a:x:5:6::/:/bin/sh", true),
            ("$GROUPNAME:x:$GID:", true),
            ("a:x::", false),
            ("a", false),
            ("a:x:1\nb:x:2", false),
        ] {
            assert_eq!(entry(text).is_ok(), is_right, "{text}");
        }
    }
}
