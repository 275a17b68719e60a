//! Flags of `create` and `run` that podman has beside docker's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::platform::PlatformParts;
use crate::config::env;
use crate::store::options::{EnvironmentRules, HostsFile, ImageVolumes, Notify, Systemd};

/// Where a host keeps its time zones.
const ZONES: &str = "/usr/share/zoneinfo";

/// What programs look for to find a proxy.
const PROXY_VARIABLES: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];

/// Flags beside docker's.
#[derive(clap::Args)]
pub struct PodmanFlags {
    #[command(flatten)]
    platform: PlatformParts,
    /// Show a directory that is a root of its own the same hosts, hostname and resolv.conf, in its etc
    #[arg(long, value_name = "directory", value_delimiter = ',', value_parser = super::mounts::target_path)]
    pub chrootdirs: Vec<String>,
    /// Write the id of the supervisor's process to a file
    #[arg(long, value_name = "file")]
    conmon_pidfile: Option<PathBuf>,
    /// Pass all our variables on
    #[arg(long)]
    env_host: bool,
    /// Set a variable by what the image has: PATH=${PATH}:/more
    #[arg(long, value_name = "name=value", value_parser = super::variables::variable)]
    env_merge: Vec<String>,
    /// Begin /etc/hosts with this file's lines; 'none' begins with nothing
    #[arg(long, value_name = "file")]
    hosts_file: Option<String>,
    /// Pass our proxy variables on
    #[arg(long)]
    http_proxy: bool,
    /// What becomes of the volumes that the image declares: anonymous, tmpfs or ignore
    #[arg(long, value_name = "mode", value_parser = image_volume)]
    pub image_volume: Option<ImageVolumes>,
    /// With --init, take this program of the host as the init
    #[arg(long, value_name = "file")]
    init_path: Option<PathBuf>,
    /// Leave /etc/hostname as the image has it
    #[arg(long)]
    no_hostname: bool,
    /// Leave /etc/hosts as the image has it
    #[arg(long)]
    no_hosts: bool,
    /// Write the id of the container's first process to a file
    #[arg(long, value_name = "file")]
    pidfile: Option<PathBuf>,
    /// With --read-only, keep /run, /tmp and /var/tmp writable in memory
    #[arg(long)]
    read_only_tmpfs: bool,
    /// Remove a container that has the name
    #[arg(long)]
    pub replace: bool,
    /// Start another container before this one whenever it is started
    #[arg(long, value_name = "container", value_delimiter = ',')]
    pub requires: Vec<String>,
    /// Who tells systemd, which has started this command, that the container is ready: container (its program, by
    /// NOTIFY_SOCKET), conmon (once the program runs), healthy (once a health check succeeds) or ignore
    #[arg(long, value_name = "mode", value_parser = notify, default_value = "container")]
    pub(super) sdnotify: Notify,
    /// Give systemd, as the first process, what it needs: true (if the program is called so, or init), always or false
    #[arg(long, value_name = "mode", value_parser = systemd, default_value = "true")]
    pub(super) systemd: Systemd,
    /// The time zone: a name such as Europe/Vienna, or 'local' for the host's
    #[arg(long, value_name = "zone")]
    pub(super) tz: Option<String>,
    /// The file mode creation mask of the container's processes, in octal
    #[arg(long, value_name = "mask")]
    pub(super) umask: Option<String>,
    /// Take a variable of the image away
    #[arg(long, value_name = "name")]
    unsetenv: Vec<String>,
    /// Take every variable of the image away
    #[arg(long)]
    unsetenv_all: bool,
}

/// Reads `--image-volume`; `bind` is podman's older word for anonymous volumes.
fn image_volume(text: &str) -> Result<ImageVolumes, String> {
    match text {
        "anonymous" | "bind" => Ok(ImageVolumes::Anonymous),
        "tmpfs" => Ok(ImageVolumes::Tmpfs),
        "ignore" => Ok(ImageVolumes::Ignore),
        _ => Err("must be one of anonymous, tmpfs or ignore".to_owned()),
    }
}

/// Reads `--sdnotify`; podman's message.
fn notify(text: &str) -> Result<Notify, String> {
    let all = [Notify::Container, Notify::Conmon, Notify::Healthy, Notify::Ignore];
    all.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
        format!(
            "invalid sdnotify value {text:?}: must be \"container\", \"conmon\", \"healthy\" or \"ignore\""
        )
    })
}

/// Reads `--systemd`.
fn systemd(text: &str) -> Result<Systemd, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(Systemd::ByName),
        "always" => Ok(Systemd::Always),
        "false" => Ok(Systemd::Never),
        _ => Err("must be true, false or always".to_owned()),
    }
}

