//! What the host offers and what the store holds: the facts of `info`.

use std::fs;

use anyhow::Result;

use super::{Engine, driver, limits, list};
use crate::config::env;
use crate::config::subid::{self, IdRange};
use crate::config::systemd;
use crate::runtime::cgroup::{self, Hierarchy};
use crate::store::containers::Status;
use crate::store::driver::Choice;
use crate::store::layout::Layout;

/// Everything that `info` shows of this host and store.
#[derive(Debug)]
pub struct Info {
    /// What containers are made with, and why.
    pub driver: Choice,
    pub running: usize,
    pub stopped: usize,
    pub images: usize,
    /// 1 or 2; nothing where none are mounted.
    pub cgroup_version: Option<u8>,
    /// Who makes control groups, in docker's words; `none` where nobody can.
    pub cgroup_driver: &'static str,
    pub paused: usize,
    /// Control groups that this user may make limits in.
    pub cgroup_controllers: Vec<String>,
    pub kernel: String,
    pub operating_system: String,
    pub architecture: String,
    pub cpus: usize,
    /// Bytes.
    pub memory: u64,
    pub hostname: String,
    pub uid: u32,
    pub gid: u32,
    pub uid_map: Vec<IdRange>,
    pub gid_map: Vec<IdRange>,
}

impl Info {
    /// All that there are; a paused one does not run, in docker's words.
    pub fn containers(&self) -> usize {
        self.running + self.paused + self.stopped
    }
}

/// Gathers the facts; nothing that is missing is an error.
pub fn gather(engine: &Engine) -> Result<Info> {
    let layout = engine.layout();
    let listing = list::list(layout, false)?;
    let up = listing.containers.iter().filter(|c| c.state.status == Status::Running).count();
    let paused = listing.containers.iter().filter(|c| c.paused).count();
    let uname = rustix::system::uname();
    let uid = rustix::process::getuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = subid::login_name(&passwd, uid).map(str::to_owned).or_else(|| env::value("USER"));
    let [uid_map, gid_map] = subid::of_user(user.as_deref(), uid);
    Ok(Info {
        driver: driver::explain(engine)?,
        running: up - paused,
        stopped: listing.containers.len() + listing.broken.len() - up,
        images: image_count(layout),
        cgroup_version: cgroup_version(),
        cgroup_controllers: delegated_controllers(),
        cgroup_driver: limits::driver(),
        paused,
        kernel: uname.release().to_string_lossy().into_owned(),
        operating_system: operating_system(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        architecture: uname.machine().to_string_lossy().into_owned(),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        memory: memory_total(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        hostname: uname.nodename().to_string_lossy().into_owned(),
        uid,
        gid: rustix::process::getgid().as_raw(),
        uid_map,
        gid_map,
    })
}

/// The version of the control groups at `/sys/fs/cgroup`. A hybrid host counts as version 1: its
/// controllers are there.
pub fn cgroup_version() -> Option<u8> {
    match Hierarchy::of_host() {
        Hierarchy::Unified => Some(2),
        Hierarchy::Hybrid | Hierarchy::Legacy => Some(1),
        Hierarchy::Missing => None,
    }
}

/// The controllers that this user may make limits with.
pub fn delegated_controllers() -> Vec<String> {
    cgroup::delegated(systemd::bus().is_some())
}

/// `PRETTY_NAME` of os-release(5).
fn operating_system(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches(['"', '\'']).to_owned())
}

/// `MemTotal` of proc_meminfo(5), in bytes.
pub fn memory_total(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib =
        line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn image_count(layout: &Layout) -> usize {
    let Ok(index) = fs::read(layout.images().join("index.json")) else { return 0 };
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap_or_default();
    let manifests = index["manifests"].as_array().into_iter().flatten();
    let digests: std::collections::BTreeSet<_> = manifests.filter_map(|m| m["digest"].as_str()).collect();
    digests.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_from_files() {
        assert_eq!(
            operating_system("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
            "Debian GNU/Linux 12"
        );
        assert_eq!(operating_system(""), "Linux");
        assert_eq!(memory_total("MemTotal:       16384 kB\nMemFree: 1 kB\n"), 16 << 20);
        assert_eq!(memory_total("nonsense"), 0);
    }
}
