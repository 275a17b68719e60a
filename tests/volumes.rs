//! Volumes: their verbs, what becomes of them when containers come and go, and everything that can be mounted.

use serde_json::json;

use crate::support::{Entry, Image, Sandbox, has_subordinate_ids};

#[test]
fn volumes_are_made_listed_and_removed() {
    let sandbox = Sandbox::new();
    sandbox.run("volume ls").success().stdout("DRIVER    VOLUME NAME\n");
    sandbox.run("volume create --label a=1 --label b data").success().stdout("data\n");
    sandbox.run("volume create data").success().stdout("data\n");
    let anonymous = sandbox.run("volume create").success().line();
    assert!(anonymous.len() == 64 && anonymous.bytes().all(|byte| byte.is_ascii_hexdigit()), "{anonymous}");
    sandbox.run("volume create other").success();
    let table = sandbox.run("volume ls").success().lines();
    assert_eq!(table.len(), 4);
    assert!(table.contains(&"local     data".to_owned()), "{table:?}");
    for (filter, want) in [
        ("name=dat", "data\n"),
        ("label=a=1", "data\n"),
        ("label=a=2", ""),
        ("label=com.docker.volume.anonymous", &format!("{anonymous}\n")),
        ("driver=nfs", ""),
    ] {
        sandbox.run(&format!("volume ls -q --filter {filter}")).success().stdout(want);
    }
    sandbox.run("volume ls --filter nope=1").code(1).stderr_has("invalid filter 'nope'").one_clear_line();
    let row = sandbox.run("volume ls --format json --filter name=data").success().json();
    assert_eq!(row["Labels"], "a=1,b=");
    let document = &sandbox.run("volume inspect data").success().json()[0];
    let keys: Vec<_> = document.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"]);
    assert_eq!(
        (&document["Name"], &document["Driver"], &document["Scope"], &document["Options"]),
        (&json!("data"), &json!("local"), &json!("local"), &json!(null))
    );
    assert_eq!(document["Labels"], json!({"a": "1", "b": ""}));
    assert!(std::path::Path::new(document["Mountpoint"].as_str().expect("a path")).is_dir());
    sandbox.run("inspect --type volume -f {{.Name}} data").success().stdout("data\n");
    sandbox.run("inspect -f {{.Name}} data").success().stdout("data\n");
    sandbox
        .run("volume inspect nope")
        .code(1)
        .stdout("[]\n")
        .stderr_has("get nope: no such volume")
        .one_clear_line();
    sandbox
        .run("volume rm nope data")
        .code(1)
        .stdout("data\n")
        .stderr_has("get nope: no such volume")
        .one_clear_line();
    sandbox.run("volume rm -f nope").success();
    sandbox.run(&format!("volume rm other {anonymous}")).success();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn names_and_drivers_that_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.run("volume create x").code(1).stderr_has("volume name is too short").one_clear_line();
    sandbox.run("volume create ../x").code(1).stderr_has("includes invalid characters").one_clear_line();
    sandbox.run("volume create -d nfs data").code(1).stderr_has("plugin \"nfs\" not found").one_clear_line();
    sandbox.run("volume rm ../names").code(1).stderr_has("no such volume").one_clear_line();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn a_volume_in_use_stays() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create -v data:/data busybox true").success().line();
    let output = sandbox.run("volume rm data");
    output.code(1).stderr_has(&format!("remove data: volume is in use - [{id}]")).one_clear_line();
    sandbox.run("volume ls -q --filter dangling=false").success().stdout("data\n");
    sandbox.run("volume ls -q --filter dangling=true").success().stdout("");
    sandbox.run("ps -a -q --no-trunc --filter volume=data").success().stdout(&format!("{id}\n"));
    sandbox.run("ps -a --format {{.Mounts}}").success().stdout("data\n");
    sandbox.run("volume prune -a -f").success().stdout("Total reclaimed space: 0B\n");
    // A record that cannot be read keeps what it names.
    let record = sandbox.container_directory(&id).join("container.json");
    let text = std::fs::read_to_string(&record).expect("a record");
    std::fs::write(&record, text.replacen("\"version\":1", "\"version\":99", 1)).expect("a record");
    sandbox.run("volume rm data").code(1).stderr_has("volume is in use").one_clear_line();
    sandbox.run(&format!("rm -f {id}")).success();
    sandbox.run("volume rm data").success().stdout("data\n");
}

