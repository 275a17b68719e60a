//! What a container may see and do, looked at from inside; and each class of escape that engines have
//! had, tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::skip;
use crate::support::image::{busybox_layer, digest};
use crate::support::{
    Compression, Entry, Image, Layer, Sandbox, eventually, fixture, has_subordinate_ids, is_root,
};

/// Docker's fourteen: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service,
/// net_raw, sys_chroot, mknod, audit_write, setfcap.
const DEFAULT_CAPABILITIES: &str = "00000000a80425fb";

/// A sandbox whose `probe` image has the probe beside busybox.
fn with_probe() -> Option<Sandbox> {
    let probe = fs::read(fixture("probe")?).expect("a readable probe");
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox_and(&[Entry::program("bin/probe", probe)]), "probe");
    Some(sandbox)
}

/// One field of `/proc/self/status`, as the program of a container sees it.
fn status_field(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .split_whitespace()
        .nth(1)
        .expect("a value")
        .to_owned()
}

#[test]
fn every_namespace_is_its_own() {
    let sandbox = Sandbox::with_busybox();
    let kinds = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"];
    let script = "for kind in user mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$kind; done";
    let inside = sandbox.run(&format!("run --rm busybox sh -c '{script}'")).success().lines();
    for (kind, shown) in kinds.iter().zip(inside) {
        let outside = fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace");
        assert_ne!(outside.to_str(), Some(shown.as_str()), "{kind}");
    }
}

#[test]
fn process_one_sees_only_its_own() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm busybox sh -c 'echo $$; ls -d /proc/[0-9]*'").success().stdout_has("1\n/proc/1\n");
    let count = sandbox.run("run --rm busybox sh -c 'ls -d /proc/[0-9]* | wc -l'").success().line();
    assert!(count.parse::<u32>().expect("a number") <= 4, "{count} processes");
}

#[test]
fn capabilities_are_dockers_fourteen() {
    let sandbox = Sandbox::with_busybox();
    let status = sandbox.run("run --rm busybox cat /proc/self/status").success().out();
    for (set, want) in [
        ("CapEff", DEFAULT_CAPABILITIES),
        ("CapPrm", DEFAULT_CAPABILITIES),
        ("CapBnd", DEFAULT_CAPABILITIES),
        ("CapInh", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("Seccomp", "2"),
        ("NoNewPrivs", "0"),
    ] {
        assert_eq!(status_field(&status, set), want, "{set}");
    }
}

#[test]
fn an_ordinary_user_inside_has_no_capabilities() {
    if !has_subordinate_ids() {
        skip!("no subordinate ids for this user");
    }
    let sandbox = Sandbox::with_busybox();
    let status = sandbox.run("run --rm -u 1000 busybox cat /proc/self/status").success().out();
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(status_field(&status, set), "0000000000000000", "{set}");
    }
    assert_eq!(status_field(&status, "CapBnd"), DEFAULT_CAPABILITIES);
    assert_eq!(status_field(&status, "Groups"), "1000");
}

#[test]
fn exec_is_as_confined_as_run() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    let status = sandbox.run("exec boat cat /proc/self/status").success().out();
    for (set, want) in [
        ("CapEff", DEFAULT_CAPABILITIES),
        ("CapBnd", DEFAULT_CAPABILITIES),
        ("CapInh", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("Seccomp", "2"),
    ] {
        assert_eq!(status_field(&status, set), want, "{set}");
    }
    let compare = "for kind in user mnt pid ipc uts net cgroup; do \
                   test $(readlink /proc/1/ns/$kind) = $(readlink /proc/self/ns/$kind) || echo $kind differs; done";
    sandbox.command_of(&["exec", "boat", "sh", "-c", compare]).finish().success().stdout("");
}

