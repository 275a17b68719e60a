//! `tag`, `untag` and `rmi`: names of images, and images that lose their last.
//!
//! The rules for what may be removed are docker's (moby `daemon/images/image_delete.go`).

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};

use super::start::leave_the_terminal;
use super::wait::{self, Condition};
use super::{Engine, events, image_mount, namespace};
use crate::config::registries::shortnames;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::containers::{Record, Source};
use crate::store::gc::{self, Hold};
use crate::store::images::Image;
use crate::store::mounts::MountKind;
use crate::sys::clone::{self, Forked, Namespaces};

/// What a removal did, in order; each is a line of `rmi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    Untagged(String),
    Deleted(String),
}

/// Gives an image one more name.
pub fn tag(engine: &Engine, image: &str, name: &str) -> Result<()> {
    let target = Reference::parse(name)?;
    if target.digest().is_some() {
        bail!("refusing to create a tag with a digest reference");
    }
    let image = engine.images().lookup(image)?;
    engine.images().tag(&image, &target)?;
    events::image(engine, &image, Some(&target.with_default_tag()), "tag");
    Ok(())
}

/// Takes names of an image away, or all of them; the image stays.
pub fn untag(engine: &Engine, text: &str, names: &[String]) -> Result<()> {
    let image = engine.images().lookup(text)?;
    let known = |name: &String| {
        let name = meant(&image, name)?;
        let is_known = image.names.contains(&name)
            || image.repo_digests.iter().any(|(repository, digest)| repository.at(digest.clone()) == name);
        ensure!(is_known, "{}: tag not known", name.familiar());
        Ok(name)
    };
    let going = match names {
        [] => names_of(&image).collect(),
        names => names.iter().map(known).collect::<Result<Vec<_>>>()?,
    };
    engine.images().take_names(&image, &going)?;
    for _ in &going {
        events::image(engine, &image, None, "untag");
    }
    Ok(())
}

/// All that an image is known by: its tags, and its digests in repositories.
fn names_of(image: &Image) -> impl Iterator<Item = Reference> {
    let digests = image.repo_digests.iter().map(|(repository, digest)| repository.at(digest.clone()));
    image.names.iter().cloned().chain(digests)
}

/// Takes a name away, or an image by its id. An image goes with its last name; `force` also takes one that
/// ended containers or several repositories refer to. Space is freed by [`collect`].
pub fn remove(engine: &Engine, text: &str, force: bool) -> Result<Vec<Removal>> {
    let image = engine.images().lookup(text)?;
    let users = Users::of(engine, &image)?;
    let mut done = Vec::new();
    if is_id_of(&image, text) {
        users.refuse_running(&image)?;
        if has_several_places(&image) && !force {
            bail!(
                "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
                image.id.short()
            );
        }
        return remove_whole(engine, text, force);
    }
    if !force
        && !has_several_places(&image)
        && let Some(user) = users.any()
    {
        bail!(
            "conflict: unable to remove repository reference \"{text}\" (must force) - container {} is using \
             its referenced image {}",
            &user.id[..12],
            image.id.short()
        );
    }
    let going = names_going_with(&image, meant(&image, text)?);
    done.extend(going.iter().map(|name| Removal::Untagged(name.familiar())));
    if going.len() < names_of(&image).count() || users.is_running() {
        // What runs keeps its image: only the names go.
        engine.images().take_names(&image, &going)?;
        for _ in &going {
            events::image(engine, &image, None, "untag");
        }
        return Ok(done);
    }
    delete(engine, &image, done)
}

/// Takes an image away with all its names.
pub fn remove_whole(engine: &Engine, text: &str, force: bool) -> Result<Vec<Removal>> {
    let image = engine.images().lookup(text)?;
    Users::of(engine, &image)?.refuse(&image, force)?;
    let mut done = Vec::new();
    untag_all(&image, &mut done);
    let mut done = delete(engine, &image, done)?;
    // The same image may be here once more, with its layers compressed otherwise.
    while let Ok(twin) = engine.images().lookup(&image.id.to_string()) {
        if !force && names_of(&twin).next().is_some() {
            break;
        }
        let mut names = Vec::new();
        untag_all(&twin, &mut names);
        done.extend(delete(engine, &twin, names)?);
    }
    Ok(done)
}

/// The name of an image that a text means: as it is written, or what a short name stands for.
fn meant(image: &Image, text: &str) -> Result<Reference> {
    let name = Reference::parse(text)?;
    let Some(digest) = name.digest() else {
        let name = name.with_default_tag();
        let others = shortnames::candidates(text)?;
        let others = others.iter().filter_map(|other| Reference::parse(other).ok());
        let found = others.map(Reference::with_default_tag).find(|other| image.names.contains(other));
        return Ok(found.filter(|_| !image.names.contains(&name)).unwrap_or(name));
    };
    Ok(name.at(digest.clone()))
}

/// A name, and where it is a repository's last tag, the digests that the image is known by there. The digest of its
/// manifest, which is no name, means all of the repository's.
fn names_going_with(image: &Image, name: Reference) -> Vec<Reference> {
    let of_repository = |other: &&Reference| other.name() == name.name();
    let is_known = names_of(image).any(|other| other == name && name.digest().is_some());
    let has_other_tag = image.names.iter().filter(of_repository).any(|other| *other != name);
    if is_known || name.digest().is_none() && has_other_tag {
        return vec![name];
    }
    names_of(image).filter(|other| of_repository(&other)).collect()
}

/// Takes an image that no container is made from; nothing of any other.
pub fn remove_unused(engine: &Engine, image: &Image) -> Result<Vec<Removal>> {
    if Users::of(engine, image)?.any().is_some() {
        return Ok(Vec::new());
    }
    let mut done = Vec::new();
    untag_all(image, &mut done);
    delete(engine, image, done)
}

