//! Networks: none, host, and a user-mode stack with published ports.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::attach::supervisor;
use crate::bridges::find;
use crate::skip;
use crate::support::registry::free_port;
use crate::support::{Output, Response, Sandbox, Server, eventually, is_root, program, within};

/// Why the user-mode stack cannot work here, if it cannot.
pub fn no_stack() -> Option<&'static str> {
    if program("slirp4netns").is_none() {
        return Some("slirp4netns is not installed");
    }
    let tun = std::fs::File::options().read(true).write(true).open("/dev/net/tun");
    tun.is_err().then_some("/dev/net/tun cannot be opened")
}

fn interfaces(output: &Output) -> Vec<String> {
    let lines = output.success().lines();
    lines.iter().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned()).collect()
}

#[test]
fn none_has_a_loopback_only() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm --network none busybox cat /proc/net/dev");
    let names = interfaces(&output);
    assert_eq!(names.last().map(String::as_str), Some("lo"), "{names:?}");
    assert_eq!(output.lines().len(), 3, "{output:?}");
    sandbox.run("run --rm --network none busybox ping -c 1 -W 1 127.0.0.1").success();
    sandbox.run("run --rm --net=none busybox ip route").success().stdout("");
}

#[test]
fn host_is_the_hosts() {
    let sandbox = Sandbox::with_busybox();
    let server = Server::start(|_| Response::new(200).body("from the host"));
    sandbox
        .run(&format!("run --rm --network host busybox wget -q -O - {}", server.url()))
        .success()
        .stdout("from the host");
    let inside = sandbox.run("run --rm --network host busybox readlink /proc/self/ns/net").success().line();
    assert_eq!(std::fs::read_link("/proc/self/ns/net").expect("a namespace").to_str(), Some(inside.as_str()));
}

#[test]
fn a_stack_of_its_own() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm --network slirp4netns busybox ip -4 addr show tap0");
    output.success().stdout_has("10.0.2.100/24");
    sandbox
        .run("run --rm --network slirp4netns busybox ip route")
        .success()
        .stdout_has("default via 10.0.2.2");
    sandbox
        .run("run --rm --network slirp4netns busybox cat /etc/resolv.conf")
        .success()
        .stdout_has("nameserver 10.0.2.3");
    sandbox.assert_no_traces();
}

#[test]
fn the_host_is_not_reachable_unless_allowed() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let server = Server::start(|_| Response::new(200).body("from the host"));
    let port = server.host().rsplit(':').next().expect("a port").to_owned();
    let fetch = format!("busybox timeout 3 wget -q -O - http://10.0.2.2:{port}/");
    let output = sandbox.run(&format!("run --rm --network slirp4netns {fetch}"));
    assert_ne!(output.exit_code(), 0);
    sandbox
        .run(&format!("run --rm --network slirp4netns:allow_host_loopback=true {fetch}"))
        .success()
        .stdout("from the host");
    sandbox
        .run("run --rm --network slirp4netns:bogus=1 busybox true")
        .code(125)
        .stderr_has("bogus")
        .one_clear_line();
}

/// Why pasta cannot work here, if it cannot.
pub fn no_pasta() -> Option<&'static str> {
    if program("pasta").is_none() {
        return Some("passt is not installed");
    }
    let routes = std::fs::read_to_string("/proc/net/route").expect("a table of routes");
    if !routes.lines().any(|line| line.split_whitespace().nth(1) == Some("00000000")) {
        return Some("this host has no default route, and pasta does as the host does");
    }
    no_stack()
}

#[test]
fn pasta_gives_the_hosts_addresses() {
    if let Some(reason) = no_pasta() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let shown = sandbox.run_words(&[
        "run",
        "--rm",
        "--network=pasta",
        "--mac-address=02:00:00:00:00:07",
        "busybox",
        "sh",
        "-c",
        "ip -4 route; cat /etc/resolv.conf; ip link",
    ]);
    let routes = sandbox.witness("ip -4 route show default").success().line();
    let gateway = routes.split(' ').nth(2).expect("a gateway").to_owned();
    shown
        .success()
        .stdout_has(&format!("default via {gateway} "))
        .stdout_has("nameserver 169.254.1.1\n")
        .stdout_has("02:00:00:00:00:07");
    let server = Server::start(|_| Response::new(200).body("from the host"));
    let port = server.host().rsplit(':').next().expect("a port").to_owned();
    let fetch = format!("--init busybox timeout 3 wget -q -O - http://{gateway}:{port}/");
    assert_ne!(sandbox.run(&format!("run --rm --network pasta {fetch}")).exit_code(), 0);
    sandbox.run(&format!("run --rm --network pasta:--map-gw {fetch}")).success().stdout("from the host");
    sandbox
        .run("run --rm --network pasta:--netns,/x busybox true")
        .code(125)
        .stderr_has("pasta option \"--netns\": it is not the user's to give")
        .one_clear_line();
    sandbox
        .run("run --rm --network pasta:--bogus busybox true")
        .code(125)
        .stderr_has("--bogus")
        .one_clear_line();
    sandbox.run("run -d --name boat --network pasta busybox sleep 1000").success();
    assert_eq!(sandbox.inspect("boat", "HostConfig.NetworkMode"), "pasta");
    sandbox
        .run("network connect bridge boat")
        .code(1)
        .stderr_has("\"pasta\" is not supported: invalid network mode");
    sandbox.run("rm -f boat").success();
    sandbox.assert_no_traces();
}

