//! `--user`, looked up in the container's own `/etc/passwd` and `/etc/group`.
//!
//! Both files are a stranger's: they are opened in-root, must be regular files, and no more than
//! [`FILE_LIMIT`] bytes are read (CVE-2024-9676, CVE-2026-47262). Ids beyond 2³¹−1 are refused, because they
//! wrap to others elsewhere (CVE-2024-40635).

use std::io::Read;

use anyhow::{Context, Result, bail};
use rustix::fs::{FileType, Mode, OFlags};

use crate::sys::path::Dir;

/// Far beyond any real user database.
const FILE_LIMIT: u64 = 4 << 20;

/// The largest user or group id, as docker's.
const MAX_ID: u32 = i32::MAX as u32;

/// Who a process runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    /// Home directory, `/` where none is known.
    pub home: String,
}

/// Looks a user up beneath a container's root.
pub fn look_up(root: &Dir, user: &str, additional: &[String]) -> Result<Identity> {
    let passwd = read_database(root, "etc/passwd")?;
    let group = read_database(root, "etc/group")?;
    resolve(user, additional, &passwd, &group)
}

/// Looks up whom files are to belong to: `USER[:GROUP]`. A user by its number alone has the group of that number.
/// Source: BuildKit `solver/llbsolver/file/user_linux.go`.
pub fn owner(root: &Dir, text: &str) -> Result<(u32, u32)> {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let passwd = if id(user).is_some() { String::new() } else { read_database(root, "etc/passwd")? };
    let groups = if group.is_empty() || id(group).is_some() {
        String::new()
    } else {
        read_database(root, "etc/group")?
    };
    resolve_owner(user, group, &passwd, &groups)
}

fn resolve_owner(user: &str, group: &str, passwd: &str, groups: &str) -> Result<(u32, u32)> {
    let (uid, mut gid) = match id(user) {
        Some(uid) => (uid, uid),
        None if user.is_empty() => (0, 0),
        None => {
            let entry = passwd_entries(passwd).find(|entry| entry.name == user);
            let entry = entry
                .with_context(|| format!("unable to find user {user}: no matching entries in passwd file"))?;
            (entry.uid, entry.gid)
        }
    };
    if !group.is_empty() {
        gid = match id(group) {
            Some(gid) => gid,
            None => group_id(group, groups)?,
        };
    }
    if uid > MAX_ID || gid > MAX_ID {
        bail!("uids and gids must be in range 0-{MAX_ID}");
    }
    Ok((uid, gid))
}

/// A missing file, or one that is no file, has no entries.
fn read_database(root: &Dir, path: &str) -> Result<String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Ok(fd) = root.open_file(path, flags, Mode::empty()) else { return Ok(String::new()) };
    if !FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode).is_file() {
        return Ok(String::new());
    }
    let mut content = Vec::new();
    let mut file = std::fs::File::from(fd).take(FILE_LIMIT + 1);
    file.read_to_end(&mut content).with_context(|| format!("read /{path} of the container"))?;
    if content.len() as u64 > FILE_LIMIT {
        bail!("read /{path} of the container: larger than {FILE_LIMIT} bytes");
    }
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// Docker's rules (moby `user.GetExecUser`): a number needs no entry; a given group replaces the user's own and
/// its supplementary ones.
fn resolve(text: &str, additional: &[String], passwd: &str, group: &str) -> Result<Identity> {
    let (user, group_name) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let mut identity = Identity { home: "/".into(), ..Identity::default() };
    let mut login = None;
    match passwd_entries(passwd).find(|entry| entry.name == user || is_id(user, entry.uid)) {
        Some(entry) => {
            (identity.uid, identity.gid) = (entry.uid, entry.gid);
            if !entry.home.is_empty() {
                identity.home = entry.home.to_owned();
            }
            login = Some(entry.name);
        }
        None => {
            identity.uid = id(user)
                .with_context(|| format!("unable to find user {user}: no matching entries in passwd file"))?;
        }
    }
    match group_name {
        Some(name) => identity.gid = group_id(name, group)?,
        None => {
            let member = |entry: &GroupEntry<'_>| {
                login.is_some_and(|login| entry.members.split(',').any(|m| m == login))
            };
            identity.groups = group_entries(group).filter(member).map(|entry| entry.gid).collect();
        }
    }
    // The group itself counts among the supplementary ones too, or a file that it is denied by its mode would
    // be allowed to it as "other" (CVE-2022-36109).
    identity.groups.retain(|&gid| gid != identity.gid);
    identity.groups.insert(0, identity.gid);
    for name in additional {
        identity.groups.push(group_id(name, group)?);
    }
    if identity.uid > MAX_ID || identity.gid > MAX_ID || identity.groups.iter().any(|&gid| gid > MAX_ID) {
        bail!("uids and gids must be in range 0-{MAX_ID}");
    }
    Ok(identity)
}

