//! The ids of a container: from what was asked to maps, and to the user it runs as. Mostly pure.
//!
//! The maps that a container has are on its record, and nowhere else: `Record::maps`. `None` there is the
//! user's own namespace, in which the user is root.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::Engine;
use crate::base::hint::HintExt;
use crate::base::idmap::{IdMap, IdMaps, IdRange};
use crate::config::{env, subid};
use crate::runtime::userns::{UserMaps, subid_hint};
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

/// What a user namespace means for the program in it.
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

/// Decides on the maps of a new container; `None` is the user's own namespace.
pub fn settle(engine: &Engine, options: &ContainerOptions, user: &UserMaps) -> Result<Option<IdMaps>> {
    let wanted = match &options.userns.mode {
        UsernsMode::Host => None,
        UsernsMode::KeepId { uid, gid, size } => {
            let caller = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
            let kept = (uid.unwrap_or(caller.0), gid.unwrap_or(caller.1));
            Some(keep_id(kept, *size, &user.maps).hint(|| too_small(size.unwrap_or(0)))?)
        }
    };
    match shared_maps(engine, options)? {
        // What shares a namespace is made in the user namespace that owns it.
        Some(maps) if options.userns.mode == UsernsMode::Host => Ok(maps),
        Some(maps) if maps != wanted => {
            bail!(
                "conflicting options: --userns {} and a namespace of a container with other ids",
                options.userns.raw
            )
        }
        _ => Ok(wanted.filter(|maps| *maps != identity_of(&user.maps))),
    }
}

/// The maps of the container whose namespaces are shared; the outer `None` is no such container.
fn shared_maps(engine: &Engine, options: &ContainerOptions) -> Result<Option<Option<IdMaps>>> {
    let Some(id) = options.donor() else { return Ok(None) };
    Ok(Some(engine.containers().load(id)?.maps))
}

/// The user as `kept` inside, and the subordinate ids around it.
fn keep_id(kept: (u32, u32), size: Option<u32>, user: &IdMaps) -> Result<IdMaps> {
    Ok(IdMaps { uids: keep_one(kept.0, size, &user.uids)?, gids: keep_one(kept.1, size, &user.gids)? })
}

fn keep_one(kept: u32, size: Option<u32>, user: &IdMap) -> Result<IdMap> {
    let all = user.largest() + 1;
    if let Some(size) = size.filter(|size| *size > all) {
        bail!("--userns keep-id:size={size}: there are only {all} ids, yours and the subordinate ones");
    }
    // The subordinate ids that the container may have: 1 up to this.
    let subordinate = size.map_or(all, |size| size.min(all)) - 1;
    let below = kept.min(subordinate);
    let ranges = [
        IdRange { inside: 0, outside: 1, count: below },
        IdRange { inside: kept, outside: 0, count: 1 },
        IdRange { inside: kept.saturating_add(1), outside: below + 1, count: subordinate - below },
    ];
    Ok(IdMap(ranges.into_iter().filter(|range| range.count > 0).collect()))
}

/// The maps of a namespace that is like the user's own.
fn identity_of(user: &IdMaps) -> IdMaps {
    let same = |map: &IdMap| IdMap(vec![IdRange { inside: 0, outside: 0, count: map.largest() + 1 }]);
    IdMaps { uids: same(&user.uids), gids: same(&user.gids) }
}

fn too_small(size: u32) -> String {
    let hint = subid_hint(rustix::process::getuid().as_raw(), size);
    format!("ask for fewer, or get more: {hint}")
}

/// The user, the variables and the entries in the user databases that come with a user namespace. `workdir` is
/// where the program starts.
pub fn identity(options: &ContainerOptions, workdir: &str) -> Identity {
    let UsernsMode::KeepId { uid, gid, .. } = options.userns.mode else { return Identity::default() };
    kept_identity(options, &Caller::read(), (uid, gid), workdir)
}

fn kept_identity(
    options: &ContainerOptions,
    caller: &Caller,
    (uid, gid): (Option<u32>, Option<u32>),
    workdir: &str,
) -> Identity {
    let (uid, gid) = (uid.unwrap_or(caller.uid), gid.unwrap_or(caller.gid));
    // Its home is the host's only where that can be seen.
    let is_there = options.mounts.iter().any(|mount| Path::new(&caller.home).starts_with(&mount.target));
    let home = if is_there { caller.home.as_str() } else { workdir };
    Identity {
        user: options.user.is_none().then(|| format!("{uid}:{gid}")),
        name: options.user.is_none().then(|| caller.name.clone()),
        passwd: vec![format!("{}:*:{uid}:{gid}:{},,,:{home}:/bin/sh", caller.name, caller.name)],
        group: vec![format!("{}:x:{gid}:{}", caller.group, caller.name)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: u32) -> IdMap {
        IdMap(vec![IdRange { inside: 0, outside: 200_000, count }])
    }

    fn kept(kept: u32, size: Option<u32>, count: u32) -> Vec<(u32, u32, u32)> {
        let map = keep_one(kept, size, &ids(count)).unwrap();
        map.0.iter().map(|range| (range.inside, range.outside, range.count)).collect()
    }

    #[test]
    fn the_user_keeps_its_number() {
        assert_eq!(kept(1500, None, 65537), [(0, 1, 1500), (1500, 0, 1), (1501, 1501, 64036)]);
        assert_eq!(kept(0, None, 65537), [(0, 0, 1), (1, 1, 65536)]);
        assert_eq!(kept(5, Some(10), 65537), [(0, 1, 5), (5, 0, 1), (6, 6, 4)]);
        assert_eq!(kept(500, Some(10), 65537), [(0, 1, 9), (500, 0, 1)]);
        // A number of a directory service, beyond all subordinate ids.
        assert_eq!(kept(4_000_000, None, 65537), [(0, 1, 65536), (4_000_000, 0, 1)]);
        assert_eq!(kept(7, None, 1), [(7, 0, 1)]);
        let error = keep_one(5, Some(70_000), &ids(65537)).unwrap_err().to_string();
        assert!(error.contains("only 65537 ids"), "{error}");
    }

    #[test]
    fn an_entry_for_the_user() {
        let caller =
            Caller { uid: 7, gid: 8, name: "eve".into(), group: "staff".into(), home: "/home/eve".into() };
        let mut options = ContainerOptions::default();
        let identity = kept_identity(&options, &caller, (None, Some(9)), "/srv");
        assert_eq!(identity.user.as_deref(), Some("7:9"));
        assert_eq!(identity.passwd, ["eve:*:7:9:eve,,,:/srv:/bin/sh"]);
        assert_eq!(identity.group, ["staff:x:9:eve"]);
        options.user = Some("root".into());
        assert_eq!(kept_identity(&options, &caller, (None, None), "/").user, None);
    }
}
