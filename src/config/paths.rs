//! Where things are kept: the XDG base directories, and what replaces them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::env;
use crate::base::hint::HintExt;

/// The two directories that hold everything.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Images, layers, containers, volumes: `$XDG_DATA_HOME/coracle`.
    pub data: PathBuf,
    /// Sockets, locks, process records: `$XDG_RUNTIME_DIR/coracle`. May vanish at a reboot.
    pub run: PathBuf,
}

impl Roots {
    /// Picks both directories: the flag, then `CORACLE_ROOT`/`CORACLE_RUNROOT`, then XDG. Creates nothing.
    pub fn choose(root: Option<&Path>, runroot: Option<&Path>) -> Result<Self> {
        let data = match root.map(Path::to_path_buf).or_else(|| env::directory(env::CORACLE_ROOT)) {
            Some(path) => absolute(&path)?,
            None => default_data()?,
        };
        let run = match runroot.map(Path::to_path_buf).or_else(|| env::directory(env::CORACLE_RUNROOT)) {
            Some(path) => absolute(&path)?,
            None => default_run()?,
        };
        Ok(Self { data, run })
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("resolve {}", path.display()))
}

fn default_data() -> Result<PathBuf> {
    if let Some(path) = env::directory("XDG_DATA_HOME") {
        return Ok(path.join("coracle"));
    }
    env::directory("HOME")
        .map(|home| home.join(".local/share/coracle"))
        .context("find the data directory: neither XDG_DATA_HOME nor HOME is set")
        .hint(|| "pass --root DIR or set CORACLE_ROOT")
}

/// `$XDG_RUNTIME_DIR`, else `/run/user/UID`, else `/tmp/coracle-UID`, which must be ours alone: anybody
/// may make a name in `/tmp`.
fn default_run() -> Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    if let Some(path) = env::directory("XDG_RUNTIME_DIR").filter(|path| is_own_directory(path, uid)) {
        return Ok(path.join("coracle"));
    }
    let session = PathBuf::from(format!("/run/user/{uid}"));
    if is_own_directory(&session, uid) {
        return Ok(session.join("coracle"));
    }
    Ok(PathBuf::from(format!("/tmp/coracle-{uid}")))
}

fn is_own_directory(path: &Path, uid: u32) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == uid)
}

/// Makes a directory that only its owner may enter, with its parents; refuses one that is somebody else's.
pub fn private_directory(path: &Path) -> Result<()> {
    let make = || fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    let meta = loop {
        make().with_context(|| format!("create directory {}", path.display()))?;
        match fs::symlink_metadata(path) {
            // Collected in that moment, as one that nobody uses.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => break found.with_context(|| format!("inspect {}", path.display()))?,
        }
    };
    let uid = rustix::process::getuid().as_raw();
    if !meta.is_dir() || meta.uid() != uid {
        bail!("use {}: it belongs to user {}, not to user {uid}", path.display(), meta.uid());
    }
    Ok(())
}
