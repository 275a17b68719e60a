//! Several readers of one container, fast and slow.

use rustix::process::Signal;

use crate::support::sandbox::Running;
use crate::support::{Sandbox, eventually};

/// Says what it is told until it is told to go, then says a lot.
const TALKER: &str =
    "while read line; do echo got $line; test $line = go && break; done; seq 1 LAST; echo the end";

/// Starts a talker and so many clients, all of which hear it; the first one can tell it something.
fn talk(sandbox: &Sandbox, last: u32, clients: usize) -> Vec<Running> {
    let script = TALKER.replace("LAST", &last.to_string());
    sandbox.run(&format!("run -d -i --name talker busybox sh -c '{script}'")).success();
    let attach = |flags: &str| sandbox.command(&format!("attach {flags} talker")).start_open();
    let mut clients: Vec<Running> =
        (0..clients).map(|index| attach(if index == 0 { "" } else { "--no-stdin" })).collect();
    eventually("everybody is attached", || {
        clients[0].write("hello\n");
        clients.iter().all(|client| client.said().contains("got hello\n")).then_some(())
    });
    clients
}

fn everything(last: u32) -> String {
    let mut text = String::from("got go\n");
    for number in 1..=last {
        text.push_str(&format!("{number}\n"));
    }
    text + "the end\n"
}

#[test]
fn eight_clients_hear_everything_and_one_is_stuck() {
    let sandbox = Sandbox::with_busybox();
    let last = 600_000;
    let mut clients = talk(&sandbox, last, 8);
    let supervisor = supervisor(&sandbox, "talker");
    let stuck = clients.pop().expect("eight clients");
    stuck.signal(Signal::STOP);
    clients[0].write("go\n");
    let want = everything(last);
    // The container ends, and everybody else has heard everything, while one has not taken a byte of 4 MB.
    for client in clients {
        let output = client.finish();
        output.success();
        assert!(output.out().ends_with(&want), "a client has lost something");
    }
    assert_eq!(sandbox.inspect("talker", "State.Status"), "exited");
    assert!(resident_kilobytes(supervisor) < 16 << 10, "what waits is not in memory");
    // Nor does it keep the container from being started again.
    sandbox.run("start talker").success();
    stuck.signal(Signal::CONT);
    let output = stuck.finish();
    output.success();
    assert!(output.out().ends_with(&want), "the slow client has lost something");
}

#[test]
fn a_slow_reader_of_exec_loses_nothing() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    let mut slow = sandbox
        .command("exec -i boat sh -c 'echo ready; read line; echo told; sleep 0.2; seq 1 600000; echo done >/done'")
        .start_open();
    slow.expect("ready\n");
    slow.write("go\n");
    slow.expect("told\n");
    slow.signal(Signal::STOP);
    eventually("the program ends", || {
        sandbox.run("exec boat cat /done").out().contains("done").then_some(())
    });
    slow.signal(Signal::CONT);
    let output = slow.finish();
    output.success();
    assert!(output.out().ends_with("\n599999\n600000\n"));
    assert_eq!(output.out().lines().count(), 600_002);
}

/// The supervisor of a container that runs, from its record.
pub fn supervisor(sandbox: &Sandbox, name: &str) -> i64 {
    let id = sandbox.inspect(name, "Id");
    let path = sandbox.container_directory(id.as_str().expect("a text")).join("container.json");
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("a record")).expect("JSON");
    record["state"]["supervisor"].as_i64().expect("a number")
}

fn resident_kilobytes(pid: i64) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it still has something to deliver");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// As beside a pager that shows its first page.
#[test]
fn signals_pass_while_nobody_takes_the_output() {
    let sandbox = Sandbox::with_busybox();
    let (pipe, program) = (sandbox.path().join("pipe"), sandbox.program().display().to_string());
    let script = format!(
        "mkfifo {pipe}; exec 3<>{pipe}\n\
         {program} run --rm --init --name boat --network none busybox yes >&3 3>&- &\n\
         until {program} top boat >/dev/null 2>&1; do sleep 0.1; done\n\
         sleep 1; kill -TERM $!\n\
         for i in $(seq 100); do [ -n \"$({program} ps -aq)\" ] || break; sleep 0.1; done\n\
         {program} ps -a --format {{{{.Status}}}}; kill -KILL $!",
        pipe = pipe.display()
    );
    let output = sandbox.witness(&format!("bash -c {}", shlex::try_quote(&script).expect("no null bytes")));
    output.success().stdout("");
    sandbox.assert_no_traces();
}
