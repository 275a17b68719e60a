//! The command line itself: help, mistakes, versions, and the generated files that ship with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{Sandbox, is_driver, is_root, source_tree};

const VERBS: &[&str] = &[
    "attach", "create", "exec", "history", "images", "info", "inspect", "kill", "logs", "ps", "pull", "rm",
    "rmi", "run", "start", "stop", "tag", "version", "wait",
];

#[test]
fn every_verb_has_help() {
    let sandbox = Sandbox::new();
    for verb in VERBS {
        let output = sandbox.run(&format!("{verb} --help"));
        output.success().stdout_has(&format!("Usage:  coracle {verb}")).stderr("");
        for line in output.lines() {
            assert!(line.trim_end() == line, "{verb} --help has trailing spaces: {line:?}");
        }
    }
    let root = sandbox.run("--help");
    root.success().stdout_has("Usage:  coracle [OPTIONS] COMMAND");
    for verb in VERBS {
        root.stdout_has(&format!("  {verb} "));
    }
}

#[test]
fn help_touches_nothing() {
    let sandbox = Sandbox::new();
    sandbox.run("--help").success();
    sandbox.run("run --help").success();
    sandbox.run("version").success();
    sandbox.run("ps").success();
    assert!(!sandbox.store().exists(), "reading made {}", sandbox.store().display());
}

#[test]
fn unknown_flags_and_commands() {
    let sandbox = Sandbox::new();
    let usage = "Usage:  coracle run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'coracle run --help' for more information\n";
    sandbox
        .run("run --no-such-flag x")
        .code(125)
        .stdout("")
        .stderr(&format!("unknown flag: --no-such-flag\n\n{usage}"));
    let output = sandbox.run("no-such-command");
    output.code(1).stdout("");
    assert!(
        output.stderr.starts_with(
            "coracle: unknown command: coracle no-such-command\n\nRun 'coracle --help' for more information\n"
        ),
        "{}",
        output.stderr
    );
    sandbox.run("run").code(1).stderr_has("'coracle run' requires at least 1 argument");
    sandbox.run("rm").code(1).stderr_has("'coracle rm' requires at least 1 argument");
    sandbox.run("container no-such").code(1).stderr_has("no-such");
    sandbox
        .run("run --detach=maybe x")
        .code(125)
        .stderr_has("invalid argument \"maybe\" for \"-d, --detach\" flag");
    sandbox.run("stop -t").code(125).stderr_has("flag needs an argument: 't' in -t");
    sandbox.run("-z").code(125).stderr_has("unknown shorthand flag: 'z' in -z");
}

#[test]
fn commands_that_are_not_built_say_so() {
    let sandbox = Sandbox::new();
    for command in ["pod ps", "compose up", "kube play x", "image trust show", "system reset"] {
        let output = sandbox.run(command);
        assert_ne!(output.exit_code(), 0, "{command}");
        output.stdout("").stderr_has("not supported yet");
    }
}

#[test]
fn flags_of_the_program_inside_are_its_own() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm busybox echo --rm -d --no-such-flag").success().stdout("--rm -d --no-such-flag\n");
    sandbox.run("run --rm busybox -- true").code(127);
    sandbox.run("run --rm -- busybox echo x").success().stdout("x\n");
    sandbox.run("run --rm=true --tty=false -e=A=b busybox sh -c 'echo $A'").success().stdout("b\n");
}

#[test]
fn versions() {
    let sandbox = Sandbox::new();
    let version = env!("CARGO_PKG_VERSION");
    sandbox.run("version").success().stdout_has(version);
    sandbox.run("--version").success().stdout_has(version);
    sandbox.run("version --format {{.Client.Version}}").success().stdout(&format!("{version}\n"));
    let document = sandbox.run("version --format json").success().json();
    assert_eq!(document["Client"]["Version"], version);
}

