//! A container's place on a network: how it is asked for, what it comes to, and how `inspect` shows it.

use serde_json::{Value, json};

use crate::network::no_stack;
use crate::skip;
use crate::support::Sandbox;
use crate::support::registry::free_port;

/// What `inspect` says of a container on `lan`.
fn place(sandbox: &Sandbox, container: &str) -> Value {
    sandbox.inspect(container, "NetworkSettings.Networks.lan").clone()
}

#[test]
fn what_is_asked_for_is_shown_before_and_while_it_is_there() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 --subnet fd90::/64 lan").success();
    let long = "name=lan,alias=db,mac-address=02-42-AC-11-00-99,ip=10.90.0.7,ip6=fd90::7,gw-priority=3";
    sandbox.run(&format!("create --name web -h site --network {long} busybox sleep 1000")).success();
    let short: String = sandbox.inspect("web", "Id").as_str().unwrap().chars().take(12).collect();
    let asked = json!({"IPv4Address": "10.90.0.7", "IPv6Address": "fd90::7"});
    let both = |place: &Value| {
        assert_eq!(place["IPAMConfig"], asked);
        assert_eq!(place["Aliases"], json!(["db"]));
        assert_eq!((&place["MacAddress"], &place["GwPriority"]), (&json!("02:42:ac:11:00:99"), &json!(3)));
    };
    both(&place(&sandbox, "web"));
    sandbox.run("start web").success();
    let there = place(&sandbox, "web");
    both(&there);
    assert_eq!((&there["IPAddress"], &there["GlobalIPv6Address"]), (&json!("10.90.0.7"), &json!("fd90::7")));
    assert_eq!(there["DNSNames"], json!(["web", "db", short, "site"]));
    sandbox.run("exec web ip link show eth0").success().stdout_has("02:42:ac:11:00:99");
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn two_networks_have_a_hardware_address_each() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create lan").success();
    sandbox.run("network create wan").success();
    let line = "create --name web --network lan --network wan --mac-address 02:42:ac:11:00:99 busybox true";
    sandbox.run(line).success();
    assert_eq!(place(&sandbox, "web")["MacAddress"], "02:42:ac:11:00:99");
    assert_eq!(sandbox.inspect("web", "NetworkSettings.Networks.wan.MacAddress"), "");
}

