//! `network ls`: lists networks.

use std::process::ExitCode;

use anyhow::Result;

use crate::base::time;
use crate::cli::flags::parse_filter;
use crate::cli::listing::{self, Field, ListFlags, View};
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::networks::{self, Condition, Listed};

#[derive(clap::Args)]
pub struct Args {
    /// Show only networks that meet a condition: driver=, id=, label=, name=, scope=, type=custom
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    list: ListFlags,
    /// Do not shorten ids
    #[arg(long)]
    no_trunc: bool,
}

/// Go's time that never was.
const NEVER: &str = "0001-01-01 00:00:00 +0000 UTC";

/// A network, and how its id is shown.
struct Row {
    listed: Listed,
    id: String,
}

impl Action for Args {
    const SUMMARY: &'static str = "List networks";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("All networks", "coracle network ls"),
        ("Those that somebody made", "coracle network ls --filter type=custom"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let format = self.list.format("ID");
        let conditions = self.filter.iter().map(Condition::parse).collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        let engine = session.engine()?;
        let used = networks::used(&engine)?;
        for listed in networks::all(&engine)? {
            if networks::meets(&listed, &conditions, &used) {
                let mut id = listed.id();
                if !self.no_trunc {
                    id.truncate(12);
                }
                rows.push(Row { listed, id });
            }
        }
        listing::print(&VIEW, &rows, &format, &["ID", "Name", "Driver", "Scope"])?;
        Ok(ExitCode::SUCCESS)
    }
}

const VIEW: View<Row> = View {
    kind: "networkContext",
    labels: |row| row.listed.labels(),
    raw: "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
    fields: &[
        Field {
            name: "CreatedAt",
            header: "CREATED AT",
            show: |row| {
                let network = row.listed.network();
                Some(network.map_or_else(|| NEVER.to_owned(), |network| time::local_exact(network.created)))
            },
        },
        Field { name: "Driver", header: "DRIVER", show: |row| Some(row.listed.driver().to_owned()) },
        Field { name: "ID", header: "NETWORK ID", show: |row| Some(row.id.clone()) },
        Field { name: "IPv4", header: "IPV4", show: |_| Some("true".to_owned()) },
        Field {
            name: "IPv6",
            header: "IPV6",
            show: |row| {
                let has_ipv6 = row.listed.network().is_some_and(|network| network.ipv6.is_some());
                Some(has_ipv6.to_string())
            },
        },
        Field {
            name: "Internal",
            header: "INTERNAL",
            show: |row| Some(row.listed.network().is_some_and(|network| network.internal).to_string()),
        },
        Field {
            name: "Labels",
            header: "LABELS",
            show: |row| {
                let labels = row.listed.labels();
                let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                Some(labels.join(","))
            },
        },
        Field { name: "Name", header: "NAME", show: |row| Some(row.listed.name().to_owned()) },
        Field { name: "Scope", header: "SCOPE", show: |_| Some("local".to_owned()) },
    ],
};
