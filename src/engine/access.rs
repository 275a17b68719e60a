//! Why a container was denied what is mounted from the host: whose file it is there, and what lets it in.
//!
//! A start is denied in a user namespace, where the owner of nearly everything on the host is nobody. This looks
//! from outside of it, after the fact.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Error;
use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags};

use super::{Engine, namespace};
use crate::base::hint::Hinted;
use crate::base::idmap::IdMap;
use crate::store::mounts::{MountKind, MountOption};

/// Adds to a start that was denied something whose that is on the host.
pub fn explain(engine: &Engine, mounts: &[MountOption], error: Error) -> Error {
    let text = format!("{error:#}");
    let is_denied = ["permission denied", "operation not permitted"]
        .iter()
        .any(|words| text.to_lowercase().contains(words));
    if !is_denied {
        return error;
    }
    match mounts.iter().find_map(|mount| hint(engine, mount, &text)) {
        Some(hint) => Hinted::new(error, hint).into(),
        None => error,
    }
}

fn hint(engine: &Engine, mount: &MountOption, text: &str) -> Option<String> {
    let MountKind::Bind { source, .. } = &mount.kind else { return None };
    if let Some(closed) = first_closed(source) {
        return Some(format!(
            "{}, and your user may not enter it: let others in with: chmod o+x {}; see: namei -l {}",
            owner(&closed)?,
            closed.display(),
            source.display()
        ));
    }
    let named = match beneath(text, &mount.target)?.trim_matches('/') {
        "" => source.clone(),
        rest => source.join(rest),
    };
    // What cannot be seen is behind what denies it.
    let place = named.ancestors().find(|path| fs::symlink_metadata(path).is_ok())?;
    advice(place, &namespace::maps(engine).maps.uids)
}

/// What lets the container's user at a file of the host. `uids` are those of the user's own namespace.
fn advice(place: &Path, uids: &IdMap) -> Option<String> {
    let (metadata, owner) = (fs::metadata(place).ok()?, owner(place)?);
    let shown = place.display();
    if metadata.is_file() && metadata.mode() & 0o111 == 0 {
        return Some(format!("{owner}, and nobody may execute it: chmod +x {shown}"));
    }
    if rustix::fs::statvfs(place).is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::NOEXEC)) {
        return Some(format!(
            "the host has {shown} on a filesystem that is mounted noexec: copy it elsewhere"
        ));
    }
    let own = rustix::process::getuid().as_raw();
    Some(match uids.inside(metadata.uid()) {
        Some(_) if metadata.uid() == own => {
            format!("{owner}, which is your user: use --userns keep-id, or --user 0")
        }
        Some(inside) => format!(
            "{owner}, which is user {inside} in the container: use --user {inside}, or :U on the mount to give it to \
             the container's user"
        ),
        None => format!(
            "{owner}, whom the container does not have: let others in with: chmod o+rX {shown}; see: namei -l {shown}"
        ),
    })
}

/// A file with its owner on the host.
fn owner(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    let (uid, gid, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
    Some(format!("{} has mode {mode:04o} on the host and belongs to {uid}:{gid}", path.display()))
}

/// The first directory on the way to a path that this user may not enter.
fn first_closed(path: &Path) -> Option<PathBuf> {
    let mut above: Vec<_> = path.ancestors().skip(1).collect();
    above.reverse();
    let is_closed = |directory: &&Path| {
        rustix::fs::accessat(CWD, *directory, Access::EXEC_OK, AtFlags::EACCESS)
            == Err(rustix::io::Errno::ACCESS)
    };
    above.into_iter().find(is_closed).map(Path::to_owned)
}

/// What follows `target` in the first path of a message that is `target` or beneath it.
fn beneath<'a>(text: &'a str, target: &str) -> Option<&'a str> {
    text.match_indices(target).find_map(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + target.len()..]);
        let ends_path = |c: char| matches!(c, '"' | ':') || c.is_whitespace();
        let starts = before.is_empty() || before.ends_with(['"', ' ']);
        let continues = after.is_empty() || after.starts_with('/') || after.starts_with(ends_path);
        (starts && continues).then(|| after.split(ends_path).next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_messages() {
        for (text, target, want) in [
            ("exec: \"/x/busybox\": permission denied", "/x", Some("/busybox")),
            ("chdir to cwd (\"/x\") set in config.json: Permission denied", "/x", Some("")),
            ("create the working directory /x/a/b: Permission denied", "/x", Some("/a/b")),
            ("create the working directory /xy: Permission denied", "/x", None),
            ("open /a/x: Permission denied", "/x", None),
        ] {
            assert_eq!(beneath(text, target), want, "{text}");
        }
    }
}
