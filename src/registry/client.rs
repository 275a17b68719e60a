//! One repository of one registry: requests, retries, and documents that are what they claim to be.

use std::cell::{Cell, RefCell};

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};

use super::auth::{Access, Auth};
use super::failure::{Failure, TlsFault};
use super::retry::{self, Circumstances};
use super::transport::{Ask, Options, Transport, authority};
use crate::base::digest::Digest;
use crate::config::credentials::Source;
use crate::config::registries::{self, Endpoint};
use crate::oci::media::{self, Kind};

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

/// A request without content about something of a repository.
pub(super) struct Question<'a> {
    pub method: Method,
    /// What follows the repository in the address: `blobs/sha256:…`.
    pub tail: &'a str,
    pub headers: HeaderMap,
    /// The answer is small and must be complete soon.
    pub document: bool,
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
    /// Prepares to talk about one repository; connects to nothing.
    pub fn new(endpoint: &Endpoint, access: &Access, mut options: Options) -> Self {
        options.tls_verify &= options.tls_insists || !endpoint.insecure;
        if endpoint.is_mirror && matches!(options.credentials, Source::Given(_)) {
            options.credentials = Source::Given(None);
        }
        Self {
            transport: Transport::new(options.clone()),
            auth: Auth::new(endpoint, access, options.clone()),
            options,
            host: endpoint.host().to_owned(),
            path: endpoint.path.clone(),
            base: RefCell::default(),
            contacted: Cell::new(false),
        }
    }

    /// Asks the registry itself whether it lets us in. A token that it gave for the password comes back.
    pub async fn log_in(&self) -> Result<Option<String>, Failure> {
        self.document("", None, MAX_ERROR).await?;
        Ok(self.auth.identity().await)
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

    pub(super) async fn document(
        &self,
        tail: &str,
        accept: Option<HeaderValue>,
        limit: usize,
    ) -> Result<(HeaderMap, Vec<u8>), Failure> {
        let mut headers = HeaderMap::new();
        headers.extend(accept.map(|accept| (ACCEPT, accept)));
        self.persist(async || self.document_once(tail, headers.clone(), limit).await).await
    }

    /// Does something that is small and may be done twice, again and again while that makes sense.
    pub(super) async fn persist<T>(
        &self,
        mut work: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match work().await {
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

    /// Sends one GET request for something of this repository.
    pub(super) async fn get(
        &self,
        tail: &str,
        headers: HeaderMap,
        document: bool,
    ) -> Result<Response, Failure> {
        self.ask(&Question { method: Method::GET, tail, headers, document }).await
    }

    /// Sends one request about something of this repository, in the scheme that the registry speaks.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Response, Failure> {
        let known = self.base.borrow().clone();
        if let Some(base) = known {
            return self.ask_at(&base, question).await;
        }
        let https = self.base_url("https")?;
        let failure = match self.ask_at(&https, question).await {
            // Another question may have been answered over HTTP meanwhile.
            Err(failure)
                if self.may_speak_http(&https)
                    && (!self.contacted.get() || is_not_tls(&failure))
                    && suits_http(&failure) =>
            {
                failure
            }
            result => {
                self.remember(&https);
                return result;
            }
        };
        let http = self.base_url("http")?;
        let result = self.ask_at(&http, question).await;
        if self.contacted.get() {
            self.remember(&http);
            return result;
        }
        // Whoever answers in something else than TLS has shown that HTTP was worth trying.
        result.map_err(|second| if is_not_tls(&failure) { second } else { failure })
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

    async fn ask_at(&self, base: &Url, question: &Question<'_>) -> Result<Response, Failure> {
        let url = self.url(base, question.tail)?;
        let ask = |secret| {
            let (url, headers) = (url.clone(), question.headers.clone());
            let (method, document) = (question.method.clone(), question.document);
            async move { self.transport.ask(Ask { method, url, headers, secret, document }).await }
        };
        let used = self.auth.header().await;
        let response = ask(used.as_ref()).await?;
        self.contacted.set(true);
        match self.let_in(base, &response, used.as_ref()).await? {
            Some(fresh) => {
                drop(response);
                self.accept(ask(Some(&fresh)).await?).await
            }
            None => self.accept(response).await,
        }
    }

    /// The address of something of this repository, or, with a slash in front, of the registry.
    pub(super) fn url(&self, base: &Url, tail: &str) -> Result<Url, Failure> {
        if tail.starts_with('/') {
            let url = base.join(tail);
            return url.map_err(|error| Failure::Answer(format!("invalid address: {error}")));
        }
        let path = if self.path.is_empty() { String::new() } else { format!("{}/", self.path) };
        Url::parse(&format!("{base}v2/{path}{tail}"))
            .map_err(|error| Failure::Answer(format!("invalid address: {error}")))
    }

    /// The header that may open what an answer refused.
    pub(super) async fn let_in(
        &self,
        base: &Url,
        answer: &Response,
        used: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Failure> {
        let refused = answer.status() == StatusCode::UNAUTHORIZED && answer.url().origin() == base.origin();
        if !refused {
            return Ok(None);
        }
        self.auth.answer(&self.transport, base, answer.headers(), used).await
    }

    /// Where the registry is, which is known once it has answered.
    pub(super) fn base(&self) -> Result<Url, Failure> {
        let known = self.base.borrow().clone();
        known.map_or_else(|| self.base_url("https"), Ok)
    }

    /// The header that let us in last.
    pub(super) async fn secret(&self) -> Option<HeaderValue> {
        self.auth.header().await
    }

    /// Passes a success on and turns anything else into a failure.
    pub(super) async fn accept(&self, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let host = authority(response.url());
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| retry::retry_after(value, Timestamp::now()));
        // What the server says beside its refusal is worth having, not worth failing for.
        let body = self.transport.body(response, MAX_ERROR).await.unwrap_or_default();
        Err(Failure::of_status(&host, status.as_u16(), retry_after, &body))
    }

    /// Whether the registry has ever answered.
    pub(super) fn is_contacted(&self) -> bool {
        self.contacted.get()
    }
}

fn is_not_tls(failure: &Failure) -> bool {
    matches!(failure, Failure::Tls { fault: TlsFault::NotTls, .. })
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
pub(super) fn claimed_digest(headers: &HeaderMap) -> Result<Option<Digest>, Failure> {
    let Some(value) = headers.get(CONTENT_DIGEST) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if !text.starts_with("sha256:") && text.contains(':') {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| Failure::Answer(format!("{CONTENT_DIGEST}: {error}")))
}
