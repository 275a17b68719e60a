//! `save`: images into archives and directories.

use std::fs::File;
use std::io::BufWriter;
use std::os::fd::BorrowedFd;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Engine, events, namespace};
use crate::base::exit::{self, ReaderGone};
use crate::image::save::{self, ArchiveFormat, DirectoryFormat, Saving};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::images::Image;

/// Writes an archive of these images to `out`.
pub fn archive(
    engine: &Engine,
    names: &[String],
    platform: Option<&Platform>,
    format: ArchiveFormat,
    out: BorrowedFd<'_>,
) -> Result<()> {
    let images = selected(engine, names, platform)?;
    let out = File::from(out.try_clone_to_owned().context("duplicate a descriptor")?);
    let out = BufWriter::with_capacity(1 << 16, &out);
    if !exit::is_whole(save::archive(engine.layout(), &images, format, out))? {
        return Err(ReaderGone.into());
    }
    tell(engine, &images);
    Ok(())
}

/// Makes a directory of these images at `path`, which is empty.
pub fn directory(
    engine: &Engine,
    names: &[String],
    platform: Option<&Platform>,
    format: DirectoryFormat,
    path: &Path,
) -> Result<()> {
    let images = selected(engine, names, platform)?;
    let write = || save::directory(engine.layout(), &images, format, path);
    match format {
        // Compressing starts threads, which this process must not have.
        DirectoryFormat::Docker { compress: true } => {
            namespace::run_inside(&namespace::open(engine)?.finish()?, write)?;
        }
        _ => write()?,
    }
    tell(engine, &images);
    Ok(())
}

fn tell(engine: &Engine, images: &[Saving]) {
    for saving in images {
        events::image(engine, &saving.images[0], None, "save");
    }
}

/// The images that names mean, each once, in their order.
fn selected(engine: &Engine, names: &[String], platform: Option<&Platform>) -> Result<Vec<Saving>> {
    let mut selected: Vec<Saving> = Vec::new();
    for text in names {
        for (image, name) in meant(engine, text)? {
            let images = match platform {
                Some(_) => vec![engine.images().lookup_for(&in_store(&name, text), platform)?],
                None => engine.images().all_of(&image)?,
            };
            let known = selected.iter().position(|other| other.images[0].manifest == images[0].manifest);
            let place = known.unwrap_or_else(|| {
                selected.push(Saving { images, names: Vec::new() });
                selected.len() - 1
            });
            let names = &mut selected[place].names;
            names.extend(name.filter(|name| !names.contains(name)));
        }
    }
    Ok(selected)
}

/// As in docker a repository without a tag means all its tags; an id or a digest means an image without a name.
fn meant(engine: &Engine, text: &str) -> Result<Vec<(Image, Option<Reference>)>> {
    if let Ok(name) = Reference::parse(text) {
        if name.tag().is_none() && name.digest().is_none() {
            let of_repository = repository(engine, &name)?;
            if !of_repository.is_empty() {
                return Ok(of_repository);
            }
        } else if let Some(image) = engine.images().by_name(&name)? {
            return Ok(vec![(image, Some(name).filter(|name| name.digest().is_none()))]);
        }
    }
    Ok(vec![(engine.images().lookup(text)?, None)])
}

/// Every tag of a repository, in order.
fn repository(engine: &Engine, repository: &Reference) -> Result<Vec<(Image, Option<Reference>)>> {
    let (images, _) = engine.images().list()?;
    let tags = |image: Image| {
        let names: Vec<_> =
            image.names.iter().filter(|name| name.name() == repository.name()).cloned().collect();
        names.into_iter().map(move |name| (image.clone(), Some(name)))
    };
    let mut found: Vec<_> = images.into_iter().flat_map(tags).collect();
    found.sort_by(|(_, one), (_, other)| one.cmp(other));
    Ok(found)
}

/// How the image is found again.
fn in_store(name: &Option<Reference>, text: &str) -> String {
    name.as_ref().map_or_else(|| text.to_owned(), Reference::familiar)
}
