//! The container's filesystem: root, mounts, devices, masks, and the pivot into it.
//!
//! Runs in the container's own mount namespace while the host is still the root directory. Every place
//! inside is resolved beneath the new root by [`Dir`] and used through its descriptor; every mount is
//! made detached and then attached there. So no link in an image or a volume leads a mount elsewhere
//! (CVE-2021-30465, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881), and a target that is made is made
//! beneath the root, never on the host (CVE-2024-45310).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};

use super::fuse::Device;
use super::mounts::{self, Opened, new_filesystem, overlay, overlay_hint};
use super::plan::{MountKind, MountPlan, Plan, Rootfs};
use super::{accounts, identity, ownership, user};
use crate::base::hint::HintExt;
use crate::sys::mount::{self, Attributes};
use crate::sys::path::Dir;

/// Device nodes of the host that every container has, as docker's.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Links in `/dev`: name and target.
const DEVICE_LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
    ("ptmx", "pts/ptmx"),
];

/// The assembled root, not yet pivoted into.
pub struct Assembled {
    pub root: Dir,
    /// The mount of `/dev/pts`, for a terminal's sake.
    pub terminals: Option<OwnedFd>,
}

/// Mounts the root and everything in it; `memory` is another container's `/dev/shm`, and `device` where a root is served
/// that is not the kernel's own.
pub fn assemble(plan: &Plan, memory: Option<BorrowedFd<'_>>, device: Option<Device>) -> Result<Assembled> {
    mount::make_all_slave().context("separate the mounts from the host's")?;
    let null = mount::copy_path(Path::new("/dev/null"), false).context("open /dev/null of the host")?;
    let (root, sources) = mount_root(plan, device)?;
    accounts::add(&root, &plan.passwd, &plan.group)?;
    let mut terminals = None;
    let mut given = Vec::new();
    for (step, source) in plan.mounts.iter().zip(sources) {
        let made = apply(&root, step, source).with_context(|| format!("mount on {}", step.target))?;
        match &step.kind {
            MountKind::Devices { .. } => {
                attach_devices(&root)?;
                if let Some(memory) = memory {
                    let place = place(&root, "/dev/shm", true, true)?;
                    mount::attach(memory, place.as_fd()).context("attach the shared /dev/shm")?;
                }
            }
            MountKind::Filesystem { name, .. } if name == "devpts" && step.target == "/dev/pts" => {
                terminals = Some(made);
            }
            _ if step.extra.chown => given.push((made, step)),
            _ => {}
        }
    }
    if !given.is_empty() {
        // Now that all is in place that may name the user.
        let user = user::look_up(&root, &plan.process.user, &[])?;
        for (mount, step) in &given {
            ownership::give(mount.as_fd(), user.uid, user.gid)
                .and_then(|()| mounts::restrict(mount.as_fd(), step))
                .with_context(|| format!("give {} to user {}:{}", step.target, user.uid, user.gid))?;
        }
    }
    set_sysctls(&root, plan)?;
    register(&root, &plan.emulators).context("register an emulator")?;
    for path in &plan.read_only_paths {
        lock(&root, path).with_context(|| format!("make {path} read-only"))?;
    }
    mask_all(&root, &plan.masked, null)?;
    Ok(Assembled { root, terminals })
}

/// Mounts the root and what it has of the host: a container's files as it finds them when it is started, for who
/// reads or changes them while it does not run. Memory filesystems and the kernel's are left out.
pub fn assemble_files(plan: &Plan, device: Option<Device>) -> Result<Dir> {
    mount::make_all_slave().context("separate the mounts from the host's")?;
    let (root, sources) = mount_root(plan, device)?;
    for (step, source) in plan.mounts.iter().zip(sources).filter(|(_, source)| source.is_of_the_host()) {
        apply(&root, step, source).with_context(|| format!("mount on {}", step.target))?;
    }
    if plan.read_only_root {
        lock_root(&root)?;
    }
    Ok(root)
}

/// Mounts the root alone, without anything in it.
pub fn assemble_root(plan: &Plan, device: Option<Device>) -> Result<Dir> {
    mount::make_all_slave().context("separate the mounts from the host's")?;
    Ok(mount_root(plan, device)?.0)
}

fn lock_root(root: &Dir) -> Result<()> {
    let change = Attributes { set: Attributes::READ_ONLY, ..Attributes::default() };
    mount::set_attributes(root.as_fd(), change, false).context("make the root read-only")
}

