//! What becomes of a build: `--output` in every form, `--push`, `--load`, and what is told of it.

use std::fs;

use serde_json::Value;

use crate::build::context;
use crate::support::registry::{Access, Registry};
use crate::support::{Image, Sandbox, program};

const FILES: &str = "FROM scratch\nCOPY file /d/file\n";

fn files(sandbox: &Sandbox) -> String {
    context(sandbox, "context", &[("Dockerfile", FILES), ("file", "content\n")]).display().to_string()
}

#[test]
fn several_at_once() {
    let sandbox = Sandbox::new();
    let directory = files(&sandbox);
    let outputs = [
        "one",
        "type=local,dest=two",
        "type=tar,dest=files.tar",
        "type=oci,dest=oci.tar",
        "type=docker,dest=docker.tar",
        "type=oci,dest=layout,tar=false",
        "type=image",
    ];
    let flags: Vec<String> = outputs.iter().map(|output| format!("-o {output}")).collect();
    sandbox.run(&format!("build -t app:1 {} {directory}", flags.join(" "))).success();
    let home = sandbox.home();
    for place in ["one/d/file", "two/d/file"] {
        assert_eq!(fs::read_to_string(home.join(place)).expect(place), "content\n");
    }
    let id = sandbox.inspect("app:1", "Id").as_str().map(str::to_owned).expect("an id");
    let listed = sandbox.witness(&format!("tar tf {}", home.join("files.tar").display()));
    assert_eq!(listed.success().lines(), ["d/", "d/file"]);
    for place in ["oci.tar", "docker.tar", "layout"] {
        let other = Sandbox::new();
        let carried = home.join(place);
        let loaded = match carried.is_dir() {
            true => other.run(&format!("pull -q oci:{}:1", carried.display())),
            false => other.run(&format!("load -q -i {}", carried.display())),
        };
        loaded.success();
        assert_eq!(other.run("images -q --no-trunc").success().line(), id, "{place}");
    }
    sandbox.run("system check").success();
}

/// What is read from standard output has nothing else in it, and only one thing goes there.
#[test]
fn on_standard_output() {
    let sandbox = Sandbox::new();
    let directory = files(&sandbox);
    let stream = |flags: &str| sandbox.run(&format!("build {flags} {directory}"));
    for flags in ["-q -o -", "-o type=tar", "-q -o type=tar,dest=-"] {
        let archive = sandbox.file("streamed", &stream(flags).success().bytes);
        let listed = sandbox.witness(&format!("tar tf {}", archive.display()));
        assert_eq!(listed.success().stderr("").lines(), ["d/", "d/file"], "{flags}");
    }
    for flags in ["-q -o type=oci", "-t a:1 -o type=oci,dest=-", "-q -t a:1 -o type=docker,dest=-"] {
        let streamed = stream(flags);
        assert!(streamed.success().bytes.ends_with(&[0; 1024]), "{flags}");
        let other = Sandbox::new();
        other.command("load -q").input(streamed.bytes.clone()).finish().success();
        let names = other.run("images --format {{.Repository}}:{{.Tag}}").success().line();
        assert_eq!(names, if flags.contains("a:1") { "a:1" } else { "<none>:<none>" }, "{flags}");
    }
    stream("-o type=oci -o type=tar")
        .code(1)
        .stdout("")
        .stderr_has("only one of them can go to standard output");
    stream("-o ''").code(1).one_clear_line();
}

