//! `cp` by docker's rules, between the host, containers that run and containers that do not, and with containers
//! that fight it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::skip;
use crate::support::{Sandbox, eventually, fixture, has_subordinate_ids, is_driver, say_skipped, unshare};

/// A tree to copy: `d/file`, `d/sub/deep`, a link, two names of one file, and modes.
fn tree(sandbox: &Sandbox, name: &str) -> PathBuf {
    let root = sandbox.directory(name);
    fs::create_dir_all(root.join("d/sub")).unwrap();
    fs::write(root.join("d/file"), "content\n").unwrap();
    fs::set_permissions(root.join("d/file"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(root.join("d/sub/deep"), "deep\n").unwrap();
    fs::hard_link(root.join("d/file"), root.join("d/sub/hard")).unwrap();
    symlink("sub/deep", root.join("d/link")).unwrap();
    root
}

/// A container that runs, and one that does not.
fn two_containers(sandbox: &Sandbox) {
    sandbox.run("create --name still busybox true").success();
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
}

#[test]
fn where_a_copy_goes() {
    let sandbox = Sandbox::with_busybox();
    let root = tree(&sandbox, "src").display().to_string();
    let out = sandbox.directory("out").display().to_string();
    two_containers(&sandbox);
    for name in ["still", "live"] {
        // From, to, and what is then where in the container.
        for (from, to, path, want) in [
            ("d/file", "/tmp", "/tmp/file", "content\n"),
            ("d/file", "/tmp/", "/tmp/file", "content\n"),
            ("d/file", "/tmp/other", "/tmp/other", "content\n"),
            ("d/file", "tmp/relative", "/tmp/relative", "content\n"),
            ("d/sub/deep", "/tmp/other", "/tmp/other", "deep\n"),
            ("d", "/tmp", "/tmp/d/sub/deep", "deep\n"),
            ("d/", "/tmp/new", "/tmp/new/sub/deep", "deep\n"),
            ("d/.", "/tmp/contents", "/tmp/contents/sub/deep", "deep\n"),
            ("d/sub/.", "/tmp/contents", "/tmp/contents/deep", "deep\n"),
            ("d/link", "/tmp/d", "/tmp/d/link", "deep\n"),
        ] {
            sandbox.run(&format!("cp {root}/{from} {name}:{to}")).success().stdout("").stderr("");
            let back = format!("{out}/back");
            sandbox.run(&format!("cp -L {name}:{path} {back}")).success();
            assert_eq!(fs::read_to_string(&back).unwrap(), want, "{from} to {name}:{to}");
        }
        // And back out.
        for (from, to, path) in [
            ("/tmp/d", "", "d/sub/deep"),
            ("/tmp/d", "fresh", "fresh/sub/deep"),
            ("/tmp/d/.", "", "sub/deep"),
            ("/tmp/d/sub/..", "again", "again/sub/deep"),
        ] {
            let place = sandbox.directory(&format!("out/{name}")).join(to);
            sandbox.run(&format!("cp {name}:{from} {}", place.display())).success();
            let back = sandbox.directory(&format!("out/{name}")).join(path);
            assert_eq!(fs::read_to_string(&back).unwrap(), "deep\n", "{name}:{from} to {to}");
        }
        let copied = sandbox.directory(&format!("out/{name}/d"));
        let file = fs::metadata(copied.join("file")).unwrap();
        assert_eq!((file.mode() & 0o7777, file.uid()), (0o640, rustix::process::getuid().as_raw()));
        assert_eq!(file.ino(), fs::metadata(copied.join("sub/hard")).unwrap().ino(), "one file, two names");
        assert_eq!(fs::read_link(copied.join("link")).unwrap(), Path::new("sub/deep"));
        let original = fs::metadata(format!("{root}/d/file")).unwrap();
        assert_eq!((file.mtime(), file.mtime_nsec()), (original.mtime(), original.mtime_nsec()));
    }
    let told = sandbox.run("events --until 0s --format {{.Action}}").success().lines();
    for action in ["archive-path", "extract-to-dir"] {
        assert!(told.iter().any(|told| told == action), "{action} in {told:?}");
    }
    let listed = sandbox.run("exec live stat -c %u:%g:%a /tmp/d/file /tmp/d").success().lines();
    assert_eq!(listed, ["0:0:640", "0:0:755"]);
}

#[test]
fn what_cannot_be_copied() {
    let sandbox = Sandbox::with_busybox();
    let root = tree(&sandbox, "src").display().to_string();
    two_containers(&sandbox);
    for name in ["still", "live"] {
        for (line, error) in [
            (format!("{root}/nope {name}:/"), format!("lstat {root}/nope: no such file or directory")),
            (format!("{root}/d/file/ {name}:/"), format!("lstat {root}/d/file: not a directory")),
            (
                format!("{root}/d/file {name}:/nope/x"),
                format!("Could not find the file /nope in container {name}"),
            ),
            (format!("{root}/d/file {name}:/nope/"), "no such directory".to_owned()),
            (format!("{root}/d {name}:/bin/busybox"), "cannot copy directory".to_owned()),
            (
                format!("{root}/d/file {name}:/dev/null"),
                format!(
                    "destination \"{name}:/dev/null\" must be a directory or a regular file: got a device"
                ),
            ),
            (format!("{name}:/nope {root}"), format!("Could not find the file /nope in container {name}")),
            (
                format!("{name}:/bin/busybox/ {root}"),
                format!("Could not find the file /bin/busybox in container {name}"),
            ),
            (
                format!("{name}:/bin {root}/no/where"),
                format!("invalid output path: directory \"{root}/no\" does not exist"),
            ),
            (format!("{name}:/bin/. {root}/d/file"), "cannot copy directory".to_owned()),
            (
                format!("{name}:/bin /dev/null"),
                "invalid output path: \"/dev/null\" must be a directory or a regular file: got a device"
                    .to_owned(),
            ),
            ("gone:/x .".to_owned(), "No such container: gone".to_owned()),
            (format!("{root} /tmp"), "must specify at least one container source".to_owned()),
            (format!("'' {name}:/"), "source can not be empty".to_owned()),
        ] {
            // A device is only there while it runs.
            if name == "still" && line.ends_with(":/dev/null") {
                continue;
            }
            sandbox.run(&format!("cp {line}")).code(1).stdout("").stderr(&format!("Error: {error}\n"));
        }
        sandbox.run(&format!("cp {root}/d {name}:/tmp")).success();
        let directory = sandbox.directory("clash/file/inside");
        let clash = directory.ancestors().nth(2).unwrap().display().to_string();
        sandbox
            .run(&format!("cp {clash}/. {name}:/tmp/d"))
            .code(1)
            .stderr_has("cannot overwrite non-directory \"/tmp/d/file\" with directory \"/tmp/d\"");
        sandbox.run(&format!("cp --overwrite {clash}/. {name}:/tmp/d")).success();
        sandbox.run(&format!("cp {name}:/tmp/d/file/inside {clash}/dir")).success();
        sandbox.run(&format!("cp {name}:/tmp/d/sub/hard {clash}/inside")).success();
        sandbox.run(&format!("cp {clash}/inside {name}:/tmp/d/file")).code(1).stderr_has(
            "cannot overwrite directory \"/tmp/d/file/inside\" with non-directory \"/tmp/d/file\"",
        );
        fs::remove_dir_all(&clash).unwrap();
    }
    sandbox.run("cp still:/bin live:/").success();
    sandbox.run("cp live:/bin live:/bin/inside").code(1).stderr_has("cannot copy a directory into itself");
    sandbox.run("cp live:/bin").code(1).stderr_has("requires 2 arguments");
}

#[test]
fn into_volumes_and_past_what_is_read_only() {
    let sandbox = Sandbox::with_busybox();
    let root = tree(&sandbox, "src").display().to_string();
    let bound = sandbox.directory("bound");
    let shown = bound.display();
    let options = format!("--network none -v data:/data -v {shown}:/host -v {shown}:/locked:ro");
    sandbox.run(&format!("create --name still {options} busybox sleep 1000")).success();
    sandbox.run(&format!("run -d --name live {options} busybox sleep 1000")).success();
    for name in ["still", "live"] {
        sandbox.run(&format!("cp {root}/d {name}:/data/{name}")).success();
        sandbox.run(&format!("cp {root}/d {name}:/host/{name}")).success();
        assert_eq!(fs::read_to_string(bound.join(name).join("sub/deep")).unwrap(), "deep\n");
        let refused = sandbox.run(&format!("cp {root}/d {name}:/locked"));
        refused.code(1).stderr("Error: mounted volume is marked read-only\n");
        sandbox.run(&format!("cp {name}:/locked/{name} {root}/from-{name}")).success();
    }
    sandbox.run("exec live cat /data/still/file /data/live/file").success().stdout("content\ncontent\n");
    // What is mounted as one file keeps its place and takes the content.
    sandbox.run(&format!("cp {root}/d/file live:/etc/hosts")).success();
    sandbox.run("exec live cat /etc/hosts").success().stdout("content\n");

    sandbox.run("create --name frozen --read-only -v data:/data busybox true").success();
    sandbox.run("run -d --name ice --read-only --network none --tmpfs /tmp busybox sleep 1000").success();
    for name in ["frozen", "ice"] {
        let refused = sandbox.run(&format!("cp {root}/d {name}:/"));
        refused.code(1).stderr("Error: container rootfs is marked read-only\n");
    }
    sandbox.run(&format!("cp {root}/d/file frozen:/data/through")).success();
    sandbox.run("exec live cat /data/through").success().stdout("content\n");
    sandbox.run(&format!("cp {root}/d/file ice:/tmp/")).success();
    sandbox.run("exec ice cat /tmp/file").success().stdout("content\n");
}

#[test]
fn owners_and_rights() {
    if !has_subordinate_ids() {
        skip!("this user has no subordinate ids");
    }
    let sandbox = Sandbox::with_busybox();
    let out = sandbox.directory("out");
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
    sandbox.run("create --name still busybox true").success();
    let script = "mkdir /t; echo x > /t/f; chown -R 7:8 /t; chmod 4711 /t/f; chmod 500 /t";
    sandbox.run_words(&["exec", "live", "sh", "-c", script]).success();

    sandbox.run(&format!("cp live:/t {}/plain", out.display())).success();
    let file = fs::metadata(out.join("plain/f")).unwrap();
    let me = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    assert_eq!(
        (file.uid(), file.gid(), file.mode() & 0o7777),
        (me.0, me.1, 0o711),
        "nobody's rights but mine"
    );

    sandbox.run(&format!("cp -a live:/t {}/kept", out.display())).success();
    let kept = out.join("kept/f").display().to_string();
    let stat = unshare(&["stat", "-c", "%u:%g:%a", &kept]).unwrap();
    assert_eq!(String::from_utf8_lossy(&stat.stdout), "7:8:4711\n");

    for (flag, place, want) in [("", "plain", "0:0:4711 0:0:500"), ("-a", "kept", "7:8:4711 7:8:500")] {
        sandbox.run(&format!("cp {flag} live:/t still:/tmp/{place}")).success();
        sandbox.run(&format!("cp -a still:/tmp/{place} live:/tmp/")).success();
        let listed = sandbox.run(&format!("exec live stat -c %u:%g:%a /tmp/{place}/f /tmp/{place}"));
        assert_eq!(listed.success().lines().join(" "), want, "cp {flag}");
    }
    // A file into a container is its root's, whoever it was.
    sandbox.run(&format!("cp {kept} live:/tmp/in")).success();
    sandbox.run("exec live stat -c %u:%g /tmp/in").success().stdout("0:0\n");
}

#[test]
fn strange_files_are_no_trap() {
    let sandbox = Sandbox::with_busybox();
    let out = sandbox.directory("out");
    let shown = out.display();
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
    let script = "mkdir -p /t/sub; mkfifo /t/pipe; echo x > /t/$(printf 'a\\nb\\033[2J'); \
                  dd if=/dev/zero of=/t/hole bs=1 count=1 seek=10M 2>/dev/null; chmod 000 /t/sub; \
                  ln -s /etc/passwd /t/out; ln -s / /t/root";
    sandbox.run_words(&["exec", "live", "sh", "-c", script]).success();
    sandbox.run(&format!("cp live:/t {shown}")).success();
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&fs::metadata(out.join("t/pipe")).unwrap().file_type()));
    assert_eq!(fs::read_to_string(out.join("t/a\nb\x1b[2J")).unwrap(), "x\n");
    let hole = fs::metadata(out.join("t/hole")).unwrap();
    assert_eq!(hole.len(), (10 << 20) + 1);
    if is_driver("fuse-overlayfs") {
        say_skipped("fuse-overlayfs does not say where holes are: the rest is tested");
    } else {
        assert!(hole.blocks() * 512 < 1 << 20, "a hole stays one: {} blocks", hole.blocks());
    }
    assert_eq!(fs::read_link(out.join("t/root")).unwrap(), Path::new("/"));
    fs::set_permissions(out.join("t/sub"), fs::Permissions::from_mode(0o700)).unwrap();
    // Through links that lead out of the container, were they followed on the host.
    sandbox.run_words(&["exec", "live", "sh", "-c", "ln -s /../../../../../../../../etc /t/up"]).success();
    sandbox.run(&format!("cp live:/t/up/hostname {shown}/hostname")).success();
    let inside = sandbox.run("exec live cat /etc/hostname").success().out();
    assert_eq!(fs::read_to_string(out.join("hostname")).unwrap(), inside);
    // A pipe alone, an error with a hostile name.
    sandbox.run(&format!("cp live:/t/pipe {shown}/pipe")).success();
    sandbox
        .run_words(&["cp", "live:/no\x1b[2J", &shown.to_string()])
        .code(1)
        .stderr("Error: Could not find the file /no\\x1b[2J in container live\n");
    // Files of the kernel, which say that they are empty.
    sandbox.run(&format!("cp live:/proc/1/status {shown}/status")).success();
    assert!(fs::read_to_string(out.join("status")).unwrap().contains("NSpid"));
    // Where nothing can be made.
    sandbox.run(&format!("cp {shown}/status live:/proc/new")).code(1).stderr_has("create new: No such file");
    sandbox.run(&format!("cp {shown} live:/proc/new")).code(1).stderr_has("create new: No such file");
}

