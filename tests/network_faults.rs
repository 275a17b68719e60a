//! Networks when something dies, disappears or comes too soon: what is said, and that nothing is left.

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::bridges::{find, replace};
use crate::network::{no_pasta, no_stack};
use crate::ports::with_probe;
use crate::skip;
use crate::support::registry::free_port;
use crate::support::{Sandbox, eventually, fixture, remove_tree, within};

fn kill(pid: i64) {
    let pid = Pid::from_raw(pid as i32).expect("a process");
    kill_process(pid, Signal::KILL).expect("it runs");
}

/// The first process of a container.
fn first_process(sandbox: &Sandbox, name: &str) -> i64 {
    sandbox.inspect(name, "State.Pid").as_i64().expect("a number")
}

#[test]
fn a_container_that_dies_while_it_is_connected_keeps_no_place() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    // Room for the gateway and one container.
    sandbox.run("network create --subnet 10.91.0.0/30 tight").success();
    for _ in 0..8 {
        sandbox.run("run -d --name boat --network lan busybox sleep 1000").success();
        let connect = sandbox.command("network connect tight boat").start();
        kill(first_process(&sandbox, "boat"));
        connect.finish().one_clear_line_or_nothing();
        sandbox.run("rm -f boat").success();
    }
    let last = "run --rm --network tight busybox true";
    let room = within(Duration::from_secs(10), || (sandbox.run(last).exit_code() == 0).then_some(()));
    assert!(room.is_some(), "its address is free again");
    sandbox.run("network rm lan tight").success();
    sandbox.assert_no_traces();
}

/// So many connections to a port at once, each with something on its way.
fn transfers(port: u16) -> Vec<TcpStream> {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let begin = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        stream.set_nonblocking(true).expect("a socket");
        let _ = stream.write(&[7; 64 << 10]);
        stream.set_nonblocking(false).expect("a socket");
        stream
    };
    (0..1000).map(begin).collect()
}

/// Whether what is sent to a port comes back.
fn echoes(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"ahoy\n").ok()?;
    stream.shutdown(std::net::Shutdown::Write).ok()?;
    let mut said = String::new();
    stream.read_to_string(&mut said).ok()?;
    said.ends_with("ahoy\n").then_some(())
}

