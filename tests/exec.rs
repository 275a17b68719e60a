//! Programs beside a container's own, and the streams of commands that come and go.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::sandbox::wait_for_status;
use crate::support::{Pty, Sandbox, eventually};

/// A container that only waits.
fn boat(flags: &str) -> Sandbox {
    let sandbox = Sandbox::with_busybox();
    sandbox.run(&format!("run -d --name boat {flags} busybox sleep 1000")).success();
    sandbox
}

fn executions(sandbox: &Sandbox) -> Vec<String> {
    match sandbox.inspect("boat", "ExecIDs") {
        Value::Null => Vec::new(),
        ids => serde_json::from_value(ids).expect("texts"),
    }
}

#[test]
fn what_differs_from_the_container() {
    let sandbox = boat("-e A=1 -e B=2 -e C=3 --user 1000 --workdir /tmp");
    let file = sandbox.file("env", "B=file\nE=file\nF=file\n");
    let words = ["exec", "-e", "A", "-e", "C", "-e", "F=flag", "--env-file"];
    let mut invocation =
        sandbox.command_of(&[&words[..], &[file.to_str().expect("plain"), "boat", "env"]].concat());
    invocation = invocation.env("A", "ours").env_remove("C");
    let output = invocation.finish();
    let mut lines = output.success().lines();
    lines.retain(|line| line.len() > 1 && line.as_bytes()[1] == b'=');
    lines.sort();
    // A variable that is named without a value is ours; where we have none, the container loses its own.
    assert_eq!(lines, ["A=ours", "B=file", "E=file", "F=flag"]);
    let script = "id -u; pwd; grep -E ^CapEff\\|^Seccomp: /proc/self/status";
    let show =
        |flags: &str| sandbox.run(&format!("exec {flags} boat sh -c '{script}'")).success().lines().join(" ");
    assert_eq!(show(""), "1000 /tmp CapEff:\t0000000000000000 Seccomp:\t2");
    assert_eq!(show("-u 0:5 -w /etc"), "0 /etc CapEff:\t00000000a80425fb Seccomp:\t2");
    let privileged = show("--privileged -u 0");
    assert!(privileged.starts_with("0 /tmp CapEff:\t00") && privileged.ends_with("ffffffffff Seccomp:\t0"));
    let silent = sandbox.command("exec boat cat").input("typed").finish();
    silent.success().stdout("");
    sandbox.command("exec -i boat cat").input("typed").finish().success().stdout("typed");
    sandbox.run("exec -t boat tty").success().stdout("/dev/pts/0\r\n");
}

#[test]
fn what_cannot_be_started() {
    let sandbox = boat("");
    for (line, code, error) in [
        (
            "-u nobody-here boat true",
            126,
            "unable to find user nobody-here: no matching entries in passwd file",
        ),
        ("-w etc boat true", 126, "Cwd must be an absolute path"),
        (
            "-w /nowhere boat true",
            127,
            "chdir to cwd (\"/nowhere\") set in config.json failed: no such file or directory",
        ),
        (
            "-w /bin/sh boat true",
            126,
            "chdir to cwd (\"/bin/sh\") set in config.json failed: not a directory",
        ),
        ("boat ''", 127, "exec: \"\": executable file not found in $PATH"),
        ("-d boat no-such", 127, "exec: \"no-such\": executable file not found in $PATH"),
        ("-d --detach-keys nonsense boat true", 1, "invalid detach keys (nonsense)"),
        ("-it boat true", 1, "the input device is not a TTY"),
        ("nowhere true", 1, "No such container: nowhere"),
    ] {
        sandbox.run(&format!("exec {line}")).code(code).stderr_has(error).one_clear_line();
    }
    sandbox.run("exec -e =x boat true").code(125).stderr_has("invalid environment variable: =x");
    sandbox.run("exec boat").code(1).stderr_has("requires at least 2 arguments");
    assert!(executions(&sandbox).is_empty(), "what was not started does not go on");
    let id = sandbox.inspect("boat", "Id");
    sandbox.run("stop -t 0 boat").success();
    let error = format!("container {} is not running", id.as_str().expect("a text"));
    sandbox.run("exec -d boat true").code(1).stderr_has(&error).one_clear_line();
}

