//! `pull`: from true registries of every kind, in every format, and the words that docker says meanwhile.

use std::fs;

use serde_json::json;

use crate::skip;
use crate::support::image::{Kind, busybox_layer, digest, host_architecture, index_of};
use crate::support::server::not_found;
use crate::support::{
    Access, Body, Compression, Entry, Image, Layer, Registry, Response, Sandbox, Server, eventually, fixture,
    program,
};

fn short(layer: &Layer) -> String {
    digest(&layer.blob)["sha256:".len()..][..12].to_owned()
}

#[test]
fn the_plain_lines() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    let image = Image::busybox_and(&[Entry::file("second", "layer")]);
    registry.push(&sandbox, &image, "library/busybox:latest");
    let name = format!("{}/library/busybox", registry.host());
    let output = sandbox.run(&format!("pull {name}"));
    let lines = output.success().lines();
    assert_eq!(lines[0], "Using default tag: latest");
    assert_eq!(lines[1], "latest: Pulling from library/busybox");
    for layer in &image.layers {
        for state in ["Pulling fs layer", "Download complete", "Pull complete"] {
            assert!(lines.contains(&format!("{}: {state}", short(layer))), "{state}: {lines:#?}");
        }
    }
    let end = [
        format!("Digest: {}", image.digest()),
        format!("Status: Downloaded newer image for {name}:latest"),
        format!("{name}:latest"),
    ];
    assert_eq!(lines[lines.len() - 3..], end);
    assert!(!output.out().contains('\x1b') && !output.out().contains("[="), "no bars without a terminal");
    output.stderr("");

    let again = sandbox.run(&format!("pull {name}:latest"));
    let lines = again.success().lines();
    assert_eq!(
        lines,
        [
            "latest: Pulling from library/busybox".to_owned(),
            format!("Digest: {}", image.digest()),
            format!("Status: Image is up to date for {name}:latest"),
            format!("{name}:latest"),
        ]
    );
}

#[test]
fn quiet_says_the_name_only() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:3");
    let name = format!("{}/boats/busybox:3", registry.host());
    sandbox.run(&format!("pull -q {name}")).success().stdout(&format!("{name}\n")).stderr("");
    sandbox.run(&format!("run --rm {name} echo it runs")).success().stdout("it runs\n").stderr("");
}

#[test]
fn layers_that_are_here_are_not_fetched_again() {
    let sandbox = Sandbox::new();
    let base = busybox_layer(Compression::Gzip);
    let first = Image::new(vec![base.clone(), Layer::new(&[Entry::file("a", "1")], Compression::Gzip)]);
    let second = Image::new(vec![base.clone(), Layer::new(&[Entry::file("b", "2")], Compression::Gzip)]);
    let one = Server::of_image(&first, |_| None);
    sandbox.run(&format!("pull {}/one", one.host())).success();
    let two = Server::of_image(&second, |_| None);
    let output = sandbox.run(&format!("pull {}/two", two.host()));
    output.success().stdout_has(&format!("{}: Already exists\n", short(&base)));
    let path = format!("/v2/two/blobs/{}", digest(&base.blob));
    assert!(two.requests().iter().all(|request| request.path != path), "the shared layer was fetched again");
}

#[test]
fn every_kind_of_access() {
    for access in [Access::Tls, Access::SelfSigned, Access::Password, Access::Bearer] {
        let sandbox = Sandbox::new();
        let registry = Registry::start(access);
        registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
        registry.trust(&sandbox);
        registry.log_in(&sandbox);
        let name = format!("{}/boats/busybox:1", registry.host());
        sandbox
            .run(&format!("pull {name}"))
            .success()
            .stdout_has(&format!("Digest: {}", Image::busybox().digest()));
        sandbox.run(&format!("run --rm {name} true")).success();
    }
}

