//! `--userns`: podman's syntax, of which docker knows `host`.

use std::path::Path;

use anyhow::{Result, bail};

use crate::config::subid;
use crate::store::userns::{MapFlag, UsernsMode, UsernsOptions};

/// No user's number: a name is looked for alone.
const NO_ONE: u32 = u32::MAX;

/// Reads `--userns`, or the default of a configuration.
pub fn mode(text: &str) -> Result<UsernsOptions, String> {
    let (name, options) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let mode = match (name, options) {
        ("" | "host" | "private", None) => UsernsMode::Host,
        ("keep-id", options) => keep_id(options)?,
        ("nomap", None) => UsernsMode::NoMap,
        ("auto", options) => auto(options)?,
        ("ns", Some(path)) if path.starts_with('/') => UsernsMode::Path { path: path.into() },
        ("container", Some(id)) if !id.is_empty() => UsernsMode::Container { id: id.to_owned() },
        _ => {
            return Err(format!(
                "invalid user namespace mode {text:?}: host, keep-id[:uid=,gid=,size=], \
                 auto[:size=,uidmapping=,gidmapping=], nomap, container:NAME or ns:PATH"
            ));
        }
    };
    Ok(UsernsOptions { mode, raw: text.to_owned() })
}

fn keep_id(options: Option<&str>) -> Result<UsernsMode, String> {
    let (mut uid, mut gid, mut size) = (None, None, None);
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let field = match key {
            "uid" => &mut uid,
            "gid" => &mut gid,
            "size" => &mut size,
            _ => return Err(format!("unknown option {key:?} of --userns keep-id: uid, gid or size")),
        };
        *field = Some(id(value).ok_or_else(|| format!("invalid {key} of --userns keep-id: {value:?}"))?);
    }
    if size == Some(0) {
        return Err("invalid size of --userns keep-id: \"0\"".to_owned());
    }
    Ok(UsernsMode::KeepId { uid, gid, size })
}

fn auto(options: Option<&str>) -> Result<UsernsMode, String> {
    let (mut size, mut uids, mut gids) = (None, Vec::new(), Vec::new());
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match key {
            "size" => {
                let number = id(value).filter(|size| *size > 0);
                size = Some(number.ok_or_else(|| format!("invalid size of --userns auto: {value:?}"))?);
            }
            "uidmapping" => uids.push(map(value)?),
            "gidmapping" => gids.push(map(value)?),
            _ => {
                return Err(format!(
                    "unknown option {key:?} of --userns auto: size, uidmapping or gidmapping"
                ));
            }
        }
    }
    Ok(UsernsMode::Auto { size, uids, gids })
}

/// Two maps, of users and of groups.
type Maps = (Vec<MapFlag>, Vec<MapFlag>);

/// The maps of `--subuidname` and `--subgidname`: what the host has given to these names, from 0 up. Where one is not
/// said, it is like the other.
pub fn of_names(users: Option<&str>, groups: Option<&str>) -> Result<Option<Maps>> {
    let (Some(for_users), Some(for_groups)) = (users.or(groups), groups.or(users)) else { return Ok(None) };
    let read = |file: &str, name: &str| {
        let ranges = subid::read(Path::new(file), Some(name), NO_ONE);
        if ranges.is_empty() {
            bail!("no subordinate ids of {name:?} in {file}");
        }
        Ok(one_after_the_other(&ranges))
    };
    Ok(Some((read("/etc/subuid", for_users)?, read("/etc/subgid", for_groups)?)))
}

fn one_after_the_other(ranges: &[subid::IdRange]) -> Vec<MapFlag> {
    let mut inside = 0;
    let place = |range: &subid::IdRange| {
        let flag = MapFlag { inside, outside: range.start, count: range.count, of_host: true, adds: false };
        inside = range.count.saturating_add(inside);
        flag
    };
    ranges.iter().map(place).collect()
}

/// Reads `--uidmap` and `--gidmap`.
pub fn map(text: &str) -> Result<MapFlag, String> {
    let invalid = || format!("invalid map {text:?}: [+]container:[@]host[:count] in numbers");
    let (adds, rest) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
    let mut fields = rest.split(':');
    let inside = fields.next().and_then(id).ok_or_else(invalid)?;
    let outside = fields.next().ok_or_else(invalid)?;
    let (of_host, outside) = outside.strip_prefix('@').map_or((false, outside), |rest| (true, rest));
    let outside = id(outside).ok_or_else(invalid)?;
    let count = fields.next().map_or(Some(1), id).filter(|count| *count > 0).ok_or_else(invalid)?;
    match fields.next() {
        None => Ok(MapFlag { inside, outside, count, of_host, adds }),
        Some(_) => Err(invalid()),
    }
}

