//! `ps`: lists containers.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;

use super::escape::quote;
use super::flags::{parse_filter, parse_integer};
use super::listing::{self, Field, Format, View};
use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::{size, time};
use crate::config::docker::Settings;
use crate::engine::Engine;
use crate::engine::changes::{self, Sizes};
use crate::engine::filter::Filters;
use crate::engine::list::{self, Listed};
use crate::store::containers::Status;

/// The longest command that is shown whole.
const COMMAND_WIDTH: usize = 20;
/// The longest name of a mount that is shown whole.
const MOUNT_WIDTH: usize = 15;
/// Docker's digits of a size.
const SIZE_DIGITS: usize = 3;

#[derive(clap::Args)]
pub struct Args {
    /// Show all containers, not only those that run
    #[arg(long, short)]
    all: bool,
    /// Show only containers that meet a condition: name=web, status=exited, label=a=b
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Print in another form: 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// Show the n newest containers, also those that do not run
    #[arg(long, short = 'n', value_name = "n", value_parser = parse_integer)]
    last: Option<i64>,
    /// Show the newest container, also if it does not run
    #[arg(long, short)]
    latest: bool,
    /// Show ids, commands and mounts in full
    #[arg(long)]
    no_trunc: bool,
    /// Print no headings
    #[arg(long)]
    noheading: bool,
    /// Print ids only
    #[arg(long, short)]
    quiet: bool,
    /// Show how much room each container's own files take, and those with its image
    #[arg(long, short)]
    size: bool,
    /// Sort by command, created, id, image, names, runningfor, size or status
    #[arg(long, value_name = "field", value_parser = sort_key)]
    sort: Option<SortKey>,
}

/// What `--sort` sorts by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SortKey {
    Command,
    Created,
    Id,
    Image,
    Names,
    RunningFor,
    Size,
    Status,
}

fn sort_key(text: &str) -> Result<SortKey, String> {
    Ok(match text {
        "command" => SortKey::Command,
        "created" => SortKey::Created,
        "id" => SortKey::Id,
        "image" => SortKey::Image,
        "names" => SortKey::Names,
        "runningfor" => SortKey::RunningFor,
        "size" => SortKey::Size,
        "status" => SortKey::Status,
        _ => {
            return Err(format!(
                "\"{text}\" is not a valid value, choose from: command, created, id, image, names, runningfor, \
                 size, status"
            ));
        }
    })
}

/// A container, and what its row depends on.
struct Row {
    container: Listed,
    /// `None` if nobody asked.
    sizes: Option<Sizes>,
    whole: bool,
    now: Timestamp,
}

