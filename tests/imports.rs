//! `import`: an image of one layer out of an archive, and `image scp`: images over ssh.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::skip;
use crate::support::image::{busybox_layer, digest};
use crate::support::{Compression, Entry, Image, Layer, Response, Sandbox, Server, eventually, program};

#[test]
fn archives_become_images() {
    let sandbox = Sandbox::new();
    let tar = busybox_layer(Compression::None).tar;
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let file = sandbox.file("rootfs", Layer::of_tar(tar.clone(), compression).blob);
        let line = format!(
            "import -m 'by hand' -c 'CMD [\"echo\", \"aye\"]' -c 'ENV A=b' --change 'LABEL x=y' {} boats/raft:1",
            file.display()
        );
        let id = sandbox.run(&line).success().line();
        assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
        sandbox.run("run --rm boats/raft:1").success().stdout("aye\n");
        sandbox.run("run --rm boats/raft:1 sh -c 'echo $A'").success().stdout("b\n");
        assert_eq!(sandbox.inspect("boats/raft:1", "Config.Labels"), json!({ "x": "y" }));
        let history = "history --no-trunc --format '{{.CreatedBy}}|{{.Comment}}' boats/raft:1";
        sandbox.run(history).success().stdout("|by hand\n");
        sandbox.run("rmi boats/raft:1").success();
    }
    // Without a name, from standard input, with docker's own comment.
    let piped = sandbox.command("image import --platform linux/arm64 -").input(tar.clone()).finish();
    let id = piped.success().line();
    sandbox.run(&format!("history --format '{{{{.Comment}}}}' {id}")).success().stdout("Imported from -\n");
    assert_eq!(sandbox.inspect(&id, "Architecture"), "arm64");
    assert_eq!(sandbox.inspect(&id, "RepoTags"), json!([]));
    let piped = sandbox.command("import --arch arm --variant v6 -").input(tar.clone()).finish();
    let id = piped.success().line();
    assert_eq!(sandbox.inspect(&id, "Architecture"), "arm");
    assert_eq!(sandbox.inspect(&id, "Variant"), "v6");
    let server = Server::start(move |request| match request.path.as_str() {
        "/rootfs.tar" => Response::new(302).header("Location", "/moved"),
        "/moved" => Response::new(200).body(tar.clone()),
        _ => Response::new(404),
    });
    let url = format!("http://{}/rootfs.tar", server.host());
    sandbox.run(&format!("import {url} from-the-web")).success();
    sandbox.run("run --rm from-the-web echo ok").success().stdout("ok\n");
    sandbox
        .run("history --format '{{.Comment}}' from-the-web")
        .success()
        .stdout(&format!("Imported from {url}\n"));
    sandbox
        .run(&format!("import http://{}/nothing", server.host()))
        .code(1)
        .stderr_has("not found")
        .one_clear_line();
    // What was exported comes back.
    sandbox.run("run --name box from-the-web sh -c 'echo kept >/note'").success();
    let files = sandbox.run("export box").success().bytes.clone();
    sandbox.command("import - again").input(files).finish().success();
    sandbox.run("run --rm again cat /note").success().stdout("kept\n");
    sandbox.run("rm box").success();
}

