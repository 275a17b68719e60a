//! Programs that keep secrets: `docker-credential-NAME get`, `store`, `erase` and `list`.
//!
//! Source: docker-credential-helpers, README "Development". The server's name, or a document, goes to standard
//! input; the answer comes from standard output, and so does what went wrong.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::Credentials;
use crate::base::hint::HintExt;

const MAX_ANSWER: u64 = 64 << 10;
/// Characters of what a helper says of its failure that are told.
const MOST_WORDS: usize = 500;
/// The user name by which a helper says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";
/// The protocol says this sentence on standard output and nothing else tells it from a failure.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// What goes over the pipe, both ways.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default, rename = "ServerURL", skip_serializing_if = "String::is_empty")]
    server: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl Answer {
    fn credentials(self) -> Option<Credentials> {
        match (self.username.as_str(), self.secret.as_str()) {
            (_, "") => None,
            (TOKEN_USER, _) => Some(Credentials::IdentityToken(self.secret)),
            _ => Some(Credentials::Password { username: self.username, password: self.secret }),
        }
    }
}

/// Asks a helper; one that does not know the server answers `None`.
pub fn find(helper: &str, server: &str) -> Result<Option<Credentials>> {
    let Some(answer) = call(helper, "get", server.as_bytes())? else { return Ok(None) };
    let answer: Answer = serde_json::from_slice(&answer)
        .ok()
        .with_context(|| format!("docker-credential-{helper}: the answer is not JSON"))?;
    Ok(answer.credentials())
}

/// Gives a secret to a helper.
pub fn store(helper: &str, server: &str, credentials: &Credentials) -> Result<()> {
    let (username, secret) = match credentials {
        Credentials::Password { username, password } => (username.as_str(), password),
        Credentials::IdentityToken(token) => (TOKEN_USER, token),
    };
    let document =
        Answer { server: server.to_owned(), username: username.to_owned(), secret: secret.clone() };
    let document = serde_json::to_vec(&document).context("encode the credentials")?;
    call(helper, "store", &document).map(drop)
}

/// Makes a helper forget; false if it knew nothing.
pub fn erase(helper: &str, server: &str) -> Result<bool> {
    if find(helper, server)?.is_none() {
        return Ok(false);
    }
    call(helper, "erase", server.as_bytes()).map(|answer| answer.is_some())
}

/// The servers for which a helper keeps something.
pub fn list(helper: &str) -> Result<Vec<String>> {
    let answer = call(helper, "list", &[])?.unwrap_or_default();
    let listed: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_slice(&answer)
        .ok()
        .with_context(|| format!("docker-credential-{helper}: the answer is not JSON"))?;
    Ok(listed.into_keys().collect())
}

/// Runs a helper; `None` if it does not know the server.
fn call(helper: &str, verb: &str, input: &[u8]) -> Result<Option<Vec<u8>>> {
    if helper.is_empty() || helper.contains('/') {
        bail!("invalid credential helper name {helper:?}");
    }
    let program = format!("docker-credential-{helper}");
    let (status, answer) =
        run(Path::new(&program), verb, input).with_context(|| format!("run {program}")).hint(|| {
            format!("install {program}, or remove the credential helper {helper:?} from the credentials file")
        })?;
    if status.success() {
        return Ok(Some(answer));
    }
    let words = String::from_utf8_lossy(&answer);
    match words.trim() {
        words if words.contains(NOT_FOUND) => Ok(None),
        "" => bail!("{program}: {status}"),
        words => bail!("{program}: {}", words.chars().take(MOST_WORDS).collect::<String>().escape_debug()),
    }
}

fn run(program: &Path, verb: &str, input: &[u8]) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that has already failed need not read.
        drop(stdin.write_all(input));
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER).read_to_end(&mut answer)?;
    }
    Ok((child.wait()?, answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn helpers_speak_json() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("helper");
        let script = "#!/bin/sh\nread server\ncase $server in\n\
            known) echo '{\"ServerURL\":\"known\",\"Username\":\"u\",\"Secret\":\"p\"}';;\n\
            *) echo credentials not found in native keychain; exit 1;;\nesac\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (status, answer) = run(&program, "get", b"known\n").unwrap();
        assert!(status.success());
        let answer: Answer = serde_json::from_slice(&answer).unwrap();
        assert_eq!(
            answer.credentials(),
            Some(Credentials::Password { username: "u".into(), password: "p".into() })
        );
        let (status, _) = run(&program, "get", b"unknown\n").unwrap();
        assert!(!status.success());
        let token = Answer { server: String::new(), username: TOKEN_USER.into(), secret: "t".into() };
        assert_eq!(token.credentials(), Some(Credentials::IdentityToken("t".into())));
    }

    #[test]
    fn a_missing_helper_says_what_to_do() {
        let error = find("coracle-test-absent", "quay.io").unwrap_err();
        assert!(format!("{error:#}").starts_with("run docker-credential-coracle-test-absent: No such file"));
        assert!(crate::base::hint::find(&error).unwrap().starts_with("install docker-credential-"));
        assert!(find("../evil", "quay.io").is_err());
    }
}
