//! `image scp`: images from one machine to another, as archives through ssh(1).
//!
//! At the other end `load` or `save` of coracle, podman or docker does its half, whichever is there. The ssh of the
//! user's own makes the connection, with his keys, agent and configuration.

use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::load::{self, Input};
use super::{Engine, save};
use crate::base::exit::ReaderGone;
use crate::base::hint::HintExt;
use crate::image::progress::Progress;
use crate::image::save::ArchiveFormat;

/// One side of a copy.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Side {
    /// This store, and the image there.
    Here(String),
    /// A machine, and the image there; nothing where it is to go.
    There(Host, String),
}

/// Where ssh is to go.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Host {
    /// `[user@]host`.
    name: String,
    port: Option<u16>,
}

/// Copies an image: `IMAGE HOST::`, `HOST::IMAGE`, `HOST::IMAGE HOST::`, where a host is `[user@]host[:port]`.
pub fn scp<P: Progress>(
    engine: &Engine,
    from: &str,
    to: Option<&str>,
    progress: impl FnOnce() -> P,
) -> Result<()> {
    let to = to.map(Side::parse).transpose()?;
    match (Side::parse(from)?, to) {
        (Side::Here(image), Some(Side::There(host, name))) if name.is_empty() => send(engine, image, &host),
        (Side::There(host, image), None) if !image.is_empty() => receive(engine, &host, &image, progress),
        (Side::There(from, image), Some(Side::There(to, name))) if name.is_empty() && !image.is_empty() => {
            pass(&from, &image, &to)
        }
        (Side::Here(_), None) => {
            bail!("must specify a destination");
        }
        (Side::There(..), Some(Side::Here(_))) => bail!("cannot specify an image rename"),
        (_, Some(Side::There(_, name))) if !name.is_empty() => bail!("cannot specify an image rename"),
        _ => bail!("invalid source: one side names an image, the other a host, as in HOST::IMAGE"),
    }
}

impl Side {
    fn parse(text: &str) -> Result<Self> {
        let Some((host, image)) = text.split_once("::") else { return Ok(Self::Here(text.to_owned())) };
        let host = host.strip_prefix("ssh://").unwrap_or(host);
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) => {
                (name, Some(port.parse().with_context(|| format!("invalid port in {text:?}"))?))
            }
            None => (host, None),
        };
        ensure!(!name.is_empty(), "{text:?} names no host");
        // ssh would take it for an option (CVE-2017-1000117 and its kind).
        ensure!(!name.starts_with('-'), "invalid host in {text:?}");
        Ok(Self::There(Host { name: name.to_owned(), port }, image.to_owned()))
    }
}

impl Host {
    /// Starts one half of the work at the other end.
    fn ssh(&self, arguments: &[&str], stdin: Stdio, stdout: Stdio) -> Result<Child> {
        let mut command = Command::new("ssh");
        if let Some(port) = self.port {
            command.arg("-p").arg(port.to_string());
        }
        command.arg("--").arg(&self.name).arg(remote(arguments)?).stdin(stdin).stdout(stdout);
        command.spawn().context("start ssh").hint(|| "install it: sudo apt install openssh-client")
    }

    fn finish(&self, mut child: Child) -> Result<()> {
        let status = child.wait().context("wait for ssh")?;
        ensure!(status.success(), "ssh {}: {status}", self.name);
        Ok(())
    }
}

/// The command for the other end: the first engine that is there. Whatever shell the user has there starts sh.
fn remote(arguments: &[&str]) -> Result<String> {
    let arguments = shlex::try_join(arguments.iter().copied()).context("quote the image's name")?;
    let script = format!(
        "for engine in coracle podman docker; do \
         command -v $engine >/dev/null 2>&1 && exec $engine {arguments}; \
         done; echo 'there is no coracle, podman or docker here' >&2; exit 127"
    );
    shlex::try_join(["sh", "-c", &script]).context("quote the command")
}

fn send(engine: &Engine, image: String, host: &Host) -> Result<()> {
    // An image that is not there needs no connection.
    engine.images().lookup(&image)?;
    let mut ssh = host.ssh(&["load"], Stdio::piped(), Stdio::inherit())?;
    let stdin = ssh.stdin.take().context("ssh has no standard input")?;
    let sent = save::archive(engine, &[image], None, ArchiveFormat::Docker, stdin.as_fd());
    drop(stdin);
    let finished = host.finish(ssh);
    match sent {
        // Why nobody read on.
        Err(error) if error.is::<ReaderGone>() => finished.and(Err(error)),
        sent => sent.and(finished),
    }
}

fn receive<P: Progress>(
    engine: &Engine,
    host: &Host,
    image: &str,
    progress: impl FnOnce() -> P,
) -> Result<()> {
    let mut ssh = host.ssh(&["save", image], Stdio::null(), Stdio::piped())?;
    let stdout = ssh.stdout.take().context("ssh has no standard output")?;
    let received = load::load(engine, Input::Open(stdout.as_fd()), None, progress);
    drop(stdout);
    // What was wrong at the other end says more than what came of it here.
    host.finish(ssh).and(received)
}

fn pass(from: &Host, image: &str, to: &Host) -> Result<()> {
    let mut sender = from.ssh(&["save", image], Stdio::null(), Stdio::piped())?;
    let stdout = sender.stdout.take().context("ssh has no standard output")?;
    let receiver = to.ssh(&["load"], stdout.into(), Stdio::inherit());
    let received = receiver.and_then(|child| to.finish(child));
    from.finish(sender).and(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides() {
        let there = |name: &str, port, image: &str| {
            Some(Side::There(Host { name: name.to_owned(), port }, image.to_owned()))
        };
        for (text, want) in [
            ("alpine:3.22", Some(Side::Here("alpine:3.22".to_owned()))),
            ("host::", there("host", None, "")),
            ("me@host::quay.io/a/b:1", there("me@host", None, "quay.io/a/b:1")),
            ("me@host:2222::a", there("me@host", Some(2222), "a")),
            ("ssh://host::a@sha256:0", there("host", None, "a@sha256:0")),
            ("::a", None),
            ("-oProxyCommand=x::a", None),
            ("host:x::a", None),
        ] {
            assert_eq!(Side::parse(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn names_are_quoted_for_the_other_end() {
        let command = remote(&["save", "a'; touch /x; '"]).unwrap();
        let words = shlex::split(&command).unwrap();
        assert_eq!(words[..2], ["sh", "-c"]);
        let inner = shlex::split(&words[2].replace(';', " ; ")).unwrap();
        assert!(!inner.iter().any(|word| word == "touch"), "{inner:?}");
    }
}