/// As with docker an archive is no reason for the store to have the image.
#[test]
fn the_store_keeps_what_it_is_asked_to() {
    let sandbox = Sandbox::new();
    let directory = files(&sandbox);
    for (flags, kept) in [
        ("-o out", false),
        ("-o type=oci,dest=a.tar", false),
        ("-o type=docker,dest=a.tar", false),
        ("-o type=cacheonly", false),
        ("-o out --load", true),
        ("-o type=oci,dest=a.tar --load", true),
        ("-o type=docker", true),
        ("-o type=image", true),
        ("--load", true),
        ("", true),
    ] {
        let told = sandbox.run(&format!("build -t app:1 {flags} {directory}"));
        assert_eq!(told.success().stderr.contains("naming to docker.io/library/app:1"), kept, "{flags}");
        let names = sandbox.run("images -aq").success().lines().len();
        assert_eq!(names, usize::from(kept), "{flags}");
        if kept {
            sandbox.run("rmi app:1").success();
        }
    }
    sandbox.run("system check").success();
}

#[test]
fn what_is_sent_has_a_name_and_is_what_was_built() {
    let sandbox = Sandbox::new();
    let directory = files(&sandbox);
    for flags in ["--push", "-o type=registry", "-o type=image,push=true", "-o out --push"] {
        let told = sandbox.run(&format!("build {flags} {directory}"));
        told.code(1).stderr_has("Error: tag is needed when pushing to registry\nhint: give it: -t");
    }
    let registry = Registry::start(Access::Plain);
    let name = format!("{}/app:1", registry.host());
    // Files beside it do not keep the image from being made, and an older one of that name is not sent for it.
    sandbox.add(&Image::busybox(), &name);
    let older = sandbox.inspect(&name, "Id");
    sandbox.run(&format!("build --tls-verify=false -o out --push -t {name} {directory}")).success();
    let sent = sandbox.inspect(&name, "Id");
    assert_ne!(sent, older);
    let other = Sandbox::new();
    other.run(&format!("pull -q --tls-verify=false {name}")).success();
    assert_eq!(other.inspect(&name, "Id"), sent);
}

