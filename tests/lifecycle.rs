//! The life of a container: docker's first chapter word by word, and every verb on the way.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Access, Compression, Entry, Image, Layer, Registry, Sandbox, eventually, fixture};

/// docker's `hello-world`: one static program, no shell, a Docker schema 2 manifest.
fn hello_world() -> Image {
    let program = fixture("probe").map(|path| std::fs::read(path).expect("a readable probe"));
    let script = program.unwrap_or_else(|| {
        std::fs::read(crate::support::program("busybox").expect("busybox")).expect("a readable busybox")
    });
    Image::new(vec![Layer::new(&[Entry::program("hello", script)], Compression::Gzip)])
        .set("Cmd", json!(["/hello", "fds"]))
        .of_kind(crate::support::image::Kind::Docker)
}

#[test]
fn the_first_chapter() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    let image = hello_world().of_kind(crate::support::image::Kind::Oci);
    registry.push(&sandbox, &image, "library/hello-world:latest");
    let name = format!("{}/library/hello-world", registry.host());

    let output = sandbox.run(&format!("run {name}"));
    output.success().stdout_has("0 ");
    output.stderr_has(&format!("Unable to find image '{name}:latest' locally\n"));
    output.stderr_has("latest: Pulling from library/hello-world\n");
    let layer = &crate::support::image::digest(&image.layers[0].blob)["sha256:".len()..][..12];
    output.stderr_has(&format!("{layer}: Pull complete\n"));
    output.stderr_has(&format!("Digest: {}\n", image.digest()));
    output.stderr_has(&format!("Status: Downloaded newer image for {name}:latest\n"));

    sandbox
        .run("ps")
        .success()
        .stdout("CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n");
    let rows = sandbox.run("ps -a").success().lines();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[1].contains(&name) && rows[1].contains("\"/hello fds\""), "{rows:?}");
    assert!(rows[1].contains("Exited (0) ") && rows[1].contains(" ago"), "{rows:?}");

    let images = sandbox.run("images").success().lines();
    let columns: Vec<&str> = images[0].split_whitespace().collect();
    assert_eq!(columns, ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]);
    let row: Vec<&str> = images[1].split_whitespace().collect();
    assert_eq!(row[..3], [name.as_str(), "latest", &image.id()["sha256:".len()..][..12]]);
    sandbox.run("images -q --no-trunc").success().stdout(&format!("{}\n", image.id()));

    assert_eq!(sandbox.inspect(&format!("{name}:latest"), "Id"), image.id());
    let history = sandbox.run(&format!("history {name}")).success().lines();
    assert!(history[0].starts_with("IMAGE"), "{history:?}");
}

#[test]
fn create_start_remove() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name boat busybox echo ahoy").success().line();
    assert_eq!(id.len(), 64);
    sandbox.run("ps -q").success().stdout("");
    sandbox.run("ps -a --format {{.Status}}").success().stdout("Created\n");
    sandbox.run("start boat").success().stdout("boat\n");
    sandbox.run("wait boat").success().stdout("0\n");
    sandbox.run("start -a boat").success().stdout("ahoy\n");
    sandbox.run("logs boat").success().stdout("ahoy\nahoy\n");
    sandbox.run("rm boat").success().stdout("boat\n");
    sandbox.run("ps -a -q").success().stdout("");
    sandbox.assert_no_traces();
}

#[test]
fn a_three_layer_image_tells_where_it_is() {
    let sandbox = Sandbox::new();
    let image = Image::busybox_and(&[Entry::directory("app"), Entry::program("app/who", WHO)])
        .with_layer(Layer::new(&[Entry::file("app/greeting", "hello from\n")], Compression::Gzip))
        .set("Cmd", json!(["/app/who"]));
    sandbox.add(&image, "tutorial/who:v1");
    let id = sandbox.run("run -d tutorial/who:v1").success().line();
    sandbox.run(&format!("wait {id}")).success().stdout("0\n");
    let lines = sandbox.run(&format!("logs {id}")).success().lines();
    assert_eq!(lines[0], "hello from");
    assert_eq!(lines[1], id[..12], "the host name is the short id");
    assert_eq!(lines[2], "Linux");
    assert!(lines[3].split('.').count() == 4, "an address: {lines:?}");
}

