//! `run`: what goes in (flags, environment, user, files) and what comes out (exit codes, streams, traces).

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::process::Signal;
use serde_json::json;

use crate::skip;
use crate::support::sandbox::wait_for_status;
use crate::support::{Entry, Image, Sandbox, eventually, has_subordinate_ids, is_root, within};

#[test]
fn says_what_the_program_says() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm busybox sh -c 'echo out; echo err >&2'");
    output.success().stdout("out\n").stderr("err\n");
    sandbox.assert_no_traces();
}

#[test]
fn the_greeting_needs_no_image_and_no_network() {
    let sandbox = Sandbox::new();
    let output = sandbox.run("run --rm builtin:hello");
    output.success().stdout_has("Hello");
    sandbox.run("ps -a -q").success().stdout("");
    sandbox.assert_no_traces();
}

#[test]
fn exit_codes() {
    let sandbox = Sandbox::with_busybox();
    for (command, code) in [
        ("run --rm busybox true", 0),
        ("run --rm busybox false", 1),
        ("run --rm busybox sh -c 'exit 3'", 3),
        ("run --rm busybox sh -c 'exit 255'", 255),
        ("run --rm --init busybox sh -c 'kill -KILL $$'", 137),
        ("run --rm --init busybox sh -c 'kill -TERM $$'", 143),
        ("run --rm busybox /etc/passwd", 126),
        ("run --rm busybox /etc", 126),
        ("run --rm busybox no-such-program", 127),
        ("run --rm busybox /no/such/program", 127),
        ("run --rm --no-such-flag busybox true", 125),
        ("run --rm --workdir relative busybox true", 125),
        ("run --rm --network no-such-mode busybox true", 125),
    ] {
        sandbox.run(command).code(code);
    }
    sandbox.assert_no_traces();
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm busybox no-such-program");
    output.code(127).stdout("").stderr_has("no-such-program").one_clear_line();
    assert!(output.stderr.starts_with("coracle: "), "{}", output.stderr);
    output.stderr_has("executable file not found in $PATH");
    let output = sandbox.run("run --rm busybox /etc/passwd");
    output.code(126).stderr_has("permission denied").one_clear_line();
}

#[test]
fn a_file_without_a_format_cannot_be_invoked() {
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox_and(&[Entry::program("bin/noise", [0x7f, 1, 2, 3])]), "noise");
    sandbox.run("run --rm noise noise").stderr_has("exec format error").one_clear_line();
}

#[test]
fn environment_comes_from_image_flags_and_files() {
    let sandbox = Sandbox::new();
    let image = Image::busybox().set("Env", json!(["PATH=/bin", "FROM_IMAGE=1", "CHANGED=image"]));
    sandbox.add(&image, "env");
    let file = sandbox.file("variables", "# a comment\nFROM_FILE=file value\nCHANGED=file\n\nHOSTED\n");
    let output = sandbox
        .command(&format!(
            "run --rm -h boat --env-file {} -e CHANGED=flag -e HOSTED -e ABSENT -e EMPTY= env env",
            file.display()
        ))
        .env("HOSTED", "by host")
        .finish();
    let mut lines = output.success().lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "CHANGED=flag",
            "EMPTY=",
            "FROM_FILE=file value",
            "FROM_IMAGE=1",
            "HOME=/root",
            "HOSTED=by host",
            "HOSTNAME=boat",
            "PATH=/bin",
        ]
    );
}

#[test]
fn a_terminal_is_told_of_in_the_environment() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = crate::support::Pty::coracle(&sandbox, "run --rm -t busybox sh -c 'echo [$TERM]'");
    terminal.expect("[xterm]");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn entry_point_and_command() {
    let sandbox = Sandbox::new();
    let image =
        Image::busybox().set("Entrypoint", json!(["echo", "entry"])).set("Cmd", json!(["image", "command"]));
    sandbox.add(&image, "both");
    for (command, want) in [
        ("run --rm both", "entry image command\n"),
        ("run --rm both mine", "entry mine\n"),
        ("run --rm --entrypoint echo both mine", "mine\n"),
        ("run --rm --entrypoint echo both", "\n"),
        ("run --rm --entrypoint '' both echo bare", "bare\n"),
    ] {
        sandbox.run(command).success().stdout(want);
    }
}

