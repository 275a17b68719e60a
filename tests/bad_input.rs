//! Bad input of every kind: each gives one clear line, a hint where the user can mend it, the documented
//! exit code, and leaves nothing half-done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::skip;
use crate::support::image::{busybox_layer, descriptor, digest};
use crate::support::{Body, Compression, Entry, Image, Layer, Output, Response, Sandbox, Server, is_root};

/// Pulls from a server that lies, and expects a refusal that leaves the store empty.
#[track_caller]
pub fn refused(server: &Server) {
    refusal(server).code(1);
}

/// The same, for tests that look at the words.
#[track_caller]
pub fn refusal(server: &Server) -> Output {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&format!("pull {}/lies", server.host()));
    output.code(1).one_clear_line();
    sandbox.run("images -a -q").success().stdout("");
    sandbox.assert_no_traces();
    let layers = fs::read_dir(sandbox.store().join("layers")).map(Iterator::count).unwrap_or(0);
    assert_eq!(layers, 0, "a layer that is not believed is not kept");
    output
}

pub fn one_layer() -> Image {
    Image::new(vec![busybox_layer(Compression::Gzip)])
}

fn answer_for(path_end: String, response: Response) -> impl Fn(&crate::support::Request) -> Option<Response> {
    move |request| (request.method == "GET" && request.path.ends_with(&path_end)).then(|| response.clone())
}

#[test]
fn a_layer_with_other_content() {
    let image = one_layer();
    let mut wrong = image.layers[0].blob.clone();
    let middle = wrong.len() / 2;
    wrong[middle] ^= 1;
    let path = digest(&image.layers[0].blob);
    refused(&Server::of_image(&image, answer_for(path.clone(), Response::new(200).body(wrong))));
}

#[test]
fn a_layer_that_is_cut_off_for_good() {
    let image = one_layer();
    let blob = image.layers[0].blob.clone();
    let body = Body::Cut { bytes: blob[..blob.len() / 2].to_vec(), claimed: blob.len() };
    refused(&Server::of_image(&image, answer_for(digest(&blob), Response::new(200).with(body))));
}

#[test]
fn a_layer_of_another_size() {
    let image = one_layer();
    let blob = image.layers[0].blob.clone();
    for wrong in [blob[..blob.len() - 1].to_vec(), [&blob[..], b"x"].concat()] {
        refused(&Server::of_image(&image, answer_for(digest(&blob), Response::new(200).body(wrong))));
    }
}

#[test]
fn a_layer_without_end() {
    let image = one_layer();
    let path = digest(&image.layers[0].blob);
    let body = Body::Endless { bytes: vec![b'x'; 65536], limit: 1 << 30 };
    refused(&Server::of_image(&image, answer_for(path, Response::new(200).with(body))));
}

#[test]
fn a_layer_whose_content_is_not_the_promised_one() {
    let mut image = one_layer();
    image.config["rootfs"] = json!({ "type": "layers", "diff_ids": [digest(b"something else")] });
    refused(&Server::of_image(&image, |_| None));
}

#[test]
fn a_configuration_with_more_or_fewer_layers() {
    let mut image = one_layer();
    let id = digest(&image.layers[0].tar);
    for ids in [json!([]), json!([id, id])] {
        image.config["rootfs"] = json!({ "type": "layers", "diff_ids": ids });
        refused(&Server::of_image(&image, |_| None));
    }
}

#[test]
fn a_layer_that_is_no_archive() {
    let truncated = busybox_layer(Compression::None).tar;
    for content in [b"not a tar archive at all".repeat(100), truncated[..truncated.len() / 2].to_vec()] {
        let layer = Layer::of_tar(content, Compression::Gzip);
        refused(&Server::of_image(&Image::new(vec![layer]), |_| None));
    }
}

#[test]
fn a_broken_compression() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut layer = busybox_layer(compression);
        let end = layer.blob.len() - 1000;
        layer.blob.truncate(end);
        refused(&Server::of_image(&Image::new(vec![layer]), |_| None));
    }
}

