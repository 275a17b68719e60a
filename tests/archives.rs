//! `save` and `load`: what we write others read, what they write we read, and the same images make the same bytes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::pull::end_pause_process;
use crate::skip;
use crate::support::image::Kind;
use crate::support::{Compression, Entry, Image, Layer, Sandbox, program};

/// A small image, which need not run.
fn boat() -> Image {
    Image::new(vec![
        Layer::new(&[Entry::file("hull", "oak")], Compression::Gzip),
        Layer::new(&[Entry::file("mast", "pine")], Compression::None),
    ])
}

/// The members of an archive, in their order.
fn members(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().expect("an archive").map(|entry| {
        let mut entry = entry.expect("an entry");
        let header = entry.header();
        assert_eq!(
            (header.mtime().expect("a time"), header.uid().expect("a uid")),
            (0, 0),
            "nothing of this machine"
        );
        let mut content = Vec::new();
        std::io::copy(&mut entry, &mut content).expect("a member");
        (entry.path().expect("a path").display().to_string(), content)
    });
    entries.collect()
}

fn document(members: &[(String, Vec<u8>)], name: &str) -> Value {
    let (_, content) = members.iter().find(|(path, _)| path == name).expect(name);
    serde_json::from_slice(content).expect("JSON")
}

#[test]
fn an_archive_is_what_docker_writes() {
    let sandbox = Sandbox::new();
    sandbox.add(&boat(), "boat:1");
    sandbox.run("tag boat:1 example.org/fleet/boat:2").success();
    let saved = sandbox.run("save boat:1 example.org/fleet/boat:2");
    let tar = saved.success().bytes.clone();
    assert_eq!(
        sandbox.run("image save boat:1 example.org/fleet/boat:2").success().bytes,
        tar,
        "the same bytes"
    );
    let members = members(&tar);
    let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).take(5).collect();
    assert_eq!(names, ["blobs/", "blobs/sha256/", "oci-layout", "index.json", "manifest.json"]);
    let path = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
    let layers: Vec<_> = boat().manifest()["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| path(layer["digest"].as_str().expect("a digest")))
        .collect();
    assert_eq!(
        document(&members, "manifest.json"),
        json!([{ "Config": path(&boat().id()), "RepoTags": ["boat:1", "example.org/fleet/boat:2"], "Layers": layers }])
    );
    let index = document(&members, "index.json");
    assert_eq!(index["manifests"][0]["digest"], boat().digest());
    assert_eq!(index["manifests"][1]["annotations"]["io.containerd.image.name"], "example.org/fleet/boat:2");
    assert_eq!(index["manifests"][1]["annotations"]["org.opencontainers.image.ref.name"], "2");
    let file = sandbox.path().join("boat.tar");
    sandbox
        .run(&format!("save -q -m -o {} boat:1 example.org/fleet/boat:2", file.display()))
        .success()
        .stdout("");
    assert_eq!(fs::read(&file).expect("the archive"), tar);
    // A repository alone means all its tags.
    sandbox.run("tag boat:1 boat:next").success();
    let all = sandbox.run("save boat").success().bytes.clone();
    let tags = document(&self::members(&all), "manifest.json")[0]["RepoTags"].clone();
    assert_eq!(tags, json!(["boat:1", "boat:next"]));
    let by_id = sandbox.run(&format!("save {}", &boat().id()[7..19])).success().bytes.clone();
    assert_eq!(document(&self::members(&by_id), "manifest.json")[0]["RepoTags"], Value::Null);
}

