//! `build`: where its files come from, what is kept secret, and what leaves it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::skip;
use crate::support::image::digest;
use crate::support::{
    Compression, Entry, Layer, Response, Sandbox, Server, eventually, fixture, program, unshare,
};

/// What an image has at a path.
#[track_caller]
fn content(sandbox: &Sandbox, image: &str, path: &str) -> String {
    sandbox.run(&format!("run --rm --network none {image} cat {path}")).success().out()
}

#[test]
fn contexts_come_in_every_form() {
    let sandbox = Sandbox::with_busybox();
    let dockerfile = "FROM busybox\nCOPY file /file\n";
    let entries = |name: &str| [Entry::file(name, dockerfile), Entry::file("file", name)];
    let build = |words: &str, input: Vec<u8>| {
        sandbox.command(&format!("build -q -t app {words}")).input(input).finish().success();
        content(&sandbox, "app", "/file")
    };
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let archive = Layer::new(&entries("Dockerfile"), compression).blob;
        assert_eq!(build("-", archive), "Dockerfile", "{compression:?}");
    }
    let archive = Layer::new(&entries("deep/other"), Compression::Gzip).blob;
    assert_eq!(build("-f deep/other -", archive.clone()), "deep/other");
    // From the web, and with a Dockerfile of its own on standard input.
    let server = Server::start(move |request| match request.path.as_str() {
        "/context.tar.gz" => Response::new(200).body(archive.clone()),
        "/Dockerfile" => Response::new(200).body("FROM busybox\nRUN echo alone > /file\n"),
        _ => Response::new(404),
    });
    assert_eq!(build(&format!("-f deep/other {}/context.tar.gz", server.url()), Vec::new()), "deep/other");
    assert_eq!(build(&format!("--network none {}/Dockerfile", server.url()), Vec::new()), "alone\n");
    sandbox.run(&format!("build {}/missing.tar", server.url())).code(1).stderr_has("missing.tar: not found");
    let directory = sandbox.file("context/file", "beside").with_file_name("");
    assert_eq!(build(&format!("-f - {}", directory.display()), dockerfile.into()), "beside");
    // A Dockerfile alone has no files.
    assert_eq!(build("--network none -", b"FROM busybox\nRUN echo piped > /file\n".to_vec()), "piped\n");
    sandbox.command("build -").input(dockerfile).finish().code(1).stderr_has("\"/file\": not found");
    sandbox.assert_no_traces();
}

/// Makes a repository with a branch, and a directory in it.
fn repository(at: &Path) {
    let script = "git init -q -b main . && git config user.email a@b && git config user.name a && \
        printf 'FROM busybox\\nCOPY file /file\\n' > Dockerfile && echo main > file && mkdir sub && \
        cp Dockerfile sub/ && echo sub > sub/file && git add . && git commit -qm one && \
        git checkout -q -b other && echo other > file && git commit -qam two && git checkout -q main";
    let made = Command::new("sh").args(["-c", script]).current_dir(at).env("HOME", at).status();
    assert!(made.expect("sh runs").success());
}

#[test]
fn a_context_is_a_repository() {
    if program("git").is_none() {
        skip!("git is not installed");
    }
    let sandbox = Sandbox::with_busybox();
    let place = sandbox.directory("source.git");
    repository(&place);
    let address = format!("file://{}", place.display());
    for (fragment, want) in
        [("", "main\n"), ("#other", "other\n"), ("#main:sub", "sub\n"), ("#:sub", "sub\n")]
    {
        sandbox.run(&format!("build -q -t app {address}{fragment}")).success();
        assert_eq!(content(&sandbox, "app", "/file"), want, "{fragment}");
    }
    sandbox.run(&format!("build {address}#nowhere")).code(1).stderr_has("nowhere").one_clear_line();
    // The way out of it leads back to its root.
    sandbox.run(&format!("build -q -t app {address}#main:../..")).success();
    assert_eq!(content(&sandbox, "app", "/file"), "main\n");
    sandbox.assert_no_traces();
}