#[test]
fn the_filter_answers_as_dockers_does() {
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let answers = |flags: &str| -> BTreeMap<String, String> {
        let lines = sandbox.run(&format!("run --rm {flags} probe probe calls")).success().lines();
        lines
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    };
    let confined = answers("");
    for name in [
        "add_key",
        "keyctl",
        "request_key",
        "userfaultfd",
        "io_uring_setup",
        "unshare-user",
        "unshare-mount",
        "socket-vsock",
        "mount",
        "pivot_root",
        "setns",
        "bpf",
        "perf_event_open",
        "open_by_handle_at",
        "kexec_load",
        "init_module",
        "quotactl",
    ] {
        assert_eq!(confined[name], "EPERM", "{name}");
    }
    // C libraries fall back to clone(2) only on this answer.
    assert_eq!(confined["clone3"], "ENOSYS");
    assert_eq!(confined["personality-x86-no-randomize"], "EPERM");
    assert_eq!(confined["getpid"], "ok");
    let open = answers("--security-opt seccomp=unconfined");
    assert_ne!(open["keyctl"], "EPERM");
    assert_eq!(open["unshare-user"], "ok");
    // The profile opens what a granted capability is for.
    let admin = answers("--cap-add SYS_ADMIN");
    assert_ne!(admin["mount"], "EPERM");
    assert_eq!(admin["unshare-mount"], "ok");
}

#[test]
fn paths_are_masked() {
    let sandbox = Sandbox::with_busybox();
    let files = ["interrupts", "kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats"];
    let directories =
        ["/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/devices/virtual/powercap", "/sys/firmware"];
    for name in files {
        let path = format!("/proc/{name}");
        if Path::new(&path).exists() {
            let shown = sandbox.run(&format!("run --rm busybox sh -c 'wc -c <{path}; stat -c %t:%T {path}'"));
            shown.success().stdout("0\n1:3\n");
        }
    }
    for path in directories {
        if Path::new(path).exists() {
            sandbox.run(&format!("run --rm busybox ls -A {path}")).success().stdout("");
            sandbox.run(&format!("run --rm busybox touch {path}/x")).code(1);
        }
    }
    let throttle = "/sys/devices/system/cpu/cpu0/thermal_throttle";
    if Path::new(throttle).exists() {
        sandbox.run(&format!("run --rm busybox ls -A {throttle}")).success().stdout("");
    }
    let open =
        sandbox.run("run --rm --security-opt systempaths=unconfined busybox sh -c 'wc -c </proc/interrupts'");
    assert_ne!(open.success().line(), "0", "the masks can be taken away");
}

#[test]
fn paths_are_read_only() {
    let sandbox = Sandbox::with_busybox();
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] {
        if Path::new(path).exists() {
            let line =
                format!("run --rm busybox sh -c 'grep \" {path} \" /proc/self/mountinfo | cut -d\" \" -f6'");
            let options = sandbox.run(&line).success().line();
            assert!(options.split(',').any(|option| option == "ro"), "{path}: {options:?}");
        }
    }
    for (path, value) in [("/proc/sys/kernel/domainname", "x"), ("/proc/sysrq-trigger", "h")] {
        sandbox.run(&format!("run --rm busybox sh -c 'echo {value} >{path}'")).code(1);
    }
    sandbox.run("run --rm busybox sh -c 'mount -o remount,rw /proc/sys'").stderr_lacks("usage");
    sandbox.run("run --rm busybox touch /sys/x").code(1);
}