/// Makes the assembled root the root directory. What follows sees the container only.
pub fn enter(assembled: &Assembled, read_only: bool) -> Result<()> {
    if read_only {
        lock_root(&assembled.root)?;
    }
    mount::pivot(assembled.root.as_fd()).context("change the root directory")
}

/// Mounts the root; with it comes what else is mounted from the host, opened but not yet attached.
fn mount_root(plan: &Plan, device: Option<Device>) -> Result<(Dir, Vec<Opened>)> {
    let sources = open_sources(&plan.mounts)?;
    let source = RootSource::open(&plan.rootfs, plan.becomes_root, device)?;
    if plan.becomes_root {
        identity::become_root()?;
        identity::show_to_the_supervisor()?;
    }
    Ok((Dir::from_fd(source.mount()?), sources))
}

/// What is mounted from paths of the host. All of them are opened before the process becomes root of a user namespace
/// that may not have the user, and with it not the user's right to reach them.
fn open_sources(steps: &[MountPlan]) -> Result<Vec<Opened>> {
    let open = |step: &MountPlan| Opened::of(step).with_context(|| format!("mount on {}", step.target));
    steps.iter().map(open).collect()
}

/// The root filesystem, found but not yet mounted.
enum RootSource {
    Overlay { lower: Vec<String>, upper: String, work: String, place: OwnedFd, _held: Vec<OwnedFd> },
    Fuse { device: Device, place: OwnedFd },
    Directory { mount: OwnedFd, place: OwnedFd },
}

impl RootSource {
    /// Opens what the root is made of. With `by_descriptor` the layers are named by descriptors, which who mounts them
    /// need not have the right to reach by their paths.
    fn open(rootfs: &Rootfs, by_descriptor: bool, device: Option<Device>) -> Result<Self> {
        match rootfs {
            Rootfs::Overlay { base, lower, upper, work, target } => {
                rustix::process::chdir(base).with_context(|| format!("enter {}", base.display()))?;
                let mut held = Vec::new();
                let mut name = |path: &Path| -> Result<String> {
                    if !by_descriptor {
                        return Ok(path.to_string_lossy().into_owned());
                    }
                    let fd = open_place(path)?;
                    let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
                    held.push(fd);
                    Ok(name)
                };
                let lower = lower.iter().map(|layer| name(Path::new(layer))).collect::<Result<_>>()?;
                let (upper, work, place) = (name(upper)?, name(work)?, open_place(target)?);
                Ok(Self::Overlay { lower, upper, work, place, _held: held })
            }
            Rootfs::Fuse { target, .. } => {
                let device = device.context("mount the layers: nobody serves them")?;
                Ok(Self::Fuse { device, place: open_place(target)? })
            }
            Rootfs::Directory { path } => {
                let mount =
                    mount::copy_path(path, true).with_context(|| format!("open {}", path.display()))?;
                Ok(Self::Directory { mount, place: open_place(path)? })
            }
        }
    }

    /// Mounts the root where it was to be, out of reach of the host's mounts.
    fn mount(self) -> Result<OwnedFd> {
        let (mount, place) = match self {
            Self::Overlay { lower, upper, work, place, .. } => {
                let mount = overlay(&lower, Some((&upper, &work)));
                (mount.context("mount the layers").hint(overlay_hint)?, place)
            }
            Self::Fuse { device, place } => (device.mount().context("mount the layers")?, place),
            Self::Directory { mount, place } => (mount, place),
        };
        let private = Attributes { propagation: Attributes::PRIVATE, ..Attributes::default() };
        mount::set_attributes(mount.as_fd(), private, true)
            .context("separate the root from the host's mounts")?;
        mount::attach(mount.as_fd(), place.as_fd()).context("attach the root")?;
        Ok(mount)
    }
}

fn open_place(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .with_context(|| format!("open {}", path.display()))
}

