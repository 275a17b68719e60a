//! Brings what lies elsewhere: repositories, by the program `git`, and files from the web.
//!
//! A repository is a stranger's. Git is told to use no protocol that reads this machine's files (but for a context that
//! the user has named so), no hooks and no templates, and to ask nobody for a password; a directory in it is opened
//! beneath its root (CVE-2026-33748). What is downloaded is checked where a checksum is given.

use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use sha2::{Digest as _, Sha256};

use super::address::GitAddress;
use super::{Tree, archive};
use crate::base::digest::Digest;
use crate::base::hint::HintExt;
use crate::image::ingest::default_limit;
use crate::registry::{self, Options};
use crate::sys::path::Dir;

/// How a repository is fetched.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Protocols, as git's `GIT_ALLOW_PROTOCOL` has them.
    pub protocols: &'static str,
    pub keep_git_dir: bool,
}

impl Wishes {
    /// Of a context that the user has named.
    pub fn of_user() -> Self {
        Self { protocols: "http:https:ssh:git:file", keep_git_dir: false }
    }

    /// Of an `ADD`, which whoever wrote the Dockerfile has named.
    pub fn of_step(keep_git_dir: bool) -> Self {
        Self { protocols: REMOTE, keep_git_dir }
    }
}

/// Protocols that reach no files of this machine.
const REMOTE: &str = "http:https:ssh:git";

/// Whether this is an address of the web.
pub fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Fetches a repository's tree into a new directory.
pub fn git(address: &GitAddress, wishes: &Wishes, scratch: &Dir) -> Result<Dir> {
    let told = || format!("fetch {}", address.remote);
    let root = super::empty(scratch)?;
    let git = Git { root: &root, protocols: wishes.protocols };
    git.check_out(address).with_context(told)?;
    if address.submodules != Some(false) && root.stat(".gitmodules".as_ref()).is_ok() {
        let nested = Git { root: &root, protocols: REMOTE };
        nested
            .run(&["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"])
            .with_context(told)?;
    }
    if !address.keep_git_dir.unwrap_or(wishes.keep_git_dir) {
        root.remove_all(".git".as_ref()).with_context(told)?;
    }
    match &address.directory {
        None => Ok(root),
        Some(directory) => {
            root.open_dir(directory).with_context(|| format!("open {directory:?} of {}", address.remote))
        }
    }
}

/// The program, in one repository.
struct Git<'a> {
    root: &'a Dir,
    protocols: &'static str,
}

