//! Layers as a hostile, or only a strange, archive would make them: each is unpacked beside a file that must not
//! change.

use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tar::{EntryType, Header};

use super::unpack::{Form, UnpackOptions, Unpacked, unpack};
use crate::sys::path::{Dir, clear_umask};

const OPTIONS: UnpackOptions =
    UnpackOptions { fold_ids: false, max_bytes: 1 << 20, max_entries: 1000, form: Form::Layer };

/// An archive in the making, of raw headers: the `tar` crate's builder refuses to write most of what is here.
#[derive(Default, Clone)]
struct Archive(Vec<u8>);

impl Archive {
    fn add(
        mut self,
        kind: u8,
        path: &str,
        link: &str,
        content: &[u8],
        change: impl FnOnce(&mut Header),
    ) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(EntryType::new(kind));
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.add(b'0', path, "", content.as_bytes(), |_| {})
    }

    fn directory(self, path: &str) -> Self {
        self.add(b'5', path, "", b"", |header| header.set_mode(0o755))
    }

    fn symlink(self, path: &str, target: &str) -> Self {
        self.add(b'2', path, target, b"", |_| {})
    }

    fn hard_link(self, path: &str, target: &str) -> Self {
        self.add(b'1', path, target, b"", |_| {})
    }

    fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut content = Vec::new();
        for (key, value) in records {
            let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
            let mut length = body.len();
            while length != body.len() + length.to_string().len() {
                length = body.len() + length.to_string().len();
            }
            content.extend_from_slice(length.to_string().as_bytes());
            content.extend_from_slice(&body);
        }
        self.add(b'x', "pax", "", &content, |_| {})
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

/// A directory with the layer's root in it and, beside that, what an attack would be after.
struct Victim {
    scratch: tempfile::TempDir,
}

impl Victim {
    fn new() -> Self {
        let victim = Self { scratch: tempfile::tempdir().unwrap() };
        fs::create_dir_all(victim.root()).unwrap();
        fs::create_dir(victim.outside()).unwrap();
        fs::write(victim.outside().join("secret"), "untouched").unwrap();
        fs::set_permissions(victim.outside().join("secret"), fs::Permissions::from_mode(0o640)).unwrap();
        victim
    }

    fn root(&self) -> PathBuf {
        self.scratch.path().join("store/layer")
    }

    fn outside(&self) -> PathBuf {
        self.scratch.path().join("outside")
    }

    /// Unpacks in a thread of its own, whose mask is clear, and looks that nothing outside has changed.
    fn unpack_with(&self, tar: &[u8], options: &UnpackOptions) -> Result<Unpacked> {
        let before = self.witness();
        let root = Dir::open(&self.root()).unwrap();
        let result = std::thread::scope(|scope| {
            let work = || {
                clear_umask().unwrap();
                unpack(BufReader::with_capacity(700, tar), &root, options)
            };
            scope.spawn(work).join().unwrap()
        });
        assert_eq!(self.witness(), before);
        result
    }

    fn unpack(&self, archive: Archive) -> Result<Unpacked> {
        self.unpack_with(&archive.end(), &OPTIONS)
    }

    /// Names, times, modes, links and content of everything outside the layer.
    fn witness(&self) -> Vec<(PathBuf, i64, i64, u32, u64, Vec<u8>)> {
        let mut seen = Vec::new();
        for path in [self.scratch.path().to_owned(), self.outside(), self.outside().join("secret")] {
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_file() { fs::read(&path).unwrap() } else { names(&path).into() };
            seen.push((path, meta.mtime(), meta.mtime_nsec(), meta.mode(), meta.nlink(), content));
        }
        seen
    }
}

fn names(directory: &Path) -> String {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.join(" ")
}

fn archive() -> Archive {
    Archive::default()
}

/// Whether a path is a whiteout, and whether a directory is opaque.
fn is_whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == 0)
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 8];
    rustix::fs::lgetxattr(path, "user.overlay.opaque", &mut value).is_ok_and(|n| &value[..n] == b"y")
}

