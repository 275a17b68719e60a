//! One compressed layer from its source into the store, in a single pass.
//!
//! ```text
//! source ─> hash, size ─> blob in tmp/ ─> decode ─┐ buffers ┌─> hash (diff-id) ─> unpack into tmp/
//!           `── the calling thread ──────────────┘         └── a thread of its own ──────────┘
//! ```
//!
//! Inflating and unpacking take about as long as each other, so a single layer keeps two processors busy. Every
//! byte is hashed, those behind the archive's end too, and once where the blob is the archive itself. When both digests have proved right, the layer waits in `tmp/`
//! until its [`Batch`] is stored: all layers of an image wait for the disk once, and only then get their names.
//! Whatever fails leaves nothing.

mod meter;
mod stream;

use std::io::{self, Read, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::progress::{Progress, Silent};
use crate::base::digest::Digest;
use crate::base::hint::{self, HintExt};
use crate::base::verify::VerifyError;
use crate::layer::compress::{self, Codec};
use crate::layer::unpack::{self, UnpackOptions, Unpacked};
use crate::store::blobs::{self, BlobWriter, Blobs, Sync, VerifiedBlob};
use crate::store::flush::Flusher;
use crate::store::layers::{LayerInfo, Layers, Staging};
use crate::store::layout::Layout;
use crate::store::space;
use crate::sys::path::clear_umask;
use meter::Meter;
use stream::{BUFFERS, Buffer, Piece, Stream};

/// What a layer claims to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerWanted {
    /// Of the compressed blob.
    pub digest: Digest,
    /// Of the compressed blob, in bytes.
    pub size: u64,
    /// Digest of the tar stream, from the image's configuration.
    pub diff_id: Digest,
}

/// How layers are taken in.
#[derive(Clone, Copy, Debug)]
pub struct IngestOptions {
    /// The user namespace has a single id; see [`UnpackOptions`].
    pub fold_ids: bool,
    /// Bytes that a layer may have when decoded; `None` allows [`default_limit`].
    pub max_bytes: Option<u64>,
}

impl IngestOptions {
    pub fn new(fold_ids: bool) -> Self {
        Self { fold_ids, max_bytes: None }
    }
}

/// What of a layer is in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Blob and directory: nothing is to be done.
    Whole,
    /// The blob alone: [`unpack_stored`] makes the directory, without a download.
    Blob,
    /// At most the directory: [`add_layer`] is needed.
    Missing,
}

/// Entries of one layer; the largest images in use have some hundred thousand.
const MAX_ENTRIES: u64 = 4_000_000;
/// What may be unpacked from any layer, however small; beyond that the ratio decides.
const ALWAYS_ALLOWED: u64 = 4 << 30;
/// Gzip reaches 1 : 1032 and zstd more, real layers hardly 1 : 20.
const MAX_RATIO: u64 = 200;

/// How many bytes a layer may have when decoded, by its compressed size.
pub fn default_limit(compressed: u64) -> u64 {
    compressed.saturating_mul(MAX_RATIO).max(ALWAYS_ALLOWED)
}

/// Layers that get their names together.
#[must_use]
pub struct Batch<'a> {
    layout: &'a Layout,
    options: IngestOptions,
    progress: &'a dyn Progress,
    flusher: Flusher,
    ready: Mutex<Vec<Ready>>,
}

/// A layer that has proved right and is in `tmp/`. Dropped, it leaves nothing.
struct Ready {
    diff_id: Digest,
    blob: Option<VerifiedBlob>,
    staging: Option<(Staging, LayerInfo)>,
}

impl<'a> Batch<'a> {
    /// Begins with no layer. Tells `progress` of each, from `Downloading` to `PullComplete`.
    pub fn new(layout: &'a Layout, options: IngestOptions, progress: &'a dyn Progress) -> Result<Self> {
        Ok(Self { layout, options, progress, flusher: Flusher::start(layout)?, ready: Mutex::default() })
    }