#[test]
fn what_was_saved_comes_back() {
    let sandbox = Sandbox::new();
    let plain =
        Image::new(vec![Layer::new(&[Entry::file("raft", "reed")], Compression::Zstd)]).of_kind(Kind::Docker);
    sandbox.add(&boat(), "boat:1");
    sandbox.add(&plain, "raft");
    let tar = sandbox.run("save boat:1 raft").success().bytes.clone();
    let gzip = Layer::of_tar(tar.clone(), Compression::Gzip).blob;
    let zstd = Layer::of_tar(tar.clone(), Compression::Zstd).blob;
    let told = "Loaded image: boat:1\nLoaded image: raft:latest\n";
    for (what, archive) in [("plain", tar), ("gzip", gzip), ("zstd", zstd)] {
        let other = Sandbox::new();
        other.command("load").input(archive.clone()).finish().success().stdout(told).stderr("");
        let rows =
            other.run("images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'").success().lines();
        for row in [format!("boat:1 {}", boat().id()), format!("raft:latest {}", plain.id())] {
            assert!(rows.contains(&row), "{what}: {rows:?}");
        }
        let file = other.file("saved", archive);
        other.run(&format!("image load -q --input {}", file.display())).success().stdout(told);
        other.run("rmi boat:1 raft").success();
        assert_eq!(other.run("images -q").success().out(), "", "{what}");
    }
    let by_id = sandbox.run(&format!("save {}", &boat().id())).success().bytes.clone();
    let other = Sandbox::new();
    let told = format!("Loaded image ID: {}\n", boat().id());
    other.command("load").input(by_id).finish().success().stdout(&told);
    // A name that another image has moves on, as in docker.
    other.run(&format!("tag {} raft", &boat().id()[7..19])).success();
    let raft = sandbox.run("save raft").success().bytes.clone();
    let moved = format!(
        "The image raft:latest already exists, renaming the old one with ID {} to empty string\nLoaded image: raft:latest\n",
        boat().id()
    );
    other.command("load").input(raft).finish().success().stdout(&moved);
}

#[test]
fn every_format_comes_back() {
    let sandbox = Sandbox::new();
    sandbox.add(&boat().of_kind(Kind::Docker), "boat");
    let place = |name: &str| sandbox.path().join(name);
    let save = |format: &str, more: &str| {
        let path = place(format);
        sandbox
            .run(&format!("save --format {format} {more} -o {} boat", path.display()))
            .success()
            .stdout("");
        path
    };
    let names = |path: &Path| {
        let mut names: Vec<_> = fs::read_dir(path)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    };
    for (path, told) in [
        (save("docker-archive", ""), "Loaded image: boat:latest\n".to_owned()),
        (save("oci-archive", ""), "Loaded image: boat:latest\n".to_owned()),
        (save("oci-dir", "--uncompressed"), "Loaded image: boat:latest\n".to_owned()),
        (save("docker-dir", ""), format!("Loaded image ID: {}\n", boat().of_kind(Kind::Docker).id())),
    ] {
        let other = Sandbox::new();
        other.run(&format!("load -i {}", path.display())).success().stdout(&told);
        assert_eq!(other.run("images -q").success().lines().len(), 1, "{}", path.display());
    }
    assert_eq!(names(&place("oci-dir")), ["blobs", "index.json", "oci-layout"]);
    let directory = names(&place("docker-dir"));
    assert_eq!(directory.len(), 5, "{directory:?}");
    let manifest: Value =
        serde_json::from_slice(&fs::read(place("docker-dir/manifest.json")).expect("a manifest"))
            .expect("JSON");
    assert_eq!(manifest, boat().of_kind(Kind::Docker).manifest());
    let oci: Value =
        serde_json::from_slice(&fs::read(place("oci-dir/index.json")).expect("an index")).expect("JSON");
    assert_eq!(oci["manifests"][0]["mediaType"], "application/vnd.oci.image.manifest.v1+json");

    fs::rename(place("docker-dir"), place("plain")).expect("a rename");
    save("docker-dir", "--compress");
    let manifest = fs::read_to_string(place("docker-dir/manifest.json")).expect("a manifest");
    assert!(!manifest.contains("diff.tar\""), "{manifest}");
    let other = Sandbox::new();
    other.run(&format!("load -i {}", place("docker-dir").display())).success();

    let out = place("oci-dir");
    sandbox
        .run(&format!("save --format oci-dir -o {} boat", out.display()))
        .code(1)
        .stderr_has("is no empty directory")
        .one_clear_line();
    assert!(names(sandbox.path()).iter().all(|name| !name.starts_with('.')), "nothing half done is left");
}

