//! What the flags of `run` and `create` become: the options of a container, and what cannot be asked for together.

use anyhow::{Result, anyhow, bail};

use super::{
    CreateFlags, KEEP_GROUPS, PullPolicy, logging, mounts, network, ports, restart, security, userns,
    variables,
};
use crate::base::signal;
use crate::config::docker::Settings;
use crate::config::env;
use crate::oci::platform::Platform;
use crate::store::options::{
    Attached, ContainerOptions, LogDriver, MountOption, NetworkMode, RestartPolicy, Ulimit,
};
use crate::store::resources::ResourceOptions;

impl CreateFlags {
    /// Whether standard input is kept open, and whether there is a terminal.
    pub fn terminal(&self) -> (bool, bool) {
        (self.interactive, self.tty)
    }

    /// The name that is to be free: `--replace`.
    pub fn replaced(&self) -> Option<String> {
        self.name.clone().filter(|_| self.podman.replace)
    }

    /// `--detach-keys`, as written.
    pub fn detach_keys(&self) -> Option<&str> {
        self.detach_keys.as_deref()
    }

    /// Whether the container takes our own streams over.
    pub fn passes_streams(&self) -> bool {
        self.log_driver == Some(LogDriver::Passthrough)
    }

    /// The value of `--pull`.
    pub fn pull_policy(&self) -> Result<PullPolicy> {
        PullPolicy::parse(&self.pull)
    }