/// What a program makes of a file, as `xz --stdout`.
fn packed_by(program: &str, file: &Path) -> Vec<u8> {
    let output =
        Command::new(program).arg("--stdout").arg(file).output().expect("the program of tests/run.sh");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn archives_of_xz_and_bzip2() {
    let sandbox = Sandbox::with_busybox();
    let tar = sandbox.file("rootfs.tar", &busybox_layer(Compression::None).tar);
    let saved = sandbox.file("saved.tar", &sandbox.run("save busybox").success().bytes);
    let diff_id = digest(&fs::read(&tar).expect("the archive"));
    for program in ["xz", "bzip2"] {
        let packed = sandbox.file("packed", packed_by(program, &tar));
        sandbox.run(&format!("import {} {program}:1", packed.display())).success();
        sandbox.run(&format!("run --rm --network none {program}:1 echo aye")).success().stdout("aye\n");
        // No registry takes such a layer: it is kept as what it holds.
        assert_eq!(sandbox.inspect(&format!("{program}:1"), "RootFS.Layers"), json!([diff_id]));
        let pushed = sandbox.run(&format!("save {program}:1")).success().bytes.clone();
        assert!(
            pushed.windows(19).any(|text| text == b"image.layer.v1.tar\"".as_slice()),
            "its type is plain"
        );
        sandbox.run("rmi busybox").success();
        let loaded = sandbox.command("load").input(packed_by(program, &saved)).finish();
        loaded.success().stdout("Loaded image: busybox:latest\n");
        let context = sandbox.directory(program);
        fs::copy(&packed, context.join("files.tar.packed")).expect("a copy");
        fs::write(context.join("Dockerfile"), "FROM busybox\nADD files.tar.packed /new/\n").expect("a file");
        sandbox.run(&format!("build -q -t built {}", context.display())).success();
        sandbox
            .run("run --rm --network none built /new/bin/busybox echo unpacked")
            .success()
            .stdout("unpacked\n");
        // Cut off, it is no archive.
        let whole = fs::read(&packed).expect("the archive");
        let cut = sandbox.command("import - cut").input(&whole[..whole.len() / 2]).finish();
        cut.code(1).one_clear_line();
        sandbox.run("image exists cut").code(1);
    }
}

#[test]
fn what_cannot_be_imported() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("rootfs.tar", Layer::new(&[Entry::file("f", "x")], Compression::None).tar);
    let file = file.display();
    for (line, words) in [
        ("import /nowhere x".to_owned(), "open /nowhere: No such file"),
        (format!("import {file} X"), "must be lowercase"),
        (format!("import {file} x@sha256:{}", "0".repeat(64)), "cannot import digest reference"),
        (format!("import -c 'RUN ls' {file} x"), "RUN is not a valid change command"),
        (format!("import --platform nowhere {file} x"), "unknown operating system or architecture"),
        (format!("import {} x", sandbox.home().display()), "Is a directory"),
        ("import http://[ x".to_owned(), "import http://["),
    ] {
        sandbox.run(&line).code(1).stdout("").stderr_has(words).one_clear_line();
    }
    for (what, content) in [
        ("text", b"no archive at all".to_vec()),
        ("xz", b"\xfd7zXZ\0\0\x04".to_vec()),
        ("a cut gzip", Layer::new(&[Entry::file("f", "x")], Compression::Gzip).blob[..40].to_vec()),
    ] {
        let imported = sandbox.command("import - x").input(content).finish();
        imported.code(1).stderr_lacks("system check").one_clear_line();
        assert_eq!(imported.out(), "", "{what}");
    }
    assert_eq!(sandbox.run("images -q -a").success().out(), "");
    sandbox.assert_no_traces();
}

/// An ssh that goes to another sandbox on this machine, by way of the shell as the real one.
fn fake_ssh(sandbox: &Sandbox, other: &Sandbox) -> String {
    let programs = sandbox.directory("programs");
    let script = format!(
        "#!/bin/sh\necho \"$@\" | head -c 40 >>{log}\nfor last; do :; done\n\
         HOME={home} XDG_RUNTIME_DIR={run} PATH={programs}:$PATH exec sh -c \"$last\"\n",
        log = sandbox.path().join("ssh.log").display(),
        home = other.home().display(),
        run = other.path().join("run").display(),
        programs = programs.display(),
    );
    let ssh = programs.join("ssh");
    fs::write(&ssh, script).expect("a script");
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).expect("a script");
    let coracle = programs.join("coracle");
    if !coracle.exists() {
        std::os::unix::fs::symlink(sandbox.program(), coracle).expect("a link");
    }
    format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", programs.display())
}

fn log(path: &Path) -> String {
    fs::read_to_string(path.join("ssh.log")).unwrap_or_default()
}

#[test]
fn images_go_over_ssh() {
    let (sandbox, other) = (Sandbox::new(), Sandbox::new());
    let raft = Image::new(vec![Layer::new(&[Entry::file("raft", "reed")], Compression::Gzip)]);
    sandbox.add(&raft, "raft:1");
    let path = fake_ssh(&sandbox, &other);
    let scp = |line: &str| sandbox.command(line).env("PATH", path.clone()).finish();
    scp("image scp raft:1 me@there:2222::").success().stdout("Loaded image: raft:1\n");
    assert!(log(sandbox.path()).starts_with("-p 2222 -- me@there sh -c"), "{}", log(sandbox.path()));
    assert_eq!(other.run("images -q --no-trunc").success().line(), raft.id());
    other.run("tag raft:1 example.org/raft:2").success();
    scp("image scp there::example.org/raft:2").success().stdout("Loaded image: example.org/raft:2\n");
    sandbox.run("image exists example.org/raft:2").success();
    scp("image scp there::raft:1 there::").success().stdout("Loaded image: raft:1\n");
    for (line, words) in [
        ("image scp nothing there::", "No such image: nothing:latest"),
        ("image scp raft:1", "must specify a destination"),
        ("image scp raft:1 there::raft:2", "cannot specify an image rename"),
        ("image scp -- -oProxyCommand=touch::x", "invalid host"),
        ("image scp ::x", "names no host"),
    ] {
        scp(line).code(1).stdout("").stderr_has(words).one_clear_line();
    }
    // What the other end says is passed on.
    let failed = scp("image scp there::nothing");
    failed.code(1).stderr_has("No such image: nothing:latest").stderr_has("ssh there: exit status: 1");
    assert!(!log(sandbox.path()).contains("ProxyCommand"));
    sandbox.assert_no_traces();
}

