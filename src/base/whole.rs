//! What a user asks for by a path and gets there once it is whole, or not at all.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{hint, id};

/// Writes a file beside `path` and gives it the name once it is whole.
pub fn file<T>(path: &Path, write: impl FnOnce(&File) -> Result<T>) -> Result<T> {
    let directory = path.parent().unwrap_or(Path::new(""));
    if !directory.as_os_str().is_empty() && !directory.exists() {
        bail!("invalid output path: directory {:?} does not exist", directory.display().to_string());
    }
    // A pipe or a terminal is written to as it is.
    if path.exists() && !path.is_file() {
        let file =
            File::options().write(true).open(path).with_context(|| format!("open {}", path.display()))?;
        return write(&file);
    }
    let name = path.file_name().context("the output path names no file")?.to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}", id::random_hex(8)));
    let make = || {
        let file = File::create_new(&temporary).with_context(|| format!("create {}", path.display()))?;
        let written = write(&file)?;
        std::fs::rename(&temporary, path).with_context(|| format!("write {}", path.display()))?;
        Ok(written)
    };
    make().inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

/// Makes a directory beside `path` and gives it the name once it is whole. An empty one makes way.
pub fn directory(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if path.exists() && std::fs::read_dir(path).map_or(true, |mut entries| entries.next().is_some()) {
        bail!("write {}: it is there already and is no empty directory", path.display());
    }
    let name = path.file_name().context("the output path names no directory")?.to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", id::random_hex(8)));
    let attempt = || {
        std::fs::create_dir(&temporary).with_context(|| format!("create {}", path.display()))?;
        make(&temporary)?;
        std::fs::rename(&temporary, path).with_context(|| format!("write {}", path.display()))
    };
    hint::of_output(attempt()).inspect_err(|_| drop(std::fs::remove_dir_all(&temporary)))
}
