//! Subordinate ids: `/etc/subuid` and `/etc/subgid` (man subuid(5)), or a directory service.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::env;

/// `count` consecutive ids from `start`, delegated to a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdRange {
    pub start: u32,
    pub count: u32,
}

/// The ranges that `text` (the content of `/etc/subuid` or `/etc/subgid`) gives to a user, who may be
/// written by name or by number. Lines that make no sense are passed over, as `newuidmap` does.
pub fn parse(text: &str, user: Option<&str>, uid: u32) -> Vec<IdRange> {
    let uid = uid.to_string();
    let own = lines(text).filter(|(owner, _)| Some(*owner) == user || *owner == uid);
    own.map(|(_, range)| range).collect()
}

/// The ranges of everybody else, with their owners as they are written.
pub fn of_others<'a>(text: &'a str, user: Option<&str>, uid: u32) -> Vec<(&'a str, IdRange)> {
    let uid = uid.to_string();
    lines(text).filter(|(owner, _)| Some(*owner) != user && *owner != uid).collect()
}

fn lines(text: &str) -> impl Iterator<Item = (&str, IdRange)> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let (owner, start, count) = (fields.next()?, fields.next()?, fields.next()?);
        let (start, count) = (start.parse::<u32>().ok()?, count.parse::<u32>().ok()?);
        start.checked_add(count)?;
        (fields.next().is_none() && count > 0).then_some((owner, IdRange { start, count }))
    })
}

/// The command that gives a user at least `count` ids, 65536 or more, which nobody has in the two files' content.
pub fn command_that_adds(user: &str, count: u32, subuid: &str, subgid: &str) -> String {
    /// Where shadow begins (man login.defs(5), SUB_UID_MIN).
    const FIRST: u32 = 100_000;
    let ends = lines(subuid).chain(lines(subgid)).map(|(_, range)| range.start + range.count);
    let first = u64::from(ends.max().unwrap_or(FIRST).max(FIRST));
    let last = first + u64::from(count.max(65_536)) - 1;
    format!("sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {user}")
}

/// The ranges of a user: of user ids, and of group ids. Where the files have none, a directory service is asked that
/// the host is set up for.
pub fn of_user(user: Option<&str>, uid: u32) -> [Vec<IdRange>; 2] {
    let files = ["/etc/subuid", "/etc/subgid"].map(|path| read(Path::new(path), user, uid));
    match user {
        Some(user) if files.iter().any(Vec::is_empty) && service().is_some() => {
            of_service(user).unwrap_or(files)
        }
        _ => files,
    }
}

/// Reads the ranges of a user from one of the two files; a missing file has none.
pub fn read(path: &Path, user: Option<&str>, uid: u32) -> Vec<IdRange> {
    fs::read_to_string(path).map(|text| parse(&text, user, uid)).unwrap_or_default()
}

/// The directory service that gives subordinate ids here, by its name in nsswitch.conf(5), such as `sss`.
pub fn service() -> Option<String> {
    service_in(&fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default())
}

fn service_in(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("subid:"))?;
    // There is one source, and the files are it where nothing else is named (shadow's lib/nss.c).
    line.split_whitespace()
        .next()
        .filter(|name| *name != "files" && !name.starts_with('#'))
        .map(str::to_owned)
}

/// What the directory service gives a user, by getsubids(1); `None` where that is not installed. Only it knows how such a
/// service is asked: by a library of the host's, which no static program loads.
pub fn of_service(user: &str) -> Option<[Vec<IdRange>; 2]> {
    let program = env::find_program("getsubids")?;
    let ask = |flags: &[&str]| {
        let asked =
            Command::new(&program).args(flags).arg(user).stdin(Stdio::null()).stderr(Stdio::null()).output();
        asked.map(|output| listed(&String::from_utf8_lossy(&output.stdout))).unwrap_or_default()
    };
    Some([ask(&[]), ask(&["-g"])])
}

/// Reads what getsubids(1) says: `0: alice 100000 65536`.
fn listed(text: &str) -> Vec<IdRange> {
    let range = |line: &str| {
        let mut words = line.split_whitespace().skip(2).map(|word| word.parse::<u32>().ok());
        let (start, count) = (words.next()??, words.next()??);
        start.checked_add(count)?;
        (count > 0).then_some(IdRange { start, count })
    };
    text.lines().filter_map(range).collect()
}

/// The login name of `uid` in the text of `/etc/passwd`.
pub fn login_name(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_by_name_and_number() {
        let text = "alice:100000:65536\n# note\nbob:1:2:3\n1000:300000:10\nalice:x:5\nalice:5:0\n\
                    alice:4294967295:2\n eve:200000:65536\n";
        let range = |start, count| IdRange { start, count };
        assert_eq!(parse(text, Some("alice"), 1000), [range(100_000, 65536), range(300_000, 10)]);
        assert_eq!(parse(text, None, 1000), [range(300_000, 10)]);
        assert_eq!(parse(text, Some("bob"), 7), []);
    }

    #[test]
    fn directory_services() {
        for (text, want) in [
            ("", None),
            ("passwd: files sss\n", None),
            ("subid: files\n", None),
            ("subid: sss # of the company\n", Some("sss")),
            ("# subid: sss\nsubid:\tldap\n", Some("ldap")),
            ("subid:\n", None),
        ] {
            assert_eq!(service_in(text).as_deref(), want, "{text:?}");
        }
        let range = |start, count| IdRange { start, count };
        let text = "0: alice 100000 65536\n1: alice 200000 x\nError fetching ranges\n1: alice 300000 10\n";
        assert_eq!(listed(text), [range(100_000, 65536), range(300_000, 10)]);
    }

    #[test]
    fn others_and_what_is_free() {
        let text = "alice:100000:65536\n1000:300000:10\nbob:400000:5\n";
        let others = of_others(text, Some("alice"), 1000);
        assert_eq!(others, [("bob", IdRange { start: 400_000, count: 5 })]);
        for (subuid, first) in [("", 100_000), ("a:5:5\n", 100_000), (text, 400_005)] {
            let last = first + 65_535;
            assert_eq!(
                command_that_adds("eve", 0, subuid, ""),
                format!("sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} eve")
            );
        }
        assert!(command_that_adds("eve", 70_000, "", text).contains("--add-subgids 400005-470004 "));
    }

    #[test]
    fn names_in_passwd() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(login_name(text, 1000), Some("alice"));
        assert_eq!(login_name(text, 7), None);
    }
}
