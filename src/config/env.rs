//! Every environment variable that coracle reads is read here, by name.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// `CORACLE_ROOT`: where images and containers are kept, like `--root`.
pub const CORACLE_ROOT: &str = "CORACLE_ROOT";
/// `CORACLE_RUNROOT`: where sockets and locks of running containers are kept, like `--runroot`.
pub const CORACLE_RUNROOT: &str = "CORACLE_RUNROOT";

/// `CORACLE_STORAGE_DRIVER`: what containers are made with, like `--storage-driver`.
pub const CORACLE_STORAGE_DRIVER: &str = "CORACLE_STORAGE_DRIVER";

/// `CORACLE_REGISTRY_TIMEOUT`: seconds without a byte after which a registry is given up.
pub const CORACLE_REGISTRY_TIMEOUT: &str = "CORACLE_REGISTRY_TIMEOUT";

/// `CORACLE_NETWORK_LINGER`: seconds for which a network is kept when its last container has left.
pub const CORACLE_NETWORK_LINGER: &str = "CORACLE_NETWORK_LINGER";

/// A variable that is set and not empty.
pub fn value(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that holds a positive number of seconds, such as `0.5`.
pub fn seconds(name: &str) -> Option<Duration> {
    let seconds: f64 = value(name)?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

/// A directory named by a variable; a relative one is ignored, as the XDG specification asks.
pub fn directory(name: &str) -> Option<PathBuf> {
    let value: OsString = env::var_os(name)?;
    let path = PathBuf::from(value);
    path.is_absolute().then_some(path)
}

/// The value that `-e NAME`, without a value, passes on.
pub fn passed_on(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Every variable that is text, as `NAME=value`.
pub fn all() -> Vec<String> {
    let text = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    text.map(|(name, value)| format!("{name}={value}")).collect()
}

/// The first executable file of this name in `PATH`, then in the directories where systems keep
/// privileged helpers, which not every user's `PATH` names.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .chain(system)
        .map(|directory| directory.join(name))
        .find(|file| rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok())
}
