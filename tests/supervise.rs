//! What happens when a container ends: restart policies, and the commands that meet a container on its way
//! down or up.

use rustix::process::Signal;
use serde_json::{Value, json};

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

/// Kills a container with its supervisor, as a power cut does.
fn cut_power(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    let id = sandbox.inspect(name, "Id").as_str().expect("an id").to_owned();
    let path = sandbox.container_directory(&id).join("container.json");
    let record: Value = serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("JSON");
    let supervisor = record["state"]["supervisor"].as_i64().expect("a supervisor");
    let pid = rustix::process::Pid::from_raw(i32::try_from(supervisor).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, Signal::KILL).expect("it runs");
    eventually("it is down", || (status(sandbox, name) == "exited").then_some(()));
    path
}

/// Makes a record one of an earlier boot.
fn reboot(path: &std::path::Path) {
    let mut record: Value = serde_json::from_slice(&std::fs::read(path).expect("a record")).expect("JSON");
    record["state"]["boot_id"] = json!("00000000-0000-0000-0000-000000000000");
    std::fs::write(path, record.to_string()).expect("a record");
}

#[test]
fn what_ran_comes_back_after_a_reboot() {
    let sandbox = Sandbox::with_busybox();
    let run = |name: &str, policy: &str| {
        sandbox.run(&format!("run -d --name {name} --restart {policy} busybox sleep 1000")).success();
    };
    for (name, policy) in [("a1", "always"), ("u1", "unless-stopped"), ("n1", "no"), ("f1", "on-failure")] {
        run(name, policy);
        reboot(&cut_power(&sandbox, name));
    }
    for (name, policy) in [("a2", "always"), ("u2", "unless-stopped"), ("a3", "always")] {
        run(name, policy);
        sandbox.run(&format!("stop -t 0 {name}")).success();
    }
    sandbox.run("create --name c1 --restart always busybox true").success();
    // Of those that the user has stopped, only "always" comes back, and only after a reboot.
    for name in ["a2", "u2"] {
        let id = sandbox.inspect(name, "Id").as_str().expect("an id").to_owned();
        reboot(&sandbox.container_directory(&id).join("container.json"));
    }
    sandbox.run("system restart-all").success().stdout("a1\nu1\na2\n");
    let running = sandbox.run("ps --format {{.Names}}").success().out();
    assert_eq!(running, "a2\nu1\na1\n");
    sandbox.run("system restart-all").success().stdout("");
    // A stop is remembered, though the supervisor is killed before it can write anything.
    sandbox.run("stop -t 0 u1").success();
    sandbox.run("system restart-all").success().stdout("");
}

#[test]
fn a_supervisor_told_to_end_starts_nothing_again() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap 'exit 5' USR1; trap 'exit 6' TERM; while :; do sleep 0.05; done";
    let create = ["run", "-d", "--name", "boat", "--stop-signal", "USR1", "--restart", "always"];
    sandbox.run_words(&[&create[..], &["busybox", "sh", "-c", script]].concat()).success();
    let id = sandbox.inspect("boat", "Id").as_str().expect("an id").to_owned();
    let path = sandbox.container_directory(&id).join("container.json");
    let record: Value = serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("JSON");
    let pid = i32::try_from(record["state"]["supervisor"].as_i64().expect("a pid")).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    // A hangup is nothing to it.
    rustix::process::kill_process(pid, Signal::HUP).expect("it runs");
    sandbox.run("exec boat true").success();
    rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
    eventually("it is down", || (status(&sandbox, "boat") == "exited").then_some(()));
    // By the signal that stops it.
    assert_eq!(sandbox.inspect("boat", "State.ExitCode"), 5);
    // Nobody has stopped it: it comes back.
    sandbox.run("system restart-all").success().stdout("boat\n");
}

#[test]
fn policies_can_be_changed() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"exit 9\" USR1; echo ready; while :; do sleep 0.05; done";
    let ready = |times: usize| {
        eventually("it is ready", || (sandbox.run("logs boat").lines().len() == times).then_some(()));
    };
    sandbox.run(&format!("run -d --name boat --stop-signal TERM busybox sh -c '{script}'")).success();
    ready(1);
    sandbox.run("update --restart always boat").success().stdout("boat\n");
    assert_eq!(sandbox.inspect("boat", "HostConfig.RestartPolicy.Name"), "always");
    sandbox.run("kill -s USR1 boat").success();
    ready(2);
    sandbox.run("update --restart no boat").success();
    sandbox.run("kill -s USR1 boat").success();
    sandbox.run("wait boat").success().stdout("9\n");
    assert_eq!(status(&sandbox, "boat"), "exited");
    sandbox.run("create --rm --name brief busybox true").success();
    sandbox.run("update --restart always brief").code(1).stderr_has("AutoRemove is enabled").one_clear_line();
    sandbox.run("update boat").code(1).stderr_has("you must provide one or more flags");
    let refused = sandbox.run("update --cpu-rt-period 1000 boat");
    refused.code(125).stderr_has("--cpu-rt-period is not supported yet");
}

#[test]
fn waiting_for_more_than_an_end() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name boat busybox sh -c 'sleep 0.3; exit 5'").success();
    let next = sandbox.command("wait --condition next-exit boat").start();
    let gone = sandbox.command("wait --condition removed boat").start();
    let running = sandbox.command("wait --condition running boat").start();
    sandbox.run("wait boat").success().stdout("0\n");
    sandbox.run("start boat").success();
    running.finish().success().stdout("-1\n");
    next.finish().success().stdout("5\n");
    sandbox.run("wait --condition exited boat").success().stdout("5\n");
    sandbox.run("rm boat").success();
    gone.finish().success().stdout("5\n");
    sandbox.run("run -d --rm --name brief busybox sh -c 'sleep 0.3; exit 6'").success();
    sandbox.run("wait --condition removed brief").success().stdout("6\n");
    let check = "--health-interval 50ms --health-cmd true";
    sandbox.run(&format!("run -d --name well {check} busybox sleep 1000")).success();
    sandbox.run("wait --condition healthy well").success().stdout("-1\n");
    sandbox.run("wait --condition nonsense well").code(125).stderr_has("invalid condition: \"nonsense\"");
}

#[test]
fn starts_at_the_same_moment_all_succeed() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name boat busybox sleep 1000").success();
    let starts: Vec<_> = (0..6).map(|_| sandbox.command("start boat").start()).collect();
    for start in starts {
        start.finish().success().stdout("boat\n");
    }
    let lines = sandbox.run("events --since 0 --until 0s -f event=start").success().lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
}
