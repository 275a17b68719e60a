//! `manifest inspect`: a list, or the manifest of an image, here or in a registry.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::cli::out;
use crate::cli::registry::RegistryFlags;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::manifests;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Action for Args {
    const SUMMARY: &'static str = "Display a manifest list, or the manifest of an image";
    const USAGE: &'static str = "[OPTIONS] MANIFEST_LIST|IMAGE";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A list of this store", "coracle manifest inspect app:1"),
        ("What a registry has", "coracle manifest inspect docker://quay.io/podman/hello"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let name = operands.first().map_or("", String::as_str);
        let document = manifests::inspect(&session.engine()?, name, &self.registry.options()?)?;
        let document: Value = serde_json::from_slice(&document).context("parse the manifest")?;
        out::line(&indented(&document)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// As docker shows manifests: with a tab for each step.
fn indented(document: &Value) -> Result<String> {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"\t");
    document
        .serialize(&mut Serializer::with_formatter(&mut text, formatter))
        .context("encode the manifest")?;
    String::from_utf8(text).context("encode the manifest")
}
