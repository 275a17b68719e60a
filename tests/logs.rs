//! What a container has said: where it is kept, and how it is read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Image, Sandbox, eventually};

/// The log file of a container, as `inspect` names it.
fn log_path(sandbox: &Sandbox, name: &str) -> PathBuf {
    PathBuf::from(sandbox.inspect(name, "LogPath").as_str().expect("a text"))
}

#[test]
fn json_files_carry_labels_variables_and_a_tag() {
    let sandbox = Sandbox::new();
    let image = Image::busybox().set("Labels", json!({"stage": "image", "team": "image"}));
    sandbox.add(&image, "busybox");
    sandbox
        .run(
            "run --name talk --label team=blue --label other=1 -e COLOR='a b' -e HIDDEN=1 --log-opt labels=team,stage,none \
             --log-opt env=COLOR --log-opt tag={{.Name}}/{{.ImageName}} busybox sh -c 'echo hello; echo oops >&2'",
        )
        .success();
    let file = std::fs::read_to_string(log_path(&sandbox, "talk")).expect("a log");
    let start = "{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"attrs\":{\"COLOR\":\"a b\",\"stage\":\"image\",\
                 \"tag\":\"talk/busybox\",\"team\":\"blue\"},\"time\":\"20";
    assert!(file.starts_with(start), "{file}");
    let details = "COLOR=a+b,stage=image,tag=talk%2Fbusybox,team=blue";
    sandbox
        .run("logs --details talk")
        .success()
        .stdout(&format!("{details} hello\n"))
        .stderr(&format!("{details} oops\n"));
    sandbox.run("logs talk").success().stdout("hello\n").stderr("oops\n");
    let config = sandbox.inspect("talk", "HostConfig.LogConfig");
    assert_eq!(config["Type"], "json-file");
    assert_eq!(config["Config"]["env"], "COLOR");
    let patterns = "--log-opt labels-regex=^te --log-opt env-regex=^(HI|NO.*)$ --log-opt env=COLOR";
    let line = format!(
        "run --name match --label team=blue --label other=1 -e COLOR=red -e NOISE=1 -e HI=2 {patterns}"
    );
    sandbox.run(&format!("{line} busybox echo x")).success();
    sandbox.run("logs --details match").success().stdout("COLOR=red,HI=2,NOISE=1,team=blue x\n");
    // Without anything to say there is still the space, as with docker.
    sandbox.run("run --name plain busybox echo x").success();
    sandbox.run("logs --details plain").success().stdout(" x\n");
}

#[test]
fn k8s_files_keep_the_bytes() {
    let sandbox = Sandbox::with_busybox();
    let script = "printf \"a\\377b\\n\"; echo oops >&2; head -c 20000 /dev/zero | tr \"\\\\0\" x";
    sandbox.run(&format!("run --name talk --log-driver k8s-file busybox sh -c '{script}'")).success();
    let file = std::fs::read(log_path(&sandbox, "talk")).expect("a log");
    let has = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
    assert!(
        has(b"+00:00 stdout F a\xffb\n") && has(b"+00:00 stderr F oops\n") && has(b"+00:00 stdout P xxx")
    );
    let output = sandbox.run("logs talk");
    let want = [&b"a\xffb\n"[..], &[b'x'; 20_000]].concat();
    assert!(output.success().bytes == want, "not the bytes that were written");
    output.stderr("oops\n");
    sandbox.run("logs -n 1 -t talk").success().stdout_has("Z xxx");
    assert_eq!(sandbox.inspect("talk", "HostConfig.LogConfig.Type"), "k8s-file");
    // Docker's format takes text alone: each byte that is none becomes U+FFFD.
    sandbox.run("run --name text busybox printf '\\377\\376x\\n'").success();
    sandbox.run("logs text").success().stdout("\u{fffd}\u{fffd}x\n");
    let elsewhere = sandbox.directory("elsewhere").join("own.log");
    let flags = format!("--log-driver k8s-file --log-opt path={}", elsewhere.display());
    sandbox.run(&format!("run --name own {flags} busybox echo there")).success();
    assert_eq!(log_path(&sandbox, "own"), elsewhere);
    sandbox.run("logs own").success().stdout("there\n");
}

