//! Packs a directory into a tar stream: a container's whole filesystem, or what an overlay's upper directory adds
//! to the layers below, as a layer of an image.
//!
//! Source: OCI image-spec v1.1 `layer.md`. The same directory always gives the same bytes: names in the order of
//! their bytes, times in whole seconds as docker's, owners as the user namespace of this process has them. The
//! directory may be a container's that runs: nothing is followed or waited for, and a file that shrinks meanwhile
//! is filled up with zeros, as tar(1) does.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use tar::{EntryType, Header};

use super::whiteout;
use crate::base::idmap::IdMaps;
use crate::base::walk::{FileId, Step, Walk};
use crate::base::xattr;

/// What the directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form<'a> {
    /// Files and nothing else.
    Files,
    /// An overlay's upper directory: whiteouts and opaque directories are orders to the layers below.
    Upper,
    /// Files of which only those that are not skipped have changed; of the layers below those are `gone`, by their
    /// path beneath the top.
    Changes { gone: &'a BTreeSet<PathBuf> },
}

impl Form<'_> {
    fn is_layer(self) -> bool {
        self != Self::Files
    }
}

/// What was packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of file data.
    pub bytes: u64,
    pub entries: u64,
    /// Sockets and devices.
    pub skipped: u64,
}

const BLOCK: u64 = 512;
const BUFFER: usize = 256 << 10;
/// What every reader of layers takes as a path (Linux' `PATH_MAX`).
const PATH_LIMIT: usize = 4096;

/// Packs what is in `top`, each name after `prefix`. `skip` leaves out names, by their path beneath `top`, with
/// all that is beneath them; `maps` says what the owners are called in the archive, and has all of them.
pub fn pack(
    top: OwnedFd,
    prefix: &Path,
    form: Form<'_>,
    out: impl Write,
    skip: impl Fn(&Path) -> bool,
    maps: Option<&IdMaps>,
) -> Result<Packed> {
    let mut packer = Packer { maps, ..Packer::new(out, form) };
    packer.tree(top, prefix, skip)?;
    packer.finish()
}

/// Packs one directory under the name `name`, with all in it.
pub fn pack_directory(directory: OwnedFd, name: &Path, mut out: impl Write) -> Result<Packed> {
    let packed = pack_part(directory, name, &mut out)?;
    end(out)?;
    Ok(packed)
}

/// The same, as a part of an archive: what comes after it is another one, or its [`end`].
pub fn pack_part(directory: OwnedFd, name: &Path, out: impl Write) -> Result<Packed> {
    let mut packer = Packer::new(out, Form::Files);
    let stat = rustix::fs::fstat(&directory).context("inspect the directory")?;
    packer.directory(directory.as_fd(), name, &stat)?;
    packer.tree(directory, name, |_| false)?;
    Ok(packer.packed)
}

/// Ends an archive.
pub fn end(mut out: impl Write) -> Result<()> {
    out.write_all(&[0; 2 * BLOCK as usize]).context("write the archive")?;
    out.flush().context("write the archive")
}

/// Packs one thing that is no directory, under the name `name`.
pub fn pack_entry(parent: BorrowedFd<'_>, last: &OsStr, name: &Path, out: impl Write) -> Result<Packed> {
    let mut packer = Packer::new(out, Form::Files);
    let last = CString::new(last.as_bytes()).context("the name has a null byte")?;
    let stat = rustix::fs::statat(parent, &last, AtFlags::SYMLINK_NOFOLLOW).context("inspect the file")?;
    packer.leaf(parent, &last, name, &stat)?;
    packer.finish()
}

/// Packs an open file, under the name `name`.
pub fn pack_file(file: OwnedFd, name: &Path, out: impl Write) -> Result<Packed> {
    let mut packer = Packer::new(out, Form::Files);
    packer.file(&File::from(file), name)?;
    packer.finish()
}

struct Packer<'a, W> {
    out: W,
    /// From the ids of this process to those of the archive.
    maps: Option<&'a IdMaps>,
    form: Form<'a>,
    /// The first name of each file that has several.
    links: HashMap<FileId, Vec<u8>>,
    packed: Packed,
}

