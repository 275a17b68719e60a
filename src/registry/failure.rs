//! What can go wrong between us and a registry, told apart so that the user knows what to mend.

use std::error::Error;
use std::io;
use std::time::Duration;

use serde::Deserialize;

use crate::base::digest::Digest;
use crate::base::hint;
use crate::config::registries;

/// A request that did not bring what it was for. `host` is `HOST[:PORT]`, never a URL: those of content
/// servers carry signatures.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("look up {host}: {cause}")]
    Resolve { host: String, cause: String },
    #[error("connect to {host}: connection refused")]
    Refused { host: String },
    #[error("connect to {host}: {cause}")]
    Unreachable { host: String, cause: String },
    #[error("connect to {host}: no answer within {}", seconds(*.after))]
    ConnectTimeout { host: String, after: Duration },
    #[error("{host} stalled: no data for {}", seconds(*.after))]
    Stalled { host: String, after: Duration },
    #[error("reach {host} through proxy {proxy}: {cause}")]
    Proxy { host: String, proxy: String, cause: String },
    /// A variable that names a proxy, and none that could be asked.
    #[error("reach {host}: {name} is not the address of a proxy: {value}")]
    NoProxy { host: String, name: &'static str, value: String },
    #[error("TLS connection to {host}: {cause}")]
    Tls { host: String, cause: String, fault: TlsFault },
    #[error("{host} broke the connection off: {cause}")]
    Broken { host: String, cause: String },
    /// 401 or 403; also a private repository for which there are no credentials.
    #[error("access denied{}", after_colon(.message))]
    Denied { message: String },
    #[error("not found{}", after_colon(.message))]
    NotFound { message: String, repository: bool },
    #[error("{host} limits the rate of requests{}", after_colon(.message))]
    RateLimited { host: String, message: String, retry_after: Option<Duration> },
    #[error("{host} answered {status}{}", after_colon(.message))]
    Status { host: String, status: u16, message: String, retry_after: Option<Duration> },
    #[error("size is {actual}, expected {expected}")]
    Size { expected: u64, actual: u64 },
    #[error("digest is {actual}, expected {expected}")]
    Digest { expected: Digest, actual: Digest },
    /// An answer that makes no sense.
    #[error("{0}")]
    Answer(String),
    /// Something that would be unsafe to do.
    #[error("refuse to {0}")]
    Unsafe(String),
    /// Credentials or certificates on this host that cannot be read.
    #[error(transparent)]
    Host(anyhow::Error),
}

/// What is wrong with a TLS connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsFault {
    /// The other side does not speak TLS at all.
    NotTls,
    /// A certificate by nobody we know.
    UnknownIssuer,
    /// This host has no authorities to believe.
    NoRoots,
    /// The registry believes nobody without a certificate of their own.
    ClientCertificate,
    Other,
}

/// How rustls begins what the other side said before it hung up.
const ALERT: &str = "received fatal alert";

impl Failure {
    /// Explains why an exchange with `host` broke off; `proxy` is what stood between, `after` the patience.
    pub fn of_exchange(error: &reqwest::Error, host: &str, proxy: Option<&str>, after: Duration) -> Self {
        let host = host.to_owned();
        let chain = Chain::of(error);
        if let Some(error) = chain.tls {
            return Self::of_tls(error, host);
        }
        let cause = chain.cause();
        // HTTP/2 keeps of an alert only its words.
        if cause.starts_with(ALERT) {
            return Self::of_alert(cause, host);
        }
        if let Some(proxy) = proxy.filter(|_| error.is_connect()) {
            return Self::Proxy { host, proxy: proxy.to_owned(), cause };
        }
        match () {
            () if error.is_timeout() && error.is_connect() => Self::ConnectTimeout { host, after },
            () if error.is_timeout() => Self::Stalled { host, after },
            () if chain.resolving => Self::Resolve { host, cause },
            () if chain.io == Some(io::ErrorKind::ConnectionRefused) => Self::Refused { host },
            () if error.is_connect() => Self::Unreachable { host, cause },
            () => Self::Broken { host, cause },
        }
    }

