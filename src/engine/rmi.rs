//! `tag` and `rmi`: names of images, and images that lose their last.
//!
//! The rules for what may be removed are docker's (moby `daemon/images/image_delete.go`).

use anyhow::{Result, bail};

use super::{Engine, events, namespace};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::containers::{Record, Source};
use crate::store::gc;
use crate::store::images::Image;

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

/// Takes a name away, or an image by its id. An image goes with its last name; `force` also takes one that
/// ended containers or several repositories refer to. Space is freed by [`collect`].
pub fn remove(engine: &Engine, text: &str, force: bool) -> Result<Vec<Removal>> {
    let image = engine.images().lookup(text)?;
    let users = Users::of(engine, &image)?;
    let mut done = Vec::new();
    if is_id_of(&image, text) {
        if !is_only_name(&image) && !force {
            bail!(
                "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
                image.id.short()
            );
        }
        users.refuse(&image, force)?;
        untag_all(&image, &mut done);
    } else {
        let name = Reference::parse(text)?;
        if !force
            && is_only_name(&image)
            && let Some(user) = users.any()
        {
            bail!(
                "conflict: unable to remove repository reference \"{text}\" (must force) - container {} is using \
                 its referenced image {}",
                &user.id[..12],
                image.id.short()
            );
        }
        let name = if name.digest().is_some() { name } else { name.with_default_tag() };
        if !is_only_name(&image) || users.is_running() {
            // What runs keeps its image: only the name goes.
            engine.images().untag(&name)?;
            done.push(Removal::Untagged(name.familiar()));
            events::image(engine, &image, None, "untag");
            return Ok(done);
        }
        untag_all(&image, &mut done);
    }
    delete(engine, &image, done)
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

/// Takes an image off record, whose names are told of already.
fn delete(engine: &Engine, image: &Image, mut done: Vec<Removal>) -> Result<Vec<Removal>> {
    engine.images().remove(image)?;
    for _ in &done {
        events::image(engine, image, None, "untag");
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

/// Frees what no image and no container refers to any more; returns how many bytes.
pub fn collect(engine: &Engine) -> Result<u64> {
    engine.layout().create()?;
    let opened = namespace::open(engine)?.finish()?;
    let collected = namespace::run_inside(&opened, || gc::collect(engine.layout()))?;
    Ok(collected.map_or(0, |collected| collected.bytes))
}

fn untag_all(image: &Image, done: &mut Vec<Removal>) {
    done.extend(image.names.iter().map(|name| Removal::Untagged(name.familiar())));
    let digests = image.repo_digests.iter();
    done.extend(
        digests.map(|(name, digest)| Removal::Untagged(format!("{}@{digest}", name.familiar_name()))),
    );
}

/// Whether `text` means the image by its id and not by a name that happens to look like one.
fn is_id_of(image: &Image, text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let named = Reference::parse(text).is_ok_and(|name| image.names.contains(&name.with_default_tag()));
    !named && image.id.hex().starts_with(hex)
}

fn is_only_name(image: &Image) -> bool {
    image.names.len() <= 1
}

/// The containers of an image.
struct Users {
    records: Vec<Record>,
}

impl Users {
    fn of(engine: &Engine, image: &Image) -> Result<Self> {
        let (mut records, _) = engine.containers().list()?;
        records.retain(
            |record| matches!(&record.source, Source::Image { id, .. } if image.siblings.contains(id)),
        );
        Ok(Self { records })
    }

    fn any(&self) -> Option<&Record> {
        self.records.first()
    }

    fn is_running(&self) -> bool {
        self.records.iter().any(|record| record.state.is_running())
    }

    /// Refuses to delete an image that is in use: by what runs always, by what has ended unless forced.
    fn refuse(&self, image: &Image, force: bool) -> Result<()> {
        let short = image.id.short();
        if let Some(user) = self.records.iter().find(|record| record.state.is_running()) {
            bail!(
                "conflict: unable to delete {short} (cannot be forced) - image is being used by running container {}",
                &user.id[..12]
            );
        }
        match self.any().filter(|_| !force) {
            Some(user) => bail!(
                "conflict: unable to delete {short} (must be forced) - image is being used by stopped container {}",
                &user.id[..12]
            ),
            None => Ok(()),
        }
    }
}
