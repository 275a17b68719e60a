//! User namespaces other than the user's own: who one is inside, whose the files are on both sides, and the layers
//! that such containers need.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;

use crate::support::{Entry, Image, Sandbox, is_driver};
use crate::{needs_a_user_with_ids, needs_ids_without_the_user, skip};

fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

fn gid() -> u32 {
    rustix::process::getgid().as_raw()
}

#[test]
fn keep_id_is_the_same_user_inside_and_outside() {
    needs_a_user_with_ids!();
    let (uid, gid) = (uid(), gid());
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox().set("User", json!("alice")).set("WorkingDir", json!("/opt")), "app");
    let shared = sandbox.directory("shared").display().to_string();
    let run = |flags: &str, script: &str| {
        sandbox.run(&format!("run --rm --userns keep-id {flags} app sh -c '{script}'"))
    };
    let output = run(
        &format!("-v {shared}:/shared"),
        "id -u; id -g; id -un; echo $HOME; echo $USER; touch /shared/mine",
    );
    let name = sandbox.witness("id -un").line();
    output.success().stdout(&format!("{uid}\n{gid}\n{name}\n/opt\n{name}\n"));
    if !is_driver("vfs") {
        output.stderr_has("Preparing 1 layer of app");
    }
    let made = std::fs::metadata(format!("{shared}/mine")).expect("the file");
    assert_eq!((made.uid(), made.gid()), (uid, gid));

    // A home that can be seen is the home; a user that is named has its own, and root is root.
    let home = sandbox.home().display().to_string();
    run(&format!("-v {home}:{home} -e USER=x"), "echo $HOME; echo $USER")
        .success()
        .stdout(&format!("{home}\nx\n"));
    run("-u alice", "id -u; echo $HOME; echo [$USER]").success().stdout("1000\n/home/alice\n[]\n").stderr("");
    run("-u root", "touch /x && stat -c %u:%g /x / /etc/hosts /dev/pts")
        .success()
        .stdout("0:0\n0:0\n0:0\n0:0\n");
    sandbox.assert_no_traces();
}

#[test]
fn keep_id_as_another_number() {
    needs_a_user_with_ids!();
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox_and(&[Entry::file("opt/f", "").owned_by(1000, 0)]), "busybox");
    let shared = sandbox.directory("shared").display().to_string();
    let run = |mode: &str| {
        let script = "id -u; id -g; stat -c %u:%g /shared; cat /proc/self/uid_map | wc -l";
        sandbox.run(&format!("run --rm --userns {mode} -v {shared}:/shared busybox sh -c '{script}'"))
    };
    run("keep-id:uid=1000,gid=2000").success().stdout("1000\n2000\n1000:2000\n3\n");
    run("keep-id:uid=0,gid=0").success().stdout("0\n0\n0:0\n2\n");
    run("keep-id:uid=5,gid=5,size=100")
        .code(125)
        .stderr_has("it belongs to the")
        .stderr_has("hint:")
        .one_clear_line();
    run("keep-id:size=4000000000").code(125);
    let output = run("keep-id:size=2000000000");
    output.code(125).stderr_has("subordinate").stderr_has("--add-subuids").one_clear_line();
    // With vfs the copy that was made for it goes with the next collection.
    sandbox.run("image prune -f").success();
    sandbox.assert_no_traces();
}

