//! `--output`: what becomes of the last stage.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::flags;
use crate::engine::build::Output;
use crate::image::save::ArchiveFormat;
use crate::oci::reference::Reference;

#[derive(clap::Args)]
pub struct Outputs {
    /// What is made: a directory, "-", or type=image|local|tar|oci|docker[,dest=PATH]
    #[arg(long, short, value_name = "output")]
    output: Vec<String>,
    /// Send the image to the registries of its names
    #[arg(long)]
    push: bool,
}

impl Outputs {
    /// Whether the image is sent to registries.
    pub fn pushes(&self) -> bool {
        let says_so =
            |text: &String| text.split(',').any(|field| matches!(field, "type=registry" | "push=true"));
        self.push || self.output.iter().any(says_so)
    }

    /// Each output; an image where nothing was said.
    pub fn outputs(&self) -> Result<Vec<Output>> {
        if self.output.is_empty() {
            return Ok(vec![Output::Image]);
        }
        self.output.iter().map(|text| output(text)).collect()
    }

    /// The names that images get beside those of `--tag`.
    pub fn names(&self) -> Result<Vec<Reference>> {
        let fields = self.output.iter().flat_map(|text| text.split(','));
        fields.filter_map(|field| field.strip_prefix("name=")).map(flags::tag).collect()
    }
}

fn output(text: &str) -> Result<Output> {
    if text == "-" {
        return Ok(Output::Tar(None));
    }
    if !text.contains('=') {
        return Ok(Output::Local(PathBuf::from(text)));
    }
    let (mut kind, mut destination, mut names) = (None, None, false);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("type", value)) => kind = Some(value),
            Some(("dest" | "path", value)) => destination = Some(value),
            Some(("push", "true" | "false")) => {}
            Some(("name", name)) if !name.is_empty() => names = true,
            Some((key, _)) => bail!("--output {text}: {key} is not supported yet"),
            None => bail!("--output {text}: invalid value {field}"),
        }
    }
    if names && matches!(kind, Some("local" | "tar")) {
        bail!("--output {text}: files have no name");
    }
    let destination = destination.filter(|path| *path != "-").map(PathBuf::from);
    Ok(match (kind, destination) {
        (Some("image" | "registry" | "containers-storage"), _) => Output::Image,
        (Some("local"), Some(path)) => Output::Local(path),
        (Some("local"), None) => bail!("--output {text}: dest is required for local exporter"),
        (Some("tar"), path) => Output::Tar(path),
        (Some("oci"), to) => Output::Archive { format: ArchiveFormat::Oci, to },
        (Some("docker"), None) => Output::Image,
        (Some("docker"), to) => Output::Archive { format: ArchiveFormat::Docker, to },
        (Some(other), _) => bail!("--output {text}: exporter {other:?} could not be found"),
        (None, _) => bail!("--output {text}: type is required for output"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_apart() {
        for (text, want) in [
            ("out", Output::Local("out".into())),
            ("-", Output::Tar(None)),
            ("type=image", Output::Image),
            ("type=local,dest=out", Output::Local("out".into())),
            ("type=tar,dest=out.tar", Output::Tar(Some("out.tar".into()))),
            ("type=tar,dest=-", Output::Tar(None)),
            ("type=oci,dest=a.tar", Output::Archive { format: ArchiveFormat::Oci, to: Some("a.tar".into()) }),
            (
                "dest=a.tar,type=docker",
                Output::Archive { format: ArchiveFormat::Docker, to: Some("a.tar".into()) },
            ),
            ("type=docker", Output::Image),
            ("type=image,name=a:1,push=true", Output::Image),
        ] {
            assert_eq!(output(text).unwrap(), want, "{text}");
        }
        for bad in [
            "type=local",
            "type=cloud",
            "dest=a",
            "type=tar,what=1",
            "type=tar,x",
            "type=tar,name=a",
            "type=image,name=",
        ] {
            assert!(output(bad).is_err(), "{bad}");
        }
    }
}
