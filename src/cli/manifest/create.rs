//! `manifest create`: a list of images for several platforms.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::out;
use crate::cli::registry::RegistryFlags;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::manifests::{self, Addition, Description};

#[derive(clap::Args)]
pub struct Args {
    /// Add every platform that an image has here, not this machine's alone
    #[arg(long)]
    all: bool,
    /// Add to a list that exists
    #[arg(long, short)]
    amend: bool,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Create a local manifest list";
    const USAGE: &'static str = "[OPTIONS] MANIFEST_LIST [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Of two images", "coracle manifest create quay.io/team/app:1 app:amd64 app:arm64")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let addition = Addition {
            all: self.all,
            description: Description::default(),
            registry: self.registry.options()?,
        };
        let (list, members) = operands.split_first().map_or(("", &[][..]), |(list, rest)| (list, rest));
        let name = manifests::create(&session.engine()?, list, members, self.amend, &addition)?;
        out::line(&format!("Created manifest list {name}"))?;
        Ok(ExitCode::SUCCESS)
    }
}
