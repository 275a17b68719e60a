//! `image prune`: removes images that no container is made from.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::flags::parse_filter;
use super::out;
use super::prompt::ForceFlag;
use super::prune::{conditions, images, total};
use super::verb::{Action, Operands, Session};
use crate::engine::prune;

#[derive(clap::Args)]
pub struct Args {
    /// Remove images with a tag too
    #[arg(long, short)]
    all: bool,
    /// Remove only images that meet a condition: until=24h, label=a=b, label!=a, dangling=false
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    force: ForceFlag,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove unused images";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Images that lost their names", "coracle image prune -f"),
        ("Every image that no container is made from", "coracle image prune -a -f"),
    ];

    fn run(mut self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let mut all = self.all;
        for (_, value) in self.filter.extract_if(.., |(key, _)| key == "dangling") {
            match value.as_str() {
                "true" | "1" => {}
                "false" | "0" => all = true,
                _ => bail!("invalid filter 'dangling={value}'"),
            }
        }
        let conditions = conditions(&self.filter)?;
        if !self.force.or_confirm(&format!("WARNING! This will remove {}.", which(all)))? {
            return Ok(ExitCode::SUCCESS);
        }
        let engine = session.engine()?;
        out::text(&images(&prune::images(&engine, &conditions, all)?))?;
        out::text(&total(prune::collect(&engine)?))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Docker's words for the images that go.
pub fn which(all: bool) -> &'static str {
    if all { "all images without at least one container associated to them" } else { "all dangling images" }
}
