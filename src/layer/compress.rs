//! The one place that picks a codec.

use std::io::{self, BufReader, Cursor, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use anyhow::{Context, Result};
use bzip2::bufread::MultiBzDecoder;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use lzma_rust2::XzReader;

/// What a decoder reads from its source at once.
const INPUT: usize = 128 << 10;
/// The longest magic number looked for.
pub const MAGIC: usize = 6;

/// What decoding a stream of xz may take: `xz -9` needs 64 MiB, and a header can ask for 4 GiB.
const XZ_MEMORY_KIB: u32 = 160 << 10;

/// The OCI's type of a layer that is not compressed.
pub const PLAIN_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The OCI's type of a layer that is compressed with gzip.
pub const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// What compresses a layer, or an archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    Plain,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Codec {
    /// The OCI's type of a layer that is compressed so; only archives are compressed with the others.
    pub fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Plain => Some(PLAIN_LAYER),
            Self::Gzip => Some(GZIP_LAYER),
            Self::Zstd => Some(ZSTD_LAYER),
            Self::Xz | Self::Bzip2 => None,
        }
    }
}

/// What compresses a stream that starts so. What is not known counts as plain.
pub fn codec(start: &[u8]) -> Codec {
    match start {
        [0x1f, 0x8b, ..] => Codec::Gzip,
        // A frame, or a skippable frame (RFC 8878 section 3.1).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Codec::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Codec::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Codec::Bzip2,
        _ => Codec::Plain,
    }
}

/// Decodes a layer by its first bytes, whatever its media type says: gzip of any number of members, zstd of any
/// number of frames (skippable ones too, so zstd:chunked and eStargz are the plain streams they are), xz and bzip2 of
/// any number of streams, or a plain tar. A stream that ends in the middle is an error of kind `UnexpectedEof`.
pub fn decoder<'a>(source: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    Ok(recognize(source)?.1)
}

/// [`decoder`], and which it is.
pub fn recognize<'a>(mut source: impl Read + 'a) -> Result<(Codec, Box<dyn Read + 'a>)> {
    let mut start = Vec::with_capacity(MAGIC);
    source.by_ref().take(MAGIC as u64).read_to_end(&mut start)?;
    let codec = codec(&start);
    let source = BufReader::with_capacity(INPUT, Cursor::new(start).chain(source));
    let decoder: Box<dyn Read + 'a> = match codec {
        Codec::Gzip => Box::new(MultiGzDecoder::new(source)),
        Codec::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(source)?),
        Codec::Xz => Box::new(XzReader::new_mem_limit(source, true, XZ_MEMORY_KIB)),
        Codec::Bzip2 => Box::new(MultiBzDecoder::new(source)),
        Codec::Plain => Box::new(source),
    };
    Ok((codec, decoder))
}

/// What one processor compresses at a time. Smaller blocks compress worse, larger ones leave processors idle.
const BLOCK: usize = 1 << 20;

/// Compresses with gzip, on all processors: each block becomes a member of its own, which every decoder reads as
/// one stream (RFC 1952 section 2.2). The result does not depend on how many processors there are.
pub fn gzip(mut source: impl Read, mut sink: impl Write) -> Result<()> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let lanes = (0..workers).map(|_| Lane::start(scope)).collect::<Result<Vec<_>>>()?;
        let mut count = 0;
        loop {
            let mut block = Vec::with_capacity(BLOCK);
            source.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
            // Even nothing is one member.
            if block.is_empty() && count > 0 {
                break;
            }
            let lane = &lanes[count % workers];
            if count >= workers {
                sink.write_all(&lane.done()?)?;
            }
            lane.blocks.send(block).context("a thread that compresses has ended")?;
            count += 1;
        }
        // What is still in the lanes, in the order of its blocks.
        for index in count.saturating_sub(workers)..count {
            sink.write_all(&lanes[index % workers].done()?)?;
        }
        Ok(())
    })
}

/// A thread that compresses one block after the other.
struct Lane {
    blocks: SyncSender<Vec<u8>>,
    members: Receiver<io::Result<Vec<u8>>>,
}

