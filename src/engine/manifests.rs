//! `manifest`: lists of images for several platforms, which are image indexes with a name.
//!
//! What a list has is in this store: an image that is added and is not here is pulled. So a list can be pushed whole
//! wherever it goes.

use anyhow::{Context, Result, anyhow, bail, ensure};
use oci_spec::image::{Arch, Descriptor, Os, PlatformBuilder};

use super::{Engine, images, namespace, rmi};
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::image::progress::Silent;
use crate::image::pull::PullRequest;
use crate::image::{compose, remote};
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::registry::Options;
use crate::store::gc;
use crate::store::images::{Image, ImageLookup};
use crate::store::platforms;

/// What the entry of an image says beside its digest. What is not given stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Description {
    pub architecture: Option<String>,
    pub os: Option<String>,
    pub os_version: Option<String>,
    pub os_features: Vec<String>,
    pub variant: Option<String>,
    pub annotations: Vec<(String, String)>,
}

/// Which images are added, and where they come from if they are not here.
#[derive(Clone, Debug)]
pub struct Addition {
    /// Every platform that the name stands for here.
    pub all: bool,
    pub description: Description,
    pub registry: Options,
}

/// Makes a list of these images; returns its name in full. With `amend` it may be there already.
pub fn create(
    engine: &Engine,
    list: &str,
    members: &[String],
    amend: bool,
    addition: &Addition,
) -> Result<String> {
    let (name, is_new) = make(engine, list)?;
    if !is_new && !amend {
        return Err(anyhow!("the manifest list {} exists already", name.familiar()))
            .hint(|| "add to it with --amend, or remove it first: coracle manifest rm");
    }
    let added = members.iter().try_for_each(|member| add(engine, list, member, addition).map(drop));
    if added.is_err() && is_new {
        engine.images().untag(&name)?;
    }
    added?;
    Ok(name.to_string())
}

/// Makes a list without images, unless there is one of this name already; says whether it was made.
fn make(engine: &Engine, list: &str) -> Result<(Reference, bool)> {
    let name = list_name(list)?;
    if engine.images().index_named(&name)?.is_some() {
        return Ok((name, false));
    }
    ensure!(
        engine.images().by_name(&name)?.is_none(),
        "{} is the name of an image that is no manifest list",
        name.familiar()
    );
    change(engine, &name, &[])?;
    Ok((name, true))
}

/// Adds images that were just built to a list, which is made if it is not there.
pub fn add_built(engine: &Engine, list: &str, images: Vec<Image>) -> Result<()> {
    make(engine, list)?;
    add_images(engine, list, images, &Description::default()).map(drop)
}

/// Adds an image to a list, in place of what it has for the same platform; returns the list's digest.
pub fn add(engine: &Engine, list: &str, member: &str, addition: &Addition) -> Result<Digest> {
    existing(engine, list)?;
    let images = match find_image(engine, member, addition)? {
        image if addition.all => engine.images().all_of(&image)?,
        image => vec![image],
    };
    add_images(engine, list, images, &addition.description)
}

fn add_images(engine: &Engine, list: &str, images: Vec<Image>, description: &Description) -> Result<Digest> {
    let (name, mut manifests) = existing(engine, list)?;
    for image in images {
        let entry = describe(&entry_of(&image)?, description)?;
        manifests.retain(|other| {
            other.digest() != entry.digest()
                && platforms::platform_of(other) != platforms::platform_of(&entry)
        });
        manifests.push(entry);
    }
    change(engine, &name, &manifests)
}

/// Changes what a list says of one of its images, which is named by its digest or as an image.
pub fn annotate(engine: &Engine, list: &str, member: &str, description: &Description) -> Result<Digest> {
    let (name, mut manifests) = existing(engine, list)?;
    let place = place_of(engine, &manifests, member)
        .with_context(|| format!("manifest for image {member} does not exist in {}", name.familiar()))?;
    manifests[place] = describe(&manifests[place], description)?;
    change(engine, &name, &manifests)
}

/// Takes one image out of a list.
pub fn remove(engine: &Engine, list: &str, member: &str) -> Result<Digest> {
    let (name, mut manifests) = existing(engine, list)?;
    let place = place_of(engine, &manifests, member)
        .with_context(|| format!("manifest for image {member} does not exist in {}", name.familiar()))?;
    manifests.remove(place);
    change(engine, &name, &manifests)
}

/// Removes a list. Its images keep the names that they have beside it, and go with it where they have none.
pub fn rm(engine: &Engine, list: &str) -> Result<Reference> {
    let name = list_name(list)?;
    ensure!(engine.images().index_named(&name)?.is_some(), "No such manifest: {}", name.familiar());
    engine.images().untag(&name)?;
    Ok(name)
}

/// Whether a name is that of a list.
pub fn exists(engine: &Engine, list: &str) -> Result<bool> {
    Ok(engine.images().index_named(&list_name(list)?)?.is_some())
}

/// The list of this name, or the manifest of an image that is here; else what the registry has.
pub fn inspect(engine: &Engine, text: &str, registry: &Options) -> Result<Vec<u8>> {
    if let Some(remote) = text.strip_prefix("docker://") {
        return fetch(engine, remote, registry);
    }
    if let Ok(name) = list_name(text)
        && let Some(manifests) = engine.images().index_named(&name)?
    {
        return platforms::document(&manifests);
    }
    match engine.images().lookup(text) {
        Ok(image) => Ok(engine.images().manifest(&image.manifest)?.0),
        Err(error) if error.is::<ImageLookup>() => fetch(engine, text, registry),
        Err(error) => Err(error),
    }
}

