//! Containers: their records, their names, and what they are made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::anyhow;

use super::{Damage, Remedy, Seen};
use crate::base::hint::{self, Hinted};
use crate::engine::start::read_spec;
use crate::engine::{Engine, create, vfs};
use crate::store::containers::{Record, Source};
use crate::store::driver::Driver;
use crate::store::offstage;

/// What others are just making or removing may look damaged for a moment: damage is what is still there after this many
/// looks.
const LOOKS: usize = 10;
const PAUSE: Duration = Duration::from_millis(30);

/// What of the containers is damaged.
pub fn find(engine: &Engine, seen: &mut Seen) -> Vec<Damage> {
    let mut found = look(engine, seen);
    for _ in 1..LOOKS {
        if found.is_empty() {
            break;
        }
        thread::sleep(PAUSE);
        let still = look(engine, &mut Seen::default());
        found.retain(|damage| still.contains(damage));
    }
    found
}

fn look(engine: &Engine, seen: &mut Seen) -> Vec<Damage> {
    let mut found = Vec::new();
    let containers = engine.containers();
    for id in containers.ids().unwrap_or_default() {
        seen.containers += 1;
        let object = format!("container {}", &id[..12]);
        let remove = || Remedy::Container(id.clone());
        match containers.load(&id) {
            Ok(record) if record.id != id => {
                found.push(Damage::new(object, "its record is of another container", remove()));
            }
            Ok(record) => found.extend(one(engine, &record)),
            // Removed in this moment.
            Err(_) if !engine.layout().container(&id).exists() => {}
            Err(error) => found.push(Damage::new(object, format!("{error:#}"), remove())),
        }
    }
    found.extend(names(engine));
    found
}

fn one(engine: &Engine, record: &Record) -> Vec<Damage> {
    let layout = engine.layout();
    let object = format!("container {}", record.name);
    let remove = || Remedy::Container(record.id.clone());
    let mut found = Vec::new();
    if let Err(error) = read_spec(engine, &record.id) {
        found.push(Damage::new(&object, format!("{error:#}"), remove()));
    }
    if let Source::Image { layers, manifest, .. } = &record.source {
        for (path, mode) in missing(engine, record) {
            let what = format!("its directory {} is missing", path.display());
            // A copy of the image's files cannot be made again beside what the container has changed in it.
            let remedy = mode.map_or_else(remove, |mode| Remedy::Make(path, mode));
            found.push(Damage::new(&object, what, remedy));
        }
        // Where its image is there, a layer that is missing is the image's damage.
        let has_image = layout.blob(manifest).exists();
        let lost = layers.iter().find(|layer| !layout.layer(layer).is_dir());
        if let Some(layer) = lost.filter(|_| !has_image && record.driver != Driver::Vfs) {
            let what = format!("its layer {} is missing, and so is its image", layer.short());
            found.push(Damage::new(&object, what, remove()));
        }
    }
    let is_own = |target: &Path| target.file_name().is_some_and(|name| name == record.id.as_str());
    let link = fs::read_link(layout.names().join(&record.name));
    if !link.is_ok_and(|target| is_own(&target)) {
        let remedy = Remedy::Name { name: record.name.clone(), id: record.id.clone() };
        found.push(Damage::new(object, "its name leads nowhere", remedy));
    }
    found
}

/// The directories of a container's files that are not there, with the mode of those that can be made again.
fn missing(engine: &Engine, record: &Record) -> Vec<(PathBuf, Option<u32>)> {
    let directory = engine.layout().container(&record.id);
    let mut needed = match (&record.source, record.driver) {
        (Source::Rootfs { .. }, _) => Vec::new(),
        (_, Driver::Overlay | Driver::FuseOverlayfs) => {
            vec![(directory.join("upper"), Some(0o755)), (directory.join("work"), Some(0o700))]
        }
        (_, Driver::Vfs) => vec![(vfs::directory(&directory), None)],
    };
    needed.retain(|(path, _)| !path.is_dir());
    needed
}

/// What a container needs to be started and has lost.
pub fn loss(engine: &Engine, record: &Record) -> Option<anyhow::Error> {
    let Source::Image { name, layers, .. } = &record.source else { return None };
    if !engine.layout().container(&record.id).exists() {
        // Somebody has removed it.
        return None;
    }
    if let Some((path, _)) = missing(engine, record).first() {
        let error = anyhow!("start container {}: {} is not there", record.name, path.display());
        return Some(Hinted::new(error, hint::CHECK).into());
    }
    match record.driver {
        Driver::Overlay | Driver::FuseOverlayfs => create::check_layers(engine, name, layers).err(),
        Driver::Vfs => None,
    }
}

/// Names of nothing.
fn names(engine: &Engine) -> Vec<Damage> {
    let layout = engine.layout();
    let mut found = Vec::new();
    for entry in fs::read_dir(layout.names()).into_iter().flatten().flatten() {
        let path = entry.path();
        let target = fs::read_link(&path).ok();
        let id = target.as_deref().and_then(|target| target.file_name()?.to_str());
        let is_good = id.is_some_and(|id| {
            // In this order: one in the making may be published meanwhile.
            offstage::is_being_made(layout, id) || layout.container(id).is_dir()
        });
        if !is_good {
            let object = format!("name {}", entry.file_name().to_string_lossy());
            found.push(Damage::new(object, "there is no such container", Remedy::Remove(path)));
        }
    }
    found
}
