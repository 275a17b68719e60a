//! Subordinate ids, and the programs that map them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use super::Finding;
use crate::config::env;
use crate::config::subid::{self, IdRange};
use crate::runtime::userns::Offered;

const RANGES: &str = "subordinate ids";
const HELPERS: &str = "newuidmap";

/// Images use ids up to 65534, `nobody`; the user's own id is one more.
const ENOUGH: u64 = 65_535;

#[derive(Clone, Debug)]
pub struct Ids {
    uid: u32,
    /// As the two files may name the user.
    name: Option<String>,
    /// What is in `/etc/subuid`, `/etc/subgid` and `/etc/passwd`.
    subuid: String,
    subgid: String,
    passwd: String,
    /// A directory service that gives them instead, and what it gives, as far as that can be asked.
    service: Option<(String, Option<[Vec<IdRange>; 2]>)>,
    /// Whether none of these exist in the namespace around this process.
    elsewhere: bool,
    newuidmap: Helper,
    newgidmap: Helper,
    /// Nothing that this process executes gets more rights than it has (prctl(2), PR_SET_NO_NEW_PRIVS).
    no_new_privileges: bool,
}

/// One of the two programs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Helper {
    Missing,
    Privileged,
    /// Neither the set-user-id bit nor a capability.
    Plain(PathBuf),
    /// The filesystem is mounted without set-user-id.
    NoSuid(PathBuf),
}

pub fn read() -> Ids {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let uid = rustix::process::getuid().as_raw();
    let passwd = text("/etc/passwd");
    let name = subid::login_name(&passwd, uid).map(str::to_owned).or_else(|| env::value("USER"));
    let given = || name.as_deref().and_then(subid::of_service);
    let service = subid::service().map(|service| (service, given()));
    Ids {
        uid,
        service,
        name,
        subuid: text("/etc/subuid"),
        subgid: text("/etc/subgid"),
        passwd,
        elsewhere: Offered::read().elsewhere,
        newuidmap: helper("newuidmap"),
        newgidmap: helper("newgidmap"),
        no_new_privileges: text("/proc/self/status").lines().any(|line| line == "NoNewPrivs:\t1"),
    }
}

fn helper(name: &str) -> Helper {
    let Some(path) = env::find_program(name) else { return Helper::Missing };
    let is_privileged = || {
        let meta = fs::metadata(&path).ok()?;
        let has_bit = meta.permissions().mode() & 0o4000 != 0;
        Some(has_bit || has_capability(&path))
    };
    let flags = rustix::fs::statvfs(&path).map(|stat| stat.f_flag);
    match (is_privileged(), flags) {
        (_, Ok(flags)) if flags.contains(StatVfsMountFlags::NOSUID) => Helper::NoSuid(path),
        (Some(true), _) => Helper::Privileged,
        _ => Helper::Plain(path),
    }
}

/// Fedora's way: a file capability instead of the bit.
fn has_capability(path: &Path) -> bool {
    rustix::fs::getxattr(path, "security.capability", &mut [0u8; 64][..]).is_ok()
}

pub fn judge(ids: &Ids) -> Vec<Finding> {
    if ids.uid == 0 {
        return vec![Finding::fine(RANGES, "root has all ids that there are here")];
    }
    let uids = subid::parse(&ids.subuid, ids.name.as_deref(), ids.uid);
    let gids = subid::parse(&ids.subgid, ids.name.as_deref(), ids.uid);
    let has_ranges = !uids.is_empty() && !gids.is_empty();
    if let Some((service, given)) = ids.service.as_ref().filter(|_| !has_ranges) {
        let has_any = given.as_ref().is_some_and(|given| given.iter().all(|ranges| !ranges.is_empty()));
        return vec![judge_service(ids, service, given.as_ref()), judge_helpers(ids, has_any)];
    }
    vec![judge_ranges(ids, &uids, &gids), judge_helpers(ids, has_ranges)]
}

