//! What the `prune` verbs have in common: their conditions, and docker's words for what went.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::base::{size, time};
use crate::engine::prune::Conditions;
use crate::engine::rmi::Removal;

/// Reads `--filter`.
pub fn conditions(filters: &[(String, String)]) -> Result<Conditions> {
    let mut conditions = Conditions::default();
    let label = |text: &str| match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    };
    for (key, value) in filters {
        match key.as_str() {
            "until" if conditions.until.is_some() => bail!("more than one until filter specified"),
            "until" => {
                let until = time::parse_moment(value, Timestamp::now());
                conditions.until = Some(until.with_context(|| format!("invalid filter 'until={value}'"))?);
            }
            "label" => conditions.labels.push(label(value)),
            "label!" => conditions.not_labels.push(label(value)),
            _ => bail!("invalid filter '{key}'"),
        }
    }
    Ok(conditions)
}

/// What went, under a title of its own and with a free line behind; nothing if nothing did.
pub fn listed(title: &str, lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("{title}:\n{}\n\n", lines.join("\n")) }
}

/// Docker's lines for images: not quite those of `rmi`.
pub fn images(removals: &[Removal]) -> String {
    let line = |removal: &Removal| match removal {
        Removal::Untagged(name) => format!("untagged: {name}"),
        Removal::Deleted(id) => format!("deleted: {id}"),
    };
    listed("Deleted Images", &removals.iter().map(line).collect::<Vec<_>>())
}

/// The last line.
pub fn total(bytes: u64) -> String {
    format!("Total reclaimed space: {}\n", size::human(bytes, 4))
}
