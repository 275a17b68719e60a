//! `push`: sends an image to a registry.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::out;
use super::progress::{Display, Target};
use super::registry::RegistryFlags;
use super::verb::{Action, Operands, Session};
use crate::engine::push;
use crate::image::push::PushRequest;
use crate::oci::platform::Platform;

#[derive(clap::Args)]
pub struct Args {
    /// Push every tag of the repository
    #[arg(long, short)]
    all_tags: bool,
    /// Write the digest of the pushed image to this file
    #[arg(long, value_name = "file")]
    digestfile: Option<PathBuf>,
    /// Push one image alone, where the name stands for several: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
    /// Print only the image's name in full
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Upload an image to a registry";
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG] [DESTINATION]";
    const OPERANDS: Operands = Operands::Between(1, 2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("To the registry that the name says", "coracle push quay.io/team/app:1.2"),
        ("Under another name", "coracle push app:latest quay.io/team/app:1.2"),
        ("Every tag", "coracle push --all-tags quay.io/team/app"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let mut operands = operands.into_iter();
        let request = PushRequest {
            reference: operands.next().unwrap_or_default(),
            destination: operands.next(),
            all_tags: self.all_tags,
            platform: Platform::asked(self.platform.as_deref())?,
            registry: self.registry.options()?,
        };
        let engine = session.engine()?;
        let display = Display::new(Target::output(self.quiet))?;
        let pushed = push::push(&engine, &request, || display)?;
        if let (Some(path), Some((_, digest))) = (&self.digestfile, pushed.last()) {
            std::fs::write(path, digest).with_context(|| format!("write {}", path.display()))?;
        }
        if self.quiet {
            pushed.iter().try_for_each(|(name, _)| out::line(name))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
