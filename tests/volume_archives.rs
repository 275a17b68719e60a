//! `volume export` and `volume import`: what is in a volume comes back as it was, and stays in the volume.

use std::fs;

use crate::support::{Sandbox, has_subordinate_ids};

/// The path, owner and kind of every entry.
fn entries(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let shown = archive.entries().expect("an archive").map(|entry| {
        let entry = entry.expect("an entry");
        let header = entry.header();
        let path = entry.path().expect("a path").display().to_string();
        format!("{path} {}:{}", header.uid().expect("a uid"), header.gid().expect("a gid"))
    });
    let mut all: Vec<_> = shown.collect();
    all.sort();
    all
}

#[test]
fn a_volume_comes_back_as_it_was() {
    let sandbox = Sandbox::with_busybox();
    let owner = if has_subordinate_ids() { "999:998" } else { "0:0" };
    let fill = format!(
        "mkdir /v/d; echo one >/v/d/f; echo plain >/v/.wh.kept; echo odd >/v/.wh..wh..opq; ln -s /etc/passwd /v/l; \
         chmod 750 /v; chown -h {owner} /v /v/d /v/d/f /v/l"
    );
    sandbox.run_words(&["run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", &fill]).success();
    let file = sandbox.path().join("data.tar");
    sandbox.run(&format!("volume export -o {} data", file.display())).success().stdout("");
    let tar = fs::read(&file).expect("the archive");
    let want = [
        format!("./ {owner}"),
        "./.wh..wh..opq 0:0".to_owned(),
        "./.wh.kept 0:0".to_owned(),
        format!("./d/ {owner}"),
        format!("./d/f {owner}"),
        format!("./l {owner}"),
    ];
    assert_eq!(entries(&tar), want, "owners as containers see them");

    assert_eq!(sandbox.run("volume export data").success().out().as_bytes(), tar);
    let look = "cd /v; stat -c '%n %u:%g %a' . d d/f .wh.kept; readlink l; cat d/f .wh.kept .wh..wh..opq";
    let see = |volume: &str| {
        let mount = format!("{volume}:/v");
        sandbox.run_words(&["run", "--rm", "-v", &mount, "busybox", "sh", "-c", look]).success().out()
    };
    let before = see("data");
    sandbox.run("volume create copy").success();
    sandbox.run(&format!("volume import copy {}", file.display())).success().stdout("");
    assert_eq!(see("copy"), before);
    // Into one that has files: those of the archive replace its own, the others stay.
    let change = "echo two >/v/d/f; echo mine >/v/own; chown 0:0 /v/d/f";
    sandbox.run_words(&["run", "--rm", "-v", "copy:/v", "busybox", "sh", "-c", change]).success();
    sandbox.command("volume import copy -").input(tar).finish().success();
    assert_eq!(see("copy"), before);
    sandbox.run("run --rm -v copy:/v busybox cat /v/own").success().stdout("mine\n");

    sandbox.run("volume export nope").code(1).stderr_has("get nope: no such volume").one_clear_line();
    sandbox.run(&format!("volume import nope {}", file.display())).code(1).stderr_has("no such volume");
    sandbox.run("volume import copy /nowhere").code(1).stderr_has("open /nowhere").one_clear_line();
    sandbox.run("volume create -o type=tmpfs memory").success();
    sandbox.run("volume export memory").code(1).stderr_has("volume memory is memory").one_clear_line();
}

#[test]
fn a_hostile_archive_stays_in_the_volume() {
    let sandbox = Sandbox::new();
    sandbox.run("volume create data").success();
    let outside = sandbox.directory("outside");
    let build = |put: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut builder = tar::Builder::new(Vec::new());
        put(&mut builder);
        builder.into_inner().expect("an archive")
    };
    let file = |builder: &mut tar::Builder<Vec<u8>>, name: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, &b"x\n"[..]).expect("an entry");
    };
    let link = |builder: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, name: &str, target: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, name, target).expect("an entry");
    };
    let target = outside.display().to_string();
    for (what, archive) in [
        ("a name with dots", build(&|b| file(b, "../../escaped"))),
        (
            "through a link",
            build(&|b| {
                link(b, tar::EntryType::Symlink, "door", &target);
                file(b, "door/escaped");
            }),
        ),
        ("a hard link", build(&|b| link(b, tar::EntryType::Link, "record", "../volume.json"))),
    ] {
        // Refused, or put where such a name leads within the volume.
        let output = sandbox.command("volume import data -").input(archive).finish();
        output.one_clear_line_or_nothing();
        let volume = sandbox.store().join("volumes/data");
        let mut names: Vec<_> = fs::read_dir(&volume)
            .expect("a volume")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["_data", "volume.json"], "{what}");
        assert_eq!(fs::read_dir(&outside).expect("a listing").count(), 0, "{what}");
        assert!(!sandbox.store().join("volumes/escaped").exists(), "{what}");
        assert!(!volume.join("_data/record").exists(), "{what}");
    }
}
