//! `policy.json`: an administrator's word about which images may come is obeyed, as skopeo obeys it.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::skip;
use crate::support::image::{busybox_layer, descriptor, digest};
use crate::support::server::not_found;
use crate::support::{Compression, Image, Output, Response, Sandbox, Server, program, say_skipped};

const POLICY: &str = "home/.config/containers/policy.json";
const REGISTRIES: &str = "home/.config/containers/registries.d/tests.yaml";

/// By the last part of the path: media type and content.
type Beside = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

/// A registry with one image, `busybox`, signed by OpenSSL.
struct Signed {
    sandbox: Sandbox,
    server: Server,
    image: Image,
    /// What lies there besides the image.
    beside: Beside,
}

impl Signed {
    fn new() -> Self {
        let (sandbox, image) = (Sandbox::new(), Image::busybox());
        let beside = Beside::default();
        let shared = beside.clone();
        let server = Server::of_image(&image, move |request| {
            let last = request.path.rsplit('/').next()?;
            let beside = shared.lock().expect("nobody panics with it");
            match beside.iter().find(|(name, ..)| name == last) {
                Some((_, kind, content)) => {
                    Some(Response::new(200).header("Content-Type", kind).body(content.clone()))
                }
                None => last.ends_with(".sig").then(|| not_found("MANIFEST_UNKNOWN", "manifest unknown")),
            }
        });
        for name in ["key", "other"] {
            let private = sandbox.path().join(name);
            let public = sandbox.path().join(format!("{name}.pub"));
            openssl(&["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out"], &[&private]);
            openssl(&["ec", "-pubout", "-in"], &[&private, "-out".as_ref(), &public]);
        }
        Self { sandbox, server, image, beside }
    }

    /// Puts signatures for these names beside the image, as cosign does.
    fn sign(&self, key: &str, names: &[String]) {
        let manifest = self.image.digest();
        let mut layers = Vec::new();
        let mut beside = vec![];
        for name in names {
            let payload = json!({
                "critical": {
                    "identity": { "docker-reference": name },
                    "image": { "docker-manifest-digest": manifest },
                    "type": "cosign container image signature",
                },
                "optional": { "creator": "tests" },
            });
            let payload = payload.to_string().into_bytes();
            let (file, signature) =
                (self.sandbox.path().join("payload"), self.sandbox.path().join("signature"));
            fs::write(&file, &payload).expect("written");
            let key = self.sandbox.path().join(key);
            openssl(&["dgst", "-sha256", "-sign"], &[&key, "-out".as_ref(), &signature, &file]);
            openssl(&["base64", "-A", "-in"], &[&signature, "-out".as_ref(), &file]);
            let mut layer = descriptor("application/vnd.dev.cosign.simplesigning.v1+json", &payload);
            let signature = fs::read_to_string(&file).expect("base64");
            layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": signature });
            layers.push(layer);
            beside.push((digest(&payload), "application/octet-stream".to_owned(), payload));
        }
        let config = br#"{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}"#;
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let list = json!({
            "schemaVersion": 2, "mediaType": kind, "layers": layers,
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        });
        let tag = format!("{}.sig", manifest.replace(':', "-"));
        beside.push((tag, kind.to_owned(), list.to_string().into_bytes()));
        beside.push((digest(config), "application/octet-stream".to_owned(), config.to_vec()));
        *self.beside.lock().expect("nobody panics with it") = beside;
    }

    fn name(&self, tag: &str) -> String {
        format!("{}/busybox{tag}", self.server.host())
    }

    /// One requirement of sigstore, with a key of the sandbox.
    fn wants(&self, key: &str, more: Value) -> Value {
        let mut requirement = json!({ "type": "sigstoreSigned", "keyPath": self.sandbox.path().join(key) });
        for (field, value) in more.as_object().expect("an object") {
            requirement[field] = value.clone();
        }
        requirement
    }

    /// The standing policy for everything, written down for us and for skopeo.
    fn decree(&self, requirement: &Value) {
        let policy = json!({ "default": [{ "type": "reject" }],
            "transports": { "docker": { self.server.host(): [requirement] } } });
        self.sandbox.file(POLICY, policy.to_string());
    }