#[test]
fn drivers_without_a_log() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name quiet --log-driver none busybox echo shown").success().stdout("shown\n");
    sandbox
        .run("logs quiet")
        .code(1)
        .stderr_has("configured logging driver does not support reading")
        .one_clear_line();
    assert_eq!(sandbox.inspect("quiet", "LogPath"), "");
    let output = sandbox
        .run("run --name passed --log-driver passthrough busybox sh -c 'echo out; echo err >&2; exit 3'");
    output.code(3).stdout("out\n").stderr("err\n");
    sandbox
        .command("run --rm --log-driver passthrough busybox cat")
        .input("typed")
        .finish()
        .success()
        .stdout("typed");
    sandbox
        .run("logs passed")
        .code(1)
        .stderr_has("'passthrough' log driver, cannot read logs")
        .one_clear_line();
    sandbox
        .run("run --rm -t --log-driver passthrough busybox true")
        .code(125)
        .stderr_has("cannot be used with --tty")
        .one_clear_line();
    if !std::path::Path::new("/run/systemd/journal/socket").exists() {
        let output = sandbox.run("run --rm --log-driver journald busybox true");
        output
            .code(125)
            .stderr_has("journald is not enabled on this host")
            .stderr_has("hint: ")
            .one_clear_line();
    }
    for (flags, error) in [
        ("--log-driver foo", "no log driver named 'foo' is registered"),
        ("--log-driver syslog", "syslog is not supported yet"),
        ("--log-opt foo=1", "unknown log opt 'foo' for json-file log driver"),
        ("--log-opt max-size=0", "max-size must be a positive number"),
        ("--log-driver none --log-opt tag=x", "invalid logging opts for driver none"),
    ] {
        sandbox.run(&format!("run {flags} busybox true")).code(125).stderr_has(error);
    }
}

#[test]
fn logs_are_rotated() {
    let sandbox = Sandbox::with_busybox();
    let log = "--log-opt max-size=20k --log-opt max-file=3";
    sandbox.run(&format!("run -d --name talk {log} busybox seq 1 2000")).success();
    sandbox.run("wait talk").success();
    let path = log_path(&sandbox, "talk");
    let directory = path.parent().expect("a directory");
    let names = std::fs::read_dir(directory).expect("a directory").flatten();
    let sizes: Vec<u64> = names
        .filter(|entry| entry.path().display().to_string().starts_with(&path.display().to_string()))
        .map(|entry| entry.metadata().expect("a file").len())
        .collect();
    assert!(sizes.len() == 3 && sizes.iter().all(|size| *size <= 20_100), "{sizes:?}");
    let lines: Vec<u32> = sandbox
        .run("logs talk")
        .success()
        .lines()
        .iter()
        .map(|line| line.parse().expect("a number"))
        .collect();
    let first = lines[0];
    assert!(first > 1 && lines.len() > 400, "{first} {}", lines.len());
    assert_eq!(lines, (first..=2000).collect::<Vec<_>>());
    // The tail goes back through the files.
    let tail = sandbox.run("logs -n 500 talk").success().lines();
    assert_eq!((tail.len(), tail[0].as_str()), (500, "1501"));
    sandbox.run("run --name one --log-opt max-size=5k busybox seq 1 1000").success();
    let lines = sandbox.run("logs one").success().lines();
    assert!(lines.len() < 100 && lines.last().is_some_and(|last| last == "1000"), "{lines:?}");
    sandbox.run("run --name local --log-driver local busybox echo kept").success();
    sandbox.run("logs local").success().stdout("kept\n");
}

#[test]
fn older_files_are_compressed() {
    let sandbox = Sandbox::with_busybox();
    let log = "--log-opt max-size=20k --log-opt max-file=3 --log-opt compress=true";
    sandbox.run(&format!("run --name talk {log} busybox seq 1 2000")).success();
    let path = log_path(&sandbox, "talk");
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let packed =
        ["", ".1.gz", ".2.gz", ".1", ".2", ".3.gz", ".packing"].map(|suffix| beside(suffix).exists());
    assert_eq!(packed, [true, true, true, false, false, false, false]);
    // A witness reads them.
    let unpacked = std::process::Command::new("gzip").arg("-dc").arg(beside(".1.gz")).output().expect("gzip");
    assert!(unpacked.status.success() && unpacked.stdout.starts_with(b"{\"log\":\""), "{unpacked:?}");
    let numbers = |line: &str| -> Vec<u32> {
        let lines = sandbox.run(line).success().lines();
        lines.iter().map(|line| line.parse().expect("a number")).collect()
    };
    let all = numbers("logs talk");
    assert!(all.len() > 400, "{}", all.len());
    assert_eq!(all, (2001 - all.len() as u32..=2000).collect::<Vec<_>>());
    for wanted in [1, 10, 300, 500, all.len() - 1, all.len()] {
        assert_eq!(numbers(&format!("logs -n {wanted} talk")), all[all.len() - wanted..]);
    }
    assert_eq!(numbers("logs -f talk"), all);
    // A second run goes on from there.
    sandbox.run("start -a talk").success();
    assert_eq!(numbers("logs -n 5 talk"), [1996, 1997, 1998, 1999, 2000]);
    assert!(beside(".2.gz").exists() && !beside(".1").exists());
    sandbox.run("rm talk").success();
}

