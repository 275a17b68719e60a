//! `build`: steps, their cache, and what becomes of the last stage.

use std::fs;
use std::path::PathBuf;

use crate::support::{Entry, Image, Sandbox};

/// A directory with these files.
pub fn context(sandbox: &Sandbox, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = sandbox.directory(name);
    for (path, text) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    directory
}

const STAGES: &str = "\
FROM busybox AS made
ARG WORD=one
ENV SAID=$WORD
WORKDIR /app
RUN echo $WORD > said && mkdir -m 1777 /open && rm /etc/group
COPY text /app/
COPY --chown=7:8 --chmod=640 text /owned

FROM made AS unused
RUN exit 1

FROM made
COPY --from=made /app/said /copied
RUN --mount=type=cache,target=/kept echo more >> /kept/log && cp /kept/log /log
USER 7
CMD [\"cat\", \"/copied\", \"/app/text\"]
";

#[test]
fn an_image_is_made_of_stages() {
    let sandbox = Sandbox::with_busybox();
    let directory = context(&sandbox, "context", &[("Dockerfile", STAGES), ("text", "text\n")]);
    let build = |flags: &str| sandbox.run(&format!("build --network none {flags} {}", directory.display()));
    // A stage that nobody needs is not built.
    build("-t app").success().stderr_has("RUN echo one").stderr_lacks("exit 1");
    sandbox.run("run --rm --network none app").success().stdout("one\ntext\n");
    let look = "run --rm --network none app sh -c 'id -u; pwd; stat -c %a%u%g /owned /open; ls /etc/group || cat /log'";
    sandbox.run(look).success().stdout("7\n/app\n64078\n177700\nmore\n");
    sandbox.run("system check").success();
    // The same once more is all there; another argument begins where it is used.
    let again = build("-t app");
    assert_eq!(again.success().stderr.matches("CACHED").count(), 6, "{}", again.stderr);
    let id = sandbox.inspect("app", "Id").as_str().unwrap_or_default().to_owned();
    let other = build("-q --build-arg WORD=two").success().line();
    assert_ne!(other, id);
    sandbox.run(&format!("run --rm --network none {other}")).success().stdout("two\ntext\n");
    // Files count, and not when they were written.
    fs::write(directory.join("text"), "text\n").expect("a file");
    assert_eq!(build("-q").success().line(), id);
    fs::write(directory.join("text"), "other\n").expect("a file");
    assert_ne!(build("-q").success().line(), id);
    sandbox.assert_no_traces();
}

#[test]
fn steps_are_done_without_the_kernels_overlay() {
    let text = "FROM busybox AS made\nRUN rm /etc/passwd && mkdir /d && echo one > /d/one && chmod 700 /home && ln -s d /l\n\
                RUN rm -r /d && mkdir /d && echo two > /d/two\nCOPY --chown=7:8 text /d/\nWORKDIR /w\n\
                FROM made\nCOPY --from=made /d /copied\nRUN find /d /copied /w /l | sort > /list && ls /etc\n";
    let look =
        "run --rm --network none app sh -c 'cat /list; ls /etc; stat -c %a /home; stat -c %u%g /d/text'";
    let seen = |sandbox: &Sandbox| {
        let directory = context(sandbox, "context", &[("Dockerfile", text), ("text", "text\n")]);
        sandbox.run(&format!("build --network none -t app {}", directory.display())).success();
        sandbox.run("system check").success();
        sandbox.run(look).success().out()
    };
    let usual = Sandbox::with_busybox();
    let copied = Sandbox::of_driver("vfs");
    copied.add(&Image::busybox(), "busybox");
    let want = seen(&usual);
    assert!(want.contains("/copied/text\n") && want.ends_with("700\n78\n"), "{want}");
    assert_eq!(seen(&copied), want);
    copied.assert_no_traces();
}

#[test]
fn files_pass_through_several_stages() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox AS one\nARG SAID=said\nRUN echo $SAID | cut -c1-2 > /one\n\
                FROM busybox AS two\nCOPY --from=one /one /two\n\
                FROM scratch AS three\nCOPY --from=two /two /three\nCOPY --link --from=one /one /link\n\
                FROM busybox\nCOPY --from=three / /all\nRUN cat /all/* > /end\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    let build = |flags: &str| {
        let line = format!("build --network none {flags} -t app {}", directory.display());
        sandbox.run(&line).success().stderr.clone()
    };
    build("");
    sandbox.run("run --rm --network none app cat /end").success().stdout("sa\nsa\n");
    assert_eq!(build("").matches("CACHED").count(), 6);
    // Another program with the same result: what is built upon the files is there.
    let other = build("--build-arg SAID=sand");
    assert_eq!((other.matches("CACHED").count(), other.contains("echo sand")), (5, true), "{other}");
    sandbox.assert_no_traces();
}

#[test]
fn all_layers_of_a_build_in_one() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox\nRUN echo secret > /gone && echo old > /file && rm /etc/group\n\
                RUN rm /gone && echo new > /file && rm -r /home && mkdir /home && touch /home/own\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    sandbox.run(&format!("build --network none --squash -t app {}", directory.display())).success();
    let layers = |image: &str| sandbox.inspect(image, "RootFS")["Layers"].as_array().map(Vec::len);
    assert_eq!(layers("app"), layers("busybox").map(|count| count + 1));
    let look = "run --rm --network none app sh -c 'cat /file; ls /home /etc/group /gone'";
    let seen = sandbox.run(look);
    seen.code(1).stdout("new\n/home:\nown\n").stderr_has("/etc/group").stderr_has("/gone");
    let saved = sandbox.path().join("saved.tar");
    sandbox.run(&format!("save -o {} app", saved.display())).success();
    let bytes = fs::read(&saved).expect("an archive");
    assert!(!bytes.windows(7).any(|window| window == b"secret\n"), "what was taken away is in no layer");
    sandbox.run("system check").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_step_that_fails_is_shown_and_the_others_are_kept() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox\nRUN echo first > /f\nRUN echo told; exit 3\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    let build = format!("build --network none -t app {}", directory.display());
    let failed = sandbox.run(&build);
    failed.code(1).stderr_has(" told\n------\nDockerfile:3\n").stderr_has("   3 | >>> RUN echo told; exit 3");
    let why = "process \"/bin/sh -c echo told; exit 3\" did not complete successfully: exit code: 3";
    failed.stderr_has(why);
    sandbox.run(&build).stderr_has("[2/3] RUN echo first > /f\n#3 CACHED");
    sandbox.run("image exists app").code(1);
    sandbox.run("system check").success();
    sandbox.assert_no_traces();
}

const CACHED: &str = "\
FROM busybox AS made
RUN echo made > /made
FROM busybox
COPY --from=made /made /copied
RUN cat /copied > /again
";

/// Another store of the same user, with the same image: what it has of a build comes from elsewhere.
fn elsewhere(first: &Sandbox) -> Sandbox {
    let second = Sandbox::with_busybox();
    let id = |sandbox: &Sandbox| sandbox.inspect("busybox", "Id");
    assert_eq!(id(first), id(&second), "the same image to begin with");
    second
}

#[test]
fn a_cache_is_carried_to_another_store() {
    let first = Sandbox::with_busybox();
    let directory = context(&first, "context", &[("Dockerfile", CACHED)]);
    let carried = first.path().join("carried");
    let build = |sandbox: &Sandbox, flags: &str| {
        sandbox.run(&format!("build --network none -t app {flags} {}", directory.display()))
    };
    build(&first, &format!("--cache-to type=local,dest={},mode=max", carried.display())).success();
    first.run("image ls -q coracle.invalid/cache").success().stdout("");
    let second = elsewhere(&first);
    let from = format!("--cache-from type=local,src={}", carried.display());
    let built = build(&second, &from);
    assert_eq!(built.success().stderr.matches("CACHED").count(), 3, "{}", built.stderr);
    assert_eq!(second.inspect("app", "Id"), first.inspect("app", "Id"), "the times too");
    second.run("run --rm --network none app cat /again").success().stdout("made\n");
    second.run("system check").success();
    // Without it everything is done, and one that is not there is no failure.
    let third = elsewhere(&first);
    let built = build(&third, "--cache-from type=local,src=/nowhere");
    built.success().stderr_has("load /nowhere").stderr_lacks("CACHED");
}

#[test]
fn an_image_is_made_for_each_platform() {
    let sandbox = Sandbox::new();
    let text = "FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /$TARGETARCH\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    let platforms = "linux/amd64,linux/arm64";
    sandbox.run(&format!("build --platform {platforms} -t many {}", directory.display())).success();
    let list = sandbox.run("manifest inspect many").success().json();
    let architectures = list["manifests"].as_array().into_iter().flatten();
    let architectures: Vec<_> = architectures.map(|manifest| &manifest["platform"]["architecture"]).collect();
    assert_eq!(architectures, ["amd64", "arm64"]);
    for architecture in ["amd64", "arm64"] {
        let id = sandbox.run(&format!("create --platform linux/{architecture} many true")).success().line();
        let listed = sandbox.run(&format!("cp {id}:/{architecture} -"));
        assert!(listed.success().out().contains("TARGETARCH"));
    }
}

#[test]
fn what_is_made_for_several_platforms_leaves_together() {
    let sandbox = Sandbox::new();
    let text = "FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /$TARGETARCH\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    let path = |name: &str| sandbox.path().join(name).display().to_string();
    let (files, archive, cache) = (path("files"), path("many.tar"), path("cache"));
    let build = |flags: &str| {
        let platforms = "--platform linux/amd64,linux/arm/v7";
        sandbox.run(&format!("build {platforms} {flags} {}", directory.display()))
    };
    build(&format!("-o {files}")).success();
    for place in ["linux_amd64/amd64", "linux_arm_v7/arm"] {
        assert_eq!(fs::read_to_string(PathBuf::from(&files).join(place)).expect("a file"), text);
    }
    build(&format!("-t many -o type=oci,dest={archive} --cache-to type=local,dest={cache}")).success();
    let other = Sandbox::new();
    other.run(&format!("load -i {archive}")).success();
    let list = other.run("manifest inspect many").success().json();
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2), "{list:#}");
    // The cache has the steps of both.
    let third = Sandbox::new();
    let from = format!("build --cache-from type=local,src={cache} --platform linux/amd64,linux/arm/v7");
    let built = third.run(&format!("{from} {}", directory.display()));
    assert_eq!(built.success().stderr.matches("CACHED").count(), 2, "{}", built.stderr);
    // One archive, that tar(1) reads to its end.
    build(&format!("-o type=tar,dest={archive}")).success();
    let listed = sandbox.witness(&format!("tar tf {archive}")).success().lines();
    assert_eq!(listed, ["linux_amd64/", "linux_amd64/amd64", "linux_arm_v7/", "linux_arm_v7/arm"]);
    sandbox.witness(&format!("tar xOf {archive} linux_arm_v7/arm")).success().stdout(text);
    build("-q -o -").success().stdout_has("linux_amd64/amd64").stdout_has("linux_arm_v7/arm");
    // An archive needs no names, and the store none of what is in it.
    build(&format!("-o type=oci,dest={archive}")).success();
    sandbox.run("images -aq").success().stdout("");
    other.run("rmi many").success();
    assert_eq!(other.run(&format!("load -q -i {archive}")).success().lines().len(), 2);
}

#[test]
fn stages_are_made_at_the_same_time() {
    let sandbox = Sandbox::with_busybox();
    // Each goes on once the others are there.
    let meet = "RUN --mount=type=cache,target=/meet touch /meet/$NAME /done && for i in $(seq 300); do \
                [ $(ls /meet | wc -l) = 3 ] && exit 0; sleep 0.1; done; exit 1";
    let stage = |name: &str| format!("FROM busybox AS {name}\nARG NAME={name}\n{meet}\n");
    let copies = "FROM busybox\nCOPY --from=a /done /a\nCOPY --from=b /done /b\nCOPY --from=c /done /c\n";
    let text = ["a", "b", "c"].map(stage).concat() + copies;
    sandbox.command("build --network none -t met -").input(text).finish().success();
    sandbox.run("run --rm --network none met ls /a /b /c").success();
}

/// Who finds no cache makes it, and none of those who make it at the same time takes one that is not what it is to be,
/// or holds it against the others.
#[test]
fn those_who_make_a_cache_at_the_same_time_share_it_as_they_ask() {
    let sandbox = Sandbox::with_busybox();
    let shared = (0..12).map(|number| format!("--mount=type=cache,target=/kept{number},uid=7,mode=0710 "));
    let shared: String = shared.collect();
    let own = "--mount=type=cache,target=/own,sharing=private";
    let step = format!(
        "RUN {shared} {own} --mount=type=cache,target=/one,id=both --mount=type=cache,target=/two,id=both \
         touch /own/$NAME /one/$NAME /done && [ -e /two/$NAME ] && for k in /kept*; do \
         [ $(stat -c %a%u $k) = 7107 ] && touch $k/$NAME || exit 1; done && for i in $(seq 300); do \
         [ $(ls -d /kept*/* | wc -l) = 36 ] && [ $(ls /own) = $NAME ] && exit 0; sleep 0.1; done; exit 1"
    );
    let stage = |name: &str| format!("FROM busybox AS {name}\nARG NAME={name}\n{step}\n");
    let copies = "FROM busybox\nCOPY --from=a /done /a\nCOPY --from=b /done /b\nCOPY --from=c /done /c\n";
    let text = ["a", "b", "c"].map(stage).concat() + copies;
    sandbox.command("build --network none -").input(text).finish().success();
    // A step that wants the same twice does not wait for itself.
    let twice =
        "--mount=type=cache,id=c,sharing=locked,target=/a --mount=type=cache,id=c,sharing=locked,target=/b";
    let text = format!("FROM busybox\nRUN {twice} touch /a/file && [ -e /b/file ]\n");
    sandbox.command("build --network none -").input(text).finish().success();
    // Nor do two that want the same in other orders wait for each other: one has its first when both are asked for.
    let locked = |names: &str| -> String {
        names.chars().map(|name| format!("--mount=type=cache,sharing=locked,target=/{name} ")).collect()
    };
    let (forth, back, held) = (locked("pxq"), locked("qp"), locked("x"));
    let text = format!(
        "FROM busybox AS a\nRUN sleep 0.5\nRUN {forth} touch /a\nFROM busybox AS b\nRUN sleep 0.5\n\
         RUN {back} touch /b\nFROM busybox AS c\nRUN {held} touch /c && sleep 2\n\
         FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\nCOPY --from=c /c /\n"
    );
    sandbox.command("build --network none -").input(text).finish().success();
    sandbox.run("builder prune -af").success();
    sandbox.assert_no_traces();
}

