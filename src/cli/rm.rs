//! `rm`: removes containers.

use std::process::ExitCode;

use anyhow::Result;

use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::remove;
use crate::store::containers::LookupError;

#[derive(clap::Args)]
pub struct Args {
    /// Kill it first if it runs; one that is not there is no failure
    #[arg(long, short)]
    force: bool,
    /// Remove its anonymous volumes too
    #[arg(long, short)]
    volumes: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A container that has ended", "coracle rm job"),
        ("Everything", "coracle rm -f $(coracle ps -aq)"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let removed = report::each(&operands, &session.path, |name| {
            match remove::remove(&engine, name, self.force, self.volumes) {
                Err(error) if self.force && error.is::<LookupError>() => {
                    report::print(&error, &session.path);
                    Ok(())
                }
                Err(error) => Err(error),
                Ok(()) => out::line(name),
            }
        });
        remove::collect(&engine)?;
        removed
    }
}
