//! Whom to believe where this host keeps certificates of a registry's own.
//!
//! Docker's manual tells the owner of a registry to make a certificate that signs itself
//! (`openssl req -x509`, which says `CA:TRUE`) and to put a copy into `certs.d`. The web's rules forbid
//! an authority to be a server too; Go, and so docker, lets it pass. Here exactly that is let pass: the
//! very certificate that lies in `certs.d`, for its own names, while it is in date.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// The certificates of one registry.
#[derive(Default)]
pub struct Trusted {
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Trusted {
    /// Adds the certificates of a PEM file, of which there must be one at least.
    pub fn add_authorities(&mut self, pem: &[u8]) -> Result<()> {
        let before = self.authorities.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.authorities.push(certificate?);
        }
        ensure!(self.authorities.len() > before, "no certificate in PEM form");
        Ok(())
    }

    /// Sets what the registry asks of its clients: certificates and a key, all in PEM.
    pub fn set_identity(&mut self, pem: &[u8]) -> Result<()> {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
        ensure!(!certificates.is_empty(), "no certificate in PEM form");
        let key = PrivateKeyDer::from_pem_slice(pem).context("find its key")?;
        self.identity = Some((certificates, key));
        Ok(())
    }

    /// Makes the TLS side of a client that believes these authorities and the system's.
    pub fn into_config(self, provider: Arc<CryptoProvider>) -> Result<ClientConfig, Error> {
        let verifier = OwnCertificates::new(self.authorities, provider.clone())?;
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match self.identity {
            Some((certificates, key)) => builder.with_client_auth_cert(certificates, key)?,
            None => builder.with_no_client_auth(),
        };
        // A configuration made elsewhere is used by reqwest as it is, without its own protocols.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Verifies as everywhere, with one exception for the certificates it was given.
#[derive(Debug)]
struct OwnCertificates {
    certificates: Vec<CertificateDer<'static>>,
    usual: Verifier,
}

impl OwnCertificates {
    fn new(certificates: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let usual = Verifier::new_with_extra_roots(certificates.iter().cloned(), provider)?;
        Ok(Self { certificates, usual })
    }
}

impl ServerCertVerifier for OwnCertificates {
    /// Excuses an authority that is the server itself, if it is byte for byte one of ours. webpki says
    /// `CaUsedAsEndEntity` only of a certificate that is in date: it looks at the dates before (checked by
    /// a test below). It has not looked at the name yet.
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refused = match self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(error) if is_authority_as_server(&error) => error,
            result => return result,
        };
        if !self.certificates.iter().any(|own| own.as_ref() == certificate.as_ref()) {
            return Err(refused);
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

fn is_authority_as_server(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(why)) = error else { return false };
    matches!(why.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Two that sign themselves, `CA:TRUE`, for `harbour.example`, from 2026-11 for a hundred years.
    const OWN: &[u8] = b"-----BEGIN CERTIFICATE-----
MIIBmDCCAT2gAwIBAgIUWp0xzbhv0iE0qL3z9KYMMPRlinUwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHaGFyYm91cjAgFw0yNjExMjIyMDU1MDhaGA8yMTI2MTAyOTIw
NTUwOFowEjEQMA4GA1UEAwwHaGFyYm91cjBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABFhQlZcpc+4iFEotCjCPobaDhewA/xrY8LJwGpx0kgww8v8U0E8p3AH/nJXb
/DcpckOvVDQthmrD0PHBmh+K6PCjbzBtMB0GA1UdDgQWBBSu8XWE4dtUjREfyXBS
BJkwXdDm0TAfBgNVHSMEGDAWgBSu8XWE4dtUjREfyXBSBJkwXdDm0TAPBgNVHRMB
Af8EBTADAQH/MBoGA1UdEQQTMBGCD2hhcmJvdXIuZXhhbXBsZTAKBggqhkjOPQQD
AgNJADBGAiEA3TOS/IXb2zumTOsZKTGbf/oSRPKZ2MikqN+U7axspHkCIQCuyuMc
nGMs6sjpwagXLY/FJcqlG2+ClJGhONnPXLfysw==
-----END CERTIFICATE-----
";
    const OTHER: &[u8] = b"-----BEGIN CERTIFICATE-----
MIIBmDCCAT2gAwIBAgIUWxojUaJkmqNC8LiPE82wwrwDhbwwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHaGFyYm91cjAgFw0yNjExMjIyMDU1MDhaGA8yMTI2MTAyOTIw
NTUwOFowEjEQMA4GA1UEAwwHaGFyYm91cjBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABMmBBf/uQekcoktuMGoBcqa9t0f+z93EtfsWhtm7mxLxbLCsDvkTOJfx3io+
ZsvUo2UyxkuUcRRZ0lR77GsvSMGjbzBtMB0GA1UdDgQWBBQI6G7E+89rHHgUxMYQ
1aqMxmjdyTAfBgNVHSMEGDAWgBQI6G7E+89rHHgUxMYQ1aqMxmjdyTAPBgNVHRMB
Af8EBTADAQH/MBoGA1UdEQQTMBGCD2hhcmJvdXIuZXhhbXBsZTAKBggqhkjOPQQD
AgNJADBGAiEAsOzyT2Ktvvtplg8dbX0idQIpxpoeG8GQUAkHziCGoY4CIQDXg4w0
kwL8qoKUsHYtH0XbPyzYO/tVV2/r50ZNbaF2RQ==
-----END CERTIFICATE-----
";
    const YEAR: u64 = 31_557_600;

    fn der(pem: &[u8]) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap()
    }

    #[test]
    fn a_certificate_of_ours_is_excused_for_nothing_else() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = OwnCertificates::new(vec![der(OWN)], provider).unwrap();
        for (pem, name, years, refusal) in [
            (OWN, "harbour.example", 60, None),
            (OTHER, "harbour.example", 60, Some("CaUsedAsEndEntity")),
            (OWN, "elsewhere.example", 60, Some("NotValidForName")),
            (OWN, "harbour.example", 200, Some("Expired")),
            (OWN, "harbour.example", 50, Some("NotValidYet")),
        ] {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(years * YEAR));
            let name = ServerName::try_from(name).unwrap();
            let seen = verifier.verify_server_cert(&der(pem), &[], &name, &[], now);
            let seen = seen.err().map(|error| format!("{error:?}"));
            match (&seen, refusal) {
                (None, None) => {}
                (Some(seen), Some(refusal)) if seen.contains(refusal) => {}
                _ => panic!("{name:?} after {years} years: {seen:?}"),
            }
        }
    }

    #[test]
    fn files_without_certificates() {
        let mut trusted = Trusted::default();
        assert!(trusted.add_authorities(b"not a certificate").is_err());
        assert!(trusted.set_identity(OWN).is_err(), "there is no key");
        assert!(trusted.set_identity(b"").is_err());
        trusted.add_authorities(&[OWN, OTHER].concat()).unwrap();
        assert_eq!(trusted.authorities, [der(OWN), der(OTHER)]);
    }
}
