//! Health checks, run by each container's supervisor.

use std::time::Instant;

use serde_json::json;

use crate::support::{Image, Sandbox, eventually};

fn health(sandbox: &Sandbox, name: &str) -> String {
    sandbox.run(&format!("inspect -f {{{{.State.Health.Status}}}} {name}")).success().line()
}

fn becomes(sandbox: &Sandbox, name: &str, want: &str) {
    eventually(&format!("{name} is {want}"), || (health(sandbox, name) == want).then_some(()));
}

const QUICK: &str = "--health-interval 100ms --health-retries 2";

#[test]
fn checks_tell_how_a_container_is() {
    let sandbox = Sandbox::with_busybox();
    let check = "--health-cmd 'test -e /ok && echo fine'";
    sandbox.run(&format!("run -d --name boat {QUICK} {check} busybox sleep 1000")).success();
    let first = sandbox.run("ps --format {{.Status}}").success().line();
    assert!(first.contains("(health: starting)") || first.contains("(unhealthy)"), "{first}");
    becomes(&sandbox, "boat", "unhealthy");
    assert!(sandbox.run("ps --format {{.Status}}").success().line().ends_with(" (unhealthy)"));
    sandbox.run("ps --filter health=unhealthy --format {{.Names}}").success().stdout("boat\n");
    sandbox.run("ps -q --filter health=none").success().stdout("");
    let found = sandbox.inspect("boat", "State.Health");
    assert!(found["FailingStreak"].as_u64() >= Some(2), "{found:#}");
    assert_eq!((&found["Log"][0]["ExitCode"], &found["Log"][0]["Output"]), (&json!(1), &json!("")));
    sandbox.run("exec boat touch /ok").success();
    becomes(&sandbox, "boat", "healthy");
    let found = sandbox.inspect("boat", "State.Health");
    let log = found["Log"].as_array().expect("a log");
    assert!(log.len() <= 5, "{found:#}");
    let last = log.last().expect("a result");
    assert_eq!((&last["ExitCode"], &last["Output"]), (&json!(0), &json!("fine\n")));
    assert!(last["Start"].as_str() < last["End"].as_str(), "{last:#}");
    assert_eq!(
        sandbox.inspect("boat", "Config.Healthcheck"),
        json!({"Test": ["CMD-SHELL", "test -e /ok && echo fine"], "Interval": 100_000_000, "Retries": 2})
    );
    let events = sandbox.run("events --since 1h --until 0s --filter container=boat").success().out();
    for status in ["unhealthy", "healthy"] {
        assert!(events.contains(&format!("health_status: {status}")), "{events}");
    }
    sandbox.run("rm -f boat").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_check_that_hangs_is_killed_with_its_children() {
    let sandbox = Sandbox::with_busybox();
    let flags = "--health-interval 100ms --health-timeout 500ms --health-retries 1";
    let check = "--health-cmd 'echo before; sleep 777 & sleep 778; true'";
    // Its output is never held up by a check.
    sandbox
        .run(&format!(
            "run -d --name boat {flags} {check} busybox sh -c 'while :; do echo tick; sleep 0.1; done'"
        ))
        .success();
    eventually("a check runs", || sandbox.run("exec boat ps").out().contains("sleep 778").then_some(()));
    let ticks = sandbox.run("logs boat").lines().len();
    eventually("the container speaks meanwhile", || {
        (sandbox.run("logs boat").lines().len() > ticks).then_some(())
    });
    becomes(&sandbox, "boat", "unhealthy");
    let last = sandbox.inspect("boat", "State.Health.Log")[0].clone();
    assert_eq!(last["ExitCode"], -1);
    assert_eq!(last["Output"], "Health check exceeded timeout (500ms): before\n");
    // What was killed is reaped by its own supervisor, not left to whoever is the first process of the host.
    let processes = sandbox.run("exec boat ps -o ppid,stat,args").success().lines();
    let dead = |line: &&String| line.split_whitespace().take(2).eq(["0", "Z"]);
    assert_eq!(processes.iter().find(dead), None, "{processes:?}");
    sandbox.run("stop -t 0 boat").success();
    sandbox.run("rm boat").success();
    sandbox.assert_no_traces();
}

#[test]
fn what_a_check_says_is_bounded() {
    let sandbox = Sandbox::with_busybox();
    let check = "--health-cmd 'yes | head -c 100000'";
    sandbox.run(&format!("run -d --name boat {QUICK} {check} busybox sleep 1000")).success();
    becomes(&sandbox, "boat", "healthy");
    let said = sandbox.inspect("boat", "State.Health.Log")[0]["Output"].clone();
    let said = said.as_str().expect("text");
    assert!(said.len() == 4096 + 3 && said.ends_with("..."), "{} bytes", said.len());
}

#[test]
fn checks_on_demand() {
    let sandbox = Sandbox::with_busybox();
    let flags = "--health-interval disable --health-retries 1";
    sandbox
        .run(&format!("run -d --name boat {flags} --health-cmd 'test -e /ok' busybox sleep 1000"))
        .success();
    assert_eq!(health(&sandbox, "boat"), "starting");
    sandbox.run("healthcheck run boat").code(1).stdout("unhealthy\n").stderr("");
    sandbox.run("exec boat touch /ok").success();
    sandbox.run("healthcheck run boat").success().stdout("");
    assert_eq!(health(&sandbox, "boat"), "healthy");
    sandbox.run("run -d --name plain busybox sleep 1000").success();
    sandbox.run("healthcheck run plain").code(125).stderr_has("has no defined healthcheck").one_clear_line();
    assert!(sandbox.inspect("plain", "State").get("Health").is_none());
    sandbox.run("stop -t 0 boat").success();
    sandbox.run("healthcheck run boat").code(125).stderr_has("is not running").one_clear_line();
    assert_eq!(health(&sandbox, "boat"), "unhealthy");
}

#[test]
fn an_image_brings_its_check() {
    let sandbox = Sandbox::new();
    let check = json!({"Test": ["CMD", "test", "-e", "/ok"], "Interval": 100_000_000, "Retries": 1});
    sandbox.add(&Image::busybox().set("Healthcheck", check), "checked");
    sandbox.run("run -d --name image checked sleep 1000").success();
    sandbox.run("run -d --name other --health-cmd true checked sleep 1000").success();
    sandbox.run("run -d --name none --no-healthcheck checked sleep 1000").success();
    becomes(&sandbox, "image", "unhealthy");
    becomes(&sandbox, "other", "healthy");
    assert_eq!(sandbox.inspect("none", "Config.Healthcheck.Test"), json!(["NONE"]));
    assert!(sandbox.inspect("none", "State").get("Health").is_none());
    sandbox
        .run("run --no-healthcheck --health-cmd x checked true")
        .code(125)
        .stderr_has("--no-healthcheck conflicts with --health-* options");
}

#[test]
fn a_start_period_forgives() {
    let sandbox = Sandbox::with_busybox();
    let flags = "--health-start-period 1h --health-start-interval 100ms --health-retries 1";
    sandbox
        .run(&format!("run -d --name boat {flags} --health-cmd 'test -e /ok' busybox sleep 1000"))
        .success();
    eventually("it has failed", || {
        (sandbox.inspect("boat", "State.Health.Log").as_array().is_some_and(|log| log.len() >= 3))
            .then_some(())
    });
    assert_eq!(health(&sandbox, "boat"), "starting");
    sandbox.run("exec boat touch /ok").success();
    becomes(&sandbox, "boat", "healthy");
}

#[test]
fn the_unhealthy_end_as_they_were_asked_to() {
    let sandbox = Sandbox::with_busybox();
    let run = |name: &str, action: &str| {
        let check = "--health-cmd 'test ! -e /sick'";
        sandbox
            .run(&format!(
                "run -d --name {name} {QUICK} {check} --health-on-failure {action} --stop-timeout 0 \
                 --restart unless-stopped busybox sh -c 'rm -f /sick; exec sleep 1000'"
            ))
            .success();
        becomes(&sandbox, name, "healthy");
        sandbox.run(&format!("exec {name} touch /sick")).success();
    };
    run("killed", "kill");
    run("restarted", "restart");
    run("stopped", "stop");
    // Killed, it comes back as its policy says; restarted, without counting; stopped, not at all.
    eventually("it was killed", || (sandbox.inspect("killed", "RestartCount") == 1).then_some(()));
    becomes(&sandbox, "killed", "healthy");
    becomes(&sandbox, "restarted", "healthy");
    assert_eq!(sandbox.inspect("restarted", "RestartCount"), 0);
    eventually("it was stopped", || (sandbox.inspect("stopped", "State.Status") == "exited").then_some(()));
    sandbox
        .run("run --rm --health-cmd x --health-on-failure restart busybox true")
        .code(125)
        .stderr_has("conflicting options");
}

#[test]
fn what_starts_is_checked_for_that_first() {
    let sandbox = Sandbox::with_busybox();
    let run = |name: &str, startup: &str| {
        let check = "--health-cmd 'echo checked >>/checked' --health-interval 100ms";
        let startup = format!("--health-startup-cmd 'test -e /up' --health-startup-interval 100ms {startup}");
        let script = "echo run; exec sleep 1000";
        sandbox
            .run(&format!("run -d --name {name} {check} {startup} --stop-timeout 0 busybox sh -c '{script}'"))
            .success();
    };
    run("boat", "--health-startup-success 2");
    eventually("the start was checked", || {
        (sandbox.inspect("boat", "State.Health.Log").as_array().map_or(0, Vec::len) > 2).then_some(())
    });
    // Nothing that fails counts yet, and nothing else is checked.
    assert_eq!(health(&sandbox, "boat"), "starting");
    assert_eq!(sandbox.inspect("boat", "State.Health.FailingStreak"), 0);
    sandbox.run("exec boat test ! -e /checked").success();
    assert_eq!(sandbox.inspect("boat", "Config.StartupHealthCheck.Successes"), 2);
    sandbox.run("exec boat touch /up").success();
    becomes(&sandbox, "boat", "healthy");
    sandbox.run("exec boat test -e /checked").success();
    // One that does not come up is started again.
    run("stuck", "--health-startup-retries 2");
    eventually("it was started again", || {
        (sandbox.run("logs stuck").success().lines().len() > 1).then_some(())
    });
    sandbox.run("exec boat true").success();
    for (flags, want) in [
        ("--health-startup-cmd true", "goes before a health check"),
        ("--health-cmd x --health-startup-retries 1", "--health-startup-* needs --health-startup-cmd"),
        ("--rm --health-cmd x --health-startup-cmd x --health-startup-retries 1", "conflicting options"),
    ] {
        sandbox.run(&format!("run {flags} busybox true")).code(125).stderr_has(want);
    }
}

#[test]
fn a_container_that_ends_takes_its_check_along() {
    let sandbox = Sandbox::with_busybox();
    let check = "--health-interval 10ms --health-cmd 'sleep 555'";
    sandbox.run(&format!("run -d --rm --name boat {check} busybox sleep 1000")).success();
    eventually("a check runs", || sandbox.run("exec boat ps").out().contains("sleep 555").then_some(()));
    let begun = Instant::now();
    sandbox.run("kill boat").success();
    sandbox.assert_no_traces();
    assert!(begun.elapsed() < crate::support::PATIENCE / 2, "the check was waited for");
}

#[test]
fn a_time_limit_kills() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name boat --timeout 1 busybox sleep 1000").code(137);
    sandbox
        .run("run --timeout x busybox true")
        .code(125)
        .stderr_has("invalid argument \"x\" for \"--timeout\"");
}