#[test]
fn what_is_told_of_the_image() {
    let sandbox = Sandbox::new();
    let directory = files(&sandbox);
    let told = |flags: &str| -> Value {
        let _ = fs::remove_file(sandbox.home().join("told"));
        sandbox.run(&format!("build {flags} --metadata-file told {directory}")).success();
        serde_json::from_str(&fs::read_to_string(sandbox.home().join("told")).expect("a file")).expect("JSON")
    };
    let one = told("-t app:1 -o type=image -o type=oci,dest=layout,tar=false");
    assert_eq!(one["containerimage.config.digest"], sandbox.inspect("app:1", "Id"));
    assert_eq!(one["image.name"], "docker.io/library/app:1");
    let described = &one["containerimage.descriptor"];
    assert_eq!(described["digest"], one["containerimage.digest"]);
    assert_eq!(described["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    // What it describes is what others get.
    let digest = described["digest"].as_str().unwrap_or_default().replace(':', "/");
    let manifest = fs::read(sandbox.home().join("layout/blobs").join(digest)).expect("the manifest");
    assert_eq!(described["size"], manifest.len());
    let many = told("-t app:2 --platform linux/amd64,linux/arm64");
    assert_eq!(many["containerimage.descriptor"]["mediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(many["containerimage.config.digest"], Value::Null);
    if program("skopeo").is_some() {
        let layout = sandbox.home().join("many");
        sandbox.run(&format!("save --format oci-dir -o {} app:2", layout.display())).success();
        let raw = sandbox.witness(&format!("skopeo inspect --raw oci:{}", layout.display()));
        assert_eq!(many["containerimage.descriptor"]["size"], raw.success().bytes.len());
    }
    assert_eq!(told("-o out"), serde_json::json!({}));
    let again = sandbox.run(&format!("build -o type=oci,dest=layout,tar=false {directory}"));
    again.code(1).stderr_has("Error: write layout: it is there already and is no empty directory");
}

/// Words of buildx that mean what is so anyway, or the same by another name.
#[test]
fn words_of_buildx() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox\nARG SOURCE_DATE_EPOCH\nRUN echo \"[$SOURCE_DATE_EPOCH]\" > /date; hostname > /host\n\
                RUN --mount=type=cache,target=/c touch /c/$(cat /host); ls /c > /kept\n";
    let build = |flags: &str| {
        sandbox
            .command(&format!("build --network none -t app {flags} -"))
            .env("BUILDKIT_PROGRESS", "plain")
            .input(text)
            .finish()
    };
    build(
        "--builder default --platform local --provenance=false --sbom=false --attest type=sbom,disabled=true \
           -o type=image,oci-mediatypes=true,rewrite-timestamp=true --load --progress=plain",
    )
    .success();
    build("--builder mine").code(1).stderr_has("Error: no builder \"mine\" found\n");
    let see = |file: &str| sandbox.run(&format!("run --rm --network none app cat /{file}")).success().out();
    assert_eq!((see("date").as_str(), see("host").as_str()), ("[]\n", "buildkitsandbox\n"));
    // The date is the file's to ask for, wherever it comes from.
    let mut made = Vec::new();
    for flags in ["--build-arg SOURCE_DATE_EPOCH=1600000000", "--source-date-epoch 1600000000"] {
        build(flags).success();
        assert_eq!(see("date"), "[1600000000]\n", "{flags}");
        assert_eq!(sandbox.inspect("app", "Created"), "2020-09-13T12:26:40Z", "{flags}");
        made.push(sandbox.inspect("app", "Id"));
    }
    assert_eq!(made[0], made[1]);
    build("--build-arg SOURCE_DATE_EPOCH=soon").code(1).stderr_has("invalid SOURCE_DATE_EPOCH: \"soon\"");
    let own = "--build-arg BUILDKIT_SANDBOX_HOSTNAME=here --build-arg BUILDKIT_CACHE_MOUNT_NS=own";
    build(own).success().stderr_lacks("Warning");
    assert_eq!((see("host").as_str(), see("kept").as_str()), ("here\n", "here\n"));
    // Another builder's words are its own business, and what is shown is what was asked for.
    let shown = |value: &str| {
        sandbox.command("build -").env("BUILDKIT_PROGRESS", value).input("FROM scratch\n").finish()
    };
    assert!(shown("rawjson").success().stderr.starts_with("{\"vertexes\":"));
    assert_eq!(shown("quiet").success().stderr, "");
    shown("loud").code(1).stderr_has("BUILDKIT_PROGRESS: invalid progress mode \"loud\"");
}

#[test]
fn a_cache_in_the_image_by_an_argument() {
    let registry = Registry::start(Access::Plain);
    let text = "FROM busybox\nRUN echo made > /made\n";
    let name = format!("{}/app:1", registry.host());
    let build = |sandbox: &Sandbox, flags: &str| {
        let line = format!("build --network none --tls-verify=false {flags} -");
        sandbox.command(&line).input(text).finish()
    };
    let first = Sandbox::with_busybox();
    build(&first, &format!("--push -t {name} --build-arg BUILDKIT_INLINE_CACHE=1")).success();
    build(&Sandbox::with_busybox(), &format!("--cache-from {name}")).success().stderr_has("CACHED");
    // What cannot be brought away ends the build unless it may be done without.
    let away = "--cache-to type=registry,ref=127.0.0.1:1/x,image-manifest=true,oci-mediatypes=true";
    build(&first, away)
        .code(1)
        .stderr_has("Error: bring the cache to 127.0.0.1:1/x: push 127.0.0.1:1/x:latest");
    build(&first, &format!("{away},ignore-error=true"))
        .success()
        .stderr_has("ERROR: push 127.0.0.1:1/x:latest");
}

/// Tabs are what programs and the files of official images are full of; anything else would move the cursor.
#[test]
fn lines_are_shown_as_they_are() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox\nRUN printf 'a\\tb\\n\\033[2Jc\\n'; \\\n\tfalse\n";
    let told = sandbox.command("build --network none --progress plain -").input(text).finish();
    told.code(1).stderr_has(" a\tb\n").stderr_has("\\x1b[2Jc\n").stderr_lacks("\x1b");
}
