//! The fixtures themselves: what the tests believe in must be true, so skopeo and docker-registry look at it.

use crate::support::image::{Kind, busybox_layer, digest};
use crate::support::{Access, Compression, Image, Pty, Registry, Sandbox, Server};

#[test]
fn skopeo_reads_our_layouts() {
    let sandbox = Sandbox::new();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let image = Image::new(vec![busybox_layer(compression)]);
        let layout = sandbox.layout_of(&image, &format!("{compression:?}"));
        assert_eq!(copied_digest(&sandbox, &format!("oci:{}:latest", layout.display())), image.digest());
    }
}

#[test]
fn skopeo_reads_both_kinds_from_our_server() {
    let sandbox = Sandbox::new();
    for kind in [Kind::Docker, Kind::Oci] {
        let image = Image::new(vec![busybox_layer(Compression::Gzip)]).of_kind(kind);
        let server = Server::of_image(&image, |_| None);
        assert_eq!(copied_digest(&sandbox, &format!("docker://{}/busybox:1", server.host())), image.digest());
        assert!(server.requests().iter().any(|request| request.path == "/v2/busybox/manifests/1"));
    }
}

/// The digest of the manifest after skopeo has copied, and so verified, an image.
fn copied_digest(sandbox: &Sandbox, source: &str) -> String {
    let copy = tempfile::tempdir_in(sandbox.path()).expect("a directory");
    let line = format!(
        "skopeo copy --insecure-policy -q --src-tls-verify=false {source} dir:{}",
        copy.path().display()
    );
    sandbox.witness(&line).success();
    digest(&std::fs::read(copy.path().join("manifest.json")).expect("a manifest"))
}

#[test]
fn every_kind_of_registry_serves_skopeo() {
    let sandbox = Sandbox::new();
    for access in [Access::Plain, Access::Tls, Access::SelfSigned, Access::Password, Access::Bearer] {
        let registry = Registry::start(access);
        registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
        registry.log_in(&sandbox);
        let line = format!(
            "skopeo inspect --tls-verify=false --format {{{{.Digest}}}} docker://{}/boats/busybox:1",
            registry.host()
        );
        let shown = sandbox.witness(&line);
        assert_eq!(shown.success().line(), Image::busybox().digest(), "{access:?}");
    }
}

#[test]
fn a_registry_with_a_lock_is_locked() {
    let sandbox = Sandbox::new();
    for access in [Access::Password, Access::Bearer] {
        let registry = Registry::start(access);
        let line = format!("skopeo inspect --tls-verify=false docker://{}/boats/busybox:1", registry.host());
        assert_ne!(sandbox.witness(&line).exit_code(), 0, "{access:?}");
    }
}

#[test]
fn our_terminal_is_one() {
    let sandbox = Sandbox::new();
    let mut terminal = Pty::shell(&sandbox);
    terminal.expect("host> ");
    terminal.type_in("tty; stty size; sleep 1000\n");
    terminal.expect("/dev/pts/");
    terminal.expect("24 80\r\n");
    terminal.type_in("\x1a");
    terminal.expect("Stopped");
    terminal.expect("host> ");
    terminal.type_in("fg\n");
    terminal.expect("sleep 1000\r\n");
    terminal.type_in("\x03");
    terminal.expect("host> ");
    terminal.type_in("exit 5\n");
    assert_eq!(terminal.exit_code(), 5);
    assert!(terminal.is_cooked());
}
