//! What `COPY` takes and where it puts it, in real trees; expectations are BuildKit's.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rustix::fs::{CWD, FileType, Mode};

use super::checksum::checksum;
use super::copy::{Placing, copy};
use super::gather::{fetch, gather};
use super::ignore::Patterns;
use super::select::{Origin, Selection};
use super::step::{self, Source};
use crate::base::hint;
use crate::sys::path::Dir;

/// A tree to copy from, one to copy to, and a place for what is made on the way.
pub struct Site {
    pub directory: tempfile::TempDir,
    origin: Origin,
}

impl Site {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["from", "to", "scratch"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let root = Arc::new(Dir::open(&directory.path().join("from")).unwrap());
        Self { directory, origin: Origin { root, ignore: None, keeps_owners: false } }
    }

    /// Makes files of their paths: a directory ends in `/`, a link has `->` in it. A file's content is its path.
    pub fn with(self, paths: &[&str]) -> Self {
        make(&self.directory.path().join("from"), paths);
        self
    }

    pub fn having(self, paths: &[&str]) -> Self {
        make(&self.directory.path().join("to"), paths);
        self
    }

    pub fn ignoring(mut self, text: &str) -> Self {
        self.origin.ignore = Some(Arc::new((Patterns::parse(text).unwrap(), ".dockerignore".to_owned())));
        self
    }

    pub fn dir(&self, name: &str) -> Dir {
        Dir::open(&self.directory.path().join(name)).unwrap()
    }

    pub fn select(&self, copy: &step::Copy) -> Result<Selection> {
        let scratch = self.dir("scratch");
        gather(copy, &self.origin, &fetch(copy, &scratch)?, &scratch)
    }

    pub fn copy(&self, step: &step::Copy) -> Result<()> {
        let root = self.dir("to");
        copy(&self.select(step)?, &root, &Placing::new(step, &root, true)?).map(drop)
    }

    /// What is in the destination: paths, and for files what they contain.
    pub fn found(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        list(&self.directory.path().join("to"), "", &mut found);
        found
    }

    pub fn names(&self) -> Vec<String> {
        self.found().into_keys().collect()
    }
}

pub fn make(root: &Path, paths: &[&str]) {
    for path in paths {
        if let Some((name, target)) = path.split_once("->") {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            symlink(target, root.join(name)).unwrap();
        } else if path.ends_with('/') {
            fs::create_dir_all(root.join(path)).unwrap();
        } else {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), path).unwrap();
        }
    }
}

fn list(directory: &Path, above: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = format!("{above}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.insert(format!("{path}/"), String::new());
            list(&entry.path(), &format!("{path}/"), found);
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            found.insert(format!("{path}->{}", target.display()), String::new());
        } else if kind.is_file() {
            found.insert(path, fs::read_to_string(entry.path()).unwrap());
        } else {
            found.insert(format!("{path}|"), String::new());
        }
    }
}

/// `COPY` of words, the last of which is the destination.
pub fn step(words: &str) -> step::Copy {
    let mut words: Vec<&str> = words.split(' ').collect();
    let destination = words.pop().unwrap().to_owned();
    step::Copy {
        is_add: false,
        from: step::Origin::Context,
        sources: words.into_iter().map(|word| Source::Path(word.to_owned())).collect(),
        destination,
        owner: None,
        mode: None,
        link: false,
        parents: false,
        exclude: Vec::new(),
        checksum: None,
        keep_git_dir: false,
        unpack: None,
    }
}

