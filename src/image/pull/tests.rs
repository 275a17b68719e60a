//! Whole pulls, from a registry made of closures and from Debian's.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;

use super::*;
use crate::base::hint;
use crate::config::credentials::{Credentials, Source};
use crate::oci::media;
use crate::registry::Retry;
use crate::registry::testing::{Reply, Request, Server};
use crate::store::tests::Scratch;
use std::time::Duration;

/// Writes down what a plain terminal would show.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Progress for Recorder {
    fn line(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn layer(&self, id: &str, state: LayerState) {
        let words = match state {
            LayerState::PullingFsLayer => "Pulling fs layer",
            LayerState::Waiting => "Waiting",
            LayerState::PullComplete => "Pull complete",
            LayerState::AlreadyExists => "Already exists",
            _ => return,
        };
        self.line(&format!("{id}: {words}"));
    }
}

/// An image as bytes by digest.
#[derive(Clone, Default)]
struct Image {
    blobs: HashMap<String, Vec<u8>>,
    manifest: String,
    layers: Vec<Digest>,
}

impl Image {
    /// One gzip layer with one file for each text.
    fn new(texts: &[&str], platform: &str) -> Self {
        let mut image = Self::default();
        let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
        for text in texts {
            let tar = archive(text);
            diff_ids.push(format!("\"{}\"", Digest::of(&tar)));
            let blob = gzip(&tar);
            image.layers.push(Digest::of(&blob));
            layers.push(image.describe("application/vnd.oci.image.layer.v1.tar+gzip", blob));
        }
        let (os, architecture) = platform.split_once('/').unwrap();
        let config = format!(
            r#"{{"os":"{os}","architecture":"{architecture}","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            diff_ids.join(",")
        );
        let config = image.describe("application/vnd.oci.image.config.v1+json", config.into_bytes());
        let layers = layers.join(",");
        let manifest = media::OCI_MANIFEST;
        image.manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{manifest}","config":{config},"layers":[{layers}]}}"#
        );
        image
    }

    fn describe(&mut self, media_type: &str, blob: Vec<u8>) -> String {
        let (digest, size) = (Digest::of(&blob), blob.len());
        self.blobs.insert(digest.to_string(), blob);
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    }

    fn digest(&self) -> Digest {
        Digest::of(self.manifest.as_bytes())
    }

    /// Answers as a registry that has this image under `v1`, and its blobs.
    fn reply(&self, request: &Request) -> Reply {
        let (_, last) = request.target.rsplit_once('/').unwrap();
        if request.target.contains("/manifests/") && (last == "v1" || last == self.digest().to_string()) {
            return Reply::ok(self.manifest.as_str()).with("Content-Type", media::OCI_MANIFEST);
        }
        let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
        self.blobs.get(last).map_or_else(|| Reply::new(404, body), |blob| Reply::ok(blob.as_slice()))
    }

    /// An OCI image layout with this image as `v1`.
    fn write_layout(&self, path: &Path) {
        let blobs = path.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        for (digest, blob) in &self.blobs {
            fs::write(blobs.join(digest.trim_start_matches("sha256:")), blob).unwrap();
        }
        fs::write(blobs.join(self.digest().hex()), &self.manifest).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let (digest, size) = (self.digest(), self.manifest.len());
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{digest}","size":{size},
            "annotations":{{"org.opencontainers.image.ref.name":"v1"}}}}]}}"#,
            media::OCI_MANIFEST
        );
        fs::write(path.join("index.json"), index).unwrap();
    }
}