#[test]
fn pasta_publishes_ports_and_ends_with_its_container() {
    if let Some(reason) = no_pasta() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let (port, own) = (free_port(), free_port());
    let network = format!("pasta:-t,127.0.0.1/{own}:80");
    let line = format!("run -d --name web -p 127.0.0.1:{port}:80 --network {network} busybox sh -c");
    sandbox.run_words(&line.split(' ').chain([WEB]).collect::<Vec<_>>()).success();
    for port in [port, own] {
        let answer = eventually("the server answers", || fetch(&format!("127.0.0.1:{port}")));
        assert!(answer.ends_with("ahoy\n"), "{answer}");
    }
    sandbox.run("ps --format {{.Ports}}").success().stdout(&format!("127.0.0.1:{port}->80/tcp\n"));
    let taken = sandbox.run(&format!("run --rm -p 127.0.0.1:{port}:80 --network pasta busybox true"));
    taken.code(125).stderr_has(&format!("Bind for 127.0.0.1:{port} failed: port is already allocated"));
    let pasta = || find(&sandbox, "--config-net");
    assert!(pasta().is_some());
    // Nobody is left to end it.
    let supervisor = Pid::from_raw(supervisor(&sandbox, "web") as i32).expect("a process");
    kill_process(supervisor, Signal::KILL).expect("it runs");
    eventually("it is gone", || pasta().is_none().then_some(()));
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_namespace_that_is_there_is_joined() {
    if is_root() {
        skip!("root's unshare makes no user namespace");
    }
    let sandbox = Sandbox::with_busybox();
    let words =
        ["unshare", "unshare", "-n", "sh", "-c", "echo $$ $(readlink /proc/self/ns/net); exec sleep 1000"];
    let other = sandbox.command_of(&words).start();
    let said = eventually("it has a namespace", || Some(other.said()).filter(|said| said.ends_with('\n')));
    let (pid, namespace) = said.trim().split_once(' ').expect("two words");
    let line = format!("run --rm --network ns:/proc/{pid}/ns/net busybox readlink /proc/self/ns/net");
    sandbox.run(&line).success().stdout(&format!("{namespace}\n"));
    let pid = Pid::from_raw(pid.parse().expect("a number")).expect("a process");
    kill_process(pid, Signal::KILL).expect("it runs");
    assert_ne!(other.finish().exit_code(), 0);
    for (path, words) in [
        ("/proc/self/ns/net", "it belongs to no user namespace of yours"),
        ("/proc/self/ns/uts", "it is no network namespace"),
        ("/etc/hostname", "it is no namespace"),
        ("/nowhere", "No such file or directory"),
    ] {
        let output = sandbox.run(&format!("run --rm --network ns:{path} busybox true"));
        output.code(125).stderr_has(&format!("join network namespace {path}: {words}")).one_clear_line();
    }
    sandbox.assert_no_traces();
}

#[test]
fn the_default_has_an_address_or_says_why_not() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm busybox ip -4 addr");
    if no_stack().is_none() {
        output.success();
        let addresses = output.out().matches("inet ").count();
        assert!(addresses >= 2, "a loopback and an address of its own: {}", output.out());
    } else {
        assert!(output.exit_code() == 0 || output.stderr.contains("hint:"), "{output:?}");
    }
}

/// Asks a server on this machine, and gives its answer.
fn fetch(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.contains("200 OK").then_some(text)
}

const WEB: &str = "mkdir -p /www && echo ahoy >/www/index.html && exec httpd -f -p 80 -h /www";

