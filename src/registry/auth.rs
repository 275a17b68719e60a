//! From a registry's challenge to an `Authorization` header.
//!
//! Sources: `distribution/docs/spec/auth/token.md` (a GET that trades a password, or nothing, for a token)
//! and `oauth.md` (a POST that trades an identity token for one). A token is good for one repository and is
//! kept until the registry refuses it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::challenge::{self, Challenge};
use super::failure::Failure;
use super::transport::{Ask, Options, Transport, authority};
use crate::config::credentials::Credentials;
use crate::config::registries::{self, Endpoint};

const MAX_TOKEN: usize = 1 << 20;
const MAX_ERROR: usize = 64 << 10;
const CLIENT_ID: &str = "coracle";

/// What is going to be done in a repository.
#[derive(Clone, Debug)]
pub enum Access {
    Pull,
    /// Also layers are taken over from these other repositories of the registry.
    Push {
        from: Vec<String>,
    },
    /// The names of all repositories are listed.
    Catalog,
    /// Nothing: credentials are only tried, and a token that stands for them is welcome.
    Login,
}

impl Access {
    /// `token.md`: one scope for each repository.
    fn scopes(&self, path: &str) -> Vec<String> {
        match self {
            Self::Pull => vec![format!("repository:{path}:pull")],
            Self::Push { from } => {
                let own = format!("repository:{path}:pull,push");
                let others = from.iter().map(|path| format!("repository:{path}:pull"));
                std::iter::once(own).chain(others).collect()
            }
            Self::Catalog => vec!["registry:catalog:*".to_owned()],
            Self::Login => Vec::new(),
        }
    }
}

/// What has been learned about how to be let into one repository.
pub struct Auth {
    domain: String,
    path: String,
    /// What a token is asked for, as in `repository:team/app:pull,push`.
    scopes: Vec<String>,
    /// Whether a refresh token is asked for too.
    offline: bool,
    options: Options,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    header: Option<HeaderValue>,
    /// Looked up when first asked for; the inner `None` says that there are none.
    credentials: Option<Option<Credentials>>,
    /// The refresh token that a token server gave for a password.
    identity: Option<String>,
}

impl Auth {
    /// Prepares to ask for a repository; reads no credentials yet.
    pub fn new(endpoint: &Endpoint, access: &Access, options: Options) -> Self {
        let (domain, path) = (endpoint.domain.clone(), endpoint.path.clone());
        let scopes = access.scopes(&path);
        let offline = matches!(access, Access::Login);
        Self { domain, path, scopes, offline, options, state: Mutex::default() }
    }

    /// The header that let us in last.
    pub async fn header(&self) -> Option<HeaderValue> {
        self.state.lock().await.header.clone()
    }

    /// The refresh token that was given for a password, if any.
    pub async fn identity(&self) -> Option<String> {
        self.state.lock().await.identity.clone()
    }

    /// Answers a registry that refused a request sent with `used`. `None` if there is nothing better to
    /// send. Layers that are refused at the same time share one new token.
    pub async fn answer(
        &self,
        transport: &Transport,
        registry: &Url,
        refusal: &HeaderMap,
        used: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Failure> {
        let mut state = self.state.lock().await;
        if state.header.is_some() && state.header.as_ref() != used {
            return Ok(state.header.clone());
        }
        if state.credentials.is_none() {
            state.credentials =
                Some(self.options.credentials.find(&self.domain, &self.path).map_err(Failure::Host)?);
        }
        let credentials = state.credentials.as_ref().and_then(Option::as_ref);
        let header = match choose(refusal) {
            Some(Offer::Bearer(challenge)) => {
                let answer = self.token(transport, registry, &challenge, credentials).await?;
                state.identity = answer.refresh_token.filter(|_| self.offline);
                Some(bearer(&answer.token)?)
            }
            Some(Offer::Basic) => credentials.and_then(basic),
            None => None,
        };
        let fresh = header.filter(|header| Some(header) != used);
        state.header.clone_from(&fresh);
        Ok(fresh)
    }

    async fn token(
        &self,
        transport: &Transport,
        registry: &Url,
        challenge: &Challenge,
        credentials: Option<&Credentials>,
    ) -> Result<Token, Failure> {
        let realm = self.realm(registry, challenge)?;
        let host = authority(&realm);
        let service = challenge.parameter("service").unwrap_or_default();
        let response = match credentials {
            Some(Credentials::IdentityToken(token)) => {
                let scope = self.scopes.join(" ");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.as_str()),
                    ("service", service),
                    ("scope", scope.as_str()),
                    ("client_id", CLIENT_ID),
                ];
                transport.post(realm, &form).await?
            }
            _ => {
                let secret = credentials.and_then(basic);
                let mut url = with_query(realm, service, &self.scopes);
                if let (true, Some(Credentials::Password { username, .. })) = (self.offline, credentials) {
                    let mut query = url.query_pairs_mut();
                    query.append_pair("account", username).append_pair("client_id", CLIENT_ID);
                    query.append_pair("offline_token", "true");
                }
                transport.ask(Ask::get(url, secret.as_ref())).await?
            }
        };
        let status = response.status();
        if !status.is_success() {
            let body = transport.body(response, MAX_ERROR).await.unwrap_or_default();
            return Err(Failure::of_status(&host, status.as_u16(), None, &body));
        }
        let body = transport.body(response, MAX_TOKEN).await?;
        // The parser's message could quote the token.
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| Failure::Answer(format!("token server {host} sent no token document")))?;
        let refresh_token = answer.refresh_token.filter(|token| !token.is_empty());
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Failure::Answer(format!("token server {host} sent no token")))?;
        Ok(Token { token, refresh_token })
    }

    /// The token server that a challenge names, if a password may be sent there.
    fn realm(&self, registry: &Url, challenge: &Challenge) -> Result<Url, Failure> {
        let unusable = || Failure::Answer(format!("{} names no token server", authority(registry)));
        let text = challenge.parameter("realm").ok_or_else(unusable)?;
        let realm = Url::parse(text).ok().filter(|realm| realm.has_host() && realm.username().is_empty());
        let realm = realm.ok_or_else(unusable)?;
        match realm.scheme() {
            "https" => Ok(realm),
            "http" if may_be_plain(registry, &realm, self.options.tls_verify) => Ok(realm),
            "http" => Err(Failure::Unsafe(format!(
                "ask for a token over plain http: {} names {}",
                authority(registry),
                authority(&realm)
            ))),
            _ => Err(unusable()),
        }
    }
}

