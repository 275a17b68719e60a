//! Where images and containers are kept, and how layers are laid over each other there.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{StatVfsMountFlags, XattrFlags};

use super::device::Device;
use super::{Finding, Refusal};
use crate::base::{id, size};
use crate::config::env;
use crate::engine::{Engine, driver};
use crate::runtime::userns::UserNamespace;
use crate::store::driver::{Choice, Driver};
use crate::store::layout::Layout;

const DATA: &str = "data directory";
const DRIVER: &str = "storage driver";
const FUSE: &str = "fuse";

/// Less than this has room for no image, or for few.
const TOO_LITTLE: u64 = 64 << 20;
const LITTLE: u64 = 1 << 30;
/// A layer alone has more.
const FEW_FILES: u64 = 100;

/// Filesystems of a network, by `linux/magic.h`: NFS, SMB, CIFS, AFS, Ceph, 9P.
const REMOTE: &[(i64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9P"),
];

/// `OVERLAYFS_SUPER_MAGIC` of linux/magic.h.
const OVERLAY: i64 = 0x794c_7630;

#[derive(Debug)]
pub struct Storage {
    /// The data directory; none where none can be named.
    data: PathBuf,
    /// Why it cannot be named, made or written to.
    refused: Option<Refusal>,
    /// What is known of its filesystem.
    filesystem: Option<Filesystem>,
    /// The driver that works here; `None` where that could not be tried.
    driver: Option<Result<Choice, Refusal>>,
    /// `/dev/fuse`, and the program.
    fuse: Device,
    fuse_overlayfs: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Filesystem {
    remote: Option<&'static str>,
    /// Whether it is an overlay itself, as in containers, upon which another cannot write.
    overlay: bool,
    read_only: bool,
    noexec: bool,
    /// Bytes and files that an ordinary user may still make there, where there is such a limit.
    free: Option<u64>,
    free_files: Option<u64>,
    /// Whether files can have attributes of the user's (xattr(7)).
    attributes: bool,
}

impl Filesystem {
    fn is_full(&self) -> bool {
        self.free.is_some_and(|free| free < TOO_LITTLE)
            || self.free_files.is_some_and(|files| files < FEW_FILES)
    }

    fn shown_free(&self) -> String {
        let free = self.free.map_or_else(|| "all of the memory".to_owned(), |free| size::human(free, 4));
        match self.free_files.filter(|files| *files < FEW_FILES) {
            Some(files) => format!("{free} and {files} files"),
            None => free,
        }
    }
}

/// Reads the facts; makes the data directory if it is not there yet.
pub fn read(engine: Result<&Engine, &anyhow::Error>, namespace: Option<&UserNamespace>) -> Storage {
    let mut storage = Storage {
        data: PathBuf::new(),
        refused: None,
        filesystem: None,
        driver: None,
        fuse: Device::open("/dev/fuse", (10, 229)),
        fuse_overlayfs: env::find_program("fuse-overlayfs").is_some(),
    };
    let engine = match engine {
        Ok(engine) => engine,
        Err(error) => {
            storage.refused = Some(Refusal::of(error));
            return storage;
        }
    };
    storage.data = engine.layout().data().to_owned();
    let attributes = try_to_write(engine.layout());
    storage.refused = attributes.as_ref().err().map(Refusal::of);
    storage.filesystem = look(&storage.data, attributes.unwrap_or(true));
    if storage.refused.is_none() {
        let tried = namespace.map(|namespace| driver::try_host(engine, namespace));
        storage.driver = tried.map(|choice| choice.map_err(|error| Refusal::of(&error)));
    }
    storage
}

/// Makes a file in the store, and says whether it could be given an attribute.
fn try_to_write(layout: &Layout) -> Result<bool> {
    layout.create()?;
    let path = layout.tmp().join(format!("doctor-{}", id::random_hex(16)));
    let attempt = || -> std::io::Result<bool> {
        fs::create_dir_all(layout.tmp())?;
        // By its descriptor: who sweeps what dead processes have left may take its name away.
        let mut file = fs::File::create(&path)?;
        file.write_all(&[0; 4096])?;
        Ok(rustix::fs::fsetxattr(&file, "user.coracle", b"x", XattrFlags::CREATE).is_ok())
    };
    let attributes = attempt();
    let _ = fs::remove_file(&path);
    attributes.with_context(|| format!("write in {}", layout.data().display()))
}

/// What there is at a path, or above it where there is nothing yet.
fn look(path: &Path, attributes: bool) -> Option<Filesystem> {
    let path = path.ancestors().find(|path| path.exists())?;
    let stat = rustix::fs::statvfs(path).ok()?;
    let kind = rustix::fs::statfs(path).ok()?.f_type as i64;
    Some(Filesystem {
        remote: REMOTE.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name),
        overlay: kind == OVERLAY,
        read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        noexec: stat.f_flag.contains(StatVfsMountFlags::NOEXEC),
        free: (stat.f_blocks > 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize)),
        free_files: (stat.f_files > 0).then_some(stat.f_favail),
        attributes,
    })
}