    fn of_tls(error: &rustls::Error, host: String) -> Self {
        use rustls::{CertificateError, Error as Tls};
        let (fault, cause) = match error {
            Tls::InvalidMessage(_) => (TlsFault::NotTls, "it does not speak TLS".to_owned()),
            Tls::InvalidCertificate(CertificateError::UnknownIssuer) => {
                (TlsFault::UnknownIssuer, "certificate signed by unknown authority".to_owned())
            }
            Tls::InvalidCertificate(CertificateError::Other(why)) => {
                (TlsFault::Other, format!("certificate not valid: {}", why.0))
            }
            Tls::InvalidCertificate(why) => (TlsFault::Other, format!("certificate not valid: {why}")),
            Tls::General(why) if why.contains("No CA certificates") => {
                (TlsFault::NoRoots, "this host has no certificate authorities".to_owned())
            }
            Tls::AlertReceived(_) => return Self::of_alert(error.to_string(), host),
            other => (TlsFault::Other, other.to_string()),
        };
        Self::Tls { host, cause, fault }
    }

    fn of_alert(cause: String, host: String) -> Self {
        let about_us = ["BadCertificate", "CertificateRequired", "UnknownCA"];
        let fault = match about_us.iter().any(|alert| cause.contains(alert)) {
            true => TlsFault::ClientCertificate,
            false => TlsFault::Other,
        };
        Self::Tls { host, cause, fault }
    }

    /// Explains why an HTTP client could not be made.
    pub fn of_client(error: &reqwest::Error, host: &str) -> Self {
        let chain = Chain::of(error);
        match chain.tls {
            Some(error) => Self::of_tls(error, host.to_owned()),
            None => Self::Tls { host: host.to_owned(), cause: chain.cause(), fault: TlsFault::Other },
        }
    }

    /// Explains an answer that is no success; `body` is its beginning.
    pub fn of_status(host: &str, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let (code, message) = api_error(body);
        let host = host.to_owned();
        match status {
            401 | 403 => Self::Denied { message },
            404 => Self::NotFound { message, repository: code == "NAME_UNKNOWN" },
            429 => Self::RateLimited { host, message, retry_after },
            _ => Self::Status { host, status, message, retry_after },
        }
    }

    /// Whether the registry could not be talked to at all.
    pub fn is_unreachable(&self) -> bool {
        use Failure::{ConnectTimeout, NoProxy, Proxy, Refused, Resolve, Stalled, Tls, Unreachable};
        matches!(
            self,
            Resolve { .. }
                | Refused { .. }
                | Unreachable { .. }
                | ConnectTimeout { .. }
                | Proxy { .. }
                | NoProxy { .. }
                | Tls { .. }
                | Stalled { .. }
        )
    }

    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tls { host, fault: TlsFault::UnknownIssuer, .. } => Some(format!(
                "put the registry's CA certificate into {}/ca.crt, or pass --tls-verify=false",
                registries::user_directory(host)
            )),
            Self::Tls { host, fault: TlsFault::ClientCertificate, .. } => Some(format!(
                "put the client certificate and its key into {0}/client.cert and {0}/client.key",
                registries::user_directory(host)
            )),
            Self::Tls { fault: TlsFault::NotTls, .. } => {
                Some("if this registry speaks plain HTTP, pass --tls-verify=false".to_owned())
            }
            Self::Tls { fault: TlsFault::NoRoots, .. } => {
                Some("install the package ca-certificates, or set SSL_CERT_FILE".to_owned())
            }
            Self::NoProxy { host, .. } => {
                Some(format!("write http://HOST:PORT, https:// or socks5h://, or except {host} in NO_PROXY"))
            }
            Self::Proxy { .. } => Some("check HTTPS_PROXY, HTTP_PROXY and NO_PROXY".to_owned()),
            Self::Host(error) => hint::find(error).map(str::to_owned),
            _ => None,
        }
    }
}

/// What the causes of an error say. An `io::Error` hides the error that it wraps from `source`, so each
/// is opened.
#[derive(Default)]
struct Chain<'a> {
    tls: Option<&'a rustls::Error>,
    io: Option<io::ErrorKind>,
    resolving: bool,
    last: String,
}