#[test]
fn info_tells_of_the_host() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d busybox sleep 1000").success();
    let output = sandbox.run("info");
    output.success();
    for line in
        [" Containers: 1\n", "  Running: 1\n", " Images: 1\n", " Storage Driver: ", " Cgroup Version: "]
    {
        output.stdout_has(line);
    }
    output.stdout_has("seccomp");
    if !is_root() {
        output.stdout_has("rootless");
    }
    output.stdout_has(&sandbox.store().display().to_string());
    let driver = ["fuse-overlayfs", "vfs"].into_iter().find(|name| is_driver(name)).unwrap_or("overlay");
    sandbox.run("info --format {{.Driver}}").success().stdout(&format!("{driver}\n"));
    let template =
        "{{.Host.OS}} {{.Host.Security.Rootless}} {{.Store.GraphDriverName}} {{.Swarm.LocalNodeState}}";
    let rootless = !crate::support::is_root();
    let told = format!("linux {rootless} {driver} inactive\n");
    sandbox.run_words(&["info", "--format", template]).success().stdout(&told);
    let document = sandbox.run("info --format json").success().json();
    assert_eq!((&document["host"]["os"], &document["OSType"]), (&"linux".into(), &"linux".into()));
    assert_eq!(document["store"]["graphRoot"], document["DockerRootDir"]);
    // What cannot be limited here is told by name, and with the text.
    let controllers = document["host"]["cgroupControllers"].as_array().expect("a list");
    for (name, controller) in [("MemoryLimit", "memory"), ("CPUShares", "cpu"), ("PidsLimit", "pids")] {
        assert_eq!(document[name], controllers.contains(&controller.into()), "{name}");
    }
    let warnings = document["Warnings"].as_array().expect("a list").iter();
    let warnings: String = warnings.map(|line| format!("{}\n", line.as_str().expect("a text"))).collect();
    assert!(!controllers.is_empty() || warnings.contains("containers run without limits"), "{warnings}");
    output.stderr(&warnings);
}

#[test]
fn other_roots() {
    let sandbox = Sandbox::new();
    let elsewhere = sandbox.directory("elsewhere");
    let layout = sandbox.layout_of(&crate::support::Image::busybox(), "busybox");
    let flags = format!("--root {0}/data --runroot {0}/run", elsewhere.display());
    sandbox.run(&format!("{flags} pull -q oci:{}:latest", layout.display())).success();
    let id = sandbox.run(&format!("{flags} images -q")).success().line();
    sandbox.run(&format!("{flags} run --rm {id} echo far away")).success().stdout("far away\n");
    sandbox
        .command("images -q")
        .env("CORACLE_ROOT", elsewhere.join("data"))
        .finish()
        .success()
        .stdout(&format!("{id}\n"));
    assert!(!sandbox.store().exists());
}

#[test]
fn output_that_cannot_be_written() {
    let sandbox = Sandbox::new();
    let program = sandbox.program().display();
    let output = sandbox.witness(&format!("sh -c '{program} --help >/dev/full'"));
    assert_ne!(output.exit_code(), 0);
    output.stderr_lacks("panicked");
}

/// Manual pages are generated by the binary; the committed ones must be those.
#[test]
fn generated_files_are_up_to_date() {
    let sandbox = Sandbox::new();
    let fresh = sandbox.directory("generated");
    sandbox.run(&format!("generate {}", fresh.display())).success();
    let (man, fresh) = (source_tree().join("man"), fresh.join("man"));
    let committed = names(&man);
    assert_eq!(committed, names(&fresh), "man/ has other files");
    assert!(!committed.is_empty(), "man/ is empty");
    for name in committed {
        let read = |directory: &Path| fs::read_to_string(directory.join(&name)).expect("a file");
        assert!(read(&man) == read(&fresh), "man/{name} is stale: run `cargo run -- generate .`");
    }
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[test]
fn completions_name_every_verb() {
    let output = Sandbox::new().run_words(&["__complete", "--", ""]);
    let text = output.success().out();
    let words: BTreeSet<&str> = text.lines().filter_map(|line| line.split('\t').next()).collect();
    for verb in VERBS {
        assert!(words.contains(verb), "{verb} is not completed: {text}");
    }
}