#[test]
fn destinations() {
    let from = ["foo.txt", "dir/a", "dir/sub/b", "l->foo.txt", "ld->/dir", "out->../../../../etc/passwd"];
    for (words, there, want) in [
        ("foo.txt /", &[][..], &["foo.txt"][..]),
        ("foo.txt /bar", &[], &["bar"]),
        ("foo.txt /bar/", &[], &["bar/", "bar/foo.txt"]),
        ("foo.txt /a/b/c", &[], &["a/", "a/b/", "a/b/c"]),
        ("foo.txt /bar", &["bar/"], &["bar/", "bar/foo.txt"]),
        ("foo.txt /bar", &["bar"], &["bar"]),
        ("foo.txt /bar", &["bar->x/y"], &["bar->x/y", "x/", "x/y"]),
        ("foo.txt /bar", &["bar->/d", "d/"], &["bar->/d", "d/", "d/foo.txt"]),
        ("foo.txt /bar/x", &["bar->../../d", "d/"], &["bar->../../d", "d/", "d/x"]),
        ("dir /", &[], &["a", "sub/", "sub/b"]),
        ("dir /new", &[], &["new/", "new/a", "new/sub/", "new/sub/b"]),
        ("dir/sub dir/a /x/", &[], &["x/", "x/a", "x/b"]),
        ("dir /d", &["d/sub/c"], &["d/", "d/a", "d/sub/", "d/sub/b", "d/sub/c"]),
        ("l /x", &[], &["x"]),
        ("l /x/", &[], &["x/", "x/l"]),
        ("ld /x", &[], &["x/", "x/a", "x/sub/", "x/sub/b"]),
        ("ld/sub/../a /x", &[], &["x"]),
        ("../../foo.txt /", &[], &["foo.txt"]),
        ("foo* nothing* /x/", &[], &["x/", "x/foo.txt"]),
        ("nothing* /x/", &[], &[]),
        ("d*/*/b /", &[], &["b"]),
        ("[d]ir/? /", &[], &["a"]),
        ("* /x/", &[], &["x/", "x/a", "x/foo.txt", "x/l", "x/ld-"]),
    ] {
        let site = Site::new().with(&from[..if words.starts_with('*') { 4 } else { 6 }]).having(there);
        site.copy(&step(words)).unwrap_or_else(|error| panic!("{words}: {error:#}"));
        let names = site.names();
        if words.starts_with('*') {
            assert_eq!(names, ["x/", "x/a", "x/foo.txt", "x/l", "x/sub/", "x/sub/b"]);
        } else {
            assert_eq!(names, want, "{words} {there:?}");
        }
    }
}

#[test]
fn what_cannot_be() {
    for (words, there, want) in [
        ("none /", &[][..], "\"/none\": not found"),
        ("dir/none /", &[], "\"/dir/none\": not found"),
        ("out /", &[], "\"/out\": not found"),
        ("../../../../etc/passwd /", &[], "\"/etc/passwd\": not found"),
        ("loop /", &[], "Too many levels of symbolic links"),
        ("dir /d", &["d"], "cannot copy to non-directory: /d"),
        ("dir /d", &["d/sub"], "cannot copy to non-directory: /d/sub"),
        ("dir/ /d/", &["d/a/"], "cannot replace to directory /d/a with file"),
        ("foo.txt /d/", &["d"], "mkdir /d: Not a directory"),
        ("foo.txt /d/x", &["d"], "mkdir /d: Not a directory"),
        ("foo.txt /d/", &["d/foo.txt/x"], "cannot replace to directory /d/foo.txt with file"),
    ] {
        let from = ["foo.txt", "dir/a", "dir/sub/b", "out->../../../../etc/passwd", "loop->loop"];
        let site = Site::new().with(&from).having(there);
        let error = format!("{:#}", site.copy(&step(words)).unwrap_err());
        assert!(error.contains(want), "{words}: {error}");
    }
}

#[test]
fn what_is_ignored_is_not_there() {
    let from = ["a.log", "src/a.log", "src/b", "keep/x", "keep/y", "l->a.log", "d->src"];
    let ignore = "*.log\n**/*.log\nkeep\n!keep/y\nd\n";
    for (words, want) in [
        ("src /", Some(&["b"][..])),
        (". /", Some(&["b2", "keep/", "keep/y", "l->a.log", "src/", "src/b"])),
        ("keep /k/", Some(&["k/", "k/y"])),
        ("* /x/", Some(&["x/", "x/b", "x/y"])),
        ("a.log /", None),
        ("l /", None),
        ("d/b /", None),
        ("keep/x /", None),
    ] {
        let site = Site::new().with(&from).ignoring(ignore);
        let result = site.copy(&step(words));
        let Some(want) = want else {
            let error = result.unwrap_err();
            assert!(error.to_string().contains("not found"), "{words}: {error}");
            continue;
        };
        result.unwrap_or_else(|error| panic!("{words}: {error:#}"));
        assert_eq!(
            site.names(),
            want.iter().filter(|name| **name != "b2").copied().collect::<Vec<_>>(),
            "{words}"
        );
    }
    let site = Site::new().with(&from).ignoring(ignore);
    let error = site.copy(&step("a.log /")).unwrap_err();
    assert_eq!(hint::find(&error), Some("it is excluded by .dockerignore"));
}