/// A token server may speak plain HTTP where the registry does and both are one host or this machine:
/// otherwise a registry could have a password sent in the clear to anybody.
fn may_be_plain(registry: &Url, realm: &Url, tls_verify: bool) -> bool {
    let is_local = |url: &Url| url.host_str().is_some_and(registries::is_loopback);
    let near = registry.host_str() == realm.host_str() || (is_local(registry) && is_local(realm));
    near && (registry.scheme() == "http" || !tls_verify)
}

enum Offer {
    Bearer(Challenge),
    Basic,
}

/// The best of the offers that we understand.
fn choose(refusal: &HeaderMap) -> Option<Offer> {
    let values = refusal.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let challenges: Vec<Challenge> = values.flat_map(challenge::parse).collect();
    let find = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
    match find("bearer") {
        Some(challenge) => Some(Offer::Bearer(challenge.clone())),
        None => find("basic").map(|_| Offer::Basic),
    }
}

fn with_query(mut realm: Url, service: &str, scopes: &[String]) -> Url {
    let mut query = realm.query_pairs_mut();
    if !service.is_empty() {
        query.append_pair("service", service);
    }
    for scope in scopes {
        query.append_pair("scope", scope);
    }
    drop(query);
    realm
}

fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let Credentials::Password { username, password } = credentials else {
        return None;
    };
    let text = STANDARD.encode(format!("{username}:{password}"));
    secret(&format!("Basic {text}"))
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    secret(&format!("Bearer {token}")).ok_or_else(|| Failure::Answer("the token is no text".to_owned()))
}

/// A header value that no log shows.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The first form has `token`, OAuth 2 has `access_token`, and some servers send both.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// What a token server gave.
struct Token {
    token: String,
    refresh_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn realm(registry: &str, realm: &str, tls_verify: bool) -> Result<Url, Failure> {
        let endpoint = Endpoint::new("registry.example", "a");
        let auth = Auth::new(&endpoint, &Access::Pull, Options::new(tls_verify));
        let challenge = challenge::parse(&format!("Bearer realm=\"{realm}\"")).remove(0);
        auth.realm(&Url::parse(registry).unwrap(), &challenge)
    }

    #[test]
    fn where_a_password_may_go() {
        for (registry, server, tls_verify, allowed) in [
            ("https://registry-1.docker.io", "https://auth.docker.io/token", true, true),
            ("https://registry.example", "http://registry.example/token", true, false),
            ("https://registry.example", "http://evil.example/token", true, false),
            ("https://registry.example", "http://evil.example/token", false, false),
            ("https://registry.example", "http://registry.example/token", false, true),
            ("https://localhost:5000", "http://localhost:5001/token", true, false),
            ("http://localhost:5000", "http://127.0.0.1:5001/token", true, true),
            ("http://localhost:5000", "http://evil.example/token", true, false),
            ("http://registry.example", "http://registry.example:81/token", false, true),
            ("http://registry.example", "http://evil.example/token", false, false),
            ("http://localhost:5000", "https://auth.example/token", true, true),
        ] {
            assert_eq!(
                realm(registry, server, tls_verify).is_ok(),
                allowed,
                "{registry} {server} {tls_verify}"
            );
        }
        for bad in ["", "token", "/token", "file:///etc/passwd", "https://u:p@h/t", "data:,x"] {
            assert!(matches!(realm("https://registry.example", bad, true), Err(Failure::Answer(_))), "{bad}");
        }
    }

    #[test]
    fn a_realm_keeps_its_own_query() {
        let scopes = Access::Pull.scopes("a/b");
        let url = with_query(Url::parse("https://h/token?account=x").unwrap(), "s v", &scopes);
        assert_eq!(url.as_str(), "https://h/token?account=x&service=s+v&scope=repository%3Aa%2Fb%3Apull");
        let scopes = Access::Push { from: vec!["c".into()] }.scopes("a");
        assert_eq!(scopes, ["repository:a:pull,push", "repository:c:pull"]);
        let url = with_query(Url::parse("https://h").unwrap(), "", &["x".into(), "y".into()]);
        assert_eq!(url.as_str(), "https://h/?scope=x&scope=y");
    }

    #[test]
    fn the_better_offer() {
        let offers = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
            }
            choose(&headers)
        };
        assert!(matches!(offers(&["Basic realm=\"x\"", "Bearer realm=\"y\""]), Some(Offer::Bearer(_))));
        assert!(matches!(offers(&["Negotiate, Basic realm=\"x\""]), Some(Offer::Basic)));
        assert!(offers(&["Digest realm=\"x\""]).is_none());
        assert!(offers(&[]).is_none());
    }

    #[test]
    fn headers_hide_their_secret() {
        let credentials = Credentials::Password { username: "u".into(), password: "hunter2".into() };
        let header = basic(&credentials).unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic dTpodW50ZXIy");
        assert!(!format!("{header:?}").contains("dTpo"));
        assert!(bearer("a\nb").is_err());
    }
}
