//! `rmi`: takes names of images away, and images with their last name.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::verb::{Action, Operands, Session};
use super::{out, report};
use crate::engine::rmi::{self, Removal};
use crate::oci::platform::Platform;
use crate::store::images::ImageLookup;

#[derive(clap::Args)]
pub struct Args {
    /// Remove every image, with all its names
    #[arg(long, short)]
    all: bool,
    /// Remove an image that ended containers refer to; one that is not there is no failure
    #[arg(long, short)]
    force: bool,
    /// Do not fail for an image that is not there
    #[arg(long, short)]
    ignore: bool,
    /// Keep untagged parents; there are none
    #[arg(long = "no-prune")]
    _no_prune: bool,
    /// Of an image for several platforms only the one for this: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Remove one or more images";
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["all"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("One name", "coracle rmi alpine:3.20"),
        ("Images that lost their names", "coracle rmi $(coracle images -q --filter dangling=true)"),
    ];

    fn run(self, mut operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        if self.all {
            ensure!(
                operands.is_empty(),
                "when using the --all switch, you may not pass any images names or IDs"
            );
            let (images, _) = engine.images().list()?;
            operands = images.iter().map(|image| image.id.to_string()).collect();
        }
        let platform = Platform::asked(self.platform.as_deref())?;
        let remove = |name: &str| match &platform {
            Some(platform) => rmi::remove_platform(&engine, name, platform, self.force),
            None if self.all => rmi::remove_whole(&engine, name, self.force),
            None => rmi::remove(&engine, name, self.force),
        };
        let mut deleted = false;
        let removed = report::each(&operands, &session.path, |name| match remove(name) {
            Ok(removals) => removals.iter().try_for_each(|removal| match removal {
                Removal::Untagged(name) => out::line(&format!("Untagged: {name}")),
                Removal::Deleted(id) => {
                    deleted = true;
                    out::line(&format!("Deleted: {id}"))
                }
            }),
            Err(error) if self.ignore && error.is::<ImageLookup>() => Ok(()),
            Err(error) if self.force && error.is::<ImageLookup>() => {
                report::print(&error, &session.path);
                Ok(())
            }
            Err(error) => Err(error),
        });
        if deleted {
            rmi::collect(&engine)?;
        }
        removed
    }
}
