//! One repository of one registry: requests, retries, and documents that are what they claim to be.

use std::cell::{Cell, RefCell};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use super::auth::Auth;
use super::failure::{Failure, TlsFault};
use super::retry::{self, Circumstances};
use super::transport::{Get, Options, Transport, authority};
use crate::base::digest::Digest;
use crate::config::registries;
use crate::oci::media::{self, Kind};
use crate::oci::reference::Reference;

const MAX_MANIFEST: usize = 4 << 20;
const MAX_CONFIG: usize = 8 << 20;
const MAX_ERROR: usize = 64 << 10;
const CONTENT_DIGEST: &str = "docker-content-digest";

/// A manifest or an index whose bytes have been checked.
#[derive(Debug)]
pub struct Document {
    pub bytes: Vec<u8>,
    pub digest: Digest,
    pub kind: Kind,
}

/// A client for one repository.
pub struct Registry {
    pub(super) transport: Transport,
    pub(super) options: Options,
    auth: Auth,
    host: String,
    path: String,
    /// `http(s)://HOST`, known once the registry has answered.
    base: RefCell<Option<Url>>,
    contacted: Cell<bool>,
}

impl Registry {
    /// Prepares to talk to the registry of a name; connects to nothing.
    pub fn new(reference: &Reference, options: Options) -> Self {
        Self {
            transport: Transport::new(options),
            options,
            auth: Auth::new(reference, options),
            host: registries::endpoint(reference.domain()).to_owned(),
            path: reference.path().to_owned(),
            base: RefCell::default(),
            contacted: Cell::new(false),
        }
    }

    /// Fetches what a tag points at, and checks it against the digest that the registry claims for it.
    pub async fn tagged(&self, tag: &str) -> Result<Document, Failure> {
        self.manifest(tag, None).await
    }

    /// Fetches the manifest with this digest.
    pub async fn manifest_by_digest(&self, digest: &Digest) -> Result<Document, Failure> {
        self.manifest(&digest.to_string(), Some(digest)).await
    }

    async fn manifest(&self, name: &str, wanted: Option<&Digest>) -> Result<Document, Failure> {
        let accept = HeaderValue::from_static(media::ACCEPT_MANIFEST);
        let (headers, bytes) =
            self.document(&format!("manifests/{name}"), Some(accept), MAX_MANIFEST).await?;
        let digest = Digest::of(&bytes);
        for expected in wanted.cloned().into_iter().chain(claimed_digest(&headers)?) {
            if digest != expected {
                return Err(Failure::Digest { expected, actual: digest });
            }
        }
        let served_as = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind =
            Kind::of_document(served_as, &bytes).map_err(|error| Failure::Answer(error.to_string()))?;
        Ok(Document { bytes, digest, kind })
    }

