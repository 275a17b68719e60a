//! Flags and commands of docker and podman that coracle knows but does not have yet.
//!
//! They are refused by name: never taken for a typing mistake, never accepted and ignored.

use anyhow::anyhow;

use super::flags::BAD_FLAG;
use super::report::{self, UsageError};
use crate::base::hint::Hinted;
use crate::engine::limits;

/// A flag that is known and refused.
#[derive(Debug, PartialEq)]
pub struct Known {
    /// With its two dashes.
    long: &'static str,
    kind: Kind,
}

/// Why it is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Not built yet.
    Missing,
    /// A limit on resources: needs control groups, which the host may not offer at all.
    Limit,
    /// A limit that only control groups of version 1 have.
    Version1,
    /// Only means something on Windows.
    Windows,
    /// Needs a driver of devices, of which there is none.
    Driver,
    /// Needs a daemon.
    Daemon,
}

/// `run` and `create`, as docker 28 and podman 5 have them.
const CREATE: &[(&str, Option<char>, Kind)] = &[
    ("--cpu-rt-period", None, Kind::Version1),
    ("--cpu-rt-runtime", None, Kind::Version1),
    ("--device-cgroup-rule", None, Kind::Limit),
    ("--kernel-memory", None, Kind::Version1),
    ("--oom-kill-disable", None, Kind::Version1),
    ("--cpu-count", None, Kind::Windows),
    ("--cpu-percent", None, Kind::Windows),
    ("--io-maxbandwidth", None, Kind::Windows),
    ("--io-maxiops", None, Kind::Windows),
    ("--decryption-key", None, Kind::Missing),
    ("--gpus", None, Kind::Driver),
    ("--init-ctr", None, Kind::Missing),
    ("--link-local-ip", None, Kind::Missing),
    ("--personality", None, Kind::Missing),
    ("--pod", None, Kind::Missing),
    ("--pod-id-file", None, Kind::Missing),
    ("--rdt-class", None, Kind::Missing),
    ("--seccomp-policy", None, Kind::Missing),
    ("--shm-size-systemd", None, Kind::Missing),
    ("--use-api-socket", None, Kind::Daemon),
];

