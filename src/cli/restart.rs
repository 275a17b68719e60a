//! `restart`: stops containers and starts them again.

use std::process::ExitCode;

use anyhow::Result;

use super::flags::parse_integer;
use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::restart;

#[derive(clap::Args)]
pub struct Args {
    /// The signal to ask with
    #[arg(long, short, value_name = "signal")]
    signal: Option<String>,
    /// Seconds to wait before the container is killed; -1 waits for ever
    #[arg(long, short, alias = "time", value_name = "seconds", value_parser = parse_integer)]
    timeout: Option<i64>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Restart one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("With three seconds to finish", "coracle restart -t 3 web")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        report::each(&operands, &session.path, |name| {
            restart::restart(&engine, name, self.signal.as_deref(), self.timeout)?;
            out::line(name)
        })
    }
}
