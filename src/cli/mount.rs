//! `mount` and `unmount`: a container's files at a path, within `unshare`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::choice::LatestFlag;
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::mounting;
use crate::store::containers::Record;

/// What both need besides.
const EXAMPLE: (&str, &str) =
    ("Look at a container's files", "coracle unshare sh -c 'ls -l $(coracle mount web)'");

#[derive(clap::Args)]
pub struct Args {
    /// Mount every container
    #[arg(long, short)]
    all: bool,
    /// Show what is mounted as JSON
    #[arg(long, value_name = "json", value_parser = ["json"])]
    format: Option<String>,
    #[command(flatten)]
    latest: LatestFlag,
    /// Show ids in full
    #[arg(long, alias = "notruncate")]
    no_trunc: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Mount containers' filesystems for reading";
    const USAGE: &'static str = "[OPTIONS] [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[EXAMPLE, ("What is mounted, within unshare", "coracle mount")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let operands = self.latest.before(engine.containers(), operands)?;
        if self.all && !operands.is_empty() {
            bail!("when using the --all switch, you may not pass any container names or IDs");
        }
        if self.all {
            let (records, _) = engine.containers().list()?;
            records.iter().try_for_each(|record| mounting::mount(&engine, &record.id).map(drop))?;
        }
        if self.format.is_some() {
            let mount = |name: &String| {
                let place = mounting::mount(&engine, name)?;
                Ok((engine.containers().load(&engine.containers().resolve(name)?)?, place))
            };
            return show_json(&match operands.is_empty() {
                true => mounting::mounted(&engine)?,
                false => operands.iter().map(mount).collect::<Result<Vec<_>>>()?,
            });
        }
        if let [name] = &operands[..] {
            out::line(&mounting::mount(&engine, name)?.display().to_string())?;
            return Ok(ExitCode::SUCCESS);
        }
        if !operands.is_empty() {
            return report::each(&operands, &session.path, |name| {
                out::line(&format!("{name} {}", mounting::mount(&engine, name)?.display()))
            });
        }
        for (record, place) in mounting::mounted(&engine)? {
            let id = if self.no_trunc { &record.id } else { &record.id[..12] };
            out::line(&format!("{id} {}", place.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Podman's document.
fn show_json(mounted: &[(Record, PathBuf)]) -> Result<ExitCode> {
    #[derive(Serialize)]
    struct Row<'a> {
        id: &'a str,
        #[serde(rename = "Names")]
        names: [&'a str; 1],
        mountpoint: &'a Path,
    }
    let rows: Vec<_> = mounted
        .iter()
        .map(|(record, place)| Row { id: &record.id, names: [&record.name], mountpoint: place })
        .collect();
    let mut text = Vec::new();
    rows.serialize(&mut Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" ")))?;
    out::line(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(clap::Args)]
pub struct UnmountArgs {
    /// Unmount every container that is mounted
    #[arg(long, short)]
    all: bool,
}

impl Action for UnmountArgs {
    const SUMMARY: &'static str = "Unmount containers' filesystems";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("All of them, within unshare", "coracle unmount -a")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let names = match (self.all, operands.is_empty()) {
            (true, false) => {
                bail!("when using the --all switch, you may not pass any container names or IDs")
            }
            (false, true) => bail!("you must provide at least one name or id"),
            (true, true) => mounting::mounted(&engine)?.into_iter().map(|(record, _)| record.id).collect(),
            (false, false) => operands,
        };
        report::each(&names, &session.path, |name| {
            mounting::unmount(&engine, name)?;
            out::line(name)
        })
    }
}