#[test]
fn manifests_that_make_no_sense() {
    let image = one_layer();
    let good = image.manifest();
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        manifest
    };
    let cases: Vec<Value> = vec![
        json!("a string"),
        json!([]),
        json!({}),
        altered(&|manifest| manifest["schemaVersion"] = json!(1)),
        altered(&|manifest| manifest["layers"] = json!({})),
        altered(&|manifest| manifest["config"]["digest"] = json!("sha256:../../../etc/passwd")),
        altered(&|manifest| manifest["config"]["digest"] = json!("sha256:abc")),
        altered(&|manifest| manifest["config"]["size"] = json!(-1)),
        altered(&|manifest| manifest["layers"][0]["digest"] = json!(format!("sha256:{}/x", "0".repeat(62)))),
        altered(&|manifest| manifest["layers"][0]["size"] = json!(u64::MAX)),
        altered(&|manifest| manifest["layers"][0]["mediaType"] = json!("application/x-unknown")),
        // CVE-2021-41190: two documents in one.
        altered(&|manifest| manifest["manifests"] = json!([])),
    ];
    for manifest in cases {
        let bytes = serde_json::to_vec(&manifest).expect("a value");
        refused(&Server::of_manifest(bytes, image.media_type(), image.blobs(), |_| None));
    }
    refused(&Server::of_manifest(b"{ broken".to_vec(), image.media_type(), image.blobs(), |_| None));
}

#[test]
fn a_manifest_that_calls_itself_something_else() {
    let image = one_layer();
    let media_type = "application/vnd.oci.image.index.v1+json".to_owned();
    refused(&Server::of_manifest(image.manifest_bytes(), media_type, image.blobs(), |_| None));
}

#[test]
fn a_manifest_that_is_not_the_one_asked_for() {
    let sandbox = Sandbox::new();
    let image = one_layer();
    let other = Image::busybox();
    let (bytes, kind) = (other.manifest_bytes(), other.media_type());
    let server = Server::of_image(&image, move |request| {
        request
            .path
            .contains("/manifests/")
            .then(|| Response::new(200).header("Content-Type", kind.clone()).body(bytes.clone()))
    });
    let output = sandbox.run(&format!("pull {}/lies@{}", server.host(), image.digest()));
    output.code(1).one_clear_line();
    sandbox.run("images -a -q").success().stdout("");
}

#[test]
fn a_manifest_without_end() {
    let server = Server::of_image(&one_layer(), |request| {
        request.path.contains("/manifests/").then(|| {
            let body = Body::Endless { bytes: b"{\"a\":".repeat(4096), limit: 1 << 30 };
            Response::new(200).header("Content-Type", "application/vnd.oci.image.manifest.v1+json").with(body)
        })
    });
    refused(&server);
    assert!(server.requests().len() < 20, "it is not fetched again and again");
}

#[test]
fn configurations_that_make_no_sense() {
    let layer = busybox_layer(Compression::Gzip);
    for config in [json!([]), json!({ "rootfs": 7 }), json!({ "config": { "Env": "A=b" } })] {
        let bytes = serde_json::to_vec(&config).expect("a value");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &bytes),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer.blob)],
        });
        let manifest = serde_json::to_vec(&manifest).expect("a value");
        let media_type = "application/vnd.oci.image.manifest.v1+json".to_owned();
        refused(&Server::of_manifest(manifest, media_type, vec![bytes, layer.blob.clone()], |_| None));
    }
}

#[test]
fn an_index_that_contains_itself() {
    let nested = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor("application/vnd.oci.image.index.v1+json", b"{}")],
    });
    let bytes = serde_json::to_vec(&nested).expect("a value");
    let media_type = "application/vnd.oci.image.index.v1+json".to_owned();
    let same = bytes.clone();
    let server = Server::of_manifest(bytes, media_type.clone(), Vec::new(), move |request| {
        request
            .path
            .contains("/manifests/")
            .then(|| Response::new(200).header("Content-Type", media_type.clone()).body(same.clone()))
    });
    refused(&server);
    assert!(server.requests().len() < 20, "it does not go round for ever");
}

