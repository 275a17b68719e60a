//! Rows of `ps`, `images` and `history`: as a table, or through `--format`.
//!
//! A plain table goes straight from rows to columns; the template engine is started only for `--format`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::{Context, Result};
use gotmpl::Value;

use super::escape::printable;
use super::template::{self, Fill, KeyOrder, LABELS};
use super::{out, table};

/// One thing that can be shown of a row.
pub struct Field<T> {
    pub name: &'static str,
    pub header: &'static str,
    /// `None` is `null` in JSON and `<nil>` in a template.
    pub show: fn(&T) -> Option<String>,
}

/// Everything that can be shown of rows of one kind.
pub struct View<T: 'static> {
    /// In alphabetical order, which is the order of JSON.
    pub fields: &'static [Field<T>],
    /// The name of docker's type, for the message about a field that does not exist.
    pub kind: &'static str,
    /// What `.Label` looks into.
    pub labels: fn(&T) -> BTreeMap<String, String>,
    /// The template of `--format raw`.
    pub raw: &'static str,
}

/// The flags of every list of `ls`.
#[derive(clap::Args)]
pub struct ListFlags {
    /// Print in another form: 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// Print no headings
    #[arg(long, short = 'n')]
    noheading: bool,
    /// Print ids only, of volumes names
    #[arg(long, short)]
    quiet: bool,
}

impl ListFlags {
    /// What they ask for; `field` is what `--quiet` leaves.
    pub fn format(&self, field: &'static str) -> Format {
        let format = Format::new(self.format.as_deref(), self.quiet.then_some(field));
        if self.noheading { format.without_headings() } else { format }
    }
}

/// What `--format` asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// The command's own columns.
    Table,
    /// The same without their headings.
    Bare,
    /// One of the command's fields, a line each: `--quiet`.
    Only(&'static str),
    /// `table TEMPLATE`: with headers, aligned.
    Columns(String),
    /// `table TEMPLATE` without headers.
    BareColumns(String),
    /// One object a line.
    Json,
    /// A template, a line each.
    Template(String),
    /// Docker's `raw`.
    Raw,
}

impl Format {
    /// Reads the value of `--format`; without one, `quiet` asks for that field alone.
    pub fn new(format: Option<&str>, quiet: Option<&'static str>) -> Self {
        let Some(format) = format.filter(|format| !format.is_empty()) else {
            return quiet.map_or(Self::Table, Self::Only);
        };
        match (format, quiet) {
            ("table", Some(field)) => Self::Only(field),
            ("table", None) => Self::Table,
            ("json", _) => Self::Json,
            ("raw", _) => Self::Raw,
            _ => match format.strip_prefix("table") {
                Some(columns) => Self::Columns(template::unescape(columns)),
                None => Self::Template(template::unescape(format)),
            },
        }
    }

    /// The same without headings: podman's `--noheading`.
    pub fn without_headings(self) -> Self {
        match self {
            Self::Table => Self::Bare,
            Self::Columns(source) => Self::BareColumns(source),
            other => other,
        }
    }

    /// The template, where there is one.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::Columns(text) | Self::BareColumns(text) | Self::Template(text) => Some(text),
            _ => None,
        }
    }

    /// Whether showing these rows may need the field `name`.
    pub fn names(&self, name: &str, columns: &[&str]) -> bool {
        match self {
            Self::Table | Self::Bare => columns.contains(&name),
            Self::Only(field) => *field == name,
            Self::Columns(text) | Self::BareColumns(text) | Self::Template(text) => {
                text.contains(name) || text.contains("json .")
            }
            Self::Json => true,
            Self::Raw => true,
        }
    }
}

