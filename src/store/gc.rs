//! Collects what nothing refers to: blobs and layers of no image and no container, and the rests of dead processes
//! in `tmp/`.
//!
//! Whoever stores something that is referred to only later (a pull, a container being created) keeps a [`Hold`]
//! meanwhile. A collection that meets one leaves a mark, and the holder collects when it is done, so that
//! nothing is lost and nothing leaks. Collections take turns, by a lock on the directory of locks: one that met another
//! would be put off for nobody to make up for it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::blobs::Blobs;
use super::build_cache::BuildCache;
use super::containers::{Containers, Source};
use super::images::Images;
use super::index::{self, Entry};
use super::layers::Layers;
use super::layout::Layout;
use super::mounts::MountKind;
use super::offstage;
use super::partial;
use crate::base::digest::Digest;
use crate::base::file::FileLock;
use crate::base::hint::{self, HintExt};
use crate::config::paths::private_directory;
use crate::sys::path::Dir;

/// Keeps a collection from running until it is dropped; see [`hold`].
#[must_use]
pub struct Hold {
    _file: File,
}

/// What a collection took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    pub blobs: u64,
    pub layers: u64,
    /// Bytes of the blobs, of the files in the layers and of what pulls have left.
    pub bytes: u64,
}

/// Keeps what is stored from now on, though nothing refers to it yet. Any number of processes may hold at once;
/// waits while a collection runs.
pub fn hold(layout: &Layout) -> Result<Hold> {
    let file = open_lock(layout)?;
    file.lock_shared().with_context(|| format!("lock {}", lock_path(layout).display()))?;
    Ok(Hold { _file: file })
}

/// Lets go, and collects if a collection was put off meanwhile and nobody else holds. Must run where [`collect`] must.
pub fn release(layout: &Layout, hold: Hold) -> Result<()> {
    drop(hold);
    if is_put_off(layout) {
        collect(layout)?;
    }
    Ok(())
}

/// Whether a collection met a [`Hold`] and nobody has made up for it yet.
pub fn is_put_off(layout: &Layout) -> bool {
    wanted_path(layout).exists()
}

/// Takes away what nothing refers to. `None`: somebody holds, and will collect when done.
///
/// Where an image or a container cannot be read, nothing but dead temporary files goes, since what belongs to it
/// is not known; the error says which. Must run as the owner of the layers' files: in the user namespace.
pub fn collect(layout: &Layout) -> Result<Option<Collected>> {
    let lock = open_lock(layout)?;
    let _turn = FileLock::directory(&layout.locks())?;
    // First the mark, then the attempt: a holder that lets go in between finds it.
    let wanted = wanted_path(layout);
    File::create(&wanted).with_context(|| format!("create {}", wanted.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("lock {}", lock_path(layout).display()));
        }
    }
    fs::remove_file(&wanted).with_context(|| format!("remove {}", wanted.display()))?;
    sweep_temporary(layout)?;
    let partial = partial::sweep(layout, partial::PATIENCE)?;
    BuildCache::new(layout).sweep()?;
    let roots = Roots::of(layout)?;
    let mut collected = Collected { bytes: partial, ..Collected::default() };
    sweep_blobs(layout, &roots, &mut collected)?;
    sweep_layers(layout, &roots, &mut collected)?;
    Ok(Some(collected))
}

/// Everything that is referred to.
#[derive(Default)]
pub(super) struct Roots {
    pub blobs: HashSet<Digest>,
    /// By diff-id.
    pub layers: HashSet<Digest>,
    /// Manifests whose content is among the others.
    pub manifests: HashSet<Digest>,
}

impl Roots {
    fn of(layout: &Layout) -> Result<Self> {
        let mut roots = Self::default();
        let index = index::read(layout)?;
        for entry in &index.manifests {
            roots.blobs.extend(entry.repo_digest());
            let shown = entry.name().map_or_else(|| entry.digest.short(), |name| name.familiar());
            roots
                .add_entry(layout, entry)
                .with_context(|| format!("read image {shown}"))
                .hint(|| hint::CHECK)?;
        }
        roots.add_containers(layout)?;
        let built = BuildCache::new(layout).list()?.into_iter().filter_map(|entry| entry.made.layer);
        roots.layers.extend(built.map(|layer| layer.diff_id));
        Ok(roots)
    }

    fn add_entry(&mut self, layout: &Layout, entry: &Entry) -> Result<()> {
        if !entry.is_index() {
            return self.add_manifest(layout, &entry.digest);
        }
        self.blobs.insert(entry.digest.clone());
        for manifest in Images::new(layout).present(entry)? {
            self.add_manifest(layout, &manifest.digest().as_ref().parse()?)?;
        }
        Ok(())
    }