#[test]
fn a_server_that_always_wants_to_know_who() {
    let server = Server::start(|_| Response::new(401).header("WWW-Authenticate", "Basic realm=\"x\""));
    refused(&server);
    assert!(server.requests().len() < 20, "{} requests", server.requests().len());
    let tokens = Server::start(|_| Response::new(200).body(r#"{"token":"never good enough"}"#));
    let realm = tokens.url();
    let server = Server::start(move |_| {
        Response::new(401).header("WWW-Authenticate", format!("Bearer realm=\"{realm}/token\",service=\"x\""))
    });
    refused(&server);
    assert!(server.requests().len() + tokens.requests().len() < 40);
}

#[test]
fn a_token_without_end() {
    let tokens = Server::start(|_| {
        Response::new(200).with(Body::Endless { bytes: b"{\"token\":\"".repeat(4096), limit: 1 << 30 })
    });
    let realm = tokens.url();
    let server = Server::start(move |_| {
        Response::new(401).header("WWW-Authenticate", format!("Bearer realm=\"{realm}/token\",service=\"x\""))
    });
    refused(&server);
}

#[test]
fn redirects_in_a_circle() {
    let server = Server::of_image(&one_layer(), |request| {
        request.path.contains("/blobs/").then(|| Response::new(307).header("Location", request.path.clone()))
    });
    refused(&server);
    assert!(server.requests().len() < 200, "{} requests", server.requests().len());
}

#[test]
fn a_redirect_to_something_that_is_not_http() {
    let server = Server::of_image(&one_layer(), |request| {
        request.path.contains("/blobs/").then(|| Response::new(307).header("Location", "file:///etc/passwd"))
    });
    refused(&server);
}

#[test]
fn a_server_that_is_broken() {
    for status in [400, 403, 404, 418, 500, 503] {
        let server = Server::start(move |_| Response::new(status).body("\u{1b}[2Jnot json"));
        let output = refusal(&server);
        output.stderr_lacks("\x1b");
    }
}

#[test]
fn a_server_that_does_not_speak_http() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut &stream, b"SSH-2.0-nonsense\r\n");
        }
    });
    let sandbox = Sandbox::new();
    sandbox.run(&format!("pull 127.0.0.1:{port}/x")).code(1).one_clear_line();
    sandbox.assert_no_traces();
}

