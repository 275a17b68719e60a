//! `--output`, `--load` and `--push`: what becomes of the last stage.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use super::flags;
use crate::engine::build::Output;
use crate::image::save::ArchiveFormat;
use crate::oci::reference::Reference;

#[derive(clap::Args)]
pub struct Outputs {
    /// What is made: a directory, "-", or type=image|local|tar|oci|docker|cacheonly[,dest=PATH]
    #[arg(long, short, value_name = "output")]
    output: Vec<String>,
    /// Keep the result in the local store too: it is kept anyway where --output does not say otherwise
    #[arg(long, hide = true)]
    load: bool,
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

    /// Each output; an image where nothing was said, and where one is to be sent or kept.
    pub fn outputs(&self) -> Result<Vec<Output>> {
        let read = self.output.iter().map(|text| output(text)).collect::<Result<Vec<_>>>()?;
        let mut outputs: Vec<Output> = read.into_iter().flatten().collect();
        let needs_image = self.output.is_empty() || self.load || self.pushes();
        if needs_image && !outputs.contains(&Output::Image) {
            outputs.push(Output::Image);
        }
        Ok(outputs)
    }

    /// The names that images get beside those of `--tag`.
    pub fn names(&self) -> Result<Vec<Reference>> {
        let fields = self.output.iter().flat_map(|text| text.split(','));
        fields.filter_map(|field| field.strip_prefix("name=")).map(flags::tag).collect()
    }
}

/// Whether the caller reads one of the outputs on standard output, where nothing else may then be said.
///
/// # Errors
/// It is a terminal, or several outputs want it.
pub fn is_streamed(outputs: &[Output]) -> Result<bool> {
    let mut streamed = outputs.iter().filter_map(|output| match output {
        Output::Tar(None) => Some("tar"),
        Output::Archive { format: ArchiveFormat::Oci, to: None } => Some("oci"),
        Output::Archive { format: ArchiveFormat::Docker, to: None } => Some("docker"),
        _ => None,
    });
    let Some(kind) = streamed.next() else { return Ok(false) };
    if std::io::stdout().is_terminal() {
        bail!("dest file is required for {kind} exporter. refusing to write to console");
    }
    ensure!(streamed.next().is_none(), "--output: only one of them can go to standard output");
    Ok(true)
}

/// Reads what was said; none is wanted of `type=cacheonly`.
fn output(text: &str) -> Result<Option<Output>> {
    if text == "-" {
        return Ok(Some(Output::Tar(None)));
    }
    ensure!(!text.is_empty(), "--output: invalid value \"\"");
    if !text.contains('=') {
        return Ok(Some(Output::Local(PathBuf::from(text))));
    }
    let (mut kind, mut destination, mut names, mut is_directory) = (None, None, false, false);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("type", value)) => kind = Some(value),
            Some(("dest" | "path", value)) => destination = Some(value),
            Some(("push", "true" | "false")) => {}
            Some(("tar", "true")) => {}
            Some(("tar", "false")) => is_directory = true,
            // So it is with every image.
            Some(("oci-mediatypes" | "rewrite-timestamp" | "store", "true")) => {}
            Some(("name", name)) if !name.is_empty() => names = true,
            Some((key, _)) => bail!("--output {text}: {key} is not supported yet"),
            None => bail!("--output {text}: invalid value {field}"),
        }
    }
    if names && matches!(kind, Some("local" | "tar")) {
        bail!("--output {text}: files have no name");
    }
    if is_directory && kind != Some("oci") {
        bail!("--output {text}: tar=false is only supported with type=oci");
    }
    let to = destination.filter(|path| *path != "-").map(PathBuf::from);
    Ok(Some(match (kind, to) {
        (Some("cacheonly"), _) => return Ok(None),
        (Some("image" | "registry" | "containers-storage"), _) => Output::Image,
        (Some("local"), Some(path)) => Output::Local(path),
        (Some("local"), None) => bail!("--output {text}: dest is required for local exporter"),
        (Some("tar"), path) => Output::Tar(path),
        (Some("oci"), Some(path)) if is_directory => Output::Layout(path),
        (Some("oci"), None) if is_directory => bail!("--output {text}: dest is required for oci exporter"),
        (Some("oci"), to) => Output::Archive { format: ArchiveFormat::Oci, to },
        (Some("docker"), _) if destination.is_none() => Output::Image,
        (Some("docker"), to) => Output::Archive { format: ArchiveFormat::Docker, to },
        (Some(other), _) => bail!("--output {text}: exporter {other:?} could not be found"),
        (None, _) => bail!("--output {text}: type is required for output"),
    }))
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
            ("type=docker,dest=-", Output::Archive { format: ArchiveFormat::Docker, to: None }),
            ("type=oci,dest=a,tar=false", Output::Layout("a".into())),
            ("type=image,oci-mediatypes=true,rewrite-timestamp=true", Output::Image),
            ("type=image,name=a:1,push=true", Output::Image),
        ] {
            assert_eq!(output(text).unwrap(), Some(want), "{text}");
        }
        assert_eq!(output("type=cacheonly").unwrap(), None);
        for bad in [
            "",
            "type=local",
            "type=oci,tar=false",
            "type=docker,dest=a,tar=false",
            "type=image,oci-mediatypes=false",
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

    #[test]
    fn an_image_is_made_where_one_is_sent_or_kept() {
        let outputs = |output: &[&str], load, push| {
            let output = output.iter().map(|text| (*text).to_owned()).collect();
            Outputs { output, load, push }.outputs().unwrap()
        };
        let files = Output::Local("out".into());
        assert_eq!(outputs(&[], false, false), [Output::Image]);
        assert_eq!(outputs(&[], true, true), [Output::Image]);
        assert_eq!(outputs(&["out"], false, false), std::slice::from_ref(&files));
        assert_eq!(outputs(&["out"], true, false), [files.clone(), Output::Image]);
        assert_eq!(outputs(&["out"], false, true), [files, Output::Image]);
        assert_eq!(outputs(&["type=cacheonly"], false, false), []);
        let both = [Output::Tar(None), Output::Archive { format: ArchiveFormat::Oci, to: None }];
        assert!(is_streamed(&both).is_err());
        assert!(!is_streamed(&[Output::Image]).unwrap());
    }
}
