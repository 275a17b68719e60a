//! The files in a tar archive by name, where the archive is a file that can be read at any place: nothing is
//! unpacked to read one of them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};

use super::entries::{Entries, Kind};
use super::name::Name;

/// More members than an archive of images can have.
const MEMBER_LIMIT: usize = 1 << 20;
/// Links followed from one member to another.
const LINK_LIMIT: usize = 10;

/// An archive and where its members are.
pub struct Members {
    file: File,
    members: HashMap<Vec<u8>, Member>,
}

enum Member {
    File {
        offset: u64,
        size: u64,
    },
    /// A link to another member, by its whole name: docker writes one for a layer that comes twice.
    Link(Vec<u8>),
}

impl Members {
    /// Finds the members of an uncompressed archive. Where a name comes twice, the last counts.
    pub fn open(mut file: File) -> Result<Self> {
        let mut members = HashMap::new();
        let length = file.metadata()?.len();
        file.rewind()?;
        let mut entries = Entries::new(BufReader::with_capacity(32 << 10, &file));
        while let Some(entry) = entries.next()? {
            let shown = || format!("member {:?}", String::from_utf8_lossy(&entry.path));
            let name = Name::parse(&entry.path).with_context(shown)?;
            let member = match entry.kind {
                Kind::File => {
                    ensure!(entry.sparse.is_none(), "{} has holes", shown());
                    let (offset, size) = (entries.source().stream_position()?, entry.stored);
                    let end = offset.checked_add(size).filter(|end| *end <= length);
                    end.with_context(|| format!("{}: the archive is cut off", shown()))?;
                    Member::File { offset, size }
                }
                Kind::HardLink => {
                    Member::Link(Name::parse(&entry.link).with_context(shown)?.as_bytes().to_vec())
                }
                Kind::Symlink => Member::Link(beside(&name, &entry.link)),
                _ => continue,
            };
            ensure!(members.len() < MEMBER_LIMIT, "more than {MEMBER_LIMIT} members");
            members.insert(name.as_bytes().to_vec(), member);
        }
        Ok(Self { file, members })
    }

    /// Opens a member for reading; `None` where there is none of this name. Its size comes beside.
    pub fn get(&self, name: &str) -> Option<(Section<'_>, u64)> {
        let name = Name::parse(name.as_bytes()).ok()?;
        let mut name = name.as_bytes();
        for _ in 0..LINK_LIMIT {
            match self.members.get(name)? {
                Member::File { offset, size } => {
                    return Some((Section { file: &self.file, at: *offset, end: offset + size }, *size));
                }
                Member::Link(target) => name = target,
            }
        }
        None
    }
}

/// The whole name that a relative target has, seen from a member. It is only looked up among the members, so one
/// that leads out of the archive is one that does not exist.
fn beside(name: &Name, target: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = match target.starts_with(b"/") {
        true => Vec::new(),
        false => name.split().0.split(|byte| *byte == b'/').collect(),
    };
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join(&b'/')
}

/// A part of a file, read independently of every other.
pub struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let n = buffer.len().min(left);
        let n = self.file.read_at(&mut buffer[..n], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn members(build: impl FnOnce(&mut tar::Builder<File>)) -> Members {
        let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
        build(&mut builder);
        Members::open(builder.into_inner().unwrap()).unwrap()
    }

    fn header(kind: tar::EntryType, size: usize) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header
    }

    fn text(members: &Members, name: &str) -> Option<String> {
        let (mut section, size) = members.get(name)?;
        let mut text = String::new();
        section.read_to_string(&mut text).unwrap();
        assert_eq!(size, text.len() as u64);
        Some(text)
    }

    #[test]
    fn members_and_links() {
        let members = members(|builder| {
            let big = "x".repeat(100_000);
            for (name, content) in [("a/layer.tar", big.as_str()), ("manifest.json", "[]"), ("b/json", "{}")]
            {
                let mut header = header(tar::EntryType::Regular, content.len());
                builder.append_data(&mut header, name, content.as_bytes()).unwrap();
            }
            for (name, target) in
                [("b/layer.tar", "../a/layer.tar"), ("out", "../../etc/passwd"), ("loop", "loop")]
            {
                builder.append_link(&mut header(tar::EntryType::Symlink, 0), name, target).unwrap();
            }
        });
        assert_eq!(text(&members, "a/layer.tar").unwrap().len(), 100_000);
        assert_eq!(text(&members, "b/layer.tar").unwrap().len(), 100_000);
        assert_eq!(text(&members, "./manifest.json").unwrap(), "[]");
        for missing in ["out", "loop", "a", "nothing", "../manifest.json"] {
            assert!(members.get(missing).is_none(), "{missing}");
        }
    }

    #[test]
    fn an_archive_that_is_cut_off() {
        let mut file = tempfile::tempfile().unwrap();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header(tar::EntryType::Regular, 5000), "a", &[1; 5000][..]).unwrap();
        file.write_all(&builder.into_inner().unwrap()[..3000]).unwrap();
        assert!(Members::open(file).err().unwrap().to_string().contains("cut off"));
    }
}
