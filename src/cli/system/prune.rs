//! `system prune`: removes everything that nothing uses.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::flags::parse_filter;
use crate::cli::prompt::ForceFlag;
use crate::cli::prune::{conditions, images, listed, total};
use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{image_prune, out};
use crate::engine::build::cache;
use crate::engine::volumes::{self, Condition};
use crate::engine::{Engine, networks, prune};

#[derive(clap::Args)]
pub struct Args {
    /// Remove all unused images, not only those without a tag
    #[arg(long, short)]
    all: bool,
    /// Remove only what meets a condition: until=24h, label=a=b, label!=a
    #[arg(long, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    force: ForceFlag,
    /// Remove volumes that were made without a name too
    #[arg(long)]
    volumes: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove unused data";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Ended containers and images without a name", "coracle system prune"),
        ("All that nothing uses", "coracle system prune -a --volumes -f"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        let conditions = conditions(&self.filter)?;
        if self.volumes && conditions.until.is_some() {
            bail!("The \"until\" filter is not supported with \"--volumes\"");
        }
        if !self.force.or_confirm(&self.warning())? {
            return Ok(ExitCode::SUCCESS);
        }
        let engine = session.engine()?;
        let containers = prune::containers(&engine, &conditions)?;
        out::text(&listed("Deleted Containers", &containers.ids))?;
        let mut bytes = containers.bytes;
        let networks = networks::prune(&engine, &self.of_networks()?)?;
        out::text(&listed("Deleted Networks", &networks))?;
        if self.volumes {
            bytes += self.prune_volumes(&engine)?;
        }
        out::text(&images(&prune::images(&engine, &conditions, self.all)?))?;
        let cache = cache::forget(
            &engine,
            &cache::Conditions { all: self.all, until: conditions.until, keep: None },
        )?;
        let ids: Vec<String> = cache.iter().map(|kept| kept.id.clone()).collect();
        out::text(&listed("Deleted build cache objects", &ids))?;
        bytes += cache.iter().filter(|kept| !kept.is_layer()).map(|kept| kept.size).sum::<u64>();
        bytes += prune::partial_downloads(&engine)?;
        out::text(&total(bytes + prune::collect(&engine)?))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    fn prune_volumes(&self, engine: &Engine) -> Result<u64> {
        let condition = |(key, value): &(String, String)| match key.as_str() {
            "label!" => Condition::NotLabel(value.clone()),
            _ => Condition::Label(value.clone()),
        };
        let conditions: Vec<_> = self.filter.iter().map(condition).collect();
        let pruned = volumes::prune(engine, &conditions, false)?;
        out::text(&listed("Deleted Volumes", &pruned.names))?;
        Ok(pruned.bytes)
    }

    fn of_networks(&self) -> Result<Vec<networks::Condition>> {
        self.filter.iter().map(networks::Condition::parse).collect()
    }

    /// Docker's.
    fn warning(&self) -> String {
        let mut lines = vec!["all stopped containers", "all networks not used by at least one container"];
        lines.extend(self.volumes.then_some("all anonymous volumes not used by at least one container"));
        lines.push(image_prune::which(self.all));
        lines.push(if self.all { "all build cache" } else { "unused build cache" });
        let mut text = String::from("WARNING! This will remove:\n");
        text.extend(lines.iter().map(|line| format!("  - {line}\n")));
        if !self.filter.is_empty() {
            let mut filters: Vec<_> =
                self.filter.iter().map(|(key, value)| format!("  - {key}={value}\n")).collect();
            filters.sort();
            text.push_str("\n  Items to be pruned will be filtered with:\n");
            text.extend(filters);
        }
        text
    }
}
