//! Which files of a tree a `COPY` takes.
//!
//! The tree is a stranger's: a path in it is resolved beneath its root, links in it lead nowhere else, and what was
//! found is opened by the same rules again. Rules: BuildKit `dockerfile2llb/convert_copy.go` (`dispatchCopy`), fsutil
//! `copy/copy.go`. A source is followed if it is a link; a directory stands for what is in it; `*` matches names and
//! `**` is known to `--parents` and `--exclude` alone. A wildcard may match nothing, a name must be there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use rustix::fs::{FileType, Mode, OFlags};

use super::glob::{self, Glob, Stars};
use super::ignore::{self, Marks, Patterns};
use crate::base::hint::HintExt;
use crate::base::tour::{Choice, Choose, Tour};
use crate::base::walk;
use crate::sys::path::Dir;

/// A tree that files are taken from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub root: Arc<Dir>,
    /// What of it counts as not there, and the name of the file that says so.
    pub ignore: Option<Arc<(Patterns, String)>>,
    /// Its files keep their owners; else they become root's.
    pub keeps_owners: bool,
}

/// How sources are read.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Keep the directories above what is taken, from the root or from `/./` on.
    pub parents: bool,
    pub exclude: Option<Arc<Patterns>>,
    /// Archives are unpacked.
    pub unpack: bool,
}

/// What is taken, in order.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub items: Vec<Item>,
}

/// A file, or a directory for what is in it.
#[derive(Clone, Debug)]
pub struct Item {
    pub origin: Origin,
    /// Beneath the origin's root, without links; empty for the root itself.
    pub path: PathBuf,
    /// What it is called where it goes into a directory.
    pub name: OsString,
    pub is_directory: bool,
    pub unpack: bool,
    /// What of a directory is wanted.
    include: Option<Arc<Patterns>>,
    exclude: Option<Arc<Patterns>>,
}

/// Finds what one source names.
pub fn select(origin: &Origin, source: &str, manner: &Manner) -> Result<Vec<Item>> {
    let (place, wanted) = match manner.parents {
        false => (source, None),
        true => {
            let (place, wanted) = source.split_once("/./").unwrap_or(("/", source));
            (place, Some(ignore::clean(&format!("/{wanted}"))))
        }
    };
    let place = ignore::clean(&format!("/{place}"));
    let must_exist = !glob::is_pattern(&place) && !wanted.as_deref().is_some_and(glob::is_pattern);
    let include = match wanted.as_deref().map(|wanted| wanted.trim_start_matches('/')) {
        None | Some("") => None,
        Some(wanted) => Some(Arc::new(Patterns::new(&[wanted])?)),
    };
    let mut items = Vec::new();
    for path in matches(origin, &place)? {
        let item = Item::find(origin, &path, manner, include.clone())?;
        // What a wildcard names is excluded by its name; what is in a directory, by its path in it.
        let by_name = |item: &Item| {
            let excluded = |exclude: &Arc<Patterns>| exclude.matches_deep(Path::new(&item.name)).0;
            glob::is_pattern(&place) && !item.is_directory && manner.exclude.as_ref().is_some_and(excluded)
        };
        items.extend(item.filter(|item| !by_name(item)));
    }
    // Without includes the exclusion of all that is in a directory leaves the directory.
    let is_found = match include {
        None => !items.is_empty(),
        Some(_) => items.iter().map(Item::has_any).collect::<Result<Vec<_>>>()?.contains(&true),
    };
    if must_exist && !is_found {
        let shown = format!("{place}{}", wanted.as_deref().unwrap_or_default());
        return Err(not_found(origin, &ignore::clean(&shown)));
    }
    Ok(items)
}

/// Finds a file by its name, whatever characters it has.
pub fn select_exact(origin: &Origin, name: &str) -> Result<Vec<Item>> {
    let item = Item::find(origin, Path::new(name), &Manner::default(), None)?;
    Ok(vec![item.ok_or_else(|| not_found(origin, &format!("/{name}")))?])
}

/// BuildKit's words.
fn not_found(origin: &Origin, path: &str) -> anyhow::Error {
    let error = anyhow!("{path:?}: not found");
    let relative = Path::new(path.trim_start_matches('/'));
    match &origin.ignore {
        Some(ignore) if ignore.0.matches_deep(relative).0 => {
            let hinted = Err::<(), _>(error).hint(|| format!("it is excluded by {}", ignore.1));
            hinted.expect_err("an error stays one")
        }
        _ => error,
    }
}

/// The paths, from the root, that a source with or without wildcards stands for.
fn matches(origin: &Origin, source: &str) -> Result<Vec<PathBuf>> {
    let parts: Vec<&str> = source.split('/').filter(|part| !part.is_empty()).collect();
    let plain = parts.iter().take_while(|part| !glob::is_pattern(part)).count();
    let start: PathBuf = parts[..plain].iter().collect();
    let globs: Vec<Glob> =
        parts[plain..].iter().map(|part| Glob::new(part, Stars::Flat)).collect::<Result<_, _>>()?;
    if globs.is_empty() {
        return Ok(vec![start]);
    }
    let start = origin.root.resolve(&start).with_context(|| format!("find {source:?}"))?;
    let mut found = Vec::new();
    expand(&origin.root, &start, &globs, &mut found).with_context(|| format!("find {source:?}"))?;
    Ok(found)
}

