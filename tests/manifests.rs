//! `manifest`: lists of images for several platforms, made here and pushed whole.

use serde_json::{Value, json};

use crate::support::image::host_architecture;
use crate::support::{Access, Compression, Entry, Image, Layer, Registry, Sandbox};

fn boat(architecture: &str) -> Image {
    let layer = Layer::new(&[Entry::file("hull", architecture)], Compression::Gzip);
    Image::new(vec![layer]).set_top("architecture", architecture.into())
}

fn entries(document: &Value) -> Vec<(String, Value)> {
    let manifests = document["manifests"].as_array().expect("manifests");
    manifests
        .iter()
        .map(|one| (one["digest"].as_str().expect("a digest").to_owned(), one["platform"].clone()))
        .collect()
}

#[test]
fn a_list_from_its_making_to_the_registry() {
    let sandbox = Sandbox::new();
    let (own, other) = (boat(host_architecture()), boat("riscv64"));
    sandbox.add(&own, "boat:own");
    sandbox.add(&other, "boat:other");
    sandbox.run("manifest exists boat:all").code(1).stdout("");
    let created = sandbox.run("manifest create boat:all boat:own");
    created.success().stdout("Created manifest list docker.io/library/boat:all\n");
    sandbox.run("manifest exists boat:all").success();
    sandbox.run("manifest create boat:all").code(1).stderr_has("exists already").one_clear_line();
    sandbox.run("manifest create boat:own").code(1).stderr_has("no manifest list").one_clear_line();
    sandbox.run("manifest add boat:all boat:other").success().stdout_has("sha256:");
    sandbox.run("manifest annotate --variant v9 --annotation wood=oak boat:all boat:other").success();
    let list = sandbox.run("manifest inspect boat:all").success().json();
    let wanted = [
        (own.digest(), json!({ "architecture": host_architecture(), "os": "linux" })),
        (other.digest(), json!({ "architecture": "riscv64", "os": "linux", "variant": "v9" })),
    ];
    assert_eq!(entries(&list), wanted);
    assert_eq!(list["manifests"][1]["annotations"], json!({ "wood": "oak" }));
    // It is an image like others, for this machine.
    assert_eq!(sandbox.inspect("boat:all", "Id"), own.id());

    let registry = Registry::start(Access::Plain);
    let target = format!("{}/fleet/boat:1", registry.host());
    let pushed = sandbox.run(&format!("manifest push --all boat:all docker://{target}"));
    let digest = pushed.success().lines().last().expect("a digest").clone();
    assert!(digest.starts_with("sha256:"), "{digest}");
    let elsewhere = Sandbox::new();
    let seen = elsewhere.run(&format!("manifest inspect docker://{target}")).success().json();
    assert_eq!(seen, list);
    elsewhere.run(&format!("pull -q --platform linux/riscv64/v9 {target}")).success();
    assert_eq!(elsewhere.run("images -q --no-trunc").success().line(), other.id());
    // Of a registry's image, for a platform.
    elsewhere.run("manifest create mine").success();
    elsewhere.run(&format!("manifest add --arch {} mine docker://{target}", host_architecture())).success();
    let mine = elsewhere.run("manifest inspect mine").success().json();
    assert_eq!(entries(&mine)[0].0, own.digest());

    sandbox.run(&format!("manifest remove boat:all {}", own.digest())).success();
    assert_eq!(entries(&sandbox.run("manifest inspect boat:all").success().json()).len(), 1);
    sandbox
        .run("manifest remove boat:all boat:own")
        .code(1)
        .stderr_has("does not exist in boat:all")
        .one_clear_line();
    sandbox.run("manifest rm boat:all").success().stdout("Untagged: boat:all\n");
    sandbox.run("manifest rm boat:all").code(1).stderr_has("No such manifest: boat:all").one_clear_line();
    for name in ["boat:own", "boat:other"] {
        sandbox.run(&format!("rmi {name}")).success();
    }
    let blobs = std::fs::read_dir(sandbox.store().join("images/blobs/sha256")).expect("blobs").count();
    assert_eq!(blobs, 0, "nothing is left of it");
}

#[test]
fn an_empty_list_is_no_image() {
    let sandbox = Sandbox::new();
    sandbox.run("manifest create empty").success();
    assert_eq!(sandbox.run("images -q").success().stderr("").out(), "");
    sandbox.run("run --pull never empty").code(125).stderr_has("does not provide the specified platform");
    sandbox.run("manifest push empty").code(1).one_clear_line();
    sandbox.run("manifest push nothing").code(1).stderr_has("No such manifest: nothing").one_clear_line();
    sandbox
        .run("manifest add nothing empty")
        .code(1)
        .stderr_has("No such manifest: nothing:latest")
        .one_clear_line();
    sandbox.run("manifest rm empty").success();
}
