//! `cp`: between a container and the host, between two containers, and through tar streams.
//!
//! The rules are docker's (moby `pkg/archive/copy.go`): a destination that is a directory takes the source by its
//! name, or its contents where the source ends in `/.`; a link in the last place of a source is copied as a link,
//! and followed in a destination. Both ends are resolved beneath their root once, by descriptor, so a process in
//! the container can neither lead a copy out of it nor make it run anything (CVE-2018-15664, CVE-2019-14271).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatVfsMountFlags, StatxFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::filesystem::Filesystem;
use super::{Engine, events, namespace};
use crate::base::copy::{Clash, Copied, Copier, CopyOptions};
use crate::base::exit::{self, ReaderGone};
use crate::base::hint::HintExt;
use crate::base::idmap::IdMaps;
use crate::layer::compress;
use crate::layer::pack;
use crate::layer::unpack::{Form, Owners, UnpackOptions, unpack};
use crate::sys::path::{Dir, clear_umask};

/// Links followed to find a destination: docker's.
const LINK_LIMIT: u32 = 10;

/// One end of a copy, as the user named it.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// A path of the host, absolute, with the `/` or `/.` that it was written with.
    Host(String),
    /// A path in a container, from its root.
    Container { name: String, path: String },
}

/// What `cp` was asked besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// Keep owners.
    pub archive: bool,
    /// Follow a link in the last place of the source.
    pub follow: bool,
    /// Replace directories by what is none, and the other way round.
    pub overwrite: bool,
}

/// Copies from one end to the other.
pub fn copy(engine: &Engine, from: &End, to: &End, wishes: Wishes) -> Result<Copied> {
    let ids = [id_of(engine, from)?, id_of(engine, to)?];
    let or_gone = |error, id: &String| engine.containers().or_gone(id, error);
    copy_between(engine, (from, to), &ids, wishes).map_err(|error| ids.iter().flatten().fold(error, or_gone))
}

fn copy_between(
    engine: &Engine,
    (from, to): (&End, &End),
    ids: &[Option<String>; 2],
    wishes: Wishes,
) -> Result<Copied> {
    let opened = open_all(engine, ids)?;
    let [from_id, to_id] = ids;
    let find = |id: &Option<String>| opened.iter().find(|(known, _)| Some(known) == id.as_ref());
    let (source, destination) = (find(from_id).map(|(_, found)| found), find(to_id).map(|(_, found)| found));
    // What a program serves is denied to who is in another user namespace than a container that runs with it.
    let opened_running = opened.iter().filter(|(_, found)| found.is_running()).count();
    let running = [destination, source].into_iter().flatten().find(|found| found.is_running());
    let first = running.or(destination).or(source).context("must specify at least one container source")?;
    let to_maps = maps_of(engine, to_id)?;
    // Ids that a container has for itself need not exist in another; in the user's namespace all do.
    let is_strange = to_maps.is_some() || maps_of(engine, from_id)?.is_some();
    let namespace = if is_strange { namespace::open(engine)?.finish()? } else { first.namespace(engine)? };
    let open_strange = |found: Option<&Filesystem>| {
        let opened = found.filter(|_| is_strange).map(|found| found.open_from_outside(engine));
        opened.transpose().context("open the container's files")
    };
    let strange_to = open_strange(destination)?;
    let strange_from = open_strange(source.filter(|_| from_id != to_id))?;
    // New files become the destination's own.
    let owner = to_maps.as_ref().and_then(IdMaps::root).unwrap_or_default();
    let copied = namespace::run_inside(&namespace, || {
        let open = |found: Option<&Filesystem>, strange: &Option<(Dir, _)>| match (strange, found) {
            (Some((root, _)), _) => Ok(root.try_clone()?),
            (None, Some(found)) => {
                let opened = found.open().context("open the container's files");
                // Two that run, each with its own server.
                if opened_running > 1 {
                    opened.hint(|| "copy through a stream: coracle cp FROM - | coracle cp - TO")
                } else {
                    opened
                }
            }
            (None, None) => Ok(Dir::open(Path::new("/"))?),
        };
        let to_root = open(destination, &strange_to)?;
        let from_root = if from_id == to_id { to_root.try_clone()? } else { open(source, &strange_from)? };
        if owner != (0, 0) {
            namespace::become_user(owner)?;
        }
        clear_umask().context("clear the file mode mask")?;
        let (from, to) =
            (Side { root: from_root, end: from.clone() }, Side { root: to_root, end: to.clone() });
        between(&from, &to, owner, wishes)
    })?;
    tell(engine, from_id.as_deref(), "archive-path");
    tell(engine, to_id.as_deref(), "extract-to-dir");
    Ok(copied)
}

