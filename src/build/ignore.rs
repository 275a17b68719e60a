//! Lists of patterns of which the last one that matches decides: `.dockerignore`, `--exclude` and `--parents`.
//!
//! Source: moby `patternmatcher` (`MatchesUsingParentResults`) and `ignorefile`. A pattern that matches a directory
//! matches all in it; one that begins with `!` takes back what those before it have matched.

use std::ffi::OsStr;
use std::path::{Component, Path};

use anyhow::{Result, bail};

use super::glob::{Glob, Stars};

/// A list of patterns, in order.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    list: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    glob: Glob,
    /// It begins with `!`.
    is_exception: bool,
    /// Its parts, to tell which directories it may reach into; `None` for one that may reach anywhere.
    parts: Vec<Option<Glob>>,
}

/// Which patterns have matched a directory: they match all in it.
#[derive(Clone, Debug, Default)]
pub struct Marks(Vec<bool>);

impl Patterns {
    /// Reads an ignore file.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
        let absolute = |line: &str| {
            let (sign, path) = match line.strip_prefix('!') {
                Some(path) => ("!", path.trim()),
                None => ("", line),
            };
            let clean = if path.is_empty() { String::new() } else { clean(path) };
            // A path from the root means the root of the context.
            let relative = clean.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&clean);
            format!("{sign}{relative}")
        };
        let patterns: Vec<_> = lines.filter(|line| !line.is_empty()).map(absolute).collect();
        Self::new(&patterns)
    }

    /// Reads patterns.
    pub fn new(patterns: &[impl AsRef<str>]) -> Result<Self> {
        let mut list = Vec::new();
        for pattern in patterns {
            let pattern = pattern.as_ref().trim();
            if pattern.is_empty() {
                continue;
            }
            let whole = clean(pattern);
            let (is_exception, path) = match whole.strip_prefix('!') {
                Some("") => bail!("illegal exclusion pattern: \"!\""),
                Some(path) => (true, path),
                None => (false, whole.as_str()),
            };
            let part = |part: &str| match part.contains("**") {
                true => None,
                false => Glob::new(part, Stars::Flat).ok(),
            };
            let glob = Glob::new(path, Stars::Deep)?;
            list.push(Pattern { glob, is_exception, parts: path.split('/').map(part).collect() });
        }
        Ok(Self { list })
    }

    /// Whether a path matches, and what is to be known of it for what lies in it. `above` is what was returned for the
    /// directory that it is in; at the top it is the default.
    pub fn matches(&self, path: &Path, above: &Marks) -> (bool, Marks) {
        let path = path.to_string_lossy();
        let mut marks = Marks(vec![false; self.list.len()]);
        let mut matched = false;
        for (index, pattern) in self.list.iter().enumerate() {
            let mark = above.0.get(index) == Some(&true)
                || (pattern.is_exception == matched && pattern.glob.matches(&path));
            marks.0[index] = mark;
            if mark {
                matched = !pattern.is_exception;
            }
        }
        (matched, marks)
    }

    /// The same for a path whose directories have not been looked at.
    pub fn matches_deep(&self, path: &Path) -> (bool, Marks) {
        let mut result = (false, Marks::default());
        let mut so_far = std::path::PathBuf::new();
        for part in path.components() {
            so_far.push(part);
            result = self.matches(&so_far, &result.1);
        }
        result
    }

    /// Whether something in a directory may match although the directory does not.
    pub fn may_match_in(&self, directory: &Path) -> bool {
        self.list.iter().any(|pattern| !pattern.is_exception && pattern.reaches(directory))
    }

    /// Whether something in a directory may not match although the directory does.
    pub fn may_spare_in(&self, directory: &Path) -> bool {
        self.list.iter().any(|pattern| pattern.is_exception && pattern.reaches(directory))
    }
}

