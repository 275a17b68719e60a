//! A small HTTP server that says whatever a test wants: the registry that stalls, closes half-way or lies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Image;
use super::image::digest;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    query: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&String> {
        self.headers.get(name)
    }

    /// A parameter of the query, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        self.queries(name).into_iter().next()
    }

    /// Every value of a parameter of the query.
    pub fn queries(&self, name: &str) -> Vec<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| percent_decode(value)).collect()
    }

    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (percent_decode(path), query.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink()).ok()?;
        Some(Self { method, path, query, headers })
    }
}

/// What follows the headers.
#[derive(Clone, Debug)]
pub enum Body {
    /// These bytes, with their true length.
    Whole(Vec<u8>),
    /// These bytes, then the connection is closed although `claimed` were announced.
    Cut { bytes: Vec<u8>, claimed: usize },
    /// These bytes, then nothing more while the connection stays open.
    Stall { bytes: Vec<u8>, claimed: usize },
    /// These bytes one by one, so long apart.
    Trickle { bytes: Vec<u8>, pause: Duration },
    /// These bytes again and again, without an announced length, until the client has had enough or this many.
    Endless { bytes: Vec<u8>, limit: u64 },
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

impl Response {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Whole(Vec::new()) }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Whole(bytes.into());
        self
    }

    /// The part of these bytes that a request asks for by `Range: bytes=N-`; the whole without.
    pub fn part_of(bytes: &[u8], request: &Request) -> Self {
        let start = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let Some(start) = start.and_then(|start| start.parse().ok()) else {
            return Self::new(200).body(bytes);
        };
        let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
        let rest: &[u8] = &bytes[start..];
        Self::new(206).header("Content-Range", range).body(rest)
    }

    pub fn with(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    fn write(&self, stream: &mut TcpStream, head_only: bool, stopped: &AtomicBool) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Answer\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match &self.body {
            Body::Trickle { bytes, .. } | Body::Whole(bytes) => {
                head += &format!("Content-Length: {}\r\n", bytes.len())
            }
            Body::Cut { claimed, .. } | Body::Stall { claimed, .. } => {
                head += &format!("Content-Length: {claimed}\r\n");
            }
            Body::Endless { .. } => head += "Connection: close\r\n",
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        if head_only {
            return Ok(());
        }
        match &self.body {
            Body::Whole(bytes) => stream.write_all(bytes),
            Body::Cut { bytes, .. } => {
                stream.write_all(bytes)?;
                stream.shutdown(Shutdown::Both)
            }
            Body::Stall { bytes, .. } => {
                stream.write_all(bytes)?;
                while !stopped.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(50));
                }
                stream.shutdown(Shutdown::Both)
            }
            Body::Trickle { bytes, pause } => bytes.chunks(1).try_for_each(|byte| {
                std::thread::sleep(*pause);
                match stopped.load(Ordering::Relaxed) {
                    true => stream.shutdown(Shutdown::Both),
                    false => stream.write_all(byte),
                }
            }),
            Body::Endless { bytes, limit } => {
                let mut sent = 0;
                while sent < *limit && !stopped.load(Ordering::Relaxed) {
                    stream.write_all(bytes)?;
                    sent += bytes.len() as u64;
                }
                stream.shutdown(Shutdown::Both)
            }
        }
    }
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// A running server; it stops when dropped.
pub struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Answers every request with what `handler` says.
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, stop) = (seen.clone(), stopped.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (handler, log, stop) = (handler.clone(), log.clone(), stop.clone());
                std::thread::spawn(move || converse(stream, &*handler, &log, &stop));
            }
        });
        Self { port, seen, stopped }
    }

    /// Serves one image under `/v2/NAME/…`, for every name and tag; `twist` may answer instead.
    pub fn of_image(
        image: &Image,
        twist: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let (manifest, media_type) = (image.manifest_bytes(), image.media_type());
        Self::of_manifest(manifest, media_type, image.blobs(), twist)
    }

    /// Serves one manifest for every tag, and blobs and further manifests by digest.
    pub fn of_manifest(
        manifest: Vec<u8>,
        media_type: String,
        blobs: Vec<Vec<u8>>,
        twist: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let blobs: BTreeMap<String, Vec<u8>> = blobs.into_iter().map(|blob| (digest(&blob), blob)).collect();
        Self::start(move |request| {
            if let Some(response) = twist(request) {
                return response;
            }
            let last = request.path.rsplit('/').next().unwrap_or_default();
            let known = blobs.get(last);
            if request.path.contains("/manifests/") {
                let (content, kind) = match known {
                    Some(blob) => (blob, media_type_of(blob).unwrap_or_else(|| media_type.clone())),
                    None => (&manifest, media_type.clone()),
                };
                if last.starts_with("sha256:") && digest(content) != last {
                    return not_found("MANIFEST_UNKNOWN", "manifest unknown");
                }
                return Response::new(200)
                    .header("Content-Type", kind)
                    .header("Docker-Content-Digest", digest(content))
                    .body(content.clone());
            }
            match known {
                Some(blob) if request.path.contains("/blobs/") => Response::new(200).body(blob.clone()),
                _ if request.path == "/v2/" => Response::new(200).body("{}"),
                _ => not_found("BLOB_UNKNOWN", "blob unknown to registry"),
            }
        })
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no handler panics while logging").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // The listening thread looks at the flag when the next connection comes.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// The answer for something that a registry does not have.
pub fn not_found(code: &str, message: &str) -> Response {
    let document = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
    Response::new(404).header("Content-Type", "application/json").body(document.to_string())
}

fn media_type_of(document: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(document).ok()?;
    Some(value["mediaType"].as_str()?.to_owned())
}

fn converse(stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Request>>, stopped: &AtomicBool) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader) {
        log.lock().expect("no handler panics while logging").push(request.clone());
        let response = handler(&request);
        if response.write(&mut writer, request.method == "HEAD", stopped).is_err() {
            return;
        }
        if matches!(response.body, Body::Endless { .. }) {
            return;
        }
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
