//! `push`: to true registries of every kind, and to some that stall, break off or lie.

use std::fs;

use serde_json::json;

use crate::support::image::{Kind, busybox_layer, digest, host_architecture};
use crate::support::server::not_found;
use crate::support::{
    Access, Compression, Entry, Image, Layer, Registry, Request, Response, Sandbox, Server,
};

fn short(layer: &Layer) -> String {
    digest(&layer.tar)["sha256:".len()..][..12].to_owned()
}

/// What skopeo says the digest of a name in a registry is.
fn digest_in(sandbox: &Sandbox, name: &str) -> String {
    let line = format!("skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://{name}");
    sandbox.witness(&line).success().line()
}

/// Loads an image as docker would save it: its layers are not compressed, and no registry knows it.
fn load_archive(sandbox: &Sandbox, image: &Image, name: &str) {
    let layout = sandbox.layout_of(image, name);
    let archive = sandbox.path().join("archive.tar");
    let target = format!("docker-archive:{}:{name}", archive.display());
    let line = format!("skopeo copy -q --insecure-policy oci:{}:latest {target}", layout.display());
    sandbox.witness(&line).success();
    sandbox.run(&format!("pull -q docker-archive:{}", archive.display())).success();
    fs::remove_file(archive).expect("an archive");
}

#[test]
fn the_plain_lines() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    let image = Image::busybox_and(&[Entry::file("second", "layer")]);
    let name = format!("{}/library/busybox", registry.host());
    load_archive(&sandbox, &image, &format!("{name}:latest"));
    let id = sandbox.inspect(&name, "Id");
    let output = sandbox.run(&format!("push {name}"));
    let lines = output.success().stderr("").lines();
    assert_eq!(lines[0], "Using default tag: latest");
    assert_eq!(lines[1], format!("The push refers to repository [{name}]"));
    let (bottom, top) = (short(&image.layers[0]), short(&image.layers[1]));
    assert_eq!(lines[2..4], [format!("{top}: Preparing"), format!("{bottom}: Preparing")]);
    for layer in [&bottom, &top] {
        assert!(lines.contains(&format!("{layer}: Pushed")), "{lines:#?}");
    }
    let digest = digest_in(&sandbox, &format!("{name}:latest"));
    let last = lines.last().expect("a line");
    assert!(last.starts_with(&format!("latest: digest: {digest} size: ")), "{last}");
    assert_eq!(lines.len(), 7, "{lines:#?}");

    let events = sandbox
        .run("events --since 0 --until 0s -f event=push --format '{{.ID}} {{.Actor.Attributes.name}}'");
    events.success().stdout(&format!("{name}:latest {name}\n"));

    // The image is what it was, under the digest that the registry knows.
    assert_eq!(sandbox.inspect(&name, "Id"), id);
    assert_eq!(sandbox.inspect(&name, "RepoDigests"), json!([format!("{name}@{digest}")]));
    assert_eq!(sandbox.run("images -aq").success().lines().len(), 1);
    sandbox.run(&format!("run --rm {name} cat /second")).success().stdout("layer");
    let again = sandbox.run(&format!("push {name}:latest"));
    let lines = again.success().lines();
    for layer in [&bottom, &top] {
        assert!(lines.contains(&format!("{layer}: Layer already exists")), "{lines:#?}");
    }
    assert_eq!(lines.last(), Some(last));

    // Everybody else gets it back whole, compressed as registries have it.
    let fresh = Sandbox::new();
    fresh.run(&format!("pull -q {name}@{digest}")).success();
    assert_eq!(fresh.inspect(&format!("{name}@{digest}"), "Id"), id);
    fresh.run(&format!("run --rm {name}@{digest} cat /second")).success().stdout("layer");
    let line = format!("skopeo inspect --raw --tls-verify=false docker://{name}:latest");
    let manifest = sandbox.witness(&line).success().json();
    for layer in manifest["layers"].as_array().expect("layers") {
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    }
}

#[test]
fn a_pulled_image_is_passed_on_to_the_byte() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    for (kind, compression) in
        [(Kind::Docker, Compression::Gzip), (Kind::Oci, Compression::Zstd), (Kind::Oci, Compression::None)]
    {
        let image = Image::new(vec![busybox_layer(compression)]).of_kind(kind);
        let server = Server::of_image(&image, |_| None);
        sandbox.run(&format!("pull -q {}/x:y", server.host())).success();
        let name = format!("{}/passed/{kind:?}-{compression:?}:on", registry.host()).to_lowercase();
        sandbox.run(&format!("tag {}/x:y {name}", server.host())).success();
        let output = sandbox.run(&format!("push {name}"));
        output.success().stdout_has(&format!("\non: digest: {} size: ", image.digest()));
        assert_eq!(digest_in(&sandbox, &name), image.digest());
    }
}