/// Takes the image of a container that is gone, unless another one is made from it, and frees what it held.
pub fn remove_left(engine: &Engine, image: &str) -> Result<()> {
    remove_unused(engine, &engine.images().lookup(image)?)?;
    collect(engine).map(drop)
}

/// The same once the container is gone, by a process that waits for that; a container of which nobody waits any more, as
/// after a reboot, leaves its image.
pub fn remove_with(engine: &Engine, container: &str, image: &str) -> Result<()> {
    match clone::clone(Namespaces::default()).context("fork")? {
        Forked::Parent(child) => {
            child.release();
            Ok(())
        }
        Forked::Child => {
            let work = || {
                leave_the_terminal()?;
                // One that is gone already is no longer to be waited for.
                let _ = wait::wait(engine, container, Condition::Removed);
                remove_left(engine, image)
            };
            clone::exit_now(i32::from(work().is_err()))
        }
    }
}

/// Takes an image off record, whose names are told of already.
fn delete(engine: &Engine, image: &Image, mut done: Vec<Removal>) -> Result<Vec<Removal>> {
    engine.images().remove(image)?;
    image_mount::forget(engine, &image.id)?;
    for _ in &done {
        events::image(engine, image, None, "untag");
    }
    // Its id still means an image where it is here once more, under another manifest.
    if engine.images().lookup(&image.id.to_string()).is_ok() {
        return Ok(done);
    }
    events::image(engine, image, None, "delete");
    done.push(Removal::Deleted(image.id.to_string()));
    Ok(done)
}

/// Takes the image for one platform away; the others stay under their names.
pub fn remove_platform(
    engine: &Engine,
    text: &str,
    platform: &Platform,
    force: bool,
) -> Result<Vec<Removal>> {
    let image = engine.images().lookup_for(text, Some(platform))?;
    if image.siblings.len() < 2 {
        return remove(engine, text, force);
    }
    let mut users = Users::of(engine, &image)?;
    users.records.retain(|record| matches!(&record.source, Source::Image { id, .. } if *id == image.id));
    users.refuse(&image, force)?;
    engine.images().remove_one(&image)?;
    events::image(engine, &image, None, "delete");
    Ok(vec![Removal::Deleted(image.id.to_string())])
}

/// Frees what no image and no container refers to any more; returns how many bytes. `None`: another command is storing
/// something, and frees it when it is done.
pub fn collect(engine: &Engine) -> Result<Option<u64>> {
    engine.layout().create()?;
    let opened = namespace::open(engine)?.finish()?;
    let collected = namespace::run_inside(&opened, || gc::collect(engine.layout()))?;
    Ok(collected.map(|collected| collected.bytes))
}

/// Lets go of what was kept for work that is done, outside of a user namespace, and makes up for a collection that was
/// put off meanwhile.
pub fn release(engine: &Engine, hold: Hold) {
    drop(hold);
    make_up(engine);
}

/// Makes up for a collection that was put off while this command kept something. That it finds the store damaged is no
/// failure of the command's own work: whoever asks for a collection is told.
pub fn make_up(engine: &Engine) {
    if gc::is_put_off(engine.layout()) {
        let _ = collect(engine);
    }
}

fn untag_all(image: &Image, done: &mut Vec<Removal>) {
    done.extend(names_of(image).map(|name| Removal::Untagged(name.familiar())));
}

/// Whether `text` means the image by its id and not by a name that happens to look like one.
fn is_id_of(image: &Image, text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let named = Reference::parse(text).is_ok_and(|name| image.names.contains(&name.with_default_tag()));
    !named && image.id.hex().starts_with(hex)
}

/// Whether an image has several tags, or is of several repositories: then a name can go without the image.
fn has_several_places(image: &Image) -> bool {
    let digests = image.repo_digests.iter().map(|(repository, _)| repository);
    let repositories: BTreeSet<String> = image.names.iter().chain(digests).map(Reference::name).collect();
    image.names.len() > 1 || repositories.len() > 1
}

/// The containers of an image.
struct Users {
    records: Vec<Record>,
}

impl Users {
    fn of(engine: &Engine, image: &Image) -> Result<Self> {
        let (mut records, _) = engine.containers().list()?;
        records.retain(|record| {
            let is_made_from =
                matches!(&record.source, Source::Image { id, .. } if image.siblings.contains(id));
            is_made_from || record.options.mounts.iter().any(|mount| has_mounted(&mount.kind, image))
        });
        Ok(Self { records })
    }

    fn any(&self) -> Option<&Record> {
        self.records.first()
    }

    fn is_running(&self) -> bool {
        self.records.iter().any(|record| record.state.is_running())
    }

    /// Refuses to delete an image that something runs from.
    fn refuse_running(&self, image: &Image) -> Result<()> {
        match self.records.iter().find(|record| record.state.is_running()) {
            Some(user) => bail!(
                "conflict: unable to delete {} (cannot be forced) - image is being used by running container {}",
                image.id.short(),
                &user.id[..12]
            ),
            None => Ok(()),
        }
    }

    /// Refuses to delete an image that is in use: by what runs always, by what has ended unless forced.
    fn refuse(&self, image: &Image, force: bool) -> Result<()> {
        self.refuse_running(image)?;
        match self.any().filter(|_| !force) {
            Some(user) => bail!(
                "conflict: unable to delete {} (must be forced) - image is being used by stopped container {}",
                image.id.short(),
                &user.id[..12]
            ),
            None => Ok(()),
        }
    }
}

/// Whether a mount shows what this image holds.
fn has_mounted(mount: &MountKind, image: &Image) -> bool {
    matches!(mount, MountKind::Image { layers, .. } if *layers == image.config.rootfs.diff_ids)
}
