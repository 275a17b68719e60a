//! `--pid`, `--ipc`, `--uts`, `--cgroupns`: what the container shares with the host or with another container.

use crate::store::options::{NamespaceMode, NamespaceModes};

#[derive(clap::Args)]
pub struct NamespaceFlags {
    /// The control groups that the container sees as its own: private or host
    #[arg(long, value_name = "mode", value_parser = cgroupns)]
    pub(super) cgroupns: Option<NamespaceMode>,
    /// Shared memory and message queues: private, shareable, none, host or container:NAME
    #[arg(long, value_name = "mode", value_parser = ipc)]
    pub(super) ipc: Option<NamespaceMode>,
    /// The processes that the container sees: private, host or container:NAME
    #[arg(long, value_name = "mode", value_parser = pid)]
    pub(super) pid: Option<NamespaceMode>,
    /// The host and domain name: private, host or container:NAME
    #[arg(long, value_name = "mode", value_parser = uts)]
    pub(super) uts: Option<NamespaceMode>,
}

impl NamespaceFlags {
    pub fn modes(&self) -> NamespaceModes {
        let mode = |mode: &Option<NamespaceMode>| mode.clone().unwrap_or_default();
        NamespaceModes {
            pid: mode(&self.pid),
            ipc: mode(&self.ipc),
            uts: mode(&self.uts),
            cgroup: mode(&self.cgroupns),
        }
    }
}

/// What every kind of namespace may be; the container of `container:X` is still as written.
fn common(text: &str) -> Option<NamespaceMode> {
    Some(match text {
        "" | "private" => NamespaceMode::Private,
        "host" => NamespaceMode::Host,
        text => match text.strip_prefix("container:").filter(|id| !id.is_empty()) {
            Some(id) => NamespaceMode::Container { id: id.to_owned() },
            None => return None,
        },
    })
}

pub(super) fn pid(text: &str) -> Result<NamespaceMode, String> {
    common(text).ok_or_else(|| "--pid: invalid PID mode".to_owned())
}

pub(super) fn uts(text: &str) -> Result<NamespaceMode, String> {
    common(text).ok_or_else(|| "--uts: invalid UTS mode".to_owned())
}

pub(super) fn ipc(text: &str) -> Result<NamespaceMode, String> {
    match text {
        "shareable" => Ok(NamespaceMode::Shareable),
        "none" => Ok(NamespaceMode::None),
        text => common(text).ok_or_else(|| format!("--ipc: invalid IPC mode: {text}")),
    }
}

pub(super) fn cgroupns(text: &str) -> Result<NamespaceMode, String> {
    let mode = common(text).filter(|mode| !matches!(mode, NamespaceMode::Container { .. }));
    mode.ok_or_else(|| "--cgroupns: invalid CGROUP mode".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        let web = NamespaceMode::Container { id: "web".to_owned() };
        for (read, text, want) in [
            (pid as fn(&str) -> _, "", NamespaceMode::Private),
            (pid, "host", NamespaceMode::Host),
            (pid, "container:web", web.clone()),
            (uts, "private", NamespaceMode::Private),
            (ipc, "shareable", NamespaceMode::Shareable),
            (ipc, "none", NamespaceMode::None),
            (ipc, "container:web", web),
            (cgroupns, "host", NamespaceMode::Host),
        ] {
            assert_eq!(read(text), Ok(want), "{text}");
        }
        for (read, text, want) in [
            (pid as fn(&str) -> Result<_, _>, "none", "--pid: invalid PID mode"),
            (pid, "container:", "--pid: invalid PID mode"),
            (uts, "x", "--uts: invalid UTS mode"),
            (ipc, "x", "--ipc: invalid IPC mode: x"),
            (cgroupns, "container:web", "--cgroupns: invalid CGROUP mode"),
        ] {
            assert_eq!(read(text), Err(want.to_owned()), "{text}");
        }
    }
}
