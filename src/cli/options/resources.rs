//! `--ulimit`, `--device`, `--sysctl` and sizes.

use crate::base::size;
use crate::store::options::{DeviceOption, Ulimit};

/// Limits of setrlimit(2), lower case without `RLIMIT_`.
const LIMITS: &[&str] = &[
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Reads `--ulimit NAME=SOFT[:HARD]`; -1 is unlimited.
pub fn ulimit(text: &str) -> Result<Ulimit, String> {
    let (name, limits) = text.split_once('=').ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
    if !LIMITS.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    if hard.contains(':') {
        return Err(format!(
            "too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"
        ));
    }
    let (soft, hard) = (limit(soft)?, limit(hard)?);
    if soft > hard {
        return Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

fn limit(text: &str) -> Result<u64, String> {
    match text {
        "-1" | "unlimited" => Ok(u64::MAX),
        _ => text.parse().map_err(|_| format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")),
    }
}

/// Reads `--device HOST[:CONTAINER][:rwm]`.
pub fn device(text: &str) -> Result<DeviceOption, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] if source.contains('=') => {
            return Err(format!("--device {source}: devices by a CDI name are not supported yet"));
        }
        [source] => (source, source, "rwm"),
        [source, second] if are_permissions(second) => (source, source, second),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => return Err(format!("bad format for path: {text}")),
    };
    if !are_permissions(permissions) {
        return Err(format!("bad mode specified: {permissions}"));
    }
    for path in [source, target] {
        if !path.starts_with('/') {
            return Err(format!("{path} is not an absolute path"));
        }
    }
    Ok(DeviceOption { source: source.into(), target: target.to_owned(), permissions: permissions.to_owned() })
}

fn are_permissions(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| b"rwm".contains(&byte))
}

/// Kernel settings that belong to a namespace (docker's list).
const SYSCTLS: &[&str] = &[
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Reads `--sysctl NAME=value`.
pub fn sysctl(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value))
            if SYSCTLS.contains(&name) || name.starts_with("net.") || name.starts_with("fs.mqueue.") =>
        {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(format!("sysctl '{text}' is not allowed")),
    }
}

/// Reads a size in bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    size::parse_binary(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulimits() {
        let limit = |name: &str, soft, hard| Ulimit { name: name.to_owned(), soft, hard };
        for (text, want) in [
            ("nofile=1024:2048", limit("nofile", 1024, 2048)),
            ("nofile=5", limit("nofile", 5, 5)),
            ("core=-1", limit("core", u64::MAX, u64::MAX)),
            ("core=0:-1", limit("core", 0, u64::MAX)),
        ] {
            assert_eq!(ulimit(text).unwrap(), want);
        }
        for (text, want) in [
            ("nofile", "invalid ulimit argument: nofile"),
            ("foo=1", "invalid ulimit type: foo"),
            ("nofile=a", "strconv.ParseInt: parsing \"a\": invalid syntax"),
            ("nofile=2:1", "ulimit soft limit must be less than or equal to hard limit: 2 > 1"),
            (
                "nofile=1:2:3",
                "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`",
            ),
        ] {
            assert_eq!(ulimit(text).unwrap_err(), want);
        }
    }

    #[test]
    fn devices() {
        for (text, source, target, permissions) in [
            ("/dev/fuse", "/dev/fuse", "/dev/fuse", "rwm"),
            ("/dev/null:/dev/x:r", "/dev/null", "/dev/x", "r"),
            ("/dev/null:rw", "/dev/null", "/dev/null", "rw"),
        ] {
            let want = DeviceOption {
                source: source.into(),
                target: target.into(),
                permissions: permissions.into(),
            };
            assert_eq!(device(text).unwrap(), want);
        }
        for (text, want) in [
            ("foo", "foo is not an absolute path"),
            ("a:b:c:d", "bad format for path: a:b:c:d"),
            ("/dev/a:/dev/b:x", "bad mode specified: x"),
            (
                "nvidia.com/gpu=all",
                "--device nvidia.com/gpu=all: devices by a CDI name are not supported yet",
            ),
        ] {
            assert_eq!(device(text).unwrap_err(), want);
        }
    }

    #[test]
    fn sysctls() {
        assert_eq!(sysctl("net.ipv4.ip_forward=1").unwrap(), ("net.ipv4.ip_forward".into(), "1".into()));
        for text in ["x", "kernel.hostname=a", "net.core"] {
            assert_eq!(sysctl(text).unwrap_err(), format!("sysctl '{text}' is not allowed"));
        }
    }
}
