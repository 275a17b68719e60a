//! Tests of [`super`]: archives made in memory.

use super::*;
use crate::image::progress::Silent;
use crate::oci::media;
use crate::store::images::MANIFEST_LIMIT;
use crate::store::tests::Scratch;
use std::fs;
use std::io::Write;
use std::process::Command;

use oci_spec::image::MediaType;
use serde_json::json;

fn request() -> LoadRequest {
    LoadRequest { platform: None, fold_ids: true, announce: false, recorded: true }
}

fn load_text(scratch: &Scratch, text: &str) -> Result<Vec<Loaded>> {
    load(&scratch.layout, &ArchiveSource::parse(text).unwrap(), &request(), &Silent)
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn config(architecture: &str, layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let rootfs = json!({ "type": "layers", "diff_ids": diff_ids });
    serde_json::to_vec(&json!({ "os": "linux", "architecture": architecture, "rootfs": rootfs })).unwrap()
}

/// An OCI layout as a list of files.
#[derive(Default)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn blob(&mut self, media_type: &str, content: &[u8]) -> serde_json::Value {
        let digest = Digest::of(content);
        self.0.push((blob_name(&digest), content.to_vec()));
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": content.len() })
    }

    fn image(&mut self, architecture: &str, layers: &[&[u8]]) -> serde_json::Value {
        let config = self.blob(MediaType::ImageConfig.as_ref(), &config(architecture, layers));
        let gzip_type = MediaType::ImageLayerGzip.to_string();
        let layers: Vec<_> = layers.iter().map(|layer| self.blob(&gzip_type, &gzip(layer))).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": layers });
        let mut entry = self.blob(media::OCI_MANIFEST, manifest.to_string().as_bytes());
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entry
    }

    fn index(mut self, entries: &[serde_json::Value]) -> Self {
        let index = json!({ "schemaVersion": 2, "manifests": entries });
        self.0.push(("index.json".to_owned(), index.to_string().into_bytes()));
        self.0.push(("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
        self
    }

    fn write(&self, directory: &Path) {
        for (name, content) in &self.0 {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    fn archive(&self) -> Vec<u8> {
        let files: Vec<_> = self.0.iter().map(|(name, content)| (name.as_str(), &content[..])).collect();
        tar(&files)
    }
}

fn named(mut entry: serde_json::Value, name: &str) -> serde_json::Value {
    entry["annotations"] = json!({ REF_NAME: name });
    entry
}

fn host() -> String {
    Platform::host().architecture
}

fn shown(loaded: &[Loaded]) -> Vec<String> {
    loaded.iter().flat_map(|image| &image.names).map(Reference::to_string).collect()
}

#[test]
fn sources() {
    let source = |format, path: &str, name: Option<&str>| {
        Some(ArchiveSource { format, path: path.into(), name: name.map(str::to_owned), digest: None })
    };
    for (text, parsed) in [
        ("oci:/a/b", source(Format::OciDirectory, "/a/b", None)),
        ("oci:dir:latest", source(Format::OciDirectory, "dir", Some("latest"))),
        ("oci:dir:", source(Format::OciDirectory, "dir", None)),
        ("oci-archive:a.tar:host:5000/x:1", source(Format::OciArchive, "a.tar", Some("host:5000/x:1"))),
        ("docker-archive:a.tar", source(Format::DockerArchive, "a.tar", None)),
        ("oci:", None),
        ("oci", None),
        ("alpine:latest", None),
        ("docker://alpine", None),
    ] {
        assert_eq!(ArchiveSource::parse(text), parsed, "{text}");
    }
}

#[test]
fn layouts_and_their_archives() {
    let mut files = Files::default();
    let (base, top) = (tar(&[("base", b"1")]), tar(&[("top", b"2")]));
    let whole = named(files.image(&host(), &[&base, &top]), "docker.io/library/app:1");
    let bare = named(files.image(&host(), &[&base]), "edge");
    let files = files.index(&[whole, bare]);
    let scratch = Scratch::new();
    let place = scratch.directory.path().join("Box");
    files.write(&place);
    let path = |name: &str| scratch.directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("box.tar"), files.archive()).unwrap();
    fs::write(path("box.tar.gz"), gzip(&files.archive())).unwrap();
    for (text, names) in [
        (format!("oci:{}", path("Box")), &["docker.io/library/app:1", "localhost/box:edge"][..]),
        (format!("oci:{}:app:1", path("Box")), &["docker.io/library/app:1"]),
        (format!("oci:{}:1", path("Box")), &["docker.io/library/app:1"]),
        (format!("oci:{}:edge", path("Box")), &["localhost/box:edge"]),
        (format!("oci-archive:{}", path("box.tar")), &["docker.io/library/app:1", "localhost/box:edge"]),
        (format!("oci-archive:{}:edge", path("box.tar.gz")), &["localhost/box:edge"]),
    ] {
        let loaded = load_text(&scratch, &text).unwrap_or_else(|error| panic!("{text}: {error:#}"));
        assert_eq!(shown(&loaded), names, "{text}");
    }
    let image = Images::new(&scratch.layout).lookup("app:1").unwrap();
    assert_eq!(image.layers.len(), 2);
    assert!(scratch.layout.layer(&image.config.rootfs.diff_ids[1]).join("top").exists());
    assert_eq!(fs::read_dir(scratch.layout.tmp()).unwrap().count(), 0);
    let error = load_text(&scratch, &format!("oci:{}:other", path("Box"))).unwrap_err();
    assert!(format!("{error:#}").contains("there is no image \"other\" in it"), "{error:#}");
}

#[test]
fn of_several_platforms_the_host_s() {
    let mut files = Files::default();
    let (ours, theirs) = (tar(&[("ours", b"1")]), tar(&[("theirs", b"2")]));
    let entries = [files.image("s390x", &[&theirs]), files.image(&host(), &[&ours])];
    let nested = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": entries });
    let nested = files.blob(media::OCI_INDEX, nested.to_string().as_bytes());
    let flat = entries.map(|entry| named(entry, "flat/app:1"));
    let files = files.index(&[named(nested, "nested/app:1"), flat[0].clone(), flat[1].clone()]);
    let scratch = Scratch::new();
    files.write(&scratch.directory.path().join("box"));
    let loaded = load_text(&scratch, &format!("oci:{}/box", scratch.directory.path().display())).unwrap();
    assert_eq!(shown(&loaded), ["docker.io/nested/app:1", "docker.io/flat/app:1"]);
    assert_eq!(loaded.len(), 1);
    assert_eq!(Images::new(&scratch.layout).lookup("flat/app:1").unwrap().config.architecture, host());
}

#[test]
fn docker_archives() {
    let (base, top) = (tar(&[("base", b"1")]), tar(&[("top", b"2")]));
    let config = config(&host(), &[&base, &top, &top]);
    let manifest = |tags: &str| {
        format!(r#"[{{"Config":"c.json","RepoTags":{tags},"Layers":["a/layer.tar","b.gz","b.gz"]}}]"#)
    };
    let scratch = Scratch::new();
    let path = scratch.directory.path().join("saved.tar").to_str().unwrap().to_owned();
    let save = |tags: &str| {
        let (manifest, top) = (manifest(tags), gzip(&top));
        let files: [(&str, &[u8]); 4] = [
            ("manifest.json", manifest.as_bytes()),
            ("c.json", &config),
            ("a/layer.tar", &base),
            ("b.gz", &top),
        ];
        fs::write(&path, tar(&files)).unwrap();
    };
    save("null");
    let loaded = load_text(&scratch, &format!("docker-archive:{path}")).unwrap();
    assert_eq!((loaded.len(), shown(&loaded).len()), (1, 0));
    save(r#"["app:1","quay.io/a/app"]"#);
    let loaded = load_text(&scratch, &format!("docker-archive:{path}")).unwrap();
    assert_eq!(shown(&loaded), ["docker.io/library/app:1", "quay.io/a/app:latest"]);
    assert_eq!(loaded[0].id, Digest::of(&config));
    let (images, _) = Images::new(&scratch.layout).list().unwrap();
    assert_eq!((images.len(), images[0].names.len()), (1, 2));
    save(r#"["../etc:1"]"#);
    let error = format!("{:#}", load_text(&scratch, &format!("docker-archive:{path}")).unwrap_err());
    assert!(error.ends_with("invalid reference format"), "{error}");
    let error = load_text(&scratch, &format!("oci-archive:{path}")).unwrap_err();
    assert!(crate::base::hint::find(&error).unwrap().contains("docker-archive:FILE"), "{error:#}");
}

#[test]
fn what_lies_leaves_nothing() {
    let layer = tar(&[("file", b"1")]);
    let damage = |name: fn(&str) -> bool, content: &[u8]| {
        let mut files = Files::default();
        let entry = named(files.image(&host(), &[&layer]), "app:1");
        let mut files = files.index(&[entry]);
        let manifest = Digest::of(&files.0[2].1).hex();
        let victim = files.0.iter().position(|(path, _)| name(&path.replace(&manifest, "manifest"))).unwrap();
        files.0[victim].1 = content.to_vec();
        files
    };
    let endless = vec![b' '; MANIFEST_LIMIT as usize + 1];
    for (what, files, error) in [
        ("index", damage(|path| path == "index.json", b"{"), "parse index.json"),
        ("an endless index", damage(|path| path == "index.json", &endless), "larger than"),
        (
            "no images",
            damage(|path| path == "index.json", br#"{"schemaVersion":2,"manifests":[]}"#),
            "no image in it",
        ),
        ("manifest", damage(|path| path.ends_with("manifest"), b"{}"), "size is 2"),
        (
            "an empty layer",
            damage(|path| path.starts_with("blobs") && !path.ends_with("manifest"), b""),
            "size is 0",
        ),
    ] {
        let scratch = Scratch::new();
        files.write(&scratch.directory.path().join("box"));
        let text = format!("oci:{}/box", scratch.directory.path().display());
        let shown = format!("{:#}", load_text(&scratch, &text).expect_err(what));
        assert!(shown.contains(error), "{what}: {shown}");
        assert!(!scratch.layout.images().join("index.json").exists(), "{what}");
        assert_eq!(fs::read_dir(scratch.layout.tmp()).unwrap().count(), 0, "{what}");
    }
}

#[test]
fn links_in_a_layout_lead_nowhere() {
    let layer = tar(&[("file", b"1")]);
    let mut files = Files::default();
    let entry = named(files.image(&host(), &[&layer]), "app:1");
    let files = files.index(&[entry]);
    let scratch = Scratch::new();
    let (place, secret) = (scratch.directory.path().join("box"), scratch.directory.path().join("index"));
    files.write(&place);
    fs::rename(place.join("index.json"), &secret).unwrap();
    std::os::unix::fs::symlink("../index", place.join("index.json")).unwrap();
    assert!(load_text(&scratch, &format!("oci:{}", place.display())).is_err());
}

/// What we write is what others read, and the other way round.
#[test]
fn skopeo_and_umoci_are_witnesses() {
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("skopeo").args(arguments).output().ok()?;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    };
    if skopeo(&["--version"]).is_none() {
        eprintln!("skipped: skopeo is not installed");
        return;
    }
    let layer = tar(&[("file", b"1")]);
    let mut files = Files::default();
    let entry = named(files.image(&host(), &[&layer]), "docker.io/library/app:1");
    let files = files.index(&[entry]);
    let scratch = Scratch::new();
    let path = |name: &str| format!("{}/{name}", scratch.directory.path().display());
    files.write(Path::new(&path("box")));
    let id = load_text(&scratch, &format!("oci:{}", path("box"))).unwrap().remove(0).id;
    let ours = format!("oci:{}:docker.io/library/app:1", scratch.layout.images().display());
    assert!(skopeo(&["inspect", &ours]).unwrap().contains("\"Layers\""));
    let images = scratch.layout.images();
    match Command::new("umoci").args(["ls", "--layout"]).arg(&images).output() {
        Ok(listed) => assert_eq!(listed.stdout, b"docker.io/library/app:1\n"),
        Err(_) => eprintln!("skipped in part: umoci is not installed"),
    }
    for (target, source) in [
        (
            format!("docker-archive:{}:app:2", path("saved.tar")),
            format!("docker-archive:{}", path("saved.tar")),
        ),
        (format!("oci-archive:{}:app:3", path("oci.tar")), format!("oci-archive:{}", path("oci.tar"))),
    ] {
        skopeo(&["--insecure-policy", "copy", "-q", &ours, &target]).unwrap();
        let loaded = load_text(&scratch, &source).unwrap();
        assert_eq!(loaded[0].id, id, "{source}");
    }
    let (images, broken) = Images::new(&scratch.layout).list().unwrap();
    assert!(broken.is_empty());
    let names: Vec<_> = images.iter().flat_map(|image| &image.names).map(Reference::familiar).collect();
    for name in ["app:1", "app:2", "app:3"] {
        assert!(names.iter().any(|other| other == name), "{name} in {names:?}");
    }
}