impl<'a, W: Write> Packer<'a, W> {
    fn new(out: W, form: Form<'a>) -> Self {
        Self { out, maps: None, form, links: HashMap::new(), packed: Packed::default() }
    }

    fn finish(mut self) -> Result<Packed> {
        end(&mut self.out)?;
        Ok(self.packed)
    }

    fn tree(&mut self, top: OwnedFd, prefix: &Path, skip: impl Fn(&Path) -> bool) -> Result<()> {
        let mut walk = Walk::new(top).context("list the directory")?;
        let stat = rustix::fs::fstat(walk.here()).context("inspect the directory")?;
        self.gone(Path::new(""), prefix, &stat)?;
        while let Some(step) = walk.next().with_context(|| format!("pack {}", walk.path().display()))? {
            let Step::Entry(entry) = step else { continue };
            let path = walk.path_of(&entry.name);
            if skip(&path) || self.form == Form::Upper && whiteout::is_reserved(&entry.name) {
                continue;
            }
            let stat = match rustix::fs::statat(walk.here(), &entry.name, AtFlags::SYMLINK_NOFOLLOW) {
                // Gone since it was listed.
                Err(rustix::io::Errno::NOENT) => continue,
                stat => stat.with_context(|| format!("pack {}", path.display()))?,
            };
            let name = prefix.join(&path);
            let mut one = || {
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    walk.enter(&entry.name).context("open")?;
                    let stat = rustix::fs::fstat(walk.here()).context("inspect")?;
                    self.directory(walk.here(), &name, &stat)?;
                    self.gone(&path, &name, &stat)
                } else {
                    self.leaf(walk.here(), &entry.name, &name, &stat)
                }
            };
            one().with_context(|| format!("pack {}", path.display()))?;
        }
        Ok(())
    }

    fn directory(&mut self, directory: BorrowedFd<'_>, name: &Path, stat: &Stat) -> Result<()> {
        let mut path = name.as_os_str().as_bytes().to_vec();
        path.push(b'/');
        let xattrs = packed_xattrs(directory);
        self.entry(EntryType::Directory, &path, b"", stat, 0, &xattrs)?;
        if self.form == Form::Upper && whiteout::is_opaque_change(directory)? {
            path.extend_from_slice(b".wh..wh..opq");
            self.marker(&path, stat)?;
        }
        Ok(())
    }

    /// Writes what is gone of one directory, before what is in it.
    fn gone(&mut self, path: &Path, name: &Path, stat: &Stat) -> Result<()> {
        let Form::Changes { gone } = self.form else { return Ok(()) };
        let beneath = gone.range(path.to_owned()..).take_while(|other| other.starts_with(path));
        for last in beneath.filter(|other| other.parent() == Some(path)).filter_map(|other| other.file_name())
        {
            let hidden = [b".wh.", last.as_bytes()].concat();
            self.marker(name.join(OsStr::from_bytes(&hidden)).as_os_str().as_bytes(), stat)?;
        }
        Ok(())
    }

    fn leaf(&mut self, parent: BorrowedFd<'_>, last: &CStr, name: &Path, stat: &Stat) -> Result<()> {
        let path = name.as_os_str().as_bytes();
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                if stat.st_nlink > 1
                    && let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)).cloned()
                {
                    return self.entry(EntryType::Link, path, &first, stat, 0, &[]);
                }
                let flags =
                    OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let file = rustix::fs::openat(parent, last, flags, Mode::empty()).context("open")?;
                self.file(&file.into(), name)
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, last, Vec::new()).context("read the link")?;
                self.entry(EntryType::Symlink, path, target.as_bytes(), stat, 0, &[])
            }
            FileType::Fifo => self.entry(EntryType::Fifo, path, b"", stat, 0, &[]),
            FileType::CharacterDevice if self.form == Form::Upper && whiteout::is_whiteout(stat) => {
                let hidden = [b".wh.", last.to_bytes()].concat();
                self.marker(name.with_file_name(OsStr::from_bytes(&hidden)).as_os_str().as_bytes(), stat)
            }
            FileType::Directory => bail!("it became a directory while it was read"),
            _ => {
                self.packed.skipped += 1;
                Ok(())
            }
        }
    }

    /// A name whose presence is the message.
    fn marker(&mut self, path: &[u8], stat: &Stat) -> Result<()> {
        let mut plain = *stat;
        plain.st_mode = FileType::RegularFile.as_raw_mode() | 0o600;
        (plain.st_uid, plain.st_gid) = (0, 0);
        self.entry(EntryType::Regular, path, b"", &plain, 0, &[])
    }

    fn file(&mut self, file: &File, name: &Path) -> Result<()> {
        let stat = rustix::fs::fstat(file).context("inspect")?;
        ensure!(
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
            "it was replaced while it was read"
        );
        let path = name.as_os_str().as_bytes();
        if stat.st_nlink > 1 {
            self.links.insert((stat.st_dev, stat.st_ino), path.to_vec());
        }
        let size = stat.st_size.unsigned_abs();
        let xattrs = packed_xattrs(file.as_fd());
        self.entry(EntryType::Regular, path, b"", &stat, size, &xattrs)?;
        self.packed.bytes += size;
        let mut rest = file.take(size);
        let copied = copy(&mut rest, &mut self.out).context("read")?;
        let missing = size - copied + (BLOCK - size % BLOCK) % BLOCK;
        io::copy(&mut io::repeat(0).take(missing), &mut self.out).context("write the archive")?;
        Ok(())
    }

    /// Writes a header, with an extended one before it where the plain one has no room.
    fn entry(
        &mut self,
        kind: EntryType,
        path: &[u8],
        link: &[u8],
        stat: &Stat,
        size: u64,
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<()> {
        if self.form.is_layer() {
            ensure!(path.len() <= PATH_LIMIT, "the name is longer than {PATH_LIMIT} bytes");
        }
        let mut extended = Extended::default();
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(stat.st_mode & 0o7777);
        let small = |key: &str, value: u64, limit: u64, extended: &mut Extended| {
            if value < limit {
                return value;
            }
            extended.add(key, value.to_string().as_bytes());
            0
        };
        let (uid, gid) = self.owner(stat);
        header.set_uid(small("uid", uid.into(), 1 << 21, &mut extended));
        header.set_gid(small("gid", gid.into(), 1 << 21, &mut extended));
        header.set_size(small("size", size, 1 << 33, &mut extended));
        match u64::try_from(stat.st_mtime).ok().filter(|time| *time < 1 << 33) {
            Some(time) => header.set_mtime(time),
            None => extended.add("mtime", stat.st_mtime.to_string().as_bytes()),
        }
        let ustar = header.as_ustar_mut().context("make a header")?;
        put_name(&mut ustar.name, path, "path", &mut extended);
        put_name(&mut ustar.linkname, link, "linkpath", &mut extended);
        for (name, value) in xattrs {
            extended.add(&format!("SCHILY.xattr.{}", String::from_utf8_lossy(name)), value);
        }
        header.set_cksum();
        self.packed.entries += 1;
        self.write_extended(&extended.records)?;
        self.out.write_all(header.as_bytes()).context("write the archive")
    }

    /// The owner in the archive. One that the container cannot have made is root.
    fn owner(&self, stat: &Stat) -> (u32, u32) {
        match self.maps {
            Some(maps) => (
                maps.uids.inside(stat.st_uid).unwrap_or_default(),
                maps.gids.inside(stat.st_gid).unwrap_or_default(),
            ),
            None => (stat.st_uid, stat.st_gid),
        }
    }

    fn write_extended(&mut self, records: &[u8]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_path("PaxHeaders.0/entry").context("make a header")?;
        header.set_size(records.len() as u64);
        header.set_cksum();
        let padding = records.len().next_multiple_of(BLOCK as usize) - records.len();
        let parts = [header.as_bytes().as_slice(), records, &[0; BLOCK as usize][..padding]];
        parts.iter().try_for_each(|part| self.out.write_all(part)).context("write the archive")
    }
}

