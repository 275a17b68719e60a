//! Puts what a `COPY` takes where it goes.
//!
//! Rules: fsutil `copy/copy.go`, as BuildKit calls it. A destination that ends in `/` is a directory; so is any that
//! is one already, or that directories are copied to. Links in it are followed beneath the root that is copied into,
//! also one in the last place, and what is missing on the way is made. Directories merge: one that was there takes
//! owner and mode of the one that is copied onto it, but the destination itself stays as it is.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};

use super::select::{Item, Selection};
use super::step;
use crate::base::copy::{Clash, Copied, Copier, CopyOptions};
use crate::base::mode::ModeChange;
use crate::base::owner::Owner;
use crate::image::ingest::default_limit;
use crate::layer::unpack::{Form, Owners, UnpackOptions, unpack};
use crate::layer::{BLOCK, begins_archive, compress};
use crate::runtime::user;
use crate::sys::path::Dir;

/// What is read from an archive at once.
const BUFFER: usize = 256 << 10;
const MAX_ENTRIES: u64 = 4 << 20;

/// How files are put.
#[derive(Clone, Debug, Default)]
pub struct Placing {
    /// Absolute.
    pub destination: String,
    /// Whose all becomes, directories that are made on the way too.
    pub owner: Option<(u32, u32)>,
    pub mode: Option<ModeChange>,
    /// This user namespace has a single id.
    pub fold_ids: bool,
}

/// Copies into the tree at `root`. The calling thread's file mode creation mask must be clear; see
/// [`crate::sys::path::clear_umask`].
pub fn copy(selection: &Selection, root: &Dir, placing: &Placing) -> Result<Copied> {
    let mut copied = Copied::default();
    for item in &selection.items {
        let more = placing.item(item, root)?;
        copied.bytes += more.bytes;
        copied.skipped += more.skipped;
    }
    Ok(copied)
}

/// What is at the destination.
enum There {
    Directory(Dir),
    Other,
    Nothing,
}

impl Placing {
    /// Reads how a step wants its files; the users in `names` are those it may name.
    pub fn new(copy: &step::Copy, names: &Dir, fold_ids: bool) -> Result<Self> {
        let owner = copy.owner.as_deref().filter(|owner| !owner.is_empty());
        Ok(Self {
            destination: copy.destination.clone(),
            owner: owner.map(|owner| user::owner(names, owner)).transpose()?,
            mode: copy.mode.as_deref().filter(|mode| !mode.is_empty()).map(str::parse).transpose()?,
            fold_ids,
        })
    }

    fn item(&self, item: &Item, root: &Dir) -> Result<Copied> {
        if item.unpack
            && !item.is_directory
            && let Some(archive) = archive(item).with_context(|| format!("read {}", item.shown()))?
        {
            return self.unpack(archive, root).with_context(|| format!("unpack {}", item.shown()));
        }
        let told = || format!("copy to {}", self.destination);
        let destination = Path::new(&self.destination);
        let is_directory = self.destination.ends_with('/') || self.destination.ends_with("/.");
        let above = if is_directory { destination } else { destination.parent().unwrap_or(destination) };
        self.make(root, above)?;
        let resolved = root.resolve(destination).with_context(told)?;
        let there = look(root, &resolved).with_context(told)?;
        match (item.is_directory, there) {
            (true, There::Directory(to)) => self.contents(item, &to),
            (true, There::Nothing) => self.contents(item, &self.make(root, &resolved)?),
            (true, There::Other) => bail!("cannot copy to non-directory: {}", self.destination),
            (false, There::Directory(to)) => self.file(item, &to, &item.name, &destination.join(&item.name)),
            (false, _) => {
                let name = resolved.file_name().context("the destination has no name")?;
                let parent = self.make(root, resolved.parent().unwrap_or(Path::new("")))?;
                self.file(item, &parent, name, destination)
            }
        }
    }