    /// Checks the flags against each other and resolves what they name; `operands` are the image, or the
    /// directory of `--rootfs`, and the command.
    pub fn into_options(self, operands: Vec<String>) -> Result<ContainerOptions> {
        let mut operands = operands.into_iter();
        let image = operands.next().unwrap_or_default();
        self.check()?;
        let mounts = self.mounts()?;
        let env = self.environment()?;
        let network = self.network()?;
        let oom_score_adj = self.oom_score_adj.map(oom_score).transpose()?;
        self.check_platform()?;
        let stop_signal = self.stop_signal;
        if let Some(name) = &stop_signal {
            signal::parse(name)?;
        }
        let workdir = self.workdir.filter(|path| !path.is_empty());
        if let Some(path) = workdir.as_ref().filter(|path| !path.starts_with('/')) {
            bail!("the working directory '{path}' is invalid, it needs to be an absolute path");
        }
        let restart = restart::policy(self.restart.as_deref().unwrap_or_default())?;
        if self.remove_at_end && restart != RestartPolicy::No {
            bail!("conflicting options: cannot specify both --restart and --rm");
        }
        let image_files = self.podman.image_files(!self.add_host.is_empty())?;
        let [pidfile, supervisor_pidfile] = self.podman.pidfiles()?;
        let publish = each(&self.publish, ports::publish)?;
        let (image, rootfs) = if self.rootfs { (String::new(), Some(image.into())) } else { (image, None) };
        if self.group_add.len() > 1 && self.group_add.iter().any(|group| group == KEEP_GROUPS) {
            bail!("the '--group-add keep-groups' option is not allowed with any other --group-add options");
        }
        let userns = match self.userns {
            Some(userns) => Some(userns),
            None => env::value("PODMAN_USERNS")
                .map(|text| userns::mode(&text))
                .transpose()
                .map_err(anyhow::Error::msg)?,
        };
        let maps = match userns::of_names(self.subuidname.as_deref(), self.subgidname.as_deref())? {
            Some(_) if !self.uidmap.is_empty() || !self.gidmap.is_empty() => {
                bail!("conflicting options: --subuidname or --subgidname, and --uidmap or --gidmap")
            }
            Some(maps) => maps,
            None => (self.uidmap, self.gidmap),
        };
        let mut resources = ResourceOptions::default();
        self.limits.apply(&mut resources)?;
        self.groups.apply(&mut resources)?;
        resources.manager = self.manager;
        let userns_options = userns::options(userns, maps.0, maps.1).map_err(anyhow::Error::msg)?;
        Ok(ContainerOptions {
            image,
            rootfs,
            command: operands.collect(),
            entrypoint: self
                .entrypoint
                .map(|program| if program.is_empty() { vec![] } else { vec![program] }),
            env,
            hostname: self.hostname.filter(|name| !name.is_empty()),
            domainname: self.domainname.filter(|name| !name.is_empty()),
            user: self.user.filter(|user| !user.is_empty()),
            group_add: self.group_add,
            workdir,
            tty: self.tty,
            stdin_open: self.interactive,
            auto_remove: self.remove_at_end,
            restart,
            health: self.health.options(self.remove_at_end)?,
            timeout: self.timeout.unwrap_or(0),
            init: self.init,
            read_only: self.read_only,
            privileged: self.privileged,
            cap_add: security::capabilities(&self.cap_add, "CapAdd")?,
            cap_drop: security::capabilities(&self.cap_drop, "CapDrop")?,
            security: security::options(&self.security_opt)?,
            mounts,
            volumes_from: self.volumes_from,
            volume_driver: self.volume_driver,
            network,
            dns: self.dns,
            dns_search: self.dns_search,
            dns_options: self.dns_option,
            extra_hosts: self.add_host,
            publish,
            expose: each(&self.expose, ports::expose)?,
            labels: variables::labels(&self.label_file, &self.label)?,
            annotations: self.annotation.into_iter().collect(),
            stop_signal,
            stop_timeout: self.stop_timeout,
            sysctls: self.sysctl.into_iter().collect(),
            ulimits: last_of_each(self.ulimit),
            shm_size: self.shm_size.filter(|size| *size > 0),
            oom_score_adj,
            devices: self.device,
            platform: self.platform.filter(|platform| !platform.is_empty()).or(self.podman.platform()),
            cidfile: self.cidfile,
            detach_keys: self.detach_keys,
            namespaces: self.namespaces.modes(),
            environment_rules: self.podman.environment_rules(),
            publish_all: self.publish_all,
            mac_address: self.mac_address,
            timezone: self.podman.timezone()?,
            umask: self.podman.umask()?,
            image_files,
            pidfile,
            supervisor_pidfile,
            log: logging::options(self.log_driver, &self.log_opt)?,
            userns: userns_options,
            accounts: self.accounts.options(),
            // What `create` says of itself, and `run` without -d or -a.
            attached: Attached { stdin: self.interactive, ..Attached::default() },
            secrets: self.secret,
            hosts_file: self.podman.hosts_file()?,
            image_volumes: self.podman.image_volume.unwrap_or_default(),
            init_path: self.podman.init_path(self.init)?,
            chroot_dirs: self.podman.chrootdirs,
            resources,
            links: self.link,
            requires: self.podman.requires,
            notify: self.podman.sdnotify,
            systemd: self.podman.systemd,
        })
    }

    /// `-v`, `--mount` and `--tmpfs` together; no two at the same place.
    fn mounts(&self) -> Result<Vec<MountOption>> {
        let base = std::env::current_dir().unwrap_or_default();
        let mut mounts = Vec::new();
        for text in &self.volume {
            mounts.push(mounts::volume(text, &base).map_err(anyhow::Error::msg)?);
        }
        mounts.extend(self.mount.iter().flat_map(|mounts| mounts.0.iter().cloned()));
        for text in &self.tmpfs {
            mounts.push(mounts::tmpfs(text).map_err(anyhow::Error::msg)?);
        }
        for place in self.podman.writable_places(self.read_only) {
            if mounts.iter().all(|mount| mount.target != *place) {
                mounts.push(mounts::tmpfs(place).map_err(anyhow::Error::msg)?);
            }
        }
        for (index, mount) in mounts.iter().enumerate() {
            if mounts[..index].iter().any(|other| other.target == mount.target) {
                bail!("Duplicate mount point: {}", mount.target);
            }
        }
        Ok(mounts)
    }

