//! Subordinate ids: `/etc/subuid` and `/etc/subgid` (man subuid(5)).

use std::fs;
use std::path::Path;

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
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let (owner, start, count) = (fields.next()?, fields.next()?, fields.next()?);
            if fields.next().is_some() || !(Some(owner) == user || owner == uid) {
                return None;
            }
            let (start, count) = (start.parse::<u32>().ok()?, count.parse::<u32>().ok()?);
            start.checked_add(count)?;
            (count > 0).then_some(IdRange { start, count })
        })
        .collect()
}

/// Reads the ranges of a user from one of the two files; a missing file has none.
pub fn read(path: &Path, user: Option<&str>, uid: u32) -> Vec<IdRange> {
    fs::read_to_string(path).map(|text| parse(&text, user, uid)).unwrap_or_default()
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
    fn names_in_passwd() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(login_name(text, 1000), Some("alice"));
        assert_eq!(login_name(text, 7), None);
    }
}
