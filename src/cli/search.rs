//! `search`: finds images in registries, and lists the tags of one.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::flags::{parse_filter, parse_integer};
use super::listing::{self, Field, Format, View};
use super::out;
use super::registry::RegistryFlags;
use super::verb::{Action, Operands, Session};
use crate::image::search::{self, Hit};

/// Docker's and podman's number of answers where none is asked for.
const LIMIT: i64 = 25;
/// What docker's registry gives at most.
const MAX_LIMIT: i64 = 100;
/// Docker cuts descriptions after so many characters.
const DESCRIPTION: usize = 45;

#[derive(clap::Args)]
pub struct Args {
    /// Show only what meets a condition: stars=3, is-official=true, is-automated=true
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Print in another form: 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// How many answers of each registry (default 25)
    #[arg(long, value_name = "n", value_parser = parse_integer)]
    limit: Option<i64>,
    /// List the tags of a repository
    #[arg(long)]
    list_tags: bool,
    /// Show descriptions in full
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Search registries for images";
    const USAGE: &'static str = "[OPTIONS] [REGISTRY/]TERM";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("On Docker Hub", "coracle search --filter is-official=true alpine"),
        ("In another registry", "coracle search localhost:5000/app"),
        ("The tags of a repository", "coracle search --list-tags quay.io/podman/hello"),
    ];

    fn run(self, operands: Vec<String>, _: &Session) -> Result<ExitCode> {
        let term = operands.into_iter().next().unwrap_or_default();
        let options = self.registry.options()?;
        let format = Format::new(self.format.as_deref(), None);
        if self.list_tags {
            ensure!(self.filter.is_empty(), "filters are not applicable to list tags result");
            let (name, mut tags) = search::tags(&term, &options)?;
            // Podman's own word: without a limit that is asked for, every tag.
            tags.truncate(
                self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            );
            print_tags(&name.name(), tags, &format)?;
            return Ok(ExitCode::SUCCESS);
        }
        let limit = self.limit.unwrap_or(LIMIT);
        ensure!((1..=MAX_LIMIT).contains(&limit), "limit {limit} is outside the range of [1, {MAX_LIMIT}]");
        let conditions = self.filter.iter().map(Condition::parse).collect::<Result<Vec<_>>>()?;
        let (mut hits, failures) = search::search(&term, limit.unsigned_abs() as usize, &options)?;
        for failure in failures {
            out::error_line(&format!("WARNING: {failure:#}"));
        }
        hits.retain(|hit| conditions.iter().all(|condition| condition.holds(hit)));
        let rows: Vec<Row> = hits.into_iter().map(|hit| Row { hit, whole: self.no_trunc }).collect();
        listing::print(&VIEW, &rows, &format, COLUMNS)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What `--filter` asks for.
enum Condition {
    Stars(i64),
    Official(bool),
    Automated(bool),
}

impl Condition {
    fn parse((key, value): &(String, String)) -> Result<Self> {
        let switch = || match value.as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => bail!("invalid filter '{key}={value}'"),
        };
        match key.as_str() {
            "stars" => {
                let stars = value.parse().with_context(|| format!("invalid filter 'stars={value}'"))?;
                Ok(Self::Stars(stars))
            }
            "is-official" => switch().map(Self::Official),
            "is-automated" => switch().map(Self::Automated),
            _ => bail!("invalid filter '{key}'"),
        }
    }

    fn holds(&self, hit: &Hit) -> bool {
        match self {
            Self::Stars(least) => hit.found.star_count >= *least,
            Self::Official(wanted) => hit.found.is_official == *wanted,
            Self::Automated(wanted) => hit.found.is_automated == *wanted,
        }
    }
}

struct Row {
    hit: Hit,
    whole: bool,
}

impl Row {
    /// In one line, as docker shows it.
    fn description(&self) -> String {
        let text = self.hit.found.description.as_deref().unwrap_or_default().replace(['\n', '\r'], " ");
        match text.char_indices().nth(DESCRIPTION) {
            Some(_) if !self.whole => {
                let cut: String = text.chars().take(DESCRIPTION - 1).collect();
                format!("{cut}…")
            }
            _ => text,
        }
    }

    /// The name as `pull` takes it: only what is not on Docker Hub needs its registry.
    fn name(&self) -> String {
        let Hit { registry, found } = &self.hit;
        match registry.as_str() {
            "docker.io" => found.name.clone(),
            registry => format!("{registry}/{}", found.name),
        }
    }
}

/// Docker's and podman's word for yes.
fn tick(is_so: bool) -> String {
    if is_so { "[OK]".to_owned() } else { String::new() }
}

const COLUMNS: &[&str] = &["Name", "Description", "StarCount", "IsOfficial"];

const VIEW: View<Row> = View {
    kind: "searchContext",
    labels: |_| BTreeMap::new(),
    raw: "name: {{.Name}}\ndescription: {{.Description}}\nstar_count: {{.StarCount}}\nis_official: {{.IsOfficial}}\n",
    fields: &[
        Field { name: "Automated", header: "AUTOMATED", show: |row| Some(tick(row.hit.found.is_automated)) },
        Field { name: "Description", header: "DESCRIPTION", show: |row| Some(row.description()) },
        Field { name: "Index", header: "INDEX", show: |row| Some(row.hit.registry.clone()) },
        Field {
            name: "IsAutomated",
            header: "AUTOMATED",
            show: |row| Some(tick(row.hit.found.is_automated)),
        },
        Field { name: "IsOfficial", header: "OFFICIAL", show: |row| Some(tick(row.hit.found.is_official)) },
        Field { name: "Name", header: "NAME", show: |row| Some(row.name()) },
        Field { name: "Official", header: "OFFICIAL", show: |row| Some(tick(row.hit.found.is_official)) },
        Field { name: "StarCount", header: "STARS", show: |row| Some(row.hit.found.star_count.to_string()) },
        Field { name: "Stars", header: "STARS", show: |row| Some(row.hit.found.star_count.to_string()) },
    ],
};

/// A repository with its tags, as podman's `--format json` has them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tagged<'a> {
    name: &'a str,
    tags: &'a [String],
}

struct Tag {
    name: String,
    tag: String,
}

const TAGS: View<Tag> = View {
    kind: "searchContext",
    labels: |_| BTreeMap::new(),
    raw: "name: {{.Name}}\ntag: {{.Tag}}\n",
    fields: &[
        Field { name: "Name", header: "NAME", show: |row| Some(row.name.clone()) },
        Field { name: "Tag", header: "TAG", show: |row| Some(row.tag.clone()) },
    ],
};

fn print_tags(name: &str, tags: Vec<String>, format: &Format) -> Result<()> {
    if *format == Format::Json {
        return out::line(&serde_json::to_string_pretty(&[Tagged { name, tags: &tags }])?);
    }
    let rows: Vec<Tag> = tags.into_iter().map(|tag| Tag { name: name.to_owned(), tag }).collect();
    listing::print(&TAGS, &rows, format, &["Name", "Tag"])
}
