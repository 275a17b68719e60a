//! Networks of containers: addresses, reach, isolation, ports, and the helper that keeps them.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::network::no_stack;
use crate::ports::with_probe;
use crate::support::registry::free_port;
use crate::support::{Response, Sandbox, Server, eventually, say_skipped, within};
use crate::{needs_ids_without_the_user, skip};

/// Serves `text` over HTTP on port 80 of a container.
fn serve(sandbox: &Sandbox, flags: &str, text: &str) {
    let script = format!("mkdir -p /tmp/w && echo {text} > /tmp/w/index.html && httpd -f -p 80 -h /tmp/w");
    let words = format!("run -d {flags} busybox sh -c");
    sandbox.run_words(&words.split(' ').chain([script.as_str()]).collect::<Vec<_>>()).success();
}

/// The address of a container on a network.
fn address(sandbox: &Sandbox, container: &str, network: &str) -> String {
    let path = format!("NetworkSettings.Networks.{network}.IPAddress");
    sandbox.inspect(container, &path).as_str().expect("an address").to_owned()
}

/// What a new container on `network` gets from an address over HTTP.
fn fetch(sandbox: &Sandbox, network: &str, address: &str) -> Option<String> {
    let line = format!("run --rm --network {network} busybox timeout 3 wget -q -O - http://{address}/");
    let output = sandbox.run(&line);
    (output.exit_code() == 0).then(|| output.line())
}

/// A process of a sandbox whose command line has `word`.
pub fn find(sandbox: &Sandbox, word: &str) -> Option<i32> {
    sandbox.processes().into_iter().find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word)
    })
}

fn helper(sandbox: &Sandbox) -> Option<i32> {
    find(sandbox, "network-helper")
}

/// Kills it and waits until another has taken its place.
pub fn replace(sandbox: &Sandbox, word: &str) {
    let old = find(sandbox, word).expect("it runs");
    let pid = rustix::process::Pid::from_raw(old).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is killed");
    eventually("another takes its place", || find(sandbox, word).filter(|new| *new != old));
}

#[test]
fn containers_of_a_network_reach_each_other_and_nobody_elses() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    sandbox.run("network create other").success();
    serve(&sandbox, "--name web --network lan", "from-web");
    let web = address(&sandbox, "web", "lan");
    eventually("the server listens", || fetch(&sandbox, "lan", &web));
    assert_eq!(fetch(&sandbox, "lan", &web).as_deref(), Some("from-web"));
    assert_eq!(fetch(&sandbox, "other", &web), None);
    let both = format!("run --rm --network other --network lan busybox wget -q -O - http://{web}/");
    sandbox.run(&both).success().stdout("from-web\n");
    sandbox.run(&format!("run --rm --network lan busybox ping -c 1 -W 5 {web}")).success();
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn packets_between_containers_are_as_large_as_the_kernel_has_them() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let version: Vec<u32> = release.split(['.', '-']).map_while(|part| part.parse().ok()).take(2).collect();
    if version < vec![6, 3] {
        skip!("Linux {release} has no packets of IPv4 that are larger than 64 KiB");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name one busybox sleep 1000").success();
    let pid = sandbox.inspect("one", "State.Pid").to_string();
    let entrance = ["-t", &pid, "-U", "--preserve-credentials", "-n"];
    let show = ["ip", "-d", "link", "show", "eth0"];
    let shown = Command::new("nsenter").args(entrance).args(show).output().expect("nsenter starts");
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let words: Vec<&str> = shown.split_whitespace().collect();
    let value = |key: &str| words.iter().skip_while(|word| **word != key).nth(1).copied();
    assert_eq!((value("gso_max_size"), value("gro_max_size")), (Some("524280"), Some("524280")), "{shown}");
    sandbox.run("rm -f one").success();
    sandbox.assert_no_traces();
}

