//! The limits of a container as they were asked for, in docker's terms: those of version 1 of control groups.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `--memory` and the like. What is 0, empty or `None` was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceOptions {
    /// Bytes.
    pub memory: i64,
    /// Bytes of memory and swap together; -1 is no limit.
    pub memory_swap: i64,
    /// Bytes.
    pub memory_reservation: i64,
    /// Billionths of a processor: `--cpus`.
    pub nano_cpus: i64,
    /// Microseconds.
    pub cpu_period: i64,
    /// Microseconds; -1 is no limit.
    pub cpu_quota: i64,
    pub cpu_shares: i64,
    pub cpuset_cpus: String,
    pub cpuset_mems: String,
    /// -1 is no limit.
    pub pids_limit: Option<i64>,
    /// 10 to 1000.
    pub blkio_weight: u16,
    /// The same for one device each, in place of its rate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device_weights: Vec<Throttle>,
    /// Bytes per second.
    pub read_bps: Vec<Throttle>,
    pub write_bps: Vec<Throttle>,
    /// Operations per second.
    pub read_iops: Vec<Throttle>,
    pub write_iops: Vec<Throttle>,
    /// `--cgroup-conf`: files of version 2.
    pub unified: BTreeMap<String, String>,
    /// `--cgroup-parent`: a slice of systemd, or the path of a group.
    pub parent: String,
    pub groups: Groups,
    /// `--cgroup-manager`, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerName>,
}

/// A device and how much of it a container may have in a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    pub device: PathBuf,
    pub rate: u64,
}

/// `--cgroups`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Groups {
    /// One is made where a limit needs it.
    #[default]
    Needed,
    Enabled,
    /// One is made, and the supervisor stays where it was started.
    NoConmon,
    /// One is made beneath that of the unit that the container is started in.
    Split,
    Disabled,
}

impl Groups {
    /// The word of `--cgroups`; podman's for what is usual.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Needed => "default",
            Self::Enabled => "enabled",
            Self::NoConmon => "no-conmon",
            Self::Split => "split",
            Self::Disabled => "disabled",
        }
    }
}

/// Who makes control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManagerName {
    Systemd,
    Cgroupfs,
}

impl std::str::FromStr for ManagerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "systemd" => Ok(Self::Systemd),
            "cgroupfs" => Ok(Self::Cgroupfs),
            _ => Err(format!("unknown cgroup manager {text:?}: must be \"systemd\" or \"cgroupfs\"")),
        }
    }
}

impl ResourceOptions {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// A flag that limits something and was given, and the controllers that all of those need.
    pub fn limits(&self) -> Vec<(&'static str, &'static str)> {
        let pids = self.pids_limit.is_some_and(|limit| limit > 0);
        let all = [
            (self.memory != 0, "--memory", "memory"),
            (self.memory_swap != 0, "--memory-swap", "memory"),
            (self.memory_reservation != 0, "--memory-reservation", "memory"),
            (self.nano_cpus != 0, "--cpus", "cpu"),
            (self.cpu_period != 0, "--cpu-period", "cpu"),
            (self.cpu_quota != 0, "--cpu-quota", "cpu"),
            (self.cpu_shares != 0, "--cpu-shares", "cpu"),
            (!self.cpuset_cpus.is_empty(), "--cpuset-cpus", "cpuset"),
            (!self.cpuset_mems.is_empty(), "--cpuset-mems", "cpuset"),
            (pids, "--pids-limit", "pids"),
            (self.blkio_weight != 0, "--blkio-weight", "io"),
            (!self.device_weights.is_empty(), "--blkio-weight-device", "io"),
            (!self.read_bps.is_empty(), "--device-read-bps", "io"),
            (!self.write_bps.is_empty(), "--device-write-bps", "io"),
            (!self.read_iops.is_empty(), "--device-read-iops", "io"),
            (!self.write_iops.is_empty(), "--device-write-iops", "io"),
        ];
        all.into_iter().filter(|(given, ..)| *given).map(|(_, flag, controller)| (flag, controller)).collect()
    }

    /// The flag for which the container needs a control group, if there is one.
    pub fn needs_group(&self) -> Option<&'static str> {
        let limit = self.limits().first().map(|(flag, _)| *flag);
        let others = [
            (!self.unified.is_empty(), "--cgroup-conf"),
            (!self.parent.is_empty(), "--cgroup-parent"),
            (self.groups == Groups::Enabled, "--cgroups=enabled"),
            (self.groups == Groups::NoConmon, "--cgroups=no-conmon"),
            (self.groups == Groups::Split, "--cgroups=split"),
        ];
        limit.or_else(|| others.into_iter().find_map(|(given, flag)| given.then_some(flag)))
    }

    /// The controllers that its limits need, each once.
    pub fn controllers(&self) -> Vec<String> {
        let of_files = self.unified.keys().filter_map(|file| file.split('.').next());
        let mut all: Vec<&str> = self.limits().into_iter().map(|(_, controller)| controller).collect();
        all.extend(of_files.filter(|name| *name != "cgroup"));
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_needed_for_a_limit_alone() {
        let none = ResourceOptions { pids_limit: Some(-1), ..ResourceOptions::default() };
        assert_eq!((none.needs_group(), none.controllers().len()), (None, 0));
        let some = ResourceOptions { memory: 1, cpu_shares: 2, nano_cpus: 3, ..ResourceOptions::default() };
        assert_eq!(some.needs_group(), Some("--memory"));
        assert_eq!(some.controllers(), ["cpu", "memory"]);
        let unified = BTreeMap::from([("memory.high".into(), "1".into()), ("cgroup.type".into(), "".into())]);
        let some = ResourceOptions { unified, ..ResourceOptions::default() };
        assert_eq!((some.needs_group(), some.controllers()), (Some("--cgroup-conf"), vec!["memory".into()]));
    }
}
