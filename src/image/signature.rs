//! A signature as cosign and podman make them: what it claims, by which key, and for which name. Pure: everything here is
//! a stranger's text that is judged.
//!
//! Source: sigstore/cosign `specs/SIGNATURE_SPEC.md` and containers/image `docs/signature-protocols.md`. ECDSA over the
//! NIST curve P-256 with SHA-256, which is what both make.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use crate::base::digest::Digest;
use crate::config::policy::Identity;
use crate::oci::reference::Reference;

const PAYLOAD_TYPE: &str = "cosign container image signature";

/// Everything of a `SubjectPublicKeyInfo` for P-256 before the two coordinates of its uncompressed point (RFC 5480).
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key that signatures are checked with.
pub struct PublicKey(UnparsedPublicKey<Vec<u8>>);

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok().context("it is no public key in PEM")?;
        let point = key.strip_prefix(P256).filter(|point| point.len() == 65 && point[0] == 4);
        let point = point.context("not supported yet: a key that is not ECDSA P-256")?;
        Ok(Self(UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.to_vec())))
    }

    fn has_signed(&self, payload: &[u8], signature: &[u8]) -> bool {
        self.0.verify(payload, signature).is_ok()
    }
}

/// A signature as it lies in a registry.
pub struct Signature {
    pub payload: Vec<u8>,
    /// In base64.
    pub signature: String,
}

/// What a payload says. Fields that are not known here could change its meaning, so there must be none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    critical: Critical,
    /// Who made it and when: nobody vouches for it.
    #[serde(rename = "optional")]
    _optional: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
    identity: Named,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Named {
    docker_reference: String,
}

impl Signature {
    /// Checks that one of the keys has signed this manifest under a name that `identity` accepts for `reference`.
    pub fn check(
        &self,
        keys: &[PublicKey],
        identity: &Identity,
        reference: &Reference,
        manifest: &Digest,
    ) -> Result<()> {
        let signature = STANDARD.decode(&self.signature).context("the signature is not base64")?;
        // First of all: nothing that nobody has signed is read any further.
        let is_signed = keys.iter().any(|key| key.has_signed(&self.payload, &signature));
        ensure!(is_signed, "it is by another key");
        let payload: Payload = serde_json::from_slice(&self.payload).context("read what is signed")?;
        let Critical { kind, image, identity: named } = payload.critical;
        ensure!(kind == PAYLOAD_TYPE, "it is no signature of an image");
        ensure!(image.docker_manifest_digest == manifest.to_string(), "it is for another image");
        let is_accepted = accepts(identity, reference, &named.docker_reference)?;
        ensure!(is_accepted, "it is for the name {}", named.docker_reference.escape_debug());
        Ok(())
    }
}

/// Whether a signature for the name `signed` counts for an image that was asked for as `reference`.
fn accepts(identity: &Identity, reference: &Reference, signed: &str) -> Result<bool> {
    let Ok(signed) = Reference::parse(signed) else { return Ok(false) };
    let given = |text: &str| Reference::parse(text).with_context(|| format!("the policy names {text}"));
    Ok(match identity {
        Identity::MatchExact {} => is_exact(&signed) && is_exact(reference) && signed == *reference,
        Identity::MatchRepoDigestOrExact {} => is_repo_digest_or_exact(reference, &signed),
        Identity::MatchRepository {} => signed.name() == reference.name(),
        Identity::ExactReference { docker_reference } => {
            let wanted = given(docker_reference)?;
            if !is_exact(&wanted) {
                bail!("the policy names {docker_reference}, which has neither tag nor digest");
            }
            signed == wanted
        }
        Identity::ExactRepository { docker_repository } => signed.name() == given(docker_repository)?.name(),
        Identity::Remap { prefix, signed_prefix } => {
            let name = reference.to_string();
            let rest = name.strip_prefix(prefix).filter(|_| has_prefix(&reference.name(), prefix));
            let moved = rest.map(|rest| given(&format!("{signed_prefix}{rest}"))).transpose()?;
            is_repo_digest_or_exact(moved.as_ref().unwrap_or(reference), &signed)
        }
    })
}

fn is_exact(reference: &Reference) -> bool {
    reference.tag().is_some() || reference.digest().is_some()
}

