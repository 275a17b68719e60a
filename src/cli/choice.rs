//! Containers that a verb acts on without their names: podman's `--all`, `--cidfile`, `--filter` and `--latest`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::engine::Engine;
use crate::engine::choose::{self, Scope};
use crate::engine::filter::Filters;
use crate::store::containers::{Containers, LookupError};

/// `--latest`, of verbs about one container or many.
#[derive(clap::Args)]
pub struct LatestFlag {
    /// Take the container that was created last
    #[arg(long, short)]
    latest: bool,
}

impl LatestFlag {
    /// Puts the id of the container that is meant before what was named.
    pub fn before(&self, containers: Containers<'_>, mut operands: Vec<String>) -> Result<Vec<String>> {
        if self.latest {
            operands.insert(0, choose::newest(containers)?);
        }
        Ok(operands)
    }

    /// Whether it was given.
    pub fn is_set(&self) -> bool {
        self.latest
    }
}

/// `--cidfile`.
#[derive(clap::Args)]
pub struct CidfileFlag {
    /// Take the container whose id is in this file
    #[arg(long, value_name = "file")]
    cidfile: Vec<PathBuf>,
}

impl CidfileFlag {
    /// Puts the ids in the files before what was named.
    pub fn before(&self, operands: Vec<String>) -> Result<Vec<String>> {
        let ids = self.cidfile.iter().map(|path| read_cidfile(path));
        ids.chain(operands.into_iter().map(Ok)).collect()
    }
}

/// The id in a file that `--cidfile` of `run` has written.
fn read_cidfile(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).context("error reading CIDFile");
    let text = text.with_context(|| path.display().to_string())?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// What the flags of one command choose.
pub struct Choice<'a> {
    all: Option<Scope>,
    latest: bool,
    cidfiles: &'a [PathBuf],
    filters: &'a [(String, String)],
    ignore: bool,
}

impl<'a> Choice<'a> {
    /// Of `--all`, if it was given by what the verb means with it, and `--latest`.
    pub fn of(all: Option<Scope>, latest: bool) -> Self {
        Self { all, latest, cidfiles: &[], filters: &[], ignore: false }
    }

    /// And `--cidfile`.
    pub fn in_files(self, flag: &'a CidfileFlag) -> Self {
        Self { cidfiles: &flag.cidfile, ..self }
    }

    /// And `--filter`.
    pub fn that_meet(self, filters: &'a [(String, String)]) -> Self {
        Self { filters, ..self }
    }

    /// With `--ignore` a file that is not there names nothing.
    pub fn ignoring(self, ignore: bool) -> Self {
        Self { ignore, ..self }
    }

    /// The containers that are meant, as podman reads these flags together: what was named, or what was chosen.
    pub fn names(&self, engine: &Engine, named: Vec<String>) -> Result<Vec<String>> {
        if !self.filters.is_empty() {
            if !named.is_empty() {
                bail!("--filter takes no arguments");
            }
            return choose::ids(engine, self.all.unwrap_or(Scope::All), &Filters::new(self.filters)?);
        }
        if !self.cidfiles.is_empty() && (self.all.is_some() || self.latest) {
            bail!("--all, --latest, and --cidfile cannot be used together");
        }
        match (self.all, self.latest) {
            (Some(_), true) => bail!("--all and --latest cannot be used together"),
            (Some(_), false) if !named.is_empty() => bail!("no arguments are needed with --all"),
            (None, true) if !named.is_empty() => bail!("--latest and containers cannot be used together"),
            (Some(scope), false) => choose::ids(engine, scope, &Filters::default()),
            (None, true) => Ok(vec![choose::newest(engine.containers())?]),
            (None, false) => {
                let mut names = named;
                for path in self.cidfiles {
                    match read_cidfile(path) {
                        Err(_) if self.ignore && !path.exists() => {}
                        read => names.push(read?),
                    }
                }
                Ok(names)
            }
        }
    }
}

/// The outcome for one container, where with `--ignore` one that is not there is no failure; whether it was there.
pub fn ignoring(ignore: bool, done: Result<()>) -> Result<bool> {
    match done {
        Err(error) if ignore && matches!(error.downcast_ref(), Some(LookupError::NotFound(_))) => Ok(false),
        done => done.map(|()| true),
    }
}
