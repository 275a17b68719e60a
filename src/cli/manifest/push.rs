//! `manifest push`: a list with all its images.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::out;
use crate::cli::progress::{Display, Target};
use crate::cli::registry::RegistryFlags;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::{manifests, push, rmi};
use crate::image::push::PushRequest;

#[derive(clap::Args)]
pub struct Args {
    /// Push the images of the list too, as is always done
    #[arg(long)]
    all: bool,
    /// Remove the list once it is pushed
    #[arg(long, short, visible_alias = "rm")]
    purge: bool,
    /// Print only the digest
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Push a manifest list and its images to a registry";
    const USAGE: &'static str = "[OPTIONS] MANIFEST_LIST [DESTINATION]";
    const OPERANDS: Operands = Operands::Between(1, 2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("To where its name says", "coracle manifest push quay.io/team/app:1"),
        ("Elsewhere", "coracle manifest push app:1 docker://quay.io/team/app:1"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let mut operands = operands.into_iter();
        let list = operands.next().unwrap_or_default();
        if !manifests::exists(&engine, &list)? {
            bail!("No such manifest: {list}");
        }
        let request = PushRequest {
            reference: list.clone(),
            destination: operands.next(),
            all_tags: false,
            platform: None,
            registry: self.registry.options()?,
        };
        let display = Display::new(Target::output(self.quiet))?;
        let pushed = push::push(&engine, &request, || display)?;
        // Docker's last line.
        pushed.iter().try_for_each(|(_, digest)| out::line(digest))?;
        if self.purge {
            manifests::rm(&engine, &list)?;
            rmi::collect(&engine)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
