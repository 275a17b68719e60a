//! Programs of another machine: each container gets the emulator for itself, where the host has none for everybody.

use std::fs;
use std::path::PathBuf;

use crate::skip;
use crate::support::{Compression, Entry, Image, Layer, Sandbox, fixture, program};

/// An image for another machine, with busybox for arm64 from Debian's packages.
fn foreign_image() -> Option<Image> {
    let busybox = fs::read(fixture("busybox.arm64")?).expect("a readable busybox");
    program("qemu-aarch64-static")?;
    let mut entries: Vec<Entry> = ["bin", "proc", "sys", "dev", "etc"].map(Entry::directory).into();
    entries.push(Entry::program("bin/busybox", busybox));
    let link = |name: &str| Entry::hardlink(&format!("bin/{name}"), "bin/busybox").with_mode(0o755);
    entries.extend(["sh", "uname", "cat", "ls", "sleep"].map(link));
    Some(Image::new(vec![Layer::new(&entries, Compression::None)]).set_top("architecture", "arm64".into()))
}

/// Whether the kernel gives user namespaces handlers of their own: from Linux 6.7 on.
pub fn has_own_handlers(sandbox: &Sandbox) -> bool {
    let mount = "unshare --user --map-root-user --mount mount -t binfmt_misc none /proc/sys/fs/binfmt_misc";
    sandbox.witness(mount).status.success()
}

#[test]
fn programs_of_another_machine() {
    let sandbox = Sandbox::new();
    let Some(image) = foreign_image() else { skip!("no busybox for arm64, or no qemu-user-static") };
    if !has_own_handlers(&sandbox) {
        skip!("this kernel has handlers for the whole host only");
    }
    sandbox.add(&image, "boat");
    let said =
        "WARNING: The requested image's platform (linux/arm64) does not match the detected host platform";
    sandbox.run("run --rm --network none boat uname -m").success().stdout("aarch64\n").stderr_has(said);
    let run = "run -d --name ship --network none --platform linux/arm64 boat sleep 1000";
    sandbox.run(run).success().stderr("");
    sandbox.run("exec ship uname -m").success().stdout("aarch64\n");
    // What it has of its own is not to be changed from within, and nobody else has it.
    let handlers = "/proc/sys/fs/binfmt_misc";
    sandbox.run(&format!("exec ship ls {handlers}")).success().stdout_has("qemu-aarch64\n");
    sandbox
        .run(&format!("exec ship sh -c 'echo -1 >{handlers}/qemu-aarch64'"))
        .code(1)
        .stderr_has("Read-only");
    assert!(!PathBuf::from(handlers).join("qemu-aarch64").exists());
    sandbox.run("restart -t 0 ship").success();
    sandbox.run("exec ship uname -m").success().stdout("aarch64\n");
    // In a build: a base of another platform, and a build for it.
    let dockerfile = "FROM --platform=linux/arm64 boat\nRUN [ $(uname -m) = aarch64 ]\n";
    for wanted in ["", "--no-cache --platform linux/arm64"] {
        let build = format!("build -q {wanted} --network none -t built -");
        sandbox.command(&build).input(dockerfile).finish().success();
    }
    sandbox.run("run --rm --network none built uname -m").success().stdout("aarch64\n");
    sandbox.run("rm -f ship").success();
    sandbox.assert_no_traces();
}

#[test]
fn without_an_emulator() {
    let sandbox = Sandbox::new();
    let Some(image) = foreign_image() else { skip!("no busybox for arm64, or no qemu-user-static") };
    sandbox.add(&image, "boat");
    let run = format!(
        "{} run --rm --network none --platform linux/arm64 boat uname -m",
        sandbox.program().display()
    );
    // There are no subordinate ids in there either.
    let hide = "mount -t tmpfs none /usr/lib/binfmt.d && mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid";
    let line = format!("unshare --user --map-current-user --keep-caps --mount sh -c '{hide} && exec {run}'");
    let output = sandbox.witness(&line);
    output
        .code(126)
        .stderr_has("exec format error")
        .stderr_has("hint: programs for linux/arm64 need an emulator");
    sandbox.assert_no_traces();
}
