//! The build context: a tree, and the Dockerfile that goes with it.
//!
//! It is a directory, an archive on standard input or from an address, a git repository, or nothing but a Dockerfile.
//! What is fetched or unpacked lies in a scratch directory that goes with the command, and belongs to the caller.
//! Rules: docker's `build` (`cli/command/image/build`), BuildKit `dockerui`. A Dockerfile in the context is found
//! beneath its root, where links lead nowhere else (CVE-2026-44517); one that `-f` names may be anywhere.

mod address;
mod archive;
pub mod fetch;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::fs::{FileType, Mode, OFlags};

pub use address::GitAddress;

use super::ignore::Patterns;
use super::select::Origin;
use crate::base::id;
use crate::sys::path::Dir;

/// Looked for in this order where `-f` names none.
const DOCKERFILES: [&str; 3] = ["Dockerfile", "dockerfile", "Containerfile"];
/// Looked for in this order, after the one that is named after the Dockerfile.
const IGNORE_FILES: [&str; 2] = [".dockerignore", ".containerignore"];
/// Far beyond any Dockerfile or ignore file.
const TEXT_LIMIT: u64 = 8 << 20;

/// What a build works with.
#[derive(Debug)]
pub struct Context {
    pub origin: Origin,
    /// How messages call the Dockerfile.
    pub name: String,
    pub dockerfile: Vec<u8>,
}

/// What the user has named as a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Directory(PathBuf),
    /// An archive or a Dockerfile on standard input.
    Stdin,
    Git(GitAddress),
    /// An archive or a Dockerfile.
    Url(String),
}

impl Place {
    /// Reads what was named. A directory that is there is one, whatever it is called.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if Path::new(text).is_dir() {
            return Ok(Self::Directory(text.into()));
        }
        if let Some(address) = GitAddress::parse(text)? {
            return Ok(Self::Git(address));
        }
        if fetch::is_url(text) {
            return Ok(Self::Url(text.to_owned()));
        }
        let problem = if Path::new(text).exists() { "is not a directory" } else { "not found" };
        bail!("unable to prepare context: path {text:?} {problem}")
    }
}

/// What the user has named beside a context, as written.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The Dockerfile; `-` is standard input.
    pub dockerfile: Option<String>,
    /// The ignore file that is taken in place of every other.
    pub ignore: Option<String>,
    /// A git context comes with its `.git`, unless its address says otherwise.
    pub keep_git_dir: bool,
}

/// Opens a context and finds its Dockerfile, or takes the one that is named.
pub fn open(place: &Place, files: &Files, stdin: BorrowedFd<'_>, scratch: &Dir) -> Result<Context> {
    let file = files.dockerfile.as_deref();
    if file == Some("-") && *place == Place::Stdin {
        bail!("invalid argument: can't use stdin for both build context and dockerfile");
    }
    let tree = match place {
        Place::Directory(path) => Tree::Files(open_directory(path)?),
        Place::Stdin => {
            archive::read(input(stdin)?, u64::MAX, scratch).context("read the context from stdin")?
        }
        Place::Git(address) => {
            let wishes = fetch::Wishes { keep_git_dir: files.keep_git_dir, ..fetch::Wishes::of_user() };
            Tree::Files(fetch::git(address, &wishes, scratch)?)
        }
        Place::Url(url) => fetch::context(url, scratch)?,
    };
    let root = Arc::new(match tree {
        Tree::Files(root) => root,
        Tree::Dockerfile(dockerfile) if file.is_none() => {
            let root = Arc::new(empty(scratch)?);
            let origin = Origin { root, ignore: None, keeps_owners: false };
            return Ok(Context { origin, name: "Dockerfile".to_owned(), dockerfile });
        }
        Tree::Dockerfile(_) => bail!("the context is a Dockerfile alone: -f cannot name another"),
    });
    let (name, dockerfile) = match file {
        Some("-") => {
            ("Dockerfile".to_owned(), read_text(input(stdin)?).context("read the Dockerfile from stdin")?)
        }
        Some(file) => named(file, place, &root)?,
        None => usual(&root)?,
    };
    let ignore = files.ignore(place, &root)?;
    Ok(Context { origin: origin(root, &name, ignore)?, name, dockerfile })
}

/// Opens again what another process has fetched or unpacked for [`open`].
pub fn reopen(
    place: &Place,
    files: &Files,
    root: &Path,
    name: String,
    dockerfile: Vec<u8>,
) -> Result<Context> {
    let root = Arc::new(open_directory(root)?);
    let ignore = files.ignore(place, &root)?;
    Ok(Context { origin: origin(root, &name, ignore)?, name, dockerfile })
}

impl Files {
    /// Whether the Dockerfile comes from somebody who may take their time.
    pub fn may_block(&self) -> bool {
        let Some(file) = &self.dockerfile else { return false };
        file == "-" || Path::new(file).metadata().is_ok_and(|metadata| !metadata.is_file())
    }