    fn contents(&self, item: &Item, to: &Dir) -> Result<Copied> {
        let from = item.open_directory()?;
        let stat = rustix::fs::fstat(&from).context("inspect the source")?;
        let mut copier = self.copier(item, PathBuf::from(&self.destination));
        let listed = to.open_dir("").with_context(|| format!("open {}", self.destination))?;
        copier.chosen(from.into(), listed.into(), item.chooser())?;
        // So that the result does not tell when it was made.
        let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
        let times =
            Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: time };
        let to = to.open_dir("").context("open the destination")?;
        rustix::fs::futimens(&to, &times).context("set the destination's time")?;
        Ok(copier.finish())
    }

    /// Copies what is no directory to the name `name` in `parent`.
    fn file(&self, item: &Item, parent: &Dir, name: &OsStr, shown: &Path) -> Result<Copied> {
        let (from, last) = item.place()?;
        let above = shown.parent().unwrap_or(shown).to_owned();
        let mut copier = self.copier(item, above);
        let to = parent.open_dir("").with_context(|| format!("open {}", self.destination))?;
        copier
            .entry(from.as_fd(), &last, to.as_fd(), name)
            .with_context(|| format!("copy {}", item.shown()))?;
        Ok(copier.finish())
    }

    /// Unpacks an archive into the destination, which becomes a directory; modes and times are the archive's.
    fn unpack(&self, archive: File, root: &Dir) -> Result<Copied> {
        let resolved = root.resolve(&self.destination).context("find the destination")?;
        let to = self.make(root, &resolved)?;
        let size = archive.metadata().context("inspect it")?.len();
        let options = UnpackOptions {
            fold_ids: self.fold_ids,
            max_bytes: default_limit(size),
            max_entries: MAX_ENTRIES,
            form: Form::Files {
                owners: self.owner.map_or(Owners::Archive, |(uid, gid)| Owners::All(uid, gid)),
                overwrite: true,
                root: false,
            },
        };
        let decoder = compress::decoder(archive)?;
        let unpacked = unpack(BufReader::with_capacity(BUFFER, decoder), &to, &options)?;
        Ok(Copied { bytes: unpacked.bytes, skipped: unpacked.skipped })
    }

    fn copier(&self, item: &Item, shown: PathBuf) -> Copier {
        Copier::new(CopyOptions {
            owner: self.owner.unwrap_or((0, 0)),
            keep_owner: self.owner.is_none() && item.origin.keeps_owners,
            fold_ids: self.fold_ids,
            keep_special: true,
            mode: self.mode.clone(),
            attributes: true,
            clash: Clash::RefuseAsBuild,
            shown,
        })
    }

    /// Makes a directory, and all above it that are missing, as their owner's.
    fn make(&self, root: &Dir, path: &Path) -> Result<Dir> {
        let mut owned = Ok(true);
        let own = |parent: &Dir, name: &OsStr| {
            if let (Some((uid, gid)), Ok(_)) = (self.owner, &owned) {
                let chown = |uid, gid| rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
                let owner = Owner::new(uid.into(), gid.into());
                owned = owner.and_then(|owner| owner.set(self.fold_ids, chown));
            }
        };
        let told =
            || format!("mkdir {}", Path::new("/").join(path).components().collect::<PathBuf>().display());
        let made = root.create_dir_all_with(path, Mode::from_raw_mode(0o755), own).with_context(told)?;
        owned.with_context(told)?;
        Ok(made)
    }
}

/// Opens a file if it is an archive, by its content: at its start.
fn archive(item: &Item) -> Result<Option<File>> {
    let (parent, name) = item.place()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut file = File::from(parent.open_file(&name, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut start = Vec::new();
    let decoder = compress::decoder(&file)?;
    // What cannot be decoded is a file that begins like a compressed one by chance.
    if decoder.take(BLOCK as u64).read_to_end(&mut start).is_err() || !begins_archive(&start) {
        return Ok(None);
    }
    file.rewind()?;
    Ok(Some(file))
}

fn look(root: &Dir, path: &Path) -> io::Result<There> {
    match root.open_file(path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(place) if FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode).is_dir() => {
            Ok(There::Directory(Dir::from_fd(place)))
        }
        Ok(_) => Ok(There::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(There::Nothing),
        Err(error) => Err(error),
    }
}