#[test]
fn an_image_without_a_command_says_so() {
    let sandbox = Sandbox::new();
    let mut image = Image::busybox();
    image.config["config"] = json!({});
    sandbox.add(&image, "silent");
    sandbox.run("run --rm silent").code(125).stderr_has("no command specified").one_clear_line();
    sandbox.assert_no_traces();
}

#[test]
fn users_by_name_number_and_group() {
    if !has_subordinate_ids() {
        skip!("no subordinate ids for this user");
    }
    let sandbox = Sandbox::with_busybox();
    for (flag, want) in [
        ("0", "uid=0(root) gid=0(root)"),
        ("alice", "uid=1000(alice) gid=1000(alice) groups=1000(alice),2000(boat)"),
        ("1000", "uid=1000(alice) gid=1000(alice) groups=1000(alice),2000(boat)"),
        ("alice:boat", "uid=1000(alice) gid=2000(boat) groups=2000(boat)"),
        ("1000:2000", "uid=1000(alice) gid=2000(boat) groups=2000(boat)"),
        ("4321", "uid=4321 gid=0(root) groups=0(root)"),
        ("4321:99", "uid=4321 gid=99 groups=99"),
    ] {
        let output = sandbox.run(&format!("run --rm -u {flag} busybox id"));
        let said = output.success().line();
        assert!(said.starts_with(want), "-u {flag}: {said:?} instead of {want:?}");
    }
    let home = sandbox.run("run --rm -u alice busybox sh -c 'echo $HOME'");
    home.success().stdout("/home/alice\n");
}

#[test]
fn further_groups_are_added() {
    if !has_subordinate_ids() {
        skip!("no subordinate ids for this user");
    }
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm -u 1000:1000 --group-add boat --group-add 77 busybox id -G");
    output.success().stdout("1000 77 2000\n");
}

#[test]
fn a_user_that_does_not_exist_is_an_error() {
    let sandbox = Sandbox::with_busybox();
    for (user, word) in [
        ("nobody-here", "nobody-here"),
        ("root:no-such-group", "no-such-group"),
        ("4294967296", "0-2147483647"),
    ] {
        sandbox.run(&format!("run --rm -u {user} busybox true")).code(125).stderr_has(word).one_clear_line();
    }
    sandbox.assert_no_traces();
}

#[test]
fn working_directories_are_made() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm busybox pwd").success().stdout("/\n");
    sandbox.run("run --rm -w /etc busybox pwd").success().stdout("/etc\n");
    sandbox.run("run --rm --workdir /deep/down busybox pwd").success().stdout("/deep/down\n");
    sandbox.add(&Image::busybox().set("WorkingDir", json!("/opt")), "worker");
    sandbox.run("run --rm worker pwd").success().stdout("/opt\n");
}

#[test]
fn host_names() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm -h boat busybox hostname").success().stdout("boat\n");
    sandbox.run("run --rm --hostname boat busybox cat /etc/hostname").success().stdout("boat\n");
    let id = sandbox.run("run -d busybox hostname").success().line();
    sandbox.run(&format!("wait {id}")).success().stdout("0\n");
    sandbox.run(&format!("logs {id}")).success().stdout(&format!("{}\n", &id[..12]));
}

#[test]
fn bind_mounts_share_files_both_ways() {
    let sandbox = Sandbox::with_busybox();
    let shared = sandbox.directory("shared");
    fs::write(shared.join("from-host"), "hello").expect("a file");
    let flag = format!("-v {}:/data", shared.display());
    let output = sandbox
        .run(&format!("run --rm {flag} busybox sh -c 'cat /data/from-host; echo back >/data/from-inside'"));
    output.success().stdout("hello");
    assert_eq!(fs::read_to_string(shared.join("from-inside")).expect("a file"), "back\n");
    let owner = fs::metadata(shared.join("from-inside")).expect("a file").uid();
    assert_eq!(owner, rustix::process::getuid().as_raw(), "container root is the user");
}

