//! Looks for images in registries: by their own search where they have one, else among the names of all their
//! repositories; and lists the tags of one repository.

use anyhow::{Context, Result, anyhow, bail};
use tokio::runtime::Builder;

use crate::config::registries::{self, Endpoint, shortnames};
use crate::oci::reference::{DOCKER_IO, Reference};
use crate::registry::{Access, Failure, Found, Options, Registry};

/// Docker Hub's search has a name of its own.
const HUB_SEARCH: &str = "index.docker.io";

/// A repository that was found, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The registry, and how it calls the repository.
    pub registry: String,
    pub found: Found,
}

/// Finds repositories by `[REGISTRY/]TERM`, at most `limit` of each registry. Without one the registries of
/// `unqualified-search-registries` are asked, and Docker Hub where there are none; one that fails is no reason to
/// keep what the others found, and comes beside.
pub fn search(typed: &str, limit: usize, options: &Options) -> Result<(Vec<Hit>, Vec<anyhow::Error>)> {
    let (places, term) = match registries::split(typed) {
        Some((domain, term)) => (vec![domain.to_owned()], term),
        None => (shortnames::search_registries()?, typed),
    };
    let places = if places.is_empty() { vec![DOCKER_IO.to_owned()] } else { places };
    let (mut hits, mut failures) = (Vec::new(), Vec::new());
    for domain in &places {
        match ask(domain, term, limit, options) {
            Ok(found) => {
                hits.extend(found.into_iter().map(|found| Hit { registry: domain.clone(), found }));
            }
            Err(error) => failures.push(error.context(format!("search {domain}"))),
        }
    }
    match failures.pop() {
        Some(error) if failures.len() + 1 == places.len() => Err(error),
        Some(error) => {
            failures.push(error);
            Ok((hits, failures))
        }
        None => Ok((hits, failures)),
    }
}

fn ask(domain: &str, term: &str, limit: usize, options: &Options) -> Result<Vec<Found>> {
    let place = registries::target(domain, "")?;
    let search = Endpoint {
        domain: if domain == DOCKER_IO { HUB_SEARCH.to_owned() } else { domain.to_owned() },
        ..place.clone()
    };
    block_on(async {
        let found = Registry::new(&search, &Access::Login, options.clone()).search(term, limit).await;
        let failure = match found {
            Ok(mut found) => {
                found.truncate(limit);
                return Ok(found);
            }
            Err(failure) => failure,
        };
        // A registry without that search says so in one way or another; one that cannot be reached would not
        // answer again.
        let is_absent = matches!(failure, Failure::NotFound { .. } | Failure::Answer(_))
            || matches!(failure, Failure::Status { status: 400..500, .. } | Failure::Denied { .. });
        if !is_absent || domain == DOCKER_IO {
            return Err(failure.into());
        }
        let names = Registry::new(&place, &Access::Catalog, options.clone()).catalog(term).await?;
        let named = |name| Found { name, ..Found::default() };
        Ok(names.into_iter().take(limit).map(named).collect())
    })
}

/// The name of a repository in full, and its tags.
pub fn tags(typed: &str, options: &Options) -> Result<(Reference, Vec<String>)> {
    let reference = Reference::parse(typed)?;
    if reference.tag().is_some() || reference.digest().is_some() {
        bail!("list the tags of {typed}: a repository is wanted, without a tag");
    }
    let found = block_on(list(&reference, options));
    let tags = found.with_context(|| format!("list the tags of {}", reference.name()))?;
    Ok((reference, tags))
}

/// The tags of a repository that an image could have.
pub async fn list(reference: &Reference, options: &Options) -> Result<Vec<String>> {
    let places = registries::endpoints(reference.domain(), reference.path(), false)?;
    let own = places.last().context("there is no place to ask")?;
    let tags = Registry::new(own, &Access::Pull, options.clone()).tags().await?;
    let name = reference.name();
    let is_valid =
        |tag: &String| Reference::parse(&format!("{name}:{tag}")).is_ok_and(|it| it.digest().is_none());
    match tags.iter().find(|tag| !is_valid(tag)) {
        Some(tag) => Err(anyhow!("invalid tag {:?}", tag.chars().take(128).collect::<String>())),
        None => Ok(tags),
    }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build().context("start the network")?;
    let result = runtime.block_on(work);
    // A name that is still being looked up must not hold up the answer.
    runtime.shutdown_background();
    result
}