#[test]
fn refused() {
    let outside = Victim::new();
    let absolute = outside.outside().join("secret");
    let absolute = absolute.to_str().unwrap();
    let huge_pax = archive().add(b'x', "pax", "", b"", |header| header.set_size(1 << 34)).file("a", "");
    for (what, archive, error) in [
        ("dot dot", archive().file("../outside/secret", "x"), "`..`"),
        ("dot dot in the middle", archive().directory("a").file("a/../../outside/secret", "x"), "`..`"),
        ("dot dot by pax", archive().pax(&[("path", b"../outside/secret")]).file("a", "x"), "`..`"),
        (
            "dot dot by GNU",
            archive().add(b'L', "l", "", b"../outside/secret\0", |_| {}).file("a", "x"),
            "`..`",
        ),
        ("a hard link out", archive().hard_link("a", "../outside/secret"), "`..`"),
        ("a hard link to an absolute path", archive().hard_link("a", absolute), "No such file"),
        (
            "a hard link through a symbolic link",
            archive().symlink("up", "../../outside").hard_link("a", "up/secret"),
            "No such file",
        ),
        ("a hard link to nothing", archive().hard_link("a", "b"), "No such file"),
        (
            "a hard link to a directory",
            archive().directory("d").hard_link("a", "d"),
            "it is no file of this layer",
        ),
        (
            "a hard link to a whiteout",
            archive().file(".wh.b", "").hard_link("a", "b"),
            "it is no file of this layer",
        ),
        ("a directory through a file", archive().file("a", "").file("a/b", ""), "Not a directory"),
        ("a loop of links", archive().symlink("a", "b").symlink("b", "a").file("a/c", ""), "symbolic link"),
        ("an empty name", archive().file("", ""), "the name is empty"),
        ("a zero in a name", archive().pax(&[("path", b"a\0b")]).file("a", ""), "zero byte"),
        ("a long name", archive().pax(&[("path", &[b'x'; 300])]).file("a", ""), "longer than 255"),
        (
            "a deep name",
            archive().pax(&[("path", "d/".repeat(3000).as_bytes())]).file("a", ""),
            "longer than 4095",
        ),
        ("the root as a file", archive().file("./", "x"), "the layer's root is not a directory"),
        ("the root as a link", archive().symlink("/", "/etc"), "the layer's root is not a directory"),
        ("an empty whiteout", archive().file("d/.wh.", ""), "names no file"),
        ("a whiteout of dot dot", archive().file("d/.wh...", ""), "names no file"),
        ("a whiteout as a directory", archive().file(".wh.a/b", ""), "whiteout as a directory"),
        ("an id that wraps", archive().pax(&[("uid", b"4294967296")]).file("a", ""), "out of range"),
        (
            "the id that means none",
            archive().pax(&[("gid", b"4294967295")]).symlink("a", "b"),
            "out of range",
        ),
        ("an empty link", archive().symlink("a", ""), "no valid target"),
        ("a huge extended header", huge_pax, "more than 1048576"),
        (
            "a malformed extended header",
            archive().add(b'x', "p", "", b"99 path=x\n", |_| {}).file("a", ""),
            "malformed",
        ),
        (
            "two extended headers",
            archive().pax(&[("a", b"b")]).pax(&[("a", b"b")]).file("a", ""),
            "two extended",
        ),
        ("an extended header at the end", archive().pax(&[("path", b"a")]), "ends after an extended header"),
        (
            "more data than allowed",
            archive().add(b'0', "a", "", &[0; 1025 << 10], |_| {}),
            "more than 1048576 bytes",
        ),
        (
            "a size that overflows",
            archive().pax(&[("size", b"18446744073709551615")]).file("a", ""),
            "size is 1844",
        ),
        ("a type from nowhere", archive().add(b'M', "a", "", b"", |_| {}), "unsupported entry type 'M'"),
        (
            "a sparse map that lies",
            archive().pax(&[("GNU.sparse.size", b"9"), ("GNU.sparse.map", b"8,4")]).file("a", "1234"),
            "ends after the file",
        ),
    ] {
        let error_shown = format!("{:#}", outside.unpack(archive).expect_err(what));
        assert!(error_shown.contains(error), "{what}: {error_shown}");
    }
}

#[test]
fn not_an_archive() {
    let victim = Victim::new();
    let whole = archive().file("a", &"x".repeat(600)).file("b", "y").end();
    for (what, tar, error) in [
        ("a page of a portal", b"<!DOCTYPE html>".repeat(100), "not a tar archive"),
        ("cut in a header", whole[..300].to_vec(), "cut off"),
        ("cut in the data", whole[..800].to_vec(), "cut off"),
        ("damaged", [&whole[..10], &[1], &whole[11..]].concat(), "checksum"),
        ("two archives", [&whole[..whole.len() - 512], &whole].concat(), "after the archive's end"),
    ] {
        let shown = format!("{:#}", victim.unpack_with(&tar, &OPTIONS).expect_err(what));
        assert!(shown.contains(error), "{what}: {shown}");
    }
    for (what, tar) in [
        ("nothing", &b""[..]),
        ("zeros", &[0; 1024]),
        ("no zeros at the end", &whole[..whole.len() - 1024]),
        ("cut in the padding", &whole[..512 + 700]),
        ("no padding", &whole[..512 + 600]),
    ] {
        victim.unpack_with(tar, &OPTIONS).expect(what);
    }
}