impl Action for Args {
    const SUMMARY: &'static str = "List containers";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Containers that run, and all of them", "coracle ps; coracle ps -a"),
        ("Remove what has ended", "coracle rm $(coracle ps -aq --filter status=exited)"),
        ("Choose the columns", "coracle ps --format 'table {{.Names}}\\t{{.Status}}'"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let settings =
            if self.format.is_none() && !self.quiet { Settings::read()? } else { Settings::default() };
        let format = self.format.as_deref().or(Some(settings.ps_format.as_str()));
        let mut format = Format::new(format, self.quiet.then_some("ID"));
        if self.noheading {
            format = format.without_headings();
        }
        let shows_size = self.size || format.source().is_some_and(|text| text.contains(".Size"));
        let size = shows_size || self.sort == Some(SortKey::Size);
        if self.size && format == Format::Raw {
            format = Format::Template(format!("{}size: {{{{- pad .Size 1 0}}}}\n", VIEW.raw));
        }
        let filters = Filters::new(&self.filter)?;
        let details = filters.need_details() || DETAILS.iter().any(|name| format.names(name, COLUMNS));
        let layout = session.layout()?;
        let listing = list::list(&layout, details)?;
        for (id, reason) in &listing.broken {
            out::error_line(&format!("WARNING: container {}: read its record: {reason}", &id[..12]));
            out::error_line(&format!("hint: remove the container with: coracle rm -f {}", &id[..12]));
        }
        let mut containers = listing.containers;
        filters.apply(&mut containers, &layout)?;
        self.choose(&mut containers, filters.imply_all());
        let (whole, now) = (self.no_trunc, Timestamp::now());
        let mut sizes = if size { measure(&session.engine()?, &containers)? } else { BTreeMap::new() };
        let row = |container: Listed| Row { sizes: sizes.remove(&container.id), container, whole, now };
        let mut rows: Vec<_> = containers.into_iter().map(row).collect();
        if let Some(key) = self.sort {
            sort(&mut rows, key);
        }
        let columns = [COLUMNS, if shows_size { &["Size"] } else { &[] }].concat();
        listing::print(&VIEW, &rows, &format, &columns)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    /// Leaves out what does not run, unless more was asked for, and all but the newest.
    fn choose(&self, containers: &mut Vec<Listed>, every_status: bool) {
        // As docker reads the two together.
        let last = self.last.filter(|last| *last != -1).or(self.latest.then_some(1));
        let last = last.and_then(|last| usize::try_from(last).ok()).filter(|last| *last > 0);
        if !self.all && last.is_none() && !every_status {
            containers
                .retain(|container| matches!(container.state.status, Status::Running | Status::Restarting));
        }
        containers.truncate(last.unwrap_or(usize::MAX));
    }
}

/// What containers take, by id; one that has just been removed is left out.
fn measure(engine: &Engine, containers: &[Listed]) -> Result<BTreeMap<String, Sizes>> {
    let load = |container: &Listed| engine.containers().load(&container.id).ok();
    let records: Vec<_> = containers.iter().filter_map(load).collect();
    let sizes = changes::sizes(engine, &records.iter().collect::<Vec<_>>())?;
    Ok(records.into_iter().map(|record| record.id).zip(sizes).collect())
}

/// Sorts as podman does: what was made or started first comes first.
fn sort(rows: &mut [Row], key: SortKey) {
    let text = |of: fn(&Row) -> &str| move |a: &Row, b: &Row| of(a).cmp(of(b));
    match key {
        SortKey::Command => rows.sort_by(text(|row| &row.container.command)),
        SortKey::Created => rows.sort_by_key(|row| row.container.created),
        SortKey::Id => rows.sort_by(text(|row| &row.container.id)),
        SortKey::Image => rows.sort_by(text(|row| &row.container.image)),
        SortKey::Names => rows.sort_by(text(|row| &row.container.name)),
        SortKey::RunningFor => rows.sort_by_key(|row| row.container.state.started_at),
        SortKey::Size => rows.sort_by_key(|row| row.sizes.unwrap_or_default().own),
        SortKey::Status => rows.sort_by(text(|row| row.container.state.status.as_str())),
    }
}

const COLUMNS: &[&str] = &["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
/// Fields that need the flags of a container.
const DETAILS: &[&str] = &["Label", "Mounts", "LocalVolumes", "Networks"];

const VIEW: View<Row> = View {
    kind: "ContainerContext",
    labels: |row| row.container.details.labels.clone(),
    raw: "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n\
          state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\n\
          labels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n",
    fields: &[
        Field {
            name: "Command",
            header: "COMMAND",
            show: |row| Some(quote(&row.cut(&row.container.command, COMMAND_WIDTH))),
        },
        Field {
            name: "CreatedAt",
            header: "CREATED AT",
            show: |row| Some(time::local(row.container.created)),
        },
        Field { name: "ID", header: "CONTAINER ID", show: |row| Some(row.id()) },
        Field { name: "Image", header: "IMAGE", show: |row| Some(row.image()) },
        Field { name: "Labels", header: "LABELS", show: |row| Some(joined(&row.container.details.labels)) },
        Field {
            name: "LocalVolumes",
            header: "LOCAL VOLUMES",
            show: |row| Some(row.container.volume_count().to_string()),
        },
        Field { name: "Mounts", header: "MOUNTS", show: |row| Some(row.mounts()) },
        Field { name: "Names", header: "NAMES", show: |row| Some(row.container.name.clone()) },
        Field {
            name: "Networks",
            header: "NETWORKS",
            show: |row| Some(list::network_names(&row.container.details.network).join(",")),
        },
        Field { name: "Platform", header: "PLATFORM", show: |_| None },
        Field {
            name: "Ports",
            header: "PORTS",
            show: |row| Some(list::ports_line(&row.container.ports, &row.container.exposed)),
        },
        Field {
            name: "RunningFor",
            header: "CREATED",
            show: |row| Some(time::ago(row.container.created, row.now)),
        },
        Field { name: "Size", header: "SIZE", show: |row| Some(row.size()) },
        Field { name: "State", header: "STATE", show: |row| Some(row.container.word().to_owned()) },
        Field { name: "Status", header: "STATUS", show: |row| Some(row.container.status(row.now)) },
    ],
};

impl Row {
    fn id(&self) -> String {
        let id = &self.container.id;
        if self.whole { id.clone() } else { id.chars().take(12).collect() }
    }

    /// The name it was made by; the short id where that was a digest; docker's words for `--rootfs`.
    fn image(&self) -> String {
        let image = self.container.image.as_str();
        match image.strip_prefix("sha256:").filter(|_| !self.whole) {
            _ if image.is_empty() => "<no image>".to_owned(),
            Some(hex) => hex.chars().take(12).collect(),
            None => image.to_owned(),
        }
    }

    /// `5B (virtual 4.43MB)`; docker's zero unless sizes were asked for.
    fn size(&self) -> String {
        let Sizes { own, whole } = self.sizes.unwrap_or_default();
        match whole {
            0 => size::human(own, SIZE_DIGITS),
            _ => format!("{} (virtual {})", size::human(own, SIZE_DIGITS), size::human(whole, SIZE_DIGITS)),
        }
    }

    fn mounts(&self) -> String {
        let names = self.container.mount_names();
        names.iter().map(|name| self.cut(name, MOUNT_WIDTH)).collect::<Vec<_>>().join(",")
    }

    fn cut(&self, text: &str, width: usize) -> String {
        if self.whole { text.to_owned() } else { listing::ellipsis(text, width) }
    }
}

/// `a=1,b=2`, by key.
fn joined(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
