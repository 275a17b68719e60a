//! One compressed layer from its source into the store, in a single pass.
//!
//! ```text
//! source ─> hash, size ─> blob in tmp/ ─> decode ─┐ buffers ┌─> hash (diff-id) ─> unpack into tmp/
//!           `── the calling thread ──────────────┘         └── a thread of its own ──────────┘
//! ```
//!
//! Inflating and unpacking take about as long as each other, so a single layer keeps two processors busy. Every
//! byte is hashed, those behind the archive's end too. When both digests have proved right, the layer waits in `tmp/`
//! until its [`Batch`] is stored: all layers of an image wait for the disk once, and only then get their names.
//! Whatever fails leaves nothing.

use std::io::{self, BufRead, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::progress::{LayerState, Progress, Silent};
use crate::base::digest::Digest;
use crate::base::hint::{self, HintExt};
use crate::base::verify::VerifyError;
use crate::layer::compress;
use crate::layer::unpack::{self, UnpackOptions, Unpacked};
use crate::store::blobs::{self, BlobWriter, Blobs, Sync, VerifiedBlob};
use crate::store::flush::Flusher;
use crate::store::layers::{LayerInfo, Layers, Staging};
use crate::store::layout::Layout;
use crate::store::space;
use crate::sys::path::clear_umask;

/// What a layer claims to be.
#[derive(Clone, Debug)]
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

/// One buffer of the decoded stream, and how many there are. Large, so that most files are one `write`.
const BUFFER: usize = 256 << 10;
const BUFFERS: usize = 8;

/// Progress is told each time this many bytes more have passed.
const STEP: u64 = 256 << 10;

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
            let stream = Stream::new(filled, to_feeder, self);
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

    /// Hashes and unpacks the decoded bytes, to the last.
    fn unpack(&self, mut stream: Stream<'_>, staging: Option<&Staging>) -> Result<Unpacked> {
        let unpacked = match staging {
            Some(staging) => {
                clear_umask().context("clear the file mode creation mask")?;
                unpack::unpack(&mut stream, staging.dir(), &self.unpack_options())?
            }
            None => Unpacked::default(),
        };
        let actual = stream.finish()?;
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
    let mut decoder = compress::decoder(tee)?;
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

/// What goes from one thread to the other.
enum Piece {
    Data(Buffer),
    /// Everything before it is true.
    End,
}

struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
    /// How many compressed bytes had been read when it was filled.
    consumed: u64,
}

impl Buffer {
    fn new() -> Self {
        Self { bytes: vec![0; BUFFER].into_boxed_slice(), filled: 0, consumed: 0 }
    }

    /// Reads until it is full or the source at its end.
    fn fill(&mut self, source: &mut impl Read) -> io::Result<()> {
        self.filled = 0;
        while self.filled < self.bytes.len() {
            match source.read(&mut self.bytes[self.filled..]) {
                Ok(0) => break,
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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

/// The decoded bytes as they arrive in the unpacking thread: hashed and bounded.
struct Stream<'a> {
    pieces: Receiver<Piece>,
    emptied: Sender<Buffer>,
    current: Option<Buffer>,
    /// What of `current` has been taken.
    taken: usize,
    ended: bool,
    hasher: Sha256,
    total: u64,
    limit: u64,
    meter: &'a Meter<'a>,
}

impl<'a> Stream<'a> {
    fn new(pieces: Receiver<Piece>, emptied: Sender<Buffer>, ingest: &'a Ingest<'a>) -> Self {
        Self {
            pieces,
            emptied,
            current: None,
            taken: 0,
            ended: false,
            hasher: Sha256::new(),
            total: 0,
            limit: ingest.limit(),
            meter: &ingest.meter,
        }
    }

    /// Takes the rest and returns the digest of everything.
    fn finish(mut self) -> io::Result<Digest> {
        loop {
            let n = self.fill_buf()?.len();
            if n == 0 {
                return Ok(Digest::from_hasher(self.hasher));
            }
            self.consume(n);
        }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        if let Some(buffer) = self.current.take() {
            // The feeder may be done already.
            let _ = self.emptied.send(buffer);
        }
        match self.pieces.recv() {
            Ok(Piece::Data(buffer)) => {
                let bytes = &buffer.bytes[..buffer.filled];
                self.total += bytes.len() as u64;
                if self.total > self.limit {
                    return Err(io::Error::other(format!(
                        "more than {} bytes when decompressed",
                        self.limit
                    )));
                }
                self.hasher.update(bytes);
                self.meter.unpacked(buffer.consumed);
                (self.current, self.taken) = (Some(buffer), 0);
            }
            Ok(Piece::End) => self.ended = true,
            Err(_) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream broke off")),
        }
        Ok(())
    }
}

impl BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.ended && self.current.as_ref().is_none_or(|buffer| self.taken == buffer.filled) {
            self.next_piece()?;
        }
        Ok(self.current.as_ref().map_or(&[], |buffer| &buffer.bytes[self.taken..buffer.filled]))
    }

    fn consume(&mut self, n: usize) {
        self.taken += n;
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

/// Tells how far a layer is: from the feeding thread until the download is complete, then from the unpacking one.
struct Meter<'a> {
    progress: &'a dyn Progress,
    id: String,
    total: u64,
    /// Compressed bytes read.
    position: AtomicU64,
    /// The position that was told last.
    told: AtomicU64,
    is_complete: AtomicBool,
}

impl<'a> Meter<'a> {
    fn new(progress: &'a dyn Progress, want: &LayerWanted) -> Self {
        Self {
            progress,
            id: want.digest.short(),
            total: want.size,
            position: AtomicU64::new(0),
            told: AtomicU64::new(0),
            is_complete: AtomicBool::new(false),
        }
    }

    fn tell(&self, state: LayerState) {
        self.progress.layer(&self.id, state);
    }

    fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Whether enough has passed since the last time.
    fn is_due(&self, position: u64) -> bool {
        let is_due = position >= self.told.load(Ordering::Relaxed) + STEP;
        if is_due {
            self.told.store(position, Ordering::Relaxed);
        }
        is_due
    }

    fn read(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
        if self.is_due(position) {
            self.tell(LayerState::Downloading { current: position, total: self.total });
        }
    }

    fn verifying(&self) {
        self.tell(LayerState::VerifyingChecksum);
    }

    fn downloaded(&self) {
        self.tell(LayerState::DownloadComplete);
        self.told.store(0, Ordering::Relaxed);
        self.is_complete.store(true, Ordering::Release);
    }

    fn unpacked(&self, position: u64) {
        if self.is_complete.load(Ordering::Acquire) && self.is_due(position) {
            self.tell(LayerState::Extracting { current: position, total: self.total });
        }
    }

    fn finish(&self) {
        self.tell(LayerState::Extracting { current: self.total, total: self.total });
        self.tell(LayerState::PullComplete);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;
    use std::fs;
    use std::sync::Mutex;

    /// Remembers the states of a layer, each kind once.
    #[derive(Default)]
    struct Heard(Mutex<Vec<LayerState>>);

    impl Progress for Heard {
        fn line(&self, _: &str) {}

        fn layer(&self, _: &str, state: LayerState) {
            let mut heard = self.0.lock().unwrap();
            if heard.last().map(std::mem::discriminant) != Some(std::mem::discriminant(&state)) {
                heard.push(state);
            }
        }
    }

    fn tar(content: &[u8]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, "dir/file", content).unwrap();
        builder.into_inner().unwrap()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn want(blob: &[u8], tar: &[u8]) -> LayerWanted {
        LayerWanted { digest: Digest::of(blob), size: blob.len() as u64, diff_id: Digest::of(tar) }
    }

    fn add(scratch: &Scratch, source: impl Read, want: &LayerWanted) -> Result<Vec<LayerState>> {
        let heard = Heard::default();
        let batch = Batch::new(&scratch.layout, IngestOptions::new(true), &heard)?;
        batch.add(source, want)?;
        batch.store()?;
        Ok(heard.0.into_inner().unwrap())
    }

    fn unpack_stored(scratch: &Scratch, want: &LayerWanted) -> Result<()> {
        let heard = Heard::default();
        let batch = Batch::new(&scratch.layout, IngestOptions::new(true), &heard)?;
        batch.unpack_stored(want)?;
        batch.store()
    }

    /// Everything in the store, with `-` for what is in the making.
    fn files(scratch: &Scratch) -> usize {
        let layout = &scratch.layout;
        let count = |path| fs::read_dir(path).map_or(0, Iterator::count);
        count(layout.tmp()) + count(layout.images().join("blobs/sha256")) + count(layout.layers())
    }

    #[test]
    fn every_codec_and_size() {
        for (what, content) in [("small", vec![b'x'; 10]), ("several buffers", vec![7; 5 * BUFFER + 3])] {
            let tar = tar(&content);
            for (codec, blob) in [
                ("plain", tar.clone()),
                ("gzip", gzip(&tar)),
                ("zstd", zstd::stream::encode_all(&tar[..], 1).unwrap()),
            ] {
                let scratch = Scratch::new();
                let want = want(&blob, &tar);
                let states =
                    add(&scratch, &blob[..], &want).unwrap_or_else(|e| panic!("{what} {codec}: {e:#}"));
                assert_eq!(states.last(), Some(&LayerState::PullComplete), "{what} {codec}");
                assert_eq!(presence(&scratch.layout, &want), Presence::Whole);
                let file = Layers::new(&scratch.layout).path(&want.diff_id).join("dir/file");
                assert_eq!(fs::read(file).unwrap(), content, "{what} {codec}");
                assert_eq!(
                    Layers::new(&scratch.layout).info(&want.diff_id).unwrap().size,
                    content.len() as u64
                );
                assert_eq!(Blobs::new(&scratch.layout).read(&want.digest, 1 << 30).unwrap(), blob);
                assert_eq!(files(&scratch), 3);
            }
        }
    }

    #[test]
    fn states_come_in_docker_s_order() {
        let tar = tar(&vec![1; 8 * BUFFER]);
        let states = add(&Scratch::new(), &tar[..], &want(&tar, &tar)).unwrap();
        let total = tar.len() as u64;
        assert!(matches!(states[0], LayerState::Downloading { current, .. } if current <= total));
        let rest = [LayerState::VerifyingChecksum, LayerState::DownloadComplete];
        assert_eq!(states[1..3], rest);
        assert!(matches!(states[3], LayerState::Extracting { total: of, .. } if of == total));
        assert_eq!(states[4..], [LayerState::PullComplete]);
    }

    #[test]
    fn names_come_with_the_whole_batch() {
        let scratch = Scratch::new();
        let heard = Heard::default();
        let (one, two) = (tar(b"one"), tar(b"two"));
        for stored in [false, true] {
            let batch = Batch::new(&scratch.layout, IngestOptions::new(true), &heard).unwrap();
            for tar in [&one, &two] {
                batch.add(&tar[..], &want(tar, tar)).unwrap();
                assert_eq!(presence(&scratch.layout, &want(tar, tar)), Presence::Missing);
            }
            if stored {
                batch.store().unwrap();
            } else {
                drop(batch);
            }
            assert_eq!(files(&scratch), if stored { 6 } else { 0 });
        }
    }

    #[test]
    fn what_lies_leaves_nothing() {
        let tar = tar(&vec![3; 3 * BUFFER]);
        let blob = gzip(&tar);
        let good = want(&blob, &tar);
        let other = Digest::of(b"other");
        let mut flipped = blob.clone();
        flipped[blob.len() / 2] ^= 0x55;
        let longer = [&blob[..], b"x"].concat();
        let after_end = [&tar[..], &vec![9; 2 * BUFFER]].concat();
        let cases: [(&str, &[u8], LayerWanted, &str); 8] = [
            ("a wrong digest", &blob, LayerWanted { digest: other.clone(), ..good.clone() }, "digest is"),
            (
                "a wrong diff-id",
                &blob,
                LayerWanted { diff_id: other.clone(), ..good.clone() },
                "uncompressed layer: digest is",
            ),
            ("too short", &blob[..blob.len() - 9], good.clone(), "size is"),
            ("too long", &longer, good.clone(), "size is"),
            ("nothing", b"", good.clone(), "size is 0"),
            ("damaged", &flipped, good.clone(), "digest is"),
            ("no archive", b"<html>", want(b"<html>", b"<html>"), "cut off"),
            ("bytes after the end", &after_end, want(&after_end, &tar), "uncompressed layer: digest is"),
        ];
        for (what, source, want, error) in cases {
            let scratch = Scratch::new();
            let shown = format!("{:#}", add(&scratch, source, &want).expect_err(what));
            assert!(shown.contains(error), "{what}: {shown}");
            assert_eq!(files(&scratch), 0, "{what}");
        }
    }

    #[test]
    fn a_wrong_blob_can_be_told() {
        let tar = tar(b"x");
        let good = want(&tar, &tar);
        let error = add(&Scratch::new(), &tar[..100], &good).unwrap_err();
        assert!(error.chain().any(|cause| cause.is::<WrongBlob>()), "{error:#}");
    }

    #[test]
    fn a_source_that_breaks_is_the_cause() {
        struct Breaks;
        impl Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "the registry hung up"))
            }
        }
        let scratch = Scratch::new();
        let tar = tar(b"x");
        let error = add(&scratch, (&tar[..700]).chain(Breaks), &want(&tar, &tar)).unwrap_err();
        assert!(format!("{error:#}").ends_with("the registry hung up"), "{error:#}");
        assert_eq!(files(&scratch), 0);
    }

    #[test]
    fn bombs_are_bounded() {
        let tar = tar(&vec![0; 40 * BUFFER]);
        let blob = gzip(&tar);
        let scratch = Scratch::new();
        let options = IngestOptions { max_bytes: Some(8 * BUFFER as u64), ..IngestOptions::new(true) };
        let heard = Heard::default();
        let batch = Batch::new(&scratch.layout, options, &heard).unwrap();
        let error = format!("{:#}", batch.add(&blob[..], &want(&blob, &tar)).unwrap_err());
        assert!(error.contains("more than 2097152 bytes when"), "{error}");
        assert_eq!(files(&scratch), 0);
        assert_eq!(default_limit(10 << 20), 4 << 30);
        assert_eq!(default_limit(1 << 30), 200 << 30);
    }

    #[test]
    fn one_half_makes_up_for_the_other() {
        let scratch = Scratch::new();
        let tar = tar(b"content");
        let blob = gzip(&tar);
        let want = want(&blob, &tar);
        add(&scratch, &blob[..], &want).unwrap();
        Layers::new(&scratch.layout).remove(&want.diff_id).unwrap();
        assert_eq!(presence(&scratch.layout, &want), Presence::Blob);
        unpack_stored(&scratch, &want).unwrap();
        assert_eq!(presence(&scratch.layout, &want), Presence::Whole);
        Blobs::new(&scratch.layout).remove(&want.digest).unwrap();
        assert_eq!(presence(&scratch.layout, &want), Presence::Missing);
        add(&scratch, &blob[..], &want).unwrap();
        assert_eq!(presence(&scratch.layout, &want), Presence::Whole);
        assert_eq!(files(&scratch), 3);
    }

    #[test]
    fn a_rotten_blob_is_thrown_away() {
        let scratch = Scratch::new();
        let tar = tar(b"content");
        let want = want(&tar, &tar);
        add(&scratch, &tar[..], &want).unwrap();
        Layers::new(&scratch.layout).remove(&want.diff_id).unwrap();
        let mut rotten = tar.clone();
        rotten[600] ^= 1;
        fs::write(scratch.layout.blob(&want.digest), rotten).unwrap();
        let error = unpack_stored(&scratch, &want).unwrap_err();
        assert!(format!("{error:#}").contains("digest is"), "{error:#}");
        assert_eq!(files(&scratch), 0);
    }
}
