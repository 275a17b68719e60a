//! What happens when a container ends: restart policies, and the commands that meet a container on its way
//! down or up.

use serde_json::json;

use crate::support::{Sandbox, eventually};

/// Exits with 3 until `/tries` holds `wanted` lines; its upper directory outlives every run.
fn flaky(wanted: u32) -> String {
    format!(
        "busybox sh -c 'echo try >>/tries; test $(wc -l </tries) -ge {wanted} || exit 3; exec sleep 1000'"
    )
}

fn restart_count(sandbox: &Sandbox, name: &str) -> u64 {
    sandbox.inspect(name, "RestartCount").as_u64().expect("a number")
}

fn status(sandbox: &Sandbox, name: &str) -> String {
    sandbox.run(&format!("inspect -f {{{{.State.Status}}}} {name}")).success().line()
}

#[test]
fn failures_are_tried_again_until_they_succeed() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run(&format!("run -d --name boat --restart on-failure:5 {}", flaky(3))).success();
    eventually("the third try holds", || {
        (restart_count(&sandbox, "boat") == 2 && status(&sandbox, "boat") == "running").then_some(())
    });
    assert_eq!(
        sandbox.inspect("boat", "HostConfig.RestartPolicy"),
        json!({"Name": "on-failure", "MaximumRetryCount": 5})
    );
    sandbox.run("exec boat wc -l /tries").success().stdout("3 /tries\n");
    // A wish of the user ends it, and a start by the user counts anew.
    sandbox.run("stop -t 0 boat").success();
    assert_eq!(status(&sandbox, "boat"), "exited");
    sandbox.run("start boat").success();
    assert_eq!(restart_count(&sandbox, "boat"), 0);
    sandbox.run("rm -f boat").success();
    sandbox.assert_no_traces();
}

#[test]
fn retries_come_to_an_end() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat --restart on-failure:2 busybox sh -c 'echo once; exit 7'").success();
    eventually("it has given up", || (status(&sandbox, "boat") == "exited").then_some(()));
    assert_eq!(sandbox.inspect("boat", "State.ExitCode"), 7);
    assert_eq!(restart_count(&sandbox, "boat"), 2);
    sandbox.run("logs boat").success().stdout("once\nonce\nonce\n");
    // Success is no failure.
    sandbox.run("run --name fine --restart on-failure busybox true").success();
    assert_eq!((status(&sandbox, "fine").as_str(), restart_count(&sandbox, "fine")), ("exited", 0));
    sandbox.run("rm boat fine").success();
    sandbox.assert_no_traces();
}

/// A container that rests for seconds between its runs.
fn resting(sandbox: &Sandbox, name: &str) {
    sandbox.run(&format!("run -d --name {name} --restart always busybox sh -c 'exit 1'")).success();
    eventually("it rests for long", || (restart_count(sandbox, name) >= 5).then_some(()));
    eventually("it rests", || (status(sandbox, name) == "restarting").then_some(()));
}

#[test]
fn a_restarting_container_meets_every_verb() {
    let sandbox = Sandbox::with_busybox();
    resting(&sandbox, "boat");
    let id = sandbox.inspect("boat", "Id").as_str().expect("an id").to_owned();
    let row = sandbox.run("ps --format {{.Status}}").success().line();
    assert!(row.starts_with("Restarting (1) ") && row.ends_with(" ago"), "{row}");
    sandbox.run("ps -q --filter status=restarting").success().stdout(&format!("{}\n", &id[..12]));
    let state = sandbox.inspect("boat", "State");
    assert_eq!(
        (&state["Running"], &state["Restarting"], &state["Pid"]),
        (&json!(true), &json!(true), &json!(0))
    );
    sandbox
        .run("rm boat")
        .code(1)
        .stderr_has("container is restarting: stop the container before removing or force remove")
        .one_clear_line();
    sandbox
        .run("exec boat true")
        .code(1)
        .stderr_has(&format!("Container {id} is restarting, wait until the container is running"))
        .one_clear_line();
    sandbox.run("attach boat").code(1).stderr_has("restarting").one_clear_line();
    sandbox.run("start boat").success().stdout("boat\n");
    let waiting = sandbox.command("wait boat").start();
    sandbox.run("stop boat").success().stdout("boat\n");
    waiting.finish().success().stdout("1\n");
    assert_eq!(status(&sandbox, "boat"), "exited");
    assert_eq!(sandbox.inspect("boat", "State.ExitCode"), 1);
    sandbox.run("rm boat").success();
    sandbox.assert_no_traces();
}

