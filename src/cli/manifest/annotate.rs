//! `manifest annotate`: what a list says of one of its images.

use std::process::ExitCode;

use anyhow::Result;

use super::DescriptionFlags;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::manifests;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    description: DescriptionFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Say more of an image in a manifest list";
    const USAGE: &'static str = "[OPTIONS] MANIFEST_LIST IMAGE|DIGEST";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Its variant", "coracle manifest annotate --arch arm --variant v7 app:1 app:arm")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let description = self.description.description()?;
        if let [list, member] = &operands[..] {
            manifests::annotate(&session.engine()?, list, member, &description)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