/// Joins `--userns` with `--uidmap` and `--gidmap`, which say the same in other words.
pub fn options(
    userns: Option<UsernsOptions>,
    uids: Vec<MapFlag>,
    gids: Vec<MapFlag>,
) -> Result<UsernsOptions, String> {
    if uids.is_empty() && gids.is_empty() {
        return Ok(userns.unwrap_or_default());
    }
    match userns {
        Some(userns) if !userns.raw.is_empty() && userns.raw != "private" => {
            Err("conflicting options: --userns and --uidmap or --gidmap".to_owned())
        }
        _ => Ok(UsernsOptions { mode: UsernsMode::Maps { uids, gids }, raw: "private".to_owned() }),
    }
}

/// An id that the kernel and docker both take: at most 2³¹ - 1.
fn id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i32>().ok().filter(|_| digits).and_then(|id| u32::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps() {
        let flag =
            |inside, outside, count, of_host, adds| Ok(MapFlag { inside, outside, count, of_host, adds });
        for (text, want) in [
            ("0:1:500", flag(0, 1, 500, false, false)),
            ("7:0", flag(7, 0, 1, false, false)),
            ("+7:@1500:2", flag(7, 1500, 2, true, true)),
        ] {
            assert_eq!(map(text), want);
        }
        for bad in ["", "1", "1:", "1:2:0", "1:2:3:4", "a:1", "-1:2", "1:@:2", "@1:2"] {
            assert!(map(bad).is_err(), "{bad}");
        }
        let one = map("0:1:500").unwrap();
        assert!(options(Some(mode("keep-id").unwrap()), vec![one], vec![]).is_err());
        let both = options(None, vec![one], vec![]).unwrap().mode;
        assert_eq!(both, UsernsMode::Maps { uids: vec![one], gids: vec![] });
    }

    #[test]
    fn ranges_of_a_name() {
        let ranges = [subid::IdRange { start: 500, count: 10 }, subid::IdRange { start: 90, count: 1 }];
        let flags = one_after_the_other(&ranges);
        assert_eq!(flags, [map("0:@500:10").unwrap(), map("10:@90").unwrap()]);
        assert_eq!(of_names(None, None).unwrap(), None);
        assert!(of_names(Some("no such name"), None).is_err());
    }

    #[test]
    fn modes() {
        let keep = |uid, gid, size| Ok(UsernsMode::KeepId { uid, gid, size });
        for (text, want) in [
            ("", Ok(UsernsMode::Host)),
            ("host", Ok(UsernsMode::Host)),
            ("keep-id", keep(None, None, None)),
            ("keep-id:uid=5,gid=6", keep(Some(5), Some(6), None)),
            ("keep-id:size=1000", keep(None, None, Some(1000))),
        ] {
            assert_eq!(mode(text).map(|options| options.mode), want, "{text}");
        }
        let flag = map("7:@1500:2").unwrap();
        let auto = mode("auto:size=99,uidmapping=7:@1500:2,gidmapping=7:@1500:2").unwrap().mode;
        assert_eq!(auto, UsernsMode::Auto { size: Some(99), uids: vec![flag], gids: vec![flag] });
        assert_eq!(mode("ns:/a:b").unwrap().mode, UsernsMode::Path { path: "/a:b".into() });
        assert_eq!(mode("nomap").unwrap().mode, UsernsMode::NoMap);
        assert_eq!(mode("container:c").unwrap().mode, UsernsMode::Container { id: "c".into() });
        for bad in [
            "auto:",
            "auto:size=0",
            "auto:uid=1",
            "auto:uidmapping=1",
            "ns:",
            "ns:a",
            "nomap:",
            "container:",
            "container",
        ] {
            assert!(mode(bad).is_err(), "{bad}");
        }
        for bad in [
            "keep",
            "keep-id:",
            "keep-id:uid=-1",
            "keep-id:uid=+1",
            "keep-id:uid",
            "keep-id:size=0",
            "host:x",
        ] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }
}