/// The attributes that belong into an archive, in the order of their names.
pub fn packed_xattrs(file: BorrowedFd<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    xattr::read(file, is_packed)
}

/// Attributes that mean the same elsewhere: docker's choice.
fn is_packed(name: &[u8]) -> bool {
    (name == b"security.capability" || name.starts_with(b"user.")) && xattr::is_kept(name)
}

/// Copies until the end, in large pieces; returns how much there was.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(n) => {
                to.write_all(&buffer[..n])?;
                copied += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A name goes into the plain header if it is short and plain, as Go's writer decides.
fn put_name(field: &mut [u8], name: &[u8], key: &str, extended: &mut Extended) {
    let fits = name.len() <= field.len() && name.is_ascii();
    if !fits {
        extended.add(key, name);
    }
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name[..length]);
}

/// Records of an extended header (POSIX pax).
#[derive(Default)]
struct Extended {
    records: Vec<u8>,
}

impl Extended {
    /// Adds `length key=value`; the length counts itself.
    fn add(&mut self, key: &str, value: &[u8]) {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        self.records.extend_from_slice(format!("{length} {key}=").as_bytes());
        self.records.extend_from_slice(value);
        self.records.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::unpack::{UnpackOptions, unpack};
    use crate::sys::path::Dir;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn pack_all(path: &Path, form: Form) -> Vec<u8> {
        let mut tar = Vec::new();
        pack(Dir::open(path).unwrap().into(), Path::new(""), form, &mut tar, |_| false, None).unwrap();
        tar
    }

    #[test]
    fn what_is_packed_is_unpacked_the_same() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        let long = "ä".repeat(80) + &"n".repeat(60);
        fs::create_dir_all(from.join("d").join(&long)).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("d").join(&long).join("file"), "content").unwrap();
        fs::write(from.join("a\nb"), vec![7; 700_000]).unwrap();
        fs::hard_link(from.join("a\nb"), from.join("d/second")).unwrap();
        fs::set_permissions(from.join("a\nb"), fs::Permissions::from_mode(0o4751)).unwrap();
        symlink("x".repeat(150), from.join("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, from.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        // The first bytes of an attribute may be anything.
        let has_xattrs =
            rustix::fs::setxattr(from.join("d"), "user.a", b"\n1=\0", rustix::fs::XattrFlags::empty());
        let tar = pack_all(&from, Form::Files);
        assert_eq!(tar.len() % 512, 0);
        let options =
            UnpackOptions { fold_ids: true, max_bytes: 1 << 20, max_entries: 100, form: Default::default() };
        unpack(&tar[..], &Dir::open(&to).unwrap(), &options).unwrap();
        assert_eq!(fs::read(to.join("d").join(&long).join("file")).unwrap(), b"content");
        let (first, second) =
            (fs::metadata(to.join("a\nb")).unwrap(), fs::metadata(to.join("d/second")).unwrap());
        assert_eq!((first.len(), first.ino(), first.mode() & 0o7777), (700_000, second.ino(), 0o4751));
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new(&"x".repeat(150)));
        if has_xattrs.is_ok() {
            let mut value = [0; 16];
            assert_eq!(rustix::fs::getxattr(to.join("d"), "user.a", &mut value).unwrap(), 4);
        }
        assert_eq!(pack_all(&to, Form::Files), tar, "the same bytes again");
    }

