//! `secret ls`: lists secrets.

use std::process::ExitCode;

use anyhow::{Result, bail};
use jiff::Timestamp;

use crate::base::pattern::Regex;
use crate::base::time;
use crate::cli::flags::parse_filter;
use crate::cli::listing::{self, Field, ListFlags, View};
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::secrets::{self, Condition};
use crate::store::secrets::{FILE, Secret, Secrets};

#[derive(clap::Args)]
pub struct Args {
    /// Show only secrets that meet a condition: name=db, id=5f3, label=a=b
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    list: ListFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "List secrets";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("All secrets", "coracle secret ls"),
        (
            "Names alone, of one project",
            "coracle secret ls --filter label=project=boats --format '{{.Name}}'",
        ),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let format = self.list.format("ID");
        let conditions = self.filter.iter().map(condition).collect::<Result<Vec<_>>>()?;
        let found = secrets::list(Secrets::new(&session.layout()?), &conditions)?;
        let now = Timestamp::now();
        let rows: Vec<_> = found.into_iter().map(|secret| Row { secret, now }).collect();
        listing::print(&VIEW, &rows, &format, &["ID", "Name", "Driver", "CreatedAt", "UpdatedAt"])?;
        Ok(ExitCode::SUCCESS)
    }
}

fn condition((key, value): &(String, String)) -> Result<Condition> {
    Ok(match key.as_str() {
        "id" => Condition::Id(value.clone()),
        "label" => Condition::Label(value.clone()),
        "name" => Condition::Name(Regex::new(value)?),
        _ => bail!("invalid filter \"{key}\""),
    })
}

struct Row {
    secret: Secret,
    now: Timestamp,
}

const VIEW: View<Row> = View {
    kind: "secretContext",
    labels: |row| row.secret.labels.clone(),
    raw: "id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\n",
    fields: &[
        Field {
            name: "CreatedAt",
            header: "CREATED",
            show: |row| Some(time::ago(row.secret.created, row.now)),
        },
        Field { name: "Driver", header: "DRIVER", show: |_| Some(FILE.to_owned()) },
        Field { name: "ID", header: "ID", show: |row| Some(row.secret.id.clone()) },
        Field {
            name: "Labels",
            header: "LABELS",
            show: |row| {
                let labels = row.secret.labels.iter().map(|(key, value)| format!("{key}={value}"));
                Some(labels.collect::<Vec<_>>().join(","))
            },
        },
        Field { name: "Name", header: "NAME", show: |row| Some(row.secret.name.clone()) },
        Field {
            name: "UpdatedAt",
            header: "UPDATED",
            show: |row| Some(time::ago(row.secret.updated, row.now)),
        },
    ],
};
