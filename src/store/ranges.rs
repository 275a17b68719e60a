//! The ids that belong to one container alone: `ranges.json`.
//!
//! A range is taken before its container has a directory, so it is kept while either that directory or the process
//! that took it is there; what has neither is free. Under a lock, so that no id is ever given to two.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::base::file::{self, Durability, FileLock};
use crate::base::hint::{self, HintExt};
use crate::sys::process;

/// The version of `ranges.json` that is written; a newer one is refused.
const VERSION: u32 = 1;
/// Some hundred bytes for each container.
const LIMIT: u64 = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    ranges: Vec<Range>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Range {
    container: String,
    start: u32,
    count: u32,
    /// The process that took it, and when that started.
    pid: i32,
    pid_start: u64,
}

/// Takes `count` ids, the highest that are free among 1 to `last`, for a container; again those that it has already.
/// Returns the first.
pub fn take(layout: &Layout, container: &str, count: u32, last: u32) -> Result<u32> {
    layout.create()?;
    let _lock = lock(layout)?;
    let mut document = read(layout)?;
    document.ranges.retain(|range| {
        layout.container(&range.container).is_dir() || process::is_alive(range.pid, range.pid_start)
    });
    let pid = i32::try_from(std::process::id()).context("read the process id")?;
    let pid_start = process::start_time(pid).context("read the start of this process")?;
    let same = |range: &&mut Range| range.container == container && range.count == count;
    let start = match document.ranges.iter_mut().find(same) {
        Some(own) => {
            // Taken by the command, and now by the supervisor, which may outlive it.
            (own.pid, own.pid_start) = (pid, pid_start);
            own.start
        }
        None => {
            let Some(start) = highest_free(&mut document.ranges, count, last) else {
                bail!(
                    "take {count} ids for this container alone: of your {last} subordinate ids not so many are free"
                );
            };
            document.ranges.push(Range { container: container.to_owned(), start, count, pid, pid_start });
            start
        }
    };
    write(layout, &document)?;
    Ok(start)
}

/// Whether the ranges can be read.
pub fn check(layout: &Layout) -> Result<()> {
    read(layout).map(drop)
}

/// Makes the document anew of what containers have: the id of each, its first id, and how many there are.
pub fn rebuild(layout: &Layout, taken: Vec<(String, u32, u32)>) -> Result<()> {
    layout.create()?;
    let _lock = lock(layout)?;
    // No process has taken them: it is the containers that keep them.
    let range = |(container, start, count)| Range { container, start, count, pid: 0, pid_start: 0 };
    write(layout, &Document { version: VERSION, ranges: taken.into_iter().map(range).collect() })
}

/// Frees what a container has that is off record: its supervisor may live on a moment, and the next container is to
/// find the layers and volumes of these ids.
pub fn give_back(layout: &Layout, container: &str) -> Result<()> {
    let _lock = lock(layout)?;
    let mut document = read(layout)?;
    document.ranges.retain(|range| range.container != container);
    write(layout, &document)
}

fn lock(layout: &Layout) -> Result<FileLock> {
    FileLock::acquire(&layout.locks().join("ranges"))
}

fn path(layout: &Layout) -> PathBuf {
    layout.data().join("ranges.json")
}

fn read(layout: &Layout) -> Result<Document> {
    let path = path(layout);
    if !path.exists() {
        return Ok(Document { version: VERSION, ranges: Vec::new() });
    }
    let mut document: Document = serde_json::from_slice(&file::read_bounded(&path, LIMIT)?)
        .with_context(|| format!("read {}", path.display()))
        .hint(|| hint::CHECK)?;
    if document.version > VERSION {
        bail!("read {}: version {} is newer than this coracle understands", path.display(), document.version);
    }
    document.version = VERSION;
    Ok(document)
}

fn write(layout: &Layout, document: &Document) -> Result<()> {
    file::write_atomic(&path(layout), &serde_json::to_vec(document)?, Durability::Fast)
}

fn highest_free(ranges: &mut [Range], count: u32, last: u32) -> Option<u32> {
    ranges.sort_by_key(|range| std::cmp::Reverse(range.start));
    // The first id that is taken above what is looked at.
    let mut end = u64::from(last) + 1;
    for range in ranges {
        let above = u64::from(range.start) + u64::from(range.count);
        if end >= above + u64::from(count) {
            break;
        }
        end = end.min(u64::from(range.start));
    }
    let start = end.checked_sub(u64::from(count)).filter(|start| *start >= 1)?;
    u32::try_from(start).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn no_id_is_given_twice_and_what_is_gone_is_free() {
        let scratch = Scratch::new();
        let take = |container: &str, count| take(&scratch.layout, container, count, 100);
        assert_eq!(take("a", 40).unwrap(), 61);
        assert_eq!(take("b", 40).unwrap(), 21);
        assert_eq!(take("a", 40).unwrap(), 61);
        assert!(take("c", 21).unwrap_err().to_string().contains("not so many are free"));
        assert_eq!(take("c", 20).unwrap(), 1);
        give_back(&scratch.layout, "c").unwrap();
        assert_eq!(take("e", 20).unwrap(), 1);
        // Those of a dead process without a container are free.
        let path = scratch.layout.data().join("ranges.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut document: Document = serde_json::from_str(&text).unwrap();
        document.ranges[1].pid_start += 1;
        let freed = document.ranges[1].start;
        std::fs::write(&path, serde_json::to_vec(&document).unwrap()).unwrap();
        assert_eq!(take("d", 40).unwrap(), freed);
        std::fs::write(&path, "{").unwrap();
        assert!(check(&scratch.layout).is_err() && take("e", 1).is_err());
        std::fs::create_dir(scratch.layout.container("kept")).unwrap();
        rebuild(&scratch.layout, vec![("kept".into(), 90, 11), ("gone".into(), 50, 11)]).unwrap();
        check(&scratch.layout).unwrap();
        assert_eq!(take("e", 89).unwrap(), 1);
    }
}
