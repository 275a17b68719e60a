//! Archives that mean harm, under `load` and `import` (docs of the format: see `image/archive.rs`): one clear line,
//! exit code 1, nothing outside touched, nothing left.

use std::fs;

use serde_json::{Value, json};

use crate::support::image::{descriptor, digest, host_architecture};
use crate::support::{Compression, Entry, Image, Layer, Sandbox};

/// An archive of these members, whatever they are called.
fn archive(members: &[Entry]) -> Vec<u8> {
    Layer::new(members, Compression::None).tar
}

fn layer() -> Vec<u8> {
    archive(&[Entry::file("hull", "oak")])
}

fn config(diff_ids: &[String]) -> Vec<u8> {
    let document = json!({
        "architecture": host_architecture(), "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    document.to_string().into_bytes()
}

/// A docker archive whose layer is called so, and what else is in it.
fn docker(layers: &[&str], diff_ids: &[String], more: &[Entry]) -> Vec<u8> {
    let manifest = json!([{ "Config": "config.json", "RepoTags": ["evil:1"], "Layers": layers }]);
    let mut members = vec![
        Entry::file("manifest.json", manifest.to_string()),
        Entry::file("config.json", config(diff_ids)),
    ];
    members.extend(more.iter().cloned());
    archive(&members)
}

/// An OCI archive with this index and these blobs.
fn oci(index: &Value, blobs: &[Vec<u8>]) -> Vec<u8> {
    let path = |blob: &[u8]| format!("blobs/{}", digest(blob).replace(':', "/"));
    let mut members = vec![
        Entry::file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#),
        Entry::file("index.json", index.to_string()),
    ];
    members.extend(blobs.iter().map(|blob| Entry::file(&path(blob), blob)));
    archive(&members)
}

/// A header that claims this size, with nothing behind it.
fn giant(size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path("layer.tar").expect("a short name");
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = docker(&["layer.tar"], &[digest(b"x")], &[]);
    tar.truncate(tar.len() - 1024);
    tar.extend_from_slice(header.as_bytes());
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// Loads it, and looks that it was refused and has left nothing.
#[track_caller]
fn refused(sandbox: &Sandbox, what: &str, content: Vec<u8>, words: &str) {
    let loaded = sandbox.command("load").input(content).finish();
    if loaded.exit_code() != 1 || !loaded.stderr.contains(words) || !loaded.out().is_empty() {
        loaded.fail(&format!("{what}: not refused for {words:?}"));
    }
    loaded.one_clear_line();
    assert_eq!(sandbox.run("images -a -q").success().out(), "", "{what}");
    let left: Vec<_> = fs::read_dir(sandbox.store().join("tmp")).expect("tmp").collect();
    assert!(left.is_empty(), "{what}: {left:?}");
}

#[test]
fn members_that_lead_elsewhere() {
    let sandbox = Sandbox::new();
    let outside = sandbox.file("outside", layer());
    let outside = outside.to_str().expect("a plain path");
    let up = format!("../../../../../../../..{outside}");
    let one = [digest(&layer())];
    let with = |more: &[Entry]| docker(&["layer.tar"], &one, more);
    for (what, content, words) in [
        ("a link to a file outside", with(&[Entry::symlink("layer.tar", outside)]), "is not in it"),
        ("a link upwards", with(&[Entry::symlink("layer.tar", &up)]), "is not in it"),
        ("a hard link upwards", with(&[Entry::hardlink("layer.tar", &up)]), "\"layer.tar\""),
        ("a name upwards", with(&[Entry::file("../layer.tar", layer())]), "\"../layer.tar\""),
        ("a layer named upwards", docker(&[&up], &one, &[]), "is not in it"),
        ("a layer named absolutely", docker(&[outside], &one, &[]), "is not in it"),
        (
            "a loop of links",
            with(&[Entry::symlink("layer.tar", "other"), Entry::symlink("other", "layer.tar")]),
            "is not in it",
        ),
        (
            "a device",
            with(&[Entry::Special { path: "layer.tar".into(), kind: b'3', major: 1, minor: 5 }]),
            "is not in it",
        ),
        (
            "a pipe",
            with(&[Entry::Special { path: "layer.tar".into(), kind: b'6', major: 0, minor: 0 }]),
            "is not in it",
        ),
        ("a directory", with(&[Entry::directory("layer.tar")]), "is not in it"),
        ("no layer", with(&[]), "is not in it"),
        ("a list that is a link", archive(&[Entry::symlink("manifest.json", outside)]), "invalid archive"),
        (
            "a list that is a device",
            archive(&[Entry::Special { path: "manifest.json".into(), kind: b'3', major: 1, minor: 5 }]),
            "invalid archive",
        ),
    ] {
        refused(&sandbox, what, content, words);
    }
    assert_eq!(fs::read(outside).expect("the file outside"), layer());
}

#[test]
fn documents_that_lie() {
    let sandbox = Sandbox::new();
    let one = digest(&layer());
    let stored = [Entry::file("layer.tar", layer())];
    let deep = "[".repeat(100_000);
    let mut twice = vec![one.clone()];
    twice.push(digest(b"other"));
    let many: Vec<String> = (0..5000).map(|n: u32| digest(&n.to_le_bytes())).collect();
    let names: Vec<String> = (0..5000).map(|n| format!("{n}.tar")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (what, content, words) in [
        ("a wrong diff-id", docker(&["layer.tar"], &[digest(b"x")], &stored), "digest is sha256:"),
        ("one file as two layers", docker(&["layer.tar", "layer.tar"], &twice, &stored), "digest is sha256:"),
        (
            "more layers than diff-ids",
            docker(&["layer.tar", "layer.tar"], std::slice::from_ref(&one), &stored),
            "but its configuration names 1",
        ),
        ("thousands of layers that are not there", docker(&names, &many, &stored), "is not in it"),
        (
            "a diff-id that is a path",
            docker(&["layer.tar"], &["sha256:../../../x".into()], &stored),
            "parse the image configuration",
        ),
        ("depth", archive(&[Entry::file("manifest.json", &deep)]), "parse manifest.json"),
        ("an endless list", archive(&[Entry::file("manifest.json", vec![b' '; 5 << 20])]), "larger than"),
        ("no list", archive(&[Entry::file("manifest.json", "[]")]), "there is no image in it"),
        ("no JSON", archive(&[Entry::file("manifest.json", "\u{1b}[2J")]), "parse manifest.json"),
        (
            "a name that is none",
            archive(&[
                Entry::file(
                    "manifest.json",
                    json!([{ "Config": "config.json", "RepoTags": ["../x\u{1b}[2J"], "Layers": [] }])
                        .to_string(),
                ),
                Entry::file("config.json", config(&[])),
            ]),
            "invalid reference format",
        ),
    ] {
        refused(&sandbox, what, content, words);
    }
    for size in [1 << 20, 1 << 33, 1 << 40, u64::MAX >> 1] {
        refused(&sandbox, "a giant", giant(size), "cut off");
    }
}

#[test]
fn layouts_that_lie() {
    let sandbox = Sandbox::new();
    let image = Image::new(vec![Layer::new(&[Entry::file("hull", "oak")], Compression::Gzip)]);
    let entry = descriptor(&image.media_type(), &image.manifest_bytes());
    let index = |entry: &Value| json!({ "schemaVersion": 2, "manifests": [entry] });
    let mut blobs = image.blobs();
    blobs.push(image.manifest_bytes());
    // Told whole, it is taken.
    sandbox.command("load").input(oci(&index(&entry), &blobs)).finish().success();
    sandbox.run(&format!("rmi {}", image.id())).success();

    let path = |blob: &[u8]| format!("blobs/{}", digest(blob).replace(':', "/"));
    for (number, blob) in blobs.iter().enumerate() {
        let mut changed = blob.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        let mut members = vec![
            Entry::file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#),
            Entry::file("index.json", index(&entry).to_string()),
        ];
        for other in &blobs {
            let content = if other == blob { &changed } else { other };
            members.push(Entry::file(&path(other), content));
        }
        refused(&sandbox, &format!("blob {number}"), archive(&members), "digest is sha256:");
    }
    let mut short = entry.clone();
    short["size"] = json!(1);
    refused(&sandbox, "a wrong size", oci(&index(&short), &blobs), "expected 1");
    let mut strange = entry.clone();
    strange["digest"] = json!("sha256:../../../../etc/passwd");
    refused(&sandbox, "a digest that is a path", oci(&index(&strange), &blobs), "index.json");
    let mut other = entry.clone();
    other["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
    refused(&sandbox, "another algorithm", oci(&index(&other), &blobs), "sha512");
    // Indexes in a row, each the next one's only entry.
    let mut chain = vec![];
    let mut top = entry.clone();
    for _ in 0..8 {
        let document = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [top] });
        let bytes = document.to_string().into_bytes();
        top = descriptor("application/vnd.oci.image.index.v1+json", &bytes);
        chain.push(bytes);
    }
    chain.extend(blobs.clone());
    refused(&sandbox, "a chain of indexes", oci(&index(&top), &chain), "point at each other");
}

#[test]
fn cut_off_anywhere() {
    let sandbox = Sandbox::new();
    let whole = docker(&["layer.tar"], &[digest(&layer())], &[Entry::file("layer.tar", layer())]);
    let gzip = Layer::of_tar(whole.clone(), Compression::Gzip).blob;
    // The two empty blocks at the end say nothing that is missed.
    for length in (0..whole.len() - 1024).step_by(512).flat_map(|length| [length, length + 100]) {
        refused(&sandbox, &format!("{length} bytes"), whole[..length].to_vec(), "load from standard input: ");
    }
    for length in (0..gzip.len()).step_by(97) {
        refused(
            &sandbox,
            &format!("{length} bytes of gzip"),
            gzip[..length].to_vec(),
            "load from standard input: ",
        );
    }
    sandbox.command("load").input(whole).finish().success().stdout("Loaded image: evil:1\n");
}

#[test]
fn files_that_lead_out_of_a_layer() {
    let sandbox = Sandbox::new();
    let outside = sandbox.directory("outside");
    let outside_text = outside.to_str().expect("a plain path");
    for (what, entries) in [
        ("a name upwards", vec![Entry::file("../../../../../../../../../tmp/coracle-escaped", "x")]),
        ("an absolute name", vec![Entry::file(&format!("{outside_text}/absolute"), "x")]),
        ("through a link", vec![Entry::symlink("l", outside_text), Entry::file("l/through", "x")]),
        (
            "through two links",
            vec![
                Entry::symlink("a", "../../../../../../../../.."),
                Entry::symlink("b", &format!("a{outside_text}")),
                Entry::file("b/through", "x"),
            ],
        ),
        ("a hard link to a file outside", vec![Entry::hardlink("l", "../../../../../../../../etc/passwd")]),
        ("a whiteout upwards", vec![Entry::file("../.wh.outside", "")]),
        (
            "a whiteout through a link",
            vec![
                Entry::symlink("l", sandbox.path().to_str().expect("a plain path")),
                Entry::file("l/.wh.outside", ""),
            ],
        ),
        ("devices", vec![Entry::Special { path: "d".into(), kind: b'4', major: 8, minor: 0 }]),
    ] {
        let tar = archive(&entries);
        let imported = sandbox.command("import - evil").input(tar.clone()).finish();
        let loaded = docker(&["layer.tar"], &[digest(&tar)], &[Entry::file("layer.tar", &tar)]);
        let loaded = sandbox.command("load").input(loaded).finish();
        for output in [imported, loaded] {
            match output.exit_code() {
                0 => {}
                1 => drop(output.one_clear_line()),
                _ => output.fail(what),
            }
        }
        assert_eq!(fs::read_dir(&outside).expect("outside").count(), 0, "{what}");
        assert!(!std::path::Path::new("/tmp/coracle-escaped").exists(), "{what}");
        for name in ["evil", "evil:1"] {
            let _ = sandbox.run(&format!("rmi -f {name}"));
        }
    }
    assert!(outside.exists());
    sandbox.assert_no_traces();
}