#[test]
fn inspect_knows_which_go_on() {
    let sandbox = boat("");
    assert_eq!(sandbox.inspect("boat", "ExecIDs"), Value::Null);
    sandbox.run("exec -d boat sleep 501").success();
    let first = executions(&sandbox);
    let mut talker = sandbox.command("exec -i boat sh -c 'echo ready; read line'").start_open();
    talker.expect("ready\n");
    let both = executions(&sandbox);
    assert!(first.len() == 1 && both.len() == 2 && both.contains(&first[0]), "{first:?} {both:?}");
    talker.write("end\n");
    talker.finish().success();
    assert_eq!(executions(&sandbox), first, "gone before the command returns");
    let events = sandbox
        .run("events --since 0 --until 0s -f event=exec_start --format '{{.Actor.Attributes.execID}}'");
    assert!(events.success().lines().contains(&first[0]), "the id of its events");
    // A supervisor that was killed leaves its file, which says nothing any more.
    let run =
        sandbox.path().join("run/coracle").join(sandbox.inspect("boat", "Id").as_str().expect("a text"));
    let holder = eventually("its supervisor is found", || supervisor_of(&sandbox, "sleep\x00501"));
    rustix::process::kill_process(holder, Signal::KILL).expect("it lives");
    eventually("it is not listed", || executions(&sandbox).is_empty().then_some(()));
    assert!(run.join(&first[0]).exists(), "nobody was there to remove it");
    sandbox.run("rm -f boat").success();
    sandbox.assert_no_traces();
}

/// The parent of the process with this command line.
fn supervisor_of(sandbox: &Sandbox, command: &str) -> Option<rustix::process::Pid> {
    let is_it = |pid: &i32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(command.as_bytes()))
    };
    let pid = sandbox.processes().into_iter().find(is_it)?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    rustix::process::Pid::from_raw(parent.trim().parse().ok()?)
}

#[test]
fn in_the_background_without_a_trace() {
    let sandbox = boat("");
    sandbox.run("exec -d boat sh -c 'echo done >/done; exit 3'").success().stdout("");
    eventually("it has ended", || executions(&sandbox).is_empty().then_some(()));
    sandbox.run("exec boat cat /done").success().stdout("done\n");
    let left = sandbox.run("exec boat sh -c 'grep -l ^State:.Z /proc/[0-9]*/status'");
    left.code(1).stdout("");
    // With a terminal that nobody looks at.
    sandbox.run("exec -d -t boat sh -c 'tty >/tty; sleep 1000'").success();
    eventually("it has a terminal", || {
        sandbox.run("exec boat cat /tty").out().starts_with("/dev/pts/").then_some(())
    });
    assert_eq!(executions(&sandbox).len(), 1);
    sandbox.run("stop -t 0 boat").success();
    assert_eq!(sandbox.inspect("boat", "ExecIDs"), Value::Null);
    eventually("it ends with the container", || sandbox.processes().is_empty().then_some(()));
}

#[test]
fn a_terminal_of_another_size() {
    let sandbox = boat("");
    let script = "trap \"stty size\" WINCH; trap \"exit 5\" INT; echo ready; while :; do sleep 0.1; done";
    let mut terminal = Pty::coracle(&sandbox, &format!("exec -it boat sh -c '{script}'"));
    terminal.expect("ready");
    terminal.resize(100, 40);
    terminal.expect("40 100");
    terminal.type_in("\x03");
    assert_eq!(terminal.exit_code(), 5);
    let mut terminal = Pty::coracle(&sandbox, "exec -it --detach-keys ctrl-x,q boat sh");
    terminal.expect("/ # ");
    terminal.type_in("\x18q");
    terminal.expect("read escape sequence");
    assert_eq!(terminal.exit_code(), 1);
    assert_eq!(executions(&sandbox).len(), 1, "it was left, not ended");
}