/// What ssh is for git: it notes as whom it runs, and runs the command here.
const SSH: &str =
    "#!/bin/sh\ncat /proc/self/uid_map >> \"$SSH_LOG\"\nfor last; do :; done\nexec sh -c \"$last\"\n";

#[test]
fn what_is_added_from_afar_is_fetched_once_and_by_the_user() {
    if program("git").is_none() {
        skip!("git is not installed");
    }
    let mut sandbox = Sandbox::with_busybox();
    let place = sandbox.directory("source.git");
    repository(&place);
    let (ssh, log) = (sandbox.file("ssh", SSH), sandbox.path().join("ssh-log"));
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).expect("a mode");
    sandbox.set("GIT_SSH_COMMAND", ssh.to_str().expect("a plain name"));
    sandbox.set("GIT_SSH_VARIANT", "simple");
    sandbox.set("SSH_LOG", log.to_str().expect("a plain name"));
    let server = Server::start(|request| match request.path.as_str() {
        "/file" => Response::new(200).body("from the web"),
        _ => Response::new(404),
    });
    let url = format!("{}/file", server.url());
    let dockerfile = format!(
        "FROM busybox\nADD git@localhost:{}#other /source\nADD --checksum={} {url} /web/\n",
        place.display(),
        digest(b"from the web")
    );
    let directory = sandbox.file("context/Dockerfile", &dockerfile).with_file_name("");
    let build = |name: &str| sandbox.run(&format!("build -q -t {name} {}", directory.display()));
    build("app").success();
    assert_eq!(content(&sandbox, "app", "/source/file"), "other\n");
    let look = "run --rm --network none app stat -c '%a %u:%g' /web/file";
    sandbox.run(look).success().stdout("600 0:0\n");
    let own = fs::read_to_string("/proc/self/uid_map").expect("a map");
    assert_eq!(fs::read_to_string(&log).expect("ssh was called"), own, "once, and in no namespace");
    assert_eq!(server.requests().len(), 1);
    let wrong = dockerfile.replace(&digest(b"from the web"), &digest(b"another"));
    fs::write(directory.join("Dockerfile"), wrong).expect("a file");
    build("wrong").code(1).stderr_has("digest mismatch");
    sandbox.assert_no_traces();
}

#[test]
fn nothing_outside_of_the_context_is_taken() {
    let sandbox = Sandbox::with_busybox();
    let secret = sandbox.file("secret", "nobody may read this");
    let directory = sandbox.directory("context");
    symlink(&secret, directory.join("absolute")).expect("a link");
    symlink("../secret", directory.join("relative")).expect("a link");
    symlink("..", directory.join("above")).expect("a link");
    let secret = secret.display();
    for source in ["absolute", "relative", "above/secret", "../secret", &format!("{secret}")] {
        for instruction in ["COPY", "ADD", "COPY --link"] {
            let dockerfile = format!("FROM busybox\n{instruction} {source} /copied/\n");
            fs::write(directory.join("Dockerfile"), dockerfile).expect("a file");
            sandbox.run(&format!("build {}", directory.display())).code(1).stderr_has("not found");
        }
    }
    // With its parents a link is copied as it is, and a program sees it so: there is nothing behind it.
    let dockerfile = "FROM busybox\nCOPY --parents absolute relative /copied/\n\
        RUN ! cat /copied/absolute && ! cat /copied/relative\n\
        RUN --mount=type=bind,target=/in ! cat /in/relative && ls /in/above/ > /seen\n";
    fs::write(directory.join("Dockerfile"), dockerfile).expect("a file");
    sandbox.run(&format!("build --network none -q -t app {}", directory.display())).success();
    assert!(!content(&sandbox, "app", "/seen").contains("secret"));
    sandbox.assert_no_traces();
}