fn archive(text: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    builder.append_data(&mut header, format!("file-{}", text.len()), text.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn options() -> Options {
    let retry = Retry { tries: 3, base: Duration::from_millis(1) };
    Options { retry, stall: Duration::from_secs(10), credentials: Source::Given(None), ..Options::new(true) }
}

fn request(reference: &str) -> PullRequest {
    PullRequest { reference: reference.to_owned(), platform: None, registry: options(), fold_ids: false }
}

/// Pulls, and returns every line shown.
fn pull_lines(scratch: &Scratch, request: &PullRequest) -> (Result<Pulled>, Vec<String>) {
    let recorder = Recorder::default();
    let result = pull(&scratch.layout, request, &recorder);
    (result, recorder.0.into_inner().unwrap())
}

fn pull_error(scratch: &Scratch, reference: &str) -> anyhow::Error {
    pull_lines(scratch, &request(reference)).0.err().expect("the pull goes wrong")
}

fn entries(path: &Path) -> usize {
    fs::read_dir(path).map(Iterator::count).unwrap_or(0)
}

/// Nothing of a failed pull may be found: no name, nothing in the making.
fn assert_clean(scratch: &Scratch) {
    assert!(Images::new(&scratch.layout).list().unwrap().0.is_empty());
    assert_eq!(entries(&scratch.layout.tmp()), 0);
}

fn host_platform() -> String {
    let host = Platform::host();
    format!("{}/{}", host.os, host.architecture)
}

fn image(texts: &[&str]) -> Image {
    Image::new(texts, &host_platform())
}

fn serve(image: &Image) -> Server {
    let image = image.clone();
    Server::start(move |request| image.reply(request))
}

/// Their windows take the room of one layer more.
#[test]
fn layers_of_zstd_are_fewer_at_a_time() {
    let mut image = image(&["a", "bb", "ccc", "dddd", "eeeee"]);
    image.manifest = image.manifest.replacen("tar+gzip", "tar+zstd", 1);
    let (server, scratch) = (serve(&image), Scratch::new());
    let (result, lines) = pull_lines(&scratch, &request(&format!("{}/team/app:v1", server.host())));
    result.unwrap();
    let waiting = [3, 4].map(|n: usize| format!("{}: Waiting", image.layers[n].short()));
    assert_eq!(lines[6..8], waiting);
}

#[test]
fn docker_s_words_for_a_first_and_a_second_pull() {
    let image = image(&["a", "bb", "ccc", "dddd", "eeeee"]);
    let (server, scratch) = (serve(&image), Scratch::new());
    let name = format!("{}/team/app:v1", server.host());
    let (result, lines) = pull_lines(&scratch, &request(&name));
    let pulled = result.unwrap();
    assert_eq!((pulled.reference.to_string(), &pulled.digest), (name.clone(), &image.digest()));
    let id = |n: usize| image.layers[n].short();
    let pulling = (0..5).map(|n| format!("{}: Pulling fs layer", id(n)));
    let header: Vec<String> = ["v1: Pulling from team/app".to_owned()].into_iter().chain(pulling).collect();
    assert_eq!(lines[..6], header);
    assert_eq!(lines[6], format!("{}: Waiting", id(4)));
    let mut complete = lines[7..12].to_vec();
    complete.sort();
    let mut expected: Vec<String> = (0..5).map(|n| format!("{}: Pull complete", id(n))).collect();
    expected.sort();
    assert_eq!(complete, expected);
    let digest = format!("Digest: {}", image.digest());
    assert_eq!(lines[12..], [digest.clone(), format!("Status: Downloaded newer image for {name}")]);
    assert_eq!(entries(&scratch.layout.tmp()), 0);

    let requests = server.requests().len();
    let (result, lines) = pull_lines(&scratch, &request(&name));
    result.unwrap();
    let status = format!("Status: Image is up to date for {name}");
    assert_eq!(lines, ["v1: Pulling from team/app".to_owned(), digest, status]);
    assert_eq!(server.requests().len(), requests + 1, "the manifest alone is asked for again");
}

#[test]
fn a_layer_that_comes_twice_is_fetched_once() {
    let image = image(&["same", "same", "other"]);
    let (server, scratch) = (serve(&image), Scratch::new());
    let (result, lines) = pull_lines(&scratch, &request(&format!("{}/a:v1", server.host())));
    result.unwrap();
    assert_eq!(lines.iter().filter(|line| line.ends_with("Pulling fs layer")).count(), 2, "{lines:#?}");
}

#[test]
fn tags_and_digests_in_lines() {
    let image = image(&["a"]);
    let (server, scratch) = (serve(&image), Scratch::new());
    let host = server.host();
    let (result, lines) = pull_lines(&scratch, &request(&format!("{host}/a")));
    assert_eq!(lines, ["Using default tag: latest"]);
    let error = result.err().unwrap();
    assert_eq!(error.to_string(), format!("manifest for {host}/a:latest not found: manifest unknown"));
    let digest = image.digest();
    let (result, lines) = pull_lines(&scratch, &request(&format!("{host}/a:ignored@{digest}")));
    let name = format!("{host}/a@{digest}");
    assert_eq!(result.unwrap().reference.to_string(), name);
    assert_eq!(lines[0], format!("{name}: Pulling from a"));
    assert_eq!(lines.last().unwrap(), &format!("Status: Downloaded newer image for {name}"));
    assert!(Images::new(&scratch.layout).lookup(&name).is_ok());
}

#[test]
fn names_that_lead_nowhere() {
    let scratch = Scratch::new();
    let server = Server::start(|_| {
        let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
        Reply::new(401, body).with("WWW-Authenticate", "Basic realm=\"x\"")
    });
    let name = format!("{}/nosuch", server.host());
    let error = pull_error(&scratch, &name).to_string();
    let words = "repository does not exist or may require 'coracle login': denied: requested access to the resource is denied";
    assert_eq!(error, format!("pull access denied for {name}, {words}"));
    let server = Server::start(|_| {
        let body =
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;
        Reply::new(404, body)
    });
    let name = format!("{}/nosuch", server.host());
    let error = pull_error(&scratch, &name).to_string();
    assert_eq!(
        error,
        format!("repository {name} not found: name unknown: repository name not known to registry")
    );
    let error = pull_error(&scratch, "Foo").to_string();
    assert_eq!(error, "invalid reference format: repository name (library/Foo) must be lowercase");
    assert_clean(&scratch);
}

#[test]
fn the_image_for_a_platform() {
    let (amd64, arm64) = (Image::new(&["amd64"], "linux/amd64"), Image::new(&["arm64"], "linux/arm64"));
    let entry = |image: &Image, architecture: &str| {
        format!(
            r#"{{"mediaType":"{}","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"{architecture}"}}}}"#,
            media::OCI_MANIFEST,
            image.digest(),
            image.manifest.len()
        )
    };
    let (first, second) = (entry(&amd64, "amd64"), entry(&arm64, "arm64"));
    let index =
        format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{first},{second}]}}"#, media::OCI_INDEX);
    let digest = Digest::of(index.as_bytes());
    let (one, two) = (amd64.clone(), arm64.clone());
    let server = Server::start(move |request| match request.target.ends_with("/manifests/all") {
        true => Reply::ok(index.as_str()).with("Content-Type", media::OCI_INDEX),
        false if request.target.ends_with(&one.digest().hex()) => one.reply(request),
        false => two.reply(request),
    });
    let scratch = Scratch::new();
    let name = format!("{}/a:all", server.host());
    let of = |platform: &str| PullRequest { platform: Some(platform.parse().unwrap()), ..request(&name) };
    let (result, lines) = pull_lines(&scratch, &of("linux/arm64/v8"));
    let pulled = result.unwrap();
    assert_eq!((pulled.digest, pulled.manifest), (digest.clone(), arm64.digest()));
    assert!(lines.contains(&format!("Digest: {digest}")));
    let error = pull_lines(&scratch, &of("linux/s390x")).0.err().unwrap();
    let words = format!("pull {name}: no matching manifest for linux/s390x in the manifest list entries");
    assert_eq!(format!("{error:#}"), words);
    assert_eq!(hint::find(&error), Some("the image is there for linux/amd64, linux/arm64"));
}