#[test]
fn many_entries_are_refused() {
    let victim = Victim::new();
    let many = (0..1001).fold(archive(), |archive, i| archive.directory(&format!("d{i}")));
    let error = format!("{:#}", victim.unpack(many).unwrap_err());
    assert!(error.ends_with("more than 1000 entries"), "{error}");
}

#[test]
fn links_lead_to_the_root_and_no_further() {
    let victim = Victim::new();
    let archive = archive()
        .symlink("up", "../../../../../../..")
        .file("up/etc/one", "1")
        .symlink("abs", victim.outside().to_str().unwrap())
        .file("abs/secret", "2")
        .symlink("file", "../../outside/secret")
        .file("file", "3")
        .symlink("cwd", "/proc/self/cwd")
        .file("cwd/four", "4")
        .directory("d")
        .symlink("d/e", "../lib")
        .directory("lib")
        .file("d/e/five", "5")
        .file("/absolute/six", "6")
        .symlink("node", "../../outside")
        .directory("node")
        .file("node/seven", "7");
    victim.unpack(archive).unwrap();
    let root = victim.root();
    let inside = victim.outside();
    let inside = root.join(inside.strip_prefix("/").unwrap()).join("secret");
    for (path, content) in [
        (root.join("etc/one"), "1"),
        (inside, "2"),
        (root.join("file"), "3"),
        (root.join("proc/self/cwd/four"), "4"),
        (root.join("lib/five"), "5"),
        (root.join("absolute/six"), "6"),
        (root.join("node/seven"), "7"),
    ] {
        assert_eq!(fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display())), content);
    }
    assert!(!fs::symlink_metadata(root.join("file")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(root.join("node")).unwrap().is_dir());
}

#[test]
fn what_is_replaced_goes_whole() {
    let victim = Victim::new();
    let archive = archive()
        .directory("a")
        .directory("a/b")
        .file("a/b/c", "old")
        .file("a/b/d", "gone")
        .symlink("a/b", "../../../outside")
        .file("x", "first")
        .file("x", "second")
        .hard_link("x", "./x")
        .hard_link("y", "x")
        .directory("x")
        .file("x/z", "in a directory now")
        .file("e/f", "old")
        .file("e", "file")
        .symlink("s", "nowhere")
        .directory("s")
        .directory("keep")
        .file("keep/k", "k")
        .directory("keep");
    victim.unpack(archive).unwrap();
    let root = victim.root();
    assert_eq!(fs::read_link(root.join("a/b")).unwrap(), Path::new("../../../outside"));
    assert_eq!(fs::read_to_string(root.join("y")).unwrap(), "second");
    assert_eq!(fs::read_to_string(root.join("x/z")).unwrap(), "in a directory now");
    assert_eq!(fs::read_to_string(root.join("e")).unwrap(), "file");
    assert_eq!(fs::read_to_string(root.join("keep/k")).unwrap(), "k");
    assert_eq!(names(&root), "a e keep s x y");
}

#[test]
fn whiteouts() {
    let victim = Victim::new();
    let archive = archive()
        .file(".wh.gone", "")
        .file("new/.wh.gone", "")
        .directory("opaque")
        .file("opaque/.wh..wh..opq", "")
        .file("opaque/own", "")
        .file("first", "")
        .file(".wh.first", "")
        .file(".wh.then", "")
        .file("then", "seen")
        .directory("both")
        .file("both/own", "")
        .file(".wh.both", "")
        .file(".wh.later", "")
        .directory("later")
        .file(".wh.implied", "")
        .file("implied/deep/file", "")
        .file(".wh..wh.aufs", "")
        .file(".wh..wh.plnk/1.2", "");
    victim.unpack(archive).unwrap();
    let root = victim.root();
    assert!(is_whiteout(&root.join("gone")) && is_whiteout(&root.join("new/gone")));
    for directory in ["opaque", "both", "later", "implied"] {
        assert!(is_opaque(&root.join(directory)), "{directory}");
    }
    assert!(!is_opaque(&root.join("new")) && !is_opaque(&root.join("implied/deep")) && !is_opaque(&root));
    assert!(root.join("both/own").is_file() && root.join("implied/deep/file").is_file());
    assert_eq!(fs::read_to_string(root.join("then")).unwrap(), "seen");
    assert!(root.join("first").is_file());
    assert_eq!(names(&root), "both first gone implied later new opaque then");
    victim.unpack_with(&Archive::default().file(".wh..wh..opq", "").end(), &OPTIONS).unwrap();
    assert!(is_opaque(&root));
}

