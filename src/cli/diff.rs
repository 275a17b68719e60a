//! `diff` and `image diff`: what a container, or an image, has changed in its filesystem.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::choice::LatestFlag;
use super::escape::printable;
use super::out;
use super::verb::{Action, Operands, Session};
use crate::engine::changes::{self, Change, Kind};

#[derive(clap::Args)]
pub struct Args {
    /// Print in another form: json
    #[arg(long, value_name = "format", value_parser = ["json"])]
    format: Option<String>,
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Inspect changes to files or directories on a container's filesystem";
    const USAGE: &'static str = "[OPTIONS] CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("A for added, C for changed, D for deleted", "coracle diff web")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let operands = self.latest.before(engine.containers(), operands)?;
        let name = operands.first().map(String::as_str).unwrap_or_default();
        print(&changes::diff(&engine, name)?, self.format.is_some())
    }
}

#[derive(clap::Args)]
pub struct ImageArgs {
    /// Print in another form: json
    #[arg(long, value_name = "format", value_parser = ["json"])]
    format: Option<String>,
}

impl Action for ImageArgs {
    const SUMMARY: &'static str =
        "Inspect changes that an image's topmost layer, or the image, makes to another";
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE]";
    const OPERANDS: Operands = Operands::Between(1, 2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("What the topmost layer changes", "coracle image diff app"),
        ("What one image has and another has not", "coracle image diff app:2 app:1"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let (name, other) = (operands.first(), operands.get(1));
        let name = name.map(String::as_str).unwrap_or_default();
        print(&changes::diff_image(&engine, name, other.map(String::as_str))?, self.format.is_some())
    }
}

fn print(changes: &[Change], as_json: bool) -> Result<ExitCode> {
    let line = |change: &Change| format!("{} {}\n", change.kind.letter(), printable(&change.path));
    out::text(&if as_json { json(changes)? } else { changes.iter().map(line).collect() })?;
    Ok(ExitCode::SUCCESS)
}

/// Podman's document: the paths of each kind of change.
#[derive(Default, Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    added: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<&'a str>,
}

fn json(changes: &[Change]) -> Result<String> {
    let mut document = Document::default();
    for change in changes {
        match change.kind {
            Kind::Changed => document.changed.push(&change.path),
            Kind::Added => document.added.push(&change.path),
            Kind::Deleted => document.deleted.push(&change.path),
        }
    }
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
