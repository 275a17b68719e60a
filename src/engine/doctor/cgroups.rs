//! Control groups: which layout there is, and what of it is the user's.

use super::{Finding, namespaces};
use crate::engine::info;
use crate::runtime::cgroup::Hierarchy;

const NAME: &str = "control groups";

/// The controllers behind the limits that docker has.
const CONTROLLERS: &[&str] = &["cpu", "cpuset", "io", "memory", "pids"];

#[derive(Clone, Debug)]
pub struct Groups {
    version: Option<u8>,
    /// Version 1 with version 2 beside it, without controllers.
    hybrid: bool,
    /// What this user may limit in the group of this process.
    delegated: Vec<String>,
    is_root: bool,
    in_container: bool,
}

pub fn read() -> Groups {
    Groups {
        version: info::cgroup_version(),
        hybrid: Hierarchy::of_host() == Hierarchy::Hybrid,
        delegated: info::delegated_controllers(),
        is_root: rustix::process::getuid().is_root(),
        in_container: namespaces::container().is_some(),
    }
}

const NO_LIMITS: &str = "containers run without limits on memory, processors and processes";

pub fn judge(groups: &Groups) -> Finding {
    let unified = "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line";
    match groups.version {
        None => Finding::warning(
            NAME,
            "none are mounted at /sys/fs/cgroup",
            NO_LIMITS,
            "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup; for a container around this one: --cgroupns host",
        ),
        Some(2) => judge_delegation(groups),
        Some(_) => {
            let beside = if groups.hybrid { ", with version 2 beside it (hybrid)" } else { "" };
            Finding::warning(NAME, format!("version 1{beside}"), NO_LIMITS, unified)
        }
    }
}

fn judge_delegation(groups: &Groups) -> Finding {
    let is_missing = |name: &&&str| !groups.delegated.iter().any(|delegated| delegated == **name);
    let missing: Vec<&str> = CONTROLLERS.iter().filter(is_missing).copied().collect();
    if missing.is_empty() || groups.is_root {
        return Finding::fine(NAME, "version 2, and delegated");
    }
    let what = format!("version 2, but not delegated to you: {}", missing.join(" "));
    let why = "containers run without the limits that need those";
    if groups.in_container {
        let mend = "give them to the container around this one, which hold for what is in it: --memory, --cpus, --pids-limit";
        return Finding::warning(NAME, what, why, mend);
    }
    Finding::warning(
        NAME,
        what,
        why,
        format!(
            "sudo mkdir -p {DIRECTORY} && printf '[Service]\\nDelegate={}\\n' | \
             sudo tee {DIRECTORY}/delegate.conf && sudo systemctl daemon-reload, then log in anew",
            CONTROLLERS.join(" ")
        ),
    )
}

/// Where systemd looks for what adds to each user's manager.
const DIRECTORY: &str = "/etc/systemd/system/user@.service.d";

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;

    #[test]
    fn layouts() {
        let delegated = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let groups = |version, hybrid, names| Groups {
            version,
            hybrid,
            delegated: delegated(names),
            is_root: false,
            in_container: false,
        };
        for (groups, level, words) in [
            (groups(Some(2), false, "cpuset cpu io memory pids rdma"), Level::Fine, &["delegated"][..]),
            (
                groups(Some(2), false, "memory pids"),
                Level::Warning,
                &["to you: cpu cpuset io", "Delegate=cpu "],
            ),
            (Groups { is_root: true, ..groups(Some(2), false, "") }, Level::Fine, &[]),
            (
                Groups { in_container: true, ..groups(Some(2), false, "") },
                Level::Warning,
                &["to the container around this one"],
            ),
            (groups(Some(1), true, ""), Level::Warning, &["version 1, with", "hybrid", "unified_cgroup"]),
            (groups(Some(1), false, ""), Level::Warning, &["version 1 "]),
            (groups(None, false, ""), Level::Warning, &["none are mounted"]),
        ] {
            assert_found(&[judge(&groups)], NAME, level, words);
        }
    }
}