#[test]
fn a_single_image_for_another_platform() {
    let image = Image::new(&["a"], "linux/arm64");
    let (server, scratch) = (serve(&image), Scratch::new());
    let asked = PullRequest {
        platform: Some("linux/amd64".parse().unwrap()),
        ..request(&format!("{}/a:v1", server.host()))
    };
    let error = format!("{:#}", pull_lines(&scratch, &asked).0.err().unwrap());
    assert!(error.ends_with("wanted linux/amd64, actual: linux/arm64"), "{error}");
    assert_clean(&scratch);
}

/// Pulls an image whose last layer is served otherwise than it should be.
fn pull_with_bad_layer(reply: impl Fn(&[u8]) -> Reply + Send + Sync + 'static) -> (String, Image) {
    let image = image(&["first", "second layer"]);
    let (served, bad) = (image.clone(), image.layers[1].to_string());
    let server = Server::start(move |request| match request.target.ends_with(&bad) {
        true => reply(&served.blobs[&bad]),
        false => served.reply(request),
    });
    let scratch = Scratch::new();
    let name = format!("{}/a:v1", server.host());
    let error = format!("{:#}", pull_error(&scratch, &name));
    assert_clean(&scratch);
    let cause = error.strip_prefix(&format!("pull {name}: layer {}: ", image.layers[1].short()));
    (cause.unwrap_or_else(|| panic!("{error}")).to_owned(), image)
}

