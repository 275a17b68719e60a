//! `container exists`, `image exists`, `network exists`, `secret exists`, `volume exists`: says by the exit code whether something is there, as podman's do.

use std::process::ExitCode;

use anyhow::Result;

use super::report::{self, UsageError};
use super::verb::{Action, Operands, Session};
use crate::engine::networks;
use crate::store::containers::{Containers, LookupError};
use crate::store::images::{ImageLookup, Images};
use crate::store::networks::NoSuchNetwork;
use crate::store::secrets::{NoSuchSecret, Secrets};
use crate::store::volumes::{NoSuchVolume, Volumes};

/// Podman's exit code for what is not there.
const MISSING: u8 = 1;
/// Podman's exit code where the question cannot be answered.
const UNKNOWN: u8 = 125;

#[derive(clap::Args)]
pub struct ContainerArgs {}

#[derive(clap::Args)]
pub struct ImageArgs {}

#[derive(clap::Args)]
pub struct NetworkArgs {}

#[derive(clap::Args)]
pub struct SecretArgs {}

#[derive(clap::Args)]
pub struct VolumeArgs {}

impl Action for ContainerArgs {
    const SUMMARY: &'static str = "Say by the exit code whether a container exists: 0 or 1";
    const USAGE: &'static str = "CONTAINER";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Create what is missing", "coracle container exists web || coracle create --name web nginx")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let layout = session.layout()?;
        let found = operands.iter().try_for_each(|name| Containers::new(&layout).resolve(name).map(drop));
        answer(found, session, |error| matches!(error.downcast_ref(), Some(LookupError::NotFound(_))))
    }
}

impl Action for ImageArgs {
    const SUMMARY: &'static str = "Say by the exit code whether an image exists: 0 or 1";
    const USAGE: &'static str = "IMAGE";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Pull what is missing", "coracle image exists alpine || coracle pull alpine")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let layout = session.layout()?;
        let found = operands.iter().try_for_each(|name| Images::new(&layout).lookup(name).map(drop));
        answer(found, session, |error| matches!(error.downcast_ref(), Some(ImageLookup::NotFound(_))))
    }
}

impl Action for NetworkArgs {
    const SUMMARY: &'static str = "Say by the exit code whether a network exists: 0 or 1";
    const USAGE: &'static str = "NETWORK";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Create what is missing", "coracle network exists lab || coracle network create lab")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let found = operands.iter().try_for_each(|name| networks::find(&engine, name).map(drop));
        answer(found, session, |error| error.is::<NoSuchNetwork>())
    }
}

impl Action for SecretArgs {
    const SUMMARY: &'static str = "Say by the exit code whether a secret exists: 0 or 1";
    const USAGE: &'static str = "SECRET";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Make one that is not there", "coracle secret exists db || coracle secret create db ./password")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let layout = session.layout()?;
        let found = operands.iter().try_for_each(|name| Secrets::new(&layout).find(name).map(drop));
        answer(found, session, |error| error.is::<NoSuchSecret>())
    }
}

impl Action for VolumeArgs {
    const SUMMARY: &'static str = "Say by the exit code whether a volume exists: 0 or 1";
    const USAGE: &'static str = "VOLUME";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Create what is missing", "coracle volume exists data || coracle volume create data")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let layout = session.layout()?;
        let found = operands.iter().try_for_each(|name| Volumes::new(&layout).load(name).map(drop));
        answer(found, session, |error| error.is::<NoSuchVolume>())
    }
}

/// The exit code that says what was found; `is_missing` knows the error of what is not there.
fn answer(found: Result<()>, session: &Session, is_missing: fn(&anyhow::Error) -> bool) -> Result<ExitCode> {
    match found {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if is_missing(&error) => Ok(ExitCode::from(MISSING)),
        Err(error) => {
            let text = report::lines(&error, &session.path).join("\n");
            Err(UsageError { text, code: UNKNOWN }.into())
        }
    }
}