#[test]
fn addresses_as_asked_for() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 --gateway 10.90.0.254 --ipv6 lan").success();
    sandbox.run("run -d --name first --network lan busybox sleep 1000").success();
    assert_eq!(address(&sandbox, "first", "lan"), "10.90.0.1");
    let shown = sandbox.run_words(&["exec", "first", "sh", "-c", "ip -4 addr; ip route"]);
    shown.success().stdout_has("10.90.0.1/24").stdout_has("default via 10.90.0.254");
    let six = sandbox.inspect("first", "NetworkSettings.Networks.lan.GlobalIPv6Address");
    let six = six.as_str().expect("an address").to_owned();
    sandbox.run(&format!("run --rm --network lan busybox ping -6 -c 1 -W 5 {six}")).success();
    let line = "run --rm --network lan:ip=10.90.0.77,mac=02:00:00:00:00:07 busybox ip addr show eth0";
    // Each comes while the one before is still leaving.
    for _ in 0..4 {
        sandbox.run(line).success().stdout_has("10.90.0.77/24").stdout_has("02:00:00:00:00:07");
    }
    sandbox
        .run("run --rm --network lan:ip=10.90.0.1 busybox true")
        .code(125)
        .stderr_has("Address already in use");
    sandbox
        .run("run --rm --network lan:ip=10.91.0.1 busybox true")
        .code(125)
        .stderr_has("no configured subnet contains IP address 10.91.0.1");
    let hosts = sandbox.run("exec first cat /etc/hosts");
    let hostname = sandbox.inspect("first", "Config.Hostname");
    hosts.success().stdout_has(&format!("10.90.0.1\t{}", hostname.as_str().expect("a name")));
    sandbox.run("rm -f first").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_subnet_that_is_full() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/30 lan").success();
    sandbox.run("run -d --name only --network lan busybox sleep 1000").success();
    sandbox
        .run("run --rm --network lan busybox true")
        .code(125)
        .stderr_has("no available IPv4 addresses on this network's address pools");
    sandbox.run("rm -f only").success();
    sandbox.run("run --rm --network lan busybox true").success();
    sandbox.assert_no_traces();
}

#[test]
fn an_internal_network_has_no_way_out() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --internal lan").success();
    let routes = sandbox.run("run --rm --network lan busybox ip route");
    routes.success().stdout_has("172.").stdout_lacks("default");
    sandbox.assert_no_traces();
}

#[test]
fn the_hosts_loopback_is_closed_unless_a_network_opens_it() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let server = Server::start(|_| Response::new(200).body("from the host"));
    let port = server.host().rsplit(':').next().expect("a port").to_owned();
    sandbox.run("network create -o allow_host_loopback=true open").success();
    let fetch = format!("--init busybox timeout 5 wget -q -O - http://10.0.2.2:{port}/");
    assert_ne!(sandbox.run(&format!("run --rm {fetch}")).exit_code(), 0);
    sandbox.run(&format!("run --rm --network open {fetch}")).success().stdout("from the host");
    sandbox.assert_no_traces();
}

#[test]
fn the_default_network_has_the_subnet_of_the_settings() {
    let sandbox = Sandbox::new();
    let settings = sandbox.home().join(".config/coracle");
    std::fs::create_dir_all(&settings).expect("a directory");
    let settings = settings.join("coracle.toml");
    std::fs::write(&settings, "[network]\ndefault_subnet = \"10.88.0.1/16\"\n").expect("a file");
    sandbox
        .run("network inspect bridge")
        .code(1)
        .stderr_has("default_subnet: invalid subnet 10.88.0.1/16: it should be 10.88.0.0/16");
    std::fs::write(&settings, "[network]\ndefault_subnet = \"10.88.0.0/16\"\n").expect("a file");
    assert_eq!(sandbox.inspect("bridge", "IPAM.Config.0.Subnet"), "10.88.0.0/16");
}

#[test]
fn published_ports_lead_into_the_network() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    let (tcp, udp) = (free_port(), free_port());
    let flags = format!("--name web --network lan -p 127.0.0.1:{tcp}:80 -p 127.0.0.1:{udp}:81/udp");
    serve(&sandbox, &flags, "hello");
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", tcp))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    assert!(UdpSocket::bind(("127.0.0.1", udp)).is_err());
    eventually("the server answers", || ask().ok().filter(|answer| answer.ends_with("hello\n")));
    sandbox
        .run(&format!("run --rm --network lan -p 127.0.0.1:{tcp}:80 busybox true"))
        .code(125)
        .stderr_has(&format!("Bind for 127.0.0.1:{tcp} failed: port is already allocated"));
    sandbox.run("rm -f web").success();
    assert!(TcpStream::connect(("127.0.0.1", tcp)).is_err());
    sandbox.assert_no_traces();
}

