//! `--memory`, `--cpus` and the like: limits by control groups, of `run`, `create` and `update`.
//!
//! The flags are docker's, the checks and their messages those of moby's `daemon_unix.go`.

use std::path::PathBuf;

use anyhow::{Error, Result, bail};

use crate::base::{list, size};
use crate::cli::flags::parse_integer;
use crate::engine::limits::online;
use crate::store::resources::{Groups, ResourceOptions, Throttle};

/// Docker's least limit of memory: a program starts in it.
const LEAST_MEMORY: i64 = 6 << 20;

/// Limits that may change while the container runs.
#[derive(Clone, clap::Args)]
pub struct LimitFlags {
    /// The container's share of the disks' time, 10 to 1000
    #[arg(long, value_name = "weight", value_parser = parse_integer)]
    blkio_weight: Option<i64>,
    /// The container's share of one disk's time: device:weight
    #[arg(long, value_name = "device:weight", value_parser = device_weight)]
    blkio_weight_device: Vec<Throttle>,
    /// The period that --cpu-quota is a part of, in microseconds
    #[arg(long, value_name = "microseconds", value_parser = parse_integer)]
    cpu_period: Option<i64>,
    /// How long the container may run in each period, in microseconds
    #[arg(long, value_name = "microseconds", value_parser = parse_integer)]
    cpu_quota: Option<i64>,
    /// The container's share of the processors while others want them too; 1024 is usual
    #[arg(long, short = 'c', value_name = "shares", value_parser = parse_integer)]
    cpu_shares: Option<i64>,
    /// How many processors' time the container may take, such as 1.5
    #[arg(long, value_name = "number", value_parser = nano_cpus)]
    cpus: Option<i64>,
    /// The processors that the container may run on: 0-3, or 0,1
    #[arg(long, value_name = "list")]
    cpuset_cpus: Option<String>,
    /// The nodes that the container may take memory of: 0-3, or 0,1
    #[arg(long, value_name = "list")]
    cpuset_mems: Option<String>,
    /// Limit what is read of a device: device:bytes-per-second
    #[arg(long, value_name = "device:rate", value_parser = bytes_rate)]
    device_read_bps: Vec<Throttle>,
    /// Limit how often a device is read: device:reads-per-second
    #[arg(long, value_name = "device:rate", value_parser = count_rate)]
    device_read_iops: Vec<Throttle>,
    /// Limit what is written to a device: device:bytes-per-second
    #[arg(long, value_name = "device:rate", value_parser = bytes_rate)]
    device_write_bps: Vec<Throttle>,
    /// Limit how often a device is written: device:writes-per-second
    #[arg(long, value_name = "device:rate", value_parser = count_rate)]
    device_write_iops: Vec<Throttle>,
    /// How much memory the container may take
    #[arg(long, short, value_name = "bytes", value_parser = memory)]
    memory: Option<i64>,
    /// How much memory the container is left when the host is short of it
    #[arg(long, value_name = "bytes", value_parser = memory)]
    memory_reservation: Option<i64>,
    /// Memory and swap together: as much, or -1 for all the swap there is
    #[arg(long, value_name = "bytes", value_parser = memory_swap)]
    memory_swap: Option<i64>,
    /// How readily memory is swapped out: control groups of version 2 do not know it, so only -1 is taken
    #[arg(long, value_name = "n", value_parser = parse_integer)]
    memory_swappiness: Option<i64>,
    /// How many processes the container may have; -1 for no limit
    #[arg(long, value_name = "n", value_parser = parse_integer)]
    pub(super) pids_limit: Option<i64>,
}

/// What is settled when a container is made.
#[derive(clap::Args)]
pub struct GroupFlags {
    /// Write to a file of the container's control group: memory.high=1073741824
    #[arg(long, value_name = "file=value", value_parser = file)]
    pub(super) cgroup_conf: Vec<(String, String)>,
    /// Make the container's control group beneath another: a slice of systemd, or with cgroupfs a path
    #[arg(long, value_name = "group")]
    cgroup_parent: Option<String>,
    /// Make a control group for the container: enabled, disabled, no-conmon (the supervisor stays where it is started)
    /// or split (beneath the unit that it is started in); usually one is made where a limit needs it
    #[arg(long, value_name = "mode")]
    pub(super) cgroups: Option<String>,
}

impl GroupFlags {
    pub fn apply(self, options: &mut ResourceOptions) -> Result<()> {
        options.unified = self.cgroup_conf.into_iter().collect();
        options.parent = self.cgroup_parent.unwrap_or_default();
        options.groups =
            self.cgroups.as_deref().map(groups).transpose().map_err(Error::msg)?.unwrap_or_default();
        Ok(())
    }
}