#[test]
fn layers_that_are_not_what_they_claim() {
    let (error, image) = pull_with_bad_layer(|blob| {
        let mut blob = blob.to_vec();
        *blob.last_mut().unwrap() ^= 1;
        Reply::ok(blob)
    });
    assert!(error.contains(&format!("expected {}", image.layers[1])), "{error}");
    let (error, _) = pull_with_bad_layer(|blob| Reply::ok(&blob[..blob.len() - 1]));
    assert!(error.starts_with("size is "), "{error}");
    let (error, _) = pull_with_bad_layer(|blob| Reply::ok([blob, b"more"].concat()));
    assert!(error.starts_with("size is "), "{error}");
    let (error, _) = pull_with_bad_layer(|blob| Reply::ok(blob).cut(blob.len() / 2));
    assert!(error.contains("broke the connection off"), "{error}");
    let (error, _) = pull_with_bad_layer(|_| Reply::new(404, ""));
    assert_eq!(error, "not found");
}

#[test]
fn one_bad_layer_stops_the_others() {
    let image = image(&["first", "second layer"]);
    let (served, slow, bad) = (image.clone(), image.layers[0].to_string(), image.layers[1].to_string());
    let server = Server::start(move |request| match request.target.rsplit('/').next() {
        Some(last) if last == slow => served.reply(request).stall(20),
        Some(last) if last == bad => Reply::new(404, ""),
        _ => served.reply(request),
    });
    let scratch = Scratch::new();
    let started = std::time::Instant::now();
    pull_error(&scratch, &format!("{}/a:v1", server.host()));
    assert!(started.elapsed() < Duration::from_secs(5), "nobody waits for the slow one");
    assert_clean(&scratch);
}

#[test]
fn a_configuration_that_lies() {
    let image = image(&["a"]);
    let mut lying = image.clone();
    let config = image.blobs.iter().find(|(_, blob)| blob.starts_with(b"{")).unwrap();
    lying.blobs.insert(config.0.clone(), vec![b' '; config.1.len()]);
    let (server, scratch) = (serve(&lying), Scratch::new());
    let error = format!("{:#}", pull_error(&scratch, &format!("{}/a:v1", server.host())));
    assert!(error.contains(&format!("image configuration {}: digest is ", config.0)), "{error}");
    assert_clean(&scratch);
}

#[test]
fn docker_hub_out_of_reach() {
    let (host, builtin) = ("registry-1.docker.io", "try the built-in image: coracle run --rm builtin:hello");
    let cause = || "Name or service not known".to_owned();
    let proxy = "127.0.0.1:3128".to_owned();
    let with_proxy = format!("check HTTPS_PROXY, HTTP_PROXY and NO_PROXY; or {builtin}");
    for (failure, words, expected) in [
        (
            Failure::Resolve { host: host.into(), cause: cause() },
            "look up registry-1.docker.io: Name or service not known",
            builtin,
        ),
        (
            Failure::Proxy { host: host.into(), proxy, cause: cause() },
            "reach registry-1.docker.io through proxy 127.0.0.1:3128: Name or service not known",
            &with_proxy,
        ),
    ] {
        let reference = Reference::parse("hello-world").unwrap().with_default_tag();
        let error = in_context::<()>(Err(failure.into()), &reference).unwrap_err();
        assert_eq!(format!("{error:#}"), format!("pull docker.io/library/hello-world:latest: {words}"));
        assert_eq!(hint::find(&error), Some(expected));
    }
}

