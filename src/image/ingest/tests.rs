//! What one layer becomes on its way in, and what is left where it is not what it claims to be.

use super::stream::BUFFER;
use super::*;
use crate::image::progress::LayerState;
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
            let states = add(&scratch, &blob[..], &want).unwrap_or_else(|e| panic!("{what} {codec}: {e:#}"));
            assert_eq!(states.last(), Some(&LayerState::PullComplete), "{what} {codec}");
            assert_eq!(presence(&scratch.layout, &want), Presence::Whole);
            let file = Layers::new(&scratch.layout).path(&want.diff_id).join("dir/file");
            assert_eq!(fs::read(file).unwrap(), content, "{what} {codec}");
            assert_eq!(Layers::new(&scratch.layout).info(&want.diff_id).unwrap().size, content.len() as u64);
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
    let cases: [(&str, &[u8], LayerWanted, &str); 9] = [
        ("a wrong digest", &blob, LayerWanted { digest: other.clone(), ..good.clone() }, "digest is"),
        ("a plain one's", &tar, LayerWanted { digest: other.clone(), ..want(&tar, &tar) }, "digest is"),
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