#[test]
fn many_first_containers_share_one_helper() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    let started: Vec<_> = (0..16)
        .map(|number| {
            sandbox.command(&format!("run -d --name c{number} --network lan busybox sleep 1000")).start()
        })
        .collect();
    for run in started {
        run.finish().success();
    }
    let addresses: std::collections::BTreeSet<_> =
        (0..16).map(|number| address(&sandbox, &format!("c{number}"), "lan")).collect();
    assert_eq!(addresses.len(), 16, "{addresses:?}");
    let own = format!("--runroot\0{}", sandbox.path().join("run").display());
    let helpers = sandbox.processes().into_iter().filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains("network-helper") && line.contains(&own)
    });
    assert_eq!(helpers.count(), 1);
    for number in 0..16 {
        sandbox.run(&format!("rm -f c{number}")).success();
    }
    assert!(within(Duration::from_secs(20), || helper(&sandbox).is_none().then_some(())).is_some());
    sandbox.assert_no_traces();
}

#[test]
fn networks_are_listed_and_removed_as_docker_does() {
    let sandbox = Sandbox::new();
    let id = sandbox.run("network create --label a=1 --subnet 10.90.0.0/24 lan").success().line();
    let table = sandbox.run("network ls");
    let lines = table.success().lines();
    assert!(lines[0].starts_with("NETWORK ID     NAME      DRIVER    SCOPE"), "{lines:?}");
    for name in ["bridge    bridge", "host      host", "none      null", "lan       bridge"] {
        assert!(lines.iter().any(|line| line.contains(name)), "{name} in {lines:?}");
    }
    sandbox.run("network ls -q --filter type=custom").success().stdout(&format!("{}\n", &id[..12]));
    sandbox.run("network ls -q --no-trunc --filter label=a=1").success().stdout(&format!("{id}\n"));
    sandbox.run("network ls --format {{.Name}} --filter driver=null").success().stdout("none\n");
    assert_eq!(sandbox.inspect("lan", "IPAM.Config.0.Gateway"), "10.90.0.1");
    for (line, words) in [
        ("network create lan", "network with name lan already exists"),
        ("network create bridge", "operation is not permitted on predefined bridge network"),
        (
            "network create --subnet 10.90.0.128/25 two",
            "invalid pool request: Pool overlaps with other one on this address space",
        ),
        (
            "network create --gateway 10.1.1.1 --subnet 10.91.0.0/24 two",
            "no matching subnet for gateway 10.1.1.1",
        ),
        ("network rm bridge", "bridge is a pre-defined network and cannot be removed"),
        ("network rm nowhere", "network nowhere not found"),
        ("network inspect nowhere", "network nowhere not found"),
    ] {
        let output = sandbox.run(line);
        output.stderr_has(words);
        assert_ne!(output.exit_code(), 0, "{line}");
    }
    sandbox.run(&format!("network rm {}", &id[..10])).success();
    sandbox.run("network create old").success();
    sandbox.run("network prune -f").success().stdout("Deleted Networks:\nold\n\n");
    sandbox.run("network ls -q --filter type=custom").success().stdout("");
}

#[test]
fn a_network_in_use_stays() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    sandbox.run("run -d --name web --network lan busybox sleep 1000").success();
    sandbox.run("network rm lan").code(1).stderr_has("network lan has active endpoints (name:\"web\"");
    sandbox.run("network prune -f").success().stdout("");
    assert_eq!(sandbox.inspect("lan", "Name"), "lan");
    sandbox.run("rm -f web").success();
    sandbox.run("network rm lan").success();
    sandbox.run("run --rm --network lan busybox true").code(125).stderr_has("network lan not found");
}

#[test]
fn the_default_network_is_the_bridge() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    serve(&sandbox, "--name web --add-host up:host-gateway", "from-web");
    let web = address(&sandbox, "web", "bridge");
    assert_eq!(sandbox.inspect("web", "HostConfig.NetworkMode"), "bridge");
    assert_eq!(sandbox.inspect("web", "NetworkSettings.IPAddress").as_str(), Some(web.as_str()));
    sandbox.run("ps --filter network=bridge --format {{.Names}}").success().stdout("web\n");
    let fetched = eventually("the server listens", || fetch(&sandbox, "bridge", &web));
    assert_eq!(fetched, "from-web");
    let hosts = sandbox.run("exec web cat /etc/hosts").success().lines();
    for name in ["host.docker.internal", "up"] {
        assert!(hosts.iter().any(|line| line.split_whitespace().any(|word| word == name)), "{hosts:?}");
    }
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

