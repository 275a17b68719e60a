//! Whose the files of containers are in every verb that reads or writes them, whatever ids the container has.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::support::{Entry, Image, Sandbox};
use crate::{needs_a_user_with_ids, needs_ids_without_the_user};

/// The one map of the user's namespace itself, which the others are compared with.
const USUAL: &str = "--userns host";
const MAPS: [&str; 8] = [
    "--userns keep-id",
    "--userns keep-id:uid=5,gid=6",
    "--userns nomap",
    "--userns auto:size=3000",
    "--userns auto:size=3000,uidmapping=77:0:1",
    "--userns container:donor",
    "--uidmap 0:1:3000",
    "--uidmap +1000:5",
];
/// What each container does to its files.
const CHANGE: &str = "echo made >/made; chmod 600 /made; chown 1000:2000 /made; chown 1000 /data/roots; \
                      rm /data/alices; mkdir -m 700 /shut; echo deep >/shut/deep";

/// A sandbox with an image whose files belong to several users, and with a container to share ids with.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let files = [
        Entry::directory("data"),
        Entry::file("data/roots", "r"),
        Entry::file("data/alices", "a").owned_by(1000, 2000),
    ];
    sandbox.add(&Image::busybox_and(&files), "image");
    sandbox.run("run -d --name donor --network none --userns auto:size=2500 image sleep 1000").success();
    sandbox
}

/// Owners as a program sees them.
fn stat(paths: &str) -> String {
    format!("stat -c \"%n %u:%g\" {paths}")
}

/// Does `look` under each map, which must see what it sees in the user's own namespace; returns that.
fn the_same_under(maps: &[&str], look: impl Fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let usual = look("usual", USUAL);
    for (index, map) in maps.iter().enumerate() {
        assert_eq!(look(&format!("c{index}"), map), usual, "{map}");
    }
    usual
}

/// Whether a file is the caller's own.
fn is_ours(path: &Path) -> bool {
    let made = std::fs::symlink_metadata(path).expect("the copied file");
    (made.uid(), made.gid()) == (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
}

#[test]
fn volumes_under_other_maps() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = sandbox();
    // Nothing is copied into volumes yet where the caller is given another id of a range.
    let maps: Vec<&str> = MAPS.into_iter().filter(|map| !map.contains("uidmapping")).collect();
    let usual = the_same_under(&maps, |name, map| {
        let run = |flags: &str, script: &str| {
            let line = format!("run --rm -u 0 --network none {map} {flags} image sh -c '{script}'");
            sandbox.run(&line).success().out()
        };
        let volume = format!("-v {name}:/data");
        vec![
            // Copied up, and seen again.
            run(&volume, &format!("{}; touch /data/alices; cat /data/alices", stat("/data /data/*"))),
            run(&volume, &stat("/data/*")),
            run(&volume, "ls /data"),
        ]
    });
    assert!(usual[0].contains("/data/alices 1000:2000\n"), "{usual:?}");
    assert_eq!(usual[2], "alices\nroots\n");
}

#[test]
fn a_container_that_is_stopped() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = sandbox();
    let usual = the_same_under(&MAPS, |name, map| {
        let line = format!("run --name {name} -u 0 --network none {map} image sh -c '{CHANGE}'");
        sandbox.run(&line).success();
        from_outside(&sandbox, name)
    });
    assert_usual(&usual);
}

#[test]
fn a_container_that_runs() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = sandbox();
    let usual = the_same_under(&MAPS, |name, map| {
        sandbox.run(&format!("run -d --name {name} -u 0 --network none {map} image sleep 1000")).success();
        sandbox.run(&format!("exec {name} sh -c '{CHANGE}'")).success();
        let seen = from_outside(&sandbox, name);
        sandbox.run(&format!("rm -f -t 0 {name}")).success();
        seen
    });
    assert_usual(&usual);
}

/// What `cp`, `diff`, `export` and `commit` make of a container.
fn from_outside(sandbox: &Sandbox, name: &str) -> Vec<String> {
    copy_in(sandbox, name);
    copy_out(sandbox, name);
    let archive = sandbox.directory(name).join("all.tar").display().to_string();
    sandbox.run(&format!("export -o {archive} {name}")).success();
    sandbox.run(&format!("commit --pause=false {name} {name}-image")).success();
    let places = "/made /given /shut /shut/deep /data /data/*";
    let line = format!("run --rm --network none {name}-image sh -c '{}'", stat(places));
    let mut diff = sandbox.run(&format!("diff {name}")).success().lines();
    // Some maps give the caller an entry in the user databases.
    diff.retain(|line| !line.contains(" /etc"));
    diff.sort_unstable();
    let archived = sandbox.witness(&format!("tar --numeric-owner -tvf {archive}"));
    vec![diff.join("\n"), owners(&archived.success().lines()), sandbox.run(&line).success().out()]
}

/// The owners and names of those lines of tar's list that are about files of the test.
fn owners(list: &[String]) -> String {
    let ours =
        list.iter().filter(|line| ["made", "data", "given", "shut"].iter().any(|word| line.contains(word)));
    ours.map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        format!("{} {}\n", fields[1], fields[fields.len() - 1])
    })
    .collect()
}

fn assert_usual(usual: &[String]) {
    assert!(usual[0].contains("A /made") && usual[0].contains("D /data/alices"), "{usual:?}");
    assert!(usual[1].contains("1000/2000 made\n") && usual[1].contains("1000/0 data/roots\n"), "{usual:?}");
    assert!(usual[2].contains("/given 0:0\n/shut 0:0\n"), "{usual:?}");
}

/// A file that only the caller can read, out of a directory that only the caller can enter.
fn copy_in(sandbox: &Sandbox, name: &str) {
    let from = sandbox.directory("from");
    private(&from, 0o700);
    private(&sandbox.file("from/given", "g"), 0o600);
    for place in ["given", "data/given"] {
        sandbox.run(&format!("cp {}/given {name}:/{place}", from.display())).success();
    }
}

/// What nobody but the container's root can read becomes the caller's, also in a directory that is closed to others.
fn copy_out(sandbox: &Sandbox, name: &str) {
    let out = sandbox.directory(&format!("out-{name}"));
    private(&out, 0o700);
    for path in ["made", "shut"] {
        sandbox.run(&format!("cp {name}:/{path} {}", out.display())).success();
    }
    for path in ["made", "shut", "shut/deep"] {
        assert!(is_ours(&out.join(path)), "{name}: {path}");
    }
    let read = |path: &str| std::fs::read_to_string(out.join(path)).expect("a file of ours");
    assert_eq!((read("made"), read("shut/deep")), ("made\n".to_owned(), "deep\n".to_owned()));
}

fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a place of ours");
}
