//! What the host knows of registries: where they really are, and whose certificates to believe.
//!
//! Certificates lie in `certs.d/HOST[:PORT]/` (man containers-certs.d(5)): `*.crt` are authorities,
//! `NAME.cert` with `NAME.key` is the client's own certificate. The first directory that exists for a
//! registry is the only one read.

mod attachments;
mod conf;
pub mod shortnames;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use attachments::signatures_are_attached;
pub use conf::{credential_helpers, endpoints, target};
pub use shortnames::split;

use super::env;
use crate::base::file::read_bounded;

/// What `credential-helpers` calls the files in which credentials lie: man containers-registries.conf(5).
pub const CREDENTIAL_FILES: &str = "containers-auth.json";

/// Whoever ships larger certificates has put something else there.
const MAX_PEM: u64 = 1 << 20;

/// Where a repository is really asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// As in an image name, with a port; credentials are looked up by it.
    pub domain: String,
    pub path: String,
    /// Whether plain HTTP and certificates by nobody will do.
    pub insecure: bool,
    /// Whether this stands in for the place that the name means: it gets no credentials that the user gave for
    /// that one.
    pub is_mirror: bool,
}

impl Endpoint {
    /// The place that a name itself says, by its two parts.
    pub fn new(domain: &str, path: &str) -> Self {
        Self { domain: domain.to_owned(), path: path.to_owned(), insecure: false, is_mirror: false }
    }

    /// The host that serves the domain: Docker Hub's API has another name than its images.
    pub fn host(&self) -> &str {
        match self.domain.as_str() {
            "docker.io" => "registry-1.docker.io",
            other => other,
        }
    }
}

/// Whether a host, given without its port, is this machine: only such a one may speak plain HTTP unasked.
pub fn is_loopback(host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Certificates for one registry, in PEM.
#[derive(Default)]
pub struct Certificates {
    /// Authorities to believe besides the system's.
    pub authorities: Vec<Vec<u8>>,
    /// The client's certificate followed by its key.
    pub identity: Option<Vec<u8>>,
}

/// Reads the certificates for `HOST[:PORT]`; a registry without a directory has none.
pub fn certificates(authority: &str) -> Result<Certificates> {
    // A redirect may name any host: it must not become another path.
    if authority.contains('/') || matches!(authority, "" | "." | "..") {
        return Ok(Certificates::default());
    }
    let mut directories = directories().into_iter().map(|directory| directory.join(authority));
    directories
        .find_map(|directory| read_directory(&directory).transpose())
        .unwrap_or_else(|| Ok(Certificates::default()))
}

/// Reads the certificates that lie in a directory, which must be there.
pub fn certificates_in(directory: &Path) -> Result<Certificates> {
    read_directory(directory)?
        .with_context(|| format!("read {}: there is no such directory", directory.display()))
}

/// Where a user without privileges may put the certificates of a registry, for a hint.
pub fn user_directory(authority: &str) -> String {
    format!("~/.config/containers/certs.d/{authority}")
}

fn directories() -> Vec<PathBuf> {
    let config = env::directory("XDG_CONFIG_HOME").or_else(|| Some(env::directory("HOME")?.join(".config")));
    let own = config.map(|config| config.join("containers/certs.d"));
    own.into_iter().chain(["/etc/containers/certs.d".into(), "/etc/docker/certs.d".into()]).collect()
}

/// `None` if there is no such directory, or none that this user may look into.
fn read_directory(directory: &Path) -> Result<Option<Certificates>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read {}", directory.display())),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let with_extension =
        |wanted: &'static str| paths.iter().filter(move |path| path.extension().is_some_and(|e| e == wanted));
    let authorities = with_extension("crt").map(|path| read_bounded(path, MAX_PEM)).collect::<Result<_>>()?;
    let identity = with_extension("cert").next().map(|path| read_identity(path)).transpose()?;
    Ok(Some(Certificates { authorities, identity }))
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

fn read_identity(certificate: &Path) -> Result<Vec<u8>> {
    let mut pem = read_bounded(certificate, MAX_PEM)?;
    let key = certificate.with_extension("key");
    pem.push(b'\n');
    pem.extend(
        read_bounded(&key, MAX_PEM)
            .with_context(|| format!("use client certificate {}", certificate.display()))?,
    );
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "localhost.example", "128.0.0.1", "::2", "127.0.0.1.example", "registry.example"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn certificates_of_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write("b.crt", "B");
        write("a.crt", "A");
        write("client.cert", "C");
        write("client.key", "K");
        write("README", "nothing");
        let found = read_directory(directory.path()).unwrap().unwrap();
        assert_eq!(found.authorities, [b"A", b"B"]);
        assert_eq!(found.identity.as_deref(), Some(&b"C\nK"[..]));
        fs::remove_file(directory.path().join("client.key")).unwrap();
        let error = read_directory(directory.path()).err().unwrap();
        assert!(format!("{error:#}").starts_with("use client certificate "), "{error:#}");
        assert!(read_directory(&directory.path().join("absent")).unwrap().is_none());
    }

    #[test]
    fn a_host_that_would_be_a_path_has_none() {
        for authority in ["", ".", "..", "../..", "a/b"] {
            let found = certificates(authority).unwrap();
            assert!(found.authorities.is_empty() && found.identity.is_none(), "{authority}");
        }
    }
}
