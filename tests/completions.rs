//! Completion of the command line, in the shells themselves.

use std::process::Stdio;

use crate::skip;
use crate::support::pty::Pty;
use crate::support::{Sandbox, trace};

/// A store with one of each.
fn stocked() -> Sandbox {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name web --network none busybox true").success();
    sandbox.run("run -d --name worker --network none busybox sleep 1000").success();
    sandbox.run("volume create data").success();
    sandbox.run("network create backend").success();
    let token = sandbox.file("token", "x");
    sandbox.run(&format!("secret create token {}", token.display())).success();
    sandbox
}

fn has(program: &str) -> bool {
    std::process::Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Command lines, and what their last word may become.
const LINES: [(&str, &[&str]); 20] = [
    ("rm w", &["web", "worker"]),
    ("container rm we", &["web"]),
    ("stop w", &["worker"]),
    ("start w", &["web"]),
    ("exec wo", &["worker"]),
    ("rm -f web wo", &["worker"]),
    ("rmi bu", &["busybox:latest"]),
    ("run -it bu", &["busybox:latest"]),
    ("run --rm -v da", &["data:"]),
    ("run --network ba", &["backend"]),
    ("run --network=ba", &["--network=backend"]),
    ("run --pid container:wo", &["container:worker"]),
    ("run --secret to", &["token"]),
    ("volume rm d", &["data"]),
    ("network inspect back", &["backend"]),
    ("secret rm t", &["token"]),
    ("cp we", &["web:"]),
    ("inspect we", &["web"]),
    ("run --restart un", &["unless-stopped"]),
    ("network connect backend we", &["web"]),
];

#[test]
fn what_may_follow() {
    let sandbox = stocked();
    for (line, want) in LINES {
        let words: Vec<&str> = ["__complete", "--"].into_iter().chain(line.split(' ')).collect();
        let output = sandbox.run_words(&words);
        let text = output.success().out();
        let mut candidates: Vec<&str> =
            text.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect();
        assert!(candidates.pop().is_some_and(|last| last.starts_with(':')), "{line}: {text}");
        assert_eq!(candidates, want, "{line}");
    }
    // Another store is another one's names; a description is one line.
    let other = sandbox.directory("other");
    let line = format!("__complete -- --root {} rm w", other.display());
    sandbox.run(&line).success().stdout(":nothing\n");
    sandbox.run("__complete -- run --lab").success().stdout_has("--label\tSet a label\n");
}

/// A key is answered by reading: nothing is made, and no process besides.
#[test]
fn nothing_is_entered() {
    let sandbox = stocked();
    for line in ["rm w", "run bu", "volume rm d", "run --network b", "secret rm t"] {
        let mut command = std::process::Command::new(sandbox.program());
        command.args(["__complete", "--"]).args(line.split(' '));
        sandbox.prepare(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let seen = trace::follow(command, None);
        let changes: Vec<String> = seen.steps.iter().map(|step| format!("{step:?}")).collect();
        let is_own = |step: &&String| !step.contains("write") && !step.contains("exit_group");
        assert_eq!(changes.iter().filter(is_own).count(), 0, "{line}: {changes:?}");
    }
}

/// A shell that has read our script, on a terminal.
fn shell(sandbox: &Sandbox, program: &str, arguments: &[&str], setup: &str) -> Pty {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let mut pty = Pty::program(sandbox, program, &arguments);
    let directory = sandbox.program().parent().expect("a directory").display().to_string();
    pty.type_in(&format!("PATH={directory}:$PATH; {setup}; echo rea''dy\r"));
    pty.expect("ready\r\n");
    pty
}

fn types_as_a_person_does(mut pty: Pty) {
    for (keys, want) in [
        ("coracle inspect -f 'name {{.Name}}' we\t", "name /web"),
        ("coracle conta\tinspect -f 'state {{.State.Status}}' wor\t", "state running"),
        ("coracle image inspect -f 'tags {{.RepoTags}}' busy\t", "tags [busybox:latest]"),
        ("coracle volume ins\t-f 'volume {{.Name}}' da\t", "volume data"),
        (
            "coracle create --net\t=bac\t--name=second busybox:la\techo; coracle ps -a --format '{{.Names}} {{.Networks}}'",
            "second backend",
        ),
        ("coracle rm -f sec\t; echo gone $?", "gone 0"),
    ] {
        pty.type_in(keys);
        // What the shell still completes is not to be typed over.
        std::thread::sleep(std::time::Duration::from_millis(300));
        pty.type_in("\r");
        pty.expect(want);
    }
    pty.type_in("exit\r");
}

#[test]
fn bash_completes() {
    let sandbox = stocked();
    let setup = "source <(coracle completion bash)";
    types_as_a_person_does(shell(&sandbox, "/bin/bash", &["--norc", "--noprofile", "-i"], setup));
    // Of what is listed, and of files.
    let script = format!(
        "PATH={}:$PATH; source <(coracle completion bash); compopt() {{ :; }}; cd {}; \
         for COMP_LINE in 'coracle run --env-file tok' 'coracle run --network=ba' 'coracle rmi busybox:la'; do \
         COMP_POINT=${{#COMP_LINE}} COMPREPLY=(); _coracle; echo \"${{COMPREPLY[@]}}\"; done",
        sandbox.program().parent().expect("a directory").display(),
        sandbox.path().display()
    );
    let output = sandbox.witness(&shlex::try_join(["bash", "--norc", "-c", &script]).expect("a line"));
    output.success().stdout("token\nbackend\nlatest\n");
}

#[test]
fn zsh_completes() {
    if !has("zsh") {
        skip!("there is no zsh");
    }
    let sandbox = stocked();
    let setup = "autoload -U compinit; compinit -u -D; source <(coracle completion zsh)";
    types_as_a_person_does(shell(&sandbox, "zsh", &["-f", "-i"], setup));
}

#[test]
fn fish_completes() {
    if !has("fish") {
        skip!("there is no fish");
    }
    let sandbox = stocked();
    let directory = sandbox.program().parent().expect("a directory").display();
    for (line, want) in LINES {
        let script = format!(
            "set -x PATH {directory} $PATH; coracle completion fish | source; complete -C 'coracle {line}'"
        );
        let output =
            sandbox.witness(&shlex::try_join(["fish", "--no-config", "-c", &script]).expect("a line"));
        let text = output.success().out();
        let candidates: Vec<&str> =
            text.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect();
        assert_eq!(candidates, want, "{line}");
    }
}
