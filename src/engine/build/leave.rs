//! What leaves the store at the end of a build: the files of a stage, or its image in an archive or a directory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::graph::{Below, Stage};
use super::progress::Watch;
use super::schedule::Outcome;
use super::tree::{self, Tree};
use super::{Surroundings, Wishes};
use crate::base::copy::{Clash, Copier, CopyOptions};
use crate::base::digest::Digest;
use crate::base::exit::{self, ReaderGone};
use crate::base::{hint, whole};
use crate::engine::{Engine, namespace};
use crate::image::save::{self, ArchiveFormat, DirectoryFormat, Saving};
use crate::layer::pack::{self, Form};
use crate::runtime::userns::UserNamespace;
use crate::sys::path::Dir;

/// `--output`.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Image,
    /// The files, in a directory.
    Local(PathBuf),
    /// The files, in an archive; none is standard output.
    Tar(Option<PathBuf>),
    /// The image, in an archive; none is standard output.
    Archive {
        format: ArchiveFormat,
        to: Option<PathBuf>,
    },
    /// The image, in a directory that becomes an OCI layout.
    Layout(PathBuf),
}

impl Output {
    pub fn is_image(&self) -> bool {
        matches!(self, Self::Image | Self::Archive { .. } | Self::Layout(_))
    }
}

/// Writes an image, or those for several platforms together, where an output that is neither files nor the store's
/// wants it. It has the names that were given, whether or not the store knows them.
pub fn images(engine: &Engine, wishes: &Wishes, output: &Output, manifests: &[Digest]) -> Result<()> {
    let load = |manifest| engine.images().unlisted(manifest);
    let saving = || -> Result<[Saving; 1]> {
        let names = wishes.tags.iter().map(|name| name.clone().with_default_tag()).collect();
        Ok([Saving { images: manifests.iter().map(load).collect::<Result<_>>()?, names }])
    };
    let layout = engine.layout();
    // In a child, so that whoever is tired of it can end it, and nothing half-done stays.
    match output {
        Output::Archive { format, to } => {
            let saving = saving()?;
            let write = |out: &File| {
                let out = BufWriter::with_capacity(1 << 16, out);
                namespace::run_apart(|| exit::is_whole(save::archive(layout, &saving, *format, out)))
            };
            let is_whole = hint::of_output(match to {
                Some(path) => whole::file(path, write),
                None => write(&standard_output()?),
            })?;
            if is_whole { Ok(()) } else { Err(ReaderGone.into()) }
        }
        Output::Layout(path) => {
            let saving = saving()?;
            whole::directory(path, |path| {
                namespace::run_apart(|| save::directory(layout, &saving, DirectoryFormat::Oci, path))
            })
        }
        _ => Ok(()),
    }
}

/// The directory of a platform among others, as BuildKit calls it: `linux_arm_v7`.
pub fn own_directory(around: &Surroundings<'_>) -> String {
    around.platform.to_string().replace('/', "_")
}

/// How BuildKit calls the making of an image that goes nowhere but there.
pub fn title(output: &Output) -> &'static str {
    match output {
        Output::Archive { format: ArchiveFormat::Docker, .. } => "exporting to docker image format",
        Output::Archive { .. } | Output::Layout(_) => "exporting to oci image format",
        _ => "exporting to image",
    }
}

/// Opens what is written to; `appends` where a part of it is there already.
fn create(to: Option<&Path>, appends: bool) -> Result<File> {
    match to {
        Some(path) => {
            let mut options = File::options();
            let options = options.create(true).append(appends).write(!appends).truncate(!appends);
            options.open(path).with_context(|| format!("create {}", path.display()))
        }
        None => standard_output(),
    }
}

fn standard_output() -> Result<File> {
    let out = std::io::stdout().as_fd().try_clone_to_owned().context("open standard output")?;
    Ok(File::from(out))
}

/// Takes away what is half of an archive.
fn forget(output: &Output) {
    if let Output::Tar(Some(path)) = output
        && path.is_file()
    {
        let _ = std::fs::remove_file(path);
    }
}

/// Writes the files of a stage. `number` tells this output from the others.
pub fn files(
    around: &Surroundings<'_>,
    stage: &Stage,
    made: &[Option<Outcome>],
    user: Option<&UserNamespace>,
    (number, output): (usize, &Output),
    watch: &mut dyn Watch,
) -> Result<()> {
    let name = match output {
        Output::Local(path) => format!("exporting to {}", path.display()),
        _ => "exporting to tar".to_owned(),
    };
    let vertex = watch.begin(&name);
    let layout = around.engine.layout();
    let digests = stage.layers.iter().filter_map(|below| match below {
        Below::Image(digest) => Some(digest.clone()),
        Below::Node(node) => Some(made[*node].as_ref()?.made.layer.as_ref()?.diff_id.clone()),
    });
    let layers = digests.map(|digest| layout.layer(&digest).to_string_lossy().into_owned()).collect();
    let tree = Tree { layers, is_copied: around.is_copied };
    let place = around.scratch.join(format!("output-{number}"));
    let out = match output {
        Output::Tar(to) => Some(create(to.as_deref(), !around.is_first())?),
        Output::Local(path) => {
            std::fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
            None
        }
        _ => None,
    };
    let is_whole = hint::of_output(around.inside(user, || {
        tree::prepare()?;
        let root = tree.open(&place)?;
        exit::is_whole(match (output, out) {
            (Output::Local(path), _) => {
                let to = Dir::open(path).with_context(|| format!("open {}", path.display()))?;
                let options = CopyOptions {
                    owner: (0, 0),
                    keep_owner: false,
                    fold_ids: true,
                    keep_special: false,
                    mode: None,
                    attributes: false,
                    clash: Clash::Overwrite,
                    shown: path.clone(),
                };
                let mut copier = Copier::new(options);
                copier.contents(root.open_dir("")?.into(), to.open_dir("")?.into())
            }
            (_, Some(out)) => {
                let mut out = std::io::BufWriter::with_capacity(1 << 16, out);
                let top = root.open_dir("")?.into();
                pack_files(around, top, &mut out)
            }
            _ => Ok(()),
        })
    }))
    .inspect_err(|_| forget(output))?;
    if !is_whole {
        return Err(ReaderGone.into());
    }
    watch.done(vertex);
    Ok(())
}

/// Writes an archive of files, or this platform's part of one.
fn pack_files(around: &Surroundings<'_>, top: OwnedFd, out: &mut impl Write) -> Result<()> {
    if !around.wishes.is_for_several() {
        return pack::pack(top, Path::new(""), Form::Files, out, |_| false, None).map(drop);
    }
    pack::pack_part(top, Path::new(&own_directory(around)), &mut *out)?;
    if around.is_last() { pack::end(out) } else { Ok(out.flush()?) }
}
