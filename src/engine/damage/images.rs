//! Images: the list, the blobs against their digests, the layers against their archives.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};

use super::{Archive, Damage, Depth, Remedy, Seen, files};
use crate::base::digest::Digest;
use crate::base::verify::HashingReader;
use crate::image::ingest::{self, IngestOptions};
use crate::layer::compare;
use crate::store::blobs::Blobs;
use crate::store::images::Images;
use crate::store::layers::Layers;
use crate::store::layout::Layout;
use crate::store::salvage::{self, Listed};

/// What of the images is damaged.
pub fn find(layout: &Layout, depth: Depth, options: IngestOptions, seen: &mut Seen) -> Vec<Damage> {
    let listed = match salvage::listed(layout) {
        Ok(listed) => listed,
        Err(error) => return vec![Damage::new("the list of images", format!("{error:#}"), Remedy::Index)],
    };
    seen.images = listed.iter().filter(|document| !document.is_index).count();
    let (mut found, stored) = blobs(layout);
    seen.blobs = stored.len();
    let mut survey = Survey {
        layout,
        wrong: HashMap::new(),
        known: HashSet::new(),
        archives: Vec::new(),
        found: Vec::new(),
    };
    if depth == Depth::Whole {
        survey.wrong = wrong_blobs(layout, &stored);
    }
    for image in &listed {
        survey.image(image);
    }
    seen.layers = survey.archives.len();
    let layers = match depth {
        Depth::Whole => in_parallel(&survey.archives, |(shown, archive)| {
            layer(layout, archive, options).map(|what| (shown.clone(), archive.clone(), what))
        }),
        Depth::Quick => Vec::new(),
    };
    for (shown, archive, what) in layers {
        let object = format!("image {shown}: layer {}", archive.diff_id.short());
        survey.found.push(Damage::new(object, what, Remedy::Layer(archive)));
    }
    // What no image needs, nobody has to bring again.
    for (digest, what) in &survey.wrong {
        if !survey.known.contains(digest) {
            let remedy = Remedy::Remove(layout.blob(digest));
            found.push(Damage::new(format!("blob {}", digest.short()), what, remedy));
        }
    }
    found.extend(survey.found);
    found.extend(strays(layout));
    found
}

/// Every blob by its name, and what is no blob.
fn blobs(layout: &Layout) -> (Vec<Damage>, Vec<Digest>) {
    let directory = layout.images().join("blobs/sha256");
    let (mut found, mut stored) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match format!("sha256:{name}").parse::<Digest>() {
            Ok(digest) => {
                found.extend(files::closed(format!("blob {}", digest.short()), &entry.path()));
                stored.push(digest);
            }
            Err(_) => {
                let remedy = Remedy::Remove(entry.path());
                found.push(Damage::new(format!("images/blobs/sha256/{name}"), "it is no blob", remedy));
            }
        }
    }
    stored.sort();
    (found, stored)
}

/// The blobs that are not what their names say.
fn wrong_blobs(layout: &Layout, stored: &[Digest]) -> HashMap<Digest, String> {
    let check = |digest: &Digest| -> Result<()> {
        let file = Blobs::new(layout).open(digest)?;
        let (actual, _) = HashingReader::new(file, u64::MAX).finish()?;
        anyhow::ensure!(actual == *digest, "digest is {actual}");
        Ok(())
    };
    in_parallel(stored, |digest| Some((digest.clone(), format!("{:#}", check(digest).err()?))))
        .into_iter()
        .collect()
}

/// What images need, looked at once for all of them.
struct Survey<'a> {
    layout: &'a Layout,
    /// Blobs that are not what they should be, and why.
    wrong: HashMap<Digest, String>,
    /// Blobs that an image needs.
    known: HashSet<Digest>,
    /// Layers that are there and can be compared, with the image that they are first seen in.
    archives: Vec<(String, Archive)>,
    found: Vec<Damage>,
}

