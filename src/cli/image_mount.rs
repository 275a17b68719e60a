//! `image mount` and `image unmount`: what an image holds at a path, within `unshare`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde::Serialize;

use super::verb::{Action, Operands, Session};
use super::{out, report, table};
use crate::engine::image_mount;
use crate::oci::reference::Reference;

#[derive(clap::Args)]
pub struct Args {
    /// Mount every image
    #[arg(long, short)]
    all: bool,
    /// Print in another form: json
    #[arg(long, value_name = "format", value_parser = ["json"])]
    format: Option<String>,
}

/// Podman's document of a mount.
#[derive(Serialize)]
struct Mounted {
    id: String,
    #[serde(rename = "Repositories")]
    repositories: Vec<String>,
    mountpoint: String,
}

impl Action for Args {
    const SUMMARY: &'static str = "Mount images' filesystems for reading";
    const USAGE: &'static str = "[OPTIONS] [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Look at an image's files", "coracle unshare sh -c 'ls -l $(coracle image mount alpine)'"),
        ("What is mounted, within unshare", "coracle image mount"),
    ];

    fn run(self, mut operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        if self.all {
            if !operands.is_empty() {
                bail!("when using the --all switch, you may not pass any image names or IDs");
            }
            let (images, _) = engine.images().list()?;
            operands = images.iter().map(|image| image.id.to_string()).collect();
        }
        let is_list = operands.is_empty() && !self.all;
        let mut mounts = if is_list { image_mount::mounted(&engine)? } else { Vec::new() };
        let done = report::each(&operands, &session.path, |name| {
            mounts.push(image_mount::mount(&engine, name)?);
            Ok(())
        });
        let shown = mounts.iter().map(|(image, place)| Mounted {
            id: image.id.hex(),
            repositories: image.names.iter().map(Reference::familiar).collect(),
            mountpoint: place.display().to_string(),
        });
        match (&self.format, operands.len()) {
            (Some(_), _) => {
                out::line(&serde_json::to_string_pretty(&shown.collect::<Vec<_>>())?)?;
            }
            (None, 1) if !self.all => shown.into_iter().try_for_each(|mount| out::line(&mount.mountpoint))?,
            (None, _) => {
                let name = |mount: &Mounted| match mount.repositories.first() {
                    Some(name) => name.clone(),
                    None => mount.id[..12].to_owned(),
                };
                let rows: String =
                    shown.map(|mount| format!("{}\t{}\n", name(&mount), mount.mountpoint)).collect();
                out::text(&table::align(&rows))?;
            }
        }
        done
    }
}

#[derive(clap::Args)]
pub struct UnmountArgs {
    /// Unmount every image that is mounted
    #[arg(long, short)]
    all: bool,
    /// Unmount it however often it was mounted, which is what is always done
    #[arg(long = "force", short = 'f')]
    _force: bool,
}

impl Action for UnmountArgs {
    const SUMMARY: &'static str = "Unmount images' filesystems";
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("All of them, within unshare", "coracle image unmount -a")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let names = match (self.all, operands.is_empty()) {
            (true, false) => bail!("when using the --all switch, you may not pass any image names or IDs"),
            (false, true) => bail!("image name or ID must be specified"),
            (true, true) => {
                image_mount::mounted(&engine)?.into_iter().map(|(image, _)| image.id.to_string()).collect()
            }
            (false, false) => operands,
        };
        report::each(&names, &session.path, |name| out::line(&image_mount::unmount(&engine, name)?.hex()))
    }
}
