//! Published ports of containers on bridges: who is seen to ask, and what comes through.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::network::no_stack;
use crate::skip;
use crate::support::registry::free_port;
use crate::support::{Entry, Image, Sandbox, eventually, fixture, is_root};

/// A sandbox whose `probe` image answers who asks.
pub fn with_probe() -> Option<Sandbox> {
    let probe = std::fs::read(fixture("probe")?).expect("a readable probe");
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox_and(&[Entry::program("bin/probe", probe)]), "probe");
    Some(sandbox)
}

/// A host of its own, with a neighbour, that coracle runs on: `n` does something there, `c` is coracle.
const HOSTS: &str = r#"
set -eu
ip link set lo up
unshare -n sleep 1000 & neighbour=$!
n() { nsenter -t $neighbour -n "$@"; }
here=$(readlink /proc/self/ns/net)
until there=$(readlink /proc/$neighbour/ns/net) && [ "$there" != "$here" ]; do sleep 0.1; done
ip link add v0 type veth peer name v1 netns $neighbour
ip addr add 192.0.2.1/24 dev v0
ip addr add 2001:db8::1/64 dev v0 nodad
ip link set v0 up
n ip addr add 192.0.2.7/24 dev v1
n ip addr add 2001:db8::7/64 dev v1 nodad
n ip link set v1 up
try() { for _ in 1 2 3 4 5 6 7 8; do "$@" 2>/dev/null && return; sleep 0.5; done; "$@"; }
trap 'kill $neighbour; c rm -f web >&2 || true' EXIT
"#;

#[test]
fn containers_see_who_asks() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    if is_root() {
        skip!("root is on the host's network in unshare");
    }
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let (program, probe) = (sandbox.program().display(), fixture("probe").expect("a probe"));
    let probe = probe.display();
    // A network's options, and the container's; what is seen of a neighbour by both protocols over IPv4 and IPv6, and of
    // the host itself.
    for (options, own, want) in [
        (
            "--subnet 10.90.0.0/24 --subnet fd00:90::/64 --ipv6",
            "",
            "kept kept kept kept 10.90.0.1 10.90.0.1 10.90.0.1 fd00:90::1",
        ),
        (
            "--subnet 10.90.0.0/24",
            "",
            "kept kept 10.90.0.1 10.90.0.1 10.90.0.1 10.90.0.1 10.90.0.1 10.90.0.1",
        ),
        (
            "--subnet 10.90.0.0/24 --subnet fd00:90::/64 --ipv6 -o keep_source=false",
            "",
            "10.90.0.1 10.90.0.1 fd00:90::1 fd00:90::1 10.90.0.1 10.90.0.1 10.90.0.1 fd00:90::1",
        ),
        (
            "--subnet 10.90.0.0/24 --subnet fd00:90::/64 --ipv6",
            ":keep_source=false",
            "10.90.0.1 10.90.0.1 fd00:90::1 fd00:90::1 10.90.0.1 10.90.0.1 10.90.0.1 fd00:90::1",
        ),
    ] {
        let script = format!(
            r#"c() {{ {program} "$@"; }}
            {HOSTS}
            c network create {options} lan >&2
            c run -d --name web --network lan{own} -p 8080:80 -p 8080:80/udp probe probe peers 80 >&2
            try n {probe} ask tcp 192.0.2.1:8080
            try n {probe} ask udp 192.0.2.1:8080
            try n {probe} ask tcp [2001:db8::1]:8080
            try n {probe} ask udp [2001:db8::1]:8080
            try {probe} ask tcp 127.0.0.1:8080
            try {probe} ask udp 127.0.0.1:8080
            try {probe} ask tcp 192.0.2.1:8080
            try {probe} ask tcp [::1]:8080
            c rm -f web >&2
            c network rm lan >&2"#
        );
        let seen = sandbox.run_words(&["unshare", "unshare", "-n", "sh", "-c", &script]);
        assert_eq!(seen.success().lines().join(" "), want, "{options} {own}");
        // Each has a user namespace of its own, and a helper in it: the one before must be gone.
        sandbox.assert_no_traces();
    }
}

#[test]
fn the_way_out_leads_to_hosts_of_both_kinds() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    if is_root() {
        skip!("root is on the host's network in unshare");
    }
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let (program, probe) = (sandbox.program().display(), fixture("probe").expect("a probe"));
    let probe = probe.display();
    let script = format!(
        r#"c() {{ {program} "$@"; }}
        {HOSTS}
        nsenter -t $neighbour -n {probe} peers 9000 & server=$!
        c network create --ipv6 lan >&2
        c run -d --name web --network lan probe sleep 1000 >&2
        try c exec web probe ask tcp 192.0.2.7:9000
        try c exec web probe ask tcp [2001:db8::7]:9000
        try c exec web probe ask udp 192.0.2.7:9000
        kill $server
        c rm -f web >&2"#
    );
    let seen = sandbox.run_words(&["unshare", "unshare", "-n", "sh", "-c", &script]);
    assert_eq!(seen.success().lines().join(" "), "192.0.2.1 2001:db8::1 192.0.2.1");
    sandbox.assert_no_traces();
}

#[test]
fn a_thousand_connections_lose_nothing() {
    const COUNT: usize = 1000;
    const SIZE: usize = 48 << 10;
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let (port, nobody) = (free_port(), free_port());
    let flags = format!("--network lan -p 127.0.0.1:{port}:80 -p 127.0.0.1:{nobody}:81");
    sandbox.run("network create lan").success();
    sandbox.run(&format!("run -d --name web {flags} probe probe peers 80")).success();
    let connect = |port: u16| {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        stream
    };
    eventually("the server answers", || {
        let mut line = String::new();
        BufReader::new(connect(port)).read_line(&mut line).ok().filter(|_| line.ends_with('\n'))
    });
    let mut streams: Vec<_> = (0..COUNT).map(|_| connect(port)).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&vec![number as u8; SIZE]).expect("room");
        // What comes back after this one side has ended.
        stream.shutdown(Shutdown::Write).expect("open");
    }
    for (number, stream) in streams.into_iter().enumerate() {
        let mut reader = BufReader::new(stream);
        let (mut line, mut echo) = (String::new(), Vec::new());
        reader.read_line(&mut line).expect("the address");
        reader.read_to_end(&mut echo).expect("the echo");
        assert!(echo == vec![number as u8; SIZE], "connection {number}: {} bytes", echo.len());
    }
    // Where nobody listens a client learns of it, as it would without a relay.
    let error = connect(nobody).read(&mut [0]).expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}