    #[test]
    fn whiteouts_are_orders_in_a_layer_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path();
        fs::create_dir(path.join("opaque")).unwrap();
        let dir = Dir::open(path).unwrap();
        if whiteout::create(&dir, b"gone").is_err()
            || whiteout::make_opaque(dir.open_dir("opaque").unwrap()).is_err()
        {
            return;
        }
        let names = |form| {
            let tar = pack_all(path, form);
            let mut archive = tar::Archive::new(&tar[..]);
            let entries =
                archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
            entries.collect::<Vec<_>>()
        };
        assert_eq!(names(Form::Upper), [".wh.gone", "opaque/", "opaque/.wh..wh..opq"]);
        assert_eq!(names(Form::Files), ["opaque/"]);
    }

    #[test]
    fn large_numbers_have_room() {
        let mut packer = Packer::new(Vec::new(), Form::Files);
        let mut stat = rustix::fs::stat("/").unwrap();
        (stat.st_uid, stat.st_mtime) = (3_000_000_000, -5);
        packer.entry(EntryType::Regular, b"big", b"", &stat, 1 << 34, &[]).unwrap();
        let text = String::from_utf8_lossy(&packer.out).into_owned();
        for record in ["18 uid=3000000000\n", "20 size=17179869184\n", "12 mtime=-5\n"] {
            assert!(text.contains(record), "{record} in {text}");
        }
    }
}
