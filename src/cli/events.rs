//! `events`: shows what has happened and what happens, a line each.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use gotmpl::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

use super::escape::printable;
use super::flags::{parse_filter, parse_moment};
use super::out;
use super::report::UsageError;
use super::template::{self, Compiled, Fill, KeyOrder};
use super::verb::{Action, Operands, Session};
use crate::engine::watch::{self, EventFilters, Watch};
use crate::store::events::Event;

/// Docker's exit code for a template that cannot be used.
const BAD_TEMPLATE: u8 = 64;

#[derive(clap::Args)]
pub struct Args {
    /// Show only events that meet a condition: type=container, event=die, container=web, label=a=b
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Print in another form: 'json' or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// Show what has happened since a time, or since a duration ago, too
    #[arg(long, value_name = "time")]
    since: Option<String>,
    /// End at a time, or show only what happened before a duration ago
    #[arg(long, value_name = "time")]
    until: Option<String>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Get real time events";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("What happens from now on", "coracle events"),
        ("What ended in the last hour", "coracle events --since 1h --until 0s -f event=die"),
        ("For a script", "coracle events --format '{{json .}}' -f type=container"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let template = self.template()?;
        let wanted = Watch {
            since: parse_moment("since", self.since.as_deref())?,
            until: parse_moment("until", self.until.as_deref())?,
            filters: EventFilters::new(&self.filter)?,
        };
        watch::watch(&session.engine()?, &wanted, &mut |event| match &template {
            Some(template) => out::line(&template.fill(&data(&document(event)), Some(KIND))?),
            None => out::line(&printable(&human(event)?)),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    /// The template of `--format`, tried on an empty event: one that names nonsense is refused at once.
    fn template(&self) -> Result<Option<Compiled>> {
        let source = match self.format.as_deref() {
            None | Some("") => return Ok(None),
            Some("json") => "{{json .}}".to_owned(),
            Some(format) => template::unescape(format),
        };
        let tried = template::compile(&source, Fill::Data, orders()).and_then(|strict| {
            let empty = Event { time: 0, ..Event::now("", "", "", Default::default()) };
            match strict.fill(&data(&document(&empty)), Some(KIND)) {
                // Which attributes there are depends on the event.
                Err(error) if !error.to_string().contains("<.Actor.Attributes.") => Err(error),
                _ => template::compile_lenient(&source, orders()),
            }
        });
        let bad = |error| UsageError { text: format!("Error parsing format: {error}"), code: BAD_TEMPLATE };
        Ok(Some(tried.map_err(bad)?))
    }
}

/// Docker's type, for the message about a field that does not exist.
const KIND: &str = "*events.Message";

/// Docker's fields: in templates, and in JSON, where those that are empty are left out if so marked.
const FIELDS: [(&str, &str, bool); 9] = [
    ("Status", "status", true),
    ("ID", "id", true),
    ("From", "from", true),
    ("Type", "Type", false),
    ("Action", "Action", false),
    ("Actor", "Actor", false),
    ("Scope", "scope", true),
    ("Time", "time", true),
    ("TimeNano", "timeNano", true),
];

/// An event under the names of its JSON, all of them there.
fn document(event: &Event) -> Map<String, Json> {
    let is_container = event.kind == "container";
    let has_status = is_container || event.kind == "image";
    let of = |there: bool, text: &str| Json::from(if there { text } else { "" });
    let image = event.attributes.get("image").map_or("", String::as_str);
    let values = [
        of(has_status, &event.action),
        of(has_status, &event.id),
        of(is_container, image),
        event.kind.as_str().into(),
        event.action.as_str().into(),
        json!({"ID": event.id, "Attributes": event.attributes}),
        "local".into(),
        event.time.div_euclid(1_000_000_000).into(),
        event.time.into(),
    ];
    FIELDS.iter().map(|(_, name, _)| (*name).to_owned()).zip(values).collect()
}

fn is_left_out(field: &(&str, &str, bool), document: &Map<String, Json>) -> bool {
    let value = &document[field.1];
    field.2 && (value.as_str() == Some("") || value.as_i64() == Some(0))
}

/// An event as template data: every field under its name in templates, and those that stand in JSON under
/// their name there too.
fn data(document: &Map<String, Json>) -> Value {
    let mut all = std::collections::BTreeMap::new();
    for field in &FIELDS {
        let value = template::data(&document[field.1]);
        if !is_left_out(field, document) {
            all.insert(Arc::from(field.1), value.clone());
        }
        all.insert(Arc::from(field.0), value);
    }
    Value::Map(Arc::new(all))
}

/// What `json` makes of the data of each kind of event: the names of JSON alone, in docker's order.
fn orders() -> KeyOrder {
    let mut orders = KeyOrder::new();
    template::key_order(&json!({"ID": 0, "Attributes": 0}), &mut orders);
    for (kind, image) in [("container", "image"), ("container", ""), ("image", ""), ("", "")] {
        for time in [0, 1_000_000_000] {
            let attributes = [("image".to_owned(), image.to_owned())].into();
            let event = Event { time, ..Event::now(kind, "a", "b", attributes) };
            let document = document(&event);
            let shown: Vec<String> = FIELDS
                .iter()
                .filter(|field| !is_left_out(field, &document))
                .map(|field| field.1.to_owned())
                .collect();
            if let Value::Map(map) = data(&document) {
                orders.insert(map.keys().map(ToString::to_string).collect(), shown);
            }
        }
    }
    orders
}

/// Docker's line: `2024-05-01T10:00:00.000000000+02:00 container start ID (image=alpine, name=web)`.
fn human(event: &Event) -> Result<String> {
    let time = Timestamp::from_nanosecond(event.time.into()).context("read the time of an event")?;
    let time = time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string();
    let time = time.strip_suffix("+00:00").map(|utc| format!("{utc}Z")).unwrap_or(time);
    let Event { kind, action, id, attributes, .. } = event;
    let attributes: Vec<_> = attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let attributes = match attributes.is_empty() {
        true => String::new(),
        false => format!(" ({})", attributes.join(", ")),
    };
    Ok(format!("{time} {kind} {action} {id}{attributes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, attributes: &[(&str, &str)]) -> Event {
        let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let time = 1_714_557_600_000_000_012;
        Event { time, ..Event::now(kind, "start", "abc", attributes.collect()) }
    }

    fn filled(source: &str, event: &Event) -> String {
        let template = template::compile(source, Fill::Data, orders()).unwrap();
        template.fill(&data(&document(event)), Some(KIND)).unwrap()
    }

    #[test]
    fn json_is_dockers() {
        let tail = "\"scope\":\"local\",\"time\":1714557600,\"timeNano\":1714557600000000012}";
        for (event, want) in [
            (
                event("container", &[("name", "web"), ("image", "a<b")]),
                "{\"status\":\"start\",\"id\":\"abc\",\"from\":\"a<b\",\"Type\":\"container\",\
                 \"Action\":\"start\",\"Actor\":{\"ID\":\"abc\",\"Attributes\":{\"image\":\"a<b\",\"name\":\"web\"}},",
            ),
            (
                event("image", &[]),
                "{\"status\":\"start\",\"id\":\"abc\",\"Type\":\"image\",\"Action\":\"start\",\
                 \"Actor\":{\"ID\":\"abc\",\"Attributes\":{}},",
            ),
            (
                event("volume", &[]),
                "{\"Type\":\"volume\",\"Action\":\"start\",\"Actor\":{\"ID\":\"abc\",\"Attributes\":{}},",
            ),
        ] {
            assert_eq!(filled("{{json .}}", &event), format!("{want}{tail}"));
        }
    }

    #[test]
    fn templates_take_docker_names() {
        let event = event("container", &[("name", "web"), ("image", "alpine")]);
        let source =
            "{{.Status}} {{.ID}} {{.From}} {{.Type}} {{.Actor.Attributes.name}} {{.TimeNano}} {{.Scope}}";
        assert_eq!(filled(source, &event), "start abc alpine container web 1714557600000000012 local");
    }

    #[test]
    fn the_line_is_dockers() {
        let line = human(&event("container", &[("name", "web"), ("image", "alpine")])).unwrap();
        assert!(line.starts_with("2024-05-01T") && line.contains(":00.000000012"), "{line}");
        assert!(line.ends_with(" container start abc (image=alpine, name=web)"), "{line}");
        assert!(human(&event("volume", &[])).unwrap().ends_with(" volume start abc"));
    }
}
