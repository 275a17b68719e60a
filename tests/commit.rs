//! `commit`: a container becomes an image that runs here and elsewhere.

use std::fs;

use crate::skip;
use crate::support::{
    Compression, Entry, Image, Layer, Sandbox, eventually, fixture, has_subordinate_ids, program,
};

fn layered() -> Image {
    Image::busybox_and(&[
        Entry::directory("data"),
        Entry::file("data/a", "a"),
        Entry::file("data/b", "b"),
        Entry::directory("whole"),
        Entry::file("whole/old", "old"),
    ])
    .with_layer(Layer::new(&[Entry::file("data/c", "c")], Compression::Gzip))
}

const CHANGES: &str = "rm /data/a; echo B > /data/b; rm -r /whole; mkdir -m 1777 /whole; echo now > /whole/now; \
                       mkdir -p /new/deep; echo x > /new/deep/file; ln /new/deep/file /new/twin; ln -s twin /new/link";
const LOOK: &str = "ls /data /whole; cat /data/b /new/twin /new/link; stat -c %a /whole; \
                    stat -c %i /new/twin /new/deep/file | uniq | wc -l";
const SEEN: &str = "/data:\nb\nc\n\n/whole:\nnow\nB\nx\nx\n1777\n1\n";

#[test]
fn a_container_becomes_an_image() {
    let sandbox = Sandbox::new();
    sandbox.add(&layered(), "layered");
    let run = [
        "run",
        "--name",
        "work",
        "-v",
        "vol:/vol",
        "--network",
        "none",
        "-e",
        "MODE=slow",
        "layered",
        "sh",
        "-c",
    ];
    sandbox.run_words(&[&run[..], &[CHANGES]].concat()).success();
    let words = [
        "commit",
        "-a",
        "Ada <ada@x>",
        "-m",
        "by hand",
        "-c",
        "CMD [\"sh\", \"-c\", \"echo $MODE\"]",
        "-c",
        "ENV MODE=fast EXTRA=1",
        "-c",
        "EXPOSE 80",
        "-c",
        "LABEL a=b",
        "work",
        "made:one",
    ];
    let id = sandbox.run_words(&words).success().line();
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert_eq!(sandbox.inspect("made:one", "Id"), id.as_str());
    sandbox.run("run --rm --network none made:one").success().stdout("fast\n");
    sandbox
        .run_words(&["run", "--rm", "--network", "none", "made:one", "sh", "-c", LOOK])
        .success()
        .stdout(SEEN);
    sandbox
        .run_words(&["run", "--rm", "--network", "none", "made:one", "ls", "/"])
        .success()
        .stdout_lacks("vol");
    assert_eq!(sandbox.inspect("made:one", "Author"), "Ada <ada@x>");
    assert_eq!(sandbox.inspect("made:one", "Config.Labels.a"), "b");
    assert_eq!(sandbox.inspect("made:one", "Comment"), "by hand");
    assert_eq!(sandbox.inspect("made:one", "RootFS.Layers").as_array().unwrap().len(), 4);
    let history = sandbox.run("history --no-trunc --format {{.Comment}} made:one").success().lines();
    assert_eq!(history[0], "by hand");
    // An image of the image, without a name, by the id that a file has.
    sandbox.run("run --name again --network none made:one true").success();
    let file = sandbox.path().join("iid");
    let id = sandbox.run(&format!("container commit --iidfile {} again", file.display())).success().line();
    assert_eq!(fs::read_to_string(&file).unwrap(), id);
    sandbox.run(&format!("run --rm --network none {id} cat /data/b")).success().stdout("B\n");
    // The first image may go: the second has all its layers.
    sandbox.run("rm work again").success();
    sandbox.run("rmi layered made:one").success();
    sandbox.run(&format!("run --rm --network none {id} cat /data/c")).success().stdout("c");
    let told = sandbox.run("events --until 0s --filter event=commit --format {{.Action}}").success().lines();
    assert_eq!(told, ["commit", "commit"]);
}