/// Asks a registry in a child: the network starts threads.
fn fetch(engine: &Engine, name: &str, registry: &Options) -> Result<Vec<u8>> {
    let reference = Reference::parse(name)?.with_default_tag();
    let opened = namespace::open(engine)?.finish()?;
    namespace::run_inside(&opened, || Ok(remote::document(&reference, registry)?.bytes))
}

fn list_name(text: &str) -> Result<Reference> {
    let name = Reference::parse(text)?;
    if name.digest().is_some() {
        bail!("{text}: a manifest list has a name with a tag, not with a digest");
    }
    Ok(name.with_default_tag())
}

fn existing(engine: &Engine, list: &str) -> Result<(Reference, Vec<Descriptor>)> {
    let name = list_name(list)?;
    match engine.images().index_named(&name)? {
        Some(manifests) => Ok((name, manifests)),
        None => Err(anyhow!("No such manifest: {}", name.familiar()))
            .hint(|| format!("make it first: coracle manifest create {}", name.familiar())),
    }
}

/// An image of this store, pulled if it is not there or asked for by `docker://`.
fn find_image(engine: &Engine, member: &str, addition: &Addition) -> Result<Image> {
    let wanted = &addition.description;
    let platform = wanted.architecture.as_ref().map(|architecture| {
        Platform::new(wanted.os.as_deref().unwrap_or("linux"), architecture, wanted.variant.as_deref())
    });
    let (name, is_remote) = match member.strip_prefix("docker://") {
        Some(name) => (name, true),
        None => (member, false),
    };
    if !is_remote {
        // A platform that was given says what the image is, where it is there.
        match engine.images().lookup_for(name, platform.as_ref()).or_else(|_| engine.images().lookup(name)) {
            Err(error) if error.is::<ImageLookup>() => {}
            found => return found,
        }
    }
    let request = PullRequest {
        reference: name.to_owned(),
        platform: platform.clone(),
        registry: addition.registry.clone(),
        fold_ids: false,
    };
    images::pull(engine, request, || Silent)?;
    engine.images().lookup_for(name, platform.as_ref())
}

fn entry_of(image: &Image) -> Result<Descriptor> {
    let entry = compose::descriptor(image.media_type.as_str().into(), &image.manifest, image.manifest_size)?;
    platforms::with_platform(&entry, &platforms::platform_of_config(&image.config))
}

/// The entry with what was given in place of what it says.
fn describe(entry: &Descriptor, wanted: &Description) -> Result<Descriptor> {
    let mut entry = entry.clone();
    let old = entry.platform().clone();
    let kept = |pick: fn(&oci_spec::image::Platform) -> Option<String>| old.as_ref().and_then(pick);
    let os = wanted.os.clone().or_else(|| kept(|old| Some(old.os().to_string())));
    let architecture =
        wanted.architecture.clone().or_else(|| kept(|old| Some(old.architecture().to_string())));
    let mut builder = PlatformBuilder::default()
        .os(Os::from(os.as_deref().unwrap_or("linux")))
        .architecture(Arch::from(architecture.as_deref().unwrap_or_default()));
    if let Some(variant) = wanted.variant.clone().or_else(|| kept(|old| old.variant().clone())) {
        builder = builder.variant(variant);
    }
    if let Some(version) = wanted.os_version.clone().or_else(|| kept(|old| old.os_version().clone())) {
        builder = builder.os_version(version);
    }
    let features = match wanted.os_features.is_empty() {
        true => old.as_ref().and_then(|old| old.os_features().clone()),
        false => Some(wanted.os_features.clone()),
    };
    if let Some(features) = features {
        builder = builder.os_features(features);
    }
    entry.set_platform(Some(builder.build().context("encode the platform")?));
    if !wanted.annotations.is_empty() {
        let mut annotations = entry.annotations().clone().unwrap_or_default();
        annotations.extend(wanted.annotations.iter().cloned());
        entry.set_annotations(Some(annotations));
    }
    Ok(entry)
}

fn place_of(engine: &Engine, manifests: &[Descriptor], member: &str) -> Option<usize> {
    let digests: Vec<String> = match member.parse::<Digest>() {
        Ok(digest) => vec![digest.to_string()],
        Err(_) => {
            let image = engine.images().lookup(member.strip_prefix("docker://").unwrap_or(member)).ok()?;
            let all = engine.images().all_of(&image).ok()?;
            all.iter().map(|image| image.manifest.to_string()).collect()
        }
    };
    manifests.iter().position(|entry| digests.iter().any(|digest| entry.digest().as_ref() == digest))
}

fn change(engine: &Engine, name: &Reference, manifests: &[Descriptor]) -> Result<Digest> {
    engine.layout().create()?;
    let hold = gc::hold(engine.layout())?;
    let changed = engine.images().change_index(name, manifests);
    rmi::release(engine, hold);
    changed?;
    Ok(Digest::of(&platforms::document(manifests)?))
}