#[test]
fn without_credentials_access_is_denied() {
    for access in [Access::Password, Access::Bearer] {
        let sandbox = Sandbox::new();
        let registry = Registry::start(access);
        registry.trust(&sandbox);
        let output = sandbox.run(&format!("pull {}/boats/busybox:1", registry.host()));
        output.code(1).stderr_has(&registry.host()).one_clear_line();
        let said = output.stderr.to_lowercase();
        assert!(
            said.contains("denied") || said.contains("unauthorized") || said.contains("credentials"),
            "{said}"
        );
    }
}

#[test]
fn a_wrong_password_is_not_shown() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Password);
    registry.trust(&sandbox);
    let document = json!({ "auths": { registry.host(): { "auth": "Y2FwdGFpbjpodW50ZXIy" } } });
    sandbox.file("home/.docker/config.json", document.to_string());
    let output = sandbox.run(&format!("pull {}/boats/busybox:1", registry.host()));
    output.code(1).one_clear_line().stderr_lacks("hunter2").stderr_lacks("Y2FwdGFpbjpodW50ZXIy");
}

#[test]
fn an_unknown_authority_is_refused_unless_told_otherwise() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Tls);
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
    let name = format!("{}/boats/busybox:1", registry.host());
    let output = sandbox.run(&format!("pull {name}"));
    output.code(1).stderr_has("certificate").one_clear_line().stderr_has("hint:");
    sandbox.run(&format!("pull --tls-verify=false {name}")).success();
}

#[test]
fn both_families_and_every_compression() {
    for kind in [Kind::Docker, Kind::Oci] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let sandbox = Sandbox::new();
            let top = Layer::new(&[Entry::file("which", format!("{kind:?} {compression:?}"))], compression);
            let image = Image::new(vec![busybox_layer(compression), top]).of_kind(kind);
            let server = Server::of_image(&image, |_| None);
            let name = format!("{}/busybox", server.host());
            let output = sandbox.run(&format!("run --rm {name} cat /which"));
            output.success().stdout(&format!("{kind:?} {compression:?}"));
        }
    }
}

#[test]
fn several_members_and_frames_are_one_layer() {
    let sandbox = Sandbox::new();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut layer = busybox_layer(Compression::None);
        let middle = layer.tar.len() / 2;
        let parts = [layer.tar[..middle].to_vec(), layer.tar[middle..].to_vec()];
        layer.blob = parts.into_iter().flat_map(|part| Layer::of_tar(part, compression).blob).collect();
        layer.compression = compression;
        let server = Server::of_image(&Image::new(vec![layer]), |_| None);
        let name = format!("{}/busybox:{compression:?}", server.host()).to_lowercase();
        sandbox.run(&format!("run --rm --pull always {name} true")).success();
    }
}

#[test]
fn the_platform_is_picked_from_an_index() {
    let sandbox = Sandbox::new();
    let of = |architecture: &str| {
        Image::busybox_and(&[Entry::file("architecture", architecture)])
            .set_top("architecture", json!(architecture))
    };
    let (own, other) = (of(host_architecture()), of("s390x"));
    for kind in [Kind::Oci, Kind::Docker] {
        let (own, other) = (own.clone().of_kind(kind), other.clone().of_kind(kind));
        let index = index_of(&[&other, &own]);
        let mut blobs: Vec<Vec<u8>> = own.blobs().into_iter().chain(other.blobs()).collect();
        blobs.extend([own.manifest_bytes(), other.manifest_bytes()]);
        let bytes = serde_json::to_vec(&index).expect("a value");
        let media_type = index["mediaType"].as_str().expect("a type").to_owned();
        let server = Server::of_manifest(bytes.clone(), media_type, blobs, |_| None);
        let name = format!("{}/many", server.host());
        let output = sandbox.run(&format!("pull {name}"));
        output.success().stdout_has(&format!("Digest: {}\n", digest(&bytes)));
        sandbox.run(&format!("run --rm {name} cat /architecture")).success().stdout(host_architecture());
        sandbox.run(&format!("pull --arch s390x {name}")).success();
        let both = sandbox.run(&format!("pull --arch s390x --platform linux/s390x {name}"));
        both.code(1).stderr_has("--platform cannot be given together with").one_clear_line();
        let shown = sandbox.run(&format!("image inspect --platform linux/s390x {name}"));
        assert_eq!(shown.success().json()[0]["Architecture"], "s390x");
        let output = sandbox.run(&format!("pull --platform linux/riscv64 {name}"));
        output.code(1).stderr_has("linux/riscv64").one_clear_line();
        sandbox.run("pull --platform nonsense/a/b/c busybox").code(1).one_clear_line();
    }
}