/// Prints rows; `columns` are the fields of the plain table.
pub fn print<T>(view: &View<T>, rows: &[T], format: &Format, columns: &[&str]) -> Result<()> {
    let text = match format {
        Format::Table => plain(view, rows, columns, true),
        Format::Bare => plain(view, rows, columns, false),
        Format::BareColumns(source) => table::align(&fill(view, rows, source)?),
        Format::Only(field) => {
            let show = field_of(view, field).map(|field| field.show);
            rows.iter()
                .map(|row| format!("{}\n", show.and_then(|show| show(row)).unwrap_or_default()))
                .collect()
        }
        Format::Json => rows.iter().map(|row| json_line(view, row)).collect(),
        Format::Template(source) => fill(view, rows, source)?,
        Format::Raw => fill(view, rows, view.raw)?,
        Format::Columns(source) => {
            let headers = headers(view, source)?;
            table::align(&format!("{headers}\n{}", fill(view, rows, source)?))
        }
    };
    out::text(&text)
}

fn plain<T>(view: &View<T>, rows: &[T], columns: &[&str], has_headings: bool) -> String {
    let fields: Vec<_> = columns.iter().filter_map(|name| field_of(view, name)).collect();
    let headers: Vec<_> = fields.iter().map(|field| field.header).collect();
    let mut text = if has_headings { headers.join("\t") + "\n" } else { String::new() };
    for row in rows {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                text.push('\t');
            }
            text.push_str(&printable(&(field.show)(row).unwrap_or_default()));
        }
        text.push('\n');
    }
    table::align(&text)
}

fn field_of<'a, T>(view: &'a View<T>, name: &str) -> Option<&'a Field<T>> {
    view.fields.iter().find(|field| field.name == name)
}

fn json_line<T>(view: &View<T>, row: &T) -> String {
    let fields: serde_json::Map<String, serde_json::Value> =
        view.fields.iter().map(|field| (field.name.to_owned(), (field.show)(row).into())).collect();
    template::escape_html(&serde_json::Value::Object(fields).to_string()) + "\n"
}

fn fill<T>(view: &View<T>, rows: &[T], source: &str) -> Result<String> {
    let template =
        template::compile(source, Fill::Data, KeyOrder::new()).context("failed to parse template")?;
    // Only what the template names is worked out, unless it may name anything.
    let everything = source.contains("json .") || source.contains("range") || source.contains("{{.}}");
    let wanted: Vec<_> =
        view.fields.iter().filter(|field| everything || source.contains(field.name)).collect();
    let kind = format!("*formatter.{}", view.kind);
    // A script gets what is there; a terminal nothing that moves its cursor.
    let terminal = std::io::stdout().is_terminal();
    let clean = |text: &str| Value::String(if terminal { (*printable(text)).into() } else { text.into() });
    let mut text = String::new();
    for row in rows {
        let mut data: BTreeMap<Arc<str>, Value> = wanted
            .iter()
            .map(|field| {
                let value = (field.show)(row).map(|shown| clean(&shown));
                (Arc::from(field.name), value.unwrap_or(Value::Nil))
            })
            .collect();
        if source.contains(".Label ") {
            data.insert(Arc::from(LABELS), labels(&(view.labels)(row), clean));
        }
        let filled = template.fill(&Value::Map(Arc::new(data)), Some(&kind));
        text.push_str(&filled.context("failed to execute template")?);
        text.push('\n');
    }
    Ok(text)
}

fn labels(labels: &BTreeMap<String, String>, clean: impl Fn(&str) -> Value) -> Value {
    let shown = labels.iter().map(|(key, value)| (Arc::from(key.as_str()), clean(value)));
    Value::Map(Arc::new(shown.collect()))
}

fn headers<T>(view: &View<T>, source: &str) -> Result<String> {
    let template =
        template::compile(source, Fill::Headers, KeyOrder::new()).context("failed to parse template")?;
    let names = view.fields.iter().map(|field| (Arc::from(field.name), Value::String(field.header.into())));
    let filled =
        template.fill_headers(&Value::Map(Arc::new(names.collect())), &format!("*formatter.{}", view.kind));
    filled.context("failed to execute template")
}

/// Cuts a text that is longer than `width` characters and ends it with `…`.
pub fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