/// From fsutil's `TestCopyIncludeExclude`.
#[test]
fn excludes() {
    let from = ["bar/foo", "bar/baz/foo3", "foo2"];
    for (patterns, want) in [
        (&["bar*", "!bar/baz"][..], &["bar/", "bar/baz/", "bar/baz/foo3", "foo2"][..]),
        (&["**", "!bar/baz"], &["bar/", "bar/baz/", "bar/baz/foo3"]),
        (&["**", "!bar/baz", "bar/baz/foo3"], &["bar/", "bar/baz/"]),
        (&["**/foo3"], &["bar/", "bar/baz/", "bar/foo", "foo2"]),
        (&["bar/baz"], &["bar/", "bar/foo", "foo2"]),
    ] {
        let site = Site::new().with(&from);
        let exclude = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        site.copy(&step::Copy { exclude, ..step(". /") }).unwrap();
        assert_eq!(site.names(), want, "{patterns:?}");
    }
    let site = Site::new().with(&["home.txt", "home.md", "homes/a.txt"]);
    site.copy(&step::Copy { exclude: vec!["*.txt".into()], ..step("hom* /x/") }).unwrap();
    assert_eq!(site.names(), ["x/", "x/home.md"]);
}

#[test]
fn parents() {
    let from = ["foo1/foo2/bar", "foo1/foo2/baz", "foo1/qux", "other/foo2/ba", "l->foo1"];
    for (words, want) in [
        ("foo1/foo2/bar /", Some(&["foo1/", "foo1/foo2/", "foo1/foo2/bar"][..])),
        ("foo1/foo2/ba* /x", Some(&["x/", "x/foo1/", "x/foo1/foo2/", "x/foo1/foo2/bar", "x/foo1/foo2/baz"])),
        ("foo1/./foo2/bar /", Some(&["foo2/", "foo2/bar"])),
        ("./foo1/foo2/./bar /", Some(&["bar"])),
        ("l/./qux /", Some(&["qux"])),
        ("*/./foo2/ba /", Some(&["foo2/", "foo2/ba"])),
        ("**/qux /", Some(&["foo1/", "foo1/qux"])),
        ("foo1 /", Some(&["foo1/", "foo1/foo2/", "foo1/foo2/bar", "foo1/foo2/baz", "foo1/qux"])),
        ("none/* /x/", Some(&["x/"])),
        ("foo1/none /", None),
        ("none/./x /", None),
    ] {
        let site = Site::new().with(&from);
        let result = site.copy(&step::Copy { parents: true, ..step(words) });
        match want {
            Some(want) => {
                result.unwrap_or_else(|error| panic!("{words}: {error:#}"));
                assert_eq!(site.names(), want, "{words}");
            }
            None => assert!(result.unwrap_err().to_string().ends_with("not found"), "{words}"),
        }
    }
}

#[test]
fn modes_and_times() {
    let site = Site::new().with(&["d/run", "d/sub/f", "e/"]).having(&["t/sub/"]);
    let (from, to) = (site.directory.path().join("from"), site.directory.path().join("to"));
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (path, mode) in [("d", 0o711), ("d/run", 0o4750), ("d/sub", 0o1777), ("d/sub/f", 0o600)] {
        set(&from.join(path), mode);
    }
    set(&to.join("t"), 0o700);
    let time = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1234, 5));
    fs::File::open(from.join("d/run")).unwrap().set_times(time).unwrap();
    let mode = |path: &str| fs::symlink_metadata(to.join(path)).unwrap().mode() & 0o7777;
    site.copy(&step("d /t")).unwrap();
    // The destination stays as it was, what is merged into it does not.
    assert_eq!([mode("t"), mode("t/run"), mode("t/sub"), mode("t/sub/f")], [0o700, 0o4750, 0o1777, 0o600]);
    let run = fs::metadata(to.join("t/run")).unwrap();
    assert_eq!((run.mtime(), run.mtime_nsec()), (1234, 5));
    site.copy(&step("d /new/deep")).unwrap();
    assert_eq!([mode("new"), mode("new/deep"), mode("new/deep/sub")], [0o755, 0o755, 0o1777]);
    site.copy(&step::Copy { mode: Some("640".into()), ..step("d/run e /m/") }).unwrap();
    assert_eq!([mode("m"), mode("m/run")], [0o755, 0o640]);
    site.copy(&step::Copy { mode: Some("u=rwX,go=rX".into()), ..step("d /s") }).unwrap();
    assert_eq!([mode("s/run"), mode("s/sub"), mode("s/sub/f")], [0o755, 0o1755, 0o644]);
    assert!(site.copy(&step::Copy { mode: Some("rwx".into()), ..step("d /s") }).is_err());
}

