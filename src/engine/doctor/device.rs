//! Character devices that programs of ours open.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// What became of opening one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    Usable,
    Missing,
    /// Something else is in its place.
    Another,
    /// It is there and this user may not open it.
    Denied,
    /// It is there and the kernel has no driver for it, or refuses for another reason.
    Dead(String),
}

impl Device {
    /// Opens the device at `path` for reading and writing; `number` is its major and minor one.
    pub fn open(path: &str, number: (u32, u32)) -> Self {
        let opened = fs::File::options().read(true).write(true).open(path);
        match (opened, fs::metadata(path)) {
            (_, Err(_)) => Self::Missing,
            (_, Ok(meta))
                if !meta.file_type().is_char_device()
                    || meta.rdev() != rustix::fs::makedev(number.0, number.1) =>
            {
                Self::Another
            }
            (Err(error), _) if error.kind() == ErrorKind::PermissionDenied => Self::Denied,
            (Err(error), _) => Self::Dead(error.to_string()),
            (Ok(_), _) => Self::Usable,
        }
    }

    /// What is wrong with the device at `path` and the command that mends it; `module` is the kernel's.
    pub fn complaint(&self, path: &str, module: &str) -> Option<(String, String)> {
        Some(match self {
            Self::Usable => return None,
            Self::Missing => (
                format!("{path} is missing"),
                format!("sudo modprobe {module}; for a container around this one: --device {path}"),
            ),
            Self::Another => (
                format!("{path} is not the device"),
                format!("sudo rm {path} && sudo modprobe -r {module}; sudo modprobe {module}"),
            ),
            Self::Denied => {
                (format!("{path} cannot be opened: permission denied"), format!("sudo chmod 0666 {path}"))
            }
            Self::Dead(error) => {
                (format!("{path} cannot be opened: {error}"), format!("sudo modprobe {module}"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_told_from_what_is_in_their_place() {
        assert_eq!(Device::open("/dev/null", (1, 3)), Device::Usable);
        assert_eq!(Device::open("/dev/null", (1, 5)), Device::Another);
        assert_eq!(Device::open("/proc/self/status", (1, 3)), Device::Another);
        assert_eq!(Device::open("/dev/there is none", (1, 3)), Device::Missing);
    }
}
