//! Images made in memory: layers of tar entries, a configuration, a manifest; written as an OCI layout or
//! handed to a server. Everything can be made wrong on purpose.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::program;

/// One entry of a layer.
#[derive(Clone, Debug)]
pub enum Entry {
    Directory {
        path: String,
        mode: u32,
    },
    File {
        path: String,
        mode: u32,
        content: Vec<u8>,
        owner: (u64, u64),
    },
    Symlink {
        path: String,
        target: String,
    },
    Hardlink {
        path: String,
        mode: u32,
        target: String,
    },
    /// `b'3'` (character device), `b'4'` (block device) or `b'6'` (FIFO).
    Special {
        path: String,
        kind: u8,
        major: u32,
        minor: u32,
    },
}

impl Entry {
    pub fn directory(path: &str) -> Self {
        Entry::Directory { path: path.to_owned(), mode: 0o755 }
    }

    pub fn file(path: &str, content: impl AsRef<[u8]>) -> Self {
        Entry::File { path: path.to_owned(), mode: 0o644, content: content.as_ref().to_vec(), owner: (0, 0) }
    }

    pub fn program(path: &str, content: impl AsRef<[u8]>) -> Self {
        Entry::File { path: path.to_owned(), mode: 0o755, content: content.as_ref().to_vec(), owner: (0, 0) }
    }

    pub fn symlink(path: &str, target: &str) -> Self {
        Entry::Symlink { path: path.to_owned(), target: target.to_owned() }
    }

    pub fn hardlink(path: &str, target: &str) -> Self {
        Entry::Hardlink { path: path.to_owned(), mode: 0o644, target: target.to_owned() }
    }

    pub fn owned_by(mut self, uid: u64, gid: u64) -> Self {
        if let Entry::File { owner, .. } = &mut self {
            *owner = (uid, gid);
        }
        self
    }

    pub fn with_mode(mut self, wanted: u32) -> Self {
        if let Entry::File { mode, .. } | Entry::Directory { mode, .. } | Entry::Hardlink { mode, .. } =
            &mut self
        {
            *mode = wanted;
        }
        self
    }