#[test]
fn one_that_runs_and_what_is_refused() {
    let sandbox = Sandbox::with_busybox();
    let script = "echo 1 > /file; sleep 1000";
    sandbox
        .run_words(&["run", "-d", "--name", "live", "--network", "none", "busybox", "sh", "-c", script])
        .success();
    eventually("the file", || (sandbox.run("exec live test -e /file").exit_code() == 0).then_some(()));
    sandbox.run("commit live made").success();
    sandbox.run("run --rm --network none made cat /file").success().stdout("1\n");
    for (line, error) in [
        ("commit nothing made", "No such container: nothing"),
        ("commit live Made", "must be lowercase"),
        ("commit -c 'RUN true' live made", "RUN is not a valid change command"),
        ("commit -c 'CMD' live made", "CMD requires at least one argument"),
        ("commit --pause live made", "pause needs "),
        ("commit live made more", "requires at least 1"),
    ] {
        sandbox.run(line).code(1).stderr_has(error);
    }
}

/// Instructions are read as a Dockerfile's: variables are replaced, and an entry point has no use for the old
/// command.
#[test]
fn changes_are_a_dockerfiles() {
    let sandbox = Sandbox::new();
    sandbox.add(&layered(), "layered");
    sandbox.run("create --name work --network none layered true").success();
    let changes =
        ["ENV A=1", "LABEL home=${A:+yes}", "WORKDIR /a$A", "EXPOSE 8000-8001", "ENTRYPOINT [\"echo\"]"];
    let mut words = vec!["commit"];
    words.extend(changes.iter().flat_map(|change| ["-c", change]));
    sandbox.run_words(&[&words[..], &["work", "made"]].concat()).success();
    let format =
        "{{json .Config.Cmd}} {{.Config.Labels.home}} {{.Config.WorkingDir}} {{json .Config.ExposedPorts}}";
    sandbox
        .run_words(&["image", "inspect", "-f", format, "made"])
        .success()
        .stdout("null yes /a1 {\"8000/tcp\":{},\"8001/tcp\":{}}\n");
    let wrong = sandbox.run_words(&["commit", "-c", "ENV A=${B:?missing}", "work", "made"]);
    wrong.code(1).stderr_has("B: missing");
}

/// Skopeo reads it, and so do we what skopeo has written.
#[test]
fn others_read_it() {
    if program("skopeo").is_none() {
        skip!("no skopeo");
    }
    let sandbox = Sandbox::new();
    sandbox.add(&layered(), "layered");
    sandbox
        .run_words(&["run", "--name", "work", "--network", "none", "layered", "sh", "-c", CHANGES])
        .success();
    let id = sandbox.run("commit work made").success().line();
    let store = sandbox.store().join("images");
    let out = sandbox.path().join("copy");
    let source = format!("oci:{}:docker.io/library/made:latest", store.display());
    sandbox.witness(&format!("skopeo copy -q {source} oci:{}:made", out.display())).success();
    let inspected = sandbox.witness(&format!("skopeo inspect --config oci:{}:made", out.display()));
    assert_eq!(inspected.success().json()["rootfs"]["diff_ids"].as_array().unwrap().len(), 4);
    // And back again, with every digest checked.
    let other = Sandbox::new();
    other.run(&format!("pull oci:{}:made", out.display())).success();
    let listed = other.run("images -q --no-trunc").success().line();
    assert_eq!(listed, id);
    other.run_words(&["run", "--rm", "--network", "none", &listed, "sh", "-c", LOOK]).success().stdout(SEEN);
}

#[test]
fn squashed_and_in_dockers_form() {
    let sandbox = Sandbox::new();
    sandbox.add(&layered(), "layered");
    sandbox
        .run_words(&["run", "--name", "work", "--network", "none", "layered", "sh", "-c", CHANGES])
        .success();
    sandbox.run("commit --squash -m all work one").success();
    assert_eq!(sandbox.inspect("one", "RootFS.Layers").as_array().map(Vec::len), Some(1));
    assert_eq!(sandbox.run("history -q one").success().lines().len(), 1);
    sandbox.run_words(&["run", "--rm", "--network", "none", "one", "sh", "-c", LOOK]).success().stdout(SEEN);
    for (format, want) in [
        ("oci", "application/vnd.oci.image.manifest.v1+json"),
        ("docker", "application/vnd.docker.distribution.manifest.v2+json"),
    ] {
        sandbox.run(&format!("commit --format {format} work {format}")).success();
        let index = fs::read(sandbox.store().join("images/index.json")).expect("an index");
        let index: serde_json::Value = serde_json::from_slice(&index).expect("JSON");
        let is_named =
            |entry: &&serde_json::Value| entry["annotations"].to_string().contains(&format!("/{format}:"));
        let entry =
            index["manifests"].as_array().expect("manifests").iter().find(is_named).expect("the image");
        assert_eq!(entry["mediaType"], want);
        sandbox
            .run_words(&["run", "--rm", "--network", "none", format, "sh", "-c", LOOK])
            .success()
            .stdout(SEEN);
        if program("skopeo").is_some() {
            let archive = sandbox.path().join(format);
            sandbox.run(&format!("save --format oci-dir -o {} {format}", archive.display())).success();
            sandbox.witness(&format!("skopeo inspect oci:{}", archive.display())).success();
        }
    }
    sandbox.run("commit --format x work").code(125).stderr_has("must be oci or docker");
    sandbox.run("rm work").success();
    sandbox.assert_no_traces();
}