/// A true ssh server of this user, whose every command runs in another sandbox; ended when dropped.
struct Sshd {
    child: std::process::Child,
    /// The search path with an ssh that knows the server's key and has one of its own.
    path: String,
    host: String,
}

impl Sshd {
    fn start(sandbox: &Sandbox, other: &Sandbox) -> Self {
        let place = sandbox.directory("ssh");
        let key = |name: &str| {
            let path = place.join(name);
            sandbox.witness(&format!("ssh-keygen -q -t ed25519 -N '' -f {}", path.display())).success();
            fs::read_to_string(path.with_extension("pub")).expect("a public key")
        };
        let (host_key, user_key) = (key("host"), key("user"));
        let port = crate::support::registry::free_port();
        fs::write(place.join("authorized"), user_key).expect("a file");
        fs::write(place.join("known"), format!("[127.0.0.1]:{port} {host_key}")).expect("a file");
        let programs = sandbox.directory("programs");
        std::os::unix::fs::symlink(sandbox.program(), programs.join("coracle")).expect("a link");
        let at = place.display();
        let script = |name: &str, text: String| {
            fs::write(programs.join(name), text).expect("a script");
            fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).expect("a script");
        };
        script(
            "session",
            format!(
                "#!/bin/sh\nexport HOME={} XDG_RUNTIME_DIR={} PATH={}:/usr/bin:/bin:/usr/sbin:/sbin\n\
                 unset CORACLE_ROOT\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n",
                other.home().display(),
                other.path().join("run").display(),
                programs.display()
            ),
        );
        script("ssh", format!("#!/bin/sh\nexec /usr/bin/ssh -F {at}/client \"$@\"\n"));
        let client = format!(
            "IdentityFile {at}/user\nIdentitiesOnly yes\nUserKnownHostsFile {at}/known\nStrictHostKeyChecking yes\n\
             BatchMode yes\nLogLevel ERROR\n"
        );
        fs::write(place.join("client"), client).expect("a file");
        let server = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             ForceCommand {}/session\n",
            programs.display()
        );
        fs::write(place.join("server"), server).expect("a file");
        let log = fs::File::create(place.join("log")).expect("a file");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "/usr/sbin/sshd", "-D", "-e", "-f"]).arg(place.join("server"));
        let child =
            command.stdin(std::process::Stdio::null()).stderr(log).spawn().expect("sshd is installed");
        eventually("the ssh server answers", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", programs.display());
        Self { child, path, host: format!("127.0.0.1:{port}") }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn images_go_through_a_true_ssh_server() {
    if program("sshd").is_none() || program("ssh").is_none() {
        skip!("no ssh server, or no client");
    }
    let (sandbox, other) = (Sandbox::with_busybox(), Sandbox::new());
    let server = Sshd::start(&sandbox, &other);
    let scp = |line: &str| sandbox.command(line).env("PATH", server.path.clone()).finish();
    scp(&format!("image scp busybox {}::", server.host)).success().stdout("Loaded image: busybox:latest\n");
    other.run("run --rm --network none busybox echo ashore").success().stdout("ashore\n");
    other.run("tag busybox example.org/back:1").success();
    scp(&format!("image scp {}::example.org/back:1", server.host)).success();
    assert_eq!(sandbox.inspect("example.org/back:1", "Id"), Image::busybox().id());
    let failed = scp(&format!("image scp {}::nothing", server.host));
    failed.code(1).stderr_has("No such image: nothing:latest").stderr_has("exit status: 1");
    // A server whose key is another's is not spoken to.
    fs::write(sandbox.path().join("ssh/known"), "").expect("a file");
    let refused = scp(&format!("image scp busybox {}::", server.host));
    refused.code(1).stdout("").stderr_has("Host key verification failed");
}
