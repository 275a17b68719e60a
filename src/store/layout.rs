//! Names every path of the store, so that no other file joins them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::base::digest::Digest;
use crate::base::id::is_id_prefix;
use crate::config::paths::{Roots, private_directory};

/// The two roots and every path beneath them. Cheap to clone; creates nothing by itself.
#[derive(Clone, Debug)]
pub struct Layout {
    roots: Roots,
}

impl Layout {
    /// Names paths beneath these roots.
    pub fn new(roots: Roots) -> Self {
        Self { roots }
    }

    /// The data root.
    pub fn data(&self) -> &Path {
        &self.roots.data
    }

    /// The root of sockets and locks of what runs now.
    pub fn run(&self) -> &Path {
        &self.roots.run
    }

    /// Makes the directories that every writer needs, private to the user.
    pub fn create(&self) -> Result<()> {
        for path in [self.containers(), self.names(), self.layers(), self.volumes(), self.locks(), self.tmp()]
        {
            if !path.is_dir() {
                private_directory(self.data())?;
                private_directory(&path)?;
            }
        }
        if !self.run().is_dir() {
            private_directory(self.run())?;
        }
        Ok(())
    }

    /// The OCI image layout.
    pub fn images(&self) -> PathBuf {
        self.roots.data.join("images")
    }

    /// The blob with this digest, in the OCI image layout.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.images().join("blobs/sha256").join(digest.hex())
    }

    pub fn layers(&self) -> PathBuf {
        self.roots.data.join("layers")
    }

    /// The unpacked layer with this diff-id.
    pub fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.layers().join(diff_id.hex())
    }

    pub fn containers(&self) -> PathBuf {
        self.roots.data.join("containers")
    }

    /// Everything of one container.
    pub fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    /// What one container has said, as docker's `json-file`.
    pub fn container_log(&self, id: &str) -> PathBuf {
        self.container(id).join(format!("{id}-json.log"))
    }

    pub fn names(&self) -> PathBuf {
        self.roots.data.join("names")
    }

    pub fn volumes(&self) -> PathBuf {
        self.roots.data.join("volumes")
    }

    /// One document for each network; made with the first.
    pub fn networks(&self) -> PathBuf {
        self.roots.data.join("networks")
    }

    /// One document for each secret; made with the first.
    pub fn secrets(&self) -> PathBuf {
        self.roots.data.join("secrets")
    }

    /// What containers are made with here; see [`super::driver`].
    pub fn driver(&self) -> PathBuf {
        self.roots.data.join("driver.json")
    }

    /// The log of events; see [`super::events`].
    pub fn events(&self) -> PathBuf {
        self.roots.data.join("events.log")
    }

    /// The log of events before that.
    pub fn old_events(&self) -> PathBuf {
        self.roots.data.join("events.log.1")
    }

    /// What builds have made; see [`super::build_cache`]. Made with the first.
    pub fn build_cache(&self) -> PathBuf {
        self.roots.data.join("cache/build")
    }

    /// The directories that build steps share; made with the first.
    pub fn cache_mounts(&self) -> PathBuf {
        self.roots.data.join("cache/mounts")
    }

    /// Blobs that have not come whole; see [`super::partial`]. Made with the first.
    pub fn partials(&self) -> PathBuf {
        self.roots.data.join("cache/partial")
    }

    /// What has come of the blob with this digest.
    pub fn partial(&self, digest: &Digest) -> PathBuf {
        self.partials().join(digest.hex())
    }

    /// Files to lock; see [`crate::base::file::FileLock`].
    pub fn locks(&self) -> PathBuf {
        self.roots.data.join("locks")
    }

    /// Things in the making and things being removed.
    pub fn tmp(&self) -> PathBuf {
        self.roots.data.join("tmp")
    }

    /// The containers that have a directory for their sockets: those that run, and those whose supervisor died.
    pub fn ids_with_run_directory(&self) -> Result<Vec<String>> {
        ids_in(self.run())
    }

    /// The socket and the lock of the network helper.
    pub fn network_run(&self) -> PathBuf {
        self.roots.run.join("network")
    }

    /// Sockets of one running container.
    pub fn container_run(&self, id: &str) -> PathBuf {
        self.roots.run.join(id)
    }
}

/// The names in a directory that are container ids; none where it does not exist.
pub fn ids_in(directory: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("list {}", directory.display())),
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| name.len() == 64 && is_id_prefix(name)).collect())
}