#[test]
fn devices_are_the_few_that_every_program_needs() {
    let sandbox = Sandbox::with_busybox();
    let names: BTreeSet<String> =
        sandbox.run("run --rm busybox ls -A /dev").success().lines().into_iter().collect();
    let want: BTreeSet<String> = [
        "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout",
        "tty", "urandom", "zero",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    assert_eq!(names, want);
    let script = "stat -c '%n %t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; \
                  for name in fd stdin ptmx; do readlink /dev/$name; done; echo x >/dev/null; head -c 4 /dev/zero | od -An -tx1";
    sandbox.command_of(&["run", "--rm", "busybox", "sh", "-c", script]).finish().success().stdout(
        "/dev/null 1:3\n/dev/zero 1:5\n/dev/full 1:7\n/dev/random 1:8\n/dev/urandom 1:9\n/dev/tty 5:0\n\
         /proc/self/fd\n/proc/self/fd/0\npts/ptmx\n 00 00 00 00\n",
    );
    sandbox.run("run --rm -t busybox ls /dev/console").success();
}

#[test]
fn no_new_devices() {
    let sandbox = Sandbox::with_busybox();
    let script = "mknod /mem c 1 1 && head -c 1 /mem";
    sandbox.run(&format!("run --rm busybox sh -c '{script}'")).code(1);
}

#[test]
fn mounts_are_the_expected_ones() {
    let sandbox = Sandbox::with_busybox();
    let rows = sandbox.run("run --rm busybox cat /proc/self/mountinfo").success().lines();
    let mut kinds = BTreeMap::new();
    for row in &rows {
        let (front, back) = row.split_once(" - ").expect("a separator");
        let fields: Vec<&str> = front.split(' ').collect();
        let kind = back.split(' ').next().expect("a type");
        kinds.insert(fields[4].to_owned(), (kind.to_owned(), fields[5].to_owned()));
    }
    for (target, kind) in [
        ("/proc", "proc"),
        ("/dev", "tmpfs"),
        ("/dev/pts", "devpts"),
        ("/dev/shm", "tmpfs"),
        ("/dev/mqueue", "mqueue"),
        ("/sys", "sysfs"),
    ] {
        let (shown, options) =
            kinds.get(target).unwrap_or_else(|| panic!("{target} is not mounted: {rows:#?}"));
        assert_eq!(shown, kind, "{target}");
        assert!(options.contains("nosuid"), "{target} {options}");
        if target != "/dev" && target != "/dev/pts" {
            assert!(options.contains("nodev") && options.contains("noexec"), "{target} {options}");
        }
    }
    assert!(kinds["/sys"].1.starts_with("ro"), "{kinds:#?}");
    for target in ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"] {
        assert!(kinds.contains_key(target), "{target} is not mounted: {rows:#?}");
    }
    let home = sandbox.home().display().to_string();
    let foreign: Vec<&String> = kinds
        .keys()
        .filter(|target| {
            !["/", "/proc", "/dev", "/sys", "/etc"]
                .iter()
                .any(|known| *target == known || (*known != "/" && target.starts_with(&format!("{known}/"))))
        })
        .collect();
    assert!(foreign.is_empty(), "{foreign:?} of {home}");
    assert!(!rows.iter().any(|row| row.contains("shared:") || row.contains("master:1 ")), "{rows:#?}");
}

#[test]
fn the_host_is_gone_after_the_pivot() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run --rm busybox sh -c 'ls -A /..; cd /proc/1/root && cd .. && ls -A'")
        .success()
        .stdout_lacks("lost+found");
    let secret = sandbox.file("secret", "host only");
    let path = secret.display();
    sandbox
        .run(&format!("run --rm busybox ls {path} /proc/1/root{path} /proc/self/cwd/..{path}"))
        .code(1)
        .stdout("");
}

#[test]
fn own_etc_files() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm -h boat --network none busybox cat /etc/hostname /etc/hosts");
    output.success().stdout_has("boat\n").stdout_has("127.0.0.1\tlocalhost");
    sandbox
        .run("run --rm busybox sh -c 'echo >>/etc/hosts && echo >>/etc/resolv.conf && echo x >/etc/hostname'")
        .success();
    assert!(!fs::read_to_string("/etc/hosts").expect("a file").contains("boat"));
}

#[test]
fn shared_memory_and_queues_are_private() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm busybox sh -c 'echo x >/dev/shm/mine; ls /dev/shm'").success().stdout("mine\n");
    assert!(!Path::new("/dev/shm/mine").exists());
    sandbox.run("run --rm busybox df -k /dev/shm").success().stdout_has(" 65536 ");
}