    /// Takes in one layer from `source`, which yields its compressed bytes. A directory that is there already is
    /// kept, and the stream is checked all the same. A source that is shorter, longer or different from what
    /// `want` says is a [`WrongBlob`].
    pub fn add(&self, source: impl Read, want: &LayerWanted) -> Result<()> {
        self.add_to(Blobs::new(self.layout).writer()?, source, want)
    }

    /// As [`Batch::add`], with a blob of which a part may be here: `source` yields what is missing. Where it breaks
    /// off, what has come stays.
    pub fn add_to(&self, blob: BlobWriter, source: impl Read, want: &LayerWanted) -> Result<()> {
        let earlier = blob.earlier().context("open what has come earlier");
        let result =
            earlier.and_then(|earlier| Ingest::new(self, want).run(earlier.chain(source), Sink::Blob(blob)));
        result.map(|ready| self.keep(ready)).with_context(|| format!("layer {}", want.digest.short()))
    }

    /// Unpacks a layer whose blob is in the store. A blob that turns out to be damaged is removed, so that the next
    /// pull fetches it.
    pub fn unpack_stored(&self, want: &LayerWanted) -> Result<()> {
        let blobs = Blobs::new(self.layout);
        let source = blobs.open(&want.digest)?;
        let sink = Sink::Check(Sha256::new(), 0);
        let result = Ingest::new(self, want).run(source, sink);
        if let Err(error) = &result
            && error.downcast_ref::<WrongBlob>().is_some()
        {
            blobs.remove(&want.digest)?;
        }
        let result =
            result.map(|ready| self.keep(ready)).with_context(|| format!("layer {}", want.digest.short()));
        // A full disk, which the store has no part in, has a hint of its own.
        match result {
            Err(error) if !hint::is_about_room(&error) => Err(error).hint(|| hint::CHECK),
            result => result,
        }
    }

    fn keep(&self, ready: Ready) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(ready);
    }

    /// Waits for the disk, then gives every layer its name.
    pub fn store(self) -> Result<()> {
        let ready = self.ready.into_inner().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            return Ok(());
        }
        self.flusher.finish()?;
        ready.into_iter().try_for_each(Ready::publish)
    }
}

impl Ready {
    /// Names blob and directory, which must be on the disk.
    fn publish(self) -> Result<()> {
        self.blob.map_or(Ok(()), |blob| blob.publish(Sync::Done))?;
        self.staging.map_or(Ok(()), |(staging, info)| staging.commit(&self.diff_id, info))
    }
}

/// Looks what of a layer is in the store.
pub fn presence(layout: &Layout, want: &LayerWanted) -> Presence {
    match (Blobs::new(layout).has(&want.digest), Layers::new(layout).has(&want.diff_id)) {
        (true, true) => Presence::Whole,
        (true, false) => Presence::Blob,
        (false, _) => Presence::Missing,
    }
}

/// Refuses layers for which there is no room, before any of them is brought. How large they are when decoded is not
/// known: hardly ever smaller than they are compressed.
pub fn check_room<'w>(layout: &Layout, layers: impl Iterator<Item = &'w LayerWanted>) -> Result<()> {
    let needed = layers.map(|want| match presence(layout, want) {
        Presence::Whole => 0,
        Presence::Blob => want.size,
        Presence::Missing => {
            let here = std::fs::metadata(layout.partial(&want.digest)).map_or(0, |part| part.len());
            want.size.saturating_mul(2).saturating_sub(here)
        }
    });
    space::require(layout, needed.fold(0, u64::saturating_add))
}

/// Unpacks a layer whose blob is in the store into a directory of its own, whether or not it is there already: to be
/// compared with that, or to take its place.
pub fn unpack_beside(
    layout: &Layout,
    options: IngestOptions,
    want: &LayerWanted,
) -> Result<(Staging, LayerInfo)> {
    let ingest = Ingest { layout, want, options: &options, meter: Meter::new(&Silent, want) };
    let staging = Layers::new(layout).stage()?;
    let source = Blobs::new(layout).open(&want.digest)?;
    let (_, unpacked) = ingest.stream(source, Sink::Check(Sha256::new(), 0), Some(&staging))?;
    Ok((staging, LayerInfo { size: unpacked.bytes, entries: unpacked.entries }))
}

