//! What is done about each damage.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::{Archive, Damage, Mended, Remedy};
use crate::base::digest::Digest;
use crate::engine::{Engine, images, namespace, remove};
use crate::image::ingest::{self, IngestOptions};
use crate::image::progress::Silent;
use crate::image::pull::PullRequest;
use crate::oci::reference::Reference;
use crate::registry::Options;
use crate::store::containers::{Record, Source};
use crate::store::flush::Flusher;
use crate::store::layers::Layers;
use crate::store::options::MountKind;
use crate::store::salvage::{self, Listed};
use crate::store::userns::UsernsMode;
use crate::store::{events, gc, ranges};
use crate::sys::path::Dir;

/// Deals with everything, the simplest first: what is above needs what is beneath.
pub fn all(engine: &Engine, mut found: Vec<Damage>, force: bool) -> Vec<Mended> {
    found.sort_by_key(|damage| order(&damage.remedy));
    let mut images = HashSet::new();
    let mut mended = Vec::new();
    // Of an image several blobs may be damaged: all of them go before it is brought again, once.
    for damage in &found {
        if let Remedy::Blob { blob, .. } = &damage.remedy {
            // One that is missing is gone already, and one that stays will be said to be damaged still.
            let _ = erase(engine, &engine.layout().blob(blob));
        }
    }
    for damage in found {
        let outcome = match &damage.remedy {
            Remedy::Blob { image, .. } if !images.insert(image.clone()) => Ok("with it".to_owned()),
            remedy => one(engine, remedy, force),
        };
        mended.push(Mended { damage, outcome });
    }
    mended
}

fn order(remedy: &Remedy) -> u8 {
    match remedy {
        Remedy::Make(..) | Remedy::Mode(..) => 0,
        Remedy::Remove(_) | Remedy::LayoutFile | Remedy::Index => 1,
        Remedy::Container(_) | Remedy::Name { .. } => 2,
        Remedy::Ranges | Remedy::Events | Remedy::ByHand(_) => 3,
        Remedy::Layer(_) => 4,
        Remedy::Blob { .. } => 5,
    }
}

fn one(engine: &Engine, remedy: &Remedy, force: bool) -> Result<String> {
    let layout = engine.layout();
    match remedy {
        Remedy::Make(path, mode) => {
            DirBuilder::new()
                .mode(*mode)
                .create(path)
                .with_context(|| format!("create {}", path.display()))?;
            Ok("made again, empty".to_owned())
        }
        Remedy::Mode(path, mode) => {
            let set = fs::set_permissions(path, Permissions::from_mode(*mode));
            set.with_context(|| format!("change the mode of {}", path.display()))?;
            Ok(format!("set to {mode:03o}"))
        }
        Remedy::Remove(path) => erase(engine, path).map(|()| "removed".to_owned()),
        Remedy::LayoutFile => {
            make_way(engine, &layout.images().join("oci-layout"))?;
            salvage::write_layout_file(layout).map(|()| "written again".to_owned())
        }
        Remedy::Index => {
            make_way(engine, &layout.images().join("index.json"))?;
            let count = salvage::rebuild_index(layout, &names_in_use(engine)?)?;
            Ok(format!("made again of {count} images; names that no container knows are lost"))
        }
        Remedy::Blob { image, .. } => bring_again(engine, image, force),
        Remedy::Layer(archive) => unpack_again(engine, archive),
        Remedy::Name { name, id } => {
            engine.containers().claim_name(name, id)?;
            Ok("given back".to_owned())
        }
        Remedy::Container(id) => remove_container(engine, id, force),
        Remedy::Ranges => {
            let records = engine.containers().list()?.0;
            ranges::rebuild(layout, records.iter().filter_map(range_of).collect())?;
            Ok("made again of the containers' records".to_owned())
        }
        Remedy::Events => events::drop_torn(layout).map(|()| "they are left out".to_owned()),
        Remedy::ByHand(command) => bail!("it is left to you: {command}"),
    }
}

/// Removes a file or a directory of the store, whoever owns what is in it.
fn erase(engine: &Engine, path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        bail!("remove {}", path.display())
    };
    let attempt = || Dir::open(parent).and_then(|directory| directory.remove_all(name));
    match attempt() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let opened = namespace::open(engine)?.finish()?;
            namespace::run_inside(&opened, || attempt().with_context(|| format!("remove {}", path.display())))
        }
        result => result.with_context(|| format!("remove {}", path.display())),
    }
}

/// Takes away what stands in the place of a document and is no file.
fn make_way(engine: &Engine, path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => erase(engine, path),
        _ => Ok(()),
    }
}

/// The names by which containers know their images.
fn names_in_use(engine: &Engine) -> Result<Vec<(Reference, Digest)>> {
    let mut names: Vec<(Reference, Digest)> = Vec::new();
    // The newest comes first: it knows best what its name means.
    for record in engine.containers().list()?.0 {
        let Source::Image { name, id, manifest, .. } = record.source else { continue };
        let Ok(reference) = Reference::parse(&name) else { continue };
        let is_id = id.hex().starts_with(name.strip_prefix("sha256:").unwrap_or(&name));
        let reference = reference.with_default_tag();
        if !is_id && !names.iter().any(|(known, _)| *known == reference) {
            names.push((reference, manifest));
        }
    }
    Ok(names)
}