#[test]
fn secrets_stay_nowhere() {
    const SECRET: &str = "correct-horse-battery-staple";
    let mut sandbox = Sandbox::with_busybox();
    let file = sandbox.file("secret", SECRET);
    sandbox.set("IN_THE_ENVIRONMENT", SECRET);
    let socket = sandbox.path().join("agent");
    let _agent = UnixListener::bind(&socket).expect("a socket");
    let dockerfile = "FROM busybox\n\
        RUN --mount=type=secret,id=one test $(cut -d- -f2 /run/secrets/one) = horse\n\
        RUN --mount=type=secret,id=two,env=WORD test $(echo $WORD | cut -d- -f2) = horse\n\
        RUN --mount=type=secret,id=one,target=/deep/place,mode=0444,uid=7 stat -c %u%a /deep/place > /seen\n\
        RUN --mount=type=ssh test -S $SSH_AUTH_SOCK\n";
    let directory = sandbox.file("context/Dockerfile", dockerfile).with_file_name("");
    let flags = format!(
        "--network none --secret id=one,src={} --secret id=two,env=IN_THE_ENVIRONMENT --ssh default={}",
        file.display(),
        socket.display()
    );
    sandbox.run(&format!("build {flags} -t app {}", directory.display())).success().stderr_lacks(SECRET);
    sandbox
        .run("run --rm --network none app sh -c 'cat /seen; ls -d /run/secrets /deep; ls -A /run'")
        .stdout("7444\n");
    let store = sandbox.store();
    let found =
        unshare(&["grep", "-rl", SECRET, store.to_str().expect("a plain name")]).expect("unshare runs");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    let agent =
        unshare(&["grep", "-rl", "/agent", store.join("cache/build").to_str().expect("a plain name")]);
    assert_eq!(String::from_utf8_lossy(&agent.expect("unshare runs").stdout), "");
    // What is needed and not given.
    let needed = "FROM busybox\nRUN --mount=type=secret,id=one,required=true true\n";
    fs::write(directory.join("Dockerfile"), needed).expect("a file");
    sandbox
        .run(&format!("build --network none {}", directory.display()))
        .code(1)
        .stderr_has("one: not found");
    sandbox.assert_no_traces();
}

#[test]
fn an_agent_is_there_for_whom_it_is_meant() {
    let (Some(probe), Some(agent)) = (fixture("probe"), program("ssh-agent")) else {
        skip!("no probe was built, or no ssh-agent is installed");
    };
    let sandbox = Sandbox::with_busybox();
    let directory = sandbox.directory("context");
    fs::copy(probe, directory.join("probe")).expect("a copy");
    let socket = sandbox.path().join("agent");
    // In the foreground, with one key.
    let mut agent = Command::new(agent).arg("-D").arg("-a").arg(&socket).spawn().expect("it runs");
    eventually("the agent listens", || socket.exists().then_some(()));
    let key = sandbox.path().join("key");
    sandbox.witness(&format!("ssh-keygen -q -t ed25519 -N '' -f {}", key.display())).success();
    sandbox
        .witness(&format!("env SSH_AUTH_SOCK={} ssh-add -q {}", socket.display(), key.display()))
        .success();
    let dockerfile = "FROM busybox\nCOPY probe /\n\
        RUN --mount=type=ssh /probe keys $SSH_AUTH_SOCK >/seen\nUSER 7:8\n\
        RUN --mount=type=ssh [ $(/probe keys $SSH_AUTH_SOCK) = EACCES ]\n\
        RUN --mount=type=ssh,mode=660,uid=7,gid=8,target=/tmp/agent [ $(/probe keys /tmp/agent) = 1 ] && \
            [ $(/probe keys $SSH_AUTH_SOCK) = 1 ] && [ $(stat -c %a:%u:%g /tmp/agent) = 660:7:8 ]\n";
    fs::write(directory.join("Dockerfile"), dockerfile).expect("a file");
    let line =
        format!("build --network none --ssh default={} -t app {}", socket.display(), directory.display());
    let built = sandbox.run(&line);
    agent.kill().and_then(|()| agent.wait()).expect("it is ended");
    built.success();
    assert_eq!(content(&sandbox, "app", "/seen"), "1\n");
    sandbox.assert_no_traces();
}

