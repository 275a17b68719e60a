//! `--detach-keys`: the keys that leave a terminal without ending what runs in it.

use anyhow::{Result, anyhow};

use crate::config::docker;
use crate::config::settings::Settings;

/// Ctrl-P, Ctrl-Q: docker's default.
const DEFAULT: [u8; 2] = [16, 17];

/// What the user said, else `coracle.toml`, else docker's settings, else docker's default.
pub fn chosen(text: Option<&str>) -> Result<Vec<u8>> {
    if text.is_some_and(|text| !text.is_empty()) {
        return keys(text);
    }
    let mut files = Settings::read()?.into_iter();
    after_files(files.find_map(|settings| settings.engine.detach_keys).as_deref())
}

/// The same where `text` is what `coracle.toml` says unless the user said otherwise.
pub fn after_files(text: Option<&str>) -> Result<Vec<u8>> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => keys(Some(text)),
        None => keys(Some(&docker::Settings::read()?.detach_keys)),
    }
}

/// Reads `ctrl-p,ctrl-q`, `ctrl-@`, `a,b,c`; nothing said is docker's default.
fn keys(text: Option<&str>) -> Result<Vec<u8>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(DEFAULT.to_vec()) };
    let invalid = |name: &str| anyhow!("invalid detach keys ({text}) provided: Unknown character: '{name}'");
    text.split(',').map(|name| key(name).ok_or_else(|| invalid(name))).collect()
}

fn key(name: &str) -> Option<u8> {
    if let [byte] = name.as_bytes() {
        return byte.is_ascii_graphic().then_some(*byte);
    }
    let lower = name.to_ascii_lowercase();
    if lower == "del" {
        return Some(127);
    }
    match lower.strip_prefix("ctrl-")?.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
        [b'@'] => Some(0),
        [b'['] => Some(27),
        [b'\\'] => Some(28),
        [b']'] => Some(29),
        [b'^'] => Some(30),
        [b'_'] => Some(31),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        for (text, want) in [
            (None, &[16, 17][..]),
            (Some(""), &[16, 17]),
            (Some("ctrl-a,ctrl-Z"), &[1, 26]),
            (Some("a,b"), b"ab"),
            (Some("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_,DEL"), &[0, 27, 28, 29, 30, 31, 127]),
        ] {
            assert_eq!(keys(text).unwrap(), want, "{text:?}");
        }
        for text in ["ctrl-", "ctrl-1", "ab", "a,,b", "é"] {
            assert!(keys(Some(text)).is_err(), "{text}");
        }
    }
}