/// The ids that a container has for itself.
fn range_of(record: &Record) -> Option<(String, u32, u32)> {
    if !matches!(record.options.userns.mode, UsernsMode::Auto { .. }) {
        return None;
    }
    let range = record.maps.as_ref()?.uids.0.first()?;
    Some((record.id.clone(), range.outside, range.count))
}

/// The changes of a container go with it, so that is only done when it was asked for.
fn remove_container(engine: &Engine, id: &str, force: bool) -> Result<String> {
    if !force {
        let files = engine.layout().container(id).join("upper");
        bail!(
            "kept, for its files in {}; to remove it: coracle system check --repair --force",
            files.display()
        );
    }
    remove::remove(engine, id, true, false)?;
    Ok("removed".to_owned())
}

/// Unpacks a layer once more and puts it in the place of the one that is damaged, of which no file may be in use.
fn unpack_again(engine: &Engine, archive: &Archive) -> Result<String> {
    let layout = engine.layout();
    if let Some(user) =
        users(engine, |layers| layers.contains(&archive.diff_id))?.iter().find(|one| one.state.is_up())
    {
        bail!("kept while container {} runs; stop it, then try again", user.name);
    }
    make_way(engine, &Layers::new(layout).info_path(&archive.diff_id))?;
    let _hold = gc::hold(layout)?;
    let opening = namespace::open(engine)?;
    let options = IngestOptions::new(opening.maps.is_single());
    let opened = opening.finish()?;
    namespace::run_inside(&opened, || {
        let flusher = Flusher::start(layout)?;
        let (staging, info) = ingest::unpack_beside(layout, options, &archive.wanted())?;
        flusher.finish()?;
        staging.replace(&archive.diff_id, info)?;
        // Copies of it with other owners are made again when they are needed.
        Layers::new(layout).remove_shifted(&archive.diff_id)
    })?;
    Ok("unpacked again".to_owned())
}

/// Brings an image again from where it came from; one that cannot be had goes, unless a container is made from it.
fn bring_again(engine: &Engine, manifest: &Digest, force: bool) -> Result<String> {
    let listed = salvage::listed(engine.layout())?;
    let Some(image) = listed.into_iter().find(|image| image.digest == *manifest) else {
        return Ok("its image is gone".to_owned());
    };
    let mut why = String::from("it came from no registry");
    for origin in &image.origins {
        match pull(engine, origin) {
            Ok(()) => return Ok(format!("pulled again: {origin}")),
            Err(error) => why = format!("{error:#}"),
        }
    }
    give_up(engine, &image, force).map_err(|error| anyhow!("{why}; {error:#}"))?;
    Ok(format!("image {} is removed: {why}", image.shown))
}

/// Pulls what is missing of an image. The name that this needs is no new name of it.
fn pull(engine: &Engine, origin: &Reference) -> Result<()> {
    let had_name = salvage::has_name(engine.layout(), origin)?;
    let request = PullRequest {
        reference: origin.to_string(),
        platform: None,
        registry: Options::new(true),
        fold_ids: false,
    };
    images::pull(engine, request, || Silent)?;
    if had_name { Ok(()) } else { salvage::forget_name(engine.layout(), origin) }
}

fn give_up(engine: &Engine, image: &Listed, force: bool) -> Result<()> {
    let users: Vec<Record> = users_of_image(engine, &image.digest)?;
    if let Some(user) = users.first().filter(|_| !force) {
        bail!(
            "image {} is kept, for container {} is made from it; to remove both: coracle system check --repair --force",
            image.shown,
            user.name
        );
    }
    if let Some(user) = users.iter().find(|user| user.state.is_up()) {
        bail!("image {} is kept while container {} runs", image.shown, user.name);
    }
    for user in users {
        remove::remove(engine, &user.id, false, false)?;
    }
    salvage::forget_image(engine.layout(), &image.entry)
}

fn users_of_image(engine: &Engine, wanted: &Digest) -> Result<Vec<Record>> {
    let mut records = engine.containers().list()?.0;
    records.retain(|record| matches!(&record.source, Source::Image { manifest, .. } if manifest == wanted));
    Ok(records)
}

/// The containers whose layers, or those of images that they mount, are among those asked for.
fn users(engine: &Engine, is_wanted: impl Fn(&[Digest]) -> bool) -> Result<Vec<Record>> {
    let mut records = engine.containers().list()?.0;
    records.retain(|record| {
        let own = matches!(&record.source, Source::Image { layers, .. } if is_wanted(layers));
        let mut mounts = record.options.mounts.iter();
        own || mounts.any(|mount| matches!(&mount.kind, MountKind::Image { layers, .. } if is_wanted(layers)))
    });
    Ok(records)
}
