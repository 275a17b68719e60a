//! `logout`: forgets who is asking.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::out;
use super::verb::{Action, Operands, Session};
use crate::config::credentials::{self, Login};
use crate::engine::login;

#[derive(clap::Args)]
pub struct Args {
    /// Forget every registry
    #[arg(long, short)]
    all: bool,
    /// The file that the credentials are kept in
    #[arg(long, value_name = "path")]
    authfile: Option<PathBuf>,
    /// The file that the credentials are kept in, in the form of docker's config.json
    #[arg(long, value_name = "path")]
    compat_auth_file: Option<PathBuf>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Log out from a registry";
    const USAGE: &'static str = "[OPTIONS] [SERVER]";
    const OPERANDS: Operands = Operands::AtMost(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("From one registry", "coracle logout quay.io"), ("From all", "coracle logout --all")];

    fn run(self, operands: Vec<String>, _: &Session) -> Result<ExitCode> {
        if self.all && !operands.is_empty() {
            bail!("--all takes no registry");
        }
        let login = Login {
            registry: login::registry_of(operands.first().map(String::as_str))?,
            file: self.authfile,
            docker_file: self.compat_auth_file,
        };
        if self.all {
            credentials::erase_all(&login)?;
            out::line("Removed login credentials for all registries")?;
            return Ok(ExitCode::SUCCESS);
        }
        if credentials::erase(&login)? {
            out::line(&format!("Removing login credentials for {}", login.registry))?;
        } else {
            out::line(&format!("Not logged in to {}", login.registry))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
