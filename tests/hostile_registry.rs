//! Registries that lie about what a document is, or never come to an end. What is simply wrong is in
//! [`crate::bad_input`].

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bad_input::{one_layer, refused};
use crate::support::image::{descriptor, digest};
use crate::support::{Body, PATIENCE, Response, Sandbox, Server};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Serves this document for every tag, and these blobs.
fn serving(document: impl Into<Vec<u8>>, kind: &str, blobs: Vec<Vec<u8>>) -> Server {
    Server::of_manifest(document.into(), kind.to_owned(), blobs, |_| None)
}

fn text(document: &Value) -> String {
    serde_json::to_string(document).expect("a value")
}

#[test]
fn one_document_that_is_two() {
    let image = one_layer();
    let good = text(&image.manifest());
    let (kind, blobs) = (image.media_type(), image.blobs());
    assert!(good.starts_with('{') && good.ends_with('}'));
    let with = |more: &str| format!("{},{more}}}", &good[..good.len() - 1]);
    let other = text(&descriptor(CONFIG, b"{}"));
    for document in [
        // A reader that takes the first of two, and one that takes the last, read two images.
        with(r#""layers":[]"#),
        with(&format!(r#""config":{other}"#)),
        with(&format!(r#""mediaType":"{INDEX}""#)),
        with(r#""schemaVersion":2"#),
        // Fields of other kinds.
        with(r#""manifests":[]"#),
        with(r#""fsLayers":[]"#),
        // Something behind its end.
        format!("{good}{good}"),
        format!("{good}x"),
        format!("\u{feff}{good}"),
    ] {
        refused(&serving(document, &kind, blobs.clone()));
    }
    for version in ["0", "1", "3", "\"2\"", "2.5", "-2", "18446744073709551616"] {
        let document = good.replacen(r#""schemaVersion":2"#, &format!(r#""schemaVersion":{version}"#), 1);
        assert_ne!(document, good);
        refused(&serving(document, &kind, blobs.clone()));
    }
    let mut without: Value = serde_json::from_str(&good).expect("a manifest");
    without.as_object_mut().expect("an object").remove("schemaVersion");
    refused(&serving(text(&without), &kind, blobs));
}

#[test]
fn a_document_in_the_place_of_another() {
    let image = one_layer();
    let (config, layer, manifest) =
        (image.config_bytes(), image.layers[0].blob.clone(), image.manifest_bytes());
    let document = |config: Value, layers: Value| {
        text(&json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers }))
    };
    let index = |entry: Value| text(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }));
    let platform = |mut entry: Value| {
        entry["platform"] =
            json!({ "os": "linux", "architecture": crate::support::image::host_architecture() });
        entry
    };
    let blobs = vec![config.clone(), layer.clone(), manifest.clone()];
    let layers = || json!([descriptor(LAYER, &layer)]);
    for (what, served, kind) in [
        ("a configuration as a manifest", String::from_utf8(config.clone()).expect("text"), MANIFEST),
        ("a configuration as an index", String::from_utf8(config.clone()).expect("text"), INDEX),
        ("a manifest as an index", String::from_utf8(manifest.clone()).expect("text"), INDEX),
        ("an index as a manifest", index(platform(descriptor(MANIFEST, &manifest))), MANIFEST),
        ("a layer as a configuration", document(descriptor(CONFIG, &layer), layers()), MANIFEST),
        ("a manifest as a configuration", document(descriptor(CONFIG, &manifest), layers()), MANIFEST),
        (
            "a configuration as a layer",
            document(descriptor(CONFIG, &config), json!([descriptor(LAYER, &config)])),
            MANIFEST,
        ),
        ("a configuration of another kind", document(descriptor(MANIFEST, &config), layers()), MANIFEST),
        ("a configuration in an index", index(platform(descriptor(CONFIG, &config))), INDEX),
        ("a layer in an index", index(platform(descriptor(MANIFEST, &layer))), INDEX),
        ("a manifest in an index as an index", index(platform(descriptor(INDEX, &manifest))), INDEX),
        (
            "a manifest of another size in an index",
            index(platform(descriptor(MANIFEST, &manifest[1..])))
                .replace(&digest(&manifest[1..]), &digest(&manifest)),
            INDEX,
        ),
    ] {
        println!("{what}");
        refused(&serving(served, kind, blobs.clone()));
    }
    // The same documents in their places are an image.
    let server = serving(index(platform(descriptor(MANIFEST, &manifest))), INDEX, blobs);
    Sandbox::new().run(&format!("pull -q {}/fine", server.host())).success();
}

#[test]
fn answers_that_trickle_in() {
    let image = one_layer();
    let blob = digest(&image.layers[0].blob);
    for (place, tries) in [("/manifests/".to_owned(), 1), (blob, 2), (image.id(), 1), ("/v2/".to_owned(), 1)]
    {
        let end = place.clone();
        let server = Server::of_image(&image, move |request| {
            let bytes = vec![b' '; 100_000];
            let slow = Response::new(200).with(Body::Trickle { bytes, pause: Duration::from_millis(50) });
            (request.method == "GET" && request.path.contains(&end)).then_some(slow)
        });
        let sandbox = Sandbox::new();
        let begun = Instant::now();
        let line = format!("pull --retry {tries} --retry-delay 10ms {}/slow", server.host());
        let output = sandbox.command(&line).env("CORACLE_REGISTRY_TIMEOUT", "0.3").finish();
        output.code(1).one_clear_line();
        assert!(begun.elapsed() < PATIENCE, "{place}: {:?}", begun.elapsed());
        sandbox.run("images -a -q").success().stdout("");
        sandbox.assert_no_traces();
    }
}

#[test]
fn headers_without_end() {
    let image = one_layer();
    for (name, value) in [("X-Long", "x".repeat(2 << 20)), ("Docker-Content-Digest", "sha256:".repeat(1000))]
    {
        refused(&Server::of_image(&image, move |request| {
            let wanted = request.path.contains("/manifests/");
            wanted.then(|| Response::new(200).header(name, value.clone()).body("{}"))
        }));
    }
    // Many small ones.
    refused(&Server::of_image(&image, |request| {
        let mut response = Response::new(200).body("{}");
        for number in 0..20_000 {
            response = response.header(&format!("X-{number}"), "x");
        }
        request.path.contains("/manifests/").then_some(response)
    }));
}
