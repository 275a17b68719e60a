//! `rename`: another name for a container, whether it runs or not.

use anyhow::{Context, Result, bail};

use super::create::durability;
use super::{Engine, events, helper};
use crate::base::file::FileLock;
use crate::base::id::is_valid_name;
use crate::store::containers::Containers;

/// Gives a container another name. The new one is taken before the old one is given up, so that there is always
/// one.
pub fn rename(engine: &Engine, container: &str, name: &str) -> Result<()> {
    let name = name.strip_prefix('/').unwrap_or(name);
    if container.is_empty() || name.is_empty() {
        bail!("Neither old nor new names may be empty");
    }
    engine.containers().with(container, |id| rename_to(engine, id, name))
}

fn rename_to(engine: &Engine, id: &str, name: &str) -> Result<()> {
    if !is_valid_name(name) {
        bail!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    }
    let containers = engine.containers();
    let _one_at_a_time = FileLock::acquire(&engine.layout().locks().join("rename"))?;
    let old = containers.load(id)?.name;
    if old == name {
        bail!("Renaming a container with the same name as its current name");
    }
    let directory = engine.layout().container(id);
    if Containers::is_renaming(&directory) {
        // One that was killed over it has left a name too many.
        containers.release_names_of(id)?;
        containers.claim_name(&old, id)?;
    }
    containers.note_renaming(id, true)?;
    let claimed = containers.claim_name(name, id).context("Error when allocating new name");
    claimed.inspect_err(|_| drop(containers.note_renaming(id, false)))?;
    let changed = containers.change(id, |record| {
        name.clone_into(&mut record.name);
        durability(&record.options)
    });
    let record = changed.inspect_err(|_| containers.release_name(name, id))?;
    containers.release_name(&old, id);
    containers.note_renaming(id, false)?;
    if record.state.is_up() && !record.endpoints.is_empty() {
        helper::rename(engine, id, name).context("tell the container's networks of its name")?;
    }
    events::container(engine, &record, "rename", &[("oldName", &format!("/{old}"))]);
    Ok(())
}
