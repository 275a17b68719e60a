//! Why a container was denied what is mounted from the host: whose file it is there, and what lets it in.
//!
//! A program is denied in a user namespace, where the owner of nearly everything on the host is nobody. This looks
//! from outside of it, after the fact.

use std::cmp::Reverse;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Error;
use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags};

use super::{Engine, namespace};
use crate::base::hint::Hinted;
use crate::base::idmap::{IdMap, IdMaps};
use crate::store::mounts::{MountKind, MountOption};

/// Adds to a start that was denied something whose that is on the host. `maps` are the container's own, if it has some.
pub fn explain(engine: &Engine, mounts: &[MountOption], maps: Option<&IdMaps>, error: Error) -> Error {
    let text = format!("{error:#}");
    let is_denied = ["permission denied", "operation not permitted"]
        .iter()
        .any(|words| text.to_lowercase().contains(words));
    if !is_denied {
        return error;
    }
    // What is mounted within another mount hides it.
    let mut innermost: Vec<_> = mounts.iter().collect();
    innermost.sort_by_key(|mount| Reverse(mount.target.len()));
    match innermost.into_iter().find_map(|mount| hint(engine, mount, maps, &text)) {
        Some(hint) => Hinted::new(error, hint).into(),
        None => error,
    }
}

fn hint(engine: &Engine, mount: &MountOption, maps: Option<&IdMaps>, text: &str) -> Option<String> {
    if let Some(flag) = forbids_execution(mount).filter(|_| is_about_execution(text, &mount.target)) {
        return Some(format!("nothing on {} may be executed: {flag}", mount.target));
    }
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
    advice(place, &namespace::maps(engine).maps.uids, maps.map(|maps| &maps.uids))
}

/// What to say instead, where a mount is one that programs are not executed from because it was asked for so, or is of
/// memory, which is so unless it was asked for otherwise.
fn forbids_execution(mount: &MountOption) -> Option<&'static str> {
    let own = mount.flags.attributes.iter();
    let (is_memory, options) = match &mount.kind {
        MountKind::Tmpfs { options, .. } => (true, &options[..]),
        _ => (false, &[][..]),
    };
    let last = own.chain(options).rfind(|word| matches!(word.as_str(), "exec" | "noexec"));
    match last.map(String::as_str) {
        Some("noexec") => Some("leave noexec out of the flag that mounts it"),
        None if is_memory => Some("mount it with exec: --tmpfs TARGET:exec"),
        _ => None,
    }
}

/// Whether what was denied is a program beneath this place.
fn is_about_execution(text: &str, target: &str) -> bool {
    text.split_once("exec: ").is_some_and(|(_, rest)| beneath(rest, target).is_some())
}

/// What lets the container's user at a file of the host. `uids` are those of the user's own namespace, and `own_map` is
/// that of the container within it.
fn advice(place: &Path, uids: &IdMap, own_map: Option<&IdMap>) -> Option<String> {
    let (metadata, owner) = (fs::metadata(place).ok()?, owner(place)?);
    let shown = place.display();
    if metadata.is_file() && metadata.mode() & 0o111 == 0 {
        return Some(format!("{owner}, and nobody may execute it: chmod +x {shown}"));
    }
    if rustix::fs::statvfs(place).is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::NOEXEC)) {
        return Some(format!(
            "the host has {shown} on a filesystem that is mounted noexec: copy it elsewhere, or as root of the host: \
             mount -o remount,exec"
        ));
    }
    let own = rustix::process::getuid().as_raw();
    let of_user = uids.inside(metadata.uid());
    let inside = of_user.and_then(|id| own_map.map_or(Some(id), |map| map.inside(id)));
    Some(match inside {
        Some(_) if metadata.uid() == own && own_map.is_none() => {
            format!("{owner}, which is your user: use --userns keep-id, or --user 0")
        }
        Some(inside) if metadata.uid() == own => {
            format!("{owner}, which is your user, here the user {inside}: use --user {inside}")
        }
        None if metadata.uid() == own => {
            format!("{owner}, which is your user, whom the container does not have: use --userns keep-id")
        }
        None if of_user.is_some() => format!(
            "{owner}, which is an id of yours that the container does not have: leave out the flags of its ids, or put \
             :U on the mount to give it to the container's user"
        ),
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
