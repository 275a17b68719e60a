//! `events`: what has happened and what happens, as far as it meets the filters.
//!
//! The filters are docker's (moby `daemon/events/filter.go`): the same key twice means either, except of labels,
//! which must all be there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::Engine;
use crate::oci::reference::Reference;
use crate::store::events::{Begin, Event, Reader};

/// What `events` was asked.
#[derive(Debug, Default)]
pub struct Watch {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub filters: EventFilters,
}

/// Hands every wanted event to `each`, until the wanted time is over or `each` fails.
pub fn watch(engine: &Engine, watch: &Watch, each: &mut dyn FnMut(&Event) -> Result<()>) -> Result<()> {
    let history = watch.since.is_some() || watch.until.is_some();
    let past_only = watch.until.is_some_and(|until| until <= Timestamp::now());
    if !past_only {
        engine.layout().create()?;
    }
    let begin = if history { Begin::Oldest } else { Begin::Now };
    let mut reader = Reader::open(engine.layout(), begin, !past_only)?;
    let (since, until) = (watch.since.map(nanoseconds), watch.until.map(nanoseconds));
    loop {
        // Looked at before the log: what was written up to the end of the wanted time is then seen.
        let left = watch.until.map(|until| until.duration_since(Timestamp::now()));
        while let Some(event) = reader.next()? {
            let in_time = since.is_none_or(|since| event.time >= since)
                && until.is_none_or(|until| event.time <= until);
            if in_time && watch.filters.meet(&event) {
                each(&event)?;
            }
        }
        let left = match left.map(Duration::try_from) {
            Some(Ok(left)) if !left.is_zero() => Some(left),
            Some(_) => return Ok(()),
            None => None,
        };
        reader.wait(left.map(|left| Instant::now() + left))?;
    }
}

fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// The conditions of `events --filter`.
#[derive(Debug, Default)]
pub struct EventFilters(BTreeMap<String, Vec<String>>);

/// What docker takes; nothing here has services, nodes, configs or plugins, so those never match.
const KEYS: &[&str] = &[
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// The keys that mean an object by a beginning of its id or name.
const OBJECTS: &[&str] =
    &["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];

impl EventFilters {
    /// Reads `key=value` pairs.
    pub fn new(pairs: &[(String, String)]) -> Result<Self> {
        let mut filters = BTreeMap::<String, Vec<String>>::new();
        for (key, value) in pairs {
            if !KEYS.contains(&key.as_str()) {
                bail!("invalid filter '{key}'");
            }
            filters.entry(key.clone()).or_default().push(value.clone());
        }
        Ok(Self(filters))
    }

    fn meet(&self, event: &Event) -> bool {
        self.0.iter().all(|(key, values)| {
            let any = |met: &dyn Fn(&str) -> bool| values.iter().any(|value| met(value));
            match key.as_str() {
                "type" => any(&|value| value == event.kind),
                "scope" => any(&|value| value == "local"),
                "event" => self.is_action(values, &event.action),
                "label" => values.iter().all(|value| has_label(event, value)),
                "image" => any(&|value| is_of_image(event, value)),
                _ => {
                    let name = event.attributes.get("name").map_or("", String::as_str);
                    OBJECTS.contains(&key.as_str())
                        && *key == event.kind
                        && any(&|value| event.id.starts_with(value) || name.starts_with(value))
                }
            }
        })
    }

    /// Whole words, but the actions that have a colon in them are found by what stands before it.
    fn is_action(&self, values: &[String], action: &str) -> bool {
        let open = ["health_status", "exec_create", "exec_start"];
        let by_beginning = values.iter().any(|value| open.contains(&value.as_str()));
        values.iter().any(|value| value == action || (by_beginning && action.starts_with(value.as_str())))
    }
}

fn has_label(event: &Event, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => event.attributes.get(key).is_some_and(|own| own == value),
        None => event.attributes.contains_key(wanted),
    }
}

/// By the id or name of the image, or of the container's image, with or without its tag.
fn is_of_image(event: &Event, wanted: &str) -> bool {
    let attribute = if event.kind == "image" { "name" } else { "image" };
    let name = event.attributes.get(attribute).map_or("", String::as_str);
    let untagged =
        |name: &str| Reference::parse(name).map_or_else(|_| name.to_owned(), |it| it.familiar_name());
    event.id == wanted || name == wanted || untagged(&event.id) == wanted || untagged(name) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, action: &str, id: &str, attributes: &[(&str, &str)]) -> Event {
        let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Event::now(kind, action, id, attributes.collect())
    }

    #[test]
    fn filters_are_dockers() {
        let events = [
            event("container", "start", "abcd", &[("image", "alpine:3"), ("name", "web"), ("a", "1")]),
            event("container", "exec_start: sh -c true", "ef01", &[("image", "busybox"), ("name", "db")]),
            event("image", "pull", "alpine:3", &[("name", "alpine"), ("a", "1"), ("b", "2")]),
            event("volume", "create", "web", &[("driver", "local")]),
        ];
        for (filters, want) in [
            (&[][..], &[0, 1, 2, 3][..]),
            (&["type=container"], &[0, 1]),
            (&["type=container", "type=volume"], &[0, 1, 3]),
            (&["event=start"], &[0]),
            (&["event=exec_start"], &[1]),
            (&["event=exec_start", "event=sta"], &[0, 1]),
            (&["event=sta"], &[]),
            (&["container=abc"], &[0]),
            (&["container=we"], &[0]),
            (&["volume=web"], &[3]),
            (&["container=web", "volume=web"], &[]),
            (&["image=alpine"], &[0, 2]),
            (&["image=alpine:3"], &[0, 2]),
            (&["image=alp"], &[]),
            (&["label=a=1"], &[0, 2]),
            (&["label=a=1", "label=b"], &[2]),
            (&["label=a=2"], &[]),
            (&["scope=local", "type=image"], &[2]),
            (&["scope=swarm"], &[]),
            (&["node=x"], &[]),
        ] {
            let pairs: Vec<_> = filters.iter().filter_map(|filter| filter.split_once('=')).collect();
            let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let filter = EventFilters::new(&pairs).unwrap();
            let met: Vec<_> = (0..events.len()).filter(|index| filter.meet(&events[*index])).collect();
            assert_eq!(met, want, "{filters:?}");
        }
        let error = EventFilters::new(&[("foo".to_owned(), String::new())]).unwrap_err();
        assert_eq!(error.to_string(), "invalid filter 'foo'");
    }
}
