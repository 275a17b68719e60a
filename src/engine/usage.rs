//! `system df`: how much room images, containers and volumes take, and how much of it could be freed.
//!
//! Of images the compressed blobs count too, since they are on the disk: what is said to be reclaimable is what
//! `image prune -a` then frees.

use anyhow::Result;

use super::build::cache::{self, Kept};
use super::list::{self, Listed};
use super::{Engine, changes, measure, volumes};
use crate::base::digest::Digest;
use crate::store::images::Image;
use crate::store::usage::{self, Room, Share};

/// What takes room.
#[derive(Debug)]
pub struct Usage {
    pub images: Vec<ImageUsage>,
    /// Of the content of all images, each piece once.
    pub room: Room,
    pub containers: Vec<ContainerUsage>,
    pub volumes: Vec<VolumeUsage>,
    /// What builds keep for the next.
    pub cache: Vec<Kept>,
}

#[derive(Debug)]
pub struct ImageUsage {
    pub image: Image,
    pub share: Share,
    /// How many containers are made from it.
    pub containers: usize,
}

#[derive(Debug)]
pub struct ContainerUsage {
    pub container: Listed,
    /// Bytes of its own files.
    pub bytes: u64,
}

#[derive(Debug)]
pub struct VolumeUsage {
    pub name: String,
    pub bytes: u64,
    /// How many containers mount it.
    pub links: usize,
}

/// Measures everything. What cannot be read is left out and comes as a line beside.
pub fn measure(engine: &Engine) -> Result<(Usage, Vec<String>)> {
    let listing = list::list(engine.layout(), true)?;
    let broken = listing.broken.iter().map(|(id, why)| format!("container {}: {why}", &id[..12]));
    let mut wrong: Vec<String> = broken.collect();
    let (images, broken) = engine.images().list()?;
    wrong.extend(broken.iter().map(|error| format!("{error:#}")));
    let usage = Usage {
        room: usage::room(engine.layout(), &images)?,
        cache: cache::list(engine)?,
        images: of_images(engine, images, &listing.containers),
        volumes: of_volumes(engine, &listing.containers)?,
        containers: of_containers(engine, listing.containers)?,
    };
    Ok((usage, wrong))
}

fn of_images(engine: &Engine, images: Vec<Image>, containers: &[Listed]) -> Vec<ImageUsage> {
    let shares = usage::shares(engine.layout(), &images);
    let users = |id: &Digest| containers.iter().filter(|one| one.image_id.as_ref() == Some(id)).count();
    let measured = images.into_iter().zip(shares);
    measured.map(|(image, share)| ImageUsage { containers: users(&image.id), image, share }).collect()
}

/// One that has just been removed is left out.
fn of_containers(engine: &Engine, listed: Vec<Listed>) -> Result<Vec<ContainerUsage>> {
    let load = |container: Listed| Some((engine.containers().load(&container.id).ok()?, container));
    let loaded: Vec<_> = listed.into_iter().filter_map(load).collect();
    let sizes = changes::sizes(engine, &loaded.iter().map(|(record, _)| record).collect::<Vec<_>>())?;
    let measured = loaded.into_iter().zip(sizes);
    Ok(measured.map(|((_, container), size)| ContainerUsage { container, bytes: size.own }).collect())
}

fn of_volumes(engine: &Engine, containers: &[Listed]) -> Result<Vec<VolumeUsage>> {
    let names: Vec<_> = volumes::list(engine.layout(), &[])?.into_iter().map(|volume| volume.name).collect();
    let paths: Vec<_> = names.iter().map(|name| engine.volumes().data(name)).collect();
    let bytes = measure::directories(engine, &paths)?;
    let links = |name: &str| containers.iter().filter(|one| one.mounts_volume(name)).count();
    let measured = names.into_iter().zip(bytes);
    Ok(measured.map(|(name, bytes)| VolumeUsage { links: links(&name), name, bytes }).collect())
}