#[test]
fn read_only_bind_mounts_refuse_writing() {
    let sandbox = Sandbox::with_busybox();
    let shared = sandbox.directory("shared");
    for flag in [
        format!("-v {}:/data:ro", shared.display()),
        format!("--mount type=bind,source={},target=/data,readonly", shared.display()),
        format!("--mount type=bind,src={},dst=/data,ro=true", shared.display()),
    ] {
        let output = sandbox.run(&format!("run --rm {flag} busybox touch /data/x"));
        output.code(1).stderr_has("Read-only file system");
        let again = "mount -o remount,rw,bind /data; touch /data/x";
        assert_ne!(sandbox.run(&format!("run --rm {flag} busybox sh -c '{again}'")).exit_code(), 0, "{flag}");
    }
    assert_eq!(fs::read_dir(&shared).expect("a directory").count(), 0);
}

#[test]
fn a_file_can_be_bound_onto_a_file() {
    let sandbox = Sandbox::with_busybox();
    let file = sandbox.file("message", "over the top\n");
    let output = sandbox.run(&format!("run --rm -v {}:/etc/motd:ro busybox cat /etc/motd", file.display()));
    output.success().stdout("over the top\n");
}

#[test]
fn missing_bind_sources() {
    let sandbox = Sandbox::with_busybox();
    let missing = sandbox.path().join("not-there");
    let mount = format!("run --rm --mount type=bind,src={0},dst=/data busybox true", missing.display());
    sandbox.run(&mount).code(125).stderr_has("bind source path does not exist").one_clear_line();
    assert!(!missing.exists(), "--mount makes nothing");
    sandbox.run(&format!("run --rm -v {}:/data busybox true", missing.display())).success();
    assert!(missing.is_dir(), "-v makes the directory, as docker does");
}

#[test]
fn named_volumes_stay_and_start_with_the_image_content() {
    let sandbox = Sandbox::new();
    let image = Image::busybox_and(&[
        Entry::directory("data"),
        Entry::file("data/first", "from the image\n").with_mode(0o640),
        Entry::symlink("data/link", "first"),
    ]);
    sandbox.add(&image, "filled");
    sandbox.run("run --rm -v hold:/data filled cat /data/link").success().stdout("from the image\n");
    sandbox
        .run("run --rm -v hold:/data filled sh -c 'stat -c %a /data/first; rm /data/first; echo x >/data/y'")
        .success()
        .stdout("640\n");
    sandbox.run("run --rm -v hold:/data filled ls /data").success().stdout("link\ny\n");
    sandbox
        .run("run --rm -v hold:/other:ro filled touch /other/z")
        .code(1)
        .stderr_has("Read-only file system");
    sandbox.run("run --rm --mount type=volume,source=hold,target=/m filled cat /m/y").success().stdout("x\n");
}

#[test]
fn anonymous_volumes_go_with_rm() {
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox().set("Volumes", json!({ "/cache": {} })), "holding");
    sandbox
        .run("run --rm holding sh -c 'echo x >/cache/x; grep -c /cache /proc/mounts'")
        .success()
        .stdout("1\n");
    let volumes = sandbox.store().join("volumes");
    assert_eq!(fs::read_dir(volumes).map(Iterator::count).unwrap_or(0), 0, "no volume is left");
}

#[test]
fn memory_mounts() {
    let sandbox = Sandbox::with_busybox();
    let table = "stat -f -c %T /t; stat -c %a /t; touch /t/x && echo ok";
    sandbox
        .run(&format!("run --rm --tmpfs /t busybox sh -c '{table}'"))
        .success()
        .stdout("tmpfs\n1777\nok\n");
    sandbox
        .run(&format!("run --rm --tmpfs /t:size=1m,mode=700 busybox sh -c '{table}'"))
        .success()
        .stdout("tmpfs\n700\nok\n");
    let size = sandbox.run("run --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m busybox df -k /t");
    size.success().stdout_has(" 1024 ");
    let exec = sandbox.run("run --rm --tmpfs /t busybox sh -c 'cp /bin/busybox /t/true; /t/true'");
    exec.code(126).stderr_has("Permission denied");
}

