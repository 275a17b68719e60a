//! Docker's question before something is lost.

use std::io::{self, BufRead};

use anyhow::{Context, Result};

use super::out;

/// Shows a warning and asks whether to go on. Any answer but `y`, and none, means no.
pub fn confirm(warning: &str) -> Result<bool> {
    out::text(&format!("{warning}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