#[test]
fn a_million_opaque_whiteouts_are_as_many_calls() {
    let victim = Victim::new();
    let many = (0..20_000).fold(archive(), |archive, _| archive.file("d/.wh..wh..opq", ""));
    let options = UnpackOptions { max_entries: 100_000, ..OPTIONS };
    let start = std::time::Instant::now();
    victim.unpack_with(&many.end(), &options).unwrap();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn devices_are_skipped_and_are_no_whiteouts() {
    let victim = Victim::new();
    let archive = archive()
        .add(b'3', "null", "", b"", |header| header.set_device_major(0).unwrap())
        .add(b'4', "disk", "", b"", |header| header.set_device_major(8).unwrap())
        .add(b'6', "pipe", "", b"", |_| {});
    assert_eq!(victim.unpack(archive).unwrap().skipped, 2);
    assert_eq!(names(&victim.root()), "pipe");
    assert!(fs::symlink_metadata(victim.root().join("pipe")).unwrap().file_type().is_fifo());
}

#[test]
fn modes_times_and_attributes_are_exact() {
    let victim = Victim::new();
    symlink("nowhere", victim.outside().join("link")).unwrap();
    let capability = b"\x01\0\0\x02\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let archive = archive()
        .add(b'5', "./", "", b"", |header| header.set_mode(0o750))
        .add(b'5', "sticky", "", b"", |header| header.set_mode(0o1777))
        .add(b'5', "group", "", b"", |header| {
            header.set_mode(0o2775);
            header.set_gid(7);
        })
        .file("group/inherits", "nothing")
        .add(b'0', "setuid", "", b"program", |header| {
            header.set_mode(0o6755);
            header.set_uid(5);
        })
        .pax(&[("mtime", b"1234567890.123456789"), ("SCHILY.xattr.user.note", b"a\nb")])
        .add(b'0', "open", "", b"", |header| header.set_mode(0o666))
        .pax(&[("SCHILY.xattr.security.capability", capability), ("SCHILY.xattr.trusted.x", b"y")])
        .file("ping", "program")
        .pax(&[("SCHILY.xattr.user.overlay.opaque", b"y"), ("SCHILY.xattr.user.kept", b"1")])
        .directory("plain")
        .pax(&[("mtime", b"-1.5")])
        .symlink("old", "plain");
    let unpacked =
        victim.unpack_with(&archive.end(), &UnpackOptions { fold_ids: !is_root(), ..OPTIONS }).unwrap();
    let root = victim.root();
    let meta = |path: &str| fs::symlink_metadata(root.join(path)).unwrap();
    let note = |path: &str, name: &str| {
        let mut value = [0; 64];
        rustix::fs::lgetxattr(root.join(path), name, &mut value).map(|n| value[..n].to_vec())
    };
    assert_eq!(fs::metadata(&root).unwrap().mode() & 0o7777, 0o750);
    assert_eq!(fs::metadata(&root).unwrap().mtime(), 1_000_000_000);
    assert_eq!(meta("sticky").mode() & 0o7777, 0o1777);
    assert_eq!(meta("sticky").mtime(), 1_000_000_000);
    assert_eq!(meta("group").mtime(), 1_000_000_000);
    assert_eq!(meta("open").mode() & 0o7777, 0o666);
    assert_eq!((meta("open").mtime(), meta("open").mtime_nsec()), (1_234_567_890, 123_456_789));
    assert_eq!((meta("old").mtime(), meta("old").mtime_nsec()), (-2, 500_000_000));
    assert_eq!(note("open", "user.note").unwrap(), b"a\nb");
    assert_eq!(note("plain", "user.kept").unwrap(), b"1");
    assert!(!is_opaque(&root.join("plain")));
    assert!(note("ping", "trusted.x").is_err());
    assert_eq!(meta("setuid").mode() & 0o7777, 0o6755);
    if is_root() {
        assert_eq!((meta("group").gid(), meta("group").mode() & 0o7777), (7, 0o2775));
        assert_eq!(meta("group/inherits").gid(), meta("open").gid());
        assert_eq!(meta("setuid").uid(), 5);
        assert_eq!(note("ping", "security.capability").unwrap()[4], 0x0a);
        assert!(!unpacked.folded);
    }
}

/// Whether owners can be set: as root of the host or of a user namespace with ids mapped.
fn is_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap();
    let ids: u64 = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()).sum();
    rustix::process::getuid().is_root() && ids > 1000
}