#[test]
fn anonymous_volumes_go_with_their_container() {
    let sandbox = Sandbox::new();
    let image = Image::busybox_and(&[Entry::directory("data"), Entry::file("data/seed", "grown\n")])
        .set("Volumes", json!({"/data": {}}));
    sandbox.add(&image, "seeded");
    sandbox.run("run --rm -v /more seeded cat /data/seed").success().stdout("grown\n");
    sandbox.run("volume ls -q").success().stdout("");
    let id = sandbox.run("run -d seeded sleep 1000").success().line();
    let name = sandbox.run("volume ls -q").success().line();
    assert_eq!(name.len(), 64);
    assert_eq!(sandbox.inspect(&id, "Mounts.0.Name"), name);
    sandbox.run(&format!("rm -f {id}")).success();
    sandbox.run("volume ls -q").success().stdout(&format!("{name}\n"));
    let output = sandbox.command("volume prune").input("n\n").finish();
    output.success().stderr("").stdout(
        "WARNING! This will remove anonymous local volumes not used by at least one container.\n\
         Are you sure you want to continue? [y/N] ",
    );
    sandbox.run("volume create kept").success();
    let pruned = sandbox.command("volume prune").input("y\n").finish();
    let text = pruned.success().out();
    assert!(text.ends_with(&format!("Deleted Volumes:\n{name}\n\nTotal reclaimed space: 6B\n")), "{text}");
    let told = "events --since 0 --until 0s -f event=prune --format '{{.Type}} {{json .Actor}}'";
    sandbox.run(told).success().stdout("volume {\"ID\":\"\",\"Attributes\":{\"reclaimed\":\"6\"}}\n");
    sandbox.run("volume ls -q").success().stdout("kept\n");
    sandbox.run("volume prune -f --filter label=x").success();
    sandbox.run("volume prune -f --filter all=1 --filter label!=x").success();
    sandbox.run("volume ls -q").success().stdout("");
    let id = sandbox.run("create seeded true").success().line();
    sandbox.run(&format!("rm -v {id}")).success();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn what_containers_wrote_can_be_removed() {
    if !has_subordinate_ids() {
        crate::skip!("this user has no subordinate ids");
    }
    let sandbox = Sandbox::with_busybox();
    let script = "mkdir -p /data/deep/down && touch /data/deep/down/file && chown -R 1000:1000 /data/deep && \
                  chmod 000 /data/deep/down /data/deep";
    sandbox.run(&format!("run --rm -v data:/data busybox sh -c '{script}'")).success();
    sandbox.run("volume rm data").success().stdout("data\n");
    sandbox
        .run(&format!("run --rm -v data:/data busybox sh -c '{script}; echo 12345 >/data/five'"))
        .success();
    sandbox
        .run("volume prune -a -f")
        .success()
        .stdout("Deleted Volumes:\ndata\n\nTotal reclaimed space: 6B\n");
    sandbox.run(&format!("run --name boat -v /data busybox sh -c '{script}'")).success();
    sandbox.run("rm -v boat").success();
    sandbox.assert_no_traces();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn many_containers_make_one_volume_and_fill_it_once() {
    let sandbox = Sandbox::new();
    let mut entries = vec![Entry::directory("data")];
    entries.extend((0..200).map(|number| Entry::file(&format!("data/{number}"), "x")));
    sandbox.add(&Image::busybox_and(&entries), "seeded");
    let runs: Vec<_> = (0..16)
        .map(|_| {
            sandbox.command("run --rm -v data:/data --network none seeded sh -c 'ls /data | wc -l'").start()
        })
        .collect();
    for run in runs {
        run.finish().success().stdout("200\n");
    }
    sandbox.run("volume ls -q").success().stdout("data\n");
    // Once: what was taken out stays out.
    sandbox.run("run --rm -v data:/data seeded sh -c 'rm -r /data/*'").success();
    sandbox.run("run --rm -v data:/data seeded touch /data/own").success();
    sandbox.run("run --rm -v data:/data seeded ls /data").success().stdout("own\n");
}

#[test]
fn mounts_say_how_they_are_mounted() {
    let sandbox = Sandbox::with_busybox();
    let source = sandbox.directory("source");
    sandbox.file("source/file", "here\n");
    let source = source.display();
    for (mode, target, want) in [
        ("ro", "/x", "ro"),
        ("noexec,nosuid,nodev", "/x", "rw,nosuid,nodev,noexec"),
        ("rw,bind,rslave", "/x", "rw"),
        ("z", "/x", "rw"),
        ("Z,ro", "/x", "ro"),
    ] {
        let line =
            format!("run --rm --network none -v {source}:{target}:{mode} busybox grep ' /x ' /proc/mounts");
        let mounts = sandbox.run(&line).success().out();
        let options = mounts.split(' ').nth(3).expect("options");
        assert!(options.starts_with(want), "{mode}: {mounts}");
    }
    let run = |flags: &str, script: &str| {
        sandbox.run(&format!("run --rm --network none {flags} busybox sh -c '{script}'"))
    };
    run(&format!("--mount type=bind,src={source},dst=/x,ro"), "cat /x/file; touch /x/y 2>&1")
        .code(1)
        .stdout("here\ntouch: /x/y: Read-only file system\n");
    run(&format!("--mount type=bind,src={source}/none,dst=/x"), "true")
        .code(125)
        .stderr_has("bind source path does not exist");
    run(&format!("--mount type=bind,src={source}/made,dst=/x,bind-create-src"), "ls -d /x").success();
    run(&format!("-v {source}/made2/deep:/x"), "ls -d /x").success();
    assert!(sandbox.path().join("source/made").is_dir() && sandbox.path().join("source/made2/deep").is_dir());
    run("--mount type=devpts,dst=/pts,mode=600", "ls /pts; grep -c \" /pts devpts \" /proc/mounts")
        .success()
        .stdout("ptmx\n1\n");
    run("--mount type=ramfs,dst=/ram", "echo x >/ram/x; grep -c \" /ram ramfs \" /proc/mounts")
        .success()
        .stdout("1\n");
    run(
        "--mount type=tmpfs,dst=/etc,tmpcopyup,tmpfs-size=1m",
        "grep -c ^root /etc/passwd; df -m /etc | tail -1 | awk \"{print \\$2}\"",
    )
    .success()
    .stdout("1\n1\n");
    run("--mount type=bind,src=/,dst=/x,idmap", "true").code(125).stderr_has("--userns keep-id");
    run("--mount type=volume,dst=/x,foo=1", "true").code(125).stderr_has("unexpected key 'foo' in 'foo=1'");
    run("--volume-driver nfs", "true").code(125).stderr_has("plugin \"nfs\" not found");
}

#[test]
fn read_only_reaches_what_is_mounted_beneath() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if !mounts.lines().any(|line| line.split(' ').nth(1) == Some("/dev/shm")) {
        crate::skip!("nothing is mounted on /dev/shm, beneath /dev");
    }
    let sandbox = Sandbox::with_busybox();
    let name = format!("coracle-test-{}", std::process::id());
    let script = format!("rm /x/shm/{name} 2>/dev/null && echo writable || echo read-only");
    for (flags, want) in [
        (",ro", "read-only\n"),
        (",ro,bind-recursive=readonly,bind-propagation=rprivate", "read-only\n"),
        (",ro,bind-recursive=writable", "writable\n"),
        ("", "writable\n"),
    ] {
        std::fs::write(format!("/dev/shm/{name}"), "").expect("a file");
        let mount = format!("type=bind,src=/dev,dst=/x{flags}");
        let line = format!("run --rm --network none --mount {mount} busybox sh -c '{script}'");
        sandbox.run(&line).success().stdout(want);
        let _ = std::fs::remove_file(format!("/dev/shm/{name}"));
    }
    let alone =
        "run --rm --network none --mount type=bind,src=/dev,dst=/x,bind-recursive=disabled busybox true";
    sandbox
        .run(alone)
        .code(125)
        .stderr_has("hint: an ordinary user cannot leave out what the host has mounted");
}

#[test]
fn volumes_from_another_container() {
    let sandbox = Sandbox::new();
    let image = Image::busybox_and(&[Entry::directory("data")]).set("Volumes", json!({"/data": {}}));
    sandbox.add(&image, "seeded");
    let source = sandbox.directory("source");
    let owner = format!(
        "create --name owner -v named:/named -v {}:/host:ro --tmpfs /tmpfs seeded true",
        source.display()
    );
    sandbox.run(&owner).success();
    sandbox.run("run --rm --volumes-from owner seeded sh -c 'echo 1 >/data/x; echo 2 >/named/x'").success();
    // The one that ended had the volumes too, and leaves them to who is left.
    sandbox
        .run("run --name reader --volumes-from owner:ro seeded cat /data/x /named/x")
        .success()
        .stdout("1\n2\n");
    sandbox.run("run --rm --volumes-from owner:ro seeded touch /data/y").code(1).stderr_has("Read-only");
    sandbox.run("run --rm --volumes-from owner seeded touch /host/y").code(1).stderr_has("Read-only");
    sandbox.run("run --rm --volumes-from owner -v other:/data seeded ls /data").success().stdout("");
    assert_eq!(sandbox.inspect("reader", "HostConfig.VolumesFrom"), json!(["owner:ro"]));
    let mounts = sandbox.inspect("reader", "Mounts");
    let targets: Vec<_> =
        mounts.as_array().expect("a list").iter().map(|mount| &mount["Destination"]).collect();
    assert_eq!(targets, ["/named", "/host", "/data"]);
    assert!(mounts.as_array().expect("a list").iter().all(|mount| mount["RW"] == false));
    sandbox.run("rm -v owner").success();
    assert_eq!(sandbox.run("volume ls -q --filter dangling=false").success().lines().len(), 2);
    sandbox.run("rm -v reader").success();
    sandbox.run("volume ls -q --filter label=com.docker.volume.anonymous").success().stdout("");
    sandbox
        .run("run --rm --volumes-from nobody seeded true")
        .code(125)
        .stderr_has("No such container: nobody");
}

#[test]
fn what_is_written_over_a_host_directory_is_discarded() {
    let sandbox = Sandbox::with_busybox();
    let source = sandbox.directory("source:with, marks");
    std::fs::write(source.join("file"), "old\n").expect("a file");
    let script = "cat /x/file; echo new >/x/file; touch /x/more; rm -r /x/gone 2>/dev/null; cat /x/file";
    let base = sandbox.path().join("home/s");
    std::os::unix::fs::symlink(&source, &base).expect("a link");
    let line = format!("run --name over -v {}:/x:O busybox sh -c '{script}'", base.display());
    sandbox.run(&line).success().stdout("old\nnew\n");
    // Podman's meaning: what was written ends with the program.
    sandbox.run("start -a over").success().stdout("old\nnew\n");
    assert_eq!(std::fs::read_to_string(source.join("file")).expect("a file"), "old\n");
    assert_eq!(std::fs::read_dir(&source).expect("a directory").count(), 1);
    sandbox.run("rm over").success();
    sandbox.assert_no_traces();
    let (upper, work) = (sandbox.directory("upper"), sandbox.directory("work"));
    let mode = format!("O,upperdir={},workdir={}", upper.display(), work.display());
    sandbox.run(&format!("run --rm -v {}:/x:{mode} busybox touch /x/kept", base.display())).success();
    assert!(upper.join("kept").exists() && !source.join("kept").exists());
    sandbox
        .run(&format!("run --rm -v {}:/x:{mode} busybox ls /x", base.display()))
        .success()
        .stdout("file\nkept\n");
    sandbox
        .run(&format!("run --rm -v {}/none:/x:O busybox true", base.display()))
        .code(125)
        .stderr_has("does not exist");
    // A named volume can be written over as well.
    sandbox.run("run --rm -v data:/x busybox sh -c 'echo kept >/x/file'").success();
    sandbox.run("run --rm -v data:/x:O busybox sh -c 'echo lost >/x/file'").success();
    sandbox.run("run --rm -v data:/x busybox cat /x/file").success().stdout("kept\n");
}

#[test]
fn images_can_be_mounted() {
    let sandbox = Sandbox::with_busybox();
    let entries =
        [Entry::directory("sub"), Entry::file("sub/file", "of the image\n"), Entry::file("top", "")];
    sandbox.add(&Image::busybox_and(&entries), "tools");
    let run = |mount: &str, script: &str| {
        sandbox.run(&format!("run --rm --network none --mount {mount} busybox sh -c '{script}'"))
    };
    run("type=image,src=tools,dst=/i", "cat /i/sub/file; touch /i/x 2>&1")
        .code(1)
        .stdout("of the image\ntouch: /i/x: Read-only file system\n");
    run("type=image,src=tools,dst=/i,image-subpath=sub", "ls /i").success().stdout("file\n");
    run("type=image,src=tools,dst=/i,subpath=top", "wc -c </i").success().stdout("0\n");
    run("type=image,src=tools,dst=/i,rw", "rm /i/top && touch /i/x && ls /i | grep -c x").success();
    run("type=image,src=tools,dst=/i", "ls /i/top").success();
    run("type=image,src=tools,dst=/i,image-subpath=../etc", "true")
        .code(125)
        .stderr_has("invalid image subpath");
    run("type=image,src=tools,dst=/i,image-subpath=nope", "true")
        .code(127)
        .stderr_has("cannot access path nope");
    run("type=image,src=nope,dst=/i", "true").code(125).stderr_has("hint: pull it first: coracle pull nope");
    // The layers stay while a container mounts them.
    sandbox.run("create --name boat --mount type=image,src=tools,dst=/i busybox cat /i/sub/file").success();
    sandbox.run("rmi -f tools").success();
    sandbox.run("start -a boat").success().stdout("of the image\n");
    assert_eq!(sandbox.inspect("boat", "Mounts.0.Type"), "image");
}

#[test]
fn a_part_of_a_volume() {
    let sandbox = Sandbox::with_busybox();
    let script = "mkdir -p /v/a/b; echo deep >/v/a/b/file; ln -s /etc /v/out; ln -s a/b /v/in";
    sandbox.run(&format!("run --rm -v data:/v busybox sh -c '{script}'")).success();
    let run = |subpath: &str, script: &str| {
        let mount = format!("type=volume,src=data,dst=/x,volume-subpath={subpath}");
        sandbox.run(&format!("run --rm --network none --mount {mount} busybox sh -c '{script}'"))
    };
    run("a/b", "cat /x/file").success().stdout("deep\n");
    run("a/b/file", "cat /x").success().stdout("deep\n");
    run("in", "cat /x/file").success().stdout("deep\n");
    // Links are followed inside of the volume alone.
    run("out", "ls /x").code(127).stderr_has("cannot access path").one_clear_line();
    run("../x", "true").code(125).stderr_has("invalid volume subpath");
    run("none", "true").code(127).stderr_has("cannot access path");
}

#[test]
fn files_are_given_to_the_user() {
    if !has_subordinate_ids() {
        crate::skip!("this user has no subordinate ids");
    }
    let sandbox = Sandbox::with_busybox();
    let source = sandbox.directory("source");
    sandbox.file("source/deep/file", "mine\n");
    let line = |mode: &str, script: &str| {
        format!("run --rm -u 1000:1001 -v {}:/x:{mode} busybox sh -c '{script}'", source.display())
    };
    sandbox.run(&line("rw", "touch /x/new")).code(1).stderr_has("Permission denied");
    let script = "stat -c %u:%g /x /x/deep /x/deep/file; touch /x/new && echo mine";
    sandbox.run(&line("U", script)).success().stdout("1000:1001\n1000:1001\n1000:1001\nmine\n");
    sandbox.run(&line("U,ro", "touch /x/new 2>&1")).code(1).stdout("touch: /x/new: Read-only file system\n");
    // Back again, so that what made it can remove it.
    sandbox.run(&format!("run --rm -v {}:/x:U busybox true", source.display())).success();
    std::fs::remove_file(source.join("new")).expect("our own file");
    sandbox
        .run(
            "run --rm -u 7 --mount type=volume,src=data,dst=/x,U busybox sh -c 'touch /x/y; stat -c %u /x/y'",
        )
        .success()
        .stdout("7\n");
    sandbox
        .run("run --rm -u 7 -v /etc:/x:U busybox true")
        .code(125)
        .stderr_has("no id in the container")
        .stderr_has("hint:");
}

#[test]
fn options_of_the_local_driver() {
    let sandbox = Sandbox::with_busybox();
    let source = sandbox.directory("source");
    sandbox.run("volume create -o type=tmpfs -o device=tmpfs -o o=size=2m,mode=700 memory").success();
    sandbox
        .run("run --rm -v memory:/x busybox sh -c 'df -m /x | tail -1 | awk \"{print \\$2}\"; stat -c %a /x'")
        .success()
        .stdout("2\n700\n");
    let device = source.display();
    sandbox.run(&format!("volume create -o type=none -o o=bind -o device={device} shared")).success();
    sandbox.run("run --rm -v shared:/x busybox touch /x/made").success();
    assert!(source.join("made").exists());
    sandbox.run(&format!("volume create -o type=none -o o=bind,ro -o device={device} fixed")).success();
    sandbox.run("run --rm -v fixed:/x busybox touch /x/no").code(1).stderr_has("Read-only file system");
    let options = sandbox.run("volume inspect -f '{{json .Options}}' fixed").success().line();
    assert!(options.contains("\"o\":\"bind,ro\""), "{options}");
    sandbox.run("volume create -o type=none -o o=bind -o device=/no/where missing").success();
    sandbox
        .run("run --rm -v missing:/x busybox true")
        .code(125)
        .stderr_has("failed to mount local volume missing: /no/where: No such file");
    if has_subordinate_ids() {
        sandbox.run("volume create -o o=uid=5,gid=6 owned").success();
        sandbox.run("run --rm -v owned:/x busybox stat -c %u:%g /x").success().stdout("5:6\n");
    }
    sandbox
        .run("run --rm --mount 'type=volume,src=asked,dst=/x,volume-label=a=1,volume-opt=type=tmpfs' busybox true")
        .success();
    sandbox.run("volume inspect -f '{{.Labels.a}} {{.Options.type}}' asked").success().stdout("1 tmpfs\n");
    for (options, want) in [
        ("-o foo=bar", "create v1: invalid option: \"foo\""),
        ("-o type=nfs -o device=:/x", "needs a mount that only root of the host may make"),
    ] {
        sandbox.run(&format!("volume create {options} v1")).code(1).stderr_has(want);
    }
    // What is a host directory is not removed with the volume.
    sandbox.run("volume rm shared fixed").success();
    assert!(source.join("made").exists());
}