#[test]
fn images_leave_as_archives_that_others_read() {
    if program("skopeo").is_none() {
        skip!("skopeo is not installed");
    }
    let sandbox = Sandbox::with_busybox();
    let dockerfile = "FROM busybox\nRUN echo made > /made\nENV WHO=me\nCMD [\"cat\", \"/made\"]\n";
    let directory = sandbox.file("context/Dockerfile", dockerfile).with_file_name("");
    let (oci, docker) = (sandbox.path().join("oci.tar"), sandbox.path().join("docker.tar"));
    let outputs = format!("-o type=oci,dest={} -o type=docker,dest={}", oci.display(), docker.display());
    sandbox
        .run(&format!("build -q --network none -t example.org/app:1 {outputs} {}", directory.display()))
        .success();
    for archive in [format!("oci-archive:{}", oci.display()), format!("docker-archive:{}", docker.display())]
    {
        let config = sandbox.witness(&format!("skopeo inspect --config {archive}")).success().json();
        assert_eq!(config["config"]["Cmd"][1], "/made", "{archive}");
        assert_eq!(config["config"]["Env"][1], "WHO=me", "{archive}");
        let copied = sandbox.path().join("copied");
        // All that it has is read, and has the digests that it should have.
        sandbox
            .witness(&format!("skopeo copy -q --insecure-policy {archive} dir:{}", copied.display()))
            .success();
        fs::remove_dir_all(copied).expect("a directory");
    }
    // Loaded elsewhere it runs.
    let other = Sandbox::new();
    other.run(&format!("load -q -i {}", docker.display())).success();
    other.run("run --rm --network none example.org/app:1").success().stdout("made\n");
}

#[test]
fn with_a_date_the_same_comes_of_it_anywhere() {
    let dockerfile = "FROM busybox\n\
        RUN mkdir -p /a/b && echo x > /a/b/c && ln -s c /a/b/d && touch -d '2001-02-03 00:00:00' /old\n\
        COPY --chown=1:2 file /file\nWORKDIR /made\nCOPY --link file /linked\n";
    let build = || {
        let sandbox = Sandbox::with_busybox();
        sandbox.file("context/file", "file");
        let directory = sandbox.file("context/Dockerfile", dockerfile).with_file_name("");
        let words = format!("build -q --no-cache --network none -t app {}", directory.display());
        let built =
            |date: &str| sandbox.command(&words).env("SOURCE_DATE_EPOCH", date).finish().success().line();
        let (first, second) = (built("1600000000"), built("1600000000"));
        assert_eq!(first, second, "without the cache");
        sandbox
            .run("run --rm --network none app stat -c %Y /file /a/b/c /made")
            .stdout("1600000000\n1600000000\n1600000000\n");
        sandbox.run("run --rm --network none app stat -c %Y /old").stdout("981158400\n");
        assert_eq!(sandbox.inspect("app", "Created"), "2020-09-13T12:26:40Z");
        assert_ne!(built("1600000001"), first);
        first
    };
    assert_eq!(build(), build(), "in another store");
}

/// Whatever lies about in a directory that somebody works in.
#[test]
fn what_cannot_be_read_is_named() {
    let sandbox = Sandbox::with_busybox();
    sandbox.file("context/deep/closed/file", "");
    let directory = sandbox.file("context/deep/kept", "").with_file_name("").with_file_name("");
    let _socket = UnixListener::bind(directory.join("deep/socket")).expect("a socket");
    let build = |text: &str| {
        let line = format!("build --network none -q -t app -f - {}", directory.display());
        sandbox.command(&line).input(format!("FROM busybox\n{text}\n")).finish()
    };
    // A socket has no content: it is left out, and by itself it is not there.
    build("COPY . /all/").success();
    sandbox
        .run("run --rm --network none app find /all/deep")
        .success()
        .stdout_lacks("socket")
        .stdout_has("kept");
    build("COPY deep/socket /x").code(1).stderr_has("Error: failed to build: \"/deep/socket\": not found\n");
    let closed = directory.join("deep/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("a directory of ours");
    let error = "Error: failed to build: list deep/closed: Permission denied (os error 13)\n";
    build("COPY . /all/").code(1).stderr_has(error);
    build("RUN --mount=target=/all true").code(1).stderr_has(error);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).expect("a directory of ours");
    build("RUN --mount=target=/all ls /all/deep").success();
}