#[test]
fn descriptors_are_three() {
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let numbers = |output: crate::support::Output| -> Vec<String> {
        let lines = output.success().lines();
        lines.iter().map(|line| line.split(' ').next().expect("a number").to_owned()).collect()
    };
    assert_eq!(numbers(sandbox.run("run --rm probe probe fds")), ["0", "1", "2"]);
    assert_eq!(numbers(sandbox.command("run --rm -i probe probe fds").input("x").finish()), ["0", "1", "2"]);
    sandbox.run("run -d --name boat probe sleep 1000").success();
    assert_eq!(numbers(sandbox.run("exec boat probe fds")), ["0", "1", "2"]);
    // Descriptors that the caller forgot to close do not travel.
    let program = sandbox.program().display().to_string();
    let leaky = format!("bash -c 'exec 7</etc/passwd 9</ ; exec {program} run --rm probe probe fds'");
    assert_eq!(numbers(sandbox.witness(&leaky)), ["0", "1", "2"]);
    let leaky = format!("bash -c 'exec 7</etc/passwd 9</ ; exec {program} exec boat probe fds'");
    assert_eq!(numbers(sandbox.witness(&leaky)), ["0", "1", "2"]);
}

#[test]
fn descriptors_on_a_terminal_are_three() {
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let mut terminal = crate::support::Pty::coracle(&sandbox, "run --rm -it probe probe fds");
    assert_eq!(terminal.exit_code(), 0);
    let screen = terminal.screen();
    let lines: Vec<&str> = screen.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 3, "{screen}");
    assert!(lines.iter().all(|line| line.contains("/dev/pts/") || line.contains("/dev/console")), "{screen}");
}

#[test]
fn the_environment_of_the_host_stays_outside() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.command("run --rm busybox env").env("SECRET_TOKEN", "hunter2").finish();
    output.success().stdout_lacks("hunter2").stdout_lacks("XDG_");
    let all = "cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'";
    let output = sandbox
        .command_of(&["run", "--rm", "--init", "busybox", "sh", "-c", all])
        .env("SECRET_TOKEN", "hunter2")
        .finish();
    output.success().stdout_lacks("hunter2");
}

#[test]
fn control_groups_are_hidden_or_read_only() {
    let sandbox = Sandbox::with_busybox();
    let script = "mount | grep cgroup; mkdir /tmp/c; mount -t cgroup -o memory none /tmp/c && echo mounted; \
                  mount -t cgroup2 none /tmp/c && echo mounted; find /sys/fs/cgroup -name release_agent -writable";
    let output = sandbox.command_of(&["run", "--rm", "busybox", "sh", "-c", script]).finish();
    output.stdout_lacks("mounted").stdout_lacks("release_agent");
    for line in output.lines().iter().filter(|line| line.contains("type cgroup")) {
        assert!(line.contains("(ro,"), "{line}");
    }
}

#[test]
fn privileged_is_wider_but_still_inside() {
    let sandbox = Sandbox::with_busybox();
    let status = sandbox.run("run --rm --privileged busybox cat /proc/self/status").success().out();
    assert_eq!(status_field(&status, "Seccomp"), "0");
    sandbox.run("run --rm --privileged busybox mount -t tmpfs none /tmp").success();
    let inside = sandbox.run("run --rm --privileged busybox readlink /proc/self/ns/user").success().line();
    assert_ne!(fs::read_link("/proc/self/ns/user").expect("a namespace").to_str(), Some(inside.as_str()));
}

// --- Classes of escape, each tried ------------------------------------------------------------------