#[test]
fn when_the_registry_is_asked() {
    let sandbox = Sandbox::new();
    let server = Server::of_image(&Image::busybox(), |_| None);
    let (name, other) = (format!("{}/boat:1", server.host()), format!("{}/skiff:1", server.host()));
    let asked = || server.requests().len();
    let output = sandbox.run(&format!("pull -q --policy never {name}"));
    output.code(1).stderr_has("No such image: ").one_clear_line();
    assert_eq!(asked(), 0);
    // Several at once, each of which says its name.
    let output = sandbox.run(&format!("pull -q --policy missing {name} docker://{other}"));
    output.success().stdout(&format!("{name}\n{other}\n"));
    let before = asked();
    for policy in ["missing", "never"] {
        sandbox.run(&format!("pull --policy {policy} {name}")).success().stdout(&format!("{name}\n"));
    }
    assert_eq!(asked(), before);
    for policy in ["always", "newer"] {
        let before = asked();
        sandbox.run(&format!("pull --policy {policy} {name}")).success().stdout_has("Image is up to date");
        assert!(asked() > before, "{policy}");
    }
    sandbox
        .run(&format!("pull --policy sometimes {name}"))
        .code(1)
        .stderr_has("invalid pull option: 'sometimes'");
    sandbox.run(&format!("pull -a --policy never {name}")).code(1).stderr_has("--all-tags");
    // Without the registry the newer one cannot be had, and what is here will do.
    drop(server);
    sandbox.run(&format!("pull -q {name}")).code(1);
    sandbox.run(&format!("pull -q --policy newer {name}")).success().stdout(&format!("{name}\n"));
    sandbox.run(&format!("run --rm --pull newer {name} echo afloat")).success().stdout("afloat\n");
}

#[test]
fn by_digest() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    let image = Image::busybox();
    registry.push(&sandbox, &image, "boats/busybox:1");
    let name = format!("{}/boats/busybox@{}", registry.host(), image.digest());
    let output = sandbox.run(&format!("pull {name}"));
    output
        .success()
        .stdout_has("Pulling from boats/busybox\n")
        .stdout_has(&format!("Digest: {}\n", image.digest()));
    output.stdout_has(&format!("Status: Downloaded newer image for {name}\n"));
    sandbox.run(&format!("run --rm {name} echo yes")).success().stdout("yes\n");
    let absent = format!("{}/boats/busybox@sha256:{}", registry.host(), "0".repeat(64));
    sandbox.run(&format!("pull {absent}")).code(1).stderr_has("manifest unknown").one_clear_line();
}

#[test]
fn a_moved_tag_is_a_newer_image() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    let name = format!("{}/boats/busybox:1", registry.host());
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
    sandbox.run(&format!("pull -q {name}")).success();
    let newer = Image::busybox_and(&[Entry::file("newer", "")]);
    let layout = sandbox.layout_of(&newer, "newer");
    let line = format!(
        "skopeo copy -q --insecure-policy --dest-tls-verify=false oci:{}:latest docker://{name}",
        layout.display()
    );
    sandbox.witness(&line).success();
    sandbox.run(&format!("pull {name}")).success().stdout_has("Status: Downloaded newer image for");
    sandbox.run(&format!("run --rm {name} ls /newer")).success();
    let images = sandbox.run("images -a --format '{{.Repository}}:{{.Tag}}'").success().lines();
    assert_eq!(images.len(), 2, "the old one has lost its name: {images:?}");
    assert!(
        images.contains(&format!("{}/boats/busybox:<none>", registry.host()))
            || images.contains(&"<none>:<none>".to_owned()),
        "{images:?}"
    );
}

