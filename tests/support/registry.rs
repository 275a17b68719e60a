//! A true registry: Debian's `docker-registry` on a free port of loopback, plain, with TLS, with a password
//! file, or with bearer tokens.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::{Image, Response, Sandbox, Server, eventually};

/// User and password of registries that want some.
pub const USER: &str = "captain";
pub const PASSWORD: &str = "oar:and sail";

/// How a registry is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// HTTP, open to all.
    Plain,
    /// HTTPS with a certificate of our own authority.
    Tls,
    /// HTTPS with a certificate that is its own authority.
    SelfSigned,
    /// HTTPS, and a user with a password.
    Password,
    /// HTTP, with tokens from a server of ours that asks for the password.
    Bearer,
}

/// A running registry; ended when dropped.
pub struct Registry {
    child: Child,
    port: u16,
    access: Access,
    directory: PathBuf,
    _tokens: Option<Server>,
}

impl Registry {
    /// Starts an empty registry. Its files are outside every sandbox: it is no trace of a container.
    pub fn start(access: Access) -> Self {
        let port = free_port();
        let directory = PathBuf::from(format!("/var/tmp/registry-{}-{port}", std::process::id()));
        fs::create_dir(&directory).expect("a directory");
        let mut config = format!(
            "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {0}/data }}, delete: {{ enabled: true }} }}\n\
             http:\n  addr: 127.0.0.1:{port}\n  secret: not-secret\n",
            directory.display()
        );
        match access {
            Access::Plain => {}
            Access::SelfSigned => make_self_signed(&directory),
            Access::Tls | Access::Password | Access::Bearer => make_certificates(&directory),
        }
        if matches!(access, Access::Tls | Access::SelfSigned | Access::Password) {
            config +=
                &format!("  tls: {{ certificate: {0}/tls.crt, key: {0}/tls.key }}\n", directory.display());
        }
        let tokens = match access {
            Access::Password => {
                config += &password_file(&directory);
                None
            }
            Access::Bearer => {
                let tokens = token_server(&directory);
                config += &format!(
                    "auth:\n  token:\n    realm: {}/token\n    service: test\n    issuer: harbour\n    \
                     rootcertbundle: {}/tls.crt\n",
                    tokens.url(),
                    directory.display()
                );
                Some(tokens)
            }
            Access::Plain | Access::Tls | Access::SelfSigned => None,
        };
        let file = directory.join("config.yml");
        fs::write(&file, config).expect("a file");
        let log = fs::File::create(directory.join("log")).expect("a file");
        // The registry must not outlive a test program that was killed.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "docker-registry", "serve"])
            .arg(&file)
            .env_remove("HOME")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("docker-registry is installed; tests/run.sh does that");
        let registry = Self { child, port, access, directory, _tokens: tokens };
        eventually("the registry answers", || TcpStream::connect(("127.0.0.1", port)).ok());
        registry
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority that signed the registry's own.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// Copies an image into the registry with skopeo.
    pub fn push(&self, sandbox: &Sandbox, image: &Image, name: &str) {
        let layout = sandbox.layout_of(image, &format!("push-{name}"));
        let credentials = match self.access {
            Access::Password | Access::Bearer => format!("--dest-creds '{USER}:{PASSWORD}'"),
            Access::Plain | Access::Tls | Access::SelfSigned => String::new(),
        };
        let line = format!(
            "skopeo copy --insecure-policy -q --preserve-digests --dest-tls-verify=false {credentials} oci:{}:latest \
             docker://{}/{name}",
            layout.display(),
            self.host()
        );
        sandbox.witness(&line).success();
    }

    /// Writes the credentials where docker's `login` puts them.
    pub fn log_in(&self, sandbox: &Sandbox) {
        let entry = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let document = json!({ "auths": { self.host(): { "auth": entry } } });
        sandbox.file("home/.docker/config.json", document.to_string());
    }

    /// Makes the sandbox trust the registry's authority, in the place that docker and podman share.
    pub fn trust(&self, sandbox: &Sandbox) {
        let directory = sandbox.directory(&format!("home/.config/containers/certs.d/{}", self.host()));
        fs::copy(self.authority(), directory.join("ca.crt")).expect("a copy");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// An authority, `ca.crt`, and a certificate that it has signed, `tls.crt`.
fn make_certificates(directory: &Path) {
    openssl(
        directory,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt",
    );
    openssl(directory, "req -newkey rsa:2048 -nodes -subj /CN=harbour -keyout tls.key -out tls.csr");
    fs::write(directory.join("extensions"), "subjectAltName=IP:127.0.0.1\n").expect("a file");
    openssl(
        directory,
        "x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out tls.crt",
    );
}

/// One certificate that signs itself, made as docker's manual says.
fn make_self_signed(directory: &Path) {
    openssl(
        directory,
        "req -newkey rsa:2048 -nodes -sha256 -keyout tls.key -addext subjectAltName=IP:127.0.0.1 -x509 -days 365 \
         -subj /CN=harbour -out tls.crt",
    );
    fs::copy(directory.join("tls.crt"), directory.join("ca.crt")).expect("a copy");
}

fn openssl(directory: &Path, line: &str) {
    let output = Command::new("openssl").args(line.split_whitespace()).current_dir(directory).output();
    let output = output.expect("openssl is installed; tests/run.sh does that");
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn password_file(directory: &Path) -> String {
    let output = Command::new("htpasswd").args(["-Bbn", USER, PASSWORD]).output().expect("htpasswd");
    fs::write(directory.join("htpasswd"), output.stdout).expect("a file");
    format!("auth: {{ htpasswd: {{ realm: harbour, path: {}/htpasswd }} }}\n", directory.display())
}

/// Gives out signed tokens, with the scopes that were asked for, to who knows the password.
fn token_server(directory: &Path) -> Server {
    let directory = directory.to_path_buf();
    let wanted = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    Server::start(move |request| {
        if request.header("authorization") != Some(&wanted) {
            return Response::new(401).body(r#"{"details":"who are you?"}"#);
        }
        let token = signed_token(&directory, &request.queries("scope"));
        Response::new(200).body(json!({ "token": token, "expires_in": 300 }).to_string())
    })
}

/// A JSON web token as docker's token specification asks: RS256 with the certificate in the header.
fn signed_token(directory: &Path, scopes: &[String]) -> String {
    let pem = fs::read_to_string(directory.join("tls.crt")).expect("a certificate");
    let certificate: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let access: Vec<_> = scopes.iter().map(|scope| access_of(scope)).collect();
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [certificate] });
    let claims = json!({
        "iss": "harbour", "sub": USER, "aud": "test", "exp": now + 300, "nbf": now - 10, "iat": now,
        "jti": now.to_string(),
        "access": access,
    });
    let text = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    format!("{text}.{}", encode(&sign(directory, &text)))
}

/// `repository:team/app:pull,push` as a token says it.
fn access_of(scope: &str) -> serde_json::Value {
    let mut parts = scope.splitn(3, ':');
    let (kind, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let actions: Vec<&str> = parts.next().unwrap_or_default().split(',').collect();
    json!({ "type": kind, "name": name, "actions": actions })
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sign(directory: &Path, text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign", "tls.key"])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("openssl reads");
    child.wait_with_output().expect("openssl").stdout
}
