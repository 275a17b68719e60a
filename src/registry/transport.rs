//! HTTP clients with the right certificates, and redirects followed by hand.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Body, Client, ClientBuilder, Identity, Method, Response, Url, redirect};
use rustls::crypto::{CryptoProvider, ring};

use super::failure::Failure;
use super::proxy::Proxies;
use super::pulse::Pulse;
use super::retry::Retry;
use super::trust::Trusted;
use crate::config::credentials::Source;
use crate::config::registries::Certificates;
use crate::config::{env, registries};

/// How to deal with a registry.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether certificates must be valid and plain HTTP is only for this machine.
    pub tls_verify: bool,
    /// Whether the user has said so: then `insecure` of `registries.conf` does not count.
    pub tls_insists: bool,
    /// How long nothing may come before the registry is given up.
    pub stall: Duration,
    pub retry: Retry,
    /// Where credentials are looked for when a registry asks for some.
    pub credentials: Source,
    /// Where its certificates are, if not in one of the usual places.
    pub certificates: Option<PathBuf>,
}

const DEFAULT_STALL: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 5;
/// A document is a few kB: one that takes longer than this many stalls trickles in on purpose.
const DOCUMENT_STALLS: u32 = 4;
/// What a connection may hold ahead of a slow reader: several layers at once must stay within memory.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 6 << 20;
const FRAME: u32 = 256 << 10;

impl Options {
    /// How long a connection may take to be made, TLS included.
    fn connect_timeout(&self) -> Duration {
        self.stall / 2
    }

    /// The defaults, with the patience of `CORACLE_REGISTRY_TIMEOUT` where that is set.
    pub fn new(tls_verify: bool) -> Self {
        let stall = env::seconds(env::CORACLE_REGISTRY_TIMEOUT).unwrap_or(DEFAULT_STALL);
        let (credentials, certificates) = (Source::Usual, None);
        let tls_insists = false;
        Self { tls_verify, tls_insists, stall, retry: Retry::default(), credentials, certificates }
    }

    /// The defaults, with what the user says about TLS, if anything.
    pub fn with_tls(asked: Option<bool>) -> Self {
        Self { tls_insists: asked == Some(true), ..Self::new(asked.unwrap_or(true)) }
    }
}

/// What a client is for: the two differ in how long they wait for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    Download,
    Upload,
}

/// Sends requests. Clients are made when first needed, one per host: loading the system's certificates
/// costs up to 30 ms, and each registry may have its own besides.
pub struct Transport {
    options: Options,
    clients: RefCell<HashMap<(String, Use), Client>>,
    proxies: Proxies,
}

/// A request without content; `secret` is the `Authorization` header, for the origin of `url` alone.
pub struct Ask<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub secret: Option<&'a HeaderValue>,
    /// The answer is small and must be complete soon.
    pub document: bool,
}

impl<'a> Ask<'a> {
    /// Asks for a small document.
    pub fn get(url: Url, secret: Option<&'a HeaderValue>) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), secret, document: true }
    }
}

/// A request with content.
pub struct Send<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub secret: Option<&'a HeaderValue>,
    pub body: Body,
    pub pulse: &'a Pulse,
}

impl Transport {
    /// Remembers how to connect; connects to nothing.
    pub fn new(options: Options) -> Self {
        Self { options, clients: RefCell::default(), proxies: Proxies::from_env() }
    }

    /// Sends a request. Redirects of one that only reads are followed, without the secret once they have left
    /// its origin.
    pub async fn ask(&self, request: Ask<'_>) -> Result<Response, Failure> {
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let origin = request.url.origin();
        let mut secret = request.secret;
        let mut url = request.url;
        for _ in 0..=MAX_REDIRECTS {
            let builder = self.client(&url, Use::Download)?.request(request.method.clone(), url.clone());
            let mut builder = builder.headers(request.headers.clone());
            if !reads {
                // Says that there is no content, without which some servers wait for it.
                builder = builder.body("");
            }
            if let Some(secret) = secret {
                builder = builder.header(AUTHORIZATION, secret.clone());
            }
            if request.document {
                builder = builder.timeout(self.options.stall * DOCUMENT_STALLS);
            }
            let response = builder.send().await.map_err(|error| self.failure(&error, &url))?;
            if !reads || !response.status().is_redirection() {
                return Ok(response);
            }
            url = self.next_hop(&url, response.headers())?;
            // Never again, even if a later hop leads back: the detour chose that URL (CVE-2020-15157).
            secret = secret.filter(|_| url.origin() == origin);
        }
        Err(Failure::Answer(format!("{} redirects in circles", authority(&url))))
    }

