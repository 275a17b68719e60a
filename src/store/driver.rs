//! How layers become the root filesystem of a container, and `driver.json`: what this host was found to take.
//!
//! Each container keeps the driver that it was made with. The document is believed only in the boot and on the
//! filesystem that it was written in; it can be removed at any time and is then found out again.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::base::file::{self, Durability};
use crate::base::hint::HintExt;
use crate::sys::process;

/// What containers are made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// The kernel lays a directory for changes over the layers.
    #[default]
    Overlay,
    /// The program fuse-overlayfs(1) does the same.
    FuseOverlayfs,
    /// Each container has a copy of all files of its image.
    Vfs,
}

impl Driver {
    /// From the fastest to the one that works everywhere.
    pub const ALL: [Self; 3] = [Self::Overlay, Self::FuseOverlayfs, Self::Vfs];

    /// Its name, as users give it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::FuseOverlayfs => "fuse-overlayfs",
            Self::Vfs => "vfs",
        }
    }

    /// Whether it is what a record without a driver means.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Driver {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|driver| driver.as_str() == text);
        found
            .ok_or_else(|| anyhow!("unknown storage driver: {text:?}"))
            .hint(|| format!("the drivers are: {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// A driver, and why it is this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub driver: Driver,
    pub reason: String,
}

/// The version of `driver.json` that is written; others are not believed.
const VERSION: u32 = 1;
/// The document is tiny; a file beyond this is not one.
const LIMIT: u64 = 16 << 10;

/// `driver.json`.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    #[serde(flatten)]
    choice: Choice,
    /// `/proc/sys/kernel/random/boot_id`: another kernel, or other settings of it, come with another boot.
    boot_id: String,
    /// The device number of the data root's filesystem.
    device: u64,
}

/// What was found out before, if that still holds.
pub fn remembered(layout: &Layout) -> Option<Choice> {
    let content = file::read_bounded(&layout.driver(), LIMIT).ok()?;
    let document: Document = serde_json::from_slice(&content).ok()?;
    let holds = document.version == VERSION
        && document.device == device(layout).ok()?
        && document.boot_id == process::boot_id().ok()?;
    holds.then_some(document.choice)
}

/// Writes down what was found out.
pub fn remember(layout: &Layout, choice: &Choice) -> Result<()> {
    let document = Document {
        version: VERSION,
        choice: choice.clone(),
        boot_id: process::boot_id().context("read the boot id")?,
        device: device(layout)?,
    };
    let content = serde_json::to_vec(&document).context("encode the storage driver")?;
    file::write_atomic(&layout.driver(), &content, Durability::Fast)
}

fn device(layout: &Layout) -> Result<u64> {
    let data = layout.data();
    Ok(std::fs::metadata(data).with_context(|| format!("inspect {}", data.display()))?.dev())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn words() {
        for driver in Driver::ALL {
            assert_eq!(driver.to_string().parse::<Driver>().unwrap(), driver);
        }
        let error = "btrfs".parse::<Driver>().unwrap_err();
        assert_eq!(error.to_string(), "unknown storage driver: \"btrfs\"");
    }

    #[test]
    fn is_believed_where_and_while_it_was_found_out() {
        let scratch = Scratch::new();
        let choice = Choice { driver: Driver::Vfs, reason: "why not".to_owned() };
        assert_eq!(remembered(&scratch.layout), None);
        remember(&scratch.layout, &choice).unwrap();
        assert_eq!(remembered(&scratch.layout), Some(choice));
        let text = std::fs::read_to_string(scratch.layout.driver()).unwrap();
        let boot = process::boot_id().unwrap();
        for (from, to) in [
            (boot.as_str(), "another boot"),
            ("\"device\":", "\"device\":1"),
            ("\"version\":1", "\"version\":2"),
            ("}", ""),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            std::fs::write(scratch.layout.driver(), changed).unwrap();
            assert_eq!(remembered(&scratch.layout), None, "{to}");
        }
    }
}
