//! `doctor` on hosts that are broken on purpose: in mount namespaces where files, directories and devices of the host are
//! replaced, with limits and variables taken away, in containers. What nobody has here is in the tables of
//! `src/engine/doctor`.

use serde_json::Value;

use crate::skip;
use crate::support::{Output, Sandbox, has_subordinate_ids, is_root};

/// Asserts what a check has found, in words of what, why and fix.
#[track_caller]
fn found(output: &Output, name: &str, status: &str, words: &[&str]) {
    let document = output.json();
    let checks = document["Checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["Name"] == name);
    let Some(check) = check else { output.fail(&format!("nothing about {name}")) };
    assert_eq!(check["Status"], status, "{check:#}");
    for word in words {
        assert!(check.to_string().contains(word), "{word:?} is not in {check:#}");
    }
    assert_eq!(status == "ok", check["Why"] == "", "{check:#}");
    assert!(status == "ok" || check["Fix"] != "", "{check:#}");
    let failed = checks.iter().filter(|check| check["Status"] == "fail").count();
    assert_eq!(document["Failed"], failed);
    output.code(i32::from(failed > 0));
}

/// `doctor --json` as this user where `script` has been run by root of a namespace whose mounts are its own.
fn on_host(sandbox: &Sandbox, script: &str) -> Output {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let whole = format!(
        "{script}\ncd / && exec unshare --user --map-user={uid} --map-group={gid} {} doctor --json",
        sandbox.program().display()
    );
    as_namespace_root(sandbox, &whole)
}

fn as_namespace_root(sandbox: &Sandbox, script: &str) -> Output {
    let script = shlex::try_quote(script).expect("no null bytes");
    sandbox.witness(&format!("unshare --user --map-root-user --mount sh -ec {script}"))
}

#[test]
fn a_host_that_is_whole() {
    let sandbox = Sandbox::new();
    let output = sandbox.run("doctor --json");
    found(&output, "user namespaces", "ok", &[]);
    found(&output, "storage driver", "ok", &["overlay"]);
    found(&output, "fuse", "ok", &["not needed"]);
    found(&output, "XDG_RUNTIME_DIR", "ok", &[]);
    let text = sandbox.run("doctor");
    text.stdout_has("ok    user namespaces").stderr("");
    assert_eq!(text.exit_code(), output.exit_code());
    // It leaves nothing but an empty store.
    sandbox.assert_no_traces();
}

#[test]
fn emulators_of_each_container_or_of_all() {
    let sandbox = Sandbox::new();
    if crate::support::program("qemu-aarch64-static").is_none() {
        skip!("there is no qemu-user-static");
    }
    let registered = std::fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    if registered.into_iter().any(|entry| entry.file_name() == "qemu-aarch64") {
        skip!("this host has emulators for everybody");
    }
    let words: &[&str] = match crate::emulation::has_own_handlers(&sandbox) {
        true => &["by handlers of the container's own", " aarch64 "],
        false => &["systemctl restart systemd-binfmt"],
    };
    found(&sandbox.run("doctor --json"), "other platforms", "ok", words);
    let without = on_host(&sandbox, "mount -t tmpfs none /usr/lib/binfmt.d");
    found(&without, "other platforms", "ok", &["own architecture", "qemu-user-static"]);
}

#[test]
fn subordinate_ids_that_are_missing_too_few_or_shared() {
    if is_root() {
        skip!("root needs no subordinate ids");
    }
    let sandbox = Sandbox::new();
    let name = sandbox.witness("id -un").line();
    for (ranges, status, words) in [
        (String::new(), "warn", &["has none in /etc/subuid", "sudo usermod --add-subuids 100000-165535"][..]),
        (format!("{name}:100000:1000"), "warn", &["has 1000, and images use 65535", "--add-subuids 101000-"]),
        (format!("{name}:100000:65536\nother:165000:65536"), "warn", &["overlap with other's 165000-230535"]),
        (format!("{name}:100000:65536\n{name}:165000:65536"), "fail", &["overlap: 165000-"]),
    ] {
        let file = sandbox.file("ranges", format!("{ranges}\n")).display().to_string();
        let script = format!("mount --bind {file} /etc/subuid; mount --bind {file} /etc/subgid");
        found(&on_host(&sandbox, &script), "subordinate ids", status, words);
    }
}

/// A user of a directory, whom no file of the host's knows.
#[test]
fn subordinate_ids_of_a_directory_service() {
    if is_root() {
        skip!("root needs no subordinate ids");
    }
    let sandbox = Sandbox::new();
    let none = sandbox.file("none", "").display().to_string();
    let switch = sandbox.file("nsswitch.conf", "passwd: files\nsubid: sss\n").display().to_string();
    let ask = |answer: &str| {
        let script = sandbox.file("getsubids", format!("#!/bin/sh\n{answer}\n")).display().to_string();
        format!(
            "for f in uid gid; do mount --bind {none} /etc/sub$f; done; mount --bind {switch} /etc/nsswitch.conf; \
             chmod +x {script}; mount --bind {script} /usr/bin/getsubids"
        )
    };
    if !std::path::Path::new("/usr/bin/getsubids").exists() {
        skip!("there is no getsubids");
    }
    for (answer, status, words) in [
        ("echo 0: you 100000 65536", "ok", &["users 100000-165535, groups 100000-165535, given by sss"][..]),
        ("[ \"$1\" != -g ] && echo 0: you 100000 65536", "warn", &["has none in sss", "administrator"]),
        ("exit 1", "warn", &["has none in sss"]),
    ] {
        found(&on_host(&sandbox, &ask(answer)), "subordinate ids", status, words);
    }
    let output = on_host(&sandbox, &format!("{}; mount --bind /dev/null /usr/bin/getsubids", ask("")));
    found(
        &output,
        "subordinate ids",
        "warn",
        &["sss gives them", "getsubids, which asks it, is not installed"],
    );
}

#[test]
fn newuidmap_that_is_missing_or_powerless() {
    if is_root() {
        skip!("root maps ids itself");
    }
    let sandbox = Sandbox::new();
    let hide = "for f in /usr/bin/newuidmap /usr/bin/newgidmap; do mount --bind /dev/null $f; done";
    found(&on_host(&sandbox, hide), "newuidmap", "warn", &["newuidmap is not installed", "uidmap"]);
    let plain = "cp /usr/bin/newgidmap $TMPDIR/plain; mount --bind $TMPDIR/plain /usr/bin/newgidmap";
    found(&on_host(&sandbox, plain), "newuidmap", "fail", &["sudo chmod u+s /usr/bin/newgidmap"]);
    let program = sandbox.program().display().to_string();
    let output = sandbox.witness(&format!("setpriv --no-new-privs {program} doctor --json"));
    found(&output, "newuidmap", "fail", &["no_new_privs"]);
    found(&output, "user namespaces", "fail", &["map subordinate ids"]);
}

#[test]
fn user_namespaces_that_are_refused() {
    let sandbox = Sandbox::new();
    if !is_root() && has_subordinate_ids() {
        // The files give ids that do not exist where only the user's own is mapped.
        let output = on_host(&sandbox, ":");
        found(&output, "subordinate ids", "warn", &["do not exist in the container around this one"]);
        found(&output, "user namespaces", "ok", &[]);
    }
    let program = sandbox.program().display().to_string();
    let script = format!("echo 0 > /proc/sys/user/max_user_namespaces; {program} doctor --json");
    let output = as_namespace_root(&sandbox, &script);
    found(&output, "user namespaces", "fail", &["sudo sysctl -w user.max_user_namespaces=65536"]);
}

#[test]
fn runtime_directories_that_are_no_good() {
    let mut sandbox = Sandbox::new();
    let open = sandbox.directory("open").display().to_string();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    sandbox.set("XDG_RUNTIME_DIR", &open);
    let fix = format!("chmod 0700 {open}");
    found(&sandbox.run("doctor --json"), "XDG_RUNTIME_DIR", "fail", &["mode 0777", &fix]);
    sandbox.set("XDG_RUNTIME_DIR", "/nowhere/at/all");
    found(&sandbox.run("doctor --json"), "XDG_RUNTIME_DIR", "warn", &["no directory /nowhere/at/all"]);
    if !is_root() {
        sandbox.set("XDG_RUNTIME_DIR", "/usr");
        found(&sandbox.run("doctor --json"), "XDG_RUNTIME_DIR", "warn", &["/usr belongs to user 0"]);
        sandbox.unset("XDG_RUNTIME_DIR");
        found(&sandbox.run("doctor --json"), "XDG_RUNTIME_DIR", "warn", &["it is not set"]);
    }
}

#[test]
fn homes_that_are_no_good() {
    let sandbox = Sandbox::new();
    let tmpfs = |options: &str| format!("mount -t tmpfs -o {options} none $HOME");
    for (script, status, words) in [
        (tmpfs("size=2G,noexec"), "warn", &["noexec", "CORACLE_ROOT"][..]),
        (tmpfs("size=2G,ro"), "fail", &["read-only"]),
        (tmpfs("size=64k"), "fail", &["is full", "coracle system prune"]),
        (tmpfs("size=500M"), "warn", &["free", "an image of the usual size"]),
        ("mount -t ramfs none $HOME".to_owned(), "warn", &["without extended attributes"]),
    ] {
        let output = on_host(&sandbox, &format!("{script}; chmod 0777 $HOME 2>/dev/null || :"));
        found(&output, "data directory", status, words);
    }
    let output = sandbox.command("doctor --json").env_remove("HOME").finish();
    found(&output, "data directory", "fail", &["neither XDG_DATA_HOME nor HOME", "pass --root"]);
    if !is_root() {
        let output = sandbox.command("doctor --json").env("HOME", "/").finish();
        found(&output, "data directory", "fail", &["/.local"]);
    }
}

#[test]
fn devices_and_programs_that_are_missing() {
    let mut sandbox = Sandbox::new();
    sandbox.unset("CORACLE_STORAGE_DRIVER");
    for (script, name, status, words) in [
        (
            "mount -t tmpfs none /dev/net",
            "network device",
            "fail",
            &["/dev/net/tun is missing", "modprobe"][..],
        ),
        ("mount --bind /dev/null /dev/net/tun", "network device", "fail", &["is not the device"]),
        ("mount --bind /dev/null /usr/bin/slirp4netns", "slirp4netns", "fail", &["install slirp4netns"]),
        (
            "mount --bind /dev/null /dev/fuse",
            "fuse",
            "ok",
            &["is not the device", "not needed, as the kernel's overlay works"],
        ),
    ] {
        found(&on_host(&sandbox, script), name, status, words);
    }
}

#[test]
fn limits_that_are_low() {
    let sandbox = Sandbox::new();
    let program = sandbox.program().display().to_string();
    for (files, status) in [(64, "fail"), (512, "warn")] {
        let output = sandbox.witness(&format!("sh -c 'ulimit -n {files}; {program} doctor --json'"));
        found(&output, "open files", status, &["LimitNOFILE="]);
    }
    if is_root() {
        skip!("root may ping in any case");
    }
    // A new network namespace is as closed as the kernel makes it.
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let output = sandbox.witness(&format!(
        "unshare --user --map-root-user --net unshare --user --map-user={uid} --map-group={gid} {program} doctor --json"
    ));
    found(&output, "ping", "warn", &["is not in net.ipv4.ping_group_range", "sudo sysctl -w"]);
}

#[test]
fn roots_that_are_none() {
    let sandbox = Sandbox::new();
    let program = sandbox.program().display().to_string();
    let output = as_namespace_root(&sandbox, &format!("{program} doctor --json"));
    found(&output, "subordinate ids", "ok", &["root has all ids that there are here"]);
    found(&output, "user namespaces", "ok", &[]);
}

/// The directories of the host without which a program that is not static does not start.
fn with_libraries(program: &str) -> String {
    let directories =
        ["/usr", "/lib", "/lib64"].into_iter().filter(|path| std::path::Path::new(path).exists());
    let volumes: Vec<String> = directories.map(|path| format!("-v {path}:{path}:ro")).collect();
    format!("{} -v {program}:/coracle:ro -e HOME=/root", volumes.join(" "))
}

#[test]
fn containers_of_our_own() {
    let sandbox = Sandbox::with_busybox();
    let volumes = with_libraries(&sandbox.program().display().to_string());
    let run = |flags: &str| {
        sandbox.run(&format!("run --rm --network none {flags} {volumes} busybox /coracle doctor --json"))
    };
    // The default filter lets nobody make namespaces.
    found(&run(""), "user namespaces", "fail", &["seccomp"]);
    found(&run("--security-opt seccomp=unconfined"), "nested containers", "warn", &["unmask=ALL"]);
    let open = run("--security-opt seccomp=unconfined --security-opt unmask=ALL");
    found(&open, "user namespaces", "ok", &[]);
    assert!(!names(&open.json()).contains(&"nested containers".to_owned()));
    sandbox.assert_no_traces();
}

fn names(document: &Value) -> Vec<String> {
    let checks = document["Checks"].as_array().expect("checks").iter();
    checks.map(|check| check["Name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn registries_are_asked_only_when_that_is_wanted() {
    let sandbox = Sandbox::new();
    assert!(!names(&sandbox.run("doctor --json").json()).contains(&"registries".to_owned()));
    // Nobody listens at port 1.
    sandbox.file(
        "home/.config/containers/registries.conf",
        "unqualified-search-registries = [\"127.0.0.1:1\"]\n",
    );
    let output = sandbox.run("doctor --json --online");
    found(&output, "registries", "fail", &["127.0.0.1:1", "connection refused"]);
    let server = crate::support::Server::of_image(&crate::support::Image::busybox(), |_| None);
    let search = format!("unqualified-search-registries = [\"{}\"]\n", server.host());
    sandbox.file("home/.config/containers/registries.conf", search);
    found(&sandbox.run("doctor --json --online"), "registries", "ok", &["answers"]);
}
