//! Pieces as bytes: how they wait in memory, and how they come to another process.
//!
//! ```text
//! length (4)  stream (1)  whole (1)  seconds (8)  nanoseconds (4)  text      all in the order of the machine
//! ```

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{Piece, Stream};

const HEAD: usize = 18;

/// Puts a piece behind those that wait.
pub fn encode(piece: &Piece<'_>, to: &mut VecDeque<u8>) {
    let length = piece.text.len() as u32;
    to.extend(length.to_ne_bytes());
    to.extend([piece.stream as u8, u8::from(piece.whole)]);
    to.extend(piece.time.as_second().to_ne_bytes());
    to.extend(piece.time.subsec_nanosecond().to_ne_bytes());
    to.extend(piece.text);
}

/// The first piece, and the bytes behind it; none if it is not there whole.
pub fn decode(bytes: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let length = u32::from_ne_bytes(*head.first_chunk()?) as usize;
    let (text, rest) = rest.split_at_checked(length)?;
    let seconds = i64::from_ne_bytes(*head[6..].first_chunk()?);
    let nanoseconds = i32::from_ne_bytes(*head[14..].first_chunk()?);
    let piece = Piece {
        stream: if head[4] == Stream::Stdout as u8 { Stream::Stdout } else { Stream::Stderr },
        time: Timestamp::new(seconds, nanoseconds).unwrap_or_default(),
        text,
        whole: head[5] != 0,
    };
    Some((piece, rest))
}