#[test]
fn every_verb_enters_the_containers_own_namespace() {
    needs_a_user_with_ids!();
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name kept --userns keep-id busybox sleep 1000").success();
    assert_eq!(sandbox.inspect("kept", "HostConfig.UsernsMode"), "keep-id");
    let uid = uid();
    sandbox.run("exec kept id -u").success().stdout(&format!("{uid}\n"));
    sandbox.run("exec -u 0 kept sh -c 'id -u; echo again >/dev/stdout'").success().stdout("0\nagain\n");
    sandbox
        .run("exec -u 1000 kept sh -c 'echo $HOME; echo again >/dev/stdout'")
        .success()
        .stdout("/home/alice\nagain\n");
    sandbox.run("exec -t -u 0 kept sh -c 'stat -c %u $(tty)'").success().stdout("0\r\n");
    sandbox.run("exec -u 0 kept touch /kept").success();
    sandbox.run("stop -t 0 kept").success();
    sandbox.run("start kept").success();
    sandbox.run("exec -u 0 kept stat -c %u:%g /kept /etc/hosts").success().stdout("0:0\n0:0\n");
    // Another container in its network is made in its user namespace.
    let joined =
        sandbox.run("run --rm --network container:kept busybox sh -c 'cat /proc/self/uid_map | wc -l'");
    joined.success().stdout("3\n");
    sandbox.run("rm -f kept").success();
    sandbox.assert_no_traces();
}

/// Everything that a layer can have comes along: special modes, links, times, attributes, hidden files.
#[test]
fn shifted_layers_are_like_the_plain_ones() {
    needs_a_user_with_ids!();
    if is_driver("fuse-overlayfs") || is_driver("vfs") {
        skip!("this driver counts the names of a file that can be seen, and shares no layers");
    }
    let sandbox = Sandbox::new();
    let below = [
        Entry::directory("d"),
        Entry::file("d/hidden", "x"),
        Entry::file("gone", "x"),
        Entry::file("setuid", "x").with_mode(0o4755).owned_by(1000, 2000),
        Entry::hardlink("d/linked", "setuid"),
        Entry::symlink("link", "nowhere"),
        Entry::Special { path: "fifo".into(), kind: b'6', major: 0, minor: 0 },
        Entry::file("nobodys", "x").owned_by(65534, 65534),
    ];
    let above = [Entry::file("d/.wh..wh..opq", ""), Entry::file("d/seen", "y"), Entry::file(".wh.gone", "")];
    let image = Image::busybox_and(&below)
        .with_layer(crate::support::Layer::new(&above, crate::support::Compression::Gzip));
    sandbox.add(&image, "many");
    let script = "stat -c \"%n %a %u:%g %h %Y %F\" /setuid /link /fifo /d/seen /nobodys; \
                  ls /d /gone 2>&1; cat /setuid; ls -i /setuid | cut -d/ -f1";
    let plain = sandbox.run(&format!("run --rm many sh -c '{script}'"));
    plain.success().stdout_has("/setuid 4755 1000:2000 2 1700000000");
    let shifted = sandbox.run(&format!("run --rm -u 0 --userns keep-id many sh -c '{script}'"));
    let but_inode = |text: String| text.trim_end().rsplit_once('\n').map(|(rest, _)| rest.to_owned());
    assert_eq!(but_inode(shifted.out()), but_inode(plain.out()));
    assert!(shifted.out().contains("gone: No such file"), "{}", shifted.out());

    // Once a layer, shared by all with this map; the next start says nothing.
    let layers = || std::fs::read_dir(sandbox.store().join("layers")).expect("layers").count();
    assert_eq!(layers(), 3 * 3);
    let again = sandbox.run("run -d --name held --userns keep-id many sleep 1000");
    again.success().stderr("");
    // It goes with the plain one, which a container holds.
    sandbox.run("rmi -f many").success();
    assert_eq!(layers(), 3 * 3);
    sandbox.run("exec -u 0 held cat /d/seen").success().stdout("y");
    sandbox.run("rm -f held").success();
    // Docker's rule: the image has lost its name alone while the container ran.
    sandbox.run("image prune -f").success();
    assert_eq!(layers(), 0);
}