    /// The ignore file that is named, from where the caller is; else the one beside a Dockerfile that is named.
    fn ignore(&self, place: &Place, root: &Dir) -> Result<Option<(String, Vec<u8>)>> {
        match (&self.ignore, &self.dockerfile) {
            (Some(path), _) => {
                let text = File::open(path).map_err(Into::into).and_then(read_text);
                Ok(Some((short(path), text.with_context(|| format!("open the ignore file {path}"))?)))
            }
            (None, Some(file)) if file != "-" => beside(file, place, root),
            (None, _) => Ok(None),
        }
    }
}

/// Opens a context that has a name (`--build-context`): a tree without a Dockerfile.
pub fn open_named(place: &Place, scratch: &Dir) -> Result<Origin> {
    let root = match place {
        Place::Directory(path) => open_directory(path)?,
        Place::Stdin => bail!("a named context cannot be stdin"),
        Place::Git(address) => fetch::git(address, &fetch::Wishes::of_user(), scratch)?,
        Place::Url(url) => match fetch::context(url, scratch)? {
            Tree::Files(root) => root,
            Tree::Dockerfile(_) => bail!("{url} is no archive"),
        },
    };
    origin(Arc::new(root), "", None)
}

/// What an archive or an address holds.
enum Tree {
    Files(Dir),
    Dockerfile(Vec<u8>),
}

fn open_directory(path: &Path) -> Result<Dir> {
    Dir::open(path).with_context(|| format!("unable to prepare context: open {}", path.display()))
}

fn input(stdin: BorrowedFd<'_>) -> Result<File> {
    Ok(stdin.try_clone_to_owned().context("duplicate a descriptor")?.into())
}

/// A new directory in the scratch directory.
pub fn empty(scratch: &Dir) -> Result<Dir> {
    let name = format!("source-{}", id::random_hex(8));
    let make = || {
        rustix::fs::mkdirat(scratch, &name, Mode::from_raw_mode(0o755))?;
        scratch.open_dir(&name)
    };
    make().context("create a directory to work in")
}

/// Finds the Dockerfile where nobody says where it is.
fn usual(root: &Dir) -> Result<(String, Vec<u8>)> {
    for name in DOCKERFILES {
        if let Some(text) = read_beneath(root, name)? {
            return Ok((name.to_owned(), text));
        }
    }
    bail!("failed to read dockerfile: open Dockerfile: no such file or directory")
}

/// Reads the Dockerfile that `-f` names: for a directory, from where the caller is, else beneath the context's root.
fn named(file: &str, place: &Place, root: &Dir) -> Result<(String, Vec<u8>)> {
    if let Place::Directory(_) = place {
        match File::open(file) {
            Ok(opened) if opened.metadata().is_ok_and(|metadata| !metadata.is_dir()) => {
                let text =
                    read_text(opened).with_context(|| format!("failed to read dockerfile: read {file}"))?;
                return Ok((short(file), text));
            }
            Ok(_) => bail!("failed to read dockerfile: read {file}: is a directory"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read dockerfile: open {file}"));
            }
        }
    }
    let text = read_beneath(root, file)?
        .with_context(|| format!("failed to read dockerfile: open {file}: no such file or directory"))?;
    Ok((short(file), text))
}

/// How BuildKit's messages call a Dockerfile.
fn short(file: &str) -> String {
    Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The ignore file that lies beside a Dockerfile and is called after it.
fn beside(file: &str, place: &Place, root: &Dir) -> Result<Option<(String, Vec<u8>)>> {
    let path = format!("{file}.dockerignore");
    if let Place::Directory(_) = place
        && let Ok(opened) = File::open(&path)
    {
        let text = read_text(opened).with_context(|| format!("read {path}"))?;
        return Ok(Some((short(&path), text)));
    }
    Ok(read_beneath(root, &path)?.map(|text| (short(&path), text)))
}

/// Finds what is to be ignored of a tree.
fn origin(root: Arc<Dir>, dockerfile: &str, own: Option<(String, Vec<u8>)>) -> Result<Origin> {
    let mut found = own;
    let names = [format!("{dockerfile}.dockerignore")].into_iter().chain(IGNORE_FILES.map(str::to_owned));
    for name in names {
        if found.is_none() {
            found = read_beneath(&root, &name)?.map(|text| (name, text));
        }
    }
    let read = |(name, text): (String, Vec<u8>)| {
        let patterns =
            Patterns::parse(&String::from_utf8_lossy(&text)).with_context(|| format!("read {name}"))?;
        anyhow::Ok(Arc::new((patterns, name)))
    };
    Ok(Origin { root, ignore: found.map(read).transpose()?, keeps_owners: false })
}

/// Reads a text beneath a root that is a stranger's; `None` where there is none.
fn read_beneath(root: &Dir, path: &str) -> Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let told = || format!("open {path}");
    let fd = match root.open_file(path, flags, Mode::empty()) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        fd => fd.with_context(told)?,
    };
    if !FileType::from_raw_mode(rustix::fs::fstat(&fd).with_context(told)?.st_mode).is_file() {
        return Err(anyhow!("it is not a file")).with_context(told);
    }
    read_text(File::from(fd)).map(Some).with_context(|| format!("read {path}"))
}

fn read_text(source: impl Read) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(TEXT_LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > TEXT_LIMIT {
        bail!("larger than {TEXT_LIMIT} bytes");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
