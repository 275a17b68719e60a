//! What a container has changed: `diff`, `export`, and tar streams of `cp`.

use std::collections::BTreeMap;
use std::io::Read;

use crate::support::{Compression, Entry, Image, Layer, Sandbox};

/// Busybox with a directory in two layers: the second deletes one name and adds another.
fn layered() -> Image {
    Image::busybox_and(&[
        Entry::directory("data"),
        Entry::file("data/a", "a"),
        Entry::file("data/b", "b"),
        Entry::directory("whole"),
        Entry::file("whole/old", "old"),
        Entry::directory("gone"),
        Entry::file("gone/deep", "x"),
    ])
    .with_layer(Layer::new(&[Entry::file("data/.wh.b", ""), Entry::file("data/c", "c")], Compression::Gzip))
}

const CHANGES: &str = "echo A >> /data/a; echo b > /data/b; rm /data/c; echo new > /new; rm -r /gone; \
                       rm -r /whole; mkdir /whole; echo kept > /whole/now; mkdir /dir; mkfifo /dir/pipe; \
                       ln /new /dir/second; ln -s /new /link; echo x > /dir/$(printf 'a\\033[2J')";

/// The names of an archive, with the content of files.
fn listing(tar: &[u8]) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(tar);
    let mut names = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        assert!(names.insert(name, String::from_utf8_lossy(&content).into_owned()).is_none());
    }
    names
}

#[test]
fn diff_tells_what_is_new_other_and_gone() {
    let sandbox = Sandbox::new();
    sandbox.add(&layered(), "layered");
    sandbox.run("create --name fresh layered true").success();
    sandbox.run("diff fresh").success().stdout("");
    sandbox.run("run --name same -v vol:/mnt/volume --network none layered true").success();
    sandbox.run("diff same").success().stdout("");
    let script = format!("{CHANGES}; sleep 1000");
    sandbox
        .run_words(&["run", "-d", "--name", "live", "--network", "none", "layered", "sh", "-c", &script])
        .success();
    let want = "C /data\nC /data/a\nA /data/b\nD /data/c\nA /dir\nA /dir/a\\x1b[2J\nA /dir/pipe\nA /dir/second\n\
                D /gone\nA /link\nA /new\nC /whole\nA /whole/now\nD /whole/old\n";
    crate::support::eventually("the changes", || (sandbox.run("diff live").out() == want).then_some(()));
    sandbox.run("stop -t 0 live").success();
    sandbox.run("container diff live").success().stdout(want);
    sandbox.run("diff nothing").code(1).stderr("Error: No such container: nothing\n");
}

#[test]
fn export_is_the_whole_filesystem_without_what_is_mounted() {
    let sandbox = Sandbox::new();
    sandbox.add(&layered(), "layered");
    let script = format!("{CHANGES}; echo hidden > /vol/file; sleep 1000");
    let run = ["run", "-d", "--name", "live", "--network", "none", "-v", "data:/vol", "layered", "sh", "-c"];
    sandbox.run_words(&[&run[..], &[&script]].concat()).success();
    crate::support::eventually("the changes", || {
        (sandbox.run("exec live test -e /vol/file").exit_code() == 0).then_some(())
    });
    let whole = |name: &str| {
        let output = sandbox.run(&format!("export {name}"));
        output.success();
        output.bytes
    };
    let live = listing(&whole("live"));
    for (name, content) in
        [("data/a", "aA\n"), ("data/b", "b\n"), ("whole/now", "kept\n"), ("new", ""), ("link", "")]
    {
        assert_eq!(live.get(name).map(String::as_str), Some(content), "{name} in {:?}", live.keys());
    }
    // Two names of one file: the first in order has the content.
    assert_eq!(live["dir/second"], "new\n");
    for name in ["proc/", "sys/", "dev/", "vol/", "bin/busybox", "dir/pipe"] {
        assert!(live.contains_key(name), "{name} in {:?}", live.keys());
    }
    for name in ["gone/", "data/c", "whole/old", "vol/file", "proc/1/", "dev/null", "./"] {
        assert!(!live.contains_key(name), "{name}");
    }
    sandbox.run("stop -t 0 live").success();
    let file = sandbox.path().join("out.tar");
    sandbox.run(&format!("container export -o {} live", file.display())).success().stdout("");
    assert_eq!(listing(&std::fs::read(&file).unwrap()), live);
    assert_eq!(whole("live"), whole("live"), "the same bytes every time");
    sandbox
        .run("export -o /nope/x live")
        .code(1)
        .stderr_has("invalid output path: directory \"/nope\" does not exist");
    let told = sandbox.run("events --until 0s --filter event=export --format {{.Action}}");
    assert!(told.success().lines().iter().all(|line| line == "export"));
    let terminal = crate::support::Pty::coracle(&sandbox, "export live");
    terminal.expect("cowardly refusing to save to a terminal. Use the -o flag or redirect");
}

