//! `untag`: takes names of an image away, and leaves the image.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::verb::{Action, Operands, Session};
use crate::engine::rmi;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more names from an image";
    const USAGE: &'static str = "IMAGE [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("All its names", "coracle untag 0123456789ab"),
        ("One of them", "coracle untag alpine base:stable"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let [image, names @ ..] = &operands[..] else { bail!("requires at least 1 argument") };
        rmi::untag(&session.engine()?, image, names)?;
        Ok(ExitCode::SUCCESS)
    }
}