/// Finds the names that match, in the order of their bytes. Links among the directories are not followed.
fn expand(root: &Dir, directory: &Path, globs: &[Glob], found: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((glob, rest)) = globs.split_first() else {
        found.push(directory.to_owned());
        return Ok(());
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let opened = match root.open_file(directory, flags, Mode::empty()) {
        Err(error) if is_missing(&error) => return Ok(()),
        opened => opened?,
    };
    for entry in walk::list(std::os::fd::AsFd::as_fd(&opened))? {
        let name = std::os::unix::ffi::OsStrExt::from_bytes(entry.name.to_bytes());
        if glob.matches(&OsStr::to_string_lossy(name)) {
            expand(root, &directory.join(name), rest, found)?;
        }
    }
    Ok(())
}

/// Whether a path names nothing; a link in the place of a directory that is not followed is `ELOOP`.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(libc::ELOOP)
}

impl Item {
    /// Finds what is at a path; `None` where nothing is, or nothing that counts as there.
    fn find(
        origin: &Origin,
        path: &Path,
        manner: &Manner,
        include: Option<Arc<Patterns>>,
    ) -> Result<Option<Self>> {
        let told = || format!("find {:?}", Path::new("/").join(path));
        let resolved = origin.root.resolve(path).with_context(told)?;
        let place = match origin.root.locate(&resolved) {
            Err(error) if is_missing(&error) => return Ok(None),
            place => place.with_context(told)?,
        };
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&place).with_context(told)?.st_mode);
        // Nothing can be copied of it: as to BuildKit, which leaves it out of the context.
        if kind == FileType::Socket {
            return Ok(None);
        }
        let item = Self {
            origin: origin.clone(),
            name: path.file_name().unwrap_or_default().to_owned(),
            is_directory: kind == FileType::Directory,
            unpack: manner.unpack,
            include,
            exclude: manner.exclude.clone(),
            path: resolved,
        };
        let counts = match &origin.ignore {
            None => true,
            // Neither the link nor what it leads to may be ignored.
            Some(ignore) => {
                let hides = |path: &Path| !path.as_os_str().is_empty() && ignore.0.matches_deep(path).0;
                let is_link = item.path != path;
                !(is_link && hides(path)) && (!hides(&item.path) || (item.is_directory && item.has_any()?))
            }
        };
        Ok(counts.then_some(item))
    }

    /// Opens the directory, to be listed.
    pub fn open_directory(&self) -> Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let opened = self.origin.root.open_file(&self.path, flags, Mode::empty());
        Ok(Dir::from_fd(opened.with_context(|| format!("open {}", self.shown()))?))
    }

    /// The directory that a file is in, and its name there.
    pub fn place(&self) -> Result<(Dir, OsString)> {
        self.origin.root.parent_of(&self.path).with_context(|| format!("open {}", self.shown()))
    }

    /// The path as messages have it.
    pub fn shown(&self) -> std::path::Display<'_> {
        match self.path.as_os_str().is_empty() {
            true => Path::new("/").display(),
            false => self.path.display(),
        }
    }

    /// Says what of the directory is wanted.
    pub fn chooser(&self) -> Chooser<'_> {
        let ignore = self.origin.ignore.as_ref().map(|ignore| &ignore.0);
        let top = Level {
            ignore: ignore.map(|ignore| ignore.matches_deep(&self.path).1).unwrap_or_default(),
            ..Level::default()
        };
        let (include, exclude) = (self.include.as_deref(), self.exclude.as_deref());
        Chooser { base: &self.path, ignore, include, exclude, levels: vec![top] }
    }

    /// Whether anything of a directory is wanted; a file always is.
    fn has_any(&self) -> Result<bool> {
        if !self.is_directory {
            return Ok(true);
        }
        let told = || format!("list {}", self.shown());
        let mut tour = Tour::new(self.open_directory()?.into(), self.chooser(), false).with_context(told)?;
        Ok(tour.next().with_context(told)?.is_some())
    }
}

/// What is wanted of a directory, as the patterns say.
pub struct Chooser<'a> {
    /// The directory's path in its tree, which ignore files go by; the others go by the path in the directory.
    base: &'a Path,
    ignore: Option<&'a Patterns>,
    include: Option<&'a Patterns>,
    exclude: Option<&'a Patterns>,
    levels: Vec<Level>,
}

/// What has matched a directory.
#[derive(Default)]
struct Level {
    ignore: Marks,
    include: Marks,
    exclude: Marks,
}

impl Choose for Chooser<'_> {
    fn choose(&mut self, path: &Path, is_directory: bool) -> Choice {
        let above = self.levels.last().expect("the top is not left");
        let matched = |patterns: Option<&Patterns>, path: &Path, marks: &Marks, without: bool| match patterns
        {
            Some(patterns) => patterns.matches(path, marks),
            None => (without, Marks::default()),
        };
        let whole = match self.ignore {
            Some(_) => self.base.join(path),
            None => PathBuf::new(),
        };
        let (ignored, ignore) = matched(self.ignore, &whole, &above.ignore, false);
        let (included, include) = matched(self.include, path, &above.include, true);
        let (excluded, exclude) = matched(self.exclude, path, &above.exclude, false);
        let choice = match !ignored && included && !excluded {
            true => Choice::Take,
            false if !is_directory => Choice::Pass,
            false => {
                let spares = |patterns: Option<&Patterns>, path: &Path| {
                    patterns.is_some_and(|patterns| patterns.may_spare_in(path))
                };
                let may_take = (!ignored || spares(self.ignore, &whole))
                    && (included || self.include.is_some_and(|include| include.may_match_in(path)))
                    && (!excluded || spares(self.exclude, path));
                if may_take { Choice::Reach } else { Choice::Pass }
            }
        };
        if is_directory && choice != Choice::Pass {
            self.levels.push(Level { ignore, include, exclude });
        }
        choice
    }

    fn left(&mut self) {
        self.levels.pop();
    }
}
