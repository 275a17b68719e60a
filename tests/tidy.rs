//! The rules of the source tree that the compiler does not know: which room may use which, where `unsafe`,
//! printing and the environment may appear, and that every file says what it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the top down; an arrow may only point to a later row.
const ROWS: &[&[&str]] = &[
    &["cli"],
    &["engine"],
    &["image", "build"],
    &["registry", "layer", "store", "runtime", "network"],
    &["config", "oci"],
    &["base"],
    &["sys"],
];

/// The one arrow within a row.
const SIDEWAYS: (&str, &str) = ("build", "image");

/// One source file, with its path beneath `src/`.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The first part of the path: a room, or `lib.rs`, `main.rs` and `fuzzing.rs` above all of them.
    fn room(&self) -> &str {
        let first = self.path.components().next().expect("a path has a part");
        first.as_os_str().to_str().expect("source paths are UTF-8")
    }

    /// How many `super` lead from this file's module to the crate.
    fn depth(&self) -> usize {
        let parts = self.path.components().count();
        if self.path.ends_with("mod.rs") { parts - 1 } else { parts }
    }

    fn is_under(&self, prefix: &str) -> bool {
        self.path.starts_with(prefix)
    }

    /// The lines of code with their numbers, without comments and without the unit tests at the end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| *line != "#[cfg(test)]");
        lines.enumerate().filter_map(|(index, line)| {
            let code = line.split("//").next().unwrap_or_default();
            (!code.trim().is_empty()).then_some((index + 1, code))
        })
    }

    /// The places where one of `words` occurs in code.
    fn places(&self, words: &[&str]) -> Vec<String> {
        self.code()
            .filter(|(_, code)| words.iter().any(|word| code.contains(word)))
            .map(|(number, code)| format!("src/{}:{number}: {}", self.path.display(), code.trim()))
            .collect()
    }

    /// The names that are reached from the crate's root: `crate::NAME`, `crate::{NAME, …}` and as many
    /// `super::` as lead there.
    fn uses(&self) -> BTreeSet<String> {
        let code: String = self.code().flat_map(|(_, line)| [line, "\n"]).collect();
        let supers = "super::".repeat(self.depth());
        let mut names = BTreeSet::new();
        for root in ["crate::", supers.as_str()] {
            for (at, _) in code.match_indices(root) {
                if !code[..at].ends_with("super::") && !code[..at].ends_with(is_name) {
                    names.extend(names_after(&code[at + root.len()..]));
                }
            }
        }
        names
    }
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The first name of a path, or the first names of every path of a brace group.
fn names_after(text: &str) -> Vec<String> {
    let Some(group) = text.strip_prefix('{') else {
        return vec![text.chars().take_while(|&character| is_name(character)).collect()];
    };
    let (mut names, mut depth, mut item) = (Vec::new(), 0, String::new());
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(character),
            _ => {}
        }
    }
    names.push(item);
    names
        .iter()
        .map(|item| item.trim().chars().take_while(|&character| is_name(character)).collect())
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file beneath `directory` with this extension.
fn files(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|has| has == extension) {
            found.push(path);
        }
    }
}

fn rust_files(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root().join(directory), "rs", &mut found);
    found.sort();
    assert!(!found.is_empty(), "there are sources in {directory}");
    found
}

fn sources() -> Vec<Source> {
    let base = root().join("src");
    rust_files("src")
        .into_iter()
        .map(|file| Source {
            path: file.strip_prefix(&base).expect("beneath src").to_path_buf(),
            text: fs::read_to_string(&file).expect("a readable source"),
        })
        .collect()
}

fn row(room: &str) -> Option<usize> {
    ROWS.iter().position(|rooms| rooms.contains(&room))
}

fn may_use(from: &str, to: &str) -> bool {
    match (row(from), row(to)) {
        (Some(upper), Some(lower)) => from == to || upper < lower || (from, to) == SIDEWAYS,
        // `lib.rs` and `main.rs` stand above all rooms; a name that is no room belongs to the crate's root.
        _ => true,
    }
}

fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn arrows_point_downward() {
    let mut upward = Vec::new();
    for source in sources() {
        for name in source.uses() {
            if !may_use(source.room(), &name) {
                upward.push(format!("src/{}: {} uses {name}", source.path.display(), source.room()));
            }
        }
    }
    none("rooms that use a room they must not know", upward);
}