    /// Appends the entry as it is, also with names that no honest archive has.
    fn append(&self, tar: &mut Vec<u8>) {
        let (path, kind, mode, content, link, owner, device) = match self {
            Entry::Directory { path, mode } => (path, b'5', *mode, &[][..], "", (0, 0), (0, 0)),
            Entry::File { path, mode, content, owner } => {
                (path, b'0', *mode, &content[..], "", *owner, (0, 0))
            }
            Entry::Symlink { path, target } => (path, b'2', 0o777, &[][..], target.as_str(), (0, 0), (0, 0)),
            Entry::Hardlink { path, mode, target } => {
                (path, b'1', *mode, &[][..], target.as_str(), (0, 0), (0, 0))
            }
            Entry::Special { path, kind, major, minor } => {
                (path, *kind, 0o666, &[][..], "", (0, 0), (*major, *minor))
            }
        };
        if path.len() > 100 {
            append_long_name(path, tar);
        }
        let short = &path[..path.len().min(100)];
        let mut header = tar::Header::new_ustar();
        let old = header.as_ustar_mut().expect("a ustar header");
        old.name[..short.len()].copy_from_slice(short.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        old.typeflag = [kind];
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        header.set_device_major(device.0).expect("a small number");
        header.set_device_minor(device.1).expect("a small number");
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
}

/// GNU's way to say the name of the next entry.
fn append_long_name(path: &str, tar: &mut Vec<u8>) {
    let mut header = tar::Header::new_gnu();
    header.set_path("././@LongLink").expect("a short name");
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(path.len() as u64 + 1);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(path.as_bytes());
    tar.push(0);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// How a layer is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// One layer: its uncompressed archive and the bytes that a registry holds.
#[derive(Clone, Debug)]
pub struct Layer {
    pub tar: Vec<u8>,
    pub blob: Vec<u8>,
    pub compression: Compression,
}

impl Layer {
    pub fn new(entries: &[Entry], compression: Compression) -> Self {
        let mut tar = Vec::new();
        for entry in entries {
            entry.append(&mut tar);
        }
        tar.resize(tar.len() + 1024, 0);
        Self::of_tar(tar, compression)
    }

    /// A layer of an archive that was made elsewhere.
    pub fn of_tar(tar: Vec<u8>, compression: Compression) -> Self {
        let blob = match compression {
            Compression::None => tar.clone(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&tar).expect("memory");
                encoder.finish().expect("memory")
            }
            Compression::Zstd => zstd::encode_all(&tar[..], 1).expect("memory"),
        };
        Self { tar, blob, compression }
    }

    fn media_type(&self, kind: Kind) -> &'static str {
        match (kind, self.compression) {
            (Kind::Docker, Compression::None) => "application/vnd.docker.image.rootfs.diff.tar",
            (Kind::Docker, Compression::Gzip) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            (Kind::Docker, Compression::Zstd) => "application/vnd.docker.image.rootfs.diff.tar.zstd",
            (Kind::Oci, Compression::None) => "application/vnd.oci.image.layer.v1.tar",
            (Kind::Oci, Compression::Gzip) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (Kind::Oci, Compression::Zstd) => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

/// Which of the two families of media types an image uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Docker,
    Oci,
}

/// An image for one platform.
#[derive(Clone, Debug)]
pub struct Image {
    pub layers: Vec<Layer>,
    /// The image configuration; `rootfs` is filled in from the layers unless it is set.
    pub config: Value,
    pub kind: Kind,
}

impl Image {
    /// An image of these layers without any command.
    pub fn new(layers: Vec<Layer>) -> Self {
        let config = json!({
            "created": "2024-05-06T07:08:09Z",
            "architecture": host_architecture(),
            "os": "linux",
            "config": { "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] },
        });
        Self { layers, config, kind: Kind::Oci }
    }

    /// busybox, with a user, a few directories that every image has, and a shell as its command.
    pub fn busybox() -> Self {
        Self::new(vec![busybox_layer(Compression::None)]).set("Cmd", json!(["sh"]))
    }

    /// busybox with further entries above it.
    pub fn busybox_and(entries: &[Entry]) -> Self {
        let mut image = Self::busybox();
        image.layers.push(Layer::new(entries, Compression::None));
        image
    }

    /// Sets a field of the container configuration: `Cmd`, `Env`, `User`, ….
    pub fn set(mut self, field: &str, value: Value) -> Self {
        self.config["config"][field] = value;
        self
    }

    /// Sets a field of the image configuration: `architecture`, `history`, ….
    pub fn set_top(mut self, field: &str, value: Value) -> Self {
        self.config[field] = value;
        self
    }

    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    pub fn with_layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// The configuration as it is stored.
    pub fn config_bytes(&self) -> Vec<u8> {
        let mut config = self.config.clone();
        if config.get("rootfs").is_none() {
            let ids: Vec<String> = self.layers.iter().map(|layer| digest(&layer.tar)).collect();
            config["rootfs"] = json!({ "type": "layers", "diff_ids": ids });
        }
        serde_json::to_vec(&config).expect("a value")
    }

    /// The image's id, as `images` shows it.
    pub fn id(&self) -> String {
        digest(&self.config_bytes())
    }

    pub fn manifest(&self) -> Value {
        let (manifest, config) = match self.kind {
            Kind::Docker => (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
            ),
            Kind::Oci => {
                ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json")
            }
        };
        let layers: Vec<Value> =
            self.layers.iter().map(|layer| descriptor(layer.media_type(self.kind), &layer.blob)).collect();
        json!({
            "schemaVersion": 2,
            "mediaType": manifest,
            "config": descriptor(config, &self.config_bytes()),
            "layers": layers,
        })
    }

    pub fn manifest_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.manifest()).expect("a value")
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> String {
        digest(&self.manifest_bytes())
    }

    pub fn media_type(&self) -> String {
        self.manifest()["mediaType"].as_str().expect("a media type").to_owned()
    }

    /// Configuration and layers.
    pub fn blobs(&self) -> Vec<Vec<u8>> {
        let layers = self.layers.iter().map(|layer| layer.blob.clone());
        std::iter::once(self.config_bytes()).chain(layers).collect()
    }

    /// Writes an OCI layout with this one image.
    pub fn write_layout(&self, directory: &Path, tag: &str) {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a directory");
        for blob in self.blobs().into_iter().chain([self.manifest_bytes()]) {
            fs::write(blobs.join(&digest(&blob)["sha256:".len()..]), blob).expect("a blob");
        }
        let mut entry = descriptor(&self.media_type(), &self.manifest_bytes());
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        fs::write(directory.join("index.json"), index.to_string()).expect("an index");
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a marker");
    }
}

/// An index (or manifest list) of images, each for the platform that its configuration names.
pub fn index_of(images: &[&Image]) -> Value {
    let docker = images.iter().all(|image| image.kind == Kind::Docker);
    let media_type = if docker {
        "application/vnd.docker.distribution.manifest.list.v2+json"
    } else {
        "application/vnd.oci.image.index.v1+json"
    };
    let manifests: Vec<Value> = images
        .iter()
        .map(|image| {
            let mut entry = descriptor(&image.media_type(), &image.manifest_bytes());
            let mut platform =
                json!({ "os": image.config["os"], "architecture": image.config["architecture"] });
            if let Some(variant) = image.config.get("variant") {
                platform["variant"] = variant.clone();
            }
            entry["platform"] = platform;
            entry
        })
        .collect();
    json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests })
}

pub fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

pub fn digest(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Docker's name for this machine's processor.
pub fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The base of most test images.
pub fn busybox_layer(compression: Compression) -> Layer {
    let path = program("busybox").expect("busybox-static is installed; tests/run.sh does that");
    let busybox = fs::read(&path).expect("a readable busybox");
    let mut entries: Vec<Entry> =
        ["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "var", "opt"]
            .into_iter()
            .map(Entry::directory)
            .collect();
    entries.push(Entry::directory("tmp").with_mode(0o1777));
    entries.push(Entry::program("bin/busybox", busybox));
    let link = |name: &str| Entry::hardlink(&format!("bin/{name}"), "bin/busybox").with_mode(0o755);
    entries.extend(APPLETS.split_whitespace().map(link));
    entries.push(Entry::file(
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    ));
    entries.push(Entry::file("etc/group", "root:x:0:\nalice:x:1000:\nboat:x:2000:alice\nnogroup:x:65534:\n"));
    Layer::new(&entries, compression)
}

const APPLETS: &str = "sh ls cat echo env id hostname uname date sleep true false ps mount umount stat touch \
    mkdir rm rmdir ln chmod chown head tail grep wc cut tr sort seq dd df kill ip ping wget nc httpd nslookup \
    stty tty test printf pwd readlink sha256sum mknod od find sed awk xargs sync yes timeout setsid which vi \
    getopt getty tar cp mv expr nproc dmesg chroot switch_root trap hexdump cmp du basename dirname realpath";
