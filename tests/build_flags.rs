//! Flags of `build` that buildah and podman have and docker has not.

use std::fs;

use serde_json::{Value, json};

use crate::build::context;
use crate::skip;
use crate::support::{Entry, Image, Output, Sandbox, program};

const FILES: &str =
    "FROM busybox AS base\nRUN echo one > /one\nCOPY . /all/\nFROM base\nRUN echo two > /two; rm -f /one\n";

fn layers(sandbox: &Sandbox, image: &str) -> usize {
    sandbox.inspect(image, "RootFS")["Layers"].as_array().map_or(0, Vec::len)
}

#[test]
fn one_layer() {
    let sandbox = Sandbox::with_busybox();
    let directory = context(&sandbox, "context", &[("Dockerfile", FILES)]);
    let build = |flags: &str| {
        sandbox
            .run(&format!("build --network none {flags} -t app {}", directory.display()))
            .success()
            .stderr
            .clone()
    };
    build("");
    assert_eq!(layers(&sandbox, "app"), 4);
    for (flags, count) in
        [("--layers=false", 2), ("--squash", 2), ("--squash-all", 1), ("--squash --squash-all", 1)]
    {
        let told = build(flags);
        assert_eq!(layers(&sandbox, "app"), count, "{flags}");
        assert_eq!(told.contains("CACHED"), flags != "--layers=false", "{flags}: {told}");
        let seen = sandbox.run("run --rm --network none app sh -c 'cat /two; ls /one'");
        seen.code(1).stdout("two\n").stderr_has("/one");
        // Each layer has its step, and none else.
        let history = sandbox.run("history --format '{{.Size}} {{.Comment}}' app").success().lines();
        assert!(history[0].ends_with("all layers of the build in one"), "{history:?}");
    }
    build("--squash-all --build-context base=docker-image://busybox");
    assert_eq!(layers(&sandbox, "app"), 1);
    sandbox.run("system check").success();
    sandbox.assert_no_traces();
}

#[test]
fn another_beginning() {
    let sandbox = Sandbox::with_busybox();
    sandbox.add(&Image::busybox_and(&[Entry::file("marked", "x")]), "other:1");
    let text =
        "ARG BASE=busybox\nFROM $BASE AS one\nRUN touch /own\nFROM busybox\nCOPY --from=one /marked /own /\n";
    let build =
        |flags: &str| sandbox.command(&format!("build --network none -q {flags} -")).input(text).finish();
    build("").code(1).stderr_has("\"/marked\": not found");
    build("--from other:1").success();
    // podman's word comes before that of the file, whatever that says.
    build("--from other:1 --build-arg BASE=nowhere").success();
    build("--from other:2 --pull=never").code(1).stderr_has("No such image: other:2");
    build("--from 'No Name'").code(1).one_clear_line();
}

#[test]
fn another_ignore_file() {
    let sandbox = Sandbox::with_busybox();
    let files = [
        ("Dockerfile", "FROM busybox\nCOPY . /all/\n"),
        ("a", ""),
        ("b", ""),
        (".dockerignore", "a\nDockerfile\n"),
    ];
    let directory = context(&sandbox, "context", &files);
    fs::write(sandbox.home().join("mine"), "*\n!a\n").expect("a file");
    for (flags, want) in [("", ".dockerignore\nb\n"), ("--ignorefile mine", "a\n")] {
        sandbox.run(&format!("build -q {flags} -t app {}", directory.display())).success();
        sandbox.run("run --rm --network none app ls -A /all").success().stdout(want);
    }
    let archive = sandbox.witness(&format!("tar -C {} -c .", directory.display())).success().bytes.clone();
    sandbox.command("build -q --ignorefile mine -t app -").input(archive).finish().success();
    sandbox.run("run --rm --network none app ls -A /all").success().stdout("a\n");
    let missing = sandbox.run(&format!("build --ignorefile nowhere {}", directory.display()));
    missing.code(1).stderr("Error: open the ignore file nowhere: No such file or directory (os error 2)\n");
}