/// Makes one mount of what was opened for it, and attaches it; returns it.
fn apply(root: &Dir, step: &MountPlan, opened: Opened) -> Result<OwnedFd> {
    let made = match &step.kind {
        MountKind::Devices { options } => devices(options, step.attributes)?,
        _ => mounts::make(root, step, opened)?,
    };
    if step.propagation != 0 {
        let change = Attributes { propagation: step.propagation, ..Attributes::default() };
        mount::set_attributes(made.as_fd(), change, step.recursive).context("set the propagation")?;
    }
    let is_directory = FileType::from_raw_mode(rustix::fs::fstat(&made)?.st_mode).is_dir();
    let strict = matches!(&step.kind, MountKind::Devices { .. })
        || matches!(&step.kind, MountKind::Filesystem { name, .. } if name == "proc" || name == "sysfs")
        || step.target == "/proc";
    let place = place(root, &step.target, is_directory, strict)?;
    refuse_procfs(place.as_fd(), &step.target)?;
    let place_is_directory = FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode).is_dir();
    if is_directory != place_is_directory {
        let (what, on) = if is_directory { ("a directory", "a file") } else { ("a file", "a directory") };
        return Err(anyhow!("{what} cannot be mounted on {on}: not a directory")).hint(|| {
            "check that the path on the host exists and is of the kind that the container expects: -v makes a \
             directory of one that is missing"
        });
    }
    mount::attach(made.as_fd(), place.as_fd()).context("attach")?;
    Ok(made)
}

/// A memory filesystem with the standard devices: nodes cannot be made in a user namespace, so the
/// host's are attached to empty files. Its source is opened by its host path before the pivot, so it is
/// what it says.
fn devices(options: &[(String, Option<String>)], attributes: u64) -> Result<OwnedFd> {
    let tmpfs = new_filesystem("tmpfs", options, attributes & !Attributes::READ_ONLY)?;
    for (name, target) in DEVICE_LINKS {
        rustix::fs::symlinkat(target, &tmpfs, name).with_context(|| format!("create {name}"))?;
    }
    for name in DEVICES {
        empty_file(tmpfs.as_fd(), name).with_context(|| format!("create {name}"))?;
    }
    for name in ["pts", "shm", "mqueue"] {
        rustix::fs::mkdirat(&tmpfs, name, Mode::from_raw_mode(0o755))
            .with_context(|| format!("create {name}"))?;
    }
    Ok(tmpfs)
}

/// Attaches the host's devices beneath the container's `/dev`, once that is attached itself.
fn attach_devices(root: &Dir) -> Result<()> {
    let dev = root.locate_dir("dev").context("open /dev")?;
    for name in DEVICES {
        let source = format!("/dev/{name}");
        let device = mount::copy_path(Path::new(&source), false).with_context(|| format!("open {source}"))?;
        if !FileType::from_raw_mode(rustix::fs::fstat(&device)?.st_mode).is_char_device() {
            bail!("open {source}: not a device");
        }
        let place = rustix::fs::openat(
            dev.as_fd(),
            name,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        mount::attach(device.as_fd(), place.as_fd()).with_context(|| format!("attach {source}"))?;
    }
    Ok(())
}

fn empty_file(directory: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o666))?;
    Ok(())
}

/// Files of `/proc` that may be covered: what lxcfs provides, as runc allows.
const PROC_FILES: [&str; 9] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/net/dev",
];

/// Refuses a place on procfs, by whatever path it was reached: what is written there later must be the
/// kernel's and nobody else's (CVE-2019-16884, CVE-2025-52881).
pub fn refuse_procfs(place: BorrowedFd<'_>, target: &str) -> Result<()> {
    /// `PROC_SUPER_MAGIC` of linux/magic.h.
    const PROCFS: i64 = 0x9fa0;
    if rustix::fs::fstatfs(place)?.f_type == PROCFS && !PROC_FILES.contains(&target) {
        bail!("it is inside /proc");
    }
    Ok(())
}

/// Finds, or makes, what a mount is attached to. `strict` refuses any link on the way: `/proc`, `/sys` and
/// `/dev` must be where programs expect them (CVE-2019-19921, CVE-2023-27561, CVE-2026-41579).
pub fn place(root: &Dir, target: &str, directory: bool, strict: bool) -> Result<OwnedFd> {
    let relative = target.trim_start_matches('/');
    if strict {
        refuse_links(root, relative)?;
    }
    match root.locate(relative) {
        Ok(place) => Ok(place),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_place(root, relative, directory),
        Err(error) => Err(error).context("find the place"),
    }
}

fn make_place(root: &Dir, relative: &str, directory: bool) -> Result<OwnedFd> {
    let mode = Mode::from_raw_mode(0o755);
    if directory {
        root.create_dir_all(relative, mode).context("create the directory")?;
    } else {
        let path = Path::new(relative);
        let parent = root.create_dir_all(path.parent().unwrap_or(Path::new("")), mode);
        let parent = parent.context("create the directory")?;
        let name = path.file_name().context("create the file: it has no name")?;
        match empty_file(parent.as_fd(), &name.to_string_lossy()) {
            // Without an overlay, whoever opens the same container's files just now makes the same places.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.context("create the file")?,
        }
    }
    root.locate(relative).context("find the place")
}

