//! `volume`: the verbs about volumes, one file each.

pub mod create;
pub mod export;
pub mod import;
pub mod ls;
pub mod prune;
pub mod rm;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::base::boolean;
use crate::base::pattern::Regex;
use crate::base::time;
use crate::engine::volumes::Condition;

/// Reads one `--filter` that `ls` and `prune` share; none if only one of them may know it.
fn condition(key: &str, value: &str) -> Result<Option<Condition>> {
    Ok(Some(match key {
        "label" => Condition::Label(value.to_owned()),
        "label!" => Condition::NotLabel(value.to_owned()),
        "driver" => Condition::Driver(value.to_owned()),
        "name" => Condition::Name(Regex::new(value)?),
        "until" => match time::parse_moment(value, Timestamp::now()) {
            Some(moment) => Condition::Until(moment),
            None => bail!("invalid filter 'until={value}'"),
        },
        _ => return Ok(None),
    }))
}

/// Reads the values that Go's `strconv.ParseBool` takes, in a filter.
fn switch(key: &str, value: &str) -> Result<bool> {
    boolean::parse(value).with_context(|| format!("invalid filter '{key}={value}'"))
}
