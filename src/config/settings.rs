//! `coracle.toml`: what a container is given where no flag says so.
//!
//! `/etc/coracle/coracle.toml` is the host's, `$XDG_CONFIG_HOME/coracle/coracle.toml` the user's, which goes first.
//! The keys are those of podman's `containers.conf` (containers.conf(5)), as far as they mean something here;
//! `log_opts` is docker's `log-opts`. Values are kept as written: who parses the flag parses them too.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{document, env};
use crate::base::file::read_bounded_if_there;
use crate::base::hint::HintExt;

const MAX_FILE: u64 = 1 << 20;

/// One file, and where it is.
#[derive(Debug, Default)]
pub struct Settings {
    pub file: PathBuf,
    pub containers: Containers,
    pub engine: Engine,
    pub network: Network,
}

/// What a file has in it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Document {
    containers: Containers,
    engine: Engine,
    network: Network,
}

/// `[containers]`: see [`KEYS`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Containers {
    pub annotations: Vec<String>,
    pub cgroup_conf: Vec<String>,
    pub cgroupns: Option<String>,
    pub cgroups: Option<String>,
    pub default_ulimits: Vec<String>,
    pub dns_options: Vec<String>,
    pub dns_searches: Vec<String>,
    pub dns_servers: Vec<String>,
    pub env: Vec<String>,
    pub ipcns: Option<String>,
    pub log_driver: Option<String>,
    pub log_opts: Vec<String>,
    pub netns: Option<String>,
    pub oom_score_adj: Option<i64>,
    pub pidns: Option<String>,
    pub pids_limit: Option<i64>,
    pub shm_size: Option<String>,
    pub tz: Option<String>,
    pub umask: Option<String>,
    pub userns: Option<String>,
    pub utsns: Option<String>,
}

/// `[engine]`: see [`KEYS`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    pub cgroup_manager: Option<String>,
    pub detach_keys: Option<String>,
    pub stop_timeout: Option<i64>,
}

/// `[network]`: see [`KEYS`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    pub default_subnet: Option<String>,
}

/// A key, for the manual.
pub struct Key {
    pub table: &'static str,
    pub name: &'static str,
    /// A value that it may have.
    pub example: &'static str,
    /// The flag that it stands for: of `run` and `create`, but for networks of `network create`.
    pub flag: &'static str,
}

const fn key(table: &'static str, name: &'static str, example: &'static str, flag: &'static str) -> Key {
    Key { table, name, example, flag }
}

/// Every key that there is.
pub const KEYS: &[Key] = &[
    key("containers", "annotations", r#"["team=web"]"#, "--annotation"),
    key("containers", "cgroup_conf", r#"["memory.high=1073741824"]"#, "--cgroup-conf"),
    key("containers", "cgroupns", r#""host""#, "--cgroupns"),
    key("containers", "cgroups", r#""enabled""#, "--cgroups"),
    key("containers", "default_ulimits", r#"["nofile=1024:2048"]"#, "--ulimit"),
    key("containers", "dns_options", r#"["ndots:1"]"#, "--dns-option"),
    key("containers", "dns_searches", r#"["example.org"]"#, "--dns-search"),
    key("containers", "dns_servers", r#"["192.0.2.1"]"#, "--dns"),
    key("containers", "env", r#"["LANG=C.UTF-8"]"#, "--env"),
    key("containers", "ipcns", r#""shareable""#, "--ipc"),
    key("containers", "log_driver", r#""k8s-file""#, "--log-driver"),
    key("containers", "log_opts", r#"["max-size=10m", "max-file=3"]"#, "--log-opt"),
    key("containers", "netns", r#""none""#, "--network"),
    key("containers", "oom_score_adj", "100", "--oom-score-adj"),
    key("containers", "pidns", r#""host""#, "--pid"),
    key("containers", "pids_limit", "2048", "--pids-limit"),
    key("containers", "shm_size", r#""128m""#, "--shm-size"),
    key("containers", "tz", r#""local""#, "--tz"),
    key("containers", "umask", r#""0027""#, "--umask"),
    key("containers", "userns", r#""keep-id""#, "--userns"),
    key("containers", "utsns", r#""host""#, "--uts"),
    key("engine", "cgroup_manager", r#""cgroupfs""#, "--cgroup-manager"),
    key("engine", "detach_keys", r#""ctrl-a,d""#, "--detach-keys"),
    key("engine", "stop_timeout", "30", "--stop-timeout"),
    key(
        "network",
        "default_subnet",
        r#""10.88.0.0/16""#,
        "--subnet of the network bridge, when it is first used",
    ),
];

impl Settings {
    /// Reads the files that are there, the one that counts more first.
    pub fn read() -> Result<Vec<Self>> {
        let read = files().map(|file| Self::of(&file)).filter_map(Result::transpose);
        read.collect()
    }

    fn of(file: &Path) -> Result<Option<Self>> {
        let Some(text) = read_bounded_if_there(file, MAX_FILE)? else { return Ok(None) };
        let document: Document = document::parse(&text)
            .with_context(|| format!("read {}", file.display()))
            .hint(|| "man coracle.toml lists the keys")?;
        let Document { containers, engine, network } = document;
        Ok(Some(Self { file: file.to_owned(), containers, engine, network }))
    }
}

fn files() -> impl Iterator<Item = PathBuf> {
    let own = env::directory("XDG_CONFIG_HOME").or_else(|| Some(env::directory("HOME")?.join(".config")));
    own.into_iter().chain(["/etc".into()]).map(|directory| directory.join("coracle/coracle.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Document> {
        document::parse(text)
    }

    #[test]
    fn every_key_is_listed_with_a_value_that_it_may_have() {
        for key in KEYS {
            let text = format!("[{}]\n{} = {}\n", key.table, key.name, key.example);
            parse(text.as_bytes()).unwrap();
        }
        for table in ["containers", "engine", "network"] {
            let error = parse(format!("[{table}]\nx = 1\n").as_bytes()).unwrap_err().to_string();
            let expected = error.split_once("expected ").unwrap().1;
            let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            let listed: Vec<&str> =
                KEYS.iter().filter(|key| key.table == table).map(|key| key.name).collect();
            assert_eq!(known, listed, "{error}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file() {
        for (text, want) in [
            ("[containers]\nenv = []\nuserns = 1\n", "line 3: invalid type: integer `1`, expected a string"),
            (
                "\n[engines]\n",
                "line 2: unknown field `engines`, expected one of `containers`, `engine`, `network`",
            ),
            ("[engine]\nstop_timeout = \n", "line 2: "),
            ("\u{0}", "line 1: "),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(want) && !error.contains('\n'), "{error}");
        }
        assert_eq!(parse(b"\xff").unwrap_err().to_string(), "it is not text");
    }
}
