//! From the resources of an OCI specification to the files of a version 2 group, as runc and crun write them: pure.
//!
//! The specification speaks version 1 (docker's flags do too); the rules between the two are those of
//! opencontainers/cgroups `utils.go` and crun's `cgroup-resources.c`.

use anyhow::{Result, bail};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};

/// The period of `cpu.max` where none is asked for, in microseconds.
const PERIOD: u64 = 100_000;

/// What is written to one file of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub file: String,
    pub value: String,
}

impl Setting {
    fn new(file: &str, value: impl ToString) -> Self {
        Self { file: file.to_owned(), value: value.to_string() }
    }

    /// Whether it says how much of what there is a group has beside its neighbours, not how much at the most.
    pub fn is_share(&self) -> bool {
        matches!(self.file.as_str(), "cpu.weight" | "io.weight" | "io.bfq.weight" | "memory.low")
    }

    /// The controller that the file belongs to; `None` for those that every group has.
    pub fn controller(&self) -> Option<&str> {
        self.file.split('.').next().filter(|name| *name != "cgroup")
    }
}

/// The settings of these resources, in the order in which they are to be written. `has_bfq` is whether groups here
/// have `io.bfq.weight`, which takes the weight as it is.
pub fn settings(resources: &LinuxResources, has_bfq: bool) -> Result<Vec<Setting>> {
    let mut all = Vec::new();
    if let Some(memory) = resources.memory() {
        all.extend(of_memory(memory)?);
    }
    if let Some(cpu) = resources.cpu() {
        all.extend(of_cpu(cpu));
    }
    // 0 leaves it alone, as in runc.
    if let Some(limit) = resources.pids().as_ref().map(|pids| pids.limit()).filter(|limit| *limit != 0) {
        all.push(Setting::new("pids.max", limited(limit)));
    }
    if let Some(io) = resources.block_io() {
        all.extend(of_io(io, has_bfq));
    }
    for (file, value) in resources.unified().iter().flatten() {
        if file.contains('/') || !file.contains('.') {
            bail!("unified resource {file:?} must be the name of a file in a control group, as memory.high");
        }
        all.push(Setting::new(file, value));
    }
    // What the file itself says counts more than what was derived for it.
    let last = |index: usize| all[index + 1..].iter().all(|other| other.file != all[index].file);
    // Of these each device has a line of its own.
    let has_lines =
        |setting: &Setting| matches!(setting.file.as_str(), "io.max" | "io.weight" | "io.bfq.weight");
    Ok((0..all.len()).filter(|&i| has_lines(&all[i]) || last(i)).map(|i| all[i].clone()).collect())
}

/// A number, or `max` for one below zero.
fn limited(number: i64) -> String {
    if number < 0 { "max".to_owned() } else { number.to_string() }
}

fn of_memory(memory: &LinuxMemory) -> Result<Vec<Setting>> {
    let mut all = Vec::new();
    if memory.swappiness().is_some() {
        bail!("memory swappiness needs control groups version 1: version 2 has no such setting");
    }
    let limit = memory.limit().filter(|limit| *limit != 0);
    if let Some(swap) = swap(limit.unwrap_or(0), memory.swap().unwrap_or(0))? {
        all.push(Setting::new("memory.swap.max", limited(swap)));
    }
    if let Some(limit) = limit {
        all.push(Setting::new("memory.max", limited(limit)));
    }
    if let Some(reservation) = memory.reservation().filter(|bytes| *bytes != 0) {
        all.push(Setting::new("memory.low", limited(reservation)));
    }
    Ok(all)
}

/// Swap alone, from memory and the two together: `ConvertMemorySwapToCgroupV2Value` of runc. 0 is not set, -1 is no
/// limit.
fn swap(memory: i64, both: i64) -> Result<Option<i64>> {
    match (memory, both) {
        // Memory without a limit has swap without one.
        (-1, 0) => Ok(Some(-1)),
        (_, 0) => Ok(None),
        (_, ..=-1) => Ok(Some(-1)),
        (..=0, _) => bail!("unable to set swap limit without memory limit"),
        (memory, both) if both < memory => bail!("memory+swap limit should be >= memory limit"),
        (memory, both) => Ok(Some(both - memory)),
    }
}

fn of_cpu(cpu: &LinuxCpu) -> Vec<Setting> {
    let mut all = Vec::new();
    if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
        all.push(Setting::new("cpu.weight", weight_of_shares(shares)));
    }
    let quota = cpu.quota().filter(|quota| *quota != 0);
    let period = cpu.period().filter(|period| *period != 0);
    if quota.is_some() || period.is_some() {
        let quota = quota.map_or_else(|| "max".to_owned(), limited);
        all.push(Setting::new("cpu.max", format!("{quota} {}", period.unwrap_or(PERIOD))));
    }
    for (file, list) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            all.push(Setting::new(file, list));
        }
    }
    all
}

/// Shares are 2 to 262144, weights 1 to 10000.
fn weight_of_shares(shares: u64) -> u64 {
    let shares = shares.clamp(2, 262_144);
    1 + (shares - 2) * 9999 / 262_142
}

