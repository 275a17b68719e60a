//! `--pid`, `--ipc`, `--uts`, `--cgroupns`: namespaces of the host and of other containers.

use crate::network::no_stack;
use crate::skip;
use crate::support::Sandbox;

/// The test's own namespace of a kind: `pid:[4026531836]`.
fn own(kind: &str) -> String {
    std::fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace").display().to_string()
}

const SHOW: &str = "for kind in pid ipc uts cgroup; do readlink /proc/self/ns/$kind; done";

#[test]
fn namespaces_of_the_host() {
    let sandbox = Sandbox::with_busybox();
    let show = |flags: &str| {
        let command = format!("run --rm --network none {flags} busybox sh -c '{SHOW}'");
        sandbox.run(&command).success().lines()
    };
    let host = ["pid", "ipc", "uts", "cgroup"].map(own);
    let private = show("");
    assert!(private.iter().zip(&host).all(|(inside, outside)| inside != outside), "{private:?}");
    assert_eq!(show("--pid host --ipc host --uts host --cgroupns host"), host);
    assert_eq!(show("--pid host")[..1], host[..1]);

    let run = |flags: &str, command: &str| {
        sandbox.run(&format!("run --rm --network none {flags} busybox sh -c '{command}'"))
    };
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    run("--uts host", "hostname; cat /etc/hostname").success().stdout(&format!("{name}\n{name}\n"));
    // The host's processes are seen, and what is masked stays so; nothing of them can be read.
    let test = std::process::id();
    let output =
        run("--pid host", &format!("cat /proc/{test}/comm; cat /proc/{test}/environ; wc -c < /proc/keys"));
    assert!(output.out().lines().count() == 2 && output.out().ends_with("\n0\n"), "{}", output.out());
    output.stderr_has("Permission denied");
    run("--ipc none", "grep -c /dev/shm /proc/mounts").code(1).stdout("0\n");
    run("--ipc host", "grep -c /dev/shm /proc/mounts").success();

    // The kernel ends nothing with a process that is not the first of its namespace.
    run("--pid host", "sleep 321 & sleep 321 >/dev/null 2>&1 & echo up").success().stdout("up\n");
    sandbox
        .run("run -d --name box --pid host --network none busybox sh -c 'sleep 321 & sleep 321'")
        .success();
    sandbox.run("exec -d box sleep 321").success();
    sandbox.run("stop -t 0 box").success();
    sandbox.run("rm box").success();
    sandbox.assert_no_traces();

    for (flags, message) in [
        ("--uts host -h me", "conflicting options: hostname and the UTS mode"),
        (
            "--ipc host --sysctl kernel.msgmax=1",
            "sysctl \"kernel.msgmax\" is not allowed in the hosts ipc namespace",
        ),
        ("--pid foo", "--pid: invalid PID mode"),
        ("--pid container:nobody", "No such container: nobody"),
    ] {
        run(flags, "true").code(125).stderr_has(message);
    }
}

#[test]
fn namespaces_of_another_container() {
    let sandbox = Sandbox::with_busybox();
    let donor = "run -d --name donor --network none --ipc shareable -h harbour busybox";
    sandbox.run(&format!("{donor} sh -c 'echo hello > /dev/shm/x; sleep 100'")).success();
    let all = "--network container:donor --pid container:donor --ipc container:donor --uts container:donor";
    sandbox.run(&format!("run -d --name guest {all} busybox sleep 200")).success();
    let show = |name: &str| sandbox.run(&format!("exec {name} sh -c '{SHOW}'")).success().lines();
    assert_eq!(show("guest")[..3], show("donor")[..3]);
    sandbox
        .run("exec guest sh -c 'cat /dev/shm/x; hostname; cat /etc/hostname'")
        .success()
        .stdout("hello\nharbour\nharbour\n");
    sandbox.run("exec donor ps").success().stdout_has("sleep 200");
    sandbox.run("exec guest sh -c 'echo back > /dev/shm/y'").success();
    sandbox.run("exec donor cat /dev/shm/y").success().stdout("back\n");
    let id = sandbox.inspect("donor", "Id");
    let id = id.as_str().expect("an id");
    for key in ["PidMode", "IpcMode", "UTSMode", "NetworkMode"] {
        assert_eq!(sandbox.inspect("guest", &format!("HostConfig.{key}")), format!("container:{id}"));
    }
    // Its end is its own, and takes what it has started along.
    sandbox.run("exec -d guest sleep 300").success();
    sandbox.run("rm -f guest").success();
    // Nor does the end of one take the donor along, whenever it was first looked at.
    for _ in 0..10 {
        sandbox.run(&format!("run --rm {all} busybox true")).success();
    }
    let left = sandbox.run("exec donor ps").success().out();
    assert!(
        !left.contains("sleep 200") && !left.contains("sleep 300") && left.contains("sleep 100"),
        "{left}"
    );

    sandbox.run("run -d --name other --network none busybox sleep 100").success();
    for (flags, message) in [
        ("--ipc container:other", "non-shareable IPC (hint: use IpcMode:shareable for the donor container)"),
        ("--pid container:other --uts container:donor", "have nothing in common"),
    ] {
        sandbox.run(&format!("run --rm --network none {flags} busybox true")).code(125).stderr_has(message);
    }
    sandbox.run("stop -t 0 other").success();
    sandbox
        .run("run --rm --network none --pid container:other busybox true")
        .code(125)
        .stderr_has("failed to join PID namespace: container ")
        .stderr_has(" is not running\n");
}

#[test]
fn who_shares_a_network_has_its_names() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.90.0.0/24 lan").success();
    sandbox.run("run -d --name db --network lan:ip=10.90.0.9 busybox sleep 1000").success();
    let line =
        "run -d --name donor --network lan -h harbour --domainname bay.test --add-host pier:10.1.2.3 busybox";
    sandbox.run(&format!("{line} sleep 1000")).success();
    sandbox.run("run -d --name guest --network container:donor busybox sleep 1000").success();
    let show = |name: &str| {
        sandbox.run(&format!("exec {name} sh -c 'hostname; cat /etc/hosts /etc/hostname /etc/resolv.conf'"))
    };
    let names = show("donor").success().out();
    assert!(names.contains("\tharbour.bay.test harbour\n") && names.contains("10.1.2.3\tpier"), "{names}");
    show("guest").success().stdout(&names);
    sandbox.run("exec guest nslookup db").success().stdout_has("10.90.0.9");
    assert_eq!(sandbox.inspect("guest", "HostsPath"), sandbox.inspect("donor", "HostsPath"));
    // They stay those of the same network when that changes.
    sandbox.run("network connect bridge donor").success();
    show("guest").success().stdout(&show("donor").success().out());
    sandbox.run("rm -f guest donor db").success();
    sandbox.assert_no_traces();
}