impl Survey<'_> {
    /// Looks at an image as far as its documents can be read.
    fn image(&mut self, image: &Listed) {
        let kind = if image.is_index { "index" } else { "manifest" };
        if !self.blob(image, kind, &image.digest, Some(image.size)) || image.is_index {
            return;
        }
        let images = Images::new(self.layout);
        let read = || -> Result<_> {
            let manifest = images.manifest(&image.digest)?.1;
            let config: Digest = manifest.config().digest().as_ref().parse()?;
            Ok((manifest, config))
        };
        let (manifest, config) = match read() {
            Ok(documents) => documents,
            Err(error) => return self.report(image, "manifest", &image.digest, format!("{error:#}")),
        };
        let is_here = self.blob(image, "configuration", &config, Some(manifest.config().size()));
        let mut whole = Vec::new();
        for layer in manifest.layers() {
            let Ok(digest) = layer.digest().as_ref().parse::<Digest>() else { continue };
            if self.blob(image, "layer blob", &digest, Some(layer.size())) {
                whole.push((digest, layer.size()));
            }
        }
        if !is_here {
            return;
        }
        let diff_ids = match images.config(&config) {
            Ok((_, config)) => config.rootfs.diff_ids,
            Err(error) => return self.report(image, "configuration", &config, format!("{error:#}")),
        };
        if diff_ids.len() != manifest.layers().len() {
            let what = format!("{} layers, and {} in the manifest", diff_ids.len(), manifest.layers().len());
            return self.report(image, "configuration", &config, what);
        }
        for (layer, diff_id) in manifest.layers().iter().zip(diff_ids) {
            let own = whole.iter().find(|(digest, _)| digest.to_string() == layer.digest().as_ref());
            // One whose blob is damaged cannot be compared, and is unpacked when that has been brought again.
            if let Some((blob, size)) = own {
                self.layer(image, Archive { blob: blob.clone(), size: *size, diff_id });
            }
        }
    }

    /// Whether a blob is there and, as far as it is known, right. It is told of once, whoever needs it.
    fn blob(&mut self, image: &Listed, kind: &str, digest: &Digest, size: Option<u64>) -> bool {
        let what = match fs::metadata(self.layout.blob(digest)) {
            Err(_) => Some("it is missing".to_owned()),
            Ok(found) if !found.is_file() => Some("it is no file".to_owned()),
            Ok(found) => match size.filter(|size| *size != found.len()) {
                Some(size) => Some(format!("size is {}, expected {size}", found.len())),
                None => self.wrong.get(digest).cloned(),
            },
        };
        let Some(what) = what else {
            self.known.insert(digest.clone());
            return true;
        };
        self.report(image, kind, digest, what);
        false
    }

    fn report(&mut self, image: &Listed, kind: &str, blob: &Digest, what: String) {
        // Each image that needs it has to be brought again, or goes.
        self.known.insert(blob.clone());
        let object = format!("image {}: {kind} {}", image.shown, blob.short());
        let remedy = Remedy::Blob { image: image.digest.clone(), blob: blob.clone() };
        self.found.push(Damage::new(object, what, remedy));
    }

    fn layer(&mut self, image: &Listed, archive: Archive) {
        let layers = Layers::new(self.layout);
        let is_known = |known: &Archive| known.diff_id == archive.diff_id;
        let is_told = |damage: &Damage| matches!(&damage.remedy, Remedy::Layer(known) if is_known(known));
        if self.archives.iter().any(|(_, known)| is_known(known)) || self.found.iter().any(is_told) {
            return;
        }
        let what = match fs::symlink_metadata(layers.path(&archive.diff_id)) {
            Err(_) => Some("it is missing".to_owned()),
            Ok(found) if !found.is_dir() => Some("it is no directory".to_owned()),
            Ok(_) => layers.info(&archive.diff_id).err().map(|error| format!("{error:#}")),
        };
        match what {
            None => self.archives.push((image.shown.clone(), archive)),
            Some(what) => {
                let object = format!("image {}: layer {}", image.shown, archive.diff_id.short());
                self.found.push(Damage::new(object, what, Remedy::Layer(archive)));
            }
        }
    }
}

/// What is different about an unpacked layer: its archive is unpacked beside it, and both are read.
fn layer(layout: &Layout, archive: &Archive, options: IngestOptions) -> Option<String> {
    let compare = || -> Result<Option<String>> {
        let (wanted, info) =
            ingest::unpack_beside(layout, options, &archive.wanted()).context("unpack it to compare")?;
        let layers = Layers::new(layout);
        if layers.info(&archive.diff_id)? != info {
            return Ok(Some("its size is recorded wrongly".to_owned()));
        }
        compare::difference(&layers.open(&archive.diff_id)?, wanted.dir())
    };
    compare().unwrap_or_else(|error| Some(format!("{error:#}")))
}

/// What has no business in the directory of layers.
fn strays(layout: &Layout) -> Vec<Damage> {
    let entries = fs::read_dir(layout.layers()).into_iter().flatten().flatten();
    let is_layer = |name: &str| {
        let hex = name.split_once('.').map_or(name, |(hex, _)| hex);
        format!("sha256:{hex}").parse::<Digest>().is_ok()
    };
    let damage = |path: PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        // A document in the making, or left by a process that was killed over it.
        let is_ours = is_layer(name.trim_start_matches('.'));
        (!is_ours).then(|| Damage::new(format!("layers/{name}"), "it is no layer", Remedy::Remove(path)))
    };
    entries.filter_map(|entry| damage(entry.path())).collect()
}

/// Looks at every item with as many threads as there are processors; what they find is in the items' order.
fn in_parallel<T: Sync, R: Send>(items: &[T], look: impl Fn(&T) -> Option<R> + Sync) -> Vec<R> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, item)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    items.get(at).map(|item| (at, item))
                } {
                    if let Some(result) = look(item) {
                        found.lock().expect("no panic").push((at, result));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no panic");
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, result)| result).collect()
}
