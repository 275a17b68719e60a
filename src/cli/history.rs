//! `history`: lists the steps of an image's making.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;

use super::listing::{self, Field, Format, View};
use super::verb::{Action, Operands, Session};
use crate::base::{size, time};
use crate::engine::images_view::{self, HistoryRow};
use crate::oci::platform::Platform;
use crate::store::images::Images;
use crate::store::layers::Layers;

/// The longest instruction that is shown whole.
const CREATED_BY_WIDTH: usize = 45;

#[derive(clap::Args)]
pub struct Args {
    /// Print in another form: 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// Print sizes and times for people (default true)
    #[arg(long, short = 'H', default_value_t = true, action = clap::ArgAction::SetTrue)]
    human: bool,
    /// Show ids and instructions in full
    #[arg(long)]
    no_trunc: bool,
    /// Of an image for several platforms the one for this: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
    /// Print ids only
    #[arg(long, short)]
    quiet: bool,
}

/// A step, and what its row depends on.
struct Row {
    step: HistoryRow,
    whole: bool,
    human: bool,
    now: Timestamp,
}

impl Action for Args {
    const SUMMARY: &'static str = "Show the history of an image";
    const USAGE: &'static str = "[OPTIONS] IMAGE";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("The instructions that made an image", "coracle history alpine"),
        ("In full", "coracle history --no-trunc --format '{{.CreatedBy}}' alpine"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let format = Format::new(self.format.as_deref(), self.quiet.then_some("ID"));
        let layout = session.layout()?;
        let platform = Platform::asked(self.platform.as_deref())?;
        let name = operands.first().map_or("", String::as_str);
        let image = Images::new(&layout).lookup_for(name, platform.as_ref())?;
        let (whole, human, now) = (self.no_trunc, self.human, Timestamp::now());
        let steps = images_view::history(&image, &Layers::new(&layout));
        let rows: Vec<_> = steps.into_iter().map(|step| Row { step, whole, human, now }).collect();
        let created = if human { "CreatedSince" } else { "CreatedAt" };
        listing::print(&VIEW, &rows, &format, &["ID", created, "CreatedBy", "Size", "Comment"])?;
        Ok(ExitCode::SUCCESS)
    }
}

const VIEW: View<Row> = View {
    kind: "historyContext",
    labels: |_| BTreeMap::new(),
    raw: "",
    fields: &[
        Field { name: "Comment", header: "COMMENT", show: |row| Some(row.step.comment.clone()) },
        Field {
            name: "CreatedAt",
            header: "CREATED AT",
            show: |row| Some(row.step.created.map(time::rfc3339_local).unwrap_or_default()),
        },
        Field { name: "CreatedBy", header: "CREATED BY", show: |row| Some(row.created_by()) },
        Field { name: "CreatedSince", header: "CREATED", show: |row| Some(row.created_since()) },
        Field { name: "ID", header: "IMAGE", show: |row| Some(row.id()) },
        Field { name: "Size", header: "SIZE", show: |row| Some(row.size()) },
    ],
};

impl Row {
    fn id(&self) -> String {
        match &self.step.id {
            Some(id) if self.whole => id.to_string(),
            Some(id) => id.short(),
            None => "<missing>".to_owned(),
        }
    }

    fn created_by(&self) -> String {
        let text = self.step.created_by.replace('\t', " ");
        if self.whole { text } else { listing::ellipsis(&text, CREATED_BY_WIDTH) }
    }

    fn created_since(&self) -> String {
        let created = self.step.created;
        created.map_or_else(|| "N/A".to_owned(), |created| time::ago(created, self.now))
    }

    fn size(&self) -> String {
        if self.human { size::human(self.step.size, 3) } else { self.step.size.to_string() }
    }
}
