//! Maps of user and group ids between two user namespaces (man user_namespaces(7)).
//!
//! The maps of a container are written in the ids of this user's namespace: 0 is the user, 1 and up are the
//! user's subordinate ids. So the same numbers are the owners that an image has for its files, as they are on
//! disk: a plain layer is one whose map is the identity.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// `nobody` and `nogroup`: what the kernel shows for an id that a namespace does not have (man
/// user_namespaces(7), `/proc/sys/kernel/overflowuid`).
pub const NOBODY: u32 = 65_534;

/// `count` ids from `inside` in a namespace are those from `outside` in the one around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// One map, as its ranges; an id that is in none of them does not exist inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdMap(pub Vec<IdRange>);

impl IdMap {
    /// The id outside of one inside.
    pub fn outside(&self, inside: u32) -> Option<u32> {
        let holds = |range: &&IdRange| inside >= range.inside && inside - range.inside < range.count;
        self.0.iter().find(holds).map(|range| range.outside + (inside - range.inside))
    }

    /// The id in the namespace for one outside of it.
    pub fn inside(&self, outside: u32) -> Option<u32> {
        self.0.iter().find_map(|range| {
            let offset = outside.checked_sub(range.outside)?;
            (offset < range.count).then(|| range.inside + offset)
        })
    }

    /// The largest id inside; 0 where there is none.
    pub fn largest(&self) -> u32 {
        self.0.iter().map(|range| range.inside.saturating_add(range.count - 1)).max().unwrap_or(0)
    }

    /// Whether every id that exists inside is the same outside.
    pub fn is_identity(&self) -> bool {
        self.0.iter().all(|range| range.inside == range.outside)
    }

    /// Whether the user, or its group, is all that exists inside.
    fn is_the_user_alone(&self) -> bool {
        matches!(self.0[..], [IdRange { outside: 0, count: 1, .. }])
    }

    /// The ids inside as people write them: `0-999,1500`.
    pub fn shown(&self) -> String {
        let mut ranges: Vec<_> = self.0.iter().map(|range| (range.inside, range.count)).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::new();
        for (start, count) in ranges {
            match joined.last_mut() {
                Some(last) if last.0 + last.1 == start => last.1 += count,
                _ => joined.push((start, count)),
            }
        }
        let show = |(start, count): (u32, u32)| match count {
            1 => start.to_string(),
            _ => format!("{start}-{}", start + (count - 1)),
        };
        joined.into_iter().map(show).collect::<Vec<_>>().join(",")
    }

    /// The same map in more ranges, none of which is in more than one of the namespace around it: the kernel refuses
    /// others (`map_id_range_down` of kernel/user_namespace.c).
    pub fn within(&self, outer: &Self) -> Self {
        let mut ranges = self.0.clone();
        let mut index = 0;
        while let Some(range) = ranges.get(index).copied() {
            let holds = |other: &&IdRange| {
                range.outside >= other.inside && range.outside - other.inside < other.count
            };
            let room = outer
                .0
                .iter()
                .find(holds)
                .map_or(range.count, |other| other.count - (range.outside - other.inside));
            if room < range.count {
                ranges[index].count = room;
                let (inside, outside) = (range.inside + room, range.outside + room);
                ranges.insert(index + 1, IdRange { inside, outside, count: range.count - room });
            }
            index += 1;
        }
        Self(ranges)
    }

    /// The text of `/proc/<pid>/uid_map`.
    pub fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, range| {
            let _ = writeln!(text, "{} {} {}", range.inside, range.outside, range.count);
            text
        })
    }
}

/// The maps of a container's users and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMaps {
    pub uids: IdMap,
    pub gids: IdMap,
}

impl IdMaps {
    /// Whether files keep the owners that a plain layer gives them.
    pub fn is_identity(&self) -> bool {
        self.uids.is_identity() && self.gids.is_identity()
    }

    /// The user and the group outside that are root inside, if there is one.
    pub fn root(&self) -> Option<(u32, u32)> {
        Some((self.uids.outside(0)?, self.gids.outside(0)?))
    }

    /// Whether the user is nobody inside: then nobody there gets to the user's directories.
    pub fn lacks_user(&self) -> bool {
        self.uids.0.iter().all(|range| range.outside > 0)
    }

    /// Whether nobody exists inside but the user, by whatever number.
    pub fn is_the_user_alone(&self) -> bool {
        self.uids.is_the_user_alone() && self.gids.is_the_user_alone()
    }

    /// What a layer under these maps is called: the first 16 digits of a digest of both.
    pub fn fingerprint(&self) -> String {
        let text = format!("{}\n{}", self.uids.text(), self.gids.text());
        Digest::of(text.as_bytes()).hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(ranges: &[(u32, u32, u32)]) -> IdMap {
        IdMap(ranges.iter().map(|&(inside, outside, count)| IdRange { inside, outside, count }).collect())
    }

    #[test]
    fn ids_and_ranges() {
        let keep = map(&[(0, 1, 1000), (1000, 0, 1), (1001, 1001, 64_536)]);
        for (inside, outside) in [(0, 1), (999, 1000), (1000, 0), (1001, 1001), (65_536, 65_536)] {
            assert_eq!(keep.outside(inside), Some(outside));
        }
        assert_eq!(keep.outside(65_537), None);
        assert_eq!((keep.largest(), keep.is_identity(), keep.shown().as_str()), (65_536, false, "0-65536"));
        let top = map(&[(u32::MAX - 1, 5, 1)]);
        assert_eq!((top.largest(), top.shown().as_str()), (u32::MAX - 1, "4294967294"));
        assert_eq!(map(&[(5, 0, 1), (0, 10, 3), (3, 20, 1)]).shown(), "0-3,5");
        assert!(map(&[(0, 0, 10), (20, 20, 1)]).is_identity());
    }

    #[test]
    fn no_range_crosses_two_of_the_namespace_around() {
        let outer = map(&[(0, 1500, 1), (1, 200_000, 100), (101, 900_000, 50)]);
        let all = map(&[(0, 0, 151), (500, 50, 10)]);
        assert_eq!(all.within(&outer), map(&[(0, 0, 1), (1, 1, 100), (101, 101, 50), (500, 50, 10)]));
        assert_eq!(map(&[(0, 400, 5)]).within(&outer), map(&[(0, 400, 5)]));
    }

    #[test]
    fn fingerprints_tell_maps_apart() {
        let maps =
            |uids: &[(u32, u32, u32)], gids: &[(u32, u32, u32)]| IdMaps { uids: map(uids), gids: map(gids) };
        let one = maps(&[(0, 1, 5)], &[(0, 2, 5)]);
        assert_eq!(one.fingerprint().len(), 16);
        assert_ne!(one.fingerprint(), maps(&[(0, 2, 5)], &[(0, 1, 5)]).fingerprint());
        assert_eq!(one.uids.text(), "0 1 5\n");
    }
}