#[test]
fn a_read_only_root_refuses_writing_but_mounts_do_not() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm --read-only busybox touch /x").code(1).stderr_has("Read-only file system");
    sandbox.run("run --rm --read-only --tmpfs /t busybox touch /t/x").success();
    sandbox.run("run --rm --read-only busybox touch /dev/shm/x").success();
    sandbox.run("run --rm --read-only busybox sh -c 'echo >/dev/null'").success();
    sandbox.run("run --rm busybox touch /x").success();
}

#[test]
fn init_reaps_and_forwards() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.run("run --rm --init busybox sh -c 'echo $$; tr \"\\0\" \" \" </proc/1/cmdline'");
    let lines = output.success().lines();
    assert_ne!(lines[0], "1", "the program is not process 1");
    assert!(lines[1].starts_with("/sbin/docker-init -- sh -c echo "), "{lines:?}");
    assert!(!sandbox.run("run --rm --init busybox env").success().out().contains("INIT="));
    // The inner shell ends first and leaves an orphan, which only process 1 can reap.
    let orphan = "(sleep 0.2 &) ; sleep 1; cat /proc/[0-9]*/status | grep -c zombie";
    sandbox.run(&format!("run --rm --init busybox sh -c '{orphan}'")).code(1).stdout("0\n");
    let id = sandbox.run("run -d --init busybox sleep 1000").success().line();
    sandbox.run(&format!("top {id} -o pid,args")).success().stdout_has(" /sbin/docker-init -- sleep 1000\n");
    sandbox.run(&format!("kill -s TERM {id}")).success();
    sandbox.run(&format!("wait {id}")).success().stdout("143\n");
}

#[test]
fn standard_input_is_passed_only_when_asked_for() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .command("run --rm -i busybox cat")
        .input("through the pipe")
        .finish()
        .success()
        .stdout("through the pipe");
    sandbox.command("run --rm busybox cat").input("ignored").finish().success().stdout("");
    sandbox
        .command("run --rm -i busybox wc -c")
        .input(vec![b'x'; 3 << 20])
        .finish()
        .success()
        .stdout("3145728\n");
}

#[test]
fn the_end_of_input_arrives() {
    let sandbox = Sandbox::with_busybox();
    let mut running = sandbox.command("run --rm -i busybox sh -c 'cat; echo over'").start_open();
    running.write("line\n");
    running.expect("line\n");
    assert!(!running.is_over());
    running.close_input();
    running.finish().success().stdout("line\nover\n");
}

#[test]
fn bytes_pass_unchanged() {
    let sandbox = Sandbox::with_busybox();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let output = sandbox.command("run --rm -i busybox cat").input(bytes.clone()).finish();
    output.success();
    assert!(output.bytes == bytes, "binary data is not changed");
}

#[test]
fn a_reader_that_goes_away_is_no_drama() {
    let sandbox = Sandbox::with_busybox();
    let program = sandbox.program().display().to_string();
    let line = format!("sh -c '{program} run --rm busybox yes | head -n 1'");
    sandbox.witness(&line).success().stdout("y\n").stderr("");
    sandbox.assert_no_traces();
}

#[test]
fn signals_reach_the_program() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"echo got; exit 7\" TERM; echo ready; while :; do sleep 0.1; done";
    let running = sandbox.command(&format!("run --rm busybox sh -c '{script}'")).start();
    running.expect("ready");
    running.signal(Signal::TERM);
    running.finish().code(7).stdout("ready\ngot\n");
    sandbox.assert_no_traces();
}

