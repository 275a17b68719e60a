//! `secret rm`: removes secrets.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, report};
use crate::engine::secrets;
use crate::store::secrets::NoSuchSecret;

#[derive(clap::Args)]
pub struct Args {
    /// Remove all secrets
    #[arg(long, short)]
    all: bool,
    /// One that is not there is no failure
    #[arg(long, short)]
    ignore: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more secrets";
    const USAGE: &'static str = "[OPTIONS] SECRET [SECRET...]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("One secret", "coracle secret rm db"), ("All of them", "coracle secret rm --all")];

    fn run(self, mut operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        if operands.is_empty() != self.all {
            bail!("`coracle secret rm` requires one argument, or the --all flag");
        }
        let engine = session.engine()?;
        if self.all {
            operands.extend(engine.secrets().list()?.into_iter().map(|secret| secret.id));
        }
        report::each(&operands, &session.path, |name| match secrets::remove(&engine, name) {
            Err(error) if self.ignore && error.is::<NoSuchSecret>() => Ok(()),
            Err(error) => Err(error),
            Ok(id) => out::line(&id),
        })
    }
}
