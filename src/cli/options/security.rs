//! `--cap-add`, `--cap-drop` and `--security-opt`.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::file;
use crate::store::options::{Seccomp, SecurityOptions};

/// Linux' capabilities (capabilities(7), 6.x), without `CAP_`.
const CAPABILITIES: &[&str] = &[
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// A profile is some 20 kB; one beyond this is a mistake.
const PROFILE_LIMIT: u64 = 1 << 20;

/// Checks the values of `--cap-add` or `--cap-drop` (`flag` is docker's word for the list) and takes
/// `CAP_` off them; a comma separates several, as podman has it.
pub fn capabilities(values: &[String], flag: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for value in values.iter().flat_map(|value| value.split(',')) {
        let upper = value.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if name != "ALL" && !CAPABILITIES.contains(&name) {
            bail!("invalid {flag}: unknown capability: \"CAP_{name}\"");
        }
        if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Takes the values of `--security-opt` apart, and reads the profile that one may name.
pub fn options(values: &[String]) -> Result<SecurityOptions> {
    let mut options = SecurityOptions { raw: values.to_vec(), ..SecurityOptions::default() };
    for value in values {
        set(&mut options, value)?;
    }
    Ok(options)
}

fn set(options: &mut SecurityOptions, text: &str) -> Result<()> {
    // Docker's older form had a colon.
    let (key, value) = text.split_once('=').or_else(|| text.split_once(':')).unwrap_or((text, ""));
    match (key, value) {
        ("no-new-privileges", "" | "true") => options.no_new_privileges = true,
        ("no-new-privileges", "false") => options.no_new_privileges = false,
        ("seccomp", value) if !value.is_empty() => options.seccomp = seccomp(value)?,
        ("apparmor", value) if !value.is_empty() => options.apparmor = Some(value.to_owned()),
        ("systempaths", "unconfined") | ("unmask", "ALL" | "all") => options.unmask_all = true,
        ("mask", value) if !value.is_empty() => options.mask.extend(value.split(':').map(str::to_owned)),
        ("unmask", value) if !value.is_empty() => options.unmask.extend(value.split(':').map(str::to_owned)),
        // Nothing is ever labelled, so there is nothing to switch off.
        ("label", "disable") => {}
        ("label" | "proc-opts" | "writable-cgroups" | "credentialspec", _) => {
            bail!("--security-opt {text} is not supported yet")
        }
        _ => bail!("Invalid --security-opt: \"{text}\""),
    }
    Ok(())
}

fn seccomp(value: &str) -> Result<Seccomp> {
    Ok(match value {
        "builtin" => Seccomp::Default,
        "unconfined" => Seccomp::Unconfined,
        path => {
            let attempt = || format!("opening seccomp profile ({path}) failed");
            let content = file::read_bounded(Path::new(path), PROFILE_LIMIT).with_context(attempt)?;
            let text = String::from_utf8(content).with_context(attempt)?;
            serde_json::from_str::<serde::de::IgnoredAny>(&text)
                .with_context(|| format!("compacting json for seccomp profile ({path}) failed"))?;
            Seccomp::Profile(text)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn capability_names() {
        let names = capabilities(&texts(&["net_admin", "CAP_CHOWN", "all", "chown,kill"]), "CapAdd").unwrap();
        assert_eq!(names, ["NET_ADMIN", "CHOWN", "ALL", "KILL"]);
        let error = capabilities(&texts(&["foo"]), "CapDrop").unwrap_err().to_string();
        assert_eq!(error, "invalid CapDrop: unknown capability: \"CAP_FOO\"");
    }

    #[test]
    fn security_options() {
        let values = texts(&[
            "no-new-privileges",
            "seccomp=unconfined",
            "apparmor:unconfined",
            "label=disable",
            "mask=/a:/b",
            "unmask=/c",
        ]);
        let got = options(&values).unwrap();
        let want = SecurityOptions {
            no_new_privileges: true,
            seccomp: Seccomp::Unconfined,
            apparmor: Some("unconfined".to_owned()),
            unmask_all: false,
            mask: texts(&["/a", "/b"]),
            unmask: texts(&["/c"]),
            raw: values,
        };
        assert_eq!(got, want);
        assert!(options(&texts(&["systempaths=unconfined"])).unwrap().unmask_all);
    }

    #[test]
    fn refused_options() {
        for (text, want) in [
            ("x", "Invalid --security-opt: \"x\""),
            ("no-new-privileges=maybe", "Invalid --security-opt: \"no-new-privileges=maybe\""),
            ("seccomp=", "Invalid --security-opt: \"seccomp=\""),
            ("label=type:foo", "--security-opt label=type:foo is not supported yet"),
            (
                "seccomp=/none",
                "opening seccomp profile (/none) failed: open /none: No such file or directory (os error 2)",
            ),
            ("systempaths=foo", "Invalid --security-opt: \"systempaths=foo\""),
        ] {
            assert_eq!(format!("{:#}", options(&texts(&[text])).unwrap_err()), want);
        }
    }
}
