//! Which ids a user gets in a user namespace: what the host offers, and what is made of it.

use std::fs;
use std::path::PathBuf;

use crate::base::idmap::{IdMap, IdMaps, IdRange};
use crate::config::{env, subid};

/// Which ids exist in this user's namespace, those outside being the host's, and who may write that down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserMaps {
    pub maps: IdMaps,
    pub writer: Writer,
}

/// Who writes the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The distribution's `newuidmap` and `newgidmap`.
    Helpers,
    /// This process: root may map any id.
    Root,
    /// This process, which may map only itself and must give up `setgroups(2)` (user_namespaces(7)).
    Single,
}

/// What a host offers a user, read once.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    pub uid: u32,
    pub gid: u32,
    pub subuids: Vec<subid::IdRange>,
    pub subgids: Vec<subid::IdRange>,
    pub newuidmap: Option<PathBuf>,
    pub newgidmap: Option<PathBuf>,
    /// What `/proc/self/uid_map` and `gid_map` say, which is all that can be passed on.
    pub own_uids: Vec<IdRange>,
    pub own_gids: Vec<IdRange>,
    /// Whether the user was given ids of which none exist in the namespace around this process.
    pub elsewhere: bool,
}

impl Offered {
    /// Reads `/etc/subuid` and `/etc/subgid`, or asks a directory service, and the search path.
    pub fn read() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let gid = rustix::process::getgid().as_raw();
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = subid::login_name(&passwd, uid).map(str::to_owned).or_else(|| env::value("USER"));
        let [subuids, subgids] = subid::of_user(name.as_deref(), uid);
        Self {
            uid,
            gid,
            subuids,
            subgids,
            newuidmap: env::find_program("newuidmap"),
            newgidmap: env::find_program("newgidmap"),
            own_uids: read_own_map("/proc/self/uid_map"),
            own_gids: read_own_map("/proc/self/gid_map"),
            elsewhere: false,
        }
        .that_exist()
    }

    /// Leaves out what the namespace around this process does not have: a container's `/etc/subuid` is written for a host.
    fn that_exist(mut self) -> Self {
        let has_both = |offered: &Self| !offered.subuids.is_empty() && !offered.subgids.is_empty();
        let had_both = has_both(&self);
        self.subuids = existing(&self.subuids, &self.own_uids);
        self.subgids = existing(&self.subgids, &self.own_gids);
        self.elsewhere = had_both && !has_both(&self);
        self
    }
}

impl UserMaps {
    /// The default map: container 0 is the user, 1… are the user's ranges. Root without ranges of its own
    /// maps everything onto itself; a user without ranges, or without the tools, has one id.
    pub fn default_for(offered: &Offered) -> Self {
        let ranges = !offered.subuids.is_empty() && !offered.subgids.is_empty();
        if offered.uid == 0 && !ranges {
            let maps = IdMaps { uids: identity(&offered.own_uids), gids: identity(&offered.own_gids) };
            return Self { maps, writer: Writer::Root };
        }
        if ranges && offered.newuidmap.is_some() && offered.newgidmap.is_some() {
            let maps = IdMaps {
                uids: user_then_ranges(offered.uid, &offered.subuids),
                gids: user_then_ranges(offered.gid, &offered.subgids),
            };
            return Self { maps, writer: if offered.uid == 0 { Writer::Root } else { Writer::Helpers } };
        }
        let maps =
            IdMaps { uids: user_then_ranges(offered.uid, &[]), gids: user_then_ranges(offered.gid, &[]) };
        Self { maps, writer: Writer::Single }
    }

    /// Whether there is only the user's own id, so that every owner in an image becomes that.
    pub fn is_single(&self) -> bool {
        self.writer == Writer::Single
    }

    /// Why there is a single id, and the line that gives more; nothing to say otherwise.
    pub fn notice(&self, offered: &Offered) -> Option<String> {
        if !self.is_single() {
            return None;
        }
        if offered.elsewhere {
            return Some(
                "the ids in /etc/subuid and /etc/subgid do not exist in the container around this one: files of an \
                 image all become yours. hint: list there some of /proc/self/uid_map"
                    .to_owned(),
            );
        }
        if offered.subuids.is_empty() || offered.subgids.is_empty() {
            return Some(format!(
                "no subordinate ids in /etc/subuid and /etc/subgid: files of an image all become yours. \
                 hint: {}",
                subid_hint(offered.uid, 0)
            ));
        }
        Some(
            "newuidmap and newgidmap are not installed: files of an image all become yours. \
             hint: install the package uidmap (Debian, Ubuntu) or shadow-utils"
                .to_owned(),
        )
    }
}

/// The command that gives a user at least `count` subordinate ids, 65536 or more.
pub fn subid_hint(uid: u32, count: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = subid::login_name(&passwd, uid).map_or_else(|| uid.to_string(), str::to_owned);
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    subid::command_that_adds(&name, count, &text("/etc/subuid"), &text("/etc/subgid"))
}