/// Deeper than a path may be long and than descriptors may be open.
const DEPTH: usize = 2500;

#[test]
fn directories_deeper_than_any_path() {
    if is_driver("fuse-overlayfs") {
        skip!("fuse-overlayfs itself uses paths, and none is longer than PATH_MAX");
    }
    let sandbox = Sandbox::with_busybox();
    let source = sandbox.directory("deep");
    let mut at = open_place(rustix::fs::CWD, &source);
    for _ in 0..DEPTH {
        rustix::fs::mkdirat(&at, "d", rustix::fs::Mode::RWXU).unwrap();
        at = open_place(&at, Path::new("d"));
    }
    rustix::fs::symlinkat("x", &at, "end").unwrap();
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
    sandbox.run(&format!("cp {} live:/", source.display())).success();
    let back = sandbox.path().join("back");
    sandbox.run(&format!("cp live:/deep {}", back.display())).success();
    let mut at = open_place(rustix::fs::CWD, &back);
    for _ in 0..DEPTH {
        at = open_place(&at, Path::new("d"));
    }
    assert!(rustix::fs::statat(&at, "end", rustix::fs::AtFlags::SYMLINK_NOFOLLOW).is_ok());
}

fn open_place(parent: impl std::os::fd::AsFd, name: &Path) -> std::os::fd::OwnedFd {
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
    rustix::fs::openat(parent, name, flags, rustix::fs::Mode::empty()).unwrap()
}