#[test]
fn resting_containers_can_be_killed_and_removed() {
    let sandbox = Sandbox::with_busybox();
    resting(&sandbox, "killed");
    resting(&sandbox, "removed");
    sandbox.run("kill killed").success().stdout("killed\n");
    eventually("it is down", || (status(&sandbox, "killed") == "exited").then_some(()));
    sandbox.run("rm -f removed").success();
    sandbox.run("rm killed").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_signal_that_stops_is_final_and_another_is_not() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"exit 9\" USR1; echo ready; while :; do sleep 0.05; done";
    sandbox
        .run(&format!("run -d --name boat --restart always --stop-signal TERM busybox sh -c '{script}'"))
        .success();
    eventually("it is ready", || sandbox.run("logs boat").out().contains("ready").then_some(()));
    sandbox.run("kill -s USR1 boat").success();
    eventually("it came back", || {
        (restart_count(&sandbox, "boat") == 1 && sandbox.run("logs boat").lines().len() == 2).then_some(())
    });
    sandbox.run("kill boat").success();
    eventually("it stays down", || (status(&sandbox, "boat") == "exited").then_some(()));
    assert_eq!(sandbox.inspect("boat", "State.ExitCode"), 137);
}

#[test]
fn who_is_attached_hears_of_the_first_run() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run --name boat --restart on-failure:3 busybox sh -c 'echo said; exit 4'")
        .code(4)
        .stdout("said\n");
    eventually("it has given up", || (status(&sandbox, "boat") == "exited").then_some(()));
    sandbox.run("logs boat").success().stdout(&"said\n".repeat(4));
}

#[test]
fn restart_stops_and_starts() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sh -c 'echo up; exec sleep 1000'").success();
    let pid = sandbox.inspect("boat", "State.Pid");
    sandbox.run("restart -t 0 boat").success().stdout("boat\n");
    assert_ne!(sandbox.inspect("boat", "State.Pid"), pid);
    assert_eq!((status(&sandbox, "boat").as_str(), restart_count(&sandbox, "boat")), ("running", 0));
    eventually("it is up", || (sandbox.run("logs boat").out() == "up\nup\n").then_some(()));
    // One that has ended is started, and one with --rm survives.
    sandbox.run("run --name ended busybox true").success();
    sandbox.run("restart ended").success();
    sandbox.run("run -d --rm --name brief busybox sleep 1000").success();
    sandbox.run("restart -t 0 brief").success();
    assert_eq!(status(&sandbox, "brief"), "running");
    sandbox.run("restart nothing").code(1).stderr_has("No such container: nothing").one_clear_line();
    sandbox.run("stop -t 0 brief boat").success();
    sandbox.run("inspect brief").code(1);
    sandbox.run("rm boat").success();
    sandbox.run("wait ended").success();
    sandbox.run("rm ended").success();
    sandbox.assert_no_traces();
}

#[test]
fn policies_that_cannot_be() {
    let sandbox = Sandbox::with_busybox();
    for (flags, want) in [
        ("--rm --restart always", "conflicting options: cannot specify both --restart and --rm"),
        ("--restart sometimes", "invalid restart policy: unknown policy 'sometimes'"),
        ("--restart always:3", "maximum retry count can only be used with 'on-failure'"),
    ] {
        sandbox.run(&format!("run {flags} busybox true")).code(125).stderr_has(want);
    }
    sandbox.run("ps -aq").success().stdout("");
}