#[test]
fn unknown_names_and_tags() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
    let host = registry.host();
    let output = sandbox.run(&format!("pull {host}/boats/busybox:2"));
    output
        .code(1)
        .stderr_has(&format!("{host}/boats/busybox:2"))
        .stderr_has("manifest unknown")
        .one_clear_line();
    sandbox.run(&format!("pull {host}/nothing/here")).code(1).stderr_has(&host).one_clear_line();
    let output = sandbox.run(&format!("run --rm {host}/boats/busybox:2 true"));
    output.code(125).stderr_has(&format!("Unable to find image '{host}/boats/busybox:2' locally\n"));
    output.one_clear_line();
    sandbox.assert_no_traces();
}

#[test]
fn malformed_names() {
    let sandbox = Sandbox::new();
    for (name, words) in [
        ("UpperCase", "must be lowercase"),
        ("a//b", "invalid reference format"),
        ("x:", "invalid reference format"),
        ("x@sha256:abc", "invalid reference format"),
        ("x@md5:0123", "invalid reference format"),
        ("../up", "invalid reference format"),
        (&"0123456789abcdef".repeat(4), "cannot specify 64-byte hexadecimal strings"),
    ] {
        sandbox.run(&format!("pull {name}")).code(1).stderr_has(words).one_clear_line();
        sandbox.run(&format!("run --rm {name} true")).code(125).stderr_has(words).one_clear_line();
    }
}

#[test]
fn archives_and_layouts() {
    let sandbox = Sandbox::new();
    let image = Image::busybox();
    let layout = sandbox.layout_of(&image, "source");
    let oci = sandbox.path().join("image.oci.tar");
    let docker = sandbox.path().join("image.docker.tar");
    let copy = |target: String| {
        let line = format!("skopeo copy -q --insecure-policy oci:{}:latest {target}", layout.display());
        sandbox.witness(&line).success();
    };
    copy(format!("oci-archive:{}:boat", oci.display()));
    copy(format!("docker-archive:{}:example.org/boats/archived:2", docker.display()));
    for source in [
        format!("oci:{}:latest", layout.display()),
        format!("oci:{}", layout.display()),
        format!("oci-archive:{}", oci.display()),
        format!("oci-archive:{}:boat", oci.display()),
        format!("docker-archive:{}", docker.display()),
        format!("docker-archive:{}:example.org/boats/archived:2", docker.display()),
    ] {
        let fresh = Sandbox::new();
        fresh.run(&format!("pull -q {source}")).success();
        let id = fresh.run("images -q --no-trunc").success().line();
        assert_eq!(id, image.id(), "{source}");
        fresh.run(&format!("run --rm {id} echo {}", "ok")).success().stdout("ok\n");
    }
    let fresh = Sandbox::new();
    fresh.run(&format!("pull -q docker-archive:{}", docker.display())).success();
    fresh.run("run --rm example.org/boats/archived:2 true").success();
    for bad in [
        format!("oci:{}:absent", layout.display()),
        format!("oci:{}/nowhere", sandbox.path().display()),
        format!("oci-archive:{}", docker.display()),
        format!("docker-archive:{}:no/such:name", docker.display()),
        format!("docker-archive:{}", sandbox.file("garbage", "not an archive").display()),
    ] {
        sandbox.run(&format!("pull {bad}")).code(1).one_clear_line();
    }
}

