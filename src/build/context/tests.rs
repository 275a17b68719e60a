//! Contexts of every form: directories, streams, repositories made by the real git, and a server that may lie.

use std::fs;
use std::io::{Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::fetch;
use super::{Context, GitAddress, Place, open, open_named};
use crate::base::digest::Digest;
use crate::build::step::{self, Source};
use crate::build::tests::{Site, make, step};
use crate::registry::testing::{Reply, Server};
use crate::sys::path::Dir;

/// A directory for contexts, and one for what is fetched.
struct Bench {
    directory: tempfile::TempDir,
    scratch: tempfile::TempDir,
}

impl Bench {
    fn new(paths: &[&str]) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap(), scratch: tempfile::tempdir().unwrap() };
        make(place.directory.path(), paths);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn scratch(&self) -> Dir {
        Dir::open(self.scratch.path()).unwrap()
    }

    fn open(&self, text: &str, file: Option<&str>, stdin: &[u8]) -> Result<Context> {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(stdin).unwrap();
        input.rewind().unwrap();
        let files = super::Files { dockerfile: file.map(str::to_owned), ..super::Files::default() };
        open(&Place::parse(text)?, &files, input.as_fd(), &self.scratch())
    }

    fn here(&self, file: Option<&str>, stdin: &[u8]) -> Result<Context> {
        self.open(self.directory.path().to_str().unwrap(), file, stdin)
    }
}

fn ignored_by(context: &Context) -> Option<&str> {
    context.origin.ignore.as_ref().map(|ignore| ignore.1.as_str())
}

#[test]
fn directories() {
    let other = Bench::new(&["Other", "Other.dockerignore"]);
    let outside = other.path("Other").display().to_string();
    for (paths, file, want) in [
        (&["Dockerfile", "Containerfile"][..], None, ("Dockerfile", "Dockerfile", None)),
        (
            &["Containerfile", ".containerignore"],
            None,
            ("Containerfile", "Containerfile", Some(".containerignore")),
        ),
        (
            &["dockerfile", ".dockerignore", ".containerignore"],
            None,
            ("dockerfile", "dockerfile", Some(".dockerignore")),
        ),
        (
            &["x/Df", "x/Df.dockerignore", ".dockerignore"],
            Some("x/Df"),
            ("Df", "x/Df", Some("Df.dockerignore")),
        ),
        (
            &["Dockerfile", "Dockerfile.dockerignore"],
            None,
            ("Dockerfile", "Dockerfile", Some("Dockerfile.dockerignore")),
        ),
        (&["Dockerfile", ".dockerignore"], Some(&outside), ("Other", "Other", Some("Other.dockerignore"))),
        (&["Dockerfile"], Some("-"), ("Dockerfile", "FROM stdin", None)),
        (&["Dockerfile->sub/real", "sub/real"], None, ("Dockerfile", "sub/real", None)),
    ] {
        let context = Bench::new(paths).here(file, b"FROM stdin").unwrap();
        let text = String::from_utf8(context.dockerfile.clone()).unwrap();
        assert_eq!((context.name.as_str(), text.as_str(), ignored_by(&context)), want, "{paths:?}");
    }
}

