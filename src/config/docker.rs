//! What of docker's own client settings means something here: `$DOCKER_CONFIG/config.json`, else
//! `~/.docker/config.json`. Credentials in the same file are [`super::credentials`]' business.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::env;
use crate::base::file::read_bounded;
use crate::base::hint::HintExt;

const MAX_FILE: u64 = 4 << 20;

/// The settings; empty where there is no file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    pub ps_format: String,
    pub images_format: String,
    pub detach_keys: String,
    /// By the address of a daemon; `default` is for every other, and for none.
    proxies: BTreeMap<String, Proxies>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Proxies {
    http_proxy: String,
    https_proxy: String,
    no_proxy: String,
    ftp_proxy: String,
    all_proxy: String,
}

impl Settings {
    /// Reads the file, if there is one.
    pub fn read() -> Result<Self> {
        let Some(path) = path() else { return Ok(Self::default()) };
        if !path.exists() {
            return Ok(Self::default());
        }
        let content = read_bounded(&path, MAX_FILE)?;
        serde_json::from_slice(&content)
            .with_context(|| format!("read {}", path.display()))
            .hint(|| format!("mend it or move it away: {}", path.display()))
    }

    /// The variables by which programs in a container learn of the proxies: `NAME=value`, each name in both
    /// cases, as programs read one or the other.
    pub fn proxy_variables(&self) -> Vec<String> {
        let Some(proxies) = self.proxies.get("default") else { return Vec::new() };
        let named = [
            ("HTTP_PROXY", &proxies.http_proxy),
            ("HTTPS_PROXY", &proxies.https_proxy),
            ("NO_PROXY", &proxies.no_proxy),
            ("FTP_PROXY", &proxies.ftp_proxy),
            ("ALL_PROXY", &proxies.all_proxy),
        ];
        let set = named.into_iter().filter(|(_, value)| !value.is_empty());
        set.flat_map(|(name, value)| [format!("{name}={value}"), format!("{}={value}", name.to_lowercase())])
            .collect()
    }
}

fn path() -> Option<PathBuf> {
    let directory =
        env::directory("DOCKER_CONFIG").or_else(|| Some(env::directory("HOME")?.join(".docker")))?;
    Some(directory.join("config.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_others_are_passed_over() {
        let text = r#"{"auths": {}, "psFormat": "{{.ID}}", "detachKeys": "ctrl-a", "plugins": {"x": 1},
            "proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "localhost"}, "tcp://x": {"ftpProxy": "f"}}}"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        assert_eq!((settings.ps_format.as_str(), settings.detach_keys.as_str()), ("{{.ID}}", "ctrl-a"));
        let want =
            ["HTTP_PROXY=http://p:1", "http_proxy=http://p:1", "NO_PROXY=localhost", "no_proxy=localhost"];
        assert_eq!(settings.proxy_variables(), want);
        assert_eq!(Settings::default().proxy_variables(), [""; 0]);
    }
}
