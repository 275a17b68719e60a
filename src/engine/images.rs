//! `pull`: in a child that has entered the user namespace, where layers can be given their owners.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Engine, events, namespace};
use crate::base::digest::Digest;
use crate::base::exit::Interrupted;
use crate::image::archive::{self, ArchiveSource, LoadRequest};
use crate::image::builtin;
use crate::image::progress::{Progress, Silent};
use crate::image::pull::{self, PullRequest};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::gc;

/// What a pull brought.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pulled {
    /// The canonical name, which finds the image from now on.
    pub name: String,
    /// What the name pointed at: the manifest itself, or an index that lists it.
    pub digest: Digest,
    pub manifest: Digest,
}

/// Fetches an image from a registry, an archive or a layout on disk, or takes it out of this binary. `progress` is made in the child that does the work.
pub fn pull<P, F>(engine: &Engine, mut request: PullRequest, progress: F) -> Result<Pulled>
where
    P: Progress,
    F: FnOnce() -> P,
{
    let archive = is_archive(&request.reference);
    let pulled = storing(engine, |fold_ids| {
        let layout = engine.layout();
        request.fold_ids = fold_ids;
        if is_builtin(&request.reference) {
            builtin::install(layout, &request.reference, request.fold_ids)?;
            let image = engine.images().lookup(&request.reference)?;
            let name = request.reference.clone();
            return Ok(Pulled { name, digest: image.manifest.clone(), manifest: image.manifest });
        }
        if let Some(source) = ArchiveSource::parse(&request.reference) {
            let wanted =
                LoadRequest { platform: request.platform, fold_ids, announce: false, recorded: true };
            let loaded = archive::load(layout, &source, &wanted, &progress())?;
            let first = loaded.into_iter().next();
            let image = first.with_context(|| format!("pull {}: it holds no image", request.reference))?;
            let name = image.names.first().map_or_else(|| image.id.to_string(), Reference::to_string);
            return Ok(Pulled { name, digest: image.manifest.clone(), manifest: image.manifest });
        }
        let pulled = pull::pull(layout, &request, &progress())?;
        Ok(Pulled { name: pulled.reference.to_string(), digest: pulled.digest, manifest: pulled.manifest })
    });
    if let Ok(pulled) = &pulled {
        tell(engine, &pulled.name, archive);
    }
    pulled
}

/// Stores one image of an OCI layout, `DIR[:TAG][@DIGEST]`, without putting it on record: whoever holds the store finds it
/// by its manifest, which is returned.
pub fn fetch_unlisted(engine: &Engine, layout: &str, platform: Option<&Platform>) -> Result<Digest> {
    let source = ArchiveSource::layout(layout)?;
    storing(engine, |fold_ids| {
        let wanted = LoadRequest { platform: platform.cloned(), fold_ids, announce: false, recorded: false };
        let loaded = archive::load(engine.layout(), &source, &wanted, &Silent)?;
        Ok(loaded.into_iter().next().context("it holds no image")?.manifest)
    })
}

/// Fetches every tag of a repository.
pub fn pull_all<P, F>(engine: &Engine, mut request: PullRequest, progress: F) -> Result<Vec<Pulled>>
where
    P: Progress,
    F: FnOnce() -> P,
{
    let pulled = storing(engine, |fold_ids| {
        request.fold_ids = fold_ids;
        let pulled = pull::pull_all(engine.layout(), &request, &progress())?;
        let named = pulled.into_iter().map(|pulled| {
            let name = pulled.reference.to_string();
            Pulled { name, digest: pulled.digest, manifest: pulled.manifest }
        });
        Ok(named.collect::<Vec<_>>())
    })?;
    for pulled in &pulled {
        tell(engine, &pulled.name, false);
    }
    Ok(pulled)
}

/// Does work that stores layers, in a child where they can be given their owners; it is told whether all have to be
/// one. What a killed command had begun goes first, and what this one had, if it is interrupted.
pub fn storing<T>(engine: &Engine, work: impl FnOnce(bool) -> Result<T>) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    engine.layout().create()?;
    let opening = namespace::open(engine)?;
    let fold_ids = opening.maps.is_single();
    let opened = opening.finish()?;
    let done = namespace::run_inside(&opened, || {
        gc::sweep_temporary(engine.layout())?;
        work(fold_ids)
    });
    if done.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
        namespace::run_inside(&opened, || gc::sweep_temporary(engine.layout()))?;
    }
    done
}

/// Writes down that an image has come: from a registry or out of this binary, or from an archive.
fn tell(engine: &Engine, name: &str, from_archive: bool) {
    let Ok(image) = engine.images().lookup(name) else { return };
    match Reference::parse(name) {
        Ok(reference) if !from_archive => events::transfer(engine, &reference, Some(&image), "pull"),
        _ => events::image(engine, &image, None, "load"),
    }
}

/// Whether a name means an image in an archive or a layout on disk, which is read each time.
pub fn is_archive(name: &str) -> bool {
    ArchiveSource::parse(name).is_some()
}

/// Whether a name means an image inside this binary.
pub fn is_builtin(name: &str) -> bool {
    builtin::find(name).is_some()
}
