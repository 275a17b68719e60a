//! `manifest add`: one more image in a list.

use std::process::ExitCode;

use anyhow::Result;

use super::DescriptionFlags;
use crate::cli::out;
use crate::cli::registry::RegistryFlags;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::manifests::{self, Addition};

#[derive(clap::Args)]
pub struct Args {
    /// Add every platform that the image has here, not this machine's alone
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    description: DescriptionFlags,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Add an image to a manifest list; one that is not here is pulled";
    const USAGE: &'static str = "[OPTIONS] MANIFEST_LIST IMAGE [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("One that was built here", "coracle manifest add app:1 app:arm64"),
        ("One of a registry's", "coracle manifest add --arch arm64 app:1 docker://quay.io/team/app:1"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let addition = Addition {
            all: self.all,
            description: self.description.description()?,
            registry: self.registry.options()?,
        };
        let engine = session.engine()?;
        let (list, members) =
            operands.split_first().map_or(("", &[][..]), |(list, rest)| (list.as_str(), rest));
        let mut digest = None;
        for member in members {
            digest = Some(manifests::add(&engine, list, member, &addition)?);
        }
        digest.map_or(Ok(()), |digest| out::line(&digest.to_string()))?;
        Ok(ExitCode::SUCCESS)
    }
}