/// What every interface says of itself when it is opened (RFC 4861, RFC 3810) would go to all the others.
#[test]
fn a_container_that_starts_says_nothing_to_the_others() {
    let sandbox = Sandbox::with_busybox();
    for (network, flags) in [("quiet", ""), ("both", "--ipv6")] {
        sandbox.run(&format!("network create {flags} {network}")).success();
        let script = "run -d --network NET --name ear-NET busybox sleep 1000".replace("NET", network);
        sandbox.run(&script).success();
        let heard = || -> u64 {
            let count = format!("exec ear-{network} cat /sys/class/net/eth0/statistics/rx_packets");
            sandbox.run(&count).success().line().parse().unwrap()
        };
        let before = heard();
        for _ in 0..4 {
            sandbox.run(&format!("run --rm --network {network} busybox sleep 1")).success();
        }
        let heard = heard() - before;
        // An ARP request may be among them; without IPv6 there is not one packet for each start.
        assert_eq!(heard < 4, network == "quiet", "{heard} packets on {network}");
    }
}

/// The stack is told of smaller packets than it takes.
#[test]
fn the_largest_datagrams_reach_the_world() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let host = UdpSocket::bind("0.0.0.0:0").unwrap();
    if host.connect("192.0.2.1:9").is_err() {
        skip!("the host has no way out, and so no address but its loopback");
    }
    let own = host.local_addr().unwrap().ip();
    let host = UdpSocket::bind((own, 0)).unwrap();
    host.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let port = host.local_addr().unwrap().port();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = vec![0; 65536];
            while !done.load(Ordering::Relaxed) {
                if let Ok((size, peer)) = host.recv_from(&mut buffer) {
                    host.send_to(&buffer[..size], peer).unwrap();
                }
            }
        });
        let script = format!("for n in 100 20000 30000 65000; do probe datagram {own}:{port} $n; done");
        let answers = sandbox.run_words(&["run", "--rm", "probe", "sh", "-c", &script]);
        done.store(true, Ordering::Relaxed);
        answers.success().stdout("100\n20000\n30000\n65000\n");
    });
}

#[test]
fn ids_of_its_own_are_no_hindrance() {
    needs_ids_without_the_user!();
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    if !crate::support::has_subordinate_ids() {
        skip!("no subordinate ids");
    }
    let sandbox = Sandbox::with_busybox();
    serve(&sandbox, "--name web", "from-web");
    let web = address(&sandbox, "web", "bridge");
    eventually("the server listens", || fetch(&sandbox, "bridge", &web));
    for mode in ["keep-id", "auto", "nomap"] {
        let line = format!("run --rm --userns {mode} busybox timeout 3 wget -q -O - http://{web}/");
        sandbox.run(&line).success().stdout("from-web\n");
    }
    sandbox.run("rm -f web").success();
    // Between its runs nobody else keeps the helper.
    sandbox.run("run -d --name again --userns auto --restart on-failure:2 busybox false").success();
    eventually("it is started again", || {
        (sandbox.inspect("again", "State.Status") == "exited").then_some(())
    });
    assert_eq!(sandbox.inspect("again", "RestartCount"), 2);
    assert_eq!(sandbox.inspect("again", "State.Error"), "");
    sandbox.run("rm -f again").success();
    sandbox.assert_no_traces();
}

#[test]
fn containers_come_to_networks_and_leave_them() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    serve(&sandbox, "--name web", "from-web");
    sandbox.run("network connect --alias site lan web").success();
    let web = address(&sandbox, "web", "lan");
    eventually("the server listens", || fetch(&sandbox, "lan", &web));
    assert_eq!(sandbox.inspect("web", "NetworkSettings.Networks.lan.Aliases.0"), "site");
    sandbox.run("network connect lan web").code(1).stderr_has("already exists in network lan");
    sandbox.run("ps --filter network=lan --format {{.Networks}}").success().stdout("bridge,lan\n");
    sandbox.run("network disconnect bridge web").success();
    sandbox.run("inspect -f {{.NetworkSettings.Networks}} web").success().stdout_lacks("bridge");
    let routes = sandbox.run("exec web ip route");
    routes.success().stdout_has("default via").stdout_lacks("172.17.");
    sandbox.run("network disconnect lan web").success();
    assert_eq!(fetch(&sandbox, "lan", &web), None);
    sandbox.run("network disconnect lan web").code(1).stderr_has("is not connected to network lan");
    sandbox.run("create --name idle busybox true").success();
    sandbox.run("network connect lan idle").success();
    sandbox.run("create --name alone --network none busybox true").success();
    sandbox.run("network connect lan alone").code(1).stderr_has("private (none) mode");
    sandbox.run("rm -f web idle alone").success();
    sandbox.assert_no_traces();
}

