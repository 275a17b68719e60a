//! `unshare`: a program in the user's namespace, where the files of containers have their owners.

use std::convert::Infallible;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::{Engine, namespace};
use crate::base::exit::ExitWith;
use crate::config::env;
use crate::sys::{mount, namespace as own};

/// What a shell's path is without `SHELL`.
const SHELL: &str = "/bin/sh";

/// Becomes a program in the user's namespace and a mount namespace of its own; a shell if there is no command.
/// Returns only with an error.
pub fn unshare(engine: &Engine, command: &[String]) -> Result<Infallible> {
    if rustix::process::getuid().is_root() && !is_nested()? {
        bail!("please use unshare with rootless");
    }
    let shell = env::value("SHELL").unwrap_or_else(|| SHELL.to_owned());
    let (program, arguments) = command.split_first().unwrap_or((&shell, &[]));
    let namespace = namespace::open(engine)?.finish()?;
    namespace.enter()?;
    drop(namespace);
    own::separate_mounts().context("make a mount namespace")?;
    mount::make_all_slave().context("separate the mounts from the host's")?;
    let error = Command::new(program)
        .args(arguments)
        .env(env::CORACLE_ROOT, engine.layout().data())
        .env(env::CORACLE_RUNROOT, engine.layout().run())
        .exec();
    let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
    Err(ExitWith::new(code, anyhow!(error).context(format!("exec {program}"))).into())
}

/// Whether root is root of a user namespace only.
fn is_nested() -> Result<bool> {
    let map = fs::read_to_string("/proc/self/uid_map").context("read the map of users")?;
    Ok(map.split_ascii_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"])
}
