//! `events`: what is written down, in docker's words, and how it is shown and followed.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Pty, Sandbox, eventually};

/// The actions so far, each with its type: `container die`.
fn actions(sandbox: &Sandbox, filters: &str) -> Vec<String> {
    sandbox
        .run(&format!("events --since 0 --until 0s {filters} --format '{{{{.Type}}}} {{{{.Action}}}}'"))
        .success()
        .lines()
}

#[test]
fn the_life_of_a_container_is_written_down_in_order() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm --name one -l a=b --network none busybox sh -c 'exit 3'").code(3);
    let all = actions(&sandbox, "-f type=container");
    assert_eq!(
        all.join(" "),
        "container create container attach container start container die container destroy"
    );

    let id = sandbox.run("create --name two --network none busybox sleep 100").success().line();
    sandbox.run("start two").success();
    sandbox.run("exec two sh -c 'exit 4'").code(4);
    sandbox.run("exec two /nowhere").code(127);
    sandbox.run("kill -s USR1 two").success();
    sandbox.run("stop -t 0 two").success();
    sandbox.run("rm two").success();
    let two = actions(&sandbox, "-f container=two");
    assert_eq!(
        two,
        [
            "container create",
            "container start",
            "container exec_create: sh -c exit 4",
            "container exec_start: sh -c exit 4",
            "container exec_die",
            "container exec_create: /nowhere",
            "container exec_start: /nowhere",
            "container exec_die",
            "container kill",
            "container kill",
            "container kill",
            "container die",
            "container stop",
            "container destroy",
        ]
    );

    // What each says of itself.
    let line = sandbox.run("events --since 0 --until 0s -f event=die -f container=one").success().line();
    let (time, rest) = line.split_once(' ').expect("a time and more");
    assert!(time.len() == 30 && time.ends_with('Z'), "{time}");
    assert!(
        rest.starts_with("container die ")
            && rest.ends_with(" (a=b, execDuration=0, exitCode=3, image=busybox, name=one)"),
        "{rest}"
    );
    let codes = sandbox.run("events --since 0 --until 0s -f event=exec_die --format '{{.Actor.Attributes.exitCode}} {{len .Actor.Attributes.execID}}'");
    codes.success().stdout("4 64\n127 64\n");
    let signals =
        sandbox.run("events --since 0 --until 0s -f event=kill --format {{.Actor.Attributes.signal}}");
    signals.success().stdout("10\n15\n9\n");
    let json = sandbox.run("events --since 0 --until 0s -f event=stop --format json").success().line();
    let event: Value = serde_json::from_str(&json).expect("JSON");
    let keys: Vec<_> = event.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys.join(" "), "status id from Type Action Actor scope time timeNano");
    assert!(json.starts_with("{\"status\":\"stop\",\"id\":\""), "{json}");
    assert_eq!(event["Actor"]["ID"], id.as_str());
}

#[test]
fn what_a_container_takes_is_written_down_around_its_run() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("volume create data").success();
    sandbox.run("run --name one --network none -v data:/data:ro -v /own busybox true").success();
    let own = sandbox.run("volume ls -q --filter name=^[0-9a-f]*$").success().lines();
    let own = own.iter().find(|name| name.len() == 64).expect("an anonymous volume");
    sandbox.run("rm -v one").success();
    sandbox.run("volume rm data").success();
    let shown = sandbox
        .run("events --since 0 --until 0s --format '{{.Type}} {{.Action}} {{.Actor.ID}}' -f type=container -f type=volume -f type=network");
    let id = sandbox.run("events --since 0 --until 0s -f event=die --format {{.Actor.ID}}").success().line();
    let shown = shown.success().out().replace(own, "OWN").replace(&id, "ID");
    assert_eq!(
        shown.lines().collect::<Vec<_>>(),
        [
            "volume create data",
            "volume create OWN",
            "container create ID",
            "container attach ID",
            "network connect none",
            "volume mount data",
            "volume mount OWN",
            "container start ID",
            "container die ID",
            "network disconnect none",
            "volume unmount data",
            "volume unmount OWN",
            "volume destroy OWN",
            "container destroy ID",
            "volume destroy data",
        ]
    );
    let mount = sandbox.run("events --since 0 --until 0s -f event=mount -f volume=data").success().line();
    let want = format!(
        "volume mount data (container={id}, destination=/data, driver=local, propagation=, read/write=false)"
    );
    assert!(mount.ends_with(&want), "{mount}");
    let network = sandbox.run("events --since 0 --until 0s -f event=connect").success().line();
    assert!(
        network.ends_with(&format!("network connect none (container={id}, name=none, type=null)")),
        "{network}"
    );
}

#[test]
fn a_restart_and_a_new_name_are_written_down() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name one --network none busybox sleep 100").success();
    sandbox.run("restart -s KILL one").success();
    sandbox.run("rename one two").success();
    let all = actions(&sandbox, "-f type=container");
    let all: Vec<_> = all.iter().filter_map(|line| line.strip_prefix("container ")).collect();
    assert_eq!(all.join(" "), "create start kill die stop start restart rename");
    let old = sandbox.run("events --since 0 --until 0s -f event=rename --format '{{.Actor.Attributes.oldName}} {{.Actor.Attributes.name}}'");
    old.success().stdout("/one two\n");
}

