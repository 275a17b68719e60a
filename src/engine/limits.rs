//! The control group of a container: whether it has one, what its limits are, who makes it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxPids, LinuxResources, LinuxThrottleDevice,
    LinuxThrottleDeviceBuilder, LinuxWeightDevice, LinuxWeightDeviceBuilder,
};

use super::{Engine, events, restart};
use crate::base::file::Durability;
use crate::base::hint::HintExt;
use crate::base::id;
use crate::config::systemd;
use crate::runtime::cgroup::entrance::Entrance;
use crate::runtime::cgroup::files;
use crate::runtime::cgroup::group::Group;
use crate::runtime::cgroup::place::{self, Manager, Place, Position, Step, Wanted};
use crate::runtime::cgroup::values;
use crate::runtime::cgroup::{self, Hierarchy};
use crate::store::containers::Record;
use crate::store::options::{ContainerOptions, RestartPolicy, Systemd};
use crate::store::resources::{Groups, ManagerName, ResourceOptions, Throttle};

/// The period that `--cpus` is a share of, in microseconds.
const PERIOD: i64 = 100_000;

/// Refuses limits that this host cannot set, before anything is made.
pub fn check(options: &ContainerOptions) -> Result<()> {
    let wanted = &options.resources;
    let Some(flag) = needs_group(options) else { return Ok(()) };
    if wanted.groups == Groups::Disabled {
        bail!("conflicting options: --cgroups=disabled and {flag}");
    }
    refuse_host(flag)
}

/// The flag for which a container needs a control group, if there is one.
fn needs_group(options: &ContainerOptions) -> Option<&'static str> {
    let manages = (options.systemd == Systemd::Always).then_some("--systemd=always");
    options.resources.needs_group().or(manages)
}

/// Refuses what needs control groups where there are none of version 2.
pub fn refuse_host(what: &str) -> Result<()> {
    match Hierarchy::of_host().objection() {
        None => Ok(()),
        Some(reason) => {
            let hint =
                "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line, then try again";
            Err(anyhow!("{what} needs control groups version 2: {reason}")).hint(|| hint)
        }
    }
}

/// Whether a container can be left to manage groups itself, as far as that can be seen before one is made.
pub fn can_delegate(resources: &ResourceOptions) -> bool {
    resources.groups != Groups::Disabled
        && Hierarchy::of_host().objection().is_none()
        && (resources.manager.is_some() || systemd::bus().is_some())
}

/// Moves this process, a supervisor, to where its container's group will be, if it is to have one. With `stays` it
/// belongs to a unit of systemd's, which it must not leave.
pub fn enter(id: &str, options: &ContainerOptions, stays: bool) -> Result<Option<Place>> {
    let resources = &options.resources;
    if needs_group(options).is_none() || resources.groups == Groups::Disabled {
        return Ok(None);
    }
    check(options)?;
    let controllers = resources.controllers();
    let position = match resources.groups {
        Groups::Split => Position::Beneath,
        Groups::NoConmon => Position::Outside,
        _ if stays => Position::Outside,
        _ => Position::Inside,
    };
    let delegated = options.systemd == Systemd::Always;
    let wanted = Wanted { id, parent: &resources.parent, controllers: &controllers, position, delegated };
    Place::take(&manager(resources)?, &wanted).map(Some)
}

/// The limits of the steps of a build, each of which has a control group of its own.
pub struct Steps {
    place: Place,
    settings: Vec<values::Setting>,
}

impl Steps {
    /// Moves this process, a build, to where the groups of its steps will be, if they are to have limits.
    pub fn enter(resources: &ResourceOptions) -> Result<Option<Self>> {
        let options = ContainerOptions { resources: resources.clone(), ..ContainerOptions::default() };
        let settings = settings(resources)?;
        let place = enter(&format!("{}{}", place::BUILD, id::random_hex(12)), &options, false)?;
        Ok(place.map(|place| Self { place, settings }))
    }

    /// The group of a step, which this process starts.
    pub fn begin(&self) -> Result<Step> {
        self.place.step(&self.settings)
    }
}

/// Makes the group for one run of a container.
pub fn begin(place: &Place, resources: &ResourceOptions) -> Result<Group> {
    place.begin(&settings(resources)?)
}

