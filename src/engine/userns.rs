//! The ids of a container: from what was asked to maps. Mostly pure.
//!
//! The maps that a container has are on its record, and nowhere else: `Record::maps`. `None` there is the
//! user's own namespace, in which the user is root.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{Mode, OFlags};

use super::Engine;
use crate::base::hint::{HintExt, Hinted};
use crate::base::idmap::{IdMap, IdMaps, IdRange, NOBODY};
use crate::runtime::userns::{UserMaps, UserNamespace, subid_hint};
use crate::store::options::{ContainerOptions, NetworkMode};
use crate::store::ranges;
use crate::store::userns::{MapFlag, UsernsMode};
use crate::sys::path::Dir;

/// The least number of ids of `--userns auto`, as podman's.
const AUTO_SIZE: u32 = 1024;
/// Far beyond any real user database.
const DATABASE_LIMIT: u64 = 4 << 20;

/// Decides on the maps of a new container; `None` is the user's own namespace.
pub fn settle(
    engine: &Engine,
    options: &ContainerOptions,
    id: &str,
    user: &UserMaps,
) -> Result<Option<IdMaps>> {
    let wanted = match &options.userns.mode {
        UsernsMode::Host => match &options.network {
            NetworkMode::Path { path } => Some(of_network(path, &user.maps)?),
            _ => None,
        },
        _ if matches!(options.network, NetworkMode::Path { .. }) => {
            bail!(
                "conflicting options: --userns {} and a network namespace that is there",
                options.userns.raw
            )
        }
        UsernsMode::NoMap => Some(no_map(&user.maps)?),
        UsernsMode::Auto { size, uids, gids } => {
            let maps = automatic(engine, options, id, *size, &user.maps)?;
            Some(IdMaps {
                uids: forced(maps.uids, uids, &user.maps.uids)?,
                gids: forced(maps.gids, gids, &user.maps.gids)?,
            })
        }
        UsernsMode::Path { path } => Some(of_path(path, &user.maps)?),
        UsernsMode::Container { id } => engine.containers().load(id)?.maps,
        UsernsMode::Maps { uids, gids } => {
            let (for_users, for_groups) =
                (if uids.is_empty() { gids } else { uids }, if gids.is_empty() { uids } else { gids });
            Some(IdMaps {
                uids: written(for_users, &user.maps.uids)?,
                gids: written(for_groups, &user.maps.gids)?,
            })
        }
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
        _ => {
            let wanted = wanted.filter(|maps| *maps != identity_of(&user.maps));
            let is_alone = wanted.as_ref().is_some_and(IdMaps::is_the_user_alone);
            if is_alone && !user.is_single() && options.rootfs.is_none() {
                bail!("map your own id alone: files of images belong to others too, who would not exist");
            }
            Ok(wanted)
        }
    }
}

/// The maps of the container whose namespaces are shared; the outer `None` is no such container.
fn shared_maps(engine: &Engine, options: &ContainerOptions) -> Result<Option<Option<IdMaps>>> {
    let Some(id) = options.donor() else { return Ok(None) };
    Ok(Some(engine.containers().load(id)?.maps))
}

/// The subordinate ids alone, from 0 up.
fn no_map(user: &IdMaps) -> Result<IdMaps> {
    let map = |user: &IdMap| match user.largest() {
        0 => Err(no_ranges("nomap")),
        count => Ok(IdMap(vec![IdRange { inside: 0, outside: 1, count }])),
    };
    Ok(IdMaps { uids: map(&user.uids)?, gids: map(&user.gids)? })
}

fn no_ranges(mode: &str) -> anyhow::Error {
    Hinted::new(
        anyhow!("--userns {mode}: you have no subordinate ids in /etc/subuid and /etc/subgid"),
        too_small(0),
    )
    .into()
}