impl Git<'_> {
    fn check_out(&self, address: &GitAddress) -> Result<()> {
        self.run(&["init", "--quiet", "--template="])?;
        let reference = address.reference.as_deref().or(address.commit.as_deref()).unwrap_or("HEAD");
        let one = ["fetch", "--quiet", "--depth=1", "--no-tags", "--", &address.remote, reference];
        let found = match self.run(&one) {
            Ok(()) => "FETCH_HEAD".to_owned(),
            // A server need not give a commit by its name; all that it gives may have it.
            Err(_) if reference.len() >= 7 && reference.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                let all = "+refs/heads/*:refs/remotes/origin/*";
                self.run(&["fetch", "--quiet", "--tags", "--force", "--", &address.remote, all])?;
                reference.to_owned()
            }
            Err(error) => return Err(error),
        };
        self.run(&["checkout", "--quiet", "--detach", &format!("{found}^{{commit}}"), "--"])?;
        if let Some(wanted) = &address.commit {
            let actual = self.output(&["rev-parse", "HEAD"])?;
            let actual = actual.trim();
            ensure!(
                actual.starts_with(&wanted.to_ascii_lowercase()),
                "expected checksum to match {wanted}, got {actual}"
            );
        }
        Ok(())
    }

    fn run(&self, words: &[&str]) -> Result<()> {
        self.output(words).map(drop)
    }

    fn output(&self, words: &[&str]) -> Result<String> {
        // The descriptor of the directory is this process', which git's own does not have: /proc names it.
        let place = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            std::os::fd::AsRawFd::as_raw_fd(&self.root.as_fd())
        );
        let place = std::fs::read_link(place).context("find the directory to fetch into")?;
        // Files get modes by the mask, which is clear in a process that unpacks layers.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask 022; exec git \"$@\"", "git"]);
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"]).args(words);
        command.current_dir(place).stdin(Stdio::null());
        command.env("GIT_ALLOW_PROTOCOL", self.protocols).env("GIT_TERMINAL_PROMPT", "0");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_TEMPLATE_DIR"] {
            command.env_remove(name);
        }
        let output = command.output().context("run git")?;
        if output.status.code() == Some(127) {
            return Err(anyhow!("git was not found"))
                .hint(|| "sudo apt install git, or what installs it here");
        }
        if !output.status.success() {
            let problem = String::from_utf8_lossy(&output.stderr);
            let line = problem.lines().find(|line| line.starts_with("fatal:")).or(problem.lines().last());
            bail!("git {}: {}", words[0], line.unwrap_or("it failed without a word").trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Downloads a file into a new directory; returns the directory and the file's name there. The file has mode 0600 and
/// the time that the server gives for it, else none: so `ADD` has it.
pub fn file(url: &str, checksum: Option<&str>, scratch: &Dir) -> Result<(Dir, String)> {
    let directory = super::empty(scratch)?;
    let name = file_name(url);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let told = || format!("download {url}");
    let made = directory.open_file(&name, flags, Mode::RUSR | Mode::WUSR).with_context(told)?;
    let mut sink = Hashing { file: made.into(), hasher: Sha256::new() };
    let wanted: Option<Digest> = checksum.map(str::parse).transpose()?;
    let downloaded = registry::download(url, Options::new(true), &mut sink).with_context(told)?;
    let actual = Digest::from_hasher(sink.hasher);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != actual) {
        bail!("digest mismatch {url}: {actual} (expected: {wanted})");
    }
    let time = Timespec { tv_sec: downloaded.modified.unwrap_or(0), tv_nsec: 0 };
    let omitted = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let times = Timestamps { last_access: omitted, last_modification: time };
    rustix::fs::utimensat(&directory, &name, &times, AtFlags::SYMLINK_NOFOLLOW).with_context(told)?;
    Ok((directory, name))
}

/// Downloads a context.
pub(super) fn context(url: &str, scratch: &Dir) -> Result<Tree> {
    let (directory, name) = file(url, None, scratch)?;
    let told = || format!("read what {url} gave");
    let mut file = File::from(directory.open_file(&name, OFlags::RDONLY, Mode::empty()).with_context(told)?);
    let size = file.metadata().with_context(told)?.len();
    file.rewind().with_context(told)?;
    archive::read(BufReader::new(file), default_limit(size), scratch).with_context(told)
}

/// What a downloaded file is called: BuildKit's choice.
fn file_name(url: &str) -> String {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let name = path.split_once('/').and_then(|(_, path)| Path::new(path).file_name()?.to_str());
    let decoded = name.map(percent_decoded).filter(|name| {
        !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\0']) && name.len() <= 255
    });
    decoded.unwrap_or_else(|| "__unnamed__".to_owned())
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

struct Hashing {
    file: File,
    hasher: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for (url, want) in [
            ("http://h/a/b.txt", "b.txt"),
            ("http://h/a/b.txt?x=/y", "b.txt"),
            ("http://h/a%20b", "a b"),
            ("http://h/a/", "a"),
            ("http://h/", "__unnamed__"),
            ("http://h", "__unnamed__"),
            ("http://h/..", "__unnamed__"),
            ("http://h/%2e%2e", "__unnamed__"),
            ("http://h/a%2fb", "__unnamed__"),
            ("http://h/50%", "50%"),
        ] {
            assert_eq!(file_name(url), want, "{url}");
        }
    }
}
