//! The devices of the host that a container is given.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Result, anyhow};

use crate::base::exit;
use crate::store::options::{ContainerOptions, DeviceOption};

/// Directories of /dev that are the container's own: docker's.
const OWN: [&str; 5] = ["pts", "shm", "fd", "mqueue", ".lxc"];

/// Says which device cannot be given, as docker does at a start.
pub fn check(options: &ContainerOptions) -> Result<()> {
    for device in &options.devices {
        let cause = match fs::metadata(&device.source) {
            Ok(_) if !each(device).is_empty() => continue,
            Ok(_) => anyhow!("not a device node"),
            Err(error) => error.into(),
        };
        return Err(exit::at_start(cause.context(format!(
            "error gathering device information while adding custom device {:?}",
            device.source
        ))));
    }
    Ok(())
}

/// Every device that an option means: those in a directory too, however deep. One that is not there is left to
/// [`check`].
pub fn each(device: &DeviceOption) -> Vec<DeviceOption> {
    let mut found = Vec::new();
    match fs::metadata(&device.source) {
        Ok(metadata) if metadata.is_dir() => collect(device, &device.source, &mut found),
        Ok(metadata) if !is_device(metadata.file_type()) => {}
        Ok(_) | Err(_) => found.push(device.clone()),
    }
    found
}

fn collect(option: &DeviceOption, directory: &Path, found: &mut Vec<DeviceOption>) {
    let mut entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() && !OWN.iter().any(|name| entry.file_name() == *name) {
            collect(option, &path, found);
        } else if is_device(kind)
            && let Ok(below) = path.strip_prefix(&option.source)
        {
            let target = Path::new(&option.target).join(below).to_string_lossy().into_owned();
            found.push(DeviceOption { source: path, target, permissions: option.permissions.clone() });
        }
    }
}

fn is_device(kind: fs::FileType) -> bool {
    kind.is_char_device() || kind.is_block_device()
}
