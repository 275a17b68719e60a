//! `init`: all of a container but its program, which `start` runs.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Sandbox, eventually};

fn status(sandbox: &Sandbox, container: &str) -> String {
    sandbox.run(&format!("ps -a --format {{{{.Status}}}} --filter name={container}")).success().line()
}

#[test]
fn a_container_is_ready_before_its_program_runs() {
    let sandbox = Sandbox::with_busybox();
    let script = "cat /data/note /scratch/note; echo out; exit 3";
    let create =
        format!("create --name boat --network none -v cargo:/data --tmpfs /scratch busybox sh -c '{script}'");
    let id = sandbox.run(&create).success().line();
    sandbox.run("init boat").success().stdout("boat\n");
    assert_eq!(status(&sandbox, "boat"), "Initialized");
    let state = sandbox.inspect("boat", "State");
    assert_eq!((&state["Status"], &state["Running"]), (&"initialized".into(), &false.into()));
    assert_ne!(state["Pid"], 0);
    sandbox.run("ps -aq --no-trunc --filter status=initialized").success().stdout(&format!("{id}\n"));
    sandbox.run("wait --condition initialized boat").success().stdout("-1\n");

    // Its mounts are there, and what is put into them stays.
    let note = sandbox.file("note", "written before\n");
    for place in ["/data", "/scratch"] {
        sandbox.run(&format!("cp {} boat:{place}/note", note.display())).success();
    }

    // Nothing of a program is there.
    let not_running = format!("container {id} is not running");
    for command in ["exec boat true", "kill boat", "top boat"] {
        sandbox.run(command).code(1).stderr_has(&not_running).one_clear_line();
    }
    let twice =
        format!("Error: container {id} has already been created in runtime: container state improper\n");
    sandbox.run("init boat").code(1).stderr(&twice);
    sandbox.run("init --all").success().stdout("");

    sandbox.run("start -a boat").code(3).stdout("written before\nwritten before\nout\n");
    assert!(status(&sandbox, "boat").starts_with("Exited (3) "));
    sandbox.run("container init -l").success();
    sandbox.run("start boat").success().stdout("boat\n");
    sandbox.run("wait boat").success().stdout("3\n");
    sandbox.run("rm -v boat").success();
    sandbox.run("volume rm cargo").success();
    sandbox.assert_no_traces();
}

#[test]
fn who_attaches_before_the_start_misses_nothing() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create -i --name boat busybox sh -c 'echo first; cat'").success();
    sandbox.run("init boat").success();
    let watchers: Vec<_> = (0..3).map(|_| sandbox.command("attach --no-stdin boat").start()).collect();
    eventually("everybody is attached", || {
        let attached = sandbox.run("events --since 1m --until 0s --filter event=attach").success().lines();
        (attached.len() == watchers.len()).then_some(())
    });
    sandbox.command("start -ai boat").input("then\n").finish().success().stdout("first\nthen\n");
    for watcher in watchers {
        watcher.finish().success().stdout("first\nthen\n");
    }
}

#[test]
fn what_is_never_started_is_as_it_was() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name new busybox true").success();
    sandbox.run("run --name old busybox sh -c 'exit 5'").code(5);
    let before = sandbox.inspect("old", "State");
    for name in ["new", "old"] {
        sandbox.run(&format!("init {name}")).success();
        sandbox.run(&format!("stop {name}")).success();
    }
    assert_eq!(status(&sandbox, "new"), "Created");
    assert_eq!(sandbox.inspect("old", "State"), before);

    // So it is when the supervisor was killed.
    sandbox.run("init new old").success().stdout("new\nold\n");
    for name in ["new", "old"] {
        let id = sandbox.inspect(name, "Id").as_str().expect("an id").to_owned();
        let record =
            std::fs::read(sandbox.container_directory(&id).join("container.json")).expect("a record");
        let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
        let supervisor = record["state"]["supervisor"].as_i64().expect("a number") as i32;
        kill_process(Pid::from_raw(supervisor).expect("a process"), Signal::KILL).expect("killed");
    }
    eventually("it is created again", || (status(&sandbox, "new") == "Created").then_some(()));
    eventually("it is exited again", || status(&sandbox, "old").starts_with("Exited (5) ").then_some(()));

    // And it is removed without a word of force.
    sandbox.run("init new").success();
    sandbox.run("rm new old").success();
    sandbox.assert_no_traces();
}

#[test]
fn what_cannot_be_made_ready_says_so_at_once() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name boat -v cargo:/bin/sh/beneath busybox true").success();
    sandbox.run("init boat").code(1).stderr_has("mount on /bin/sh/beneath").one_clear_line();
    assert_eq!(status(&sandbox, "boat"), "Created");
    // What its program is, nobody has looked yet.
    sandbox.run("create --name mute busybox nothing").success();
    sandbox.run("init mute").success();
    sandbox.run("start mute").code(1).stderr_has("exec: \"nothing\"");
    sandbox.run("init none").code(1).stderr_has("No such container: none").one_clear_line();
}