#[test]
fn owners() {
    let site = Site::new().with(&["d/f", "g"]).having(&["etc/passwd"]);
    fs::write(site.directory.path().join("to/etc/passwd"), "app:x:10:20::/:/bin/sh\n").unwrap();
    let chown = |owner: &str, words| site.copy(&step::Copy { owner: Some(owner.to_owned()), ..step(words) });
    if !rustix::process::geteuid().is_root() {
        println!("skipped in part: only root gives files to others");
    } else {
        chown("app", "d /new/deep/").unwrap();
        chown("7:8", "g /new/g").unwrap();
        let owner = |path: &str| {
            let found = fs::symlink_metadata(site.directory.path().join("to").join(path)).unwrap();
            (found.uid(), found.gid())
        };
        // Directories that are made on the way are theirs too.
        assert_eq!(["new", "new/deep", "new/deep/f"].map(owner), [(10, 20); 3]);
        assert_eq!(owner("new/g"), (7, 8));
        // From a stage files keep what they have.
        let mut stage = Site::new();
        stage.origin = Origin { root: Arc::new(site.dir("to")), keeps_owners: true, ..stage.origin };
        stage.copy(&step("new/g new/deep /x/")).unwrap();
        let found = |path: &str| fs::metadata(stage.directory.path().join("to/x").join(path)).unwrap().uid();
        assert_eq!(["", "g", "f"].map(found), [0, 7, 10]);
    }
    let error = chown("nobody", "d /x").unwrap_err();
    assert_eq!(error.to_string(), "unable to find user nobody: no matching entries in passwd file");
    assert!(chown("4294967295", "d /x").is_err());
}

#[test]
fn here_documents() {
    let site = Site::new();
    let file = |name: &str, content: &str| Source::File { name: name.into(), content: content.into() };
    let copy = step::Copy { sources: vec![file("a[b", "one\n"), file("two", "2")], ..step("/x/") };
    site.copy(&copy).unwrap();
    assert_eq!(site.found()["x/a[b"], "one\n");
    assert_eq!(fs::metadata(site.directory.path().join("to/x/two")).unwrap().mode() & 0o7777, 0o644);
    assert_eq!(site.names(), ["x/", "x/a[b", "x/two"]);
}