    fn add_manifest(&mut self, layout: &Layout, digest: &Digest) -> Result<()> {
        // Not told by the blobs: what a registry's name pointed at is one of them before it is read.
        if !self.manifests.insert(digest.clone()) {
            return Ok(());
        }
        self.blobs.insert(digest.clone());
        let (_, manifest) = Images::new(layout).manifest(digest)?;
        for descriptor in manifest.layers().iter().chain([manifest.config()]) {
            self.blobs.insert(descriptor.digest().as_ref().parse()?);
        }
        let config = Images::new(layout).config(&manifest.config().digest().as_ref().parse()?)?.1;
        self.layers.extend(config.rootfs.diff_ids);
        Ok(())
    }

    /// A container keeps its layers, and of an image that was removed by force what is left of it.
    pub fn add_containers(&mut self, layout: &Layout) -> Result<()> {
        let (records, broken) = Containers::new(layout).list()?;
        if let Some(id) = broken.first() {
            let id = id.get(..12).unwrap_or(id);
            let error = Err(anyhow::anyhow!("read the record of container {id}: it is damaged"));
            return error
                .hint(|| format!("nothing can be collected before it is removed: coracle rm -f {id}"));
        }
        for record in records {
            for mount in &record.options.mounts {
                if let MountKind::Image { layers, .. } = &mount.kind {
                    self.layers.extend(layers.iter().cloned());
                }
            }
            let Source::Image { id, manifest, layers, .. } = record.source else { continue };
            self.layers.extend(layers);
            self.blobs.insert(id);
            if Blobs::new(layout).has(&manifest) {
                self.add_manifest(layout, &manifest)?;
            }
        }
        Ok(())
    }
}

fn sweep_blobs(layout: &Layout, roots: &Roots, collected: &mut Collected) -> Result<()> {
    let directory = layout.images().join("blobs/sha256");
    for name in names_in(&directory)? {
        let Ok(digest) = format!("sha256:{name}").parse::<Digest>() else { continue };
        if !roots.blobs.contains(&digest) {
            collected.bytes += fs::metadata(directory.join(&name)).map_or(0, |meta| meta.len());
            collected.blobs += 1;
            Blobs::new(layout).remove(&digest)?;
        }
    }
    Ok(())
}

fn sweep_layers(layout: &Layout, roots: &Roots, collected: &mut Collected) -> Result<()> {
    let layers = Layers::new(layout);
    let mut names = names_in(&layout.layers())?;
    // What a layer is under other maps goes first: how large it is the plain one says.
    names.sort_by_key(|name| !name.contains('.') || name.ends_with(".json"));
    for name in names {
        // The size of a layer, whose writer was killed: all who live hold.
        if name.starts_with('.') {
            let path = layout.layers().join(&name);
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
            continue;
        }
        let (hex, map) = name.split_once('.').map_or((&*name, None), |(hex, rest)| (hex, Some(rest)));
        let Ok(diff_id) = format!("sha256:{hex}").parse::<Digest>() else { continue };
        if roots.layers.contains(&diff_id) {
            continue;
        }
        let size = || layers.info(&diff_id).map_or(0, |info| info.size);
        if map.is_some_and(|map| map != "json") {
            collected.bytes += size();
            collected.layers += 1;
            layers.remove_directory(&name)?;
            continue;
        }
        if layers.has(&diff_id) {
            collected.bytes += size();
            collected.layers += 1;
        }
        layers.remove(&diff_id)?;
    }
    Ok(())
}

/// [`sweep_temporary`] where there is anything to sweep and nobody holds, for whoever passes by.
pub fn sweep_if_idle(layout: &Layout) -> Result<()> {
    if names_in(&layout.tmp())?.iter().all(|name| offstage::parse(name).is_some()) {
        return Ok(());
    }
    let lock = open_lock(layout)?;
    let Some(_turn) = FileLock::try_directory(&layout.locks())? else { return Ok(()) };
    match lock.try_lock() {
        Ok(()) => sweep_temporary(layout),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error).context("lock the store"),
    }
}

/// Removes what dead processes left in `tmp/`, except containers, of which there is more than a directory
/// ([`offstage`]). A live process has its entry locked. Must run in the user namespace.
pub fn sweep_temporary(layout: &Layout) -> Result<()> {
    let path = layout.tmp();
    let names = names_in(&path)?;
    if names.is_empty() {
        return Ok(());
    }
    let tmp = Dir::open(&path).with_context(|| format!("open {}", path.display()))?;
    for name in names {
        if offstage::parse(&name).is_some() {
            continue;
        }
        if let Some(_claim) = claim(&tmp, &name)? {
            tmp.remove_all(OsStr::new(&name))
                .with_context(|| format!("remove {}", path.join(&name).display()))?;
        }
    }
    Ok(())
}