/// Debian's registry on a port of its own; ends with the test.
struct RealRegistry {
    child: Child,
    host: String,
    _directory: tempfile::TempDir,
}

impl RealRegistry {
    /// `None`, said aloud, where the registry is not installed.
    fn start(auth: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = directory.path().join("config.yml");
        let storage = directory.path().join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"}}\n{auth}",
            storage.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        let spawned = command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(child) = spawned else {
            eprintln!("skipped: docker-registry is not installed");
            return None;
        };
        let registry = Self { child, host, _directory: directory };
        for _ in 0..200 {
            if std::net::TcpStream::connect(&registry.host).is_ok() {
                return Some(registry);
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("docker-registry does not listen");
    }

    /// Pushes an image as `team/app:v1`; false, said aloud, where skopeo is not installed.
    fn push(&self, image: &Image, arguments: &[&str]) -> bool {
        let layout = tempfile::tempdir().unwrap();
        image.write_layout(layout.path());
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy", "copy", "--dest-tls-verify=false"]).args(arguments);
        command
            .arg(format!("oci:{}:v1", layout.path().display()))
            .arg(format!("docker://{}/team/app:v1", self.host));
        let Ok(output) = command.output() else {
            eprintln!("skipped: skopeo is not installed");
            return false;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        true
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_real_registry() {
    let Some(registry) = RealRegistry::start("") else { return };
    let image = image(&["a", "bb"]);
    for format in ["oci", "v2s2"] {
        if !registry.push(&image, &["--format", format]) {
            return;
        }
        let scratch = Scratch::new();
        let name = format!("{}/team/app:v1", registry.host);
        let (result, lines) = pull_lines(&scratch, &request(&name));
        let pulled = result.unwrap();
        assert_eq!(pulled.manifest == image.digest(), format == "oci");
        assert_eq!(lines.last().unwrap(), &format!("Status: Downloaded newer image for {name}"));
        let stored = Images::new(&scratch.layout).lookup(&name).unwrap();
        assert_eq!(stored.layers.len(), 2);
    }
    let error = pull_error(&Scratch::new(), &format!("{}/team/app:other", registry.host)).to_string();
    assert_eq!(error, format!("manifest for {}/team/app:other not found: manifest unknown", registry.host));
}

#[test]
fn a_real_registry_with_a_password() {
    let passwords = tempfile::tempdir().unwrap();
    let path = passwords.path().join("htpasswd");
    // bcrypt of "secret", as `htpasswd -Bbn ann secret` writes it.
    fs::write(&path, "ann:$2y$05$1icIkXOecBpFHrTJnb4/1uEdpJ3l/rboU7LNngqFkGsyP8D3QF6DO\n").unwrap();
    let auth = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", path.display());
    let Some(registry) = RealRegistry::start(&auth) else { return };
    let image = image(&["a"]);
    if !registry.push(&image, &["--dest-creds", "ann:secret"]) {
        return;
    }
    let scratch = Scratch::new();
    let name = format!("{}/team/app:v1", registry.host);
    let error = pull_error(&scratch, &name).to_string();
    let words =
        "repository does not exist or may require 'coracle login': unauthorized: authentication required";
    assert_eq!(error, format!("pull access denied for {}/team/app, {words}", registry.host));
    let with = |text| {
        let credentials = Source::Given(Some(Credentials::parse(text)));
        let registry = Options { credentials, ..options() };
        pull(&scratch.layout, &PullRequest { registry, ..request(&name) }, &Recorder::default())
    };
    assert!(with("ann:wrong").is_err());
    assert!(with("ann:secret").is_ok());
}
