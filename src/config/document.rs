//! Documents in TOML, which people write.

use anyhow::{Context, Result, anyhow};
use serde::de::DeserializeOwned;

/// Parses a document; an error says its line, and is one line itself.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(text).context("it is not text")?;
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        anyhow!("line {line}: {}", error.message().replace('\n', " "))
    })
}
