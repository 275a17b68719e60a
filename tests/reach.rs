//! Hosts that lack something, made on purpose: in a mount namespace where a device or the home is another. What the table
//! of the README says of them.

use crate::skip;
use crate::support::{Output, Sandbox, has_subordinate_ids, is_root};

/// Coracle command lines where root of a namespace has run `setup` before; nothing where that cannot be made.
fn on_host(sandbox: &Sandbox, setup: &str, lines: &[&str]) -> Option<Output> {
    let unshare = "unshare --user --map-root-user --map-auto --mount sh -ec";
    if is_root() || !has_subordinate_ids() || sandbox.witness(&format!("{unshare} :")).exit_code() != 0 {
        return None;
    }
    let program = sandbox.program().display();
    let lines: Vec<String> =
        lines.iter().map(|line| line.replace("coracle ", &format!("{program} "))).collect();
    let script = format!("{setup}\n{}", lines.join("\n"));
    Some(sandbox.witness(&format!("{unshare} {}", shlex::try_quote(&script).expect("no null bytes"))))
}

const HELLO: &str = "coracle run --rm --network none builtin:hello";

#[test]
fn without_a_fuse_device() {
    let mut sandbox = Sandbox::new();
    // Another driver is found, unless one is asked for.
    sandbox.unset("CORACLE_STORAGE_DRIVER");
    let Some(output) = on_host(&sandbox, "mount --bind /dev/null /dev/fuse", &[HELLO]) else {
        skip!("unshare cannot map subordinate ids here");
    };
    output.success().stdout_has("Hello from Coracle!");
}

#[test]
fn a_home_that_is_read_only() {
    let sandbox = Sandbox::new();
    let elsewhere = sandbox.directory("elsewhere");
    let line = format!("CORACLE_ROOT={} {HELLO}", elsewhere.display());
    let setup = "mount -t tmpfs -o ro none $HOME";
    let Some(output) = on_host(&sandbox, setup, &[HELLO]) else {
        skip!("unshare cannot map subordinate ids here");
    };
    output.code(125).stderr_has("Read-only file system");
    let output = on_host(&sandbox, setup, &[&line]).expect("it could be made before");
    output.success().stdout_has("Hello from Coracle!");
}

/// The kernel's overlay keeps what it knows of its files in their attributes.
#[test]
fn a_home_without_extended_attributes() {
    let mut sandbox = Sandbox::new();
    sandbox.unset("CORACLE_STORAGE_DRIVER");
    if !std::path::Path::new("/usr/bin/fuse-overlayfs").exists() {
        skip!("there is no fuse-overlayfs");
    }
    let lines = [HELLO, "coracle info --format '{{.Driver}}'"];
    let Some(output) = on_host(&sandbox, "mount -t ramfs none $HOME", &lines) else {
        skip!("unshare cannot map subordinate ids here");
    };
    output.success().stdout_has("Hello from Coracle!");
    assert_eq!(output.lines().last().map(String::as_str), Some("fuse-overlayfs"), "{}", output.out());
}

/// As in a container whose image has an `/etc/subuid` that was written for a host.
#[test]
fn subordinate_ids_that_the_namespace_around_lacks() {
    let sandbox = Sandbox::with_busybox();
    if is_root() || !has_subordinate_ids() {
        skip!("only a user has subordinate ids");
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let program = sandbox.program().display();
    let output = sandbox.witness(&format!(
        "unshare --user --map-user={uid} --map-group={gid} {program} run --rm --network none busybox id -u"
    ));
    output.success().stdout("0\n").stderr_has("do not exist in the container around this one");
}