#[test]
fn copies_through_tar_streams() {
    let sandbox = Sandbox::new();
    sandbox.add(&layered(), "layered");
    sandbox.run("create --name still layered true").success();
    sandbox.run("run -d --name live --network none layered sleep 1000").success();
    for name in ["still", "live"] {
        let stream = |path: &str| {
            let output = sandbox.run(&format!("cp {name}:{path} -"));
            output.success();
            output.bytes
        };
        assert_eq!(listing(&stream("/data")).into_keys().collect::<Vec<_>>(), ["data/", "data/a", "data/c"]);
        assert_eq!(listing(&stream("/data/.")).into_keys().collect::<Vec<_>>(), ["./", "./a", "./c"]);
        assert_eq!(listing(&stream("/data/a"))["a"], "a");
        let tar = stream("/data");
        let into =
            |path: &str, tar: &[u8]| sandbox.command(&format!("cp - {name}:{path}")).input(tar).finish();
        into("/tmp", &tar).success();
        into("/whole", &tar).success();
        assert_eq!(listing(&stream("/whole"))["whole/data/c"], "c");
        into("/tmp/data/a", &tar)
            .code(1)
            .stderr(&format!("Error: destination \"{name}:/tmp/data/a\" must be a directory\n"));
        // A file in the place of a directory, unless that is wanted; and nothing leaves the directory.
        let clash = Layer::new(&[Entry::file("data", "now a file")], Compression::Gzip);
        into("/whole", &clash.blob).code(1).stderr_has("cannot overwrite a directory with a non-directory");
        sandbox
            .command(&format!("cp --overwrite - {name}:/whole"))
            .input(clash.blob.clone())
            .finish()
            .success();
        assert_eq!(listing(&stream("/whole"))["whole/data"], "now a file");
        let owned = Layer::new(&[Entry::file("mine", "x").owned_by(3, 4)], Compression::None);
        into("/tmp", &owned.blob).success();
        let up = Layer::new(&[Entry::file("../up", "x")], Compression::None);
        into("/tmp", &up.blob).code(1).stderr_has("..");
        into("/tmp", b"no archive at all, but long enough for one header".repeat(20).as_slice()).code(1);
    }
    sandbox.run("exec live stat -c %u:%g /tmp/mine").success().stdout("0:0\n");
    sandbox.run("exec live ls -a /tmp").success().stdout_lacks(".wh.");
}

#[test]
fn a_reader_that_leaves_ends_the_archive_quietly() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name big busybox true").success();
    let program = sandbox.program().display();
    for line in ["export big", "cp big:/bin -"] {
        let script = format!("{{ {program} {line}; echo $? >&2; }} | head -c 600 >/dev/null");
        sandbox.witness(&format!("sh -c '{script}'")).success().stderr("141\n");
    }
}

#[test]
fn a_document_of_changes() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name boat --network none busybox sh -c 'mkdir /cargo; rm /etc/group'").success();
    let document = sandbox.run("diff --format json boat").success().json();
    assert_eq!(
        document,
        serde_json::json!({"changed": ["/etc"], "added": ["/cargo"], "deleted": ["/etc/group"]})
    );
    sandbox.run("create --name still --network none busybox true").success();
    sandbox.run("diff --format json still").success().stdout("{}\n");
}
