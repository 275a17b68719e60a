//! `load`: images out of archives and directories.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Engine, events, images};
use crate::image::archive::{self, ArchiveSource, LoadRequest};
use crate::image::progress::Progress;
use crate::oci::platform::Platform;

/// Where the images are.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// An archive, or a directory.
    Path(&'a Path),
    /// An archive that is open, such as standard input.
    Open(BorrowedFd<'a>),
}

/// Stores the images of an archive; `progress` is told of each. It is made in the child that does the work.
pub fn load<P, F>(engine: &Engine, input: Input<'_>, platform: Option<Platform>, progress: F) -> Result<()>
where
    P: Progress,
    F: FnOnce() -> P,
{
    if let Input::Path(path) = input {
        // Before a namespace is made for nothing.
        std::fs::metadata(path).with_context(|| format!("open {}", path.display()))?;
    }
    let ids: Vec<String> = images::storing(engine, |fold_ids| {
        let request = LoadRequest { platform, fold_ids, announce: true, recorded: true };
        let loaded = match input {
            Input::Path(path) => {
                archive::load(engine.layout(), &ArchiveSource::any(path), &request, &progress())?
            }
            Input::Open(fd) => {
                let file = File::from(fd.try_clone_to_owned().context("duplicate a descriptor")?);
                archive::load_stream(engine.layout(), file, &request, &progress())?
            }
        };
        Ok(loaded.into_iter().map(|image| image.id.to_string()).collect())
    })?;
    for id in ids {
        if let Ok(image) = engine.images().lookup(&id) {
            events::image(engine, &image, None, "load");
        }
    }
    Ok(())
}
