//! Where systemd can be asked.

use std::path::{Path, PathBuf};

use super::env;

/// The socket of the D-Bus on which the user's own systemd answers, or root's; `None` where there is none.
///
/// `$XDG_RUNTIME_DIR/bus` comes before `DBUS_SESSION_BUS_ADDRESS`, which outlives the session that has set it.
pub fn bus() -> Option<PathBuf> {
    // sd_booted(3).
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let uid = rustix::process::getuid().as_raw();
    let candidates = if uid == 0 {
        [Some(PathBuf::from("/run/dbus/system_bus_socket")), None, None]
    } else {
        [
            env::directory("XDG_RUNTIME_DIR").map(|directory| directory.join("bus")),
            Some(PathBuf::from(format!("/run/user/{uid}/bus"))),
            env::value("DBUS_SESSION_BUS_ADDRESS").as_deref().and_then(socket_of),
        ]
    };
    candidates.into_iter().flatten().find(|socket| socket.exists())
}

/// The path of a bus address such as `unix:path=/run/user/1000/bus,guid=…`.
fn socket_of(address: &str) -> Option<PathBuf> {
    let first = address.split(';').next()?;
    let keys = first.strip_prefix("unix:")?;
    keys.split(',').find_map(|pair| pair.strip_prefix("path=")).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (address, want) in [
            ("unix:path=/run/user/1/bus", Some("/run/user/1/bus")),
            ("unix:guid=1,path=/a;tcp:host=b", Some("/a")),
            ("unix:abstract=/a", None),
            ("tcp:host=b", None),
        ] {
            assert_eq!(socket_of(address), want.map(PathBuf::from), "{address}");
        }
    }
}