    /// How skopeo takes the image; `None` where there is no skopeo.
    fn skopeo(&self, tag: &str) -> Option<Output> {
        let target = self.sandbox.path().join("copy");
        let _ = fs::remove_dir_all(&target);
        program("skopeo")?;
        let policy = self.sandbox.path().join(POLICY);
        let registries = self.sandbox.path().join(REGISTRIES);
        let line = format!(
            "skopeo --policy {} --registries.d {} copy --src-tls-verify=false docker://{} dir:{}",
            policy.display(),
            registries.parent().expect("a directory").display(),
            self.name(tag),
            target.display()
        );
        Some(self.sandbox.witness(&line))
    }
}

fn openssl(words: &[&str], paths: &[&std::path::Path]) {
    let output = Command::new("openssl").args(words).args(paths).output().expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn signatures_as_skopeo_judges_them() {
    if program("openssl").is_none() {
        skip!("openssl is not installed");
    }
    let signed = Signed::new();
    signed.sandbox.file(REGISTRIES, "docker:\n  127.0.0.1:\n    lookaside: http://127.0.0.1:1\n");
    let attach = format!("docker:\n  {}:\n    use-sigstore-attachments: true\n", signed.server.host());
    let by_digest = format!("@{}", signed.image.digest());
    let (one, other) = (signed.name(":1"), signed.name(":2"));
    let repository = signed.name("");
    let identity = |value: Value| json!({ "signedIdentity": value });
    let usual = || json!({});
    let rule = |kind: &str| identity(json!({ "type": kind }));
    let exact = identity(json!({ "type": "exactReference", "dockerReference": other }));
    let within = identity(json!({ "type": "exactRepository", "dockerRepository": repository }));
    let remap = |to: &str| {
        identity(json!({ "type": "remapIdentity", "prefix": signed.server.host(), "signedPrefix": to }))
    };
    // Attached or not, the signing key, the names signed, the requirement, the tag asked for, and the answer.
    type Case<'a> = (bool, &'a str, &'a [&'a str], Value, &'a str, &'a str);
    let cases: &[Case] = &[
        (true, "key", &[&one], signed.wants("key.pub", usual()), ":1", ""),
        (true, "key", &[&one], signed.wants("key.pub", usual()), ":2", "it is for the name"),
        (true, "key", &[&other, &one], signed.wants("key.pub", usual()), ":1", ""),
        (true, "key", &[&one], signed.wants("key.pub", usual()), &by_digest, ""),
        (true, "key", &[&one], signed.wants("key.pub", rule("matchExact")), &by_digest, "it is for the name"),
        (true, "key", &[&one], signed.wants("key.pub", rule("matchRepository")), ":2", ""),
        (true, "key", &[&repository], signed.wants("key.pub", rule("matchRepository")), ":2", ""),
        (true, "key", &[&repository], signed.wants("key.pub", usual()), ":1", "it is for the name"),
        (true, "key", &[&other], signed.wants("key.pub", exact), ":1", ""),
        (true, "key", &[&other], signed.wants("key.pub", within), ":1", ""),
        (true, "key", &["q.io/busybox:1"], signed.wants("key.pub", remap("q.io")), ":1", ""),
        (
            true,
            "key",
            &["q.io/busybox:1"],
            signed.wants("key.pub", remap("x.io")),
            ":1",
            "it is for the name",
        ),
        (true, "other", &[&one], signed.wants("key.pub", usual()), ":1", "by another key"),
        (true, "key", &[], signed.wants("key.pub", usual()), ":1", "a signature is required"),
        (false, "key", &[&one], signed.wants("key.pub", usual()), ":1", "a signature is required"),
        (false, "key", &[], json!({ "type": "insecureAcceptAnything" }), ":1", ""),
        (false, "key", &[], json!({ "type": "reject" }), ":1", "it rejects such images"),
        (
            true,
            "key",
            &[&one],
            json!({ "type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k" }),
            ":1",
            "signedBy",
        ),
        (true, "key", &[&one], signed.wants("absent.pub", usual()), ":1", "absent.pub"),
        (true, "key", &[&one], json!({ "type": "sigstoreSigned" }), ":1", "wants one of"),
        (true, "key", &[&one], json!({ "type": "somethingNew" }), ":1", "unknown variant"),
    ];
    let mut unjudged = 0;
    for (attached, key, names, requirement, tag, words) in cases {
        let what = format!("{key} {names:?} {requirement} {tag}");
        signed.sign(key, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        signed.sandbox.file(REGISTRIES, if *attached { attach.as_str() } else { "" });
        signed.decree(requirement);
        let output = signed.sandbox.run(&format!("pull -q {}", signed.name(tag)));
        match words.is_empty() {
            true => drop(output.success()),
            false => drop(output.code(1).one_clear_line().stderr_has("policy").stderr_has(words)),
        }
        let Some(output) = signed.skopeo(tag) else { continue };
        // Debian's cannot judge these signatures, only everything else.
        if output.stderr.contains("sigstore disabled") {
            unjudged += 1;
        } else if (output.exit_code() == 0) != words.is_empty() {
            output.fail(&format!("skopeo judges otherwise: {what}"));
        }
    }
    if unjudged > 0 {
        say_skipped(&format!("skopeo is built without sigstore: it could not judge {unjudged} of the cases"));
    }
}