#[test]
fn a_thousand_transfers_end_with_what_carried_them() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let port = free_port();
    sandbox.run("network create lan").success();
    sandbox
        .run(&format!("run -d --name web --network lan -p 127.0.0.1:{port}:80 probe probe peers 80"))
        .success();
    eventually("the server answers", || echoes(port));

    let streams = transfers(port);
    replace(&sandbox, "slirp4netns");
    for stream in &streams {
        // What comes in does not go through the way out.
        let seen = stream.peek(&mut [0]);
        assert!(seen.as_ref().is_ok_and(|size| *size == 1), "{stream:?}: {seen:?}");
    }
    drop(streams);
    for victim in ["network-helper", "the container"] {
        let streams = transfers(port);
        match victim {
            "the container" => kill(first_process(&sandbox, "web")),
            helper => replace(&sandbox, helper),
        }
        for mut stream in streams {
            let ended = stream.read_to_end(&mut Vec::new());
            let is_timeout =
                |error: &std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(!ended.as_ref().is_err_and(is_timeout), "{victim}: {ended:?}");
        }
        if victim == "the container" {
            sandbox.run("start web").success();
        }
        eventually("the server answers again", || echoes(port));
    }
    sandbox.run("rm -f web").success();
    sandbox.run("network rm lan").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_name_server_that_asks_itself_and_hears_nonsense_goes_on() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 --dns 10.90.0.1 loop").success();
    sandbox.run("run -d --name web --network loop busybox sleep 1000").success();
    let script = "for i in 1 2 3 4 5 6 7 8; do nslookup $i.example >/dev/null 2>&1 & done
        for i in $(seq 1 50); do
            head -c $((i * 30)) /dev/urandom | nc -u -w 1 10.90.0.1 53 >/dev/null &
            head -c $((i * 30)) /dev/urandom | nc -w 1 10.90.0.1 53 >/dev/null &
        done
        sleep 2
        nslookup web";
    sandbox
        .run_words(&["run", "--rm", "--network", "loop", "busybox", "sh", "-c", script])
        .success()
        .stdout_has("10.90.0.2");
    sandbox.run("run --rm --network loop busybox nslookup web").success().stdout_has("10.90.0.2");
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn after_power_is_lost_everything_starts_again() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let port = free_port();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    let line =
        format!("run -d --name web --network lan:ip=10.90.0.7 -p 127.0.0.1:{port}:80 probe probe peers 80");
    let id = sandbox.run(&line).success().line();
    eventually("the server answers", || echoes(port));
    for pid in sandbox.processes() {
        kill(pid.into());
    }
    eventually("everything is dead", || sandbox.processes().is_empty().then_some(()));
    remove_tree(&sandbox.path().join("run/coracle"));
    // Another process may have any of the numbers now.
    let path = sandbox.container_directory(&id).join("container.json");
    let record = fs::read_to_string(&path).expect("a record");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot id");
    assert!(record.contains(boot.trim()), "{record}");
    fs::write(&path, record.replace(boot.trim(), "11111111-2222-3333-4444-555555555555")).expect("a record");
    sandbox.run("ps -q").success().stdout("");
    sandbox.run("network rm lan").success();
    sandbox.run("start web").code(1).stderr_has("network lan not found");
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    sandbox.run("start web").success();
    eventually("the server answers", || echoes(port));
    assert_eq!(sandbox.inspect("web", "NetworkSettings.Networks.lan.IPAddress"), "10.90.0.7");
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_container_removed_while_it_starts_leaves_nothing() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let port = free_port();
    for round in 0..24 {
        sandbox.run(&format!("create --name boat -p 127.0.0.1:{port}:80 busybox sleep 1000")).success();
        let start = sandbox.command("start boat").start();
        std::thread::sleep(Duration::from_millis(round % 12 * 4));
        let removed = sandbox.run("rm -f boat");
        start.finish().one_clear_line_or_nothing();
        if removed.exit_code() != 0 {
            removed.one_clear_line();
            sandbox.run("rm -f boat").success();
        }
        let free = within(Duration::from_secs(5), || TcpListener::bind(("127.0.0.1", port)).ok());
        assert!(free.is_some(), "the port is free again");
    }
    sandbox.assert_no_traces();
}

#[test]
fn a_network_removed_while_a_container_starts_on_it() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    for round in 0..12 {
        sandbox.run("network create lan").success();
        sandbox.run("create --name boat --network lan busybox sleep 1000").success();
        let start = sandbox.command("start boat").start();
        std::thread::sleep(Duration::from_millis(round * 4));
        let removed = sandbox.run("network rm lan");
        let started = start.finish();
        match (removed.exit_code(), started.exit_code()) {
            (0, 0) => panic!("boat runs on a network that is gone: {removed:?} {started:?}"),
            (0, _) => drop(started.one_clear_line().stderr_has("network lan not found")),
            _ => {
                removed.code(1).stderr_has("network lan has active endpoints");
                started.success();
            }
        }
        sandbox.run("rm -f boat").success();
        sandbox.run("network rm -f lan").success();
    }
    sandbox.assert_no_traces();
}

#[test]
fn a_port_that_is_taken_at_the_last_moment() {
    if let Some(reason) = no_pasta() {
        skip!("{reason}");
    }
    let Some(probe) = fixture("probe") else { skip!("tests/run.sh builds the probe") };
    let mut sandbox = Sandbox::with_busybox();
    let port = free_port();
    // Its ports are free between the engine's look at them and its own.
    let script =
        format!("#!/bin/sh\n{} peers {port} & sleep 0.3\nexec /usr/bin/pasta \"$@\"\n", probe.display());
    let own = sandbox.file("bin/pasta", script);
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).expect("a script");
    let path = std::env::var("PATH").expect("a search path");
    sandbox.set("PATH", &format!("{}:{path}", own.parent().expect("a directory").display()));
    let output = sandbox.run(&format!("run --rm --network pasta -p 127.0.0.1:{port}:80 busybox true"));
    output.code(125).stderr_has(&port.to_string()).one_clear_line();
    kill(find(&sandbox, &format!("peers\0{port}")).expect("it runs").into());
    sandbox.assert_no_traces();
}

