//! `volume create`: makes a volume.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::options::variables;
use crate::cli::out;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::volumes;
use crate::store::volumes::Wanted;

#[derive(clap::Args)]
pub struct Args {
    /// The driver; there is only the local one
    #[arg(long, short, value_name = "driver", default_value = "local")]
    driver: String,
    /// Set a label
    #[arg(long, value_name = "key=value", value_parser = variables::label)]
    label: Vec<String>,
    /// Set an option of the driver: type=tmpfs, or type=none with o=bind and device=PATH, or o=uid=N,gid=N
    #[arg(long = "opt", short, value_name = "key=value", value_parser = option)]
    options: Vec<(String, String)>,
    /// The name
    #[arg(long, value_name = "name", hide = true)]
    name: Option<String>,
}

fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((key.to_owned(), value.to_owned()))
}

impl Action for Args {
    const SUMMARY: &'static str = "Create a volume";
    const USAGE: &'static str = "[OPTIONS] [VOLUME]";
    const OPERANDS: Operands = Operands::AtMost(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A volume for a database", "coracle volume create pgdata"),
        (
            "A volume in memory, new for each container",
            "coracle volume create -o type=tmpfs -o o=size=64m scratch",
        ),
        (
            "A volume that is a directory of the host",
            "coracle volume create -o type=none -o o=bind -o device=/srv/data shared",
        ),
        ("One that is found again by its label", "coracle volume create --label project=boats cargo"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let operand = operands.into_iter().next();
        if operand.is_some() && self.name.is_some() {
            bail!(
                "conflicting options: cannot specify a volume-name through both --name and as a positional arg"
            );
        }
        let wanted = Wanted {
            name: operand.or(self.name).unwrap_or_default(),
            anonymous: false,
            labels: variables::labels(&[] as &[PathBuf], &self.label)?,
            options: self.options.into_iter().collect::<BTreeMap<_, _>>(),
        };
        out::line(&volumes::create(&session.engine()?, &self.driver, wanted)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