#[test]
fn what_cannot_be_saved() {
    let sandbox = Sandbox::new();
    sandbox.add(&boat(), "boat");
    let out = sandbox.path().join("out");
    for (line, words) in [
        ("save nothing", "No such image: nothing:latest"),
        ("save boat:2", "No such image: boat:2"),
        ("save --format tar boat", "unknown format \"tar\""),
        ("save --format oci-dir boat", "--format oci-dir makes a directory"),
        ("save --compress boat", "--compress can only be set when --format is 'docker-dir'"),
        (
            "save --platform linux/s390x boat",
            "image with reference boat:latest was found but does not provide the specified platform (linux/s390x)",
        ),
    ] {
        sandbox.run(line).code(1).stdout("").stderr_has(words).one_clear_line();
    }
    sandbox.run(&format!("save -o {}/no/x boat", out.display())).code(1).stderr_has("does not exist");
    // What has rotted is not passed on, and no file that looks whole is left.
    let digest = boat().manifest()["layers"][1]["digest"].as_str().expect("a digest")[7..].to_owned();
    let blob = sandbox.store().join("images/blobs/sha256").join(digest);
    let mut content = fs::read(&blob).expect("the blob");
    content[600] ^= 1;
    fs::write(&blob, content).expect("the blob");
    sandbox
        .run(&format!("save -o {} boat", out.display()))
        .code(1)
        .stderr_has("digest is sha256:")
        .stderr_has("the store is damaged: pull the image again")
        .one_clear_line();
    assert!(!out.exists());
}

#[test]
fn what_cannot_be_loaded() {
    let sandbox = Sandbox::new();
    let hint = "hint: the files of a root filesystem become an image with: coracle import";
    sandbox.run("load -i /nowhere").code(1).stderr_has("open /nowhere: No such file").one_clear_line();
    for (what, content) in
        [("nothing", Vec::new()), ("a layer", boat().layers[0].tar.clone()), ("zeros", vec![0; 10240])]
    {
        let loaded = sandbox.command("load").input(content).finish();
        loaded.code(1).stderr_has("invalid archive").stderr_has(hint).one_clear_line();
        assert_eq!(loaded.out(), "", "{what}");
    }
    sandbox.command("load").input("text").finish().code(1).one_clear_line();
    sandbox.assert_no_traces();
}

#[test]
fn witnesses_read_what_we_write() {
    if program("skopeo").is_none() {
        skip!("skopeo is not installed");
    }
    let sandbox = Sandbox::new();
    // Docker's types, which an OCI archive has to lose.
    let image = boat().of_kind(Kind::Docker);
    sandbox.add(&image, "boat:1");
    let place = |name: &str| sandbox.path().join(name).display().to_string();
    for (format, source) in [
        ("docker-archive", format!("docker-archive:{}", place("docker-archive"))),
        ("oci-archive", format!("oci-archive:{}:docker.io/library/boat:1", place("oci-archive"))),
        ("oci-dir", format!("oci:{}:docker.io/library/boat:1", place("oci-dir"))),
        ("docker-dir", format!("dir:{}", place("docker-dir"))),
    ] {
        sandbox.run(&format!("save --format {format} -o {} boat:1", place(format))).success();
        let inspected = sandbox.witness(&format!("skopeo inspect --config {source}")).success().json();
        assert_eq!(inspected["rootfs"], image_config(&image)["rootfs"], "{format}");
        // Every byte of it.
        let copy = place(&format!("copy-of-{format}"));
        sandbox
            .witness(&format!("skopeo --insecure-policy copy -q {source} oci-archive:{copy}:boat:copy"))
            .success();
        let other = Sandbox::new();
        other.run(&format!("load -i {copy}")).success().stdout("Loaded image: boat:copy\n");
        assert_eq!(other.run("images -q --no-trunc").success().line(), image.id(), "{format}");
    }
    match program("umoci") {
        None => skip!("in part: umoci is not installed"),
        Some(umoci) => {
            let line = format!("{} ls --layout {}", umoci.display(), place("oci-dir"));
            sandbox.witness(&line).success().stdout("docker.io/library/boat:1\n");
            umoci_and_we(&sandbox, &umoci.display().to_string(), &place("oci-dir"));
        }
    }
}

