//! Docker's question before something is lost.

use std::io::{self, BufRead};

use anyhow::{Context, Result};

use super::out;

/// `--force` of what asks.
#[derive(clap::Args)]
pub struct ForceFlag {
    /// Do not ask
    #[arg(long, short)]
    force: bool,
}

impl ForceFlag {
    /// Whether to go on: it was given, or the answer is yes.
    pub fn or_confirm(&self, warning: &str) -> Result<bool> {
        Ok(self.force || confirm(warning)?)
    }
}

/// Shows a warning and asks whether to go on. Any answer but `y`, and none, means no.
pub fn confirm(warning: &str) -> Result<bool> {
    out::text(&format!("{warning}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