impl PodmanFlags {
    /// Refuses what no other method looks at.
    pub fn check(&self, name: Option<&str>) -> Result<()> {
        if self.replace && name.is_none() {
            bail!("cannot replace container without --name being set");
        }
        Ok(())
    }

    /// `--os`, `--arch` and `--variant` as a platform.
    pub fn platform(&self) -> Option<String> {
        self.platform.joined()
    }

    /// Variables that come before those of `--env-file` and `--env`.
    pub fn variables(&self) -> Vec<String> {
        let host = if self.env_host { env::all() } else { Vec::new() };
        let proxies = if self.http_proxy { PROXY_VARIABLES.as_slice() } else { &[] };
        let cases = proxies.iter().flat_map(|name| [(*name).to_owned(), name.to_uppercase()]);
        let proxies = cases.filter_map(|name| Some(format!("{name}={}", env::passed_on(&name)?)));
        proxies.chain(host).collect()
    }

    pub fn environment_rules(&self) -> EnvironmentRules {
        EnvironmentRules {
            unset: self.unsetenv.clone(),
            unset_all: self.unsetenv_all,
            merge: self.env_merge.clone(),
        }
    }

    /// The host's file of the time zone.
    pub fn timezone(&self) -> Result<Option<PathBuf>> {
        let Some(zone) = self.tz.as_deref().filter(|zone| !zone.is_empty()) else { return Ok(None) };
        let named = match zone {
            "local" => PathBuf::from("/etc/localtime"),
            zone => Path::new(ZONES).join(zone),
        };
        let file = named.canonicalize().ok().filter(|file| file.is_file());
        let is_inside = |file: &Path| zone == "local" || file.starts_with(ZONES);
        match file.filter(|file| is_inside(file)) {
            Some(file) => Ok(Some(file)),
            None => bail!("finding timezone: unknown time zone {zone}"),
        }
    }

    pub fn umask(&self) -> Result<Option<u32>> {
        let Some(text) = &self.umask else { return Ok(None) };
        match u32::from_str_radix(text, 8) {
            Ok(mask) if mask <= 0o777 && text.len() <= 4 => Ok(Some(mask)),
            _ => bail!("invalid umask {text}: must be up to four octal digits"),
        }
    }

    /// What `/etc/hosts` begins with.
    pub fn hosts_file(&self) -> Result<Option<HostsFile>> {
        Ok(match self.hosts_file.as_deref() {
            None | Some("") => None,
            Some("none") => Some(HostsFile::Empty),
            Some("image") => bail!("--hosts-file image is not supported yet"),
            Some(path) if path.starts_with('/') => Some(HostsFile::File(path.into())),
            Some(path) => bail!("--hosts-file {path}: must be an absolute path, or 'none'"),
        })
    }

    /// The program of `--init-path`, which must be there.
    pub fn init_path(&self, init: bool) -> Result<Option<PathBuf>> {
        let Some(path) = &self.init_path else { return Ok(None) };
        if !init {
            bail!("--init-path needs --init");
        }
        let found =
            path.canonicalize().with_context(|| format!("container-init binary {}", path.display()))?;
        Ok(Some(found))
    }

    /// Which of the files in `/etc` stay the image's.
    pub fn image_files(&self, added_hosts: bool) -> Result<Vec<String>> {
        if self.no_hosts && self.hosts_file.is_some() {
            bail!("--no-hosts and --hosts-file cannot be set together");
        }
        if self.no_hosts && added_hosts {
            bail!("--no-hosts and --add-host cannot be set together");
        }
        let files = [(self.no_hosts, "hosts"), (self.no_hostname, "hostname")];
        Ok(files.iter().filter(|(kept, _)| *kept).map(|(_, name)| (*name).to_owned()).collect())
    }

    /// The places that `--read-only-tmpfs` keeps writable.
    pub fn writable_places(&self, read_only: bool) -> &'static [&'static str] {
        if self.read_only_tmpfs && read_only { &["/run", "/tmp", "/var/tmp"] } else { &[] }
    }

    /// The files for the container's process id and the supervisor's, absolute.
    pub fn pidfiles(&self) -> Result<[Option<PathBuf>; 2]> {
        let absolute = |path: &Option<PathBuf>| {
            let path = path.as_ref().map(std::path::absolute).transpose();
            path.context("find the directory of the pid file")
        };
        Ok([absolute(&self.pidfile)?, absolute(&self.conmon_pidfile)?])
    }
}