#[test]
fn images_are_written_down_too() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.inspect("busybox", "Id");
    let shown = sandbox.run(
        "events --since 0 --until 0s -f type=image --format '{{.Action}} {{.ID}} {{.Actor.Attributes.name}}'",
    );
    let lines = shown.success().lines();
    assert!(lines[0].starts_with("pull 127.0.0.1:") && lines[0].ends_with("/x"), "{lines:?}");
    assert_eq!(lines[1], format!("tag {} busybox:latest", id.as_str().expect("an id")));
    assert!(lines[2].starts_with("untag sha256:"), "{lines:?}");
    sandbox.run("rmi busybox").success();
    assert_eq!(actions(&sandbox, "-f image=busybox"), ["image tag"]);
    assert_eq!(actions(&sandbox, "-f event=delete"), ["image delete"]);
}

#[test]
fn followers_hear_what_happens() {
    let sandbox = Sandbox::with_busybox();
    let all = sandbox.command("events").start();
    let some = sandbox
        .command("events --since 0 -f event=start -f event=pull --format '{{.Action}} {{.From}}.'")
        .start();
    let ending = sandbox.command("events --until 2099-01-01 -f type=nothing").start();
    some.expect("pull .");
    // Whoever begins now must not miss what comes: the file is touched until it is seen.
    eventually("the follower listens", || {
        sandbox.run("tag busybox other").success();
        all.said().contains("other:latest").then_some(())
    });
    assert!(!all.said().contains(" pull "), "the past is not asked for");
    sandbox.run("run -d --rm --name web --network none busybox sleep 100").success();
    all.expect("container start");
    some.expect("start busybox.");
    sandbox.run("rm -f web").success();
    all.expect("container destroy");
    for running in [all, some, ending] {
        running.signal(Signal::INT);
        let _ = running.finish();
    }
}

#[test]
fn a_time_to_come_ends_it() {
    let sandbox = Sandbox::new();
    // Nothing is there yet, not even the store.
    sandbox.run("events --since 1h --until 0s").success().stdout("");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    sandbox.run(&format!("events --until {}", now.as_secs() + 1)).success().stdout("");
}

#[test]
fn what_is_wrong_is_said_at_once() {
    let sandbox = Sandbox::new();
    for (line, code, message) in [
        ("events -f foo=bar", 1, "Error: invalid filter 'foo'\n"),
        (
            "events --since yesterday",
            1,
            "Error: invalid value for \"since\": failed to parse value as time or duration: \"yesterday\"\n",
        ),
        ("events --format {{.Nope}}", 64, "can't evaluate field Nope in type *events.Message\n"),
        ("events x", 1, "'coracle events' accepts no arguments"),
    ] {
        sandbox.run(line).code(code).stderr_has(message);
    }
}

#[test]
fn the_log_is_bounded() {
    let sandbox = Sandbox::with_busybox();
    let padding = format!("{}\n", "x".repeat(1 << 20));
    std::fs::write(sandbox.store().join("events.log"), padding).expect("the log");
    sandbox.run("tag busybox a").success();
    assert!(!sandbox.store().join("events.log").exists());
    sandbox.run("tag busybox b").success();
    assert_eq!(actions(&sandbox, "-f type=image"), ["image tag", "image tag"]);
}

/// The attributes of the last event of this action.
fn attributes(sandbox: &Sandbox, action: &str) -> Value {
    let events = sandbox
        .run(&format!("events --since 0 --until 0s -f event={action} --format json"))
        .success()
        .lines();
    let last = events.last().unwrap_or_else(|| panic!("no event {action}"));
    serde_json::from_str::<Value>(last).expect("an event")["Actor"]["Attributes"].clone()
}

#[test]
fn a_supervisor_tells_of_its_container_by_the_new_name() {
    let sandbox = Sandbox::with_busybox();
    let check = "--health-cmd 'test -e /well' --health-interval 1h --health-retries 1";
    sandbox.run(&format!("run -d --name old {check} --network none busybox sleep 1000")).success();
    sandbox.run("rename old new").success();
    sandbox.run("healthcheck run new").code(1);
    assert_eq!(attributes(&sandbox, "health_status")["name"], "new");
    sandbox.run("kill new").success();
    sandbox.run("wait new").success().stdout("137\n");
    assert_eq!(attributes(&sandbox, "die")["name"], "new");
    sandbox.run("container prune -f").success();
    let pruned = attributes(&sandbox, "prune");
    assert!(pruned["reclaimed"].as_str().is_some_and(|bytes| bytes.parse::<u64>().is_ok()), "{pruned}");
}

#[test]
fn terminals_that_change_and_are_left_are_written_down() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run -it --name box --network none busybox sh");
    terminal.expect("/ # ");
    terminal.resize(99, 33);
    eventually("the new size", || {
        let events = actions(&sandbox, "-f event=resize");
        let size = (!events.is_empty()).then(|| attributes(&sandbox, "resize"))?;
        (size["height"] == "33" && size["width"] == "99" && size["name"] == "box").then_some(())
    });
    let mut entered = Pty::coracle(&sandbox, "exec -it box sh");
    entered.expect("/ # ");
    entered.type_in("\x10\x11");
    assert_eq!(entered.exit_code(), 1);
    assert_eq!(attributes(&sandbox, "exec_detach")["execID"], attributes(&sandbox, "exec_start")["execID"]);
    terminal.type_in("exit\n");
    terminal.exit_code();
}
