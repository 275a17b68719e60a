//! `build` where it fails, is broken off, or is asked for the same twice at once.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::{Output, Sandbox, eventually, source_tree};

fn dockerfile(sandbox: &Sandbox, text: &str) -> PathBuf {
    sandbox.file("context/Dockerfile", text).with_file_name("")
}

fn build(sandbox: &Sandbox, flags: &str, directory: &Path) -> Output {
    sandbox.run(&format!("build --network none {flags} {}", directory.display()))
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let sandbox = Sandbox::with_busybox();
    for (text, want) in [
        ("FROM busybox\nRNU x\n", "2:1: unknown instruction: RNU (did you mean RUN?)"),
        ("FROM busybox\nCOPY --chonw=1 a b\n", "2:6: unknown flag: --chonw (did you mean chown?)"),
        ("FROM busybox\nCOPY a\n", "2:1: COPY requires at least two arguments, but only one was provided."),
        ("FROM busybox\nCOPY nothing /\n", "failed to build: \"/nothing\": not found"),
        ("FROM busybox\nRUN cat <<EOF\nx\n", "unterminated heredoc"),
        ("FROM busybox\nENV A=\"x\n", "unexpected end of statement while looking for matching double-quote"),
        ("RUN x\n", "no build stage in current context"),
        ("FROM busybox\nCOPY --chown=nobodyknows Dockerfile /\n", "nobodyknows"),
        ("FROM busybox\nRUN --mount=type=wrong true\n", "wrong"),
        (
            "FROM busybox\nRUN mkdir /f\nCOPY Dockerfile /f/\nCOPY . /f/Dockerfile\n",
            "cannot copy to non-directory: /f/Dockerfile",
        ),
        ("", "the Dockerfile cannot be empty"),
    ] {
        let directory = dockerfile(&sandbox, text);
        build(&sandbox, "", &directory).code(1).stderr_has(want).one_error();
    }
    let directory = dockerfile(&sandbox, "FROM busybox AS one\n");
    build(&sandbox, "--target two", &directory).code(1).stderr_has("target stage \"two\" could not be found");
    build(&sandbox, "-f nowhere", &directory).code(1).stderr_has("open nowhere: no such file or directory");
    sandbox.run("build /nowhere").code(1).stderr_has("path \"/nowhere\" not found");
    sandbox.run("system check").success();
    sandbox.assert_no_traces();
}

/// Those of `tests/mistakes.txt`, each after the line that it is to be told with: where it is, and what BuildKit says of it.
#[test]
fn every_mistake_has_its_line_and_its_caret() {
    let sandbox = Sandbox::with_busybox();
    let table = fs::read_to_string(source_tree().join("tests/mistakes.txt")).expect("the mistakes");
    let cases: Vec<_> = table.split("=== ").skip(1).filter_map(|case| case.split_once('\n')).collect();
    assert!(cases.len() > 100, "{} mistakes", cases.len());
    for (want, text) in cases {
        let directory = dockerfile(&sandbox, text);
        let told = build(&sandbox, "--pull=never", &directory);
        told.code(1).stderr_has(&format!("Error: Dockerfile:{want}\n")).one_error();
        let mut numbers = want.split(':').map(|number| number.parse::<usize>().expect("a number"));
        let (line, column) = (numbers.next().expect("a line"), numbers.next().expect("a column"));
        let shown: Vec<&str> = told.stderr.lines().collect();
        let caret =
            shown.iter().position(|line| line.trim_start_matches([' ', '|']) == "^").expect("a caret");
        assert_eq!(shown[caret].len(), "   1 | >>> ".len() + column, "{}", told.stderr);
        assert!(shown[caret - 1].starts_with(&format!("{line:4} | >>> ")), "{}", told.stderr);
    }
    sandbox.assert_no_traces();
}