pub fn judge(storage: &Storage) -> Vec<Finding> {
    let mut findings = vec![judge_data(storage)];
    findings.extend(storage.driver.as_ref().map(|driver| judge_driver(driver, storage)));
    findings.push(judge_fuse(storage));
    findings
}

const ELSEWHERE: &str = "choose another directory: export CORACLE_ROOT=/DIRECTORY";

fn judge_data(storage: &Storage) -> Finding {
    let data = storage.data.display();
    let filesystem = storage.filesystem.as_ref();
    if filesystem.is_some_and(|filesystem| filesystem.read_only) {
        let what = format!("{data} is on a filesystem that is mounted read-only");
        return Finding::failed(DATA, what, "images and containers cannot be written there", ELSEWHERE);
    }
    if let Some(filesystem) = filesystem.filter(|filesystem| filesystem.is_full()) {
        let what = format!("{data} is full: {} are free", filesystem.shown_free());
        let why = "there is room for no image, and what containers write fails";
        return Finding::failed(DATA, what, why, format!("coracle system prune; or {ELSEWHERE}"));
    }
    if let Some(refusal) = &storage.refused {
        let mend = refusal.hint.clone().unwrap_or_else(|| ELSEWHERE.to_owned());
        let why = "images and containers cannot be written";
        return Finding::failed(DATA, refusal.error.clone(), why, mend);
    }
    let Some(filesystem) = filesystem else { return Finding::fine(DATA, data.to_string()) };
    let free = filesystem.shown_free();
    let (what, why) = if let Some(remote) = filesystem.remote {
        (
            format!("{data} is on {remote}"),
            "servers of files know nothing of subordinate ids, and the kernel's overlay refuses them",
        )
    } else if filesystem.noexec {
        (
            format!("{data} is on a filesystem that is mounted noexec"),
            "nothing in a volume can be executed, and with the driver vfs no program of any image",
        )
    } else if !filesystem.attributes {
        (
            format!("{data} is on a filesystem without extended attributes"),
            "the kernel's overlay needs them to hide what a container has removed",
        )
    } else if filesystem.free.is_some_and(|free| free < LITTLE) {
        (format!("of {data} only {free} are free"), "an image of the usual size does not fit")
    } else {
        return Finding::fine(DATA, format!("{data}, {free} free"));
    };
    Finding::warning(DATA, what, why, ELSEWHERE)
}

fn judge_driver(driver: &Result<Choice, Refusal>, storage: &Storage) -> Finding {
    let choice = match driver {
        Ok(choice) => choice,
        Err(refusal) => {
            let mend = refusal.hint.clone().unwrap_or_else(|| ELSEWHERE.to_owned());
            return Finding::failed(DRIVER, refusal.error.clone(), "containers have no files", mend);
        }
    };
    let what = format!("{}: {}", choice.driver, choice.reason);
    let filesystem = storage.filesystem.as_ref();
    let mend = if filesystem.is_some_and(|filesystem| filesystem.overlay) {
        format!(
            "{ELSEWHERE} of another filesystem; for a container around this one: --volume {}",
            storage.data.display()
        )
    } else if filesystem.is_some_and(|filesystem| !filesystem.attributes) {
        ELSEWHERE.to_owned()
    } else {
        String::new()
    };
    let or = |other: &str| if mend.is_empty() { other.to_owned() } else { mend.clone() };
    match choice.driver {
        Driver::Overlay => Finding::fine(DRIVER, what),
        Driver::FuseOverlayfs => {
            let why = "a program between a container and its files takes time";
            Finding::warning(DRIVER, what, why, or("use Linux 5.11 or newer"))
        }
        Driver::Vfs => {
            let why = "every container takes the time and room of its whole image";
            let other = match storage.fuse_overlayfs {
                false => "sudo apt-get install fuse-overlayfs; or the same package elsewhere",
                true => "sudo modprobe fuse; for a container around this one: --device /dev/fuse",
            };
            Finding::warning(DRIVER, what, why, or(other))
        }
    }
}

