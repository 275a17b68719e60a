//! Whether an image may be taken in: what `policy.json` asks for ([`crate::config::policy`]), and the signatures that lie in
//! an image's repository as cosign puts them there, under a tag made of the manifest's digest.
//!
//! It is the manifest of the image itself that has to be signed, not the index that leads to it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oci_spec::image::{Descriptor, ImageManifest};

use super::resolve;
use super::signature::{PublicKey, Signature};
use crate::base::digest::Digest;
use crate::base::file::read_bounded;
use crate::base::hint::HintExt;
use crate::config::policy::{self, Key, Policy, Requirement, SigstoreSigned};
use crate::config::registries;
use crate::oci::reference::Reference;
use crate::registry::{Failure, Registry};

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// Whoever has signed one image more often than this wants us to be busy.
const MAX_SIGNATURES: usize = 64;
const MAX_KEY: u64 = 64 << 10;

/// Admits an image of a registry, or says why not. `manifest` is that of the image itself.
pub async fn admit(registry: &Registry, reference: &Reference, manifest: &Digest) -> Result<()> {
    let Some(policy) = Policy::read()? else { return Ok(()) };
    let scopes = policy::of_name(&reference.to_string(), &reference.name());
    let mut signatures = None;
    for requirement in policy.requirements("docker", &scopes) {
        if let Some(signed) = wanted_signature(requirement).map_err(|error| refusal(error, &policy))? {
            if signatures.is_none() {
                signatures = Some(attached(registry, &scopes, manifest).await?);
            }
            let signatures = signatures.as_deref().unwrap_or_default();
            check(signed, signatures, reference, manifest).map_err(|error| refusal(error, &policy))?;
        }
    }
    Ok(())
}

/// Admits what is in a file or a directory, or says why not. Such images have no name of which a policy could know, and
/// no signatures.
pub fn admit_file(transport: &str, path: &Path) -> Result<()> {
    let Some(policy) = Policy::read()? else { return Ok(()) };
    // As in containers-policy.json(5), some have no scopes; nor has what comes through a pipe.
    let scopes = match fs::canonicalize(path) {
        Ok(path) if !matches!(transport, "docker-archive" | "tarball") => policy::of_path(&path),
        _ => Vec::new(),
    };
    for requirement in policy.requirements(transport, &scopes) {
        if wanted_signature(requirement).map_err(|error| refusal(error, &policy))?.is_some() {
            return Err(refusal(anyhow!("a signature is required, and {transport} has none"), &policy));
        }
    }
    Ok(())
}

fn refusal(error: anyhow::Error, policy: &Policy) -> anyhow::Error {
    error.context(format!("refused by the policy in {}", policy.file().display()))
}

/// The signature that a requirement wants, if any; an error where nothing would do.
fn wanted_signature(requirement: &Requirement) -> Result<Option<&SigstoreSigned>> {
    match requirement {
        Requirement::InsecureAcceptAnything {} => Ok(None),
        Requirement::Reject {} => bail!("it rejects such images"),
        Requirement::SignedBy(_) => bail!("not supported yet: signedBy (signatures of GnuPG)"),
        Requirement::SigstoreSigned(signed) => match signed.unsupported() {
            Some(field) => bail!("not supported yet: sigstoreSigned with {field}"),
            None => Ok(Some(signed)),
        },
    }
}

/// One of the signatures must do.
fn check(
    signed: &SigstoreSigned,
    signatures: &[Signature],
    reference: &Reference,
    manifest: &Digest,
) -> Result<()> {
    let keys = signed.keys().into_iter().map(read_key).collect::<Result<Vec<_>>>()?;
    let mut reasons = Vec::new();
    for signature in signatures {
        match signature.check(&keys, &signed.signed_identity, reference, manifest) {
            Ok(()) => return Ok(()),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    match reasons.as_slice() {
        [] => Err(anyhow!("a signature is required, and there is none"))
            .hint(|| "signatures are looked for where registries.d says `use-sigstore-attachments: true`"),
        [reason] => bail!("the signature does not count: {reason}"),
        reasons => bail!("none of {} signatures counts: {}", reasons.len(), reasons.join("; ")),
    }
}

fn read_key(key: Key<'_>) -> Result<PublicKey> {
    match key {
        Key::File(path) => PublicKey::from_pem(&read_bounded(path, MAX_KEY)?)
            .with_context(|| format!("use the key {}", path.display())),
        Key::Data(data) => {
            let pem = STANDARD.decode(data).context("the keyData is not base64")?;
            PublicKey::from_pem(&pem).context("use the keyData")
        }
    }
}

/// The signatures that lie in the repository of an image; none where they are not to be looked for.
async fn attached(registry: &Registry, scopes: &[String], manifest: &Digest) -> Result<Vec<Signature>> {
    if !registries::signatures_are_attached(scopes)? {
        return Ok(Vec::new());
    }
    let document = match registry.tagged(&format!("sha256-{}.sig", manifest.hex())).await {
        Err(Failure::NotFound { .. }) => return Ok(Vec::new()),
        document => document.context("fetch the signatures")?,
    };
    let listed: ImageManifest =
        serde_json::from_slice(&document.bytes).context("read the list of signatures")?;
    let mut signatures = Vec::new();
    for layer in listed.layers().iter().take(MAX_SIGNATURES) {
        if let Some(signature) = annotated(layer) {
            let payload = registry.config(&resolve::digest(layer)?, layer.size()).await;
            signatures.push(Signature { payload: payload.context("fetch a signature")?, signature });
        }
    }
    Ok(signatures)
}

/// The signature that is noted beside what it is for; `None` for anything else that lies there.
fn annotated(layer: &Descriptor) -> Option<String> {
    let annotations = layer.annotations().as_ref().filter(|_| layer.media_type().as_ref() == PAYLOAD)?;
    annotations.get(ANNOTATION).cloned()
}