fn user_then_ranges(user: u32, ranges: &[subid::IdRange]) -> IdMap {
    let mut map = vec![IdRange { inside: 0, outside: user, count: 1 }];
    let mut next: u32 = 1;
    for range in ranges {
        let Some(end) = next.checked_add(range.count) else { break };
        map.push(IdRange { inside: next, outside: range.start, count: range.count });
        next = end;
    }
    IdMap(map)
}

/// What of these ranges exists in a namespace with this map.
fn existing(ranges: &[subid::IdRange], own: &[IdRange]) -> Vec<subid::IdRange> {
    let common = |range: &subid::IdRange, own: &IdRange| {
        let start = range.start.max(own.inside);
        let end = range.start.saturating_add(range.count).min(own.inside.saturating_add(own.count));
        (start < end).then(|| subid::IdRange { start, count: end - start })
    };
    ranges.iter().flat_map(|range| own.iter().filter_map(move |own| common(range, own))).collect()
}

fn identity(own: &[IdRange]) -> IdMap {
    IdMap(own.iter().map(|range| IdRange { outside: range.inside, ..*range }).collect())
}

pub fn read_own_map(path: &str) -> Vec<IdRange> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let mut next = || numbers.next()?.ok();
        Some(IdRange { inside: next()?, outside: next()?, count: next()? })
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(inside: u32, outside: u32, count: u32) -> IdRange {
        IdRange { inside, outside, count }
    }

    fn offered() -> Offered {
        let sub = |start, count| subid::IdRange { start, count };
        Offered {
            uid: 1000,
            gid: 100,
            subuids: vec![sub(100_000, 65536), sub(300_000, 10)],
            subgids: vec![sub(200_000, 65536)],
            newuidmap: Some("/usr/bin/newuidmap".into()),
            newgidmap: Some("/usr/bin/newgidmap".into()),
            ..Offered::default()
        }
    }

    #[test]
    fn the_user_comes_first_then_the_ranges() {
        let maps = UserMaps::default_for(&offered());
        assert_eq!(maps.writer, Writer::Helpers);
        assert_eq!(
            maps.maps.uids.0,
            [range(0, 1000, 1), range(1, 100_000, 65536), range(65537, 300_000, 10)]
        );
        assert_eq!(maps.maps.gids.0, [range(0, 100, 1), range(1, 200_000, 65536)]);
        assert_eq!(maps.notice(&offered()), None);
    }

    #[test]
    fn without_ranges_or_tools_there_is_one_id_and_a_line_that_says_so() {
        let no_ranges = Offered { subgids: vec![], ..offered() };
        let no_tool = Offered { newgidmap: None, ..offered() };
        for (host, word) in [(no_ranges, "usermod --add-subuids"), (no_tool, "uidmap")] {
            let maps = UserMaps::default_for(&host);
            assert_eq!((maps.writer, &maps.maps.uids.0[..]), (Writer::Single, &[range(0, 1000, 1)][..]));
            assert!(maps.notice(&host).unwrap().contains(word));
        }
    }

    #[test]
    fn ids_of_a_namespace_around() {
        let host = [range(0, 0, u32::MAX)];
        // As in a container of an ordinary user.
        let container = [range(0, 1000, 1), range(1, 100_000, 65_536)];
        for (own, ranges, there) in [
            (&host[..], &[(100_000, 65_536)][..], &[(100_000, 65_536)][..]),
            (&container, &[(100_000, 65_536)], &[]),
            (&container, &[(1001, 500), (65_000, 1000)], &[(1001, 500), (65_000, 537)]),
            (&container, &[(0, 3)], &[(0, 1), (1, 2)]),
            (&[], &[(1, 1)], &[]),
        ] {
            let all = |pairs: &[(u32, u32)]| -> Vec<subid::IdRange> {
                pairs.iter().map(|&(start, count)| subid::IdRange { start, count }).collect()
            };
            assert_eq!(existing(&all(ranges), own), all(there), "{ranges:?} in {own:?}");
        }
        let own = || container.to_vec();
        let within = Offered { own_uids: own(), own_gids: own(), ..offered() }.that_exist();
        let maps = UserMaps::default_for(&within);
        assert!(maps.is_single() && maps.notice(&within).unwrap().contains("of /proc/self/uid_map"));
    }

    #[test]
    fn root_maps_what_it_has() {
        let root = Offered {
            own_uids: vec![range(0, 0, u32::MAX)],
            own_gids: vec![range(0, 5, 10)],
            ..Offered::default()
        };
        let maps = UserMaps::default_for(&root);
        assert_eq!(maps.writer, Writer::Root);
        assert_eq!(
            (&maps.maps.uids.0[..], &maps.maps.gids.0[..]),
            (&[range(0, 0, u32::MAX)][..], &[range(0, 0, 10)][..])
        );
        let with_ranges = Offered { uid: 0, ..offered() };
        assert_eq!(UserMaps::default_for(&with_ranges).writer, Writer::Root);
    }
}