#[test]
fn a_stage_begins_with_a_context() {
    let sandbox = Sandbox::with_busybox();
    let root = context(&sandbox, "root", &[("deep/file", "from afar\n"), (".hidden", "")]);
    fs::create_dir(root.join("bin")).expect("a directory");
    let busybox = crate::support::program("busybox").expect("busybox-static is installed");
    fs::copy(busybox, root.join("bin/sh")).expect("a copy");
    let text = "FROM root AS made\nRUN [ -e /.hidden ] && echo more >>/deep/file\nFROM busybox\nCOPY --from=made /deep /\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    let line = format!(
        "build --network none -t app --build-context root={} {}",
        root.display(),
        directory.display()
    );
    sandbox.run(&line).success();
    sandbox.run("run --rm --network none app cat /file").success().stdout("from afar\nmore\n");
    sandbox.run(&line).success().stderr_has("CACHED");
    fs::write(root.join("deep/file"), "anew\n").expect("a file");
    sandbox.run(&line).success();
    sandbox.run("run --rm --network none app cat /file").success().stdout("anew\nmore\n");
}

/// What `FROM` and `COPY --from` name comes out of an OCI layout, and leaves nothing else in the store.
/// docker's spelling of a context's name is that of an image, whichever way it is written.
#[test]
fn a_context_is_known_by_every_spelling_of_its_name() {
    let sandbox = Sandbox::new();
    let given = context(&sandbox, "given", &[("file", "given\n")]);
    for (name, from) in [
        ("base", "docker.io/library/base:latest"),
        ("base:latest", "base"),
        ("docker.io/base", "BASE"),
        ("example.org/base:2", "example.org/base:2"),
    ] {
        let text = format!("FROM {from} AS first\nFROM scratch\nCOPY --from=first /file /\n");
        let directory = context(&sandbox, "context", &[("Dockerfile", &text)]);
        let place = given.display();
        let line = format!("build -q -o - --build-context {name}={place} {}", directory.display());
        sandbox.run(&line).success().stdout_has("given\n");
    }
}