/// The compressed bytes are not what they claim to be.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WrongBlob(#[from] pub VerifyError);

/// The unpacking thread has given up and says why itself.
#[derive(Debug, thiserror::Error)]
#[error("unpacking ended early")]
struct HungUp;

/// One layer on its way.
struct Ingest<'a> {
    layout: &'a Layout,
    want: &'a LayerWanted,
    options: &'a IngestOptions,
    meter: Meter<'a>,
}

impl<'a> Ingest<'a> {
    fn new(batch: &'a Batch<'a>, want: &'a LayerWanted) -> Self {
        let meter = Meter::new(batch.progress, want);
        Self { layout: batch.layout, want, options: &batch.options, meter }
    }

    fn run(&self, source: impl Read, sink: Sink) -> Result<Ready> {
        let layers = Layers::new(self.layout);
        let staging = if layers.has(&self.want.diff_id) { None } else { Some(layers.stage()?) };
        let (blob, unpacked) = self.stream(source, sink, staging.as_ref())?;
        let info = LayerInfo { size: unpacked.bytes, entries: unpacked.entries };
        self.meter.finish();
        let staging = staging.map(|staging| (staging, info));
        Ok(Ready { diff_id: self.want.diff_id.clone(), blob, staging })
    }

    /// Runs both threads to their end; of two errors the one that came first is the cause.
    fn stream(
        &self,
        source: impl Read,
        sink: Sink,
        staging: Option<&Staging>,
    ) -> Result<(Option<VerifiedBlob>, Unpacked)> {
        let (to_unpacker, filled) = mpsc::sync_channel(BUFFERS);
        let (to_feeder, emptied) = mpsc::channel();
        std::thread::scope(|scope| {
            let stream = Stream::new(filled, to_feeder, self.limit(), &self.meter);
            let thread = std::thread::Builder::new().name("unpack".to_owned());
            let unpacker =
                thread.spawn_scoped(scope, move || self.unpack(stream, staging)).context("start a thread")?;
            let fed = self.feed(source, sink, to_unpacker, &emptied);
            let unpacked = unpacker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (fed, unpacked) {
                (Err(error), Err(cause)) if error.is::<HungUp>() => Err(cause),
                (Err(error), _) | (Ok(_), Err(error)) => Err(error),
                (Ok(blob), Ok(unpacked)) => Ok((blob, unpacked)),
            }
        })
    }

    /// Reads, hashes and keeps the compressed bytes and sends the decoded ones on. The end is sent only when the
    /// blob has proved right.
    fn feed(
        &self,
        source: impl Read,
        sink: Sink,
        pieces: SyncSender<Piece>,
        emptied: &Receiver<Buffer>,
    ) -> Result<Option<VerifiedBlob>> {
        let (want, meter) = (self.want, &self.meter);
        let mut tee = Tee { source, sink, count: 0, broken: None, want, meter };
        let decoded = send_decoded(&mut tee, &pieces, emptied).and_then(|()| tee.drain());
        match decoded {
            Ok(()) => {}
            Err(error) if tee.broken == Some(Broken::Source) => {
                tee.sink.leave();
                return Err(error);
            }
            Err(error) if error.is::<HungUp>() || tee.broken.is_some() => return Err(error),
            Err(error) => {
                if !tee.is_oversized() {
                    tee.drain()?;
                }
                // What is wrong with the bytes says more than what the decoder made of them.
                tee.sink.verify(self.want)?;
                return Err(error.context("decompress"));
            }
        }
        self.meter.verifying();
        let blob = tee.sink.verify(self.want)?;
        self.meter.downloaded();
        pieces.send(Piece::End).map_err(|_| HungUp)?;
        Ok(blob)
    }