/// What is no text, or more of it than anybody writes.
#[test]
fn files_that_are_no_dockerfiles() {
    let sandbox = Sandbox::with_busybox();
    let long = |start: &str, end: &str| format!("FROM busybox\n{start}{end}\n").into_bytes();
    let utf16: Vec<u8> = "FROM busybox\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let line_is_too_long = "2:1: dockerfile line greater than max allowed size of 65535";
    for (text, want) in [
        (Vec::new(), " the Dockerfile cannot be empty"),
        (b"\n \n".to_vec(), " file with no instructions"),
        (b"# nothing\n".to_vec(), " file with no instructions"),
        (b"\\\n\\\n".to_vec(), " file with no instructions"),
        (b"ARG a=b\n".to_vec(), " dockerfile contains no stages to build"),
        ((0..=255).collect(), "1:1: the line contains a null byte"),
        (utf16, "1:2: the line contains a null byte"),
        (b"FROM busybox\nENV A=\0\n".to_vec(), "2:7: the line contains a null byte"),
        (b"FROM busybox\r\nRUNN x\r\n".to_vec(), "2:1: unknown instruction: RUNN (did you mean RUN?)"),
        (b"\xef\xbb\xbfFROM busybox\nRUNN\n".to_vec(), "2:1: unknown instruction: RUNN"),
        (b"FROM busybox\nLABEL a=\xe9\nRUNN\n".to_vec(), "3:1: unknown instruction: RUNN"),
        (b"\tFROM busybox\n\t\trunn x\n".to_vec(), "2:3: unknown instruction: runn (did you mean RUN?)"),
        (long("RUN echo ", &"x".repeat(1 << 20)), line_is_too_long),
        (long("COPY ", &"a ".repeat(1 << 19)), line_is_too_long),
        (long("CMD ", &("[".repeat(100_000) + &"]".repeat(100_000))), line_is_too_long),
        (long("ENV A=", &("${A:-".repeat(10_000) + &"}".repeat(10_000))), "2:7: failed to process"),
        (
            long("SHELL ", &("[".repeat(30_000) + &"]".repeat(30_000))),
            "2:1: SHELL requires the arguments to be in JSON form",
        ),
        ("FROM busybox\n".repeat(1001).into_bytes(), "1001:1: more than 1000 stages"),
    ] {
        let directory = dockerfile(&sandbox, "");
        fs::write(directory.join("Dockerfile"), text).expect("a file");
        let told = build(&sandbox, "", &directory);
        told.code(1).stderr_has(&format!("Error: Dockerfile:{want}")).one_error();
        assert!(told.stderr.len() < 10_000, "{} bytes are told", told.stderr.len());
    }
    sandbox.assert_no_traces();
}

trait OneError {
    fn one_error(&self);
}

impl OneError for Output {
    /// The lines of the file may be shown, and the error is one line.
    #[track_caller]
    fn one_error(&self) {
        let errors =
            self.stderr.lines().filter(|line| line.starts_with("Error:") || line.contains("panicked"));
        assert_eq!(errors.count(), 1, "{}", self.stderr);
    }
}

/// A program that runs until it is ended, and says when it has begun.
const ENDLESS: &str =
    "FROM busybox\nRUN echo kept > /first\nRUN touch /half && echo begun && (sleep 500 & sleep 500)\n";

#[test]
fn a_build_that_is_broken_off_leaves_nothing() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::KILL, 137)] {
        let sandbox = Sandbox::with_busybox();
        let directory = dockerfile(&sandbox, ENDLESS);
        let line = format!("build --network none --progress plain -t app {}", directory.display());
        let running = sandbox.command(&line).start();
        eventually("the program runs", || {
            let runs = |pid: &i32| {
                fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == b"sleep\x00500\x00")
            };
            (sandbox.processes().iter().filter(|pid| runs(pid)).count() == 2).then_some(())
        });
        running.signal(signal);
        running.finish().code(code);
        eventually("all of it has ended", || sandbox.processes().is_empty().then_some(()));
        sandbox.run("image exists app").code(1);
        // After SIGKILL nobody could clear away: the next command does.
        sandbox.run("system check").success();
        fs::write(directory.join("Dockerfile"), ENDLESS.replace("(sleep 500 & sleep 500)", "true"))
            .expect("a file");
        build(&sandbox, "-t app", &directory).success().stderr_has("CACHED");
        sandbox.run("run --rm --network none app cat /first").success().stdout("kept\n");
        sandbox.run("system check").success();
        if signal != Signal::KILL {
            sandbox.assert_no_traces();
        }
    }
}