/// Layers that try to reach outside. After each attempt a file outside must be as it was.
#[test]
fn layers_that_reach_out() {
    let sandbox = Sandbox::new();
    let outside = sandbox.file("outside/precious", "untouched");
    let outside_directory = outside.parent().expect("a parent").display().to_string();
    let target = format!("{outside_directory}/precious");
    let up = format!("{}{target}", "../".repeat(20).trim_end_matches('/'));
    let hostile: Vec<(&str, Vec<Entry>)> = vec![
        ("climbs", vec![Entry::file(&up, "owned")]),
        ("climbs from a directory", vec![Entry::directory("a"), Entry::file(&format!("a/{up}"), "owned")]),
        ("is absolute", vec![Entry::file(&target, "owned")]),
        (
            "writes through a link",
            vec![Entry::symlink("door", &outside_directory), Entry::file("door/precious", "owned")],
        ),
        ("writes onto a link", vec![Entry::symlink("door", &target), Entry::file("door", "owned")]),
        (
            "replaces a directory by a link",
            vec![
                Entry::directory("door"),
                Entry::symlink("door", &outside_directory),
                Entry::file("door/precious", "owned"),
            ],
        ),
        ("hard link outside", vec![Entry::hardlink("copy", &target), Entry::file("copy", "owned")]),
        (
            "hard link through a link",
            vec![
                Entry::symlink("door", &outside_directory),
                Entry::hardlink("copy", "door/precious"),
                Entry::file("copy", "owned"),
            ],
        ),
        (
            "removes through a link",
            vec![Entry::symlink("door", &outside_directory), Entry::file("door/.wh.precious", "")],
        ),
        (
            "removes by climbing",
            vec![Entry::file(&format!("{}/.wh.precious", up.trim_end_matches("/precious")), "")],
        ),
        (
            "empties through a link",
            vec![Entry::symlink("door", &outside_directory), Entry::file("door/.wh..wh..opq", "")],
        ),
        ("removes the parent", vec![Entry::file(".wh...", ""), Entry::file(".wh..", "")]),
        (
            "changes modes through a link",
            vec![Entry::symlink("door", &outside_directory), Entry::directory("door/.").with_mode(0o777)],
        ),
    ];
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
    let before = mode(Path::new(&outside_directory));
    for (number, (name, entries)) in hostile.into_iter().enumerate() {
        let image = Image::busybox().with_layer(Layer::new(&entries, Compression::None));
        let layout = sandbox.layout_of(&image, &format!("hostile-{number}"));
        let output = sandbox.run(&format!("pull oci:{}:latest", layout.display()));
        // Some of these are refused, some are honest when taken relative to the layer's root.
        assert!(matches!(output.exit_code(), 0 | 1), "{name}: {output:?}");
        if output.exit_code() == 1 {
            output.one_clear_line();
        }
        assert_eq!(fs::read_to_string(&outside).expect("it is there"), "untouched", "{name}");
        assert_eq!(mode(Path::new(&outside_directory)), before, "{name}");
        let names = fs::read_dir(&outside_directory).expect("it is there").count();
        assert_eq!(names, 1, "{name}");
    }
    sandbox.assert_no_traces();
}

#[test]
fn device_nodes_do_not_open_the_host() {
    let sandbox = Sandbox::new();
    let devices = Layer::new(
        &[
            Entry::Special { path: "mem".into(), kind: b'3', major: 1, minor: 1 },
            Entry::Special { path: "disk".into(), kind: b'4', major: 254, minor: 0 },
            Entry::Special { path: "fifo".into(), kind: b'6', major: 0, minor: 0 },
        ],
        Compression::None,
    );
    let image = Image::busybox().with_layer(devices);
    let layout = sandbox.layout_of(&image, "devices");
    let output = sandbox.run(&format!("pull -q oci:{}:latest", layout.display()));
    if output.exit_code() != 0 {
        output.code(1).one_clear_line();
        return;
    }
    let id = sandbox.run("images -q").success().line();
    for device in ["/mem", "/disk"] {
        let read = sandbox.run(&format!("run --rm {id} head -c 1 {device}"));
        read.code(1).stdout("");
    }
    sandbox.run(&format!("run --rm {id} test -p /fifo")).success();
}

#[test]
fn a_bomb_fills_no_disk() {
    let sandbox = Sandbox::new();
    // One file of 16 GB, as its header tells, in 16 MB of gzip; the disk has 64 MB.
    let zeros = vec![0; 1 << 20];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..256 {
        std::io::Write::write_all(&mut encoder, &zeros).expect("memory");
    }
    let member = encoder.finish().expect("memory");
    let mut header = tar::Header::new_gnu();
    header.set_path("bomb").expect("a short name");
    header.set_size(16 << 30);
    header.set_mode(0o644);
    header.set_cksum();
    let head = Layer::of_tar(header.as_bytes().to_vec(), Compression::Gzip).blob;
    let blob: Vec<u8> = std::iter::once(head).chain(std::iter::repeat_n(member, 64)).flatten().collect();
    let layer = Layer { tar: Vec::new(), blob, compression: Compression::Gzip };
    let layout = sandbox.layout_of(&Image::new(vec![layer]), "bomb");
    let output = on_a_small_disk(&sandbox, 64, &format!("pull oci:{}:latest", layout.display()));
    output.stdout_has("exit code 1").stdout_has("large files left: 0").one_clear_line();
}

