//! Storage drivers: what a container's files can do is the same with each.

use std::fs;

use crate::skip;
use crate::support::{
    Compression, Entry, Image, Layer, Sandbox, eventually, has_subordinate_ids, program, say_skipped,
};

/// The drivers that can work here.
fn drivers() -> Vec<&'static str> {
    let has_fuse = program("fuse-overlayfs").is_some()
        && fs::File::options().read(true).write(true).open("/dev/fuse").is_ok();
    if !has_fuse {
        say_skipped("fuse-overlayfs or /dev/fuse is missing: the other drivers are tested");
    }
    let all = ["overlay", "fuse-overlayfs", "vfs"];
    all.into_iter().filter(|driver| has_fuse || *driver != "fuse-overlayfs").collect()
}

/// Runs a test with each driver, in a store of its own.
fn with_each(test: impl Fn(&Sandbox)) {
    for driver in drivers() {
        eprintln!("storage driver {driver}");
        let sandbox = Sandbox::of_driver(driver);
        test(&sandbox);
        sandbox.assert_no_traces();
    }
}

/// Three layers: the second deletes, replaces and hides, the third goes on.
fn layered() -> Image {
    Image::busybox_and(&[
        Entry::directory("data"),
        Entry::file("data/a", "a"),
        Entry::file("data/b", "b"),
        Entry::hardlink("data/twin", "data/a"),
        Entry::directory("hidden"),
        Entry::file("hidden/old", "old"),
        Entry::directory("replaced"),
        Entry::file("replaced/x", "x"),
    ])
    .with_layer(Layer::new(
        &[
            Entry::file("data/.wh.b", ""),
            Entry::file("data/c", "c"),
            Entry::directory("hidden"),
            Entry::file("hidden/.wh..wh..opq", ""),
            Entry::file("hidden/new", "new"),
            Entry::file("replaced", "a file now"),
        ],
        Compression::Gzip,
    ))
    .with_layer(Layer::new(&[Entry::file("hidden/newer", "newer")], Compression::Gzip))
}

const LOOK: &str = "cd / && ls data hidden && cat replaced && stat -c %h data/a && find / -xdev -name '.wh*'";

#[test]
fn layers_are_shown_together() {
    with_each(|sandbox| {
        sandbox.add(&layered(), "layered");
        let seen = "data:\na\nc\ntwin\n\nhidden:\nnew\nnewer\na file now2\n";
        sandbox
            .run_words(&["run", "--rm", "--network=none", "layered", "sh", "-c", LOOK])
            .success()
            .stdout(seen);
    });
}

/// What is done, and what `diff` says of it. A link in the same place and a file whose size and time are set back are
/// changes too.
const CHANGES: &str = "cd /data; rm c; echo b > b; mkdir -p deep/er; echo x > deep/er/file; ln deep/er/file deep/twin; \
                       touch -r /hidden/new /ref; echo NEW | head -c 3 > /hidden/new; touch -r /ref /hidden/new; rm /ref; \
                       rm /replaced; mkdir -m 1777 /replaced; chmod 600 a";
const CHANGED: &str = "C /data\nC /data/a\nA /data/b\nD /data/c\nA /data/deep\nA /data/deep/er\nA /data/deep/er/file\n\
                       A /data/deep/twin\nC /data/twin\nC /hidden\nC /hidden/new\nC /replaced\n";

#[test]
fn changes_are_told_and_become_a_layer() {
    with_each(|sandbox| {
        sandbox.add(&layered(), "layered");
        sandbox.run("create --name fresh layered true").success();
        sandbox.run("diff fresh").success().stdout("");
        let words =
            ["run", "--name=work", "--network=none", "-v=vol:/mnt/vol", "layered", "sh", "-c", CHANGES];
        sandbox.run_words(&words).success();
        // A name of a file that has changed is left as it is by an overlay, which copies the file with one name.
        let told = sandbox.run("diff work").success().out().replace("C /data/twin\n", "");
        assert_eq!(told, CHANGED.replace("C /data/twin\n", ""));
        let sizes = sandbox.run("ps -a --size --filter name=work --format {{.Size}}").success().out();
        assert!(sizes.starts_with("9B (virtual") || sizes.starts_with("8B (virtual"), "{sizes}");
        sandbox.run("commit work changed").success();
        let look = "cat /data/b /hidden/new /data/deep/twin; ls /data /hidden; stat -c '%a %F' /replaced /data/a; \
                    stat -c %i /data/deep/twin /data/deep/er/file | uniq | wc -l";
        let words = ["run", "--rm", "--network=none", "changed", "sh", "-c", look];
        sandbox.run_words(&words).success().stdout(
            "b\nNEWx\n/data:\na\nb\ndeep\ntwin\n\n/hidden:\nnew\nnewer\n1777 directory\n600 regular file\n1\n",
        );
        sandbox.run("rm -v work fresh").success();
        sandbox.run("rmi changed layered").success();
    });
}