fn group_id(name: &str, group: &str) -> Result<u32> {
    match group_entries(group).find(|entry| entry.name == name || is_id(name, entry.gid)) {
        Some(entry) => Ok(entry.gid),
        None => id(name)
            .with_context(|| format!("unable to find group {name}: no matching entries in group file")),
    }
}

fn is_id(text: &str, number: u32) -> bool {
    text.parse() == Ok(number) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number too large for an id is still a number, and refused as one.
fn id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

struct PasswdEntry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn passwd_entries(text: &str) -> impl Iterator<Item = PasswdEntry<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(PasswdEntry { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
    })
}

struct GroupEntry<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

fn group_entries(text: &str) -> impl Iterator<Item = GroupEntry<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(GroupEntry { name, gid, members: fields.next().unwrap_or_default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nbroken\napp:x:10:20::/srv/app:/bin/sh\n7:x:99:98::/n:\n";
    const GROUP: &str = "root:x:0:\nstaff:x:50:app,root\napp:x:20:\nwheel:x:5:root,other\n";

    fn resolved(user: &str) -> (u32, u32, Vec<u32>, String) {
        let identity = resolve(user, &[], PASSWD, GROUP).unwrap();
        (identity.uid, identity.gid, identity.groups, identity.home)
    }

    #[test]
    fn names_numbers_and_groups() {
        for (user, uid, gid, groups, home) in [
            ("", 0, 0, &[0, 50, 5][..], "/root"),
            ("root", 0, 0, &[0, 50, 5], "/root"),
            ("app", 10, 20, &[20, 50], "/srv/app"),
            ("10", 10, 20, &[20, 50], "/srv/app"),
            ("10:", 10, 20, &[20, 50], "/srv/app"),
            ("app:staff", 10, 50, &[50], "/srv/app"),
            ("app:1234", 10, 1234, &[1234], "/srv/app"),
            ("1", 1, 0, &[0], "/"),
            ("1:2", 1, 2, &[2], "/"),
            (":staff", 0, 50, &[50], "/root"),
            // A login name made of digits wins over the id, as it does in moby.
            ("7", 99, 98, &[98], "/n"),
            ("2147483647", 2_147_483_647, 0, &[0], "/"),
        ] {
            assert_eq!(resolved(user), (uid, gid, groups.to_vec(), home.to_owned()), "{user:?}");
        }
    }

    #[test]
    fn unknown_and_out_of_range() {
        for (user, message) in [
            ("nobody", "unable to find user nobody: no matching entries in passwd file"),
            ("app:nogroup", "unable to find group nogroup: no matching entries in group file"),
            ("-1", "unable to find user -1: no matching entries in passwd file"),
            ("2147483648", "uids and gids must be in range 0-2147483647"),
            ("4294967296", "uids and gids must be in range 0-2147483647"),
            ("0:4294967295", "uids and gids must be in range 0-2147483647"),
            ("99999999999999999999", "uids and gids must be in range 0-2147483647"),
        ] {
            assert_eq!(resolve(user, &[], PASSWD, GROUP).unwrap_err().to_string(), message, "{user}");
        }
    }

    #[test]
    fn owners() {
        for (user, group, want) in [
            ("10", "", (10, 10)),
            ("app", "", (10, 20)),
            ("app", "staff", (10, 50)),
            ("55", "staff", (55, 50)),
            ("55", "7", (55, 7)),
            ("", "staff", (0, 50)),
            ("7", "", (7, 7)),
        ] {
            assert_eq!(resolve_owner(user, group, PASSWD, GROUP).unwrap(), want, "{user}:{group}");
        }
        for (user, group) in [("nobody", ""), ("0", "none"), ("2147483648", ""), ("0", "4294967296")] {
            assert!(resolve_owner(user, group, PASSWD, GROUP).is_err(), "{user}:{group}");
        }
    }

    #[test]
    fn additional_groups_by_name_and_number() {
        let identity = resolve("1", &["staff".into(), "77".into()], PASSWD, GROUP).unwrap();
        assert_eq!(identity.groups, [0, 50, 77]);
        assert!(resolve("1", &["none".into()], PASSWD, GROUP).is_err());
    }
}