/// Our own executable must not be writable through `/proc/<pid>/exe` of what joins a container. It belongs
/// to the user, who is root inside: only the kernel's checks and ours are in the way.
#[test]
fn cve_2019_5736() {
    let Some(mut sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let binary = sandbox.own_binary();
    let before = digest(&fs::read(&binary).expect("a binary"));
    sandbox.run("run -d --name hunter probe probe hunt 4").success();
    eventually("it hunts", || sandbox.run("logs hunter").out().contains("hunting").then_some(()));
    for _ in 0..30 {
        let _ = sandbox.run("exec hunter true");
        let _ = sandbox.run("exec hunter /proc/self/exe");
    }
    sandbox.run("wait hunter").success();
    sandbox.run("logs hunter").success().stdout_lacks("overwritten");
    let image = Image::busybox_and(&[Entry::symlink("entry", "/proc/self/exe")]);
    sandbox.add(&image, "self");
    let output = sandbox.run("run --rm self /entry version");
    assert_ne!(output.exit_code(), 0, "coracle itself ran inside: {output:?}");
    output.stdout_lacks("coracle");
    assert_eq!(digest(&fs::read(&binary).expect("a binary")), before);
}

/// A working directory or argument that is a descriptor leaked from outside.
#[test]
fn cve_2024_21626() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    let own_root = sandbox.run("exec -w / boat sh -c 'pwd; ls'").success().out();
    for number in 3..24 {
        let path = format!("/proc/self/fd/{number}");
        // One that leads to the container's own root is no way out.
        let output = sandbox.run(&format!("run --rm -w {path} busybox sh -c 'pwd; ls'"));
        assert!(output.exit_code() != 0 || output.out() == own_root, "{path} is a working directory");
        let output = sandbox.run(&format!("exec -w {path} boat sh -c 'pwd; ls'"));
        assert!(output.exit_code() != 0 || output.out() == own_root, "{path} is a working directory of exec");
    }
    sandbox.add(&Image::busybox().set("WorkingDir", json!("/proc/self/fd/8")), "leaky");
    assert_ne!(sandbox.run("run --rm leaky true").exit_code(), 0);
    let through =
        Image::busybox_and(&[Entry::symlink("link", "/proc/self/fd/7")]).set("WorkingDir", json!("/link"));
    sandbox.add(&through, "linked");
    assert_ne!(sandbox.run("run --rm linked true").exit_code(), 0);
}

/// Two containers share a volume; one swaps a directory for a link while the other mounts onto it.
#[test]
fn cve_2021_30465() {
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let outside = sandbox.directory("outside");
    let secret = sandbox.file("outside/secret", "host only");
    sandbox.run("run --rm -v shared:/v probe sh -c 'mkdir -p /v/a/x; ln -s / /v/b'").success();
    sandbox.run("run -d --name swapper -v shared:/v probe probe swap /v/a /v/b 8").success();
    let payload = sandbox.directory("payload");
    fs::write(payload.join("marker"), "payload").expect("a file");
    for _ in 0..40 {
        let line = format!(
            "run --rm -v shared:/v -v {}:/v/a/x probe sh -c 'ls /x 2>/dev/null; cat {} 2>/dev/null'",
            payload.display(),
            secret.display()
        );
        sandbox.run(&line).stdout_lacks("host only");
    }
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 1, "nothing was made outside");
    assert!(!Path::new("/x").exists(), "no directory was made at the host's root");
}

/// The image brings `/dev/null`, `/dev/console` or a masked path as a link to something of the host's procfs.
#[test]
fn cve_2025_31133() {
    let sandbox = Sandbox::new();
    for (number, target) in
        ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "../../../../etc/passwd"].iter().enumerate()
    {
        let image =
            Image::busybox_and(&[Entry::symlink("dev/null", target), Entry::symlink("dev/console", target)]);
        let name = format!("null{number}");
        sandbox.add(&image, &name);
        let script =
            "stat -c %t:%T /dev/null; stat -c %t:%T /proc/interrupts; echo x >/proc/sys/kernel/core_pattern";
        let output = sandbox.command_of(&["run", "--rm", &name, "sh", "-c", script]).finish();
        output.code(1).stdout("1:3\n1:3\n");
    }
}

/// `/dev/console` of a terminal is bound by descriptor, not by a name that the image can bend.
#[test]
fn cve_2025_52565() {
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox_and(&[Entry::symlink("dev/console", "/proc/sysrq-trigger")]), "console");
    let mut terminal =
        crate::support::Pty::coracle(&sandbox, "run --rm -t console sh -c 'stat -c %F /dev/console; tty'");
    terminal.expect("character special file");
    assert_eq!(terminal.exit_code(), 0);
}

