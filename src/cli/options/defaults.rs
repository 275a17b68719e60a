//! What `coracle.toml` says, in the place of flags that were not given.

use std::fmt::Display;

use anyhow::{Context, Result, anyhow};

use super::convert::oom_score;
use super::{CreateFlags, limits, logging, namespaces, network, resources, userns, variables};
use crate::config::env;
use crate::config::settings::{Containers, Settings};
use crate::store::options::NamespaceMode;

/// What the name of another container follows, in every mode that has one.
const OF_CONTAINER: &str = "container:";

impl CreateFlags {
    /// Fills in the defaults of the user and of the host.
    pub fn with_defaults(mut self) -> Result<Self> {
        for settings in Settings::read()? {
            let file = settings.file.clone();
            self.fill(settings).with_context(|| format!("use {}", file.display()))?;
        }
        Ok(self)
    }

    /// Takes what neither a flag nor a file that counts more has said. Where several are possible, those that were
    /// there come last, and so count.
    fn fill(&mut self, Settings { containers, engine, .. }: Settings) -> Result<()> {
        self.fill_namespaces(&containers)?;
        // Who shares a network has its resolver too.
        if !self.shares_network() {
            fill_list(&mut self.dns, "dns_servers", &containers.dns_servers, network::address)?;
            fill_list(
                &mut self.dns_search,
                "dns_searches",
                &containers.dns_searches,
                network::search_domain,
            )?;
            fill_list(&mut self.dns_option, "dns_options", &containers.dns_options, as_it_is)?;
        }
        // Options are of one driver.
        if self.log_driver.is_none() && self.log_opt.is_empty() {
            logging::options(None, &containers.log_opts).context("log_opts")?;
            fill(&mut self.log_driver, "log_driver", containers.log_driver.as_deref(), logging::driver)?;
            self.log_opt.clone_from(&containers.log_opts);
        }
        prepend(&mut self.annotation, "annotations", &containers.annotations, variables::annotation)?;
        prepend(&mut self.env, "env", &containers.env, variables::variable)?;
        prepend(&mut self.ulimit, "default_ulimits", &containers.default_ulimits, resources::ulimit)?;
        fill(&mut self.shm_size, "shm_size", containers.shm_size.as_deref(), resources::bytes)?;
        fill(&mut self.podman.tz, "tz", containers.tz.as_deref(), as_it_is)?;
        self.podman.timezone().context("tz")?;
        fill(&mut self.podman.umask, "umask", containers.umask.as_deref(), as_it_is)?;
        self.podman.umask().context("umask")?;
        if let Some(score) = containers.oom_score_adj {
            oom_score(score).context("oom_score_adj")?;
            self.oom_score_adj.get_or_insert(score);
        }
        prepend(&mut self.groups.cgroup_conf, "cgroup_conf", &containers.cgroup_conf, limits::file)?;
        fill(&mut self.groups.cgroups, "cgroups", containers.cgroups.as_deref(), |text| {
            limits::groups(text).map(|_| text.to_owned())
        })?;
        self.limits.pids_limit = self.limits.pids_limit.or(containers.pids_limit);
        fill(&mut self.manager, "cgroup_manager", engine.cgroup_manager.as_deref(), str::parse)?;
        self.stop_timeout = self.stop_timeout.or(engine.stop_timeout);
        self.detach_keys = self.detach_keys.take().or(engine.detach_keys);
        Ok(())
    }

    fn shares_network(&self) -> bool {
        self.network.iter().any(|network| network.starts_with(OF_CONTAINER))
    }

    fn fill_namespaces(&mut self, containers: &Containers) -> Result<()> {
        let modes = &mut self.namespaces;
        fill_list(&mut self.network, "netns", containers.netns.as_slice(), |text| {
            network::mode(text).map(|_| text.to_owned())
        })?;
        fill(&mut modes.cgroupns, "cgroupns", containers.cgroupns.as_deref(), namespaces::cgroupns)?;
        fill(&mut modes.ipc, "ipcns", containers.ipcns.as_deref(), namespaces::ipc)?;
        fill(&mut modes.pid, "pidns", containers.pidns.as_deref(), namespaces::pid)?;
        fill(&mut modes.uts, "utsns", containers.utsns.as_deref(), namespaces::uts)?;
        let is_shared = |mode: &Option<NamespaceMode>| matches!(mode, Some(NamespaceMode::Container { .. }));
        let shares = [&modes.ipc, &modes.pid, &modes.uts].into_iter().any(is_shared) || self.shares_network();
        let names = [&self.subuidname, &self.subgidname];
        let has_maps =
            !self.uidmap.is_empty() || !self.gidmap.is_empty() || names.into_iter().any(Option::is_some);
        // Who shares a namespace has the ids of its owner, whatever is usual.
        if shares || has_maps || env::value("PODMAN_USERNS").is_some() {
            return Ok(());
        }
        fill(&mut self.userns, "userns", containers.userns.as_deref(), userns::mode)
    }
}

