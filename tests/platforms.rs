//! Several platforms of one name: pulled one after the other, kept side by side, and handed on together.

use std::fs;

use serde_json::Value;

use crate::skip;
use crate::support::image::{host_architecture, index_of};
use crate::support::{Access, Compression, Entry, Image, Layer, Registry, Sandbox, Server, program};

/// The same boat for a platform.
fn boat(architecture: &str) -> Image {
    let layer = Layer::new(&[Entry::file("hull", architecture)], Compression::Gzip);
    Image::new(vec![layer]).set_top("architecture", architecture.into())
}

/// A platform that this machine has not.
fn foreign() -> &'static str {
    if host_architecture() == "s390x" { "ppc64le" } else { "s390x" }
}

/// A registry that has the boat for both.
fn harbour() -> Server {
    let (own, other) = (boat(host_architecture()), boat(foreign()));
    let index = index_of(&[&other, &own]);
    let mut blobs = [own.blobs(), other.blobs()].concat();
    blobs.extend([own.manifest_bytes(), other.manifest_bytes()]);
    let media_type = index["mediaType"].as_str().expect("a type").to_owned();
    Server::of_manifest(index.to_string().into_bytes(), media_type, blobs, |_| None)
}

fn store_index(sandbox: &Sandbox) -> Value {
    let path = sandbox.store().join("images/index.json");
    serde_json::from_slice(&fs::read(path).expect("an index")).expect("JSON")
}

fn blobs(sandbox: &Sandbox) -> usize {
    fs::read_dir(sandbox.store().join("images/blobs/sha256")).expect("blobs").count()
}

#[test]
fn platforms_of_a_name_are_kept_side_by_side() {
    let server = harbour();
    let (own, other) = (boat(host_architecture()), boat(foreign()));
    let name = format!("{}/boats/app:1", server.host());
    let theirs = format!("--platform linux/{}", foreign());
    let sandbox = Sandbox::new();
    sandbox.run(&format!("pull -q {theirs} {name}")).success();
    assert_eq!(sandbox.run("images -q --no-trunc").success().line(), other.id());
    sandbox.run(&format!("pull {name}")).success().stdout_has("Downloaded newer image");
    assert_eq!(sandbox.run("images -q --no-trunc").success().line(), own.id(), "this machine's is shown");
    let index = store_index(&sandbox);
    let entries = index["manifests"].as_array().expect("entries");
    assert_eq!(entries.len(), 1, "{index:#}");
    assert_eq!(entries[0]["mediaType"], "application/vnd.oci.image.index.v1+json");
    // Whatever came first, it is the same index; and nothing is brought again.
    let second = Sandbox::new();
    second.run(&format!("pull -q {name}")).success();
    second.run(&format!("pull -q {theirs} {name}")).success();
    assert_eq!(store_index(&second)["manifests"][0]["digest"], entries[0]["digest"]);
    sandbox.run(&format!("pull {theirs} {name}")).success().stdout_has("Image is up to date");
    assert_eq!(store_index(&sandbox), index);

    let id = |line: &str| sandbox.run(line).success().json()[0]["Id"].as_str().expect("an id").to_owned();
    assert_eq!(id(&format!("inspect {name}")), own.id());
    assert_eq!(id(&format!("image inspect {theirs} {name}")), other.id());
    assert_eq!(id(&format!("inspect {}", &other.id()[7..19])), other.id(), "by its id");
    assert_eq!(
        sandbox.run(&format!("history -q --no-trunc {theirs} {name}")).success().lines()[0],
        other.id()
    );
    let words = format!(
        "image with reference {name} was found but does not provide the specified platform (linux/386)"
    );
    for verb in ["image inspect", "history", "save -o out", "push"] {
        sandbox
            .run(&format!("{verb} --platform linux/386 {name}"))
            .code(1)
            .stderr_has(&words)
            .one_clear_line();
    }

    // A container is made of the platform that was asked for, without another pull.
    sandbox.run(&format!("create --pull never --name box1 {theirs} {name} hull")).success();
    assert_eq!(sandbox.inspect("box1", "Image"), other.id());
    sandbox.run(&format!("create --name box2 {name} hull")).success();
    assert_eq!(sandbox.inspect("box2", "Image"), own.id());
    let in_use = "image is being used by stopped container";
    sandbox.run(&format!("rmi {theirs} {name}")).code(1).stderr_has(in_use).one_clear_line();
    sandbox.run("rm box1 box2").success();
    sandbox.run(&format!("rmi {theirs} {name}")).success().stdout(&format!("Deleted: {}\n", other.id()));
    assert_eq!(store_index(&sandbox)["manifests"][0]["digest"], own.digest());
    assert_eq!(blobs(&sandbox), 3);
    sandbox.run(&format!("image inspect {theirs} {name}")).code(1).stderr_has("does not provide");
    sandbox.run(&format!("rmi {name}")).success();
    assert_eq!(blobs(&sandbox), 0);
    second.run(&format!("rmi {name}")).success();
    assert_eq!(blobs(&second), 0);
}

