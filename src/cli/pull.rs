//! `pull`: fetches an image from a registry.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::acquire;
use super::options::PullPolicy;
use super::out;
use super::platform::PlatformParts;
use super::progress::{Display, Target};
use super::registry::RegistryFlags;
use super::verb::{Action, Operands, Session};
use crate::engine::{Engine, images};
use crate::image::pull::PullRequest;
use crate::oci::reference::Reference;

#[derive(clap::Args)]
pub struct Args {
    /// Pull every tag of the repository
    #[arg(long, short)]
    all_tags: bool,
    /// The platform of the image: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
    #[command(flatten)]
    parts: PlatformParts,
    /// When to ask the registry: always, missing, newer (where that cannot be done, what is here will do) or never
    #[arg(long, value_name = "policy", default_value = "always")]
    policy: String,
    /// Print only the image's name in full
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Download an image from a registry";
    const USAGE: &'static str = "[OPTIONS] NAME[:TAG|@DIGEST] [NAME...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("From Docker Hub", "coracle pull alpine:3.22"),
        ("Every tag of a repository", "coracle pull --all-tags quay.io/podman/hello"),
        ("Two images that need not be the newest", "coracle pull --policy missing alpine busybox"),
        ("From another registry", "coracle pull quay.io/podman/hello"),
        ("From one without TLS, on this machine", "coracle pull --tls-verify=false localhost:5000/app"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let platform = self.parts.or(self.platform.as_deref())?;
        let policy = PullPolicy::parse(&self.policy)?;
        ensure!(policy == PullPolicy::Always || !self.all_tags, "--policy says nothing of --all-tags");
        let engine = session.engine()?;
        for name in &operands {
            // How podman and skopeo call an image of a registry.
            let reference = name.strip_prefix("docker://").unwrap_or(name).to_owned();
            let (platform, registry) = (platform.clone(), self.registry.options()?);
            let request = PullRequest { reference, platform, registry, fold_ids: false };
            let shown = Target::output(self.quiet);
            let name = match self.all_tags {
                true => all_tags(&engine, request, shown)?,
                false => by_policy(&engine, request, policy, shown)?,
            };
            out::line(&name)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Pulls an image unless the one that is here will do; returns its name in full.
fn by_policy(
    engine: &Engine,
    request: PullRequest,
    policy: PullPolicy,
    shown: Option<Target>,
) -> Result<String> {
    let here = engine.images().lookup_for(&request.reference, request.platform.as_ref());
    let name = Reference::parse(&request.reference).map(|name| name.with_default_tag().to_string());
    let name = name.unwrap_or_else(|_| request.reference.clone());
    match (policy, here) {
        (PullPolicy::Never, here) => here.map(|_| name),
        (PullPolicy::Missing, Ok(_)) => Ok(name),
        (PullPolicy::Newer, Ok(_)) => Ok(acquire::pull(engine, request, shown).unwrap_or(name)),
        _ => acquire::pull(engine, request, shown),
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