/// Runs a command whose store is on a disk of so many megabytes, which only that command sees; says its exit
/// code and how much it has left behind.
fn on_a_small_disk(sandbox: &Sandbox, megabytes: u32, command: &str) -> Output {
    let disk = sandbox.directory("disk").display().to_string();
    let setup = format!("mount -t tmpfs -o size={megabytes}m,mode=700 none {disk}");
    let report = format!(
        "echo exit code $?; echo large files left: $(find {disk}/store/layers {disk}/store/tmp -size +100k | wc -l)"
    );
    in_namespace(sandbox, &setup, &format!("--root {disk}/store {command} >/dev/null; {report}"))
}

/// Runs a coracle command in user and mount namespaces that were changed before; nothing outside sees the
/// change. The helpers for maps cannot work in there, so subordinate ids are hidden.
pub fn in_namespace(sandbox: &Sandbox, setup: &str, command: &str) -> Output {
    let empty = sandbox.file("empty", "").display().to_string();
    let hide = format!("mount --bind {empty} /etc/subuid && mount --bind {empty} /etc/subgid");
    let script = format!("{hide} && {setup} && {} {command}", sandbox.program().display());
    let line =
        format!("/usr/bin/unshare --user --map-current-user --keep-caps --mount /bin/sh -c '{script}'");
    sandbox.witness(&line)
}

#[test]
fn a_million_whiteouts_take_bounded_time() {
    let sandbox = Sandbox::new();
    let mut tar = Vec::new();
    let layer = Layer::new(&[Entry::directory("d"), Entry::file("d/.wh..wh..opq", "")], Compression::None);
    for _ in 0..20_000 {
        tar.extend_from_slice(&layer.tar[..layer.tar.len() - 1024]);
    }
    tar.resize(tar.len() + 1024, 0);
    let image = Image::busybox().with_layer(Layer::of_tar(tar, Compression::Gzip));
    let start = std::time::Instant::now();
    sandbox.add(&image, "white");
    assert!(start.elapsed() < crate::support::PATIENCE, "{:?}", start.elapsed());
    sandbox.run("run --rm white ls /d").success().stdout("");
}

#[test]
fn no_space_left() {
    let sandbox = Sandbox::new();
    let layout = sandbox.layout_of(&Image::busybox(), "busybox");
    let output = on_a_small_disk(&sandbox, 1, &format!("pull oci:{}:latest", layout.display()));
    output.stdout_has("exit code 1").stdout_has("large files left: 0");
    output.stderr_has("MB are needed, and 1.049MB are free on the filesystem of ").one_clear_line();
}

#[test]
fn without_the_mapping_tools() {
    if is_root() {
        skip!("root writes its maps itself");
    }
    let sandbox = Sandbox::new();
    // With ids that exist but without the tools; the engine also looks where systems keep privileged helpers.
    let ids = format!("{}:20000:1000\n", rustix::process::getuid().as_raw());
    let ids = sandbox.file("ids", &ids).display().to_string();
    // The system's `mount` changes to the root that this namespace has.
    let binds = ["subuid", "subgid"].map(|file| format!("busybox mount --bind {ids} /etc/{file}"));
    let hides =
        ["newuidmap", "newgidmap"].map(|tool| format!("busybox mount --bind /dev/null /usr/bin/{tool}"));
    let run = format!("{} run --rm builtin:hello", sandbox.program().display());
    let script = [&binds[..], &hides, &[run]].concat().join(" && ");
    let namespace = "/usr/bin/unshare --user --map-current-user --map-auto --keep-caps --mount";
    let output = sandbox.witness(&format!("{namespace} /bin/sh -c '{script}'"));
    output.success().stdout_has("Hello").stderr_has("newuidmap");
    sandbox.assert_no_traces();
}

