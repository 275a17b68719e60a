//! `pull`: fetches an image from a registry.

use std::process::ExitCode;

use anyhow::Result;

use super::acquire;
use super::out;
use super::progress::Target;
use super::registry::RegistryFlags;
use super::verb::{Action, Operands, Session};
use crate::image::pull::PullRequest;
use crate::oci::platform::Platform;

#[derive(clap::Args)]
pub struct Args {
    /// The platform of the image: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
    /// Print only the image's name in full
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Download an image from a registry";
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG|@DIGEST]";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("From Docker Hub", "coracle pull alpine:3.22"),
        ("From another registry", "coracle pull quay.io/podman/hello"),
        ("From one without TLS, on this machine", "coracle pull --tls-verify=false localhost:5000/app"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let platform = Platform::asked(self.platform.as_deref())?;
        let request = PullRequest {
            reference: operands.into_iter().next().unwrap_or_default(),
            platform,
            registry: self.registry.options()?,
            fold_ids: false,
        };
        let shown = if self.quiet { None } else { Some(Target::Output) };
        let name = acquire::pull(&session.engine()?, request, shown)?;
        out::line(&name)?;
        Ok(ExitCode::SUCCESS)
    }
}