    /// The network, and what cannot be asked of it.
    fn network(&self) -> Result<NetworkMode> {
        let mac = self.mac_address.as_deref();
        let wishes = network::Wishes { aliases: &self.network_alias, ip: self.ip, ip6: self.ip6, mac };
        let mode = network::modes(&self.network, &wishes).map_err(anyhow::Error::msg)?;
        if !self.link.is_empty() && !matches!(mode, NetworkMode::Bridge { .. } | NetworkMode::Default) {
            bail!("conflicting options: links and the network mode");
        }
        if matches!(mode, NetworkMode::Container { .. }) {
            let conflicts = [
                (self.hostname.is_some(), "hostname and the network mode"),
                (!self.dns.is_empty(), "dns and the network mode"),
                (!self.add_host.is_empty(), "custom host-to-IP mapping and the network mode"),
                (!self.publish.is_empty(), "port publishing and the container type network mode"),
                (!self.expose.is_empty(), "port exposing and the container type network mode"),
            ];
            if let Some((_, what)) = conflicts.iter().find(|(conflict, _)| *conflict) {
                bail!("conflicting options: {what}");
            }
        }
        Ok(mode)
    }

    /// Refuses what is asked of engines that have several runtimes, kinds of isolation, drivers.
    fn check(&self) -> Result<()> {
        self.podman.check(self.name.as_deref())?;
        if !self.disable_content_trust {
            bail!("--disable-content-trust=false is not supported yet: no signature is checked");
        }
        match self.isolation.as_deref() {
            None | Some("" | "default") => {}
            Some(other) => bail!("invalid isolation '{other}' on linux"),
        }
        match self.runtime.as_deref() {
            None | Some("" | "coracle") => {}
            Some(other) => bail!("unknown or invalid runtime name: {other}"),
        }
        match self.volume_driver.as_deref() {
            None | Some("" | "local") => {}
            Some(other) => bail!("error looking up volume plugin {other}: plugin \"{other}\" not found"),
        }
        if !self.storage_opt.is_empty() {
            bail!("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
        }
        Ok(())
    }

    /// What docker's settings say about proxies, what is passed on, the files, the flags: the last of a name
    /// counts.
    fn environment(&self) -> Result<Vec<String>> {
        let mut before = Settings::read()?.proxy_variables();
        before.extend(self.podman.variables());
        variables::environment(&before, &self.env_file, &self.env, env::passed_on)
    }

    fn check_platform(&self) -> Result<()> {
        if let Some(text) = self.platform.as_ref().filter(|text| !text.is_empty()) {
            text.parse::<Platform>().map_err(|error| anyhow!("error parsing specified platform: {error}"))?;
        }
        Ok(())
    }
}

/// The values of a flag that may stand for several things each.
fn each<T>(texts: &[String], parse: fn(&str) -> Result<Vec<T>, String>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for text in texts {
        all.extend(parse(text).map_err(anyhow::Error::msg)?);
    }
    Ok(all)
}

/// Reads a number of seconds as Go's `strconv.ParseUint` does, with its message.
pub fn seconds(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("strconv.ParseUint: parsing \"{text}\": invalid syntax"))
}

/// Checks `--volumes-from`, which is kept as written.
pub fn volumes_from(text: &str) -> Result<String, String> {
    mounts::volumes_from(text).map(|_| text.to_owned())
}

pub fn oom_score(score: i64) -> Result<i32> {
    let in_range = i32::try_from(score).ok().filter(|score| (-1000..=1000).contains(score));
    in_range.ok_or_else(|| anyhow!("Invalid value {score}, range for oom score adj is [-1000, 1000]"))
}

/// Of two limits of one name the last one counts; they are kept by name.
pub fn last_of_each(ulimits: Vec<Ulimit>) -> Vec<Ulimit> {
    let by_name: std::collections::BTreeMap<_, _> =
        ulimits.into_iter().map(|ulimit| (ulimit.name.clone(), ulimit)).collect();
    by_name.into_values().collect()
}
