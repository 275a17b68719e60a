//! `unshare`, `mount` and `unmount`: the files of containers from outside, with their owners.

use crate::skip;
use crate::support::{Entry, Image, Output, Sandbox, has_subordinate_ids, is_driver, is_root};

/// A shell script within `unshare`, where `c` is coracle.
fn within(sandbox: &Sandbox, script: &str) -> Output {
    let script = format!("c() {{ {} \"$@\"; }}; {script}", sandbox.program().display());
    sandbox.run_words(&["unshare", "sh", "-c", &script])
}

#[test]
fn a_program_in_the_users_namespace() {
    if is_root() {
        skip!("root has no use for it");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run_words(&["unshare", "sh", "-c", "id -u; id -g; exit 7"]).code(7).stdout("0\n0\n");
    sandbox.command("unshare").env("SHELL", "/bin/sh").input("echo $((6 * 7))\n").finish().stdout("42\n");
    sandbox.run("unshare no-such-program").code(127).stderr_has("exec no-such-program");
    sandbox.run("unshare /etc").code(126);
    // The same store, wherever it is: also one that flags name.
    sandbox.run("create --name here busybox true").success();
    within(&sandbox, "c ps -a --format {{.Names}}").success().stdout("here\n");
    let (root, run) = (sandbox.path().join("other"), sandbox.path().join("other-run"));
    let flags = format!("--root {} --runroot {}", root.display(), run.display());
    let told = sandbox.run(&format!("{flags} unshare sh -c 'echo $CORACLE_ROOT $CORACLE_RUNROOT'"));
    told.success().stdout(&format!("{} {}\n", root.display(), run.display()));
    if has_subordinate_ids() {
        let path = sandbox.directory("owned");
        let script = format!("mkdir {0}/a && chown 5:5 {0}/a && stat -c %u:%g {0}/a", path.display());
        within(&sandbox, &script).success().stdout("5:5\n");
        assert!(std::fs::remove_dir(path.join("a")).is_ok());
    }
}

#[test]
fn files_of_a_container_at_a_path() {
    if is_root() {
        skip!("root has no use for it");
    }
    if is_driver("vfs") {
        skip!("with vfs the files are in a directory, and nothing is mounted");
    }
    let sandbox = Sandbox::with_busybox();
    let script = "echo changed > /file; rm -f /bin/wget";
    sandbox
        .run_words(&["run", "--name", "one", "--network", "none", "busybox", "sh", "-c", script])
        .success();
    sandbox.run("create --name two --network none busybox sleep 1000").success();
    for verb in ["mount one", "mount", "unmount one"] {
        let command = verb.split(' ').next().unwrap();
        let error = format!(
            "Error: cannot run command \"coracle {command}\" in rootless mode, must execute `coracle unshare` first\n"
        );
        sandbox.run(verb).code(1).stderr(&error);
    }
    let id = sandbox.inspect("one", "Id").as_str().unwrap().to_owned();
    let place = sandbox.container_directory(&id).join("rootfs");
    let place = place.display();
    let look = "m=$(c mount one); c mount one; cat $m/file; test ! -e $m/bin/wget; test -e $m/bin/sh; c mount; \
                touch $m/new 2>/dev/null || echo read-only; c umount one; ls $m; c mount; c unmount one";
    let looked = within(&sandbox, look);
    looked.code(1).stdout(&format!("{place}\nchanged\n{} {place}\nread-only\none\n", &id[..12]));
    looked.stderr(&format!("Error: container {id} is not mounted\n"));
    within(&sandbox, "c mount -a | wc -l; c unmount -a | wc -l; c mount").success().stdout("2\n2\n");
    let rows = within(&sandbox, "c mount one >/dev/null; c mount two >/dev/null; c mount --format json one");
    let rows = rows.success().json();
    assert_eq!((rows.as_array().expect("rows").len(), &rows[0]["Names"][0]), (1, &serde_json::json!("one")));
    assert_eq!(rows[0]["id"], sandbox.inspect("one", "Id"));
    let place = rows[0]["mountpoint"].as_str().expect("a path").to_owned();
    within(&sandbox, "c mount -l").success().stdout_has("/rootfs");
    assert!(place.ends_with("/rootfs"), "{place}");
    // What is mounted hinders neither a start nor a removal.
    let script = "m=$(c mount two) && c start two && ls $m/bin/sh && c rm -f two && test ! -e $m";
    within(&sandbox, script).success().stdout_has("/bin/sh\n");
    let script = "m=$(c mount one) && c start -a one && cat $m/file && c rm one && test ! -e $m";
    within(&sandbox, script).success().stdout("changed\none\n");
    sandbox.assert_no_traces();
}

#[test]
fn one_that_is_mounted_elsewhere_can_be_removed() {
    if is_root() {
        skip!("root has no use for it");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name one --network none busybox echo ran").success();
    let script = format!("{} mount one && cat", sandbox.program().display());
    let mut shell = sandbox.command_of(&["unshare", "sh", "-c", &script]).start_open();
    shell.expect("/rootfs\n");
    sandbox.run("start -a one").success().stdout("ran\n");
    sandbox.run("rm one").success();
    shell.close_input();
    shell.finish().success();
    sandbox.assert_no_traces();
}

#[test]
fn files_of_an_image_at_a_path() {
    if is_root() {
        skip!("root has no use for it");
    }
    if is_driver("vfs") {
        skip!("vfs has nothing that can be mounted");
    }
    let sandbox = Sandbox::with_busybox();
    let more = [Entry::file("new", "content\n"), Entry::file("bin/.wh.wget", "")];
    sandbox.add(&Image::busybox_and(&more), "more");
    for verb in ["image mount more", "image mount", "image unmount more"] {
        sandbox.run(verb).code(1).stderr_has("must execute `coracle unshare` first").one_clear_line();
    }
    let id = sandbox.inspect("more", "Id").as_str().unwrap()["sha256:".len()..].to_owned();
    let place = sandbox.path().join("run/coracle/images").join(&id);
    let place = place.display();
    let look = "m=$(c image mount more); c image mount more; cat $m/new; test ! -e $m/bin/wget; test -e $m/bin/sh; \
                c image mount; touch $m/x 2>/dev/null || echo read-only; c image umount more; ls $m; c image mount; \
                c image unmount more";
    let looked = within(&sandbox, look);
    let width = "more:latest".len() + 3;
    looked.code(1).stdout(&format!("{place}\ncontent\n{:width$}{place}\nread-only\n{id}\n", "more:latest"));
    looked.stderr("Error: image more is not mounted\n");
    // Of a single layer too.
    within(&sandbox, "ls $(c image mount busybox)/bin/sh; c image unmount busybox >&2")
        .success()
        .stdout_has("/bin/sh\n");
    within(&sandbox, "c image mount -a | wc -l; c image unmount -a | wc -l; c image mount")
        .success()
        .stdout("2\n2\n");
    let told =
        within(&sandbox, "c image mount --format json more; c image unmount more >&2").success().json();
    assert_eq!((&told[0]["id"], &told[0]["Repositories"][0]), (&id.as_str().into(), &"more:latest".into()));
    // What is mounted goes with the image.
    within(&sandbox, "m=$(c image mount more) && c rmi more >/dev/null && ls $m").success().stdout("");
}
