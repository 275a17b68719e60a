//! Directory handles beneath which a path cannot leave.
//!
//! Every path is resolved by `openat2(2)` (Linux 5.6) with `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`: links and
//! `..` are followed as `chroot(2)` would, so `/var/run -> /run` works, and a link of a stranger's making never
//! points outside. What was resolved is used through its descriptor, never by name again (the class of
//! CVE-2021-30465 and CVE-2025-31133).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use rustix::thread::CapabilitiesSecureBits;

/// Links followed before a path counts as a loop: the kernel's `MAXSYMLINKS`.
const LINK_LIMIT: u32 = 40;

/// `openat2` answers `EAGAIN` where a rename anywhere raced with a `..`; the manual says to try again.
const RACE_LIMIT: u32 = 1000;

/// The path at which something open is seen from here, as it is called by now.
pub fn path_of(fd: BorrowedFd<'_>) -> io::Result<PathBuf> {
    let link = rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new())?;
    Ok(OsString::from_vec(link.into_bytes()).into())
}

/// A directory, and the root of every path that is resolved through it.
#[derive(Debug)]
pub struct Dir(OwnedFd);

impl Dir {
    /// Opens a directory by a path of the host that is trusted: its links are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
    }

    /// Takes over a descriptor of a directory.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// A second handle of the same directory.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Opens what `rel` names beneath this directory. `flags` gain `O_CLOEXEC`; without `O_NOFOLLOW` a link in
    /// the last place is followed too, in-root.
    pub fn open_file(&self, rel: impl AsRef<Path>, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let rel = rel.as_ref();
        let path = if rel.as_os_str().is_empty() { Path::new(".") } else { rel };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..RACE_LIMIT {
            match rustix::fs::openat2(&self.0, path, flags | OFlags::CLOEXEC, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
        Err(Errno::AGAIN.into())
    }

    /// Opens a directory beneath this one, so that it can be listed, changed and synced.
    pub fn open_dir(&self, rel: impl AsRef<Path>) -> io::Result<Self> {
        self.open_file(rel, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).map(Self)
    }

    /// Opens a directory beneath this one as a place only (`O_PATH`): needs no permission to read it.
    pub fn locate_dir(&self, rel: impl AsRef<Path>) -> io::Result<Self> {
        self.open_file(rel, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).map(Self)
    }

    /// Opens anything beneath this directory as a place only, following links in-root: to mount on it, or to
    /// look at it.
    pub fn locate(&self, rel: impl AsRef<Path>) -> io::Result<OwnedFd> {
        self.open_file(rel, OFlags::PATH, Mode::empty())
    }

    /// Finds the directory that holds the last component of `rel`, and that component, which is not looked up.
    /// A path without one (`/`, `.`, `a/..`) is `EINVAL`.
    pub fn parent_of(&self, rel: impl AsRef<Path>) -> io::Result<(Self, OsString)> {
        let rel = rel.as_ref();
        let Some(Component::Normal(name)) = rel.components().next_back() else {
            return Err(Errno::INVAL.into());
        };
        let parent = self.locate_dir(rel.parent().unwrap_or(Path::new(".")))?;
        Ok((parent, name.to_owned()))
    }

    /// Makes a directory and every missing one above it, in-root, and opens it. A link that points nowhere is
    /// followed by making its target, as mounting on `/var/run` must where an image has no `/run`.
    pub fn create_dir_all(&self, rel: impl AsRef<Path>, mode: Mode) -> io::Result<Self> {
        self.create_dir_all_with(rel, mode, |_, _| {})
    }

    /// The same; `made` is called with the parent and the name of every directory that was made.
    pub fn create_dir_all_with(
        &self,
        rel: impl AsRef<Path>,
        mode: Mode,
        mut made: impl FnMut(&Self, &OsStr),
    ) -> io::Result<Self> {
        match self.open_dir(rel.as_ref()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        let mut rest = components(rel.as_ref());
        let mut done = PathBuf::from(".");
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            let next = done.join(&name);
            match self.locate_dir(&next) {
                Ok(_) => done = next,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match self.make_or_read_link(&done, &name, mode, &mut made)? {
                        None => done = next,
                        Some(target) => {
                            links += 1;
                            if links > LINK_LIMIT {
                                return Err(Errno::LOOP.into());
                            }
                            if target.is_absolute() {
                                done = PathBuf::from(".");
                            }
                            for name in components(&target).into_iter().rev() {
                                rest.push_front(name);
                            }
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.open_dir(done)
    }

    /// Makes a directory of this name; where a dangling link has it, returns where that points.
    fn make_or_read_link(
        &self,
        parent: &Path,
        name: &OsStr,
        mode: Mode,
        made: &mut impl FnMut(&Self, &OsStr),
    ) -> io::Result<Option<PathBuf>> {
        let parent = self.locate_dir(parent)?;
        match rustix::fs::mkdirat(&parent.0, name, mode) {
            Ok(()) => {
                made(&parent, name);
                return Ok(None);
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        match rustix::fs::readlinkat(&parent.0, name, Vec::new()) {
            Ok(target) => Ok(Some(OsString::from_vec(target.into_bytes()).into())),
            // Somebody else made the directory meanwhile.
            Err(Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds the path, beneath this directory, of what `rel` leads to: one without links. From where nothing is, the
    /// rest is taken as it is written.
    pub fn resolve(&self, rel: impl AsRef<Path>) -> io::Result<PathBuf> {
        let mut rest = components(rel.as_ref());
        let mut done = PathBuf::new();
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&name);
            match self.read_link(&next) {
                Ok(Some(target)) => {
                    links += 1;
                    if links > LINK_LIMIT {
                        return Err(Errno::LOOP.into());
                    }
                    if target.is_absolute() {
                        done = PathBuf::new();
                    }
                    for name in components(&target).into_iter().rev() {
                        rest.push_front(name);
                    }
                }
                Ok(None) => done = next,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    done = next;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Where a link points; `None` for what is no link.
    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let place = self.open_file(path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
        match rustix::fs::readlinkat(&place, "", Vec::new()) {
            Ok(target) => Ok(Some(OsString::from_vec(target.into_bytes()).into())),
            // The answer for what is no link (readlink(2)).
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Inspects an entry of this directory, given by one component, without following it.
    pub fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Removes an entry of this directory, given by one component, with everything beneath it. Nothing is
    /// followed, and what is already gone is no error.
    pub fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        let mut deep = VecDeque::new();
        remove_beneath(self.as_fd(), self.as_fd(), name, 0, &mut deep)?;
        while let Some(name) = deep.pop_front() {
            remove_beneath(self.as_fd(), self.as_fd(), &name, 0, &mut deep)?;
        }
        Ok(())
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Dir> for OwnedFd {
    fn from(dir: Dir) -> Self {
        dir.0
    }
}

/// The names of a path, with `..` kept: the kernel resolves it, since before it there may be a link.
fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

/// Directories nested deeper than this are moved up before they are removed: one descriptor is held per level,
/// and a stranger's tree may be deeper than their number is allowed to be.
const REMOVE_DEPTH: u32 = 64;

/// Removes `name` in `parent`. What lies too deep is renamed into `top` and its new name put into `deep`.
fn remove_beneath(
    top: BorrowedFd<'_>,
    parent: BorrowedFd<'_>,
    name: &OsStr,
    depth: u32,
    deep: &mut VecDeque<OsString>,
) -> io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // POSIX has EPERM for a directory, Linux EISDIR.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    if depth == REMOVE_DEPTH {
        deep.push_back(move_up(top, parent, name)?);
        return Ok(());
    }
    let dir = match open_to_empty(parent, name) {
        // Somebody else removes the same tree.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        dir => dir?,
    };
    // A name may be skipped where a directory changes while it is read, so empty it until it is.
    for _ in 0..RACE_LIMIT {
        for entry in rustix::fs::Dir::read_from(&dir)? {
            let entry = entry?;
            let child = OsStr::from_bytes(entry.file_name().to_bytes());
            if child != "." && child != ".." {
                remove_beneath(top, dir.as_fd(), child, depth + 1, deep)?;
            }
        }
        match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::NOTEMPTY.into())
}

/// Renames a directory into `top` under a name that is free there.
fn move_up(top: BorrowedFd<'_>, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OsString> {
    for number in 0..u32::MAX {
        let free = OsString::from(format!(".removed-{}-{number}", std::process::id()));
        match rustix::fs::renameat_with(parent, name, top, &free, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(free),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::EXIST.into())
}

/// Opens a directory whose entries are to be removed, whatever its mode says: the owner may change that.
fn open_to_empty(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(parent, name, flags, Mode::empty());
    let dir = match open() {
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            open()?
        }
        result => result?,
    };
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&dir)?.st_mode);
    if !mode.contains(Mode::RWXU) {
        rustix::fs::fchmod(&dir, Mode::RWXU)?;
    }
    Ok(dir)
}

/// Gives the calling thread a file mode creation mask of its own and clears it, so that modes are what is asked
/// for. The mask is shared by the threads of a process until then (`clone(2)`, `CLONE_FS`), and so is the
/// working directory: call it in a thread that is made for the work.
pub fn clear_umask() -> io::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS)?;
    rustix::process::umask(Mode::empty());
    Ok(())
}

/// Lets the calling thread, which is root of its user namespace, keep its capabilities while it creates files as
/// others: [`create_as`].
pub fn keep_capabilities() -> io::Result<()> {
    Ok(rustix::thread::set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP)?)
}

/// Whatever the calling thread creates from now on belongs to this user and this group (`setfsuid(2)`): a journal has
/// one entry less to write for each than after a change of owner.
pub fn create_as(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setfsuid(uid);
    setfsgid(gid);
    // The calls tell nothing but what was before.
    if (setfsuid(uid), setfsgid(gid)) == (uid, gid) { Ok(()) } else { Err(Errno::PERM.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn scratch() -> (tempfile::TempDir, Dir) {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        (scratch, dir)
    }

    #[test]
    fn links_stay_inside() {
        let (scratch, dir) = scratch();
        fs::create_dir_all(scratch.path().join("run")).unwrap();
        fs::create_dir_all(scratch.path().join("var")).unwrap();
        symlink("/run", scratch.path().join("var/run")).unwrap();
        symlink("../../../../../../etc", scratch.path().join("out")).unwrap();
        fs::write(scratch.path().join("run/pid"), "7").unwrap();
        let read = |path: &str| dir.open_file(path, OFlags::RDONLY, Mode::empty());
        assert!(read("var/run/pid").is_ok());
        assert!(read("/var/run/pid").is_ok());
        assert!(read("../../var/run/pid").is_ok());
        assert_eq!(read("out/passwd").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(read("/proc/self/exe").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn parents() {
        let (scratch, dir) = scratch();
        fs::create_dir(scratch.path().join("a")).unwrap();
        for (path, name) in [("a/b", "b"), ("/a/b/", "b"), ("c", "c"), ("a/./b", "b")] {
            assert_eq!(dir.parent_of(path).unwrap().1, name, "{path}");
        }
        for path in ["", "/", ".", "a/..", ".."] {
            assert!(dir.parent_of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn makes_what_a_dangling_link_names() {
        let (scratch, dir) = scratch();
        fs::create_dir(scratch.path().join("var")).unwrap();
        symlink("../run", scratch.path().join("var/run")).unwrap();
        symlink("/nowhere/at/all", scratch.path().join("var/abs")).unwrap();
        symlink("loop", scratch.path().join("loop")).unwrap();
        dir.create_dir_all("var/run/app/x", Mode::RWXU).unwrap();
        assert!(scratch.path().join("run/app/x").is_dir());
        dir.create_dir_all("/var/abs/y", Mode::RWXU).unwrap();
        assert!(scratch.path().join("nowhere/at/all/y").is_dir());
        assert!(dir.create_dir_all("loop/z", Mode::RWXU).is_err());
        fs::write(scratch.path().join("file"), "").unwrap();
        assert_eq!(
            dir.create_dir_all("file/z", Mode::RWXU).unwrap_err().kind(),
            io::ErrorKind::NotADirectory
        );
    }

    #[test]
    fn paths_without_links() {
        let (scratch, dir) = scratch();
        fs::create_dir_all(scratch.path().join("data/in")).unwrap();
        symlink("../data", scratch.path().join("link")).unwrap();
        symlink("/data/in", scratch.path().join("data/abs")).unwrap();
        symlink("../../../../../none/x", scratch.path().join("dangling")).unwrap();
        symlink("loop", scratch.path().join("loop")).unwrap();
        for (path, want) in [
            ("/", ""),
            ("link", "data"),
            ("/link/abs/file", "data/in/file"),
            ("link/../link/in", "data/in"),
            ("../../data", "data"),
            ("dangling", "none/x"),
            ("none/a/../b", "none/b"),
        ] {
            assert_eq!(dir.resolve(path).unwrap(), Path::new(want), "{path}");
        }
        assert!(dir.resolve("loop/x").is_err());
    }

    #[test]
    fn removes_trees_deeper_than_descriptors() {
        let (scratch, dir) = scratch();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "").unwrap();
        let mut at = dir.create_dir_all("tree", Mode::RWXU).unwrap();
        for _ in 0..3000 {
            rustix::fs::symlinkat(outside.path(), &at, "link").unwrap();
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = at.open_dir("d").unwrap();
        }
        rustix::fs::fchmod(&at, Mode::empty()).unwrap();
        dir.remove_all(OsStr::new("tree")).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        assert!(outside.path().join("kept").exists());
        dir.remove_all(OsStr::new("tree")).unwrap();
    }

    #[test]
    fn umask_is_the_thread_s_own() {
        let scratch = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            fs::DirBuilder::new().create(scratch.path().join(name)).unwrap();
            fs::metadata(scratch.path().join(name)).unwrap().permissions().mode() & 0o777
        };
        let before = make("before");
        let inside = std::thread::scope(|scope| {
            scope.spawn(|| clear_umask().map(|()| make("inside"))).join().unwrap().unwrap()
        });
        assert_eq!(inside, 0o777);
        assert_eq!(make("after"), before);
    }
}
