//! Containers that are chosen by what they are, for verbs that are given no names: podman's `--all`, `--filter` and
//! `--latest`.

use anyhow::{Context, Result};

use super::Engine;
use super::filter::Filters;
use super::list;
use crate::store::containers::{Containers, Status};

/// Which containers are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Those that run, or are about to.
    Up,
}

/// The ids of the containers that meet every filter, newest first.
pub fn ids(engine: &Engine, scope: Scope, filters: &Filters) -> Result<Vec<String>> {
    let mut found = list::list_alone(engine.layout(), filters.need_details())?.containers;
    filters.apply(&mut found, engine.layout())?;
    let is_up = |status| matches!(status, Status::Initialized | Status::Running | Status::Restarting);
    found.retain(|container| scope == Scope::All || is_up(container.state.status));
    Ok(found.into_iter().map(|container| container.id).collect())
}

/// The id of the container that was made last.
pub fn newest(containers: Containers<'_>) -> Result<String> {
    let (records, _) = containers.list()?;
    let newest = records.into_iter().next();
    newest.map(|record| record.id).context("find the latest container: there is no container")
}
