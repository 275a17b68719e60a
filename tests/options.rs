//! Flags of `run` and `create`, each by what the program inside or `inspect` sees of it.

use serde_json::json;

use crate::skip;
use crate::support::{Image, Sandbox, eventually, program};

/// An image with variables, an exposed port and a shell.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let image = Image::busybox()
        .set("Env", json!(["PATH=/bin", "GREETING=hello", "OTHER=1"]))
        .set("ExposedPorts", json!({"80/tcp": {}}))
        .set("Labels", json!({"from": "image", "both": "image"}));
    sandbox.add(&image, "busybox");
    sandbox
}

#[test]
fn few_open_files_are_the_program_s_alone() {
    let sandbox = sandbox();
    for init in ["", "--init"] {
        let line = format!(
            "run --rm --network none {init} --ulimit nofile=5:6 busybox sh -c 'ulimit -n; ulimit -Hn'"
        );
        sandbox.run(&line).success().stdout("5\n6\n");
    }
}

#[test]
fn ports_that_nobody_can_be_given() {
    let sandbox = sandbox();
    for mode in ["host", "none"] {
        let output = sandbox.run(&format!("run --rm --network {mode} -p 127.0.0.1:80:80 busybox echo up"));
        let said = format!("WARNING: Published ports are discarded when using {mode} network mode\n");
        output.success().stdout("up\n").stderr(&said);
    }
    sandbox.run("create --name boat --network none -p 8080:80 busybox").success();
    assert_eq!(sandbox.inspect("boat", "HostConfig.PortBindings")["80/tcp"][0]["HostPort"], "8080");
    assert_eq!(sandbox.inspect("boat", "NetworkSettings.Ports"), json!({}));
}

#[test]
fn options_of_a_root_directory() {
    let sandbox = sandbox();
    let root = sandbox.directory("root");
    for option in ["O", "idmap=uids=0-1-10"] {
        sandbox
            .run(&format!("run --rm --network none --rootfs {}:{option} /bin/true", root.display()))
            .code(125)
            .stderr_has(" is not supported yet")
            .one_clear_line();
    }
}

/// What fails in the container is told, not what comes of it for its network.
#[test]
fn devices_that_cannot_be_given() {
    let sandbox = sandbox();
    let file = sandbox.file("file", "");
    let empty = sandbox.directory("empty");
    for (path, code, cause) in [
        ("/dev/nothing", 127, "No such file or directory"),
        (file.to_str().unwrap(), 125, "not a device node"),
        (empty.to_str().unwrap(), 125, "not a device node"),
    ] {
        let said = format!("error gathering device information while adding custom device {path:?}: {cause}");
        for network in ["none", "bridge"] {
            sandbox
                .run(&format!("run --rm --network {network} --device {path} busybox true"))
                .code(code)
                .stderr_has(&said)
                .one_clear_line();
        }
        // It may be there when it is needed.
        sandbox.run(&format!("create --name boat --network none --device {path} busybox true")).success();
        sandbox.run("start boat").code(1).stderr_has(&said);
        sandbox.run("rm boat").success();
    }
    sandbox.assert_no_traces();
}

#[test]
fn the_devices_of_a_directory() {
    let sandbox = sandbox();
    let there = std::fs::read_dir("/dev/net").map_or(0, Iterator::count);
    if there == 0 {
        skip!("this host has no directory of devices: /dev/net");
    }
    let listed = sandbox.run("run --rm --network none --device /dev/net:/dev/other busybox ls -l /dev/other");
    let listed = listed.success().out();
    let kinds: Vec<char> = listed.lines().filter_map(|line| line.chars().next()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == 'c').count(), there, "{listed}");
}

