//! `stats`: what containers use, drawn again and again.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use super::choice::LatestFlag;
use super::flags::parse_integer;
use super::listing::{self, Field, Format, View};
use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::size;
use crate::engine::Engine;
use crate::engine::choose::{self, Scope};
use crate::engine::filter::Filters;
use crate::engine::stats::{Usage, Watch};

/// Docker's time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Docker's digits of traffic.
const DIGITS: usize = 3;
/// To the upper left corner, and nothing below.
const CLEAR: &str = "\x1b[H\x1b[J";

#[derive(clap::Args)]
pub struct Args {
    /// Show all containers, not only those that run
    #[arg(long, short)]
    all: bool,
    /// Print in another form: 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// Seconds between two looks
    #[arg(long, short, value_name = "seconds", value_parser = parse_integer)]
    interval: Option<i64>,
    #[command(flatten)]
    latest: LatestFlag,
    /// Do not clear the screen between two looks
    #[arg(long)]
    no_reset: bool,
    /// Look once, over a second
    #[arg(long)]
    no_stream: bool,
    /// Show ids in full
    #[arg(long)]
    no_trunc: bool,
}

/// A container and how its row is shown.
struct Row {
    usage: Usage,
    whole: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Display a live stream of container(s) resource usage statistics";
    const USAGE: &'static str = "[OPTIONS] [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Every container that runs, once", "coracle stats --no-stream"),
        ("Some columns", "coracle stats --format 'table {{.Name}}\\t{{.MemUsage}}' web db"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let interval = match self.interval {
            None => INTERVAL,
            Some(seconds) => match u64::try_from(seconds) {
                Ok(seconds @ 1..) => Duration::from_secs(seconds),
                _ => bail!("invalid interval, must be a positive number greater zero"),
            },
        };
        let engine = session.engine()?;
        let named = self.latest.before(engine.containers(), operands)?;
        let format = Format::new(self.format.as_deref(), None);
        let clears = !self.no_reset && !self.no_stream && std::io::stdout().is_terminal();
        let mut watch = Watch::new(&engine);
        // How busy a container is shows only between two looks.
        watch.measure(&self.names(&engine, &named)?)?;
        loop {
            thread::sleep(interval);
            let rows = watch.measure(&self.names(&engine, &named)?)?;
            let rows: Vec<_> = rows.into_iter().map(|usage| Row { usage, whole: self.no_trunc }).collect();
            if clears {
                out::text(CLEAR)?;
            }
            listing::print(&VIEW, &rows, &format, COLUMNS)?;
            if self.no_stream {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

impl Args {
    /// The containers that were named, or those that there are now.
    fn names(&self, engine: &Engine, named: &[String]) -> Result<Vec<String>> {
        if !named.is_empty() {
            return Ok(named.to_vec());
        }
        choose::ids(engine, if self.all { Scope::All } else { Scope::Up }, &Filters::default())
    }
}

const COLUMNS: &[&str] = &["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];

const VIEW: View<Row> = View {
    kind: "statsContext",
    labels: |_| Default::default(),
    raw: "",
    fields: &[
        Field {
            name: "BlockIO",
            header: "BLOCK I/O",
            show: |row| Some(both(row.usage.used.read, row.usage.used.written)),
        },
        Field { name: "CPUPerc", header: "CPU %", show: |row| Some(format!("{:.2}%", row.usage.percent)) },
        Field { name: "Container", header: "CONTAINER", show: |row| Some(row.usage.container.clone()) },
        Field { name: "ID", header: "CONTAINER ID", show: |row| Some(row.id()) },
        Field { name: "MemPerc", header: "MEM %", show: |row| Some(row.memory_percent()) },
        Field { name: "MemUsage", header: "MEM USAGE / LIMIT", show: |row| Some(row.memory()) },
        Field { name: "Name", header: "NAME", show: |row| Some(row.usage.name.clone()) },
        Field {
            name: "NetIO",
            header: "NET I/O",
            show: |row| Some(both(row.usage.used.received, row.usage.used.sent)),
        },
        Field { name: "PIDs", header: "PIDS", show: |row| Some(row.usage.used.pids.to_string()) },
    ],
};

/// Two amounts of traffic.
fn both(one: u64, other: u64) -> String {
    format!("{} / {}", size::human(one, DIGITS), size::human(other, DIGITS))
}

impl Row {
    fn id(&self) -> String {
        let id = &self.usage.id;
        if self.whole { id.clone() } else { id.chars().take(12).collect() }
    }

    fn memory(&self) -> String {
        format!("{} / {}", size::binary(self.usage.used.memory), size::binary(self.usage.used.limit))
    }

    fn memory_percent(&self) -> String {
        let used = &self.usage.used;
        let percent = if used.limit == 0 { 0.0 } else { used.memory as f64 / used.limit as f64 * 100.0 };
        format!("{percent:.2}%")
    }
}