/// What it unpacks of ours, and what it makes that we read; also of the store itself, which is a layout.
fn umoci_and_we(sandbox: &Sandbox, umoci: &str, layout: &str) {
    let bundle = sandbox.path().join("bundle");
    let unpack =
        format!("{umoci} unpack --rootless --image {layout}:docker.io/library/boat:1 {}", bundle.display());
    sandbox.witness(&unpack).success();
    for (file, content) in [("hull", "oak"), ("mast", "pine")] {
        assert_eq!(fs::read_to_string(bundle.join("rootfs").join(file)).expect("a file"), content);
    }
    let store = sandbox.store().join("images");
    let listed = sandbox.witness(&format!("{umoci} ls --layout {}", store.display()));
    listed.success().stdout_has("docker.io/library/boat:1\n");
    let own = sandbox.path().join("of-umoci").display().to_string();
    let sail = sandbox.file("sail", "canvas");
    for line in [
        format!("{umoci} init --layout {own}"),
        format!("{umoci} new --image {own}:raft"),
        format!("{umoci} insert --rootless --image {own}:raft {} /sail", sail.display()),
        format!("{umoci} config --image {own}:raft --config.env WIND=west"),
    ] {
        sandbox.witness(&line).success();
    }
    sandbox.run(&format!("pull -q oci:{own}:raft")).success();
    let id = sandbox.run("images -q --filter reference=localhost/*").success().line();
    assert_eq!(sandbox.inspect(&id, "Config.Env"), json!(["WIND=west"]));
    let name = sandbox.inspect(&id, "RepoTags")[0].as_str().expect("a name").to_owned();
    let place = format!("{}:{name}", store.display());
    let told = sandbox.witness(&format!("{umoci} stat --json --image {place}")).success().json();
    assert!(told["history"].as_array().is_some_and(|steps| !steps.is_empty()), "{told}");
    let seen = sandbox.witness(&format!("skopeo inspect oci:{place}")).success().json();
    assert_eq!(seen["Env"], json!(["WIND=west"]));
    sandbox.run(&format!("create --name raft {id} true")).success();
    let copied = sandbox.path().join("copied");
    sandbox.run(&format!("cp raft:/sail {}", copied.display())).success();
    assert_eq!(fs::read_to_string(copied).expect("a file"), "canvas");
    sandbox.run("rm raft").success();
}

fn image_config(image: &Image) -> Value {
    serde_json::from_slice(&image.config_bytes()).expect("a configuration")
}

#[test]
fn podman_reads_what_we_write_and_the_other_way_round() {
    let Some(podman) = program("podman") else { skip!("podman is not installed") };
    let sandbox = Sandbox::new();
    let at = sandbox.path().display();
    let podman = format!(
        "{} --root {at}/podman --runroot {at}/podman-run --storage-driver vfs --cgroup-manager cgroupfs",
        podman.display()
    );
    sandbox.add(&boat(), "example.org/boat:1");
    let ours = sandbox.path().join("ours.tar");
    sandbox.run(&format!("save -o {} example.org/boat:1", ours.display())).success();
    let loaded = sandbox.witness(&format!("{podman} load -q -i {}", ours.display()));
    if loaded.exit_code() != 0 && sandbox.witness(&format!("{podman} images")).exit_code() != 0 {
        end_pause_process(&sandbox);
        skip!("podman cannot work here: {}", loaded.stderr.lines().last().unwrap_or_default());
    }
    loaded.success().stdout("Loaded image: example.org/boat:1\n");
    let id = sandbox.witness(&format!("{podman} image inspect --format {{{{.Id}}}} example.org/boat:1"));
    assert_eq!(format!("sha256:{}", id.success().line()), boat().id());
    for format in ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] {
        let theirs = sandbox.path().join(format!("podman-{format}"));
        let save = format!("{podman} save -q --format {format} -o {} example.org/boat:1", theirs.display());
        sandbox.witness(&save).success();
        let other = Sandbox::new();
        let told = other.run(&format!("load -i {}", theirs.display())).success().out();
        if format == "docker-dir" {
            assert!(told.starts_with("Loaded image ID: sha256:"), "{told}");
        } else {
            assert_eq!(told, "Loaded image: example.org/boat:1\n", "{format}");
        }
        let row = other.run("images -q --no-trunc").success().line();
        // podman writes the configuration anew for docker's schema 2.
        assert!(row == boat().id() || format == "docker-dir", "{format}: {row}");
    }
    end_pause_process(&sandbox);
}