#[test]
fn start_joins_as_run_does() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create -i --name pipe busybox sh -c 'read line; echo got $line; exit 4'").success();
    sandbox.command("start -i pipe").input("word\n").finish().code(4).stdout("got word\n");
    // Without -i nothing is read, and the program waits for what was never typed.
    let mut deaf = sandbox.command("start -a pipe").start_open();
    deaf.write("word\n");
    wait_for_status(&sandbox, "pipe", "running");
    sandbox.command("start -ai pipe").input("again\n").finish().code(4).stdout("got again\n");
    deaf.finish().code(4).stdout("got again\n");

    sandbox.run("create -it --name shell busybox sh").success();
    let mut terminal = Pty::coracle(&sandbox, "start -ai --detach-keys ctrl-x,q shell");
    terminal.expect("/ # ");
    terminal.type_in("\x10\x11\x18q");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.is_cooked());
    assert_eq!(sandbox.inspect("shell", "State.Running"), true);
}

#[test]
fn signals_stay_here_without_a_proxy() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"echo caught; exit 9\" TERM; echo ready; while :; do sleep 0.1; done";
    let run = |name: &str, flags: &str| {
        let line = format!("run {flags} --name {name} busybox sh -c '{script}'");
        let running = sandbox.command(&line).start();
        running.expect("ready\n");
        running.signal(Signal::TERM);
        running.finish()
    };
    run("proxied", "").code(9).stdout("ready\ncaught\n");
    run("alone", "--sig-proxy=false").code(143).stdout("ready\n");
    assert_eq!(sandbox.inspect("alone", "State.Running"), json!(true));
}

#[test]
fn streams_that_were_passed_cannot_be_joined() {
    let sandbox = Sandbox::with_busybox();
    let running = sandbox.command("run --name boat --log-driver passthrough busybox sleep 1000").start();
    let is_up = || sandbox.run("inspect -f {{.State.Running}} boat").out() == "true\n";
    eventually("it runs", || is_up().then_some(()));
    let error = "this container is using the 'passthrough' log driver, cannot attach";
    sandbox.run("attach boat").code(1).stderr_has(error).one_clear_line();
    sandbox.run("start -a boat").code(1).stderr_has(error).one_clear_line();
    sandbox.run("exec boat echo here").success().stdout("here\n");
    sandbox.run("stop -t 0 boat").success();
    running.finish().code(137);
}

#[test]
fn open_files_are_passed_on() {
    let sandbox = boat("--network none");
    let note = sandbox.file("note", "from outside\n");
    let shell = |command: &str, files: &str| {
        let line = format!("{} {command} {files}", sandbox.program().display());
        sandbox.witness(&shlex::try_join(["sh", "-c", &line]).expect("no zero byte"))
    };
    let files = format!("3<{} 5</dev/null 7>{}", note.display(), sandbox.path().join("told").display());
    let script = "'cat <&3; ls /proc/self/fd | tr \"\\n\" \" \"; echo told >&7'";
    for verb in ["run --rm --network none", "run --rm --network none --init", "exec"] {
        let object = if verb == "exec" { "boat" } else { "busybox" };
        let said = shell(&format!("{verb} --preserve-fds 1 --preserve-fd 7 {object} sh -c {script}"), &files);
        // What is not named stays outside; the last is the directory that is listed.
        said.success().stdout("from outside\n0 1 2 3 4 7 ");
        let told = std::fs::read_to_string(sandbox.path().join("told")).expect("a file");
        assert_eq!(told, "told\n");
        shell(&format!("{verb} --preserve-fds 2 {object} true"), "3</dev/null 4<&-")
            .code(if verb == "exec" { 1 } else { 125 })
            .stderr_has("file descriptor 4 is not available");
    }
    // Whoever reads from one waits for the program alone, not for what watches it.
    let writes = "'echo said >&5; exec 5>&-; sleep 1000'";
    for command in ["exec -d --preserve-fd 5 boat", "run -d --name ship --preserve-fd 5 busybox"] {
        let line = format!("({command} sh -c {writes} 5>&1 >/dev/null) | cat");
        let line = line.replacen(command, &format!("{} {command}", sandbox.program().display()), 1);
        let said = sandbox.witness(&shlex::try_join(["sh", "-c", &line]).expect("no zero byte"));
        said.success().stdout("said\n");
    }
    sandbox.run("rm -f boat ship").success();
}
