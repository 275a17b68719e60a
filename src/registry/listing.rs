//! What a registry has: the tags of a repository, its repositories, and what its search finds.
//!
//! Source: OCI distribution-spec v1.1 ("Listing Tags"); distribution's `_catalog`, which hardly a public registry offers;
//! docker's `/v1/search`, which Docker Hub and some others have kept. Lists come in pages that link to the next one.

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::Registry;
use super::failure::Failure;

const MAX_PAGE: usize = 8 << 20;
/// Whoever has more names than this wants us to be busy.
const MAX_NAMES: usize = 200_000;
const PAGE: usize = 1000;

/// A repository that a search has found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Found {
    pub name: String,
    pub description: Option<String>,
    pub star_count: i64,
    pub is_official: bool,
    pub is_automated: bool,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Catalog {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Results {
    results: Option<Vec<Found>>,
}

impl Registry {
    /// The tags of this repository, sorted, which distribution's registry leaves to us.
    pub async fn tags(&self) -> Result<Vec<String>, Failure> {
        let mut tags = self.pages(format!("tags/list?n={PAGE}"), |page: Tags| page.tags, |_| true).await?;
        tags.sort();
        Ok(tags)
    }

    /// The repositories of the registry whose names contain `term`; for a client that is for no repository.
    pub async fn catalog(&self, term: &str) -> Result<Vec<String>, Failure> {
        let page = |page: Catalog| page.repositories;
        self.pages(format!("_catalog?n={PAGE}"), page, |name| name.contains(term)).await
    }

    /// What the registry's own search finds, at most `limit`.
    pub async fn search(&self, term: &str, limit: usize) -> Result<Vec<Found>, Failure> {
        let mut query = Url::parse("http://x").map_err(|error| Failure::Answer(error.to_string()))?;
        query.query_pairs_mut().append_pair("q", term).append_pair("n", &limit.to_string());
        let tail = format!("/v1/search?{}", query.query().unwrap_or_default());
        let (_, body) = self.document(&tail, None, MAX_PAGE).await?;
        let results: Results = self.read(&body)?;
        Ok(results.results.unwrap_or_default())
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        first: String,
        names_of: impl Fn(T) -> Option<Vec<String>>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, Failure> {
        let (mut names, mut seen, mut tail) = (Vec::new(), 0, first);
        loop {
            let (headers, body) = self.document(&tail, None, MAX_PAGE).await?;
            let page = names_of(self.read(&body)?).unwrap_or_default();
            let next = self.next_page(&tail, &headers)?;
            seen += page.len();
            let is_last = page.is_empty();
            names.extend(page.into_iter().filter(|name| is_wanted(name)));
            match next {
                Some(_) if seen > MAX_NAMES => {
                    return Err(Failure::Answer(format!("it has more than {MAX_NAMES} names")));
                }
                Some(next) if !is_last && next != tail => tail = next,
                _ => return Ok(names),
            }
        }
    }

    /// The address of the next page, which must lie at the same registry: `</v2/…>; rel="next"` (RFC 8288).
    fn next_page(&self, tail: &str, headers: &HeaderMap) -> Result<Option<String>, Failure> {
        let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        let Some(target) = links.filter_map(next_of).next() else { return Ok(None) };
        let current = self.url(&self.base()?, tail)?;
        let next = current.join(target).ok().filter(|next| next.origin() == current.origin());
        let next = next.ok_or_else(|| Failure::Answer("its list goes on elsewhere".to_owned()))?;
        Ok(Some(next.as_str()[next.origin().ascii_serialization().len()..].to_owned()))
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|error| Failure::Answer(format!("it sent no list: {error}")))
    }
}

/// The target of a link to the next page.
fn next_of(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| matches!(parameter.trim(), "rel=next" | "rel=\"next\"");
    parameters.split(';').any(is_next).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        for (link, target) in [
            ("</v2/_catalog?last=b&n=2>; rel=\"next\"", Some("/v2/_catalog?last=b&n=2")),
            ("<x>;title=y; rel=next", Some("x")),
            ("<x>; rel=\"prev\"", None),
            ("<x>", None),
            ("x; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_of(link), target, "{link}");
        }
    }
}
