//! `volume export` and `volume import`: what is in a volume, as a tar archive.
//!
//! The archive is written and read in the user namespace, so the owners in it are those that containers see. It
//! begins with the volume's own directory: a database that does not own that does not start.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};

use super::{Engine, namespace};
use crate::layer::unpack::{Form, Owners, UnpackOptions, Unpacked, unpack};
use crate::layer::{compress, pack};
use crate::store::backing::Backing;
use crate::sys::path::{Dir, clear_umask};

/// Writes what is in a volume to `out`.
pub fn export(engine: &Engine, name: &str, out: BorrowedFd<'_>) -> Result<()> {
    let _held = engine.volumes().hold_existing(name)?;
    let path = directory(engine, name)?;
    let out = File::from(out.try_clone_to_owned().context("duplicate a descriptor")?);
    let namespace = namespace::open(engine)?.finish()?;
    namespace::run_inside(&namespace, || {
        let out = BufWriter::with_capacity(1 << 16, &out);
        pack::pack_directory(open(&path)?, Path::new("."), out).map(drop)
    })
}

/// Unpacks an archive, compressed or not, into a volume: files in it are replaced, directories are merged.
pub fn import(engine: &Engine, name: &str, archive: BorrowedFd<'_>) -> Result<()> {
    let _held = engine.volumes().hold_existing(name)?;
    let path = directory(engine, name)?;
    let archive = File::from(archive.try_clone_to_owned().context("duplicate a descriptor")?);
    let opening = namespace::open(engine)?;
    let options = UnpackOptions {
        fold_ids: opening.maps.is_single(),
        max_bytes: u64::MAX,
        max_entries: u64::MAX,
        form: Form::Files { owners: Owners::Archive, overwrite: true, root: true },
    };
    let namespace = opening.finish()?;
    let (skipped, folded) = namespace::run_inside(&namespace, || {
        clear_umask().context("clear the file mode mask")?;
        let decoder = compress::decoder(&archive).context("read the archive")?;
        let into = Dir::from_fd(open(&path)?);
        let done: Unpacked = unpack(BufReader::with_capacity(1 << 18, decoder), &into, &options)?;
        Ok((done.skipped, done.folded))
    })?;
    if skipped > 0 {
        engine.notice(&format!("left out {skipped} devices or sockets, which an ordinary user cannot make"));
    }
    if folded {
        engine.notice("owners that your user has no ids for have become root's; see: coracle info");
    }
    Ok(())
}

/// Where the files of a volume are.
fn directory(engine: &Engine, name: &str) -> Result<PathBuf> {
    let volume = engine.volumes().load(name)?;
    match Backing::parse(&volume.options).with_context(|| format!("use volume {name}"))? {
        Backing::Directory { .. } => Ok(engine.volumes().data(name)),
        Backing::Bind { device, .. } => Ok(device),
        Backing::Tmpfs { .. } => bail!("volume {name} is memory, which each container has for itself"),
    }
}

fn open(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).with_context(|| format!("open {}", path.display()))
}