#[test]
fn files_go_in_and_out() {
    with_each(|sandbox| {
        sandbox.add(&layered(), "layered");
        let file = sandbox.file("in", "from outside");
        sandbox.run("create --name cc layered sh -c 'cat /data/in; sleep 1000'").success();
        sandbox.run(&format!("cp {} cc:/data/in", file.display())).success();
        sandbox.run("start cc").success();
        sandbox
            .run("exec cc sh -c 'cat /data/in; echo more > /data/out; rm /data/a'")
            .success()
            .stdout("from outside");
        let out = sandbox.path().join("out");
        sandbox.run(&format!("cp cc:/data/out {}", out.display())).success();
        assert_eq!(fs::read_to_string(&out).unwrap(), "more\n");
        sandbox.run("stop -t 0 cc").success();
        // fuse-overlayfs copies the other name of a file with two.
        let told = sandbox.run("diff cc").success().out().replace("C /data/twin\n", "");
        assert_eq!(told, "C /data\nD /data/a\nA /data/in\nA /data/out\n");
        let exported = sandbox.run("export cc");
        let mut archive = tar::Archive::new(&exported.success().bytes[..]);
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        for name in ["data/c", "data/out", "hidden/newer", "replaced"] {
            assert!(names.iter().any(|other| other == name), "{name} in {names:?}");
        }
        assert!(!names.iter().any(|name| name == "data/a" || name == "hidden/old" || name.contains(".wh.")));
        sandbox.run("rm cc").success();
    });
}

#[test]
fn volumes_and_read_only_roots() {
    with_each(|sandbox| {
        sandbox.add(&layered(), "layered");
        let run = "run --rm --network none -v vol:/data -v /hidden layered";
        sandbox.run(&format!("{run} sh -c 'ls /data /hidden; echo v > /data/v'")).success();
        sandbox.run(&format!("{run} ls /data")).success().stdout("a\nc\ntwin\nv\n");
        sandbox
            .run("run --rm --network none --read-only -v vol:/data layered sh -c 'cat /data/v; touch /data/w /x'")
            .code(1)
            .stdout("v\n")
            .stderr_has("/x: Read-only file system");
        sandbox.run("volume rm vol").success();
    });
}

#[test]
fn owners_are_the_container_s() {
    if !has_subordinate_ids() {
        skip!("no subordinate ids");
    }
    with_each(|sandbox| {
        sandbox.add(&layered(), "layered");
        let is_served = sandbox.run("info -f {{.Driver}}").success().line() == "fuse-overlayfs";
        let script = "stat -c %u:%g /data/a; chown 5:6 /data/c; stat -c %u:%g /data/c";
        for option in ["--userns=host", "--userns=keep-id", "--userns=auto:size=4096"] {
            let words =
                ["run", option, "--name=cc", "--user=0", "--network=none", "layered", "sh", "-c", script];
            if is_served && option.contains("auto") {
                let refused = sandbox.run_words(&words);
                refused.code(125).stderr_has("user ids without your own are not supported by fuse-overlayfs");
                continue;
            }
            sandbox.run_words(&words).success().stdout("0:0\n5:6\n");
            let told = sandbox.run("diff cc").success().out();
            assert!(told.contains("C /data/c\n") && !told.contains("/data/a"), "{option}: {told}");
            sandbox.run("commit cc changed").success();
            sandbox
                .run("run --rm --network none changed stat -c %u:%g /data/a /data/c")
                .success()
                .stdout("0:0\n5:6\n");
            sandbox.run("rm cc").success();
            sandbox.run("rmi changed").success();
        }
    });
}

#[test]
fn the_driver_is_shown() {
    let sandbox = Sandbox::of_driver("vfs");
    sandbox.add(&Image::busybox(), "busybox");
    sandbox.run("run --name old --network none busybox true").success();
    sandbox.run("--storage-driver overlay run --name new --network none busybox true").success();
    // Each container keeps its own.
    assert_eq!(sandbox.inspect("old", "GraphDriver.Name"), "vfs");
    assert_eq!(sandbox.inspect("new", "Driver"), "overlay");
    sandbox.run("start -a old").success();
    sandbox.run("start -a new").success();
    sandbox.run("info -f {{.Driver}}").success().stdout("vfs\n");
    sandbox.run("--storage-driver btrfs info").code(1).stderr(
        "Error: --storage-driver: unknown storage driver: \"btrfs\"\nhint: the drivers are: overlay, fuse-overlayfs, vfs\n",
    );
}