#[test]
fn arrows_are_seen() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.to_owned() };
    let table = [
        ("layer/unpack.rs", "use crate::store::blobs;\n", vec!["store"]),
        (
            "layer/unpack.rs",
            "use crate::{base::{id, file}, cli, sys::path::Dir};\n",
            vec!["base", "cli", "sys"],
        ),
        ("layer/unpack.rs", "let x = super::super::engine::run();\n", vec!["engine"]),
        ("layer/mod.rs", "use super::cli;\n", vec!["cli"]),
        ("layer/unpack.rs", "use super::owner;\n// use crate::cli;\n", vec![]),
    ];
    for (path, text, want) in table {
        let want: BTreeSet<String> = want.into_iter().map(str::to_owned).collect();
        assert_eq!(source(path, text).uses(), want, "{path}: {text}");
    }
    assert!(may_use("cli", "sys") && may_use("build", "image") && may_use("lib.rs", "cli"));
    assert!(!may_use("sys", "base") && !may_use("image", "build") && !may_use("store", "layer"));
}

#[test]
fn every_room_has_a_row() {
    let strangers: BTreeSet<String> = sources()
        .iter()
        .map(|source| source.room().to_owned())
        .filter(|room| {
            row(room).is_none() && !["lib.rs", "main.rs", "fuzzing.rs", "guest"].contains(&room.as_str())
        })
        .collect();
    assert!(strangers.is_empty(), "rooms without a row in tests/tidy.rs: {strangers:?}");
}

#[test]
fn unsafe_only_in_sys() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "#[unsafe("];
    let outside = sources().into_iter().filter(|source| !source.is_under("sys") && !source.is_under("guest"));
    none("unsafe outside src/sys and src/guest", outside.flat_map(|source| source.places(&words)).collect());
}

#[test]
fn only_the_command_line_prints() {
    let words = ["println!", "eprintln!", " print!", "eprint!", "dbg!"];
    let outside = sources()
        .into_iter()
        .filter(|source| !["cli", "guest"].iter().any(|room| source.is_under(room)))
        .filter(|source| !source.path.ends_with("tests.rs"));
    none("printing outside src/cli", outside.flat_map(|source| source.places(&words)).collect());
}

#[test]
fn the_environment_is_read_in_one_file() {
    let words = ["env::var(", "env::var_os(", "env::vars(", "env::vars_os("];
    // `config::env` has functions of the same names, which are the ones to use.
    let of_std =
        |source: &Source| ["std::env::var", "use std::env"].iter().any(|word| source.text.contains(word));
    let outside = sources().into_iter().filter(|source| !source.is_under("config/env.rs") && of_std(source));
    none(
        "environment read outside src/config/env.rs",
        outside.flat_map(|source| source.places(&words)).collect(),
    );
}

#[test]
fn every_file_says_what_it_is() {
    let silent = rust_files("src")
        .into_iter()
        .chain(rust_files("tests"))
        .filter(|path| !fs::read_to_string(path).expect("a readable source").starts_with("//! "))
        .map(|path| path.display().to_string())
        .collect();
    none("files that do not begin with a //! header", silent);
}

#[test]
fn no_file_knows_where_it_was_written() {
    let mut texts: Vec<PathBuf> = ["src", "tests"].into_iter().flat_map(rust_files).collect();
    for (directory, extension) in [("tests", "sh"), ("packaging", "sh")] {
        files(&root().join(directory), extension, &mut texts);
    }
    texts.extend(["README.md", "CHANGELOG.md", "Cargo.toml"].map(|name| root().join(name)));
    let here = root().display().to_string();
    let found = texts
        .into_iter()
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&here)))
        .map(|path| path.display().to_string())
        .collect();
    none("files that name the directory of this checkout", found);
}

/// A fuzzer that `cargo --locked` refuses to build finds nothing.
#[test]
fn the_fuzzers_know_what_the_crate_depends_on() {
    let read = |path: &str| -> toml::Table {
        let text = fs::read_to_string(root().join(path)).expect("a readable file");
        text.parse().expect("TOML")
    };
    let wanted = read("Cargo.toml");
    let wanted = wanted["dependencies"].as_table().into_iter().flatten();
    let lock = read("fuzz/Cargo.lock");
    let own = lock["package"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"].as_str() == Some("coracle"));
    let known: Vec<&str> = own
        .and_then(|package| package["dependencies"].as_array())
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str()?.split(' ').next())
        .collect();
    assert!(!known.is_empty(), "the lock file has the crate");
    let name = |(key, value): (&String, &toml::Value)| {
        value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_owned()
    };
    let missing = wanted.map(name).filter(|name| !known.contains(&name.as_str())).collect();
    none("dependencies that fuzz/Cargo.lock lacks: cargo metadata --manifest-path fuzz/Cargo.toml", missing);
}