/// What the limits are on this host.
fn settings(resources: &ResourceOptions) -> Result<Vec<values::Setting>> {
    values::settings(&specified(resources)?, files::has_bfq())
}

/// The way into a container's group.
pub fn entrance(record: &Record) -> Result<Entrance> {
    match &record.state.cgroup {
        None => Ok(Entrance::Nowhere),
        Some(_) => Entrance::to(own_group(record).as_deref(), &manager(&record.options.resources)?),
    }
}

/// The group that a further process of a container begins in. Where the container manages groups itself, that is its
/// first process': the one above that must have no processes.
pub fn own_group(record: &Record) -> Option<String> {
    let whole = record.state.cgroup.clone()?;
    if record.options.systemd != Systemd::Always {
        return Some(whole);
    }
    let first = u32::try_from(record.state.pid).ok().and_then(cgroup::of);
    Some(first.filter(|path| path.starts_with(&whole)).unwrap_or(whole))
}

/// The group of a container that runs, for what cannot be done without one.
pub fn group(record: &Record, what: &str) -> Result<Group> {
    let Some(path) = &record.state.cgroup else {
        refuse_host(what)?;
        return Err(anyhow!("{what} needs a control group, and container {} has none", record.name))
            .hint(|| "make it with --cgroups=enabled, or with a limit");
    };
    Group::open(path).with_context(|| format!("open the control group {path}"))
}

/// Whether a container that runs is paused.
pub fn is_paused(group: Option<&str>) -> bool {
    group.and_then(|path| Group::open(path).ok()).is_some_and(|group| group.is_frozen())
}

/// Changes the restart policy and the limits of a container, of one that runs at once.
pub fn update(
    engine: &Engine,
    id: &str,
    policy: Option<RestartPolicy>,
    change: impl FnOnce(&mut ResourceOptions) -> Result<()>,
) -> Result<()> {
    let record = engine.containers().load(&engine.containers().resolve(id)?)?;
    if let Some(policy) = policy {
        restart::check_policy(&record, policy)?;
    }
    let mut options = record.options.clone();
    change(&mut options.resources)?;
    let is_limited = options.resources != record.options.resources;
    if is_limited {
        check(&options)?;
        if record.state.is_running() {
            group(&record, options.resources.needs_group().unwrap_or("a limit"))?;
            let path = record.state.cgroup.as_deref().unwrap_or_default();
            place::set(path, &settings(&options.resources)?)?;
        }
    }
    let record = engine.containers().change(&record.id, |now| {
        now.options.restart = policy.unwrap_or(now.options.restart);
        if is_limited {
            now.options.resources = options.resources;
        }
        Durability::Synced
    })?;
    events::container(engine, &record, "update", &[]);
    Ok(())
}

/// Who makes the group: whom the user named, else systemd where it runs and can be asked.
fn manager(resources: &ResourceOptions) -> Result<Manager> {
    match resources.manager {
        Some(ManagerName::Cgroupfs) => Ok(Manager::Files),
        Some(ManagerName::Systemd) => {
            let socket = systemd::bus().context("ask systemd for a control group: it has no D-Bus here")?;
            Ok(Manager::Systemd(socket))
        }
        None => Ok(systemd::bus().map_or(Manager::Files, Manager::Systemd)),
    }
}

/// Moves this process, which serves containers of any unit, out of the one that it was started in. Where that is not
/// possible it ends with the unit, and who needs it starts another.
pub fn outlive_unit(name: &str, description: &str) {
    if let Some(socket) = systemd::bus() {
        let _ = place::leave_service(&socket, name, description);
    }
}

/// Who makes control groups here unless the user names another; `none` where nobody can.
pub fn driver() -> &'static str {
    match (Hierarchy::of_host().objection(), systemd::bus()) {
        (Some(_), _) => "none",
        (None, Some(_)) => "systemd",
        (None, None) => "cgroupfs",
    }
}

