//! Who a container's program is, and what the user databases inside say of it: as podman-run(1) has it.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::config::{env, subid};
use crate::store::accounts::AccountOptions;
use crate::store::options::ContainerOptions;
use crate::store::userns::UsernsMode;

/// Who uses this engine.
pub struct Caller {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    /// The name of the group `gid`.
    pub group: String,
    pub home: String,
}

/// What a user namespace, and flags about users, mean for the program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// The user unless one was named, as `uid:gid`.
    pub user: Option<String>,
    /// `USER` for the program.
    pub name: Option<String>,
    /// Lines that `/etc/passwd` and `/etc/group` inside get, where they have none of the same id.
    pub passwd: Vec<String>,
    pub group: Vec<String>,
}

impl Caller {
    /// Reads the host's user database.
    pub fn read() -> Self {
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let name = subid::login_name(&passwd, uid).map(str::to_owned).or_else(|| env::value("USER"));
        let home = env::directory("HOME").unwrap_or_else(|| "/".into());
        Self {
            uid,
            gid,
            name: name.unwrap_or_else(|| uid.to_string()),
            // A line of /etc/group has its name and its number where one of /etc/passwd has them.
            group: subid::login_name(&groups, gid).map_or_else(|| gid.to_string(), str::to_owned),
            home: home.to_string_lossy().into_owned(),
        }
    }
}

/// The user, the variables and the entries in the user databases. `workdir` is where the program starts.
pub fn identity(options: &ContainerOptions, workdir: &str) -> Result<Identity> {
    let accounts = &options.accounts;
    let mut identity = match options.userns.mode {
        UsernsMode::KeepId { uid, gid, .. } => kept(options, &Caller::read(), (uid, gid), workdir),
        _ => named(accounts, options.user.as_deref().unwrap_or_default(), workdir),
    };
    if !accounts.host_users.is_empty() {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let group = fs::read_to_string("/etc/group").unwrap_or_default();
        for user in &accounts.host_users {
            let (user, group) = of_host(user, &passwd, &group)?;
            identity.passwd.push(user);
            identity.group.extend(group);
        }
    }
    if accounts.unchanged {
        (identity.passwd, identity.group) = (Vec::new(), Vec::new());
    }
    Ok(identity)
}

/// The caller, who keeps its number.
fn kept(
    options: &ContainerOptions,
    caller: &Caller,
    (uid, gid): (Option<u32>, Option<u32>),
    workdir: &str,
) -> Identity {
    let (uid, gid) = (uid.unwrap_or(caller.uid), gid.unwrap_or(caller.gid));
    // Its home is the host's only where that can be seen.
    let is_there = options.mounts.iter().any(|mount| Path::new(&caller.home).starts_with(&mount.target));
    let home = if is_there { caller.home.as_str() } else { workdir };
    let name = caller.name.as_str();
    let user = User { name, uid, gid, full_name: name, home };
    let group = Group { name: &caller.group, gid, members: name };
    Identity {
        user: options.user.is_none().then(|| format!("{uid}:{gid}")),
        name: options.user.is_none().then(|| caller.name.clone()),
        passwd: vec![match &options.accounts.passwd_entry {
            Some(entry) => user.fill(entry),
            None => format!("{name}:*:{uid}:{gid}:{name},,,:{home}:/bin/sh"),
        }],
        group: vec![match &options.accounts.group_entry {
            Some(entry) => group.fill(entry),
            None => format!("{}:x:{gid}:{name}", caller.group),
        }],
    }
}

/// A user that `--user` names by number, which the image need not know; who has a name is there.
fn named(accounts: &AccountOptions, text: &str, workdir: &str) -> Identity {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let mut identity = Identity::default();
    let Ok(uid) = user.parse::<u32>() else { return identity };
    if let Some(entry) = &accounts.passwd_entry {
        let gid = group.parse().unwrap_or(0);
        let user = User { name: user, uid, gid, full_name: "container user", home: workdir };
        identity.passwd.push(user.fill(entry));
    }
    if let (Some(entry), Ok(gid)) = (&accounts.group_entry, group.parse()) {
        identity.group.push(Group { name: group, gid, members: user }.fill(entry));
    }
    identity
}