/// A range for this container alone. The highest free ids are taken: most images use the lowest, which other
/// containers then have.
fn automatic(
    engine: &Engine,
    options: &ContainerOptions,
    id: &str,
    size: Option<u32>,
    user: &IdMaps,
) -> Result<IdMaps> {
    let all = user.uids.largest().min(user.gids.largest());
    if all == 0 {
        return Err(no_ranges("auto"));
    }
    let size = match size {
        Some(size) => size,
        None => AUTO_SIZE.max(image_ids(engine, options)).min(all),
    };
    let start = ranges::take(engine.layout(), id, size, all).hint(|| too_small(all.saturating_add(size)))?;
    let map = IdMap(vec![IdRange { inside: 0, outside: start, count: size }]);
    Ok(IdMaps { uids: map.clone(), gids: map })
}

/// How many ids the users and groups of an image need: those in its databases but `nobody`. What is owned by
/// others is found when its layers are copied.
fn image_ids(engine: &Engine, options: &ContainerOptions) -> u32 {
    let Ok(image) = engine.images().lookup(&options.image) else { return 0 };
    let largest = |path: &str| {
        let layers = image.config.rootfs.diff_ids.iter().rev();
        let mut texts = layers.filter_map(|layer| database(&engine.layout().layer(layer), path));
        let text = texts.next().unwrap_or_default();
        let ids = text.lines().filter_map(|line| line.split(':').nth(2)?.parse::<u32>().ok());
        ids.filter(|id| *id != NOBODY).max().unwrap_or(0)
    };
    largest("etc/passwd").max(largest("etc/group")).saturating_add(1)
}

/// A file of a layer, which is a stranger's: looked up within it, and bounded.
fn database(layer: &Path, path: &str) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = Dir::open(layer).ok()?.open_file(path, flags, Mode::empty()).ok()?;
    let mut text = Vec::new();
    File::from(file).take(DATABASE_LIMIT).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The map that flags describe. Without `+` they are the whole map; those with it replace what they overlap with in
/// the user's own.
fn written(flags: &[MapFlag], user: &IdMap) -> Result<IdMap> {
    let all = user.largest() + 1;
    let mut map = Vec::new();
    if flags.iter().all(|flag| flag.adds) {
        map.push(IdRange { inside: 0, outside: 0, count: all });
    }
    for flag in flags {
        let range = placed(flag, user)?;
        if flag.adds {
            map = map.into_iter().flat_map(|other| without(other, range)).collect();
        }
        map.push(range);
    }
    refuse_overlaps(&map)?;
    Ok(IdMap(map))
}

/// A map in which some ids are where the user wants them: `--userns auto:uidmapping=`.
fn forced(map: IdMap, flags: &[MapFlag], user: &IdMap) -> Result<IdMap> {
    let mut map = map.0;
    for flag in flags {
        let range = placed(flag, user)?;
        map = map.into_iter().flat_map(|other| without(other, range)).collect();
        map.push(range);
    }
    Ok(IdMap(map))
}

/// The range that a flag describes, which must be the user's own.
fn placed(flag: &MapFlag, user: &IdMap) -> Result<IdRange> {
    let range = IdRange { inside: flag.inside, outside: flag.outside, count: flag.count };
    let range = if flag.of_host { of_host(range, user)? } else { range };
    let all = user.largest() + 1;
    if u64::from(range.outside) + u64::from(range.count) > u64::from(all) {
        return Err(anyhow!(
            "map {} ids from {}: there are only {all}, yours and the subordinate ones",
            range.count,
            range.outside
        ))
        .hint(|| too_small(range.outside.saturating_add(range.count)));
    }
    Ok(range)
}

/// A range of ids of the host as one of ids of the user's namespace; all must be there one after the other.
fn of_host(wanted: IdRange, user: &IdMap) -> Result<IdRange> {
    let holds = |range: &&IdRange| {
        wanted.outside >= range.outside
            && wanted.outside - range.outside <= range.count.saturating_sub(wanted.count)
            && wanted.count <= range.count
    };
    let range = user.0.iter().find(holds).with_context(|| {
        format!("map {} ids from {} of the host: they are not yours", wanted.count, wanted.outside)
    })?;
    Ok(IdRange { outside: range.inside + (wanted.outside - range.outside), ..wanted })
}