impl Pattern {
    fn reaches(&self, directory: &Path) -> bool {
        let names = directory.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let mut parts = self.parts.iter();
        for name in names {
            match parts.next() {
                Some(Some(glob)) if !glob.matches(&OsStr::to_string_lossy(name)) => return false,
                Some(Some(_)) => {}
                // It may reach anywhere from here on, or has matched a directory above.
                Some(None) | None => return true,
            }
        }
        true
    }
}

/// A path as Go's `filepath.Clean` has it.
pub fn clean(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    match (is_absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], path: &str) -> bool {
        Patterns::new(patterns).unwrap().matches_deep(Path::new(path)).0
    }

    /// From the tests of moby's `patternmatcher`.
    #[test]
    fn the_last_one_decides() {
        for (patterns, path, want) in [
            (&["*"][..], "fileutils.go", true),
            (&["!fileutils.go", "*.go"], "fileutils.go", true),
            (&["*.go", "!fileutils.go"], "fileutils.go", false),
            (&["docs", "!docs/README.md"], "docs/README.md", false),
            (&["docs/", "!docs/README.md"], "docs/README.md", false),
            (&["docs/*", "!docs/README.md"], "docs/README.md", false),
            (&["docs", "  !docs/README.md "], "docs/README.md", false),
            (&["docs"], "docs/a/b", true),
            (&["**/dir"], "dir/file", true),
            (&["**/dir2/*"], "dir/dir2/file/x", true),
            (&["**", "!util/docker/web"], "util/docker/web/foo", false),
            (&["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", true),
            (&["**", "!dist/*.whl"], "dist/x.whl", false),
            (&["**", "!dist/*.whl"], "dist/x.tar", true),
            // A pattern that was passed over for a directory has not matched it.
            (&["a/x", "!a"], "a/x", true),
            (&[], "a", false),
            (&["", " "], "a", false),
        ] {
            assert_eq!(matches(patterns, path), want, "{patterns:?} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for pattern in ["!", "[", "a[", "\\"] {
            assert!(Patterns::new(&[pattern]).is_err(), "{pattern}");
        }
    }

    #[test]
    fn ignore_files() {
        let text = "\u{feff}# a comment\n  *.log \n/build\n\n!/build/keep\n  # not one\n! spaced\n./x/../y\n";
        let patterns = Patterns::parse(text).unwrap();
        for (path, want) in [
            ("a.log", true),
            ("build", true),
            ("build/x", true),
            ("build/keep", false),
            ("sub/build", false),
            ("# not one", true),
            ("y", true),
            ("x", false),
        ] {
            assert_eq!(patterns.matches_deep(Path::new(path)).0, want, "{path}");
        }
        assert!(!Patterns::parse("/\n").unwrap().matches_deep(Path::new("a")).0);
    }

    #[test]
    fn directories_that_can_be_passed_over() {
        let patterns = Patterns::new(&["node_modules", "vendor", "!vendor/*/keep", "!**/x.md"]).unwrap();
        assert!(patterns.may_spare_in(Path::new("node_modules")), "**/x.md reaches anywhere");
        let patterns = Patterns::new(&["node_modules", "vendor", "!vendor/*/keep"]).unwrap();
        for (directory, want) in
            [("node_modules", false), ("vendor", true), ("vendor/a", true), ("ven", false)]
        {
            assert_eq!(patterns.may_spare_in(Path::new(directory)), want, "{directory}");
        }
        let wanted = Patterns::new(&["a/*/c"]).unwrap();
        for (directory, want) in [("a", true), ("a/b", true), ("b", false), ("a/b/d", false)] {
            assert_eq!(wanted.may_match_in(Path::new(directory)), want, "{directory}");
        }
    }

    #[test]
    fn clean_paths() {
        for (path, want) in [
            ("a/./b//c/", "a/b/c"),
            ("../a", "../a"),
            ("/../a", "/a"),
            ("a/../..", ".."),
            ("/", "/"),
            (".", "."),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), want, "{path}");
        }
    }
}
