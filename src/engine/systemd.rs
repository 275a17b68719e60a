//! `--systemd`: systemd as the first process of a container.
//!
//! What it expects of whoever starts it is written down at <https://systemd.io/CONTAINER_INTERFACE>; where that leaves
//! a choice, the one here is podman's.

use anyhow::{Result, bail};

use super::limits;
use crate::oci::image::ContainerConfig;
use crate::store::mounts::{Given, MountKind, MountOption};
use crate::store::options::{ContainerOptions, NamespaceMode, Systemd};

/// What systemd is called; and anything that ends in `/systemd`.
const NAMES: [&str; 3] = ["/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"];

/// What stops it in an orderly way: systemd(1).
const STOP: &str = "SIGRTMIN+3";

/// Filesystems in memory that it wants to find, with their options.
const MEMORY: [(&str, &[&str]); 4] = [
    ("/run", &["mode=755", "exec"]),
    ("/run/lock", &["mode=1777", "size=65536k"]),
    ("/tmp", &["mode=1777", "exec"]),
    ("/var/log/journal", &["mode=755"]),
];

/// Settles whether a container runs systemd, and adds what that needs and the user has not said otherwise.
pub fn settle(
    options: &mut ContainerOptions,
    image: &ContainerConfig,
    command: &[String],
    id: &str,
) -> Result<()> {
    match options.systemd {
        Systemd::Never => return Ok(()),
        Systemd::ByName if !is_named(command) || !suits(options) => return Ok(()),
        Systemd::ByName => options.systemd = Systemd::Always,
        Systemd::Always if options.init => bail!("conflicting options: --init and --systemd=always"),
        Systemd::Always => limits::check(options)?,
    }
    if options.stop_signal.is_none() && image.stop_signal.is_empty() {
        options.stop_signal = Some(STOP.to_owned());
    }
    for (target, more) in MEMORY {
        if options.mounts.iter().all(|mount| mount.target != target) {
            let options_of = more.iter().map(|&option| option.to_owned()).collect();
            let kind = MountKind::Tmpfs { options: options_of, copy_up: true };
            options.mounts.push(MountOption::new(kind, target).given_by(Given::Tmpfs));
        }
    }
    // Of the second it makes its machine id where the image has none.
    for (name, value) in [("container_uuid", &id[..32]), ("container", "coracle")] {
        if !options.env.iter().any(|entry| entry.split('=').next() == Some(name)) {
            options.env.insert(0, format!("{name}={value}"));
        }
    }
    Ok(())
}

fn is_named(command: &[String]) -> bool {
    let program = command.first().map_or("", String::as_str);
    NAMES.contains(&program) || program.rsplit('/').next() == Some("systemd")
}

/// Whether a program of the name could be the systemd that it seems to be: any other init runs as well without.
fn suits(options: &ContainerOptions) -> bool {
    let is_first = !options.init && options.namespaces.pid == NamespaceMode::Private;
    is_first && options.namespaces.cgroup.is_own() && limits::can_delegate(&options.resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn names() {
        for (program, want) in [
            ("/sbin/init", true),
            ("/usr/lib/systemd/systemd", true),
            ("systemd", true),
            ("/bin/init", false),
            ("/usr/bin/systemd-run", false),
            ("", false),
        ] {
            assert_eq!(is_named(&[program.to_owned()]), want, "{program}");
        }
    }

    #[test]
    fn what_the_user_has_said_stays() {
        let tmp = MountOption::new(MountKind::volume("v", false), "/tmp");
        let mut options = ContainerOptions {
            systemd: Systemd::ByName,
            env: vec!["container=mine".to_owned()],
            mounts: vec![tmp.clone()],
            ..ContainerOptions::default()
        };
        let words = ["/bin/sh".to_owned()];
        settle(&mut options, &ContainerConfig::default(), &words, ID).unwrap();
        assert_eq!((options.systemd, options.stop_signal.as_deref()), (Systemd::ByName, None));
        options.init = true;
        options.systemd = Systemd::Always;
        let error = settle(&mut options, &ContainerConfig::default(), &words, ID).unwrap_err().to_string();
        assert_eq!(error, "conflicting options: --init and --systemd=always");
        options.init = false;
        // Where there are no control groups it is refused by name.
        if let Err(error) = settle(&mut options, &ContainerConfig::default(), &words, ID) {
            assert!(error.to_string().starts_with("--systemd=always needs control groups"), "{error}");
            return;
        }
        assert_eq!(options.stop_signal.as_deref(), Some(STOP));
        assert_eq!(options.env, ["container_uuid=0123456789abcdef0123456789abcdef", "container=mine"]);
        let targets: Vec<_> = options.mounts.iter().map(|mount| mount.target.as_str()).collect();
        assert_eq!(targets, ["/tmp", "/run", "/run/lock", "/var/log/journal"]);
        assert_eq!(options.mounts[0], tmp);
    }
}
