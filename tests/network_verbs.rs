//! What `network` says and does where docker has words of its own, and networks with options.

use std::fs;

use serde_json::json;

use crate::bridges::http;
use crate::network::no_stack;
use crate::skip;
use crate::support::registry::free_port;
use crate::support::{Sandbox, eventually};

#[test]
fn networks_that_are_there_from_the_start_are_none_to_come_to() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web busybox sleep 1000").success();
    sandbox.run("run -d --name alone --network none busybox sleep 1000").success();
    sandbox.run("network connect none web").code(1).stderr_has("networks in private (none) mode");
    sandbox.run("network connect host web").code(1).stderr_has("must be created in host network mode");
    sandbox.run("network disconnect none web").code(1).stderr_has("is not connected to network none");
    sandbox.run("network disconnect host web").code(1).stderr_has("is not connected to network host");
    sandbox.run("network disconnect none alone").code(1).stderr_has("was created in none network mode");
    sandbox.run("stop -t 0 alone").success();
    sandbox.run("network disconnect none alone").success().stdout("");
    sandbox.run("network connect bridge alone").success();
    sandbox.run("start alone").success();
    sandbox.run("exec alone ip -o -4 addr show eth0").success().stdout_has("172.");
    sandbox.run("rm -f web alone").success();
    sandbox.assert_no_traces();
}

#[test]
fn times_of_networks_are_whole_ones() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    let record = fs::read(sandbox.store().join("networks/lan.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
    let fraction = |text: &str| text.split_once('.').map(|(_, rest)| rest.to_owned());
    let created = fraction(record["created"].as_str().expect("a time")).expect("parts of a second");
    let created = created.trim_end_matches('Z');
    let listed = sandbox.run_words(&["network", "ls", "-f", "name=lan", "--format", "{{.CreatedAt}}"]);
    listed.success().stdout_has(&format!(".{created} +0000 UTC"));
    let shown = sandbox.run_words(&["network", "inspect", "-f", "{{.Created}}", "lan"]);
    shown.success().stdout_has(&format!(".{created}Z"));
}

#[test]
fn a_record_that_is_none_can_be_removed() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    let directory = sandbox.store().join("networks");
    for (name, content) in [("spoiled", "garbage"), ("hollow", "{}"), ("newer", "{\"version\": 99}")] {
        fs::write(directory.join(format!("{name}.json")), content).expect("a record");
    }
    sandbox.run("network rm spoiled hollow").success().stdout("spoiled\nhollow\n");
    sandbox.run("network rm newer").code(1).stderr_has("is newer than");
    sandbox.run("network rm spoiled").code(1).stderr_has("network spoiled not found");
    sandbox.run("network rm lan").success();
}

#[test]
fn containers_of_a_network_can_be_kept_apart() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let icc = "com.docker.network.bridge.enable_icc";
    sandbox.run(&format!("network create -o {icc}=maybe lan")).code(1);
    let create =
        format!("network create --ipv6 --subnet 10.90.0.0/24 --subnet fd00:90::/64 -o {icc}=false lan");
    sandbox.run(&create).success();
    let port = free_port();
    let serve = ["sh", "-c", "echo hello > /index.html; exec httpd -f -h /"];
    let publish = format!("127.0.0.1:{port}:80");
    let words = ["run", "-d", "--name", "web", "--network", "lan", "-p", &publish, "busybox"];
    sandbox.run_words(&[&words[..], &serve].concat()).success();
    eventually("who comes from the host is answered", || http(&format!("127.0.0.1:{port}")));
    let ping =
        |address: &str| sandbox.run(&format!("run --rm --network lan busybox ping -c 1 -W 1 {address}"));
    ping("10.90.0.1").success();
    ping("10.90.0.2").code(1);
    ping("fd00:90::2").code(1);
    // Nor through the bridge.
    let script = "ip route add 10.90.0.2 via 10.90.0.1 && ping -c 1 -W 1 10.90.0.2";
    sandbox
        .run_words(&[
            "run",
            "--rm",
            "--network",
            "lan",
            "--cap-add",
            "NET_ADMIN",
            "busybox",
            "sh",
            "-c",
            script,
        ])
        .code(1);
    sandbox.run("network reload web").success();
    ping("10.90.0.2").code(1);
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn domains_to_search_are_domains() {
    let sandbox = Sandbox::with_busybox();
    let words = ["run", "--rm", "--network", "none", "--dns-search", "a b", "busybox", "true"];
    sandbox.run_words(&words).code(125).stderr_has("a b is not a valid domain");
}

#[test]
fn a_port_that_is_open_everywhere_is_shown_with_both_addresses() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web -p 80 busybox sleep 1000").success();
    let bindings = sandbox.inspect("web", "NetworkSettings.Ports.80~1tcp");
    let port = bindings[0]["HostPort"].clone();
    assert_eq!(
        bindings,
        json!([{"HostIp": "0.0.0.0", "HostPort": port}, {"HostIp": "::", "HostPort": port}])
    );
    let asked = sandbox.inspect("web", "HostConfig.PortBindings.80~1tcp");
    assert_eq!(asked, json!([{"HostIp": "", "HostPort": ""}]));
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn the_host_has_a_name_on_a_private_stack_too() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let hosts = |network: &str| {
        sandbox.run(&format!("run --rm --network {network} busybox cat /etc/hosts")).success().out()
    };
    let closed = hosts("slirp4netns");
    let line =
        |text: &str| text.lines().find(|line| line.contains("host.docker.internal")).map(str::to_owned);
    assert!(line(&closed).is_some(), "{closed}");
    let open = hosts("slirp4netns:allow_host_loopback=true");
    assert_eq!(line(&open).as_deref(), Some("10.0.2.2\thost.containers.internal host.docker.internal"));
}