    /// Fetches a small blob into memory: an image's configuration.
    pub async fn config(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, Failure> {
        if size > MAX_CONFIG as u64 {
            return Err(Failure::Answer(format!("its size is {size} bytes, more than {MAX_CONFIG}")));
        }
        let (_, bytes) = self.document(&format!("blobs/{digest}"), None, MAX_CONFIG).await?;
        if bytes.len() as u64 != size {
            return Err(Failure::Size { expected: size, actual: bytes.len() as u64 });
        }
        let actual = Digest::of(&bytes);
        if actual != *digest {
            return Err(Failure::Digest { expected: digest.clone(), actual });
        }
        Ok(bytes)
    }

    async fn document(
        &self,
        tail: &str,
        accept: Option<HeaderValue>,
        limit: usize,
    ) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let mut headers = HeaderMap::new();
        headers.extend(accept.map(|accept| (ACCEPT, accept)));
        let mut attempt = 1;
        loop {
            let failure = match self.document_once(tail, headers.clone(), limit).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let circumstances = Circumstances { contacted: self.contacted.get(), blob: false };
            match self.options.retry.delay(attempt, &failure, circumstances) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(failure),
            }
            attempt += 1;
        }
    }

    async fn document_once(
        &self,
        tail: &str,
        headers: HeaderMap,
        limit: usize,
    ) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let response = self.get(tail, headers, true).await?;
        let headers = response.headers().clone();
        Ok((headers, self.transport.body(response, limit).await?))
    }

    /// Sends one request for something of this repository, in the scheme that the registry speaks.
    pub(super) async fn get(
        &self,
        tail: &str,
        headers: HeaderMap,
        document: bool,
    ) -> Result<Response, Failure> {
        let known = self.base.borrow().clone();
        if let Some(base) = known {
            return self.get_at(&base, tail, headers, document).await;
        }
        let https = self.base_url("https")?;
        let failure = match self.get_at(&https, tail, headers.clone(), document).await {
            Err(failure) if self.may_speak_http(&https) && !self.contacted.get() && suits_http(&failure) => {
                failure
            }
            result => {
                self.remember(&https);
                return result;
            }
        };
        let http = self.base_url("http")?;
        let result = self.get_at(&http, tail, headers, document).await;
        if self.contacted.get() {
            self.remember(&http);
            return result;
        }
        // Whoever answers in something else than TLS has shown that HTTP was worth trying.
        let not_tls = matches!(failure, Failure::Tls { fault: TlsFault::NotTls, .. });
        result.map_err(|second| if not_tls { second } else { failure })
    }

    fn remember(&self, base: &Url) {
        if self.contacted.get() {
            *self.base.borrow_mut() = Some(base.clone());
        }
    }

    fn base_url(&self, scheme: &str) -> Result<Url, Failure> {
        let text = format!("{scheme}://{}/", self.host);
        Url::parse(&text)
            .map_err(|error| Failure::Answer(format!("invalid registry address {}: {error}", self.host)))
    }

    /// Docker's rule for registries on this machine, and what `--tls-verify=false` asks for.
    fn may_speak_http(&self, base: &Url) -> bool {
        !self.options.tls_verify || base.host_str().is_some_and(registries::is_loopback)
    }

    async fn get_at(
        &self,
        base: &Url,
        tail: &str,
        headers: HeaderMap,
        document: bool,
    ) -> Result<Response, Failure> {
        let url = Url::parse(&format!("{base}v2/{}/{tail}", self.path))
            .map_err(|error| Failure::Answer(format!("invalid address: {error}")))?;
        let get = |secret| {
            let (url, headers) = (url.clone(), headers.clone());
            async move { self.transport.get(Get { url, headers, secret, document }).await }
        };
        let used = self.auth.header().await;
        let response = get(used.as_ref()).await?;
        self.contacted.set(true);
        let refused =
            response.status() == StatusCode::UNAUTHORIZED && response.url().origin() == base.origin();
        if !refused {
            return self.accept(response).await;
        }
        match self.auth.answer(&self.transport, base, response.headers(), used.as_ref()).await? {
            Some(fresh) => {
                drop(response);
                self.accept(get(Some(&fresh)).await?).await
            }
            None => self.accept(response).await,
        }
    }

    /// Passes a success on and turns anything else into a failure.
    async fn accept(&self, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let host = authority(response.url());
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(retry::retry_after);
        // What the server says beside its refusal is worth having, not worth failing for.
        let body = self.transport.body(response, MAX_ERROR).await.unwrap_or_default();
        Err(Failure::of_status(&host, status.as_u16(), retry_after, &body))
    }

    /// Whether the registry has ever answered.
    pub(super) fn is_contacted(&self) -> bool {
        self.contacted.get()
    }
}

/// A first contact over HTTPS that failed as it does where only HTTP is spoken. A certificate that is not
/// valid is no such sign.
fn suits_http(failure: &Failure) -> bool {
    match failure {
        Failure::Tls { fault, .. } => matches!(fault, TlsFault::NotTls | TlsFault::NoRoots),
        Failure::Refused { .. } | Failure::Unreachable { .. } | Failure::ConnectTimeout { .. } => true,
        _ => false,
    }
}

/// The digest that the registry claims for its answer; one of an algorithm that we do not compute says nothing.
fn claimed_digest(headers: &HeaderMap) -> Result<Option<Digest>, Failure> {
    let Some(value) = headers.get(CONTENT_DIGEST) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if !text.starts_with("sha256:") && text.contains(':') {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| Failure::Answer(format!("{CONTENT_DIGEST}: {error}")))
}
