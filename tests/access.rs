//! What a start says when it is denied what is mounted from the host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::process::{getgid, getuid};

use crate::support::{Sandbox, is_root, say_skipped};

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
}

#[test]
fn what_is_roots_is_said_to_be_roots() {
    let sandbox = Sandbox::with_busybox();
    let root = fs::metadata("/root").ok().filter(|root| root.mode() & 0o77 == 0 && root.uid() == 0);
    if root.is_none() || is_root() {
        return say_skipped("there is no directory that is closed to this user");
    }
    for line in ["run --rm -v /root/inner:/x busybox true", "create -v /root/inner:/x busybox true"] {
        sandbox
            .run(line)
            .code(125)
            .stderr_has("invalid mount config for type \"bind\": /root/inner: Permission denied")
            .stderr_has(
                "hint: /root has mode 0700 on the host and belongs to 0:0, and your user may not enter it: ",
            )
            .stderr_has("chmod o+x /root; see: namei -l /root/inner\n");
    }
    sandbox
        .run("run --rm --network none -v /root:/x -w /x busybox true")
        .code(126)
        .stderr_has(
            "hint: /root has mode 0700 on the host and belongs to 0:0, whom the container does not have: ",
        )
        .stderr_has("chmod o+rX /root; see: namei -l /root\n");
}