const WHO: &str =
    "#!/bin/sh\ncat /app/greeting\nhostname\nuname -s\ngrep -w \"$(hostname)\" /etc/hosts | cut -f1\n";

#[test]
fn short_ids_and_names_mean_the_same() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name boat busybox true").success().line();
    for word in [&id, &id[..12], &id[..6], "boat"] {
        assert_eq!(sandbox.inspect(word, "Id"), id.as_str());
    }
    sandbox.run(&format!("rm {}", &id[..12])).success().stdout(&format!("{}\n", &id[..12]));
}

#[test]
fn what_does_not_exist() {
    let sandbox = Sandbox::new();
    for verb in ["start", "stop", "kill", "wait", "rm", "logs", "attach"] {
        let output = sandbox.run(&format!("{verb} nothing"));
        output.code(1).stdout("").stderr_has("No such container: nothing").one_clear_line();
    }
    sandbox.run("exec nothing true").code(1).stderr_has("No such container: nothing").one_clear_line();
    sandbox
        .run("inspect nothing")
        .code(1)
        .stdout("[]\n")
        .stderr_has("No such object: nothing")
        .one_clear_line();
    sandbox.run("container inspect nothing").code(1).stderr_has("No such container: nothing");
    sandbox.run("rm -f nothing").code(0).stderr_has("No such container: nothing");
}

#[test]
fn running_containers_are_not_removed_by_accident() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("run -d --name boat busybox sleep 1000").success().line();
    let output = sandbox.run("rm boat");
    output.code(1).stderr_has("container is running: stop the container before removing or force remove");
    output.one_clear_line();
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
    sandbox.run("rm -f boat").success().stdout("boat\n");
    sandbox.run(&format!("inspect {id}")).code(1);
    sandbox.assert_no_traces();
}

#[test]
fn what_goes_by_itself_is_removed_too() {
    let sandbox = Sandbox::with_busybox();
    for flags in ["-f", "-f -t 0", "-f -t 1"] {
        sandbox.run("run -d --rm --name boat --network none busybox sleep 1000").success();
        sandbox.run(&format!("rm {flags} boat")).success().stdout("boat\n").stderr("");
    }
    sandbox.assert_no_traces();
}

#[test]
fn stop_asks_then_kills() {
    let sandbox = Sandbox::with_busybox();
    let polite = "trap \"exit 5\" TERM; echo ready; while :; do sleep 0.1; done";
    sandbox.run(&format!("run -d --name polite busybox sh -c '{polite}'")).success();
    eventually("it is ready", || sandbox.run("logs polite").out().contains("ready").then_some(()));
    sandbox.run("stop polite").success().stdout("polite\n");
    assert_eq!(sandbox.inspect("polite", "State.ExitCode"), 5);
    // Process 1 without a handler does not see SIGTERM at all.
    sandbox.run("run -d --name deaf busybox sleep 1000").success();
    sandbox.run("stop -t 1 deaf").success().stdout("deaf\n");
    assert_eq!(sandbox.inspect("deaf", "State.ExitCode"), 137);
    sandbox.run("stop deaf").success().stdout("deaf\n");
    let named = "trap \"exit 6\" USR1; echo ready; while :; do sleep 0.1; done";
    sandbox.run(&format!("run -d --name named --stop-signal USR1 busybox sh -c '{named}'")).success();
    eventually("it is ready", || sandbox.run("logs named").out().contains("ready").then_some(()));
    sandbox.run("stop named").success();
    assert_eq!(sandbox.inspect("named", "State.ExitCode"), 6);
}

#[test]
fn kill_sends_what_it_is_told() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"echo hup\" HUP; trap \"exit 9\" INT; echo ready; while :; do sleep 0.1; done";
    sandbox.run(&format!("run -d --name boat busybox sh -c '{script}'")).success();
    eventually("it is ready", || sandbox.run("logs boat").out().contains("ready").then_some(()));
    sandbox.run("kill -s HUP boat").success().stdout("boat\n");
    eventually("it has heard", || sandbox.run("logs boat").out().contains("hup").then_some(()));
    sandbox.run("kill --signal SIGINT boat").success();
    sandbox.run("wait boat").success().stdout("9\n");
    sandbox.run("kill boat").code(1).stderr_has("is not running").one_clear_line();
    sandbox.run("start boat").success();
    sandbox.run("kill boat").success();
    sandbox.run("wait boat").success().stdout("137\n");
    sandbox.run("start boat").success();
    sandbox.run("kill -s NOPE boat").code(1).stderr_has("NOPE").one_clear_line();
}