fn refuse_links(root: &Dir, relative: &str) -> Result<()> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(root.as_fd(), relative, flags, Mode::empty(), resolve) {
        Ok(_) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(rustix::io::Errno::LOOP) => bail!("/{relative} is a symbolic link in the image"),
        Err(error) => Err(error).context("find the place"),
    }
}

fn set_sysctls(root: &Dir, plan: &Plan) -> Result<()> {
    for (path, value) in &plan.sysctls {
        let file = root
            .open_file(format!("proc/sys/{path}"), OFlags::WRONLY | OFlags::NOFOLLOW, Mode::empty())
            .with_context(|| format!("set sysctl {path}"))?;
        rustix::io::write(&file, value.as_bytes())
            .with_context(|| format!("set sysctl {path} to {value:?}"))?;
    }
    Ok(())
}

/// Gives the container's user namespace handlers of its own (binfmt_misc.rst; from Linux 6.7 on, before that there is only
/// the host's). They last as long as it is mounted. The emulators are still found by the host's paths.
fn register(root: &Dir, emulators: &[String]) -> Result<()> {
    if emulators.is_empty() {
        return Ok(());
    }
    let Some(place) = locate_if_there(root, "/proc/sys/fs/binfmt_misc")? else { return Ok(()) };
    let attributes = Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC;
    let Ok(handlers) = new_filesystem("binfmt_misc", &[], attributes) else { return Ok(()) };
    for line in emulators {
        let register =
            rustix::fs::openat(&handlers, "register", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        match rustix::io::write(&register, line.as_bytes()) {
            // Another container of the same user namespace has it.
            Ok(_) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error).with_context(|| format!("write {line:?}")),
        }
    }
    mount::attach(handlers.as_fd(), place.as_fd()).context("attach")
}

/// Lays a read-only copy of a path over it; a path that is not there needs none.
fn lock(root: &Dir, path: &str) -> Result<()> {
    let Some(place) = locate_if_there(root, path)? else { return Ok(()) };
    let copy = mount::copy(place.as_fd(), "", true)?;
    let change = Attributes { set: Attributes::READ_ONLY, ..Attributes::default() };
    mount::set_attributes(copy.as_fd(), change, true)?;
    Ok(mount::attach(copy.as_fd(), place.as_fd())?)
}

/// Hides paths: files behind the host's `/dev/null`, directories behind one empty read-only memory
/// filesystem, made when it is first needed.
fn mask_all(root: &Dir, paths: &[String], null: OwnedFd) -> Result<()> {
    let mut over_files = Cover::new(null);
    let mut over_directories = None;
    for path in paths {
        let mut hide = || -> Result<()> {
            let Some(place) = locate_if_there(root, path)? else { return Ok(()) };
            let stat = rustix::fs::statat(&place, "", AtFlags::EMPTY_PATH)?;
            let cover = match &mut over_directories {
                _ if !FileType::from_raw_mode(stat.st_mode).is_dir() => &mut over_files,
                Some(cover) => cover,
                none => none.insert(Cover::new(empty_directory()?)),
            };
            Ok(cover.lay_over(place.as_fd())?)
        };
        hide().with_context(|| format!("mask {path}"))?;
    }
    Ok(())
}

/// One mount over many places. Before Linux 6.15 only what is attached can be copied, so the first place gets the
/// mount itself and the others get copies of it.
struct Cover {
    mount: OwnedFd,
    attached: bool,
}

impl Cover {
    fn new(mount: OwnedFd) -> Self {
        Self { mount, attached: false }
    }

    fn lay_over(&mut self, place: BorrowedFd<'_>) -> io::Result<()> {
        if self.attached {
            return mount::attach(mount::copy(self.mount.as_fd(), "", false)?.as_fd(), place);
        }
        mount::attach(self.mount.as_fd(), place)?;
        self.attached = true;
        Ok(())
    }
}

fn empty_directory() -> Result<OwnedFd> {
    let options = [("size".to_owned(), Some("4k".to_owned())), ("mode".to_owned(), Some("555".to_owned()))];
    new_filesystem(
        "tmpfs",
        &options,
        Attributes::READ_ONLY | Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC,
    )
}

fn locate_if_there(root: &Dir, path: &str) -> Result<Option<OwnedFd>> {
    match root.locate(path.trim_start_matches('/')) {
        Ok(place) => Ok(Some(place)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