#[test]
fn a_command_line_whose_reader_goes_leaves_its_container_and_ends() {
    let sandbox = Sandbox::with_busybox();
    let program = sandbox.program().display().to_string();
    let script = "while :; do echo more; sleep 0.02; done";
    let line = format!(
        "bash -c '{program} run --name boat busybox sh -c \"{script}\" | head -n 1; echo ${{PIPESTATUS[0]}}'"
    );
    sandbox.witness(&line).success().stdout("more\n141\n");
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
    let line = format!("bash -c '{program} run --name other busybox sh -c \"{script}\" >/dev/full'");
    sandbox.witness(&line).code(125).stderr_has("write the output: No space left on device");
    assert_eq!(sandbox.inspect("other", "State.Running"), true);
    sandbox.run("stop -t 0 boat").success();
    let line = format!("bash -c '{program} start -a boat | head -n 1; echo ${{PIPESTATUS[0]}}'");
    sandbox.witness(&line).success().stdout("more\n141\n");
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
}

#[test]
fn a_killed_command_line_leaves_no_traces() {
    let sandbox = Sandbox::with_busybox();
    for moment in ["at once", "while it runs"] {
        let mut running =
            sandbox.command("run --rm --name doomed busybox sh -c 'echo ready; sleep 3'").start();
        if moment == "while it runs" {
            running.expect("ready");
        }
        running.child.kill().expect("the command runs");
        running.child.wait().expect("a child");
        // The supervisor keeps the container, and --rm still holds when its program ends.
        sandbox.assert_no_traces();
    }
}

#[test]
fn a_killed_command_line_at_any_moment() {
    let sandbox = Sandbox::with_busybox();
    // The first of all finds out how files are stored here, with layers that a death leaves to the next collection.
    sandbox.run("run --rm busybox true").success();
    for delay in [0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64] {
        let mut running = sandbox.command("run --rm busybox true").start();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        let _ = running.child.kill();
        let _ = running.child.wait();
    }
    // What was cut off before its supervisor began is swept up by the next command that looks.
    sandbox.run("run --rm busybox true").success();
    sandbox.assert_no_traces();
    sandbox.run("ps -a -q").success().stdout("");
}

#[test]
fn a_supervisor_that_is_killed_is_noticed() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("run -d busybox sleep 1000").success().line();
    let record = fs::read(sandbox.container_directory(&id).join("container.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON that anybody can read");
    let supervisor =
        i32::try_from(record["state"]["supervisor"].as_i64().expect("a process")).expect("a pid");
    let pid = rustix::process::Pid::from_raw(supervisor).expect("a process");
    rustix::process::kill_process(pid, Signal::KILL).expect("it runs");
    eventually("the container is seen to be over", || {
        (sandbox.inspect(&id, "State.Running") == false).then_some(())
    });
    sandbox.run(&format!("rm -f {id}")).success();
    sandbox.assert_no_traces();
}

#[test]
fn names_are_random_and_unique() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name taken busybox true").success();
    let id = sandbox.inspect("taken", "Id").as_str().expect("an id").to_owned();
    let want = format!(
        "Conflict. The container name \"/taken\" is already in use by container \"{id}\". You have to remove (or \
         rename) that container to be able to reuse that name."
    );
    sandbox.run("run --rm --name taken busybox true").code(125).stderr_has(&want).one_clear_line();
    sandbox.run("run -d busybox true").success();
    let names = sandbox.run("ps -a --format {{.Names}}").success().lines();
    let random = names.iter().find(|name| *name != "taken").expect("a second container");
    let (adjective, noun) = random.split_once('_').unwrap_or_else(|| panic!("{random} is not two words"));
    assert!(!adjective.is_empty() && !noun.is_empty());
    for bad in ["-dash", "sp ace", "sla/sh", "x", "ünï"] {
        let output = sandbox.command_of(&["run", "--rm", "--name", bad, "busybox", "true"]).finish();
        output.code(125).stderr_has("Invalid container name").one_clear_line();
    }
    // As `inspect` shows them.
    sandbox.run("create --name /boat --network none busybox true").success();
    assert_eq!(sandbox.inspect("boat", "Name"), "/boat");
    sandbox.run("rm /boat").success();
}