fn tell(engine: &Engine, id: Option<&str>, action: &str) {
    if let Some(record) = id.and_then(|id| engine.containers().load(id).ok()) {
        events::container(engine, &record, action, &[]);
    }
}

/// Writes what is at a container's end as a tar archive.
pub fn send(engine: &Engine, from: &End, follow: bool, out: BorrowedFd<'_>) -> Result<()> {
    let out = File::from(out.try_clone_to_owned().context("duplicate a descriptor")?);
    let is_whole = with_side(engine, from, |side| {
        let found = side.find(follow)?;
        let out = BufWriter::with_capacity(1 << 16, &out);
        let name = if found.contents { Path::new(".") } else { Path::new(&found.name) };
        exit::is_whole(match found.source {
            Source::Directory(directory) => pack::pack_directory(directory, name, out),
            Source::Entry(parent, last) => pack::pack_entry(parent.as_fd(), &last, name, out),
            Source::File(file) => pack::pack_file(file, name, out),
        })
    })?;
    if !is_whole {
        return Err(ReaderGone.into());
    }
    tell(engine, id_of(engine, from)?.as_deref(), "archive-path");
    Ok(())
}

/// Unpacks a tar archive, compressed or not, into a directory of a container.
pub fn receive(engine: &Engine, input: BorrowedFd<'_>, to: &End, wishes: Wishes) -> Result<()> {
    let input = File::from(input.try_clone_to_owned().context("duplicate a descriptor")?);
    with_side(engine, to, |side| {
        let Target::Into(directory) = side.target()? else {
            bail!("destination \"{}\" must be a directory", side.shown());
        };
        side.refuse_read_only(&directory)?;
        let directory = Dir::from_fd(list_again(&directory)?);
        let options = UnpackOptions {
            fold_ids: true,
            max_bytes: u64::MAX,
            max_entries: u64::MAX,
            form: Form::Files {
                owners: if wishes.archive { Owners::Archive } else { Owners::Process },
                overwrite: wishes.overwrite,
                root: false,
            },
        };
        let decoder = compress::decoder(&input).context("read the archive")?;
        unpack(BufReader::with_capacity(1 << 18, decoder), &directory, &options).map(drop)
    })?;
    tell(engine, id_of(engine, to)?.as_deref(), "extract-to-dir");
    Ok(())
}

/// Does `work` with one container's files, in its user namespace.
fn with_side<T: Serialize + DeserializeOwned>(
    engine: &Engine,
    end: &End,
    work: impl FnOnce(&Side) -> Result<T>,
) -> Result<T> {
    let End::Container { name, .. } = end else { bail!("must specify at least one container source") };
    engine.containers().with(name, |id| {
        let found = Filesystem::of(engine, id)?;
        let namespace = found.namespace(engine)?;
        namespace::run_inside(&namespace, || {
            clear_umask().context("clear the file mode mask")?;
            work(&Side { root: found.open().context("open the container's files")?, end: end.clone() })
        })
    })
}

fn id_of(engine: &Engine, end: &End) -> Result<Option<String>> {
    match end {
        End::Host(_) => Ok(None),
        End::Container { name, .. } => engine.containers().resolve(name).map(Some),
    }
}

/// The ids of a container, as its record has them; the host has those of the user's namespace.
fn maps_of(engine: &Engine, id: &Option<String>) -> Result<Option<IdMaps>> {
    id.as_ref().map_or(Ok(None), |id| Ok(engine.containers().load(id)?.maps))
}

/// Opens each container once, in the order of their ids: two copies in opposite directions must not wait for each
/// other.
fn open_all(engine: &Engine, ids: &[Option<String>]) -> Result<Vec<(String, Filesystem)>> {
    let mut ids: Vec<&String> = ids.iter().flatten().collect();
    ids.sort();
    ids.dedup();
    ids.into_iter().map(|id| Ok((id.clone(), Filesystem::of(engine, id)?))).collect()
}

/// One end, with the root that its path begins at.
struct Side {
    root: Dir,
    end: End,
}

/// What is copied.
enum Source {
    Directory(OwnedFd),
    /// Anything else, by its place.
    Entry(Dir, OsString),
    /// A file that a link led to.
    File(OwnedFd),
}

/// A source, the name that a directory takes it by, and whether only its contents are meant.
struct Found {
    source: Source,
    name: OsString,
    contents: bool,
}