#[test]
fn checksums() {
    let sum =
        |site: &Site, copy: &step::Copy, threads| checksum(&site.select(copy).unwrap(), threads).unwrap();
    let paths = ["d/a", "d/b/c", "d/l->a", "x"];
    let whole = step("d /");
    let (one, two) = (Site::new().with(&paths), Site::new().with(&["x", "d/b/c", "d/l->a", "d/a"]));
    let first = sum(&one, &whole, 0);
    for threads in [0, 1, 3] {
        assert_eq!(sum(&two, &whole, threads), first, "{threads}");
    }
    let change = |change: &dyn Fn(&Path)| {
        let site = Site::new().with(&paths);
        change(&site.directory.path().join("from"));
        sum(&site, &whole, 0)
    };
    assert_eq!(change(&|from| fs::write(from.join("x"), "else").unwrap()), first);
    assert_eq!(change(&|from| fs::hard_link(from.join("d/a"), from.join("y")).unwrap()), first);
    let time = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    assert_eq!(change(&|from| fs::File::open(from.join("d/a")).unwrap().set_times(time).unwrap()), first);
    let changes: [&dyn Fn(&Path); 7] = [
        &|from| fs::write(from.join("d/a"), "else").unwrap(),
        &|from| fs::write(from.join("d/new"), "").unwrap(),
        &|from| fs::create_dir(from.join("d/new")).unwrap(),
        &|from| fs::rename(from.join("d/a"), from.join("d/aa")).unwrap(),
        &|from| fs::rename(from.join("d/b/c"), from.join("d/c")).unwrap(),
        &|from| fs::set_permissions(from.join("d/b"), fs::Permissions::from_mode(0o700)).unwrap(),
        &|from| {
            fs::remove_file(from.join("d/l")).unwrap();
            symlink("b", from.join("d/l")).unwrap();
        },
    ];
    let mut sums: Vec<_> = changes.iter().map(|each| change(*each)).collect();
    sums.push(first);
    sums.push(sum(&one, &step("x /"), 0));
    sums.push(sum(&one, &step::Copy { exclude: vec!["a".into()], ..whole.clone() }, 2));
    let count = sums.len();
    sums.sort();
    sums.dedup();
    assert_eq!(sums.len(), count);
}

#[test]
fn strange_files() {
    let site = Site::new().with(&["d/a"]);
    let from = site.directory.path().join("from/d");
    let name = OsStr::from_bytes(b"\xff\xfe \n");
    fs::write(from.join(name), "x").unwrap();
    rustix::fs::mknodat(CWD, from.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    fs::hard_link(from.join("a"), from.join("b")).unwrap();
    rustix::fs::setxattr(from.join("a"), "user.note", b"n", rustix::fs::XattrFlags::empty()).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
    site.copy(&step("d /")).unwrap();
    checksum(&site.select(&step("d /")).unwrap(), 1).unwrap();
    let to = site.directory.path().join("to");
    assert_eq!(fs::read(to.join(name)).unwrap(), b"x");
    assert_eq!(fs::metadata(to.join("a")).unwrap().ino(), fs::metadata(to.join("b")).unwrap().ino());
    let mut value = [0; 8];
    assert_eq!(rustix::fs::getxattr(to.join("a"), "user.note", &mut value), Ok(1));
    assert!(fs::symlink_metadata(to.join("pipe")).unwrap().mode() & 0o170_000 == 0o010_000);
    assert!(!to.join("socket").exists());
    // Alone, too.
    site.copy(&step("d/pipe /p")).unwrap();
    assert!(site.names().contains(&"p|".to_owned()));
}

#[test]
fn any_depth() {
    let site = Site::new();
    let mut at = site.dir("from");
    for _ in 0..2000 {
        rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = at.open_dir("d").unwrap();
    }
    at.open_file("bottom", rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY, Mode::RWXU).unwrap();
    site.copy(&step(". /")).unwrap();
    let first = checksum(&site.select(&step(". /")).unwrap(), 1).unwrap();
    let copied =
        Site { origin: Origin { root: Arc::new(site.dir("to")), ..site.origin.clone() }, ..Site::new() };
    assert_eq!(checksum(&copied.select(&step(". /")).unwrap(), 0).unwrap(), first);
    for name in ["from", "to"] {
        site.dir(name).remove_all(OsStr::new("d")).unwrap();
    }
}

/// While it is copied, a directory is replaced by a link that leads out, again and again.
#[test]
fn nothing_is_read_through_a_link_that_appears() {
    let site = Site::new().with(&["d/sub/f"]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("f"), "secret").unwrap();
    let from = site.directory.path().join("from/d");
    symlink(outside.path(), from.join("link")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let directory = Dir::open(&from).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(&directory, "sub", &directory, "link", flags).unwrap();
            }
        });
        for _ in 0..300 {
            // It may fail; what it copies is the source's.
            let _ = site.copy(&step("d /"));
            let _ = site.copy(&step("d/sub/f /g"));
            let secret = site.found().into_values().any(|content| content == "secret");
            let _ = fs::remove_dir_all(site.directory.path().join("to"));
            fs::create_dir(site.directory.path().join("to")).unwrap();
            if secret {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("a file from outside was copied");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