#[test]
fn a_removed_name_can_be_used_again() {
    let sandbox = Sandbox::with_busybox();
    for _ in 0..2 {
        sandbox.run("run --rm --name again busybox true").success();
    }
    sandbox.run("run --name again busybox true").success();
    sandbox.run("rm again").success().stdout("again\n");
    sandbox.run("run --rm --name again busybox true").success();
}

#[test]
fn the_id_is_written_to_a_file() {
    let sandbox = Sandbox::with_busybox();
    let file = sandbox.path().join("id");
    let flag = format!("--cidfile {}", file.display());
    let id = sandbox.run(&format!("run -d {flag} busybox true")).success().line();
    assert_eq!(fs::read_to_string(&file).expect("a file"), id);
    let again = sandbox.run(&format!("run -d {flag} busybox true"));
    again
        .code(125)
        .stderr_has("container ID file found")
        .stderr_has(&file.display().to_string())
        .one_clear_line();
}

#[test]
fn detached_containers_print_their_id_and_go_on() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("run -d busybox sleep 1000").success().line();
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(sandbox.inspect(&id, "State.Running"), true);
    sandbox.run(&format!("rm -f {id}")).success().stdout(&format!("{id}\n"));
    sandbox.assert_no_traces();
}

#[test]
fn detached_and_removed_at_the_end() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("run -d --rm busybox sh -c 'sleep 0.3'").success().line();
    eventually("it is gone", || (sandbox.run(&format!("inspect {id}")).exit_code() != 0).then_some(()));
    sandbox.assert_no_traces();
}

#[test]
fn a_directory_as_root() {
    let sandbox = Sandbox::new();
    let rootfs = sandbox.directory("rootfs");
    let layer = crate::support::image::busybox_layer(crate::support::Compression::None);
    tar::Archive::new(&layer.tar[..]).unpack(&rootfs).expect("a plain archive");
    let line = format!("run --rm --rootfs {} sh -c 'echo here >/made; cat /made'", rootfs.display());
    sandbox.run(&line).success().stdout("here\n");
    assert!(rootfs.join("made").exists(), "the directory itself is the root");
    sandbox.run(&format!("run --rm --rootfs {}/nowhere true", rootfs.display())).code(125).one_clear_line();
    sandbox.assert_no_traces();
}

#[test]
fn labels_from_image_and_flags() {
    let sandbox = Sandbox::new();
    sandbox.add(&Image::busybox().set("Labels", json!({ "a": "image", "b": "image" })), "labelled");
    let file = sandbox.file("labels", "c=file\n# note\n");
    let line = format!("create --label b=flag --label d --label-file {} labelled", file.display());
    let id = sandbox.run(&line).success().line();
    let labels = sandbox.inspect(&id, "Config.Labels");
    assert_eq!(labels, json!({ "a": "image", "b": "flag", "c": "file", "d": "" }));
}

#[test]
fn pulling_is_done_when_asked_for() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm --pull never busybox true").success();
    sandbox
        .run("run --rm --pull never absent true")
        .code(125)
        .stderr_has("No such image: absent:latest")
        .one_clear_line();
    sandbox.run("run --rm --pull sometimes busybox true").code(125).stderr_has("sometimes").one_clear_line();
}