fn judge_ranges(ids: &Ids, uids: &[IdRange], gids: &[IdRange]) -> Finding {
    let files = [("/etc/subuid", &ids.subuid, uids), ("/etc/subgid", &ids.subgid, gids)];
    let add = || subid::command_that_adds(&ids.name(), 0, &ids.subuid, &ids.subgid);
    let name = ids.name();
    for (file, _, ranges) in files {
        if ranges.is_empty() {
            let what = format!("{name} has none in {file}");
            let why = "files of an image all become yours, and its programs can be no other user";
            return Finding::warning(RANGES, what, why, add());
        }
    }
    for (file, text, ranges) in files {
        if let Some((one, other)) = overlap_within(ranges) {
            let what = format!("{name}'s ranges in {file} overlap: {} and {}", shown(one), shown(other));
            let why = "the kernel refuses to map an id twice, so no container starts";
            return Finding::failed(RANGES, what, why, format!("sudoedit {file}, and leave one of both out"));
        }
        let others = subid::of_others(text, ids.name.as_deref(), ids.uid);
        let owned: Vec<IdRange> = others.iter().map(|(_, range)| *range).collect();
        if let Some((own, at)) = overlap_between(ranges, &owned) {
            let owner = others.iter().find(|(_, range)| *range == at).map_or("another", |(owner, _)| owner);
            let what = format!("{name}'s {} in {file} overlap with {owner}'s {}", shown(own), shown(at));
            let why = "who has the same ids can change what is in your containers";
            return Finding::warning(RANGES, what, why, format!("sudoedit {file}, and give each their own"));
        }
    }
    if let Some((account, id)) = account_within(&ids.passwd, uids) {
        let what = format!("{name}'s ids in /etc/subuid have the account {account} ({id}) among them");
        let why = "a container can be made to own that account's files";
        return Finding::warning(RANGES, what, why, "sudoedit /etc/subuid, and begin above all accounts");
    }
    let counts = [uids, gids].map(|ranges| ranges.iter().map(|range| u64::from(range.count)).sum::<u64>());
    let least = counts[0].min(counts[1]);
    if least < ENOUGH {
        let what = format!("{name} has {least}, and images use {ENOUGH}");
        let why = "an image with a file or a user beyond them is refused";
        return Finding::warning(RANGES, what, why, add());
    }
    if ids.elsewhere {
        let what = format!("{name}'s {} do not exist in the container around this one", all_shown(uids));
        let why = "files of an image all become yours, and its programs can be no other user";
        let mend = "sudoedit /etc/subuid /etc/subgid, and list there some of /proc/self/uid_map";
        return Finding::warning(RANGES, what, why, mend);
    }
    Finding::fine(RANGES, format!("users {}, groups {}", all_shown(uids), all_shown(gids)))
}

fn judge_service(ids: &Ids, service: &str, given: Option<&[Vec<IdRange>; 2]>) -> Finding {
    let why = "files of an image all become yours, and its programs can be no other user";
    let name = ids.name();
    let Some([uids, gids]) = given else {
        let what = format!("{service} gives them, and getsubids, which asks it, is not installed");
        return Finding::warning(
            RANGES,
            what,
            why,
            "sudo apt-get install uidmap; elsewhere shadow-utils-subid",
        );
    };
    if uids.is_empty() || gids.is_empty() {
        let fix = format!("have the administrator of {service} give {name} 65536 user and group ids");
        return Finding::warning(RANGES, format!("{name} has none in {service}"), why, fix);
    }
    Finding::fine(
        RANGES,
        format!("users {}, groups {}, given by {service}", all_shown(uids), all_shown(gids)),
    )
}

fn all_shown(ranges: &[IdRange]) -> String {
    ranges.iter().copied().map(shown).collect::<Vec<_>>().join(", ")
}

impl Ids {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.uid.to_string())
    }
}

fn judge_helpers(ids: &Ids, has_ranges: bool) -> Finding {
    for (name, helper) in [("newuidmap", &ids.newuidmap), ("newgidmap", &ids.newgidmap)] {
        let (what, mend) = match helper {
            Helper::Privileged => continue,
            Helper::Missing => {
                let why = "without it subordinate ids cannot be used: files of an image all become yours";
                let mend = "sudo apt-get install uidmap; elsewhere the package shadow-utils or shadow";
                return Finding::warning(HELPERS, format!("{name} is not installed"), why, mend);
            }
            Helper::Plain(path) => (
                format!("{} is not privileged", path.display()),
                format!("sudo chmod u+s {}", path.display()),
            ),
            Helper::NoSuid(path) => (
                format!("{} is on a filesystem that is mounted nosuid", path.display()),
                format!("sudo mount -o remount,suid \"$(findmnt -no TARGET -T {})\"", path.display()),
            ),
        };
        let why = "it cannot map subordinate ids, so no container starts";
        return match has_ranges {
            true => Finding::failed(HELPERS, what, why, mend),
            false => Finding::warning(HELPERS, what, "it could not map subordinate ids", mend),
        };
    }
    if ids.no_new_privileges && has_ranges {
        let what = "this process may not gain privileges (no_new_privs), so newuidmap gets none";
        let why = "subordinate ids cannot be mapped, so no container starts";
        let mend = "start coracle from a login; in a unit of systemd: NoNewPrivileges=no";
        return Finding::failed(HELPERS, what, why, mend);
    }
    Finding::fine(HELPERS, "newuidmap and newgidmap are installed and privileged")
}

