//! Whether what a user leaves running survives the last logout: systemd's linger (man loginctl(1)).

use std::path::Path;

use super::env;

/// The user who would lose running containers with the last logout, if that is so here.
pub fn missing() -> Option<String> {
    let uid = rustix::process::getuid();
    let runtime = env::directory("XDG_RUNTIME_DIR")?;
    let user = nix::unistd::User::from_uid(uid.as_raw().into()).ok()??.name;
    is_missing(Path::new("/"), &runtime, uid.as_raw(), &user).then_some(user)
}

/// Whether the runtime directory is the one that systemd removes with the last session, and no linger keeps it.
fn is_missing(root: &Path, runtime: &Path, uid: u32, user: &str) -> bool {
    uid != 0
        && runtime == Path::new(&format!("/run/user/{uid}"))
        && root.join("run/systemd/system").is_dir()
        && !root.join("var/lib/systemd/linger").join(user).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_systemd_s_own_directory_goes() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| std::fs::create_dir_all(root.path().join(path)).unwrap();
        let theirs = Path::new("/run/user/1000");
        assert!(!is_missing(root.path(), theirs, 1000, "ann"), "no systemd");
        make("run/systemd/system");
        assert!(is_missing(root.path(), theirs, 1000, "ann"));
        assert!(!is_missing(root.path(), Path::new("/tmp/run"), 1000, "ann"));
        assert!(!is_missing(root.path(), Path::new("/run/user/0"), 0, "root"));
        make("var/lib/systemd/linger/ann");
        assert!(!is_missing(root.path(), theirs, 1000, "ann"));
    }
}