#[test]
fn what_the_surroundings_pass_on_stays_outside() {
    let victim = Victim::new();
    fs::set_permissions(victim.root(), fs::Permissions::from_mode(0o2770)).unwrap();
    victim.unpack(archive().directory("d").file("d/f", "")).unwrap();
    assert_eq!(fs::metadata(victim.root()).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(fs::metadata(victim.root().join("d")).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn files_with_holes() {
    let victim = Victim::new();
    let set_octal = |field: &mut [u8; 12], value: u64| {
        let digits = format!("{value:011o}\0");
        field.copy_from_slice(digits.as_bytes());
    };
    let content = b"headtail";
    let archive = archive()
        .add(b'S', "gnu", "", content, |header| {
            let gnu = header.as_gnu_mut().unwrap();
            set_octal(&mut gnu.sparse[0].offset, 0);
            set_octal(&mut gnu.sparse[0].numbytes, 4);
            set_octal(&mut gnu.sparse[1].offset, 1 << 20);
            set_octal(&mut gnu.sparse[1].numbytes, 4);
            set_octal(&mut gnu.realsize, (1 << 20) + 4);
        })
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"pax"),
            ("GNU.sparse.realsize", b"2097152"),
        ])
        .add(
            b'0',
            "GNUSparseFile.1/pax",
            "",
            &{
                let mut data = b"1\n1048576\n8\n".to_vec();
                data.resize(512, 0);
                data.extend_from_slice(content);
                data
            },
            |_| {},
        )
        .file("after", "read");
    let unpacked = victim.unpack(archive).unwrap();
    let gnu = fs::read(victim.root().join("gnu")).unwrap();
    assert_eq!((gnu.len(), &gnu[..4], &gnu[1 << 20..]), ((1 << 20) + 4, &b"head"[..], &b"tail"[..]));
    let pax = fs::read(victim.root().join("pax")).unwrap();
    assert_eq!((pax.len(), &pax[1 << 20..(1 << 20) + 8]), (2 << 20, &content[..]));
    assert!(fs::metadata(victim.root().join("gnu")).unwrap().blocks() * 512 < 1 << 20);
    assert_eq!(fs::read_to_string(victim.root().join("after")).unwrap(), "read");
    assert_eq!(unpacked.bytes, 8 + 8 + 4);
}

#[test]
fn what_gnu_tar_writes_is_read_back() {
    let victim = Victim::new();
    let source = tempfile::tempdir().unwrap();
    let long = "long-name-".repeat(15);
    fs::create_dir_all(source.path().join(&long)).unwrap();
    fs::write(source.path().join(&long).join(&long), "content").unwrap();
    symlink(&long, source.path().join("link")).unwrap();
    let hole = fs::File::create(source.path().join("hole")).unwrap();
    hole.set_len(5 << 20).unwrap();
    (&hole).write_all(b"start").unwrap();
    for format in ["--format=gnu", "--format=pax", "--format=ustar", "--format=v7"] {
        for sparse in ["--sparse", "--no-xattrs"] {
            let is_plain = format.ends_with("v7") || format.ends_with("ustar");
            if is_plain && sparse == "--sparse" {
                continue;
            }
            let mut command = std::process::Command::new("tar");
            let command =
                command.args(["-c", format, sparse, "--owner=0", "--group=0", "-C"]).arg(source.path());
            let names: &[&str] = if is_plain { &["hole"] } else { &["."] };
            let output = command.args(names).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let options = UnpackOptions { max_bytes: 1 << 30, ..OPTIONS };
            victim.unpack_with(&output.stdout, &options).unwrap();
            let read = fs::read(victim.root().join("hole")).unwrap();
            assert_eq!((read.len(), &read[..5]), (5 << 20, &b"start"[..]), "{format} {sparse}");
        }
    }
    assert_eq!(fs::read_to_string(victim.root().join("link").join(&long)).unwrap(), "content");
}