/// The limits as the specification has them.
pub fn specified(resources: &ResourceOptions) -> Result<LinuxResources> {
    let set = |number: i64| (number != 0).then_some(number);
    let mut memory = LinuxMemory::default();
    memory.set_limit(set(resources.memory));
    memory.set_swap(set(resources.memory_swap));
    memory.set_reservation(set(resources.memory_reservation));
    let (quota, period) = match resources.nano_cpus {
        0 => (resources.cpu_quota, resources.cpu_period),
        nano => (nano * PERIOD / 1_000_000_000, PERIOD),
    };
    let mut cpu = LinuxCpu::default();
    cpu.set_shares(u64::try_from(resources.cpu_shares).ok().filter(|shares| *shares > 0));
    cpu.set_quota(set(quota));
    cpu.set_period(u64::try_from(period).ok().filter(|period| *period > 0));
    cpu.set_cpus(Some(resources.cpuset_cpus.clone()).filter(|list| !list.is_empty()));
    cpu.set_mems(Some(resources.cpuset_mems.clone()).filter(|list| !list.is_empty()));
    let mut all = LinuxResources::default();
    all.set_devices(None);
    let io = block_io(resources)?;
    // One that is empty says nothing.
    all.set_memory(Some(memory).filter(|memory| *memory != LinuxMemory::default()));
    all.set_cpu(Some(cpu).filter(|cpu| *cpu != LinuxCpu::default()));
    all.set_block_io(Some(io).filter(|io| *io != LinuxBlockIo::default()));
    all.set_pids(resources.pids_limit.filter(|limit| *limit != 0).map(|limit| {
        let mut pids = LinuxPids::default();
        pids.set_limit(limit);
        pids
    }));
    let unified = resources.unified.clone().into_iter().collect();
    all.set_unified(Some(unified).filter(|_| !resources.unified.is_empty()));
    Ok(all)
}

fn block_io(resources: &ResourceOptions) -> Result<LinuxBlockIo> {
    let devices = |throttles: &[Throttle]| -> Result<Option<Vec<LinuxThrottleDevice>>> {
        let devices: Result<Vec<_>> = throttles.iter().map(throttled).collect();
        Ok(Some(devices?).filter(|devices| !devices.is_empty()))
    };
    let mut io = LinuxBlockIo::default();
    io.set_weight(Some(resources.blkio_weight).filter(|weight| *weight > 0));
    let weights: Result<Vec<_>> = resources.device_weights.iter().map(weighted).collect();
    io.set_weight_device(Some(weights?).filter(|devices| !devices.is_empty()));
    io.set_throttle_read_bps_device(devices(&resources.read_bps)?);
    io.set_throttle_write_bps_device(devices(&resources.write_bps)?);
    io.set_throttle_read_iops_device(devices(&resources.read_iops)?);
    io.set_throttle_write_iops_device(devices(&resources.write_iops)?);
    Ok(io)
}

fn throttled(throttle: &Throttle) -> Result<LinuxThrottleDevice> {
    let (major, minor) = numbers(&throttle.device)?;
    Ok(LinuxThrottleDeviceBuilder::default().major(major).minor(minor).rate(throttle.rate).build()?)
}

fn weighted(throttle: &Throttle) -> Result<LinuxWeightDevice> {
    let (major, minor) = numbers(&throttle.device)?;
    let weight = u16::try_from(throttle.rate).context("a weight is at most 1000")?;
    Ok(LinuxWeightDeviceBuilder::default().major(major).minor(minor).weight(weight).build()?)
}

/// The numbers of a device, by its path.
fn numbers(path: &Path) -> Result<(i64, i64)> {
    let metadata = fs::metadata(path).with_context(|| format!("find the device {}", path.display()))?;
    if !metadata.file_type().is_block_device() {
        bail!("limit the device {}: it is no block device", path.display());
    }
    let number = metadata.rdev();
    Ok((i64::from(rustix::fs::major(number)), i64::from(rustix::fs::minor(number))))
}

/// The processors and the nodes of memory of this host, as lists such as `0-3`.
pub fn online(what: &str) -> String {
    let path = match what {
        "cpus" => Path::new("/sys/devices/system/cpu/online"),
        _ => Path::new("/sys/devices/system/node/online"),
    };
    fs::read_to_string(path).map_or_else(|_| "0".to_owned(), |text| text.trim().to_owned())
}
