//! What a push sends: blobs, taken over from another repository or sent, and manifests.
//!
//! Source: OCI distribution-spec v1.1, "Pushing blobs" and "Pushing manifests". A blob goes up in one piece
//! first. Where the connection breaks, the registry is asked how much it has kept, and gets the rest as a
//! chunk; only if it does not say is everything sent anew.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, StreamExt};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Body, Method, Response, StatusCode, Url};

use super::blob::Chunk;
use super::client::{Question, Registry, claimed_digest};
use super::failure::Failure;
use super::pulse::Pulse;
use super::retry::Circumstances;
use super::transport::{Send, authority};
use crate::base::digest::Digest;

/// The bytes of a blob from some offset on; an error in it breaks the upload off.
pub type Content = Pin<Box<dyn Stream<Item = io::Result<Chunk>> + std::marker::Send>>;

/// What the registry said to a blob that it may have in another repository.
pub enum Mounted {
    Done,
    /// It wants the bytes, here.
    Wanted(Upload),
}

/// A place where the registry waits for the bytes of one blob.
pub struct Upload(Url);

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

impl Registry {
    /// Whether the repository has a blob.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, Failure> {
        let tail = format!("blobs/{digest}");
        let head = Question { method: Method::HEAD, tail: &tail, headers: HeaderMap::new(), document: true };
        match self.persist(async || self.ask(&head).await).await {
            Ok(_) => Ok(true),
            Err(Failure::NotFound { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Asks for a blob to be taken over from another repository of the registry.
    pub async fn mount(&self, digest: &Digest, from: &str) -> Result<Mounted, Failure> {
        let response = self.start(&format!("blobs/uploads/?mount={digest}&from={from}")).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(Mounted::Done);
        }
        self.place(&response).map(Mounted::Wanted)
    }

    /// Sends a blob, to the place where it is waited for or to a new one. `content` gives the bytes from an
    /// offset on, and `gone` is kept at how many have been sent.
    pub async fn upload(
        &self,
        digest: &Digest,
        size: u64,
        place: Option<Upload>,
        mut content: impl FnMut(u64) -> Content,
        gone: &Arc<AtomicU64>,
    ) -> Result<(), Failure> {
        let (mut place, mut offset) = (place, 0);
        let mut attempt = 1;
        loop {
            let upload = match place.take() {
                Some(upload) => upload,
                None => self.place(&self.start("blobs/uploads/").await?)?,
            };
            let body = counted(content(offset), offset, size, gone.clone());
            let failure = match self.send_rest(&upload, digest, offset, size, body).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let circumstances = Circumstances { contacted: true, blob: true };
            let Some(delay) = self.options.retry.delay(attempt, &failure, circumstances) else {
                return Err(failure);
            };
            tokio::time::sleep(delay).await;
            let kept = self.kept(&upload).await.filter(|(kept, _)| *kept <= size);
            let reached = kept.as_ref().map_or(0, |(kept, _)| *kept);
            // What moves on, however slowly, is not given up.
            attempt = if reached > offset { 1 } else { attempt + 1 };
            offset = reached;
            place = kept.map(|(_, place)| place);
        }
    }

    /// Stores a manifest under a tag or its digest. Returns the digest that it has there.
    pub async fn put_manifest(
        &self,
        name: &str,
        media_type: &str,
        manifest: &[u8],
    ) -> Result<Digest, Failure> {
        let digest = Digest::of(manifest);
        let url = self.url(&self.base()?, &format!("manifests/{name}"))?;
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::try_from(media_type);
        headers.insert(CONTENT_TYPE, kind.map_err(|_| Failure::Answer("invalid media type".to_owned()))?);
        let content = Chunk::copy_from_slice(manifest);
        let put = async || {
            let response = self.transfer(Method::PUT, &url, &headers, || memory(content.clone())).await?;
            let response = self.accept(response).await?;
            claimed_digest(response.headers())
        };
        match self.persist(put).await? {
            Some(actual) if actual != digest => Err(Failure::Digest { expected: digest, actual }),
            _ => Ok(digest),
        }
    }

    /// Opens an upload, or mounts.
    async fn start(&self, tail: &str) -> Result<Response, Failure> {
        let post = Question { method: Method::POST, tail, headers: HeaderMap::new(), document: true };
        self.persist(async || self.ask(&post).await).await
    }

    /// Sends what is missing: everything in one request, or one last chunk and the word that it was that.
    async fn send_rest(
        &self,
        upload: &Upload,
        digest: &Digest,
        offset: u64,
        size: u64,
        body: (Content, Pulse),
    ) -> Result<(), Failure> {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, BYTES)]);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(size - offset));
        if offset == 0 {
            let url = with_digest(upload.0.clone(), digest);
            return self.accept(self.send(Method::PUT, &url, headers, body).await?).await.map(drop);
        }
        let mut last = Upload(upload.0.clone());
        if offset < size {
            let range = HeaderValue::try_from(format!("{offset}-{}", size - 1));
            headers.extend(range.ok().map(|range| (CONTENT_RANGE, range)));
            let response = self.send(Method::PATCH, &upload.0, headers, body).await?;
            last = self.place(&self.accept(response).await?)?;
        }
        let url = with_digest(last.0, digest);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, BYTES)]);
        let response = self.transfer(Method::PUT, &url, &headers, || memory(Chunk::new())).await?;
        self.accept(response).await.map(drop)
    }

    /// How many bytes of an upload the registry has kept, and where it waits for the next; `None` if it does
    /// not say.
    async fn kept(&self, upload: &Upload) -> Option<(u64, Upload)> {
        let secret = self.secret_for(&upload.0).await;
        let ask = super::transport::Ask::get(upload.0.clone(), secret.as_ref());
        let response = self.transport.ask(ask).await.ok()?;
        let range = response.headers().get(RANGE)?.to_str().ok()?;
        if response.status() != StatusCode::NO_CONTENT {
            return None;
        }
        Some((end_of(range)?, self.place(&response).ok()?))
    }

    /// Sends small content, and once more with a better header if the first is refused.
    async fn transfer(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        content: impl Fn() -> (Content, Pulse),
    ) -> Result<Response, Failure> {
        let used = self.secret().await;
        let response = self.send(method.clone(), url, headers.clone(), content()).await?;
        match self.let_in(&self.base()?, &response, used.as_ref()).await? {
            Some(_) => self.send(method, url, headers.clone(), content()).await,
            None => Ok(response),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        (content, pulse): (Content, Pulse),
    ) -> Result<Response, Failure> {
        let secret = self.secret_for(url).await;
        let (url, body) = (url.clone(), Body::wrap_stream(content));
        self.transport.send(Send { method, url, headers, secret: secret.as_ref(), body, pulse: &pulse }).await
    }

    /// Our header, if an address is the registry's own: an upload may be waited for elsewhere.
    async fn secret_for(&self, url: &Url) -> Option<HeaderValue> {
        let own = self.base().is_ok_and(|base| base.origin() == url.origin());
        if own { self.secret().await } else { None }
    }

    /// The address in an answer, under the rules for redirects.
    fn place(&self, response: &Response) -> Result<Upload, Failure> {
        if !response.headers().contains_key(LOCATION) {
            let host = authority(response.url());
            return Err(Failure::Answer(format!("{host} does not say where to upload to")));
        }
        self.transport.next_hop(response.url(), response.headers()).map(Upload)
    }
}