#[test]
fn lists_of_images() {
    let sandbox = Sandbox::new();
    let build = |flags: &str, text: &str| {
        sandbox
            .command(&format!("build -q {flags} -"))
            .input(format!("FROM scratch\nLABEL a={text}\n"))
            .finish()
    };
    let platforms = || {
        let list = sandbox.run("manifest inspect fleet").success().json();
        let entries = list["manifests"].as_array().cloned().unwrap_or_default();
        let mut named: Vec<String> = entries
            .iter()
            .map(|entry| entry["platform"]["architecture"].as_str().unwrap_or_default().to_owned())
            .collect();
        named.sort();
        (named, entries)
    };
    build("--platform linux/arm64 --manifest fleet", "1").success();
    build("--platform linux/amd64 --manifest fleet -t mine", "1").success();
    let (named, before) = platforms();
    assert_eq!(named, ["amd64", "arm64"]);
    // What is built again takes the place of what there was.
    build("--platform linux/amd64,linux/s390x --manifest fleet", "2").success();
    let (named, after) = platforms();
    assert_eq!(named, ["amd64", "arm64", "s390x"]);
    assert_eq!(before.iter().filter(|entry| after.contains(entry)).count(), 1);
    sandbox.run("image exists mine").success();
    build("--manifest mine", "3")
        .code(1)
        .stderr_has("mine:latest is the name of an image that is no manifest list");
    build("--manifest fleet -o out", "3").code(1).stderr_has("--manifest: no image is made");
    sandbox.run("system check").success();
    let skopeo = program("skopeo");
    let Some(skopeo) = skopeo else { skip!("there is no skopeo") };
    let layout = sandbox.path().join("layout");
    sandbox.run(&format!("save --format oci-dir -o {} fleet", layout.display())).success();
    let raw = sandbox.witness(&format!("{} inspect --raw oci:{}", skopeo.display(), layout.display()));
    let raw: Value = raw.success().json();
    assert_eq!(raw["manifests"].as_array().map(Vec::len), Some(3), "{raw:#}");
}

#[test]
fn arguments_of_a_file() {
    let sandbox = Sandbox::with_busybox();
    fs::write(sandbox.home().join("one"), "# said\nA=from the file\n\nB=2=3\nHELD\nMISSING\n")
        .expect("a file");
    fs::write(sandbox.home().join("two"), "B=later").expect("a file");
    let text = "FROM busybox\nARG A\nARG B\nARG C=c\nARG HELD\nARG MISSING=none\nENV ALL=\"$A|$B|$C|$HELD|$MISSING\"\n";
    let build = |flags: &str| -> Output {
        sandbox.command(&format!("build -q -t app {flags} -")).env("HELD", "outside").input(text).finish()
    };
    for (flags, want) in [
        ("--build-arg-file one", "from the file|2=3|c|outside|none"),
        (
            "--build-arg-file one --build-arg-file two --build-arg C=given",
            "from the file|later|given|outside|none",
        ),
        ("--build-arg A=first --build-arg-file one", "first|2=3|c|outside|none"),
    ] {
        build(flags).success();
        sandbox
            .run("run --rm --network none app sh -c 'echo \"$ALL\"'")
            .success()
            .stdout(&format!("{want}\n"));
    }
    build("--build-arg-file three")
        .code(1)
        .stderr("Error: open three: No such file or directory (os error 2)\n");
}

#[test]
fn what_the_image_is_not_to_have() {
    let sandbox = Sandbox::with_busybox();
    let first = "FROM busybox\nLABEL kept=1 dropped=2\nENV KEPT=1 DROPPED=2\n";
    sandbox.command("build -q -t first -").input(first).finish().success();
    let flags = "--unsetlabel dropped --unsetlabel unknown --unsetenv DROPPED --label own=3";
    let text = "FROM first\nRUN echo $DROPPED > /seen\nENV MORE=1\n";
    sandbox.command(&format!("build --network none -q -t second {flags} -")).input(text).finish().success();
    assert_eq!(sandbox.inspect("second", "Config.Labels"), json!({ "kept": "1", "own": "3" }));
    let variables = sandbox.inspect("second", "Config.Env");
    let names: Vec<_> = variables.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(names.contains(&"KEPT=1") && names.contains(&"MORE=1"), "{names:?}");
    assert!(!names.iter().any(|line| line.starts_with("DROPPED")), "{names:?}");
    sandbox.run("run --rm --network none second cat /seen").success().stdout("2\n");
    let refused = sandbox.command("build --skip-unused-stages=false -").input(text).finish();
    refused.code(1).stderr_has("not supported yet").stderr_has("hint: ");
    sandbox
        .command("build -q --skip-unused-stages -")
        .input("FROM nowhere AS a\nFROM first\n")
        .finish()
        .success();
}
