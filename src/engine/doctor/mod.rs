//! `doctor`: what this host offers, what it lacks, why that matters, and the line that mends it.
//!
//! Each file has the facts about one thing, a function that reads them from the host, and a pure one that judges them:
//! hosts that nobody has here are made up in its tests. What can be tried is tried, as a container would.
//!
//! ```text
//! namespaces  user namespaces, what refuses them, and /proc within        ids       subordinate ids, newuidmap
//! storage     the data directory, its filesystem, the storage driver      network   slirp4netns, devices, ports, ping
//! session     XDG_RUNTIME_DIR and linger          cgroups  layout and delegation
//! limits      open files, inotify                 platforms  programs of other machines     online  registries
//! ```

mod cgroups;
mod device;
mod ids;
mod limits;
mod namespaces;
mod network;
mod online;
mod platforms;
mod session;
mod storage;

use anyhow::Result;

use super::Engine;
use crate::base::hint;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Fine,
    /// Containers run, but something about them is less than it could be.
    Warning,
    /// A plain `run` does not work.
    Failed,
}

/// What one check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two; always the same for the same check.
    pub name: &'static str,
    pub level: Level,
    pub what: String,
    /// Why it matters; empty where all is fine.
    pub why: &'static str,
    /// The command that mends it, or what else does.
    pub mend: Option<String>,
}

impl Finding {
    fn fine(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, level: Level::Fine, what: what.into(), why: "", mend: None }
    }

    fn warning(
        name: &'static str,
        what: impl Into<String>,
        why: &'static str,
        mend: impl Into<String>,
    ) -> Self {
        Self { name, level: Level::Warning, what: what.into(), why, mend: Some(mend.into()) }
    }

    fn failed(
        name: &'static str,
        what: impl Into<String>,
        why: &'static str,
        mend: impl Into<String>,
    ) -> Self {
        Self { level: Level::Failed, ..Self::warning(name, what, why, mend) }
    }
}

/// What was tried and refused: the error, and what is known to help.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    error: String,
    hint: Option<String>,
}

impl Refusal {
    fn of(error: &anyhow::Error) -> Self {
        Self { error: format!("{error:#}"), hint: hint::find(error).map(str::to_owned) }
    }
}

/// Examines the host. Nothing that is missing is an error, not even a place for the store: `engine` is what opening
/// that has come to. The storage driver is found out anew, and remembered. Registries are asked only if `online`.
pub fn examine(engine: Result<Engine>, online: bool) -> Vec<Finding> {
    let spaces = namespaces::read();
    let mut findings = namespaces::judge(&spaces);
    findings.extend(ids::judge(&ids::read()));
    findings.extend(storage::judge(&storage::read(engine.as_ref(), spaces.work())));
    findings.extend(session::judge(&session::read(engine.as_ref().ok())));
    findings.extend(network::judge(&network::read()));
    findings.push(cgroups::judge(&cgroups::read()));
    findings.extend(limits::judge(&limits::read()));
    findings.push(platforms::judge(&platforms::read(spaces.work())));
    if online {
        // Last: it starts threads, and what forks has been done.
        findings.extend(online::check());
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts what a check by this name has found: its level, and words of what, why and mend.
    #[track_caller]
    pub fn assert_found(findings: &[Finding], name: &str, level: Level, words: &[&str]) {
        let found = findings.iter().find(|finding| finding.name == name);
        let Some(found) = found else { panic!("nothing about {name}: {findings:#?}") };
        assert_eq!(found.level, level, "{found:#?}");
        let text = format!("{} {} {}", found.what, found.why, found.mend.as_deref().unwrap_or_default());
        for word in words {
            assert!(text.contains(word), "{word:?} is not in {found:#?}");
        }
        assert_eq!(found.level == Level::Fine, found.why.is_empty(), "{found:#?}");
    }
}
