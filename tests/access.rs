//! What a start says when it is denied what is mounted from the host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::process::{getgid, getuid};

use crate::support::{Sandbox, has_subordinate_ids, is_driver, is_root, say_skipped};

fn close(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn the_owner_on_the_host_and_the_flag_that_helps() {
    if is_root() {
        return say_skipped("root may enter everything");
    }
    let sandbox = Sandbox::with_busybox();
    let mine = sandbox.directory("mine");
    fs::copy(sandbox.file("plain", "#!/bin/sh\n"), mine.join("script")).expect("a copy");
    close(&mine.join("script"), 0o644);
    let denied = |flags: &str, program: &str| {
        let output = sandbox.run(&format!("run --rm --network none {flags} busybox {program}"));
        assert!(matches!(output.exit_code(), 125..=127), "{flags}");
        output
    };
    let x = format!("-v {}:/x", mine.display());
    denied(&x, "/x/script").stderr_has(&format!(
        "hint: {0}/script has mode 0644 on the host and belongs to {1}:{2}, and nobody may execute it: chmod +x {0}/script",
        mine.display(),
        getuid().as_raw(),
        getgid().as_raw()
    ));

    // Each kind of owner has a flag of its own.
    let private = mine.join("private");
    fs::create_dir(&private).expect("a directory");
    fs::copy(mine.join("script"), private.join("tool")).expect("a copy");
    close(&private.join("tool"), 0o700);
    close(&private, 0o700);
    let own = "which is your user: use --userns keep-id, or --user 0";
    let mut cases = vec![("/x/private/tool", "private/tool", own)];
    if has_subordinate_ids() {
        let make = "mkdir -m 700 /x/theirs && cp /x/private/tool /x/theirs && chown -R 5:7 /x/theirs";
        sandbox.run(&format!("run --rm --network none {x} busybox sh -c '{make}'")).success();
        let theirs = "which is user 5 in the container: use --user 5, or :U on the mount to give it to the container's user";
        cases.push(("/x/theirs/tool", "theirs", theirs));
    } else {
        say_skipped("(in part) no subordinate ids: every file is the user's own");
    }
    for (program, place, want) in cases {
        let output = denied(&format!("{x} --user 1000"), program);
        let metadata = fs::metadata(mine.join(place)).expect("it is there");
        output.stderr_has(&format!(
            "hint: {} has mode 0700 on the host and belongs to {}:{}, {want}\n",
            mine.join(place).display(),
            metadata.uid(),
            metadata.gid()
        ));
    }
    // With ids of its own the container has the user by another name, or not at all.
    if has_subordinate_ids() {
        let number = getuid().as_raw();
        let withheld = [
            (
                "--userns keep-id --user 1",
                format!("which is your user, here the user {number}: use --user {number}\n"),
            ),
            (
                "--userns auto",
                "which is your user, whom the container does not have: use --userns keep-id\n".to_owned(),
            ),
        ];
        // fuse-overlayfs serves no container that has not the user's own id.
        let count = if is_driver("fuse-overlayfs") { 1 } else { withheld.len() };
        for (flags, want) in &withheld[..count] {
            denied(&format!("{x} {flags}"), "/x/private/tool").stderr_has(want);
        }
    }
    // What may not be executed is another matter.
    fs::copy(sandbox.file("script", "#!/bin/sh\n"), mine.join("fit")).expect("a copy");
    close(&mine.join("fit"), 0o755);
    let forbidden = "hint: nothing on /x may be executed: leave noexec out of the flag that mounts it\n";
    denied(&format!("{x}:noexec"), "/x/fit").stderr_has(forbidden);
    sandbox
        .run(&format!(
            "run -d --name boat --network none {x}:noexec -v {}:/y --tmpfs /t busybox sleep 1000",
            mine.display()
        ))
        .success();
    sandbox.run("exec boat /x/fit").code(126).stderr_has(forbidden);
    sandbox.run("exec boat cp /bin/busybox /t/tool").success();
    sandbox
        .run("exec boat /t/tool")
        .code(126)
        .stderr_has("hint: nothing on /t may be executed: mount it with exec: ");
    sandbox.run("exec -u 1000 boat /y/private/tool").code(126).stderr_has("which is your user");
    if has_subordinate_ids() {
        sandbox.run(&format!("run --rm --network none {x} busybox rm -r /x/theirs")).success();
    }
}

/// A directory of root's that no other user may enter, where the C library is Debian's.
const CLOSED: &str = "/var/cache/ldconfig";

#[test]
fn what_is_roots_is_said_to_be_roots() {
    let sandbox = Sandbox::with_busybox();
    let closed = fs::metadata(CLOSED).ok().filter(|it| it.mode() & 0o7777 == 0o700 && it.uid() == 0);
    if closed.is_none() || is_root() {
        return say_skipped(&format!("{CLOSED} is not a directory that is closed to this user"));
    }
    for verb in ["run --rm", "create"] {
        sandbox
            .run(&format!("{verb} -v {CLOSED}/inner:/x busybox true"))
            .code(126)
            .stderr_has(&format!("invalid mount config for type \"bind\": {CLOSED}/inner: Permission denied"))
            .stderr_has(&format!(
                "hint: {CLOSED} has mode 0700 on the host and belongs to 0:0, and your user may not enter it: "
            ))
            .stderr_has(&format!("chmod o+x {CLOSED}; see: namei -l {CLOSED}/inner\n"));
    }
    sandbox
        .run(&format!("run --rm --network none -v {CLOSED}:/x -w /x busybox true"))
        .code(126)
        .stderr_has(&format!(
            "hint: {CLOSED} has mode 0700 on the host and belongs to 0:0, whom the container does not have: "
        ))
        .stderr_has(&format!("chmod o+rX {CLOSED}; see: namei -l {CLOSED}\n"));
}