    /// Posts a form; a redirect is not followed, since the form holds a secret.
    pub async fn post(&self, url: Url, form: &[(&str, &str)]) -> Result<Response, Failure> {
        let request = self.client(&url, Use::Download)?.post(url.clone()).form(form);
        let request = request.timeout(self.options.stall * DOCUMENT_STALLS);
        request.send().await.map_err(|error| self.failure(&error, &url))
    }

    /// Sends content. It may take as long as it goes on; a redirect is not followed.
    pub async fn send(&self, request: Send<'_>) -> Result<Response, Failure> {
        let Send { method, url, headers, secret, body, pulse } = request;
        let mut builder = self.client(&url, Use::Upload)?.request(method, url.clone());
        builder = builder.headers(headers).body(body);
        if let Some(secret) = secret {
            builder = builder.header(AUTHORIZATION, secret.clone());
        }
        tokio::select! {
            answer = builder.send() => answer.map_err(|error| self.failure(&error, &url)),
            () = pulse.stops(self.options.stall) => {
                Err(Failure::Stalled { host: authority(&url), after: self.options.stall })
            }
        }
    }

    /// Explains why an exchange broke off.
    pub fn failure(&self, error: &reqwest::Error, url: &Url) -> Failure {
        let after = if error.is_connect() { self.options.connect_timeout() } else { self.options.stall };
        Failure::of_exchange(error, &authority(url), self.proxies.before(url).as_deref(), after)
    }

    /// Reads a body of at most `limit` bytes.
    pub async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
        let too_large = || Failure::Answer(format!("the answer is larger than {limit} bytes"));
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let url = response.url().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(&error, &url))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    pub fn next_hop(&self, from: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
        let nowhere = || Failure::Answer(format!("{} redirects to nowhere", authority(from)));
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(nowhere)?;
        let mut to = from.join(location).map_err(|_| nowhere())?;
        if !matches!(to.scheme(), "https" | "http") || !to.has_host() {
            return Err(nowhere());
        }
        if from.scheme() == "https" && to.scheme() == "http" && self.options.tls_verify {
            let (from, to) = (authority(from), authority(&to));
            return Err(Failure::Unsafe(format!(
                "follow a redirect from https ({from}) to plain http ({to})"
            )));
        }
        // A user name in a URL would become an Authorization header.
        let cleared = to.set_username("").and_then(|()| to.set_password(None));
        cleared.map_err(|()| nowhere())?;
        Ok(to)
    }

    fn client(&self, url: &Url, purpose: Use) -> Result<Client, Failure> {
        let key = (format!("{}://{}", url.scheme(), authority(url)), purpose);
        if let Some(client) = self.clients.borrow().get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(url, purpose)?;
        self.clients.borrow_mut().insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, url: &Url, purpose: Use) -> Result<Client, Failure> {
        install_provider();
        Proxies::check(url)?;
        let mut builder = Client::builder()
            .user_agent(concat!("coracle/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.options.connect_timeout())
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_frame_size(FRAME);
        if purpose == Use::Download {
            // It counts from the request on, and an upload is answered at its end.
            builder = builder.read_timeout(self.options.stall);
        }
        if url.host_str().is_some_and(registries::is_loopback) {
            builder = builder.no_proxy();
        }
        builder = match (url.scheme(), self.options.tls_verify) {
            ("https", true) => trust(builder, url, self.options.certificates.as_deref())?,
            ("https", false) => identify(builder, certificates(url, self.options.certificates.as_deref())?)?
                .tls_danger_accept_invalid_certs(true),
            // Without a root the system's need not be loaded.
            _ => builder.tls_certs_only([]),
        };
        builder.build().map_err(|error| Failure::of_client(&error, &authority(url)))
    }
}

/// Adds the certificates that this host keeps for a registry. Where there are authorities among them, the
/// TLS side is our own, which believes them in docker's way.
fn trust(builder: ClientBuilder, url: &Url, directory: Option<&Path>) -> Result<ClientBuilder, Failure> {
    let found = certificates(url, directory)?;
    if found.iter().all(|(_, certificates)| certificates.authorities.is_empty()) {
        return identify(builder, found);
    }
    let mut trusted = Trusted::default();
    for (name, found) in found {
        for pem in &found.authorities {
            trusted.add_authorities(pem).map_err(|error| unusable("CA certificates", &name, error))?;
        }
        if let Some(pem) = &found.identity {
            trusted.set_identity(pem).map_err(|error| unusable("client certificate", &name, error))?;
        }
    }
    let config = trusted.into_config(provider());
    let config = config.map_err(|error| unusable("certificates", &authority(url), error.into()))?;
    Ok(builder.tls_backend_preconfigured(config))
}

/// Adds the client's own certificate alone.
fn identify(
    mut builder: ClientBuilder,
    found: Vec<(String, Certificates)>,
) -> Result<ClientBuilder, Failure> {
    for (name, found) in found {
        if let Some(pem) = &found.identity {
            let identity = Identity::from_pem(pem);
            builder = builder
                .identity(identity.map_err(|error| unusable("client certificate", &name, error.into()))?);
        }
    }
    Ok(builder)
}

/// What this host keeps for a registry, by the names of its directories.
fn certificates(url: &Url, directory: Option<&Path>) -> Result<Vec<(String, Certificates)>, Failure> {
    if let Some(directory) = directory {
        let found = registries::certificates_in(directory).map_err(Failure::Host)?;
        return Ok(vec![(directory.display().to_string(), found)]);
    }
    let names = certificate_names(url).into_iter();
    let found = names.map(|name| registries::certificates(&name).map(|found| (name, found)));
    found.collect::<anyhow::Result<_>>().map_err(Failure::Host)
}

fn unusable(what: &str, name: &str, error: anyhow::Error) -> Failure {
    Failure::Host(error.context(format!("read the {what} for {name}")))
}

/// A URL leaves the default port out; a directory may be named with it.
fn certificate_names(url: &Url) -> Vec<String> {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => vec![format!("{host}:{port}")],
        None => vec![host.to_owned(), format!("{host}:443")],
    }
}

