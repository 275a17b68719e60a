//! The directories and small files of the store.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Damage, Remedy};
use crate::store::layout::Layout;
use crate::store::networks::Networks;
use crate::store::secrets::Secrets;
use crate::store::volumes::Volumes;
use crate::store::{events, ranges, salvage};

/// What of these is damaged; an empty store has none.
pub fn find(layout: &Layout) -> Vec<Damage> {
    if !layout.data().exists() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let needed = [
        layout.containers(),
        layout.names(),
        layout.layers(),
        layout.volumes(),
        layout.locks(),
        layout.tmp(),
    ];
    let others = [
        layout.images(),
        layout.images().join("blobs"),
        layout.images().join("blobs/sha256"),
        layout.secrets(),
    ];
    found.extend(needed.iter().filter_map(|path| directory(path, true)));
    found.extend(others.iter().filter_map(|path| directory(path, false)));
    found.extend(root(layout.data()));
    let index = layout.images().join("index.json");
    found.extend(closed("the list of images".to_owned(), &index));
    if index.exists()
        && let Err(error) = salvage::check_layout_file(layout)
    {
        found.push(Damage::new("images/oci-layout", format!("{error:#}"), Remedy::LayoutFile));
    }
    if let Err(error) = ranges::check(layout) {
        found.push(Damage::new("ranges.json", format!("{error:#}"), Remedy::Ranges));
    }
    match events::count_torn(layout) {
        Ok(0) => {}
        Ok(count) => {
            found.push(Damage::new("events.log", format!("{count} lines are cut short"), Remedy::Events));
        }
        Err(error) => found.push(Damage::new("events.log", format!("{error:#}"), Remedy::Events)),
    }
    found.extend(networks(layout));
    found.extend(volumes(layout));
    found.extend(secrets(layout));
    found
}

/// The top may be one that the user made, as open as that is; but nobody else may change what is in it.
fn root(path: &Path) -> Option<Damage> {
    let mode = fs::metadata(path).map_or(0o700, |meta| meta.permissions().mode() & 0o7777);
    let what = format!("others may write to it: its mode is {mode:03o}");
    let remedy = Remedy::Mode(path.to_owned(), mode & !0o022);
    (mode & 0o022 != 0).then(|| Damage::new(format!("directory {}", path.display()), what, remedy))
}

/// A directory that is for its owner alone.
fn directory(path: &Path, is_needed: bool) -> Option<Damage> {
    let object = format!("directory {}", path.display());
    let make = Remedy::Make(path.to_owned(), 0o700);
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return is_needed.then(|| Damage::new(object, "it is missing", make));
        }
        Err(error) => return Some(Damage::new(object, error.to_string(), make)),
    };
    let uid = rustix::process::getuid().as_raw();
    let mode = meta.permissions().mode() & 0o7777;
    if !meta.is_dir() {
        let by_hand = Remedy::ByHand(format!("rm {}", path.display()));
        return Some(Damage::new(object, "it is no directory", by_hand));
    }
    if meta.uid() != uid {
        let what = format!("it belongs to user {}", meta.uid());
        return Some(Damage::new(
            object,
            what,
            Remedy::ByHand(format!("sudo chown $(id -u) {}", path.display())),
        ));
    }
    (mode != 0o700).then(|| {
        Damage::new(object, format!("its mode is {mode:03o}, not 700"), Remedy::Mode(path.to_owned(), 0o700))
    })
}

/// A file that its owner may not read. Who looks is root of a user namespace, and would not notice.
pub fn closed(object: String, path: &Path) -> Option<Damage> {
    let mode = fs::symlink_metadata(path).ok().filter(|meta| meta.is_file())?.permissions().mode() & 0o7777;
    let what = format!("its owner may not read it: its mode is {mode:03o}");
    (mode & 0o400 == 0).then(|| Damage::new(object, what, Remedy::Mode(path.to_owned(), mode | 0o600)))
}

/// Networks whose records cannot be read. What is no document at all goes; another may be of a newer coracle.
fn networks(layout: &Layout) -> Vec<Damage> {
    let damage = |(path, error, is_garbage): (PathBuf, anyhow::Error, bool)| {
        let object = format!("network {}", path.file_stem().unwrap_or_default().to_string_lossy());
        let remedy = match is_garbage {
            true => Remedy::Remove(path),
            false => Remedy::ByHand(format!("rm {}", path.display())),
        };
        Damage::new(object, format!("{error:#}"), remedy)
    };
    Networks::new(layout).damaged().into_iter().map(damage).collect()
}

/// Volumes without their data or their record. Nothing is done about them but to say so.
fn volumes(layout: &Layout) -> Vec<Damage> {
    let entries = fs::read_dir(layout.volumes()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let damage = |name: String| {
        let what = "its directory _data is missing: what was in it is lost";
        let directory = layout.volumes().join(&name);
        if !directory.join("_data").is_dir() {
            let remedy = Remedy::ByHand(format!("rm -r {}", directory.display()));
            return Some(Damage::new(format!("volume {name}"), what, remedy));
        }
        let record = Volumes::new(layout).check(&name).err()?;
        let what = format!("{record:#}: its labels and options are lost");
        let remedy = Remedy::ByHand(format!("rm {}", directory.join("volume.json").display()));
        Some(Damage::new(format!("volume {name}"), what, remedy))
    };
    names.filter_map(damage).collect()
}

/// Secrets that cannot be read, or that others could.
fn secrets(layout: &Layout) -> Vec<Damage> {
    let mut found = Vec::new();
    for (path, is_damaged) in Secrets::new(layout).documents().unwrap_or_default() {
        let object = format!("secret {}", path.file_stem().unwrap_or_default().to_string_lossy());
        if is_damaged {
            let remedy = Remedy::ByHand(format!("rm {}", path.display()));
            found.push(Damage::new(&object, "it cannot be read: its data is lost", remedy));
        }
        let mode = fs::symlink_metadata(&path).map_or(0o600, |meta| meta.permissions().mode() & 0o7777);
        if mode & 0o077 != 0 {
            let what = format!("its mode is {mode:03o}, not 600");
            found.push(Damage::new(object, what, Remedy::Mode(path, 0o600)));
        }
    }
    found
}