#[test]
fn two_builds_of_the_same_at_once_do_it_once() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox\nRUN --mount=type=cache,target=/kept echo done >> /kept/log && sleep 1\n\
        RUN --mount=type=cache,target=/kept cp /kept/log /log\n";
    let directory = dockerfile(&sandbox, text);
    let start = |name: &str| {
        sandbox.command(&format!("build --network none -q -t {name} {}", directory.display())).start()
    };
    let (one, two) = (start("one"), start("two"));
    let (one, two) = (one.finish(), two.finish());
    assert_eq!(one.success().line(), two.success().line(), "the same image");
    sandbox.run("run --rm --network none two cat /log").success().stdout("done\n");
    sandbox.run("system check").success();
    sandbox.assert_no_traces();
}

#[test]
fn every_stage_is_checked_unless_one_is_asked_for() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox AS one\nENV A b\nFROM busybox AS two\nWORKDIR rel\nFROM busybox\nCMD run me\n";
    let told = |flags: &[&str]| {
        let words = [&["build", "--check"], flags, &["-"]].concat();
        let output = sandbox.command_of(&words).input(text).finish();
        let rules = output.lines().into_iter().filter_map(|line| {
            line.strip_prefix("WARNING: ")
                .and_then(|line| line.split_once(' '))
                .map(|(rule, _)| rule.to_owned())
        });
        (output.exit_code(), rules.collect::<Vec<_>>().join(" "))
    };
    let rules = |code, rules: &str| (code, rules.to_owned());
    assert_eq!(told(&[]), rules(1, "LegacyKeyValueFormat WorkdirRelativePath JSONArgsRecommended"));
    assert_eq!(told(&["--target", "two"]), rules(1, "WorkdirRelativePath"));
    // The argument of BuildKit comes before what the file says.
    let argument = "BUILDKIT_DOCKERFILE_CHECK=skip=LegacyKeyValueFormat,JSONArgsRecommended";
    assert_eq!(told(&["--build-arg", argument]), rules(1, "WorkdirRelativePath"));
    assert_eq!(told(&["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all"]), rules(0, ""));
    let build = |check: &str| {
        let argument = format!("BUILDKIT_DOCKERFILE_CHECK={check}");
        sandbox.command_of(&["build", "--build-arg", &argument, "-"]).input(text).finish()
    };
    build("error=true").code(1).stderr_has("Error: lint violation found for rules: JSONArgsRecommended\n");
    let refused = build("bogus=1");
    refused.code(1).stderr_has("--build-arg BUILDKIT_DOCKERFILE_CHECK: invalid check option \"bogus=1\"");
}

/// Whoever is tired of a build finds nothing of it, however far it was.
#[test]
fn what_is_interrupted_leaves_nothing() {
    let sandbox = Sandbox::with_busybox();
    let large = "x".repeat(1 << 20);
    let text = "FROM busybox\nCOPY . /one\nRUN sleep 0.02\nCOPY . /two\n";
    let files: Vec<String> = (0..10).map(|number| format!("file{number}")).collect();
    let mut all = vec![("Dockerfile", text)];
    all.extend(files.iter().map(|name| (name.as_str(), large.as_str())));
    let directory = crate::build::context(&sandbox, "context", &all).display().to_string();
    // Somebody who takes the call and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = silent.local_addr().expect("an address");
    let tmp = sandbox.store().join("tmp");
    let left = || -> Vec<_> {
        fs::read_dir(&tmp).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
    };
    let interrupted = |line: &str, after: u64| {
        let running = sandbox.command(&format!("build --network none --no-cache {line}")).start_open();
        std::thread::sleep(std::time::Duration::from_millis(after));
        running.signal(Signal::INT);
        let output = running.finish();
        assert!([0, 130].contains(&output.exit_code()), "{output:?}");
        assert!(left().is_empty(), "{line} after {after} ms: {:?}", left());
    };
    for line in [format!("-f - {directory}"), "-".to_owned(), format!("http://{address}/x.tar")] {
        interrupted(&line, 300);
    }
    for after in (0..200).step_by(10) {
        interrupted(&directory, after);
    }
    for output in ["type=tar,dest=half.tar", "type=oci,dest=half.tar", "type=oci,dest=half,tar=false"] {
        for after in (60..200).step_by(20) {
            interrupted(&format!("-o {output} {directory}"), after);
            for half in fs::read_dir(sandbox.home()).expect("a directory").flatten() {
                let name = half.file_name().to_string_lossy().into_owned();
                assert!(!name.starts_with(".half"), "{output}: {name}");
            }
            let _ = fs::remove_dir_all(sandbox.home().join("half"));
        }
    }
    sandbox.run("system check").success();
    sandbox.assert_no_traces();
}
