//! User namespaces: whether they can be made, whether one may mount in them, and what refuses it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Finding, Refusal};
use crate::config::env;
use crate::engine::namespace;
use crate::runtime::probe;
use crate::runtime::userns::{self, Offered, UserMaps, UserNamespace};
use crate::sys::namespace as own;

const MADE: &str = "user namespaces";
const PROC: &str = "nested containers";

/// The oldest kernel with all that the runtime uses: overlay in user namespaces.
const KERNEL: (u32, u32) = (5, 11);

#[derive(Debug)]
pub struct Namespaces {
    /// `uname -r`.
    kernel: String,
    /// The namespace with the user's ids, where that could be made.
    namespace: Option<UserNamespace>,
    /// Why not: the clone, the maps, or the mounts within.
    refused: Option<Refusal>,
    /// What a mount of `/proc` was refused with; asked only where there is a namespace.
    proc_refused: Option<Refusal>,
    /// What kind of container this process is in, if it is in one.
    container: Option<&'static str>,
    /// Whether AppArmor refuses namespaces to programs without a profile of their own, or takes the capabilities away:
    /// by the host's settings, or by the profile that this process is held to.
    apparmor_restricts: bool,
    /// This very program.
    executable: Option<PathBuf>,
}

pub fn read() -> Namespaces {
    let made = make();
    let mut refused = made.as_ref().err().map(Refusal::of);
    let namespace = made.ok();
    let mut proc_refused = None;
    if let Some(namespace) = &namespace {
        let may_mount = || own::separate_mounts().context("make a mount namespace within the user namespace");
        refused = namespace::run_inside(namespace, may_mount).err().as_ref().map(Refusal::of);
        if refused.is_none() {
            let tried = namespace::run_inside(namespace, probe::proc_works);
            proc_refused = tried.err().as_ref().map(Refusal::of);
        }
    }
    let sysctl = fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    Namespaces {
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        namespace,
        refused,
        proc_refused,
        container: container(),
        apparmor_restricts: sysctl.is_ok_and(|text| text.trim() == "1")
            || (container().is_none() && userns::confinement().is_some()),
        executable: fs::read_link("/proc/self/exe").ok(),
    }
}

fn make() -> Result<UserNamespace> {
    let offered = Offered::read();
    userns::create(&UserMaps::default_for(&offered), &offered)?.finish()
}

/// Podman and docker leave a file; others set `container`, as systemd's container interface asks.
pub fn container() -> Option<&'static str> {
    let is_there = |path: &str| Path::new(path).exists();
    [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")]
        .into_iter()
        .find_map(|(path, name)| is_there(path).then_some(name))
        .or_else(|| env::value("container").map(|_| "another engine"))
}

impl Namespaces {
    /// A namespace in which one can work as containers do.
    pub fn work(&self) -> Option<&UserNamespace> {
        self.namespace.as_ref().filter(|_| self.refused.is_none())
    }
}

pub fn judge(spaces: &Namespaces) -> Vec<Finding> {
    let mut findings = vec![judge_kernel(&spaces.kernel), judge_made(spaces)];
    if let Some(refusal) = &spaces.proc_refused {
        findings.push(Finding::warning(
            PROC,
            format!("they get a copy of this container's /proc: {}", refusal.error),
            "they see the processes around them, and settings of the kernel cannot be changed for them",
            "start the container around with --security-opt unmask=ALL (docker: systempaths=unconfined)",
        ));
    }
    findings
}

fn judge_kernel(release: &str) -> Finding {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok);
    match (next(), next()) {
        (Some(major), Some(minor)) if (major, minor) < KERNEL => Finding::warning(
            "kernel",
            format!("Linux {release}"),
            "before 5.11 the kernel's overlay does not work for ordinary users, and other calls are missing",
            "install a newer kernel of your distribution",
        ),
        _ => Finding::fine("kernel", format!("Linux {release}")),
    }
}

fn judge_made(spaces: &Namespaces) -> Finding {
    let Some(refusal) = &spaces.refused else {
        let place = spaces.container.map_or_else(String::new, |name| format!(" (in a container of {name})"));
        return Finding::fine(MADE, format!("can be made, and mounted in{place}"));
    };
    let why = "every container is one: none starts";
    if spaces.apparmor_restricts {
        let what = format!("AppArmor refuses them to programs without a profile: {}", refusal.error);
        return Finding::failed(MADE, what, why, profile_command(spaces.executable.as_deref()));
    }
    let mend = refusal.hint.clone().unwrap_or_else(userns::refusal_hint);
    Finding::failed(MADE, refusal.error.clone(), why, mend)
}

/// The command that gives this program the profile of `packaging/apparmor`, for the place where it is.
fn profile_command(executable: Option<&Path>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    match executable.and_then(Path::to_str).filter(|path| path.chars().all(is_plain)) {
        Some(path) => format!(
            "printf 'abi <abi/4.0>,\\nprofile coracle {path} flags=(unconfined) {{\\n  userns,\\n}}\\n' | \
             sudo tee /etc/apparmor.d/coracle && sudo apparmor_parser -r /etc/apparmor.d/coracle"
        ),
        None => "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;

    fn healthy() -> Namespaces {
        Namespaces {
            kernel: "6.1.0-18-amd64".to_owned(),
            namespace: None,
            refused: None,
            proc_refused: None,
            container: None,
            apparmor_restricts: false,
            executable: Some("/usr/local/bin/coracle".into()),
        }
    }

    fn refused(error: &str, hint: Option<&str>) -> Option<Refusal> {
        Some(Refusal { error: error.to_owned(), hint: hint.map(str::to_owned) })
    }

    #[test]
    fn what_refuses_namespaces() {
        let eacces = || refused("make a mount namespace: permission denied", None);
        for (spaces, level, words) in [
            (healthy(), Level::Fine, &["can be made"][..]),
            (Namespaces { container: Some("podman"), ..healthy() }, Level::Fine, &["container of podman"]),
            (Namespaces { apparmor_restricts: true, ..healthy() }, Level::Fine, &[]),
            (
                Namespaces { refused: refused("ENOSPC", Some("sudo sysctl -w x=1")), ..healthy() },
                Level::Failed,
                &["ENOSPC", "sudo sysctl -w x=1"],
            ),
            (
                Namespaces { refused: eacces(), apparmor_restricts: true, ..healthy() },
                Level::Failed,
                &[
                    "AppArmor",
                    "profile coracle /usr/local/bin/coracle flags=(unconfined)",
                    "apparmor_parser -r",
                ],
            ),
            (
                Namespaces {
                    refused: eacces(),
                    apparmor_restricts: true,
                    executable: Some("/a b'c".into()),
                    ..healthy()
                },
                Level::Failed,
                &["sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"],
            ),
        ] {
            assert_found(&judge(&spaces), MADE, level, words);
        }
        let masked = Namespaces { proc_refused: refused("mount /proc: EPERM", None), ..healthy() };
        assert_found(&judge(&masked), PROC, Level::Warning, &["mount /proc: EPERM", "unmask=ALL"]);
    }

    #[test]
    fn kernels() {
        for (release, level) in [
            ("6.18.0", Level::Fine),
            ("5.11.0-rc1", Level::Fine),
            ("5.10.0-28-amd64", Level::Warning),
            ("4.18.0", Level::Warning),
            ("strange", Level::Fine),
        ] {
            let kernel = release.to_owned();
            assert_found(&judge(&Namespaces { kernel, ..healthy() }), "kernel", level, &[release]);
        }
    }
}
