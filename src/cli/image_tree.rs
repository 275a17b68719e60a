//! `images --tree`, as docker draws it.

use std::fmt::Write as _;
use std::io::IsTerminal;

use anyhow::Result;

use super::escape::printable;
use super::out;
use crate::base::size;
use crate::engine::image_tree::{Node, Tree};

/// Between two columns.
const SPACING: usize = 3;
/// The first column is never made narrower: the last ones go instead.
const LEAST: usize = 12;
/// Docker's word for an image without a name.
const UNTAGGED: &str = "<untagged>";
/// The mark of an image that a container is made from, and what a terminal is told of it.
const IN_USE: &str = "U";
const LEGEND: &str = "U In Use";

/// A column but the first.
struct Column {
    title: &'static str,
    width: usize,
    is_number: bool,
    show: fn(&Node) -> String,
}

const COLUMNS: [Column; 4] = [
    Column { title: "ID", width: 12, is_number: false, show: |node| node.id.short() },
    Column { title: "DISK USAGE", width: 10, is_number: true, show: |node| size::human(node.disk, 3) },
    Column { title: "CONTENT SIZE", width: 12, is_number: true, show: |node| size::human(node.content, 3) },
    Column {
        title: "EXTRA",
        width: 5,
        is_number: false,
        show: |node| if node.is_used { IN_USE.to_owned() } else { String::new() },
    },
];

/// Prints them as wide as the terminal is, and elsewhere as wide as they are.
pub fn print(trees: &[Tree]) -> Result<()> {
    let stdout = std::io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten();
    let width = size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
    out::text(&draw(trees, width))
}

/// Draws trees; a terminal of this width also learns what the marks mean.
fn draw(trees: &[Tree], terminal: Option<usize>) -> String {
    let (columns, name_width) = fit(trees, terminal.unwrap_or(usize::MAX));
    let mut text = String::new();
    let full = name_width + columns.iter().map(|column| SPACING + column.width).sum::<usize>();
    if terminal.is_some() {
        let _ = writeln!(text, "{LEGEND:>full$}");
    }
    line(&mut text, "IMAGE", name_width, columns.iter().map(|column| (column, column.title.to_owned())));
    for (index, tree) in trees.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let (last, others) = match tree.names.split_last() {
            Some((last, others)) => (last.as_str(), others),
            None => (UNTAGGED, &[][..]),
        };
        for name in others {
            text.push_str(&printable(&cut(name, name_width)));
            text.push('\n');
        }
        line(&mut text, last, name_width, cells(columns, &tree.whole));
        for (index, (platform, node)) in tree.platforms.iter().enumerate() {
            let branch = if index + 1 == tree.platforms.len() { "└─" } else { "├─" };
            line(&mut text, &format!("{branch} {platform}"), name_width, cells(columns, node));
        }
    }
    text
}

/// The columns that there is room for, and how wide the first one is.
fn fit(trees: &[Tree], width: usize) -> (&'static [Column], usize) {
    let mut left = width;
    let mut count = 0;
    for column in &COLUMNS {
        let needed = column.width + SPACING;
        if left.saturating_sub(needed) < LEAST {
            break;
        }
        left -= needed;
        count += 1;
    }
    let names = trees.iter().flat_map(|tree| &tree.names).map(|name| name.chars().count());
    let platforms = trees.iter().flat_map(|tree| &tree.platforms);
    let platforms = platforms.map(|(platform, _)| platform.to_string().chars().count() + 3);
    let widest = names.chain(platforms).chain([UNTAGGED.len()]).max().unwrap_or_default();
    (&COLUMNS[..count], left.min(widest))
}

fn cells<'a>(columns: &'a [Column], node: &'a Node) -> impl Iterator<Item = (&'a Column, String)> {
    columns.iter().map(|column| (column, (column.show)(node)))
}

fn line<'a>(text: &mut String, name: &str, width: usize, cells: impl Iterator<Item = (&'a Column, String)>) {
    let mut line = format!("{:width$}", printable(&cut(name, width)));
    for (column, cell) in cells {
        let width = column.width;
        line.push_str(&" ".repeat(SPACING));
        match column.is_number {
            true => line.push_str(&format!("{cell:>width$}")),
            false => line.push_str(&format!("{cell:width$}")),
        }
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Docker's way to cut a name that is too long.
fn cut(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width.saturating_sub(3)).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::oci::platform::Platform;

    fn node(disk: u64, content: u64, is_used: bool) -> Node {
        Node { id: Digest::of(b""), disk, content, is_used }
    }

    fn trees() -> Vec<Tree> {
        let arm = Platform::new("linux", "arm64", Some("v8"));
        let both = vec![
            (Platform::new("linux", "amd64", None), node(5_000_000, 2_000_000, true)),
            (arm, node(0, 0, false)),
        ];
        let one = vec![(Platform::new("linux", "amd64", None), node(12, 3, false))];
        vec![
            Tree {
                names: vec!["boat:1".to_owned(), "boat:latest".to_owned()],
                whole: node(5_000_000, 2_000_000, true),
                platforms: both,
            },
            Tree { names: Vec::new(), whole: node(12, 3, false), platforms: one },
        ]
    }

    #[test]
    fn as_wide_as_it_is() {
        assert_eq!(
            draw(&trees(), None),
            "\
IMAGE               ID             DISK USAGE   CONTENT SIZE   EXTRA
boat:1
boat:latest         e3b0c44298fc          5MB            2MB   U
├─ linux/amd64      e3b0c44298fc          5MB            2MB   U
└─ linux/arm64/v8   e3b0c44298fc           0B             0B

<untagged>          e3b0c44298fc          12B             3B
└─ linux/amd64      e3b0c44298fc          12B             3B
"
        );
    }

    #[test]
    fn as_narrow_as_the_terminal() {
        let narrow = draw(&trees(), Some(31));
        let lines: Vec<&str> = narrow.lines().collect();
        assert_eq!(lines[0], format!("{LEGEND:>31}"));
        assert_eq!(lines[1], "IMAGE              ID");
        assert_eq!(lines[4], "├─ linux/amd64     e3b0c44298fc");
        assert_eq!(lines[5], "└─ linux/arm6...   e3b0c44298fc");
        assert!(draw(&trees(), Some(10)).lines().nth(1) == Some("IMAGE"));
    }
}