/// With a tag it is the whole name that counts; with a digest, which has been checked itself, the repository.
fn is_repo_digest_or_exact(wanted: &Reference, signed: &Reference) -> bool {
    match (wanted.tag(), wanted.digest()) {
        (Some(_), _) => is_exact(signed) && wanted == signed,
        (None, Some(_)) => wanted.name() == signed.name(),
        (None, None) => false,
    }
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

    fn identity(text: &str) -> Identity {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn names() {
        let digest = Digest::of(b"");
        let by_digest = format!("q.io/a/b@{digest}");
        let exact = r#"{"type":"matchExact"}"#;
        let usual = r#"{"type":"matchRepoDigestOrExact"}"#;
        let repository = r#"{"type":"matchRepository"}"#;
        let reference = r#"{"type":"exactReference","dockerReference":"q.io/x:1"}"#;
        let exact_repository = r#"{"type":"exactRepository","dockerRepository":"q.io/x"}"#;
        let remap = r#"{"type":"remapIdentity","prefix":"mirror.io:5000/q","signedPrefix":"q.io"}"#;
        for (rule, wanted, signed, accepted) in [
            (exact, "q.io/a/b:1", "q.io/a/b:1", true),
            (exact, "q.io/a/b:1", "q.io/a/b:2", false),
            (exact, "q.io/a/b:1", "q.io/a/b", false),
            (exact, "alpine:1", "docker.io/library/alpine:1", true),
            (exact, &by_digest, "q.io/a/b:1", false),
            (exact, &by_digest, &by_digest, true),
            (usual, "q.io/a/b:1", "q.io/a/b:1", true),
            (usual, "q.io/a/b:1", "q.io/a/b:2", false),
            (usual, "q.io/a/b:1", "q.io/a/b", false),
            (usual, &by_digest, "q.io/a/b:1", true),
            (usual, &by_digest, "q.io/a/b", true),
            (usual, &by_digest, "q.io/a/c:1", false),
            (repository, "q.io/a/b:1", "q.io/a/b:2", true),
            (repository, "q.io/a/b:1", "q.io/a/b", true),
            (repository, "q.io/a/b:1", "q.io/a/bc", false),
            (repository, "q.io/a/b:1", "no name at all", false),
            (reference, "q.io/a/b:1", "q.io/x:1", true),
            (reference, "q.io/a/b:1", "q.io/x:2", false),
            (exact_repository, "q.io/a/b:1", "q.io/x:2", true),
            (exact_repository, "q.io/a/b:1", "q.io/xy:2", false),
            (remap, "mirror.io:5000/q/a:1", "q.io/a:1", true),
            (remap, "mirror.io:5000/q/a:1", "mirror.io:5000/q/a:1", false),
            (remap, "mirror.io:5000/qq/a:1", "mirror.io:5000/qq/a:1", true),
            (remap, "q.io/a/b:1", "q.io/a/b:1", true),
        ] {
            let wanted = Reference::parse(wanted).unwrap();
            assert_eq!(
                accepts(&identity(rule), &wanted, signed).unwrap(),
                accepted,
                "{rule} {wanted} {signed}"
            );
        }
        let untagged = identity(r#"{"type":"exactReference","dockerReference":"q.io/x"}"#);
        assert!(accepts(&untagged, &Reference::parse("q.io/x:1").unwrap(), "q.io/x:1").is_err());
    }

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random);
            Self(pair.unwrap())
        }

        fn key(&self) -> PublicKey {
            let der = [P256, self.0.public_key().as_ref()].concat();
            let pem =
                format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
            PublicKey::from_pem(pem.as_bytes()).unwrap()
        }

        fn sign(&self, payload: &str) -> Signature {
            let signature = self.0.sign(&SystemRandom::new(), payload.as_bytes()).unwrap();
            Signature { payload: payload.into(), signature: STANDARD.encode(signature) }
        }
    }

    #[test]
    fn signatures() {
        let (signer, other) = (Signer::new(), Signer::new());
        let manifest = Digest::of(b"manifest");
        let reference = Reference::parse("q.io/a:1").unwrap();
        let payload = |kind: &str, digest: &Digest, name: &str, more: &str| {
            format!(
                r#"{{"critical":{{"identity":{{"docker-reference":"{name}"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{kind}"}},"optional":null{more}}}"#
            )
        };
        let good = payload(PAYLOAD_TYPE, &manifest, "q.io/a:1", "");
        let check = |signature: &Signature, keys: &[PublicKey]| {
            signature
                .check(keys, &Identity::default(), &reference, &manifest)
                .map_err(|error| format!("{error:#}"))
        };
        let keys = [other.key(), signer.key()];
        assert_eq!(check(&signer.sign(&good), &keys), Ok(()));
        let tampered = Signature { payload: good.replace("q.io", "x.io").into(), ..signer.sign(&good) };
        let garbled = Signature { signature: "%".into(), ..signer.sign(&good) };
        let empty = Signature { signature: String::new(), ..signer.sign(&good) };
        for (signature, words) in [
            (tampered, "by another key"),
            (garbled, "not base64"),
            (empty, "by another key"),
            (Signer::new().sign(&good), "by another key"),
            (
                signer.sign(&payload("atomic container signature", &manifest, "q.io/a:1", "")),
                "no signature of an image",
            ),
            (signer.sign(&payload(PAYLOAD_TYPE, &Digest::of(b""), "q.io/a:1", "")), "for another image"),
            (signer.sign(&payload(PAYLOAD_TYPE, &manifest, "q.io/a:2", "")), "for the name q.io/a:2"),
            (signer.sign(&payload(PAYLOAD_TYPE, &manifest, "q.io/a:1", r#","more":1"#)), "unknown field"),
            (
                signer.sign(&payload(PAYLOAD_TYPE, &manifest, "q.io/a:1", r#","optional":{}"#)),
                "duplicate field",
            ),
            (signer.sign("{}"), "missing field"),
        ] {
            let error = check(&signature, &keys).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(check(&signer.sign(&good), &[]).is_err());
    }

    #[test]
    fn keys_that_are_none() {
        for (pem, words) in [
            ("", "no public key"),
            ("-----BEGIN PUBLIC KEY-----\n%\n-----END PUBLIC KEY-----\n", "no public key"),
            (
                "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
                "not supported yet",
            ),
        ] {
            let error = PublicKey::from_pem(pem.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(words), "{pem}: {error}");
        }
    }
}
