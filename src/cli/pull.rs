//! `pull`: fetches an image from a registry.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::acquire;
use super::out;
use super::progress::{Display, Target};
use super::registry::RegistryFlags;
use super::verb::{Action, Operands, Session};
use crate::engine::{Engine, images};
use crate::image::pull::PullRequest;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;

#[derive(clap::Args)]
pub struct Args {
    /// Pull every tag of the repository
    #[arg(long, short)]
    all_tags: bool,
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
        ("Every tag of a repository", "coracle pull --all-tags quay.io/podman/hello"),
        ("From another registry", "coracle pull quay.io/podman/hello"),
        ("From one without TLS, on this machine", "coracle pull --tls-verify=false localhost:5000/app"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let platform = Platform::asked(self.platform.as_deref())?;
        let name = operands.into_iter().next().unwrap_or_default();
        let request = PullRequest {
            // How podman and skopeo call an image of a registry.
            reference: name.strip_prefix("docker://").unwrap_or(&name).to_owned(),
            platform,
            registry: self.registry.options()?,
            fold_ids: false,
        };
        let shown = Target::output(self.quiet);
        let name = match self.all_tags {
            true => all_tags(&session.engine()?, request, shown)?,
            false => acquire::pull(&session.engine()?, request, shown)?,
        };
        out::line(&name)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Pulls every tag; returns the name of the repository in full.
fn all_tags(engine: &Engine, request: PullRequest, shown: Option<Target>) -> Result<String> {
    let reference = Reference::parse(&request.reference)?;
    ensure!(
        reference.tag().is_none() && reference.digest().is_none(),
        "tag can't be used with --all-tags/-a"
    );
    let display = Display::new(shown)?;
    let pulled = images::pull_all(engine, request, || display)?;
    let first = pulled.first().map(|pulled| Reference::parse(&pulled.name)).transpose()?;
    Ok(first.unwrap_or(reference).name())
}
