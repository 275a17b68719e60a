//! Names on networks: containers find each other, and everything else is asked for elsewhere.

use std::fs;

use crate::network::no_stack;
use crate::skip;
use crate::support::image::{Entry, Image};
use crate::support::{Sandbox, eventually, fixture};

/// Where the server of [`with_desk`] is.
const SERVER: &str = "10.90.0.53";

/// A network `lan` with a name server in a container, which knows nothing but that all of `example` is at 192.0.2.80,
/// and `desk`, which is to ask it.
fn with_desk() -> Option<Sandbox> {
    let probe = fs::read(fixture("probe")?).expect("a readable probe");
    let sandbox = Sandbox::with_busybox();
    sandbox.add(&Image::busybox_and(&[Entry::program("bin/probe", probe)]), "probe");
    sandbox.run("network create --subnet 10.90.0.0/24 --ipv6 lan").success();
    sandbox
        .run(&format!("run -d --name server --network lan:ip={SERVER} probe probe names 192.0.2.80"))
        .success();
    sandbox
        .run(&format!("run -d --name desk --network lan:ip=10.90.0.9 --dns {SERVER} busybox sleep 1000"))
        .success();
    Some(sandbox)
}

/// What `desk` is told of a name.
fn look_up(sandbox: &Sandbox, name: &str) -> Option<String> {
    let output = sandbox.run(&format!("exec desk nslookup {name}"));
    (output.exit_code() == 0).then(|| output.out())
}

#[test]
fn containers_find_each_other_by_name() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let Some(sandbox) = with_desk() else { skip!("tests/run.sh builds the probe") };
    sandbox.run("network create other").success();
    sandbox.run("run -d --name lone --network other busybox sleep 1000").success();
    let web = "run -d --name web -h site --network lan:ip=10.90.0.7,alias=www busybox httpd -f -p 80";
    let id = sandbox.run(web).success().line();
    for name in ["web", "WEB", "www", "site", &id[..12], "web.lan"] {
        let said = look_up(&sandbox, name).unwrap_or_else(|| panic!("{name} is not found"));
        assert!(said.contains("10.90.0.7"), "{name}: {said}");
    }
    let six = sandbox.inspect("web", "NetworkSettings.Networks.lan.GlobalIPv6Address");
    let said = sandbox.run("exec desk nslookup -type=aaaa web");
    said.success().stdout_has(six.as_str().expect("an address"));
    sandbox.run("exec desk nslookup 10.90.0.7").success().stdout_has("name = web.lan");
    sandbox.run("exec desk ping -c 1 -W 5 web").success();
    for name in ["lone", "lone.other", "nobody", "10.90.0.200"] {
        assert_eq!(look_up(&sandbox, name), None, "{name}");
    }
    sandbox.run("rename web place").success();
    assert!(look_up(&sandbox, "place").is_some_and(|said| said.contains("10.90.0.7")));
    assert_eq!(look_up(&sandbox, "web"), None);
    sandbox.run("rm -f place").success();
    assert_eq!(look_up(&sandbox, "www"), None);
    sandbox.run("rm -f server desk lone").success();
    sandbox.assert_no_traces();
}

#[test]
fn other_names_are_asked_for_where_the_user_says() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let Some(sandbox) = with_desk() else { skip!("tests/run.sh builds the probe") };
    let said = eventually("the server answers", || look_up(&sandbox, "www.example"));
    assert!(said.contains("192.0.2.80"), "{said}");
    sandbox
        .run("exec desk cat /etc/resolv.conf")
        .success()
        .stdout_has("nameserver 10.90.0.1\n")
        .stdout_lacks(SERVER);
    // More at once than are let through; afterwards all is as before.
    let flood =
        "for i in $(seq 1 300); do nslookup $i.silent.example >/dev/null 2>&1 & done; nslookup server";
    sandbox.run_words(&["exec", "desk", "sh", "-c", flood]).success().stdout_has(SERVER);
    eventually("the server answers again", || look_up(&sandbox, "ftp.example"));
    sandbox.run("rm -f -t 0 server desk").success();
    sandbox.assert_no_traces();
}

#[test]
fn networks_without_names_or_without_a_way_out() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --disable-dns --subnet 10.91.0.0/24 quiet").success();
    let servers = |flags: &str| {
        let output = sandbox.run(&format!("run --rm {flags} busybox cat /etc/resolv.conf"));
        let lines = output.success().lines();
        lines.into_iter().filter(|line| line.starts_with("nameserver")).collect::<Vec<_>>()
    };
    assert_eq!(servers("--network quiet"), ["nameserver 10.0.2.3"]);
    assert_eq!(servers("--network quiet --dns 192.0.2.53"), ["nameserver 192.0.2.53"]);
    sandbox.run("network create --internal --subnet 10.92.0.0/24 inner").success();
    assert_eq!(servers("--network inner --dns 192.0.2.53"), ["nameserver 10.92.0.1"]);
    assert_eq!(servers("--network inner --dns 127.0.0.1"), ["nameserver 127.0.0.1"]);
    sandbox.run("run -d --name web --network inner busybox sleep 1000").success();
    sandbox.run("run --rm --network inner busybox nslookup web").success();
    sandbox.run("run --rm --network inner busybox nslookup www.example").code(1).stdout_has("NXDOMAIN");
    sandbox.run("rm -f -t 0 web").success();
    sandbox.assert_no_traces();
}