#[test]
fn variables_of_the_host_and_of_the_image() {
    let sandbox = sandbox();
    let env = |flags: &str| {
        let output = sandbox
            .command(&format!("run --rm --network none {flags} busybox env"))
            .env("http_proxy", "http://p:1")
            .env("MINE", "yes")
            .finish();
        output.success().lines()
    };
    let has = |lines: &[String], line: &str| lines.iter().any(|other| other == line);

    let plain = env("");
    assert!(has(&plain, "GREETING=hello") && has(&plain, "PATH=/bin"), "{plain:?}");
    assert!(
        !plain.iter().any(|line| line.starts_with("http_proxy=") || line.starts_with("MINE=")),
        "{plain:?}"
    );

    let host = env("--env-host -e TERM=x");
    assert!(has(&host, "MINE=yes") && has(&host, "GREETING=hello") && has(&host, "TERM=x"), "{host:?}");
    assert!(has(&env("--http-proxy"), "http_proxy=http://p:1"));
    let merged = env("--env-merge 'GREETING=${GREETING}, ${OTHER}${NONE}!' --env-merge NEW=x");
    assert!(has(&merged, "GREETING=hello, 1!") && has(&merged, "NEW=x"), "{merged:?}");
    let unset = env("--unsetenv GREETING --unsetenv NONE");
    assert!(has(&unset, "OTHER=1") && !has(&unset, "GREETING=hello"), "{unset:?}");
    let bare =
        sandbox.run("run --rm --network none --unsetenv-all -e A=1 busybox /bin/env").success().lines();
    assert_eq!(bare, ["A=1", "HOME=/root"]);

    // Docker's own settings.
    sandbox.file(
        "home/.docker/config.json",
        json!({"proxies": {"default": {"httpsProxy": "http://q:2", "noProxy": "a"}}}).to_string(),
    );
    let set = env("-e NO_PROXY=b");
    for line in ["HTTPS_PROXY=http://q:2", "https_proxy=http://q:2", "NO_PROXY=b", "no_proxy=a"] {
        assert!(has(&set, line), "{line}: {set:?}");
    }
    sandbox.file("home/.docker/config.json", "{");
    sandbox
        .run("run --rm busybox")
        .code(125)
        .stderr_has("coracle: read ")
        .stderr_has(".docker/config.json: EOF");
}

#[test]
fn files_masks_and_pids() {
    let sandbox = sandbox();
    let run = |flags: &str, command: &str| {
        sandbox.run(&format!("run --rm --network none {flags} busybox sh -c '{command}'"))
    };
    run("--umask 077", "umask; touch /a; stat -c %a /a").success().stdout("0077\n600\n");
    run("--umask 9", "true")
        .code(125)
        .stderr_has("coracle: invalid umask 9: must be up to four octal digits\n");
    run("--no-hosts --no-hostname", "ls /etc/hosts /etc/hostname; grep -c etc/ /proc/self/mountinfo")
        .stdout("1\n");
    run("--no-hosts --add-host a:1.2.3.4", "true").code(125);
    run("--read-only --read-only-tmpfs", "touch /run/a /tmp/a /var/tmp/a && ! touch /a").success();
    run("--read-only", "touch /tmp/a").code(1);
    if std::path::Path::new("/usr/share/zoneinfo/Asia/Kolkata").exists() {
        run("--tz Asia/Kolkata", "tail -n 1 /etc/localtime").success().stdout("IST-5:30\n");
    }
    for zone in ["Nowhere/Land", "../../../etc/passwd", "."] {
        let error = format!("finding timezone: unknown time zone {zone}\n");
        run(&format!("--tz {zone}"), "true").code(125).stderr_has(&error);
    }

    let (own, its) = (sandbox.path().join("own.pid"), sandbox.path().join("its.pid"));
    let files = format!("--pidfile {} --conmon-pidfile {}", own.display(), its.display());
    sandbox.run(&format!("run -d --name box --network none {files} busybox sleep 100")).success();
    let read = |path| std::fs::read_to_string(path).expect("a pid file");
    assert_eq!(read(&own), sandbox.inspect("box", "State.Pid").to_string());
    let parent = std::fs::read_to_string(format!("/proc/{}/stat", read(&own))).expect("a process");
    assert_eq!(parent.split(' ').nth(3), Some(read(&its).as_str()));

    // What has the name makes way, what has it as its id does not.
    sandbox.run("run --replace --rm --network none busybox").code(125).stderr_has("--name being set");
    sandbox.run("create --replace --name box nosuch.invalid/image").code(125);
    assert_eq!(sandbox.run("ps -q").success().lines().len(), 1);
    let id = sandbox.run("create --replace --name box --network none busybox").success().line();
    assert_eq!(sandbox.run("ps -aq --no-trunc").success().lines(), std::slice::from_ref(&id));
    sandbox.run(&format!("create --replace --name {} --network none busybox", &id[..5])).success();
    assert_eq!(sandbox.run("ps -aq").success().lines().len(), 2);
}

