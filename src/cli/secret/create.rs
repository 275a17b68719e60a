//! `secret create`: makes a secret of a file, of standard input, or of a variable.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cli::options::variables;
use crate::cli::out;
use crate::cli::verb::{Action, Operands, Session};
use crate::config::env;
use crate::engine::secrets;
use crate::store::secrets::{DATA_LIMIT, FILE};

#[derive(clap::Args)]
pub struct Args {
    /// The driver; there is only the one that keeps files of yours alone, unencrypted
    #[arg(long, short, value_name = "driver", default_value = FILE)]
    driver: String,
    /// Leave a secret that has the name as it is, and show its id
    #[arg(long, conflicts_with = "replace")]
    ignore: bool,
    /// Take the data from the variable that is named in place of the file
    #[arg(long)]
    env: bool,
    /// Set a label
    #[arg(long, short, value_name = "key=value", value_parser = variables::label)]
    label: Vec<String>,
    /// Replace a secret that has the name
    #[arg(long)]
    replace: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Create a secret from a file or standard input";
    const USAGE: &'static str = "[OPTIONS] NAME FILE|-";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        (
            "From standard input, so that no file and no history has it",
            "pass show db | coracle secret create db -",
        ),
        ("From a file, in place of the one before", "coracle secret create --replace cert ./cert.pem"),
        ("From a variable", "coracle secret create --env token CI_TOKEN"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        if self.driver != FILE {
            bail!("invalid driver");
        }
        let [name, source] = operands.as_slice() else { bail!("secret create needs a name and a file") };
        let data = match (self.env, source.as_str()) {
            (true, variable) => match env::passed_on(variable) {
                Some(value) => value.into_bytes(),
                None => bail!("cannot create store secret data: environment variable {variable} is not set"),
            },
            (false, "-") => read(io::stdin().lock()).context("read standard input")?,
            (false, path) => File::open(path).and_then(read).with_context(|| format!("open {path}"))?,
        };
        let engine = session.engine()?;
        if self.ignore
            && let Some(id) = secrets::id_of(&engine, name)?
        {
            out::line(&id)?;
            return Ok(ExitCode::SUCCESS);
        }
        let labels = variables::labels(&[] as &[PathBuf], &self.label)?;
        out::line(&secrets::create(&engine, name, &data, labels, self.replace)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads what may be stored, and one byte more where there is more.
fn read(source: impl Read) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    source.take(DATA_LIMIT as u64).read_to_end(&mut data)?;
    Ok(data)
}
