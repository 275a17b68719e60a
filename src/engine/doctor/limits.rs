//! What the kernel lets this user have at the same time: open files, and watches upon files.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::Finding;

const FILES: &str = "open files";
const INOTIFY: &str = "inotify";

/// Layers, sockets and logs of one command of ours stay far below; servers in containers expect as much.
const MANY_FILES: u64 = 1024;
/// A pull, or a container with many layers, ports and mounts, needs more than this.
const FEW_FILES: u64 = 128;
/// What the kernel gives by default.
const INSTANCES: u64 = 128;
const WATCHES: u64 = 8192;

#[derive(Clone, Debug)]
pub struct Limits {
    /// How far a process may raise its number of open files; none is no limit.
    files: Option<u64>,
    /// `max_user_instances` and `max_user_watches`, the lower of the host's and the namespace's.
    instances: Option<u64>,
    watches: Option<u64>,
}

pub fn read() -> Limits {
    let number = |path: String| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let lower = |name: &str| {
        let host = number(format!("/proc/sys/fs/inotify/max_user_{name}"));
        let own = number(format!("/proc/sys/user/max_inotify_{name}"));
        host.into_iter().chain(own).min()
    };
    let files = getrlimit(Resource::Nofile);
    Limits {
        files: files.maximum.or(files.current),
        instances: lower("instances"),
        watches: lower("watches"),
    }
}

pub fn judge(limits: &Limits) -> Vec<Finding> {
    vec![judge_files(limits.files), judge_inotify(limits)]
}

fn judge_files(files: Option<u64>) -> Finding {
    let mend = "ulimit -n 65536 as root before the login, or LimitNOFILE= of the unit; see limits.conf(5)";
    match files {
        Some(files) if files < FEW_FILES => {
            let why = "commands run out of them, and so do the programs in containers";
            Finding::failed(FILES, format!("a process may have {files}"), why, mend)
        }
        Some(files) if files < MANY_FILES => {
            let why = "servers in containers run out of them";
            Finding::warning(FILES, format!("a process may have {files}"), why, mend)
        }
        Some(files) => Finding::fine(FILES, format!("a process may have {files}")),
        None => Finding::fine(FILES, "a process may have as many as it wants"),
    }
}

fn judge_inotify(limits: &Limits) -> Finding {
    let (instances, watches) = (limits.instances.unwrap_or(INSTANCES), limits.watches.unwrap_or(WATCHES));
    if instances >= INSTANCES && watches >= WATCHES {
        return Finding::fine(INOTIFY, format!("{instances} instances, {watches} watches"));
    }
    Finding::warning(
        INOTIFY,
        format!("{instances} instances, {watches} watches for all your processes"),
        "programs that watch files fail with \"too many open files\" or \"no space left on device\"",
        "sudo sysctl -w fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;

    #[test]
    fn numbers() {
        let of = |files, instances, watches| judge(&Limits { files, instances, watches });
        for (files, level) in [
            (None, Level::Fine),
            (Some(1024), Level::Fine),
            (Some(1023), Level::Warning),
            (Some(127), Level::Failed),
        ] {
            assert_found(&of(files, None, None), FILES, level, &["a process may have"]);
        }
        for (instances, watches, level) in [
            (None, None, Level::Fine),
            (Some(128), Some(8192), Level::Fine),
            (Some(127), Some(8192), Level::Warning),
            (Some(512), Some(8191), Level::Warning),
        ] {
            assert_found(&of(None, instances, watches), INOTIFY, level, &["instances"]);
        }
    }
}
