//! `container prune`: removes all containers that do not run.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::flags::parse_filter;
use super::verb::{Action, Operands, Session};
use super::{out, prompt};
use crate::base::{size, time};
use crate::engine::prune::{self, Conditions};

#[derive(clap::Args)]
pub struct Args {
    /// Remove only containers that meet a condition: until=24h, label=a=b, label!=a
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Do not ask
    #[arg(long, short)]
    force: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove all stopped containers";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Those of yesterday and before", "coracle container prune -f --filter until=24h")];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let conditions = conditions(&self.filter)?;
        if !self.force && !prompt::confirm("WARNING! This will remove all stopped containers.")? {
            bail!("container prune has been cancelled");
        }
        let pruned = prune::containers(&session.engine()?, &conditions)?;
        let mut text = String::new();
        if !pruned.ids.is_empty() {
            text = format!("Deleted Containers:\n{}\n\n", pruned.ids.join("\n"));
        }
        out::text(&format!("{text}Total reclaimed space: {}\n", size::human(pruned.bytes, 4)))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn conditions(filters: &[(String, String)]) -> Result<Conditions> {
    let mut conditions = Conditions::default();
    let label = |text: &str| match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    };
    for (key, value) in filters {
        match key.as_str() {
            "until" if conditions.until.is_some() => bail!("more than one until filter specified"),
            "until" => {
                let until = time::parse_moment(value, Timestamp::now());
                conditions.until = Some(until.with_context(|| format!("invalid filter 'until={value}'"))?);
            }
            "label" => conditions.labels.push(label(value)),
            "label!" => conditions.not_labels.push(label(value)),
            _ => bail!("invalid filter '{key}'"),
        }
    }
    Ok(conditions)
}