/// Where a copy goes.
enum Target {
    /// Into a directory that is there.
    Into(Dir),
    /// To a name, of something that is there or of nothing.
    As { parent: Dir, name: OsString, exists: bool },
}

fn between(from: &Side, to: &Side, owner: (u32, u32), wishes: Wishes) -> Result<Copied> {
    let found = from.find(wishes.follow)?;
    let target = to.target()?;
    let is_directory = matches!(found.source, Source::Directory(_));
    let (parent, name) = match target {
        Target::Into(directory) if found.contents => (directory, None),
        Target::Into(directory) => (directory, Some(found.name)),
        Target::As { exists: true, .. } if is_directory && !wishes.overwrite => {
            bail!("cannot copy directory")
        }
        Target::As { exists: false, .. } if !is_directory && to.names_directory() => {
            bail!("no such directory")
        }
        Target::As { parent, name, .. } => (parent, Some(name)),
    };
    to.refuse_read_only(&parent)?;
    let mut copier = Copier::new(CopyOptions {
        owner,
        keep_owner: wishes.archive,
        fold_ids: true,
        keep_special: wishes.archive || matches!(to.end, End::Container { .. }),
        mode: None,
        attributes: false,
        clash: if wishes.overwrite { Clash::Overwrite } else { Clash::RefuseAsCp },
        shown: PathBuf::from(to.path()),
    });
    match (found.source, name) {
        (Source::Directory(from), None) => copier.contents(from, list_again(&parent)?)?,
        (Source::Directory(from), Some(name)) => {
            copier.directory(from, list_again(&parent)?.as_fd(), &name)?
        }
        (Source::Entry(from, last), name) => {
            copier.entry(from.as_fd(), &last, parent.as_fd(), name.as_deref().unwrap_or(&last))?;
        }
        (Source::File(from), name) => {
            let name = name.context("the file has no name")?;
            copier.file(from, parent.as_fd(), &name)?;
        }
    }
    Ok(copier.finish())
}

/// A directory that was found as a place only, opened to be listed and changed.
fn list_again(directory: &Dir) -> Result<OwnedFd> {
    Ok(directory.open_dir("").context("open the destination")?.into())
}

impl Side {
    /// The path as the user wrote it.
    fn path(&self) -> &str {
        match &self.end {
            End::Host(path) | End::Container { path, .. } => path,
        }
    }

    /// Whether the path asks for a directory: it ends in `/` or `/.`.
    fn names_directory(&self) -> bool {
        let path = self.path();
        path.is_empty() || path.ends_with('/') || self.names_contents()
    }

    fn names_contents(&self) -> bool {
        let path = self.path();
        path == "." || path.ends_with("/.")
    }