#[test]
fn wait_waits() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name slow busybox sh -c 'sleep 0.5; exit 4'").success();
    sandbox.run("wait slow").success().stdout("4\n");
    sandbox.run("wait slow slow").success().stdout("4\n4\n");
}

#[test]
fn logs_show_both_streams() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run --name talk busybox sh -c 'echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three'")
        .success();
    let output = sandbox.run("logs talk");
    output.success().stdout("one\nthree\n").stderr("two\n");
    sandbox.run("logs --tail 1 talk").success().stdout("three\n").stderr("");
    sandbox.run("logs -n 0 talk").success().stdout("").stderr("");
    let stamped = sandbox.run("logs -t talk").success().lines();
    let (stamp, text) = stamped[0].split_once(' ').expect("a stamp");
    assert!(stamp.ends_with('Z') && stamp.contains('T') && text == "one", "{stamped:?}");
    sandbox.run("logs --since 2000-01-01T00:00:00Z talk").success().stdout("one\nthree\n");
    sandbox.run("logs --until 2000-01-01T00:00:00Z talk").success().stdout("");
    sandbox.run("logs --since 1h talk").success().stdout("one\nthree\n");
    let path = sandbox.inspect("talk", "LogPath");
    let file = std::fs::read_to_string(path.as_str().expect("a path")).expect("a file");
    assert!(file.starts_with(r#"{"log":"one\n","stream":"stdout","time":"#), "{file}");
}

#[test]
fn logs_keep_partial_and_long_lines() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name odd busybox sh -c 'printf no-newline'").success().stdout("no-newline");
    sandbox.run("logs odd").success().stdout("no-newline");
    let script = "head -c 200000 /dev/zero | tr \"\\\\0\" x; echo; echo end";
    sandbox.run(&format!("run -d --name long busybox sh -c '{script}'")).success();
    sandbox.run("wait long").success();
    let lines = sandbox.run("logs long").success().lines();
    assert_eq!((lines[0].len(), lines[1].as_str()), (200_000, "end"));
}

#[test]
fn logs_can_be_followed() {
    let sandbox = Sandbox::with_busybox();
    let script = "echo first; sleep 1; echo second";
    sandbox.run(&format!("run -d --name talk busybox sh -c '{script}'")).success();
    let follower = sandbox.command("logs -f talk").start();
    follower.expect("first\n");
    follower.finish().success().stdout("first\nsecond\n");
    sandbox.run("logs -f talk").success().stdout("first\nsecond\n");
}

#[test]
fn a_follower_can_be_interrupted() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sh -c 'echo first; sleep 1000'").success();
    let follower = sandbox.command("logs -f boat").start();
    follower.expect("first\n");
    follower.signal(Signal::INT);
    follower.finish().code(130);
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
}

#[test]
fn exec_runs_beside_the_program() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat -e FROM_RUN=1 -h boat busybox sleep 1000").success();
    sandbox.run("exec boat hostname").success().stdout("boat\n");
    sandbox
        .run("exec boat sh -c 'echo $FROM_RUN; echo err >&2; exit 3'")
        .code(3)
        .stdout("1\n")
        .stderr("err\n");
    sandbox.run("exec -e MORE=2 -w /etc boat sh -c 'echo $MORE; pwd'").success().stdout("2\n/etc\n");
    sandbox.command("exec -i boat cat").input("piped").finish().success().stdout("piped");
    sandbox.run("exec boat sh -c 'ps | grep -c [s]leep'").success().stdout("1\n");
    sandbox.run("exec boat no-such-program").code(127).stderr_has("no-such-program").one_clear_line();
    sandbox.run("exec boat /etc/passwd").code(126).one_clear_line();
    sandbox.run("exec boat sh -c 'kill -KILL $$'").code(137);
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
}

#[test]
fn exec_detached_leaves_the_caller() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    sandbox.run("exec -d boat sh -c 'echo done >/done; sleep 1000'").success().stdout("");
    eventually("it has run", || sandbox.run("exec boat cat /done").out().contains("done").then_some(()));
    sandbox.run("rm -f boat").success();
    sandbox.assert_no_traces();
}