impl LimitFlags {
    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        let numbers = [
            self.blkio_weight,
            self.cpu_period,
            self.cpu_quota,
            self.cpu_shares,
            self.cpus,
            self.memory,
            self.memory_reservation,
            self.memory_swap,
            self.memory_swappiness,
            self.pids_limit,
        ];
        let throttles =
            [&self.device_read_bps, &self.device_read_iops, &self.device_write_bps, &self.device_write_iops];
        let throttles = throttles.into_iter().chain([&self.blkio_weight_device]);
        numbers.iter().all(Option::is_none)
            && throttles.into_iter().all(Vec::is_empty)
            && self.cpuset_cpus.is_none()
            && self.cpuset_mems.is_none()
    }

    /// Changes what was given, and checks what comes of it.
    pub fn apply(self, options: &mut ResourceOptions) -> Result<()> {
        let had_swap = options.memory_swap;
        let set = |number: &mut i64, flag: Option<i64>| *number = flag.unwrap_or(*number);
        set(&mut options.cpu_period, self.cpu_period);
        set(&mut options.cpu_quota, self.cpu_quota);
        set(&mut options.cpu_shares, self.cpu_shares);
        set(&mut options.nano_cpus, self.cpus);
        set(&mut options.memory, self.memory);
        set(&mut options.memory_reservation, self.memory_reservation);
        set(&mut options.memory_swap, self.memory_swap);
        options.pids_limit = self.pids_limit.or(options.pids_limit);
        if let Some(weight) = self.blkio_weight {
            options.blkio_weight = block_weight(weight)?;
        }
        for (list, flag) in
            [(&mut options.cpuset_cpus, self.cpuset_cpus), (&mut options.cpuset_mems, self.cpuset_mems)]
        {
            *list = flag.unwrap_or_else(|| list.clone());
        }
        for (list, flag) in [
            (&mut options.device_weights, self.blkio_weight_device),
            (&mut options.read_bps, self.device_read_bps),
            (&mut options.read_iops, self.device_read_iops),
            (&mut options.write_bps, self.device_write_bps),
            (&mut options.write_iops, self.device_write_iops),
        ] {
            if !flag.is_empty() {
                *list = flag;
            }
        }
        if self.memory.is_some() && self.memory_swap.is_none() && had_swap > 0 && options.memory > had_swap {
            bail!(
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the \
                 same time"
            );
        }
        check(options)?;
        check_swappiness(self.memory_swappiness)?;
        check_set(&options.cpuset_cpus, &online("cpus"), "cpuset cpus", "CPUs")?;
        check_set(&options.cpuset_mems, &online("mems"), "cpuset mems", "memory nodes")?;
        if options.memory > 0 && options.memory_swap == 0 {
            options.memory_swap = options.memory.saturating_mul(2);
        }
        Ok(())
    }
}