/// A flag by its two names.
type Names = (&'static str, Option<char>);

/// The other verbs, by their short name.
const OTHERS: &[(&str, &[Names])] = &[
    (
        "build",
        &[
            ("--all-platforms", None),
            ("--cache-ttl", None),
            ("--cgroupns", None),
            ("--compat-volumes", None),
            ("--cpp-flag", None),
            ("--created-annotation", None),
            ("--decryption-key", None),
            ("--device", None),
            ("--disable-compression", Some('D')),
            ("--env", None),
            ("--group-add", None),
            ("--hooks-dir", None),
            ("--http-proxy", None),
            ("--identity-label", None),
            ("--inherit-annotations", None),
            ("--inherit-labels", None),
            ("--ipc", None),
            ("--layer-label", None),
            ("--logfile", None),
            ("--logsplit", None),
            ("--no-hostname", None),
            ("--no-hosts", None),
            ("--omit-history", None),
            ("--os-feature", None),
            ("--os-version", None),
            ("--pid", None),
            ("--policy", None),
            ("--retry-all", None),
            ("--runtime", None),
            ("--runtime-flag", None),
            ("--sign-by", None),
            ("--unsetannotation", None),
            ("--userns", None),
            ("--userns-gid-map", None),
            ("--userns-uid-map", None),
            ("--uts", None),
            ("--variant", None),
        ],
    ),
    ("builder du", &[("--builder", None), ("--filter", None), ("--format", None), ("--timeout", None)]),
    (
        "builder prune",
        &[("--builder", None), ("--max-used-space", None), ("--min-free-space", None), ("--timeout", None)],
    ),
    ("container exists", &[("--external", None)]),
    ("events", &[("--no-trunc", None)]),
    ("images", &[("--history", None)]),
    ("login", &[("--secret", None)]),
    (
        "ps",
        &[
            ("--external", None),
            ("--ns", None),
            ("--pod", Some('p')),
            ("--sync", None),
            ("--watch", Some('w')),
        ],
    ),
    ("pull", &[("--decryption-key", None), ("--disable-content-trust", None)]),
    (
        "push",
        &[
            ("--compress", None),
            ("--compression-format", None),
            ("--compression-level", None),
            ("--disable-content-trust", None),
            ("--encrypt-layer", None),
            ("--encryption-key", None),
            ("--force-compression", None),
            ("--format", Some('f')),
            ("--remove-signatures", None),
            ("--sign-by", None),
            ("--sign-by-sigstore", None),
            ("--sign-by-sigstore-private-key", None),
            ("--sign-passphrase-file", None),
        ],
    ),
    ("network connect", &[("--link-local-ip", None)]),
    (
        "network create",
        &[
            ("--config-from", None),
            ("--config-only", None),
            ("--ingress", None),
            ("--interface-name", None),
            ("--ipam-opt", None),
            ("--route", None),
        ],
    ),
    ("network rm", &[("--time", Some('t'))]),
    ("secret create", &[("--driver-opts", None), ("--template-driver", None)]),
    ("rm", &[("--link", Some('l'))]),
    ("start", &[("--checkpoint", None), ("--checkpoint-dir", None)]),
    ("update", &[("--cpu-rt-period", None), ("--cpu-rt-runtime", None)]),
    ("unmount", &[("--force", Some('f')), ("--latest", Some('l'))]),
    ("unshare", &[("--rootless-netns", None)]),
    (
        "volume create",
        &[
            ("--availability", None),
            ("--group", None),
            ("--limit-bytes", None),
            ("--required-bytes", None),
            ("--scope", None),
            ("--secret", None),
            ("--sharing", None),
            ("--topology-preferred", None),
            ("--topology-required", None),
            ("--type", None),
        ],
    ),
    ("volume inspect", &[("--all", Some('a'))]),
    ("volume ls", &[("--cluster", None)]),
    ("volume rm", &[("--time", Some('t'))]),
];

/// Options before the verb.
const GLOBAL: &[Names] = &[
    ("--config", None),
    ("--conmon", None),
    ("--connection", None),
    ("--context", Some('c')),
    ("--debug", Some('D')),
    ("--events-backend", None),
    ("--hooks-dir", None),
    ("--host", Some('H')),
    ("--identity", None),
    ("--imagestore", None),
    ("--log-level", Some('l')),
    ("--module", None),
    ("--network-cmd-path", None),
    ("--network-config-dir", None),
    ("--noout", None),
    ("--out", None),
    ("--remote", Some('r')),
    ("--runtime", None),
    ("--runtime-flag", None),
    ("--ssh", None),
    ("--storage-opt", None),
    ("--syslog", None),
    ("--tls", None),
    ("--tlscacert", None),
    ("--tlscert", None),
    ("--tlskey", None),
    ("--tlsverify", None),
    ("--tmpdir", None),
    ("--transient-store", None),
    ("--url", None),
    ("--volumepath", None),
];

/// Commands, also beneath a noun.
const COMMANDS: &[&str] = &[
    "artifact",
    "auto-update",
    "checkpoint",
    "compose",
    "config",
    "container checkpoint",
    "container cleanup",
    "container clone",
    "container restore",
    "container runlabel",
    "context",
    "farm",
    "image sign",
    "image tree",
    "image trust",
    "kube",
    "machine",
    "network update",
    "node",
    "plugin",
    "pod",
    "quadlet",
    "service",
    "stack",
    "swarm",
    "system connection",
    "system migrate",
    "system renumber",
    "system reset",
    "system service",
    "trust",
    "volume mount",
    "volume reload",
    "volume unmount",
    "volume update",
];

/// Looks a flag up among those that `verb` (its short name) lacks; `flag` is `--long` or `-s`.
pub fn of_verb(verb: &str, flag: &str) -> Option<Known> {
    if matches!(verb, "run" | "create") {
        let (long, _, kind) = CREATE.iter().find(|(long, short, _)| is_flag(flag, long, *short))?;
        return Some(Known { long, kind: *kind });
    }
    let (_, flags) = OTHERS.iter().find(|(name, _)| *name == verb)?;
    let (long, _) = flags.iter().find(|(long, short)| is_flag(flag, long, *short))?;
    Some(Known { long, kind: Kind::Missing })
}

/// Looks an option before the verb up.
pub fn global(flag: &str) -> Option<Known> {
    let (long, _) = GLOBAL.iter().find(|(long, short)| is_flag(flag, long, *short))?;
    Some(Known { long, kind: Kind::Missing })
}

/// Whether a command, `build` or `container cp`, is known and missing.
pub fn is_command(path: &str) -> bool {
    COMMANDS.contains(&path)
}

fn is_flag(flag: &str, long: &str, short: Option<char>) -> bool {
    match flag.starts_with("--") {
        true => flag == long,
        // `-m1g` and `-m=1g` name `-m`.
        false => short.is_some() && flag.chars().nth(1) == short,
    }
}

/// The error for a flag that is known to the command `path`.
pub fn refuse(known: &Known, path: &str) -> anyhow::Error {
    let long = known.long;
    let error = match known.kind {
        Kind::Missing => anyhow!("{long} is not supported yet"),
        Kind::Windows => anyhow!("{long} is for Windows containers only"),
        Kind::Limit => refuse_limit(long),
        Kind::Version1 => anyhow!(
            "{long} needs control groups version 1, which an ordinary user cannot be given: version 2 has no such limit"
        ),
        Kind::Driver => {
            // What docker says on a host without one.
            let error = anyhow!("could not select device driver \"\" with capabilities: [[gpu]]");
            Hinted::new(error, "give the host's devices by their paths: --device /dev/dri").into()
        }
        Kind::Daemon => anyhow!("{long} has nothing to mount: there is no daemon, so there is no API socket"),
    };
    // The flag is what is wrong, whichever the command.
    UsageError { text: report::lines(&error, path).join("\n"), code: BAD_FLAG }.into()
}

/// A limit is refused for want of the host's control groups first: that is what the user can mend.
fn refuse_limit(long: &str) -> anyhow::Error {
    match limits::refuse_host(long) {
        Ok(()) => anyhow!("{long} is not supported yet"),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_called_missing() {
        for verb in crate::cli::verbs::VERBS {
            assert_eq!(verb.paths.iter().find(|path| is_command(path)), None);
        }
    }

    #[test]
    fn flags_are_found_by_both_names() {
        for (verb, flag, long) in [
            ("run", "--pod", "--pod"),
            ("create", "--kernel-memory", "--kernel-memory"),
            ("ps", "-p", "--pod"),
        ] {
            assert_eq!(of_verb(verb, flag).unwrap().long, long);
        }
        for (verb, flag) in [("run", "--foo"), ("run", "-M"), ("ps", "--memory"), ("tag", "-a")] {
            assert_eq!(of_verb(verb, flag), None, "{verb} {flag}");
        }
    }

    #[test]
    fn a_missing_flag_is_named() {
        let error = refuse(&of_verb("run", "--pod").unwrap(), "run");
        let usage = error.downcast_ref::<UsageError>().unwrap();
        assert_eq!(usage.code, 125);
        assert!(usage.text.starts_with("coracle: --pod is not supported yet\n"));
        let error = refuse(&of_verb("ps", "--sync").unwrap(), "ps");
        assert_eq!(error.to_string(), "Error: --sync is not supported yet");
        for (flag, want) in [
            ("--gpus", "coracle: could not select device driver \"\" with capabilities: [[gpu]]\n"),
            ("--use-api-socket", "coracle: --use-api-socket has nothing to mount: there is no daemon,"),
        ] {
            let text = refuse(&of_verb("run", flag).unwrap(), "run").to_string();
            assert!(text.starts_with(want), "{text}");
        }
        let text = refuse(&of_verb("run", "--oom-kill-disable").unwrap(), "run").to_string();
        assert!(text.starts_with("coracle: --oom-kill-disable needs control groups version 1, "), "{text}");
    }
}
