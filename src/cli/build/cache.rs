//! `builder prune` and `builder du`: what builds keep for the next.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::base::{size, time};
use crate::cli::escape::printable;
use crate::cli::flags::parse_filter;
use crate::cli::options::resources;
use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, prompt};
use crate::engine::build::cache::{self, Conditions, Kept};

#[derive(clap::Args)]
pub struct Prune {
    /// Remove the steps that images are made of too
    #[arg(long, short)]
    all: bool,
    /// Remove only what meets a condition: until=24h
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Do not ask
    #[arg(long, short)]
    force: bool,
    /// Keep what was used last, up to this size
    #[arg(long, visible_aliases = ["reserved-space", "keep-bytes"], value_name = "bytes", value_parser = resources::bytes)]
    keep_storage: Option<u64>,
    /// Say what each was
    #[arg(long)]
    verbose: bool,
}

impl Action for Prune {
    const SUMMARY: &'static str = "Remove the build cache";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("All of it", "coracle builder prune -a -f"),
        (
            "What was not used for a week, but for 2 GB",
            "coracle builder prune -f --filter until=168h --keep-storage 2g",
        ),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let mut conditions = Conditions { all: self.all, until: None, keep: self.keep_storage };
        for (key, value) in &self.filter {
            match key.as_str() {
                "until" | "unused-for" => {
                    let until = time::parse_moment(value, Timestamp::now());
                    conditions.until =
                        Some(until.with_context(|| format!("invalid filter '{key}={value}'"))?);
                }
                _ => bail!("invalid filter '{key}'"),
            }
        }
        let which = if self.all { "all build cache" } else { "all dangling build cache" };
        if !self.force && !prompt::confirm(&format!("WARNING! This will remove {which}."))? {
            return Ok(ExitCode::SUCCESS);
        }
        let gone = cache::prune(&session.engine()?, &conditions)?;
        out::text(&table(&gone, self.verbose))?;
        out::line(&format!("Total:\t{}", size::human(total(&gone), 4)))?;
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(clap::Args)]
pub struct Usage {
    /// Say what each is
    #[arg(long)]
    verbose: bool,
}

impl Action for Usage {
    const SUMMARY: &'static str = "Show how much room the build cache takes";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Everything, and what it is", "coracle builder du --verbose")];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let kept = cache::list(&session.engine()?)?;
        out::text(&table(&kept, self.verbose))?;
        let reclaimable: Vec<Kept> = kept.iter().filter(|kept| kept.reclaimable).cloned().collect();
        out::line(&format!("Reclaimable:\t{}", size::human(total(&reclaimable), 4)))?;
        out::line(&format!("Total:\t\t{}", size::human(total(&kept), 4)))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn total(kept: &[Kept]) -> u64 {
    kept.iter().map(|kept| kept.size).sum()
}

/// buildx's columns; all that is known of each with `verbose`.
fn table(kept: &[Kept], verbose: bool) -> String {
    let now = Timestamp::now();
    let ago = |moment: Timestamp| time::ago(moment, now);
    let size = |kept: &Kept| size::human(kept.size, 4);
    let mut text = String::new();
    if !verbose {
        text.push_str(&format!("{:<25}  {:<11}  {:<10}  LAST ACCESSED\n", "ID", "RECLAIMABLE", "SIZE"));
    }
    for kept in kept {
        text.push_str(&match verbose {
            false => format!(
                "{:<25}  {:<11}  {:<10}  {}\n",
                kept.id, kept.reclaimable, size(kept), ago(kept.used)
            ),
            true => format!(
                "ID:\t\t{}\nCreated at:\t{}\nReclaimable:\t{}\nSize:\t\t{}\nDescription:\t{}\nLast used:\t{}\nType:\t\t{}\n\n",
                kept.id, kept.created, kept.reclaimable, size(kept), printable(&kept.description),
                ago(kept.used), kept.kind
            ),
        });
    }
    text
}