/// Owners and rights as the container has them.
#[test]
fn owners_and_rights_stay() {
    if !has_subordinate_ids() {
        skip!("this user has no subordinate ids");
    }
    let Some(debian) = fixture("debian.tar") else { skip!("no Debian root was made") };
    let tar = fs::read(debian).unwrap();
    let sandbox = Sandbox::new();
    sandbox.add(&Image::new(vec![Layer::of_tar(tar, Compression::None)]), "debian");
    let script = "echo x > /f; chown 7:8 /f; cp /bin/true /t; chown -R 33:33 /var/mail; chmod 4755 /t";
    sandbox
        .run_words(&["run", "--name", "work", "--network", "none", "debian", "sh", "-c", script])
        .success();
    sandbox.run("commit work made").success();
    let look = "stat -c %u:%g:%a /f /t /var/mail";
    let seen =
        sandbox.run_words(&["run", "--rm", "--network", "none", "made", "sh", "-c", look]).success().lines();
    assert_eq!(seen[..2], ["7:8:644", "0:0:4755"]);
    assert!(seen[2].starts_with("33:33:"), "{seen:?}");
    // Also where the container's ids are other ones than those of the image's layers.
    let run = [
        "run",
        "--name",
        "other",
        "--userns",
        "keep-id",
        "-u",
        "0",
        "--network",
        "none",
        "debian",
        "sh",
        "-c",
    ];
    sandbox.run_words(&[&run[..], &[script]].concat()).success();
    sandbox.run("commit other mapped").success();
    let seen = sandbox
        .run_words(&["run", "--rm", "--network", "none", "mapped", "sh", "-c", look])
        .success()
        .lines();
    assert_eq!(seen[..2], ["7:8:644", "0:0:4755"]);
}

/// Killed at any time, there is no image or a whole one.
#[test]
fn killed_at_any_time() {
    let sandbox = Sandbox::with_busybox();
    let script = "for i in $(seq 1 200); do dd if=/dev/urandom of=/f$i bs=50k count=1 2>/dev/null; done";
    sandbox
        .run_words(&["run", "--name", "work", "--network", "none", "busybox", "sh", "-c", script])
        .success();
    for delay in [2, 20, 60, 150, 300, 500] {
        let running = sandbox.command("commit work made").start();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        running.signal(rustix::process::Signal::KILL);
        let _ = running.finish();
        if sandbox.run("image inspect made").exit_code() == 0 {
            let count = sandbox.run("run --rm --network none made sh -c 'cat /f* | wc -c'").success().line();
            assert_eq!(count, (200 * 50 * 1024).to_string());
            sandbox.run("rmi made").success();
        }
    }
    sandbox.run("commit work made").success();
    sandbox.run("rm work").success();
    sandbox.run("rmi made").success();
    assert_eq!(
        fs::read_dir(sandbox.store().join("tmp")).unwrap().count(),
        0,
        "what dead commands left is collected"
    );
}

#[test]
fn volumes_are_the_image_s_own_only_if_wanted() {
    let sandbox = Sandbox::with_busybox();
    let host = sandbox.directory("host").display().to_string();
    let create = format!("create --name work -v vol:/vol -v /free -v {host}:/host busybox true");
    sandbox.run(&create).success();
    sandbox.run("commit work plain").success();
    assert!(sandbox.inspect("plain", "Config.Volumes").is_null());
    sandbox.run("commit --include-volumes work full").success();
    assert_eq!(sandbox.inspect("full", "Config.Volumes"), serde_json::json!({"/free": {}, "/vol": {}}));
}
