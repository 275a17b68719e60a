//! A layer as a stream that survives broken connections.

use std::time::Instant;

use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Response, StatusCode};

use super::client::Registry;
use super::failure::Failure;
use super::retry::Circumstances;
use super::transport::authority;
use crate::base::digest::Digest;

/// A try that brought this much was no failed one: a large layer over a bad line may need many.
const PROGRESS: u64 = 1 << 20;
/// Less than this in so many stalls is no line that is bad, but one that is held open on purpose.
const TRICKLE: u64 = 4 << 10;
const TRICKLE_STALLS: u32 = 4;

/// What comes from a registry, a piece of memory that is passed on without being copied.
pub type Chunk = bytes::Bytes;

impl Registry {
    /// Streams a blob of exactly `size` bytes from the byte `from` on to `deliver`, in order and without gaps, going
    /// on where a broken connection left off. Ends early, without an error, when `deliver` returns false.
    ///
    /// A range needs no `If-Range` (RFC 9110, section 13.1.5): what a digest names never changes.
    /// The content is not hashed here: whoever stores it does that, beside decompressing it.
    pub async fn blob(
        &self,
        digest: &Digest,
        (from, size): (u64, u64),
        mut deliver: impl AsyncFnMut(Chunk) -> bool,
    ) -> Result<(), Failure> {
        let mut stream = Stream { tail: format!("blobs/{digest}"), size, offset: from, ranges: true };
        let (mut attempt, mut mark) = (1, from);
        loop {
            let failure = match self.blob_once(&mut stream, &mut deliver).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            // A server that makes a mess of ranges is asked for the whole.
            if stream.is_ranged() && is_about_ranges(&failure) {
                stream.ranges = false;
                continue;
            }
            if stream.offset - mark >= PROGRESS {
                (attempt, mark) = (1, stream.offset);
            }
            let circumstances = Circumstances { contacted: self.is_contacted(), blob: true };
            match self.options.retry.delay(attempt, &failure, circumstances) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(failure),
            }
            attempt += 1;
        }
    }

    async fn blob_once(
        &self,
        stream: &mut Stream,
        deliver: &mut impl AsyncFnMut(Chunk) -> bool,
    ) -> Result<(), Failure> {
        let mut response = self.get(&stream.tail, stream.headers(), false).await?;
        let mut skip = stream.begin(&response)?;
        let url = response.url().clone();
        let patience = self.options.stall * TRICKLE_STALLS;
        let (mut since, mut then) = (Instant::now(), stream.offset);
        while let Some(mut chunk) =
            response.chunk().await.map_err(|error| self.transport.failure(&error, &url))?
        {
            if since.elapsed() >= patience {
                if stream.offset - then < TRICKLE {
                    return Err(Failure::Stalled { host: authority(&url), after: patience });
                }
                (since, then) = (Instant::now(), stream.offset);
            }
            let known = skip.min(chunk.len() as u64);
            skip -= known;
            // In range: at most the length of the chunk.
            let chunk = chunk.split_off(known as usize);
            stream.advance(chunk.len() as u64)?;
            if !chunk.is_empty() && !deliver(chunk).await {
                return Ok(());
            }
        }
        stream.end(authority(&url))
    }
}

/// How far a blob has come.
struct Stream {
    tail: String,
    size: u64,
    offset: u64,
    /// Whether the server is asked for ranges.
    ranges: bool,
}

impl Stream {
    fn is_ranged(&self) -> bool {
        self.ranges && self.offset > 0
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.is_ranged() {
            let range = HeaderValue::try_from(format!("bytes={}-", self.offset));
            headers.extend(range.ok().map(|range| (RANGE, range)));
        }
        headers
    }

    /// Checks how an answer goes on; returns how many bytes at its beginning have come before.
    fn begin(&self, response: &Response) -> Result<u64, Failure> {
        let length = response.content_length();
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // The whole blob, from a server that knows no ranges.
            return match length.filter(|length| *length != self.size) {
                Some(actual) => Err(Failure::Size { expected: self.size, actual }),
                None => Ok(self.offset),
            };
        }
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let goes_on = range.and_then(range_of).is_some_and(|(start, whole)| {
            start == self.offset && whole.is_none_or(|whole| whole == self.size)
        });
        if !self.is_ranged() || !goes_on {
            let host = authority(response.url());
            return Err(Failure::Answer(format!("{host} sent another range than the one asked for")));
        }
        Ok(0)
    }

    fn advance(&mut self, length: u64) -> Result<(), Failure> {
        self.offset += length;
        if self.offset > self.size {
            return Err(Failure::Size { expected: self.size, actual: self.offset });
        }
        Ok(())
    }

    fn end(&self, host: String) -> Result<(), Failure> {
        if self.offset < self.size {
            let cause = format!("{} of {} bytes came", self.offset, self.size);
            return Err(Failure::Broken { host, cause });
        }
        Ok(())
    }
}

/// Whether a request without a range may do better.
fn is_about_ranges(failure: &Failure) -> bool {
    matches!(failure, Failure::Answer(_) | Failure::Status { status: 416, .. })
}

/// The first byte and the size of the whole of `bytes 500-999/1000`; the whole may be `*`.
fn range_of(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let whole = whole.trim();
    let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
    Some((start.trim().parse().ok()?, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (value, start) in [
            ("bytes 500-999/1000", Some((500, Some(1000)))),
            ("bytes 0-0/*", Some((0, None))),
            ("bytes 500-999", None),
            ("bytes 500-999/many", None),
            ("bytes */1000", None),
            ("items 5-9/10", None),
            ("", None),
            ("bytes -5", None),
        ] {
            assert_eq!(range_of(value), start, "{value}");
        }
    }

    #[test]
    fn exactly_its_size() {
        let mut stream = Stream { tail: String::new(), size: 10, offset: 0, ranges: true };
        assert!(stream.headers().is_empty());
        stream.advance(6).unwrap();
        assert_eq!(stream.headers()[RANGE], "bytes=6-");
        let error = stream.end("r.example".to_owned()).unwrap_err();
        assert_eq!(error.to_string(), "r.example broke the connection off: 6 of 10 bytes came");
        stream.advance(4).unwrap();
        assert!(stream.end(String::new()).is_ok());
        assert_eq!(stream.advance(1).unwrap_err().to_string(), "size is 11, expected 10");
    }
}