#[test]
fn an_interface_has_the_name_and_the_settings_that_are_asked_for() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let prefix = "com.docker.network.container_iface_prefix=lan";
    sandbox.run(&format!("network create -o {prefix} lan")).success();
    sandbox.run("network create wan").success();
    let sysctls = "com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1";
    let ifname = "com.docker.network.endpoint.ifname";
    let show = "cat /proc/sys/net/ipv4/conf/up0/log_martians";
    sandbox
        .run(&format!(
            "run --rm --network name=wan,driver-opt={ifname}=up0,driver-opt={sysctls} busybox {show}"
        ))
        .success()
        .stdout("1\n");
    sandbox.run("run -d --name web --network lan busybox sleep 1000").success();
    sandbox.run("exec web ip -o link").success().stdout_has("lan0");
    sandbox
        .run(&format!("network connect --driver-opt {ifname}=lan0 wan web"))
        .code(1)
        .stderr_has("the container has an interface lan0 already");
    sandbox
        .run(&format!("network connect --driver-opt {ifname}=up0 --driver-opt {sysctls} wan web"))
        .success();
    sandbox.run(&format!("exec web {show}")).success().stdout("1\n");
    assert_eq!(
        sandbox.inspect("web", "NetworkSettings.Networks.wan.DriverOpts").get(ifname),
        Some(&json!("up0"))
    );
    for (option, words) in [
        ("x", "invalid key/value pair format in driver options"),
        ("foo=bar", "the driver option foo is not supported yet"),
        (&format!("{ifname}=lo"), "invalid interface name"),
    ] {
        sandbox.run(&format!("network connect --driver-opt {option} wan web")).code(125).stderr_has(words);
    }
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_link_of_a_network_is_a_name_for_one_container() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    sandbox.run("run -d --name web busybox sleep 1000").success();
    // Docker asks nothing of the other: it may come later.
    sandbox.run("network connect --link db:store lan web").success();
    assert_ne!(sandbox.run("exec web nslookup store").exit_code(), 0);
    sandbox.run("run -d --name db --network lan:ip=10.90.0.9 busybox sleep 1000").success();
    sandbox.run("exec web nslookup store").success().stdout_has("10.90.0.9");
    assert_ne!(sandbox.run("exec db nslookup store").exit_code(), 0, "a name of one container alone");
    assert_eq!(place(&sandbox, "web")["Links"], json!(["db:store"]));
    sandbox.run("network disconnect lan web").success();
    assert_ne!(sandbox.run("exec web nslookup store").exit_code(), 0);
    sandbox.run("rm -f web db").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_network_says_where_ports_are_published_and_what_nobody_gets() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    let binding = "com.docker.network.bridge.host_binding_ipv4=127.0.0.1";
    let reserved = "--subnet 10.90.0.0/24 --aux-address router=10.90.0.2";
    sandbox.run(&format!("network create --attachable -o {binding} {reserved} lan")).success();
    assert_eq!(sandbox.inspect("lan", "Attachable"), true);
    assert_eq!(sandbox.inspect("lan", "IPAM.Config.0.AuxiliaryAddresses"), json!({"router": "10.90.0.2"}));
    let port = free_port();
    sandbox.run(&format!("run -d --name web --network lan -p {port}:80 busybox sleep 1000")).success();
    sandbox.run("port web").success().stdout(&format!("80/tcp -> 127.0.0.1:{port}\n"));
    assert_eq!(place(&sandbox, "web")["IPAddress"], "10.90.0.3");
    sandbox
        .run("run --rm --network lan:ip=10.90.0.2 busybox true")
        .code(125)
        .stderr_has("Address already in use")
        .one_clear_line();
    sandbox.run("rm -f web").success();
    sandbox.assert_no_traces();
}

#[test]
fn what_cannot_be_asked_for() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    for (flags, words) in [
        (
            "--network lan:ip=10.90.0.7 --ip 10.90.0.8",
            "cannot specify both --ip and per-network IPv4 address",
        ),
        (
            "--network name=bridge,alias=x",
            "network-scoped aliases are only supported for user-defined networks",
        ),
        (
            "--network none --network-alias x",
            "network-scoped aliases are only supported for user-defined networks",
        ),
        (
            "--network host --ip 10.90.0.7",
            "user specified IP address is supported on user defined networks only",
        ),
        ("--network host --network host", "network \"host\" is specified multiple times"),
        ("--network name=lan,foo=bar", "invalid field key foo"),
        ("--network lan --mac-address 01:00:5e:00:00:01", "01:00:5e:00:00:01 is not a valid mac address"),
    ] {
        sandbox.run(&format!("create {flags} busybox true")).code(125).stderr_has(words);
    }
    sandbox.run("create --network name=host busybox true").success();
    for (flags, words) in [
        ("--gateway 10.91.0.1", "every ip-range or gateway must have a corresponding subnet"),
        (
            "--subnet 10.91.0.7/24",
            "invalid network config: invalid subnet 10.91.0.7/24: it should be 10.91.0.0/24",
        ),
        ("--subnet 224.0.0.0/24", "invalid subnet 224.0.0.0/24: hosts have no such addresses"),
        ("--subnet 10.91.0.0/24 --gateway 10.91.0.255", "it is not the address of a host in 10.91.0.0/24"),
        ("--subnet fd00::/64", "invalid subnet fd00::/64"),
        ("--scope swarm", "--scope swarm is not supported yet: there is local"),
        ("--ipv4=false", "--ipv4=false is not supported yet"),
    ] {
        sandbox.run(&format!("network create {flags} two")).code(1).stderr_has(words).one_clear_line();
    }
    let id = sandbox.run("network create --ignore lan").success().line();
    assert_eq!(sandbox.inspect("lan", "Id"), id.as_str());
}