/// Writes that set up the container must reach procfs itself, not what a volume has put in its place.
#[test]
fn cve_2025_52881() {
    let sandbox = Sandbox::with_busybox();
    let fake = sandbox.directory("fake");
    let files = [
        "self/attr/exec",
        "self/uid_map",
        "sysrq-trigger",
        "sys/net/ipv4/ip_unprivileged_port_start",
        "sys/net/ipv4/ping_group_range",
        "sys/kernel/domainname",
    ];
    for file in files {
        sandbox.file(&format!("fake/{file}"), "");
    }
    for target in ["/proc", "/proc/sys", "/proc/./self/..", "/tmp/../proc"] {
        let output = sandbox.run(&format!("run --rm -v {}:{target} busybox true", fake.display()));
        output.code(125).one_clear_line();
    }
    for file in files {
        assert_eq!(fs::read_to_string(fake.join(file)).expect("a file"), "", "{file} was written");
    }
}

/// `/dev` of the image is a link (runc CVE-2026-41579, crun CVE-2026-47766).
#[test]
fn cve_2026_41579_dev_symlink() {
    let sandbox = Sandbox::new();
    let outside = sandbox.directory("outside");
    for (number, target) in
        [outside.display().to_string(), "../../../../tmp".into(), "/etc".into()].iter().enumerate()
    {
        let image = without_directory("dev", Entry::symlink("dev", target));
        let name = format!("dev{number}");
        sandbox.add(&image, &name);
        let output = sandbox.run(&format!("run --rm {name} sh -c 'stat -c %t:%T /dev/null'"));
        match output.exit_code() {
            0 => drop(output.stdout("1:3\n").exit_code()),
            _ => drop(output.code(125).one_clear_line().exit_code()),
        }
        assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0, "something was made outside");
    }
}

/// `/proc` or `/sys` of the image is a link, or is mounted over (CVE-2019-19921, CVE-2023-27561).
#[test]
fn cve_2023_27561_proc_symlink() {
    let sandbox = Sandbox::new();
    for place in ["proc", "sys"] {
        for target in ["/etc", "../../../../proc", "tmp"] {
            let image = without_directory(place, Entry::symlink(place, target));
            let name = format!("{place}-{}", target.replace(['/', '.'], "x"));
            sandbox.add(&image, &name);
            let output =
                sandbox.run(&format!("run --rm {name} sh -c 'wc -c </proc/interrupts; cat /proc/1/comm'"));
            match output.exit_code() {
                0 => drop(output.stdout("0\nsh\n").exit_code()),
                _ => drop(output.code(125).one_clear_line().exit_code()),
            }
        }
    }
    let sandbox = Sandbox::with_busybox();
    for target in ["/proc", "/proc/self", "/proc/sys/kernel"] {
        let code = if target == "/proc/sys/kernel" { 126 } else { 125 };
        sandbox.run(&format!("run --rm -v volume:{target} busybox true")).code(code).one_clear_line();
        sandbox.run(&format!("run --rm --tmpfs {target} busybox true")).code(125).one_clear_line();
    }
}

/// Control groups of the host's user are not writable from inside.
#[test]
fn cve_2023_25809_cgroup_write() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox
        .run("run --rm busybox sh -c 'find /sys/fs/cgroup -type f -writable | head; mkdir /sys/fs/cgroup/x'");
    assert_ne!(output.exit_code(), 0);
    output.stdout("");
}

#[test]
fn cve_2022_0492_release_agent() {
    let sandbox = Sandbox::with_busybox();
    let script = "mkdir /tmp/c && mount -t cgroup -o rdma none /tmp/c && echo mounted; unshare -UrC true && echo unshared";
    sandbox.command_of(&["run", "--rm", "busybox", "sh", "-c", script]).finish().stdout("");
}