#[test]
fn capabilities_are_added_and_dropped() {
    let sandbox = Sandbox::with_busybox();
    let effective = |flags: &str| {
        let line = format!("run --rm {flags} busybox sh -c 'grep CapEff /proc/self/status'");
        let shown = sandbox.run(&line).success().line();
        u64::from_str_radix(shown.split_whitespace().last().expect("a set"), 16).expect("hexadecimal")
    };
    const DEFAULT: u64 = 0xa80425fb;
    const NET_RAW: u64 = 1 << 13;
    const SYS_TIME: u64 = 1 << 25;
    assert_eq!(effective(""), DEFAULT);
    assert_eq!(effective("--cap-drop NET_RAW"), DEFAULT & !NET_RAW);
    assert_eq!(effective("--cap-drop CAP_NET_RAW --cap-add sys_time"), DEFAULT & !NET_RAW | SYS_TIME);
    assert_eq!(effective("--cap-drop ALL"), 0);
    assert_eq!(effective("--cap-drop all --cap-add NET_RAW"), NET_RAW);
    assert_eq!(effective("--user 1000"), if has_subordinate_ids() { 0 } else { effective("--user 1000") });
    assert_eq!(effective("--cap-add ALL").count_ones(), effective("--privileged").count_ones());
    sandbox.run("run --rm --cap-add NO_SUCH busybox true").code(125).stderr_has("NO_SUCH").one_clear_line();
}

#[test]
fn privileges_that_cannot_grow() {
    let sandbox = Sandbox::with_busybox();
    let show = "grep NoNewPrivs /proc/self/status";
    let flag = "--security-opt no-new-privileges";
    sandbox.run(&format!("run --rm {flag} busybox {show}")).success().stdout("NoNewPrivs:\t1\n");
    sandbox.run(&format!("run --rm busybox {show}")).success().stdout("NoNewPrivs:\t0\n");
    sandbox
        .run("run --rm --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status")
        .success()
        .stdout("Seccomp:\t0\n");
    sandbox
        .run("run --rm --security-opt no-such=thing busybox true")
        .code(125)
        .stderr_has("no-such")
        .one_clear_line();
}

#[test]
fn a_filter_of_ones_own() {
    let sandbox = Sandbox::with_busybox();
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 }],
    });
    let file = sandbox.file("profile.json", profile.to_string());
    let flag = format!("--security-opt seccomp={}", file.display());
    sandbox.run(&format!("run --rm {flag} busybox mkdir /x")).code(1).stderr_has("Operation not permitted");
    sandbox.run(&format!("run --rm {flag} busybox touch /x")).success();
    let broken = sandbox.file("broken.json", "{");
    let line = format!("run --rm --security-opt seccomp={} busybox true", broken.display());
    sandbox.run(&line).code(125).stderr_has("broken.json").one_clear_line();
}

#[test]
fn limits_and_settings_of_the_kernel() {
    let sandbox = Sandbox::with_busybox();
    let show = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start";
    sandbox
        .run(&format!("run --rm --sysctl net.ipv4.ip_unprivileged_port_start=42 busybox {show}"))
        .success()
        .stdout("42\n");
    sandbox
        .run("run --rm --ulimit nofile=64:128 busybox sh -c 'ulimit -n; ulimit -Hn'")
        .success()
        .stdout("64\n128\n");
    sandbox.run("run --rm --shm-size 1m busybox df -k /dev/shm").success().stdout_has(" 1024 ");
    let bad = "--sysctl 'kernel.shm_rmid_forced=1+kernel.core_pattern=|/bin/x'";
    assert_ne!(sandbox.run(&format!("run --rm {bad} busybox true")).exit_code(), 0);
    sandbox.run("run --rm --sysctl kernel.core_pattern=x busybox true").code(125).one_clear_line();
}

#[test]
fn a_limit_that_needs_a_control_group_is_an_error_without_one() {
    let sandbox = Sandbox::with_busybox();
    for flag in ["--memory 64m", "--cpus 1", "--pids-limit 10"] {
        let output = sandbox.run(&format!("run --rm {flag} busybox true"));
        output.code(125).stderr_has(flag.split(' ').next().expect("a flag")).one_clear_line();
    }
}

#[test]
fn a_flag_that_is_not_built_says_so() {
    let sandbox = Sandbox::with_busybox();
    for flag in ["--link-local-ip x", "--personality x", "--pod x", "--rdt-class x"] {
        let output = sandbox.run(&format!("run --rm {flag} busybox true"));
        output.code(125).stderr_has("not supported yet").one_clear_line();
    }
    sandbox.run("ps -a -q").success().stdout("");
}