/// `HOST` or `HOST:PORT`: as much of a URL as may be shown.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Sets the process' cryptography.
fn install_provider() {
    static ONCE: Once = Once::new();
    // Only a second provider would be refused, and there is no other.
    ONCE.call_once(|| drop(ring::default_provider().install_default()));
}

/// The cryptography of every connection.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(from: &str, location: &'static str, tls_verify: bool) -> Result<String, Failure> {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        let transport = Transport::new(Options::new(tls_verify));
        transport.next_hop(&Url::parse(from).unwrap(), &headers).map(String::from)
    }

    #[test]
    fn nothing_falls_from_https_to_http() {
        for (from, location, to) in [
            ("https://r.example/v2/a", "https://cdn.example/b?sig=1", Some("https://cdn.example/b?sig=1")),
            ("https://r.example/v2/a", "/b", Some("https://r.example/b")),
            ("https://r.example/v2/a", "//cdn.example/b", Some("https://cdn.example/b")),
            ("https://r.example/v2/a", "http://cdn.example/b", None),
            ("https://r.example/v2/a", "HTTP://r.example/b", None),
            ("http://localhost:5000/v2/a", "http://localhost:9000/b", Some("http://localhost:9000/b")),
            ("http://localhost:5000/v2/a", "https://u:p@cdn.example/b", Some("https://cdn.example/b")),
        ] {
            assert_eq!(hop(from, location, true).ok().as_deref(), to, "{from} {location}");
        }
        let error = hop("https://r.example/a", "http://cdn.example:81/b?sig=secret", true).unwrap_err();
        let words = "refuse to follow a redirect from https (r.example) to plain http (cdn.example:81)";
        assert_eq!(error.to_string(), words);
        assert!(hop("https://r.example/a", "http://cdn.example/b", false).is_ok());
    }

    #[test]
    fn names_of_certificate_directories() {
        let names = |url: &str| certificate_names(&Url::parse(url).unwrap());
        assert_eq!(names("https://r.example/v2/"), ["r.example", "r.example:443"]);
        assert_eq!(names("https://r.example:5000/v2/"), ["r.example:5000"]);
        assert_eq!(names("https://[::1]:5000/v2/"), ["[::1]:5000"]);
    }
}
