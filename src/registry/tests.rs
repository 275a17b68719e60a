//! The client against registries that misbehave.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::retry::Retry;
use super::testing::{Reply, Request, Server};
use super::{Access, Document, Failure, Options, Registry};
use crate::base::digest::Digest;
use crate::config::credentials::{Credentials, Source};
use crate::config::registries::Endpoint;
use crate::oci::media::{self, Kind};

const IMAGE: &str = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;

fn options() -> Options {
    let retry = Retry { tries: 4, base: Duration::from_millis(1) };
    Options {
        retry,
        stall: Duration::from_millis(400),
        credentials: Source::Given(None),
        ..Options::new(true)
    }
}

fn with_password() -> Options {
    Options { credentials: Source::Given(Some(Credentials::parse("ann:secret"))), ..options() }
}

/// `ann:secret` as it goes over the wire.
const BASIC: &str = "Basic YW5uOnNlY3JldA==";

fn registry(server: &Server, options: Options) -> Registry {
    registry_at(&server.host(), options)
}

fn registry_at(host: &str, options: Options) -> Registry {
    Registry::new(&Endpoint::new(host, "team/app"), &Access::Pull, options)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn tagged(server: &Server, options: Options) -> Result<Document, Failure> {
    wait(registry(server, options).tagged("v1"))
}

/// Everything that came of a blob, and how the stream ended.
fn blob(server: &Server, digest: &Digest, size: u64) -> (Vec<u8>, Result<(), Failure>) {
    let mut content = Vec::new();
    let deliver = async |chunk: super::blob::Chunk| {
        content.extend_from_slice(&chunk);
        true
    };
    let result = wait(registry(server, options()).blob(digest, (0, size), deliver));
    (content, result)
}

fn image() -> Reply {
    Reply::ok(IMAGE).with("Content-Type", media::OCI_MANIFEST)
}

/// Answers the n-th request, from 0, with what `reply` says.
fn counted(reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |request| reply(count.fetch_add(1, Ordering::SeqCst), request))
}

#[test]
fn a_manifest_over_plain_http_on_this_machine() {
    let server =
        Server::start(|_| image().with("Docker-Content-Digest", Digest::of(IMAGE.as_bytes()).to_string()));
    let document = tagged(&server, options()).unwrap();
    assert_eq!((document.kind, document.bytes.as_slice()), (Kind::Manifest, IMAGE.as_bytes()));
    let request = &server.requests()[0];
    assert_eq!(request.target, "/v2/team/app/manifests/v1");
    assert_eq!(request.header("accept"), Some(media::ACCEPT_MANIFEST));
    assert_eq!(request.header("authorization"), None);
}

#[test]
fn a_manifest_that_is_not_what_was_asked_for() {
    let other = Digest::of(b"other");
    let server = Server::start(|_| image());
    let error = wait(registry(&server, options()).manifest_by_digest(&other)).unwrap_err();
    assert_eq!(error.to_string(), format!("digest is {}, expected {other}", Digest::of(IMAGE.as_bytes())));
    let claimed = other.to_string();
    let server = Server::start(move |_| image().with("Docker-Content-Digest", claimed.as_str()));
    assert!(matches!(tagged(&server, options()), Err(Failure::Digest { .. })));
    let server = Server::start(|_| image().with("Docker-Content-Digest", "sha256:../../etc/passwd"));
    assert!(matches!(tagged(&server, options()), Err(Failure::Answer(_))));
    let server = Server::start(|_| Reply::ok(IMAGE).with("Content-Type", media::OCI_INDEX));
    assert!(tagged(&server, options()).unwrap_err().to_string().starts_with("ambiguous manifest"));
}

#[test]
fn documents_without_end_are_cut() {
    let server = Server::start(|_| Reply::ok(vec![b' '; 1 << 16]).endless());
    let error = tagged(&server, options()).unwrap_err();
    assert_eq!(error.to_string(), "the answer is larger than 4194304 bytes");
    let server = Server::start(|_| Reply::new(500, vec![b' '; 1 << 16]).endless());
    assert!(matches!(tagged(&server, options()), Err(Failure::Status { status: 500, .. })));
}