#[test]
fn files_of_other_users_are_theirs_inside() {
    if !has_subordinate_ids() {
        skip!("no subordinate ids for this user");
    }
    let sandbox = Sandbox::new();
    let owned = Entry::file("srv", "").owned_by(1000, 2000).with_mode(0o640);
    sandbox.add(&Image::busybox_and(&[owned]), "owned");
    sandbox.run("run --rm owned stat -c '%u:%g %a' /srv").success().stdout("1000:2000 640\n");
    sandbox.run("run --rm owned sh -c 'chown 33:44 /srv && stat -c %u:%g /srv'").success().stdout("33:44\n");
}

#[test]
fn changes_stay_in_their_container() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run --name first busybox sh -c 'rm /etc/group; echo a >/a; mkdir /etc/x; mv /opt /tpo'")
        .success();
    sandbox
        .run("run --rm busybox sh -c 'ls /a /tpo; ls -d /etc/group /opt'")
        .code(0)
        .stdout("/etc/group\n/opt\n");
    sandbox.run("start -a first").code(1);
    sandbox.run("rm first").success();
    sandbox.assert_no_traces();
}

#[test]
fn many_at_once() {
    let sandbox = Sandbox::with_busybox();
    let commands: Vec<_> =
        (0..16).map(|number| sandbox.command(&format!("run --rm busybox echo {number}")).start()).collect();
    for (number, running) in commands.into_iter().enumerate() {
        running.finish().success().stdout(&format!("{number}\n"));
    }
    sandbox.assert_no_traces();
}

#[test]
fn layers_are_stacked() {
    let sandbox = Sandbox::new();
    let image = Image::busybox_and(&[
        Entry::directory("a"),
        Entry::file("a/kept", "1"),
        Entry::file("a/gone", "1"),
        Entry::directory("b"),
        Entry::file("b/hidden", "1"),
    ])
    .with_layer(crate::support::Layer::new(
        &[
            Entry::file("a/.wh.gone", ""),
            Entry::file("b/.wh..wh..opq", ""),
            Entry::file("b/new", "2"),
            Entry::file("a/kept", "2"),
        ],
        crate::support::Compression::Gzip,
    ));
    sandbox.add(&image, "stacked");
    let output = sandbox.run("run --rm stacked sh -c 'ls /a /b; cat /a/kept'");
    output.success().stdout("/a:\nkept\n\n/b:\nnew\n2");
}

#[test]
fn seventy_layers() {
    let sandbox = Sandbox::new();
    let mut image = Image::busybox();
    for number in 0..70 {
        let entry = Entry::file(&format!("layer-{number}"), number.to_string());
        image = image.with_layer(crate::support::Layer::new(&[entry], crate::support::Compression::None));
    }
    sandbox.add(&image, "deep");
    sandbox.run("run --rm deep sh -c 'ls / | grep -c layer-'").success().stdout("70\n");
}

#[test]
fn the_program_may_outlive_the_terminal_of_its_start() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = crate::support::Pty::coracle(&sandbox, "run -d --name stays busybox sleep 1000");
    assert_eq!(terminal.exit_code(), 0);
    drop(terminal);
    wait_for_status(&sandbox, "stays", "running");
    let calm = within(std::time::Duration::from_millis(500), || {
        (sandbox.inspect("stays", "State.Running") == false).then_some(())
    });
    assert!(calm.is_none(), "the container ended with the terminal");
}

#[test]
fn nothing_of_the_users_is_readable_for_others() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name kept busybox sleep 1000").success();
    for directory in [sandbox.store(), sandbox.path().join("run/coracle")] {
        let mode = fs::metadata(&directory).expect("a directory").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", directory.display());
    }
}

#[test]
fn without_a_runtime_directory() {
    if is_root() {
        skip!("root has a /run of its own");
    }
    let mut sandbox = Sandbox::with_busybox();
    sandbox.unset("XDG_RUNTIME_DIR");
    sandbox.run("run --rm busybox echo fine").success().stdout("fine\n");
}
