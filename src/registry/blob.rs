//! A layer as a stream that survives broken connections.

use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Response, StatusCode};

use super::client::Registry;
use super::failure::Failure;
use super::retry::Circumstances;
use super::transport::authority;
use crate::base::digest::Digest;

/// A try that brought this much was no failed one: a large layer over a bad line may need many.
const PROGRESS: u64 = 1 << 20;

/// What comes from a registry, a piece of memory that is passed on without being copied.
pub type Chunk = bytes::Bytes;

impl Registry {
    /// Streams a blob of exactly `size` bytes to `deliver`, in order and without gaps, going on where a
    /// broken connection left off. Ends early, without an error, when `deliver` returns false.
    ///
    /// The content is not hashed here: whoever stores it does that, beside decompressing it.
    pub async fn blob(
        &self,
        digest: &Digest,
        size: u64,
        mut deliver: impl AsyncFnMut(Chunk) -> bool,
    ) -> Result<(), Failure> {
        let mut stream = Stream { tail: format!("blobs/{digest}"), size, offset: 0 };
        let (mut attempt, mut mark) = (1, 0);
        loop {
            let failure = match self.blob_once(&mut stream, &mut deliver).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
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
        while let Some(mut chunk) =
            response.chunk().await.map_err(|error| self.transport.failure(&error, &url))?
        {
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
}

impl Stream {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.offset > 0 {
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
        let start = range.and_then(range_start);
        if self.offset == 0 || start != Some(self.offset) {
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

/// The first byte of `bytes 500-999/1000`.
fn range_start(value: &str) -> Option<u64> {
    value.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (value, start) in [
            ("bytes 500-999/1000", Some(500)),
            ("bytes 0-0/*", Some(0)),
            ("bytes */1000", None),
            ("items 5-9/10", None),
            ("", None),
            ("bytes -5", None),
        ] {
            assert_eq!(range_start(value), start, "{value}");
        }
    }

    #[test]
    fn exactly_its_size() {
        let mut stream = Stream { tail: String::new(), size: 10, offset: 0 };
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