#[test]
fn what_is_no_context() {
    for (paths, file, want) in [
        (&["a"][..], None, "failed to read dockerfile: open Dockerfile: no such file or directory"),
        (&["a"], Some("none"), "failed to read dockerfile: open none: no such file or directory"),
        (&["Dockerfile->../../../../../../etc/passwd"], None, "open Dockerfile: no such file"),
        (&["Dockerfile/"], None, "open Dockerfile: it is not a file"),
        (&["Dockerfile", ".dockerignore->.dockerignore"], None, "open .dockerignore"),
    ] {
        let error = format!("{:#}", Bench::new(paths).here(file, b"").unwrap_err());
        assert!(error.contains(want), "{paths:?}: {error}");
    }
    let place = Bench::new(&["file"]);
    for (text, want) in [
        ("/no/such/place", "unable to prepare context: path \"/no/such/place\" not found"),
        (place.path("file").to_str().unwrap(), "is not a directory"),
    ] {
        let error = Place::parse(text).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    assert!(place.open("-", Some("-"), b"").unwrap_err().to_string().contains("can't use stdin for both"));
    assert!(place.open("-", None, b"").is_err());
}

fn tar(directory: &Path, options: &[&str]) -> Vec<u8> {
    let output = Command::new("tar").args(options).arg("-C").arg(directory).args(["-cf", "-", "."]).output();
    output.unwrap().stdout
}

#[test]
fn streams() {
    let from = Bench::new(&["Dockerfile", "sub/Df", "sub/a", "out->/etc"]);
    for options in [&[][..], &["-z"], &["--use-compress-program=zstd"]] {
        let archive = tar(from.directory.path(), options);
        if archive.is_empty() {
            println!("skipped: tar {options:?} does not work here");
            continue;
        }
        let place = Bench::new(&[]);
        let context = place.open("-", None, &archive).unwrap();
        assert_eq!(context.dockerfile, b"Dockerfile", "{options:?}");
        let a = context.origin.root.open_file("sub/a", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty());
        assert!(a.is_ok(), "{options:?}");
        assert_eq!(place.open("-", Some("sub/Df"), &archive).unwrap().dockerfile, b"sub/Df");
        assert!(place.open("-", None, &archive[..archive.len().min(2000) / 2]).is_err());
    }
    let context = Bench::new(&[]).open("-", None, b"FROM scratch\n").unwrap();
    assert_eq!(context.dockerfile, b"FROM scratch\n");
    assert!(context.origin.root.stat("Dockerfile".as_ref()).is_err());
}

/// A repository, with a commit that a tag names and one after it.
fn repository(place: &Bench) -> String {
    let path = place.path("repo.git");
    let script = "git init -q -b main . && git config user.email t@example.com && git config user.name t && \
        mkdir -p sub/deep && echo one > Dockerfile && echo one > sub/deep/f && ln -s /etc escape && chmod +x sub/deep/f && \
        git add . && git commit -qm one && git tag v1 && echo two > Dockerfile && git commit -qam two && \
        git config uploadpack.allowAnySHA1InWant false";
    fs::create_dir_all(&path).unwrap();
    let status = Command::new("sh").args(["-ec", script]).current_dir(&path).status().unwrap();
    assert!(status.success());
    format!("file://{}", path.display())
}

fn commit(place: &Bench, name: &str) -> String {
    let output =
        Command::new("git").args(["rev-parse", name]).current_dir(place.path("repo.git")).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn repositories() {
    let place = Bench::new(&[]);
    let url = repository(&place);
    let first = commit(&place, "v1");
    for (suffix, want) in [
        (String::new(), "two\n"),
        ("#main".into(), "two\n"),
        ("#v1".into(), "one\n"),
        (format!("#{first}"), "one\n"),
        (format!("#{}", &first[..10]), "one\n"),
        ("?tag=v1".into(), "one\n"),
        (format!("?ref=v1&checksum={}", &first[..8]), "one\n"),
    ] {
        let context = place.open(&format!("{url}{suffix}"), None, b"").unwrap();
        assert_eq!(String::from_utf8(context.dockerfile).unwrap(), want, "{suffix}");
        assert!(context.origin.root.stat(".git".as_ref()).is_err());
        let mode = context.origin.root.open_dir("sub/deep").unwrap().stat("f".as_ref()).unwrap().st_mode;
        assert_eq!(mode & 0o777, 0o755);
    }
    let subdirectory = Place::parse(&format!("{url}#v1:sub/deep")).unwrap();
    assert!(open_named(&subdirectory, &place.scratch()).unwrap().root.stat("f".as_ref()).is_ok());
    let second = commit(&place, "main");
    for (suffix, want) in [
        ("#none".to_owned(), "git fetch: fatal: couldn't find remote ref none"),
        ("#:none".into(), "open \"none\""),
        ("#:escape".into(), "open \"escape\""),
        (format!("?ref=v1&checksum={second}"), "expected checksum to match"),
    ] {
        let error = format!("{:#}", place.open(&format!("{url}{suffix}"), None, b"").unwrap_err());
        assert!(error.contains(want), "{suffix}: {error}");
    }
}

/// A Dockerfile names repositories of the net alone: one of this machine would be read with the user's rights.
#[test]
fn a_step_reaches_no_repository_of_this_machine() {
    let place = Bench::new(&[]);
    let address = GitAddress::parse(&repository(&place)).unwrap().unwrap();
    let error = fetch::git(&address, &fetch::Wishes::of_step(false), &place.scratch()).unwrap_err();
    assert!(format!("{error:#}").contains("transport 'file' not allowed"), "{error:#}");
    let wishes = fetch::Wishes { keep_git_dir: true, ..fetch::Wishes::of_user() };
    let kept = fetch::git(&address, &wishes, &place.scratch());
    assert!(kept.unwrap().stat(".git".as_ref()).is_ok());
}

#[test]
fn addresses_of_the_web() {
    let from = Bench::new(&["Dockerfile", "a"]);
    let archive = tar(from.directory.path(), &["-z"]);
    let server = Server::start(move |request| match request.target.as_str() {
        "/context.tar.gz" => Reply::ok(archive.clone()),
        "/moved" => Reply::redirect("/Dockerfile"),
        "/Dockerfile" => Reply::ok("FROM web\n"),
        "/cut" => Reply::ok("0123456789").cut(5),
        _ => Reply::new(404, ""),
    });
    let place = Bench::new(&[]);
    let get = |path: &str| place.open(&format!("http://{}/{path}", server.host()), None, b"");
    assert_eq!(get("context.tar.gz").unwrap().dockerfile, b"Dockerfile");
    assert_eq!(get("Dockerfile").unwrap().dockerfile, b"FROM web\n");
    assert_eq!(get("moved").unwrap().dockerfile, b"FROM web\n");
    assert!(get("none").is_err());
    assert!(get("cut").is_err());
}

#[test]
fn files_of_the_web_are_added() {
    let server = Server::start(|request| match request.target.as_str() {
        "/dir/file.txt?x=1" => Reply::ok("hello").with("Last-Modified", "Thu, 01 Jan 1970 00:01:40 GMT"),
        _ => Reply::new(404, ""),
    });
    let url = format!("http://{}/dir/file.txt?x=1", server.host());
    let add = |checksum: Option<&str>| step::Copy {
        is_add: true,
        sources: vec![Source::Url(url.clone())],
        checksum: checksum.map(str::to_owned),
        ..step("/x/")
    };
    let site = Site::new();
    site.copy(&add(Some(&Digest::of(b"hello").to_string()))).unwrap();
    assert_eq!(site.found()["x/file.txt"], "hello");
    let metadata = fs::metadata(site.directory.path().join("to/x/file.txt")).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (0o600, 100));
    let error = site.copy(&add(Some(&Digest::of(b"other").to_string()))).unwrap_err();
    assert!(error.to_string().starts_with("digest mismatch http://"), "{error}");
}

#[test]
fn archives_are_unpacked_by_add() {
    let from = Bench::new(&["in/a", "in/sub/b", "escape->/etc", "l->in"]);
    let plain = tar(from.directory.path(), &[]);
    let gzip = tar(from.directory.path(), &["-z"]);
    let xz = tar(from.directory.path(), &["-J"]);
    let bzip2 = tar(from.directory.path(), &["-j"]);
    let write = |site: &Site| {
        for (name, content) in [
            ("a.tar", &plain[..]),
            ("a.tgz", &gzip),
            ("a.txz", &xz),
            ("a.tbz", &bzip2),
            ("a.tar.xz", b"\xfd7zXZ\0"),
            ("x.xz", b"\xfd7zXZ\0"),
        ] {
            fs::write(site.directory.path().join("from").join(name), content).unwrap();
        }
    };
    let add = |words: &str| step::Copy { is_add: true, ..step(words) };
    let unpacked = ["d/", "d/escape->/etc", "d/in/", "d/in/a", "d/in/sub/", "d/in/sub/b", "d/l->in"];
    for words in ["a.tar /d", "a.tgz /d/", "a.txz /d", "a.tbz /d", "a.tar a.tgz /d/"] {
        let site = Site::new();
        write(&site);
        site.copy(&add(words)).unwrap();
        assert_eq!(site.names(), unpacked, "{words}");
    }
    let site = Site::new().with(&["plain"]).having(&["d->e", "e/in"]);
    write(&site);
    // Over what is there, and through a link of the destination.
    site.copy(&add("a.tar /d")).unwrap();
    assert!(site.names().contains(&"e/in/a".to_owned()));
    site.copy(&add("plain x.xz /files/")).unwrap();
    site.copy(&step::Copy { unpack: Some(false), ..add("a.tar /files/") }).unwrap();
    site.copy(&step("a.tgz /files/")).unwrap();
    for name in ["plain", "x.xz", "a.tar", "a.tgz"] {
        assert!(site.directory.path().join("to/files").join(name).is_file(), "{name}");
    }
    // What only begins like an archive is a file.
    site.copy(&add("a.tar.xz /files/")).unwrap();
    assert!(site.directory.path().join("to/files/a.tar.xz").is_file());
    let site = Site::new();
    write(&site);
    symlink("../../../../../..", site.directory.path().join("to/up")).unwrap();
    site.copy(&add("a.tar /up/x")).unwrap();
    assert!(site.names().contains(&"x/in/a".to_owned()), "the link led nowhere else");
}
