//! The images inside this binary, so that a first container runs without any network.
//!
//! There is one, `builtin:hello`: a layer with the static program `/hello` (`src/guest/hello.rs`). Its bytes
//! depend on nothing but this build, so its id is the same wherever the same binary runs.

use std::io;

use anyhow::{Context, Result, bail};
use oci_spec::image::{Descriptor, DescriptorBuilder, MediaType};
use serde_json::json;

use super::ingest::{self, Batch, IngestOptions, LayerWanted, Presence};
use super::progress::Silent;
use crate::base::digest::Digest;
use crate::oci::media::OCI_MANIFEST;
use crate::oci::reference::Reference;
use crate::store::blobs::Blobs;
use crate::store::gc;
use crate::store::images::Images;
use crate::store::layout::Layout;

/// The name under which the image is asked for and stored.
pub const HELLO: &str = "builtin:hello";

const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hello"));

/// When the image says it was made; also the time of its file.
const CREATED: &str = "2026-01-01T00:00:00Z";
const CREATED_SECONDS: u64 = 1_767_225_600;

/// An image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// The image configuration, the document whose digest is the image's id.
    pub config: Vec<u8>,
    /// The only layer, uncompressed: the digest of the blob is the diff-id too.
    pub layer_tar: Vec<u8>,
    /// Of `layer_tar`.
    pub diff_id: Digest,
}

/// The image of this name, if there is one inside this binary.
pub fn find(name: &str) -> Option<Builtin> {
    (name == HELLO).then(|| {
        let layer_tar = archive("hello", PROGRAM).expect("writing to memory cannot be refused");
        let diff_id = Digest::of(&layer_tar);
        Builtin { config: config(&diff_id), layer_tar, diff_id }
    })
}

/// Puts the image of this name into the store, where it is from then on an image like any other. Runs in the
/// user namespace that owns the store's files; `fold_ids` as in [`IngestOptions`].
pub fn install(layout: &Layout, name: &str, fold_ids: bool) -> Result<()> {
    let Some(image) = find(name) else { bail!("no image {name:?} is built in") };
    layout.create()?;
    let hold = gc::hold(layout)?;
    let stored = store(layout, name, &image, fold_ids).with_context(|| format!("store {name}"));
    let released = gc::release(layout, hold);
    stored.and(released.map(drop))
}

/// The name comes last: whoever sees it finds everything beneath it.
fn store(layout: &Layout, name: &str, image: &Builtin, fold_ids: bool) -> Result<()> {
    let layer = LayerWanted {
        digest: image.diff_id.clone(),
        size: image.layer_tar.len() as u64,
        diff_id: image.diff_id.clone(),
    };
    if ingest::presence(layout, &layer) != Presence::Whole {
        let batch = Batch::new(layout, IngestOptions::new(fold_ids), &Silent)?;
        batch.add(image.layer_tar.as_slice(), &layer)?;
        batch.store()?;
    }
    let manifest = image.manifest();
    let digest = Digest::of(&manifest);
    let blobs = Blobs::new(layout);
    blobs.put(&Digest::of(&image.config), &image.config)?;
    blobs.put(&digest, &manifest)?;
    let descriptor = descriptor(MediaType::ImageManifest, &manifest)?;
    Images::new(layout).add(Some(&Reference::parse(name)?), &descriptor, None)
}

fn descriptor(media_type: MediaType, document: &[u8]) -> Result<Descriptor> {
    let digest: oci_spec::image::Digest = Digest::of(document).to_string().parse()?;
    let size = document.len() as u64;
    Ok(DescriptorBuilder::default().media_type(media_type).digest(digest).size(size).build()?)
}

impl Builtin {
    /// The image manifest, the document that the store's index points at.
    fn manifest(&self) -> Vec<u8> {
        let described = |media_type: &str, document: &[u8]| json!({ "mediaType": media_type, "digest": Digest::of(document).to_string(), "size": document.len() });
        let document = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described("application/vnd.oci.image.config.v1+json", &self.config),
            "layers": [described("application/vnd.oci.image.layer.v1.tar", &self.layer_tar)]
        });
        document.to_string().into_bytes()
    }
}