#[test]
fn ports_labels_and_addresses() {
    let sandbox = sandbox();
    if program("slirp4netns").is_none() {
        crate::skip!("slirp4netns is not installed");
    }
    let flags = "-P --expose 53/udp --mac-address 02-42-AC-11-00-02 -l both=mine";
    sandbox.run(&format!("run -d --name web {flags} busybox sleep 100")).success();
    sandbox.run("exec web cat /sys/class/net/eth0/address").success().stdout("02:42:ac:11:00:02\n");
    assert_eq!(sandbox.inspect("web", "NetworkSettings.MacAddress"), "02:42:ac:11:00:02");
    assert_eq!(sandbox.inspect("web", "HostConfig.PublishAllPorts"), true);
    let ports = sandbox.run("ps --format {{.Ports}}").success().line();
    assert!(ports.contains("->80/tcp") && ports.contains("->53/udp"), "{ports}");
    assert_eq!(sandbox.run("ps --format {{.Labels}}").success().line(), "both=mine,from=image");
    assert_eq!(sandbox.run("ps -q -f label=from=image -f expose=80").success().lines().len(), 1);
    sandbox.run("rm -f web").success();
    sandbox
        .run("run --rm --network none --mac-address 02:42:ac:11:00:02 busybox")
        .code(125)
        .stderr_has("conflicting options: mac-address and the network mode\n");
    sandbox.run("run --rm --mac-address x busybox").code(125).stderr_has("x is not a valid mac address");
}

#[test]
fn words_that_have_one_answer_here() {
    let sandbox = sandbox();
    let taken = "--isolation default --runtime coracle --disable-content-trust --volume-driver local --cgroups disabled \
                 --arch amd64 --os linux";
    let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    sandbox.run(&format!("run --rm --network none {} busybox true", taken.replace("amd64", arch))).success();
    for (flags, message) in [
        ("--isolation hyperv", "invalid isolation 'hyperv' on linux"),
        ("--runtime runc", "unknown or invalid runtime name: runc"),
        (
            "--disable-content-trust=false",
            "--disable-content-trust=false is not supported yet: no signature is checked",
        ),
        ("--volume-driver nfs", "error looking up volume plugin nfs: plugin \"nfs\" not found"),
        (
            "--storage-opt size=1G",
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
        ),
        (
            "--cgroups nonsense",
            "invalid cgroup mode \"nonsense\": must be \"enabled\", \"disabled\", \"no-conmon\" or \"split\"",
        ),
        ("--gpus all", "could not select device driver \"\" with capabilities: [[gpu]]"),
        ("--network-alias a", "network-scoped aliases are only supported for user-defined networks"),
        ("--link a", "could not get container for a: No such container: a"),
        (
            "--use-api-socket",
            "--use-api-socket has nothing to mount: there is no daemon, so there is no API socket",
        ),
    ] {
        sandbox
            .run(&format!("run --rm {flags} busybox true"))
            .code(125)
            .stderr_has(&format!("coracle: {message}\n"));
    }
}