#[test]
fn a_silent_registry_is_given_up() {
    for reply in [Reply::ok(IMAGE).stall(0), Reply::ok(IMAGE).stall(10)] {
        let server = Server::start(move |_| reply.clone());
        let started = Instant::now();
        let error = tagged(&server, options()).unwrap_err();
        assert_eq!(error.to_string(), format!("{} stalled: no data for 0.4 s", server.host()));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn nobody_there() {
    let host = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let error = wait(registry_at(&host, options()).tagged("v1")).unwrap_err();
    assert_eq!(error.to_string(), format!("connect to {host}: connection refused"));
}

#[test]
fn a_name_that_does_not_resolve() {
    let error = wait(registry_at("registry.invalid", options()).tagged("v1")).unwrap_err();
    assert!(error.to_string().starts_with("look up registry.invalid: "), "{error}");
    assert!(!error.to_string().contains("failed to"), "{error}");
}

#[test]
fn what_is_tried_again_and_what_is_not() {
    for (status, requests) in [(503, 4), (500, 4), (429, 4), (404, 1), (403, 1), (400, 1)] {
        let server = Server::start(move |_| Reply::new(status, ""));
        assert!(tagged(&server, options()).is_err());
        assert_eq!(server.requests().len(), requests, "{status}");
    }
    let server = counted(|n, _| if n < 2 { Reply::new(503, "") } else { image() });
    assert!(tagged(&server, options()).is_ok());
    let server = counted(|n, _| if n < 2 { image().cut(5) } else { image() });
    assert!(tagged(&server, options()).is_ok());
}

#[test]
fn a_registry_says_when_to_come_back() {
    let server = counted(|n, _| if n == 0 { Reply::new(429, "").with("Retry-After", "1") } else { image() });
    let started = Instant::now();
    assert!(tagged(&server, options()).is_ok());
    assert!(started.elapsed() >= Duration::from_secs(1));
    let server = Server::start(|_| Reply::new(429, "").with("Retry-After", "21600"));
    assert!(matches!(tagged(&server, options()), Err(Failure::RateLimited { .. })));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_blob_goes_on_where_it_broke_off() {
    let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let digest = Digest::of(&content);
    let served = content.clone();
    let server = counted(move |n, request| match (n, request.header("range")) {
        (0, None) => Reply::ok(served.clone()).cut(100_000),
        (1, Some(range)) => {
            let start: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
            let value = format!("bytes {start}-{}/{}", served.len() - 1, served.len());
            Reply::new(206, &served[start..]).with("Content-Range", value).cut(200_000)
        }
        // As a server does that knows no ranges.
        _ => Reply::ok(served.clone()),
    });
    let (received, result) = blob(&server, &digest, content.len() as u64);
    result.unwrap();
    assert!(received == content);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].header("range"), None);
    assert_eq!(requests[1].header("range"), Some("bytes=100000-"));
    assert_eq!(requests[2].header("range"), Some("bytes=300000-"));
}

#[test]
fn a_server_that_makes_a_mess_of_ranges_is_asked_for_the_whole() {
    let content = b"0123456789";
    for (status, range) in
        [(206, "bytes 2-9/10"), (206, "bytes 4-9/11"), (206, "none of your business"), (416, "bytes */10")]
    {
        let server = Server::start(move |request| match request.header("range") {
            Some("bytes=4-") => Reply::new(status, &content[4..]).with("Content-Range", range),
            Some(_) => Reply::new(400, ""),
            None => Reply::ok(content),
        });
        let mut received = Vec::new();
        let deliver = async |chunk: bytes::Bytes| {
            received.extend_from_slice(&chunk);
            true
        };
        wait(registry(&server, options()).blob(&Digest::of(b""), (4, 10), deliver)).unwrap();
        assert_eq!(received, content[4..]);
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn a_blob_that_stalls_is_asked_for_again() {
    let server =
        counted(|n, _| if n == 0 { Reply::ok("0123456789").stall(4) } else { Reply::ok("0123456789") });
    let (received, result) = blob(&server, &Digest::of(b""), 10);
    result.unwrap();
    assert_eq!(received, b"0123456789");
}

#[test]
fn blobs_that_lie_about_their_size() {
    let digest = Digest::of(b"");
    let server = Server::start(|_| Reply::ok("0123456789"));
    for size in [9, 11] {
        let (_, result) = blob(&server, &digest, size);
        assert_eq!(result.unwrap_err().to_string(), format!("size is 10, expected {size}"));
    }
    let server = Server::start(|_| Reply::ok("0123456789").endless());
    let (received, result) = blob(&server, &digest, 25);
    assert!(matches!(result, Err(Failure::Size { expected: 25, .. })));
    assert!(received.len() <= 25);
    let server = Server::start(|_| Reply::ok("0123456789").cut(4));
    let (received, result) = blob(&server, &digest, 10);
    assert!(matches!(result, Err(Failure::Broken { .. })));
    assert!(b"0123456789".starts_with(&received));
    let server = Server::start(|_| Reply::new(206, "0123456789").with("Content-Range", "bytes 5-14/15"));
    assert!(matches!(blob(&server, &digest, 10).1, Err(Failure::Answer(_))));
}

#[test]
fn a_password_for_the_registry_that_asks() {
    let server = Server::start(|request| match request.header("authorization") {
        Some(BASIC) => image(),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""),
    });
    assert!(tagged(&server, with_password()).is_ok());
    assert_eq!(server.requests().len(), 2);
    assert_eq!(server.requests()[0].header("authorization"), None, "not before it is asked for");
    assert!(matches!(tagged(&server, options()), Err(Failure::Denied { .. })));
}

#[test]
fn a_wrong_password_is_sent_once() {
    let server = Server::start(|_| Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""));
    assert!(matches!(tagged(&server, with_password()), Err(Failure::Denied { .. })));
    assert_eq!(server.requests().len(), 2);
}

/// A registry whose tokens are good for `uses` requests each, and its token server.
fn token_registry(
    uses: usize,
    token_reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Server, Server) {
    let tokens = Server::start(token_reply);
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"reg\",scope=\"ignored\"", tokens.host());
    let left = AtomicUsize::new(uses);
    let registry = Server::start(move |request| {
        let good = request.header("authorization").is_some_and(|header| header.starts_with("Bearer good"));
        if good && left.load(Ordering::SeqCst) > 0 {
            left.fetch_sub(1, Ordering::SeqCst);
            return image();
        }
        left.store(uses, Ordering::SeqCst);
        Reply::new(401, "").with("WWW-Authenticate", realm.as_str())
    });
    (registry, tokens)
}