#[test]
fn exec_needs_a_running_container() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name boat busybox true").success().line();
    sandbox
        .run("exec boat true")
        .code(1)
        .stderr_has(&format!("container {id} is not running"))
        .one_clear_line();
}

#[test]
fn attach_joins_the_streams() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run -d -i --name boat busybox sh -c 'while read line; do echo got $line; done; exit 8'")
        .success();
    let mut attached = sandbox.command("attach boat").start_open();
    attached.write("one\n");
    attached.expect("got one\n");
    let watcher = sandbox.command("attach --no-stdin boat").start_open();
    std::thread::sleep(std::time::Duration::from_millis(300));
    attached.write("two\n");
    attached.expect("got two\n");
    watcher.expect("got two\n");
    attached.close_input();
    attached.finish().code(8).stdout("got one\ngot two\n");
    watcher.finish().code(8).stdout("got two\n");
    sandbox.run("attach boat").code(1).stderr_has("cannot attach to a stopped container").one_clear_line();
}

#[test]
fn start_can_attach_with_input() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create -i --name boat busybox cat").success();
    sandbox.command("start -a -i boat").input("there and back").finish().success().stdout("there and back");
    sandbox.run("create --name failing busybox sh -c 'exit 12'").success();
    sandbox.run("start -a failing").code(12);
    sandbox.run("start failing").success().stdout("failing\n");
}

#[test]
fn a_program_that_cannot_start_is_recorded() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name broken busybox no-such-program").success();
    sandbox.run("start broken").code(1).stderr_has("no-such-program").one_clear_line();
    assert_eq!(sandbox.inspect("broken", "State.Running"), false);
    assert_eq!(sandbox.inspect("broken", "State.ExitCode"), 127);
    sandbox.run("run -d busybox no-such-program").code(127).one_clear_line();
}

/// By the cause, as docker tells them by the words: 127 for what is not there, 126 for what is denied; the record has 128
/// where a start has no code of its own.
#[test]
fn what_keeps_a_program_from_its_start_has_dockers_code() {
    let sandbox = Sandbox::with_busybox();
    let file = sandbox.file("file", "").display().to_string();
    let not_there = "No such file or directory";
    let at_start = [
        ("--mount type=volume,src=data,dst=/x,volume-subpath=no", 127, 127, not_there),
        ("--sysctl net.ipv4.no_such=1", 127, 127, not_there),
        ("--device /dev/no-such", 127, 127, not_there),
        ("-w /etc/passwd", 125, 128, "Cannot mkdir: /etc/passwd is not a directory"),
        ("-u no-such", 125, 128, "unable to find user no-such: no matching entries in passwd file"),
        (&*format!("-v {file}:/etc"), 125, 128, "mount on /etc: a file cannot be mounted on a directory"),
        ("-v /etc:/etc/passwd", 125, 128, "mount on /etc/passwd: a directory cannot be mounted on a file"),
        ("-p 192.0.2.1:80:80", 125, 128, "listen on 192.0.2.1:80/tcp: Cannot assign requested address"),
    ];
    for (flags, code, recorded, text) in at_start {
        let network = if flags.starts_with("-p") { "bridge" } else { "none" };
        let rest = format!("--network {network} {flags} busybox true");
        sandbox.run(&format!("run --rm {rest}")).code(code).stderr_has(text).one_clear_line();
        sandbox.run(&format!("create --name boat {rest}")).success();
        sandbox.run("start boat").code(1).stderr_has(text).one_clear_line();
        let state = sandbox.inspect("boat", "State");
        assert_eq!((&state["ExitCode"], &state["Status"]), (&json!(recorded), &json!("created")), "{flags}");
        assert!(state["Error"].as_str().is_some_and(|error| error.contains(text)), "{flags}: {state}");
        sandbox.run("wait boat").success().stdout(&format!("{recorded}\n"));
        sandbox.run("rm boat").success();
    }
    for (flags, code, text) in [
        (
            "-v /proc/no-such/x:/x",
            127,
            "error while creating mount source path '/proc/no-such/x': No such file",
        ),
        ("--mount type=bind,src=/no-such,dst=/x", 125, "bind source path does not exist: /no-such"),
    ] {
        for verb in ["run --rm", "create"] {
            sandbox.run(&format!("{verb} {flags} busybox true")).code(code).stderr_has(text).one_clear_line();
        }
    }
    sandbox
        .run_words(&["run", "--rm", "busybox", ""])
        .code(127)
        .stderr_has("exec: \"\": executable file not");
}