    /// Finds what is to be copied.
    fn find(&self, follow: bool) -> Result<Found> {
        let clean = clean(self.path());
        let Some(name) = clean.file_name().map(OsStr::to_owned) else {
            let root = self.root.open_dir("").context("open the root directory")?;
            return Ok(Found {
                source: Source::Directory(root.into()),
                name: OsString::new(),
                contents: true,
            });
        };
        let fail = |error| self.not_found(error, &clean);
        let contents = self.names_contents();
        let found = |source| Ok(Found { source, name, contents });
        if self.names_directory() {
            return found(Source::Directory(self.root.open_dir(relative(&clean)).map_err(fail)?.into()));
        }
        let (parent, last) = self.root.parent_of(relative(&clean)).map_err(fail)?;
        let stat = parent.stat(&last).map_err(fail)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => found(Source::Directory(open_child(&parent, &last)?)),
            FileType::Symlink if follow => found(self.follow(&clean)?),
            FileType::RegularFile | FileType::Symlink | FileType::Fifo => found(Source::Entry(parent, last)),
            _ => bail!("copy {}: devices and sockets cannot be copied", clean.display()),
        }
    }

    /// Opens what a link leads to, in-root.
    fn follow(&self, path: &Path) -> Result<Source> {
        let fail = |error| self.not_found(error, path);
        let place = self.root.locate(relative(path)).map_err(fail)?;
        match FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode) {
            FileType::Directory => {
                Ok(Source::Directory(self.root.open_dir(relative(path)).map_err(fail)?.into()))
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
                let file = self.root.open_file(relative(path), flags, Mode::empty()).map_err(fail)?;
                match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
                    FileType::RegularFile => Ok(Source::File(file)),
                    _ => bail!("copy {}: it was replaced while it was read", path.display()),
                }
            }
            _ => bail!("copy {}: it leads to what is neither a file nor a directory", path.display()),
        }
    }

    /// Finds where a copy goes; a link in the last place is followed, also one that leads nowhere yet.
    fn target(&self) -> Result<Target> {
        let mut path = clean(self.path());
        for _ in 0..=LINK_LIMIT {
            let Some(Component::Normal(_)) = path.components().next_back() else {
                return Ok(Target::Into(self.root.try_clone()?));
            };
            let above = path.parent().unwrap_or(Path::new("/")).to_owned();
            let (parent, name) =
                self.root.parent_of(relative(&path)).map_err(|error| self.no_parent(error, &above))?;
            let stat = match parent.stat(&name) {
                Ok(stat) => stat,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Target::As { parent, name, exists: false });
                }
                Err(error) => return Err(self.not_found(error, &path)),
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => return Ok(Target::Into(Dir::from_fd(open_child(&parent, &name)?))),
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(&parent, &name, Vec::new()).context("read a link")?;
                    path = clean_path(&above.join(OsString::from_vec(target.into_bytes())));
                }
                FileType::RegularFile if self.names_directory() => {
                    bail!("{}: not a directory", self.shown());
                }
                FileType::CharacterDevice | FileType::BlockDevice => bail!(self.device()),
                _ => return Ok(Target::As { parent, name, exists: true }),
            }
        }
        bail!("too many symlinks in {}", self.path())
    }

    /// Says what read-only thing is in the way before anything is tried: docker's words.
    fn refuse_read_only(&self, directory: &Dir) -> Result<()> {
        let End::Container { .. } = self.end else { return Ok(()) };
        let vfs = rustix::fs::fstatvfs(directory).context("inspect the destination")?;
        if !vfs.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Ok(());
        }
        // A volume may be on the filesystem of the root, where that is a directory.
        let mount = |dir: &Dir| {
            let found = rustix::fs::statx(dir, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
            found.map(|found| found.stx_mnt_id)
        };
        match mount(directory)? == mount(&self.root)? {
            true => bail!("container rootfs is marked read-only"),
            false => bail!("mounted volume is marked read-only"),
        }
    }

    /// The end as messages name it.
    fn shown(&self) -> String {
        match &self.end {
            End::Host(path) => path.clone(),
            End::Container { name, path } => format!("{name}:{path}"),
        }
    }

    fn not_found(&self, error: io::Error, path: &Path) -> anyhow::Error {
        match (&self.end, error.kind()) {
            (End::Container { name, .. }, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                anyhow!("Could not find the file {} in container {name}", path.display())
            }
            (End::Host(_), io::ErrorKind::NotFound) => {
                anyhow!("lstat {}: no such file or directory", path.display())
            }
            (End::Host(_), io::ErrorKind::NotADirectory) => {
                anyhow!("lstat {}: not a directory", path.display())
            }
            _ => anyhow::Error::from(error).context(format!("open {}", path.display())),
        }
    }

    fn no_parent(&self, error: io::Error, above: &Path) -> anyhow::Error {
        match (&self.end, error.kind()) {
            (End::Host(_), io::ErrorKind::NotFound) => {
                anyhow!("invalid output path: directory {:?} does not exist", above.display().to_string())
            }
            _ => self.not_found(error, above),
        }
    }

    fn device(&self) -> String {
        let must = "must be a directory or a regular file: got a device";
        match &self.end {
            End::Host(path) => format!("invalid output path: {path:?} {must}"),
            End::Container { .. } => format!("destination \"{}\" {must}", self.shown()),
        }
    }
}

fn open_child(parent: &Dir, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty()).with_context(|| format!("open {}", name.display()))
}

/// A path from the root, without `.` and `..`, as Go's `filepath.Clean` has it: before any link is looked at.
fn clean(path: &str) -> PathBuf {
    clean_path(Path::new(path))
}

fn clean_path(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_clean_before_links_are_looked_at() {
        for (path, want) in
            [("", "/"), ("/", "/"), ("a/b/", "/a/b"), ("/a/./b/.", "/a/b"), ("/a/../../b", "/b"), ("..", "/")]
        {
            assert_eq!(clean(path), Path::new(want), "{path:?}");
        }
    }

    #[test]
    fn endings() {
        for (path, directory, contents) in [
            ("/a", false, false),
            ("/a/", true, false),
            ("/a/.", true, true),
            (".", true, true),
            ("/a/..", false, false),
            ("/a/b.", false, false),
        ] {
            let end = End::Host(path.to_owned());
            let side = Side { root: Dir::open(Path::new("/")).unwrap(), end };
            assert_eq!((side.names_directory(), side.names_contents()), (directory, contents), "{path}");
        }
    }
}