#[test]
fn a_volume_has_the_owner_that_it_has_without() {
    needs_a_user_with_ids!();
    let sandbox = Sandbox::new();
    sandbox.add(
        &Image::busybox_and(&[Entry::directory("data"), Entry::file("data/f", "x").owned_by(1000, 1000)]),
        "image",
    );
    let run = |flags: &str, script: &str| {
        sandbox.run(&format!("run --rm --userns keep-id {flags} image sh -c '{script}'"))
    };
    run("-v filled:/data", "stat -c %u /data /data/f").success().stdout("0\n1000\n");
    run("-v filled:/data", "stat -c %u /data /data/f").success().stdout("0\n1000\n");
    run("-v fresh:/fresh", "touch /fresh/x && stat -c %u /fresh/x").success().stdout(&format!("{}\n", uid()));
    let closed = sandbox.home();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).expect("our home");
    let home = closed.display();
    run(&format!("-v {home}:/home/me"), "touch /home/me/x").success();
}

#[test]
fn the_user_is_nobody_inside() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = Sandbox::new();
    sandbox.add(
        &Image::busybox_and(&[Entry::directory("data"), Entry::file("data/f", "x").owned_by(1000, 1000)]),
        "app",
    );
    for mode in ["nomap", "auto:size=2001", "auto:size=3000"] {
        let shared = sandbox.directory("shared").display().to_string();
        let script = "id -u; stat -c %u /etc /shared /etc/hosts /data/f; touch /x && echo out >/dev/stdout";
        let flags =
            format!("--userns {mode} -v {shared}:/shared -v named-{}:/data", mode.replace([':', '='], "-"));
        let run = |script: &str| sandbox.run(&format!("run --rm {flags} app sh -c '{script}'"));
        run(script).success().stdout("0\n0\n65534\n0\n1000\nout\n");
        run("echo y >/data/g && cat /data/g").success().stdout("y\n");
        let plain =
            sandbox.run(&format!("run --rm -u 1000 {flags} app sh -c 'echo again >/dev/stdout; id -u'"));
        plain.success().stdout("again\n1000\n");
    }
    // A program that runs is entered, started again, and gone without a trace.
    sandbox.run("run -d --name own --userns auto -v fresh:/fresh app sleep 1000").success();
    assert_eq!(sandbox.inspect("own", "HostConfig.UsernsMode"), "auto");
    sandbox
        .run("exec -t own sh -c 'touch /fresh/x /x; stat -c %u /fresh/x $(tty)'")
        .success()
        .stdout("0\r\n0\r\n");
    let same = sandbox.run("run --rm --userns container:own app cat /proc/self/uid_map");
    assert_eq!(same.success().out(), sandbox.run("exec own cat /proc/self/uid_map").success().out());
    sandbox.run("stop -t 0 own").success();
    sandbox
        .run("run --rm --userns container:own app true")
        .code(125)
        .stderr_has("is not running")
        .one_clear_line();
    sandbox.run("start own").success();
    sandbox.run("exec own stat -c %u /x").success().stdout("0\n");
    sandbox.run("rm -f own").success();
    sandbox.assert_no_traces();
}

#[test]
fn automatic_ranges_are_never_shared() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = Sandbox::with_busybox();
    let running: Vec<_> = (0..32)
        .map(|number| {
            let line =
                format!("run -d --name c{number} --network none --userns auto:size=500 busybox sleep 1000");
            sandbox.command(&line).start()
        })
        .collect();
    running.into_iter().for_each(|running| {
        running.finish().success();
    });
    let start = |number: u32| {
        let map = sandbox.run(&format!("exec c{number} cat /proc/self/uid_map")).success().out();
        let fields: Vec<u32> =
            map.split_ascii_whitespace().map(|field| field.parse().expect("a number")).collect();
        assert_eq!((fields[0], fields[2], fields.len()), (0, 500, 3), "{map}");
        fields[1]
    };
    let mut starts: Vec<u32> = (0..32).map(start).collect();
    starts.sort_unstable();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 500), "{starts:?}");
    // What is removed is free for the next.
    let highest = starts[31];
    let freed = (0..32).find(|number| start(*number) == highest).expect("one of them");
    sandbox.run(&format!("rm -f c{freed}")).success();
    let map = sandbox
        .run("run --rm --network none --userns auto:size=500 busybox cat /proc/self/uid_map")
        .success()
        .out();
    assert_eq!(map.split_ascii_whitespace().nth(1), Some(highest.to_string().as_str()));
    let error = sandbox.run("run --rm --userns auto:size=2000000000 busybox true");
    error.code(125).stderr_has("not so many are free").stderr_has("--add-subuids").one_clear_line();
}