/// What the variables of `--passwd-entry` stand for.
struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    full_name: &'a str,
    home: &'a str,
}

impl User<'_> {
    fn fill(&self, entry: &str) -> String {
        // The longer name first: $NAME is no part of $USERNAME.
        entry
            .replace("$USERNAME", self.name)
            .replace("$UID", &self.uid.to_string())
            .replace("$GID", &self.gid.to_string())
            .replace("$NAME", self.full_name)
            .replace("$HOME", self.home)
    }
}

/// What the variables of `--group-entry` stand for.
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl Group<'_> {
    fn fill(&self, entry: &str) -> String {
        entry
            .replace("$GROUPNAME", self.name)
            .replace("$GID", &self.gid.to_string())
            .replace("$USERLIST", self.members)
    }
}

/// The entries of a user of the host, by name or number, and of the user's group if that has a name.
fn of_host(user: &str, passwd: &str, group: &str) -> Result<(String, Option<String>)> {
    let found = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_it = fields.len() >= 6 && (fields[0] == user || fields[2] == user);
        is_it.then_some(fields)
    });
    let Some(fields) = found else { bail!("--hostuser: unable to find user {user} on the host") };
    let (name, gid) = (fields[0], fields[3]);
    let entry = format!("{name}:*:{}:{gid}:{}:{}:/bin/sh", fields[2], fields[4], fields[5]);
    let group = gid.parse().ok().and_then(|gid| subid::login_name(group, gid));
    Ok((entry, group.map(|group| format!("{group}:x:{gid}:{name}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller { uid: 7, gid: 8, name: "eve".into(), group: "staff".into(), home: "/home/eve".into() }
    }

    #[test]
    fn an_entry_for_the_user() {
        let mut options = ContainerOptions::default();
        let identity = kept(&options, &caller(), (None, Some(9)), "/srv");
        assert_eq!(identity.user.as_deref(), Some("7:9"));
        assert_eq!(identity.passwd, ["eve:*:7:9:eve,,,:/srv:/bin/sh"]);
        assert_eq!(identity.group, ["staff:x:9:eve"]);
        options.user = Some("root".into());
        assert_eq!(kept(&options, &caller(), (None, None), "/").user, None);
    }

    #[test]
    fn entries_as_they_are_asked_for() {
        let accounts = AccountOptions {
            passwd_entry: Some("$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/ash".into()),
            group_entry: Some("$GROUPNAME:x:$GID:$USERLIST".into()),
            ..AccountOptions::default()
        };
        for (user, passwd, group) in [
            ("5:6", Some("5:x:5:6:container user:/w:/bin/ash"), Some("6:x:6:5")),
            ("5", Some("5:x:5:0:container user:/w:/bin/ash"), None),
            ("alice", None, None),
            ("", None, None),
        ] {
            let identity = named(&accounts, user, "/w");
            assert_eq!(identity.passwd.first().map(String::as_str), passwd, "{user}");
            assert_eq!(identity.group.first().map(String::as_str), group, "{user}");
        }
        let options = ContainerOptions { accounts, ..ContainerOptions::default() };
        let identity = kept(&options, &caller(), (None, None), "/w");
        assert_eq!(identity.passwd, ["eve:x:7:8:eve:/w:/bin/ash"]);
        assert_eq!(identity.group, ["staff:x:8:eve"]);
    }

    #[test]
    fn users_of_the_host() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\neve:x:7:8:Eve:/home/eve:/bin/zsh\nbroken:x:9\n";
        let group = "staff:x:8:\n";
        let want = "eve:*:7:8:Eve:/home/eve:/bin/sh";
        for user in ["eve", "7"] {
            let (entry, group) = of_host(user, passwd, group).unwrap();
            assert_eq!((entry.as_str(), group.as_deref()), (want, Some("staff:x:8:eve")));
        }
        assert_eq!(of_host("0", passwd, group).unwrap().1, None);
        for user in ["mallory", "broken", "9"] {
            assert!(of_host(user, passwd, group).is_err(), "{user}");
        }
    }
}