#[test]
fn every_kind_of_access() {
    for access in [Access::Tls, Access::SelfSigned, Access::Password, Access::Bearer] {
        let sandbox = Sandbox::with_busybox();
        let registry = Registry::start(access);
        registry.trust(&sandbox);
        let name = format!("{}/boats/busybox:1", registry.host());
        sandbox.run(&format!("tag busybox {name}")).success();
        if matches!(access, Access::Password | Access::Bearer) {
            let output = sandbox.run(&format!("push {name}"));
            output.code(1).one_clear_line().stderr_has("push access denied for");
            output.stderr_has(&format!("hint: coracle login {}", registry.host()));
        }
        registry.log_in(&sandbox);
        sandbox.run(&format!("push {name}")).success();
        let fresh = Sandbox::new();
        registry.trust(&fresh);
        registry.log_in(&fresh);
        fresh.run(&format!("run --rm {name} true")).success();
    }
}

#[test]
fn layers_are_taken_over_from_other_repositories() {
    for access in [Access::Plain, Access::Bearer] {
        let sandbox = Sandbox::new();
        let registry = Registry::start(access);
        registry.log_in(&sandbox);
        let image = Image::new(vec![busybox_layer(Compression::Gzip)]);
        registry.push(&sandbox, &image, "boats/busybox:1");
        let (old, new) =
            (format!("{}/boats/busybox:1", registry.host()), format!("{}/fleet/x:2", registry.host()));
        sandbox.run(&format!("pull -q {old}")).success();
        sandbox.run(&format!("tag {old} {new}")).success();
        let output = sandbox.run(&format!("push {new}"));
        output.success().stdout_has(&format!("{}: Mounted from boats/busybox\n", short(&image.layers[0])));
        sandbox.run(&format!("pull {new}")).success().stdout_has("Image is up to date");
    }
}

#[test]
fn all_tags_quiet_and_other_places() {
    let sandbox = Sandbox::with_busybox();
    let registry = Registry::start(Access::Plain);
    let name = format!("{}/many", registry.host());
    for tag in ["1", "2", "latest"] {
        sandbox.run(&format!("tag busybox {name}:{tag}")).success();
    }
    let output = sandbox.run(&format!("push -a {name}"));
    let ends: Vec<_> =
        output.success().lines().into_iter().filter(|line| line.contains(": digest: ")).collect();
    assert_eq!(ends.len(), 3, "{ends:?}");
    let line = format!("skopeo list-tags --tls-verify=false docker://{name}");
    let tags = sandbox.witness(&line).success().json()["Tags"].as_array().expect("tags").len();
    assert_eq!(tags, 3);
    sandbox.run(&format!("push -q {name}")).success().stdout(&format!("{name}:latest\n")).stderr("");

    let file = sandbox.path().join("digest");
    let elsewhere = format!("{}/elsewhere:x", registry.host());
    sandbox.run(&format!("push -q --digestfile {} busybox docker://{elsewhere}", file.display())).success();
    assert_eq!(fs::read_to_string(file).expect("a file"), digest_in(&sandbox, &elsewhere));
    let names = sandbox.run("images --format '{{.Repository}}'").success().lines();
    assert!(!names.iter().any(|name| name.contains("elsewhere")), "{names:?}");
    sandbox.run(&format!("push --platform linux/{} -q {name}", host_architecture())).success();
    for (line, words) in [
        (format!("push {}/nothing", registry.host()), "An image does not exist locally with the tag:"),
        (format!("push {name}:3"), "tag does not exist:"),
        (format!("push -a {name}:1"), "tag can't be used with --all-tags/-a"),
        (format!("push {name}@sha256:{}", "0".repeat(64)), "cannot push a digest reference"),
        (format!("push --platform linux/s390x {name}"), "does not provide the specified platform"),
        ("push UPPER".to_owned(), "must be lowercase"),
        (format!("push {name} a//b"), "invalid reference format"),
        (format!("push {name} dir:boat"), "hint: coracle save --format docker-dir -o boat"),
        (format!("push {name} oci:boat:1"), "hint: coracle save --format oci-dir -o boat"),
        (format!("push {name} docker-archive:/x/boat.tar"), "--format docker-archive -o /x/boat.tar"),
        (format!("push {name} containers-storage:boat"), "an image goes to a registry"),
        (format!("push -a {name} {elsewhere}"), "--all-tags takes no destination"),
    ] {
        sandbox.run(&line).code(1).stderr_has(words).one_clear_line();
    }
}