#[test]
fn options_that_cannot_go_together() {
    let sandbox = Sandbox::with_busybox();
    for (flags, error) in [
        (
            "--log-opt compress=true --log-opt max-size=1m",
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
        ("--log-driver local --log-opt max-file=1", "compression cannot be enabled when max file count is 1"),
        ("--log-opt mode=x", "logger: logging mode not supported: x"),
        ("--log-opt max-buffer-size=1m", "max-buffer-size option is only supported with 'mode=non-blocking'"),
    ] {
        sandbox.run(&format!("run {flags} busybox true")).code(125).stderr_has(error).one_clear_line();
    }
}

#[test]
fn a_follower_loses_nothing_to_compression() {
    let sandbox = Sandbox::with_busybox();
    let log = "--log-opt max-size=20k --log-opt max-file=3 --log-opt compress=true";
    let script = "echo ready; while ! test -e /go; do sleep 0.05; done; seq 1 20000";
    sandbox.run(&format!("run -d --name talk {log} busybox sh -c '{script}'")).success();
    let follower = sandbox.command("logs -f talk").start();
    follower.expect("ready\n");
    follower.signal(Signal::STOP);
    let quick = sandbox.command("logs -f talk").start();
    quick.expect("ready\n");
    sandbox.run("exec talk touch /go").success();
    sandbox.run("wait talk").success().stdout("0\n");
    follower.signal(Signal::CONT);
    let want: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    for follower in [quick, follower] {
        let output = follower.finish();
        output.success();
        assert!(output.out() == format!("ready\n{want}"), "{} lines", output.out().lines().count());
    }
}

/// The log is a pipe that nobody reads: as slow as a log can be.
#[test]
fn a_log_that_takes_nothing_stops_no_container_that_does_not_wait() {
    let sandbox = Sandbox::with_busybox();
    let script = "seq 1 20000; echo done; exec sleep 1000";
    let stuck = |name: &str, flags: &str| {
        sandbox.run(&format!("create --name {name} {flags} busybox sh -c '{script}'")).success();
        let path = log_path(&sandbox, name);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("a pipe");
        std::fs::OpenOptions::new().read(true).write(true).open(path).expect("the pipe")
    };
    let mut pipe = stuck("free", "--log-opt mode=non-blocking --log-opt max-buffer-size=64k");
    let said = sandbox.command("start -a free").start();
    said.expect("20000\ndone\n");
    // What was said first waits in order, and what had no room is not there.
    let mut text = vec![0; 4096];
    std::io::Read::read_exact(&mut pipe, &mut text).expect("entries");
    assert!(text.starts_with(b"{\"log\":\"1\\n\",\"stream\":\"stdout\""), "{:?}", text.escape_ascii());
    sandbox.run("rm -f -t 0 free").success();
    said.finish().code(137);
}

#[test]
fn a_log_that_is_not_waited_for_is_complete() {
    let sandbox = Sandbox::with_busybox();
    let log = "--log-opt mode=non-blocking --log-opt max-buffer-size=16m";
    let rotated = "--log-driver local --log-opt max-size=50k --log-opt max-file=100";
    for (name, flags) in [("plain", ""), ("rotated", rotated)] {
        let script = "seq 1 20000; echo half; printf end; echo oops >&2";
        sandbox.run(&format!("run --name {name} {log} {flags} busybox sh -c '{script}'")).success();
        let want: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
        let said = sandbox.run(&format!("logs {name}"));
        said.success().stderr("oops\n");
        assert!(said.out() == format!("{want}half\nend"), "{} lines", said.out().lines().count());
        sandbox.run(&format!("start {name}")).success();
        sandbox.run(&format!("wait {name}")).success();
        assert_eq!(sandbox.run(&format!("logs {name}")).success().lines().len(), 40_003);
    }
    let path = log_path(&sandbox, "rotated");
    assert!(PathBuf::from(format!("{}.1.gz", path.display())).exists());
}

/// Podman's.
#[test]
fn containers_have_colors() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name one busybox printf 'a\nb'").success();
    sandbox.run("run --name two busybox echo c").success();
    sandbox.run("logs --color one").success().stdout("\u{1b}[37ma\u{1b}[0m\n\u{1b}[37mb\u{1b}[0m");
    sandbox
        .run("logs --color --names one two")
        .success()
        .stdout("\u{1b}[37mone a\u{1b}[0m\n\u{1b}[37mone b\u{1b}[0m\u{1b}[31mtwo c\u{1b}[0m\n");
}

