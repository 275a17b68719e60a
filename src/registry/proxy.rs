//! The proxy that stands before a registry: what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
//!
//! reqwest reads them by the same matcher, and takes a value that it does not understand for none: then a user behind a
//! proxy would be told that no registry is known by any name. Such a value is an error here.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

use super::failure::Failure;
use super::transport::authority;
use crate::config::{env, registries};

/// What the environment says.
pub struct Proxies(Matcher);

impl Proxies {
    pub fn from_env() -> Self {
        Self(Matcher::from_env())
    }

    /// The proxy that stands before a URL, without the password it may want.
    pub fn before(&self, url: &Url) -> Option<String> {
        if is_never_behind(url) {
            return None;
        }
        place_of(&self.0, url)
    }

    /// Refuses a value that is no proxy, where it is the one that counts for a URL.
    pub fn check(url: &Url) -> Result<(), Failure> {
        let except = set(&["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default();
        let any = Matcher::builder().all("http://proxy").no(except).build();
        if is_never_behind(url) || place_of(&any, url).is_none() {
            return Ok(());
        }
        let own: &[_] = match url.scheme() {
            "https" => &["HTTPS_PROXY", "https_proxy"],
            _ => &["HTTP_PROXY", "http_proxy"],
        };
        let Some((name, value)) = set(own).or_else(|| set(&["ALL_PROXY", "all_proxy"])) else {
            return Ok(());
        };
        if is_proxy(&value, url) {
            return Ok(());
        }
        // What stands before the address may be a password.
        let value = value.rsplit('@').next().unwrap_or_default().escape_debug().to_string();
        Err(Failure::NoProxy { host: authority(url), name, value })
    }
}

/// This machine is never behind a proxy.
fn is_never_behind(url: &Url) -> bool {
    url.host_str().is_some_and(registries::is_loopback)
}

/// The first of these variables that is set; an empty one says that there is no proxy.
fn set(names: &[&'static str]) -> Option<(&'static str, String)> {
    let (name, value) = names.iter().find_map(|name| Some((*name, env::passed_on(name)?)))?;
    (!value.is_empty()).then_some((name, value))
}

/// `HOST[:PORT]` of the proxy that a matcher has for a URL.
fn place_of(matcher: &Matcher, url: &Url) -> Option<String> {
    let proxy = matcher.intercept(&url.as_str().parse().ok()?)?;
    Some(proxy.uri().authority()?.as_str().rsplit('@').next()?.to_owned())
}

/// Whether a value is understood, down to the port: without one that counts, the scheme's own would be asked.
fn is_proxy(value: &str, url: &Url) -> bool {
    let Some(place) = place_of(&Matcher::builder().all(value).build(), url) else { return false };
    let port = place.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    port.is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_proxy() {
        let url = Url::parse("https://r.example/v2/").unwrap();
        for value in [
            "proxy",
            "proxy:3128",
            "http://proxy",
            "https://proxy:443/",
            "http://me:se:cret@proxy:3128",
            "socks5://proxy:1080",
            "socks5h://[::1]:1080",
            "[::1]",
        ] {
            assert!(is_proxy(value, &url), "{value}");
        }
        for value in
            ["ht!tp://x", "http://", "ftp://proxy", "http://[::1", "::", "proxy:99999", "a b", "/proxy"]
        {
            assert!(!is_proxy(value, &url), "{value}");
        }
    }
}