#[test]
fn archives_of_docker_and_podman() {
    let Some(podman) = program("podman") else { skip!("podman is not installed") };
    let sandbox = Sandbox::new();
    let layout = sandbox.layout_of(&Image::busybox(), "source");
    let archive = sandbox.path().join("saved.tar");
    let podman = podman.display();
    let storage = format!(
        "--root {0}/podman --runroot {0}/podman-run --storage-driver vfs --cgroup-manager cgroupfs",
        sandbox.path().display()
    );
    let pulled = sandbox.witness(&format!("{podman} {storage} pull -q oci:{}:latest", layout.display()));
    if pulled.exit_code() != 0 {
        end_pause_process(&sandbox);
        skip!("podman cannot work here: {}", pulled.stderr.lines().last().unwrap_or_default());
    }
    let id = pulled.line();
    sandbox.witness(&format!("{podman} {storage} tag {id} example.org/from/podman:1")).success();
    let save = format!("{podman} {storage} save -q -o {} example.org/from/podman:1", archive.display());
    sandbox.witness(&save).success();
    sandbox.run(&format!("pull -q docker-archive:{}", archive.display())).success();
    sandbox.run("run --rm example.org/from/podman:1 echo ok").success().stdout("ok\n");
    end_pause_process(&sandbox);
}

/// podman leaves a process behind that keeps its user namespace.
pub fn end_pause_process(sandbox: &Sandbox) {
    let file = sandbox.path().join("run/libpod/tmp/pause.pid");
    let pid = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[test]
fn the_store_is_an_image_layout_that_others_read() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
    let name = format!("{}/boats/busybox:1", registry.host());
    sandbox.run(&format!("pull -q {name}")).success();
    let images = sandbox.store().join("images");
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(images.join("index.json")).expect("an index")).expect("JSON");
    let tag = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"].as_str();
    let line = format!(
        "skopeo inspect --raw oci:{}:{}",
        images.display(),
        tag.unwrap_or_else(|| panic!("a name in {index:#}"))
    );
    let raw = sandbox.witness(&line);
    assert_eq!(digest(&raw.success().bytes), Image::busybox().digest());
}

#[test]
fn a_redirect_to_another_host_takes_no_credentials_along() {
    let sandbox = Sandbox::new();
    let image = Image::busybox();
    let blobs = image.blobs();
    let storage = Server::start(move |request| {
        let last = request.path.rsplit('/').next().unwrap_or_default().to_owned();
        let blob = blobs.iter().find(|blob| digest(blob) == last);
        blob.map_or_else(|| not_found("x", "y"), |blob| Response::new(200).body(blob.clone()))
    });
    let target = storage.url();
    let server = Server::of_image(&image, move |request| {
        if request.header("authorization").is_none() {
            return Some(Response::new(401).header("WWW-Authenticate", "Basic realm=\"x\""));
        }
        let blob = request.path.split_once("/blobs/")?.1;
        Some(Response::new(307).header("Location", format!("{target}/store/{blob}")))
    });
    let document = json!({ "auths": { server.host(): { "auth": "Y2FwdGFpbjpodW50ZXIy" } } });
    sandbox.file("home/.docker/config.json", document.to_string());
    sandbox.run(&format!("pull {}/busybox", server.host())).success();
    let seen = storage.requests();
    assert!(!seen.is_empty(), "the blobs came from the other host");
    assert!(seen.iter().all(|request| request.header("authorization").is_none()), "{seen:#?}");
    assert!(seen.iter().all(|request| request.header("cookie").is_none()), "{seen:#?}");
}