#[test]
fn a_follower_loses_nothing_to_rotation() {
    let sandbox = Sandbox::with_busybox();
    let script = "echo ready; while ! test -e /go; do sleep 0.05; done; seq 1 30000";
    sandbox.run(&format!("run -d --name talk --log-opt max-size=10k busybox sh -c '{script}'")).success();
    let follower = sandbox.command("logs -f talk").start();
    follower.expect("ready\n");
    // It sleeps while the log is rotated two hundred times.
    follower.signal(Signal::STOP);
    let quick = sandbox.command("logs -f talk").start();
    quick.expect("ready\n");
    sandbox.run("exec talk touch /go").success();
    sandbox.run("wait talk").success().stdout("0\n");
    follower.signal(Signal::CONT);
    let mut want = String::from("ready\n");
    for number in 1..=30_000 {
        want.push_str(&format!("{number}\n"));
    }
    for follower in [quick, follower] {
        let output = follower.finish();
        output.success();
        assert!(output.out() == want, "{} lines", output.out().lines().count());
    }
    // What was kept for it goes with the next rotation.
    sandbox.run("start -a talk").success();
    let directory = log_path(&sandbox, "talk");
    let directory = directory.parent().expect("a directory");
    let left = std::fs::read_dir(directory).expect("a directory").flatten();
    assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().contains("-json.log")).count(), 1);
}

#[test]
fn followers_end_with_the_container() {
    let sandbox = Sandbox::with_busybox();
    let follow = |name: &str| {
        sandbox.run(&format!("run -d --name {name} busybox sh -c 'echo first; exec sleep 1000'")).success();
        let follower = sandbox.command(&format!("logs -f {name}")).start();
        follower.expect("first\n");
        follower
    };
    let removed = follow("removed");
    sandbox.run("rm -f removed").success();
    removed.finish().success().stdout("first\n");
    let killed = follow("killed");
    sandbox.run("kill killed").success();
    killed.finish().success().stdout("first\n");
    // Nobody is left to write the end down.
    let lost = follow("lost");
    let id = sandbox.inspect("lost", "Id");
    let record = sandbox.container_directory(id.as_str().expect("a text")).join("container.json");
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(record).expect("a record")).expect("JSON");
    for who in ["supervisor", "pid"] {
        let pid = record["state"][who].as_i64().and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
        let _ = rustix::process::kill_process(pid.expect("a process"), Signal::KILL);
    }
    lost.finish().success().stdout("first\n");
    let until = follow("until");
    drop(until);
    sandbox.run("logs -f --until 0.2s until").success();
    let since = sandbox.command("logs -f --since 0s -t until").start();
    sandbox.run("kill until").success();
    since.finish().success().stdout("");
}