/// CVE-2018-15664: a process in the container swaps a directory for a link to the root while files are copied
/// both ways. Nothing of the host may be read or written.
#[test]
fn a_container_that_swaps_directories_for_links() {
    let Some(probe) = fixture("probe") else { skip!("no probe was built: run tests/run.sh") };
    let sandbox = Sandbox::with_busybox();
    let secret = sandbox.file("outside/secret", "of the host");
    let outside = secret.parent().unwrap().display().to_string();
    let program = fs::read(probe).unwrap();
    let program = sandbox.file("probe", program);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
    sandbox.run(&format!("cp {} live:/probe", program.display())).success();
    // The same path exists in the container, with something else in it; the link is absolute.
    let script = format!(
        "mkdir -p {outside} /play/dir; echo inside > {outside}/secret; echo inside > /play/dir/secret; \
         ln -s {outside} /play/link; exec /probe swap /play/dir /play/link 4"
    );
    let swapping = sandbox.command_of(&["exec", "live", "sh", "-c", &script]).start();
    eventually("the container swaps", || {
        (sandbox.run("exec live test -e /play/link").exit_code() == 0).then_some(())
    });
    let back = sandbox.path().join("back").display().to_string();
    let bait = sandbox.file("bait", "bait").display().to_string();
    let mut rounds = 0;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(3);
    while std::time::Instant::now() < end {
        let out = sandbox.run(&format!("cp live:/play/dir/secret {back}"));
        if out.exit_code() == 0 {
            assert_eq!(fs::read_to_string(&back).unwrap(), "inside\n");
        }
        let _ = sandbox.run(&format!("cp {bait} live:/play/dir/bait"));
        let tree = format!("{back}-tree");
        let _ = sandbox.run(&format!("cp live:/play {tree}"));
        let _ = fs::remove_dir_all(&tree);
        rounds += 1;
    }
    assert!(rounds > 3, "only {rounds} rounds");
    let _ = swapping.finish();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "of the host");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "nothing was written to the host");
}