/// The process that serves a container's files, by what it was told to.
fn server_of(id: &str) -> Option<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains("fuse-overlayfs\0-f") && line.contains(id)
    })
}

#[test]
fn who_serves_the_files_comes_and_goes_with_the_container() {
    if !drivers().contains(&"fuse-overlayfs") {
        skip!("no fuse-overlayfs");
    }
    let sandbox = Sandbox::of_driver("fuse-overlayfs");
    sandbox.add(&layered(), "layered");
    let start =
        || sandbox.run("run -d --restart on-failure:1 --network none layered sleep 1000").success().line();
    let id = start();
    let server = eventually("the server", || server_of(&id));
    let descriptors = fs::read_dir(format!("/proc/{server}/fd")).unwrap().flatten();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    let strange: Vec<_> = targets
        .filter(|target| {
            let own = target.starts_with(sandbox.store().join("layers"))
                || target.starts_with(sandbox.container_directory(&id));
            !own && !["/dev/null", "/dev/fuse", "/memfd:", "pipe:"]
                .iter()
                .any(|known| target.to_string_lossy().starts_with(known))
        })
        .collect();
    assert!(strange.is_empty(), "it has {strange:?}");
    // The container ends with it, and comes back by its policy with another.
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(server).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let other = eventually("another server", || server_of(&id).filter(|other| *other != server));
    eventually("the container", || (sandbox.inspect(&id, "State.Running") == true).then_some(()));
    sandbox.run(&format!("exec {id} cat /data/c")).success().stdout("c");
    // It may be on record before its program is there, which nobody could load without the files.
    let runs = || sandbox.run(&format!("top {id}")).out().contains("sleep 1000").then_some(());
    eventually("the program", runs);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(other).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    assert_eq!(sandbox.run(&format!("wait {id}")).success().line(), "137");
    let error = sandbox.inspect(&id, "State.Error");
    assert!(error.as_str().is_some_and(|error| error.starts_with("fuse-overlayfs has served")), "{error}");
    sandbox.run(&format!("rm {id}")).success();
    sandbox.assert_no_traces();
}

/// A server lives as long as what it serves is mounted, and that no longer than those who have mounted it, wherever they
/// have.
#[test]
fn no_server_outlives_who_has_looked_at_the_files() {
    if !drivers().contains(&"fuse-overlayfs") {
        skip!("no fuse-overlayfs");
    }
    let sandbox = Sandbox::of_driver("fuse-overlayfs");
    sandbox.add(&layered(), "layered");
    let id = sandbox.run("create --name cc --network none layered true").success().line();
    let file = sandbox.file("in", "from outside");
    let copy = format!("cp {} cc:/data/in", file.display());
    let none_serves = || {
        eventually("the end of the server", || server_of(&id).is_none().then_some(()));
        let calm = || sandbox.processes().is_empty().then_some(());
        eventually("the end of all", calm);
    };
    sandbox.run(&copy).success();
    none_serves();
    if !crate::support::is_root() {
        let program = sandbox.program().display();
        sandbox.run(&format!("unshare {program} {copy}")).success();
        none_serves();
        let look = format!("cat $({program} image mount layered)/data/c $({program} mount cc)/data/in");
        sandbox.run_words(&["unshare", "sh", "-c", &look]).success().stdout("cfrom outside");
        none_serves();
    }
}

#[test]
fn no_server_outlives_a_supervisor_that_is_killed() {
    if !drivers().contains(&"fuse-overlayfs") {
        skip!("no fuse-overlayfs");
    }
    let sandbox = Sandbox::of_driver("fuse-overlayfs");
    sandbox.add(&layered(), "layered");
    let id = sandbox.run("run -d --rm --network none layered sleep 1000").success().line();
    eventually("the server", || server_of(&id));
    let record = fs::read_to_string(sandbox.container_directory(&id).join("container.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let supervisor = i32::try_from(record["state"]["supervisor"].as_i64().unwrap()).unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(supervisor).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    eventually("the end of the server", || server_of(&id).is_none().then_some(()));
    sandbox.run("ps -a").success();
}
