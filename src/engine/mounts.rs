//! What a container's mounts need on the host before it can be made: volumes, directories, images, the mounts
//! of other containers.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::spec::mounts::{MountSource, is_layered, overlay_directory};
use super::{Engine, create, shift, volumes};
use crate::base::digest::Digest;
use crate::base::exit;
use crate::base::hint::HintExt;
use crate::base::id;
use crate::base::idmap::IdMaps;
use crate::oci::image::ContainerConfig;
use crate::store::backing::Backing;
use crate::store::mounts::{Given, MountKind, MountOption};
use crate::store::options::{ContainerOptions, ImageVolumes};
use crate::store::volumes::{Held, Wanted};

/// Decides on all mounts, in docker's order: those of other containers, the user's own, the image's volumes. One
/// that comes later replaces one of the same target, but an image's volume gives way.
pub fn settle(engine: &Engine, options: &mut ContainerOptions, image: &ContainerConfig) -> Result<()> {
    let mut mounts: Vec<MountOption> = Vec::new();
    for text in &options.volumes_from {
        for mount in mounts_of(engine, text)? {
            mounts.retain(|other| other.target != mount.target);
            mounts.push(mount);
        }
    }
    mounts.retain(|mount| options.mounts.iter().all(|own| own.target != mount.target));
    mounts.append(&mut options.mounts);
    options.mounts = mounts;
    for mount in &mut options.mounts {
        if let MountKind::Image { image, layers, .. } = &mut mount.kind {
            *layers = layers_of(engine, image)?;
        }
    }
    add_image_volumes(options, image)
}

/// The volumes and host directories of another container, running or not, by `--volumes-from`.
fn mounts_of(engine: &Engine, text: &str) -> Result<Vec<MountOption>> {
    let (container, mode) = text.split_once(':').unwrap_or((text, ""));
    let record = engine.containers().load(&engine.containers().resolve(container)?)?;
    let mut mounts = record.options.mounts;
    mounts.retain(|mount| matches!(mount.kind, MountKind::Bind { .. } | MountKind::Volume { .. }));
    for mount in &mut mounts {
        mount.flags.given = Given::From;
        for word in mode.split(',') {
            match word {
                "ro" => mount.read_only = true,
                "rw" => mount.read_only = false,
                _ => {}
            }
        }
        // What is in it belongs to the other one's image.
        if let MountKind::Volume { nocopy, .. } = &mut mount.kind {
            *nocopy = true;
        }
    }
    Ok(mounts)
}

/// The layers of an image that is here.
fn layers_of(engine: &Engine, name: &str) -> Result<Vec<Digest>> {
    let image = engine
        .images()
        .lookup(name)
        .with_context(|| format!("mount image {name}"))
        .hint(|| format!("pull it first: coracle pull {name}"))?;
    let layers = image.config.rootfs.diff_ids;
    create::check_layers(engine, name, &layers)?;
    Ok(layers)
}

/// A path that the image declares as a volume is one, with a random name, unless the user mounts something
/// there.
fn add_image_volumes(options: &mut ContainerOptions, image: &ContainerConfig) -> Result<()> {
    for target in image.volumes.keys() {
        let plain = target.trim_end_matches('/');
        let is_clean =
            plain.starts_with('/') && plain.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
        if !is_clean {
            bail!("use image {}: its volume {target:?} is not an absolute path", options.image);
        }
        if options.mounts.iter().all(|mount| mount.target != plain) {
            let kind = match options.image_volumes {
                ImageVolumes::Anonymous => MountKind::volume(id::random_hex(64), true),
                ImageVolumes::Tmpfs => MountKind::Tmpfs { options: Vec::new(), copy_up: true },
                ImageVolumes::Ignore => continue,
            };
            options.mounts.push(MountOption::new(kind, plain).given_by(Given::Image));
        }
    }
    Ok(())
}

/// Makes the volumes that the mounts name, and keeps them from being removed meanwhile.
pub fn hold_volumes(engine: &Engine, options: &ContainerOptions) -> Result<Vec<Held>> {
    let mut all = Vec::new();
    for mount in &options.mounts {
        if let MountKind::Volume { name, anonymous, labels, options, .. } = &mount.kind {
            let wanted = Wanted {
                name: name.clone(),
                anonymous: *anonymous,
                labels: labels.clone(),
                options: options.clone(),
            };
            all.push(volumes::hold(engine, &wanted)?);
        }
    }
    Ok(all)
}

/// Makes the directories that layered mounts have in the container's.
pub fn make_directories(container: &Path, options: &ContainerOptions) -> Result<()> {
    let make = |path: &Path, mode: u32| {
        let made = fs::DirBuilder::new().recursive(true).mode(mode).create(path);
        made.with_context(|| format!("create {}", path.display()))
    };
    for (index, _) in options.mounts.iter().enumerate().filter(|(_, mount)| is_layered(mount)) {
        let own = overlay_directory(container, index);
        make(&own, 0o700)?;
        for name in ["upper", "work", "merged"] {
            make(&own.join(name), 0o755)?;
        }
    }
    Ok(())
}

/// Finds what the mounts are made of, in their order, and makes host directories that `-v` names and are
/// missing.
pub fn sources(
    engine: &Engine,
    options: &ContainerOptions,
    maps: Option<&IdMaps>,
) -> Result<Vec<MountSource>> {
    let source = |mount: &MountOption| {
        Ok(match &mount.kind {
            MountKind::Volume { name, .. } => {
                let volume = engine.volumes().load(name)?;
                let backing =
                    Backing::parse(&volume.options).with_context(|| format!("use volume {name}"))?;
                if let Backing::Bind { device, .. } = &backing
                    && let Err(error) = fs::metadata(device)
                {
                    bail!("failed to mount local volume {name}: {}: {error}", device.display());
                }
                MountSource::Volume { data: engine.volumes().data(name), backing }
            }
            MountKind::Image { layers, .. } => {
                let names = shift::names(layers, maps).into_iter();
                MountSource::Layers(names.map(|name| engine.layout().layers().join(name)).collect())
            }
            MountKind::Bind { source, create, .. } => {
                check_source(source, *create).map_err(exit::at_start)?;
                MountSource::AsGiven
            }
            MountKind::Tmpfs { .. } | MountKind::Filesystem { .. } => MountSource::AsGiven,
        })
    };
    options.mounts.iter().map(source).collect()
}

fn check_source(source: &Path, create: bool) -> Result<()> {
    let shown = || format!("invalid mount config for type \"bind\": {}", source.display());
    match fs::metadata(source) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && create => {
            let made = fs::create_dir_all(source);
            let attempt = || format!("error while creating mount source path '{}'", source.display());
            made.with_context(attempt)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(anyhow!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            source.display()
        )),
        Err(error) => Err(error).with_context(shown),
    }
}
