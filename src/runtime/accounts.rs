//! Entries in the user databases of a container for users that its image does not know.
//!
//! Written to the container's own layer before anything else is mounted. Both files are a stranger's: they are
//! opened in-root, must be regular files, and stay as they are where they cannot be understood or written.

use std::fs::File;
use std::io::{Read, Write};

use anyhow::{Context, Result};
use rustix::fs::{FileType, Mode, OFlags};

use crate::sys::path::Dir;

/// Far beyond any real user database.
const FILE_LIMIT: u64 = 4 << 20;

/// Appends lines of `/etc/passwd` and `/etc/group`, except where there is one of the same id.
pub fn add(root: &Dir, passwd: &[String], group: &[String]) -> Result<()> {
    for (path, lines) in [("etc/passwd", passwd), ("etc/group", group)] {
        if !lines.is_empty() {
            append(root, path, lines).with_context(|| format!("add to /{path} of the container"))?;
        }
    }
    Ok(())
}

fn append(root: &Dir, path: &str, lines: &[String]) -> Result<()> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
    // An image without an /etc, or whose database is a directory, has no use for an entry.
    let Ok(fd) = root.open_file(path, flags, Mode::from_raw_mode(0o644)) else { return Ok(()) };
    if !FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode).is_file() {
        return Ok(());
    }
    let mut file = File::from(fd);
    let mut content = Vec::new();
    (&file).take(FILE_LIMIT).read_to_end(&mut content)?;
    let more = missing(&String::from_utf8_lossy(&content), lines);
    Ok(file.write_all(more.as_bytes())?)
}

/// The lines whose id, the third field, is in no line of `text`; with a line feed before them if the last line of
/// `text` has none.
fn missing(text: &str, lines: &[String]) -> String {
    let id = |line: &str| line.split(':').nth(2).map(str::to_owned);
    let mut more = String::new();
    for line in lines.iter().filter(|line| text.lines().all(|other| id(other) != id(line))) {
        if more.is_empty() && !text.is_empty() && !text.ends_with('\n') {
            more.push('\n');
        }
        more.push_str(line);
        more.push('\n');
    }
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_are_not_there() {
        let lines = ["eve:*:7:8::/:/bin/sh".to_owned(), "root:x:0:0::/:/bin/sh".to_owned()];
        assert_eq!(missing("root:x:0:0:root:/root:/bin/sh", &lines), "\neve:*:7:8::/:/bin/sh\n");
        assert_eq!(missing("a:x:7:1::/:\nr:x:0:0::/:\n", &lines), "");
        assert_eq!(missing("", &lines[..1]), "eve:*:7:8::/:/bin/sh\n");
    }
}