fn judge_fuse(storage: &Storage) -> Finding {
    let complaint = storage.fuse.complaint("/dev/fuse", "fuse");
    if matches!(&storage.driver, Some(Ok(Choice { driver: Driver::Overlay, .. }))) {
        let state = complaint.map_or_else(|| "/dev/fuse is there".to_owned(), |(what, _)| what);
        return Finding::fine(FUSE, format!("{state}; not needed, as the kernel's overlay works"));
    }
    let why = "fuse-overlayfs needs it, and without that containers are whole copies of their images";
    match complaint {
        Some((what, mend)) => Finding::warning(FUSE, what, why, mend),
        None => Finding::fine(FUSE, "/dev/fuse can be opened"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;

    fn disk() -> Filesystem {
        Filesystem {
            remote: None,
            overlay: false,
            read_only: false,
            noexec: false,
            free: Some(50 << 30),
            free_files: Some(1 << 20),
            attributes: true,
        }
    }

    fn on(filesystem: Filesystem) -> Storage {
        let reason = "the kernel's overlay works here".to_owned();
        Storage {
            data: "/home/ann/.local/share/coracle".into(),
            refused: None,
            filesystem: Some(filesystem),
            driver: Some(Ok(Choice { driver: Driver::Overlay, reason })),
            fuse: Device::Usable,
            fuse_overlayfs: true,
        }
    }

    #[test]
    fn homes() {
        let full = Some(Refusal { error: "write in /x: no room".to_owned(), hint: None });
        for (storage, level, words) in [
            (on(disk()), Level::Fine, &["53.69GB free"][..]),
            (
                on(Filesystem { remote: Some("NFS"), ..disk() }),
                Level::Warning,
                &["is on NFS", "CORACLE_ROOT"],
            ),
            (on(Filesystem { noexec: true, ..disk() }), Level::Warning, &["noexec"]),
            (on(Filesystem { read_only: true, ..disk() }), Level::Failed, &["read-only"]),
            (on(Filesystem { attributes: false, ..disk() }), Level::Warning, &["extended attributes"]),
            (on(Filesystem { free: Some(500 << 20), ..disk() }), Level::Warning, &["524.3MB are free"]),
            (on(Filesystem { free: Some(0), ..disk() }), Level::Failed, &["is full", "system prune"]),
            (on(Filesystem { free_files: Some(3), ..disk() }), Level::Failed, &["3 files"]),
            (Storage { refused: full, ..on(disk()) }, Level::Failed, &["write in /x: no room"]),
        ] {
            assert_found(&judge(&storage), DATA, level, words);
        }
    }

    #[test]
    fn drivers() {
        let of = |driver: Driver, attributes: bool, fuse: Device, fuse_overlayfs: bool| Storage {
            driver: Some(Ok(Choice { driver, reason: "EPERM".to_owned() })),
            fuse,
            fuse_overlayfs,
            ..on(Filesystem { attributes, ..disk() })
        };
        let in_container = Storage {
            filesystem: Some(Filesystem { overlay: true, ..disk() }),
            ..of(Driver::FuseOverlayfs, true, Device::Usable, true)
        };
        for (storage, level, words, fuse) in [
            (of(Driver::Overlay, true, Device::Missing, false), Level::Fine, &["overlay: "][..], Level::Fine),
            (of(Driver::FuseOverlayfs, true, Device::Usable, true), Level::Warning, &["5.11"], Level::Fine),
            (
                of(Driver::Vfs, true, Device::Usable, false),
                Level::Warning,
                &["apt-get install fuse"],
                Level::Fine,
            ),
            (
                of(Driver::Vfs, true, Device::Missing, true),
                Level::Warning,
                &["--device /dev/fuse"],
                Level::Warning,
            ),
            (of(Driver::Vfs, false, Device::Denied, true), Level::Warning, &["CORACLE_ROOT"], Level::Warning),
            (in_container, Level::Warning, &["--volume /home/ann/.local/share/coracle"], Level::Fine),
        ] {
            let findings = judge(&storage);
            assert_found(&findings, DRIVER, level, words);
            assert_found(&findings, FUSE, fuse, &["/dev/fuse"]);
        }
    }
}
