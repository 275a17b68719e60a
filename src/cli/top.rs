//! `top`: the processes of a container.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::LatestFlag;
use super::escape::printable;
use super::verb::{Action, Operands, Session};
use super::{out, table};
use crate::engine::top;

/// The least width of a column of docker's `top`.
const MIN_WIDTH: usize = 20;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    latest: LatestFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Display the running processes of a container";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [ps OPTIONS]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const FLAGS_FIRST: bool = true;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Processes, with the host's numbers", "coracle top web"),
        ("Other columns, of which PID must be one", "coracle top web -o pid,rss,comm"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let operands = self.latest.before(engine.containers(), operands)?;
        let (name, options) = operands.split_first().map_or(("", &[][..]), |(name, rest)| (name, rest));
        let shown = top::top(&engine, name, options)?;
        let mut text = shown.titles.join("\t");
        for row in &shown.rows {
            let row: Vec<_> = row.iter().map(|field| printable(field)).collect();
            text.extend(["\n", &row.join("\t")]);
        }
        out::text(&table::align_from(MIN_WIDTH, &text))?;
        Ok(ExitCode::SUCCESS)
    }
}