#[test]
fn maps_written_by_hand() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = Sandbox::with_busybox();
    let run = |flags: &str, command: &str| {
        sandbox.run(&format!("run --rm --network none {flags} busybox {command}"))
    };
    run("--uidmap 0:1:500 --uidmap 700:0", "sh -c 'cat /proc/self/uid_map | tr -s \" \"'")
        .success()
        .stdout(" 0 1 500\n 700 0 1\n");
    run(&format!("--uidmap 0:1:500 --uidmap 7000:@{} -u 7000", uid()), "id -u").success().stdout("7000\n");
    run("--uidmap +70000:5 -u 70000", "sh -c 'grep -c . /proc/self/uid_map; id -u'")
        .success()
        .stdout("4\n70000\n");
    run("--userns auto:size=1500 -u alice", "true").code(125).stderr_has("groups 1000,2000").one_clear_line();
    run("--uidmap 0:0:10 -u 50", "true")
        .code(125)
        .stderr_has("user ids 0-9")
        .stderr_has("--uidmap")
        .one_clear_line();
    run("--uidmap 0:1:5 --userns keep-id", "true").code(125).stderr_has("conflicting").one_clear_line();
    run("--uidmap 0:@1:5", "true").code(125).stderr_has("not yours").one_clear_line();
    let podman = sandbox
        .command("run --rm --network none busybox id -u")
        .env("PODMAN_USERNS", "keep-id:uid=77")
        .finish();
    podman.success().stdout("77\n");
}