impl<'a> Chain<'a> {
    fn of(error: &'a (dyn Error + 'static)) -> Self {
        let mut chain = Self::default();
        let mut next = Some(error);
        while let Some(error) = next {
            chain.add(error);
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = wrapped.map(|error| error as &(dyn Error + 'static)).or_else(|| error.source());
        }
        chain
    }

    fn add(&mut self, error: &'a (dyn Error + 'static)) {
        self.tls = self.tls.or_else(|| error.downcast_ref());
        self.io = error.downcast_ref().map(io::Error::kind).or(self.io);
        let text = error.to_string();
        self.resolving |= text == "dns error";
        self.last = text;
    }

    /// The deepest cause, which says most; without the resolver's preamble.
    fn cause(&self) -> String {
        let text = self.last.strip_prefix("failed to lookup address information: ").unwrap_or(&self.last);
        let text = text.split(" (os error ").next().unwrap_or(text);
        printable(text)
    }
}

/// The error documents of the distribution specification, and of token servers.
#[derive(Deserialize)]
struct ApiErrors {
    #[serde(default)]
    errors: Vec<ApiError>,
    #[serde(default)]
    details: Option<String>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The code of the first error in an answer, and docker's rendering of it: `manifest unknown`.
fn api_error(body: &[u8]) -> (String, String) {
    let Ok(document) = serde_json::from_slice::<ApiErrors>(body) else {
        return Default::default();
    };
    let Some(first) = document.errors.into_iter().next() else {
        return (String::new(), printable(&document.details.unwrap_or_default()));
    };
    let code = first.code.to_lowercase().replace('_', " ");
    let text = match first.message.as_str() {
        "" => code,
        message if message == code || code.is_empty() => message.to_owned(),
        message => format!("{code}: {message}"),
    };
    (first.code, printable(&text))
}

/// What a stranger says, fit for a terminal: one line of bounded length without control characters.
fn printable(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, body: &str) -> String {
        Failure::of_status("r.example", code, None, body.as_bytes()).to_string()
    }

    #[test]
    fn answers_in_words() {
        let unknown =
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#;
        assert_eq!(status(404, unknown), "not found: manifest unknown");
        let denied =
            r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
        assert_eq!(status(403, denied), "access denied: denied: requested access to the resource is denied");
        assert_eq!(
            status(401, r#"{"details":"incorrect username or password"}"#),
            "access denied: incorrect username or password"
        );
        assert_eq!(status(429, "<html>"), "r.example limits the rate of requests");
        assert_eq!(status(500, ""), "r.example answered 500");
        assert_eq!(status(418, r#"{"errors":[]}"#), "r.example answered 418");
    }

    #[test]
    fn a_registry_cannot_write_to_the_terminal() {
        let evil = "{\"errors\":[{\"code\":\"X\",\"message\":\"a\\u001b]52;c;evil\\u0007\\nb\"}]}";
        let shown = status(500, evil);
        assert!(!shown.contains(|c: char| c.is_control()), "{shown:?}");
        let long = format!("{{\"errors\":[{{\"code\":\"X\",\"message\":\"{}\"}}]}}", "m".repeat(10_000));
        assert!(status(500, &long).len() < 400);
    }

    #[test]
    fn alerts() {
        for (alert, fault) in
            [("CertificateRequired", TlsFault::ClientCertificate), ("HandshakeFailure", TlsFault::Other)]
        {
            let failure = Failure::of_alert(format!("{ALERT}: {alert}"), "r.example".to_owned());
            assert!(matches!(&failure, Failure::Tls { fault: seen, .. } if *seen == fault), "{failure}");
            assert_eq!(failure.hint().is_some(), fault == TlsFault::ClientCertificate);
        }
        let described = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        assert!(described.to_string().starts_with(ALERT), "{described}");
        let failure = Failure::of_tls(&described, "r.example".to_owned());
        assert!(matches!(failure, Failure::Tls { fault: TlsFault::ClientCertificate, .. }), "{failure}");
    }

    #[test]
    fn unknown_repositories() {
        let body =
            br#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#;
        let failure = Failure::of_status("r.example", 404, None, body);
        assert!(matches!(failure, Failure::NotFound { repository: true, .. }));
    }
}
