//! `NAME=value` in all its places: environment and labels, from flags and from files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Checks `-e NAME[=value]`.
pub fn variable(text: &str) -> Result<String, String> {
    match text.split('=').next() {
        Some("") | None => Err(format!("invalid environment variable: {text}")),
        Some(_) => Ok(text.to_owned()),
    }
}

/// Checks `-l NAME[=value]`.
pub fn label(text: &str) -> Result<String, String> {
    match text.split('=').next() {
        Some("") | None => Err(format!("invalid label '{text}': empty name")),
        Some(_) => Ok(text.to_owned()),
    }
}

/// Checks `--annotation NAME=value`.
pub fn annotation(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        Err(format!("invalid annotation: '{text}'"))
    } else {
        Ok((name.to_owned(), value.to_owned()))
    }
}

/// Joins `before`, `--env-file` and `-e`: of two with the same name the last one counts. A name alone takes its
/// value from `lookup`; where there is none, that of a file says nothing, and that of a flag stays alone: it takes
/// the variable away.
pub fn environment(
    before: &[String],
    files: &[impl AsRef<Path>],
    flags: &[String],
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>> {
    let mut texts = before.to_vec();
    for file in files {
        texts.extend(read(file.as_ref(), "env")?.into_iter().filter_map(|text| resolve(text, &lookup).ok()));
    }
    texts.extend(flags.iter().map(|text| resolve(text.clone(), &lookup).unwrap_or_else(|name| name)));
    let name = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
    let mut variables: Vec<String> = Vec::new();
    for text in texts {
        match variables.iter_mut().find(|other| name(other) == name(&text)) {
            Some(variable) => *variable = text,
            None => variables.push(text),
        }
    }
    Ok(variables)
}

/// Gives a name alone its value; the name again where there is none.
fn resolve(text: String, lookup: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    if text.contains('=') {
        return Ok(text);
    }
    lookup(&text).map(|value| format!("{text}={value}")).ok_or(text)
}

/// Joins `--label-file` and `-l`; a name alone has an empty value.
pub fn labels(files: &[impl AsRef<Path>], flags: &[String]) -> Result<BTreeMap<String, String>> {
    let mut texts = Vec::new();
    for file in files {
        texts.extend(read(file.as_ref(), "label")?);
    }
    texts.extend_from_slice(flags);
    let split = |text: String| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (text, String::new()),
    };
    Ok(texts.into_iter().map(split).collect())
}

fn read(path: &Path, what: &str) -> Result<Vec<String>> {
    let content = std::fs::read(path).with_context(|| format!("open {}", path.display()))?;
    parse(&content).with_context(|| format!("invalid {what} file ({})", path.display()))
}

/// The lines of an environment file: no comments, no empty ones, nothing before the name; a value is taken
/// as it is, quotes and all.
fn parse(content: &[u8]) -> Result<Vec<String>> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut lines = Vec::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let Ok(line) = std::str::from_utf8(line) else {
            bail!("invalid utf8 bytes at line {}", index + 1);
        };
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split('=').next() {
            Some("") | None => bail!("no variable name on line '{line}'"),
            Some(name) if name.contains([' ', '\t']) => bail!("variable '{name}' contains whitespaces"),
            Some(_) => lines.push(line.to_owned()),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let content = "\u{feff}# note\n\n  A=1 \nB=\"x y\"\r\nHOME\nC=\n";
        assert_eq!(parse(content.as_bytes()).unwrap(), ["A=1 ", "B=\"x y\"", "HOME", "C="]);
        for (content, want) in [
            (&b"a b=c"[..], "variable 'a b' contains whitespaces"),
            (b"=c", "no variable name on line '=c'"),
            (b"A=1\nB=\xff", "invalid utf8 bytes at line 2"),
        ] {
            assert_eq!(parse(content).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let lookup = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let flags = ["A=1", "B=2", "HOME", "NOPE", "A=3=4", "B=", "Z"].map(str::to_owned);
        let files: [&Path; 0] = [];
        let before = ["B=0", "Z=1"].map(str::to_owned);
        let all = environment(&before, &files, &flags, lookup).unwrap();
        assert_eq!(all, ["B=", "Z", "A=3=4", "HOME=/root", "NOPE"]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "B\nHOME\nC=1\n").unwrap();
        let all = environment(&before, &[file.path()], &[], lookup).unwrap();
        assert_eq!(all, ["B=0", "Z=1", "HOME=/root", "C=1"]);
        let labels = labels(&files, &["x", "y=z=1"].map(str::to_owned)).unwrap();
        assert_eq!(labels, [("x".to_owned(), String::new()), ("y".to_owned(), "z=1".to_owned())].into());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = environment(&[], &[Path::new("/none")], &[], |_| None).unwrap_err();
        assert_eq!(format!("{error:#}"), "open /none: No such file or directory (os error 2)");
    }

    #[test]
    fn names_are_not_empty() {
        assert_eq!(variable("=x").unwrap_err(), "invalid environment variable: =x");
        assert_eq!(label("").unwrap_err(), "invalid label '': empty name");
        assert_eq!(annotation("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
    }
}
