//! `container prune`: removes the containers that have ended, or never ran.

use anyhow::Result;
use jiff::Timestamp;

use super::{Engine, changes, remove};
use crate::store::containers::{LookupError, Record};

/// Which containers go. Conditions of the same kind mean either, `label!` and different kinds mean both.
#[derive(Debug, Default)]
pub struct Conditions {
    /// Made before this.
    pub until: Option<Timestamp>,
    /// A key, and a value where one was given.
    pub labels: Vec<(String, Option<String>)>,
    pub not_labels: Vec<(String, Option<String>)>,
}

/// What went.
#[derive(Debug, Default)]
pub struct Pruned {
    pub ids: Vec<String>,
    /// Of their own files.
    pub bytes: u64,
}

/// Removes every container that does not run and meets the conditions; one that somebody else removes or starts
/// meanwhile is left to them.
pub fn containers(engine: &Engine, conditions: &Conditions) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    for record in engine.containers().list()?.0 {
        let at_rest = !record.state.is_running() && !record.state.is_supervised();
        if !at_rest || !conditions.meets(&record) {
            continue;
        }
        let bytes = changes::size(engine, &record).unwrap_or(0);
        match remove::remove(engine, &record.id, false, false) {
            Ok(()) => {
                pruned.bytes += bytes;
                pruned.ids.push(record.id);
            }
            Err(error) if error.is::<LookupError>() => {}
            Err(_) if engine.containers().load(&record.id).is_ok_and(|now| now.state.is_running()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pruned)
}

impl Conditions {
    fn meets(&self, record: &Record) -> bool {
        let has = |(key, value): &(String, Option<String>)| {
            let label = record.options.labels.get(key);
            label.is_some_and(|label| value.as_ref().is_none_or(|value| value == label))
        };
        self.until.is_none_or(|until| record.created < until)
            && self.labels.iter().all(has)
            && !self.not_labels.iter().any(has)
    }
}
