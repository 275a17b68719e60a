//! Programs of other machines: the emulators that containers get for them, and what is said where there is none.

use anyhow::Result;

use crate::base::hint::HintExt;
use crate::config::binfmt;
use crate::oci::platform::Platform;
use crate::store::containers::{Record, Source};

/// The emulators that a container needs of its own, as lines for binfmt_misc: those that are here and that the kernel
/// does not have for everybody.
pub fn emulators<'a>(platforms: impl IntoIterator<Item = &'a Platform>) -> Vec<String> {
    let mut foreign = platforms.into_iter().filter(|platform| platform.is_foreign()).peekable();
    if foreign.peek().is_none() {
        return Vec::new();
    }
    let registered = binfmt::registered();
    let is_there =
        |machine: &str| registered.iter().any(|handler| handler.fixed && handler.machine == machine);
    let machines = foreign.map(Platform::machine).filter(|machine| !is_there(machine));
    machines.filter_map(binfmt::line_for).collect()
}

/// The platform of a container's image, where its programs need an emulator.
pub fn foreign_platform(record: &Record) -> Option<Platform> {
    match &record.source {
        Source::Image { foreign: Some(platform), .. } => platform.parse().ok(),
        _ => None,
    }
}

/// Says what is missing where a program could not be started since it is another machine's.
pub fn explain<T>(started: Result<T>, platform: Option<&Platform>) -> Result<T> {
    let Some(platform) = platform.filter(|platform| platform.is_foreign()) else { return started };
    match started {
        Err(error) if error.to_string().contains("exec format error") => Err(error).hint(|| hint(platform)),
        started => started,
    }
}

fn hint(platform: &Platform) -> String {
    if binfmt::line_for(platform.machine()).is_none() {
        return format!("programs for {platform} need an emulator: sudo apt-get install qemu-user-static");
    }
    format!(
        "programs for {platform} need their emulator registered, which only root can before Linux 6.7: sudo systemctl \
         restart systemd-binfmt"
    )
}
