//! `volume ls`: lists volumes.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{condition, switch};
use crate::cli::flags::parse_filter;
use crate::cli::listing::{self, Field, ListFlags, View};
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::volumes::{self, Condition};
use crate::store::layout::Layout;
use crate::store::volumes::{LOCAL, Volume, Volumes};

#[derive(clap::Args)]
pub struct Args {
    /// Show only volumes that meet a condition: dangling=true, name=data, label=a=b, driver=local
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    list: ListFlags,
}

/// A volume, and where its data is.
struct Row {
    volume: Volume,
    mountpoint: String,
}

impl Action for Args {
    const SUMMARY: &'static str = "List volumes";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("All volumes", "coracle volume ls"),
        ("Volumes that no container uses", "coracle volume ls -q --filter dangling=true"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let format = self.list.format("Name");
        let conditions = self.filter.iter().map(read).collect::<Result<Vec<_>>>()?;
        let layout = session.layout()?;
        let volumes = volumes::list(&layout, &conditions)?;
        let rows: Vec<_> = volumes.into_iter().map(|volume| Row::new(volume, &layout)).collect();
        listing::print(&VIEW, &rows, &format, &["Driver", "Name"])?;
        Ok(ExitCode::SUCCESS)
    }
}

fn read((key, value): &(String, String)) -> Result<Condition> {
    match condition(key, value)? {
        Some(condition) => Ok(condition),
        None if key == "dangling" => Ok(Condition::Dangling(switch(key, value)?)),
        None => bail!("invalid filter '{key}'"),
    }
}

/// Docker's word for what is not worked out.
const NOT_AVAILABLE: &str = "N/A";

const VIEW: View<Row> = View {
    kind: "volumeContext",
    labels: |row| row.volume.labels.clone(),
    raw: "name: {{.Name}}\ndriver: {{.Driver}}\n",
    fields: &[
        Field { name: "Availability", header: "AVAILABILITY", show: |_| Some(NOT_AVAILABLE.to_owned()) },
        Field { name: "Driver", header: "DRIVER", show: |_| Some(LOCAL.to_owned()) },
        Field { name: "Group", header: "GROUP", show: |_| Some(NOT_AVAILABLE.to_owned()) },
        Field {
            name: "Labels",
            header: "LABELS",
            show: |row| {
                let labels = row.volume.labels.iter().map(|(key, value)| format!("{key}={value}"));
                Some(labels.collect::<Vec<_>>().join(","))
            },
        },
        Field { name: "Links", header: "LINKS", show: |_| Some(NOT_AVAILABLE.to_owned()) },
        Field { name: "Mountpoint", header: "MOUNTPOINT", show: |row| Some(row.mountpoint.clone()) },
        Field { name: "Name", header: "VOLUME NAME", show: |row| Some(row.volume.name.clone()) },
        Field { name: "Scope", header: "SCOPE", show: |_| Some(LOCAL.to_owned()) },
        Field { name: "Size", header: "SIZE", show: |_| Some(NOT_AVAILABLE.to_owned()) },
        Field { name: "Status", header: "STATUS", show: |_| Some(NOT_AVAILABLE.to_owned()) },
    ],
};

impl Row {
    fn new(volume: Volume, layout: &Layout) -> Self {
        let mountpoint = Volumes::new(layout).data(&volume.name).display().to_string();
        Self { volume, mountpoint }
    }
}
