//! One mount of a plan, made and attached nowhere yet.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountAttrFlags;

use super::copyup;
use super::plan::{MountKind, MountPlan};
use crate::base::hint::HintExt;
use crate::base::walk;
use crate::sys::mount::{self, Attributes, Filesystem};
use crate::sys::path::Dir;

/// What a mount takes from the host, opened with the user's own rights.
pub enum Opened {
    Nothing,
    /// The mount, and the directory of a volume that may have to be filled.
    Copy(OwnedFd, Option<Dir>),
    Layers {
        lower: Vec<OwnedFd>,
        upper: OwnedFd,
        work: OwnedFd,
        via: Option<OwnedFd>,
    },
}

impl Opened {
    /// Opens what the step names.
    pub fn of(step: &MountPlan) -> Result<Self> {
        let open = |path: &Path| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::empty()).with_context(|| format!("open {}", path.display()))
        };
        Ok(match &step.kind {
            MountKind::Bind { source } => {
                let volume = step.extra.copy_up.then(|| copyup::open(source)).transpose()?;
                Self::Copy(bind(source, step)?, volume)
            }
            MountKind::Overlay { lower, upper, work } => Self::Layers {
                lower: lower.iter().map(|layer| open(Path::new(layer))).collect::<Result<_>>()?,
                upper: open(upper)?,
                work: open(work)?,
                via: step.extra.via.as_deref().map(open).transpose()?,
            },
            MountKind::Filesystem { .. } | MountKind::Devices { .. } => Self::Nothing,
        })
    }

    /// Whether there are files of the host in it.
    pub fn is_of_the_host(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// Makes the mount of a step. What it takes from the image is beneath `root`.
pub fn make(root: &Dir, step: &MountPlan, opened: Opened) -> Result<OwnedFd> {
    // What is still to be written comes before "read-only".
    let later = step.extra.chown || step.extra.copy_up;
    let made = match (&step.kind, opened) {
        (MountKind::Bind { .. }, Opened::Copy(copy, volume)) => {
            if let Some(volume) = volume {
                copyup::fill(root, &step.target, &volume, step.extra.synced)?;
            }
            copy
        }
        (MountKind::Filesystem { name, options }, _) => {
            let first = if later { step.attributes & !Attributes::READ_ONLY } else { step.attributes };
            let made = match new_filesystem(name, options, first) {
                Err(error) if is_covered(&error) && matches!(name.as_str(), "proc" | "sysfs") => {
                    return copy_covered(name, step);
                }
                made => made?,
            };
            if step.extra.copy_up {
                copyup::copy(root, &step.target, made.as_fd())?;
            }
            made
        }
        (MountKind::Overlay { .. }, Opened::Layers { lower, upper, work, via }) => {
            layered(step, &lower, upper.as_fd(), work.as_fd(), via)?
        }
        _ => bail!("make the mount: it is not of this kind"),
    };
    let is_new = matches!(step.kind, MountKind::Filesystem { .. });
    if !step.extra.chown && (later || !is_new) {
        restrict(made.as_fd(), step)?;
    }
    Ok(made)
}

/// Whether the kernel refuses a new instance because the caller's own is covered in parts, as containers have it
/// (`mount_too_revealing` of fs/namespace.c): who cannot see something could look at it there.
fn is_covered(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::PermissionDenied)
}

/// In a container, the `/proc` or `/sys` of that one, with all that covers it, in place of a new one. It shows the
/// processes around as well, to which those inside can do nothing: they are of another user namespace.
fn copy_covered(name: &str, step: &MountPlan) -> Result<OwnedFd> {
    let source = if name == "proc" { "/proc" } else { "/sys" };
    let made = mount::copy_path(Path::new(source), true).with_context(|| format!("open {source}"))?;
    let set = step.attributes & !Attributes::READ_ONLY;
    let attributes = |set: u64| Attributes { set, ..Attributes::default() };
    mount::set_attributes(made.as_fd(), attributes(set), true).context("set the attributes")?;
    mount::set_attributes(made.as_fd(), attributes(step.attributes), false).context("set the attributes")?;
    Ok(made)
}