impl Lane {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>) -> Result<Self> {
        let (blocks, waiting) = sync_channel::<Vec<u8>>(1);
        let (done, members) = sync_channel(1);
        let work = move || {
            while let Ok(block) = waiting.recv() {
                if done.send(member(&block)).is_err() {
                    return;
                }
            }
        };
        Builder::new().name("compress".to_owned()).spawn_scoped(scope, work).context("start a thread")?;
        Ok(Self { blocks, members })
    }

    fn done(&self) -> Result<Vec<u8>> {
        Ok(self.members.recv().context("a thread that compresses has ended")??)
    }
}

fn member(block: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(block.len() / 2), Compression::default());
    encoder.write_all(block)?;
    encoder.finish()
}

/// Whether a stream that starts so would be decompressed.
pub fn is_compressed(start: &[u8]) -> bool {
    codec(start) != Codec::Plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Write};

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(content, 1).unwrap()
    }

    fn bzip2(content: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(content: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap()
    }

    fn decode(source: &[u8]) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        decoder(source)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn codecs() {
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        for (name, source, content) in [
            ("plain", b"hello".to_vec(), "hello"),
            ("short", b"h".to_vec(), "h"),
            ("empty", Vec::new(), ""),
            ("gzip", gzip(b"hello"), "hello"),
            ("two gzip members", [gzip(b"hel"), gzip(b"lo")].concat(), "hello"),
            ("an empty gzip member last", [gzip(b"hello"), gzip(b"")].concat(), "hello"),
            ("zstd", zstd(b"hello"), "hello"),
            ("two zstd frames", [zstd(b"hel"), zstd(b"lo")].concat(), "hello"),
            ("a skippable frame first", [skippable.clone(), zstd(b"hello")].concat(), "hello"),
            ("a skippable frame last", [zstd(b"hello"), skippable].concat(), "hello"),
            ("xz", xz(b"hello"), "hello"),
            ("two xz streams", [xz(b"hel"), xz(b"lo")].concat(), "hello"),
            ("bzip2", bzip2(b"hello"), "hello"),
            ("two bzip2 streams", [bzip2(b"hel"), bzip2(b"lo")].concat(), "hello"),
        ] {
            assert_eq!(decode(&source).unwrap(), content.as_bytes(), "{name}");
        }
    }

    #[test]
    fn gzip_on_several_processors() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK + 5] {
            let content: Vec<u8> = (0..size as u32).map(|i| (i ^ (i >> 9)) as u8).collect();
            let mut blob = Vec::new();
            super::gzip(&content[..], &mut blob).unwrap();
            assert!(decode(&blob).unwrap() == content, "{size}");
        }
    }

    #[test]
    fn an_early_end_is_an_error() {
        let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for source in [gzip(&content), zstd(&content), xz(&content), bzip2(&content)] {
            for length in [7, source.len() / 2, source.len() - 1] {
                let error = decode(&source[..length]).unwrap_err();
                let error = error.downcast_ref::<std::io::Error>().unwrap();
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{length} of {}: {error}", source.len());
            }
        }
    }

    #[test]
    fn damage_and_strange_codecs_are_errors() {
        let mut damaged = gzip(&[7; 1000]);
        let end = damaged.len() - 6;
        damaged[end] ^= 1;
        assert!(decode(&damaged).is_err());
        assert!(decode(&[&gzip(b"hello")[..], b"garbage"].concat()).is_err());
        for codec in [xz, bzip2] {
            let whole = codec(b"hello, hello, hello");
            assert!(decode(&[&whole[..], b"garbage"].concat()).is_err());
            for (place, bit) in (0..whole.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
                let mut damaged = whole.clone();
                damaged[place] ^= 1 << bit;
                // The checks of both are of what they decode to; nothing may make a decoder panic.
                if let Ok(content) = decode(&damaged) {
                    assert!(content == b"hello, hello, hello" || content == damaged, "{place} {bit}");
                }
            }
        }
    }

    #[test]
    fn a_dictionary_is_bounded() {
        let mut options = lzma_rust2::XzOptions::with_preset(0);
        options.lzma_options.dict_size = 512 << 20;
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        writer.write_all(b"hello").unwrap();
        let error = decode(&writer.finish().unwrap()).unwrap_err();
        assert!(error.to_string().contains("memory"), "{error}");
    }
}
