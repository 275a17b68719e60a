//! `prune`: removes the containers that have ended, or never ran, and the images that no container is made from.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;

use super::rmi::{self, Removal};
use super::{Engine, changes, events, images_view, remove};
use crate::store::containers::{LookupError, Record};
use crate::store::images::Image;
use crate::store::partial;

/// Which containers or images go. Conditions of the same kind mean either, `label!` and different kinds mean both.
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
        let is_kept = || remove::has_supervisor(engine, &record.id).unwrap_or(true);
        let at_rest = !record.state.is_running() && !is_kept();
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
    remove::collect(engine)?;
    events::object(engine, "container", "", "prune", &[("reclaimed", &pruned.bytes.to_string())]);
    Ok(pruned)
}

/// Takes the names of the images that no container is made from and that meet the conditions; only of those that have
/// no tag, unless `all`. An image that comes into use meanwhile is left. [`collect`] frees the room.
pub fn images(engine: &Engine, conditions: &Conditions, all: bool) -> Result<Vec<Removal>> {
    let mut removals = Vec::new();
    for image in engine.images().list()?.0 {
        if (all || image.names.is_empty()) && conditions.meets_image(&image) {
            removals.extend(rmi::remove_unused(engine, &image)?);
        }
    }
    Ok(removals)
}

/// Removes what has come of pulls that broke off and that nobody goes on with now; says how many bytes that were.
pub fn partial_downloads(engine: &Engine) -> Result<u64> {
    partial::sweep(engine.layout(), Duration::ZERO)
}

/// Frees what no image and no container refers to any more, and says how many bytes that were. Another command that is
/// storing something frees it when it is done: then there are none to tell of but that.
pub fn collect(engine: &Engine) -> Result<u64> {
    let freed = rmi::collect(engine)?;
    if freed.is_none() {
        engine.notice("another command is storing an image: what nothing uses is freed when it is done");
    }
    let bytes = freed.unwrap_or(0);
    events::object(engine, "image", "", "prune", &[("reclaimed", &bytes.to_string())]);
    Ok(bytes)
}

impl Conditions {
    fn meets(&self, record: &Record) -> bool {
        self.until.is_none_or(|until| record.created < until) && self.meets_labels(&record.options.labels)
    }

    /// An image that does not say when it was made is no older than anything, as docker has it.
    fn meets_image(&self, image: &Image) -> bool {
        let is_before = |until| images_view::created(image).is_some_and(|created| created < until);
        self.until.is_none_or(is_before) && self.meets_labels(&image.config.config.labels)
    }

    fn meets_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |(key, value): &(String, Option<String>)| {
            labels.get(key).is_some_and(|label| value.as_ref().is_none_or(|value| value == label))
        };
        self.labels.iter().all(has) && !self.not_labels.iter().any(has)
    }
}