#[test]
fn published_ports_answer() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let port = free_port();
    let id = sandbox
        .run(&format!("run -d --name web -p 127.0.0.1:{port}:80 --network slirp4netns busybox sh -c '{WEB}'"))
        .success()
        .line();
    let answer = eventually("the server answers", || fetch(&format!("127.0.0.1:{port}")));
    assert!(answer.ends_with("ahoy\n"), "{answer}");
    let ports = sandbox.run("ps --format {{.Ports}}").success().line();
    assert_eq!(ports, format!("127.0.0.1:{port}->80/tcp"));
    assert_eq!(sandbox.inspect("web", "NetworkSettings.Ports.80~1tcp.0.HostPort"), port.to_string());
    sandbox.run(&format!("rm -f {id}")).success();
    let closed =
        within(Duration::from_secs(5), || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    assert!(closed.is_some(), "the port is free again");
    sandbox.assert_no_traces();
}

#[test]
fn a_port_can_be_picked() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run(&format!("run -d --name web -p 127.0.0.1::80 --network slirp4netns busybox sh -c '{WEB}'"))
        .success();
    let port = sandbox.inspect("web", "NetworkSettings.Ports.80~1tcp.0.HostPort");
    let port: u16 = port.as_str().expect("a port").parse().expect("a number");
    assert_ne!(port, 0);
    eventually("the server answers", || fetch(&format!("127.0.0.1:{port}")));
}

#[test]
fn a_port_is_picked_of_several() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    // The first of three is somebody else's.
    let (listener, first) = (0..100)
        .find_map(|_| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
            let first = listener.local_addr().ok()?.port();
            let is_free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
            (first < 65_000 && is_free(first + 1) && is_free(first + 2)).then_some((listener, first))
        })
        .expect("three ports");
    let last = first + 2;
    for network in ["bridge", "slirp4netns"] {
        let run = |name: &str| {
            let publish = format!("-p 127.0.0.1:{first}-{last}:80 --network {network}");
            sandbox.run(&format!("run -d --name {name} {publish} busybox sleep 1000"))
        };
        for (name, port) in [("one", first + 1), ("two", last)] {
            run(name).success();
            let picked = sandbox.inspect(name, "NetworkSettings.Ports.80~1tcp.0.HostPort");
            assert_eq!(picked, port.to_string(), "{network}");
            let asked = sandbox.inspect(name, "HostConfig.PortBindings.80~1tcp.0.HostPort");
            assert_eq!(asked, format!("{first}-{last}"));
        }
        let refused = format!("Bind for 127.0.0.1:{first}-{last} failed: all ports are allocated");
        run("three").code(125).stderr_has(&refused);
        sandbox.run("rm -f one two three").success();
    }
    drop(listener);
    sandbox.assert_no_traces();
}

#[test]
fn a_taken_port_is_an_error() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let output = sandbox.run(&format!("run --rm -p 127.0.0.1:{port}:80 --network slirp4netns busybox true"));
    output.code(125).stderr_has(&port.to_string()).one_clear_line();
    sandbox.assert_no_traces();
}

#[test]
fn ports_need_a_network() {
    let sandbox = Sandbox::with_busybox();
    for mode in ["none", "host"] {
        let output = sandbox.run(&format!("run --rm -p 8080:80 --network {mode} busybox true"));
        // Docker runs the container and discards the ports aloud; nothing may pretend to publish them.
        if output.exit_code() == 0 {
            output.stderr_has("WARNING: Published ports are discarded");
        } else {
            output.code(125).one_clear_line();
        }
    }
}

#[test]
fn names_of_hosts() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run(
        "run --rm -h boat --network none --add-host harbour:10.1.2.3 --add-host six:fd00::7 busybox cat /etc/hosts",
    );
    output.success().stdout_has("10.1.2.3\tharbour\n").stdout_has("fd00::7\tsix\n").stdout_has("localhost");
}

#[test]
fn name_servers() {
    let sandbox = Sandbox::with_busybox();
    let line = "run --rm --network none --dns 192.0.2.53 --dns-search example.org --dns-option ndots:3 busybox cat /etc/resolv.conf";
    let output = sandbox.run(line);
    output
        .success()
        .stdout_has("nameserver 192.0.2.53\n")
        .stdout_has("search example.org\n")
        .stdout_has("options ndots:3\n");
}

#[test]
fn low_ports_and_ping_need_no_privilege_inside() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm --network none busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range");
    let lines = output.success().lines();
    assert_eq!(lines[0], "0");
    assert!(lines[1].starts_with('0'), "{lines:?}");
}

#[test]
fn a_killed_helper_does_not_take_the_container_along() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat --network slirp4netns busybox sleep 1000").success();
    let slirp = sandbox.processes().into_iter().find(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("slirp4netns"))
    });
    let pid = Pid::from_raw(slirp.expect("slirp4netns runs")).expect("a process");
    kill_process(pid, Signal::KILL).expect("it runs");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
    sandbox.run("rm -f boat").success();
    sandbox.assert_no_traces();
}
