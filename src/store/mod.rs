//! JSON records and content on disk, under one data root.
//!
//! ```text
//! <data>/
//!   images/          a valid OCI image layout: oci-layout, index.json, blobs/sha256/…
//!   layers/<hex>/    one unpacked layer each, by diff-id, independent of its parents; <hex>.json beside it
//!   layers/<hex>.<map>/  the same layer with owners of another map of ids
//!   containers/<id>/ container.json (the record), config.json (OCI spec), upper/ work/ rootfs/, log;
//!                    with the driver vfs all files are in vfs/rootfs/
//!   names/<name>     a symbolic link to ../containers/<id>: made atomically, so a name is unique
//!   volumes/<name>/_data
//!   secrets/<name>.json   one document each, for its owner alone
//!   cache/partial/<hex>   blobs that have not come whole; see `partial`
//!   driver.json      the storage driver that this host was found to take
//!   locks/  tmp/
//!   events.log       what has happened, one JSON object a line; events.log.1 is the part before
//! ```
//!
//! Nothing in `tmp/` is believed after its process is gone. Every document is written beside its place
//! and renamed; every directory is made in `tmp/` and renamed.

pub mod accounts;
pub mod backing;
pub mod blobs;
pub mod build_cache;
pub mod containers;
pub mod driver;
pub mod events;
pub mod executions;
pub mod flush;
pub mod gc;
pub mod health;
pub mod images;
mod index;
pub mod layers;
pub mod layout;
pub mod mounts;
pub mod networks;
pub mod offstage;
pub mod options;
pub mod partial;
pub mod platforms;
pub mod ranges;
pub mod resources;
pub mod salvage;
pub mod secrets;
pub mod space;
pub mod usage;
pub mod userns;
pub mod volumes;

#[cfg(test)]
pub mod tests {
    use super::layout::Layout;
    use crate::config::paths::Roots;

    /// A store of its own for one test.
    pub struct Scratch {
        pub directory: tempfile::TempDir,
        pub layout: Layout,
    }

    impl Scratch {
        pub fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let roots = Roots { data: directory.path().join("data"), run: directory.path().join("run") };
            let layout = Layout::new(roots);
            layout.create().unwrap();
            Self { directory, layout }
        }
    }
}