fn shown(range: IdRange) -> String {
    format!("{}-{}", range.start, u64::from(range.start) + u64::from(range.count) - 1)
}

/// The first two ranges of one list with an id in common.
fn overlap_within(ranges: &[IdRange]) -> Option<(IdRange, IdRange)> {
    (1..ranges.len()).find_map(|at| overlap_between(&ranges[at..=at], &ranges[..at]))
}

/// The first two ranges, one of each list, with an id in common.
fn overlap_between(ranges: &[IdRange], others: &[IdRange]) -> Option<(IdRange, IdRange)> {
    let end = |range: &IdRange| u64::from(range.start) + u64::from(range.count);
    let meet = |a: &IdRange, b: &IdRange| u64::from(a.start) < end(b) && u64::from(b.start) < end(a);
    ranges.iter().find_map(|one| Some((*one, *others.iter().find(|other| meet(one, other))?)))
}

/// An account of this host whose id is in one of the ranges.
fn account_within<'a>(passwd: &'a str, ranges: &[IdRange]) -> Option<(&'a str, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?.parse::<u32>().ok()?);
        let holds = |range: &IdRange| id.checked_sub(range.start).is_some_and(|offset| offset < range.count);
        ranges.iter().any(holds).then_some((name, id))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;

    fn healthy() -> Ids {
        Ids {
            uid: 1000,
            name: Some("ann".to_owned()),
            subuid: "ann:100000:65536\nben:165536:65536\n".to_owned(),
            subgid: "ann:100000:65536\n".to_owned(),
            passwd: "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\nfar:x:300000:1::/:/bin/sh\n"
                .to_owned(),
            service: None,
            elsewhere: false,
            newuidmap: Helper::Privileged,
            newgidmap: Helper::Privileged,
            no_new_privileges: false,
        }
    }

    #[test]
    fn ranges() {
        let of = |subuid: &str| Ids { subuid: subuid.to_owned(), ..healthy() };
        for (ids, level, words) in [
            (healthy(), Level::Fine, &["users 100000-165535, groups"][..]),
            (of("1000:100000:65536\n"), Level::Fine, &["users 100000-165535"]),
            (
                of("ben:100000:65536\n"),
                Level::Warning,
                &["ann has none in /etc/subuid", "sudo usermod --add-subuids 165536-231071", " ann"],
            ),
            (of("ann:100000:1000\n"), Level::Warning, &["ann has 1000", "--add-subuids 165536-231071"]),
            (
                of("ann:100000:65536\nann:165535:10\n"),
                Level::Failed,
                &["165535-165544 and 100000-165535", "sudoedit /etc/subuid"],
            ),
            (of("ann:100000:65536\nben:100000:65536\n"), Level::Warning, &["overlap with ben's"]),
            (of("ann:299999:65536\n"), Level::Warning, &["account far (300000)"]),
            (
                Ids { elsewhere: true, ..healthy() },
                Level::Warning,
                &["100000-165535 do not exist", "of /proc/self/uid_map"],
            ),
            (Ids { uid: 0, ..of("") }, Level::Fine, &["root"]),
            (Ids { name: None, ..of("") }, Level::Warning, &["1000 has none"]),
        ] {
            assert_found(&judge(&ids), RANGES, level, words);
        }
    }

    #[test]
    fn helpers() {
        let plain = || Helper::Plain("/usr/bin/newuidmap".into());
        for (ids, level, words) in [
            (healthy(), Level::Fine, &[][..]),
            (
                Ids { newgidmap: Helper::Missing, ..healthy() },
                Level::Warning,
                &["newgidmap is not installed", "uidmap"],
            ),
            (
                Ids { newuidmap: plain(), ..healthy() },
                Level::Failed,
                &["is not privileged", "sudo chmod u+s /usr/bin/newuidmap"],
            ),
            (
                Ids { newuidmap: plain(), subuid: String::new(), ..healthy() },
                Level::Warning,
                &["is not privileged"],
            ),
            (
                Ids { newuidmap: Helper::NoSuid("/opt/newuidmap".into()), ..healthy() },
                Level::Failed,
                &["nosuid", "remount,suid"],
            ),
            (Ids { no_new_privileges: true, ..healthy() }, Level::Failed, &["NoNewPrivileges=no"]),
        ] {
            assert_found(&judge(&ids), HELPERS, level, words);
        }
    }
}