#[test]
fn groups_of_the_caller_are_kept() {
    let sandbox = Sandbox::with_busybox();
    let groups = |flags: &str| {
        let output =
            sandbox.run(&format!("run --rm --network none {flags} busybox grep Groups: /proc/self/status"));
        output.success().line().split_ascii_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(groups("--group-add 77 --group-add boat"), ["0", "77", "2000"]);
    // Those that are not mapped are shown as nobody's, but they are there.
    let own = sandbox.witness("grep Groups: /proc/self/status").line();
    assert_eq!(groups("--group-add keep-groups").len(), own.split_ascii_whitespace().skip(1).count());
    let both = sandbox.run("run --rm --group-add keep-groups --group-add 5 busybox true");
    both.code(125).stderr_has("not allowed with any other").one_clear_line();
}

#[test]
fn defaults_of_a_file() {
    needs_a_user_with_ids!();
    let sandbox = Sandbox::with_busybox();
    let file = sandbox.home().join(".config/coracle/coracle.toml");
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("make the directory");
    let write = |text: &str| std::fs::write(&file, text).expect("write the file");
    write(
        "[containers]\nuserns = \"keep-id\"\nnetns = \"none\"\nenv = [\"A=file\", \"B=file\"]\numask = \"0027\"\n\
         log_driver = \"k8s-file\"\n[engine]\nstop_timeout = 7\n",
    );
    let show = "sh -c 'id -u; echo $A $B; umask; ls /sys/class/net'";
    let output = sandbox.run(&format!("run --name kept -e B=flag busybox {show}"));
    output.success().stdout(&format!("{}\nfile flag\n0027\nlo\n", uid()));
    let format = "{{.HostConfig.UsernsMode}} {{.HostConfig.LogConfig.Type}} {{.Config.StopTimeout}}";
    let shown = sandbox.run(&format!("inspect --format '{format}' kept"));
    shown.success().stdout("keep-id k8s-file 7\n");
    sandbox.run("run --rm --userns host busybox id -u").success().stdout("0\n");

    // Who shares a namespace has its owner's ids, whatever is usual.
    sandbox.run("run -d --name plain --userns host busybox sleep 1000").success();
    sandbox.run("run --rm --network container:plain busybox id -u").success().stdout("0\n");

    write("[containers]\n\nusrens = \"keep-id\"\n");
    let output = sandbox.run("run --rm busybox true");
    output
        .code(125)
        .one_clear_line()
        .stderr_has(&format!("read {}: line 3: unknown field `usrens`", file.display()));
    write("[containers]\nlog_driver = \"tape\"\n");
    let output = sandbox.run("create busybox");
    output.stderr_has(&format!("use {}: log_driver: ", file.display()));
    assert_ne!(output.exit_code(), 0);
    write("");
    sandbox.run("rm -f kept plain").success();
    sandbox.assert_no_traces();
}

#[test]
fn entries_in_the_user_databases() {
    let sandbox = Sandbox::with_busybox();
    let last = |flags: &str| {
        let script = "tail -n 1 /etc/passwd; tail -n 1 /etc/group";
        sandbox.run(&format!("run --rm --network none {flags} busybox sh -c '{script}'"))
    };
    let usual = last("-u 77:88").success().out();
    let entries =
        "--passwd-entry '$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/ash' --group-entry '$GROUPNAME:x:$GID:'";
    last(&format!("-u 77:88 {entries}")).success().stdout("77:x:77:88:container user:/:/bin/ash\n88:x:88:\n");
    last(&format!("-u 77:88 --passwd=false {entries}")).success().stdout(&usual);
    last(&format!("-u alice {entries}")).success().stdout(&usual);
    let hosts = last("--hostuser daemon").success().out();
    assert!(hosts.starts_with("daemon:*:1:1:") || hosts == usual, "{hosts}");
    last("--hostuser no.such.user").code(125).stderr_has("unable to find user no.such.user").one_clear_line();
    last("--passwd-entry x").code(125).stderr_has("invalid entry");
}

#[test]
fn a_namespace_by_its_path_and_ranges_by_a_name() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = Sandbox::with_busybox();
    let map = |flags: &str| {
        sandbox
            .run(&format!("run --rm --network none {flags} busybox sh -c 'tr -s \" \" </proc/self/uid_map'"))
    };
    sandbox.run("run -d --name owner --network none --userns auto:size=1500 busybox sleep 1000").success();
    let pid = sandbox.inspect("owner", "State.Pid");
    let path = format!("/proc/{pid}/ns/user");
    let same = sandbox.run("exec owner sh -c 'tr -s \" \" </proc/self/uid_map'").success().out();
    map(&format!("--userns ns:{path}")).success().stdout(&same);
    sandbox
        .run(&format!(
            "run --rm --network none --userns ns:{path} busybox sh -c 'touch /x; stat -c %u /x /bin'"
        ))
        .success()
        .stdout("0\n0\n");
    map("--userns ns:/etc/passwd").code(125).stderr_has("it is no namespace").one_clear_line();
    map("--userns ns:/proc/self/ns/none").code(125).stderr_has("open the user namespace").one_clear_line();
    map("--userns ns:/proc/1/ns/user").code(125).one_clear_line();

    // Ids of the user's own choice in a range of the container's own.
    let shared = sandbox.directory("shared").display().to_string();
    let line = format!(
        "run --rm --network none -u 1000 --userns auto:size=1500,uidmapping=1000:0:1,gidmapping=2000:0 \
         -v {shared}:/shared busybox touch /shared/mine"
    );
    sandbox.run(&line).success();
    assert_eq!(std::fs::metadata(format!("{shared}/mine")).expect("the file").uid(), uid());
    map("--userns auto:size=9,uidmapping=0:@1:5").code(125).stderr_has("not yours").one_clear_line();

    let name = sandbox.witness("id -un").line();
    let listed = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    let own = listed.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))?.split_once(':'));
    match own {
        Some((_, count)) => {
            map(&format!("--subuidname {name}")).success().stdout(&format!(" 0 1 {count}\n"));
        }
        None => crate::support::say_skipped("the ranges are not by name"),
    }
    map("--subuidname no.such.name").code(125).stderr_has("no subordinate ids of").one_clear_line();
    map(&format!("--subuidname {name} --uidmap 0:1:5")).code(125).stderr_has("conflicting options");
    sandbox.run("rm -f owner").success();
    sandbox.assert_no_traces();
}