#[test]
fn without_subordinate_ids() {
    if is_root() {
        skip!("root needs none");
    }
    let sandbox = Sandbox::new();
    let layout =
        sandbox.layout_of(&Image::busybox_and(&[Entry::file("owned", "x").owned_by(1000, 1000)]), "owned");
    let inside = |command: &str| in_namespace(&sandbox, "true", command);
    let output = inside(&format!("pull -q oci:{}:latest", layout.display()));
    output.success().stderr_has("usermod --add-subuids");
    // Once, though one process unpacks the image and another one runs it.
    let fresh = inside("run --rm builtin:hello");
    assert_eq!(fresh.success().stderr.matches("usermod --add-subuids").count(), 1, "{}", fresh.stderr);
    sandbox.run("rmi builtin:hello").success();
    let id = sandbox.run("images -q").success().line();
    inside(&format!("run --rm {id} cat /owned")).success().stdout("x");
    inside(&format!("run --rm -u 1000 {id} true")).code(125).stderr_has("hint:").one_clear_line();

    // By another number, too, there is nobody else; the layers are those that are there.
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    for (mode, uid, gid) in [("keep-id", uid, gid), ("keep-id:uid=7,gid=8", 7, 8)] {
        for driver in ["overlay", "vfs"] {
            let run = format!("--storage-driver {driver} run --rm --network none --userns {mode} {id}");
            let output = inside(&format!("{run} stat -c %u:%g /owned /tmp /etc/hosts"));
            let owner = format!("{uid}:{gid}\n");
            output.success().stdout(&owner.repeat(3)).stderr_lacks("Preparing");
            inside(&format!("{run} id -u")).success().stdout(&format!("{uid}\n"));
            inside(&format!("{run} touch /owned /tmp/made")).success();
        }
    }
    inside(&format!("run --rm --userns keep-id -u 0 {id} true"))
        .code(125)
        .stderr_has("hint:")
        .one_clear_line();
    for mode in ["nomap", "auto"] {
        let refused = inside(&format!("run --rm --userns {mode} {id} true"));
        refused.code(125).stderr_has("no subordinate ids").one_clear_line();
    }
}

#[test]
fn without_user_namespaces() {
    if is_root() {
        skip!("root needs no permission for namespaces");
    }
    let sandbox = Sandbox::new();
    // The limit holds for the namespaces below the one that sets it.
    let output =
        in_namespace(&sandbox, "echo 0 >/proc/sys/user/max_user_namespaces", "run --rm builtin:hello");
    output.code(125).stderr_has("user namespace").stderr_has("hint:").stderr_has("max_user_namespaces");
    output.one_clear_line();
    sandbox.assert_no_traces();
}

#[test]
fn without_a_tun_device() {
    let sandbox = Sandbox::with_busybox();
    let command = "run --rm --network slirp4netns busybox true";
    let output = in_namespace(&sandbox, "mount -t tmpfs none /dev/net", command);
    output
        .code(125)
        .stderr_has("/dev/net/tun")
        .stderr_has("hint:")
        .stderr_has("--network host")
        .one_clear_line();
    sandbox.assert_no_traces();
}

#[test]
fn records_that_are_broken_or_from_the_future() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name boat busybox true").success().line();
    sandbox.run("create --name fine busybox true").success();
    let record = sandbox.container_directory(&id).join("container.json");
    let good = fs::read_to_string(&record).expect("a record");
    let newer = good.replacen("\"version\":1", "\"version\":999", 1).replacen(
        "\"version\": 1",
        "\"version\": 999",
        1,
    );
    assert_ne!(newer, good, "the record has a version");
    for (content, word) in
        [(newer.as_str(), "newer"), (&good[..good.len() / 2], "container.json"), ("", "container.json")]
    {
        fs::write(&record, content).expect("a record");
        sandbox.run("inspect boat").code(1).stderr_has(word).one_clear_line();
        sandbox.run("start boat").code(1).stderr_has(word).one_clear_line();
        // One bad record does not hide the others.
        sandbox.run("ps -a --format {{.Names}}").stdout_has("fine");
    }
    sandbox.run("rm -f boat").success();
    sandbox.run("ps -a --format {{.Names}}").success().stdout("fine\n");
}