/// A tar archive of one executable file of root's.
fn archive(name: &str, content: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(CREATED_SECONDS);
    header.set_size(content.len() as u64);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, name, content)?;
    archive.into_inner()
}

fn config(diff_id: &Digest) -> Vec<u8> {
    let document = json!({
        "created": CREATED,
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": ["/hello"],
            "WorkingDir": "/"
        },
        "rootfs": { "type": "layers", "diff_ids": [diff_id.to_string()] },
        "history": [
            { "created": CREATED, "created_by": "COPY hello /", "comment": "inside the coracle binary" },
            { "created": CREATED, "created_by": "CMD [\"/hello\"]", "empty_layer": true }
        ]
    });
    document.to_string().into_bytes()
}

/// The name that images use for this machine (Go's `GOARCH`).
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    use crate::oci::image::ImageConfig;

    #[test]
    fn is_an_image_like_any_other_once_installed() {
        let scratch = crate::store::tests::Scratch::new();
        let fold_ids = !rustix::process::geteuid().is_root();
        for _ in 0..2 {
            install(&scratch.layout, HELLO, fold_ids).unwrap();
            let image = Images::new(&scratch.layout).lookup(HELLO).unwrap();
            assert_eq!(image.id, Digest::of(&find(HELLO).unwrap().config));
            let layer = scratch.layout.layer(&image.config.rootfs.diff_ids[0]);
            assert_eq!(std::fs::read(layer.join("hello")).unwrap(), PROGRAM);
            assert_eq!(Images::new(&scratch.layout).list().unwrap().0.len(), 1);
        }
        assert!(install(&scratch.layout, "builtin:world", fold_ids).is_err());
    }

    #[test]
    fn nothing_else_is_built_in() {
        for name in ["hello", "builtin:world", "builtin", "builtin:hello:latest", "BUILTIN:hello"] {
            assert_eq!(find(name), None, "{name}");
        }
    }

    #[test]
    fn has_one_program_and_runs_it() {
        let image = find(HELLO).unwrap();
        assert_eq!(find(HELLO), Some(image.clone()), "the same bytes every time");
        let config: ImageConfig = serde_json::from_slice(&image.config).unwrap();
        assert_eq!(config.rootfs.diff_ids, [Digest::of(&image.layer_tar)]);
        assert_eq!((config.config.cmd, config.config.working_dir), (vec!["/hello".into()], "/".into()));
        assert_eq!(config.history.iter().filter(|step| !step.empty_layer).count(), 1);

        let mut archive = tar::Archive::new(image.layer_tar.as_slice());
        let mut entries = archive.entries().unwrap();
        let mut file = entries.next().unwrap().unwrap();
        assert_eq!(file.path().unwrap().to_str(), Some("hello"));
        assert_eq!((file.header().mode().unwrap(), file.header().uid().unwrap()), (0o755, 0));
        let mut program = Vec::new();
        file.read_to_end(&mut program).unwrap();
        assert!(program.starts_with(b"\x7fELF") && program.len() < 16384, "{} bytes", program.len());
        assert!(entries.next().is_none());
    }

    #[test]
    fn the_program_greets_without_anything_around_it() {
        use std::os::fd::AsRawFd;
        let fd = crate::sys::memfd::sealed("hello", PROGRAM).unwrap();
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let output = std::process::Command::new(path).env_clear().output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Hello from Coracle!") && text.contains("coracle run -it debian sh"), "{text}");
        for step in [" 1. ", " 2. ", " 3. ", " 4. "] {
            assert!(text.contains(step));
        }
        assert!(text.lines().all(|line| line.len() <= 100) && text.is_ascii());
    }
}
