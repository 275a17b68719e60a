//! The flags of `build` that buildah and podman have and docker has not.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};

use crate::base::file::read_bounded;
use crate::base::hint::HintExt;
use crate::cli::flags::parse_switch;
use crate::engine::build::{Squash, Wishes};
use crate::oci::reference::Reference;

/// A file of `--build-arg-file` beyond this is none.
const ARGUMENTS_LIMIT: u64 = 1 << 20;

#[derive(clap::Args)]
pub struct Buildah {
    /// Read build arguments from a file, one a line: name[=value]; --build-arg comes before it
    #[arg(long, value_name = "file")]
    build_arg_file: Vec<PathBuf>,
    /// Let the first stage begin with this image, whatever its FROM says
    #[arg(long, value_name = "image")]
    from: Option<String>,
    /// What is left out of the context, in place of .dockerignore and .containerignore
    #[arg(long, value_name = "file")]
    ignorefile: Option<String>,
    /// Keep what each step has made for later builds, as is done; with =false make one layer, and every step again
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse_switch)]
    layers: Option<bool>,
    /// Add the image to this manifest list, which is made if it is not there
    #[arg(long, value_name = "name")]
    manifest: Option<String>,
    /// Leave out stages that the target does not need: they always are
    #[arg(long, hide = true, value_name = "bool", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = parse_switch)]
    skip_unused_stages: Option<bool>,
    /// Make one layer of all that is built
    #[arg(long)]
    squash: bool,
    /// Make one layer of everything, what the image begins with too
    #[arg(long)]
    squash_all: bool,
    /// Take a variable from the image
    #[arg(long, value_name = "name")]
    unsetenv: Vec<String>,
    /// Take a label from the image that it has from the one it begins with
    #[arg(long, value_name = "name")]
    unsetlabel: Vec<String>,
}

impl Buildah {
    /// The lines of the files of arguments.
    pub fn arguments(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for path in &self.build_arg_file {
            lines.extend(lines_of(path)?);
        }
        Ok(lines)
    }

    /// Says in `wishes` what was asked for.
    pub fn apply(self, wishes: &mut Wishes) -> Result<()> {
        if self.skip_unused_stages == Some(false) {
            return Err(anyhow!("--skip-unused-stages=false is not supported yet"))
                .hint(|| "build a stage by its name: --target STAGE");
        }
        wishes.from = self.from.as_deref().map(Reference::parse).transpose()?;
        wishes.files.ignore = self.ignorefile;
        wishes.manifest = self.manifest;
        if wishes.manifest.is_some() && !wishes.outputs.iter().any(|output| output.is_image()) {
            bail!("--manifest: no image is made that could be added to a list");
        }
        let is_one_layer = self.squash || self.layers == Some(false);
        wishes.squash = match (self.squash_all, is_one_layer) {
            (true, _) => Squash::All,
            (false, true) => Squash::Own,
            (false, false) => Squash::None,
        };
        wishes.no_cache |= self.layers == Some(false);
        wishes.unset_env = self.unsetenv;
        wishes.unset_labels = self.unsetlabel;
        Ok(())
    }
}

/// The lines of a file that say something.
fn lines_of(path: &Path) -> Result<Vec<String>> {
    let text = read_bounded(path, ARGUMENTS_LIMIT)?;
    let text = String::from_utf8(text).map_err(|_| anyhow!("read {}: it is not UTF-8", path.display()))?;
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    ensure!(
        lines.iter().all(|line| !line.starts_with('=')),
        "read {}: an argument has no name",
        path.display()
    );
    Ok(lines.into_iter().map(str::to_owned).collect())
}