#[test]
fn an_index_that_is_broken() {
    let sandbox = Sandbox::with_busybox();
    let index = sandbox.store().join("images/index.json");
    let good = fs::read(&index).expect("an index");
    for content in [&b"{ broken"[..], b"", b"[]"] {
        fs::write(&index, content).expect("an index");
        sandbox.run("images").code(1).stderr_has("index.json").one_clear_line();
        sandbox.run("run --rm busybox true").code(125).stderr_has("index.json").one_clear_line();
    }
    fs::write(&index, good).expect("an index");
    sandbox.run("run --rm busybox true").success();
}

#[test]
fn a_layer_directory_that_is_lost() {
    let sandbox = Sandbox::with_busybox();
    let layers = sandbox.store().join("layers");
    crate::support::remove_tree(&layers);
    sandbox.run("images").success().stdout_has("busybox");
    sandbox.run("run --rm busybox true").code(125).one_clear_line();
    sandbox.run("rmi -f busybox").success();
}

#[test]
fn directories_of_somebody_else() {
    if is_root() {
        skip!("everything belongs to root");
    }
    let sandbox = Sandbox::new();
    sandbox.run("--root /usr/share/coracle run --rm builtin:hello").code(125).one_clear_line();
    sandbox.run("--root /proc/nowhere images").code(0).one_clear_line_or_nothing();
    let output = sandbox.command("run --rm builtin:hello").env_remove("HOME").finish();
    assert!(matches!(output.exit_code(), 0 | 125), "{output:?}");
    output.stderr_lacks("panicked");
}

#[test]
fn images_with_a_hostile_passwd() {
    let sandbox = Sandbox::new();
    let base = || busybox_layer(Compression::None);
    let with = |entry: Entry| Image::new(vec![base(), Layer::new(&[entry], Compression::None)]);
    let cases = [
        ("zero", with(Entry::symlink("etc/passwd", "/dev/zero"))),
        ("fifo", with(Entry::Special { path: "etc/passwd".into(), kind: b'6', major: 0, minor: 0 })),
        ("outside", with(Entry::symlink("etc/passwd", "../../../../../../etc/passwd"))),
        ("loop", with(Entry::symlink("etc/passwd", "passwd"))),
    ];
    for (name, image) in cases {
        sandbox.add(&image, name);
        let output = sandbox.run(&format!("run --rm -u somebody {name} true"));
        output.code(125).stderr_has("somebody").one_clear_line();
    }
    sandbox.assert_no_traces();
}

#[test]
fn users_that_would_wrap_around() {
    let sandbox = Sandbox::new();
    for (number, user) in ["4294967296", "-1", "2147483648", "99999999999999999999"].into_iter().enumerate() {
        let name = format!("wrap{number}");
        sandbox.add(&Image::busybox().set("User", json!(user)), &name);
        let output = sandbox.run(&format!("run --rm {name} id -u"));
        output.code(125).stdout("").one_clear_line();
    }
}

#[test]
fn mounts_that_make_no_sense() {
    let sandbox = Sandbox::with_busybox();
    for flag in [
        "-v relative/path/x:y",
        "-v /a:b:c:d",
        "-v /tmp:/",
        "-v :/x",
        "-v /tmp:/x:bogus",
        "--mount type=bind,src=/tmp",
        "--mount type=nothing,dst=/x",
        "--mount type=bind,src=/tmp,dst=/x,bogus=1",
        "--mount nonsense",
        "--tmpfs relative",
        "--tmpfs /x:bogus=1",
        "-p 99999:80",
        "-p a:b:c:d",
        "--add-host nocolon",
        "--dns notanaddress",
        "-e =x",
        "--env-file /no/such/file",
        "--stop-signal NOPE",
        "--ulimit nope=1",
        "--shm-size -1",
        "--platform a/b/c/d/e",
    ] {
        let output = sandbox.run(&format!("run --rm {flag} busybox true"));
        output.code(125).stdout("").one_clear_line();
    }
    sandbox.assert_no_traces();
}