#[test]
fn several_logs_side_by_side() {
    let sandbox = Sandbox::with_busybox();
    for name in ["one", "two"] {
        let script = format!("echo of {name}; while test ! -e /go; do sleep 0.1; done; echo end of {name}");
        sandbox.run(&format!("run -d --name {name} busybox sh -c '{script}'")).success();
    }
    let follower = sandbox.command("logs -f --names one two").start();
    follower.expect("one of one\n");
    follower.expect("two of two\n");
    sandbox.run("exec one touch /go").success();
    follower.expect("one end of one\n");
    sandbox.run("exec two touch /go").success();
    assert_eq!(follower.finish().success().lines().len(), 4);
    let id = &sandbox.run("ps -aq --no-trunc --filter name=one").success().line()[..12];
    let marked = sandbox.run("logs one two");
    assert!(
        marked.success().out().starts_with(&format!("{id} of one\n{id} end of one\n")),
        "{}",
        marked.out()
    );
    let missing = sandbox.run("logs --names one none");
    missing.code(1).stdout("one of one\none end of one\n").stderr_has("No such container: none");
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let sandbox = Sandbox::with_busybox();
    let full = "--log-driver k8s-file --log-opt path=/dev/full";
    let output = sandbox.run(&format!("run --name full {full} busybox sh -c 'seq 1 20000; exit 4'"));
    output.code(4);
    assert_eq!(output.out().lines().count(), 20_000);
}

#[test]
fn what_a_crash_leaves_in_a_log_is_passed_over() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name talk busybox echo one").success();
    let path = log_path(&sandbox, "talk");
    let mut content = std::fs::read(&path).expect("a log");
    content.extend_from_slice(b"\0\0\0\0{\"log\":\"cut");
    std::fs::write(&path, content).expect("a log");
    sandbox.run("start -a talk").success();
    sandbox.run("logs talk").success().stdout("one\none\n");
    sandbox.run("logs --since 1h talk").success().stdout("one\none\n");
}

#[test]
fn input_alone_names_the_container_and_leaves() {
    let sandbox = Sandbox::with_busybox();
    let script = "read line; echo got $line; sleep 0.3; exit 7";
    let output = sandbox
        .command(&format!("run -i -a stdin --name talk busybox sh -c '{script}'"))
        .input("word\n")
        .finish();
    let id = output.success().line();
    assert_eq!(sandbox.inspect("talk", "Id"), id.as_str());
    sandbox.run("wait talk").success().stdout("7\n");
    eventually("it is logged", || (sandbox.run("logs talk").out() == "got word\n").then_some(()));
}

#[test]
fn one_output_at_a_time() {
    let sandbox = Sandbox::with_busybox();
    for (flags, out, err) in
        [("-a stdout", "out\n", ""), ("-a stderr", "", "err\n"), ("-a stdout -a stderr", "out\n", "err\n")]
    {
        let output = sandbox.run(&format!("run --rm {flags} busybox sh -c 'echo out; echo err >&2; exit 2'"));
        output.code(2).stdout(out).stderr(err);
    }
}

/// A pipe that nobody reads from stands for every log that takes nothing.
#[test]
fn a_log_that_takes_nothing_keeps_only_the_output_waiting() {
    let sandbox = Sandbox::with_busybox();
    let pipe = sandbox.path().join("pipe");
    sandbox.witness(&format!("mkfifo {}", pipe.display())).success();
    let script = "trap \"exit 5\" TERM; (seq 1 100000; touch /said) & while :; do sleep 0.1; done";
    let start = |name: &str| {
        let log = format!("--log-driver k8s-file --log-opt path={} --log-opt max-size=1k", pipe.display());
        let health = "--health-cmd true --health-interval 200ms";
        sandbox.run(&format!("run -d --name {name} {log} {health} busybox sh -c '{script}'")).success();
        eventually("it is looked after", || {
            (sandbox.inspect(name, "State.Health.Status") == "healthy").then_some(())
        });
        sandbox.run(&format!("exec {name} test -e /said")).code(1);
    };
    start("boat");
    sandbox.run("logs boat").code(1).stderr_has("it is no file").one_clear_line();
    let reader = BufReader::new(File::open(&pipe).expect("a pipe"));
    let numbers = reader.lines().map(|line| line.expect("a line").rsplit(' ').next().map(str::to_owned));
    assert!(numbers.take(100_000).enumerate().all(|(n, line)| line == Some((n + 1).to_string())));
    eventually("it has said all", || (sandbox.run("exec boat test -e /said").exit_code() == 0).then_some(()));
    sandbox.run("rm -f boat").success();
    start("boat");
    sandbox.run("stop -t 30 boat").success();
    assert_eq!(sandbox.inspect("boat", "State.ExitCode"), 5);
    start("other");
    sandbox.run("rm -f other").success();
    sandbox.run("rm boat").success();
    sandbox.assert_no_traces();
}