#[test]
fn cve_2022_29162_inheritable_capabilities() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat --cap-add SYS_ADMIN busybox sleep 1000").success();
    for command in [
        "run --rm --cap-add SYS_ADMIN busybox grep CapInh /proc/self/status",
        "run --rm --privileged busybox grep CapInh /proc/self/status",
        "exec boat grep CapInh /proc/self/status",
        "exec --privileged boat grep CapInh /proc/self/status",
    ] {
        sandbox.run(command).success().stdout("CapInh:\t0000000000000000\n");
    }
}

/// `exec -u` maps to the user that was written, and to nothing else.
#[test]
fn cve_2026_30892_exec_user() {
    if !has_subordinate_ids() {
        skip!("no subordinate ids for this user");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat -u 1000 busybox sleep 1000").success();
    let script = "echo $(id -u):$(id -g):$(id -G | tr \" \" ,)";
    for (user, want) in [
        ("0", "0:0:0"),
        ("1", "1:0:0"),
        ("1:", "1:0:0"),
        ("1:2", "1:2:2"),
        ("alice", "1000:1000:1000,2000"),
        ("alice:2", "1000:2:2"),
        ("alice:boat", "1000:2000:2000"),
        ("65534", "65534:65534:65534"),
    ] {
        let output = sandbox.run(&format!("exec -u {user} boat sh -c '{script}'"));
        assert_eq!(output.success().line(), want, "-u {user}");
    }
    for user in ["-1", "4294967295", "4294967296", "99999999999", "1:99999999999", "nobody-here", "a:b:c"] {
        let output = sandbox.run(&format!("exec -u {user} boat id"));
        assert_ne!(output.exit_code(), 0, "-u {user}");
        output.stdout("");
    }
    sandbox.run(&format!("exec boat sh -c '{script}'")).success().stdout("1000:1000:1000,2000\n");
}

/// More set-up data than any length field of sixteen bits holds.
#[test]
fn cve_2021_43784_long_messages() {
    let sandbox = Sandbox::with_busybox();
    let mut words: Vec<String> = ["run", "--rm"].map(str::to_owned).to_vec();
    for number in 0..900 {
        words.push("-e".to_owned());
        words.push(format!("LONG_{number}={}", "x".repeat(100)));
    }
    words.extend(["busybox", "sh", "-c", "env | grep -c LONG_"].map(str::to_owned));
    sandbox.command_of(&words).finish().success().stdout("900\n");
    let mut words: Vec<String> = ["run", "--rm"].map(str::to_owned).to_vec();
    for number in 0..400 {
        words.push("--tmpfs".to_owned());
        words.push(format!("/{}/{number}", "deep/".repeat(30)));
    }
    words.extend(["busybox", "sh", "-c", "grep -c /deep/ /proc/mounts"].map(str::to_owned));
    let output = sandbox.command_of(&words).finish();
    output.success().stdout("400\n");
}

/// Making a missing mount point must not make anything outside.
#[test]
fn cve_2024_45310_files_made_outside() {
    let sandbox = Sandbox::new();
    let outside = sandbox.directory("outside");
    let source = sandbox.file("source", "x");
    let image = Image::busybox_and(&[Entry::symlink("door", &outside.display().to_string())]);
    sandbox.add(&image, "door");
    for target in ["/door/new-file", "/door/deep/er/file"] {
        let _ = sandbox.run(&format!("run --rm -v {}:{target} door true", source.display()));
        let _ = sandbox.run(&format!("run --rm --tmpfs {target} door true"));
    }
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0, "something was made outside");
}

/// The same through a volume, whose links the engine meets while it looks for the mount point.
#[test]
fn a_volume_with_a_link_is_no_way_out() {
    let sandbox = Sandbox::with_busybox();
    let outside = sandbox.directory("outside");
    let volume = sandbox.directory("volume");
    std::os::unix::fs::symlink(&outside, volume.join("door")).expect("a link");
    let source = sandbox.file("source", "x");
    let line =
        format!("run --rm -v {}:/v -v {}:/v/door/file busybox true", volume.display(), source.display());
    let _ = sandbox.run(&line);
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0, "something was made outside");
}

