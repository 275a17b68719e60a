//! Whether registries answer: docker.io, and those in which short names are searched.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Finding, Refusal};
use crate::base::hint::HintExt;
use crate::config::credentials::Source;
use crate::config::registries::{self, shortnames};
use crate::registry::{Access, Failure, Options, Registry, Retry};

const NAME: &str = "registries";
const DEFAULT: &str = "docker.io";
/// A registry that says nothing for so long is told of.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks each registry for its version, without credentials. Starts threads.
pub fn check() -> Vec<Finding> {
    let searched = match shortnames::search_registries() {
        Ok(searched) => searched,
        Err(error) => return vec![judge("registries.conf", &Err(error))],
    };
    let mut names = if searched.is_empty() { vec![DEFAULT.to_owned()] } else { searched };
    names.dedup();
    names.iter().map(|name| judge(name, &ask(name))).collect()
}

fn ask(name: &str) -> Result<()> {
    let (domain, path) = name.split_once('/').unwrap_or((name, ""));
    let options = Options {
        tls_verify: true,
        tls_insists: false,
        stall: PATIENCE,
        retry: Retry { tries: 1, ..Retry::default() },
        credentials: Source::Given(None),
        certificates: None,
    };
    let registry = Registry::new(&registries::target(domain, path)?, &Access::Login, options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the network")?;
    let answer = runtime.block_on(registry.log_in());
    runtime.shutdown_background();
    match answer {
        // Whoever refuses is there.
        Ok(_) | Err(Failure::Denied { .. } | Failure::RateLimited { .. }) => Ok(()),
        Err(failure) => match failure.hint() {
            Some(hint) => Err(failure).hint(|| hint),
            None => Err(failure.into()),
        },
    }
}

fn judge(name: &str, answer: &Result<()>) -> Finding {
    match answer {
        Ok(()) => Finding::fine(NAME, format!("{name} answers")),
        Err(error) => {
            let Refusal { error, hint } = Refusal::of(error);
            let mend = "set HTTPS_PROXY where a proxy is needed, or name a mirror in registries.conf";
            let mend = hint.unwrap_or_else(|| mend.to_owned());
            Finding::failed(NAME, format!("{name}: {error}"), "images cannot be pulled from there", mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn answers() {
        assert_found(&[judge("docker.io", &Ok(()))], NAME, Level::Fine, &["docker.io answers"]);
        let refused = Err(anyhow!("connect to x: connection refused"));
        assert_found(&[judge("x", &refused)], NAME, Level::Failed, &["x: connect to x", "HTTPS_PROXY"]);
        let hinted = Err::<(), _>(anyhow!("look up x: nothing")).hint(|| "a hint");
        assert_found(&[judge("x", &hinted)], NAME, Level::Failed, &["a hint"]);
    }
}