/// Content that tells how far it has been taken, of so many bytes.
fn counted(content: Content, offset: u64, size: u64, gone: Arc<AtomicU64>) -> (Content, Pulse) {
    let pulse = Pulse::new(size - offset);
    let beating = pulse.clone();
    let counted = content.inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            gone.store(offset + beating.beat(chunk.len()), Ordering::Relaxed);
        }
    });
    (Box::pin(counted), pulse)
}

/// Small content that is in memory.
fn memory(chunk: Chunk) -> (Content, Pulse) {
    let size = chunk.len() as u64;
    let chunks = (!chunk.is_empty()).then_some(Ok(chunk));
    counted(Box::pin(futures_util::stream::iter(chunks)), 0, size, Arc::default())
}

fn with_digest(mut url: Url, digest: &Digest) -> Url {
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    url
}

/// How many bytes `0-999` are. Docker's registry says `0-0` of none and of one: then it is worth nothing.
fn end_of(range: &str) -> Option<u64> {
    let (first, last) = range.trim().strip_prefix("bytes=").unwrap_or(range.trim()).split_once('-')?;
    let last: u64 = last.parse().ok().filter(|_| first == "0")?;
    if last == 0 { None } else { last.checked_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_uploads() {
        for (range, kept) in [
            ("0-999", Some(1000)),
            ("bytes=0-9", Some(10)),
            ("0-0", None),
            ("5-9", None),
            ("", None),
            ("0-", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(end_of(range), kept, "{range}");
        }
    }

    #[test]
    fn an_address_keeps_its_query() {
        let url = Url::parse("https://h/v2/a/blobs/uploads/1?_state=x%3D").unwrap();
        let text = with_digest(url, &Digest::of(b"")).to_string();
        assert!(
            text.starts_with("https://h/v2/a/blobs/uploads/1?_state=x%3D&digest=sha256%3Ae3b0c442"),
            "{text}"
        );
    }
}
