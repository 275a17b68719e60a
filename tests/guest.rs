//! What only a desktop has, in a guest: systemd, control groups of version 2, a login. `tests/run.sh` makes the guest.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::skip;
use crate::support::binary;

/// What `tests/vm/run.sh` exits with where the guest itself has failed, and not the script.
const GUEST_FAILED: i32 = 125;

/// Runs a script of `tests/vm` in the guest; every line that begins with `FAILED` is one.
fn run(script: &str) {
    run_with(script, &[]);
}

/// The same with more files beside the script.
fn run_with(script: &str, files: &[PathBuf]) {
    let guest =
        std::env::var_os("CORACLE_TEST_FIXTURES").map(|fixtures| PathBuf::from(fixtures).join("guest"));
    let Some(guest) = guest.filter(|guest| guest.join("disk.raw").exists()) else {
        skip!("there is no guest: sh tests/vm/build.sh could not make one here");
    };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vm");
    let output = Command::new("sh")
        .arg(scripts.join("run.sh"))
        .arg(&guest)
        .arg(scripts.join(script))
        .arg(binary())
        .arg(scripts.join("base.sh"))
        .args(files)
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(GUEST_FAILED) {
        skip!("the guest does not run here: {why}");
    }
    assert!(output.status.success() && !said.contains("FAILED"), "{}\n{said}{why}", output.status);
    assert!(said.contains("ok: "), "nothing was tried: {said}{why}");
}

#[test]
fn limits_of_control_groups() {
    run("limits.sh");
}

#[test]
fn every_limit_by_its_value() {
    run("values.sh");
}

#[test]
fn logs_in_the_journal() {
    run("journal.sh");
}

#[test]
fn containers_over_a_reboot() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd/coracle-restart.service");
    run_with("reboot.sh", &[unit]);
}

#[test]
fn units_of_systemd() {
    run("units.sh");
}

#[test]
fn systemd_in_a_container() {
    run("systemd.sh");
}

#[test]
fn limits_that_are_delegated_by_hand() {
    run("delegated.sh");
}

#[test]
fn limits_of_builds() {
    run("build-limits.sh");
}

#[test]
fn pauses_that_end() {
    run("pause.sh");
}

#[test]
fn a_package_of_debian() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(package) = packages::made("deb", "dpkg-deb", directory.path()) else {
        skip!("there is no dpkg-deb");
    };
    let named = directory.path().join("coracle.deb");
    std::fs::rename(package, &named).expect("a package");
    run_with("packages.sh", &[named]);
}