#[test]
fn hosts_begin_with_a_file_of_the_host() {
    let sandbox = sandbox();
    let base = sandbox.file("hosts", "192.0.2.1 base\n\n");
    let hosts = |flags: &str| {
        let line = format!("run --rm --network none -h boat {flags} busybox cat /etc/hosts");
        sandbox.run(&line).success().out()
    };
    let file = format!("--hosts-file {} --add-host x:192.0.2.2", base.display());
    assert_eq!(hosts(&file), "192.0.2.1 base\n192.0.2.2\tx\n127.0.1.1\tboat\n");
    assert_eq!(hosts("--hosts-file none"), "127.0.1.1\tboat\n");
    assert!(hosts("").starts_with("127.0.0.1\tlocalhost\n"));
    for (flags, want) in [
        ("--hosts-file none --no-hosts", "--no-hosts and --hosts-file cannot be set together"),
        ("--hosts-file x", "must be an absolute path"),
        ("--hosts-file /nowhere", "No such file"),
    ] {
        sandbox.run(&format!("run --rm --network none {flags} busybox")).code(125).stderr_has(want);
    }
    // A root of its own inside sees the same names.
    let line = "run --rm --network none -h boat --chrootdirs /jail busybox cat /jail/etc/hostname";
    sandbox.run(line).success().stdout("boat\n");
}

#[test]
fn volumes_of_the_image() {
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox().set("Volumes", json!({"/data": {}})), "busybox");
    let kind = |flags: &str| {
        let line = format!("run --rm --network none {flags} busybox grep -c ' /data ' /proc/self/mountinfo");
        sandbox.run(&line).out()
    };
    assert_eq!(
        (kind(""), kind("--image-volume tmpfs"), kind("--image-volume ignore")),
        ("1\n".into(), "1\n".into(), "0\n".into())
    );
    let line = "run --rm --network none --image-volume tmpfs busybox stat -f -c %T /data";
    sandbox.run(line).success().stdout("tmpfs\n");
    sandbox
        .run("run --rm --image-volume x busybox")
        .code(125)
        .stderr_has("must be one of anonymous, tmpfs or ignore");
}

#[test]
fn an_init_of_the_host() {
    let sandbox = sandbox();
    let init = sandbox.file("init", "#!/bin/sh\necho init \"$@\"\n");
    std::fs::set_permissions(&init, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    let line = format!("run --rm --network none --init --init-path {} busybox echo a b", init.display());
    sandbox.run(&line).success().stdout("init -- echo a b\n");
    sandbox.run("run --rm --init-path /bin/sh busybox").code(125).stderr_has("--init-path needs --init");
    sandbox
        .run("run --rm --init --init-path /nowhere busybox")
        .code(125)
        .stderr_has("container-init binary /nowhere");
}

#[test]
fn an_image_goes_with_its_container() {
    let sandbox = sandbox();
    sandbox.run("create --name other --network none busybox").success();
    sandbox.run("run --rmi --network none busybox sh -c 'exit 3'").code(3).stderr("");
    assert_eq!(sandbox.run("images -q").success().lines().len(), 1, "it is used");
    sandbox.run("rm other").success();
    sandbox.run("run --rmi --network none busybox true").success().stderr("");
    sandbox.run("images -q").success().stdout("");
    sandbox.run("ps -aq").success().stdout("");
    sandbox.add(&Image::busybox(), "other");
    sandbox.run("run --rmi -d --name boat other sh -c 'test -e /done || sleep 1000'").success();
    assert_eq!(sandbox.run("images -q other").success().lines().len(), 1);
    sandbox.run("kill boat").success();
    eventually("the image is gone", || {
        sandbox.run("images -q other").success().out().is_empty().then_some(())
    });
}

#[test]
fn files_that_match_a_pattern() {
    let sandbox = sandbox();
    for name in ["a.conf", "b.conf", "c.txt"] {
        sandbox.file(&format!("lib/{name}"), name);
    }
    let source = format!("type=glob,src={}/lib/*.conf,dst=/etc/lib,ro", sandbox.path().display());
    let line =
        format!("run --rm --network none --mount {source} busybox sh -c 'cd /etc/lib; cat *; touch a.conf'");
    sandbox.run(&line).code(1).stdout("a.confb.conf").stderr_has("Read-only file system");
}