    /// Unpacks the decoded bytes and hashes them, to the last. At their end the blob has proved right.
    fn unpack(&self, mut stream: Stream<'_>, staging: Option<&Staging>) -> Result<Unpacked> {
        let unpacked = match staging {
            Some(staging) => {
                clear_umask().context("clear the file mode creation mask")?;
                unpack::unpack(&mut stream, staging.dir(), &self.unpack_options())?
            }
            None => Unpacked::default(),
        };
        let actual = stream.finish()?.unwrap_or_else(|| self.want.digest.clone());
        if actual != self.want.diff_id {
            let error = VerifyError::Digest { expected: self.want.diff_id.clone(), actual };
            return Err(error).context("the uncompressed layer");
        }
        Ok(unpacked)
    }

    fn unpack_options(&self) -> UnpackOptions {
        let Self { options, .. } = self;
        UnpackOptions {
            fold_ids: options.fold_ids,
            max_bytes: self.limit(),
            max_entries: MAX_ENTRIES,
            form: unpack::Form::Layer,
        }
    }

    fn limit(&self) -> u64 {
        self.options.max_bytes.unwrap_or_else(|| default_limit(self.want.size))
    }
}

/// Sends everything that `source` decodes to, buffer by buffer.
fn send_decoded<R: Read>(
    tee: &mut Tee<'_, R>,
    pieces: &SyncSender<Piece>,
    emptied: &Receiver<Buffer>,
) -> Result<()> {
    let consumed = tee.meter;
    let (codec, mut decoder) = compress::recognize(tee)?;
    if codec == Codec::Plain {
        pieces.send(Piece::Plain).map_err(|_| HungUp)?;
    }
    loop {
        let mut buffer = emptied.try_recv().unwrap_or_else(|_| Buffer::new());
        buffer.fill(&mut decoder)?;
        buffer.consumed = consumed.position();
        if buffer.filled == 0 {
            return Ok(());
        }
        pieces.send(Piece::Data(buffer)).map_err(|_| HungUp)?;
    }
}

/// Where the compressed bytes go.
enum Sink {
    /// Into a new blob.
    Blob(BlobWriter),
    /// Nowhere: the blob is in the store, but is it what it was?
    Check(Sha256, u64),
}

impl Sink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Blob(blob) => blob.write_all(bytes),
            Self::Check(hasher, size) => {
                hasher.update(bytes);
                *size += bytes.len() as u64;
                Ok(())
            }
        }
    }

    fn leave(self) {
        if let Self::Blob(blob) = self {
            blob.leave();
        }
    }

    fn verify(self, want: &LayerWanted) -> Result<Option<VerifiedBlob>, WrongBlob> {
        match self {
            Self::Blob(blob) => Ok(Some(blob.verify(&want.digest, want.size)?)),
            Self::Check(hasher, size) => {
                blobs::check(&want.digest, want.size, &Digest::from_hasher(hasher), size)?;
                Ok(None)
            }
        }
    }
}

/// Where an error came from, if not from the decoder behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broken {
    Source,
    Disk,
}

/// Passes the compressed bytes on while it keeps and counts them. Never reads more than the layer may have.
struct Tee<'a, R> {
    source: R,
    sink: Sink,
    count: u64,
    broken: Option<Broken>,
    want: &'a LayerWanted,
    meter: &'a Meter<'a>,
}

impl<R: Read> Tee<'_, R> {
    /// Whether it was given more than was announced; it takes no more than that.
    fn is_oversized(&self) -> bool {
        self.count > self.want.size
    }

    /// Takes what the decoder left.
    fn drain(&mut self) -> Result<()> {
        io::copy(self, &mut io::sink())?;
        Ok(())
    }
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = match self.source.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.broken = Some(Broken::Source);
                return Err(error);
            }
            result => result?,
        };
        self.count += n as u64;
        self.sink.take(&buffer[..n]).map_err(|error| {
            self.broken = Some(Broken::Disk);
            io::Error::new(error.kind(), format!("write blob {}: {error}", self.want.digest.short()))
        })?;
        if self.is_oversized() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more bytes than announced"));
        }
        self.meter.read(self.count);
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
