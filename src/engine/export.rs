//! `export`: a container's whole filesystem as a tar archive, without its volumes and mounts.

use std::fs::File;
use std::io::BufWriter;
use std::os::fd::BorrowedFd;
use std::path::Path;

use anyhow::{Context, Result};

use super::filesystem::Filesystem;
use super::{Engine, events, namespace};
use crate::base::exit::{self, ReaderGone};
use crate::layer::pack::{self, Form};

/// Writes the archive to `out`.
pub fn export(engine: &Engine, name: &str, out: BorrowedFd<'_>) -> Result<()> {
    engine.containers().with(name, |id| export_files(engine, id, out))
}

fn export_files(engine: &Engine, id: &str, out: BorrowedFd<'_>) -> Result<()> {
    let found = Filesystem::of(engine, id)?;
    let out = File::from(out.try_clone_to_owned().context("duplicate a descriptor")?);
    let namespace = found.namespace(engine)?;
    let is_whole = namespace::run_inside(&namespace, || {
        let root = found.open_alone().context("open the container's files")?;
        let out = BufWriter::with_capacity(1 << 16, &out);
        exit::is_whole(pack::pack(root.into(), Path::new(""), Form::Files, out, |_| false, None))
    })?;
    if !is_whole {
        return Err(ReaderGone.into());
    }
    events::container(engine, &engine.containers().load(id)?, "export", &[]);
    Ok(())
}
