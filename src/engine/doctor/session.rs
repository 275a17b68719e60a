//! The runtime directory, and what becomes of it at a logout.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Finding, namespaces};
use crate::config::{env, linger};
use crate::engine::Engine;

const DIRECTORY: &str = "XDG_RUNTIME_DIR";
const LINGER: &str = "linger";

#[derive(Clone, Debug)]
pub struct Session {
    uid: u32,
    /// What the variable names, and what is there: owner and mode, if it is a directory.
    named: Option<(PathBuf, Option<(u32, u32)>)>,
    /// What is used, and the same of it.
    used: Option<(PathBuf, Option<(u32, u32)>)>,
    /// In a container there is nobody to log in.
    in_container: bool,
    /// The user whose containers end with the last logout.
    without_linger: Option<String>,
}

pub fn read(engine: Option<&Engine>) -> Session {
    let with_state = |path: PathBuf| {
        let state = state(&path);
        (path, state)
    };
    Session {
        uid: rustix::process::getuid().as_raw(),
        named: env::directory("XDG_RUNTIME_DIR").map(with_state),
        used: engine.map(|engine| with_state(engine.layout().run().to_owned())),
        in_container: namespaces::container().is_some(),
        without_linger: linger::missing(),
    }
}

fn state(path: &Path) -> Option<(u32, u32)> {
    let meta = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_dir)?;
    Some((meta.uid(), meta.mode() & 0o7777))
}

pub fn judge(session: &Session) -> Vec<Finding> {
    vec![judge_directory(session), judge_linger(session.without_linger.as_deref())]
}

fn judge_directory(session: &Session) -> Finding {
    let uid = session.uid;
    if let Some((path, Some((owner, _)))) = &session.used
        && *owner != uid
    {
        let what = format!("{} belongs to user {owner}", path.display());
        let why = "sockets of containers would be in somebody else's hands, so nothing starts";
        return Finding::failed(DIRECTORY, what, why, login(session));
    }
    let used = session.used.as_ref().map_or_else(String::new, |(path, _)| path.display().to_string());
    let why = "another directory stands in for it, which other programs do not know";
    match &session.named {
        None if uid == 0 => Finding::fine(DIRECTORY, format!("it is not set: {used} is used")),
        None => {
            let own = format!("/run/user/{uid}");
            let mend =
                if used.starts_with(&own) { format!("export XDG_RUNTIME_DIR={own}") } else { login(session) };
            Finding::warning(DIRECTORY, format!("it is not set: {used} is used"), why, mend)
        }
        Some((path, None)) => {
            let what = format!("there is no directory {}: {used} is used", path.display());
            Finding::warning(DIRECTORY, what, why, login(session))
        }
        Some((path, Some((owner, _)))) if *owner != uid => {
            let what = format!("{} belongs to user {owner}: {used} is used", path.display());
            Finding::warning(DIRECTORY, what, why, login(session))
        }
        Some((path, Some((_, mode)))) if mode & 0o022 != 0 => Finding::failed(
            DIRECTORY,
            format!("others may write in {} (mode {mode:04o})", path.display()),
            "they can put their own sockets in place of those of your containers",
            format!("chmod 0700 {}", path.display()),
        ),
        Some((path, _)) => Finding::fine(DIRECTORY, path.display().to_string()),
    }
}

/// Only a login of one's own sets it: `su` and `sudo` do not.
fn login(session: &Session) -> String {
    if session.in_container {
        return "export XDG_RUNTIME_DIR=$(mktemp -d)".to_owned();
    }
    "log in by ssh, at the console, or with: sudo machinectl shell USER@".to_owned()
}

fn judge_linger(without: Option<&str>) -> Finding {
    match without {
        Some(user) => Finding::warning(
            LINGER,
            format!("systemd ends what {user} leaves running"),
            "detached containers end with your last logout",
            format!("loginctl enable-linger {user}"),
        ),
        None => Finding::fine(LINGER, "what you leave running stays after the last logout"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;

    fn at(named: Option<(&str, Option<(u32, u32)>)>, used: (u32, u32)) -> Session {
        Session {
            uid: 1000,
            named: named.map(|(path, state)| (path.into(), state)),
            used: Some(("/used/coracle".into(), Some(used))),
            in_container: false,
            without_linger: None,
        }
    }

    #[test]
    fn runtime_directories() {
        let own = (1000, 0o700);
        for (session, level, words) in [
            (at(Some(("/run/user/1000", Some(own))), own), Level::Fine, &["/run/user/1000"][..]),
            (at(None, own), Level::Warning, &["not set", "/used/coracle is used", "machinectl"]),
            (
                Session { used: Some(("/run/user/1000/coracle".into(), Some(own))), ..at(None, own) },
                Level::Warning,
                &["export XDG_RUNTIME_DIR=/run/user/1000"],
            ),
            (at(None, own), Level::Warning, &["log in by ssh"]),
            (Session { in_container: true, ..at(None, own) }, Level::Warning, &["mktemp -d"]),
            (Session { uid: 0, ..at(None, (0, 0o700)) }, Level::Fine, &["not set"]),
            (at(Some(("/gone", None)), own), Level::Warning, &["no directory /gone"]),
            (at(Some(("/run/user/0", Some((0, 0o700)))), own), Level::Warning, &["belongs to user 0"]),
            (at(Some(("/x", Some((1000, 0o777)))), own), Level::Failed, &["0777", "chmod 0700 /x"]),
            (at(None, (7, 0o700)), Level::Failed, &["/used/coracle belongs to user 7"]),
        ] {
            assert_found(&judge(&session), DIRECTORY, level, words);
        }
    }

    #[test]
    fn logouts() {
        let without = |name: Option<&str>| Session {
            without_linger: name.map(str::to_owned),
            ..at(None, (1000, 0o700))
        };
        assert_found(&judge(&without(None)), LINGER, Level::Fine, &[]);
        let words = ["loginctl enable-linger ann"];
        assert_found(&judge(&without(Some("ann"))), LINGER, Level::Warning, &words);
    }
}