#[test]
fn what_a_command_that_was_killed_has_left_is_no_hindrance() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    let id = sandbox.run("run -d --name web busybox sleep 1000").success().line();
    let record = sandbox.container_directory(&id).join("container.json");
    let addresses = || sandbox.run("exec web ip -o -4 addr").success().out();
    // Killed behind what the helper did, before it was written down: as the record was, so it is.
    let killed = |line: &str| {
        let before = fs::read(&record).expect("a record");
        sandbox.run(line).success();
        fs::write(&record, before).expect("the record is put back");
    };
    killed("network connect --ip 10.90.0.7 lan web");
    assert!(addresses().contains("10.90.0.7"));
    sandbox.run("network connect --ip 10.90.0.8 lan web").success();
    assert!(addresses().contains("10.90.0.8") && !addresses().contains("10.90.0.7"), "{}", addresses());
    killed("network disconnect lan web");
    assert!(!addresses().contains("10.90."));
    sandbox.run("network disconnect lan web").success();
    killed("network connect --ip 10.90.0.9 lan web");
    sandbox.run("network disconnect lan web").code(1).stderr_has("is not connected to network lan");
    assert!(!addresses().contains("10.90."), "{}", addresses());
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn containers_start_though_their_helper_is_killed_again_and_again() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    let names: Vec<_> = (0..24).map(|number| format!("boat{number}")).collect();
    for _ in 0..3 {
        let run =
            |name| sandbox.command(&format!("run -d --name {name} --network lan busybox sleep 1000")).start();
        let starts: Vec<_> = names.iter().map(run).collect();
        for _ in 0..8 {
            std::thread::sleep(Duration::from_millis(30));
            find(&sandbox, "network-helper").into_iter().for_each(|pid| kill(pid.into()));
        }
        for start in starts {
            start.finish().success();
        }
        let mut addresses = HashSet::new();
        for name in &names {
            let address = sandbox.inspect(name, "NetworkSettings.Networks.lan.IPAddress");
            let address = address.as_str().expect("an address").to_owned();
            let show = format!("exec {name} ip -o -4 addr show eth0");
            eventually("it has its address", || sandbox.run(&show).out().contains(&address).then_some(()));
            assert!(addresses.insert(address), "each has one of its own: {addresses:?}");
        }
        sandbox.run(&format!("rm -f {}", names.join(" "))).success();
    }
    sandbox.run("network rm lan").success();
    sandbox.assert_no_traces();
}

#[test]
fn the_address_of_one_that_runs_is_not_given_away_when_the_helper_dies() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    let id = sandbox.run("run -d --name first --network lan busybox sleep 1000").success().line();
    let record =
        fs::read_to_string(sandbox.container_directory(&id).join("container.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    let supervisor = record["state"]["supervisor"].as_i64().and_then(|pid| Pid::from_raw(pid as i32));
    let supervisor = supervisor.expect("a process");
    // It comes too late to be the first that the next helper hears of.
    kill_process(supervisor, Signal::STOP).expect("it runs");
    kill(find(&sandbox, "network-helper").expect("it runs").into());
    eventually("it is gone", || find(&sandbox, "network-helper").is_none().then_some(()));
    let other = sandbox.run("run --rm --network lan busybox ip -o -4 addr show eth0");
    kill_process(supervisor, Signal::CONT).expect("it runs");
    let said = other.success().out();
    assert!(said.contains("10.90.0.3"), "{said}");
    let show = "exec first ip -o -4 addr show eth0";
    eventually("the first has its address", || sandbox.run(show).out().contains("10.90.0.2").then_some(()));
    sandbox.run("rm -f first").success();
    sandbox.assert_no_traces();
}