fn check(options: &ResourceOptions) -> Result<()> {
    let ResourceOptions { memory, memory_swap, memory_reservation, .. } = *options;
    let ResourceOptions { nano_cpus, cpu_period, cpu_quota, cpu_shares, .. } = *options;
    if memory != 0 && memory < LEAST_MEMORY {
        bail!("Minimum memory limit allowed is 6MB");
    }
    if memory > 0 && memory_swap > 0 && memory_swap < memory {
        bail!("Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    if memory == 0 && memory_swap > 0 {
        bail!("You should always set the Memory limit when using Memoryswap limit, see usage");
    }
    if memory_reservation != 0 && memory_reservation < LEAST_MEMORY {
        bail!("Minimum memory reservation allowed is 6MB");
    }
    if memory > 0 && memory_reservation > 0 && memory < memory_reservation {
        bail!("Minimum memory limit can not be less than memory reservation limit, see usage");
    }
    if nano_cpus > 0 && cpu_period > 0 {
        bail!("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    }
    if nano_cpus > 0 && cpu_quota > 0 {
        bail!("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let most = i64::try_from(processors).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    if nano_cpus != 0 && !(10_000_000..=most).contains(&nano_cpus) {
        bail!("range of CPUs is from 0.01 to {processors}.00, as there are only {processors} CPUs available");
    }
    if cpu_period != 0 && !(1000..=1_000_000).contains(&cpu_period) {
        bail!("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    }
    if cpu_quota > 0 && cpu_quota < 1000 {
        bail!("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    if cpu_shares < 0 {
        bail!("invalid CPU shares ({cpu_shares}): value must be a positive integer");
    }
    Ok(())
}

/// -1 is docker's word for what the kernel does anyway.
fn check_swappiness(swappiness: Option<i64>) -> Result<()> {
    match swappiness {
        None | Some(-1) => Ok(()),
        Some(0..=100) => bail!(
            "--memory-swappiness needs control groups version 1, which an ordinary user cannot be given: version 2 \
             has no such setting"
        ),
        Some(other) => bail!("Invalid value: {other}, valid memory swappiness range is 0-100"),
    }
}

fn block_weight(weight: i64) -> Result<u16> {
    match u16::try_from(weight) {
        Ok(weight @ (0 | 10..=1000)) => Ok(weight),
        _ => bail!("Range of blkio weight is from 10 to 1000"),
    }
}

fn check_set(wanted: &str, present: &str, what: &str, plural: &str) -> Result<()> {
    let Some(numbers) = list::ranges(wanted) else { bail!("Invalid value {wanted} for {what}") };
    if !list::is_within(&numbers, &list::ranges(present).unwrap_or_default()) {
        bail!("Requested {plural} are not available - requested {wanted}, available: {present}");
    }
    Ok(())
}

/// Reads a size in bytes; docker's `MemBytes`.
fn memory(text: &str) -> Result<i64, String> {
    let bytes = size::parse_binary(text).map_err(|error| error.to_string())?;
    i64::try_from(bytes).map_err(|_| format!("invalid size: '{text}'"))
}

fn memory_swap(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { memory(text) }
}

/// Reads a number of processors into billionths: docker's `ParseCPUs`.
pub fn nano_cpus(text: &str) -> Result<i64, String> {
    let wrong = || format!("failed to parse {text} as a rational number");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(part) || (whole.is_empty() && part.is_empty()) {
        return Err(wrong());
    }
    let part = part.trim_end_matches('0');
    if part.len() > 9 {
        return Err("value is too precise".to_owned());
    }
    let number = |text: &str| if text.is_empty() { Ok(0) } else { text.parse::<i64>() };
    let whole = number(whole).map_err(|_| wrong())?;
    let part = number(&format!("{part:0<9}")).map_err(|_| wrong())?;
    whole.checked_mul(1_000_000_000).and_then(|whole| whole.checked_add(part)).ok_or_else(wrong)
}

/// Reads `DEVICE:BYTES`.
fn bytes_rate(text: &str) -> Result<Throttle, String> {
    rate(
        text,
        |rate| size::parse_binary(rate).ok(),
        "[<unit>]",
        ". Unit is optional and can be kb, mb, or gb",
    )
}

/// Reads `DEVICE:WEIGHT`; docker's messages.
fn device_weight(text: &str) -> Result<Throttle, String> {
    let (device, weight) =
        text.split_once(':').filter(|(device, _)| !device.is_empty()).ok_or(format!("bad format: {text}"))?;
    if !device.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    match weight.parse() {
        Ok(rate @ (0 | 10..=1000)) => Ok(Throttle { device: device.into(), rate }),
        _ => Err(format!("invalid weight for device: {text}")),
    }
}

/// Reads `DEVICE:NUMBER`.
fn count_rate(text: &str) -> Result<Throttle, String> {
    rate(text, |rate| rate.parse().ok(), "", "")
}

fn rate(
    text: &str,
    parse: impl Fn(&str) -> Option<u64>,
    unit: &str,
    explanation: &str,
) -> Result<Throttle, String> {
    let (device, number) =
        text.split_once(':').filter(|(device, _)| !device.is_empty()).ok_or(format!("bad format: {text}"))?;
    if !device.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    let rate = parse(number).ok_or_else(|| {
        format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>{unit}. Number must be a \
             positive integer{explanation}"
        )
    })?;
    Ok(Throttle { device: PathBuf::from(device), rate })
}

/// Reads `--cgroup-conf FILE=VALUE`.
pub fn file(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((file, value)) if file.contains('.') && !file.contains('/') => {
            Ok((file.to_owned(), value.to_owned()))
        }
        _ => Err(format!(
            "{text:?} must be the name of a file in a control group and its value, as memory.high=1g"
        )),
    }
}

/// Reads `--cgroups`.
pub fn groups(text: &str) -> Result<Groups, String> {
    match text {
        "enabled" => Ok(Groups::Enabled),
        "disabled" => Ok(Groups::Disabled),
        "no-conmon" => Ok(Groups::NoConmon),
        "split" => Ok(Groups::Split),
        _ => Err(format!(
            "invalid cgroup mode \"{text}\": must be \"enabled\", \"disabled\", \"no-conmon\" or \"split\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn apply(line: &str, before: &ResourceOptions) -> Result<ResourceOptions> {
        let command = LimitFlags::augment_args(Command::new("run").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace())?;
        let mut options = before.clone();
        LimitFlags::from_arg_matches(&matches)?.apply(&mut options)?;
        Ok(options)
    }

    #[test]
    fn flags_become_limits() {
        let none = ResourceOptions::default();
        let got =
            apply("-m 64m --cpus .5 -c 512 --pids-limit 10 --device-read-bps /dev/sda:1mb", &none).unwrap();
        assert_eq!((got.memory, got.memory_swap, got.nano_cpus), (64 << 20, 128 << 20, 500_000_000));
        assert_eq!((got.cpu_shares, got.pids_limit), (512, Some(10)));
        assert_eq!(got.read_bps, [Throttle { device: "/dev/sda".into(), rate: 1 << 20 }]);
        let got = apply("-m 64m --memory-swap=-1", &none).unwrap();
        assert_eq!(got.memory_swap, -1);
        let then = apply("--cpu-shares 5", &got).unwrap();
        assert_eq!((then.memory, then.cpu_shares), (64 << 20, 5));
    }

    #[test]
    fn dockers_refusals() {
        let none = ResourceOptions::default();
        for (line, want) in [
            ("-m 1m", "Minimum memory limit allowed is 6MB"),
            (
                "-m 10m --memory-swap 7m",
                "Minimum memoryswap limit should be larger than memory limit, see usage",
            ),
            (
                "--memory-swap 7m",
                "You should always set the Memory limit when using Memoryswap limit, see usage",
            ),
            ("--memory-reservation 1m", "Minimum memory reservation allowed is 6MB"),
            (
                "-m 10m --memory-reservation 20m",
                "Minimum memory limit can not be less than memory reservation limit, see usage",
            ),
            ("--memory-swappiness 101", "Invalid value: 101, valid memory swappiness range is 0-100"),
            (
                "--cpus 0.5 --cpu-period 1000",
                "Conflicting options: Nano CPUs and CPU Period cannot both be set",
            ),
            (
                "--cpus 0.5 --cpu-quota 1000",
                "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
            ),
            (
                "--cpu-period 1",
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
            ),
            ("--cpu-quota 1", "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
            ("--cpu-shares=-1", "invalid CPU shares (-1): value must be a positive integer"),
            ("--blkio-weight 5", "Range of blkio weight is from 10 to 1000"),
            ("--cpuset-cpus x", "Invalid value x for cpuset cpus"),
            ("--cpuset-mems 1-", "Invalid value 1- for cpuset mems"),
        ] {
            assert_eq!(apply(line, &none).unwrap_err().to_string(), want, "{line}");
        }
        let error = apply("--cpus 4096", &none).unwrap_err().to_string();
        assert!(error.starts_with("range of CPUs is from 0.01 to "), "{error}");
        let error = apply("--cpuset-cpus 4000", &none).unwrap_err().to_string();
        assert!(
            error.starts_with("Requested CPUs are not available - requested 4000, available: 0"),
            "{error}"
        );
        let before = apply("-m 10m --memory-swap 20m", &none).unwrap();
        let error = apply("-m 30m", &before).unwrap_err().to_string();
        assert!(
            error.starts_with("Memory limit should be smaller than already set memoryswap limit"),
            "{error}"
        );
    }

    #[test]
    fn processors() {
        for (text, want) in [
            ("1", Ok(1_000_000_000)),
            ("1.5", Ok(1_500_000_000)),
            (".000000001", Ok(1)),
            ("2.", Ok(2_000_000_000)),
            ("x", Err("failed to parse x as a rational number")),
            ("-1", Err("failed to parse -1 as a rational number")),
            (".", Err("failed to parse . as a rational number")),
            ("0.0000000001", Err("value is too precise")),
        ] {
            assert_eq!(nano_cpus(text), want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn rates() {
        for (text, want) in
            [("x", "bad format: x"), (":1", "bad format: :1"), ("sda:1", "bad format for device path: sda:1")]
        {
            assert_eq!(bytes_rate(text).unwrap_err(), want);
        }
        assert!(
            count_rate("/dev/sda:1mb").unwrap_err().starts_with("invalid rate for device: /dev/sda:1mb.")
        );
        assert_eq!(count_rate("/dev/sda:7").unwrap().rate, 7);
    }
}
