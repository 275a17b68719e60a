//! Limits on a host that cannot set them, and what is wrong on any host; `tests/vm` has the rest.

use std::path::Path;

use crate::skip;
use crate::support::Sandbox;

/// Docker's refusals come before anything that the host lacks.
#[test]
fn limits_that_no_host_takes() {
    let sandbox = Sandbox::new();
    for (flags, message) in [
        ("-m 1m", "coracle: Minimum memory limit allowed is 6MB"),
        ("--memory x", "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'"),
        ("--cpus x", "invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational number"),
        ("--device-read-bps x", "invalid argument \"x\" for \"--device-read-bps\" flag: bad format: x"),
        ("--cgroup-conf ../x=1", "must be the name of a file in a control group and its value"),
        ("-m 10m --cgroups disabled", "coracle: conflicting options: --cgroups=disabled and --memory"),
        ("--oom-kill-disable", "coracle: --oom-kill-disable needs control groups version 1"),
        ("--memory-swappiness 5", "coracle: --memory-swappiness needs control groups version 1"),
    ] {
        sandbox.run(&format!("run --rm {flags} builtin:hello")).code(125).stderr_has(message);
    }
    sandbox.run("--cgroup-manager x run --rm builtin:hello").code(125).stderr_has("unknown cgroup manager");
    sandbox.run("update -m 1m x").code(1).stderr_has("No such container: x");
    // What sets no limit needs nothing.
    let none = "--pids-limit -1 --memory 0 --memory-swappiness -1 --cgroups disabled";
    sandbox.run(&format!("run --rm {none} builtin:hello")).success();
}

/// Nothing is run without the limits that were asked for.
#[test]
fn version_1_is_refused_with_the_reason() {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        skip!("this host has control groups version 2");
    }
    let sandbox = Sandbox::with_busybox();
    for (flags, what) in [
        ("-m 10m", "--memory"),
        ("--cpus 0.5", "--cpus"),
        ("--pids-limit 5", "--pids-limit"),
        ("--cgroup-conf memory.high=1", "--cgroup-conf"),
        ("--cgroup-parent x.slice", "--cgroup-parent"),
        ("--cgroups enabled", "--cgroups=enabled"),
    ] {
        sandbox
            .run(&format!("run --rm --network none {flags} busybox true"))
            .code(125)
            .stderr_has(&format!("coracle: {what} needs control groups version 2: this host "))
            .stderr_has("hint: ");
    }
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
    for line in ["pause live", "unpause live", "update -m 10m live"] {
        sandbox.run(line).code(1).stderr_has("needs control groups version 2: this host ");
    }
    // Measured by its processes.
    let row = sandbox.run("stats --no-stream live").success().lines()[1].clone();
    assert!(row.contains(" live ") && row.ends_with(" 1"), "{row}");
    sandbox.run("stats --no-stream --format {{.Name}} live").success().stdout("live\n");
    // What is named stays so; an id is told in short.
    sandbox.run("stats --no-stream --format {{.Container}} live").success().stdout("live\n");
    let all = sandbox.run("stats --no-stream --no-trunc --format '{{.Container}} {{.ID}}'").success().line();
    assert!(
        all.split_once(' ').is_some_and(|(short, id)| short.len() == 12 && id.starts_with(short)),
        "{all}"
    );
    sandbox.run("run --name past --network none busybox true").success();
    sandbox.run("pause past").code(1).stderr_has("is not running");
    sandbox.run("ps -q --filter status=paused").success().stdout("");
}