fn as_it_is(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// Parses a value as the flag does; one that is not needed must be right too.
fn fill<T, E: Display>(
    flag: &mut Option<T>,
    key: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    let value = parse(text).map_err(|error| anyhow!("{key}: {error}"))?;
    flag.get_or_insert(value);
    Ok(())
}

/// The same for a flag of which only one source counts.
fn fill_list<T>(
    flags: &mut Vec<T>,
    key: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<()> {
    let mut before = Vec::new();
    prepend(&mut before, key, texts, parse)?;
    if flags.is_empty() {
        *flags = before;
    }
    Ok(())
}

/// Puts values before those that are there.
fn prepend<T>(
    flags: &mut Vec<T>,
    key: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<()> {
    let values: Result<Vec<T>, String> = texts.iter().map(|text| parse(text)).collect();
    let values = values.map_err(|error| anyhow!("{key}: {error}"))?;
    flags.splice(0..0, values);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::flags;
    use super::*;
    use crate::config::settings::Engine;
    use crate::store::options::{ContainerOptions, LogDriver, NetworkMode};
    use crate::store::userns::UsernsMode;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    fn usual() -> Settings {
        let containers = Containers {
            env: texts(&["A=file", "B=file"]),
            default_ulimits: texts(&["nofile=1:2", "core=0"]),
            dns_servers: texts(&["192.0.2.1"]),
            log_driver: Some("k8s-file".to_owned()),
            log_opts: texts(&["max-size=1m"]),
            netns: Some("none".to_owned()),
            shm_size: Some("1m".to_owned()),
            umask: Some("0027".to_owned()),
            userns: Some("nomap".to_owned()),
            ..Containers::default()
        };
        let engine = Engine { stop_timeout: Some(3), detach_keys: Some("a".to_owned()), ..Engine::default() };
        Settings { containers, engine, ..Settings::default() }
    }

    fn filled(line: &str, settings: Settings) -> Result<ContainerOptions> {
        let mut flags = flags(line)?;
        flags.fill(settings)?;
        flags.into_options(texts(&["image"]))
    }

    #[test]
    fn a_default_is_like_its_flag() {
        let got = filled("", usual()).unwrap();
        let want = "-e A=file -e B=file --ulimit nofile=1:2 --ulimit core=0 --dns 192.0.2.1 --log-driver k8s-file \
            --log-opt max-size=1m --network none --shm-size 1m --umask 0027 --userns nomap --stop-timeout 3 \
            --detach-keys a";
        assert_eq!(got, filled(want, Settings::default()).unwrap());
    }

    #[test]
    fn a_flag_counts_more() {
        let line = "-e A=flag --ulimit nofile=5 --dns 192.0.2.9 --log-driver none --network host --shm-size 2m \
            --umask 0 --userns keep-id --stop-timeout 0 --detach-keys b";
        let got = filled(line, usual()).unwrap();
        assert_eq!(got.env, ["A=flag", "B=file"]);
        assert_eq!((got.ulimits[0].hard, got.ulimits[1].soft), (0, 5));
        assert_eq!(got.dns.len(), 1);
        assert_eq!((got.log.driver, got.log.options.len()), (LogDriver::None, 0));
        assert_eq!((got.network, got.shm_size, got.umask), (NetworkMode::Host, Some(2 << 20), Some(0)));
        assert_eq!(got.userns.raw, "keep-id");
        assert_eq!((got.stop_timeout, got.detach_keys.as_deref()), (Some(0), Some("b")));
    }

    #[test]
    fn a_default_gives_way_to_what_it_cannot_be_with() {
        for line in ["--uidmap 0:1:9", "--pid container:a", "--network container:a"] {
            assert_ne!(filled(line, usual()).unwrap().userns.mode, UsernsMode::NoMap, "{line}");
        }
        assert!(filled("--network container:a", usual()).unwrap().dns.is_empty());
    }

    #[test]
    fn a_wrong_value_is_wrong_although_a_flag_counts_more() {
        let containers = Containers { shm_size: Some("x".to_owned()), ..Containers::default() };
        let error = filled("--shm-size 1m", Settings { containers, ..Settings::default() }).unwrap_err();
        assert!(error.to_string().starts_with("shm_size: "), "{error}");
    }
}