#[test]
fn platforms_of_a_name_go_together() {
    let server = harbour();
    let (own, other) = (boat(host_architecture()), boat(foreign()));
    let name = format!("{}/boats/app:1", server.host());
    let theirs = format!("--platform linux/{}", foreign());
    let sandbox = Sandbox::new();
    sandbox.run(&format!("pull -q {name}")).success();
    sandbox.run(&format!("pull -q {theirs} {name}")).success();
    sandbox.run(&format!("tag {name} app:2")).success();
    let index = store_index(&sandbox)["manifests"][0]["digest"].clone();
    for (format, wanted) in [("docker-archive", ""), ("oci-archive", ""), ("docker-archive", theirs.as_str())]
    {
        let saved = sandbox.run(&format!("save --format {format} {wanted} app:2")).success().bytes.clone();
        let third = Sandbox::new();
        third.command("load").input(saved.clone()).finish().success().stdout("Loaded image: app:2\n");
        let entry = store_index(&third)["manifests"][0]["digest"].clone();
        if wanted.is_empty() {
            assert_eq!(entry, index, "{format}");
            third.run(&format!("image inspect {theirs} app:2")).success();
            third.run("rmi app:2").success();
            assert_eq!(blobs(&third), 0);
            // One of them alone.
            let file = third.file("saved", saved);
            third.run(&format!("load {theirs} -i {}", file.display())).success();
            assert_eq!(third.run("images -q --no-trunc").success().line(), other.id());
        } else {
            assert_eq!(entry, other.digest());
        }
    }
    if program("skopeo").is_none() {
        skip!("in part: skopeo is not installed");
    }
    let images = sandbox.store().join("images");
    let shown = sandbox.witness(&format!("skopeo inspect oci:{}:docker.io/library/app:2", images.display()));
    assert_eq!(shown.success().json()["Architecture"], host_architecture());
    let registry = Registry::start(Access::Plain);
    let target = format!("{}/boats/app:3", registry.host());
    sandbox.run(&format!("push app:2 {target}")).success().stdout_has("3: digest: ");
    let shown = sandbox
        .witness(&format!("skopeo inspect --raw --tls-verify=false docker://{target}"))
        .success()
        .json();
    let digests: Vec<_> =
        shown["manifests"].as_array().expect("manifests").iter().map(|one| &one["digest"]).collect();
    assert_eq!(digests.len(), 2);
    for image in [&own, &other] {
        assert!(digests.iter().any(|digest| **digest == image.digest()), "{shown:#}");
    }
    let third = Sandbox::new();
    third.run(&format!("pull -q {theirs} {target}")).success();
    assert_eq!(third.run("images -q --no-trunc").success().line(), other.id());
    let single = format!("{}/boats/app:4", registry.host());
    sandbox.run(&format!("push {theirs} app:2 {single}")).success();
    let shown = sandbox
        .witness(&format!("skopeo inspect --raw --tls-verify=false docker://{single}"))
        .success()
        .json();
    assert_eq!(shown["config"]["digest"], other.id());
}
