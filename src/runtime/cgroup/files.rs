//! The files of the hierarchy: which groups are the user's, what they hand down, how one is made, entered, taken away.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, anyhow};

use super::group::{Group, not_delegated};
use super::{MOUNT, directory, own};
use crate::base::hint::HintExt;

/// The nearest group above this process, or its own, beneath which it may make groups with these controllers.
pub fn usable_parent(own: &str, needed: &[String]) -> Result<String> {
    let mut path = own.trim_end_matches('/');
    let mut crowded = None;
    loop {
        if is_ours(path) {
            let has_processes = !path.is_empty() && !reads_empty(path, "cgroup.procs");
            if !has_processes || has_all(path, "cgroup.subtree_control", needed) {
                return Ok(path.to_owned());
            }
            crowded.get_or_insert(path);
        }
        match path.rsplit_once('/') {
            Some((above, _)) => path = above,
            None => break,
        }
    }
    match crowded {
        Some(path) => Err(anyhow!("make a control group in {path}: it has processes of its own"))
            .hint(|| format!("g={MOUNT}{path}; mkdir $g/shell && echo $$ >$g/shell/cgroup.procs")),
        None => Err(anyhow!("make a control group: {own} and the groups above it are not yours"))
            .hint(|| "log in by systemd, or be given a group of your own: systemd-run --user --scope -p Delegate=yes bash"),
    }
}

/// The nearest group that both are beneath, or are.
pub fn common_group(one: &str, other: &str) -> String {
    let parts =
        |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let both = parts(one).into_iter().zip(parts(other));
    both.take_while(|(a, b)| a == b).map(|(part, _)| format!("/{part}")).collect()
}

pub fn is_ours(path: &str) -> bool {
    let may = |file: &str| {
        let file = Path::new(MOUNT).join(path.trim_start_matches('/')).join(file);
        rustix::fs::access(&file, rustix::fs::Access::WRITE_OK).is_ok()
    };
    may("") && may("cgroup.procs") && may("cgroup.subtree_control")
}

/// Hands every controller that a group has to those beneath it; those that are needed must be among them.
pub fn enable(path: &str, needed: &[String]) -> Result<()> {
    let group = Group::open(path).with_context(|| format!("open the control group {path}"))?;
    let present = group.read("cgroup.controllers").unwrap_or_default();
    let has = |name: &String| present.split_whitespace().any(|other| other == name);
    if let Some(missing) = needed.iter().find(|name| !has(name)) {
        return Err(not_delegated(missing, "limit the container"));
    }
    let enabled = group.read("cgroup.subtree_control").unwrap_or_default();
    // Each write may cost the kernel a grace period; all are refused if one of them is.
    let is_missing = |name: &&str| !enabled.split_whitespace().any(|other| other == *name);
    let all: Vec<String> =
        present.split_whitespace().filter(is_missing).map(|name| format!("+{name}")).collect();
    if all.is_empty() || group.write("cgroup.subtree_control", &all.join(" ")).is_ok() {
        return Ok(());
    }
    for name in present.split_whitespace().filter(|name| !enabled.split_whitespace().any(|n| n == *name)) {
        let written = group.write("cgroup.subtree_control", &format!("+{name}"));
        if needed.iter().any(|needed| needed == name) {
            written.with_context(|| format!("enable the controller {name} beneath {path}"))?;
        }
    }
    Ok(())
}

pub fn make(path: &str) -> Result<()> {
    let directory = directory(path).with_context(|| format!("make the control group {path}: not a path"))?;
    match fs::create_dir(&directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).with_context(|| format!("make the control group {path}")),
    }
}

pub fn move_to(path: &str, pid: u32) -> Result<()> {
    let group = Group::open(path).with_context(|| format!("open the control group {path}"))?;
    let moved = group.write("cgroup.procs", &pid.to_string());
    moved.with_context(|| format!("move to the control group {path}"))
}

pub fn entries(path: &str) -> impl Iterator<Item = fs::DirEntry> + use<> {
    directory(&format!("{path}/")).and_then(|path| fs::read_dir(path).ok()).into_iter().flatten().flatten()
}

/// Takes away the groups that a container has made in its own.
pub fn remove_beneath(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_beneath(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Whether groups here have `io.bfq.weight`: the root group has it where its children do.
pub fn has_bfq() -> bool {
    let own = own().and_then(|path| directory(&path));
    own.is_some_and(|directory| directory.join("io.bfq.weight").exists())
}

fn read(path: &str, file: &str) -> String {
    let group = Group::open(if path.is_empty() { "/" } else { path });
    group.and_then(|group| group.read(file)).unwrap_or_default()
}

fn reads_empty(path: &str, file: &str) -> bool {
    read(path, file).trim().is_empty()
}

fn has_all(path: &str, file: &str, needed: &[String]) -> bool {
    let text = read(path, file);
    needed.iter().all(|name| text.split_whitespace().any(|other| other == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_above_two() {
        for (one, other, want) in [
            ("/user.slice/a/b.service", "/user.slice/a/c/d.scope", "/user.slice/a"),
            ("/a/b", "/a/b/c", "/a/b"),
            ("/a", "/b", ""),
            ("/", "/b", ""),
        ] {
            assert_eq!(common_group(one, other), want);
        }
    }
}