/// Layers under one that takes what is written, or a part of that: before Linux 6.15 a part can only be taken of
/// what is attached, so it is, where the container never looks.
fn layered(
    step: &MountPlan,
    lower: &[OwnedFd],
    upper: BorrowedFd<'_>,
    work: BorrowedFd<'_>,
    via: Option<OwnedFd>,
) -> Result<OwnedFd> {
    if step.extra.fresh {
        discard(upper).context("discard what was written before")?;
    }
    if let Some(top) = lower.last() {
        take_after(top.as_fd(), upper).context("make the upper layer like the lower one")?;
    }
    let name = |fd: BorrowedFd<'_>| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let layers: Vec<String> = lower.iter().map(|layer| name(layer.as_fd())).collect();
    let made = overlay(&layers, Some((&name(upper), &name(work))));
    let made = made.context("mount the layers").hint(overlay_hint)?;
    let (Some(via), Some(subpath)) = (via, &step.extra.subpath) else { return Ok(made) };
    mount::attach(made.as_fd(), via.as_fd()).context("attach the whole")?;
    let open = || mount::copy(Dir::from_fd(made.try_clone()?).locate(subpath)?.as_fd(), "", false);
    open().with_context(|| format!("cannot access path {subpath}"))
}

/// Removes everything in a directory.
fn discard(directory: BorrowedFd<'_>) -> io::Result<()> {
    let directory = Dir::from_fd(directory.try_clone_to_owned()?).open_dir("")?;
    walk::list(directory.as_fd())?
        .iter()
        .try_for_each(|entry| directory.remove_all(OsStr::from_bytes(entry.name.to_bytes())))
}

/// The root directory of an overlay is that of its upper layer: while that is empty it takes after the lower
/// one's.
fn take_after(top: BorrowedFd<'_>, upper: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let upper = rustix::fs::openat(upper, c".", flags, Mode::empty())?;
    if !copyup::is_empty(upper.as_fd())? {
        return Ok(());
    }
    let stat = rustix::fs::fstat(top)?;
    match copyup::take_after(upper.as_fd(), &stat) {
        // Nobody here is the owner of the lower one: the upper one stays with whoever it is made for.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            Ok(rustix::fs::fchmod(&upper, Mode::from_raw_mode(stat.st_mode & 0o7777))?)
        }
        result => result,
    }
}

/// Sets the attributes of a mount. Flags that the host's mount has are locked in a user namespace and stay; only
/// what the plan adds is set.
pub fn restrict(mount: BorrowedFd<'_>, step: &MountPlan) -> Result<()> {
    let set = |set: u64, recursive: bool| match set {
        0 => Ok(()),
        set => mount::set_attributes(mount, Attributes { set, ..Attributes::default() }, recursive),
    };
    let read_only = step.attributes & Attributes::READ_ONLY;
    if step.recursive && !step.read_only_beneath && read_only != 0 {
        set(step.attributes & !read_only, true).context("set the attributes")?;
        return set(read_only, false).context("make it read-only");
    }
    set(step.attributes, step.recursive).context("set the attributes")
}

/// Makes a new instance of a filesystem.
pub fn new_filesystem(name: &str, options: &[(String, Option<String>)], attributes: u64) -> Result<OwnedFd> {
    let filesystem = Filesystem::open(name)?;
    filesystem.set("source", name)?;
    for (key, value) in options {
        match value {
            Some(value) => filesystem.set(key, value),
            None => filesystem.set_flag(key),
        }
        .with_context(|| format!("option {key}"))?;
    }
    Ok(filesystem.mount(MountAttrFlags::from_bits_retain(attributes as u32))?)
}

/// Copies what is at a path of the host, or at a path beneath it.
fn bind(source: &Path, step: &MountPlan) -> Result<OwnedFd> {
    match &step.extra.subpath {
        Some(subpath) => copy_subpath(source, subpath, step.recursive),
        None => mount::copy_path(source, step.recursive)
            .with_context(|| format!("open {}", source.display()))
            .hint_if_denied(source),
    }
}

/// Copies what is at a path beneath a directory that containers write to: whatever they do meanwhile, it is
/// beneath (CVE-2024-23651's class).
fn copy_subpath(source: &Path, subpath: &str, recursive: bool) -> Result<OwnedFd> {
    let open = || mount::copy(Dir::open(source)?.locate(subpath)?.as_fd(), "", recursive);
    open().with_context(|| format!("cannot access path {}", source.join(subpath).display()))
}

