//! Names that move, ids that are ambiguous, and what is damaged.

use super::*;
use crate::store::tests::Scratch;

/// Stores the documents of an image that differs by `text`, and returns its manifest's descriptor.
fn image(scratch: &Scratch, text: &str) -> Descriptor {
    let blobs = Blobs::new(&scratch.layout);
    let store = |content: &str| {
        let digest = Digest::of(content.as_bytes());
        blobs.put(&digest, content.as_bytes()).unwrap();
        digest
    };
    let created = format!("2026-01-01T00:00:{:02}Z", text.len());
    let config = format!(
        r#"{{"created":"{created}","os":"linux","author":"{text}","rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    );
    let id = store(&config);
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{id}","size":{}}},"layers":[]}}"#,
        config.len()
    );
    let digest = store(&manifest);
    let descriptor = serde_json::json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.to_string(),
        "size": manifest.len(), "platform": { "os": "linux", "architecture": "amd64" },
    });
    serde_json::from_value(descriptor).unwrap()
}

fn name(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn familiar(names: &[Reference]) -> Vec<String> {
    names.iter().map(Reference::familiar).collect()
}

#[test]
fn lookup_in_docker_s_order() {
    let scratch = Scratch::new();
    let images = Images::new(&scratch.layout);
    let (first, second) = (image(&scratch, "a"), image(&scratch, "bb"));
    let pulled = Digest::of(b"index");
    images.add(Some(&name("alpine")), &first, Some(&pulled)).unwrap();
    images.add(Some(&name("quay.io/a/b:1")), &second, None).unwrap();
    let (a, b) = (images.lookup("alpine").unwrap(), images.lookup("quay.io/a/b:1").unwrap());
    assert_eq!((a.config.author.as_deref(), b.config.author.as_deref()), (Some("a"), Some("bb")));
    // A name that is also a prefix of the other image's id.
    let short = b.id.short();
    images.tag(&a, &name(&short[..4])).unwrap();
    let manifest = a.manifest.to_string();
    for (text, id) in [
        ("docker.io/library/alpine:latest", &a.id),
        (&format!("alpine@{pulled}"), &a.id),
        (&format!("alpine:ignored@{manifest}"), &a.id),
        (&a.id.to_string(), &a.id),
        (&a.id.hex(), &a.id),
        (&a.id.short(), &a.id),
        (&format!("sha256:{}", &b.id.hex()[..20]), &b.id),
        (&short[..4], &a.id),
        (&short[..5], &b.id),
    ] {
        assert_eq!(images.lookup(text).unwrap_or_else(|e| panic!("{text}: {e:#}")).id, *id, "{text}");
    }
    for (text, error) in [
        ("alpin", "No such image: alpin:latest"),
        ("alpine:2", "No such image: alpine:2"),
        (&format!("quay.io/a/b@{pulled}"), &format!("No such image: quay.io/a/b@{pulled}")),
        ("0123456789abcdef", "No such image: 0123456789abcdef:latest"),
        ("sha256:0123", "No such image: sha256:0123"),
        ("../x", "invalid reference format"),
    ] {
        let found = images.lookup(text).unwrap_err();
        assert_eq!(found.to_string(), error, "{text}");
        assert!(found.is::<ImageLookup>(), "{text}");
    }
}

#[test]
fn an_ambiguous_prefix() {
    let scratch = Scratch::new();
    let images = Images::new(&scratch.layout);
    // Seventeen ids share their first digit somewhere.
    for i in 1..=17 {
        images.add(None, &image(&scratch, &"x".repeat(i)), None).unwrap();
    }
    let errors = (0..16).filter_map(|digit| images.lookup(&format!("sha256:{digit:x}")).err());
    assert!(errors.into_iter().any(|error| error.to_string().starts_with("multiple IDs found")));
    let (listed, broken) = images.list().unwrap();
    assert_eq!((listed.len(), broken.len()), (17, 0));
    assert_eq!(listed[0].config.author.as_deref(), Some("x".repeat(17).as_str()));
}

#[test]
fn a_name_that_moves_leaves_the_old_image_its_digest() {
    let scratch = Scratch::new();
    let images = Images::new(&scratch.layout);
    let (old, new) = (image(&scratch, "old"), image(&scratch, "newer"));
    let (old_digest, new_digest) = (Digest::of(b"1"), Digest::of(b"2"));
    images.add(Some(&name("app:1")), &old, Some(&old_digest)).unwrap();
    images.add(Some(&name("app:1")), &old, Some(&old_digest)).unwrap();
    images.add(Some(&name("app:1")), &new, Some(&new_digest)).unwrap();
    let (listed, _) = images.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(familiar(&listed[0].names), ["app:1"]);
    assert_eq!(listed[1].names, []);
    assert_eq!(listed[1].repo_digests, [(name("app").at(old_digest.clone()), old_digest.clone())]);
    assert_eq!(images.lookup(&format!("app@{old_digest}")).unwrap().id, listed[1].id);
    // An image that has another name keeps no trace; one without a digest keeps its id.
    images.tag(&listed[0], &name("app:2")).unwrap();
    images.tag(&listed[1], &name("app:2")).unwrap();
    images.tag(&listed[0], &name("app:2")).unwrap();
    let (listed, _) = images.list().unwrap();
    assert_eq!(familiar(&listed[0].names), ["app:1", "app:2"]);
    assert!(images.untag(&name("app:1")).unwrap());
    assert!(!images.untag(&name("app:1")).unwrap());
    assert!(images.untag(&name("app").at(old_digest)).unwrap());
    images.remove(&listed[0]).unwrap();
    assert!(images.list().unwrap().0.is_empty());
}

#[test]
fn a_nameless_image_that_gets_a_name_is_one_image() {
    let scratch = Scratch::new();
    let images = Images::new(&scratch.layout);
    let one = image(&scratch, "one");
    images.add(None, &one, None).unwrap();
    images.add(Some(&name("app")), &one, None).unwrap();
    images.add(None, &one, None).unwrap();
    assert_eq!(index::read(&scratch.layout).unwrap().manifests.len(), 1);
    assert_eq!(familiar(&images.lookup("app").unwrap().names), ["app:latest"]);
}

#[test]
fn writers_do_not_lose_each_other() {
    let scratch = Scratch::new();
    let one = image(&scratch, "one");
    std::thread::scope(|scope| {
        for i in 0..8 {
            let (layout, one) = (&scratch.layout, &one);
            scope.spawn(move || {
                let images = Images::new(layout);
                for j in 0..5 {
                    images.add(Some(&name(&format!("app{i}:{j}"))), one, None).unwrap();
                    images.lookup(&format!("app{i}:{j}")).unwrap();
                }
                assert!(images.untag(&name(&format!("app{i}:0"))).unwrap());
            });
        }
    });
    assert_eq!(Images::new(&scratch.layout).lookup("app3:1").unwrap().names.len(), 32);
}

#[test]
fn damage_is_named() {
    let scratch = Scratch::new();
    let images = Images::new(&scratch.layout);
    let (one, two) = (image(&scratch, "one"), image(&scratch, "three"));
    images.add(Some(&name("app:1")), &one, None).unwrap();
    images.add(Some(&name("app:2")), &two, None).unwrap();
    let broken = images.lookup("app:1").unwrap();
    std::fs::write(scratch.layout.blob(&broken.id), "rot").unwrap();
    let error = images.lookup("app:1").unwrap_err();
    assert!(format!("{error:#}").starts_with("read image app:1: read blob sha256:"), "{error:#}");
    let (listed, errors) = images.list().unwrap();
    assert_eq!((listed.len(), errors.len()), (1, 1));
    assert!(images.untag(&name("app:1")).unwrap());
    let path = scratch.layout.images().join("index.json");
    for (content, error) in
        [("{", "not an OCI image index"), (r#"{"schemaVersion":3,"manifests":[]}"#, "is not 2")]
    {
        std::fs::write(&path, content).unwrap();
        assert!(format!("{:#}", images.list().err().unwrap()).contains(error));
        assert!(images.tag(&broken, &name("app:3")).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}