#[test]
fn a_password_is_not_sent_to_a_stranger_who_asks() {
    let sandbox = Sandbox::new();
    let stranger = Server::start(|_| Response::new(200).body(json!({ "token": "t" }).to_string()));
    let realm = stranger.url().replace("http://127.0.0.1", "http://localhost");
    let server = Server::of_image(&Image::busybox(), move |request| {
        let bearer = request.header("authorization").is_some_and(|value| value.starts_with("Bearer "));
        let challenge = format!("Bearer realm=\"{realm}/token\",service=\"x\"");
        (!bearer).then(|| Response::new(401).header("WWW-Authenticate", challenge))
    });
    let output = sandbox.run(&format!("pull {}/busybox", server.host()));
    // Without credentials an anonymous token is asked for, which is how public registries work.
    output.success();
    assert!(stranger.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn too_many_requests_are_waited_out() {
    let sandbox = Sandbox::new();
    let refused = std::sync::atomic::AtomicU32::new(0);
    let server = Server::of_image(&Image::busybox(), move |request| {
        let first = request.path.contains("/manifests/")
            && refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        first.then(|| Response::new(429).header("Retry-After", "1"))
    });
    sandbox.run(&format!("pull {}/busybox", server.host())).success();
}

#[test]
fn a_cut_connection_is_tried_again() {
    let sandbox = Sandbox::new();
    let image = Image::new(vec![busybox_layer(Compression::Gzip)]);
    let (blob, path) = (image.layers[0].blob.clone(), digest(&image.layers[0].blob));
    let cut = std::sync::atomic::AtomicU32::new(0);
    let server = Server::of_image(&image, move |request| {
        let first =
            request.path.ends_with(&path) && cut.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        first.then(|| {
            let half = blob[..blob.len() / 2].to_vec();
            Response::new(200).with(Body::Cut { bytes: half, claimed: blob.len() })
        })
    });
    let name = format!("{}/busybox", server.host());
    sandbox.run(&format!("pull {name}")).success();
    sandbox.run(&format!("run --rm {name} true")).success();
}

#[test]
fn bars_on_a_terminal() {
    let sandbox = Sandbox::new();
    let image = Image::new(vec![busybox_layer(Compression::Gzip)]);
    let server = Server::of_image(&image, |_| None);
    let mut terminal = crate::support::Pty::coracle(&sandbox, &format!("pull {}/busybox", server.host()));
    terminal.expect("latest: Pulling from busybox");
    terminal.expect(&format!("{}: ", short(&image.layers[0])));
    terminal.expect("Pull complete");
    terminal.expect("Status: Downloaded newer image for");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn two_pulls_of_one_image_at_once() {
    let sandbox = Sandbox::new();
    let image = Image::new(vec![busybox_layer(Compression::Gzip)]);
    let server = Server::of_image(&image, |_| None);
    let line = format!("pull {}/busybox", server.host());
    let running: Vec<_> = (0..4).map(|_| sandbox.command(&line).start()).collect();
    for pull in running {
        pull.finish().success();
    }
    assert_eq!(sandbox.run("images -q").success().lines().len(), 1);
    sandbox.run(&format!("run --rm {}/busybox true", server.host())).success();
}

#[test]
fn a_killed_pull_leaves_nothing_half_done() {
    let sandbox = Sandbox::new();
    let image = Image::new(vec![busybox_layer(Compression::Gzip)]);
    let (blob, path) = (image.layers[0].blob.clone(), digest(&image.layers[0].blob));
    let stall = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let stalled = stall.clone();
    let server = Server::of_image(&image, move |request| {
        (request.path.ends_with(&path) && stalled.load(std::sync::atomic::Ordering::Relaxed)).then(|| {
            let half = blob[..blob.len() / 2].to_vec();
            Response::new(200).with(Body::Stall { bytes: half, claimed: blob.len() })
        })
    });
    let line = format!("pull {}/busybox", server.host());
    let mut running = sandbox.command(&line).start();
    running.expect("Pulling fs layer");
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.child.kill().expect("it runs");
    running.child.wait().expect("a child");
    sandbox.run("images -a -q").success().stdout("");
    stall.store(false, std::sync::atomic::Ordering::Relaxed);
    sandbox.run(&line).success();
    sandbox.run(&format!("run --rm {}/busybox true", server.host())).success();
    sandbox.assert_no_traces();
}

/// A registry that stalls in the middle of the first layer until it is told to go on, and what is killed meanwhile.
struct Interrupted {
    sandbox: Sandbox,
    image: Image,
    server: Server,
    half: usize,
}

impl Interrupted {
    /// Kills a pull that has the first half of the first layer and the whole second one.
    fn new(has_ranges: bool) -> Self {
        let sandbox = Sandbox::new();
        let second = Layer::new(&[Entry::file("second", "layer")], Compression::Gzip);
        let image = Image::new(vec![busybox_layer(Compression::Gzip), second]);
        let blobs: Vec<_> = image.layers.iter().map(|layer| layer.blob.clone()).collect();
        let half = blobs[0].len() / 2;
        let first = std::sync::atomic::AtomicBool::new(true);
        let server = Server::of_image(&image, move |request| {
            let blob = blobs.iter().find(|blob| request.path.ends_with(&digest(blob)))?;
            if blob == &blobs[0] && first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                let body = Body::Stall { bytes: blob[..half].to_vec(), claimed: blob.len() };
                return Some(Response::new(200).with(body));
            }
            has_ranges.then(|| Response::part_of(blob, request))
        });
        let interrupted = Self { sandbox, image, server, half };
        let mut running = interrupted.sandbox.command(&interrupted.pull()).start();
        let lengths = [half, interrupted.image.layers[1].blob.len()];
        for (index, length) in lengths.into_iter().enumerate() {
            let has_come = || {
                let partial = fs::metadata(interrupted.partial(index)).ok()?;
                (partial.len() == length as u64).then_some(())
            };
            eventually("the layer comes", has_come);
        }
        running.child.kill().expect("it runs");
        running.child.wait().expect("a child");
        eventually("the pull is gone", || interrupted.sandbox.processes().is_empty().then_some(()));
        interrupted
    }

    fn pull(&self) -> String {
        format!("pull {}/busybox", self.server.host())
    }

    fn partial(&self, layer: usize) -> std::path::PathBuf {
        let digest = digest(&self.image.layers[layer].blob);
        self.sandbox.store().join("cache/partial").join(digest.trim_start_matches("sha256:"))
    }

    /// Pulls again; returns what was asked of the first layer and how often the second was asked for.
    fn again(&self) -> (Vec<Option<String>>, usize) {
        let before = self.server.requests().len();
        self.sandbox.run(&self.pull()).success();
        self.sandbox.run(&format!("run --rm {}/busybox cat second", self.server.host())).success();
        let left = fs::read_dir(self.sandbox.store().join("cache/partial")).expect("a directory").count();
        assert_eq!(left, 0, "nothing is partial any more");
        let requests = self.server.requests().split_off(before);
        let of = |layer: usize| {
            let path = format!("/v2/busybox/blobs/{}", digest(&self.image.layers[layer].blob));
            requests.iter().filter(move |request| request.path == path)
        };
        (of(0).map(|request| request.header("range").cloned()).collect(), of(1).count())
    }
}

#[test]
fn a_killed_pull_goes_on_where_it_was() {
    let interrupted = Interrupted::new(true);
    let range = format!("bytes={}-", interrupted.half);
    assert_eq!(interrupted.again(), (vec![Some(range)], 0));
    interrupted.sandbox.assert_no_traces();
}

#[test]
fn a_killed_pull_from_a_registry_without_ranges() {
    let interrupted = Interrupted::new(false);
    let range = format!("bytes={}-", interrupted.half);
    assert_eq!(interrupted.again(), (vec![Some(range)], 0));
}

#[test]
fn what_a_killed_pull_left_is_not_believed() {
    let interrupted = Interrupted::new(true);
    let mut spoiled = fs::read(interrupted.partial(0)).expect("half a layer");
    spoiled[interrupted.half / 2..].fill(0);
    fs::write(interrupted.partial(0), spoiled).expect("written");
    fs::write(interrupted.partial(1), "").expect("written");
    let range = format!("bytes={}-", interrupted.half);
    assert_eq!(interrupted.again(), (vec![Some(range), None], 1));
}

#[test]
fn an_interrupted_pull_ends_at_once() {
    let sandbox = Sandbox::new();
    let image = Image::new(vec![busybox_layer(Compression::Gzip)]);
    let (blob, path) = (image.layers[0].blob.clone(), digest(&image.layers[0].blob));
    let server = Server::of_image(&image, move |request| {
        request.path.ends_with(&path).then(|| {
            Response::new(200).with(Body::Stall { bytes: blob[..100].to_vec(), claimed: blob.len() })
        })
    });
    let running = sandbox.command(&format!("pull {}/busybox", server.host())).start();
    running.expect("Pulling fs layer");
    running.signal(rustix::process::Signal::INT);
    running.finish().code(130);
    sandbox.assert_no_traces();
}

#[test]
fn a_whole_debian() {
    let Some(tar) = fixture("debian.tar") else { skip!("tests/run.sh could not make a Debian root") };
    let sandbox = Sandbox::new();
    let tar = fs::read(tar).expect("a readable archive");
    let image = Image::new(vec![Layer::of_tar(tar, Compression::Gzip)]).set("Cmd", json!(["bash"]));
    let server = Server::of_image(&image, |_| None);
    let name = format!("{}/debian", server.host());
    sandbox.run(&format!("pull -q {name}")).success();
    sandbox.run(&format!("run --rm {name} dpkg --audit")).success().stdout("");
    sandbox.run(&format!("run --rm {name} sh -c '. /etc/os-release; echo $ID'")).success().stdout("debian\n");
    if !crate::support::has_subordinate_ids() {
        skip!("no subordinate ids: owners and set-user-id programs of the Debian root are not looked at");
    }
    sandbox
        .run(&format!("run --rm {name} stat -c '%U:%G %a' /etc/shadow"))
        .success()
        .stdout("root:shadow 640\n");
    let su = "useradd -m eve && su eve -c 'id -un; chage -l eve >/dev/null && echo set-group-id works'";
    sandbox
        .command_of(&["run", "--rm", &name, "sh", "-c", su])
        .finish()
        .success()
        .stdout("eve\nset-group-id works\n");
}

#[test]
fn a_name_with_the_transport_of_podman() {
    let server = Server::of_image(&Image::busybox(), |_| None);
    let sandbox = Sandbox::new();
    let name = format!("{}/x:y", server.host());
    sandbox.run(&format!("pull -q docker://{name}")).success().stdout(&format!("{name}\n"));
    sandbox.run("pull docker://").code(1).one_clear_line();
}

#[test]
fn where_the_registry_cannot_be_reached() {
    let sandbox = Sandbox::new();
    let closed = crate::support::registry::free_port();
    for (name, word) in [
        (format!("127.0.0.1:{closed}/busybox"), "refused"),
        ("registry.invalid/busybox".to_owned(), "registry.invalid"),
    ] {
        let output = sandbox.run(&format!("pull {name}"));
        output.code(1).stderr_has(word).one_clear_line();
    }
    let output = sandbox
        .command("run --rm hello-world")
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{closed}"))
        .env("https_proxy", format!("http://127.0.0.1:{closed}"))
        .finish();
    output.code(125).stderr_has("Unable to find image 'hello-world:latest' locally").stderr_has("proxy");
    output.stderr_has("hint:").stderr_has("builtin:hello").one_clear_line();
}

#[test]
fn an_authority_that_is_no_certificate() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Tls);
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
    registry.trust(&sandbox);
    let file = format!("home/.config/containers/certs.d/{}/ca.crt", registry.host());
    sandbox.file(&file, "not a certificate");
    let name = format!("{}/boats/busybox:1", registry.host());
    sandbox.run(&format!("pull {name}")).code(1).stderr_has("certificate").one_clear_line();
    registry.trust(&sandbox);
    sandbox.run(&format!("pull {name}")).success();
}
