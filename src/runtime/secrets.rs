//! What a container is shown that is written nowhere: files in memory, and variables.
//!
//! Both come to the container's first process in its memory. The files are on a filesystem in memory of their own,
//! on [`DIRECTORY`]; one that belongs elsewhere is attached there as a mount of a single file.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{Gid, Mode, OFlags, Uid};

use super::mounts::new_filesystem;
use super::rootfs::{place, refuse_procfs};
use crate::sys::mount::{self, Attributes};
use crate::sys::path::Dir;

/// Where secrets are, unless they are asked for elsewhere.
pub const DIRECTORY: &str = "/run/secrets";

/// What one container is shown.
#[derive(Default)]
pub struct Secrets {
    pub files: Vec<SecretFile>,
    /// `NAME=value`.
    pub variables: Vec<String>,
}

/// A file that a container sees.
pub struct SecretFile {
    /// Absolute and clean.
    pub target: PathBuf,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub data: Vec<u8>,
}

/// Shows the files beneath the root. The process is root of the user namespace, with no umask.
pub fn attach(root: &Dir, files: &[SecretFile]) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let directory = place(root, DIRECTORY, true, false).with_context(|| format!("make {DIRECTORY}"))?;
    refuse_procfs(directory.as_fd(), DIRECTORY)?;
    let (shown, apart): (Vec<_>, Vec<_>) =
        files.iter().partition(|file| file.target.strip_prefix(DIRECTORY).is_ok());
    let apart = single_files(&directory, &apart)?;
    let memory = memory()?;
    for file in shown {
        let name = file.target.strip_prefix(DIRECTORY).unwrap_or(&file.target);
        write(&memory, name, file).with_context(|| format!("make the secret {}", file.target.display()))?;
    }
    mount::attach(memory.as_fd(), directory.as_fd()).with_context(|| format!("attach {DIRECTORY}"))?;
    for (target, file) in apart {
        let attach = || -> Result<()> {
            let place = place(root, &target, false, false)?;
            refuse_procfs(place.as_fd(), &target)?;
            Ok(mount::attach(file.as_fd(), place.as_fd())?)
        };
        attach().with_context(|| format!("attach the secret {target}"))?;
    }
    Ok(())
}

/// Mounts of one file each. Before Linux 6.15 a part can only be taken of a filesystem that is attached, so this one
/// is, for a moment.
fn single_files(directory: &OwnedFd, files: &[&SecretFile]) -> Result<Vec<(String, OwnedFd)>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let memory = memory()?;
    mount::attach(memory.as_fd(), directory.as_fd()).context("attach the secrets")?;
    let mut mounts = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let target = file.target.to_string_lossy().into_owned();
        let name = index.to_string();
        let make = || {
            write(&memory, Path::new(&name), file)?;
            Ok(mount::copy(memory.as_fd(), &name, false)?)
        };
        let made: Result<OwnedFd> = make();
        mounts.push((target.clone(), made.with_context(|| format!("make the secret {target}"))?));
    }
    mount::detach(memory.as_fd()).context("detach the secrets")?;
    Ok(mounts)
}

fn memory() -> Result<OwnedFd> {
    let options = [("mode".to_owned(), Some("755".to_owned()))];
    let attributes = Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC;
    new_filesystem("tmpfs", &options, attributes).context("make memory for the secrets")
}

fn write(memory: &OwnedFd, name: &Path, secret: &SecretFile) -> Result<()> {
    let root = Dir::from_fd(memory.try_clone()?);
    let parent = root.create_dir_all(name.parent().unwrap_or(Path::new("")), Mode::from_raw_mode(0o755))?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let name = name.file_name().context("it has no name")?;
    let file = rustix::fs::openat(parent.as_fd(), name, flags, Mode::from_raw_mode(0o600))?;
    let mut file = std::fs::File::from(file);
    file.write_all(&secret.data)?;
    let (uid, gid) = (secret.uid, secret.gid);
    if (uid, gid) != (0, 0) {
        rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .with_context(|| format!("give it to {uid}:{gid}"))?;
    }
    // Last: a change of owner takes bits away.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(secret.mode))?;
    Ok(())
}
