//! The flags of every command that talks to a registry.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::flags::parse_switch;
use crate::base::time;
use crate::config::credentials::{Credentials, Source};
use crate::registry::{Options, Retry};

#[derive(clap::Args, Clone, Debug)]
pub struct RegistryFlags {
    /// Look for credentials in this file alone
    #[arg(long, value_name = "path")]
    pub authfile: Option<PathBuf>,
    /// Look for the registry's certificates in this directory alone
    #[arg(long, value_name = "path")]
    cert_dir: Option<PathBuf>,
    /// Use these credentials
    #[arg(long, value_name = "user:password")]
    creds: Option<String>,
    /// How often to try again after a failure (default 4)
    #[arg(long, value_name = "n")]
    retry: Option<u32>,
    /// How long to wait before the second try (default 500ms); each further one doubles it
    #[arg(long, value_name = "duration")]
    retry_delay: Option<String>,
    /// Check the registry's certificate (default true)
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse_switch)]
    pub tls_verify: Option<bool>,
}

impl RegistryFlags {
    /// How these flags want registries to be dealt with.
    pub fn options(&self) -> Result<Options> {
        let mut options = Options::with_tls(self.tls_verify);
        options.certificates = self.cert_dir.clone();
        options.credentials = match (&self.creds, &self.authfile) {
            (Some(creds), _) => Source::Given(Some(Credentials::parse(creds))),
            (None, Some(file)) => Source::File(file.clone()),
            (None, None) => Source::Usual,
        };
        let usual = Retry::default();
        let tries = self.retry.map_or(usual.tries, |retries| retries.saturating_add(1));
        let base = self.retry_delay.as_deref().map(delay).transpose()?.unwrap_or(usual.base);
        options.retry = Retry { tries, base };
        Ok(options)
    }
}

fn delay(text: &str) -> Result<Duration> {
    let delay = time::parse_duration(text).and_then(|delay| Duration::try_from(delay).ok());
    delay.with_context(|| format!("invalid duration {text:?} for --retry-delay"))
}