/// The maps of a user namespace that somebody has made.
fn of_path(path: &Path, user: &IdMaps) -> Result<IdMaps> {
    let attempt = || of_namespace(&UserNamespace::at(path)?, user);
    attempt().with_context(|| format!("--userns ns:{}", path.display()))
}

/// The maps of the user namespace that owns a network namespace that somebody has made.
fn of_network(path: &Path, user: &IdMaps) -> Result<IdMaps> {
    of_namespace(&UserNamespace::of_network(path)?.0, user)
}

fn of_namespace(found: &UserNamespace, user: &IdMaps) -> Result<IdMaps> {
    let found = found.maps()?;
    let within = |map: IdMap, user: &IdMap| {
        let ranges: Result<Vec<IdRange>> = map.0.into_iter().map(|range| of_host(range, user)).collect();
        ranges.map(IdMap)
    };
    Ok(IdMaps { uids: within(found.uids, &user.uids)?, gids: within(found.gids, &user.gids)? })
}

/// What is left of a range without the ids of another, on either side.
fn without(range: IdRange, taken: IdRange) -> Vec<IdRange> {
    let mut left = vec![range];
    for start in [|range: &IdRange| range.inside, |range: &IdRange| range.outside] {
        let cut = |range: IdRange| {
            let (from, to) = (u64::from(start(&range)), u64::from(start(&range)) + u64::from(range.count));
            let (a, b) = (u64::from(start(&taken)), u64::from(start(&taken)) + u64::from(taken.count));
            let part = |skip: u64, count: u64| IdRange {
                inside: range.inside + skip as u32,
                outside: range.outside + skip as u32,
                count: count as u32,
            };
            let before = a.clamp(from, to) - from;
            let after = to - b.clamp(from, to);
            [part(0, before), part(to - from - after, after)]
        };
        left = left.into_iter().flat_map(cut).filter(|range| range.count > 0).collect();
    }
    left
}

/// The kernel would refuse them, without a reason.
fn refuse_overlaps(map: &[IdRange]) -> Result<()> {
    for (index, a) in map.iter().enumerate() {
        for b in &map[index + 1..] {
            let overlap = |x: u32, y: u32| {
                u64::from(x) < u64::from(y) + u64::from(b.count)
                    && u64::from(y) < u64::from(x) + u64::from(a.count)
            };
            if overlap(a.inside, b.inside) || overlap(a.outside, b.outside) {
                bail!("map {}:{}:{}: it overlaps with another", b.inside, b.outside, b.count);
            }
        }
    }
    Ok(())
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
    fn maps_as_flags_write_them() {
        let flag = |inside, outside, count, of_host, adds| MapFlag { inside, outside, count, of_host, adds };
        let of = |flags: &[MapFlag]| {
            let user = IdMap(vec![
                IdRange { inside: 0, outside: 1500, count: 1 },
                IdRange { inside: 1, outside: 200_000, count: 99 },
            ]);
            let map = written(flags, &user).map_err(|error| error.to_string())?;
            Ok::<_, String>(
                map.0.iter().map(|range| (range.inside, range.outside, range.count)).collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            of(&[flag(0, 1, 50, false, false), flag(70, 0, 1, false, false)]).unwrap(),
            [(0, 1, 50), (70, 0, 1)]
        );
        assert_eq!(of(&[flag(7, 1500, 1, true, true)]).unwrap(), [(1, 1, 6), (8, 8, 92), (7, 0, 1)]);
        assert_eq!(of(&[flag(10, 200_004, 2, true, false)]).unwrap(), [(10, 5, 2)]);
        for (flags, word) in [
            (&[flag(0, 99, 2, false, false)][..], "only 100"),
            (&[flag(0, 1499, 1, true, false)], "not yours"),
            (&[flag(0, 200_098, 2, true, false)], "not yours"),
            (&[flag(0, 1, 5, false, false), flag(4, 20, 1, false, false)], "overlaps"),
            (&[flag(0, 1, 5, false, false), flag(9, 5, 1, false, false)], "overlaps"),
        ] {
            let error = of(flags).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