/// Every kind of map: with the user in it and without, with all ids and with few.
const MAPS: [&str; 5] = [
    "--userns keep-id",
    "--userns auto",
    "--userns nomap",
    "--uidmap 0:1:5000 --gidmap 0:1:5000",
    "--uidmap 0:0:1 --uidmap 1:7:100 --gidmap 0:0:1 --gidmap 1:7:100",
];

#[test]
fn what_is_written_over_files_is_discarded_under_every_map() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = Sandbox::with_busybox();
    let source = sandbox.directory("source");
    std::fs::write(source.join("file"), "old\n").expect("a file");
    let (upper, work) = (sandbox.directory("upper"), sandbox.directory("work"));
    for (index, map) in MAPS.iter().enumerate() {
        let run = |flags: &str, script: &str| {
            sandbox.run(&format!("run --network none --user 0 {map} {flags} busybox sh -c '{script}'"))
        };
        let over = format!("--name over -v {}:/x:O", source.display());
        run(&over, "cat /x/file; echo new >/x/more; ls /x").success().stdout("old\nfile\nmore\n");
        sandbox.run("start -a over").success().stdout("old\nfile\nmore\n");
        sandbox.run("rm over").success();
        let volume = format!("--rm -v data{index}:/x");
        run(&volume, "mkdir /x/deep; echo kept >/x/deep/file").success();
        run(&format!("{volume}:O"), "echo lost >/x/deep/file; touch /x/deep/more; cat /x/deep/file")
            .success()
            .stdout("lost\n");
        run(&volume, "cat /x/deep/*").success().stdout("kept\n");
        assert_eq!(std::fs::read_dir(&source).expect("a directory").count(), 1);
    }
    let mode = format!("O,upperdir={},workdir={}", upper.display(), work.display());
    let line = format!("run --rm --userns auto --network none -v {}:/x:{mode} busybox", source.display());
    sandbox.run(&format!("{line} touch /x/kept")).success();
    sandbox.run(&format!("{line} ls /x")).success().stdout("file\nkept\n");
    sandbox.assert_no_traces();
}

#[test]
fn mounted_images_have_the_owners_that_they_say() {
    needs_ids_without_the_user!();
    needs_a_user_with_ids!();
    let sandbox = Sandbox::with_busybox();
    let entries = [Entry::directory("sub"), Entry::file("sub/file", "of the image\n").owned_by(33, 34)];
    sandbox.add(&Image::busybox_and(&entries), "tools");
    for map in MAPS {
        let run = |mount: &str, script: &str| {
            let mount = format!("--mount type=image,src=tools,dst=/i{mount}");
            sandbox.run(&format!("run --rm --network none --user 0 {map} {mount} busybox sh -c '{script}'"))
        };
        run("", "stat -c %u:%g /i /i/sub/file; cat /i/sub/file; touch /i/x 2>&1")
            .code(1)
            .stdout("0:0\n33:34\nof the image\ntouch: /i/x: Read-only file system\n");
        run(",rw", "echo more >>/i/sub/file; touch /i/x; stat -c %u:%g /i/x /i/sub/file; cat /i/sub/file")
            .success()
            .stdout("0:0\n33:34\nof the image\nmore\n");
        run(",subpath=sub", "stat -c %u:%g /i/file").success().stdout("33:34\n");
    }
    sandbox.assert_no_traces();
}