#[test]
fn tokens_are_asked_for_kept_and_renewed() {
    let count = AtomicUsize::new(0);
    let token = move |_: &Request| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        Reply::ok(format!("{{\"token\":\"good{n}\",\"expires_in\":60}}"))
    };
    let (server, tokens) = token_registry(2, token);
    let client = registry(&server, options());
    wait(async {
        for _ in 0..3 {
            client.tagged("v1").await.unwrap();
        }
    });
    assert_eq!(tokens.requests().len(), 2);
    assert_eq!(tokens.requests()[0].target, "/token?service=reg&scope=repository%3Ateam%2Fapp%3Apull");
    assert_eq!(tokens.requests()[0].header("authorization"), None);
}

#[test]
fn a_password_buys_a_token() {
    let (server, tokens) = token_registry(9, |request| match request.header("authorization") {
        Some(BASIC) => Reply::ok(r#"{"access_token":"good"}"#),
        _ => Reply::new(401, r#"{"details":"incorrect username or password"}"#),
    });
    assert!(tagged(&server, with_password()).is_ok());
    assert_eq!(tokens.requests().len(), 1);
    assert!(server.requests().iter().all(|request| request.header("authorization") != Some(BASIC)));
    let error = tagged(&server, options()).unwrap_err();
    assert_eq!(error.to_string(), "access denied: incorrect username or password");
}

#[test]
fn an_identity_token_buys_a_token() {
    let (server, tokens) = token_registry(9, |_| Reply::ok(r#"{"access_token":"good"}"#));
    let credentials = Source::Given(Some(Credentials::IdentityToken("refresh me".into())));
    assert!(tagged(&server, Options { credentials, ..options() }).is_ok());
    let request = &tokens.requests()[0];
    let form = "grant_type=refresh_token&refresh_token=refresh+me&service=reg\
        &scope=repository%3Ateam%2Fapp%3Apull&client_id=coracle";
    assert_eq!((request.method.as_str(), request.body.as_str()), ("POST", form));
}

#[test]
fn token_servers_that_misbehave() {
    for (reply, words) in [
        ((|_| Reply::ok("nonsense")) as fn(&Request) -> Reply, "sent no token document"),
        (|_| Reply::ok("{}"), "sent no token"),
        (|_| Reply::ok(r#"{"token":"a\nb"}"#), "the token is no text"),
        (|_| Reply::ok(vec![b' '; 1 << 16]).endless(), "larger than 1048576 bytes"),
        (|_| Reply::ok(r#"{"token":"bad"}"#), "access denied"),
    ] {
        let (server, _tokens) = token_registry(9, reply);
        let error = tagged(&server, options()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn credentials_stay_at_home() {
    let elsewhere = Server::start(|request| match request.header("authorization") {
        None => image(),
        Some(_) => Reply::new(400, ""),
    });
    let target = format!("http://user:pass@{}/somewhere", elsewhere.host());
    let server = Server::start(move |request| match request.header("authorization") {
        Some(BASIC) => Reply::redirect(target.as_str()),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""),
    });
    assert!(tagged(&server, with_password()).is_ok());
    assert_eq!(elsewhere.requests().len(), 1);
    assert_eq!(elsewhere.requests()[0].header("authorization"), None);
}

#[test]
fn a_stranger_gets_no_credentials_by_asking_for_them() {
    let elsewhere = Server::start(|_| Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""));
    let target = format!("http://{}/blob", elsewhere.host());
    let server = Server::start(move |_| Reply::redirect(target.as_str()));
    assert!(matches!(tagged(&server, with_password()), Err(Failure::Denied { .. })));
    for request in elsewhere.requests().iter().chain(&server.requests()) {
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn a_detour_does_not_bring_credentials_back() {
    let detour = Server::start(|request| {
        let back = request.target.trim_start_matches("/to/").to_owned();
        Reply::redirect(format!("http://{back}/v2/other/secret"))
    });
    let host = detour.host();
    let server =
        Server::start(move |request| match (request.target.as_str(), request.header("authorization")) {
            ("/v2/other/secret", None) => image(),
            ("/v2/other/secret", Some(_)) => Reply::new(400, ""),
            (_, Some(BASIC)) => {
                Reply::redirect(format!("http://{host}/to/{}", request.header("host").unwrap()))
            }
            _ => Reply::new(401, "").with("WWW-Authenticate", "Basic"),
        });
    assert!(tagged(&server, with_password()).is_ok());
}

#[test]
fn redirects_in_circles_and_to_nowhere() {
    for location in ["/again", "file:///etc/passwd", "ftp://x/", "http://", ""] {
        let server = Server::start(move |_| Reply::redirect(location));
        let error = tagged(&server, options()).unwrap_err().to_string();
        assert!(error.contains("redirects "), "{location}: {error}");
        assert!(server.requests().len() <= 6);
    }
}

/// A machine that takes connections and says nothing, as a firewall's tar pit does.
#[test]
fn a_connection_that_is_never_answered() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let started = Instant::now();
    let error = wait(registry_at(&host, options()).tagged("v1")).unwrap_err();
    assert_eq!(error.to_string(), format!("connect to {host}: no answer within 0.2 s"));
    assert!(started.elapsed() < Duration::from_secs(5));
}