/// Copying an image's directory into a new volume follows no link out (CVE-2022-23648).
#[test]
fn cve_2022_23648_volume_copy() {
    let sandbox = Sandbox::new();
    let secrets = sandbox.directory("secrets");
    fs::write(secrets.join("key"), "host only").expect("a file");
    let target = format!("/../../../..{}", secrets.display());
    let image = Image::busybox_and(&[Entry::symlink("x", &target)]).set("Volumes", json!({ "/x": {} }));
    sandbox.add(&image, "copier");
    let output = sandbox.run("run --rm copier sh -c 'cat /x/key; ls /x'");
    output.stdout_lacks("host only").stdout_lacks("key");
    let output = sandbox.run("run --rm -v named:/x copier sh -c 'cat /x/key; ls /x'");
    output.stdout_lacks("host only").stdout_lacks("key");
}

/// No control socket of ours is in the abstract namespace, which `--network host` shares.
#[test]
fn cve_2020_15257_abstract_sockets() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    let output = sandbox.run("run --rm --network host busybox cat /proc/net/unix");
    let ours: Vec<String> = output
        .success()
        .lines()
        .into_iter()
        .filter(|line| line.contains("@") && line.contains("coracle"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

/// Keys pushed into the terminal would be typed into the caller's shell.
#[test]
fn terminals_take_no_pushed_keys() {
    let Some(sandbox) = with_probe() else { skip!("tests/run.sh builds the probe") };
    let script = "test -t 0 && test -t 1 && probe tiocsti";
    let terminal = crate::support::Pty::shell(&sandbox);
    let mut terminal = terminal;
    terminal.expect("host> ");
    terminal.type_in(&format!(
        "{} run --rm probe probe tiocsti </dev/tty; echo code $?\n",
        sandbox.program().display()
    ));
    // Without -t the program's input is not the terminal at all.
    terminal.expect("ENOTTY");
    let mut own = crate::support::Pty::coracle(&sandbox, &format!("run --rm -it probe sh -c '{script}'"));
    // Its own terminal is its own business, and nobody else's.
    assert!(matches!(own.exit_code(), 0));
}

/// What a container writes without end is not kept in our memory.
#[test]
fn endless_output_is_not_kept_in_memory() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    let mut running = sandbox.command("exec boat sh -c 'head -c 300000000 /dev/zero'").start();
    let mut highest = 0;
    while !running.is_over() {
        highest = highest.max(resident_kilobytes(&sandbox));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let output = running.finish();
    assert_eq!(output.success().bytes.len(), 300_000_000);
    assert!(highest < 200_000, "{highest} kB resident");
}

fn resident_kilobytes(sandbox: &Sandbox) -> u64 {
    let of = |pid: i32| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find(|line| line.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    sandbox.processes().into_iter().filter_map(of).sum()
}

#[test]
fn other_users_cannot_enter_the_store() {
    if !is_root() {
        skip!("only root can look with the eyes of another user");
    }
    let sandbox = Sandbox::with_busybox();
    let layers = sandbox.store().join("layers");
    let line = format!("setpriv --reuid 65534 --regid 65534 --clear-groups ls {}", layers.display());
    assert_ne!(sandbox.witness(&line).exit_code(), 0);
}

/// busybox without one of its directories, and with something else in its place.
fn without_directory(name: &str, instead: Entry) -> Image {
    let mut tar = Vec::new();
    let base = busybox_layer(Compression::None);
    let mut archive = tar::Archive::new(&base.tar[..]);
    let mut builder = tar::Builder::new(&mut tar);
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path: PathBuf = entry.path().expect("a path").into_owned();
        if path != Path::new(name) {
            let mut header = entry.header().clone();
            if let Some(link) = entry.link_name().expect("a link") {
                builder.append_link(&mut header, &path, &link).expect("memory");
            } else {
                builder.append_data(&mut header, &path, &mut entry).expect("memory");
            }
        }
    }
    builder.finish().expect("memory");
    drop(builder);
    Image::new(vec![Layer::of_tar(tar, Compression::None), Layer::new(&[instead], Compression::None)])
}