fn of_io(io: &LinuxBlockIo, has_bfq: bool) -> Vec<Setting> {
    let mut all = Vec::new();
    if let Some(weight) = io.weight().filter(|weight| *weight != 0) {
        all.push(match has_bfq {
            true => Setting::new("io.bfq.weight", weight),
            false => Setting::new("io.weight", format!("default {}", weight_of_block_weight(weight))),
        });
    }
    for device in io.weight_device().iter().flatten() {
        let Some(weight) = device.weight().filter(|weight| *weight != 0) else { continue };
        let (number, weight) = (format!("{}:{}", device.major(), device.minor()), weight);
        all.push(match has_bfq {
            true => Setting::new("io.bfq.weight", format!("{number} {weight}")),
            false => Setting::new("io.weight", format!("{number} {}", weight_of_block_weight(weight))),
        });
    }
    let throttles = [
        ("rbps", io.throttle_read_bps_device()),
        ("wbps", io.throttle_write_bps_device()),
        ("riops", io.throttle_read_iops_device()),
        ("wiops", io.throttle_write_iops_device()),
    ];
    for (key, devices) in throttles {
        all.extend(devices.iter().flatten().map(|device| throttle(key, device)));
    }
    all
}

/// Weights of version 1 are 10 to 1000, of version 2 1 to 10000.
fn weight_of_block_weight(weight: u16) -> u64 {
    1 + (u64::from(weight.clamp(10, 1000)) - 10) * 9999 / 990
}

fn throttle(key: &str, device: &LinuxThrottleDevice) -> Setting {
    // A rate of 0 takes the limit away.
    let rate = if device.rate() == 0 { "max".to_owned() } else { device.rate().to_string() };
    Setting::new("io.max", format!("{}:{} {key}={rate}", device.major(), device.minor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Vec<(String, String)>> {
        let resources: LinuxResources = serde_json::from_str(json).unwrap();
        Ok(settings(&resources, false)?.into_iter().map(|s| (s.file, s.value)).collect())
    }

    #[test]
    fn resources_become_files() {
        for (json, want) in [
            ("{}", &[][..]),
            (r#"{"memory": {"limit": 1000}}"#, &[("memory.max", "1000")][..]),
            (
                r#"{"memory": {"limit": 1000, "swap": 3000}}"#,
                &[("memory.swap.max", "2000"), ("memory.max", "1000")],
            ),
            (
                r#"{"memory": {"limit": 1000, "swap": 1000, "reservation": 500}}"#,
                &[("memory.swap.max", "0"), ("memory.max", "1000"), ("memory.low", "500")],
            ),
            (
                r#"{"memory": {"limit": 1000, "swap": -1}}"#,
                &[("memory.swap.max", "max"), ("memory.max", "1000")],
            ),
            (r#"{"memory": {"limit": -1}}"#, &[("memory.swap.max", "max"), ("memory.max", "max")]),
            (r#"{"cpu": {"shares": 2}}"#, &[("cpu.weight", "1")]),
            (r#"{"cpu": {"shares": 512}}"#, &[("cpu.weight", "20")]),
            (r#"{"cpu": {"shares": 1024}}"#, &[("cpu.weight", "39")]),
            (r#"{"cpu": {"shares": 262144}}"#, &[("cpu.weight", "10000")]),
            (r#"{"cpu": {"shares": 0, "quota": 0}}"#, &[]),
            (r#"{"cpu": {"quota": 150000, "period": 100000}}"#, &[("cpu.max", "150000 100000")]),
            (r#"{"cpu": {"quota": 5000}}"#, &[("cpu.max", "5000 100000")]),
            (r#"{"cpu": {"period": 5000}}"#, &[("cpu.max", "max 5000")]),
            (r#"{"cpu": {"quota": -1}}"#, &[("cpu.max", "max 100000")]),
            (r#"{"cpu": {"cpus": "0-1", "mems": "0"}}"#, &[("cpuset.cpus", "0-1"), ("cpuset.mems", "0")]),
            (r#"{"pids": {"limit": 10}}"#, &[("pids.max", "10")]),
            (r#"{"pids": {"limit": -1}}"#, &[("pids.max", "max")]),
            (r#"{"pids": {"limit": 0}}"#, &[]),
            (r#"{"blockIO": {"weight": 500}}"#, &[("io.weight", "default 4950")]),
            (
                r#"{"blockIO": {"weight": 500, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}]}}"#,
                &[("io.weight", "default 4950"), ("io.weight", "8:0 1")],
            ),
            (
                r#"{"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1024}],
                    "throttleWriteIOPSDevice": [{"major": 8, "minor": 1, "rate": 0}]}}"#,
                &[("io.max", "8:0 rbps=1024"), ("io.max", "8:1 wiops=max")],
            ),
            (r#"{"memory": {"limit": 1000}, "unified": {"memory.max": "2000"}}"#, &[("memory.max", "2000")]),
        ] {
            let want: Vec<_> = want.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(of(json).unwrap(), want, "{json}");
        }
    }

    #[test]
    fn refused() {
        for (json, want) in [
            (r#"{"memory": {"swap": 1000}}"#, "unable to set swap limit without memory limit"),
            (r#"{"memory": {"limit": 1000, "swap": 10}}"#, "memory+swap limit should be >= memory limit"),
            (
                r#"{"memory": {"swappiness": 5}}"#,
                "memory swappiness needs control groups version 1: version 2 has no such setting",
            ),
            (
                r#"{"unified": {"../x.y": "1"}}"#,
                "unified resource \"../x.y\" must be the name of a file in a control group, as memory.high",
            ),
        ] {
            assert_eq!(of(json).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn a_weight_is_taken_as_it_is_by_bfq() {
        let resources: LinuxResources = serde_json::from_str(r#"{"blockIO": {"weight": 500}}"#).unwrap();
        assert_eq!(settings(&resources, true).unwrap(), [Setting::new("io.bfq.weight", 500)]);
    }

    #[test]
    fn controllers_by_file() {
        let controller = |file: &str| Setting::new(file, 1).controller().map(str::to_owned);
        assert_eq!(controller("memory.swap.max").as_deref(), Some("memory"));
        assert_eq!(controller("cgroup.max.depth"), None);
    }
}