#[test]
fn the_way_out_is_the_first_by_priority_and_name() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    for (name, subnet) in [("ash", "10.90.0.0/24"), ("birch", "10.91.0.0/24"), ("cedar", "10.92.0.0/24")] {
        sandbox.run(&format!("network create --ipv6 --subnet {subnet} {name}")).success();
    }
    let port = free_port();
    serve(&sandbox, &format!("--name web --network birch -p 127.0.0.1:{port}:80"), "from-web");
    let ask = || fetch_http(&format!("127.0.0.1:{port}"));
    let default = || {
        let mut routes = sandbox.run("exec web ip route").success().lines();
        routes.retain(|route| route.starts_with("default"));
        routes
    };
    eventually("the server answers", ask);
    assert_eq!(default(), ["default via 10.91.0.1 dev eth0 "]);
    for (change, gateway) in [
        ("connect cedar", "10.91.0.1"),
        ("connect ash", "10.90.0.1"),
        ("disconnect cedar", "10.90.0.1"),
        ("connect --gw-priority 1 --mac-address 02:00:00:00:00:09 cedar", "10.92.0.1"),
        ("disconnect cedar", "10.90.0.1"),
        ("disconnect ash", "10.91.0.1"),
        ("connect --gw-priority -1 ash", "10.91.0.1"),
    ] {
        sandbox.run(&format!("network {change} web")).success();
        let [route] = &default()[..] else { panic!("{change}: {:?}", default()) };
        assert!(route.starts_with(&format!("default via {gateway} ")), "{change}: {route}");
        eventually("the port leads there", ask);
        if change.contains("mac") {
            let cedar = |key: &str| sandbox.inspect("web", &format!("NetworkSettings.Networks.cedar.{key}"));
            assert_eq!((cedar("GwPriority"), cedar("MacAddress")), (1.into(), "02:00:00:00:00:09".into()));
        }
    }
    sandbox
        .run("run --rm --network name=birch,gw-priority=5 --network ash busybox ip route")
        .success()
        .stdout_has("via 10.91.0.1");
    sandbox
        .run("run --rm --network name=birch,gw-priority=high busybox true")
        .code(125)
        .stderr_has("gw-priority");
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn what_a_container_has_follows_its_networks() {
    needs_ids_without_the_user!();
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    for (name, subnet) in [("one", "10.90.0.0/24"), ("two", "10.91.0.0/24")] {
        sandbox.run(&format!("network create --subnet {subnet} {name}")).success();
    }
    for userns in ["host", "auto"] {
        if userns == "auto" && !crate::support::has_subordinate_ids() {
            say_skipped("no subordinate ids");
            continue;
        }
        let port = free_port();
        let flags = format!("--name web -h boat --userns {userns} --network one -p 127.0.0.1:{port}:80");
        serve(&sandbox, &flags, "from-web");
        let ask = || fetch_http(&format!("127.0.0.1:{port}"));
        let files = || {
            let words = ["exec", "web", "grep", "-hv", ":", "/etc/hosts", "/etc/resolv.conf"];
            sandbox.run_words(&words).success().lines()
        };
        let has = |line: &str| files().iter().any(|other| *other == line);
        eventually("the server answers", ask);
        sandbox.run_words(&["exec", "web", "sh", "-c", "echo 192.0.2.9 mine >>/etc/hosts"]).success();
        assert!(has("10.90.0.2\tboat") && has("nameserver 10.90.0.1"), "{:?}", files());
        sandbox.run("network connect two web").success();
        assert!(has("10.90.0.2\tboat") && has("10.91.0.2\tboat"), "{:?}", files());
        assert!(has("nameserver 10.90.0.1") && has("nameserver 10.91.0.1"), "{:?}", files());
        sandbox.run("network disconnect one web").success();
        assert!(!has("10.90.0.2\tboat") && has("10.91.0.2\tboat"), "{:?}", files());
        assert!(!has("nameserver 10.90.0.1") && has("nameserver 10.91.0.1"), "{:?}", files());
        assert!(has("192.0.2.9 mine"), "{:?}", files());
        eventually("the port leads through the other network", ask);
        sandbox.run("network disconnect two web").success();
        // Nobody is there to answer.
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        sandbox.run("port web").success().stdout("");
        sandbox.run("network connect --ip 10.90.0.77 one web").success();
        sandbox.run("port web").success().stdout(&format!("80/tcp -> 127.0.0.1:{port}\n"));
        eventually("the port leads to it again", ask);
        sandbox.run("rm -f web").success();
    }
    sandbox.assert_no_traces();
}