/// What keeps others off while it is removed: who has just made it, and has yet to lock it, waits and then finds it gone.
struct Claim {
    _lock: Option<OwnedFd>,
}

/// Claims a temporary file; `None` where a live process has it.
fn claim(tmp: &Dir, name: &str) -> Result<Option<Claim>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(tmp, name, flags, Mode::empty()) {
        Ok(file) => file,
        // A link, or a directory closed to its owner: no writer makes those.
        Err(Errno::LOOP | Errno::ACCESS | Errno::NOENT) => return Ok(Some(Claim { _lock: None })),
        Err(error) => return Err(error).with_context(|| format!("open {name}")),
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Claim { _lock: Some(file) })),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("lock {name}")),
    }
}

/// The entries of a directory; none where it does not exist.
pub(super) fn names_in(path: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("list {}", path.display())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("list {}", path.display()))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

fn open_lock(layout: &Layout) -> Result<File> {
    private_directory(&layout.locks())?;
    let path = lock_path(layout);
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("open lock {}", path.display()))
}

fn lock_path(layout: &Layout) -> PathBuf {
    layout.locks().join("store")
}

/// Exists while a collection is put off.
fn wanted_path(layout: &Layout) -> PathBuf {
    layout.locks().join("collect")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::layers::LayerInfo;
    use crate::store::tests::Scratch;

    /// Stores an image of one layer under a name; returns its diff-id.
    fn add_image(scratch: &Scratch, name: &str) -> Digest {
        let (blobs, layers) = (Blobs::new(&scratch.layout), Layers::new(&scratch.layout));
        let store = |content: &str| {
            let digest = Digest::of(content.as_bytes());
            blobs.put(&digest, content.as_bytes()).unwrap();
            format!(
                r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{}}}"#,
                content.len()
            )
        };
        let diff_id = Digest::of(format!("tar of {name}").as_bytes());
        let staging = layers.stage().unwrap();
        let (flags, mode) = (OFlags::CREATE | OFlags::WRONLY, Mode::from_raw_mode(0o644));
        rustix::io::write(staging.dir().open_file("file", flags, mode).unwrap(), name.as_bytes()).unwrap();
        staging.commit(&diff_id, LayerInfo { size: 1000, entries: 1 }).unwrap();
        let layer = store(&format!("layer of {name}"));
        let config =
            store(&format!(r#"{{"os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#));
        let manifest = store(&format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#));
        let reference = crate::oci::reference::Reference::parse(name).unwrap();
        let descriptor = serde_json::from_str(&manifest).unwrap();
        Images::new(&scratch.layout).add(Some(&reference), &descriptor, None).unwrap();
        diff_id
    }

    fn untag(scratch: &Scratch, name: &str) {
        let reference = crate::oci::reference::Reference::parse(name).unwrap();
        assert!(Images::new(&scratch.layout).untag(&reference).unwrap());
    }

    fn blob_count(scratch: &Scratch) -> usize {
        names_in(&scratch.layout.images().join("blobs/sha256")).unwrap().len()
    }

    #[test]
    fn takes_what_nothing_refers_to() {
        let scratch = Scratch::new();
        let (kept, freed) = (add_image(&scratch, "kept"), add_image(&scratch, "freed"));
        let nothing = Collected::default();
        assert_eq!(collect(&scratch.layout).unwrap(), Some(nothing));
        untag(&scratch, "freed");
        let collected = collect(&scratch.layout).unwrap().unwrap();
        assert_eq!((collected.blobs, collected.layers), (3, 1));
        assert!(collected.bytes > 1000);
        let layers = Layers::new(&scratch.layout);
        assert!(layers.has(&kept) && !layers.has(&freed));
        assert_eq!((blob_count(&scratch), names_in(&scratch.layout.layers()).unwrap().len()), (3, 2));
        assert_eq!(collect(&scratch.layout).unwrap(), Some(nothing));
    }

    #[test]
    fn an_image_known_by_its_own_manifest_s_digest_is_kept() {
        let scratch = Scratch::new();
        let kept = add_image(&scratch, "kept");
        let images = Images::new(&scratch.layout);
        let image = images.lookup("kept").unwrap();
        let descriptor = format!(
            r#"{{"mediaType":"{}","digest":"{}","size":{}}}"#,
            image.media_type, image.manifest, image.manifest_size
        );
        let descriptor = serde_json::from_str(&descriptor).unwrap();
        images.add(Some(&image.names[0]), &descriptor, Some(&image.manifest)).unwrap();
        assert_eq!(collect(&scratch.layout).unwrap(), Some(Collected::default()));
        assert!(Layers::new(&scratch.layout).has(&kept));
        assert_eq!(blob_count(&scratch), 3);
    }

    #[test]
    fn a_holder_is_waited_for_and_collects_itself() {
        let scratch = Scratch::new();
        let freed = add_image(&scratch, "freed");
        untag(&scratch, "freed");
        let (first, second) = (hold(&scratch.layout).unwrap(), hold(&scratch.layout).unwrap());
        assert_eq!(collect(&scratch.layout).unwrap(), None);
        release(&scratch.layout, first).unwrap();
        assert!(Layers::new(&scratch.layout).has(&freed));
        release(&scratch.layout, second).unwrap();
        assert!(!Layers::new(&scratch.layout).has(&freed));
        assert!(!wanted_path(&scratch.layout).exists());
    }

    #[test]
    fn one_that_sweeps_is_waited_for() {
        let scratch = Scratch::new();
        let layout = &scratch.layout;
        private_directory(&layout.tmp()).unwrap();
        let sweep = || {
            fs::write(layout.tmp().join("blob-dead"), "half").unwrap();
            sweep_if_idle(layout).unwrap();
            // Whoever waits for the lock has to get at it.
            std::thread::sleep(std::time::Duration::from_micros(200));
        };
        meanwhile(sweep, || {
            for _ in 0..20 {
                let freed = add_image(&scratch, "freed");
                untag(&scratch, "freed");
                assert!(collect(layout).unwrap().is_some_and(|collected| collected.bytes > 1000));
                assert!(!Layers::new(layout).has(&freed));
            }
        });
    }

    /// Does `work` while another thread does something again and again.
    fn meanwhile(again: impl Fn() + Send, work: impl FnOnce()) {
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while is_over.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    again();
                }
            });
            // Dropped also where an assertion does not hold.
            let _over = over;
            work();
        });
    }

    #[test]
    fn what_a_layer_is_under_other_maps_counts() {
        let scratch = Scratch::new();
        let freed = add_image(&scratch, "freed");
        let plain = collect_freed(&scratch, "freed");
        add_image(&scratch, "freed");
        Layers::new(&scratch.layout).stage().unwrap().commit_shifted(&freed, "a1").unwrap();
        assert_eq!(collect_freed(&scratch, "freed"), plain + 1000);
        assert!(names_in(&scratch.layout.layers()).unwrap().is_empty());
    }

    fn collect_freed(scratch: &Scratch, name: &str) -> u64 {
        untag(scratch, name);
        collect(&scratch.layout).unwrap().unwrap().bytes
    }

    #[test]
    fn the_living_keep_their_temporary_files() {
        let scratch = Scratch::new();
        let tmp = scratch.layout.tmp();
        let staging = Layers::new(&scratch.layout).stage().unwrap();
        let writer = Blobs::new(&scratch.layout).writer().unwrap();
        fs::create_dir_all(tmp.join("layer-dead/deep")).unwrap();
        fs::write(tmp.join("blob-dead"), "half").unwrap();
        std::os::unix::fs::symlink("/etc", tmp.join("link")).unwrap();
        collect(&scratch.layout).unwrap();
        assert_eq!(names_in(&tmp).unwrap().len(), 2);
        drop((staging, writer));
        assert_eq!(names_in(&tmp).unwrap().len(), 0);
    }

    #[test]
    fn what_is_just_being_made_is_not_swept_away() {
        let scratch = Scratch::new();
        let layout = &scratch.layout;
        private_directory(&layout.tmp()).unwrap();
        meanwhile(
            || sweep_temporary(layout).unwrap(),
            || {
                for _ in 0..300 {
                    let staging = Layers::new(layout).stage().unwrap();
                    let writer = Blobs::new(layout).writer().unwrap();
                    assert!(staging.path().is_dir());
                    drop(writer);
                }
            },
        );
    }

    #[test]
    fn nothing_goes_while_something_cannot_be_read() {
        let scratch = Scratch::new();
        let (broken, freed) = (add_image(&scratch, "broken"), add_image(&scratch, "freed"));
        untag(&scratch, "freed");
        let image = Images::new(&scratch.layout).lookup("broken").unwrap();
        fs::write(scratch.layout.blob(&image.manifest), "rot").unwrap();
        fs::write(scratch.layout.tmp().join("dead"), "").unwrap();
        let error = collect(&scratch.layout).unwrap_err();
        assert!(format!("{error:#}").starts_with("read image broken:latest"), "{error:#}");
        assert_eq!(hint::find(&error), Some(hint::CHECK));
        assert!(Layers::new(&scratch.layout).has(&broken) && Layers::new(&scratch.layout).has(&freed));
        assert_eq!(names_in(&scratch.layout.tmp()).unwrap().len(), 0);
        untag(&scratch, "broken");
        assert_eq!(collect(&scratch.layout).unwrap().unwrap().layers, 2);
    }
}