#[test]
fn a_copy_of_what_is_ignored_is_told_of() {
    let sandbox = Sandbox::new();
    let text = "FROM scratch\nCOPY . /all/\nCOPY kept/x /\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text), ("kept/x", ""), ("other", "")]);
    let told = |ignored: &str| {
        fs::write(directory.join(".dockerignore"), ignored).expect("a file");
        let output = sandbox.run(&format!("build --check {}", directory.display()));
        let lines = output.lines().into_iter();
        lines.filter(|line| line.starts_with("Attempting to Copy file \"")).collect::<Vec<_>>()
    };
    let ignored = |path: &str| format!("Attempting to Copy file {path:?} that is excluded by .dockerignore");
    assert_eq!(told(".*\nother\n"), [""; 0]);
    assert_eq!(told("*\n"), [ignored("."), ignored("kept/x")]);
    // What an exception may bring back is not told of.
    assert_eq!(told("*\n!kept\n"), [""; 0]);
    assert_eq!(told("*\n!other\n"), [ignored("kept/x")]);
}

#[test]
fn an_output_names_the_image() {
    let sandbox = Sandbox::new();
    let directory = context(&sandbox, "context", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let build = |flags: &str| sandbox.run(&format!("build -q {flags} {}", directory.display()));
    build("-t one -o type=image,name=two:2,push=false").success();
    sandbox.run("images --format {{.Repository}}:{{.Tag}}").success().stdout("one:latest\ntwo:2\n");
    let digest = format!("x@sha256:{}", "0".repeat(64));
    // Before anything is done.
    for (flags, code, error) in [
        ("--cap-add bogus".to_owned(), 1, "invalid CapAdd: unknown capability: \"CAP_BOGUS\""),
        ("--security-opt bogus=1".to_owned(), 1, "bogus"),
        ("--isolation hyperv".to_owned(), 1, "invalid isolation 'hyperv' on linux"),
        (format!("-t {digest}"), 1, "refusing to create a tag with a digest reference"),
        (format!("-o type=image,name={digest}"), 1, "refusing to create a tag with a digest reference"),
        ("-t Bad".to_owned(), 1, "invalid tag \"Bad\": invalid reference format"),
        ("-o type=tar,name=x".to_owned(), 1, "files have no name"),
        ("--add-host x".to_owned(), 125, "bad format for add-host: \"x\""),
        ("--annotation index:a=b".to_owned(), 125, "annotations of index are not supported yet"),
        (
            "--progress loud".to_owned(),
            125,
            "invalid argument \"loud\" for \"--progress\" flag: must be one of: auto",
        ),
    ] {
        build(&flags).code(code).stderr_has(error);
    }
    build("--annotation manifest:org.example.a=b -t noted").success();
    let manifest = sandbox.run("inspect -f '{{.Id}}' noted").success().line();
    assert!(manifest.starts_with("sha256:"));
    let text = fs::read_dir(sandbox.store().join("images/blobs/sha256")).expect("blobs").flatten();
    let texts: Vec<String> = text.filter_map(|blob| fs::read_to_string(blob.path()).ok()).collect();
    assert!(texts.iter().any(|text| text.contains(r#""annotations":{"org.example.a":"b"}"#)), "{texts:#?}");
}

#[test]
fn a_stage_begins_with_a_layout() {
    let sandbox = Sandbox::new();
    let image = |name: &str| Image::busybox_and(&[Entry::file("name", name)]);
    let layout = sandbox.layout_of(&image("first"), "layout");
    let index = || -> serde_json::Value {
        serde_json::from_slice(&fs::read(layout.join("index.json")).expect("an index")).expect("JSON")
    };
    let mut both = index();
    let other = image("second");
    other.write_layout(&layout, "2");
    both["manifests"].as_array_mut().expect("entries").push(index()["manifests"][0].clone());
    fs::write(layout.join("index.json"), both.to_string()).expect("an index");
    let text =
        "FROM base\nRUN cat /name > /read\nFROM scratch\nCOPY --from=0 /read /\nCOPY --from=base /name /\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    let build = |at: &str, flags: &str| {
        let layout = format!("--build-context base=oci-layout://{}{at}", layout.display());
        sandbox.run(&format!("build --network none -o - -q {layout} {flags} {}", directory.display()))
    };
    for (at, name) in [(":2", "second"), (&format!("@{}", other.digest()), "second"), ("", "first")] {
        let files = build(at, "").success().bytes.clone();
        let mut archive = tar::Archive::new(&files[..]);
        let contents =
            archive.entries().unwrap().map(|entry| std::io::read_to_string(entry.unwrap()).unwrap());
        assert_eq!(contents.collect::<Vec<_>>(), [name, name], "{at}");
    }
    sandbox.run("images -a -q").success().stdout("");
    build(":3", "").code(1).stderr_has("there is no image \"3\" in it").stderr_has("oci-layout://");
    build("@sha256:12", "").code(1).stderr_has("open the context base");
    build(&format!("@sha256:{}", "0".repeat(64)), "").code(1).stderr_has("open the context base");
    build("-nowhere", "").code(1).stderr_has("layout-nowhere");
    // What is made of it stays whole when the rest is collected.
    sandbox.run("image prune -f").success();
    let base = format!("--build-context base=oci-layout://{}", layout.display());
    let line = format!("build --network none -q --target 0 -t app {base} {}", directory.display());
    sandbox.run(&line).success();
    sandbox.run("image prune -f").success();
    sandbox.run("system check").success();
    sandbox.run("run --rm --network none app cat /read").success().stdout("first");
}

#[test]
fn a_stage_that_is_misspelt_is_no_image() {
    let sandbox = Sandbox::with_busybox();
    let text = "FROM busybox AS builder\nFROM busybox\nCOPY --from=biulder /etc/passwd /\n";
    let built = sandbox.command("build --network none -").input(text).finish();
    built.code(1).stderr_has("hint: is the stage \"builder\" meant?");
}

#[test]
fn files_leave_without_an_image() {
    let sandbox = Sandbox::with_busybox();
    let text =
        "FROM busybox AS made\nRUN ls /given > /list\nFROM scratch\nCOPY --from=made /list /deep/list\n";
    let directory = context(&sandbox, "context", &[("Dockerfile", text)]);
    let given = sandbox.directory("given");
    fs::write(given.join("one"), "").expect("a file");
    let out = sandbox.path().join("out");
    let volume = format!("-v {}:/given:ro", given.display());
    let line = format!("build --network none {volume} -o {} {}", out.display(), directory.display());
    sandbox.run(&line).success();
    assert_eq!(fs::read_to_string(out.join("deep/list")).expect("a file"), "one\n");
    let line = format!("build --network none {volume} -q -o - {}", directory.display());
    assert!(sandbox.run(&line).success().out().contains("deep/list"));
    sandbox.run("images -q").success().stdout(&format!("{}\n", sandbox.run("images -q busybox").line()));
    // The stage that nobody exports is as good as any.
    let line = format!("build --network none {volume} --target made -t made {}", directory.display());
    sandbox.run(&line).success().stderr_has("CACHED");
    sandbox.run("run --rm --network none made cat /list").success().stdout("one\n");
}

#[test]
fn what_is_so_anyway_is_taken_and_the_contrary_refused() {
    let sandbox = Sandbox::new();
    let directory = context(&sandbox, "context", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let build = |flags: &str| sandbox.run(&format!("build -q {flags} {}", directory.display()));
    let same = "--layers --format oci --provenance=false --sbom=0 --attest type=sbom,disabled=true --rewrite-timestamp \
         --load --rm --force-rm";
    build(same).success();
    build("--call build --pull=never").success();
    assert!(build("--call check").success().out().contains("no warnings found."));
    let text = "# base  what the others need\nFROM scratch AS base\n# test x\n# Test runs the tests\nFROM base AS Test\n\
        # more\n\nFROM base\n# \u{1b}[2J\n# last \u{1b}[2J\nFROM nowhere AS last\n";
    let targets = sandbox.command("build --call targets -").input(text).finish();
    targets.success().stdout(
        "TARGET           DESCRIPTION\nbase             what the others need\ntest             x\n\n\
         last (default)   \\x1b[2J\n",
    );
    build("--call targets").success().stdout("TARGET      DESCRIPTION\n(default)\n");
    build("--call outline").code(1).stderr_has("--call outline: not supported yet");
    let missing = sandbox.command("build --pull=never -").input("FROM nowhere\n").finish();
    missing.code(1).stderr_has("No such image: nowhere").stderr_has("hint: build with --pull=missing");
    build("--format docker --annotation a=b")
        .code(1)
        .stderr_has("no place for annotations")
        .stderr_has("hint: ");
    build("--format v2").code(125).stderr_has("must be oci or docker");
    build("-t documents --format docker").success();
    let index = fs::read(sandbox.store().join("images/index.json")).expect("an index");
    let index: serde_json::Value = serde_json::from_slice(&index).expect("JSON");
    let types = index["manifests"].as_array().into_iter().flatten().map(|entry| &entry["mediaType"]);
    assert!(types.into_iter().any(|kind| kind == "application/vnd.docker.distribution.manifest.v2+json"));
    build("--allow everything").code(1).stderr_has("--allow everything: unknown entitlement");
    for refused in ["--provenance=mode=max", "--sbom=true", "--attest type=provenance", "--network bogus"] {
        build(refused).code(1).stderr_has("not supported yet");
    }
}

#[test]
fn steps_are_isolated_as_asked() {
    let sandbox = Sandbox::with_busybox();
    let build = |flags: &str, run: &str| {
        let text = format!("FROM busybox\nRUN {run} > /seen\n");
        sandbox.command(&format!("build --network none -q -t app {flags} -")).input(text).finish().success();
        sandbox.run("run --rm --network none app cat /seen").success().out()
    };
    let state = "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status";
    assert_eq!(build("", state), "NoNewPrivs:\t0\nSeccomp:\t2\n");
    let flags = "--security-opt no-new-privileges --security-opt seccomp=unconfined";
    assert_eq!(build(flags, state), "NoNewPrivs:\t1\nSeccomp:\t0\n", "another key of the cache");
    let flags =
        "--dns 192.0.2.1 --dns-search example.org --dns-option ndots:3 --compress --isolation default";
    let seen = build(flags, "cat /etc/resolv.conf");
    for line in ["nameserver 192.0.2.1\n", "search example.org\n", "options ndots:3\n"] {
        assert!(seen.contains(line), "{seen}");
    }
}

#[test]
fn a_dockerfile_takes_no_more_than_is_allowed() {
    let sandbox = Sandbox::with_busybox();
    let build = |run: &str, flags: &str| {
        let text = format!("FROM busybox\nRUN {run}\n");
        sandbox.command(&format!("build --network none -q {flags} -")).input(text).finish()
    };
    let network = "--network=host readlink /proc/self/ns/net";
    build(network, "").code(1).stderr_has("network.host is not allowed").stderr_has("--allow network.host");
    build(network, "--allow network.host").success();
    build("--security=insecure true", "").code(1).stderr_has("security.insecure is not allowed");
    // What comes over a stream is there for every platform.
    let text = "FROM scratch\nCOPY --link <<one /one\ntext\none\n";
    let platforms = "build --platform linux/amd64,linux/arm64 -t many -";
    sandbox.command(platforms).input(text).finish().success();
    let list = sandbox.run("manifest inspect many").success().json();
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
}