#[test]
fn the_first_to_open_a_container_are_many() {
    let sandbox = Sandbox::with_busybox();
    for round in 0..6 {
        // Nobody has made the places of its mounts yet: without an overlay all of them make the same ones.
        sandbox.run(&format!("create --name first{round} -v data:/deep/er/data busybox true")).success();
        let copies = (0..8).map(|_| sandbox.command(&format!("cp first{round}:/etc/passwd -")).start());
        for copy in copies.collect::<Vec<_>>() {
            copy.finish().success();
        }
    }
}

#[test]
fn many_at_once_and_a_start_between() {
    let sandbox = Sandbox::with_busybox();
    let root = tree(&sandbox, "src").display().to_string();
    sandbox.run("create --name still --network none busybox sleep 1000").success();
    let mut copies: Vec<_> =
        (0..16).map(|i| sandbox.command(&format!("cp {root}/d still:/tmp/{i}")).start()).collect();
    let start = sandbox.command("start still").start();
    copies.extend((16..32).map(|i| sandbox.command(&format!("cp {root}/d still:/tmp/{i}")).start()));
    for copy in copies {
        copy.finish().success();
    }
    start.finish().success();
    let count =
        sandbox.run_words(&["exec", "still", "sh", "-c", "cat /tmp/*/sub/deep | wc -l"]).success().line();
    assert_eq!(count, "32");
    let back = sandbox.directory("back").display().to_string();
    let pull = (0..8).map(|i| sandbox.command(&format!("cp still:/tmp/{i} {back}/")).start());
    for copy in pull.collect::<Vec<_>>() {
        copy.finish().success();
    }
    // Two containers in both directions.
    sandbox.run("create --name other busybox true").success();
    sandbox.run("stop -t 0 still").success();
    let there = sandbox.command("cp still:/tmp other:/there").start();
    let back = sandbox.command("cp other:/bin still:/back").start();
    there.finish().success();
    back.finish().success();
}