/// The layers, lowest first, relative to the working directory, mounted together. An option has room for 255 bytes,
/// so there is one option a layer (`lowerdir+`, Linux 6.7), or else the single older one with names of a few
/// digits, which serves some eighty layers. `writable` are the upper and the work directory.
pub fn overlay(lower: &[String], writable: Option<(&str, &str)>) -> io::Result<OwnedFd> {
    let one_by_one =
        |overlay: &Filesystem| lower.iter().rev().try_for_each(|layer| overlay.set("lowerdir+", layer));
    match overlay_with(one_by_one, writable) {
        // Linux 6.5 and 6.6 refuse the option, those before only the mount.
        Err(first) if first.kind() == io::ErrorKind::InvalidInput => {
            let older = overlay_in_one_option(lower, writable);
            let is_about_option = first.raw_os_error().is_some() || first.to_string().contains("lowerdir+");
            older.map_err(|second| if is_about_option { second } else { first })
        }
        made => made,
    }
}

fn overlay_with(
    add_layers: impl FnOnce(&Filesystem) -> io::Result<()>,
    writable: Option<(&str, &str)>,
) -> io::Result<OwnedFd> {
    let overlay = Filesystem::open("overlay")?;
    overlay.set("source", "overlay")?;
    add_layers(&overlay)?;
    if let Some((upper, work)) = writable {
        overlay.set("upperdir", upper)?;
        overlay.set("workdir", work)?;
    }
    overlay.set_flag("userxattr")?;
    overlay.mount(MountAttrFlags::empty())
}

/// Names the layers by descriptors, relative to the directory of those: `9:8:7`.
fn overlay_in_one_option(lower: &[String], writable: Option<(&str, &str)>) -> io::Result<OwnedFd> {
    let open = |path: &str| {
        rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    };
    let here = open(".")?;
    let layers = lower.iter().rev().map(|layer| open(layer)).collect::<Result<Vec<_>, _>>()?;
    let writable = match writable {
        Some((upper, work)) => Some((open(upper)?, open(work)?)),
        None => None,
    };
    let name = |fd: &OwnedFd| fd.as_raw_fd().to_string();
    let names = layers.iter().map(name).collect::<Vec<_>>().join(":");
    rustix::process::chdir("/proc/self/fd")?;
    let places = writable.as_ref().map(|(upper, work)| (name(upper), name(work)));
    let places = places.as_ref().map(|(upper, work)| (upper.as_str(), work.as_str()));
    let made = overlay_with(|overlay| overlay.set("lowerdir", &names), places);
    rustix::process::fchdir(here)?;
    made
}

pub fn overlay_hint() -> String {
    let refusal = super::userns::refusal_hint();
    if refusal.contains("AppArmor") {
        return refusal;
    }
    "layers need Linux 5.11 and a data directory on a filesystem with extended attributes; \
     choose another directory with --root DIR"
        .into()
}

trait HintIfDenied<T> {
    fn hint_if_denied(self, source: &Path) -> Result<T>;
}

impl<T> HintIfDenied<T> for Result<T> {
    /// Says whose file it is: the commonest surprise of a rootless engine.
    fn hint_if_denied(self, source: &Path) -> Result<T> {
        let denied = |error: &anyhow::Error| {
            let cause = error.downcast_ref::<io::Error>();
            cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
        };
        let refused = |error: &anyhow::Error| {
            let cause = error.downcast_ref::<io::Error>();
            cause.is_some_and(|cause| cause.raw_os_error() == Some(libc::EINVAL))
        };
        match self {
            // mount_namespaces(7): mounts of a more privileged namespace come together.
            Err(error) if refused(&error) => Err(error).hint(|| {
                "an ordinary user cannot leave out what the host has mounted beneath: leave out \
                 bind-recursive=disabled, bind-nonrecursive or the mode bind"
            }),
            Err(error) if denied(&error) => Err(error)
                .hint(|| format!("your user may not reach it: check with: namei -l {}", source.display())),
            result => result,
        }
    }
}