/// What a server on this host says, if it does.
pub fn http(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The same of `serve`.
fn fetch_http(address: &str) -> Option<String> {
    http(address).filter(|answer| answer.ends_with("from-web\n"))
}

#[test]
fn a_container_that_has_lost_its_network_gets_it_again() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    let port = free_port();
    let flags = format!("--name web --cap-add NET_ADMIN --network lan -p 127.0.0.1:{port}:80");
    serve(&sandbox, &flags, "from-web");
    eventually("the server answers", || fetch_http(&format!("127.0.0.1:{port}")));
    sandbox.run("exec web ip addr flush dev eth0").success();
    assert_eq!(fetch(&sandbox, "lan", "10.90.0.2"), None);
    let id = sandbox.inspect("web", "Id");
    sandbox.run("network reload --all").success().stdout(&format!("{}\n", id.as_str().expect("an id")));
    assert_eq!(fetch(&sandbox, "lan", "10.90.0.2").as_deref(), Some("from-web"));
    eventually("the port leads to it again", || fetch_http(&format!("127.0.0.1:{port}")));
    sandbox.run("exec web ip route").success().stdout_has("default via 10.90.0.1");
    sandbox.run("create --name idle busybox true").success();
    sandbox.run("network reload idle").code(1).stderr_has("is not running");
    sandbox.run("rm -f web idle").success();
    sandbox.assert_no_traces();
}

#[test]
fn links_are_names_that_one_container_has_for_another() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let look_up = "run --rm --link db:store busybox nslookup store";
    sandbox.run(look_up).code(125).stderr_has("could not get container for db").one_clear_line();
    sandbox.run("create --name db busybox sleep 1000").success();
    sandbox
        .run(look_up)
        .code(125)
        .stderr_has("Cannot link to a non running container: /db AS store")
        .one_clear_line();
    sandbox.run("start db").success();
    let db = address(&sandbox, "db", "bridge");
    sandbox.run(look_up).success().stdout_has(&db);
    assert_ne!(sandbox.run("run --rm busybox nslookup store").exit_code(), 0);
    sandbox.run("create --name web --link db:store busybox true").success();
    assert_eq!(sandbox.inspect("web", "HostConfig.Links.0"), "/db:/web/store");
    sandbox
        .run("run --rm --network host --link db busybox true")
        .code(125)
        .stderr_has("conflicting options: links and the network mode");
    sandbox.run("rm -f web db").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_helper_that_is_killed_is_replaced() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    let port = free_port();
    serve(&sandbox, &format!("--name web --network lan -p 127.0.0.1:{port}:80"), "from-web");
    sandbox.run("run -d --name other --network lan busybox sleep 1000").success();
    let web = address(&sandbox, "web", "lan");
    let ask = || {
        let line = format!("exec other timeout 3 wget -q -O - http://{web}/");
        let output = sandbox.run(&line);
        (output.exit_code() == 0 && TcpStream::connect(("127.0.0.1", port)).is_ok()).then_some(())
    };
    eventually("the server listens", ask);
    replace(&sandbox, "network-helper");
    eventually("the containers reach each other again", ask);
    assert_eq!(address(&sandbox, "web", "lan"), web);
    sandbox.run("rm -f web other").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_way_out_that_is_killed_is_opened_again() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --ipv6 lan").success();
    sandbox.run("run -d --name web --network lan busybox sleep 1000").success();
    replace(&sandbox, "slirp4netns");
    // Its own gateway answers, and is beyond the bridge.
    let ping = "exec web ping -c 1 -W 1 10.0.2.2";
    eventually("the way out is open", || (sandbox.run(ping).exit_code() == 0).then_some(()));
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}
