//! A context, or a Dockerfile alone, in a stream.

use std::io::{BufReader, Cursor, Read};

use anyhow::{Context, Result, ensure};

use super::Tree;
use crate::layer::compress::{self, Codec};
use crate::layer::unpack::{Form, Owners, UnpackOptions, unpack};
use crate::layer::{self, BLOCK};
use crate::sys::path::Dir;

const MAX_ENTRIES: u64 = 4 << 20;

/// Reads a stream: an archive, compressed or not, is unpacked as the caller's; anything else is a Dockerfile. An
/// archive may have `limit` bytes of files.
pub fn read(mut source: impl Read, limit: u64, scratch: &Dir) -> Result<Tree> {
    let mut start = Vec::with_capacity(BLOCK);
    source.by_ref().take(BLOCK as u64).read_to_end(&mut start)?;
    // An archive of nothing is one too.
    let is_archive = layer::begins_archive(&start) || start == [0; BLOCK];
    if compress::codec(&start) == Codec::Plain && !is_archive {
        ensure!(!start.is_empty(), "it is empty");
        return Ok(Tree::Dockerfile(super::read_text(Cursor::new(start).chain(source))?));
    }
    let root = super::empty(scratch)?;
    let options = UnpackOptions {
        fold_ids: true,
        max_bytes: limit,
        max_entries: MAX_ENTRIES,
        form: Form::Files { owners: Owners::Process, overwrite: true, root: false },
    };
    let decoder = compress::decoder(Cursor::new(start).chain(source)).context("read the archive")?;
    unpack(BufReader::with_capacity(1 << 18, decoder), &root, &options)?;
    Ok(Tree::Files(root))
}
