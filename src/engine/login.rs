//! `login` and `logout`: credentials that a registry has accepted, kept where they are found again.

use anyhow::{Context, Result, anyhow, bail};

use crate::base::hint::HintExt;
use crate::config::credentials::{self, Credentials, Login, Source, Stored};
use crate::config::registries;
use crate::registry::{Access, Failure, Options, Registry};

/// Docker Hub, where no registry is named.
const DEFAULT: &str = "docker.io";

/// The registry that a user means: `https://index.docker.io/v1/` and nothing at all are Docker Hub.
pub fn registry_of(typed: Option<&str>) -> Result<String> {
    let typed = typed.filter(|typed| !typed.is_empty()).unwrap_or(DEFAULT);
    let bare = typed.strip_prefix("https://").or_else(|| typed.strip_prefix("http://"));
    // Behind a scheme stands an address, whose path says nothing about repositories.
    let name = match bare {
        Some(address) => address.split('/').next().unwrap_or_default(),
        None => typed.trim_end_matches('/'),
    };
    let (domain, path) = name.split_once('/').unwrap_or((name, ""));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:[]".contains(c);
    if domain.is_empty() || !name.chars().all(is_plain) || path.split('/').any(|part| part == "..") {
        bail!("invalid registry name {typed:?}");
    }
    Ok(match domain {
        "index.docker.io" | "registry-1.docker.io" | DEFAULT => {
            name.replacen(domain, DEFAULT, 1).trim_end_matches("/v1").to_owned()
        }
        _ => name.to_owned(),
    })
}

/// What is remembered for a registry. A file that does not exist yet has nothing.
pub fn known(login: &Login) -> Result<Option<Credentials>> {
    let (domain, path) = login.parts();
    match login.docker_file.as_ref().or(login.file.as_ref()) {
        Some(file) if !file.exists() => Ok(None),
        Some(file) => Source::File(file.clone()).find(domain, path),
        None => Source::Usual.find(domain, path),
    }
}

/// Asks the registry whether it accepts credentials, and remembers them if it does.
pub fn log_in(login: &Login, credentials: Credentials, options: Options) -> Result<Stored> {
    let (domain, _) = login.parts();
    let options = Options { credentials: Source::Given(Some(credentials.clone())), ..options };
    let registry = Registry::new(&registries::target(domain, "")?, &Access::Login, options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the network")?;
    let answer = runtime.block_on(registry.log_in());
    runtime.shutdown_background();
    let identity = in_context(answer, domain)?;
    let credentials = identity.map_or(credentials, Credentials::IdentityToken);
    credentials::store(login, &credentials)
}

fn in_context<T>(answer: Result<T, Failure>, domain: &str) -> Result<T> {
    let failure = match answer {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    let hint = failure.hint();
    let error = match &failure {
        Failure::Denied { message } if message.is_empty() => {
            anyhow!("unauthorized: incorrect username or password")
        }
        Failure::Denied { message } => anyhow!("unauthorized: incorrect username or password: {message}"),
        Failure::NotFound { .. } => anyhow!("there is no registry that speaks the version 2 protocol"),
        _ => failure.into(),
    };
    let result = Err(error.context(format!("log in to {domain}")));
    match hint {
        Some(hint) => result.hint(|| hint),
        None => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_as_people_type_them() {
        for (typed, name) in [
            ("", "docker.io"),
            ("docker.io", "docker.io"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("https://quay.io/v2/", "quay.io"),
            ("quay.io/team", "quay.io/team"),
            ("localhost:5000/", "localhost:5000"),
            ("[::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(registry_of(Some(typed)).unwrap(), name, "{typed}");
        }
        assert_eq!(registry_of(None).unwrap(), "docker.io");
        for bad in ["https://", "/x", "a b", "x/../y", "h\x1b[31m", "user@host"] {
            assert!(registry_of(Some(bad)).is_err(), "{bad}");
        }
    }
}