/// A registry that has nothing and takes everything; `twist` may answer instead.
fn taker(twist: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Server {
    Server::start(move |request| {
        if let Some(response) = twist(request) {
            return response;
        }
        match request.method.as_str() {
            "HEAD" | "GET" => not_found("BLOB_UNKNOWN", "blob unknown to registry"),
            "POST" => Response::new(202).header("Location", "/v2/x/blobs/uploads/1?state=abc"),
            _ => Response::new(201),
        }
    })
}

/// One image of one layer of some size, under a name of a server.
fn sandbox_for(server: &Server) -> (Sandbox, Image) {
    let sandbox = Sandbox::new();
    let image = Image::new(vec![busybox_layer(Compression::None)]);
    sandbox.add(&image, &format!("{}/x:1", server.host()));
    (sandbox, image)
}

#[test]
fn a_broken_upload_goes_on_where_it_stopped() {
    let server = taker(|request| match (request.method.as_str(), request.path.as_str()) {
        ("PUT", "/v2/x/blobs/uploads/1") if request.header("content-length")? != "0" => {
            let large = request.header("content-length")?.parse::<u64>().ok()? > 100_000;
            large.then(|| Response::new(503))
        }
        ("GET", "/v2/x/blobs/uploads/1") => Some(
            Response::new(204).header("Range", "0-99999").header("Location", "/v2/x/blobs/uploads/1?state=2"),
        ),
        ("PATCH", _) => Some(Response::new(202).header("Location", "/v2/x/blobs/uploads/1?state=3")),
        _ => None,
    });
    let (sandbox, _) = sandbox_for(&server);
    sandbox.run(&format!("push {}/x:1", server.host())).success();
    let requests = server.requests();
    let patch = requests.iter().find(|request| request.method == "PATCH").expect("a chunk");
    let first = requests.iter().find(|request| request.method == "PUT" && request.path.contains("uploads"));
    let size: u64 =
        first.expect("a try").header("content-length").expect("a size").parse().expect("a number");
    assert_eq!(patch.header("content-range"), Some(&format!("100000-{}", size - 1)));
    assert_eq!(patch.header("content-length"), Some(&format!("{}", size - 100_000)));
    assert_eq!(patch.query("state").as_deref(), Some("2"));
    let end = requests.iter().find(|request| request.query("state").as_deref() == Some("3"));
    let end = end.expect("the end of the upload");
    assert!(end.method == "PUT" && end.query("digest").is_some_and(|digest| digest.starts_with("sha256:")));
}

#[test]
fn credentials_stay_with_the_registry() {
    let elsewhere = Server::start(|_| Response::new(201));
    let place = format!("{}/upload", elsewhere.url());
    let server = taker(move |request| {
        if request.header("authorization").is_none() {
            return Some(Response::new(401).header("WWW-Authenticate", "Basic realm=\"x\""));
        }
        (request.method == "POST").then(|| Response::new(202).header("Location", &place))
    });
    let (sandbox, _) = sandbox_for(&server);
    let document = json!({ "auths": { server.host(): { "auth": "dTpw" } } });
    sandbox.file("home/.docker/config.json", document.to_string());
    sandbox.run(&format!("push {}/x:1", server.host())).success();
    let seen = elsewhere.requests();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|request| request.header("authorization").is_none()), "{seen:?}");
}

#[test]
fn registries_that_lie_or_refuse() {
    let wrong = format!("sha256:{}", "0".repeat(64));
    let put = |status: u16, header: (&'static str, String), body: &'static str| {
        move |request: &Request| {
            (request.method == "PUT" && request.path.contains("/manifests/"))
                .then(|| Response::new(status).header(header.0, header.1.clone()).body(body))
        }
    };
    let invalid = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest \u001b[31minvalid"}]}"#;
    for (server, words) in [
        (taker(put(201, ("Docker-Content-Digest", wrong), "")), "digest is sha256:0000"),
        (
            taker(put(400, ("X", String::new()), invalid)),
            "answered 400: manifest invalid: manifest  [31minvalid",
        ),
        (
            taker(|request| (request.method == "POST").then(|| Response::new(202))),
            "does not say where to upload to",
        ),
        (
            taker(|request| {
                (request.method == "POST")
                    .then(|| Response::new(202).header("Location", "file:///etc/passwd"))
            }),
            "redirects to nowhere",
        ),
        (
            taker(|request| {
                (request.method == "PUT").then(|| Response::new(307).header("Location", "/again"))
            }),
            "answered 307",
        ),
    ] {
        let (sandbox, _) = sandbox_for(&server);
        let output = sandbox.run(&format!("push {}/x:1", server.host()));
        output.code(1).stderr_has(words).one_clear_line();
        assert!(!output.stderr.contains('\x1b'));
    }
}