#[test]
fn containers_outlive_the_command_line() {
    let sandbox = Sandbox::with_busybox();
    let mut running = sandbox.command("run --name boat busybox sh -c 'echo ready; sleep 1; exit 6'").start();
    running.expect("ready");
    running.child.kill().expect("it runs");
    running.child.wait().expect("a child");
    sandbox.run("wait boat").success().stdout("6\n");
    assert_eq!(sandbox.inspect("boat", "State.ExitCode"), 6);
    sandbox.run("logs boat").success().stdout("ready\n");
}

#[test]
fn inspect_has_docker_keys() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox
        .run("run -d --name boat -e A=b -p 127.0.0.1::80 --network none --label x=y -w /etc busybox sleep 1000")
        .line();
    let id = if id.is_empty() {
        // A port needs a network; without one it is refused, which is docker's way too.
        sandbox.run("run -d --name boat -e A=b --label x=y -w /etc busybox sleep 1000").success().line()
    } else {
        id
    };
    let document = sandbox.run("inspect boat").success().json();
    let container = &document[0];
    assert_eq!(container["Id"], id.as_str());
    assert_eq!(container["Name"], "/boat");
    assert_eq!(container["Path"], "sleep");
    assert_eq!(container["Args"], json!(["1000"]));
    assert_eq!(container["State"]["Status"], "running");
    assert_eq!(container["Config"]["Cmd"], json!(["sleep", "1000"]));
    assert_eq!(container["Config"]["WorkingDir"], "/etc");
    assert_eq!(container["Config"]["Labels"]["x"], "y");
    assert_eq!(container["Config"]["Image"], "busybox");
    for key in
        ["Created", "Image", "LogPath", "Driver", "HostConfig", "GraphDriver", "Mounts", "NetworkSettings"]
    {
        assert!(container.get(key).is_some(), "inspect lacks {key}");
    }
    let pid = container["State"]["Pid"].as_i64().expect("a process");
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    sandbox.run("inspect -f {{.State.Status}} boat").success().stdout("running\n");
    sandbox.run("inspect --format '{{json .Config.Cmd}}' boat").success().stdout("[\"sleep\",\"1000\"]\n");
    sandbox.run("inspect -f {{.NoSuchField}} boat").code(1).stderr_has("NoSuchField");
}

#[test]
fn one_bad_name_does_not_stop_the_others() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name aa busybox true").success();
    sandbox.run("create --name bb busybox true").success();
    let output = sandbox.run("rm aa nothing bb");
    output.code(1).stdout("aa\nbb\n").stderr_has("No such container: nothing");
    sandbox.run("ps -a -q").success().stdout("");
}

#[test]
fn verbs_under_their_nouns() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("container run --rm busybox echo same").success().stdout("same\n");
    sandbox.run("container create --name boat busybox echo x").success();
    sandbox.run("container start -a boat").success().stdout("x\n");
    sandbox.run("container ls -a --format {{.Names}}").success().stdout("boat\n");
    sandbox.run("container logs boat").success().stdout("x\n");
    sandbox.run("container inspect -f {{.Name}} boat").success().stdout("/boat\n");
    sandbox.run("container rm boat").success().stdout("boat\n");
    sandbox.run("image ls -q").success();
    sandbox.run("image inspect -f {{.Os}} busybox").success().stdout("linux\n");
    sandbox.run("system info --format {{.OSType}}").success().stdout("linux\n");
}

/// The kernel shows the name that a process gives itself beside its start time, whatever bytes it is of.
#[test]
fn a_program_cannot_hide_behind_its_name() {
    let sandbox = Sandbox::with_busybox();
    let script = "printf \"\\\\377) Z 1\" >/proc/1/comm; echo named; sleep 1000; true";
    sandbox.run(&format!("run -d --name boat --network none busybox sh -c '{script}'")).success();
    eventually("it has its name", || (sandbox.run("logs boat").out() == "named\n").then_some(()));
    sandbox.run("exec boat true").success();
    sandbox.run("stop -t 0 boat").success();
    assert_eq!(sandbox.inspect("boat", "State.ExitCode"), 137);
    sandbox.run("rm boat").success();
    sandbox.assert_no_traces();
}
