//! `commit`: makes an image of a container's changes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::hint::HintExt;
use crate::engine::commit::{self, Wishes};
use crate::engine::pause;
use crate::oci::media::Family;
use crate::oci::reference::Reference;

#[derive(clap::Args)]
pub struct Args {
    /// Who made it, as in "John Hannibal Smith <hannibal@a-team.com>"
    #[arg(long, short, value_name = "author")]
    author: Option<String>,
    /// Apply a Dockerfile instruction to the image: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL
    /// USER VOLUME WORKDIR
    #[arg(long, short, value_name = "instruction")]
    change: Vec<String>,
    /// The documents of the image: oci or docker
    #[arg(long, short, value_name = "format", default_value = "oci", value_parser = family)]
    format: Family,
    /// Write the image's id to a file
    #[arg(long, value_name = "file")]
    iidfile: Option<PathBuf>,
    /// Name the volumes that the container was given among those of the image
    #[arg(long)]
    include_volumes: bool,
    /// Say why it was made, in the image's history
    #[arg(long, short, value_name = "message")]
    message: Option<String>,
    /// Stop a container that runs from changing while it is read: needs control groups, so it is off unless given
    #[arg(long, short)]
    pause: bool,
    /// Print nothing but the image's id: there is never more
    #[arg(long, short, hide = true)]
    quiet: bool,
    /// Make the image of a single layer, of all that there is
    #[arg(long, short)]
    squash: bool,
}

/// `--format` of what makes images.
pub fn family(text: &str) -> Result<Family, String> {
    match text {
        "oci" => Ok(Family::Oci),
        "docker" => Ok(Family::Docker),
        _ => Err(format!("unrecognized image format \"{text}\": must be oci or docker")),
    }
}

impl Action for Args {
    const SUMMARY: &'static str = "Create a new image from a container's changes";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Keep what was done by hand", "coracle commit -m 'with curl' work tools:curl"),
        ("With another command", "coracle commit -c 'CMD [\"/app\"]' -c 'ENV MODE=fast' work app:fast"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let _ = self.quiet;
        let (container, name) = match &operands[..] {
            [container] => (container, None),
            [container, name] => (container, Some(Reference::parse(name)?)),
            _ => bail!("commit requires at least 1 and at most 2 arguments"),
        };
        let engine = session.engine()?;
        let paused = if self.pause {
            let hint = || {
                format!("stop it first, or commit it as it runs: coracle commit --pause=false {container}")
            };
            Some(pause::while_read(&engine, container).hint(hint)?)
        } else {
            None
        };
        let wishes = Wishes {
            author: self.author.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
            changes: self.change,
            include_volumes: self.include_volumes,
            squash: self.squash,
            family: self.format,
        };
        let id = commit::commit(&engine, container, name.as_ref(), &wishes)?;
        drop(paused);
        if let Some(path) = &self.iidfile {
            std::fs::write(path, id.to_string()).with_context(|| format!("write {}", path.display()))?;
        }
        out::line(&id.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}