#[test]
fn without_a_policy_everything_comes_and_with_it_archives_are_asked_too() {
    let sandbox = Sandbox::new();
    let layout = sandbox.layout_of(&Image::busybox(), "boat");
    let line = format!("pull -q oci:{}", layout.display());
    sandbox.run(&line).success();
    let anything = json!([{ "type": "insecureAcceptAnything" }]);
    let signed = json!([{ "type": "sigstoreSigned", "keyPath": "/k" }]);
    let reject = json!([{ "type": "reject" }]);
    let parent = layout.parent().expect("a parent").to_str().expect("text").to_owned();
    for (default, scopes, words) in [
        (&anything, json!({ "docker": { "": reject } }), ""),
        (&reject, json!({ "oci": { "": anything } }), ""),
        (&reject, json!({ "oci": { parent.as_str(): anything } }), ""),
        (&anything, json!({ "oci": { parent.as_str(): reject, "": anything } }), "it rejects such images"),
        (&anything, json!({ "oci": { "": signed } }), "a signature is required"),
        (&reject, json!({ "docker": { "": anything } }), "it rejects such images"),
    ] {
        let policy = json!({ "default": default, "transports": scopes });
        sandbox.file(POLICY, policy.to_string());
        let output = sandbox.run(&line);
        match words {
            "" => drop(output.success()),
            words => drop(output.code(1).one_clear_line().stderr_has(words)),
        }
    }
    // `load` knows by itself what it is given.
    let image = sandbox.run("images -q").line();
    for (format, transport) in [("docker-archive", "docker-archive"), ("oci-archive", "oci-archive")] {
        let archive = sandbox.path().join(format);
        sandbox.run(&format!("save --format {format} -o {} {image}", archive.display())).success();
        for (allowed, code) in [(transport, 0), ("oci", 1)] {
            let scopes = json!({ allowed: { "": anything } });
            sandbox.file(POLICY, json!({ "default": reject, "transports": scopes }).to_string());
            sandbox.run(&format!("load -q -i {}", archive.display())).code(code);
        }
    }
    // The files of a root filesystem are an image of another kind, which has no scopes.
    let files = sandbox.file("files.tar", busybox_layer(Compression::None).tar);
    for (allowed, words) in [
        (json!({ "tarball": { "": anything } }), ""),
        (json!({ "docker-archive": { "": anything } }), "it rejects"),
    ] {
        sandbox.file(POLICY, json!({ "default": reject, "transports": allowed }).to_string());
        let output = sandbox.run(&format!("import {}", files.display()));
        match words {
            "" => drop(output.success()),
            words => drop(output.code(1).one_clear_line().stderr_has("policy").stderr_has(words)),
        }
    }
    sandbox.file(POLICY, "{");
    sandbox.run(&line).code(1).one_clear_line().stderr_has("policy.json").stderr_has("hint:");
}
