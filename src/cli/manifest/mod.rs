//! `manifest`: the verbs about manifest lists, one file each.

pub mod add;
pub mod annotate;
pub mod create;
pub mod exists;
pub mod inspect;
pub mod push;
pub mod remove;
pub mod rm;

use anyhow::{Context, Result};

use crate::engine::manifests::Description;

/// What the entry of an image says.
#[derive(clap::Args)]
pub struct DescriptionFlags {
    /// Say something of the image: NAME=VALUE
    #[arg(long, value_name = "annotation")]
    annotation: Vec<String>,
    /// The architecture of the image
    #[arg(long, value_name = "architecture")]
    arch: Option<String>,
    /// The operating system of the image
    #[arg(long, value_name = "os")]
    os: Option<String>,
    /// What the image needs of its operating system
    #[arg(long, value_name = "feature")]
    os_features: Vec<String>,
    /// The version of the operating system
    #[arg(long, value_name = "version")]
    os_version: Option<String>,
    /// The variant of the architecture
    #[arg(long, value_name = "variant")]
    variant: Option<String>,
}

impl DescriptionFlags {
    fn description(self) -> Result<Description> {
        let pair = |text: &String| {
            let (name, value) =
                text.split_once('=').with_context(|| format!("no value given for annotation {text:?}"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        Ok(Description {
            annotations: self.annotation.iter().map(pair).collect::<Result<_>>()?,
            architecture: self.arch,
            os: self.os,
            os_features: self.os_features,
            os_version: self.os_version,
            variant: self.variant,
        })
    }
}
