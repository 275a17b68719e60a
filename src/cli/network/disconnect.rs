//! `network disconnect`: takes a container off a network.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::verb::{Action, Operands, Session};
use crate::engine::connect;
use crate::store::containers::LookupError;

#[derive(clap::Args)]
pub struct Args {
    /// A container that is not there is no failure
    #[arg(long, short)]
    force: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Disconnect a container from a network";
    const USAGE: &'static str = "[OPTIONS] NETWORK CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Take a container off a network", "coracle network disconnect backend web")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        match connect::disconnect(&session.engine()?, &operands[1], &operands[0]) {
            Err(error) if self.force && error.is::<LookupError>() => Ok(ExitCode::SUCCESS),
            disconnected => disconnected.map(|()| ExitCode::SUCCESS),
        }
    }
}
