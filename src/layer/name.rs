//! Names of entries: what a layer may call its files, and which of the names are whiteouts.
//!
//! Source: OCI image-spec v1.1 `layer.md`, "Whiteouts". A name is a path from the layer's root, with or without `/`
//! or `./` before it (`ko` writes `/ko-app/…`). Links in it are followed beneath the root when it is used.

use anyhow::{Context, Result, ensure};

/// The kernel's `PATH_MAX`, less the closing zero.
const PATH_LIMIT: usize = 4095;
/// The kernel's `NAME_MAX`.
const NAME_LIMIT: usize = 255;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What AUFS kept beside the files; images made on it still carry some.
const AUFS: &[u8] = b".wh..wh.";

/// A path from the root without `.`, `..` and double slashes; empty for the root itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name(Vec<u8>);

/// What an entry of this name is about.
#[derive(PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Itself.
    Entry,
    /// Hides this name of the layers below.
    Whiteout(Name),
    /// Hides everything that the layers below have in this directory.
    Opaque(Name),
    /// Nothing: book-keeping of AUFS.
    Nothing,
}

impl Name {
    /// Reads a name as it is in an archive. `..` is refused, even where it would lead nowhere: no tool that writes
    /// layers has it.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        ensure!(!raw.is_empty(), "the name is empty");
        ensure!(!raw.contains(&0), "the name has a zero byte");
        let mut path = Vec::with_capacity(raw.len());
        for part in raw.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => anyhow::bail!("the name has `..` in it"),
                _ => {
                    ensure!(part.len() <= NAME_LIMIT, "a part of the name is longer than {NAME_LIMIT} bytes")
                }
            }
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(part);
        }
        ensure!(path.len() <= PATH_LIMIT, "the name is longer than {PATH_LIMIT} bytes");
        Ok(Self(path))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the layer's root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory it is in, empty for the root, and its last part.
    pub fn split(&self) -> (&[u8], &[u8]) {
        split(&self.0)
    }

    /// Decides what the name means. One that uses the whiteouts' prefix in any other way is refused.
    pub fn meaning(&self) -> Result<Meaning> {
        let (parent, last) = self.split();
        let parts = || parent.split(|byte| *byte == b'/').chain([last]);
        if !parts().any(|part| part.starts_with(WHITEOUT)) {
            return Ok(Meaning::Entry);
        }
        if last != OPAQUE && parts().any(|part| part.starts_with(AUFS)) {
            return Ok(Meaning::Nothing);
        }
        let inside = parent.split(|byte| *byte == b'/').any(|part| part.starts_with(WHITEOUT));
        ensure!(!inside, "the name has a whiteout as a directory");
        if last == OPAQUE {
            return Ok(Meaning::Opaque(Self(parent.to_vec())));
        }
        let hidden = last.strip_prefix(WHITEOUT).context("the name is no whiteout")?;
        ensure!(!matches!(hidden, b"" | b"." | b".."), "the whiteout names no file");
        let slash: &[u8] = if parent.is_empty() { b"" } else { b"/" };
        Ok(Meaning::Whiteout(Self([parent, slash, hidden].concat())))
    }
}

/// The directory that a path is in, empty for the root, and its last part.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name(text.as_bytes().to_vec())
    }

    #[test]
    fn names() {
        for (raw, clean) in [
            ("a/b", "a/b"),
            ("./a//b/./", "a/b"),
            ("/a", "a"),
            ("./", ""),
            ("/", ""),
            ("...", "..."),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(Name::parse(raw.as_bytes()).unwrap(), name(clean), "{raw}");
        }
        let (long, deep) = ("x".repeat(256), "d/".repeat(2100));
        for raw in ["", "..", "../a", "a/..", "a/../b", "/..", "a\0b", &long, &deep] {
            assert!(Name::parse(raw.as_bytes()).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn meanings() {
        for (text, meaning) in [
            ("a/b", Meaning::Entry),
            ("a/.wha", Meaning::Entry),
            (".wh.b", Meaning::Whiteout(name("b"))),
            ("a/.wh.b", Meaning::Whiteout(name("a/b"))),
            ("a/.wh....", Meaning::Whiteout(name("a/..."))),
            (".wh..wh..opq", Meaning::Opaque(name(""))),
            ("a/.wh..wh..opq", Meaning::Opaque(name("a"))),
            (".wh..wh.aufs", Meaning::Nothing),
            (".wh..wh.plnk/12.34", Meaning::Nothing),
        ] {
            assert_eq!(name(text).meaning().unwrap(), meaning, "{text}");
        }
        for text in [
            ".wh.",
            ".wh..",
            ".wh...",
            "a/.wh.",
            "a/.wh...",
            ".wh.a/b",
            ".wh.a/.wh.b",
            "a/.wh.b/.wh..wh..opq",
        ] {
            assert!(name(text).meaning().is_err(), "{text}");
        }
    }
}
